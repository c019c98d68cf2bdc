"""Pages become blocks: what was set in type, read as headings, paragraphs, lists and tables.

In: pages of `Piece`s. Out: a filled `Builder`. A paragraph ends with its page, since a place begins
with a block.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import median

from rag.documents.building import Builder
from rag.documents.pdf.grids import grid_of, table_at
from rag.documents.pdf.headings import WORD, Body, body_of, heading_at, is_close
from rag.documents.pdf.hyphens import mend
from rag.documents.pdf.margins import trim
from rag.documents.pdf.rows import Cell, Page, Row, read_rows
from rag.types import BlockKind, PlaceKind

_SIGN = r"[•◦▪▫●○■□‣⁃∙➢➤✓✔❖◆]"
_BULLET = rf"(?:{_SIGN}|[–—*-])"
_NUMBER = r"(?:\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)]|\(?[A-Z]\)|\[\d{1,3}\])"  # "A." may be a name
_MARK = re.compile(rf"(?:{_BULLET}|{_NUMBER})(?=\s+\S)")
_ITEM = re.compile(rf"{_BULLET}\s+")
_SURE = re.compile(_SIGN)
_LONE_MARK = re.compile(rf"{_BULLET}|{_NUMBER}|\d{{1,2}}(?:\.\d{{1,2}})*\.?|[IVX]{{1,5}}\.")
_NO_TITLE = re.compile(
    "(table of )?contents|abstract|summary|inhalt(sverzeichnis)?|zusammenfassung|r[ée]sum[ée]|"
    "sommaire|table des matières|índice|resumen|indice",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?:;。！？؟…][\"'”’»)\]]*[\d⁰¹²³⁴-⁹]{0,3}$")


@dataclass(frozen=True, slots=True)
class Laid:
    """What pages became.

    Attributes:
        title: the largest heading of the first page with text, or nothing.
        silent: pages that show something, but no text.
    """

    build: Builder
    title: str
    silent: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A block in the making."""

    kind: BlockKind
    rows: list[Row]


def typeset(pages: Iterable[Page], outline: frozenset[str]) -> Laid:
    """Returns the blocks of all pages.

    Args:
        outline: titles that a reader lists beside the text, folded and without white space; a
            line that is one of them is a heading.
    """
    read = list(pages)
    sizes: Counter[float] = Counter()
    for page in read:
        for piece in (piece for frame in page.frames for piece in frame):
            sizes[round(2 * piece.size) / 2] += len(piece.text)
    size = sizes.most_common(1)[0][0] if sizes else 0.0
    trimmed = trim(read, size)
    rows = mend([row for one in trimmed for row in read_rows(one.page)])
    body = body_of(rows, size)
    unsized = {page.number for page in read if page.recognized}
    drafts = {
        number: _drafts(list(members), body, outline, number not in unsized)
        for number, members in groupby(rows, key=lambda row: row.page)
    }
    styles = sorted(
        {
            _style(draft)
            for of_page in drafts.values()
            for draft in of_page
            if draft.kind is BlockKind.HEADING
        },
        reverse=True,
    )
    build = Builder(PlaceKind.PAGE)
    for one in trimmed:
        build.place(str(one.page.number))
        for row in one.above:
            build.paragraph(row.text)
        _build(build, drafts.get(one.page.number, []), styles)
        for row in one.below:
            build.paragraph(row.text)
    silent = tuple(
        one.page.number for one in trimmed if one.page.drawn and one.page.number not in drafts
    )
    first = next((drafts[page.number] for page in read if page.number in drafts), [])
    return Laid(build, _largest(first, body), silent)


def _drafts(rows: Sequence[Row], body: Body, outline: frozenset[str], sized: bool) -> list[_Draft]:
    """Returns the blocks of a page."""
    rows = [_marked(row) for row in rows]
    drafts: list[_Draft] = []
    at = 0
    while at < len(rows):
        if table := table_at(rows, at):
            drafts.append(_Draft(BlockKind.TABLE, list(table)))
            at += len(table)
            continue
        if sized and (heading := heading_at(rows, at, body, outline)):
            drafts.append(_Draft(BlockKind.HEADING, heading))
            at += len(heading)
            continue
        row = rows[at]
        kind = BlockKind.LIST if _MARK.match(row.text) else BlockKind.PARAGRAPH
        if _is_code(rows, at, body):
            kind = BlockKind.CODE
        if drafts and _goes_on(drafts[-1], row, kind, body, rows[at + 1 : at + 2]):
            drafts[-1].rows.append(row)
        else:
            drafts.append(_Draft(kind, [row]))
        at += 1
    return drafts


def _marked(row: Row) -> Row:
    """Returns a row whose bullet or number is no cell of its own."""
    if len(row.cells) > 1 and _LONE_MARK.fullmatch(row.cells[0].text):
        mark, first, *others = row.cells
        if WORD.search(first.text) and (not others or not mark.text.isdigit()):
            joined = Cell(mark.left, first.right, f"{mark.text} {first.text}")
            return replace(row, cells=(joined, *others))
    return row


def _is_code(rows: Sequence[Row], at: int, body: Body) -> bool:
    """Returns whether a row and one beside it are set in letters of one width, and others not."""
    beside = [rows[other] for other in (at - 1, at + 1) if 0 <= other < len(rows)]
    row = rows[at]
    return (
        row.fixed
        and not body.fixed
        and any(other.fixed and other.region == row.region for other in beside)
    )


def _goes_on(
    draft: _Draft, row: Row, kind: BlockKind, body: Body, following: Sequence[Row]
) -> bool:
    """Returns whether a row belongs to the block before it."""
    last = next((one for one in reversed(draft.rows) if not _is_crumb(one, body)), draft.rows[-1])
    code = draft.kind is BlockKind.CODE
    if draft.kind in (BlockKind.HEADING, BlockKind.TABLE) or code != (kind is BlockKind.CODE):
        return False
    if row.region != last.region:
        alike = abs(row.size - last.size) <= 0.07 * last.size
        return alike and row.text[0].islower() and not _ends(last)
    if _is_crumb(row, body):
        return is_close(draft.rows[-1], row, body.pitch)
    reach = 2.5 if code else 1.35 * max(body.pitch, 1.0)
    if abs(row.size - last.size) > 0.07 * last.size or not is_close(last, row, reach):
        return False
    if kind is BlockKind.LIST:
        unended = not _SURE.match(row.text) and not _ends(last)
        return unended and _had_no_room(draft, row)
    return code or not _begins(draft, row, following)


def _ends(row: Row) -> bool:
    """Returns whether a sentence ends with the row."""
    return _END.search(row.text[-8:]) is not None


def _is_crumb(row: Row, body: Body) -> bool:
    """Returns whether a row is but the index or the limit of a formula beside it."""
    return row.size <= 0.8 * body.size and len(row.text) <= 12


def _had_no_room(draft: _Draft, row: Row) -> bool:
    """Returns whether the first word of a row found no room in the row before."""
    right = max(one.right for one in (*draft.rows[-50:], row))
    width = (row.right - row.left) / max(len(row.text), 1)
    return draft.rows[-1].right + width * (len(row.text.split()[0]) + 1) > right


def _begins(draft: _Draft, row: Row, following: Sequence[Row]) -> bool:
    """Returns whether a row looks like the first of a paragraph: after an end, and set off."""
    first, last = draft.rows[0], draft.rows[-1]
    if draft.kind is BlockKind.LIST and len(draft.rows) > 1:
        hangs = draft.rows[1].left > first.left + 0.5 * row.size
        if hangs and row.left < first.left + 0.3 * row.size:
            return True
    if not _ends(last) or row.text[0].islower():
        return False
    if not _had_no_room(draft, row):
        return True
    indented = row.left - last.left > 0.8 * row.size
    return indented and not any(
        one.region == row.region and one.left > row.left - 0.5 * row.size for one in following
    )


def _style(draft: _Draft) -> tuple[float, bool]:
    row = draft.rows[0]
    return round(2 * row.size) / 2, row.bold


def _largest(drafts: Sequence[_Draft], body: Body) -> str:
    headings = [
        draft
        for draft in drafts
        if draft.kind is BlockKind.HEADING and not _NO_TITLE.fullmatch(_words(draft))
    ]
    if not headings:
        return ""
    largest = max(headings, key=lambda draft: draft.rows[0].size)
    return _words(largest) if largest.rows[0].size >= 1.12 * body.size else ""


def _words(draft: _Draft) -> str:
    return "\n".join(row.text for row in draft.rows).replace("\xad", "")


def _build(build: Builder, drafts: Sequence[_Draft], styles: Sequence[tuple[float, bool]]) -> None:
    for kind, group in groupby(drafts, key=lambda draft: draft.kind):
        if kind is BlockKind.LIST:
            build.items(list(_items(list(group))))
            continue
        for draft in group:
            if kind is BlockKind.HEADING:
                build.heading(_words(draft), styles.index(_style(draft)) + 1)
            elif kind is BlockKind.TABLE:
                build.table(grid_of(draft.rows))
            elif kind is BlockKind.CODE:
                build.code(_code(draft.rows))
            else:
                build.paragraph(_words(draft))


def _items(drafts: Sequence[_Draft]) -> Iterator[str]:
    """Yields list items, each as deep as its mark stands to the right of others in its column."""
    for _, group in groupby(drafts, key=lambda draft: draft.rows[0].region):
        column = list(group)
        lefts: list[float] = []
        for left in sorted(draft.rows[0].left for draft in column):
            if not lefts or left - lefts[-1] > column[0].rows[0].size:
                lefts.append(left)
        for draft in column:
            depth = sum(left <= draft.rows[0].left for left in lefts) - 1
            yield "  " * min(depth, 4) + _ITEM.sub("- ", _words(draft), count=1)


def _code(rows: Sequence[Row]) -> str:
    """Returns code with its indentation, as far as letters of one width tell it."""
    left = min(row.left for row in rows)
    widths = [(row.right - row.left) / len(row.text) for row in rows if row.text]
    width = max(median(widths), 0.1)
    return "\n".join(" " * round((row.left - left) / width) + row.text for row in rows)
