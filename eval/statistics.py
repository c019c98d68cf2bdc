"""Values of questions become intervals and p-values, resampled by fact.

The wordings of one fact are not independent: asking a thing in four ways tells less than asking
four things. So facts are drawn, and facts change sides, always with all their wordings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RESAMPLES = 2000
FLIPS = 10_000
SEED = 20240229
ALPHA = 0.05
POWER = 0.8
BLOCK = 250
"""Resamples computed at a time, so that memory does not grow with the set."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@lru_cache(maxsize=64)
def draws(facts: int, seed: int = SEED) -> Array:
    """Returns how often each fact is drawn, `(RESAMPLES, facts)`, the same at every call."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return rng.multinomial(facts, np.full(facts, 1 / facts), RESAMPLES).astype(np.float64)


def percentiles(values: Array, facts: int) -> tuple[float, float]:
    """Returns the ends of the 95 % interval of resampled values.

    The percentile bootstrap is too narrow where facts are few, as a z interval with variance
    divided by n would be. The percentiles are those that make up for both: Phi(-sqrt(n/(n-1))
    t_{n-1}) (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 5.3).

    Args:
        values: of each resample; those that are not a number are left out.
        facts: how many were drawn from, at least two.
    """
    import numpy as np
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(math.sqrt(facts / (facts - 1)) * stdtrit(facts - 1, ALPHA / 2)))
    low, high = np.nanpercentile(values, [100 * tail, 100 * (1 - tail)])
    return float(low), float(high)


def blind(facts: int) -> float:
    """Returns the largest share of facts that may be other than all `facts` that were seen.

    Where all are alike there is nothing to resample, and the exact binomial bound stands in:
    1 - 0.025^(1/n) (Clopper and Pearson 1934, "The use of confidence or fiducial limits").
    """
    return float(1 - (ALPHA / 2) ** (1 / facts))


def mean(values: Mapping[str, float], fact_of: Mapping[str, str]) -> Interval:
    """Returns the mean of values from 0 to 1, with its interval.

    Args:
        values: by question id, at least one.
        fact_of: question ids to facts.
    """
    sums, sizes = by_fact(values, fact_of)
    facts = len(sums)
    value = float(sums.sum() / sizes.sum())
    if facts == 1:
        return Interval(value, 0.0, 1.0)  # one fact tells nothing of others
    if value in (0.0, 1.0):
        return Interval(value, max(0.0, value - blind(facts)), min(1.0, value + blind(facts)))
    drawn = draws(facts)
    low, high = percentiles((drawn @ sums) / (drawn @ sizes), facts)
    return Interval(value, low, high)


def by_fact(values: Mapping[str, float], fact_of: Mapping[str, str]) -> tuple[Array, Array]:
    """Returns the sum of the values of each fact's questions, and how many those are."""
    import numpy as np

    groups: dict[str, list[float]] = {}
    for question, value in values.items():
        groups.setdefault(fact_of[question], []).append(value)
    sums = np.array([math.fsum(group) for group in groups.values()])
    return sums, np.array([float(len(group)) for group in groups.values()])


def statistic(compute: Callable[[Array], Array], facts: Sequence[str]) -> Interval:
    """Returns a number from 0 to 1 that is no mean, with its interval.

    Args:
        compute: weights of the questions `(m, n)` to the number for each row `(m,)`; nan where
            it is not defined.
        facts: of the questions, `(n,)`.
    """
    import numpy as np

    names = {fact: number for number, fact in enumerate(dict.fromkeys(facts))}
    owner = np.array([names[fact] for fact in facts])
    value = float(compute(np.ones((1, len(facts))))[0])
    if len(names) == 1:
        return Interval(value, 0.0, 1.0)
    drawn = draws(len(names))
    values = np.concatenate(
        [compute(drawn[start : start + BLOCK, owner]) for start in range(0, RESAMPLES, BLOCK)]
    )
    low, high = percentiles(values, len(names))
    if low == high:  # nothing to resample, as in `mean`
        low, high = value - blind(len(names)), value + blind(len(names))
    return Interval(value, max(low, 0.0), min(high, 1.0))


# Two runs


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean of paired differences, with its interval and what chance would do.

    Attributes:
        p: how often a difference as large comes about when it is chance which run a fact's
            result stands in (two-sided).
        smallest: the least difference that these questions show with a power of 80 % at the
            level asked for; None where they cannot show any.
    """

    difference: Interval
    p: float
    smallest: float | None


def paired(
    differences: Mapping[str, float],
    fact_of: Mapping[str, str],
    alpha: float = ALPHA,
    seed: int = SEED,
) -> Paired:
    """Returns what paired differences, one a question, say.

    Args:
        alpha: the level for `smallest`: that of the smallest p among several, after Holm.
    """
    sums, sizes = by_fact(differences, fact_of)
    facts, total = len(sums), float(sizes.sum())
    value = float(sums.sum() / total)
    spread = 0.0
    if facts == 1:
        interval = Interval(value, -1.0, 1.0)
    elif not sums.any():
        interval = Interval(value, -blind(facts), blind(facts))
    else:
        drawn = draws(facts, seed)
        means = (drawn @ sums) / (drawn @ sizes)
        interval = Interval(value, *percentiles(means, facts))
        spread = float(means.std())
    moved = math.fsum(abs(difference) for difference in differences.values()) / total
    smallest = _smallest(facts, total, spread, moved, alpha)
    return Paired(interval, randomisation(sums, seed), smallest)


def randomisation(sums: Array, seed: int = SEED) -> float:
    """Returns the two-sided p of a paired randomisation test (Fisher 1935; Smucker et al. 2007).

    Under the null each fact's difference is as likely to have the other sign. All signs are
    tried where there are few facts that differ, else `FLIPS` at random, the signs that were seen
    among them.

    Args:
        sums: the difference of each fact, `(facts,)`.
    """
    import numpy as np

    moved = sums[sums != 0]
    seen = abs(float(moved.sum()))
    slack = 1e-9 * float(np.abs(moved).sum())  # sums of the same numbers in another order
    if 2 ** len(moved) <= FLIPS:
        patterns = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
        return float((np.abs((2 * patterns - 1) @ moved) >= seen - slack).mean())
    rng = np.random.default_rng(seed)
    extreme = 1
    for start in range(0, FLIPS, 1000):
        size = (min(1000, FLIPS - start), len(moved))
        signs = 2.0 * rng.integers(0, 2, size) - 1
        extreme += int((np.abs(signs @ moved) >= seen - slack).sum())
    return extreme / (FLIPS + 1)


def _smallest(
    facts: int, questions: float, spread: float, moved: float, alpha: float
) -> float | None:
    """Returns the least difference of means that would be seen; None where none could be.

    It is (z_{1-alpha/2} + z_{power}) standard errors. A difference brings variance of its own,
    as much for what it moves as the changes seen have brought; where none were seen, as much as
    single questions would: d^2 = z^2 (spread^2 + d * spread^2 / moved).

    Args:
        spread: the standard error of the difference.
        moved: the mean size of the changes, without their signs.
    """
    from scipy.special import ndtri

    if 2.0 ** (1 - facts) > alpha:  # all facts moving the same way would not do
        return None
    z = float(ndtri(1 - alpha / 2) + ndtri(POWER))
    grain = spread**2 / moved if spread else 1 / questions
    half = z**2 * grain / 2
    return half + math.sqrt(half**2 + (z * spread) ** 2)


def mcnemar(gained: int, lost: int) -> float:
    """Returns the two-sided exact p of McNemar's test (McNemar 1947; binomial form).

    It takes every question for independent, wordings of one fact too; `randomisation` does not.

    Args:
        gained, lost: how many questions changed from no to yes, and from yes to no.
    """
    changed = gained + lost
    tail = sum(math.comb(changed, i) for i in range(min(gained, lost) + 1))
    return min(1.0, float(Fraction(2 * tail, 2**changed)))


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Returns p values corrected for their number, in the order given (Holm 1979)."""
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p, key=lambda name: p[name])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[name]))
        corrected[name] = largest
    return {name: corrected[name] for name in p}
