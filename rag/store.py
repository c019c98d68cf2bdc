"""The library on disk: one SQLite file that alone is the truth.

It holds documents, chunks, units, vectors, what was skipped, and a generation that grows by one
with every change. Which document a path means is said by `current`, and all that is read is read
through it. Indexing stages documents beside the current ones, in as many transactions as it likes,
and no reader sees them; one short transaction then makes the new state current. What nothing
refers to any more goes afterwards, in bounded transactions. Vectors are kept under a digest of the
model and the text, so an interrupted run has lost nothing it committed.

Every row keeps a checksum of what was written, since SQLite keeps none: a byte that goes bad on the
disk inside a text or a vector would otherwise be read as if it had been written. Only what files
looked like is outside it: where that is wrong, a file is read again. Whatever is shown, or derived,
is compared as it is read.

Journal: DELETE with synchronous=FULL. SQLite before 3.51.3 can lose commits in WAL mode when two
connections checkpoint at the wrong moment, and 3.40.1 is widespread.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import migrations
from rag.errors import DamagedError, LibraryError, LockedError, NoLibraryError
from rag.locking import hold
from rag.soundness import CHUNKS, INVARIANTS, checksum
from rag.types import (
    Chunk,
    Document,
    Note,
    PlaceKind,
    Places,
    Remark,
    Signature,
    Skipped,
    Span,
    Unit,
    UnitKind,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    DigestOf = Callable[[Chunk | Unit], bytes]

FILE = "library.sqlite3"
APPLICATION_ID = 0x4E515341

PATIENCE = 30.0
"""Seconds that a connection waits for another that writes."""

_ASKED_AT_ONCE = 500
"""Digests looked up by one statement; SQLite takes 999 parameters in its oldest versions."""

_DROPPED_CHUNKS = 2_000
"""Chunks deleted in one transaction, unless one document has more: readers wait for its end."""

_SWEPT_VECTORS = 20_000
"""Vectors looked at in one transaction of deleting those that nothing refers to."""


VectorRow = tuple[bytes, bytes, bytes | None]
"""A digest, the vector kept under it, and the packed tokens where it is a chunk's."""


@dataclass(frozen=True, slots=True)
class Part:
    """A document to be staged, or so many of its chunks as one transaction takes.

    Attributes:
        digest: of the document's bytes.
        first: the ordinal of the first of `chunks`; the part that begins at 0 brings the document.
    """

    document: Document
    digest: str
    signature: Signature
    first: int
    chunks: Sequence[Chunk]


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as it is read back.

    Attributes:
        chunks: where each lies, its headings as JSON, and the same of its units behind their kind.
    """

    path: str
    title: str
    text: str
    chunks: list[tuple[Span, str, list[tuple[UnitKind, Span, str]]]]
    places: Places = Places()


class Store:
    """One connection to a library; the only code that speaks SQL.

    A reader sees one state from `snapshot()` to its end, whatever a writer does meanwhile.
    """

    def __init__(self, folder: Path, *, write: bool = False, patience: float = PATIENCE) -> None:
        """Opens the library in `folder`, or makes one there when `write`.

        Args:
            patience: seconds to wait for another connection that writes.

        Raises:
            LockedError: another connection was writing for longer than that.
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
            raise NoLibraryError(f"There is no library in {folder}: make it with notesqa index.")
        with self._plainly():
            # A reader opens for writing too, where it may: a killed writer leaves a journal that
            # the next connection has to roll back.
            uri = f"{self._file.resolve().as_uri()}?mode={'rwc' if write else 'rw'}"
            self._db = sqlite3.connect(
                uri, uri=True, timeout=patience, isolation_level=None, check_same_thread=False
            )
            self._db.create_function("checksum", -1, checksum, deterministic=True)
            try:
                self._prepare(write)
            except BaseException:
                self._db.close()
                raise
        self._opened = self._file.stat()

    @property
    def is_there(self) -> bool:
        """Returns whether the file that was opened is still the library, and not another."""
        try:
            return os.path.samestat(self._opened, self._file.stat())
        except OSError:
            return False

    def _prepare(self, write: bool) -> None:
        with self.snapshot():
            empty = not self._value("SELECT count(*) FROM sqlite_master")
            found = self._value("PRAGMA user_version")
            owner = self._value("PRAGMA application_id")
        if owner != APPLICATION_ID and not (empty and owner == 0):
            raise LibraryError(
                f"{self._file} is no notesqa library, but another program's: index into another "
                "place, notesqa --library DIR index."
            )
        if found > migrations.FORMAT:
            raise LibraryError(
                f"{self._file} has format version {found}; this notesqa reads versions up to "
                f"{migrations.FORMAT}. Update notesqa, or index into another place, "
                "notesqa --library DIR index."
            )
        if not write:
            self._db.execute("PRAGMA query_only = ON")
            if found < migrations.FORMAT:
                raise LibraryError(
                    f"{self._file} has format version {found}, this notesqa needs "
                    f"{migrations.FORMAT}: bring it up to date with notesqa index."
                )
            return
        self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.execute("PRAGMA synchronous = FULL")
        # A script that rebuilds a table drops the old one, and must not take with it what refers to
        # it; inside a transaction this cannot be said.
        self._db.execute("PRAGMA foreign_keys = OFF")
        with self._transaction():
            # Asked again inside: another process may have been first.
            for version in range(self._value("PRAGMA user_version"), migrations.FORMAT):
                for statement in migrations.MIGRATIONS[version].split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {version + 1}")
                self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._db.execute("PRAGMA foreign_keys = ON")

    def close(self) -> None:
        """Ends the connection."""
        self._db.close()

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Turns SQLite's errors into ours."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # ours to mend, not the user's
        except sqlite3.DatabaseError as error:
            # Text that is no UTF-8 any more has no code.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
            if code & 0xFF == sqlite3.SQLITE_BUSY:
                raise LockedError(
                    f"{self._file} is kept busy by another notesqa: nothing was lost, so run the "
                    "command again."
                ) from error
            if code in _DAMAGED or code & 0xFF in _DAMAGED:
                raise self._damaged(error) from error
            raise LibraryError(
                f"{self._file}: {error}. Check that the folder is writable and the disk not full; "
                "nothing was lost, so run the command again."
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

    def _damaged(self, what: object) -> DamagedError:
        return DamagedError(
            f"{self._file} is damaged ({what}): mend it with notesqa doctor --repair; "
            "your notes are not touched."
        )

    def _written(self, what: str, sql: str, *parameters: object) -> Iterator[tuple[Any, ...]]:
        """Yields rows without their checksum, which comes last; `what` they are is for the error.

        Raises:
            DamagedError: one is not what was written.
        """
        with self._plainly():
            for *row, written in self._db.execute(sql, parameters):
                self._compare(what, row, written)
                yield tuple(row)

    def _compare(self, what: str, row: Sequence[bytes | str | int | None], written: bytes) -> None:
        if checksum(*row) != written:
            raise self._damaged(f"{what} that are not what was written")

    @property
    def generation(self) -> int:
        """Returns how many times the content changed."""
        return int(self.state()["generation"])

    def meta(self) -> dict[str, str]:
        """Returns what the library was made with: `model`, `fingerprint`, `chunking`, `language`.

        `library` is a number of its own, so that nothing derived from another one fits, and
        `state` is another one with every generation.
        """
        return self._lines("")

    def state(self) -> dict[str, str]:
        """Returns what no other state of any library has: `library`, `generation` and `state`.

        A commit is named at random: where the power fails just after one, SQLite may undo it, and
        the next has the same generation.
        """
        return self._lines("WHERE key IN ('library', 'generation', 'state')")

    def _lines(self, which: str) -> dict[str, str]:
        sql = f"SELECT key, value, checksum FROM meta {which}"
        found: dict[str, str] = dict(self._written("lines of meta", sql))
        named = {"library", "generation", "state"} <= found.keys()
        if not named or not found["generation"].isdecimal():
            raise self._damaged("lines of meta that are missing or no number")
        return found

    def digests(self) -> dict[str, str]:
        """Returns each document's path and the digest of its bytes."""
        with self._plainly():
            return dict(self._db.execute("SELECT path, digest FROM current"))

    def signatures(self) -> dict[str, Signature]:
        """Returns by path what files looked like when they were read, skipped ones among them.

        Where that could not be trusted, the path is left out.
        """
        with self._plainly():
            rows = self._db.execute(
                "SELECT path, size, mtime_ns FROM current WHERE mtime_ns IS NOT NULL"
                " UNION ALL SELECT document, size, mtime_ns FROM skipped"
                " WHERE mtime_ns IS NOT NULL"
            )
            return {path: Signature(size, mtime_ns) for path, size, mtime_ns in rows}

    def skipped(self) -> list[Skipped]:
        """Returns what the last indexing left out, by path."""
        sql = "SELECT document, reason, message, checksum FROM skipped ORDER BY 1"
        return [Skipped(*row) for row in self._written("skipped files", sql)]

    def remarks(self) -> list[tuple[str, Remark]]:
        """Returns what is said of documents that are indexed, with their paths, by path."""
        with self._plainly():
            paths = dict(self._db.execute("SELECT document, path FROM current ORDER BY path"))
        rows = self._written(
            "remarks",
            "SELECT r.document, r.ordinal, r.reason, r.message, r.pages, r.checksum FROM current k"
            " CROSS JOIN remarks r ON r.document = k.document ORDER BY k.path, r.ordinal",
        )
        return [
            (paths[document], Remark(reason, message, tuple(json.loads(pages))))
            for document, _, reason, message, pages in rows
        ]

    def documents(self) -> int:
        """Returns the number of documents."""
        with self._plainly():
            return self._value("SELECT count(*) FROM current")

    def counts(self) -> tuple[int, int, int]:
        """Returns the numbers of documents, chunks and units."""
        with self._plainly():
            return (
                self.documents(),
                self._value(f"SELECT count(*) FROM {CHUNKS}"),
                self._value(f"SELECT count(*) FROM {CHUNKS} CROSS JOIN units u ON u.chunk = c.id"),
            )

    def note(self, path: str) -> Note:
        """Returns a document as it is shown.

        Raises:
            LibraryError: no such document.
        """
        sql = (
            "SELECT k.path, k.title, k.digest, d.text, d.places, d.checksum FROM current k"
            " JOIN documents d ON d.id = k.document WHERE k.path = ?"
        )
        for _, title, _, text, places in self._written("documents", sql, path):
            return Note(path, title, text, Places.from_json(places))
        raise LibraryError(f"{path} is not in the library: see notesqa status.")

    def digest(self, path: str) -> str:
        """Returns the SHA-256 of the bytes that a document was read from; raises as `note`."""
        with self._plainly():
            row = self._db.execute("SELECT digest FROM current WHERE path = ?", (path,)).fetchone()
        if row is None:
            raise LibraryError(f"{path} is not in the library: see notesqa status.")
        return str(row[0])

    def size(self) -> int:
        """Returns the bytes of the files that the documents were read from."""
        with self._plainly():
            return self._value("SELECT coalesce(sum(size), 0) FROM current")

    def titles(self) -> dict[str, str]:
        """Returns each document's path and title, by path."""
        with self._plainly():
            return dict(self._db.execute("SELECT path, title FROM current ORDER BY path"))

    def place_kinds(self) -> dict[str, PlaceKind]:
        """Returns each document's path and what its places are, by path."""
        sql = (
            "SELECT k.path, d.places ->> 0 FROM current k"
            " JOIN documents d ON d.id = k.document ORDER BY k.path"
        )
        with self._plainly():
            return {path: PlaceKind(kind) for path, kind in self._db.execute(sql)}

    def chunk_spans(self, path: str) -> list[Span]:
        """Returns where a document's chunks lie, in order."""
        with self._plainly():
            rows = self._db.execute(
                f'SELECT c.start, c."end" FROM {CHUNKS} WHERE k.path = ? ORDER BY c.ordinal',
                (path,),
            )
            return [Span(start, end) for start, end in rows]

    def code_spans(self, path: str) -> list[Span]:
        """Returns where a document's code lies, in order, as far as it could be quoted."""
        with self._plainly():
            rows = self._db.execute(
                f'SELECT u.start, u."end" FROM {CHUNKS} CROSS JOIN units u ON u.chunk = c.id'
                " WHERE k.path = ? AND u.kind = ? ORDER BY c.ordinal, u.ordinal",
                (path, UnitKind.CODE),
            )
            return [Span(start, end) for start, end in rows]

    # What the derived indexes are made of, in the order that breaks ties: path, then place. The
    # order is that of the tables, so that rows come one by one and nothing is sorted. The rows of
    # chunks, units and documents are compared with their checksums; what else is read is the same.

    def chunk_rows(self) -> Iterator[tuple[int, int, str, bytes]]:
        """Yields `(id, document id, embedded text, vector)` of every chunk."""
        with self._plainly():
            for number, *row, vector, tokens, vector_written, written in self._db.execute(
                'SELECT c.id, c.document, c.ordinal, c.start, c."end", c.headings, c.embedded,'
                f" v.digest, v.vector, v.tokens, v.checksum, c.checksum FROM {CHUNKS}"
                " CROSS JOIN vectors v ON v.id = c.vector ORDER BY k.path, c.ordinal"
            ):
                self._compare("chunks", row, written)
                self._compare("vectors", (row[-1], vector, tokens), vector_written)
                yield number, row[0], row[5], vector

    def embedded_rows(self) -> Iterator[str]:
        """Yields the embedded text of every chunk, in the order of `chunk_rows`."""
        with self._plainly():
            for (text,) in self._db.execute(
                f"SELECT c.embedded FROM {CHUNKS} ORDER BY k.path, c.ordinal"
            ):
                yield text

    def document_rows(self) -> Iterator[StoredDocument]:
        """Yields every document, its chunks and units in the order of the other rows."""
        with self._plainly():
            documents = self._db.execute(
                "SELECT d.id, k.path, k.title, k.digest, d.text, d.places, d.checksum"
                " FROM current k CROSS JOIN documents d ON d.id = k.document ORDER BY k.path"
            )
            for document, *row, written in documents:
                self._compare("documents", row, written)
                path, title, _, text, places = row
                chunks = self._db.execute(
                    'SELECT id, start, "end", headings FROM chunks'
                    " WHERE document = ? ORDER BY ordinal",
                    (document,),
                )
                placed = [
                    (Span(start, end), headings, self._placed_units(chunk))
                    for chunk, start, end, headings in chunks
                ]
                yield StoredDocument(path, title, text, placed, Places.from_json(places))

    def _placed_units(self, chunk: int) -> list[tuple[UnitKind, Span, str]]:
        rows = self._db.execute(
            'SELECT kind, start, "end", headings FROM units WHERE chunk = ? ORDER BY ordinal',
            (chunk,),
        )
        return [(UnitKind(kind), Span(start, end), under) for kind, start, end, under in rows]

    def token_rows(self) -> Iterator[bytes]:
        """Yields the packed tokens of every chunk, in the order of `chunk_rows`.

        Empty where they are not known yet: indexing was killed right after the format changed.
        """
        with self._plainly():
            for (tokens,) in self._db.execute(
                f"SELECT coalesce(v.tokens, x'') FROM {CHUNKS}"
                " CROSS JOIN vectors v ON v.id = c.vector ORDER BY k.path, c.ordinal"
            ):
                yield tokens

    def unit_rows(self) -> Iterator[tuple[int, bytes]]:
        """Yields `(chunk id, vector)` of every unit, chunks in the order of `chunk_rows`."""
        with self._plainly():
            for *row, vector, tokens, vector_written, written in self._db.execute(
                'SELECT u.chunk, u.ordinal, u.kind, u.start, u."end", u.headings, u.embedded,'
                f" v.digest, v.vector, v.tokens, v.checksum, u.checksum FROM {CHUNKS}"
                " CROSS JOIN units u ON u.chunk = c.id"
                " CROSS JOIN vectors v ON v.id = u.vector ORDER BY k.path, c.ordinal, u.ordinal"
            ):
                self._compare("units", row, written)
                self._compare("vectors", (row[-1], vector, tokens), vector_written)
                yield row[0], vector

    # Writing

    @contextmanager
    def lock(self, timeout: float) -> Iterator[None]:
        """Holds the right to write, as `hold` does."""
        with hold(self.folder, timeout):
            yield

    def missing(self, digests: Iterable[bytes]) -> list[bytes]:
        """Returns, once each and in order, the digests that have no vector yet."""
        asked = list(dict.fromkeys(digests))
        found: set[bytes] = set()
        with self._plainly():
            for start in range(0, len(asked), _ASKED_AT_ONCE):
                some = asked[start : start + _ASKED_AT_ONCE]
                places = ",".join("?" * len(some))
                found.update(
                    row[0]
                    for row in self._db.execute(
                        f"SELECT digest FROM vectors WHERE digest IN ({places})", some
                    )
                )
        return [digest for digest in asked if digest not in found]

    def stage(self, parts: Iterable[Part], vectors: Sequence[VectorRow], digest: DigestOf) -> None:
        """Adds vectors, and documents that no reader sees before `commit`, in one transaction.

        Args:
            digest: the digest under which the vector of a chunk or unit is, or is now, kept.
        """
        with self._transaction():
            self._insert_vectors(vectors)
            for part in parts:
                self._insert(part, digest)

    def _insert_vectors(self, vectors: Sequence[VectorRow]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO vectors (digest, vector, tokens, checksum)"
            " VALUES (?1, ?2, ?3, checksum(?1, ?2, ?3))",
            vectors,
        )

    def _insert(self, part: Part, digest: DigestOf) -> None:
        path = part.document.path
        if part.first == 0:
            # The same path twice in one run: the last one counts.
            self._db.execute(
                "INSERT INTO stale SELECT document FROM staged WHERE path = ?", (path,)
            )
            cursor = self._db.execute(
                "INSERT INTO documents (text, places, checksum)"
                " VALUES (?1, ?2, checksum(?3, ?4, ?5, ?1, ?2))",
                (
                    *(part.document.text, part.document.places.to_json()),
                    *(path, part.document.title, part.digest),
                ),
            )
            document = cursor.lastrowid
            self._db.executemany(
                "INSERT INTO remarks VALUES (?1, ?2, ?3, ?4, ?5, checksum(?1, ?2, ?3, ?4, ?5))",
                (
                    (document, ordinal, said.reason, said.message, json.dumps(said.pages))
                    for ordinal, said in enumerate(part.document.remarks)
                ),
            )
            self._db.execute(
                "INSERT OR REPLACE INTO staged VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(path, document, part.document.title, part.digest),
                    *(part.signature.size, part.signature.mtime_ns),
                ),
            )
        else:
            document = self._value("SELECT document FROM staged WHERE path = ?", path)
        first = 1 + self._value("SELECT coalesce(max(id), 0) FROM chunks")
        numbered = [(first + place, chunk) for place, chunk in enumerate(part.chunks)]
        self._db.executemany(
            "INSERT INTO chunks VALUES"
            " (?1, ?2, ?3, ?4, ?5, ?6, ?7, (SELECT id FROM vectors WHERE digest = ?8),"
            " checksum(?2, ?3, ?4, ?5, ?6, ?7, ?8))",
            (
                (
                    *(number, document, part.first + number - first),
                    *(chunk.span.start, chunk.span.end, _json(chunk.headings)),
                    *(chunk.embedded, digest(chunk)),
                )
                for number, chunk in numbered
            ),
        )
        self._db.executemany(
            "INSERT INTO units VALUES"
            " (?1, ?2, ?3, ?4, ?5, ?6, ?7, (SELECT id FROM vectors WHERE digest = ?8),"
            " checksum(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8))",
            (
                (
                    *(number, place, unit.kind.value, unit.span.start, unit.span.end),
                    *(_json(unit.headings), unit.embedded, digest(unit)),
                )
                for number, chunk in numbered
                for place, unit in enumerate(chunk.units)
            ),
        )

    def commit(
        self,
        *,
        removed: Iterable[str],
        skipped: Sequence[Skipped],
        signatures: Mapping[str, Signature],
        meta: dict[str, str],
    ) -> int:
        """Makes what was staged the current state, in one transaction; returns its generation.

        The time is noted (`changed`) where a document was added, removed or is another one now.

        Args:
            signatures: as for `sign`.
        """
        removed = list(removed)
        with self._transaction():
            if removed or self._value(_STAGED_ANEW):
                meta = {**meta, "changed": datetime.now(UTC).isoformat(timespec="seconds")}
            for path in removed:
                self._db.execute(
                    "INSERT INTO stale SELECT document FROM current WHERE path = ?", (path,)
                )
                self._db.execute("DELETE FROM current WHERE path = ?", (path,))
            self._db.execute(
                "INSERT INTO stale SELECT k.document FROM current k JOIN staged USING (path)"
            )
            self._db.execute("INSERT OR REPLACE INTO current SELECT * FROM staged")
            self._db.execute("DELETE FROM staged")
            self._db.execute("DELETE FROM skipped")
            self._db.executemany(
                "INSERT INTO skipped VALUES (?1, ?2, ?3, NULL, NULL, checksum(?1, ?2, ?3))",
                [(s.document, s.reason, s.message) for s in skipped],
            )
            self._sign(signatures)
            generation = self.generation + 1
            self._say({**meta, "generation": str(generation), "state": secrets.token_hex(16)})
        return generation

    def sign(self, signatures: Mapping[str, Signature], meta: Mapping[str, str]) -> None:
        """Notes what files looked like whose content is known: no change to what is found.

        Args:
            meta: what was left out, and with which loaders.
        """
        with self._transaction():
            self._sign(signatures)
            self._say(meta)

    def _say(self, meta: Mapping[str, str]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO meta VALUES (?1, ?2, checksum(?1, ?2))", meta.items()
        )

    def _sign(self, signatures: Mapping[str, Signature]) -> None:
        rows = [(seen.size, seen.mtime_ns, path) for path, seen in signatures.items()]
        self._db.executemany("UPDATE current SET size = ?, mtime_ns = ? WHERE path = ?", rows)
        self._db.executemany("UPDATE skipped SET size = ?, mtime_ns = ? WHERE document = ?", rows)

    def keep(self, vectors: Sequence[VectorRow]) -> int:
        """Adds vectors that nothing refers to, until `tidy`; returns how many are new."""
        with self._transaction():
            before = self._value("SELECT count(*) FROM vectors")
            self._insert_vectors(vectors)
            self._db.execute("INSERT OR IGNORE INTO loose SELECT id FROM vectors")
            return self._value("SELECT count(*) FROM vectors") - before

    def discard(self) -> None:
        """Deletes what a killed run staged, and what one left that was killed after its commit.

        Vectors stay until `tidy`: the next run may find them again.
        """
        if self._any("staged"):
            with self._transaction():
                self._db.execute("INSERT INTO stale SELECT document FROM staged")
                self._db.execute("DELETE FROM staged")
        while batch := self._stale():
            with self._transaction():
                self._drop(batch)

    def tidy(self) -> None:
        """Deletes, some at a time, what nothing refers to any more: documents, then vectors."""
        self.discard()
        while self._any("loose"):
            with self._transaction():
                self._sweep()

    def _any(self, table: str) -> bool:
        with self._plainly():
            return bool(self._value(f"SELECT EXISTS (SELECT 1 FROM {table})"))

    def _stale(self) -> list[int]:
        """Returns some of the documents to be deleted, with about `_DROPPED_CHUNKS` chunks."""
        batch: list[int] = []
        chunks = 0
        with self._plainly():
            for document, count in self._db.execute(
                "SELECT document, (SELECT count(*) FROM chunks c WHERE c.document = s.document)"
                " FROM stale s"
            ):
                batch.append(document)
                chunks += 1 + count
                if chunks >= _DROPPED_CHUNKS:
                    break
        return batch

    def _drop(self, documents: Sequence[int]) -> None:
        named = (json.dumps(documents),)
        of_these = "SELECT id FROM chunks WHERE document IN (SELECT value FROM json_each(?))"
        for vectors in (
            "SELECT vector FROM chunks WHERE document IN (SELECT value FROM json_each(?))",
            f"SELECT vector FROM units WHERE chunk IN ({of_these})",
        ):
            self._db.execute(f"INSERT OR IGNORE INTO loose {vectors}", named)
        self._db.execute(
            "DELETE FROM documents WHERE id IN (SELECT value FROM json_each(?))", named
        )

    def _sweep(self) -> None:
        some = f"(SELECT vector FROM loose ORDER BY vector LIMIT {_SWEPT_VECTORS})"
        self._db.execute(
            f"DELETE FROM vectors WHERE id IN {some}"
            " AND NOT EXISTS (SELECT 1 FROM chunks WHERE vector = vectors.id)"
            " AND NOT EXISTS (SELECT 1 FROM units WHERE vector = vectors.id)"
        )
        self._db.execute(f"DELETE FROM loose WHERE vector IN {some}")

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

    def problems(self) -> list[str]:
        """Returns what is wrong inside the store itself; empty when all is well."""
        with self._plainly():
            found = [row[0] for row in self._db.execute("PRAGMA integrity_check") if row[0] != "ok"]
            for name, sql in INVARIANTS.items():
                if count := self._value(sql):
                    found.append(f"{count} {name}")
            if count := len(self._db.execute("PRAGMA foreign_key_check").fetchall()):
                found.append(f"{count} rows that refer to what is not there")
            return found


@lru_cache(maxsize=1024)
def _json(headings: tuple[str, ...]) -> str:
    return json.dumps(headings, ensure_ascii=False)


_STAGED_ANEW = (
    "SELECT EXISTS (SELECT 1 FROM staged s LEFT JOIN current k USING (path)"
    " WHERE k.digest IS NOT s.digest)"
)


_DAMAGED = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_ERROR,  # our statements are right: a table that they name is not there
}
"""What SQLite says of a file that is not what it wrote."""
