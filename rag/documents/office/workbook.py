"""Workbooks (.xlsx, .xlsm) become documents; a place is a row's number, `Marks!12` among sheets.

Each sheet that holds text is laid out as a table of values is (`table.add_rows`), columns that say
nothing left out, then the words of its text boxes and charts. Where several do, their names are
headings. Hidden sheets, rows and columns are left out with a remark; comments, headers and footers
without. White text stays: what a table's or a rule's style paints below it is not known here.

The walk is our own: openpyxl (3.1.5, of June 2024) reads no text boxes, and nothing of a file with
a sheet that is cut short.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rag.documents.building import Builder
from rag.documents.markup import title_of
from rag.documents.office.archive import MEMBER_BYTES, Archive, child, local, too_large
from rag.documents.office.cells import Cells
from rag.documents.office.package import Package, Related, chosen, hidden, reference, titled, whole
from rag.documents.text.table import add_rows
from rag.errors import DocumentError
from rag.types import Document, PlaceKind, Remark

_COLUMNS = 16_384
_CELL = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_AROUND = 3
"""Characters that a cell takes in a table's line besides its text."""

_STEPS = 10_000_000
"""Rows and cells that merged ranges are compared with; ranges that do not overlap need fewer."""


def parse(path: str, data: bytes) -> Document:
    """Returns the document.

    Raises:
        DocumentError: `encrypted`, `damaged`, `too large`, or `no text` where there are pictures
            only.
    """
    archive = Archive(data, "a workbook", ".xlsx")
    package = Package(archive, "xl/workbook.xml")
    book = _Book(package, package.body("workbook"))
    build = Builder(PlaceKind.ROW)
    sheets = list(book.read())
    for sheet in sheets:
        before = f"{sheet.name}!" if len(sheets) > 1 else ""
        rows = [(f"{before}{number}", row) for number, row in sheet.rows]
        build.place(rows[0][0] if rows else f"{before}1")
        if before:
            build.heading(sheet.name, 1)
        add_rows(build, rows)
        build.paragraph("\n".join(sheet.lines))
    title = package.title()
    document = build.document(path, title_of(path, "", ()), [*archive.remarks, *book.remarks()])
    if not sheets and book.pictured:
        raise DocumentError(
            "no text",
            f"{book.pictured} sheet{'s' * (book.pictured > 1)} of pictures only: "
            "text recognition (OCR) would make them readable",
        )
    return titled(document, title)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What a sheet shows: its rows by number, and the lines of what is drawn on it."""

    name: str
    rows: list[tuple[int, list[str]]]
    lines: list[str]


class _Book:
    """One pass over the sheets.

    Attributes:
        pictured: how many of those shown hold pictures and no text.
    """

    def __init__(self, package: Package, root: Any) -> None:
        self.pictured = 0
        self._package = package
        self._archive = package.archive
        self._root = root
        self._targets = package.related(package.main)
        self._cells = Cells(
            self._part("sharedStrings"),
            self._part("styles"),
            since_1904=_is_on(child(root, "workbookPr"), "date1904"),
        )
        self._hidden = 0
        self._lost = 0
        self._room = MEMBER_BYTES

    def read(self) -> Iterator[_Sheet]:
        """Yields the sheets that show text, in the order of their tabs.

        Raises:
            DocumentError: `damaged` where it is the only sheet, `too large`.
        """
        targets = {one.id: one.target for one in self._targets}
        listed = _children(self._root, "sheets")
        for number, one in enumerate(listed, 1):
            part = targets.get(reference(one), f"xl/worksheets/sheet{number}.xml")
            try:
                root = self._archive.xml(part)
            except DocumentError as error:
                if len(listed) == 1:
                    raise
                self._archive.leave_out(part, error)
                continue
            rows, lines = self._rows(root), self._lines(part)
            if one.get("state", "visible") != "visible":
                self._hide(*(text for _, row in rows for text in row), *lines)
            elif rows or lines:
                yield _Sheet(one.get("name", str(number)), rows, lines)
            else:
                self.pictured += any(kin.kind == "image" for kin in self._upon(part))

    def remarks(self) -> list[Remark]:
        """Returns what a person should know of cells that say less than they could."""
        found = hidden(self._hidden)
        if lost := self._lost:
            said = f"the text of {lost} cell{'s' * (lost > 1)} is missing"
            found.append(Remark("damaged parts", f"{said}; open the file and save it again"))
        if formulas := self._cells.uncalculated:
            said = f"{formulas} formula{'s' * (formulas > 1)} never calculated"
            found.append(
                Remark("formulas without results", f"{said}; open the file and save it again")
            )
        return found

    def _part(self, kind: str) -> Any | None:
        named = (one.target for one in self._targets if one.kind == kind)
        return self._archive.part(next(named, f"xl/{kind}.xml"))

    def _rows(self, root: Any) -> list[tuple[int, list[str]]]:
        """Returns the rows with text, each up to its last cell, without columns that say nothing.

        Two columns stay two, so that a question without its answer is still seen to be one.
        """
        rows = self._shown(root)
        _uncover(rows, _children(root, "mergeCells"))
        columns = sorted({column for row in rows.values() for column in row})
        places = {column: place for place, column in enumerate(columns)}
        aligned = []
        for number, row in sorted(rows.items()):
            if row:
                cells = [""] * max(places[max(row)] + 1, min(len(columns), 2))
                self._take(_AROUND * len(cells))
                for column, text in row.items():
                    cells[places[column]] = text
                aligned.append((number, cells))
        return aligned

    def _shown(self, root: Any) -> dict[int, dict[int, str]]:
        """Returns the cells with text, by row and column; those in hidden ones are counted."""
        unshown = _hidden_columns(_children(root, "cols"))
        rows: dict[int, dict[int, str]] = {}
        number = 0
        for row in _children(root, "sheetData"):
            said = row.get("r", "")
            number = int(said) if re.fullmatch(r"[0-9]{1,7}", said) else number + 1
            shown = not _is_on(row, "hidden")
            column = 0
            for cell in row:
                match = _CELL.fullmatch(cell.get("r", ""))
                column = _column(match[1]) if match else column + 1
                text = self._text(cell)
                if not text.strip():
                    continue
                if shown and not any(unshown[column : column + 1]):
                    self._take(len(text))
                    rows.setdefault(number, {})[column] = text
                else:
                    self._hide(text)
        return rows

    def _text(self, cell: Any) -> str:
        try:
            return self._cells.text(cell)
        except LookupError:
            self._lost += 1
            return ""

    def _take(self, characters: int) -> None:
        """Counts what is laid out: a long text may stand in many cells, and be kept once."""
        self._room -= characters
        if self._room < 0:
            raise too_large(f"cells of more than {MEMBER_BYTES / 1e6:.0f} million characters")

    def _hide(self, *said: str) -> None:
        self._hidden += sum(len(text.split()) for text in said)

    def _upon(self, part: str) -> Iterator[Related]:
        """Yields a sheet's drawings, and what hangs on them: charts, diagrams, pictures."""
        for one in self._package.related(part):
            if one.kind == "drawing":
                yield one
                yield from self._package.related(one.target)

    def _lines(self, part: str) -> list[str]:
        """Returns the words drawn on a sheet; a chart's values are cells already."""
        lines: list[str] = []
        for one in self._upon(part):
            if one.kind == "drawing":
                root = self._archive.part(one.target)
                lines += self._boxes(root) if root is not None else ()
            elif one.kind.startswith("chart") or one.kind == "diagramData":
                lines += self._package.drawn(one).lines
        return [line for said in lines if (line := whole(said).strip())]

    def _boxes(self, parent: Any) -> Iterator[str]:
        for one in parent:
            match local(one):
                case "AlternateContent":
                    yield from self._boxes(chosen(one))
                case "sp" if _is_on(child(one, "nvSpPr", "cNvPr"), "hidden"):
                    self._hide(*_said(one))
                case "p":
                    yield "".join(_said(one))
                case _:
                    yield from self._boxes(one)


def _uncover(rows: dict[int, dict[int, str]], merges: Iterable[Any]) -> None:
    """Takes out what lies below merged cells, which show their first one."""
    numbers = sorted(rows)
    steps = 0
    for one in merges:
        first, _, last = one.get("ref", "").partition(":")
        begin, end = _CELL.fullmatch(first), _CELL.fullmatch(last)
        if begin is None or end is None:
            continue
        top, left, right = int(begin[2]), _column(begin[1]), _column(end[1])
        for number in numbers[bisect_left(numbers, top) : bisect_right(numbers, int(end[2]))]:
            row = rows[number]
            steps += 1 + min(len(row), right - left + 1)
            wide = right - left >= len(row)
            for column in list(row) if wide else range(left, right + 1):
                if left <= column <= right and (number, column) != (top, left):
                    row.pop(column, None)
        if steps > _STEPS:
            raise too_large("merged cells that overlap")


def _hidden_columns(columns: Iterable[Any]) -> bytearray:
    """Returns for each column, from 1, whether it is hidden."""
    unshown = bytearray(_COLUMNS + 1)
    for one in columns:
        ends = one.get("min", ""), one.get("max", "")
        if _is_on(one, "hidden") and all(re.fullmatch(r"[0-9]{1,9}", end) for end in ends):
            first, last = int(ends[0]), min(int(ends[1]), _COLUMNS)
            unshown[first : last + 1] = b"\1" * max(last + 1 - first, 0)
    return unshown


def _children(root: Any, name: str) -> Any:
    found = child(root, name)
    return found if found is not None else ()


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def _said(element: Any) -> list[str]:
    return [one.text or "" for one in element.iter() if local(one) == "t"]


def _is_on(element: Any | None, name: str) -> bool:
    return element is not None and element.get(name) in ("1", "true")
