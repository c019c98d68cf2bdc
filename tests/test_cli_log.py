from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Run
from test_cli import check_harmless, corpus, indexed, parsed
from test_questions import keep

from rag import QuestionLog, Verdict

__all__ = ["corpus", "indexed"]

ASKED = "Worms are what badgers like?"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / ".notesqa"
    folder.mkdir()
    return folder


def test_ask_is_kept_and_search_is_not(run: Run, indexed: Path) -> None:
    assert run("ask", ASKED, "--json").status == 0
    assert run("ask", "And why?", "--after", ASKED).status == 0
    assert run("search", "badgers").status == 0
    found = parsed(run("log", "show", "--json"))
    assert (found["file"], found["on"], found["days"]) == (".notesqa/questions.sqlite3", True, 90)
    assert found["total"] == 2
    newer, older = found["questions"]
    assert (newer["question"], older["question"]) == ("And why?", ASKED)
    assert (older["door"], older["user"], older["documents"]) == ("cli", None, ["badgers.md"])


def test_a_log_that_is_off_keeps_nothing(
    run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTESQA_LOG_QUESTIONS", "false")
    assert run("ask", ASKED).status == 0
    assert not (indexed / "questions.sqlite3").exists()
    assert "the log is off (log_questions)" in run("log", "show").out


def test_show_prints_a_line_a_question(run: Run, library: Path) -> None:
    keep(library, "one", "\x1b[31mtwo")
    done = run("log", "show", "-n", "1")
    assert done.status == 0
    check_harmless(done.out)
    first, last = done.out.splitlines()
    assert "two → no answer (0.10)" in first
    assert last == "1 of 2 questions. Kept for 90 days in .notesqa/questions.sqlite3."


def test_show_says_what_was_said_of_an_answer(run: Run, indexed: Path) -> None:
    assert run("ask", ASKED).status == 0
    log = QuestionLog(indexed, 90)
    (asked,) = log.newest(1)
    for verdict, reason, line in (
        (Verdict.DOWN, "not what\nI \x1b[31mmeant", "it did not help: not what I \ufffd[31mmeant"),
        (Verdict.UP, "", "it helped"),
    ):
        assert log.judge(asked.id, verdict, reason)
        assert run("log", "show").out.splitlines()[1].strip() == line


def test_purge_prints_json(run: Run, library: Path) -> None:
    keep(library, "one", "two")
    assert parsed(run("log", "purge", "--json")) == {"deleted": 2}


def test_show_says_that_there_are_none(run: Run, indexed: Path) -> None:
    assert run("log", "show").out.startswith("0 of 0 questions.")


@pytest.mark.parametrize(
    ("options", "deleted", "left"),
    [
        ([], "3 questions", []),
        (["--yes"], "3 questions", []),
        (["--before", "30"], "1 question", ["new", "newer"]),
        (["--before", "0"], "3 questions", []),
        (["--before", "2000-01-01"], "0 questions", ["new", "newer", "old"]),
    ],
)
def test_purge_says_how_many_it_deleted(
    run: Run, library: Path, options: list[str], deleted: str, left: list[str]
) -> None:
    keep(library, "old", days_ago=40)
    keep(library, "newer", "new", days_ago=20)
    done = run("log", "purge", *options)
    assert (done.status, done.out) == (0, f"{deleted} deleted.\n")
    found = parsed(run("log", "show", "--json"))
    assert [asked["question"] for asked in found["questions"]] == left


def test_purge_asks_where_a_person_is(
    run: Run, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(library, "one")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda said, **_: (_ for _ in ()).throw(SystemExit(1)))
    assert run("log", "purge").status == 1
    assert parsed(run("log", "show", "--json"))["total"] == 1
    assert run("log", "purge", "--yes").out == "1 question deleted.\n"


@pytest.mark.parametrize("moment", ["soon", "2026-13-01", "-3", "999999999999"])
def test_a_moment_that_is_none_is_bad_usage(run: Run, library: Path, moment: str) -> None:
    keep(library, "one")
    done = run("log", "purge", "--before", moment)
    assert done.status == 2
    assert "neither a number of days nor a date" in " ".join(done.err.replace("│", " ").split())


def test_the_log_of_no_library_is_said_to_be_none(run: Run) -> None:
    for arguments in (["show"], ["show", "--json"], ["purge", "--yes"]):
        done = run("log", *arguments)
        assert done.status == 1
        assert "There is no library in .notesqa" in done.err
        assert not done.out
    assert not Path(".notesqa").exists()
