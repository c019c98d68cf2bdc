"""All that one state of the library holds, for those who look at the notes as a whole.

Input: an engine; output: its chunks, their units and the vectors of both, by row. Whoever asks a
question needs none of it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from rag.index import Engine
from rag.texts import StoredChunk
from rag.tokens import Reading
from rag.types import Unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]


class Contents:
    """The chunks of one state of the library, by row: those of a document follow each other.

    Attributes:
        generation: the store's, at that state.
        corpus: the digest of the notes.
        language: of the notes, as `terms` takes it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.generation = engine.number
        self.corpus = engine.corpus
        self.language = engine.language

    def __len__(self) -> int:
        return self._engine.size

    @property
    def documents(self) -> Rows:
        """Returns `(chunks,)`: a number for each row's document."""
        return self._engine.documents

    def path(self, document: int) -> str:
        """Returns the path of a document, by its number."""
        return self._engine.texts.path(document)

    def chunk(self, row: int) -> StoredChunk:
        """Returns a chunk with its words, headings and place."""
        return self._engine.texts.chunk(row)

    def rows(self, document: str) -> list[int]:
        """Returns the rows of a document's chunks, by its path; none where it has none."""
        return self._rows.get(document, [])

    def headings(self, document: str, offset: int) -> tuple[str, ...]:
        """Returns those above a place of a document, the outermost first, if it has any."""
        found: tuple[str, ...] = ()
        for row in self.rows(document):
            for unit in self.units(row):
                if unit.span.start <= offset:
                    found = unit.headings
        return found

    @cached_property
    def _rows(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, document in enumerate(self.documents.tolist()):
            rows.setdefault(self.path(document), []).append(row)
        return rows

    def units(self, row: int) -> list[Unit]:
        """Returns what of a chunk can be quoted, in order."""
        return self._engine.texts.units(row)

    def vectors(self) -> Vectors:
        """Returns `(chunks, dim)` float32, unit rows; half a megabyte for 300 chunks."""
        return self._engine.chunk_vectors(slice(0, len(self)))

    def unit_vectors(self, row: int) -> Vectors:
        """Returns `(units, dim)` float32, unit rows: those of a chunk's units, in their order."""
        return self._engine.unit_vectors(row)

    def nearest(self, query: Vectors, k: int) -> Rows:
        """Returns the rows of the `k` chunks nearest to a vector, or all where there are fewer."""
        return self._engine.dense(query, k)

    def similarities(self, query: Vectors, rows: Rows) -> Vectors:
        """Returns `(len(rows),)` cosines of a vector and each chunk."""
        return self._engine.chunk_similarities(query, rows)

    def token_similarities(self, query: Reading, rows: Rows) -> Vectors:
        """Returns `(len(rows),)`: how well each chunk matches a text token by token, by idf."""
        return self._engine.token_similarities(query, rows)

    def knows(self, word: str) -> bool:
        """Returns whether a chunk holds the word, or another form of it, as a term."""
        return self._engine.knows(word)
