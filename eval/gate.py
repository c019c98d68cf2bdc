"""A run and its baseline become a decision: pass, or the reasons why not.

A drop counts where it lies beyond chance after correction for the measures looked at; a floor is
broken where the value itself is below it; and an answer that is not what the notes say is a reason
by itself. Questions that the baseline asked and the run did not count as failed, so that leaving
questions out helps nobody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval import statistics
from eval.compare import Comparison, compare_on
from eval.dataset import Question, some
from eval.measures import DESCRIPTIONS, LOWER_IS_BETTER, Measure
from eval.notes import Notes
from eval.runfile import Outcome, Run
from eval.score import Scores, score_questions
from rag import Library, RunError


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says; it passes where there is no reason against it.

    Attributes:
        missing: ids that the baseline asked and the run did not, though the set holds them.
        dropped: ids that the baseline asked and the set does not hold any more.
    """

    reasons: tuple[str, ...]
    comparison: Comparison
    floors: dict[str, tuple[float, float]]
    missing: tuple[str, ...]
    dropped: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Returns whether nothing speaks against the run."""
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `eval gate --json`."""
        return {
            "passed": self.passed,
            "reasons": list(self.reasons),
            "floors": {
                name: {"floor": floor, "value": round(value, 4)}
                for name, (floor, value) in self.floors.items()
            },
            "missing": list(self.missing),
            "dropped": list(self.dropped),
            "comparison": self.comparison.to_dict(),
        }


def gate_run(
    run: Run,
    baseline: Run,
    library: Library | None = None,
    *,
    floors: Mapping[str, float] | None = None,
    questions: Path | None = None,
    seed: int = statistics.SEED,
) -> Decision:
    """Returns whether a run is as good as its baseline, as far as its questions can tell.

    What the baseline asked of the set, in its present words, is what the run has to answer for.

    Args:
        library, questions, seed: as for `compare_runs`.
        floors: least values by measure.

    Raises:
        RunError: nothing can be compared, or a floor is no number, or is set on a measure that the
            run does not have or that is better when lower.
        QuestionSetError: the set breaks its format, or quotes what the run's notes do not hold.
    """
    split = {**run.head, "split": baseline.head.get("split")}
    labelled = Run(run.path, split).questions(questions)
    missing = {
        question.id: Outcome(None, "the run did not ask this question")
        for question in labelled
        if _asked(baseline, question) and not _asked(run, question)
    }
    whole = Run(run.path, run.head, run.outcomes | missing)
    scores = score_questions(whole, labelled, Notes(whole, library))
    comparison = compare_on(baseline, whole, labelled, library, seed=seed)
    reasons = [
        f"{name} fell from {d.a:.3f} to {d.b:.3f} (difference {d.paired.difference.value:+.3f}, "
        f"95 % interval {d.paired.difference.low:+.3f} to {d.paired.difference.high:+.3f}, "
        f"p = {d.p:.2g} after correction, n = {d.n})"
        for name, d in comparison.differences.items()
        if d.detected and d.paired.difference.value < 0
    ]
    untrue = [v.question.id for v in scores.verdicts if v.values.get("citations_hold") == 0]
    if untrue:
        reasons.append(f"{len(untrue)} answers are not what the notes say: {some(untrue)}")
    checked: dict[str, tuple[float, float]] = {}
    for name, floor in (floors or {}).items():
        measure = _measure(name, floor, scores)
        checked[name] = (floor, measure.value)
        if measure.value < floor:
            reasons.append(
                f"{name} is {measure.value:.4f}, below its floor of {floor:g} (n = {measure.n})"
            )
    known = {question.id for question in labelled}
    dropped = tuple(name for name in baseline.outcomes if name not in known)
    return Decision(tuple(reasons), comparison, checked, tuple(missing), dropped)


def _asked(run: Run, question: Question) -> bool:
    outcome = run.outcomes.get(question.id)
    return outcome is not None and outcome.asked(question)


def _measure(name: str, floor: float, scores: Scores) -> Measure:
    """Returns the measure that a floor is set on; raises RunError where it cannot have one."""
    if not math.isfinite(floor):
        raise RunError(f"The floor of {name} is {floor}: expected a number.")
    if name in LOWER_IS_BETTER:
        raise RunError(f"{name} is better when lower, so it cannot have a floor.")
    if name not in scores.measures:
        hint = "this run has no question for it" if name in DESCRIPTIONS else "unknown"
        raise RunError(f"No floor can be set on {name}: {hint}.")
    return scores.measures[name]
