from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Done, Run

from eval import COVERED, MISSING, Judge, Support

SYLLABUS = """\
# Animals

## Otters

- Otters eat crabs at night

## Badgers

- Worms are what badgers like
- Explain \x1b[31msetts
"""


@pytest.fixture
def notes(run: Run, tmp_path: Path) -> Path:
    """Three notes, indexed, one of which nothing asks for, and a syllabus beside them."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name, text in {
        "otters": "Otters eat crabs at night.",
        "badgers": "Worms are what badgers like.",
        "zz": "Nothing of that kind stands here, however long one looks.",
    }.items():
        (folder / f"{name}.md").write_text(f"# {name}\n\n{text}\n", encoding="utf-8")
    (tmp_path / "syllabus.md").write_text(SYLLABUS, encoding="utf-8")
    assert run("index").status == 0
    return folder


@pytest.fixture(autouse=True)
def _sure(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_by(monkeypatch, 0.9)


def judge_by(monkeypatch: pytest.MonkeyPatch, confidence: float) -> None:
    """Makes every judgement as sure as that from now on; its quotes are those of the judge."""
    support = Judge.support

    def judged(*arguments: Any, **named: Any) -> Support:
        return replace(support(*arguments, **named), confidence=confidence)

    monkeypatch.setattr(Judge, "support", judged)


def printed(done: Done) -> Any:
    assert (done.status, done.err) == (0, "")
    return json.loads(done.out)


@pytest.mark.usefixtures("notes")
def test_coverage_says_what_is_covered_by_unit(run: Run) -> None:
    done = run("coverage", "syllabus.md")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "3 of 3 objectives covered, 0 thin, 0 missing."
    assert lines[2].endswith("counted with another model, or other chunks.")  # not the shipped one
    assert lines[4:7] == [
        "Otters: 1 of 1 covered",
        "  covered 0.90  Otters eat crabs at night",
        "      “Otters eat crabs at night.”",
    ]
    assert f"covered from {COVERED:g} on, missing below {MISSING:g}" in lines[1]
    assert lines[7].startswith("      otters.md › otters, line 3 · ask ")
    assert "Badgers: 2 of 2 covered" in lines
    assert "  covered 0.90  Explain \ufffd[31msetts" in lines


@pytest.mark.usefixtures("notes")
def test_what_is_missing_is_a_result_and_no_failure(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_by(monkeypatch, 0.0)
    done = run("coverage", "syllabus.md")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("0 of 3 objectives covered, 0 thin, 3 missing.\n")
    assert "  missing 0.00  Otters eat crabs at night" in done.out
    assert "“" not in done.out
    assert "      nearest: otters.md › otters, line 3 · ask " in done.out
    title, *idle = done.out[done.out.index("Notes that support none") :].splitlines()
    assert title == "Notes that support none of the objectives: 3 of 3"
    assert idle == ["  badgers.md", "  otters.md", "  zz.md"]


@pytest.mark.usefixtures("notes")
def test_objectives_in_the_same_words_are_said_to_be_the_same(run: Run, tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("Define owls\nDefine mice\nDEFINE owls.\n", encoding="utf-8")
    said = run("coverage", "two.txt").out.splitlines()
    assert said[3] == "2 objectives are the same: Define owls"


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize("words", [("syllabus.md", "--json"), ("--json", "syllabus.md")])
def test_the_first_word_may_be_a_file(run: Run, words: tuple[str, str]) -> None:
    found = printed(run("coverage", *words))
    assert list(found) == ["objectives", "summary"]
    assert [list(item) for item in found["objectives"]] == [
        ["id", "text", "status", "confidence", "notes", "citations"]
    ] * 3
    assert found["summary"] == {"covered": 3, "thin": 0, "missing": 0}


@pytest.mark.usefixtures("notes")
def test_a_file_may_be_called_as_a_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "diff").mkdir()
    (tmp_path / "diff/list.txt").write_text("What do otters eat?", encoding="utf-8")
    assert run("coverage", "./diff/list.txt").out.startswith("1 of 1 objective covered")
    done = run("coverage", "./diff")
    assert (done.status, done.err) == (1, "notesqa: diff is a folder: name a file of objectives.\n")
    assert run("coverage", "diff").status == 2  # it wants two files


@pytest.mark.usefixtures("notes")
def test_two_states_of_the_notes_are_compared(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = run("coverage", "syllabus.md", "--out", "old.json")
    assert "Written: old.json. Later: notesqa coverage diff old.json NEW" in old.out
    same = run("coverage", "diff", "old.json", "old.json")
    assert same.out == ("The notes did not change; the objectives are the same.\n3 unchanged.\n")
    judge_by(monkeypatch, 0.0)
    new = printed(run("coverage", "syllabus.md", "--json"))
    (tmp_path / "new.json").write_text(json.dumps(new), encoding="utf-8")
    done = run("coverage", "diff", "old.json", "new.json")
    assert (done.status, done.err) == (0, "")
    assert "3 newly missing." in done.out
    assert "  Otters eat crabs at night\n      covered 0.90 → missing 0.00\n" in done.out
    assert "      no longer in otters.md" in done.out
    assert "\x1b" not in done.out
    found = printed(run("coverage", "diff", "old.json", "new.json", "--json"))
    assert list(found) == ["notes_changed", "same_syllabus", "objectives", "summary"]
    assert found["summary"]["newly missing"] == 3


@pytest.mark.usefixtures("notes")
def test_help_shows_a_file_and_the_commands(run: Run) -> None:
    said = run("coverage", "--help").out
    assert "[OPTIONS] OBJECTIVES | COMMAND ..." in said
    assert "--out FILE" in said
    _, _, commands = said.partition("Commands:\n")
    assert commands.split()[0] == "diff"
    assert "--out FILE" in run("coverage", "syllabus.md", "--help").out
    assert run("coverage", "--json").status == 2
