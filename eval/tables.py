"""A table in a file becomes rows, their cells by what the column is for; rows become a table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from eval.files import replacing
from rag import QuestionSetError

DELIMITERS = ",;\t"

Columns = Mapping[str, Sequence[str]]
"""What a column is for, and the names it may have; the first that is there counts."""

Row = tuple[int, dict[str, str]]
"""A row's number, as a spreadsheet counts, and its cells by column."""


def read_rows(file: Path, columns: Columns, required: Sequence[str]) -> Iterator[Row]:
    """Yields the rows of a CSV file that are not empty, without white space around cells.

    The delimiter is the comma, semicolon or tab by which the first row has most known names.
    Columns of other names are passed over; cells of columns that are not there are empty.

    Raises:
        QuestionSetError: it cannot be read, is not UTF-8, a required column is missing, or a row
            has more cells than there are names.
    """
    text = _text(file)
    headers = {mark: header_of(text, mark) for mark in DELIMITERS}
    delimiter = max(headers, key=lambda mark: len(places_of(headers[mark], columns)))
    header = headers[delimiter]
    places = places_of(header, columns)
    if missing := [" or ".join(columns[name]) for name in required if name not in places]:
        raise QuestionSetError(
            f"{file}, row 1: expected the names of columns, {' and '.join(missing)} among them; "
            f"found {', '.join(filter(None, header))[:200] or 'nothing'}."
        )
    number = 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for number, row in enumerate(reader, start=1):
            cells = [cell.strip() for cell in row]
            if number == 1 or not any(cells):
                continue
            if len(cells) > len(header):
                refuse(
                    file,
                    number,
                    f"{len(cells)} cells, but {len(header)} names of columns: "
                    f"put cells that hold {delimiter!r} into double quotes.",
                )
            found = {name: cells[at] for name, at in places.items() if at < len(cells)}
            yield number, dict.fromkeys(columns, "") | found
    except csv.Error as error:
        refuse(file, number + 1, f"cannot be read as a row of a table ({error}).")


_UNSEEN = r"\s\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_RUN = re.compile(rf"'*(?:[\t\r\n]|[{_UNSEEN}]*[=+\-@＝＋－＠])")  # noqa: RUF001
"""How a cell begins that is run: signs of full width too, and behind what nobody sees."""


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Returns rows as CSV, of which spreadsheets run no cell: questions come from strangers.

    A cell that one would take for a formula gets an apostrophe in front: see `unquoted`.
    """
    lines = []
    for row in rows:
        line = io.StringIO(newline="")
        # Of line ends only those of the writer are quoted in cells, and CR would begin a row too.
        writer = csv.writer(line, lineterminator="\r\n")
        writer.writerow(["'" + cell if _RUN.match(cell) else cell for cell in map(str, row)])
        lines.append(line.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines)


def write_csv(file: Path, rows: Iterable[Sequence[object]]) -> None:
    """Writes rows, the names of the columns first, as `csv_text`.

    It is UTF-8 with the mark at its beginning without which Excel takes it for another encoding.

    Raises:
        QuestionSetError: it cannot be written.
    """
    with replacing(file) as draft:
        draft.write_bytes(csv_text(rows).encode("utf-8-sig"))


def unquoted(cell: str) -> str:
    """Returns what `csv_text` was given for a cell."""
    return cell[1:] if cell.startswith("'") and _RUN.match(cell) else cell


def refuse(file: Path, number: int, problem: str) -> NoReturn:
    """Raises QuestionSetError about a row."""
    raise QuestionSetError(f"{file}, row {number}: {problem}")


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise QuestionSetError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise QuestionSetError(
            f"{file} is not UTF-8 (byte {error.start}): save the table as CSV UTF-8."
        ) from error


def header_of(text: str, delimiter: str) -> list[str]:
    """Returns the cells of the first row, in lower case; none where it cannot be read as a row."""
    try:
        row = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []
    return [cell.strip().casefold() for cell in row]


def places_of(header: Sequence[str], columns: Columns) -> dict[str, int]:
    """Returns where the columns that are there stand."""
    places = {}
    for column, names in columns.items():
        if known := [header.index(name) for name in names if name in header]:
            places[column] = known[0]
    return places
