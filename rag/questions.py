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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from rag.config import Settings
from rag.errors import LibraryError
from rag.types import Answer, Span

FILE = "questions.sqlite3"
_APPLICATION_ID = 0x4E515150
FORMAT = 2

# Ids are never used twice and cannot be guessed: who knows one has got the answer, and may say
# whether it helped.
_TABLE = """
CREATE TABLE questions (
    id TEXT PRIMARY KEY, asked INTEGER NOT NULL, door TEXT NOT NULL, user TEXT,
    question TEXT NOT NULL, query TEXT NOT NULL, state TEXT NOT NULL, confidence REAL NOT NULL,
    cited TEXT NOT NULL, retrieved TEXT NOT NULL, generation INTEGER NOT NULL,
    verdict TEXT, reason TEXT
)
"""
_INDEX = "CREATE INDEX questions_by_time ON questions (asked)"

_FROM_1 = (
    "ALTER TABLE questions RENAME TO older",
    "DROP INDEX questions_by_time",
    _TABLE,
    """
    INSERT INTO questions
    SELECT id, asked, door, user, question, query, state, confidence,
        (SELECT json_group_array(json_array(value)) FROM json_each(documents)),
        CASE WHEN nearest IS NULL THEN '[]' ELSE json_array(json_array(nearest)) END,
        generation, NULL, NULL
    FROM older
    """,
    "DROP TABLE older",
    _INDEX,
)
"""What makes a log of format 1, which kept documents without spans, one of format 2."""

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

KNOWN_BY = 60
"""First characters of a quote that are kept, since its note may change."""

MOST_REASON = 1_000
"""Characters that are kept of why an answer helped or did not."""

MOST_WAITING = 1_000
"""Rows held while the disk is slow, some 1 MB; more are dropped."""

log = logging.getLogger(__name__)


class Verdict(StrEnum):
    """What a reader says of an answer."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a note, as it was when a question was asked.

    Attributes:
        span: None where it is not known, in logs of old.
        words: how it begins; empty for a passage that was found.
    """

    document: str
    span: Span | None = None
    words: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that `log show --json` prints."""
        span = (self.span.start, self.span.end) if self.span else (None, None)
        return {"document": self.document, "start": span[0], "end": span[1]}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was asked, and what it got.

    Attributes:
        asked: when, in UTC, to the millisecond.
        door: through which it came: `cli`, `page`, `api`, `mcp` or `openai`.
        user: who asked; None unless sign-in is on.
        state: `answered` or `abstained`.
        cited: what the answer quotes, in order.
        retrieved: the passages that came with it, best first.
        generation: of the notes at that time.
        verdict: what the reader said of the answer, if anything.
        reason: why, in the reader's words.
    """

    id: str
    asked: datetime
    door: str
    user: str | None
    question: str
    query: str
    state: str
    confidence: float
    cited: tuple[Spot, ...]
    retrieved: tuple[Spot, ...]
    generation: int
    verdict: Verdict | None = None
    reason: str | None = None

    @property
    def documents(self) -> tuple[str, ...]:
        """Returns those that the answer cites, once each, in order."""
        return tuple(dict.fromkeys(spot.document for spot in self.cited))

    @property
    def nearest(self) -> str | None:
        """Returns the document of the best passage."""
        return self.retrieved[0].document if self.retrieved else None

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
            "cited": [spot.to_dict() for spot in self.cited],
            "retrieved": [spot.to_dict() for spot in self.retrieved],
            "generation": self.generation,
            "verdict": self.verdict,
            "reason": self.reason,
        }


Row = tuple[Any, ...]
"""As the columns of the table are."""


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
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._warned = False

    @classmethod
    def of(cls, settings: Settings) -> QuestionLog:
        """Returns the log that the settings describe."""
        return cls(Path(settings.library), settings.log_days, on=settings.log_questions)

    def record(self, answer: Answer, door: str, user: str | None = None) -> str | None:
        """Keeps a question and what it got, and returns its id; never waits and never fails.

        Where the log is off, it only sees to it that what was kept goes after its days, and there
        is no id.
        """
        if not self.on:
            self.start()
            return None
        row = _row(answer, door, user)
        with self._news:
            if self._closing or len(self._rows) >= MOST_WAITING:
                self._drop(1, f"{MOST_WAITING} wait to be written to {self.file}")
                return None
            self._rows.append(row)
            self._start()
            self._news.notify()
        return str(row[0])

    def judge(
        self, question: str, verdict: Verdict | None, reason: str = "", user: str | None = None
    ) -> bool:
        """Keeps what a reader says of an answer; returns whether it is one of theirs.

        Args:
            question: its id.
            verdict: None takes back what was said.
            reason: up to `MOST_REASON` characters are kept.
            user: who says it; it has to be who asked.

        Raises:
            LibraryError: the log is damaged, of another format, or cannot be written.
        """
        if not self.file.parent.is_dir():
            return False
        said = _writable(reason.strip()[:MOST_REASON]) if verdict else ""
        with self._writing:
            if rows := self._take():  # the question may be among them
                self._attempt(partial(self._write, rows), len(rows))
            return self.file.is_file() and self._update(verdict, said, question, user)

    def _update(self, verdict: Verdict | None, said: str, question: str, user: str | None) -> bool:
        with self._connection() as db:
            return bool(
                db.execute(
                    "UPDATE questions SET verdict = ?, reason = ? WHERE id = ? AND user IS ?",
                    (verdict, said or None, question, user),
                ).rowcount
            )

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
                ending = self._closing
            with self._writing:
                if rows := self._take():
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

    def _take(self) -> list[Row]:
        with self._news:
            rows, self._rows = self._rows, []
            return rows

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

    def newest(self, most: int, door: str | None = None) -> list[Asked]:
        """Returns the last questions, of one door or of all, newest first.

        A row that is damaged is passed over.

        Raises:
            LibraryError: the log is damaged, or of another format.
        """
        if not self.file.is_file():
            return []
        with self._connection() as db:
            rows = db.execute(
                "SELECT * FROM questions WHERE ?1 IS NULL OR door = ?1"
                " ORDER BY asked DESC, rowid DESC LIMIT ?2",
                (door, most),
            )
            return list(_readable(rows))

    def since(self, moment: datetime | None = None) -> Iterator[Asked]:
        """Yields the questions asked since a moment, or all, the oldest first.

        Rows are read at once, so that nobody waits to write while they are looked at: 50,000 take
        60 MB. One that is damaged is passed over.

        Raises:
            LibraryError: the log is damaged, or of another format.
        """
        if not self.file.is_file():
            return
        with self._connection() as db:
            rows = db.execute(
                "SELECT * FROM questions WHERE ?1 IS NULL OR asked >= ?1 ORDER BY asked, rowid",
                (None if moment is None else int(moment.timestamp() * 1000),),
            ).fetchall()
        yield from _readable(rows)

    def cited(self, document: str | None = None) -> list[tuple[Spot, int]]:
        """Returns what answers cited of a document, or of all, and how often, most often first.

        Raises:
            LibraryError: the log is damaged, or of another format.
        """
        if not self.file.is_file():
            return []
        with self._connection() as db:
            # A damaged row counts for nothing. CASE keeps the tests in order, AND does not.
            rows = db.execute(
                """
                SELECT c.value, count(*) FROM questions,
                    json_each(CASE WHEN json_valid(cited) THEN cited ELSE '[]' END) AS c
                WHERE CASE WHEN c.type = 'array'
                    THEN ?1 IS NULL OR json_extract(c.value, '$[0]') = ?1 END
                GROUP BY c.value ORDER BY 2 DESC, 1
                """,
                (document,),
            )
            found = [(_spot_if_any(json.loads(said)), count) for said, count in rows]
        return [(spot, count) for spot, count in found if spot]

    def count(self) -> int:
        """Returns how many questions are kept; raises as `newest`."""
        if not self.file.is_file():
            return 0
        with self._connection() as db:
            return int(db.execute("SELECT count(*) FROM questions").fetchone()[0])

    def oldest(self) -> str | None:
        """Returns the id of the oldest question that is kept; None where there is none.

        The oldest go first, and no id comes again: wherever questions were deleted, it is another.
        Raises as `newest`.
        """
        if not self.file.is_file():
            return None
        with self._connection() as db:
            found = db.execute("SELECT id FROM questions ORDER BY asked, rowid LIMIT 1").fetchone()
        return str(found[0]) if found else None

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
        if _value(db, "PRAGMA user_version") < FORMAT:
            db.execute("BEGIN IMMEDIATE")
            # Asked again inside: another process may have been first.
            if not _value(db, "SELECT count(*) FROM sqlite_master"):
                _make(db, (_TABLE, _INDEX))
            elif self._is_of(db, 1):
                _make(db, _FROM_1)
            db.execute("COMMIT")
        if not self._is_of(db, FORMAT):
            raise LibraryError(
                f"{self.file} is no question log of format {FORMAT}, which this notesqa keeps: "
                "update notesqa, or move the file away."
            )

    @staticmethod
    def _is_of(db: sqlite3.Connection, version: int) -> bool:
        found = _value(db, "PRAGMA application_id"), _value(db, "PRAGMA user_version")
        return found == (_APPLICATION_ID, version)


def _make(db: sqlite3.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {FORMAT}")


def _row(answer: Answer, door: str, user: str | None) -> Row:
    cited = [[c.document, c.span.start, c.span.end, c.quote[:KNOWN_BY]] for c in answer.citations]
    found = [[p.document, p.span.start, p.span.end] for p in answer.passages]
    return (
        os.urandom(8).hex(),
        time.time_ns() // 1_000_000,
        door,
        user,
        _writable(answer.question),
        _writable(answer.query),
        "answered" if answer.answered else "abstained",
        answer.confidence,
        json.dumps(cited),
        json.dumps(found),
        answer.generation,
        None,
        None,
    )


def _readable(rows: Iterable[Row]) -> Iterator[Asked]:
    """Yields what the rows say; nothing for one that is damaged."""
    for row in rows:
        names = (*row[:1], *row[2:3], *row[4:7])
        numbers = (row[1], row[7], row[10])
        if all(isinstance(name, str) for name in names) and all(
            isinstance(number, int | float) for number in numbers
        ):
            with suppress(ValueError, TypeError, OverflowError, OSError):
                yield _asked(row)


def _asked(row: Row) -> Asked:
    id_, asked, door, user, question, query, state, confidence, cited, retrieved, *rest = row
    generation, verdict, reason = rest
    return Asked(
        *(id_, datetime.fromtimestamp(asked / 1000, UTC), door, user, question, query, state),
        *(confidence, _spots(cited), _spots(retrieved), generation),
        *(Verdict(verdict) if verdict else None, reason),
    )


@lru_cache(4_000)
def _spots(said: str) -> tuple[Spot, ...]:
    """Returns the places a row tells of; the same ones for questions that got the same."""
    return tuple(map(_spot, json.loads(said)))


def _spot(said: Sequence[Any]) -> Spot:
    document, *rest = said
    if not rest:
        return Spot(document)
    start, end, *words = rest
    return Spot(document, Span(start, end), *words)


def _spot_if_any(said: Sequence[Any]) -> Spot | None:
    """Returns the spot that a row tells of; None where it tells of none."""
    match said:
        case [str()] | [str(), int(), int()] | [str(), int(), int(), str()]:
            with suppress(ValueError):
                return _spot(said)
    return None


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
