"""An answer becomes Markdown for a page that is not ours: with links to this server's sources.

What notes hold is text in it, as in `ui.markdown`, or stands in a fence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rag import Answer, Citation, Passage
from ui.markdown import markdown, sentence_markdown
from ui.render import (
    NEAREST,
    SUGGESTED,
    confidence_words,
    place,
    refusal,
    searched_for,
    snippet,
    source_url,
    visible,
)


@dataclass(frozen=True, slots=True)
class Written:
    """An answer as Markdown.

    Attributes:
        parts: one after the other they are the text.
        annotations: which citation each number in the text is.
    """

    parts: tuple[str, ...]
    annotations: tuple[dict[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """Returns the whole text."""
        return "".join(self.parts)


def written_of(answer: Answer, server: str) -> Written:
    """Returns an answer or a refusal as Markdown.

    Args:
        server: the address that links to sources begin with, without a slash at its end: a client
            shows them on a page of its own.
    """
    top = f"{markdown(searched)}\n\n" if (searched := searched_for(answer)) else ""
    if not answer.answered:
        return Written(tuple(filter(None, [top, *_refused(answer, server)])))
    parts = [top] if top else []
    annotations = []
    at = len(top)
    named = {citation.number: citation for citation in answer.citations}
    for number, run in groupby(answer.sentences, key=lambda sentence: sentence.citation):
        mark = f"[{number}]"
        quote = "\n>\n".join(quoted(sentence.text, decides=sentence.decides) for sentence in run)
        # A fence's last line holds nothing else.
        fenced = not quote.rpartition("\n")[2].strip("> `")
        between = "\n>\n> " if fenced else " "
        parts.append(f"{quote}{between}{mark}\n\n")
        at += len(quote) + len(between)
        annotations.append(_annotation(named[number], server, at, len(mark)))
        at += len(mark) + 2
    parts += [f"{c.number}. {_link(c, server)}\n" for c in answer.citations]
    parts.append(f"\n{confidence_words(answer)}")
    return Written(tuple(parts), tuple(annotations))


def _annotation(citation: Citation, server: str, start: int, length: int) -> dict[str, Any]:
    cited = {
        "url": server + source_url(citation.document, citation.span, citation.quote),
        "title": visible(citation.title),
        "start_index": start,
        "end_index": start + length,
    }
    return {"type": "url_citation", "url_citation": cited}


def _refused(answer: Answer, server: str) -> Iterator[str]:
    yield f"{refusal()} {markdown(answer.reason or '')}\n"
    if answer.passages:
        yield f"\n{NEAREST}\n\n"
        for passage in answer.passages[:3]:
            yield f"- {_link(passage, server)}: {markdown(snippet(passage.text))}\n"
    if answer.suggestions:
        yield f"\n{SUGGESTED}\n\n"
        yield "".join(f"- {markdown(question)}\n" for question in answer.suggestions)


def _link(item: Citation | Passage, server: str) -> str:
    said = item.quote if isinstance(item, Citation) else item.text
    at = " ".join(place(item).split())
    return f"[{markdown(at)}]({server}{source_url(item.document, item.span, said)})"


def quoted(text: str, *, decides: bool = False) -> str:
    """Returns a block quote that shows `text`, in a fence where it is code: its indents count.

    Args:
        decides: whether it is the sentence that answers, which is in bold.
    """
    if "```" in text:
        longest = max(len(run) for run in re.findall(r"`{3,}", text))
        fence = "`" * (longest + 1)
        shown = f"{fence}\n{visible(text)}\n{fence}"
    else:
        shown = sentence_markdown(text, decides=decides)
    return "\n".join(f"> {line}" for line in shown.split("\n"))
