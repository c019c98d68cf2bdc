"""The source page: one note as it reads, its lines, pages or slides named, cited words marked.

It is whole HTML without a script, so that it opens in the frame beside the chat, in a tab of its
own, and without the chat. In a tab one can also search in the note, and see what of it answers
cited.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, urlencode

from rag import Note, Span
from ui.pages import frame
from ui.pages.frame import Visitor
from ui.pages.lines import Marker, text_html
from ui.pages.sheets import Sheets, sheets_html
from ui.render import beside, snippet, source_url, visible

GONE = "This note has changed since the answer: the cited words are no longer in it."

MOST_PASSAGES = 100
"""Cited passages that are listed, the most cited first."""

TIMES = {1: "once", 2: "twice"}


@dataclass(frozen=True, slots=True)
class Cited:
    """What answers cited of a note.

    Attributes:
        passages: where the words are now, and how often they were cited, most often first.
        gone: citations whose place is not known any more.
    """

    passages: tuple[tuple[Span, int], ...] = ()
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a note somebody asks to see.

    Attributes:
        span: the cited words, as the answer knew them; None where there are none.
        words: how they begin.
        query: what is looked for in the note.
        listing: whether the cited passages stand open.
        framed: whether it is shown beside the chat, where there are no forms and no ways.
    """

    span: Span | None = None
    words: str = ""
    query: str = ""
    listing: bool = False
    framed: bool = False

    def address(self, document: str, page: str) -> str:
        """Returns the address at which another page is shown, and the same is marked."""
        asked: dict[str, int | str] = {"page": page}
        if self.span:
            asked |= {"start": self.span.start, "end": self.span.end, "words": self.words}
        if self.query:
            asked["q"] = self.query
        address = f"/source/{quote(document)}?{urlencode(asked)}"
        return beside(address) if self.framed else address


def source_page(
    note: Note,
    asked: Asked,
    found: Span | None = None,
    hits: tuple[Sequence[Span], int] = ((), 0),
    *,
    visitor: Visitor = frame.STRANGER,
    code: Sequence[Span] = (),
    sheets: Sheets | None = None,
    cited: Cited | None = None,
) -> str:
    """Returns the page.

    Args:
        found: where the cited words are now; None where they are gone, which is said.
        hits: where what is looked for stands, and how often.
        code: where code lies.
        sheets: pages of a PDF to be shown as pictures.
        cited: what answers cited; None where that is not shown.
    """
    anchor = "marked-text" if sheets and sheets.marked else "marked"
    marker = Marker(note.text, found, hits[0], anchor)
    parts = [_head(note)]
    if asked.span and found is None:
        parts.append(f'<p class="gone" role="status">{GONE}</p>')
    if not asked.framed:
        parts.append(_search(asked, hits))
    if cited and not asked.framed:
        parts.append("".join(_cited(note, cited, open_=asked.listing)))
    address = partial(asked.address, note.document) if sheets else None
    if sheets and address:
        words = "marked-text" if found else "hit-1"
        parts.append(sheets_html(note.document, sheets, address, words))
    parts.append(f'<div class="note">{text_html(note, marker, code, address)}</div>')
    top = "" if asked.framed else frame.ways("/source", visitor)
    return frame.page(note.title, "".join(parts), "source.css", top=top)


def empty_page() -> str:
    """Returns what stands beside the chat before anything is cited."""
    said = '<p class="empty">The note an answer comes from opens here.</p>'
    return frame.page("Source", said, "source.css")


def missing_page(message: str, *, title: str = "Not shown", top: str = "") -> str:
    """Returns the page for what is not shown, and why; `top` is as for `frame.page`."""
    head = f"<header><h1>{html.escape(title)}</h1></header>" if top else ""
    said = f'{head}<p class="empty">{html.escape(visible(message))}</p>'
    return frame.page(title, said, "source.css", top=top)


def _head(note: Note) -> str:
    title, path = html.escape(visible(note.title)), html.escape(visible(note.document))
    return f'<header><h1>{title}</h1><p class="path">{path}</p></header>'


def _search(asked: Asked, hits: tuple[Sequence[Span], int]) -> str:
    query = html.escape(asked.query)
    return (
        '<form class="find" role="search" method="get" action="#hit-1">'
        '<label for="q">Find in this note</label>'
        f'<input id="q" name="q" type="search" value="{query}" maxlength="200">'
        f'<button type="submit">Find</button>{_count(asked, hits)}</form>'
    )


def _count(asked: Asked, hits: tuple[Sequence[Span], int]) -> str:
    spans, count = hits
    if not asked.query.strip():
        return ""
    if not spans:
        query = html.escape(visible(asked.query.strip()))
        return f'<p role="status">“{query}” does not occur in this note.</p>'
    said = f"{count:,} {'place' if count == 1 else 'places'}"
    if count > len(spans):
        said += f", the first {len(spans):,} marked"
    links = '<a href="#hit-1">First</a>'
    if len(spans) > 1:
        links += f' · <a href="#hit-{len(spans)}">Last</a>'
    return f'<p role="status">{said}.</p><p>{links}</p>'


def _cited(note: Note, cited: Cited, *, open_: bool) -> Iterator[str]:
    """Yields the passages that answers cited, each a link that marks it."""
    count = sum(times for _, times in cited.passages) + cited.gone
    if not count:
        return
    yield f'<details class="cited"{" open" if open_ else ""}>'
    yield f"<summary>Cited {_times(count)} by answers</summary><ol>"
    for span, times in cited.passages[:MOST_PASSAGES]:
        words = span.of(note.text)
        address = html.escape(source_url(note.document, span, words))
        said = html.escape(visible(snippet(words)))
        yield f'<li><a href="{address}">{said}</a> <span class="times">{_times(times)}</span></li>'
    yield "</ol>"
    if left := len(cited.passages) - MOST_PASSAGES:
        yield f"<p>And {left:,} more passages.</p>" if left > 0 else ""
    if cited.gone:
        yield f"<p>{_times(cited.gone).capitalize()}, words that are no longer in it.</p>"
    yield "</details>"


def _times(count: int) -> str:
    return TIMES.get(count, f"{count:,} times")
