"""A run and its baseline become a decision: pass, or the reasons why not.

A drop counts where it lies beyond chance after correction for the measures looked at; a floor is
broken where the value itself is below it. Questions that the baseline asked and the run did not
count as failed, so that leaving questions out helps nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval import statistics
from eval.compare import Comparison, compare_runs
from eval.measures import DESCRIPTIONS, LOWER_IS_BETTER
from eval.notes import Notes
from eval.run import Outcome, Run
from eval.score import score_questions
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

    Args:
        library, questions, seed: as for `compare_runs`.
        floors: least values by measure.

    Raises:
        RunError: nothing can be compared, or a floor is set on a measure that the run does not
            have, or that is better when lower.
        QuestionSetError: the set breaks its format, or quotes what the run's notes do not hold.
    """
    asked = {question.id for question in run.questions(questions)}
    missing = tuple(
        name for name in baseline.outcomes if name in asked and name not in run.outcomes
    )
    dropped = tuple(name for name in baseline.outcomes if name not in asked)
    failed = dict.fromkeys(missing, Outcome(None, "the run did not ask this question"))
    whole = Run(run.path, run.head, run.outcomes | failed)
    comparison = compare_runs(baseline, whole, library, questions=questions, seed=seed)
    reasons = [
        f"{name} fell from {d.a:.3f} to {d.b:.3f} (difference {d.paired.difference.value:+.3f}, "
        f"95 % interval {d.paired.difference.low:+.3f} to {d.paired.difference.high:+.3f}, "
        f"p = {d.p:.2g} after correction, n = {d.n})"
        for name, d in comparison.differences.items()
        if d.detected and d.paired.difference.value < 0
    ]
    checked: dict[str, tuple[float, float]] = {}
    if floors:
        labelled = whole.questions(questions)
        measures = score_questions(whole, labelled, Notes(whole, library)).measures
        for name, floor in floors.items():
            if name in LOWER_IS_BETTER:
                raise RunError(f"{name} is better when lower, so it cannot have a floor.")
            if name not in measures:
                hint = "this run has no question for it" if name in DESCRIPTIONS else "unknown"
                raise RunError(f"No floor can be set on {name}: {hint}.")
            checked[name] = (floor, measures[name].value)
            if measures[name].value < floor:
                reasons.append(
                    f"{name} is {measures[name].value:.4f}, below its floor of {floor:g} "
                    f"(n = {measures[name].n})"
                )
    return Decision(tuple(reasons), comparison, checked, missing, dropped)
