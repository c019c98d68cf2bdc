"""Records become text for a terminal and HTML for a page; notes are data in both.

Nothing a note contains reaches a terminal as a control sequence or a page as markup.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from itertools import groupby
from urllib.parse import quote, urlencode

from rag import Answer, Citation, Level, Passage, Span

NEAREST = "Nearest passages, which need not answer:"
SUGGESTED = "You could ask instead:"

NEAREST_SHOWN = 3
"""Passages shown with a refusal."""

SURENESS = (
    (0.9, "Very likely right"),
    (0.7, "Likely right"),
    (0.5, "Perhaps right"),
    (0.0, "More likely wrong"),
)
"""What a confidence is called, by the least share of answers at its level that were right."""

_KNOWN_BY = 60
"""Characters that tell a quote from others of its note."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

_RULE = re.compile(r"^[ \t|:=-]+$|^#+ ", re.MULTILINE)
_WRAPPED = re.compile(
    r"(?:(?<![\n| \t])|(?<=[\n|][ \t]))[ \t]*\r?\n[ \t]*"
    r"(?![\s|]|[-*+•➢▪◦‣·]|\(?\w{1,3}[.)]\s)"
)
"""A line end inside a sentence; begun nowhere in a run of blanks but at its start, it is linear."""


def visible(text: str) -> str:
    """Returns `text` with control characters and direction overrides shown as `�`."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))


def in_a_line(text: str) -> str:
    """Returns `visible` text that stays in one line of a log, cut at 200 characters."""
    cut = text if len(text) <= 200 else text[:200] + "…"
    return re.sub(r"[\n\t\u2028\u2029]", "\ufffd", visible(cut.replace("\r\n", "\n")))


def confidence_words(answer: Answer) -> str:
    """Returns a confidence and what it means, as a frequency where that was measured."""
    if answer.level:
        share, bounds = _counted(answer.level)
        meaning = f"answers at this level were right {share} times on {_asked(answer)} ({bounds})"
    elif answer.measured:
        tenths = int(answer.confidence * 10 + 0.5)
        meaning = f"about {tenths} of 10 answers at this level hold the words asked for"
        if answer.elsewhere:
            meaning += ", as measured on other notes"
    else:
        meaning = "higher is surer, but no share was measured with this model and these settings"
    return f"Confidence {answer.confidence:.2f}: {meaning}."


def sureness(answer: Answer) -> str:
    """Returns a confidence in two or three words and a number: `Likely right (0.70)`.

    The words are those of how often answers at its level were right, and stand only where that was
    counted; whether on other notes is said with them.
    """
    number = f"{answer.confidence:.2f}"
    if answer.level:
        share = answer.level.right / answer.level.n
        words = next(said for least, said in SURENESS if share >= least)
        return f"{words} ({number}){', counted on other notes' if answer.elsewhere else ''}"
    if answer.measured and not answer.elsewhere:
        return f"Confidence {number}"
    return f"Confidence {number}, not measured here"


def _asked(answer: Answer) -> str:
    """Returns on which questions it was counted how often answers of a level were right."""
    if answer.level and answer.level.held_out:
        whose = "the shipped course's" if answer.elsewhere else "this course's"
        asked = f"{whose} test questions"
    else:
        asked = "the questions it was fitted on, each by a model that had not seen it"
    return f"{asked}, not on these notes" if answer.elsewhere else asked


def _counted(level: Level) -> tuple[str, str]:
    """Returns how often answers of a level were right, and of which questions that is said.

    Of a hundred only where there were as many, and never all or none of them unless it was so.
    """
    share = f"{level.right} of {level.n}"
    bounds = f"confidence {level.low:.2f} to {level.high - (level.high < 1) * 0.01:.2f}"
    if level.n < 100:
        return share, bounds
    hundredths = int(100 * level.right / level.n + 0.5)
    if 0 < level.right < level.n:
        hundredths = min(max(hundredths, 1), 99)
    return f"{hundredths} of 100", f"n = {level.n}, {bounds}"


def flowing(text: str) -> str:
    """Returns `text` with the line ends inside a sentence as spaces.

    Those before a list's marker, a table's row or an empty line stay, and all do in code and
    formulas.
    """
    if "```" in text or "$$" in text:
        return text
    return _WRAPPED.sub(" ", text)


def place(item: Citation | Passage) -> str:
    """Returns where an item stands: document, heading path, lines."""
    return visible(" › ".join([item.document, *item.headings]) + f", {item.location}")


def source_url(document: str, span: Span, said: str) -> str:
    """Returns the address of the source page that marks a span, and `said`, what stands there.

    The first words go with it, since the note may change before the page is opened.
    """
    query = urlencode({"start": span.start, "end": span.end, "words": said[:_KNOWN_BY]})
    return f"/source/{quote(document)}?{query}#marked"


def beside(address: str) -> str:
    """Returns the address at which a source page is shown in the frame beside the chat."""
    path, mark, place = address.partition("#")
    return f"{path}{'&' if '?' in path else '?'}beside=1{mark}{place}"


def refusal(within: str = "") -> str:
    """Returns the sentence that says that there is no answer, in the folder that was asked."""
    where = f"Nothing in {visible(within)} seems" if within else "The notes do not seem"
    return f"{where} to answer this."


def escape(text: str) -> str:
    """Returns HTML that shows exactly `text`, its line ends included."""
    return html.escape(visible(text)).replace("\n", "<br>")


def searched_otherwise(answer: Answer) -> bool:
    """Returns whether something else was searched for than the question as it was typed."""
    return answer.query != " ".join(answer.question.split())


def searched_for(answer: Answer) -> str:
    """Returns a line that says what was searched for: the words that were added, where it is that.

    It is empty where only the question was.
    """
    if not searched_otherwise(answer):
        return ""
    asked = " ".join(answer.question.split())
    if answer.query.startswith(f"{asked} "):
        return f"Searched with: {', '.join(visible(answer.query[len(asked) :]).split())}"
    return f"Searched for: {visible(answer.query)}"


def answer_html(answer: Answer, within: str = "") -> str:
    """Returns the HTML of an answer or a refusal, each place a link to its source.

    What `hidden` words say is shown by the page's script while the link or button beside them is
    pointed at or has the focus; what a button does, the script does.

    Args:
        within: the folder that was asked; empty for all.
    """
    parts = _answered(answer) if answer.answered else _refused(answer, within)
    return f'<div class="nq-answer">{_searched(answer)}{"".join(parts)}</div>'


def _searched(answer: Answer) -> str:
    """Returns what was searched for where it is not the question, and a way to undo that."""
    if not searched_otherwise(answer):
        return ""
    undo = '<button type="button" class="nq-alone">Undo: ask it alone</button>'
    return (
        f'<p class="nq-searched">{escape(searched_for(answer))}'
        f"{f' {undo}' if answer.carried else ''}</p>"
    )


def _answered(answer: Answer) -> Iterator[str]:
    links = {c.number: _cited(c) for c in answer.citations}
    for number, run in groupby(answer.sentences, key=lambda sentence: sentence.citation):
        shown = []
        for sentence in run:
            words = escape(flowing(sentence.text))
            shown.append(f"<mark>{words}</mark>" if sentence.decides else words)
        yield f'<p class="nq-quote">{" ".join(shown)} {links[number]}</p>'
    yield '<ol class="nq-places">'
    for citation in answer.citations:
        link = _link(citation, place(citation))
        yield f"<li>{_peek(link, _words(citation.quote, citation))}</li>"
    yield "</ol>"
    level = f'<button type="button" class="nq-level">{sureness(answer)}</button>'
    yield f'<p class="nq-confidence">{_peek(level, escape(confidence_words(answer)))}</p>'


def _refused(answer: Answer, within: str) -> Iterator[str]:
    yield f'<p class="nq-refusal"><strong>{escape(refusal(within))}</strong></p>'
    yield f'<p class="nq-why">{escape(answer.reason or "")}</p>'
    if within:
        yield '<p><button type="button" class="nq-everywhere">Ask in all notes</button></p>'
    if answer.passages:
        yield f'<p class="nq-near">{NEAREST}</p>'
        yield '<ul class="nq-places">'
        for passage in answer.passages[:NEAREST_SHOWN]:
            link = _peek(_link(passage, place(passage)), _words(passage.text, passage))
            yield f'<li>{link}<br><span class="nq-snippet">{escape(snippet(passage.text))}</span>'
            yield "</li>"
        yield "</ul>"
    if answer.suggestions:
        yield f'<p class="nq-near">{SUGGESTED}</p>'
        yield '<ul class="nq-suggestions">'
        for question in answer.suggestions:
            button = f'<button type="button" class="nq-suggestion">{escape(question)}</button>'
            yield f"<li>{button}</li>"
        yield "</ul>"


def _cited(citation: Citation) -> str:
    """Returns the number of a citation, which shows its quote and opens its source."""
    number = _link(citation, f"[{citation.number}]", f"Source [{citation.number}]")
    return _peek(number, _words(citation.quote, citation))


def _words(said: str, item: Citation | Passage) -> str:
    return (
        f'<span class="nq-said">{escape(flowing(said))}</span>'
        f'<span class="nq-place">{escape(place(item))}</span>'
    )


def _peek(shown: str, words: str) -> str:
    return f'<span class="nq-peek">{shown}<span class="nq-words" hidden>{words}</span></span>'


def _link(item: Citation | Passage, text: str, label: str | None = None) -> str:
    """Returns a link that opens the source beside the chat, marked."""
    said = item.quote if isinstance(item, Citation) else item.text
    url = html.escape(beside(source_url(item.document, item.span, said)))
    described = f' aria-label="{html.escape(label)}"' if label else ""
    return f'<a href="{url}" target="nq-source"{described}>{escape(text)}</a>'


def snippet(text: str, width: int = 160) -> str:
    """Returns the beginning of `text` on one line, without rules, cut at a word."""
    line = " ".join(_RULE.sub(" ", text).split())
    return line if len(line) <= width else line[:width].rsplit(" ", 1)[0] + " …"
