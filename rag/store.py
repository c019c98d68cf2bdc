"""The library on disk: one SQLite file that alone is the truth.

It holds documents, chunks, units, vectors, what was skipped, and a generation that grows by one
with every change. Vectors are kept under a digest of the model and the text, and are committed
while indexing goes on: an interrupted run has lost nothing it computed, and changed nothing that
a reader can see. Everything a reader can see changes in one transaction.

Journal: DELETE with synchronous=FULL. SQLite before 3.51.3 can lose commits in WAL mode when two
connections checkpoint at the wrong moment, and 3.40.1 is widespread.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import LibraryError
from rag.tokens import Packed
from rag.types import Chunk, Document, Skipped, Span, Unit, UnitKind

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    DigestOf = Callable[[Chunk | Unit], bytes]

FILE = "library.sqlite3"
_APPLICATION_ID = 0x4E515341
_BUSY_SECONDS = 30.0

MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
        digest TEXT NOT NULL, text TEXT NOT NULL
    );
    CREATE TABLE chunks (
        id INTEGER PRIMARY KEY,
        document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
        headings TEXT NOT NULL, embedded TEXT NOT NULL, vector BLOB NOT NULL,
        UNIQUE (document, ordinal)
    );
    CREATE TABLE units (
        chunk INTEGER NOT NULL REFERENCES chunks (id) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL, kind TEXT NOT NULL,
        start INTEGER NOT NULL, "end" INTEGER NOT NULL,
        headings TEXT NOT NULL, embedded TEXT NOT NULL, vector BLOB NOT NULL,
        PRIMARY KEY (chunk, ordinal)
    ) WITHOUT ROWID;
    CREATE TABLE vectors (digest BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE skipped (
        document TEXT PRIMARY KEY, reason TEXT NOT NULL, message TEXT NOT NULL
    ) WITHOUT ROWID;
    INSERT INTO meta VALUES ('generation', '0'), ('library', lower(hex(randomblob(16))));
    """,
    # Tokens cannot be made of vectors: without the line on chunking, the next indexing reads every
    # note again, and keeps the vectors of units.
    """
    ALTER TABLE vectors ADD COLUMN tokens BLOB;
    DELETE FROM meta WHERE key = 'chunking';
    """,
)
"""Script `i` takes a library from format `i` to `i + 1`; a script is never edited once shipped."""

FORMAT = len(MIGRATIONS)


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as it is read back; `id` is the store's."""

    id: int
    document: str
    title: str
    span: Span
    headings: tuple[str, ...]
    text: str


class Store:
    """One connection to a library; the only code that speaks SQL.

    A reader sees one state from `snapshot()` to its end, whatever a writer does meanwhile.
    """

    def __init__(self, folder: Path, *, write: bool = False) -> None:
        """Opens the library in `folder`, or makes one there when `write`.

        Raises:
            LibraryError: missing, not writable, damaged, or of a newer format.
        """
        self.folder = folder
        self._file = folder / FILE
        if write:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LibraryError(
                    f"{folder} cannot be made ({error.strerror}): "
                    "choose a writable place, notesqa --library DIR index."
                ) from error
        elif not self._file.is_file():
            raise LibraryError(f"There is no library in {folder}: make it with notesqa index.")
        with self._plainly():
            # A reader opens for writing too, where it may: a killed writer leaves a journal that
            # the next connection has to roll back.
            uri = f"{self._file.resolve().as_uri()}?mode={'rwc' if write else 'rw'}"
            self._db = sqlite3.connect(
                uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(write)
            except BaseException:
                self._db.close()
                raise

    def _prepare(self, write: bool) -> None:
        with self.snapshot():
            empty = not self._value("SELECT count(*) FROM sqlite_master")
            found = self._value("PRAGMA user_version")
            owner = self._value("PRAGMA application_id")
        foreign = owner != _APPLICATION_ID and not (empty and owner == 0)
        if foreign or found > FORMAT:
            raise LibraryError(
                f"{self._file} has format version {found}; this notesqa reads versions up to "
                f"{FORMAT}. Update notesqa, or index into another place, "
                "notesqa --library DIR index."
            )
        if not write:
            self._db.execute("PRAGMA query_only = ON")
            if found < FORMAT:
                raise LibraryError(
                    f"{self._file} has format version {found}, this notesqa needs {FORMAT}: "
                    "bring it up to date with notesqa index."
                )
            return
        self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        with self._transaction():
            # Asked again inside: another process may have been first.
            for version in range(self._value("PRAGMA user_version"), FORMAT):
                for statement in MIGRATIONS[version].split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {version + 1}")
                self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")

    def close(self) -> None:
        """Ends the connection."""
        self._db.close()

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Turns SQLite's errors into ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise LibraryError(
                f"{self._file}: {error}. Check that the folder is writable and the disk not full; "
                "nothing was lost, so run the command again."
            ) from error
        except sqlite3.IntegrityError:
            raise  # ours to mend, not the user's
        except sqlite3.DatabaseError as error:
            raise LibraryError(
                f"{self._file} is damaged ({error}): delete {self.folder} and make it again "
                "with notesqa index; your notes are not touched."
            ) from error

    def _value(self, sql: str, *parameters: object) -> int:
        return int(self._db.execute(sql, parameters).fetchone()[0])

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Holds one state of the library for all reads inside."""
        with self._plainly():
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("ROLLBACK")

    @property
    def generation(self) -> int:
        """Returns how many times the content changed."""
        with self._plainly():
            return self._value("SELECT value FROM meta WHERE key = 'generation'")

    def meta(self) -> dict[str, str]:
        """Returns what the library was made with: `model`, `fingerprint`, `chunking`, `language`.

        `library` is a number of its own, so that nothing derived from another one fits.
        """
        with self._plainly():
            return dict(self._db.execute("SELECT key, value FROM meta"))

    def digests(self) -> dict[str, str]:
        """Returns each document's path and the digest of its bytes."""
        with self._plainly():
            return dict(self._db.execute("SELECT path, digest FROM documents"))

    def skipped(self) -> list[Skipped]:
        """Returns what the last indexing left out, by path."""
        with self._plainly():
            rows = self._db.execute("SELECT document, reason, message FROM skipped ORDER BY 1")
            return [Skipped(*row) for row in rows]

    def counts(self) -> tuple[int, int, int]:
        """Returns the numbers of documents, chunks and units."""
        with self._plainly():
            return (
                self._value("SELECT count(*) FROM documents"),
                self._value("SELECT count(*) FROM chunks"),
                self._value("SELECT count(*) FROM units"),
            )

    def text(self, path: str) -> str:
        """Returns a document's text.

        Raises:
            LibraryError: no such document.
        """
        with self._plainly():
            row = self._db.execute("SELECT text FROM documents WHERE path = ?", (path,)).fetchone()
        if row is None:
            raise LibraryError(f"{path} is not in the library: see notesqa status.")
        return str(row[0])

    def titles(self) -> dict[str, str]:
        """Returns each document's path and title, by path."""
        with self._plainly():
            return dict(self._db.execute("SELECT path, title FROM documents ORDER BY path"))

    def paths(self, ids: Sequence[int]) -> dict[int, str]:
        """Returns the paths of these documents, by id."""
        with self._plainly():
            return dict(
                self._db.execute(
                    "SELECT id, path FROM documents WHERE id IN (SELECT value FROM json_each(?))",
                    (json.dumps(ids),),
                )
            )

    def chunk_spans(self, path: str) -> list[Span]:
        """Returns where a document's chunks lie, in order."""
        with self._plainly():
            rows = self._db.execute(
                'SELECT c.start, c."end" FROM chunks c JOIN documents d ON d.id = c.document'
                " WHERE d.path = ? ORDER BY c.ordinal",
                (path,),
            )
            return [Span(start, end) for start, end in rows]

    # What the derived indexes are made of, in the order that breaks ties: path, then place.

    def chunk_rows(self) -> Iterator[tuple[int, int, str, bytes]]:
        """Yields `(id, document id, embedded text, vector)` of every chunk."""
        with self._plainly():
            yield from self._db.execute(
                "SELECT c.id, c.document, c.embedded, v.vector FROM chunks c"
                " JOIN documents d ON d.id = c.document JOIN vectors v ON v.digest = c.vector"
                " ORDER BY d.path, c.ordinal"
            )

    def token_rows(self) -> Iterator[bytes]:
        """Yields the packed tokens of every chunk, in the order of `chunk_rows`.

        Empty where they are not known yet: indexing was killed right after the format changed.
        """
        with self._plainly():
            for (tokens,) in self._db.execute(
                "SELECT coalesce(v.tokens, x'') FROM chunks c JOIN documents d ON d.id = c.document"
                " JOIN vectors v ON v.digest = c.vector ORDER BY d.path, c.ordinal"
            ):
                yield tokens

    def unit_rows(self) -> Iterator[tuple[int, bytes]]:
        """Yields `(chunk id, vector)` of every unit, chunks in the order of `chunk_rows`."""
        with self._plainly():
            yield from self._db.execute(
                "SELECT u.chunk, v.vector FROM units u JOIN chunks c ON c.id = u.chunk"
                " JOIN documents d ON d.id = c.document JOIN vectors v ON v.digest = u.vector"
                " ORDER BY d.path, c.ordinal, u.ordinal"
            )

    def chunks(self, ids: Sequence[int]) -> list[StoredChunk]:
        """Returns the chunks in the order of `ids`."""
        with self._plainly():
            found = {}
            for chunk_id in ids:
                path, title, text, start, end, headings = self._db.execute(
                    'SELECT d.path, d.title, substr(d.text, c.start + 1, c."end" - c.start),'
                    ' c.start, c."end", c.headings'
                    " FROM chunks c JOIN documents d ON d.id = c.document WHERE c.id = ?",
                    (chunk_id,),
                ).fetchone()
                found[chunk_id] = StoredChunk(
                    chunk_id, path, title, Span(start, end), tuple(json.loads(headings)), text
                )
            return [found[chunk_id] for chunk_id in ids]

    def units(self, chunk: int) -> list[Unit]:
        """Returns a chunk's units in the order of `unit_rows`."""
        with self._plainly():
            rows = self._db.execute(
                'SELECT kind, start, "end", headings, embedded FROM units'
                " WHERE chunk = ? ORDER BY ordinal",
                (chunk,),
            )
            return [
                Unit(UnitKind(kind), Span(start, end), tuple(json.loads(headings)), embedded)
                for kind, start, end, headings, embedded in rows
            ]

    def line(self, path: str, offset: int) -> int:
        """Returns the number, from 1, of the line that holds the character at `offset`."""
        with self._plainly():
            return 1 + self._value(
                "SELECT length(head) - length(replace(head, char(10), ''))"
                " FROM (SELECT substr(text, 1, ?) AS head FROM documents WHERE path = ?)",
                offset,
                path,
            )

    # Writing

    @contextmanager
    def lock(self, timeout: float) -> Iterator[None]:
        """Holds the right to write; at most one process has it.

        Raises:
            LibraryError: another process holds it for longer than `timeout` seconds, or the
                folder cannot be written.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=timeout)
        except Timeout as error:
            raise LibraryError(
                f"Another notesqa is indexing into {self.folder}: wait until it has ended, "
                "then run notesqa index again."
            ) from error
        except OSError as error:
            raise LibraryError(
                f"{self.folder} cannot be written ({error.strerror}): choose a writable place, "
                "notesqa --library DIR index."
            ) from error
        try:
            yield
        finally:
            lock.release()

    def missing(self, digests: Iterable[bytes]) -> list[bytes]:
        """Returns, once each and in order, the digests that have no vector yet."""
        with self._plainly():
            return [
                digest
                for digest in dict.fromkeys(digests)
                if not self._value("SELECT count(*) FROM vectors WHERE digest = ?", digest)
            ]

    def add_vectors(self, digests: Sequence[bytes], vectors: Vectors) -> None:
        """Commits vectors of units; no reader sees them before a document refers to them."""
        self._add([(d, row.tobytes(), None) for d, row in zip(digests, vectors, strict=True)])

    def add_readings(self, digests: Sequence[bytes], readings: Sequence[Packed]) -> None:
        """Commits vectors and tokens of chunks, as `add_vectors` does."""
        pairs = zip(digests, readings, strict=True)
        self._add([(digest, vector.tobytes(), tokens) for digest, (vector, tokens) in pairs])

    def _add(self, rows: list[tuple[bytes, bytes, bytes | None]]) -> None:
        with self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", rows)

    def commit(
        self,
        *,
        changed: Iterable[tuple[Document, str, Sequence[Chunk]]],
        removed: Iterable[str],
        skipped: Sequence[Skipped],
        meta: dict[str, str],
        digest: DigestOf,
    ) -> int:
        """Makes the new state visible, in one transaction, and returns its generation.

        Args:
            changed: documents, the digest of their bytes, and their chunks.
            digest: the digest under which the vector of a chunk or unit was added.
        """
        with self._transaction():
            for path in removed:
                self._db.execute("DELETE FROM documents WHERE path = ?", (path,))
            for document, content, chunks in changed:
                self._replace(document, content, chunks, digest)
            self._db.execute("DELETE FROM skipped")
            self._db.executemany(
                "INSERT INTO skipped VALUES (?, ?, ?)",
                [(s.document, s.reason, s.message) for s in skipped],
            )
            self._db.execute(
                "DELETE FROM vectors WHERE digest NOT IN"
                " (SELECT vector FROM chunks UNION SELECT vector FROM units)"
            )
            generation = self.generation + 1
            rows = {**meta, "generation": str(generation)}.items()
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
        return generation

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._plainly():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _replace(
        self, document: Document, content: str, chunks: Sequence[Chunk], digest: DigestOf
    ) -> None:
        self._db.execute("DELETE FROM documents WHERE path = ?", (document.path,))
        cursor = self._db.execute(
            "INSERT INTO documents (path, title, digest, text) VALUES (?, ?, ?, ?)",
            (document.path, document.title, content, document.text),
        )
        document_id = cursor.lastrowid
        for ordinal, chunk in enumerate(chunks):
            cursor = self._db.execute(
                'INSERT INTO chunks (document, ordinal, start, "end", headings, embedded, vector)'
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    document_id,
                    ordinal,
                    chunk.span.start,
                    chunk.span.end,
                    json.dumps(chunk.headings, ensure_ascii=False),
                    chunk.embedded,
                    digest(chunk),
                ),
            )
            self._db.executemany(
                "INSERT INTO units VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        cursor.lastrowid,
                        place,
                        unit.kind.value,
                        unit.span.start,
                        unit.span.end,
                        json.dumps(unit.headings, ensure_ascii=False),
                        unit.embedded,
                        digest(unit),
                    )
                    for place, unit in enumerate(chunk.units)
                ],
            )

    def problems(self) -> list[str]:
        """Returns what is wrong inside the store itself; empty when all is well."""
        with self._plainly():
            found = [row[0] for row in self._db.execute("PRAGMA integrity_check") if row[0] != "ok"]
            for name, sql in _INVARIANTS.items():
                if count := self._value(sql):
                    found.append(f"{count} {name}")
            return found


_INVARIANTS = {
    "chunks without a vector": (
        "SELECT count(*) FROM chunks WHERE vector NOT IN (SELECT digest FROM vectors)"
    ),
    "chunks without tokens": (
        "SELECT count(*) FROM chunks WHERE vector IN"
        " (SELECT digest FROM vectors WHERE tokens IS NULL)"
    ),
    "units without a vector": (
        "SELECT count(*) FROM units WHERE vector NOT IN (SELECT digest FROM vectors)"
    ),
    "chunks outside their document": (
        "SELECT count(*) FROM chunks c JOIN documents d ON d.id = c.document"
        ' WHERE c.start < 0 OR c."end" <= c.start OR c."end" > length(d.text)'
    ),
    "units outside their chunk": (
        "SELECT count(*) FROM units u JOIN chunks c ON c.id = u.chunk"
        ' WHERE u.start < c.start OR u."end" > c."end" OR u."end" <= u.start'
    ),
}
