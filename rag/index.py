"""What is derived from the store, so that a question asks it nothing: vectors, words and texts.

It lies in `index-GENERATION/` beside the store, mapped when it is opened, with a stamp that names
the state of the store and the checksum of every file (`rag.stamps`); whatever does not match is
rebuilt from the store, embedding nothing. A folder appears under its name only when it is whole,
and the one before goes only then.

A new state of the store is there a while before its indexes: whoever has some opened goes on with
them as long as another process holds the library's lock.

The stamp also says in what language the words were analysed (the one that the settings named when
the store was written, or the one the chunks are written in), what the library was made with, and
which notes it holds.

Rows number the chunks in the order that breaks ties: document path, then place in the document.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import DamagedError, LibraryError, LockedError
from rag.folders import documents_in, folders_of, missing
from rag.languages import AUTO
from rag.mapped import mapped
from rag.spelling import Lexicon, count_words
from rag.stamps import StaleIndexError, drop_unnamed, read_stamp, seal, sync_names, verify
from rag.store import Store
from rag.texts import Texts
from rag.tokens import TokenIndex
from rag.vectors import HalfRows, Search
from rag.words import WordIndex, language_of, sample, terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.tokens import Reading

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]

log = logging.getLogger(__name__)

_FORMAT = "5"

MADE_WITH = ("model", "fingerprint", "precision", "chunking")
"""What of the store's meta an index keeps."""

_STATE = ("format", "library", "generation", "state")

Identity = dict[str, str]
"""What a stamp must equal: the state of the store, and our format."""


class Engine:
    """One state of the library: dense and lexical candidates, all in rows, and their texts.

    Attributes:
        made_with: the model and the chunking.
        corpus: the digest of the notes (`corpus_digest`).
        search: how the nearest chunks are found, in words.
        language: whose terms the word index holds; questions need the same.
        texts: what the rows say.
    """

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        scratch: tempfile.TemporaryDirectory[str] | None = None,
        *,
        checked: bool = False,
    ) -> None:
        """Opens what `build` wrote.

        Args:
            identity: what the stamp must say, at least.
            scratch: a temporary folder to keep as long as the engine lives.
            checked: whether every file was just hashed.

        Raises:
            StaleIndexError: anything does not match its stamp.
        """
        stamp = read_stamp(folder, identity)
        if not checked:
            verify(folder, stamp["files"])
        self._scratch = scratch
        self.identity: Identity = {name: stamp[name] for name in _STATE}
        self.made_with: dict[str, str] = stamp["made_with"]
        self.corpus: str = stamp["corpus"]
        self.search: str = stamp["search"]
        self.language: str = stamp["language"]
        dim = stamp["dim"]
        try:
            self.texts = Texts(folder)
            self._chunks = HalfRows(folder / "chunk_vectors", dim)
            self._units = HalfRows(folder / "unit_vectors", dim)
            self._search = Search(folder)
            self._tokens = TokenIndex(folder, dim)
            self._words = WordIndex(folder / "words")
            self._vocabulary = mapped(folder / "vocabulary.json", "u1")
        except (ValueError, OSError, RuntimeError) as error:
            raise StaleIndexError(f"{folder.name} cannot be opened") from error

    @cached_property
    def lexicon(self) -> Lexicon:
        """Returns the words of the notes, by how often they occur."""
        return Lexicon(json.loads(self._vocabulary.tobytes()))

    def knows(self, word: str) -> bool:
        """Returns whether a chunk holds the word, or another form of it, as a term."""
        return any(map(self.document_frequency, terms(word, self.language)))

    @property
    def number(self) -> int:
        """Returns the store's generation."""
        return int(self.identity["generation"])

    @property
    def size(self) -> int:
        """Returns the number of chunks."""
        return len(self.texts)

    @property
    def documents(self) -> Rows:
        """Returns a number for each row's document."""
        return self.texts.documents

    @cached_property
    def folders(self) -> list[str]:
        """Returns the folders in which notes lie."""
        return folders_of(self.texts.paths)

    def rows_in(self, place: str) -> range | None:
        """Returns the rows of a folder or document; None where they are all.

        Args:
            place: as `place_of` gives it; empty for all notes.

        Raises:
            QuestionError: no note lies there.
        """
        documents = documents_in(place, self.texts.paths) if place else None
        if documents is None:
            return None
        if not documents:
            raise missing(place, self.folders)
        number = self.documents
        rows = range(bisect_left(number, documents.start), bisect_left(number, documents.stop))
        return rows if len(rows) < self.size else None

    def dense(self, query: Vectors, k: int, within: range | None = None) -> Rows:
        """Returns the rows of the `k` nearest chunks, of those `within` where that is given."""
        return self._search.nearest(query, k, within)

    def chunk_similarities(self, query: Vectors, rows: Rows) -> Vectors:
        """Returns `(len(rows),)` cosines of the query and each chunk."""
        return self._chunks.similarities(query, rows)

    def best_unit_similarities(self, query: Vectors, rows: Rows) -> Vectors:
        """Returns `(len(rows),)` cosines of the query and each chunk's best unit, or -1."""
        import numpy as np

        first = self.texts.unit_starts[rows]
        counts = self.texts.unit_starts[rows + 1] - first
        best: Vectors = np.full(len(rows), -1, dtype=np.float32)
        if counts.any():
            begins = np.cumsum(counts) - counts
            places = np.repeat(first - begins, counts) + np.arange(counts.sum())
            similarities = self._units.similarities(query, places)
            best[counts > 0] = np.maximum.reduceat(similarities, begins[counts > 0])
        return best

    def token_similarities(self, query: Reading, rows: Rows) -> Vectors:
        """Returns `(len(rows),)`: the mean of the query's tokens' best cosines in each chunk."""
        return self._tokens.similarities(query, rows)

    def between(self, rows: Rows) -> Vectors:
        """Returns `(len(rows), len(rows))` cosines of each chunk with each."""
        vectors = self.chunk_vectors(rows)
        similarities: Vectors = vectors @ vectors.T
        return similarities

    def chunk_vectors(self, rows: Rows | slice) -> Vectors:
        """Returns the vectors of these chunks, `(len(rows), dim)` float32, unit rows."""
        return self._chunks.at(rows)

    def unit_vectors(self, row: int) -> Vectors:
        """Returns the vectors of a chunk's units, `(units, dim)` float32, unit rows."""
        start, end = self.texts.unit_starts[row : row + 2].tolist()
        return self._units.at(slice(start, end))

    def unit_similarities(self, query: Vectors, row: int) -> Vectors:
        """Returns the cosines of the query and each unit of a chunk, in the store's order."""
        start, end = self.texts.unit_starts[row : row + 2].tolist()
        return self._units.similarities(query, slice(start, end))

    def lexical(
        self, terms: Sequence[str], k: int, within: range | None = None
    ) -> list[tuple[int, float]]:
        """Returns up to `k` `(row, BM25 score)`, best first, ties by row; as for `dense`."""
        return self._words.search(terms, k, within)

    def document_frequency(self, term: str) -> int:
        """Returns how many chunks hold the term."""
        return self._words.document_frequency(term)


def open_engine(store: Store, present: Engine | None = None) -> Engine:
    """Returns the engine of the store's state, rebuilt first where need be.

    Call it inside `store.snapshot()`. Where another process holds the library's lock it is about to
    build that state's indexes: until then the engine at hand serves, or the last that was built.
    Where the library cannot be written, the indexes are made in a temporary folder that goes with
    the engine.

    Args:
        present: the engine at hand.

    Raises:
        LockedError: they are being built for the first time.
        DamagedError: a row of the store is not what was written.
        LibraryError: there is no room even for the temporary folder.
    """
    found = identity(store)
    folder = _folder(store)
    try:
        return Engine(folder, found)
    except StaleIndexError as stale:
        log.info("The indexes are not those of the library: %s.", stale)
    try:
        with store.lock(timeout=0):
            build(store)
            return Engine(folder, found)
    except LockedError as error:
        # Twice: the last may go between being listed and opened, and then the next is there.
        before = _last(store) or _last(store)
        if present and (before is None or before.number <= present.number):
            before = present
        if before is None:
            raise LockedError(
                f"{store.folder} is being indexed for the first time, or anew after an update: "
                "ask again when that has ended."
            ) from error
        return before
    except DamagedError:
        raise
    except LibraryError as error:
        log.info("%s", error)
    scratch = tempfile.TemporaryDirectory(prefix="notesqa-")
    with _plainly(Path(scratch.name)):
        _write(store, Path(scratch.name))
    return Engine(Path(scratch.name), found, scratch)


def _last(store: Store) -> Engine | None:
    """Returns the engine of an earlier state of this library, where it is still there."""
    same = {name: value for name, value in identity(store).items() if name in ("format", "library")}
    for folder in sorted(store.folder.glob("index-*"), reverse=True):
        try:
            return Engine(folder, same)
        except StaleIndexError:
            continue
    return None


def build(store: Store) -> None:
    """Writes the indexes of the store's state. Needs `store.lock`.

    Raises:
        DamagedError: a row of the store is not what was written.
        LibraryError: the folder cannot be written, or the disk is full.
    """
    folder = _folder(store)
    part = store.folder / f".{folder.name}"
    for left in [*store.folder.glob(".index-*"), folder]:
        shutil.rmtree(left, ignore_errors=True)
    with _plainly(store.folder):
        _write(store, part)
        part.rename(folder)
        sync_names(store.folder)


@contextmanager
def _plainly(folder: Path) -> Iterator[None]:
    """Turns the errors of writing into `folder` into ours."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:  # also faiss' and tantivy's
        said = getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0]
        raise LibraryError(
            f"The indexes cannot be written into {folder} ({said}): make room "
            "there, then run notesqa index again; nothing was lost."
        ) from error


def ensure(store: Store, *, thorough: bool = False) -> None:
    """Leaves the indexes of the store's state, and no others. Needs `store.lock`.

    Args:
        thorough: whether files that look as they did are hashed as well.

    Raises:
        LibraryError: as for `build`.
    """
    try:
        if thorough:
            _check_files(store)
        Engine(_folder(store), identity(store))
    except StaleIndexError:
        build(store)
    for other in _others(store):
        shutil.rmtree(other, ignore_errors=True)
    drop_unnamed(_folder(store))


def check(store: Store) -> list[str]:
    """Returns what is wrong with the indexes on disk; empty when all is well.

    Every file is read and hashed, and nothing is written.
    """
    try:
        _check_files(store)
    except StaleIndexError as error:
        return [str(error)]
    return []


def check_last(store: Store) -> Engine | None:
    """Returns the engine of the last state that is whole, for as long as the next is being built.

    Every file is read and hashed, and nothing is written.
    """
    last = _last(store)
    try:
        if last:
            folder = store.folder / f"index-{last.number:06d}"
            verify(folder, read_stamp(folder, last.identity)["files"], thorough=True)
    except StaleIndexError:
        return None
    return last


def left_over(store: Store) -> list[str]:
    """Returns what a killed process left, which does no harm."""
    return [
        f"{other.name} is left from before, and goes with the next notesqa index"
        for other in _others(store)
    ]


def _check_files(store: Store) -> None:
    """Raises StaleIndexError where a file is not what was written, or rows are too few or many."""
    folder = _folder(store)
    verify(folder, read_stamp(folder, identity(store))["files"], thorough=True)
    engine = checked(store)
    _, chunks, units = store.counts()
    if (engine.size, len(engine._units)) != (chunks, units):
        raise StaleIndexError(f"the indexes hold {engine.size} chunks, the store {chunks}")


def checked(store: Store) -> Engine:
    """Returns the engine of the store's state, after `check`: no file is hashed, none written.

    Raises:
        StaleIndexError: they do not match their stamp.
    """
    return Engine(_folder(store), identity(store), checked=True)


def search(store: Store) -> str | None:
    """Returns how the store's present indexes are searched; None where there are none."""
    try:
        return str(read_stamp(_folder(store), identity(store))["search"])
    except StaleIndexError:
        return None


def identity(store: Store) -> Identity:
    """Returns what the stamp of the store's present indexes says."""
    return {**dict.fromkeys(_STATE, ""), **store.state(), "format": _FORMAT}


def corpus_digest(digests: Mapping[str, str]) -> str:
    """Returns one digest of all that is indexed, paths and bytes.

    Args:
        digests: of the documents' bytes, by path.
    """
    lines = (f"{path}\0{digest}\n" for path, digest in sorted(digests.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _folder(store: Store) -> Path:
    return store.folder / f"index-{store.generation:06d}"


def _others(store: Store) -> list[Path]:
    """Returns the folders of other states than the present, and those that were never named."""
    begun = store.folder.glob(".index-*")
    return [*begun, *(o for o in store.folder.glob("index-*") if o != _folder(store))]


def _write(store: Store, folder: Path) -> None:
    """Writes all files and their stamp; of vectors and texts a few are held at a time."""
    words = folder / "words"
    words.mkdir(parents=True)
    dim = chars = 0

    def chunk_vectors() -> Iterator[bytes]:
        nonlocal dim, chars
        for _, _, text, vector in store.chunk_rows():
            dim, chars = len(vector) // 4, chars + len(text)
            yield vector

    HalfRows.write(folder / "chunk_vectors", chunk_vectors())
    HalfRows.write(folder / "unit_vectors", (vector for _, vector in store.unit_rows()))
    dim = dim or 1
    meta = store.meta()
    named = meta.get("language", AUTO)
    language = language_of(sample(store.embedded_rows(), chars)) if named == AUTO else named
    Texts.build(folder, store.document_rows())
    TokenIndex.build(folder, store.token_rows(), dim)
    WordIndex.build(words, (terms(text, language) for text in store.embedded_rows()))
    vocabulary = json.dumps(count_words(store.embedded_rows()), ensure_ascii=False)
    (folder / "vocabulary.json").write_text(vocabulary, encoding="utf-8")
    said: dict[str, Any] = {
        **identity(store),
        "language": language,
        "dim": dim,
        "search": Search.build(folder, HalfRows(folder / "chunk_vectors", dim), dim),
        "made_with": {name: meta[name] for name in MADE_WITH if name in meta},
        "corpus": corpus_digest(store.digests()),
    }
    seal(folder, said)
