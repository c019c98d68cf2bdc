"""Tables of values parted by commas or tabs become documents: questions and answers, or a table."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rag.documents.building import Builder, clean
from rag.documents.decoding import decode
from rag.documents.markup import parse_blocks, title_of
from rag.documents.web.html import lay_out
from rag.errors import DocumentError
from rag.types import Document, PlaceKind, Remark

_DELIMITERS = ",;\t|"
_SAMPLE_CHARS = 50_000
_DIRECTIVE = re.compile(r"(?:#[a-z][a-z ]*:[^\n]*|sep=[^\n])\n")
_CARDS = re.compile(r"\ufeff?#separator:\S+\r?\n|\ufeff?#html:(?:true|false)\r?\n", re.IGNORECASE)
_COLUMN = re.compile(r"^#(guid|notetype|deck|tags) column:(\d{1,3})\s*$", re.MULTILINE)
"""What Anki and Excel write in front of the rows."""

_SEPARATOR = re.compile(r"(?:#separator:|sep=)(\S+)", re.IGNORECASE)
_SPELLED = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_QUESTIONS = re.compile(
    r"(?:(?:the )?questions?(?: text)?|q|front|term|prompt|frage|begriff|vorderseite)$"
)
_ANSWERS = re.compile(
    r"(?:(?:the |correct |right )?answers?(?: text)?|a|back|definition|meaning|response|antwort"
    r"|bedeutung|rückseite)$"
)
_ALONE = re.compile(
    r"<(?:br|hr|img)\b[^<>]{0,500}>|&(?:nbsp|amp|lt|gt|quot|#\d{1,6});", re.IGNORECASE
)
_TAG = re.compile(
    r"<(/?)(b|i|u|em|strong|div|p|ul|ol|li|span|sub|sup|a|code|pre|font|table|h[1-6])\b",
    re.IGNORECASE,
)
_NAME_WORDS = 3


def parse(path: str, data: bytes) -> Document:
    """Returns the document; its places are rows, counted as a spreadsheet counts them.

    Where the header names a question and an answer (`front` and `back`, `term` and `definition`
    too), or the first of two columns asks, each row is a heading and what stands below it.

    Raises:
        DocumentError: the bytes are not text, or no rows.
    """
    remarks: list[Remark] = []
    text = decode(data, remarks).replace("\r\n", "\n").removeprefix("\ufeff")
    start, delimiter = _preamble(text)
    rows = _rows(text[start:], delimiter or ("\t" if path.lower().endswith(".tsv") else ""))
    before = text.count("\n", 0, start)
    build = Builder(PlaceKind.ROW)
    notes = text[:start] if "#" in text[:start] else ""
    add_rows(build, [(str(n), row) for n, row in enumerate(rows, before + 1)], notes)
    return build.document(path, title_of(path, "", ()), remarks)


def add_rows(
    build: Builder, named: Iterable[tuple[str, Sequence[str]]], preamble: str = ""
) -> None:
    """Adds rows, each a place of that name: questions and answers, or a table.

    Args:
        preamble: what Anki says before its notes, which have no header.
    """
    rows = [(name, row) for name, row in named if any(map(str.strip, row))]
    header = [name.strip().lower() for name in rows[0][1]] if rows else []
    asked, answered = _first(_QUESTIONS, header), _first(_ANSWERS, header)
    if asked is not None and answered is not None:
        _add_cards(build, rows[1:], rows[0][1], asked, answered)
    elif preamble and rows:
        _add_exported(build, rows, preamble)
    elif _asks(rows):
        _add_cards(build, rows[_names_columns(rows) :], [], 0, 1)
    else:
        build.table([[_flat(cell) for cell in row] for _, row in rows], [name for name, _ in rows])


def _preamble(text: str) -> tuple[int, str]:
    """Returns where the rows begin, and the delimiter that the lines before them name."""
    start, delimiter = 0, ""
    while match := _DIRECTIVE.match(text, start):
        if named := _SEPARATOR.match(match[0]):
            delimiter = _SPELLED.get(named[1].lower(), named[1] if len(named[1]) == 1 else "")
        start = match.end()
    return start, delimiter


def _rows(text: str, delimiter: str) -> list[list[str]]:
    if not delimiter:
        sample = text[:_SAMPLE_CHARS]
        delimiter = max(_DELIMITERS, key=lambda one: _evenness(sample, one))
    try:
        return _read(text, delimiter, strict=True)
    except csv.Error as error:
        closed = "end of data" not in str(error) and "limit" not in str(error)
    try:
        return _read(text, delimiter, quoting=csv.QUOTE_MINIMAL if closed else csv.QUOTE_NONE)
    except csv.Error as error:
        raise DocumentError("damaged", f"no rows of values: {error}") from error


def _read(text: str, delimiter: str, **said: Any) -> list[list[str]]:
    lines = io.StringIO(text, newline="")
    return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True, **said))


def _evenness(sample: str, delimiter: str) -> tuple[float, int]:
    """Returns how many rows have the commonest number of cells, above one, and that number."""
    try:
        rows = [row for row in _read(sample, delimiter) if row]
    except csv.Error:
        return 0.0, 0
    counts = Counter(len(row) for row in rows if len(row) > 1)
    if not counts:
        return 0.0, 0
    cells, times = max(counts.items(), key=lambda item: (item[1], item[0]))
    return times / len(rows), cells


def _first(pattern: re.Pattern[str], header: Sequence[str]) -> int | None:
    return next((at for at, name in enumerate(header) if pattern.match(name)), None)


def _asks(rows: Sequence[tuple[str, Sequence[str]]]) -> bool:
    """Returns whether there are two columns, and most cells of the first are questions."""
    asking = sum(row[0].rstrip().endswith(("?", "？")) for _, row in rows)
    return all(len(row) == 2 for _, row in rows) and asking * 2 > len(rows)


def _names_columns(rows: Sequence[tuple[str, Sequence[str]]]) -> bool:
    """Returns whether the first row names columns: short words above rows that all ask."""
    (_, first), *others = rows
    names = all(
        0 < len(cell.split()) <= _NAME_WORDS and cell.strip()[-1].isalnum() for cell in first
    )
    return names and all(row[0].rstrip().endswith(("?", "？")) for _, row in others)


def is_of_cards(text: str) -> bool:
    """Returns whether a text begins like an export of Anki's."""
    return _CARDS.match(text) is not None


def _add_exported(build: Builder, rows: Sequence[tuple[str, Sequence[str]]], preamble: str) -> None:
    """Adds cards among columns that Anki keeps for itself; its deck and tags are told."""
    columns = {int(number) - 1: name for name, number in _COLUMN.findall(preamble)}
    width = max(len(row) for _, row in rows)
    names = [columns.get(at, "").capitalize() for at in range(width)]
    fields = [at for at in range(width) if at not in columns]
    asked, answered = [*fields, 0, 1][:2] if len(fields) > 1 else (0, 1)
    silent = {at for at, name in columns.items() if name in ("guid", "notetype")}
    told = [
        (name, ["" if at in silent else cell for at, cell in enumerate(row)]) for name, row in rows
    ]
    _add_cards(build, told, names, asked, answered)


def _is_html(cell: str) -> bool:
    """Returns whether a cell is marked up; `<b>` that is never closed may be what it is about."""
    tags = {(slash, name.lower()) for slash, name in _TAG.findall(cell)}
    return any(("/", name) in tags for slash, name in tags if not slash) or bool(
        _ALONE.search(cell)
    )


def _flat(cell: str) -> str:
    """Returns what a cell says, without the HTML in it."""
    if not _is_html(cell):
        return cell
    said = Builder(PlaceKind.ROW)
    lay_out(said, cell.encode(), places=False)
    return " ".join(said.document("", "cell").text.split())


def _add_cards(
    build: Builder,
    rows: Sequence[tuple[str, Sequence[str]]],
    names: Sequence[str],
    asked: int,
    answered: int,
) -> None:
    for name, row in rows:
        build.place(name)
        cells = dict(enumerate(row))
        question = cells.pop(asked, "")
        build.heading(_flat(question), 2)
        _add(build, cells.pop(answered, ""))
        others = []
        for at, cell in cells.items():
            column = names[at].strip() if at < len(names) else ""
            said = _flat(cell)
            others.append(f"{column}: {said}" if column and said.strip() else said)
        build.paragraph("\n".join(others))


def _add(build: Builder, cell: str) -> None:
    if _is_html(cell):
        lay_out(build, cell.encode(), places=False)
    else:
        cell = clean(cell).strip()
        build.blocks_of(cell, parse_blocks(cell, indented_code=False))
