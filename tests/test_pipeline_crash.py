"""Killing `notesqa index` with SIGKILL at any moment leaves the old state or the new one."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, WordLengths
from crashing import crash, kill_commands

from rag import Library, NotesQAError, Settings
from rag.store import FILE

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

MOMENTS = {
    "notes of a window read": ("return", "_windows", 1),
    "some of a window embedded": ("return", "read_passages", 1),
    "a window embedded": ("call", "stage", 1),
    "first note of a window written": ("return", "_insert", 1),
    "a window committed": ("return", "stage", 1),
    "some of the next window embedded": ("return", "embed_passages", 4),
    "part of a long note committed": ("return", "stage", 3),
    "everything staged": ("call", "commit", 1),
    "all of the commit but its end": ("return", "generation", 2),
    "just committed": ("return", "commit", 1),
    "derived folder begun": ("call", "chunk_rows", 1),
    "texts written, nothing else": ("return", "build", 1),
    "words written, not the stamp": ("return", "build", 3),
    "derived files written, not synced": ("call", "_sync", 1),
    "derived folder not yet named": ("return", "_write", 1),
    "new indexes named, old ones still there": ("call", "_others", 1),
    "nothing tidied": ("call", "tidy", 1),
    "all done but the lock": ("return", "tidy", 1),
}
"""Where the process kills itself: the nth time that a function of `rag` is called or returns."""

TIDYING = {
    "some of the old documents dropped": ("return", "_drop", 2),
    "all of the old documents dropped": ("call", "_sweep", 1),
    "some of the old vectors dropped": ("return", "_sweep", 1),
}
"""Moments that there are only where something was replaced."""

COMMITTED = {"a window committed", "part of a long note committed"}
"""Moments before the new state is there, when all that was embedded is committed."""

QUESTIONS = ("transfer of sentences", "what does note b say", "removed unchanged added state")

# Forks a process for each job, which kills itself.
SCRIPT = """
import json, os, signal, sqlite3, sys, traceback
from conftest import WordLengths
from rag import Library, Settings, indexing, store

indexing.WINDOW_TEXTS = 12  # fewer than a note has: a note spans two
indexing.TEXTS_AT_ONCE = 4
store._DROPPED_CHUNKS = 2
store._SWEPT_VECTORS = 8
connect = sqlite3.connect

def small_cache(*args, **kwargs):
    # As with a large corpus, changed pages reach the file before the commit.
    db = connect(*args, **kwargs)
    db.execute("PRAGMA cache_size = 4")
    return db

sqlite3.connect = small_cache
stage = store.Store.stage

def logged_stage(self, *args):
    stage(self, *args)
    with open(str(self.folder) + ".log", "a", encoding="utf-8") as file:
        file.write("null\\n")

store.Store.stage = logged_stage

class Logged(WordLengths):
    def __init__(self, log):
        super().__init__()
        self.log = log

    def note(self, texts):
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(json.dumps(list(texts)) + "\\n")

    def embed_passages(self, texts):
        self.note(texts)
        return super().embed_passages(texts)

    def read_passages(self, texts):
        self.note(texts)
        return super().read_passages(texts)

def index(folder, corpus, event, function, nth):
    count = 0

    def watch(frame, seen, _):
        nonlocal count
        if (seen, frame.f_code.co_name) == (event, function):
            count += 1
            if count == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    settings = Settings(library=folder, corpus=corpus, chunk_tokens=32)
    library = Library(settings, Logged(folder + ".log"))
    if function:
        sys.setprofile(watch)
    library.index()

import faiss, tantivy  # so that a process has nothing to do but the work

statuses = []
for folder, corpus, event, function, nth in json.load(sys.stdin):
    pid = os.fork()
    if not pid:
        try:
            index(folder, corpus, event, function, nth)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
json.dump(statuses, sys.stdout)
"""


def note(name: str, state: str) -> str:
    lines = (f"Sentence {i} of note {name} tells the {state} state {'so ' * i}." for i in range(9))
    return f"# Note {name}\n\n" + "\n\n".join(lines) + "\n"


OLD = {f"{name}.md": note(name, "old") for name in "abc"} | {"same.md": note("same", "unchanged")}
NEW = {f"{name}.md": note(name, "new") for name in "abde"} | {"same.md": OLD["same.md"]}


def opened(folder: Path) -> Library:
    return Library.open(Settings(library=str(folder), chunk_tokens=32), WordLengths())


def said(library: Library) -> dict[str, Any]:
    """Returns everything the library says, in a form that can be compared."""
    return {
        "texts": {path: library.source(path) for path in library.titles()},
        "passages": [library.search(question) for question in QUESTIONS],
        "answers": [
            {k: v for k, v in library.ask(question).to_dict().items() if k != "timings_ms"}
            for question in QUESTIONS
        ],
    }


@dataclass
class Killed:
    """What the killed processes left, by name, and what there should be."""

    root: Path
    statuses: dict[str, int]
    old: dict[str, Any]
    new: dict[str, Any]
    old_texts: set[str]
    new_texts: set[str]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    root = tmp_path_factory.mktemp("killed")
    made: dict[str, set[str]] = {}
    for name, notes in (("old", OLD), ("new", NEW)):
        (root / f"{name}-notes").mkdir()
        for path, text in notes.items():
            (root / f"{name}-notes" / path).write_text(text, encoding="utf-8")
        embedder = WordLengths()
        settings = Settings(library=str(root / name), chunk_tokens=32)
        Library(settings, embedder).index(root / f"{name}-notes")
        made[name] = set(embedder.embedded)
    jobs: dict[str, tuple[str, str, int]] = {"whole": ("", "", 0)}
    for name, moment in MOMENTS.items():
        jobs[f"changed, {name}"] = jobs[f"made, {name}"] = moment
    for name, moment in TIDYING.items():
        jobs[f"changed, {name}"] = moment
    jobs["changed, twice"] = MOMENTS["part of a long note committed"]
    for name in jobs:
        if not name.startswith("made"):
            shutil.copytree(root / "old", root / name)
    # Killed once more while what the killed run had staged is deleted.
    again = [(str(root / "changed, twice"), str(root / "new-notes"), "return", "_drop", 1)]
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(
            [(str(root / n), str(root / "new-notes"), *job) for n, job in jobs.items()] + again
        ),
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
            "OMP_NUM_THREADS": "1",  # a process of one thread is safe to fork
            "OPENBLAS_NUM_THREADS": "1",
        },
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    statuses = dict(zip([*jobs, "again"], json.loads(result.stdout), strict=True))
    old, new = said(opened(root / "old")), said(opened(root / "new"))
    return Killed(root, statuses, old, new, made["old"], made["new"])


def assert_mended(killed: Killed, name: str, *, all_committed: bool = False) -> None:
    """Asserts that the next run completes the work, and embeds nothing that was committed."""
    log = killed.root / f"{name}.log"
    batches = [json.loads(line) for line in log.open(encoding="utf-8")] if log.exists() else []
    whole = max((place for place, batch in enumerate(batches) if batch is None), default=0)
    started = {text for batch in batches for text in batch or ()}
    committed = {text for batch in batches[:whole] for text in batch or ()}
    embedder = WordLengths()
    settings = Settings(library=str(killed.root / name), chunk_tokens=32)
    library = Library(settings, embedder)
    library.index(killed.root / "new-notes")
    known = killed.old_texts if name.startswith("changed") else set()
    embedded = set(embedder.embedded)
    assert len(embedder.embedded) == len(embedded)
    assert embedded <= killed.new_texts - known - committed
    if all_committed:
        assert embedded == killed.new_texts - known - started
    assert [check for check in library.doctor() if not check.ok] == []
    assert said(library) == killed.new
    folder = killed.root / name
    assert len(list(folder.iterdir())) == 3, "the store, its lock, one derived folder"
    assert rows_in(folder) == rows_in(killed.root / "new"), "nothing is left of the old state"


def rows_in(folder: Path) -> dict[str, int]:
    """Returns how many rows each table of a library holds, whether readers see them or not."""
    with closing(sqlite3.connect(folder / FILE)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {n: db.execute(f"SELECT count(*) FROM {n}").fetchone()[0] for n in names}


def left(killed: Killed, name: str) -> Library:
    """Returns a copy of what was left: reading may mend, and the next run must do so alone."""
    copy = killed.root / f"{name}, read"
    shutil.copytree(killed.root / name, copy)
    return opened(copy)


def reached(moment: str, of: str) -> bool:
    return list(MOMENTS).index(moment) >= list(MOMENTS).index(of)


def test_a_run_that_is_not_killed_gives_the_new_state(killed: Killed) -> None:
    assert killed.statuses["whole"] == 0
    assert said(left(killed, "whole")) == killed.new != killed.old
    assert_mended(killed, "whole")


@pytest.mark.parametrize("moment", [*MOMENTS, *TIDYING])
def test_killed_at_a_chosen_moment_the_library_is_old_or_new(killed: Killed, moment: str) -> None:
    name = f"changed, {moment}"
    assert killed.statuses[name] == -signal.SIGKILL
    done = moment in TIDYING or reached(moment, "just committed")
    assert said(left(killed, name)) == (killed.new if done else killed.old)
    all_committed = moment in COMMITTED or done or reached(moment, "everything staged")
    assert_mended(killed, name, all_committed=all_committed)


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_the_library_is_made_it_is_not_there_or_new(
    killed: Killed, moment: str
) -> None:
    name = f"made, {moment}"
    assert killed.statuses[name] == -signal.SIGKILL
    if reached(moment, "just committed"):
        assert said(left(killed, name)) == killed.new
    else:
        with pytest.raises(NotesQAError, match="run notesqa index"):
            left(killed, name)
    all_committed = moment in COMMITTED or reached(moment, "everything staged")
    assert_mended(killed, name, all_committed=all_committed)


def test_killed_again_while_it_discards_the_library_is_old(killed: Killed) -> None:
    assert killed.statuses["changed, twice"] == killed.statuses["again"] == -signal.SIGKILL
    assert said(left(killed, "changed, twice")) == killed.old
    assert_mended(killed, "changed, twice", all_committed=True)


def test_killed_anywhere_and_failing_anywhere_nothing_is_lost_stale_or_done_twice(
    tmp_path: Path,
) -> None:
    report = crash(tmp_path, seed=random.randrange(10**6), kills=25, failures=8)
    assert report.reader["asked"] > 20


@pytest.mark.model
def test_the_real_command_is_killed_and_the_next_one_completes_its_work(tmp_path: Path) -> None:
    kill_commands(tmp_path, 1, random.Random(3))
