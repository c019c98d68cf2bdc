"""Runs small enough to judge by hand, for the tests of evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval import Question, Run
from eval.cases import match
from eval.dataset import Evidence
from eval.judging import Verdict, judge
from eval.notes import Notes
from eval.runfile import Outcome

NOTES = {
    "a.md": "0123456789 Only the head learns. The rest is frozen.",
    "b.md": "Only the head learns.",
}
HEAD = Evidence("a.md", "Only the head learns.")  # a.md[11:32], 21 characters
FROZEN = Evidence("a.md", "The rest is frozen.")  # a.md[33:52], 19 characters
DIGITS = Evidence("a.md", "0123456789")  # a.md[0:10]

Place = tuple[str, int, int]

ASKED = "What learns?"


def question(*evidence: Evidence, name: str = "q", fact: str = "f", **more: Any) -> Question:
    return Question(name, fact, ASKED, more.pop("kind", "paraphrase"), evidence, **more)


def item(place: Place) -> dict[str, Any]:
    document, start, end = place
    quote = NOTES[document][start:end]
    return {"document": document, "start": start, "end": end, "quote": quote, "text": quote}


def outcome(
    passages: Sequence[Place] = (),
    citations: Sequence[Place] = (),
    *,
    confidence: float = 0.5,
    withheld: Sequence[Place] = (),
    **more: Any,
) -> Outcome:
    """What came back: an answer where there are citations, else an abstention."""
    result = {
        "question": ASKED,
        "state": "answered" if citations else "abstained",
        "confidence": confidence,
        "passages": [item(place) for place in passages],
        "citations": [item(place) for place in citations],
        "timings_ms": {"embed": 1.0, "answer": 2.0},
        **more,
    }
    return Outcome(result, None, tuple(item(place) for place in withheld))


FAILED = Outcome(None, "The question is too long.")


def run_of(outcomes: Mapping[str, Outcome], notes: Mapping[str, str] = NOTES, **head: Any) -> Run:
    """A run that keeps `notes`, each of them one chunk."""
    kept = {path: {"text": text, "chunks": [[0, len(text)]]} for path, text in notes.items()}
    return Run(Path("made.jsonl"), {"notes": kept, **head}, dict(outcomes))


def judged(*pairs: tuple[Question, Outcome], notes: Mapping[str, str] = NOTES) -> list[Verdict]:
    run = run_of({asked.id: found for asked, found in pairs}, notes)
    kept = Notes(run)
    return judge(match(run, [asked for asked, _ in pairs], kept).cases, kept)


def values(*pairs: tuple[Question, Outcome]) -> dict[str, float]:
    """The values of the first question."""
    return judged(*pairs)[0].values
