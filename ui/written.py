"""An answer becomes Markdown for a page that is not ours: with links to this server's sources.

What notes hold is text in it, by CommonMark and GitHub's dialect: it makes no link, picture,
heading, formula or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rag import Answer, Citation, Passage
from ui.render import (
    NEAREST,
    SUGGESTED,
    confidence_words,
    flowing,
    place,
    searched_otherwise,
    snippet,
    source_url,
    visible,
)

_SPECIAL = re.compile(
    r"[\\`*_\[\]<>&|~$#@]|:(?=//)|(?<=www)\.|^(?=[-+=])|(?<=^\d)(?=[.)])|(?<=^\d\d)(?=[.)])",
    re.IGNORECASE,
)
"""What opens markup, at the beginning of a line or anywhere; addresses are no links either."""

_FENCE = re.compile(r"`{3,}")


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
    top = f"Searched for: {escaped(answer.query)}\n\n" if searched_otherwise(answer) else ""
    if not answer.answered:
        return Written(tuple(filter(None, [top, *_refused(answer, server)])))
    parts = [top] if top else []
    annotations = []
    at = len(top)
    named = {citation.number: citation for citation in answer.citations}
    for number, run in groupby(answer.sentences, key=lambda sentence: sentence.citation):
        mark = f"[{number}]"
        quote = "\n>\n".join(quoted(sentence.text) for sentence in run)
        # A fence's last line holds nothing else.
        between = "\n>\n> " if quote.endswith("`") and "\n" in quote else " "
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
    yield f"The notes do not seem to answer this. {escaped(answer.reason or '')}\n"
    if answer.passages:
        yield f"\n{NEAREST}\n\n"
        for passage in answer.passages[:3]:
            yield f"- {_link(passage, server)}: {escaped(snippet(visible(passage.text)))}\n"
    if answer.suggestions:
        yield f"\n{SUGGESTED}\n\n"
        yield "".join(f"- {escaped(question)}\n" for question in answer.suggestions)


def _link(item: Citation | Passage, server: str) -> str:
    said = item.quote if isinstance(item, Citation) else item.text
    at = " ".join(place(item).split())
    return f"[{escaped(at)}]({server}{source_url(item.document, item.span, said)})"


def quoted(text: str) -> str:
    """Returns a block quote that shows exactly `text`: in a fence where it has several lines."""
    lines = visible(flowing(text)).strip("\n").split("\n")
    if len(lines) == 1:
        return f"> {escaped(lines[0])}"
    longest = max((len(run) for run in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return "\n".join(f"> {line}" for line in [fence, *lines, fence])


def escaped(text: str) -> str:
    """Returns Markdown, of one line, that shows exactly `text`."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(visible(text).split("\n")).strip())
