from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import watchfiles
from conftest import WordLengths
from test_cli import environment

from rag import Library, Manifest, Settings, Watcher, watching
from rag.store import Store
from rag.tokens import Packed
from ui.following import following

PATIENCE = 20.0
"""How long a busy machine may take."""


class Followed:
    """Two notes that are followed, the library among them; what was told comes in queues."""

    def __init__(self, folder: Path, embedder: WordLengths) -> None:
        self.notes = folder / "notes"
        self.notes.mkdir()
        self.write("otters.md", "Otters eat crabs.")
        self.write("badgers.md", "Badgers dig setts.")
        settings = Settings(library=str(self.notes / ".library"), corpus=str(self.notes))
        self.library = Library(settings, embedder)
        self.library.index()
        self.changed: queue.Queue[Manifest] = queue.Queue()
        self.failed: queue.Queue[str] = queue.Queue()
        self.runs = 0
        self.looked = threading.Event()
        self.watcher = Watcher(self.library, self.changed.put, self.failed.put)
        self._index, self.library.index = self.library.index, self._counted  # type: ignore[method-assign]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.watcher.run, args=(self._stop,))

    def _counted(self, *given: Any) -> Manifest:
        self.runs += 1
        try:
            return self._index(*given)
        finally:
            self.looked.set()

    def start(self) -> None:
        self._thread.start()
        assert self.looked.wait(PATIENCE)  # a look at what changed before: it is followed now

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident:
            self._thread.join(PATIENCE)
            assert not self._thread.is_alive()

    def write(self, name: str, text: str) -> None:
        (self.notes / name).write_text(f"# {name}\n\n{text}\n", encoding="utf-8")

    def change(self) -> Manifest:
        return self.changed.get(timeout=PATIENCE)

    def found(self, question: str) -> str:
        return self.library.search(question, k=1)[0].text

    def is_quiet(self) -> bool:
        """Waits long enough for a run to begin, and returns whether none changed anything."""
        time.sleep(3 * watching.QUIET_SECONDS)
        return self.changed.empty()


@pytest.fixture
def followed(
    tmp_path: Path, embedder: WordLengths, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Followed]:
    monkeypatch.setattr(watching, "QUIET_SECONDS", 0.4)
    notes = Followed(tmp_path, embedder)
    yield notes
    notes.stop()


def test_a_question_after_an_edit_is_answered_from_the_new_text(followed: Followed) -> None:
    assert "crabs" in followed.found("Otters")
    followed.start()
    followed.write("otters.md", "Otters eat urchins.")
    assert followed.change().indexed == ("otters.md",)
    assert "urchins" in followed.found("Otters")
    (followed.notes / "otters.md").unlink()
    assert followed.change().removed == ("otters.md",)
    assert not followed.watcher.busy


def by_backup(file: Path, text: str) -> None:
    """Saves as Vim does."""
    probe = file.with_name("4913")
    probe.write_text("", encoding="utf-8")
    probe.unlink()
    backup = file.with_name(file.name + "~")
    file.rename(backup)
    file.write_text(text, encoding="utf-8")
    backup.unlink()


def by_replacing(file: Path, text: str) -> None:
    """Saves as most other editors do."""
    written = file.with_name(f"{file.name}.tmp-1234")
    written.write_text(text, encoding="utf-8")
    os.replace(written, file)


def under_a_lock(file: Path, text: str) -> None:
    """Saves as Emacs does."""
    lock = file.with_name(f".#{file.name}")
    lock.symlink_to("someone@somewhere.1234")
    by_replacing(file, text)
    lock.unlink()


@pytest.mark.parametrize("save", [by_backup, by_replacing, under_a_lock])
def test_a_save_by_renaming_is_one_run(
    followed: Followed, save: Callable[[Path, str], None]
) -> None:
    followed.start()
    runs = followed.runs
    save(followed.notes / "otters.md", "Otters eat urchins.")
    manifest = followed.change()
    assert (manifest.indexed, manifest.unchanged) == (("otters.md",), ("badgers.md",))
    assert followed.is_quiet()
    assert followed.runs == runs + 1


def test_five_hundred_new_files_are_one_run_or_two(followed: Followed) -> None:
    followed.start()
    for number in range(500):
        folder = followed.notes / f"part {number % 7}" / f"chapter {number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.md").write_text(f"Number {number}.", encoding="utf-8")
    indexed = len(followed.change().indexed)
    if indexed < 500:
        indexed += len(followed.change().indexed)
    assert indexed == 500


def test_a_file_that_grows_is_waited_for(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "QUIET_SECONDS", 0.8)
    followed.start()
    with open(followed.notes / "large.md", "w", encoding="utf-8") as file:
        for line in range(30):
            file.write(f"Line {line}.\n")
            file.flush()
            time.sleep(0.05)
        assert followed.changed.empty()
    assert followed.change().indexed == ("large.md",)
    assert "Line 29." in followed.found("Line 29")


def test_what_never_ends_to_change_is_not_waited_for(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LONGEST_SECONDS", 0.6)
    followed.start()
    until = time.monotonic() + PATIENCE
    number = 0
    while followed.changed.empty() and time.monotonic() < until:
        number += 1
        followed.write("otters.md", f"Otters ate {number} crabs.")
        time.sleep(0.05)
    assert followed.change().indexed == ("otters.md",)


def test_hidden_files_and_the_library_inside_start_no_run(followed: Followed) -> None:
    followed.start()
    runs = followed.runs
    (followed.notes / ".git").mkdir()
    (followed.notes / ".git" / "HEAD").write_text("ref", encoding="utf-8")
    (followed.notes / ".otters.md.swp").write_text("Otters", encoding="utf-8")
    (followed.notes / ".library" / "questions").write_text("Why?", encoding="utf-8")
    assert followed.is_quiet()
    assert followed.runs == runs
    (followed.notes / ".notesqaignore").write_text("*.tmp", encoding="utf-8")
    until = time.monotonic() + PATIENCE
    while followed.runs == runs and time.monotonic() < until:
        time.sleep(0.05)
    assert followed.runs == runs + 1


@pytest.mark.parametrize("library", ["library", "deep/library"])
def test_a_library_inside_that_is_not_hidden_starts_no_run(tmp_path: Path, library: str) -> None:
    inside = tmp_path / library
    assert not watching._is_noted(inside / "library.sqlite3", tmp_path, inside)
    assert watching._is_noted(tmp_path / "library.md", tmp_path, inside)
    assert watching._is_noted(tmp_path, tmp_path, inside)


def test_a_folder_that_is_deleted_and_made_again_is_followed(
    followed: Followed, tmp_path: Path
) -> None:
    followed.library.folder.rename(tmp_path / "elsewhere")
    followed.library.folder = tmp_path / "elsewhere"
    followed.start()
    followed.notes.rename(tmp_path / "gone")
    assert "does not exist" in followed.failed.get(timeout=PATIENCE)
    assert "crabs" in followed.found("Otters")
    followed.notes.mkdir()
    followed.write("newts.md", "Newts swim.")
    manifest = followed.change()
    assert (manifest.indexed, manifest.removed) == (("newts.md",), ("badgers.md", "otters.md"))
    shutil.rmtree(followed.notes)
    assert "does not exist" in followed.failed.get(timeout=PATIENCE)
    followed.notes.mkdir()
    followed.write("newts.md", "Newts walk.")
    assert followed.change().indexed == ("newts.md",)
    # So fast that nobody saw it gone, and with the same number on most file systems.
    shutil.rmtree(followed.notes)
    followed.notes.mkdir()
    followed.write("newts.md", "Newts sleep.")
    assert followed.change().indexed == ("newts.md",)
    followed.write("newts.md", "Newts dream.")
    assert followed.change().indexed == ("newts.md",)
    assert followed.failed.empty()


def test_a_run_that_failed_is_told_once_and_tried_again(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr("rag.pipeline.LOCK_SECONDS", 0.1)
    followed.start()
    store = Store(followed.library.folder, write=True)
    with store.lock(5):
        followed.write("otters.md", "Otters eat urchins.")
        assert "Another notesqa (process" in followed.failed.get(timeout=PATIENCE)
        assert followed.is_quiet()
        assert followed.failed.empty()
    store.close()
    assert followed.change().indexed == ("otters.md",)


def test_an_error_of_any_kind_ends_nothing(
    followed: Followed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watching, "RETRY_SECONDS", 0.1)
    followed.start()
    whole = followed._index

    def broken(*_: Any) -> Manifest:
        followed._index = whole
        raise ZeroDivisionError

    followed._index = broken
    followed.write("otters.md", "Otters eat urchins.")
    assert followed.change().indexed == ("otters.md",)
    assert "ZeroDivisionError" in caplog.text
    assert followed.failed.empty()


def test_what_nobody_was_told_of_is_found_by_looking(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any, stop_event: threading.Event, **more: Any) -> Iterator[set[Any]]:
        """Is what a network drive says of what others write."""
        while not stop_event.wait(0.05):
            yield set()

    monkeypatch.setattr(watchfiles, "watch", silent)
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.2)
    followed.start()
    followed.write("otters.md", "Otters eat urchins.")
    assert followed.change().indexed == ("otters.md",)


def test_files_are_compared_where_the_system_tells_of_no_changes(
    followed: Followed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = watchfiles.watch

    def limited(*given: Any, force_polling: bool | None, **more: Any) -> Iterator[set[Any]]:
        if not force_polling:
            raise OSError("OS file watch limit reached.")
        yield from told(*given, force_polling=True, **more)

    monkeypatch.setattr(watchfiles, "watch", limited)
    monkeypatch.setattr(watching, "POLL_MS", 100)
    caplog.set_level("INFO", "rag.watching")
    followed.start()
    time.sleep(0.5)  # another second of change, where a file system counts in seconds
    followed.write("otters.md", "Otters eat sea urchins.")
    assert followed.change().indexed == ("otters.md",)
    assert "OS file watch limit reached" in caplog.text


def test_a_run_that_goes_on_is_given_up_when_following_ends(
    followed: Followed, embedder: WordLengths, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, read = threading.Event(), embedder.read_passages

    def slowly(texts: Sequence[str]) -> list[Packed]:
        reading.set()
        assert followed._stop.wait(PATIENCE)
        return read(texts)

    monkeypatch.setattr(embedder, "read_passages", slowly)
    followed.start()
    followed.write("otters.md", "Otters eat urchins.")
    assert reading.wait(PATIENCE)
    assert followed.watcher.busy
    assert "crabs" in followed.found("Otters")
    followed.stop()
    assert (followed.changed.empty(), followed.failed.empty()) == (True, True)
    assert not followed.watcher.busy
    assert "crabs" in followed.found("Otters")
    assert followed.library.status()["generation"] == 1
    monkeypatch.undo()
    assert followed.library.index().indexed == ("otters.md",)


def test_what_follows_leaves_while_the_server_does(followed: Followed) -> None:
    before = set(threading.enumerate())
    with following(followed.watcher) as stop:
        (thread,) = set(threading.enumerate()) - before
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


# The program itself, with the real model


@pytest.mark.model
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_program_prints_a_line_a_change_and_ends_when_told(tmp_path: Path, name: str) -> None:
    notes = tmp_path / "corpus"
    notes.mkdir()
    (notes / "otters.md").write_text("Otters eat crabs at night.", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", "from ui.cli import main; main()", "index", "--watch"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        assert process.stdout.readline().startswith("1 of 1 files")
        assert "Following corpus" in process.stderr.readline()
        (notes / "badgers.md").write_text("Badgers dig setts.", encoding="utf-8")
        lines = iter(process.stdout.readline, "")
        said = next(line for line in lines if "at" in line.split())
        assert said.startswith("1 note indexed; 2 notes at ")
        process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
    finally:
        process.kill()
    library = Library(Settings(library=str(tmp_path / ".notesqa")))
    assert library.status()["indexed"] == 2
    assert all(check.ok for check in library.doctor())
