from __future__ import annotations

import ctypes
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, WordLengths
from hypothesis import given
from hypothesis import strategies as st

from rag import Library, NotesQAError, Settings, read_notes
from rag.documents import LOADERS, Limits, Loaders, load
from rag.documents.building import Builder
from rag.documents.sandbox import loading
from rag.documents.sandbox.frames import document_from, head_of
from rag.errors import DocumentError, WorkerError
from rag.types import Document, PlaceKind, Remark

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux sees to it")
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

SECONDS = 3.0
"""Long enough for a busy machine to read a few bytes."""


@pytest.fixture(autouse=True)
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOADERS, ".bad", "hostile")


@pytest.fixture(scope="module")
def loaders() -> Iterator[Loaders]:
    with Loaders(Limits(SECONDS, memory_mb=400, chars=5_000)) as loaders:
        yield loaders


def refused(loaders: Loaders, data: bytes) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        loaders.load("x.bad", data)
    assert "\n" not in str(caught.value)
    assert loaders.load("next.md", b"# Next\n\nGoes on.").title == "Next"
    return caught.value


def child_of(loaders: Loaders) -> int:
    assert loaders._child
    return loaders._child.pid


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return (
        not status.exists()
        or status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    )


def ends(process: int, seconds: float = 20) -> bool:
    limit = time.monotonic() + seconds
    while is_alive(process) and time.monotonic() < limit:
        time.sleep(0.02)
    return not is_alive(process)


# What is read


def test_a_document_comes_through_whole(loaders: Loaders) -> None:
    data = "# Größe 😀\n\nWords.\r\n\n- a\n  - b\n\n| a | b |\n|---|---|\n| c | d |\n".encode()
    assert loaders.load("a/b.md", data) == load("a/b.md", data)
    with pytest.raises(DocumentError) as caught:
        loaders.load("a.md", b" \n")
    assert caught.value.reason == "empty"


@given(st.lists(st.tuples(st.text(), st.text(min_size=1)), max_size=5), st.lists(st.text()))
def test_what_is_told_of_a_document_is_the_document(
    said: list[tuple[str, str]], rows: list[str]
) -> None:
    builder = Builder(PlaceKind.PAGE)
    for name, text in said:
        builder.place(name)
        builder.heading(text, 2)
        builder.paragraph(text)
    builder.items(rows)
    document = builder.document("a.pdf", "", [Remark("hidden text", "found", (1, 2))])
    try:
        document.title.encode()
        "".join(place.name for place in document.places.listed).encode()
    except UnicodeEncodeError:
        return
    assert document_from("a.pdf", head_of(document), document.text) == document


def test_one_process_reads_many_files(loaders: Loaders) -> None:
    loaders.load("a.md", b"One.")
    process = child_of(loaders)
    for _ in range(20):
        loaders.load("a.md", b"Two.")
    assert child_of(loaders) == process


# Hostile files


@pytest.mark.parametrize("data", [b"sleep", b"spin"])
def test_a_loop_ends_in_time(loaders: Loaders, data: bytes) -> None:
    begun = time.monotonic()
    error = refused(loaders, data)
    assert (error.reason, "max_file_seconds" in str(error)) == ("too slow", True)
    assert time.monotonic() - begun < SECONDS + 10


@LINUX
def test_memory_has_a_bound(loaders: Loaders) -> None:
    error = refused(loaders, b"allocate")
    assert (error.reason, "400 MB" in str(error)) == ("too much memory", True)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"leave", "exit status 0"),
        (b"exit_", "SystemExit"),
        pytest.param(b"close_and_leave", "exit status 5", marks=POSIX),
        pytest.param(b"close_pipes", "closed its pipe", marks=POSIX),
        pytest.param(b"fault", "SIGSEGV", marks=POSIX),
        pytest.param(b"abort", "SIGABRT", marks=POSIX),
        (b"recurse", "RecursionError"),
        (b"halve", "UnicodeEncodeError"),
        (b"forge", "no document"),
        (b"outside", "no document"),
        (b"overlapping", "no document"),
        (b"part outside", "no document"),
        (b"placeless", "no document"),
        (b"connect", "PermissionError"),
        (b"resolve", "PermissionError"),
        (b"run", "PermissionError"),
        (b"write", "PermissionError"),
        (b"write_low", "PermissionError"),
        (b"delete", "PermissionError"),
        pytest.param(b"fork", "PermissionError", marks=POSIX),
    ],
)
def test_a_crash_or_a_forbidden_act_costs_one_file(
    loaders: Loaders, data: bytes, said: str
) -> None:
    error = refused(loaders, data)
    assert error.reason == "crashed"
    assert said in str(error)
    assert not Path("/tmp/notesqa-hostile").exists()


@LINUX
def test_nothing_is_written_past_python_either(loaders: Loaders) -> None:
    assert loaders.load("x.bad", b"write_in_c").text == "-1 bytes written"
    assert not Path("/tmp/notesqa-hostile-c").exists()


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="the kernel of Linux sees to it",
)
def test_native_code_is_refused_what_python_code_is(loaders: Loaders) -> None:
    victim = Path("/tmp/notesqa-hostile-victim")
    victim.write_text("whole", encoding="utf-8")
    try:
        said = loaders.load("x.bad", b"act_in_c").text.splitlines()
        assert len(said) == 18
        assert [line for line in said if not line.endswith((" EPERM", " EACCES"))] == []
        assert victim.read_text(encoding="utf-8") == "whole"
    finally:
        victim.unlink()
    assert loaders.load("x.bad", b"thread").text == "done done done done"


def landlock() -> int:
    """Returns the version of what limits reading, less than 1 where the kernel has none."""
    return int(ctypes.CDLL(None).syscall(444, None, ctypes.c_long(0), ctypes.c_long(1)))


@pytest.mark.skipif(sys.platform != "linux" or landlock() < 1, reason="needs Landlock")
def test_no_other_file_is_read(loaders: Loaders) -> None:
    assert "PermissionError" in str(refused(loaders, b"read_elsewhere"))


@POSIX
def test_an_answer_ahead_is_not_taken_for_the_next_files(loaders: Loaders) -> None:
    loaders.load("x.bad", b"answer_ahead")
    time.sleep(1)
    for words in ("second", "third"):
        assert loaders.load("x.bad", words.encode()).text == words


def test_an_answer_to_another_question_is_none(
    loaders: Loaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_says_more", lambda _: False)
    loaders.load("x.bad", b"answer_ahead")
    time.sleep(1)
    assert "no document" in str(refused(loaders, b"second"))


def test_noise_is_not_taken_for_an_answer(loaders: Loaders) -> None:
    assert loaders.load("x.bad", b"shout").text == "read b''"


def test_too_much_text_is_refused(loaders: Loaders) -> None:
    assert refused(loaders, b"talk").reason == "too large"


def test_a_loader_knows_nothing_of_the_environment(
    loaders: Loaders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NOTESQA_SECRET", "x")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hostile.py").write_text(
        "raise SystemExit('from the working directory')", encoding="utf-8"
    )
    loaders.close()
    text = loaders.load("x.bad", b"environment").text
    assert set(text.split()) <= {"names:", "MALLOC_ARENA_MAX", "SYSTEMROOT", "LC_CTYPE"}
    assert loaders.load("x.bad", b"where").text == "False"


@LINUX
def test_a_process_that_has_grown_is_replaced(
    loaders: Loaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaders.load("x.bad", b"words")
    process = child_of(loaders)
    monkeypatch.setitem(LOADERS, ".keep", "hoarding")
    loaders.load("x.keep", b"150")
    assert loaders._child is None
    assert ends(process)


# What is left


def test_no_process_is_left(loaders: Loaders) -> None:
    loaders.load("a.md", b"One.")
    process = child_of(loaders)
    loaders.close()
    assert not is_alive(process)
    with pytest.raises(RuntimeError), Loaders() as others:
        others.load("a.md", b"One.")
        process = child_of(others)
        raise RuntimeError
    assert not is_alive(process)


@POSIX
def test_what_a_process_has_started_ends_with_it() -> None:
    forking = "import os, time; print(os.fork(), flush=True); time.sleep(600)"
    child = subprocess.Popen(
        [sys.executable, "-c", forking],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdout
    started = int(child.stdout.readline())
    loading._end(child)
    assert ends(started)


ORPHAN = """
import sys, threading
from rag.documents import LOADERS, Loaders
LOADERS[".bad"] = "hostile"
loaders = Loaders()
loaders.load("a.md", b"One.")
print(loaders._child.pid, flush=True)
loaders.load("x.bad", sys.argv[1].encode())
"""


@LINUX
@pytest.mark.parametrize("doing", ["sleep", "spin"])
def test_a_killed_run_leaves_no_process(doing: str) -> None:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN, doing],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
    ) as run:
        assert run.stdout
        process = int(run.stdout.readline())
        time.sleep(0.3)
        assert is_alive(process)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert ends(process)


def test_a_process_that_cannot_be_started_is_no_files_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(WorkerError, match="cannot be started") as caught, Loaders() as loaders:
        loaders.load("a.md", b"One.")
    assert isinstance(caught.value, NotesQAError)


def test_a_process_that_ends_at_once_is_no_files_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_START", "raise SystemExit(3)")
    with pytest.raises(WorkerError, match="exit status 3"), Loaders() as loaders:
        loaders.load("a.md", b"One.")


# In a run


def folder(tmp_path: Path) -> Path:
    corpus = tmp_path / "notes"
    corpus.mkdir()
    for name, data in (("a.md", "Otters."), ("b.bad", "sleep"), ("c.bad", "fault"), ("d.md", "X.")):
        (corpus / name).write_text(data, encoding="utf-8")
        os.utime(corpus / name, (1e9, 1e9))
    return corpus


@POSIX
def test_bad_files_cost_themselves_and_are_tried_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"library": str(tmp_path / "library"), "corpus": str(folder(tmp_path))}
    tried: list[str] = []
    load_ = Loaders.load

    def counted(self: Loaders, path: str, data: bytes) -> Document:
        tried.append(path)
        return load_(self, path, data)

    monkeypatch.setattr(Loaders, "load", counted)

    def index(**others: float) -> list[tuple[str, str]]:
        tried.clear()
        library = Library(Settings(**settings, **others), WordLengths())  # type: ignore[arg-type]
        return [(item.document, item.reason) for item in library.index().skipped]

    bad = [("b.bad", "too slow"), ("c.bad", "crashed")]
    assert index(max_file_seconds=2.0) == bad
    assert tried == ["a.md", "b.bad", "c.bad", "d.md"]
    # It may have been the machine, at that moment; not twice.
    assert index(max_file_seconds=2.0) == bad
    assert tried == ["b.bad", "c.bad"]
    assert index(max_file_seconds=2.0) == bad
    assert tried == []
    # Another limit may let them through, and other loaders may read everything otherwise.
    assert index(max_file_seconds=2.5) == bad
    assert tried == ["b.bad", "c.bad"]
    monkeypatch.setattr("rag.indexing.version", lambda: "the next one")
    assert index(max_file_seconds=2.5) == bad
    assert tried == ["a.md", "b.bad", "c.bad", "d.md"]
    index(max_file_seconds=2.5)
    assert tried == []


def test_notes_are_read_for_questions_in_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = folder(tmp_path)
    (corpus / "b.bad").write_text("leave", encoding="utf-8")
    assert read_notes(corpus, 1_000) == {"a.md": "Otters.", "d.md": "X."}
