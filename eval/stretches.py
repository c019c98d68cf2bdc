"""Stretches of notes: the words of a place, as an instructor is shown them and compares them.

Input: what the library holds; output: `Statement` records with their vectors, and `Stretch` for
any span of a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from rag import Contents, Library, Note, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

PROSE = ("sentence", "item")
"""Kinds of units that state something by themselves; rows, code and formulas need what is around
them."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of a note's words, and where they stand.

    Attributes:
        headings: that all of it stands under, outermost first.
        location: the place as a person would name it (`lines 12–14`).
    """

    document: str
    headings: tuple[str, ...]
    location: str
    span: Span
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {
            "document": self.document,
            "headings": list(self.headings),
            "location": self.location,
            "start": self.span.start,
            "end": self.span.end,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence or an item of a list.

    Attributes:
        row: of the chunk it stands in.
    """

    document: str
    headings: tuple[str, ...]
    span: Span
    text: str
    row: int


@dataclass(frozen=True, slots=True)
class Section:
    """A run of a note under one heading, down to the next of any level; code and tables count."""

    document: str
    headings: tuple[str, ...]
    span: Span
    rows: tuple[int, ...]


class Shelf:
    """The notes of one state of the library, to take stretches from."""

    def __init__(self, library: Library, contents: Contents) -> None:
        self.library = library
        self.contents = contents
        self.note = cache(library.note)

    def text(self, document: str) -> str:
        """Returns the words of a note."""
        note: Note = self.note(document)
        return note.text

    def stretch(self, document: str, headings: Sequence[str], span: Span) -> Stretch:
        """Returns a span of a note as it is shown.

        Raises:
            LibraryError: the note has gone meanwhile.
        """
        note: Note = self.note(document)
        return Stretch(
            document, tuple(headings), note.place(span), span, span.of(note.text).strip("\n")
        )


def common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Returns the headings that all paths begin with."""
    shared = []
    for names in zip(*paths, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return tuple(shared)


def statements(contents: Contents) -> tuple[list[Statement], Vectors]:
    """Returns what the notes state, in order, and `(statements, dim)` float32, unit rows."""
    import numpy as np

    found, vectors = [], []
    for row in range(len(contents)):
        units = contents.units(row)
        kept = [place for place, unit in enumerate(units) if unit.kind.value in PROSE]
        if kept:
            chunk = contents.chunk(row)
            vectors.append(contents.unit_vectors(row)[kept])
            for unit in (units[place] for place in kept):
                said = chunk.said(unit.span)
                found.append(Statement(chunk.document, unit.headings, unit.span, said, row))
    return found, np.concatenate(vectors) if vectors else np.zeros((0, 1), dtype=np.float32)


def sections(contents: Contents) -> list[Section]:
    """Returns the runs of the notes under one heading, in order."""
    found: list[Section] = []
    for row in range(len(contents)):
        document = contents.path(int(contents.documents[row]))
        for unit in contents.units(row):
            last = found[-1] if found else None
            if last and (last.document, last.headings) == (document, unit.headings):
                end = max(last.span.end, unit.span.end)
                rows = last.rows if row in last.rows[-1:] else (*last.rows, row)
                found[-1] = Section(document, unit.headings, Span(last.span.start, end), rows)
            else:
                found.append(Section(document, unit.headings, unit.span, (row,)))
    return found
