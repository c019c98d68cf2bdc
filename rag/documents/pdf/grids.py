"""Rows of a page with gaps in them are a table, or prose that was stretched to fill its column.

In: rows in reading order. Out: those of the table that begins at one of them, and its cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rag.documents.pdf.rows import Row


def table_at(rows: Sequence[Row], at: int) -> Sequence[Row]:
    """Returns the rows of the table that begins here, if one does: at least three, or two wide.

    Gaps stand below each other in a table; those of justified prose stand anywhere.
    """
    end = at
    while (
        end < len(rows)
        and len(rows[end].cells) > 1
        and not _is_spread(rows, end)
        and rows[end].region == rows[at].region
        and (end == at or rows[end].y - rows[end - 1].y < 3.5 * rows[end].size)
    ):
        end += 1
    wide = min((len(row.cells) for row in rows[at:end]), default=0) > 2
    found = rows[at:end]
    return found if len(found) >= (2 if wide else 3) and _are_aligned(found) else ()


def _are_aligned(rows: Sequence[Row]) -> bool:
    """Returns whether most rows have a gap at one place, or two rows all theirs."""
    ends: list[tuple[float, int]] = []
    for row in rows:
        for before, cell in pairwise(sorted(row.cells)):
            ends += ((before.right, 1), (cell.left, -1))
    gaps = 0
    shared: list[int] = []
    for _, step in sorted(ends):
        gaps += step
        shared.append(gaps)
    if len(rows) == 2:
        return shared.count(2) >= min(len(row.cells) for row in rows) - 1
    return max(shared) >= max(3, 0.5 * len(rows))


def _is_spread(rows: Sequence[Row], at: int) -> bool:
    """Returns whether a row is prose whose words were set apart to reach both edges.

    Its gaps are equal, a row near it ends where it does, and none of its words stands below another
    that a gap precedes.
    """
    row = rows[at]
    near = [
        other
        for other in (*rows[max(at - 3, 0) : at], *rows[at + 1 : at + 4])
        if other.region == row.region and other.page == row.page
    ]
    cells = sorted(row.cells)
    gaps = [after.left - before.right for before, after in pairwise(cells)]
    small = sum(cell.text[0].islower() for cell in cells[1:])
    return (
        not any(" " in cell.text for cell in cells)
        and max(gaps) - min(gaps) < 0.3 * row.size
        and 2 * small >= len(cells) - 1
        and any(
            max(abs(other.left - row.left), abs(other.right - row.right)) < 0.2 * row.size
            for other in near
        )
        and not any(
            abs(cell.left - below.left) < 0.05 * row.size
            for other in near
            for below in other.cells[1:]
            for cell in cells[1:]
        )
    )


def grid_of(rows: Sequence[Row]) -> list[list[str]]:
    """Returns the cells of a table, empty ones among them where its columns are plain to see."""
    columns: list[tuple[float, float]] = []
    for left, right, _ in sorted(cell for row in rows for cell in row.cells):
        if columns and left < columns[-1][1]:
            columns[-1] = columns[-1][0], max(right, columns[-1][1])
        else:
            columns.append((left, right))
    table = []
    for row in rows:
        placed = {
            next(
                at for at, (_, end) in enumerate(columns) if cell.left < end or cell.left == end
            ): cell
            for cell in row.cells
        }
        if len(placed) < len(row.cells):  # a cell above two columns made them one
            return [[cell.text for cell in row.cells] for row in rows]
        table.append([placed[at].text if at in placed else "" for at in range(len(columns))])
    return table
