"""Records become text for a terminal and HTML for a page; notes are data in both.

Nothing a note contains reaches a terminal as a control sequence or a page as markup.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from itertools import groupby
from urllib.parse import quote, urlencode

from rag import Answer, Citation, Passage, Span

NEAREST = "Nearest passages, which need not answer:"
SUGGESTED = "You could ask instead:"

_KNOWN_BY = 60
"""Characters that tell a quote from others of its note."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

_RULE = re.compile(r"^[ \t|:=-]+$|^#+ ", re.MULTILINE)
_WRAPPED = re.compile(r"(?<![\n|])[ \t]*\r?\n[ \t]*(?![\s|]|[-*+•➢▪◦‣·]|\(?\w{1,3}[.)]\s)")


def visible(text: str) -> str:
    """Returns `text` with control characters and direction overrides shown as `�`."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))


def in_a_line(text: str) -> str:
    """Returns `visible` text that stays in one line of a log, cut at 200 characters."""
    cut = text if len(text) <= 200 else text[:200] + "…"
    return re.sub(r"[\n\t\u2028\u2029]", "\ufffd", visible(cut.replace("\r\n", "\n")))


def confidence_words(answer: Answer) -> str:
    """Returns a confidence and what it means, as a frequency where that was measured."""
    if answer.measured:
        tenths = int(answer.confidence * 10 + 0.5)
        meaning = f"about {tenths} of 10 answers at this level hold the words asked for"
        if answer.elsewhere:
            meaning += ", as measured on other notes"
    else:
        meaning = "higher is surer, but no share was measured with this model and these settings"
    return f"Confidence {answer.confidence:.2f}: {meaning}."


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


def escape(text: str) -> str:
    """Returns HTML that shows exactly `text`, its line ends included."""
    return html.escape(visible(text)).replace("\n", "<br>")


def searched_otherwise(answer: Answer) -> bool:
    """Returns whether something else was searched for than the question as it was typed."""
    return answer.query != " ".join(answer.question.split())


def answer_html(answer: Answer) -> str:
    """Returns the HTML of an answer or a refusal, each place a link to its source."""
    parts = _answered(answer) if answer.answered else _refused(answer)
    return f'<div class="nq-answer">{_searched(answer)}{"".join(parts)}</div>'


def _searched(answer: Answer) -> str:
    """Returns what was searched for where it is not the question, and a way to drop the rest."""
    if not searched_otherwise(answer):
        return ""
    # The page's script listens for it; the question is the one above the answer.
    drop = '<button type="button" class="nq-alone">Ask it alone</button>' if answer.carried else ""
    return f'<p class="nq-searched">Searched for: {escape(answer.query)} {drop}</p>'


def _answered(answer: Answer) -> Iterator[str]:
    links = {c.number: _link(c, f"[{c.number}]", f"source {c.number}") for c in answer.citations}
    for number, run in groupby(answer.sentences, key=lambda sentence: sentence.citation):
        shown = []
        for sentence in run:
            words = escape(flowing(sentence.text))
            shown.append(f"<mark>{words}</mark>" if sentence.decides else words)
        yield f'<p class="nq-quote">{" ".join(shown)} {links[number]}</p>'
    yield '<ol class="nq-places">'
    for citation in answer.citations:
        yield f"<li>{_link(citation, place(citation), None)}</li>"
    yield "</ol>"
    yield f'<p class="nq-confidence">{confidence_words(answer)}</p>'


def _refused(answer: Answer) -> Iterator[str]:
    yield '<p class="nq-refusal"><strong>The notes do not seem to answer this.</strong></p>'
    yield f'<p class="nq-confidence">{escape(answer.reason or "")}</p>'
    if answer.passages:
        yield f'<p class="nq-near">{NEAREST}</p>'
        yield '<ul class="nq-places">'
        for passage in answer.passages[:3]:
            yield f"<li>{_link(passage, place(passage), None)}"
            yield f'<br><span class="nq-snippet">{escape(snippet(passage.text))}</span></li>'
        yield "</ul>"
    if answer.suggestions:
        yield f'<p class="nq-near">{SUGGESTED}</p>'
        yield '<ul class="nq-suggestions">'
        for question in answer.suggestions:
            # The page's script listens for it too.
            button = f'<button type="button" class="nq-suggestion">{escape(question)}</button>'
            yield f"<li>{button}</li>"
        yield "</ul>"


def _link(item: Citation | Passage, text: str, label: str | None) -> str:
    """Returns a link that opens the source beside the chat, marked."""
    said = item.quote if isinstance(item, Citation) else item.text
    url = html.escape(source_url(item.document, item.span, said))
    described = f' aria-label="{html.escape(label)}"' if label else ""
    return f'<a href="{url}" target="nq-source"{described}>{escape(text)}</a>'


def snippet(text: str, width: int = 160) -> str:
    """Returns the beginning of `text` on one line, without rules, cut at a word."""
    line = " ".join(_RULE.sub(" ", text).split())
    return line if len(line) <= width else line[:width].rsplit(" ", 1)[0] + " …"
