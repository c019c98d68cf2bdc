"""A note's text becomes HTML: its places named, its code set apart, words marked in it.

In: a `Note` and what is marked. Out: HTML in which everything of the note is escaped. Places that
stand above their text (pages, slides, cells, chapters) are sections; else every line is one of a
list. A browser lays out what is on the screen, and leaves the rest of a long note for later
(`content-visibility` of sections and of lists of `TOGETHER` lines).
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from rag import Note, Place, PlaceKind, Places, Span
from ui.render import visible

TOGETHER = 100
"""Lines of one list."""

_TITLED = (PlaceKind.PAGE, PlaceKind.SLIDE, PlaceKind.CELL, PlaceKind.CHAPTER)
"""Places that stand above their text, as `Page 3`; the others stand beside it."""

_HEADING = re.compile(r" {0,3}#{1,6}\s")
_MARKDOWN = (".md", ".markdown", ".rmd", ".qmd", ".mdx")


@dataclass
class Marker:
    """Escapes parts of a text, given in order, and marks in them what is cited and what was found.

    Attributes:
        anchor: the id of the first cited words.
    """

    text: str
    cited: Span | None = None
    hits: Sequence[Span] = ()
    anchor: str = "marked"
    _ends: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ends = [hit.end for hit in self.hits]

    def html(self, start: int, end: int) -> str:
        """Returns a part of the text."""
        at = bisect_right(self._ends, start)
        cited = self.cited if self.cited and self.cited.overlap(Span(start, end)) else None
        if not cited and (at == len(self.hits) or self.hits[at].start >= end):
            return shown(self.text[start:end])
        bounds = {start, end}
        if cited:
            bounds |= {max(cited.start, start), min(cited.end, end)}
        while at < len(self.hits) and self.hits[at].start < end:
            bounds |= {max(self.hits[at].start, start), min(self.hits[at].end, end)}
            at += 1
        edges = sorted(bounds)
        return "".join(self._piece(*piece) for piece in zip(edges, edges[1:], strict=False))

    def _piece(self, start: int, end: int) -> str:
        words = shown(self.text[start:end])
        cited = self.cited is not None and self.cited.start <= start < self.cited.end
        at = bisect_right(self._ends, start)
        hit = self.hits[at] if at < len(self.hits) and self.hits[at].start <= start else None
        if hit is None:
            return f"<mark{self._named()}>{words}</mark>" if cited else words
        kind = "hit cited" if cited else "hit"
        inside = f"<span{self._named()}>{words}</span>" if cited and self.anchor else words
        if start > hit.start:
            return f'<mark class="{kind}">{inside}</mark>'
        return f'<mark class="{kind}" id="hit-{at + 1}">{inside}</mark>{self._steps(at + 1)}'

    def _named(self) -> str:
        """Returns the id of the first cited words, once."""
        anchor, self.anchor = self.anchor, ""
        return f' id="{anchor}"' if anchor else ""

    def _steps(self, number: int) -> str:
        """Returns the links to the hits beside one, which are shown when that one is gone to."""
        steps = [f"{number:,} of {len(self.hits):,}"]
        if number > 1:
            steps.append(f'<a href="#hit-{number - 1}">previous</a>')
        if number < len(self.hits):
            steps.append(f'<a href="#hit-{number + 1}">next</a>')
        return f'<span class="steps">{" · ".join(steps)}</span>'


Address = Callable[[str], str]
"""Gives the address at which a page, by its name, is shown as a picture."""


def text_html(
    note: Note, marker: Marker, code: Sequence[Span] = (), picture: Address | None = None
) -> str:
    """Returns the text of a note.

    Args:
        code: where code lies in it, in order.
        picture: of the pages, where they have one.
    """
    kind = note.places.kind
    if kind in _TITLED:
        return "".join(_sections(note, marker, code, picture))
    if kind is PlaceKind.TIME:
        return f'<div class="times">{"".join(_cues(note, marker))}</div>'
    return "".join(_lists(note, marker, code))


def _ranges(note: Note) -> Iterator[tuple[Place, int, int]]:
    """Yields each place with where its text begins and ends, without empty lines around it."""
    text = note.text
    starts = [place.start for place in note.places.listed] + [len(text)]
    for place, start, end in zip(note.places.listed, starts, starts[1:], strict=False):
        said = text[start:end]
        first = start + len(said) - len(said.lstrip("\r\n"))
        yield place, first, max(start + len(said.rstrip("\r\n")), first)


def _sections(
    note: Note, marker: Marker, code: Sequence[Span], picture: Address | None
) -> Iterator[str]:
    kind = note.places.kind
    for place, start, end in _ranges(note):
        name = f"{kind.capitalize()} {html.escape(visible(place.name))}"
        said = "".join(_parts(marker, start, end, code))
        link = ""
        if picture:
            address = html.escape(picture(place.name))
            link = f' <a href="{address}" aria-label="{name}, see the page">see the page</a>'
        yield f'<section class="{kind}"><h2 class="place">{name}{link}</h2>{said}</section>'


def _parts(marker: Marker, start: int, end: int, code: Sequence[Span]) -> Iterator[str]:
    """Yields the prose and the code of a section, one after the other."""
    at = start
    for span in code[bisect_right(code, start, key=_end) :]:
        if span.start >= end:
            break
        first, last = max(span.start, at), min(span.end, end)
        if first > at:
            yield _prose(marker, at, first)
        if last > first:
            yield f'<pre class="code">{marker.html(first, last)}</pre>'
        at = max(last, at)
    if end > at:
        yield _prose(marker, at, end)


def _prose(marker: Marker, start: int, end: int) -> str:
    said = marker.html(start, end)
    return f'<div class="prose">{said}</div>' if said.strip() else ""


def _cues(note: Note, marker: Marker) -> Iterator[str]:
    for place, start, end in _ranges(note):
        name = html.escape(visible(place.name))
        yield (
            f'<div class="cue"><span class="place">{name}</span> '
            f'<div class="prose">{marker.html(start, end)}</div></div>'
        )


def _lists(note: Note, marker: Marker, code: Sequence[Span]) -> Iterator[str]:
    """Yields lists of lines; the first line of each says its number, or its place's name."""
    names = _Names(note.places)
    markdown = note.document.lower().endswith(_MARKDOWN)
    kind = f"{note.places.kind}s"
    items: list[str] = []
    offset = 0
    for number, line in enumerate(note.text.split("\n"), 1):
        end = offset + len(line)
        look = ""
        at = bisect_right(code, offset, key=_end)
        if at < len(code) and code[at].start <= end and offset < code[at].end:
            look = ' class="code"'
        elif markdown and _HEADING.match(line):
            look = ' class="heading"'
        # The first row of a sheet begins with the sheet's name, and is named below it.
        named = ""
        if names.begins_sheet(line, end):
            look = ' class="heading"'
        elif line.strip():
            named = names.upto(end)
        items.append(f"<li{look}>{named}{marker.html(offset, end)}</li>")
        offset = end + 1
        if number % TOGETHER == 0:
            yield _list(kind, number - TOGETHER + 1, items)
            items = []
    if items:
        yield _list(kind, number - len(items) + 1, items)


def _list(kind: str, first: int, items: Sequence[str]) -> str:
    start = f' start="{first}"' if first > 1 else ""
    # For as long as it was not laid out, a list is taken to be as long as its lines.
    return f'<ol class="{kind}"{start} style="--lines:{len(items)}">{"".join(items)}</ol>'


class _Names:
    """The names of listed places, each once, at the line in which the place begins."""

    def __init__(self, places: Places) -> None:
        self._left = deque(places.listed)
        self._kind = "¶" if places.kind is PlaceKind.PARAGRAPH else places.kind.capitalize()
        self._sheet = ""

    def begins_sheet(self, line: str, end: int) -> bool:
        """Returns whether a line is the name of the sheet whose rows come next."""
        if not self._left or self._left[0].start > end:
            return False
        sheet = self._left[0].name.rpartition("!")[0]
        before, self._sheet = self._sheet, sheet
        return bool(sheet) and sheet != before and line.strip() == sheet

    def upto(self, end: int) -> str:
        """Returns HTML that names the places that begin up to here and were not named yet."""
        said = ""
        while self._left and self._left[0].start <= end:
            name = self._left.popleft().name.rpartition("!")[2]
            said += f'<span class="place">{self._kind} {html.escape(visible(name))}</span>'
        return said


def _end(span: Span) -> int:
    return span.end


def shown(text: str) -> str:
    """Returns text of a note as HTML."""
    return html.escape(visible(text.rstrip("\r")))
