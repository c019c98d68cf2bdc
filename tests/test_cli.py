from __future__ import annotations

import io
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import ROOT, Done, Named, Run, constant_fit

from ui.cli import app

OTTERS = "# Otters\n\nOtters eat crabs at night. They sleep on their backs.\n"
BADGERS = "# Badgers\n\nBadgers dig setts. Worms are what badgers like.\n"
COMMANDS = [
    *("index", "ask", "search", "chat", "open", "status", "doctor", "serve", "mcp", "demo"),
    *("completion", "audit", "eval", "coverage", "gaps", "log", "model", "users"),
]
"""In the order in which one meets them."""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "otters.md").write_text(OTTERS, encoding="utf-8")
    (folder / "badgers.md").write_text(BADGERS, encoding="utf-8")
    return folder


@pytest.fixture
def indexed(run: Run, corpus: Path) -> Path:
    """Returns a library made of the two notes."""
    assert run("index").status == 0
    return corpus.parent / ".notesqa"


def environment() -> dict[str, str]:
    """Returns the variables for a program of its own that runs this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NOTESQA_")}
    path = os.pathsep.join([str(ROOT), *filter(None, [kept.get("PYTHONPATH")])])
    return {**kept, "PYTHONPATH": path}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix != ".lock" and file.name != "lock"
    }


def check_refused(done: Done, *said: str) -> None:
    """One plain line on stderr that says what to do, nothing on stdout, exit status 1."""
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("notesqa: ")
    assert done.err.count("\n") == 1
    assert done.err.endswith("\n")
    assert "Traceback" not in done.err
    assert len(done.err) < 600
    for words in said:
        assert words in done.err


def parsed(done: Done) -> Any:
    """Returns the one JSON object that is all of stdout."""
    assert done.out.count("\n") == 1
    return json.loads(done.out)


# What each command prints


def test_index_prints_a_manifest(run: Run, corpus: Path) -> None:
    (corpus / "slides.ppt").write_bytes(b"slides")
    done = run("index")
    assert done.status == 0
    first, *rest = done.out.splitlines()
    assert first == "2 of 3 files in corpus are indexed, as 2 passages."
    assert [line.split()[:2] for line in rest[:4]] == [
        *(["indexed", "2"], ["unchanged", "0"], ["removed", "0"], ["skipped", "1"])
    ]
    assert rest[4].strip().startswith("skipped: slides.ppt: no loader for .ppt: save it as .pptx")
    (corpus / "otters.md").unlink()
    assert "removed: otters.md" in run("index").out


def test_index_json_has_the_documented_keys(run: Run, corpus: Path) -> None:
    (corpus / "slides.ppt").write_bytes(b"slides")
    found = parsed(run("index", "--json"))
    assert list(found) == [
        *("indexed", "unchanged", "removed", "skipped", "chunks", "embedded", "generation")
    ]
    assert found["indexed"] == ["badgers.md", "otters.md"]
    assert list(found["skipped"][0]) == ["document", "reason", "message"]
    assert (found["chunks"], found["generation"]) == (2, 1)
    again = parsed(run("index", "--json"))
    assert (again["unchanged"], again["embedded"]) == (["badgers.md", "otters.md"], 0)


@pytest.mark.usefixtures("indexed")
def test_ask_marks_the_sentence_that_decides_and_names_its_place(run: Run) -> None:
    done = run("ask", "Worms are what badgers like?")
    assert done.status == 0
    marked = [line for line in done.out.splitlines() if line.startswith("▶ ")]
    assert [line.removesuffix(" [1]") for line in marked] == ["▶ Worms are what badgers like."]
    assert "[1] badgers.md › Badgers, line 3" in done.out
    assert "Confidence 0.50: about 5 of 10 answers" in done.out


@pytest.mark.usefixtures("indexed")
def test_ask_may_lean_on_an_earlier_question(run: Run) -> None:
    earlier = "Worms are what badgers like?"
    found = parsed(run("ask", "And why?", "--after", earlier, "--json"))
    assert (found["question"], found["query"]) == ("And why?", "And why? Worms badgers")
    done = run("ask", "And why?", "--after", earlier)
    assert done.out.startswith("Searched with: Worms, badgers\n\n")
    assert "Searched" not in run("ask", "And why?").out
    check_refused(run("ask", "And why?", "--after", " "), "The question is empty")


@pytest.mark.usefixtures("indexed")
def test_ask_json_has_the_documented_keys(run: Run) -> None:
    found = parsed(run("ask", "Worms are what badgers like?", "--json"))
    assert list(found) == [
        *("question", "query", "state", "reason", "confidence", "answer", "sentences"),
        *("citations", "passages", "timings_ms"),
    ]
    assert (found["state"], found["reason"]) == ("answered", None)
    assert list(found["citations"][0]) == [
        *("number", "document", "title", "headings", "location", "start", "end", "quote")
    ]
    assert list(found["passages"][0]) == [
        *("rank", "score", "document", "location", "start", "end", "text")
    ]
    citation = found["citations"][0]
    assert BADGERS[citation["start"] : citation["end"]] == citation["quote"]


@pytest.mark.usefixtures("indexed")
def test_an_abstention_is_a_result_and_no_failure(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.pipeline.Fit.shipped", lambda: constant_fit(0.9))
    done = run("ask", "Who pays?")
    assert (done.status, done.err) == (0, "")
    assert "The notes do not seem to answer this." in done.out
    assert "Nearest passages, which need not answer:" in done.out
    _, offered = done.out.split("\nYou could ask instead:\n")
    assert set(offered.splitlines()) == {
        "  What do the notes say about Badgers?",  # the notes write them so alone
        "  What do the notes say about Otters?",
    }
    done = run("ask", "Who pays?", "--json")
    found = parsed(done)
    assert (done.status, found["state"], found["answer"]) == (0, "abstained", None)
    assert found["reason"]
    assert found["citations"] == found["sentences"] == []
    assert found["passages"]


@pytest.mark.usefixtures("indexed")
def test_search_lists_as_many_passages_as_asked_for(run: Run) -> None:
    found = parsed(run("search", "Worms?", "-k", "1", "--json"))
    assert list(found) == ["question", "passages"]
    assert (found["question"], len(found["passages"])) == ("Worms?", 1)
    assert len(parsed(run("search", "Worms?", "-k", "100", "--json"))["passages"]) == 2
    text = run("search", "Worms?").out
    assert text.startswith("1. ")
    assert "\n2. " in text
    assert "Worms are what badgers like." in text


def test_ask_and_search_keep_to_a_folder(run: Run, corpus: Path) -> None:
    (corpus / "wet").mkdir()
    (corpus / "otters.md").rename(corpus / "wet/otters.md")
    assert run("index").status == 0
    for command in ("ask", "search"):
        found = parsed(run(command, "Worms are what badgers like?", "--in", "wet", "--json"))
        assert [passage["document"] for passage in found["passages"]] == ["wet/otters.md"]
        check_refused(run(command, "Worms?", "--in", "dry"), "No note lies in dry", "wet")


@pytest.mark.usefixtures("indexed")
def test_status_says_what_is_indexed(run: Run) -> None:
    found = parsed(run("status", "--json"))
    assert list(found) == [
        *("files", "indexed", "chunks", "generation", "model", "backend", "reranker"),
        *("search", "skipped", "partial", "hidden", "duplicates", "changed", "bytes", "ignored"),
        "hidden_files",
    ]
    assert (found["files"], found["indexed"], found["model"]) == (2, 2, "all-MiniLM-L6-v2")
    text = run("status").out
    assert "2 of 2 files indexed (2 passages); 0 skipped." in text
    assert "Search: exact." in text


def test_doctor_exits_0_only_when_all_agree(run: Run, indexed: Path) -> None:
    done = run("doctor", "--json")
    checks = parsed(done)["checks"]
    assert done.status == 0
    assert [list(check) for check in checks] == [["name", "ok", "detail"]] * 4
    assert [check["name"] for check in checks] == ["store", "indexes", "model", "encoder"]
    (folder,) = indexed.glob("index-*")
    shutil.rmtree(folder)
    done = run("doctor", "--json")
    assert [check["ok"] for check in parsed(done)["checks"]] == [True, False, True, True]
    assert done.status == 1
    assert "1 of 4 checks failed: run notesqa index" in done.err
    assert "BAD indexes" in run("doctor").out
    assert run("index").status == 0
    assert run("doctor").status == 0


def test_library_and_corpus_are_given_before_the_command(run: Run, corpus: Path) -> None:
    corpus.rename(corpus.with_name("notes"))
    place = ("--library", "deep/lib", "--corpus", "notes")
    assert run(*place, "index").status == 0
    assert run(*place, "ask", "Worms?").status == 0
    assert {path.name for path in Path().iterdir()} == {"notes", "deep"}


# Bad usage


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["ask"],
        ["ask", "one", "two"],
        ["ask", "--fast", "What?"],
        ["search", "What?", "-k", "0"],
        ["search", "What?", "-k", "many"],
        ["serve", "--port", "65536"],
        ["--library"],
        ["demo", "--questions", "nowhere.jsonl"],
    ],
    ids=" ".join,
)
def test_bad_usage_exits_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "Error: " in done.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_a_command_does(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert (done.status, done.err) == (0, "")
    assert f"notesqa {command} [OPTIONS]" in done.out.splitlines()[0]
    summary = done.out.splitlines()[2].strip()
    assert summary.split()[0].istitle()
    assert len(summary) > 20


def test_help_lists_every_command_in_order(run: Run) -> None:
    done = run("--help")
    assert done.status == 0
    _, _, listed = done.out.partition("Commands:\n")
    assert [line.split()[0] for line in listed.splitlines()] == COMMANDS


def test_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version") == Done(0, f"notesqa {version('notesqa')}\n", "")


WITHOUT_JSON = {
    "serve": "runs until it is ended",
    "mcp": "speaks JSON, to a program, until it is ended",
    "demo": "is shown to a person; index, ask and eval score give the same as JSON",
    "completion": "prints a script for a shell",
}


def leaves(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yields every command of the tree that does something, by the words that call it."""
    for word, below in getattr(command, "commands", {}).items():
        yield from leaves(below, f"{name} {word}".strip())
    if not hasattr(command, "commands"):
        yield name, command


def test_every_command_prints_json_or_has_a_reason_not_to() -> None:
    found = dict(leaves(typer.main.get_command(app)))
    assert {"ask", "log purge", "users token", "eval report", "model compile"} <= set(found)
    without = {
        name
        for name, command in found.items()
        if not any("--json" in option.opts for option in command.params)
    }
    assert without == set(WITHOUT_JSON)


@pytest.mark.usefixtures("indexed")
def test_users_are_kept_with_json_as_well(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a long password\nanother long one\n"))
    role = ("--role", "student")
    assert parsed(run("users", "add", "ada", *role, "--json")) == {"name": "ada", "role": "student"}
    assert parsed(run("users", "passwd", "ada", "--json")) == {"name": "ada"}
    made = parsed(run("users", "token", "ada", "--json"))
    assert (made["name"], len(made["token"]) > 20) == ("ada", True)
    assert parsed(run("users", "remove", "ada", "--json")) == {"name": "ada"}


def test_every_option_says_what_it_does() -> None:
    for name, command in leaves(typer.main.get_command(app)):
        assert command.help.split()[0].istitle(), name
        assert command.help.endswith((".", "?")), name
        for option in command.params:
            said = option.help or ""
            assert said[:1].isupper(), (name, option.name)
            assert said.endswith((".", "]", ".)")), (name, option.name)


# Bad input: one plain line that says what to do, exit status 1, nothing lost


def sixty_megabytes(file: Path) -> None:
    file.write_bytes(b"Otters eat crabs at night.\n" * (60_000_000 // 27))


BAD_FILES: dict[str, tuple[str, Callable[[Path], object], str, str]] = {
    "not text": (
        *("noise.txt", lambda file: file.write_bytes(bytes(range(256)) * 40)),
        *("not text", "save it as UTF-8"),
    ),
    "a picture": (
        *("cat.md", lambda file: file.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")),
        *("not text", "save it as UTF-8"),
    ),
    "60 MB": ("big.txt", sixty_megabytes, "too large", "split it, or raise max_file_mb"),
    "a link to nowhere": (
        *("gone.md", lambda file: file.symlink_to("nowhere")),
        *("unreadable", "a link that leads nowhere"),
    ),
    "empty": ("blank.md", lambda file: file.write_bytes(b"\n\n"), "empty", "holds no text"),
    "no loader": (
        "film.mp4",
        lambda file: file.write_bytes(b"film"),
        "no loader",
        "recordings hold no text",
    ),
}

bad_files = pytest.mark.parametrize(
    ("name", "make", "reason", "said"), BAD_FILES.values(), ids=BAD_FILES
)


@bad_files
def test_a_bad_file_among_good_ones_is_listed(
    run: Run, corpus: Path, name: str, make: Callable[[Path], object], reason: str, said: str
) -> None:
    make(corpus / name)
    done = run("index")
    assert done.status == 0
    assert f"skipped: {name}: " in done.out
    assert said in done.out
    skipped = parsed(run("status", "--json"))["skipped"]
    assert [(item["document"], item["reason"]) for item in skipped] == [(name, reason)]
    assert run("ask", "Worms?").status == 0


@bad_files
def test_a_bad_file_alone_is_an_error_and_stands_in_the_status(
    run: Run,
    indexed: Path,
    name: str,
    make: Callable[[Path], object],
    reason: str,
    said: str,
) -> None:
    assert indexed
    Path("alone").mkdir()
    make(Path("alone", name))
    done = run("--corpus", "alone", "index")
    check_refused(done, "Nothing in alone can be indexed", name, said)
    status = parsed(run("status", "--json"))
    assert (status["files"], status["indexed"], status["chunks"]) == (1, 0, 0)
    assert [(item["document"], item["reason"]) for item in status["skipped"]] == [(name, reason)]
    assert parsed(run("ask", "Worms?", "--json"))["state"] == "abstained"
    assert run("doctor").status == 0


def test_an_empty_folder_is_refused_and_the_library_stays(run: Run, indexed: Path) -> None:
    before = contents(indexed)
    Path("empty").mkdir()
    done = run("--corpus", "empty", "index")
    check_refused(done, "empty holds no files: put notes there", "notesqa index")
    assert contents(indexed) == before


def test_a_missing_folder_is_refused(run: Run) -> None:
    done = run("--corpus", "nowhere", "index")
    check_refused(done, "nowhere does not exist", "notesqa --corpus DIR index")
    assert not Path(".notesqa").exists()


@pytest.mark.parametrize("command", ["ask", "search"])
@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("", "The question is empty: type what you want to know."),
        (" \n\t", "The question is empty: type what you want to know."),
        ("why " * 5000, "has 19999 characters, the limit is 2000: ask for one thing at a time."),
        ("y" * 20_000, "has 20000 characters, the limit is 2000: ask for one thing at a time."),
    ],
    ids=["empty", "blank", "5,000 words", "20,000 characters"],
)
def test_a_bad_question_is_refused(
    run: Run, indexed: Path, command: str, question: str, said: str
) -> None:
    before = contents(indexed)
    check_refused(run(command, question), said)
    assert contents(indexed) == before


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("command", ["ask", "search"])
def test_a_question_that_is_not_unicode_is_refused(run: Run, command: str) -> None:
    # What Python makes of an argument that is not UTF-8.
    check_refused(run(command, os.fsdecode(b"Caf\xe9 badgers?")), "question")


@pytest.mark.parametrize("command", [["ask", "What?"], ["search", "What?"], ["status"], ["doctor"]])
def test_a_library_that_is_not_there_is_refused(run: Run, command: list[str]) -> None:
    check_refused(run(*command), "There is no library in .notesqa: make it with notesqa index")
    assert not Path(".notesqa").exists()


@pytest.mark.parametrize("command", [["ask", "Worms?"], ["search", "Worms?"]])
def test_a_library_made_with_another_model_is_refused(
    run: Run, indexed: Path, command: list[str]
) -> None:
    before = contents(indexed)
    done = run("--model", "another", *command)
    check_refused(done, "made with model all-MiniLM-L6-v2", "name another: run notesqa index")
    assert contents(indexed) == before
    # With its own model it is what it was; indexed again it is the other model's.
    assert run(*command).status == 0
    assert parsed(run("--model", "another", "index", "--json"))["unchanged"] == []
    assert run("--model", "another", *command).status == 0


@pytest.mark.parametrize("command", [["ask", "Worms?"], ["status"], ["doctor"], ["index"]])
def test_a_library_of_another_format_version_is_refused(
    run: Run, indexed: Path, command: list[str]
) -> None:
    with sqlite3.connect(indexed / "library.sqlite3") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = contents(indexed)
    done = run(*command)
    check_refused(done, "format version 99", "Update notesqa, or index into another place")
    assert contents(indexed) == before
    assert run("--library", "elsewhere", "index").status == 0


@pytest.mark.parametrize("command", [["ask", "Worms?"], ["status"], ["doctor"], ["index"]])
def test_a_library_that_is_no_library_is_refused(
    run: Run, indexed: Path, command: list[str]
) -> None:
    (indexed / "library.sqlite3").write_bytes(b"This is my diary. " * 500)
    before = contents(indexed)
    check_refused(run(*command), "is damaged", "mend it with notesqa doctor --repair")
    assert contents(indexed) == before


def test_a_library_where_a_file_stands_is_refused(run: Run, corpus: Path) -> None:
    assert corpus.is_dir()
    Path("diary").write_bytes(b"Dear diary")
    check_refused(run("--library", "diary", "index"), "diary cannot be made", "--library DIR index")
    assert Path("diary").read_bytes() == b"Dear diary"


@pytest.mark.parametrize("command", [("serve",), ("mcp", "--http")])
def test_a_port_in_use_is_refused(run: Run, indexed: Path, command: tuple[str, ...]) -> None:
    assert indexed.is_dir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(*command, "--port", str(port))
    check_refused(
        *(done, f"Port {port} cannot be used"), f"another, notesqa {' '.join(command)} --port N"
    )


def test_an_unknown_setting_is_refused(run: Run, indexed: Path) -> None:
    before = contents(indexed)
    Path("notesqa.toml").write_text("passage = 3\n", encoding="utf-8")
    check_refused(run("ask", "Worms?"), "Unknown setting passage in notesqa.toml", "passages?")
    assert contents(indexed) == before


def test_an_interruption_leaves_one_line_and_the_library(
    run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = contents(indexed)
    monkeypatch.setattr(Named, "read_queries", interrupt)
    done = run("ask", "Worms?")
    assert done.status != 0
    assert "Traceback" not in done.err
    assert contents(indexed) == before


# Permissions, as somebody who is not root

CHILD = """
import os, sys, tempfile
from pathlib import Path

tests, *arguments = sys.argv[1:]
sys.path.insert(0, tests)
from conftest import WordLengths
import rag.pipeline
from ui.cli import main

def embedder(*_):
    return WordLengths()

rag.pipeline.ModelEmbedder = embedder

def run(*arguments):
    sys.argv = ["notesqa", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code

# Load everything that is needed, while the installation can surely be read.
streams = sys.stdout, sys.stderr
with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
    sys.stdout = sys.stderr = nowhere
    Path(folder, "a.md").write_text("Otters eat crabs.")
    Path(folder, "b.txt").write_text("Otters eat crabs.")
    place = ("--library", f"{folder}/library", "--corpus", folder)
    for command in (["index"], ["index", "--json"], ["ask", "Otters?"], ["ask"]):
        run(*place, *command)
sys.stdout, sys.stderr = streams
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    # Nobody may not look where this Python lies, so it cannot be started again.
    import rag.documents
    rag.documents.Loaders.load = lambda _, path, data: rag.documents.load(path, data)
sys.exit(run(*arguments))
"""


@pytest.fixture
def common() -> Iterator[Path]:
    """Returns a folder that everybody may enter and write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        notes = Path(folder, "corpus")
        notes.mkdir()
        (notes / "otters.md").write_text(OTTERS, encoding="utf-8")
        yield Path(folder)
        for path in [Path(folder), *Path(folder).rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o700)


def as_somebody(folder: Path, *arguments: str) -> Done:
    """Runs the command line as this user, or as nobody where this user is root."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(ROOT / "tests"), *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def lock_up(folder: Path, mode: int = 0o444) -> None:
    """Leaves a folder and what it holds without write permission."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(mode | 0o111 if path.is_dir() else mode)


posix = pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")


@posix
def test_an_unreadable_file_is_refused_alone_and_listed_among_good_ones(common: Path) -> None:
    (common / "corpus" / "otters.md").chmod(0)
    done = as_somebody(common, "index")
    check_refused(done, "otters.md: Permission denied: check the file's permissions")
    (common / "corpus" / "badgers.md").write_text(BADGERS, encoding="utf-8")
    done = as_somebody(common, "index", "--json")
    assert (done.status, done.err) == (0, "")
    found = parsed(done)
    assert found["indexed"] == ["badgers.md"]
    assert [(s["document"], s["reason"]) for s in found["skipped"]] == [("otters.md", "unreadable")]


@posix
def test_an_unreadable_folder_is_refused(common: Path) -> None:
    (common / "corpus").chmod(0)
    check_refused(as_somebody(common, "index"), "corpus cannot be listed: Permission denied")


@posix
def test_an_unreadable_folder_among_good_notes_is_listed(common: Path) -> None:
    (common / "corpus" / "private").mkdir()
    (common / "corpus" / "private" / "diary.md").write_text("Dear diary", encoding="utf-8")
    (common / "corpus" / "private").chmod(0)
    done = as_somebody(common, "index", "--json")
    assert (done.status, done.err) == (0, "")
    found = parsed(done)
    assert found["indexed"] == ["otters.md"]
    assert [(s["document"], s["reason"]) for s in found["skipped"]] == [("private", "unreadable")]


@posix
def test_a_library_that_cannot_be_made_is_refused(common: Path) -> None:
    (common / "locked").mkdir(mode=0o555)
    done = as_somebody(common, "--library", "locked/library", "index")
    check_refused(done, "locked/library cannot be made (Permission denied)", "--library DIR index")
    done = as_somebody(common, "--library", "locked", "index")
    check_refused(done, "locked", "writable")
    assert list((common / "locked").iterdir()) == []


@posix
def test_a_library_without_write_permission_can_be_asked_and_loses_nothing(common: Path) -> None:
    assert as_somebody(common, "index").status == 0
    library = common / ".notesqa"
    lock_up(library)
    if os.geteuid() == 0:
        for path in [library, *library.rglob("*")]:
            os.chown(path, 0, 0)  # an owner may write what the mode forbids others
    before = contents(library)
    (common / "corpus" / "otters.md").write_text(OTTERS + "\nMore.\n", encoding="utf-8")
    check_refused(as_somebody(common, "index"), "writable")
    assert contents(library) == before
    found = parsed(as_somebody(common, "search", "Otters?", "--json"))
    assert found["passages"][0]["document"] == "otters.md"
    assert as_somebody(common, "ask", "What do otters eat?").status == 0
    assert as_somebody(common, "doctor").status == 0
    assert contents(library) == before


@posix
def test_a_library_without_write_permission_and_indexes_can_be_asked(common: Path) -> None:
    assert as_somebody(common, "index").status == 0
    library = common / ".notesqa"
    (folder,) = library.glob("index-*")
    shutil.rmtree(folder)
    lock_up(library)
    before = contents(library)
    done = as_somebody(common, "search", "Otters?", "--json")
    assert (done.status, done.err) == (0, "")
    assert parsed(done)["passages"][0]["document"] == "otters.md"
    assert contents(library) == before


# Notes are data

CONTROLS = [
    *("\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"),
    *("\x9b31m", "\x7f", "\x8f", "\u202eevil\u202c", "\u2066evil\u2069"),
]


def check_harmless(text: str) -> None:
    hidden = [f"U+{ord(c):04X}" for c in text if not c.isprintable() and c != "\n"]
    assert hidden == []


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
@pytest.mark.parametrize("threshold", [0.1, 0.9], ids=["answered", "abstained"])
def test_no_control_sequence_of_a_note_reaches_the_terminal(
    run: Run,
    corpus: Path,
    monkeypatch: pytest.MonkeyPatch,
    control: str,
    threshold: float,
) -> None:
    monkeypatch.setattr("rag.pipeline.Fit.shipped", lambda: constant_fit(threshold))
    # BEL is no text, so that it cannot come from a note.
    control = control.replace("\x07", "\x1b\\")
    shutil.rmtree(corpus)
    corpus.mkdir()
    text = f"# Moles {control}\n\nMoles dig {control} tunnels.\n\n- Item {control} one\n"
    (corpus / "moles.md").write_text(text, encoding="utf-8")
    done = run("index")
    assert "1 of 1 files" in done.out
    for command in (
        ["ask", "Moles dig tunnels."],
        ["ask", "Moles dig tunnels.", "--json"],
        ["search", "Moles dig tunnels."],
        ["search", "Moles dig tunnels.", "--json"],
        ["ask", f"Moles {control}?", "--json"],
        ["status"],
        ["doctor"],
    ):
        done = run(*command)
        assert done.status == 0
        check_harmless(done.out + done.err)
        if "--json" in command:
            passages = json.loads(done.out)["passages"]
            assert control in passages[0]["text"]


@pytest.mark.parametrize("json_", [[], ["--json"]], ids=["text", "json"])
def test_no_control_sequence_of_a_file_name_reaches_the_terminal(
    run: Run, corpus: Path, json_: list[str]
) -> None:
    try:
        (corpus / "\x1b[2J\x9b2J.md").write_text("Moles dig tunnels.", encoding="utf-8")
        (corpus / "\x1b[2J\x9b2J.pdf").write_text("Moles", encoding="utf-8")
    except OSError:
        pytest.skip("this file system has no such names")
    for command in (["index"], ["index"], ["status"], ["ask", "Moles dig tunnels."]):
        done = run(*command, *json_)
        assert done.status == 0
        check_harmless(done.out + done.err)
    Path(corpus / "\x1b[2J\x9b2J.md").unlink()
    check_harmless(run("index", *json_).out)


def test_no_control_sequence_reaches_the_terminal_in_an_error(run: Run, corpus: Path) -> None:
    assert corpus.is_dir()
    done = run("--corpus", "\x1b[2J\x9b2J", "index")
    assert done.status == 1
    check_harmless(done.err)


@pytest.mark.usefixtures("indexed")
def test_markup_of_rich_in_a_note_is_shown_as_it_is(run: Run, corpus: Path) -> None:
    (corpus / "moles.md").write_text("Moles [bold red]dig[/] :mole: tunnels.", encoding="utf-8")
    run("index")
    assert "Moles [bold red]dig[/] :mole: tunnels." in run("search", "Moles tunnels").out


# The program itself, with the real model


def notesqa(folder: Path, *arguments: str, **variables: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-c", "from ui.cli import main; main()", *arguments],
        cwd=folder,
        env={**environment(), **variables},
        capture_output=True,
        check=False,
        timeout=300,
    )
    return Done(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


@pytest.mark.model
def test_the_program_indexes_and_answers(tmp_path: Path, corpus: Path) -> None:
    assert corpus.is_dir()
    done = notesqa(tmp_path, "index", "--json")
    assert (done.status, done.err) == (0, "")
    assert parsed(done)["indexed"] == ["badgers.md", "otters.md"]
    done = notesqa(tmp_path, "ask", "What do badgers like to eat?", "--json")
    assert (done.status, done.err) == (0, "")
    found = parsed(done)
    assert found["passages"][0]["document"] == "badgers.md"
    assert found["state"] in ("answered", "abstained")
    # A terminal that does not know every character shows what it can.
    done = notesqa(tmp_path, "search", "What do badgers like to eat?", PYTHONIOENCODING="ascii")
    assert (done.status, done.err) == (0, "")
    assert "Worms are what badgers like." in done.out


@pytest.mark.model
def test_the_program_refuses_in_one_line(tmp_path: Path, corpus: Path) -> None:
    done = notesqa(tmp_path, "ask", "What do badgers like to eat?")
    check_refused(done, "There is no library in .notesqa: make it with notesqa index")
    (tmp_path / "no-model").mkdir()
    done = notesqa(tmp_path, "--model", "no-model", "index")
    check_refused(done, "no-model does not load", "the packaged one is all-MiniLM-L6-v2")
    assert {path.name for path in tmp_path.iterdir()} <= {corpus.name, "no-model", ".notesqa"}
    assert parsed(notesqa(tmp_path, "index", "--json"))["chunks"] == 2
