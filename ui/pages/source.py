"""The source page: one note as plain text, its lines, pages or slides named, cited words marked.

It is whole HTML without a script, so that it opens in the frame beside the chat, in a tab of its
own, and without the chat.
"""

from __future__ import annotations

import html
from collections import deque
from importlib.resources import files

from rag import Note, PlaceKind, Places, Span
from ui.render import visible

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Sent with every page of this module: no script runs, whatever a note contains."""

GONE = "This note has changed since the answer: the cited words are no longer in it."

_TITLED = (PlaceKind.PAGE, PlaceKind.SLIDE, PlaceKind.CELL, PlaceKind.CHAPTER)
"""Places that stand above their text, as `Page 3`; the others stand beside it."""


def source_page(note: Note, span: Span | None, words: str = "") -> str:
    """Returns the page; `span` is what to mark and scroll to.

    Args:
        words: how the cited words begin. Where the note has changed since, they are looked for,
            and where they are gone, that is said and nothing is marked.
    """
    found = span and _found(note.text, span, words)
    gone = "" if found or not span else f'<p class="gone">{GONE}</p>'
    names = _Names(note.places)
    lines = []
    offset = 0
    anchor = ' id="marked"'
    for line in note.text.split("\n"):
        here = Span(offset, offset + len(line))
        name = names.upto(here.end)
        if found is not None and found.overlap(here):
            lines.append(f"<li>{name}{_marked(line, offset, found, anchor)}</li>")
            anchor = ""
        else:
            lines.append(f"<li>{name}{_shown(line)}</li>")
        offset += len(line) + 1
    return _page(
        note.title,
        f"<h1>{html.escape(visible(note.title))}</h1><p>{html.escape(visible(note.document))}</p>"
        f'{gone}<ol class="{note.places.kind.value}s">{"".join(lines)}</ol>',
    )


def empty_page() -> str:
    """Returns what stands beside the chat before anything is cited."""
    return _page("Source", '<p class="empty">The note an answer comes from opens here.</p>')


def missing_page(message: str, *, back: bool = False) -> str:
    """Returns the page for what is not shown; `back` is whether it leads to the chat."""
    way = '<p class="empty"><a href="/">Ask your notes</a></p>' if back else ""
    return _page("Not shown", f'<p class="empty">{html.escape(visible(message))}</p>{way}')


def _found(text: str, span: Span, words: str) -> Span | None:
    """Returns where the words are now: in their place, else nearest to it."""
    if text.startswith(words, span.start) and span.end <= len(text):
        return span
    after, before = text.find(words, span.start), text.rfind(words, 0, span.start + len(words))
    places = [start for start in (after, before) if start >= 0]
    if not words or not places:
        return None
    start = min(places, key=lambda start: abs(start - span.start))
    return Span(start, min(start + len(span), len(text)))


class _Names:
    """The names of listed places, each once, at the line in which the place begins."""

    def __init__(self, places: Places) -> None:
        self._kind = places.kind
        self._left = deque(places.listed)

    def upto(self, end: int) -> str:
        """Returns HTML that names the places that begin up to here and were not named yet."""
        said = []
        while self._left and self._left[0].start <= end:
            name = self._left.popleft().name
            # A row's sheet is the heading above it, and there is no room for it beside each line.
            said.append(name.rpartition("!")[2] if self._kind is PlaceKind.ROW else name)
        word = f"{self._kind.capitalize()} " if self._kind in _TITLED else ""
        return "".join(
            f'<span class="place">{word}{html.escape(visible(name))}</span>' for name in said
        )


def _marked(line: str, offset: int, span: Span, anchor: str) -> str:
    start, end = max(span.start - offset, 0), min(span.end - offset, len(line))
    return (
        f"{_shown(line[:start])}<mark{anchor}>{_shown(line[start:end])}</mark>{_shown(line[end:])}"
    )


def _shown(text: str) -> str:
    return html.escape(visible(text.rstrip("\r")))


def _page(title: str, body: str) -> str:
    style = files("ui.pages").joinpath("source.css").read_text("utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(visible(title))}</title><style>{style}</style></head>"
        f"<body><main>{body}</main></body></html>"
    )
