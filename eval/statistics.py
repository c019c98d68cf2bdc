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
"""Resamples of a statistic computed at a time, which bounds the memory it takes."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@lru_cache(maxsize=4)
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


def _interval(
    value: float, values: Array, facts: int, lower: float, mirrored: bool = False
) -> Interval:
    """Returns the interval of resampled values, within [lower, 1]; see `blind` where all agree."""
    low, high = percentiles(values, facts)
    if high - low < 1e-9:
        low, high = value - blind(facts), value + blind(facts)
    if mirrored:
        low, high = 2 * value - high, max(value, 2 * value - low)
    return Interval(value, max(low, lower), min(high, 1.0))


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
    drawn = draws(facts)
    return _interval(value, (drawn @ sums) / (drawn @ sizes), facts, 0.0)


def by_fact(values: Mapping[str, float], fact_of: Mapping[str, str]) -> tuple[Array, Array]:
    """Returns the sum of the values of each fact's questions, and how many those are."""
    import numpy as np

    groups: dict[str, list[float]] = {}
    for question, value in values.items():
        groups.setdefault(fact_of[question], []).append(value)
    sums = np.array([math.fsum(group) for group in groups.values()])
    return sums, np.array([float(len(group)) for group in groups.values()])


def statistic(
    compute: Callable[[Array], Array], facts: Sequence[str], *, mirrored: bool = False
) -> Interval:
    """Returns a number from 0 to 1 that is no mean, with its interval.

    Args:
        compute: weights of the questions `(m, n)` to the number for each row `(m,)`; nan where
            it is not defined.
        facts: of the questions, `(n,)`.
        mirrored: whether resamples are off by as much again as the value itself is.
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
    return _interval(value, values, len(names), 0.0, mirrored)


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
    interval, spread = Interval(value, -1.0, 1.0), 0.0
    if facts > 1:
        drawn = draws(facts, seed)
        means = (drawn @ sums) / (drawn @ sizes)
        interval = _interval(value, means, facts, -1.0)
        spread = float(means.std())
    moved = math.fsum(abs(difference) for difference in differences.values()) / total
    unmoved = float((sizes**2).sum()) / total**2
    grain = spread**2 / moved if spread > 1e-9 else unmoved
    smallest = _smallest(facts, spread, grain, alpha)
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


def _smallest(facts: int, spread: float, grain: float, alpha: float) -> float | None:
    """Returns the least difference of means that would be seen; None where none could be.

    It is (z_{1-alpha/2} + z_{power}) standard errors. A difference brings variance of its own:
    d^2 = z^2 (spread^2 + d * grain).

    Args:
        spread: the standard error of the difference.
        grain: the variance that comes with a difference, for what it moves: as the changes seen
            have brought it, or where none were seen, as facts that move with all their wordings.
    """
    from scipy.special import ndtri

    z = float(ndtri(1 - alpha / 2) + ndtri(POWER))
    half = z**2 * grain / 2
    least = half + math.sqrt(half**2 + (z * spread) ** 2)
    # All facts moving the same way must be enough, and no mean of shares changes by more than 1.
    return least if 2.0 ** (1 - facts) <= alpha and least <= 1 else None


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
