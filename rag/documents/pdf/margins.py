"""What stands in the margins of page after page: running heads, and page numbers.

In: pages. Out: the same pages without them, and where each running head was first met. Left in the
text, they would cut the sentences that go on over the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.documents.pdf.rows import Page, Piece, Row, lined_up, row_of

_AT_ENDS = re.compile(r"^\W*\d+\W+(?=\w)|(?<=\w)\W+\d+\W*$")
_NUMBER = re.compile(
    r"\W*(?:page|seite|p\.|s\.)?\W*(\d{1,5})(?:\W*(?:of|von|de|sur|/)\W*\d+)?\W*", re.I
)
_FOOT = re.compile(
    r"(?:(?:https?|file)://\S+\s+)?(\d{1,5})/(\d{1,5})"
    r"|(\d{1,5}) (?:of|von|de|sur) (\d{1,5})\s+\d\S+\d,?\s+\d{1,2}[:.]\d\d.{0,12}"
)
_HEAD = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\.?,?\s+\d{1,2}[:.]\d\d\b.*|.*\s(?:https?|file)://\S+"
)


@dataclass(frozen=True, slots=True)
class _Edge:
    """A line that may be a running head or a page number."""

    text: str
    y: float
    pieces: tuple[Piece, ...]
    top: bool

    @property
    def number(self) -> int | None:
        """Returns the page number that it is, if it is one."""
        found = _NUMBER.fullmatch(self.text)
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Trimmed:
    """A page without what repeats; `above` and `below` are the running heads first met here."""

    page: Page
    above: tuple[Row, ...] = ()
    below: tuple[Row, ...] = ()


def trim(pages: Sequence[Page], body: float) -> list[Trimmed]:
    """Returns the pages without running heads and page numbers.

    A line runs where white space sets it off from the text, and the same words stand at the same
    height, in letters no larger than those of the text, on a page at most two away, and on three
    pages in all; a number that grows with the pages needs no third. A page that would lose more
    than a third of its text says the same as others on purpose, and keeps all. What a browser
    printed around a page goes from a single one, when it counts that page and all of them.

    Args:
        body: the size of most letters.
    """
    edges = [_edges(page, body) for page in pages]
    places: dict[str, list[tuple[int, float]]] = {}
    for at, page_edges in enumerate(edges):
        for edge in page_edges:
            places.setdefault(_key(edge), []).append((at, edge.y))
    met: set[str] = set()
    trimmed = []
    for at, whole_page in enumerate(pages):
        page = whole_page
        printed = _printed(page, pages[-1].number)
        gone = {id(piece) for line in printed for piece in line}
        running = [
            edge
            for edge in edges[at]
            if id(edge.pieces[0]) not in gone and _runs(edge, at, places, edges, pages)
        ]
        lost = sum(len(edge.text) for edge in running)
        whole = sum(len(piece.text) for frame in page.frames for piece in frame)
        if page.pictured and 0 < whole == lost:
            page = replace(page, frames=())  # a scan with a stamp
        elif 3 * lost > whole:
            running = []
        new = [edge for edge in running if edge.number is None and _key(edge) not in met]
        met.update(map(_key, new))
        if (running or printed) and page.frames:
            gone |= {id(piece) for edge in running for piece in edge.pieces}
            first, *others = page.frames
            kept = tuple(piece for piece in first if id(piece) not in gone)
            page = replace(page, frames=(kept, *others))
        rows = [(edge.top, row_of(edge.pieces, page.number, -1)) for edge in new]
        above = tuple(row for top, row in rows if top)
        below = tuple(row for top, row in rows if not top)
        trimmed.append(Trimmed(page, above, below))
    return trimmed


def _edges(page: Page, body: float) -> list[_Edge]:
    lines = lined_up(page.frames[0]) if page.frames else []
    edges = []
    for top, inwards in ((True, lines), (False, lines[::-1])):
        for line in inwards[: _set_off(inwards)]:
            pieces = tuple(sorted(line, key=lambda piece: piece.left))
            if max(piece.size for piece in pieces) <= 1.15 * body:
                text = " ".join(piece.text for piece in pieces)
                edges.append(_Edge(text, pieces[0].y, pieces, top))
    return edges


def _printed(page: Page, count: int) -> list[list[Piece]]:
    """Returns the lines that a browser put around a page: date and title, address and number."""
    lines = lined_up(page.frames[0]) if page.frames else []
    if not lines:
        return []
    head, foot = lines[0], lines[-1]
    found = _FOOT.fullmatch(_text(foot))
    if not found or [int(one) for one in found.groups() if one] != [page.number, count]:
        return []
    return [head, foot] if _HEAD.fullmatch(_text(head)) else [foot]


def _text(line: Sequence[Piece]) -> str:
    return " ".join(piece.text for piece in sorted(line, key=lambda piece: piece.left))


def _set_off(lines: Sequence[Sequence[Piece]]) -> int:
    """Returns how many of the first two lines a gap parts from the third, or from each other."""
    for count in (2, 1):
        if len(lines) > count:
            outer, inner = lines[count - 1][0], lines[count][0]
            if abs(inner.y - outer.y) > 1.6 * max(outer.size, inner.size):
                return count
    return 0


def _key(edge: _Edge) -> str:
    return "".join(_AT_ENDS.sub("#", edge.text).casefold().split())


def _runs(
    edge: _Edge,
    at: int,
    places: dict[str, list[tuple[int, float]]],
    edges: Sequence[Sequence[_Edge]],
    pages: Sequence[Page],
) -> bool:
    near = [other for other in (at - 2, at - 1, at + 1, at + 2) if 0 <= other < len(edges)]
    if edge.number is not None:
        return any(
            other.number is not None
            and other.number - edge.number == pages[index].number - pages[at].number
            and abs(other.y - edge.y) <= 4
            for index in near
            for other in edges[index]
        )
    key = _key(edge)
    if len(places[key]) < 3:
        return False
    return any(
        _key(other) == key and abs(other.y - edge.y) <= 4
        for index in near
        for other in edges[index]
    )
