"""Kills indexing over and over, makes its writes fail, and holds what is left to the promises.

    python tests/crashing.py --kills 500 --failures 100 --commands 10 --seed 1

A corpus changes at random: notes are edited, added, removed, renamed. A process indexes it and is
killed with SIGKILL, at a random time or at a named point: a statement of SQL, a file made, renamed
or deleted, an fsync. After one to four such runs another completes the work. All the while a reader
asks. `Harness` says in `check_left` and `check_done` what has to hold.

Some of what one run meets is in C (SQLite's own writes, faiss, tantivy): only random times get
there.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conftest import CORPUS, WordLengths  # noqa: E402

from rag import Library, NotesQAError, Passage, Settings  # noqa: E402
from rag.store import FILE  # noqa: E402

Notes = dict[str, str]
Text = tuple[str, str]
"""What was embedded, and as what: `chunk` or `unit`."""

PATHS_OF = {
    "os.rename",
    "os.link",
    "os.mkdir",
    "os.rmdir",
    "os.remove",
    "os.truncate",
    "shutil.rmtree",
}
"""Audit events that name what they change."""

MAY_FAIL = re.compile(r": (fsync|os\.rename|os\.mkdir|open|before (BEGIN I|INS|UPD|DEL|COM))")
"""Points where an operation may fail."""

_CHANGING = re.compile(r"(?<=\.verified-)\S+|[0-9a-f]{8,}|[0-9]+")
"""What is another in each run."""

_RAG = str(ROOT / "rag")

SECONDS = 60.0
"""How long one run may take before it counts as hanging."""


def settings(folder: Path, corpus: Path | None = None) -> Settings:
    """Returns small chunks, and queries as they are typed."""
    return Settings(library=str(folder), corpus=str(corpus), chunk_tokens=32, spelling=False)


# The process that indexes


@dataclass
class Points:
    """What a run passes; at one of them it is killed, or fails."""

    folder: str
    at: tuple[str, int] | None
    fails: bool
    passed: list[str] = field(default_factory=list)

    def happen(self, name: str) -> None:
        """Notes one more point, and ends there where that is the one."""
        frame: FrameType | None = sys._getframe(2)
        while frame and not (
            frame.f_code.co_filename.startswith(_RAG) and frame.f_code.co_name[0] != "_"
        ):
            frame = frame.f_back
        if frame is None:
            return
        module = Path(frame.f_code.co_filename).stem
        self.passed.append(point := f"{module}.{frame.f_code.co_name}: {_CHANGING.sub('N', name)}")
        if self.at and point == self.at[0] and self.passed.count(point) == self.at[1]:
            if not self.fails:
                os.kill(os.getpid(), signal.SIGKILL)
            if "SQL" in point:
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Sees what Python does to files; errors raised here are those of the operation."""
        if event == "open":
            path, mode, flags = arguments
            to_write = bool((flags or 0) & (os.O_WRONLY | os.O_RDWR)) or bool(
                isinstance(mode, str) and set(mode) & set("wa+")
            )
            if to_write and isinstance(path, str) and path.startswith(self.folder):
                self.happen(f"open {Path(path).name} to write")
        elif event in PATHS_OF:
            path = os.fspath(arguments[0]) if arguments[0] is not None else ""
            if isinstance(path, str) and (path.startswith(self.folder) or "/" not in path):
                self.happen(f"{event} {Path(path).name}")


def watched(points: Points) -> None:
    """Has SQL, files and fsync of this process pass `points`."""
    connect, fsync = sqlite3.connect, os.fsync

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            return self._pass(sql, lambda: super(Connection, self).execute(sql, *rest))

        def executemany(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            return self._pass(sql, lambda: super(Connection, self).executemany(sql, *rest))

        def _pass(self, sql: str, run: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
            short = sql.strip()[:40].partition("VALUES")[0].strip()
            if short.startswith(("SELECT", "PRAGMA")):
                return run()
            points.happen(f"before {short} (SQL)")
            cursor = run()
            points.happen(f"after {short}")
            return cursor

    def small_cache(*arguments: Any, **named: Any) -> sqlite3.Connection:
        # As with a large corpus, changed pages reach the file before the commit.
        db = connect(*arguments, **named, factory=Connection)
        sqlite3.Connection.execute(db, "PRAGMA cache_size = 4")
        return db

    def fsync_(handle: int) -> None:
        points.happen("fsync")
        fsync(handle)

    sqlite3.connect = small_cache  # type: ignore[assignment]
    os.fsync = fsync_  # type: ignore[assignment]
    sys.addaudithook(points.audit)


class Logged(WordLengths):
    """Writes down what it embeds, before it does."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        self.log = log

    def note(self, kind: str, texts: Any) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps([[kind, text] for text in texts]) + "\n")

    def embed_passages(self, texts: Any) -> Any:
        self.note("unit", texts)
        time.sleep(0.002)  # so that random times fall between batches too
        return super().embed_passages(texts)

    def read_passages(self, texts: Any) -> Any:
        self.note("chunk", texts)
        time.sleep(0.002)
        return super().read_passages(texts)


def work() -> None:
    """Forks a process for each job that comes in, and tells how it ended."""
    import faiss  # noqa: F401
    import tantivy  # noqa: F401

    import rag.indexing  # noqa: F401 — so that a process has nothing to do but the work

    for line in sys.stdin:
        job = json.loads(line)
        begin = time.perf_counter()
        pid = os.fork()
        if not pid:
            run(job)
        delay = job["delay"]
        deadline = begin + (SECONDS if delay is None else delay)
        ended = 0
        while not ended and time.perf_counter() < deadline:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                time.sleep(0.001)
        if not ended:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps([code, time.perf_counter() - begin]), flush=True)


def run(job: dict[str, Any]) -> NoReturn:
    """Indexes as a job says, and leaves word of it."""
    from rag import index, indexing, store

    unlimited = resource.RLIM_INFINITY
    indexing.WINDOW_TEXTS = 12  # fewer than a long note has: it spans two
    indexing.TEXTS_AT_ONCE = 4
    store._DROPPED_CHUNKS = 2
    store._SWEPT_VECTORS = 8
    log = Path(job["log"])
    stage = store.Store.stage

    def logged_stage(self: Any, *arguments: Any) -> None:
        stage(self, *arguments)
        with log.open("a", encoding="utf-8") as file:
            file.write("null\n")

    store.Store.stage = logged_stage  # type: ignore[assignment,method-assign]
    points = Points(job["folder"], tuple(job["at"]) if job["at"] else None, job["fails"])
    watched(points)
    said: dict[str, Any] = {"error": None}
    status = 0
    try:
        library = Library(settings(Path(job["folder"]), Path(job["corpus"])), Logged(log))
        when, room = job["room"] or ("", unlimited)
        if when:
            build = index.build

            def build_in_little_room(store: Any) -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, unlimited))
                build(store)

            index.build = build_in_little_room
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, unlimited))
        if job["repair"]:
            library.repair()
        else:
            library.index()
    except NotesQAError as error:
        status, said["error"] = 1, str(error)
    except BaseException:
        status, said["error"] = 2, traceback.format_exc()
    points.at = None
    resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
    Path(job["said"]).write_text(json.dumps({**said, "passed": points.passed}), encoding="utf-8")
    os._exit(status)


# The process that asks


def read(folder: Path) -> None:
    """Asks until its input ends, and tells what it saw: each answer is to be of one state."""
    import select

    asked = mixed = 0
    states: set[str] = set()
    errors: list[str] = []
    library = Library.open(settings(folder), WordLengths())
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        try:
            if asked % 7 == 6:
                library = Library.open(settings(folder), WordLengths())
            answer = library.ask("What is the state of the left and the right pair now?")
            shown = [p.text for p in answer.passages] + [c.quote for c in answer.citations]
            seen = set(re.findall(r"pair state\d+", " ".join(shown)))
            mixed += len(seen) != 1
            states |= seen
        except Exception:
            errors.append(traceback.format_exc())
        asked += 1
    print(json.dumps({"asked": asked, "states": len(states), "mixed": mixed, "errors": errors}))


# The harness


@dataclass
class Report:
    """What was done to indexing, and what came of it."""

    kills: int = 0
    runs: int = 0
    failures: int = 0
    commands: int = 0
    old: int = 0
    new: int = 0
    points: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    reader: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Returns the lines that are printed at the end."""
        refused = [f"  {n:4} {said}" for said, n in self.refused.most_common()]
        points = [f"  {n:4} {point}" for point, n in sorted(self.points.items())]
        return "\n".join(
            [
                f"{self.kills} kills and {self.failures} failing writes in {self.runs} runs of "
                f"indexing, and {self.commands} killed commands; left behind: the old state "
                f"{self.old} times, the new one {self.new} times. No check failed.",
                f"A reader asked {self.reader.get('asked', 0)} times, and saw "
                f"{self.reader.get('states', 0)} states, none of them half.",
                *("Failing writes were told as:", *refused),
                *(f"Killed at {len(points)} places:", *points),
            ]
        )


class Harness:
    """A library, the corpus it is made of, and the processes that write and read it."""

    def __init__(self, root: Path, seed: int) -> None:
        """Makes the first state; the processes end with `close`."""
        self.root, self.chance = root, random.Random(seed)
        self.report = Report()
        self.folder, self.corpus = root / "library", root / "notes"
        self.corpus.mkdir()
        self.number = 0
        self.logs: list[Path] = []
        self.notes: Notes = {}
        self.passed: list[str] = []
        self.mended: list[str] = []
        self.whole = 1.0
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",  # a process of one thread is safe to fork
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [sys.executable, __file__]
        pipes: dict[str, Any] = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "encoding": "utf-8",
        }
        self.worker = subprocess.Popen([*command, "--work"], env=environment, **pipes)
        self.change()
        self.complete(set())
        reading = [*command, "--read", str(self.folder)]
        self.reader = subprocess.Popen(reading, env=environment, **pipes)

    def close(self) -> None:
        """Ends the processes, and takes down what the reader saw."""
        out, _ = self.reader.communicate("\n", timeout=SECONDS)
        self.report.reader = json.loads(out)
        self.worker.communicate(timeout=SECONDS)
        assert self.report.reader["errors"] == [], self.report.reader["errors"][0]
        assert self.report.reader["mixed"] == 0, "an answer was of two states"

    # The corpus

    def change(self) -> None:
        """Brings the corpus into another state, by one kind of change or by all."""
        kinds = ("edit", "add", "remove", "rename")
        kind = self.chance.choice([*kinds, "mix"])
        for each in kinds if kind == "mix" or not self.notes else [kind]:
            names = sorted(self.notes.keys() - {"left.md", "deep/right.md"})
            for name in self.chance.sample(names, min(len(names), self.chance.randint(1, 3))):
                if each == "edit":
                    lines = self.notes[name].splitlines()[: self.chance.randint(1, 6)]
                    self.notes[name] = "\n".join([*lines, self.text()])
                elif each == "rename":
                    self.notes[f"renamed{self.next()}.md"] = self.notes.pop(name)
                elif each == "remove" and len(self.notes) > 5:
                    del self.notes[name]
            if each == "add":
                for _ in range(self.chance.randint(1, 3) if self.notes else 8):
                    self.notes[f"note{self.next()}.md"] = self.text()
        state = self.next()
        for side in ("left.md", "deep/right.md"):
            said = f"The {side[-8:-3]} pair now has the pair state{state}.\n\n"
            self.notes[side] = f"# The pair\n\n{said * self.chance.randint(1, 4)}"
        self.write()

    def write(self) -> None:
        """Writes the notes, at times that may be trusted or not."""
        for path in [p for p in self.corpus.rglob("*") if p.is_file()]:
            if path.relative_to(self.corpus).as_posix() not in self.notes:
                path.unlink()
        for name, text in self.notes.items():
            path = self.corpus / name
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
                if self.chance.random() < 0.7:
                    long_ago = 1_500_000_000 + self.next()
                    os.utime(path, (long_ago, long_ago))

    def next(self) -> int:
        """Returns a number that was not there before."""
        self.number += 1
        return self.number

    def text(self) -> str:
        """Returns a note, with a word that no other text has."""
        heading = f"# About {self.chance.choice(['otters', 'herons', 'fitting', 'kernels'])}"
        lines = [
            f"The word{self.next()}x says {'so ' * self.chance.randint(1, 9)}here."
            for _ in range(self.chance.randint(2, 14))
        ]
        return "\n\n".join([heading, *lines])

    # Runs

    def index(
        self,
        *,
        at: tuple[str, int] | None = None,
        delay: float | None = None,
        fails: bool = False,
        room: tuple[str, int] | None = None,
        repair: bool = False,
    ) -> tuple[int, dict[str, Any]]:
        """Runs indexing, or `repair`, in a process.

        Returns:
            Its status and what it said, if it came to that.
        """
        said = self.root / "said.json"
        self.logs.append(self.root / f"log{self.report.runs}")
        said.unlink(missing_ok=True)
        job: dict[str, Any] = {
            "folder": str(self.folder),
            "corpus": str(self.corpus),
            "log": str(self.logs[-1]),
        }
        job |= {"said": str(said), "at": at, "delay": delay, "fails": fails, "room": room}
        job["repair"] = repair
        assert self.worker.stdin and self.worker.stdout
        self.worker.stdin.write(json.dumps(job) + "\n")
        self.worker.stdin.flush()
        status, seconds = json.loads(self.worker.stdout.readline())
        self.report.runs += 1
        assert seconds < SECONDS, "indexing hangs"
        found = json.loads(said.read_text(encoding="utf-8")) if said.exists() else {}
        assert status in (0, 1, -signal.SIGKILL), found.get("error")
        if status == 0 and not fails and room is None:
            if repair:
                self.mended = found["passed"] or self.mended
            else:
                self.passed, self.whole = found["passed"], seconds
        return status, found

    def point(self, *, that_may_fail: bool = False, mending: bool = False) -> tuple[str, int]:
        """Returns a point of the last whole run, the rare as likely as the common."""
        passed = self.mended if mending else self.passed
        counts = Counter(p for p in passed if not that_may_fail or MAY_FAIL.search(p))
        name = self.chance.choice(sorted(counts))
        return name, self.chance.randint(1, counts[name])

    def kill(self) -> bool:
        """Runs indexing and kills it; returns whether it was killed before its end."""
        if self.chance.random() < 0.3:
            where, status = "at a random time", self.index(delay=self.chance.random() * self.whole)
        else:
            at = self.point()
            where, status = at[0], self.index(at=at)
        if status[0] == -signal.SIGKILL:
            self.report.kills += 1
            self.report.points[where] += 1
        return status[0] == -signal.SIGKILL

    def fail_somewhere(self) -> None:
        """Runs indexing with a write that fails, or with files that may not grow so far."""
        at, room = None, None
        if self.chance.random() < 0.4:
            room = self.chance.choice([("", 150_000), ("build", 6_000)])
            room = (room[0], int(room[1] * self.chance.random()) + (20_000 if not room[0] else 0))
        else:
            at = self.point(that_may_fail=True)
        status, said = self.index(at=at, fails=True, room=room)
        self.report.failures += 1
        if status == 1:
            assert "\n" not in said["error"].strip(), said["error"]
            plain = re.sub(r"/\S+/", "", said["error"])
            self.report.refused[re.sub(r"[0-9]+", "N", plain)] += 1

    def chain(self, *, failing: bool) -> None:
        """Interrupts one change some times, and has it completed."""
        if self.chance.random() < 0.1:  # a library that is being made
            self.folder, kept = self.root / f"made{self.next()}", self.folder
            self.interrupt(None, failing=failing)
            shutil.rmtree(self.folder)
            self.folder = kept
        if self.chance.random() < 0.15:
            self.mend(failing=failing)
        old = dict(self.notes)
        self.change()
        self.interrupt(old, failing=failing)

    def mend(self, *, failing: bool) -> None:
        """Spoils a copy of the library, interrupts its repair, and has it and indexing completed.

        All its vectors are whole, so that nothing is embedded again.
        """
        self.folder, kept = self.copied(f"hurt{self.next()}"), self.folder
        known = self.known()
        with closing(sqlite3.connect(self.folder / FILE)) as db:
            db.executescript("UPDATE documents SET text = text || ' or not'")
        for _ in range(self.chance.randint(1, 3) if self.mended else 0):
            at = self.point(that_may_fail=failing, mending=True)
            status, _ = self.index(at=at, fails=failing, repair=True)
            self.report.failures += failing
            if status == -signal.SIGKILL:
                self.report.kills += 1
                self.report.points[at[0]] += 1
            assert (self.folder / FILE).exists(), "the library is gone"
        assert self.index(repair=True)[0] == 0
        (aside,) = self.folder.glob(f"{FILE}.damaged-*")
        aside.unlink()
        self.complete(known)
        shutil.rmtree(self.folder)
        self.folder = kept

    def copied(self, name: str) -> Path:
        """Returns a copy of the library, made while the reader stands still."""
        folder = self.root / name
        shutil.rmtree(folder, ignore_errors=True)
        self.reader.send_signal(signal.SIGSTOP)
        shutil.copytree(self.folder, folder)
        self.reader.send_signal(signal.SIGCONT)
        return folder

    def interrupt(self, old: Notes | None, *, failing: bool) -> None:
        known = self.known() if old else set()
        self.logs = []
        for _ in range(self.chance.randint(1, 4)):
            if failing:
                self.fail_somewhere()
            else:
                self.kill()
            self.check_left(old)
        self.complete(known)

    def complete(self, known: set[Text]) -> None:
        """Indexes to the end, and checks that all is done and nothing done twice."""
        status, said = self.index()
        assert status == 0, said
        self.check_done()
        committed = set(known)
        for log in self.logs:
            pending: set[Text] = set()
            for batch in map(
                json.loads, log.read_text(encoding="utf-8").splitlines() if log.exists() else ()
            ):
                if batch is None:
                    committed |= pending
                    pending = set()
                    continue
                texts = [(kind, text) for kind, text in batch]
                assert len(texts) == len(set(texts) - pending), "embedded twice in one run"
                assert not set(texts) & committed, "what was committed was embedded again"
                pending |= set(texts)
            log.unlink(missing_ok=True)
        self.logs = []

    def known(self) -> set[Text]:
        """Returns what the library has vectors for."""
        with closing(sqlite3.connect(self.folder / FILE)) as db:
            rows = "SELECT embedded FROM {} t JOIN vectors v ON v.id = t.vector"
            return {
                (kind, text)
                for kind, table in (("chunk", "chunks"), ("unit", "units"))
                for (text,) in db.execute(rows.format(table))
            }

    # What has to hold

    def check_left(self, old: Notes | None) -> None:
        """Checks what an interrupted run left: the old state or the new one, nothing between.

        Half of the time it is a copy that is read, since reading may mend.
        """
        if not (self.folder / FILE).exists():
            assert old is None, "the library is gone"
            return
        folder = self.folder
        if self.chance.random() < 0.5:
            folder = self.copied("left")
        library = Library(settings(folder), WordLengths())
        try:
            checks = library.doctor()
        except NotesQAError as error:
            assert old is None, error
            assert "notesqa index" in str(error), error
            return
        bad = [check for check in checks if not check.ok and check.name != "indexes"]
        assert not bad, bad
        texts = texts_of(library)
        assert texts in (old, self.notes), "the texts are of no state"
        self.report.new += texts == self.notes
        self.report.old += texts != self.notes
        self.check_answers(
            library, [texts] if folder != self.folder or old is None else [old, self.notes]
        )
        # Who asked has built what was missing.
        assert [check for check in library.doctor() if not check.ok] == []

    def check_done(self) -> None:
        """Checks that a whole run left the new state, and nothing else."""
        library = Library(settings(self.folder), WordLengths())
        assert [check for check in library.doctor() if not check.ok] == []
        texts = texts_of(library)
        assert texts == self.notes
        self.check_answers(library, [texts])
        deadline = time.monotonic() + 5
        while left := self.leftovers():
            assert time.monotonic() < deadline, left  # the reader may be writing its record
            time.sleep(0.02)

    def check_answers(self, library: Library, states: list[Notes]) -> None:
        """Checks that each answer is of one of these states: its words are found, and no others.

        There are two where the reader may be building the new one's indexes.
        """
        there = {word for state in states for word in words_of(state)}
        gone = {f"word{number}x" for number in range(1, self.number)} - there
        for words in (there, gone):
            for word in self.chance.sample(sorted(words), min(len(words), 3)):
                shown = library.search(word, 100)
                found = any(word in passage.text for passage in shown)
                agree = [s for s in states if all(is_in(passage, s) for passage in shown)]
                assert agree, "an answer is of no state"
                assert found in [word in words_of(state) for state in agree], f"{word}: {found}"

    def leftovers(self) -> list[str]:
        """Returns what a whole run should not have left."""
        names = {item.name for item in self.folder.iterdir()} - {FILE, "lock"}
        indexes = sorted(name for name in names if name.startswith("index-"))
        found = sorted(names - set(indexes[-1:]))
        found += [f.name for f in self.folder.glob("index-*/.*")]
        with closing(sqlite3.connect(self.folder / FILE)) as db:
            for table in ("staged", "stale", "loose"):
                ((count,),) = db.execute(f"SELECT count(*) FROM {table}")
                found += [f"{count} rows in {table}"] * bool(count)
            for table, kept in (
                ("documents", "SELECT document FROM current"),
                ("vectors", "SELECT vector FROM chunks UNION SELECT vector FROM units"),
            ):
                ((count,),) = db.execute(f"SELECT count(*) FROM {table} WHERE id NOT IN ({kept})")
                found += [f"{count} rows in {table} for nothing"] * bool(count)
        return found


def texts_of(library: Library) -> Notes:
    return {path: library.source(path) for path in library.titles()}


def words_of(notes: Notes) -> set[str]:
    return set(re.findall(r"word\d+x|pair state\d+", " ".join(notes.values())))


def is_in(passage: Passage, notes: Notes) -> bool:
    text = notes.get(passage.document, "")
    return text[passage.span.start : passage.span.end] == passage.text


def kill_commands(root: Path, times: int, chance: random.Random) -> int:
    """Kills the real command with the real model; returns how often before its end."""
    notes, killed = root / "shipped", 0
    shutil.copytree(CORPUS / "foundations", notes)

    def command(*arguments: str) -> list[str]:
        there = ["--library", str(root / "command"), "--corpus", str(notes)]
        return [sys.executable, "-c", "from ui.cli import main; main()", *there, *arguments]

    def run(*arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            command(*arguments, "--json"),
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return {**json.loads(done.stdout), "status": done.returncode}

    run("index")
    files = sorted(notes.rglob("*.md"))
    whole = 2.0
    for number in range(times):
        for file in chance.sample(files, 3):
            with file.open("a", encoding="utf-8") as handle:
                handle.write(f"\n\nThe zebrafish number{number} swims towards kernels{number}.\n")
        begin = time.perf_counter()
        with subprocess.Popen(command("index"), cwd=ROOT, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(whole * chance.uniform(0.2, 1))
            except subprocess.TimeoutExpired:
                process.kill()
                killed += 1
            else:
                whole = time.perf_counter() - begin
        checks = run("doctor")["checks"]
        assert {check["name"] for check in checks if not check["ok"]} <= {"indexes"}, checks
        assert run("ask", "What is transfer learning?")["status"] == 0
        assert run("doctor")["status"] == 0
        assert run("index")["status"] == 0
        assert run("doctor")["status"] == 0
        found = run("search", f"Where does the zebrafish number{number} swim?")["passages"]
        assert any(f"kernels{number}" in passage["text"] for passage in found)
    return killed


def crash(root: Path, seed: int, kills: int, failures: int, commands: int = 0) -> Report:
    """Returns what came of so many kills and failing writes; raises AssertionError."""
    harness = Harness(root, seed)
    report = harness.report
    try:
        while report.kills < kills or report.failures < failures:
            left = [kills - report.kills, failures - report.failures]
            harness.chain(
                failing=harness.chance.random() * sum(map(positive, left)) >= positive(left[0])
            )
    except AssertionError as error:
        error.add_note(f"seed {seed}, run {report.runs}")
        raise
    finally:
        harness.close()
    report.commands = kill_commands(root, commands, harness.chance) if commands else 0
    return report


def positive(number: int) -> int:
    return max(number, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--failures", type=int, default=100, help="runs with a failing write")
    parser.add_argument("--commands", type=int, default=10, help="kills of the real command")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work()
    elif given.read:
        read(given.read)
    else:
        with tempfile.TemporaryDirectory(prefix="notesqa-crash-") as root:
            begin = time.perf_counter()
            report = crash(Path(root), given.seed, given.kills, given.failures, given.commands)
            print(f"{report}\nIn {time.perf_counter() - begin:.0f} s, seed {given.seed}.")


if __name__ == "__main__":
    main()
