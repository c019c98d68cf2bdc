"""Two runs become a verdict: what changed, by how much, and whether chance could have done it.

Questions are paired; facts, with all their wordings, are what is resampled and what changes sides.
`B - A`: a positive difference means that B is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval import statistics
from eval.cases import match
from eval.dataset import Question
from eval.judging import Verdict, judge
from eval.measures import OF_THE_RUN, PER_QUESTION, YES_NO
from eval.notes import Notes
from eval.runfile import Run, differences
from rag import Library, RunError

SHOWN = (
    *("hit@5", "MRR@10", "nDCG@10", "answer_contains_evidence", "evidence_share_of_answer"),
    *("abstention_recall", "handled", "confidence_score", "citations_hold"),
)
"""Measures that are compared unless others are named; each more makes all of them less sharp."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure in two runs, over the questions on which both have it.

    Attributes:
        n, facts: how many questions those are, and facts.
        paired: the difference with its interval, its p before correction, and the least
            difference these questions can show.
        p: corrected for the number of measures shown (Holm).
        mcnemar: for yes/no measures, without correction.
        gained, lost: for yes/no measures, the questions that changed.
    """

    a: float
    b: float
    n: int
    facts: int
    paired: statistics.Paired
    p: float
    mcnemar: float | None
    gained: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def detected(self) -> bool:
        """Returns whether the difference lies beyond chance."""
        return self.p <= statistics.ALPHA

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that `eval compare --json` prints."""
        difference, smallest = self.paired.difference, self.paired.smallest
        yes_no = {
            "mcnemar_p": self.mcnemar,
            "gained": list(self.gained),
            "lost": list(self.lost),
        }
        return {
            "a": round(self.a, 4),
            "b": round(self.b, 4),
            "difference": round(difference.value, 4),
            "low": round(difference.low, 4),
            "high": round(difference.high, 4),
            "p": self.paired.p,
            "p_holm": self.p,
            "detected": self.detected,
            "smallest_detectable": None if smallest is None else round(smallest, 4),
            "n": self.n,
            "facts": self.facts,
            **(yes_no if self.mcnemar is not None else {}),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, question by question.

    Attributes:
        changed: what the heads of the runs say is different, by name.
        by_id: both verdicts on each question that was compared.
        left_out: ids of questions that could not be compared, and why.
    """

    a: Path
    b: Path
    changed: dict[str, tuple[Any, Any]]
    differences: dict[str, Difference]
    by_id: dict[str, tuple[Verdict, Verdict]]
    left_out: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `eval compare --json`."""
        return {
            "a": self.a.as_posix(),
            "b": self.b.as_posix(),
            "n": len(self.by_id),
            "changed": {name: list(pair) for name, pair in self.changed.items()},
            "measures": {name: d.to_dict() for name, d in self.differences.items()},
            "left_out": self.left_out,
            "verdict": verdict(self),
        }


def compare_runs(
    a: Run,
    b: Run,
    library: Library | None = None,
    *,
    questions: Path | None = None,
    measures: Sequence[str] = SHOWN,
    seed: int = statistics.SEED,
) -> Comparison:
    """Returns what changed from run `a` to run `b`.

    Labels are those that the set of `b` has today. A question is compared where both runs asked
    it in the same words and its quotes stood in the notes of both; an error counts as zero.

    Args:
        library: as for `score_run`.
        questions: the set, where it is not the file that `b` names.
        measures: those of `PER_QUESTION` to compare.
        seed: of the resampling.

    Raises:
        RunError: no question is common to both, or a measure cannot be compared or is not
            defined on any.
        QuestionSetError: the set breaks its format.
    """
    return compare_on(a, b, b.questions(questions), library, measures, seed)


def compare_on(
    a: Run,
    b: Run,
    questions: Sequence[Question],
    library: Library | None = None,
    measures: Sequence[str] = SHOWN,
    seed: int = statistics.SEED,
) -> Comparison:
    """Returns what changed on the given questions; as `compare_runs` does."""
    for name in measures:
        if name not in PER_QUESTION:
            hint = "it is no mean over questions" if name in OF_THE_RUN else "no such measure"
            known = ", ".join(PER_QUESTION)
            raise RunError(f"{name} cannot be compared: {hint}. Those that can: {known}.")
    left_out: dict[str, str] = {}
    judged = []
    for run in (a, b):
        notes = Notes(run, library)
        matched = match(run, questions, notes, skip_unjudged=True)
        left_out |= {name: f"{run.path.name} did not ask it so" for name in matched.not_run}
        left_out |= {
            name: f"{run.path.name}: {reason}" for name, reason in matched.unjudged.items()
        }
        judged.append({v.question.id: v for v in judge(matched.cases, notes)})
    by_id = {
        question.id: (judged[0][question.id], judged[1][question.id])
        for question in questions
        if question.id not in left_out
    }
    if not by_id:
        raise RunError(
            f"{a.path.stem} and {b.path.stem} have no question in common that can be compared: "
            "choose two runs of one set."
        )
    changed = differences(a.head, b.head)
    return Comparison(a.path, b.path, changed, _differences(by_id, measures, seed), by_id, left_out)


def _differences(
    by_id: dict[str, tuple[Verdict, Verdict]], measures: Sequence[str], seed: int
) -> dict[str, Difference]:
    pairs: dict[str, dict[str, tuple[float, float]]] = {}
    for name in measures:
        values = {
            question: (a.values[name], b.values[name])
            for question, (a, b) in by_id.items()
            if name in a.values and name in b.values
        }
        if values:
            pairs[name] = values
    if not pairs:
        raise RunError(f"None of these is defined on the questions: {', '.join(measures)}.")
    fact_of = {question: a.question.fact for question, (a, _) in by_id.items()}
    tested = {
        name: statistics.paired(
            {question: b - a for question, (a, b) in values.items()},
            fact_of,
            statistics.ALPHA / len(pairs),
            seed,
        )
        for name, values in pairs.items()
    }
    corrected = statistics.holm({name: result.p for name, result in tested.items()})
    found = {}
    for name, values in pairs.items():
        gained = tuple(q for q, (a, b) in values.items() if b > a) if name in YES_NO else ()
        lost = tuple(q for q, (a, b) in values.items() if b < a) if name in YES_NO else ()
        mcnemar = statistics.mcnemar(len(gained), len(lost)) if name in YES_NO else None
        found[name] = Difference(
            a=sum(a for a, _ in values.values()) / len(values),
            b=sum(b for _, b in values.values()) / len(values),
            n=len(values),
            facts=len({fact_of[question] for question in values}),
            paired=tested[name],
            p=corrected[name],
            mcnemar=mcnemar,
            gained=gained,
            lost=lost,
        )
    return found


def verdict(comparison: Comparison) -> str:
    """Returns in a sentence or two what the comparison shows."""
    found = {name: d for name, d in comparison.differences.items() if d.detected}
    if found:
        said = [
            f"{name} {'rose' if d.b > d.a else 'fell'} from {d.a:.3f} to {d.b:.3f} "
            f"(p = {d.p:.2g}, n = {d.n})"
            for name, d in found.items()
        ]
        return "Beyond chance: " + "; ".join(said) + "."
    n = len(comparison.by_id)
    shown = [name for name, d in comparison.differences.items() if d.paired.smallest is not None]
    if not shown:
        facts = max(d.facts for d in comparison.differences.values())
        return f"no detectable difference with {n} questions; {facts} facts are too few to show any"
    least = ", ".join(f"{smallest(comparison.differences[name])} ({name})" for name in shown)
    return (
        f"no detectable difference with {n} questions; "
        f"the smallest one this set can show is {least}"
    )


def smallest(difference: Difference) -> str:
    """Returns in words the least difference that its questions can show."""
    least = difference.paired.smallest
    return f"none with {difference.facts} facts" if least is None else f"{least:.3f}"
