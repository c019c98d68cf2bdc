"""Verdicts become measures: each a number with its n and a 95 % interval.

Means over questions come from `Verdict.values`. What is not a mean is computed here: how well the
confidence separates and what it promises, and whether the wordings of a fact agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from eval import statistics
from eval.judging import Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Numbers = NDArray[np.signedinteger[Any]]

YES_NO = (
    *("hit@1", "hit@3", "hit@5", "hit@10", "answer_contains_evidence", "answer_rate"),
    *("abstention_recall", "handled", "citations_hold"),
)
"""Measures that are 0 or 1 on each question."""

PER_QUESTION = {
    "hit@1": "the first passage finds the evidence",
    "hit@3": "one of the first 3 passages finds the evidence",
    "hit@5": "one of the first 5 passages finds the evidence",
    "hit@10": "one of the first 10 passages finds the evidence",
    "MRR@10": "1 / rank of the passage that finds the evidence, 0 beyond 10",
    "nDCG@10": "mean of 1 / log2(1 + rank) of what is needed, 0 beyond 10",
    "recall@5": "share of what is needed that the first 5 passages find",
    "recall@10": "share of what is needed that the first 10 passages find",
    "evidence_coverage@10": "share of the evidence's characters in the first 10 passages",
    "answer_contains_evidence": "answered, and the answer holds the evidence",
    "evidence_share_of_answer": "share of the answer's characters that are evidence",
    "answer_rate": "answerable questions that were answered",
    "abstention_recall": "unanswerable questions that were refused",
    "handled": "answered with the evidence, or rightly refused",
    "citations_hold": "every sentence and quote is what stands at its place",
    "confidence_score": "1 less the squared error of the confidence",
}
"""Measures that have a value on each question, 0 to 1, higher is better; what they say."""

LOWER_IS_BETTER = ("AURC", "error_at_90_coverage", "ECE", "Brier")

OF_THE_RUN = {
    "AUROC": "an answerable question has more confidence than an unanswerable one",
    "AURC": "mean share of wrong answers over all coverages, surest first",
    "error_at_90_coverage": "wrong answers among the surest 90 % of the questions",
    "ECE": "mean distance of confidence and frequency, over ten bins",
    "Brier": "mean squared error of the confidence",
    "every_wording_hit@5": "facts whose every wording finds its evidence in 5 passages",
    "worst_wording_MRR@10": "MRR@10 of each fact's worst wording",
    "top_passage_agreement": "pairs of wordings of a fact with the same first passage",
}
"""Measures that are not means over questions; what they say."""

DESCRIPTIONS = PER_QUESTION | OF_THE_RUN

BINS = 10
COVERAGE = 0.9


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its 95 % interval (bootstrap over facts) and what it is over.

    Attributes:
        n: how many questions; facts for the measures of paraphrases.
    """

    value: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, float | int]:
        """Returns the JSON form that `eval score --json` prints."""
        return {
            "value": round(self.value, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "n": self.n,
        }


def means(verdicts: Sequence[Verdict]) -> dict[str, Measure]:
    """Returns every measure that has a value on at least one of the questions."""
    fact_of = {verdict.question.id: verdict.question.fact for verdict in verdicts}
    found = {}
    for name in PER_QUESTION:
        values = {v.question.id: v.values[name] for v in verdicts if name in v.values}
        if values:
            found[name] = mean(values, fact_of)
    return found


def mean(values: Mapping[str, float], fact_of: Mapping[str, str]) -> Measure:
    """Returns the mean of a measure over the questions that have a value, at least one."""
    interval = statistics.mean(values, fact_of)
    return Measure(interval.value, interval.low, interval.high, len(values))


# Confidence


def of_confidence(verdicts: Sequence[Verdict]) -> dict[str, Measure]:
    """Returns how well the confidence separates, ranks and promises.

    `AUROC` is over answerable against unanswerable questions. The others are over all: an answer,
    shown or withheld, is right where it holds the evidence, and never where the notes do not
    answer. A question that failed is as bad as can be: surely answered, and wrong; for `AUROC`
    on the wrong side of all others.

    The plug-in `ECE` is too large, and that of resamples larger still, by as much again: its
    interval is mirrored at the value (the basic bootstrap; Davison and Hinkley 1997, section 5.2).
    It is a rough one all the same: in simulated sets of 100 to 1,000 questions it held the truth in
    83 to 96 of 100 where confidences were off by .03 to .2, and in 61 to 75 where they were right.
    """
    import numpy as np

    if not verdicts:
        return {}
    confidence = np.array([verdict.confidence for verdict in verdicts])
    right = np.array([float(verdict.right) for verdict in verdicts])
    answerable = np.array([float(verdict.question.answerable) for verdict in verdicts])
    computations: dict[str, Callable[[Array], Array]] = {
        "AURC": lambda weights: area_under_risk(confidence, right, weights),
        "error_at_90_coverage": lambda weights: risk_at(COVERAGE, confidence, right, weights),
        "ECE": lambda weights: calibration_error(confidence, right, weights),
        "Brier": lambda weights: weights @ (confidence - right) ** 2 / weights.sum(axis=1),
    }
    if 0 < answerable.sum() < len(verdicts):
        failed = np.array([verdict.outcome.failed for verdict in verdicts])
        side = np.where(failed, 1 - answerable, confidence)
        computations["AUROC"] = lambda weights: separation(side, answerable, weights)
    facts = [verdict.question.fact for verdict in verdicts]
    found = {}
    for name in OF_THE_RUN:
        if name in computations:
            interval = statistics.statistic(computations[name], facts, mirrored=name == "ECE")
            found[name] = Measure(interval.value, interval.low, interval.high, len(verdicts))
    return found


def separation(confidence: Array, positive: Array, weights: Array) -> Array:
    """Returns the area under the ROC curve, `(m,)`: ties count half (Hanley and McNeil 1982).

    Args:
        confidence, positive: `(n,)`; positive is 1 or 0.
        weights: how often each question counts, `(m, n)`.
    """
    import numpy as np

    levels, level = np.unique(confidence, return_inverse=True)
    yes = _per_level(weights * positive, level, len(levels))
    no = _per_level(weights * (1 - positive), level, len(levels))
    below = np.cumsum(no, axis=1) - no
    pairs = yes.sum(axis=1) * no.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area: Array = (yes * (below + no / 2)).sum(axis=1) / pairs
    return area


def _per_level(weights: Array, level: Numbers, levels: int) -> Array:
    """Returns the weights `(m, n)` added up by level, `(m, levels)`."""
    import numpy as np

    member = np.zeros((weights.shape[1], levels))
    member[np.arange(weights.shape[1]), level] = 1
    total: Array = weights @ member
    return total


def _surest_first(confidence: Array, right: Array, weights: Array) -> tuple[Array, Array]:
    """Returns how many questions, and how many wrong ones, each level of confidence holds."""
    import numpy as np

    levels, level = np.unique(-confidence, return_inverse=True)
    count = _per_level(weights, level, len(levels))
    return count, _per_level(weights * (1 - right), level, len(levels))


def area_under_risk(confidence: Array, right: Array, weights: Array) -> Array:
    """Returns the area under the risk-coverage curve, `(m,)` (Geifman and El-Yaniv 2017).

    That is the mean over k = 1 … n of the share of wrong answers among the k surest. Equal
    confidences count as in any order: with r wrong in b of them, the k-th adds r / b.

    Args:
        confidence, right: `(n,)`; right is 1 or 0.
        weights: how often each question counts, whole numbers, `(m, n)`.
    """
    import numpy as np

    count, wrong = _surest_first(confidence, right, weights)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, weights.sum(axis=1).max() + 1))])
    after = np.cumsum(count, axis=1)
    before = after - count
    rate = wrong / np.maximum(count, 1)
    risen = np.cumsum(wrong, axis=1) - wrong
    terms = harmonic[after.astype(int)] - harmonic[before.astype(int)]
    area: Array = (rate * count + (risen - before * rate) * terms).sum(axis=1) / after[:, -1]
    return area


def risk_at(coverage: float, confidence: Array, right: Array, weights: Array) -> Array:
    """Returns the share of wrong answers among the surest `coverage` of the questions, `(m,)`."""
    import numpy as np

    count, wrong = _surest_first(confidence, right, weights)
    wanted = np.ceil(coverage * count.sum(axis=1) - 1e-9)[:, None]
    before = np.cumsum(count, axis=1) - count
    taken = np.clip(wanted - before, 0, count)
    risk: Array = (taken * wrong / np.maximum(count, 1)).sum(axis=1) / wanted[:, 0]
    return risk


def bin_of(confidence: Array) -> Numbers:
    """Returns the number of the tenth that each confidence lies in; 1 lies in the last."""
    import numpy as np

    numbers: Numbers = np.minimum((confidence * BINS + 1e-9).astype(np.int64), BINS - 1)
    return numbers


def calibration_error(confidence: Array, right: Array, weights: Array) -> Array:
    """Returns the expected calibration error, `(m,)`, over ten equal bins (Naeini et al. 2015)."""
    import numpy as np

    numbers = bin_of(confidence)
    surplus = _per_level(weights * (right - confidence), numbers, BINS)
    error: Array = np.abs(surplus).sum(axis=1) / weights.sum(axis=1)
    return error


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers, shown or withheld, whose confidence lies in one tenth.

    Attributes:
        confidence, right: means over its questions; right with a 95 % interval.
    """

    low: float
    high: float
    n: int
    confidence: float
    right: Measure


def reliability(verdicts: Sequence[Verdict]) -> list[Bin]:
    """Returns the bins that hold questions, by rising confidence."""
    import numpy as np

    numbers = bin_of(np.array([verdict.confidence for verdict in verdicts]))
    bins = []
    for number in sorted(set(numbers.tolist())):
        inside = [v for v, n in zip(verdicts, numbers, strict=True) if n == number]
        right = mean(
            {v.question.id: float(v.right) for v in inside},
            {v.question.id: v.question.fact for v in inside},
        )
        confidence = math.fsum(v.confidence for v in inside) / len(inside)
        bins.append(Bin(number / BINS, (number + 1) / BINS, len(inside), confidence, right))
    return bins


def risk_coverage(verdicts: Sequence[Verdict]) -> list[tuple[float, float, float]]:
    """Returns the risk-coverage curve: confidence, share answered from it on, share wrong."""
    points = []
    wrong = 0
    ordered = sorted(verdicts, key=lambda verdict: -verdict.confidence)
    for number, verdict in enumerate(ordered, start=1):
        wrong += not verdict.right
        last = number == len(ordered)
        if last or ordered[number].confidence != verdict.confidence:
            points.append((verdict.confidence, number / len(ordered), wrong / number))
    return points


# Paraphrases


def of_paraphrases(verdicts: Sequence[Verdict]) -> dict[str, Measure]:
    """Returns whether the wordings of a fact fare alike, over facts with at least two of them."""
    wordings: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.question.answerable:
            wordings.setdefault(verdict.question.fact, []).append(verdict)
    groups = {fact: group for fact, group in wordings.items() if len(group) > 1}
    if not groups:
        return {}
    itself = {fact: fact for fact in groups}
    tables = {
        "every_wording_hit@5": {
            fact: min(v.values["hit@5"] for v in group) for fact, group in groups.items()
        },
        "worst_wording_MRR@10": {
            fact: min(v.values["MRR@10"] for v in group) for fact, group in groups.items()
        },
        "top_passage_agreement": {fact: _agreement(group) for fact, group in groups.items()},
    }
    return {name: mean(values, itself) for name, values in tables.items()}


def _agreement(group: Sequence[Verdict]) -> float:
    tops = [_top(verdict) for verdict in group]
    pairs = list(combinations(tops, 2))
    return sum(one is not None and one == other for one, other in pairs) / len(pairs)


def _top(verdict: Verdict) -> tuple[str, int, int] | None:
    passages = verdict.outcome.passages
    if not passages:
        return None
    return (passages[0]["document"], passages[0]["start"], passages[0]["end"])
