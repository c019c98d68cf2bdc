from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Run

from eval.usage import WITHHELD
from rag.questions import FILE as QUESTIONS
from ui.findings import LISTED

BATTERY = "The battery of the small robot lasts {} hours in the laboratory."


def index(run: Run, folder: Path, **notes: str) -> None:
    (folder / "corpus").mkdir(exist_ok=True)
    for name, text in notes.items():
        (folder / f"corpus/{name}.md").write_text(text, encoding="utf-8")
    assert run("index").status == 0


@pytest.fixture
def at_odds(run: Run, tmp_path: Path) -> None:
    index(
        run,
        tmp_path,
        robots=f"# Robots\n\n{BATTERY.format(12)}\n",
        power=f"# Power\n\n{BATTERY.format(15)}\n",
    )


@pytest.mark.usefixtures("at_odds")
def test_audit_says_what_it_rests_on_before_what_it_found(run: Run) -> None:
    done = run("audit")
    assert done.status == 0
    first, second, *rest = done.out.splitlines()
    assert first == "2 notes, 2 passages, 2 statements; nothing was asked yet."
    assert "notesqa audit OBJECTIVES" in second
    nothing = (
        "Said alike in several notes: nothing found; only what stands in nearly the same words"
    )
    assert f"{nothing} is listed" in rest
    at = rest.index("Perhaps at odds: 1")
    assert rest[at + 2 : at + 7] == [
        "  15 against 12 (number)",
        "    The battery of the small robot lasts 15 hours in the laboratory.",
        "      — power.md › Power, line 3",
        "    The battery of the small robot lasts 12 hours in the laboratory.",
        "      — robots.md › Robots, line 3",
    ]


@pytest.mark.usefixtures("at_odds")
def test_audit_says_how_little_one_question_tells(run: Run) -> None:
    assert run("ask", "How long does the battery of the small robot last?").status == 0
    done = run("audit")
    assert "1 question of the log, 1 different wording together." in done.out
    assert "Of 100 passages that the next questions find, 100 would be new" in done.out


def test_audit_lists_what_nothing_found_by_note(run: Run, tmp_path: Path) -> None:
    index(run, tmp_path, **{f"note{i}": f"# Note {i}\n\nOwls {i} hunt.\n" for i in range(20)})
    assert run("ask", "What do owls hunt?").status == 0
    done = run("audit")
    lines = done.out.splitlines()
    assert lines[lines.index("Never found: in 10 notes") + 1].startswith("After 1 wording this")
    assert sum(line.endswith(": the whole note") for line in lines) == LISTED
    assert "  … and 2 more: --json or --csv DIR lists all." in lines


@pytest.mark.usefixtures("at_odds")
def test_audit_withholds_what_a_single_person_asked(run: Run, tmp_path: Path) -> None:
    assert run("ask", "How do unicorns fly?").status == 0
    index(run, tmp_path, **{f"note{i}": f"# Note {i}\n\nOwls {i} hunt.\n" for i in range(20)})
    assert "unicorns" in run("audit").out
    (log,) = tmp_path.rglob(QUESTIONS)
    with closing(sqlite3.connect(log)) as db, db:
        db.execute("UPDATE questions SET user = 'ann'")
    done = run("audit")
    assert "unicorns" not in done.out
    assert f"nearest: {WITHHELD}" in done.out


@pytest.mark.usefixtures("at_odds")
def test_audit_asks_objectives_as_well(run: Run, tmp_path: Path) -> None:
    question = {"id": "1", "fact": "1", "question": "How long does the battery last?", "kind": ""}
    file = tmp_path / "set.jsonl"
    file.write_text(json.dumps({**question, "evidence": []}) + "\n", encoding="utf-8")
    found = json.loads(run("audit", str(file), "--json").out)
    assert found["rests_on"]["objectives"] == 1
    assert found["never"] == []
    assert "1 objective, 1 different wording together." in run("audit", str(file)).out
    missing = run("audit", str(tmp_path / "none.jsonl"))
    assert (missing.status, missing.out) == (1, "")


@pytest.mark.usefixtures("at_odds")
def test_audit_writes_a_table_of_each_kind(run: Run, tmp_path: Path) -> None:
    done = run("audit", "--csv", "tables")
    assert done.out.endswith("The tables are in tables.\n")
    files = {file.stem for file in (tmp_path / "tables").iterdir()}
    assert files == {"never", "always", "versions", "alike", "disagreeing", "unwieldy"}
    text = (tmp_path / "tables/disagreeing.csv").read_text(encoding="utf-8")
    (row,) = csv.DictReader(text.splitlines())
    assert (row["reason"], row["document"], row["other document"]) == (
        *("15 against 12", "power.md", "robots.md"),
    )


def test_audit_of_notes_without_a_library_says_what_mends_it(run: Run) -> None:
    done = run("audit")
    assert (done.status, done.out) == (1, "")
    assert "notesqa index" in done.err


def test_audit_shows_no_control_character_of_a_note_or_question(run: Run, tmp_path: Path) -> None:
    index(
        run, tmp_path, a=f"# A\x1b[2J\n\n{BATTERY.format(12)}\n", b=f"# B\n\n{BATTERY.format(9)}\n"
    )
    assert run("ask", "What\x1b[31m lasts?").status == 0
    done = run("audit")
    assert "Perhaps at odds: 1" in done.out
    assert "\x1b" not in done.out
