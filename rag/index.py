"""The indexes derived from the store: vectors (faiss), words (tantivy), and how words are spelt.

They live in `index-GENERATION/` beside the store, with a stamp that names the generation and the
checksum of every file; whatever does not match is rebuilt from the store, embedding nothing. A
folder appears under its name only when it is whole. The only user of faiss.

The stamp also says in what language the words were analysed: the one that the settings named when
the store was written, or the one the chunks are written in.

Rows number the chunks in the order that breaks ties: document path, then place in the document.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import LibraryError
from rag.spelling import Lexicon, count_words
from rag.store import Store
from rag.tokens import TokenIndex
from rag.words import AUTO, LANGUAGES, WordIndex, language_of, terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.tokens import Reading

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]

log = logging.getLogger(__name__)

_STAMP = "stamp.json"
_FORMAT = "3"


Identity = dict[str, str]
"""What a stamp must equal: the store's library number and generation, and our format."""


class StaleIndexError(Exception):
    """What is on disk is missing, incomplete, damaged, or of another generation."""


class Engine:
    """Dense and lexical candidates of one generation of the library, all in rows."""

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        scratch: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        """Opens what `build` wrote.

        Args:
            scratch: a temporary folder to keep as long as the engine lives.

        Raises:
            StaleIndexError: anything does not match its stamp.
        """
        import numpy as np

        self._scratch = scratch
        self._language, files = _checked(folder, identity)
        self.identity = identity
        self.chunk_ids: Rows = np.frombuffer(files["chunk_ids"], dtype=np.int64)
        self.documents: Rows = np.frombuffer(files["documents"], dtype=np.int64)
        self._unit_starts: Rows = np.frombuffer(files["unit_starts"], dtype=np.int64)
        self._unit_rows: Rows = np.repeat(np.arange(self.size), np.diff(self._unit_starts))
        self._chunks = _read_faiss(files["chunks.faiss"])
        self._units = _read_faiss(files["units.faiss"])
        self._tokens = TokenIndex(files, self._chunks.d)
        self._vocabulary = files["vocabulary.json"]
        try:
            self._words = WordIndex(folder / "words")
        except (ValueError, OSError) as error:
            raise StaleIndexError(f"{folder.name}/words cannot be opened") from error

    @cached_property
    def lexicon(self) -> Lexicon:
        """Returns the words of the notes, by how often they occur."""
        return Lexicon(json.loads(self._vocabulary))

    @property
    def language(self) -> str:
        """Returns the language whose terms the word index holds; questions need the same."""
        return self._language

    @property
    def size(self) -> int:
        """Returns the number of chunks."""
        return len(self.chunk_ids)

    def dense(self, query: Vectors, k: int) -> Rows:
        """Returns rows whose chunk or one of whose units is among the `k` nearest; unsorted."""
        import numpy as np

        by_chunk = self._nearest(self._chunks, query, k)
        by_unit = self._unit_rows[self._nearest(self._units, query, 2 * k)]
        return np.unique(np.concatenate([by_chunk, by_unit]))

    @staticmethod
    def _nearest(index: Any, query: Vectors, k: int) -> Rows:
        import numpy as np

        if not index.ntotal:
            return np.empty(0, dtype=np.int64)
        _, found = index.search(query[None, :], min(k, index.ntotal))
        rows: Rows = found[0][found[0] >= 0]
        return rows

    def chunk_similarities(self, query: Vectors, rows: Rows) -> Vectors:
        """Returns `(len(rows),)` cosines of the query and each chunk."""
        similarities: Vectors = self._chunks.reconstruct_batch(rows) @ query
        return similarities

    def best_unit_similarities(self, query: Vectors, rows: Rows) -> Vectors:
        """Returns `(len(rows),)` cosines of the query and each chunk's best unit, or -1."""
        import numpy as np

        first, counts = (
            self._unit_starts[rows],
            self._unit_starts[rows + 1] - self._unit_starts[rows],
        )
        best: Vectors = np.full(len(rows), -1, dtype=np.float32)
        if counts.any():
            begins = np.cumsum(counts) - counts
            places = np.repeat(first - begins, counts) + np.arange(counts.sum())
            similarities = self._units.reconstruct_batch(places) @ query
            best[counts > 0] = np.maximum.reduceat(similarities, begins[counts > 0])
        return best

    def token_similarities(self, query: Reading, rows: Rows) -> Vectors:
        """Returns `(len(rows),)`: the mean of the query's tokens' best cosines in each chunk."""
        return self._tokens.similarities(query, rows)

    def between(self, rows: Rows) -> Vectors:
        """Returns `(len(rows), len(rows))` cosines of each chunk with each."""
        vectors = self._chunks.reconstruct_batch(rows)
        similarities: Vectors = vectors @ vectors.T
        return similarities

    def unit_similarities(self, query: Vectors, row: int) -> Vectors:
        """Returns the cosines of the query and each unit of a chunk, in the store's order."""
        start, end = (int(x) for x in self._unit_starts[row : row + 2])
        similarities: Vectors = self._units.reconstruct_n(start, end - start) @ query
        return similarities

    def lexical(self, terms: Sequence[str], k: int) -> list[tuple[int, float]]:
        """Returns up to `k` `(row, BM25 score)`, best first, ties by row."""
        return self._words.search(terms, k)

    def document_frequency(self, term: str) -> int:
        """Returns how many chunks hold the term."""
        return self._words.document_frequency(term)


def open_engine(store: Store) -> Engine:
    """Returns the engine of the store's generation, rebuilt first where need be.

    Call it inside `store.snapshot()`. Where the library cannot be written, or another process is
    writing it, the indexes are made in a temporary folder that goes with the engine.
    """
    found = identity(store)
    folder = _folder(store)
    try:
        return Engine(folder, found)
    except StaleIndexError as stale:
        log.info("Rebuilding the indexes: %s.", stale)
    try:
        with store.lock(timeout=0):
            build(store)
            return Engine(folder, found)
    except LibraryError:
        scratch = tempfile.TemporaryDirectory(prefix="notesqa-")
        _write(store, Path(scratch.name))
        return Engine(Path(scratch.name), found, scratch)


def build(store: Store) -> None:
    """Writes the indexes of the store's generation; all others go. Needs `store.lock`.

    Raises:
        LibraryError: the folder cannot be written, or the disk is full.
    """
    folder = _folder(store)
    for other in [*store.folder.glob("index-*"), *store.folder.glob(".index-*")]:
        shutil.rmtree(other, ignore_errors=True)
    part = store.folder / f".{folder.name}"
    try:
        _write(store, part)
        part.rename(folder)
    except OSError as error:
        raise LibraryError(
            f"The indexes cannot be written into {store.folder} ({error.strerror}): make room "
            "there, then run notesqa index again; nothing was lost."
        ) from error


def check(store: Store) -> list[str]:
    """Returns what is wrong with the indexes on disk; empty when all is well."""
    try:
        engine = Engine(_folder(store), identity(store))
    except StaleIndexError as error:
        return [str(error)]
    _, chunks, units = store.counts()
    if (engine.size, engine._units.ntotal) != (chunks, units):
        return [f"the indexes hold {engine.size} chunks, the store {chunks}"]
    return []


def language(store: Store) -> str:
    """Returns the language in which the words of the store's present indexes were analysed.

    Raises:
        StaleIndexError: they do not match their stamp.
    """
    return _checked(_folder(store), identity(store))[0]


def identity(store: Store) -> Identity:
    """Returns what the stamp of the store's present indexes says."""
    meta = store.meta()
    return {
        "format": _FORMAT,
        "library": meta.get("library", ""),
        "generation": meta["generation"],
    }


def _folder(store: Store) -> Path:
    return store.folder / f"index-{store.generation:06d}"


def _write(store: Store, folder: Path) -> None:
    import faiss
    import numpy as np

    words = folder / "words"
    words.mkdir(parents=True)
    ids: list[int] = []
    documents: list[int] = []
    texts: list[str] = []
    vectors: list[bytes] = []
    for chunk_id, document, text, vector in store.chunk_rows():
        ids.append(chunk_id)
        documents.append(document)
        texts.append(text)
        vectors.append(vector)
    counts = dict.fromkeys(ids, 0)
    unit_vectors: list[bytes] = []
    for chunk_id, vector in store.unit_rows():
        counts[chunk_id] += 1
        unit_vectors.append(vector)
    starts = np.cumsum([0, *counts.values()], dtype=np.int64)
    dim = len(vectors[0]) // 4 if vectors else 1
    for name, rows in (("chunks.faiss", vectors), ("units.faiss", unit_vectors)):
        index = faiss.IndexFlatIP(dim)
        if rows:
            index.add(np.frombuffer(b"".join(rows), dtype=np.float32).reshape(-1, dim))
        (folder / name).write_bytes(faiss.serialize_index(index).tobytes())
    for name, values in (("chunk_ids", ids), ("documents", documents), ("unit_starts", starts)):
        (folder / name).write_bytes(np.asarray(values, dtype=np.int64).tobytes())
    TokenIndex.build(folder, store.token_rows(), dim)
    named = store.meta().get("language", AUTO)
    language = language_of(texts) if named == AUTO else named
    WordIndex.build(words, (terms(text, language) for text in texts))
    vocabulary = json.dumps(count_words(texts), ensure_ascii=False)
    (folder / "vocabulary.json").write_text(vocabulary, encoding="utf-8")
    files = {name: _digest((folder / name).read_bytes()) for name in _names(folder)}
    stamp = {**identity(store), "language": language, "files": files}
    (folder / _STAMP).write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    _sync(folder)


def _names(folder: Path) -> list[str]:
    """Returns the files that count, relative to the folder: no locks, not the stamp."""
    return sorted(
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and file.suffix != ".lock" and file.name != _STAMP
    )


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _checked(folder: Path, identity: Identity) -> tuple[str, dict[str, bytes]]:
    """Returns the language, and the contents of the files by name, each equal to its stamp."""
    try:
        stamp = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
        if {name: stamp[name] for name in identity} != identity:
            raise StaleIndexError(f"{folder.name} is of another generation, library or format")
        language = stamp["language"]
        if language not in LANGUAGES:
            raise StaleIndexError(f"{folder.name} is of the unknown language {language!r}")
        contents = {name: (folder / name).read_bytes() for name in stamp["files"]}
        for name, data in contents.items():
            if _digest(data) != stamp["files"][name]:
                raise StaleIndexError(f"{folder.name}/{name} is not what was written")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StaleIndexError(f"{folder.name} is missing or incomplete") from error
    return language, contents


def _read_faiss(data: bytes) -> Any:
    import faiss
    import numpy as np

    # No array inside a file can be larger than the file.
    faiss.set_deserialization_vector_byte_limit(len(data))
    return faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))


def _sync(folder: Path) -> None:
    """Waits until the files are on the disk, so that a rename never shows empty ones."""
    for name in [*_names(folder), _STAMP]:
        with (folder / name).open("rb") as handle:
            os.fsync(handle.fileno())
