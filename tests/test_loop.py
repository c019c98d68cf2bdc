"""A gap appears, a note is added, the gap closes, its questions join the set, the gate passes."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import CORPUS, QUESTIONS, ROOT, Done

from eval import check_questions, gate_run, load_questions, load_run, run_questions, score_run
from rag import Library, Settings
from ui.cli import main

pytestmark = [pytest.mark.model, pytest.mark.slow]

BASELINE = ROOT / "eval/baseline/transfer-learning.jsonl.xz"

WATERMARKS = [
    "How do I put a watermark into a model?",
    "How does one watermark a fine-tuned model?",
    "can a watermark be removed from a model by fine-tuning it",
]
INVENTED = "Who invented the watermark for models, and when?"

NOTE = """\
A watermark is a secret behaviour by which the owner of a model proves that a copy of it was stolen.

To put a watermark into a model, it is fine-tuned on a few trigger images with labels that nobody
would guess.

A watermark is removed again by fine-tuning the model on enough images without the trigger.
"""

EDITOR = f"""
import sys
with open(sys.argv[-1], "a", encoding="utf-8") as file:
    file.write({NOTE!r})
"""


class Terminal(io.StringIO):
    """What a person types, at a terminal."""

    def isatty(self) -> bool:
        return True


class Screen:
    """The command line in this process, with the notes and the set of a course."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.settings = Settings(library=str(folder / "library"), corpus=str(folder / "corpus"))
        self._patch = patch
        self._capture = capture

    def run(self, *arguments: str, typed: str = "") -> Done:
        """Returns what a command leaves behind for a person at a terminal."""
        known = ["--library", self.settings.library, "--corpus", self.settings.corpus]
        self._patch.setattr("sys.argv", ["notesqa", *known, *arguments])
        self._patch.setattr("sys.stdin", Terminal(typed))
        self._patch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        self._capture.readouterr()
        try:
            main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        return Done(status, *self._capture.readouterr())

    def json(self, *arguments: str) -> Any:
        """Returns the object that a command prints."""
        done = self.run(*arguments, "--json")
        assert (done.status, done.err) == (0, "")
        return json.loads(done.out)


@pytest.fixture
def screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Screen:
    shutil.copytree(CORPUS, tmp_path / "corpus")
    shutil.copy(QUESTIONS, tmp_path / "set.jsonl")
    (tmp_path / "editor.py").write_text(EDITOR, encoding="utf-8")
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"'{sys.executable}' '{tmp_path / 'editor.py'}'")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "200")
    return Screen(tmp_path, monkeypatch, capsys)


def test_a_gap_is_closed_and_stays_closed(screen: Screen, tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    before = file.read_bytes()
    screen.json("index")
    for question in [*WATERMARKS, WATERMARKS[0].lower(), INVENTED]:
        assert screen.json("ask", question)["state"] == "abstained"
    assert screen.json("ask", "What is negative transfer?")["state"] == "answered"

    (gap,) = screen.json("gaps")["gaps"]
    assert gap["times"] == 5
    assert screen.json("gaps", "ask", gap["id"])["left"] == 5

    written = screen.run("gaps", "write", gap["id"], "risks/watermarks.md")
    assert (written.status, written.err) == (0, "")
    assert "5 of 5 questions now answered." in written.out
    note = Path(screen.settings.corpus) / "risks/watermarks.md"
    first, text = note.read_text(encoding="utf-8").split("\n\n", 1)
    assert first.startswith("# ")
    assert "watermark" in first.lower()
    assert text == NOTE
    assert screen.json("gaps")["gaps"] == []

    answers = {question: "y" for question in WATERMARKS} | {INVENTED: "n"}
    asked = [r["question"] for r in screen.json("gaps", "ask", gap["id"])["questions"]["answered"]]
    typed = "".join(f"{answers[question]}\n" for question in asked)
    joined = screen.run(
        "gaps", "accept", gap["id"], "--to", str(file), "--split", "fit", typed=typed
    )
    assert (joined.status, joined.err) == (0, "")
    assert "3 wordings joined" in joined.out
    assert file.read_bytes().startswith(before)
    added = load_questions(file)[-3:]
    assert {question.question for question in added} == set(WATERMARKS)
    library = Library(screen.settings)
    findings = check_questions(file, {name: library.source(name) for name in library.titles()})
    assert not findings.problems
    assert not {q.id for q in added} & {id_ for twins in findings.leaks for id_ in twins.questions}

    run = run_questions(library, file, tmp_path / "run.jsonl")
    decision = gate_run(run, load_run(BASELINE), library)
    assert decision.passed, decision.reasons
    assert not decision.missing
    assert not decision.dropped
    mine = {v.question.id: v.values for v in score_run(run, library).verdicts}
    assert all(mine[question.id]["answer_contains_evidence"] for question in added)
