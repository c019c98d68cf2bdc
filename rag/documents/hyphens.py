"""Words that a line's end parted, made whole again.

In: rows in reading order. Out: the same rows, the parted word's rest moved up to where it begins.

A hyphen at a line's end may be the typesetter's or the word's own ("state-of-the-" "art"). It stays
where the document writes the word with it elsewhere, and goes where it writes it without; else it
stays after a part that has a hyphen already, and goes otherwise, since a line's end comes after the
hyphen of a compound far more rarely than a long word is parted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rag.documents.rows import Row

_PARTED = re.compile(r"([^\W\d_]+(?:[-'’][^\W\d_]+)*)[-\u2010\xad]$")
_REST = re.compile(r"([^\W\d_]+(?:[-'’][^\W\d_]+)*)\S*")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*(?![-\u2010\xad\w])")


def mend(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows with whole words."""
    said = _words(rows)
    mended: list[Row] = []
    for row in rows:
        before = mended[-1] if mended else None
        if before is not None and len(before.cells) == len(row.cells) == 1:
            start = before.cells[0].text
            parted, rest = _PARTED.search(start), _REST.match(row.text)
            if parted and rest and rest[1][0].islower() and abs(before.size - row.size) < 1:
                whole = _joined(parted[1], rest[1], start[-1], said)
                start = start[: parted.start()] + whole + rest[0][rest.end(1) :]
                mended[-1] = replace(before, cells=(before.cells[0]._replace(text=start),))
                after = row.text[rest.end() :].strip()
                if after:
                    mended.append(replace(row, cells=(row.cells[0]._replace(text=after),)))
                continue
        mended.append(row)
    return mended


def _joined(start: str, rest: str, hyphen: str, said: set[str]) -> str:
    without, written = start + rest, f"{start}-{rest}"
    if hyphen == "\xad" or without.casefold() in said:
        return without
    if written.casefold() in said or "-" in start:
        return written
    return without


def _words(rows: Iterable[Row]) -> set[str]:
    return {
        word.casefold() for row in rows for cell in row.cells for word in _WORD.findall(cell.text)
    }
