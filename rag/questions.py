"""The question log: what was asked, and what it got, kept on this machine for a number of days.

Input: answers, from every door; output: `Asked` records. Rows are written by a thread of their own,
so that no answer waits for the disk or fails because of it: the first at once, others gathered for
a second. What cannot be written is dropped, counted and said once.

The log is a file of its own beside the library's. In `library.sqlite3` a row would take the lock
that indexing holds and an fsync of synchronous=FULL: 10 ms at the median, against 1 ms here with
NORMAL and .1 without any (100 rows each, ext4 on a virtual disk); a power failure may cost the last
rows here, and no answer depends on them. And it outlives a library that is deleted and made anew.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rag.config import Settings
from rag.errors import LibraryError
from rag.types import Answer

FILE = "questions.sqlite3"
_APPLICATION_ID = 0x4E515150
FORMAT = 1

# Ids are never used twice and cannot be guessed, so that what a reader says of an answer may later
# be kept under its question's.
_SCHEMA = """
CREATE TABLE questions (
    id TEXT PRIMARY KEY, asked INTEGER NOT NULL, door TEXT NOT NULL, user TEXT,
    question TEXT NOT NULL, query TEXT NOT NULL, state TEXT NOT NULL, confidence REAL NOT NULL,
    documents TEXT NOT NULL, nearest TEXT, generation INTEGER NOT NULL
);
CREATE INDEX questions_by_time ON questions (asked)
"""

_PURGED = "CREATE TABLE IF NOT EXISTS purged (before INTEGER NOT NULL)"
"""Until when questions were deleted: those that waited in another process are not written then."""

PATIENCE = 5.0
"""Seconds that a connection waits for another that writes."""

PAUSE_SECONDS = 1.0
"""Between two writes: what a killed process may lose."""

SWEEP_SECONDS = 3600.0
"""How often rows that have had their days are deleted, beside at the start."""

LEAVE_SECONDS = 2.0
"""How long the end of a process waits for the last rows."""

MOST_WAITING = 1_000
"""Rows held while the disk is slow, some 1 MB; more are dropped."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was asked, and what it got.

    Attributes:
        asked: when, in UTC, to the millisecond.
        door: through which it came: `cli`, `page` or `api`.
        user: who asked; None unless sign-in is on.
        state: `answered` or `abstained`.
        documents: those that the answer cites, once each, in order.
        nearest: the document of the best passage.
        generation: of the notes at that time.
    """

    id: str
    asked: datetime
    door: str
    user: str | None
    question: str
    query: str
    state: str
    confidence: float
    documents: tuple[str, ...]
    nearest: str | None
    generation: int

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that `log show --json` prints."""
        return {
            "id": self.id,
            "asked": self.asked.isoformat(timespec="milliseconds"),
            "door": self.door,
            "user": self.user,
            "question": self.question,
            "query": self.query,
            "state": self.state,
            "confidence": round(self.confidence, 4),
            "documents": list(self.documents),
            "nearest": self.nearest,
            "generation": self.generation,
        }


Row = tuple[str, int, str, str | None, str, str, str, float, str, str | None, int]


class QuestionLog:
    """The questions asked of one library. All methods may be called from several threads.

    Attributes:
        dropped: how many questions could not be written.
    """

    def __init__(self, folder: Path, days: int, *, on: bool = True) -> None:
        """Opens nothing yet, and makes no file before there is a question.

        Args:
            folder: the library's, which has to be there when something is recorded.
            days: how long questions are kept.
            on: whether questions are recorded; those that were go after their days either way.
        """
        self.file = folder / FILE
        self.days = days
        self.on = on
        self.dropped = 0
        self._rows: list[Row] = []
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._warned = False

    @classmethod
    def of(cls, settings: Settings) -> QuestionLog:
        """Returns the log that the settings describe."""
        return cls(Path(settings.library), settings.log_days, on=settings.log_questions)

    def record(self, answer: Answer, door: str, user: str | None = None) -> None:
        """Keeps a question and what it got; never waits and never fails.

        Where the log is off, it only sees to it that what was kept goes after its days.
        """
        if not self.on:
            self.start()
            return
        row = _row(answer, door, user)
        with self._news:
            if self._closing or len(self._rows) >= MOST_WAITING:
                self._drop(1, f"{MOST_WAITING} wait to be written to {self.file}")
                return
            self._rows.append(row)
            self._start()
            self._news.notify()

    def start(self) -> None:
        """Deletes what has had its days, now and every hour until `close`."""
        with self._news:
            self._start()

    def close(self) -> None:
        """Writes what waits, for `LEAVE_SECONDS` at most; comes by itself where a process ends."""
        with self._news:
            self._closing = True
            self._news.notify()
            thread = self._thread
        if thread:
            thread.join(LEAVE_SECONDS)
            atexit.unregister(self.close)

    def _start(self) -> None:
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._work, name="question log", daemon=True)
            self._thread.start()
            atexit.register(self.close)

    def _work(self) -> None:
        swept: float | None = None
        ending = False
        while not ending:
            with self._news:
                if swept is not None:
                    self._news.wait_for(lambda: self._rows or self._closing, SWEEP_SECONDS)
                rows, self._rows = self._rows, []
                ending = self._closing
            if rows:
                self._attempt(partial(self._write, rows), len(rows))
            if swept is None or time.monotonic() - swept >= SWEEP_SECONDS:
                swept = time.monotonic()
                self._attempt(self._sweep)
            with self._news:
                self._news.wait_for(lambda: self._closing, PAUSE_SECONDS)

    def _attempt(self, do: Callable[[], None], rows: int = 0) -> None:
        try:
            do()
        except Exception as error:  # no answer, and no later question, suffers from it
            self._drop(rows, str(error))

    def _drop(self, rows: int, why: str) -> None:
        if not self._warned:
            self._warned = True
            log.warning("The question log misses questions: %s", why)
        self.dropped += rows

    def _write(self, rows: Sequence[Row]) -> None:
        with self._connection(make=True) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(_PURGED)
            since = _value(db, "SELECT coalesce(max(before), 0) FROM purged")
            kept = [row for row in rows if row[1] >= since]
            values = ",".join("?" * len(rows[0]))
            db.executemany(f"INSERT INTO questions VALUES ({values})", kept)
            db.execute("COMMIT")

    def _sweep(self) -> None:
        if self.file.is_file():
            with self._connection() as db:
                _delete(db, datetime.now(UTC) - timedelta(days=self.days))

    # Looking and deleting

    def newest(self, most: int) -> list[Asked]:
        """Returns the last questions, newest first.

        Raises:
            LibraryError: the log is damaged, or of another format.
        """
        if not self.file.is_file():
            return []
        with self._connection() as db:
            rows = db.execute(
                "SELECT * FROM questions ORDER BY asked DESC, rowid DESC LIMIT ?", (most,)
            )
            return [_asked(row) for row in rows]

    def count(self) -> int:
        """Returns how many questions are kept; raises as `newest`."""
        if not self.file.is_file():
            return 0
        with self._connection() as db:
            return int(db.execute("SELECT count(*) FROM questions").fetchone()[0])

    def purge(self, before: datetime | None = None) -> int:
        """Deletes the questions asked before a moment, or all; returns how many there were.

        Their words are overwritten, and the file shrinks. Those that wait to be written, in this
        or another process, go too.

        Raises:
            LibraryError: the log is damaged, of another format, or cannot be written.
        """
        if not self.file.parent.is_dir():
            return 0
        now = time.time_ns() // 1_000_000 + 1
        until = now if before is None else min(int(before.timestamp() * 1000), now)
        with self._connection(make=True) as db:
            db.execute("BEGIN IMMEDIATE")
            deleted = _delete(db, before)
            db.execute(_PURGED)
            db.execute("INSERT INTO purged VALUES (?)", (until,))
            db.execute("COMMIT")
            db.execute("VACUUM")
        return deleted

    @contextmanager
    def _connection(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        """Holds a connection, and turns SQLite's errors into ours.

        None is kept open: the file may be purged, or deleted, by another process.
        """
        try:
            if make:
                os.close(os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600))
            uri = f"{self.file.resolve().as_uri()}?mode=rw"
            connected = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)
            with closing(connected) as db:
                self._prepare(db)
                yield db
        except (sqlite3.OperationalError, OSError) as error:
            raise LibraryError(
                f"{self.file}: {error}. Check that it is writable and the disk not full, "
                "or switch the log off with log_questions = false in notesqa.toml."
            ) from error
        except sqlite3.DatabaseError as error:
            raise LibraryError(
                f"{self.file} is damaged ({error}): delete it; the next question makes a new one."
            ) from error

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA secure_delete = ON")
        if _value(db, "PRAGMA user_version") == 0:
            db.execute("BEGIN IMMEDIATE")
            # Asked again inside: another process may have been first.
            if not _value(db, "SELECT count(*) FROM sqlite_master"):
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {FORMAT}")
            db.execute("COMMIT")
        found = _value(db, "PRAGMA application_id"), _value(db, "PRAGMA user_version")
        if found != (_APPLICATION_ID, FORMAT):
            raise LibraryError(
                f"{self.file} is no question log of format {FORMAT}, which this notesqa keeps: "
                "update notesqa, or move the file away."
            )


def _row(answer: Answer, door: str, user: str | None) -> Row:
    cited = dict.fromkeys(citation.document for citation in answer.citations)
    return (
        os.urandom(8).hex(),
        time.time_ns() // 1_000_000,
        door,
        user,
        _writable(answer.question),
        _writable(answer.query),
        "answered" if answer.answered else "abstained",
        answer.confidence,
        json.dumps(list(cited)),
        answer.passages[0].document if answer.passages else None,
        answer.generation,
    )


def _asked(row: Row) -> Asked:
    id_, asked, door, user, question, query, state, confidence, documents, nearest, generation = row
    return Asked(
        *(id_, datetime.fromtimestamp(asked / 1000, UTC), door, user, question, query, state),
        *(confidence, tuple(json.loads(documents)), nearest, generation),
    )


def _writable(text: str) -> str:
    """Returns text that can be stored: an argument that is no Unicode comes with surrogates."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _delete(db: sqlite3.Connection, before: datetime | None) -> int:
    if before is None:
        return db.execute("DELETE FROM questions").rowcount
    limit = (int(before.timestamp() * 1000),)
    # Looked for first, so that there is nothing to write where there is nothing to delete.
    if not _value(db, "SELECT EXISTS (SELECT 1 FROM questions WHERE asked < ?)", limit):
        return 0
    return db.execute("DELETE FROM questions WHERE asked < ?", limit).rowcount


def _value(db: sqlite3.Connection, sql: str, parameters: tuple[int, ...] = ()) -> int:
    return int(db.execute(sql, parameters).fetchone()[0])
