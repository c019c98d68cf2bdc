from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Run
from test_cli import check_harmless, corpus, indexed, parsed
from test_questions import keep

__all__ = ["corpus", "indexed"]

WORMS, FERN = "Worms are what badgers like?", "photosynthesis chlorophyll"


def test_an_empty_log_is_said_plainly(
    run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("gaps").out == "No question is in the log: what is asked from now on will be.\n"
    assert parsed(run("gaps", "--json"))["gaps"] == []
    monkeypatch.setenv("NOTESQA_LOG_QUESTIONS", "false")
    assert run("gaps").out == "No question is in the log, which is off (log_questions).\n"


def test_without_a_library_there_is_one_plain_line(run: Run) -> None:
    done = run("gaps")
    assert (done.status, done.out) == (1, "")
    assert "notesqa index" in done.err


def test_gaps_are_listed_with_their_cause_and_shown_one_by_one(run: Run, indexed: Path) -> None:
    keep(indexed, WORMS, WORMS, f"{FERN} \x1b[31mgreen")
    unchecked(indexed)
    done = run("gaps")
    check_harmless(done.out)
    first, second = parsed(run("gaps", "--json"))["gaps"]
    assert done.out.startswith("3 questions since 2")
    assert "3 no answer" in done.out
    assert f"1. {first['id']}  asked 2 times: " in done.out
    assert f"2. {second['id']}  asked 1 time: " in done.out
    assert "Nearest: “" in done.out
    shown = run("gaps", "show", first["id"][:4])
    assert shown.out.startswith(f"{first['id']}  asked 2 times: ")
    assert f"2 × {WORMS}" in shown.out.splitlines()
    assert parsed(run("gaps", "show", first["id"], "--json")) == first


def test_only_the_last_days_are_looked_at(run: Run, indexed: Path) -> None:
    keep(indexed, FERN, days_ago=5)
    keep(indexed, WORMS)
    unchecked(indexed)
    for days, n in (("3", 1), ("7", 2)):
        found = parsed(run("gaps", "--days", days, "--json"))
        assert (found["looked_at"], len(found["gaps"])) == (n, n)
    (gap,) = (gap for gap in found["gaps"] if gap["question"] == FERN)
    assert run("gaps", "show", gap["id"]).status == 0
    done = run("gaps", "--days", "3", "show", gap["id"])
    assert (done.status, done.out) == (1, "")
    assert "No gap has a name that begins with" in done.err


def test_a_group_that_few_asked_is_counted_unless_fewer_are_enough(run: Run, indexed: Path) -> None:
    keep(indexed, WORMS)
    unchecked(indexed, user="ann")
    done = run("gaps")
    assert "1 question not shown, since fewer than 3 people asked" in done.out
    assert "There is no gap to show." in done.out
    assert "badgers" not in done.out
    assert "1 person, asked 1 time" in run("gaps", "--least", "1").out


def test_gaps_are_written_as_a_table(run: Run, indexed: Path, tmp_path: Path) -> None:
    keep(indexed, "=cmd() owls")
    unchecked(indexed)
    file = tmp_path / "gaps.csv"
    assert "Written to " in run("gaps", "--csv", str(file)).out
    with file.open(encoding="utf-8", newline="") as table:
        (row,) = csv.DictReader(table)
    assert (row["question"], row["times"], row["people"]) == ("'=cmd() owls", "1", "")


def test_a_damaged_row_stops_nothing(run: Run, indexed: Path) -> None:
    keep(indexed, WORMS, FERN)
    unchecked(indexed)
    with closing(sqlite3.connect(indexed / "questions.sqlite3")) as db, db:
        db.execute("UPDATE questions SET retrieved = '{' WHERE question = ?", (FERN,))
    found = parsed(run("gaps", "--json"))
    assert (found["looked_at"], len(found["gaps"])) == (1, 1)


def unchecked(folder: Path, user: str | None = None) -> None:
    """Makes the questions of the log ones of the notes of now."""
    with closing(sqlite3.connect(folder / "questions.sqlite3")) as db, db:
        db.execute("UPDATE questions SET generation = 1, user = ?", (user,))
