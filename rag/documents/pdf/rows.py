"""Pieces of text that lie on a page become its rows in reading order.

In: `Piece`s as a page draws them, with their places. Out: `Row`s, one column after the other.

Columns are told from a borderless table, whose rows must stay whole, by two signs: text set in
columns is drawn one column after the other, and its lines are lines of prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median
from typing import NamedTuple

from rag.documents.pdf.directions import runs_left
from rag.documents.pdf.scripts import script_of

CELL_GAP = 1.2
"""White space within a row, in letter heights, from which on it parts two cells."""

_CLAUSE = re.compile(r"[^\W\d_][.,;:?!](?:\s|$)")

MAX_DEPTH = 8
MAX_PIECES = 5_000
"""Of a page that is searched for columns: what has more is a drawing."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Words drawn in one go, on a page whose y grows downwards, in points.

    Attributes:
        text: without white space at its ends.
        y: of the base line.
        size: of the letters.
        order: grows as the page is drawn.
    """

    text: str
    left: float
    right: float
    y: float
    size: float
    bold: bool
    fixed: bool
    order: int

    @property
    def top(self) -> float:
        """Returns where the letters begin."""
        return self.y - 0.75 * self.size

    @property
    def bottom(self) -> float:
        """Returns where the letters end."""
        return self.y + 0.2 * self.size


@dataclass(frozen=True, slots=True)
class Page:
    """What a page holds.

    Attributes:
        number: from 1.
        frames: pieces that run the same way, that of most words first.
        drawn: whether it shows anything but a frame and rules.
        pictured: whether a picture fills most of it.
        recognized: whether its words were read from a picture, so that sizes mean little.
    """

    number: int
    frames: tuple[tuple[Piece, ...], ...] = ()
    drawn: bool = False
    pictured: bool = False
    recognized: bool = False


class Cell(NamedTuple):
    """Words of a row with no wide gap among them."""

    left: float
    right: float
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """What stands on one base line of one column.

    Attributes:
        cells: the parts between wide gaps, in reading order; never empty.
        size: of most letters.
        bold: whether nearly all of it is.
        fixed: whether nearly all letters are of one width.
        page: its number.
        region: tells which rows of a page stand below each other in one column.
    """

    cells: tuple[Cell, ...]
    left: float
    right: float
    y: float
    size: float
    bold: bool
    fixed: bool
    page: int = 0
    region: int = 0

    @property
    def text(self) -> str:
        """Returns the words, cells set apart by two spaces."""
        if len(self.cells) == 1:
            return self.cells[0].text
        return "  ".join(cell.text for cell in self.cells)


def read_rows(page: Page) -> Iterator[Row]:
    """Yields the rows of a page in reading order; what runs another way comes last."""
    regions = (region for frame in page.frames for region in _regions(frame))
    for number, region in enumerate(regions):
        for members in lined_up(region):
            yield row_of(members, page.number, number)


def lined_up(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Returns pieces that share a base line, from the top; raised and lowered ones join theirs."""
    rows: list[list[Piece]] = []
    widest: Piece | None = None  # the piece of the current row with the largest letters
    for piece in sorted(pieces, key=lambda piece: (piece.top + piece.bottom, piece.left)):
        if widest is not None:
            shared = min(widest.bottom, piece.bottom) - max(widest.top, piece.top)
            if shared > 0.5 * 0.95 * min(widest.size, piece.size):
                rows[-1].append(piece)
                widest = max(widest, piece, key=lambda one: one.size)
                continue
        rows.append([piece])
        widest = piece
    return rows


def row_of(members: Sequence[Piece], page: int, region: int) -> Row:
    """Returns the row that pieces on one base line make."""
    backwards = sum(len(piece.text) for piece in members if runs_left(piece.text))
    length = sum(len(piece.text) for piece in members)
    if backwards * 2 > length:
        members = sorted(members, key=lambda piece: -piece.right)
    else:
        members = sorted(members, key=lambda piece: piece.left)
    sizes: dict[float, int] = {}
    for piece in members:
        sizes[piece.size] = sizes.get(piece.size, 0) + len(piece.text)
    size = max(sizes, key=lambda size: (sizes[size], size))
    cells: list[Cell] = []
    before: Piece | None = None
    base: Piece | None = None
    for piece in members:
        gap = 0.0
        script = _script(piece, base, before) if backwards == 0 else None
        if script is not None:
            left, right, text = cells[-1]
            cells[-1] = Cell(left, max(right, piece.right), text + script)
            before = piece
            continue
        base = piece
        if before is not None:
            gap = max(piece.left - before.right, before.left - piece.right)
        if before is None or gap > CELL_GAP * size:
            cells.append(Cell(piece.left, piece.right, piece.text))
        else:
            left, right, text = cells[-1]
            between = " " if gap > 0.12 * min(size, piece.size, before.size) else ""
            ends = min(left, piece.left), max(right, piece.right)
            cells[-1] = Cell(*ends, text + between + piece.text)
        before = piece
    return Row(
        cells=tuple(cells),
        left=min(piece.left for piece in members),
        right=max(piece.right for piece in members),
        y=max(members, key=lambda piece: piece.size).y,
        size=size,
        bold=sum(len(piece.text) for piece in members if piece.bold) >= 0.9 * length,
        fixed=sum(len(piece.text) for piece in members if piece.fixed) >= 0.9 * length,
        page=page,
        region=region,
    )


def _script(piece: Piece, base: Piece | None, before: Piece | None) -> str | None:
    """Returns a superscript or subscript of what ends right before it, None for other pieces."""
    if base is None or before is None:
        return None
    gap = piece.left - (base if before.size > piece.size else before).right
    behind = min(gap, piece.left - base.right) <= 0.25 * base.size and piece.left > base.left
    found = script_of(piece.text, piece.size, piece.y, base.size, base.y)
    return found if behind else None


def _regions(pieces: Sequence[Piece], depth: int = 0) -> Iterator[Sequence[Piece]]:
    """Yields the parts of a page in which one reads row by row, in order."""
    best: list[tuple[bool, list[Piece]]] = []
    covered = 0
    if depth < MAX_DEPTH and len(pieces) <= MAX_PIECES:
        for edge in _edges(pieces):
            parts = _cut(pieces, edge)
            here = sum(len(part) for is_column, part in parts if is_column)
            if here > covered:
                best, covered = parts, here
    if not best:
        yield pieces
    for _, part in best:
        yield from _regions(part, depth + 1)


def _edges(pieces: Sequence[Piece]) -> list[float]:
    """Returns left edges that several pieces share: where a column may begin."""
    counts: dict[int, int] = {}
    for piece in pieces:
        at = round(piece.left / 2)
        counts[at] = counts.get(at, 0) + 1
    often = [at for at, count in counts.items() if count + counts.get(at + 1, 0) >= 3]
    often.sort(key=lambda at: -counts[at])
    return [2.0 * at - 2 for at in often[:12]]


def _cut(pieces: Sequence[Piece], edge: float) -> list[tuple[bool, list[Piece]]]:
    """Returns a page's parts in reading order, and which of them are columns that `edge` parts.

    What crosses the edge (a title, a wide figure's caption) parts what is above from below.
    """
    parts: list[tuple[bool, list[Piece]]] = []
    for crosses, group in groupby(_crossing(pieces, edge), key=lambda kind: kind[0]):
        members = [piece for _, piece in group]
        sides = (
            [piece for piece in members if piece.right <= edge],
            [piece for piece in members if piece.left >= edge],
        )
        if not crosses and _are_columns(*sides):
            parts += [(True, side) for side in sides]
        elif parts and not parts[-1][0]:
            parts[-1][1].extend(members)
        else:
            parts.append((False, members))
    return parts


def _crossing(pieces: Sequence[Piece], edge: float) -> Iterator[tuple[bool, Piece]]:
    """Yields pieces from the top, and whether each crosses the edge or ends a title that does."""
    usual = median(piece.size for piece in pieces)
    title: Piece | None = None
    for piece in sorted(pieces, key=_y):
        crosses = piece.left < edge < piece.right
        if title is not None and not crosses:
            crosses = piece.size == title.size and piece.y - title.y <= 1.7 * title.size
        if crosses and piece.size >= 1.18 * usual:
            title = piece
        yield crosses, piece


def _are_columns(left: Sequence[Piece], right: Sequence[Piece]) -> bool:
    if min(len(left), len(right)) < 3:
        return False
    rows = lined_up(left), lined_up(right)
    fewer = min(map(len, rows))
    if fewer < 3:
        return False
    top = max(side[0][0].top for side in rows)
    bottom = min(side[-1][0].bottom for side in rows)
    shorter = min(side[-1][0].bottom - side[0][0].top for side in rows)
    if bottom - top < 0.5 * shorter:
        return False
    words = min(median(_words(row) for row in side) for side in rows)
    filled = min(_filled(side) for side in rows)
    goes_on = min(_going_on(side) for side in rows)
    in_order = sorted([*((p.order, 0) for p in left), *((p.order, 1) for p in right)])
    changes = sum(one[1] != other[1] for one, other in pairwise(in_order))
    if changes <= max(1, 0.2 * fewer):
        told = max(_punctuated(side) for side in rows)
        return words >= 2 or (fewer > 3 and goes_on >= 0.5 and told >= 0.1)
    return words >= 4 and filled >= 0.7 and goes_on >= 0.3


def _words(row: Sequence[Piece]) -> int:
    return sum(len(piece.text.split()) or 1 for piece in row)


def _going_on(rows: Sequence[Sequence[Piece]]) -> float:
    """Returns the share of rows that begin within a sentence, as lines do and cells do not."""
    return sum(min(row, key=lambda piece: piece.left).text[0].islower() for row in rows) / len(rows)


def _punctuated(rows: Sequence[Sequence[Piece]]) -> float:
    """Returns the share of rows with a sign that sentences have and cells of one word do not."""
    return sum(any(_CLAUSE.search(piece.text) for piece in row) for row in rows) / len(rows)


def _filled(rows: Sequence[Sequence[Piece]]) -> float:
    """Returns the share of a column's width that its rows typically fill."""
    left = min(piece.left for row in rows for piece in row)
    right = max(piece.right for row in rows for piece in row)
    taken = median(max(p.right for p in row) - min(p.left for p in row) for row in rows)
    return taken / max(right - left, 1e-9)


def _y(piece: Piece) -> float:
    return piece.y
