"""The words as they are quoted: what every chunk and unit says, and where it lies, by row.

Mapped from plain files, so that an answer is made without asking the store. Rows are positions in
the order of `build`: document path, then place in the document.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.mapped import ArrayWriter, Strings, StringsWriter, mapped
from rag.types import Places, Span, Unit, UnitKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.store import StoredDocument

    Rows = NDArray[np.int64]

_KINDS = list(UnitKind)


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as it is read back.

    Attributes:
        line: the number, from 1, of the line in which it begins.
        places: those that it touches, where they are no lines.
    """

    row: int
    document: str
    title: str
    span: Span
    headings: tuple[str, ...]
    text: str
    line: int
    places: Places = Places()

    def said(self, span: Span) -> str:
        """Returns what stands in a span of the document that lies inside the chunk."""
        return Span(span.start - self.span.start, span.end - self.span.start).of(self.text)

    def place(self, span: Span) -> str:
        """Returns the place, as a person would name it, of a span inside the chunk."""
        if self.places.listed:
            return self.places.name(span)
        first, last = (
            self.line + self.text.count("\n", 0, offset - self.span.start)
            for offset in (span.start, span.end - 1)
        )
        return f"line {first}" if first == last else f"lines {first}–{last}"


class Texts:
    """Chunks, units and documents by row."""

    def __init__(self, folder: Path) -> None:
        """Opens what `build` wrote.

        Raises:
            OSError, ValueError: it is not there, or not whole.
        """
        self.paths, self._titles = Strings(folder, "paths"), Strings(folder, "titles")
        self._texts, self._headings = Strings(folder, "texts"), Strings(folder, "headings")
        self._places = Strings(folder, "places")
        self._chunks = mapped(folder / "chunks", "i8", 6)
        self._units = mapped(folder / "units", "i4", 4)
        self.unit_starts: Rows = mapped(folder / "unit_starts", "i8")
        """`(chunks + 1,)`: where each chunk's units begin among all, and where the last end."""

    def __len__(self) -> int:
        return len(self._chunks)

    @property
    def documents(self) -> Rows:
        """Returns `(chunks,)`: the number of each chunk's document."""
        documents: Rows = self._chunks[:, 0]
        return documents

    def path(self, document: int) -> str:
        """Returns the path of a document, by its number."""
        return self.paths[document]

    def chunk(self, row: int) -> StoredChunk:
        """Returns a chunk."""
        document, start, end, line, headings, places = self._chunks[row].tolist()
        return StoredChunk(
            row,
            self.paths[document],
            self._titles[document],
            Span(start, end),
            self._names(headings),
            self._texts[row],
            line,
            Places.from_json(self._places[places]),
        )

    def units(self, row: int) -> list[Unit]:
        """Returns a chunk's units in order; `embedded` is empty, nobody embeds them again."""
        start, end = self.unit_starts[row : row + 2].tolist()
        names: dict[int, tuple[str, ...]] = {}
        found = []
        for kind, first, last, headings in self._units[start:end].tolist():
            if headings not in names:
                names[headings] = self._names(headings)
            found.append(Unit(_KINDS[kind], Span(first, last), names[headings], ""))
        return found

    def _names(self, headings: int) -> tuple[str, ...]:
        return tuple(json.loads(self._headings[headings]))

    @staticmethod
    def build(folder: Path, documents: Iterable[StoredDocument]) -> None:
        """Writes the texts of documents into `folder`, holding one document at a time."""
        with ExitStack() as stack:

            def strings(name: str) -> StringsWriter:
                return stack.enter_context(StringsWriter(folder, name))

            def numbers(name: str, dtype: str) -> ArrayWriter:
                return stack.enter_context(ArrayWriter(folder / name, dtype))

            paths, titles, texts = strings("paths"), strings("titles"), strings("texts")
            chunks, units = numbers("chunks", "i8"), numbers("units", "i4")
            starts, headings = numbers("unit_starts", "i8"), _Runs(strings("headings"))
            places = _Runs(strings("places"))
            end = 0
            starts.add([end])
            for document in documents:
                number, line, before = paths.add(document.path), 1, 0
                titles.add(document.title)
                for span, names, members in document.chunks:
                    line += document.text.count("\n", before, span.start)
                    before = span.start
                    texts.add(span.of(document.text))
                    here = places.add(document.places.within(span).to_json())
                    chunks.add([number, span.start, span.end, line, headings.add(names), here])
                    for kind, part, under in members:
                        place = [_KINDS.index(kind), part.start, part.end, headings.add(under)]
                        units.add(place)
                    end += len(members)
                    starts.add([end])


class _Runs:
    """Writes strings, once where the same follow each other."""

    def __init__(self, strings: StringsWriter) -> None:
        self._strings = strings
        self._last: tuple[str, int] = ("", -1)

    def add(self, said: str) -> int:
        """Returns the number of a string."""
        if self._last[0] != said:
            self._last = said, self._strings.add(said)
        return self._last[1]
