from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, kstest

from eval import statistics
from eval.statistics import Interval, Paired, holm, mcnemar, paired, randomisation


def table(facts: Sequence[Sequence[float]]) -> tuple[dict[str, float], dict[str, str]]:
    """Values by question, and questions' facts; each fact is given by its wordings' values."""
    values = {f"{fact}-{i}": v for fact, group in enumerate(facts) for i, v in enumerate(group)}
    return values, {name: name.split("-")[0] for name in values}


def mean(*facts: Sequence[float]) -> Interval:
    return statistics.mean(*table(facts))


def difference(*facts: Sequence[float], **more: float) -> Paired:
    return paired(*table(facts), **more)  # type: ignore[arg-type]


# Intervals


def test_the_mean_is_over_questions_and_not_over_facts() -> None:
    # (1 + 1 + 1 + 0) / 4, not (1 + 0) / 2.
    assert mean([1, 1, 1], [0]).value == 0.75


def test_wordings_of_one_fact_are_drawn_together() -> None:
    # 40 facts of four wordings, half of them 1: as wide as 40 questions, twice as wide as 160.
    together = mean(*([[1.0] * 4] * 20 + [[0.0] * 4] * 20))
    apart = mean(*([[1.0]] * 80 + [[0.0]] * 80))
    width = (together.high - together.low) / (apart.high - apart.low)
    assert width == pytest.approx(2, abs=0.15)


def test_one_fact_bounds_nothing() -> None:
    assert mean([1, 0, 1, 0]) == Interval(0.5, 0.0, 1.0)
    assert mean([1, 1]) == Interval(1.0, 0.0, 1.0)


def test_the_interval_is_that_of_the_normal_approximation_for_many_facts() -> None:
    # 400 facts, half of them right: 1.96 * sqrt(0.5 * 0.5 / 400) = 0.049.
    found = mean(*([[1.0]] * 200 + [[0.0]] * 200))
    assert found.low == pytest.approx(0.5 - 0.049, abs=0.004)
    assert found.high == pytest.approx(0.5 + 0.049, abs=0.004)


def test_few_facts_get_the_width_of_a_t_interval() -> None:
    # Ten facts: t_9 = 2.262 and s = sqrt(1/9 * sum (x - mean)^2) = 0.3028, so 2.262 * s / sqrt(10).
    values = [[i / 10 + 0.05] for i in range(10)]
    found = mean(*values)
    half = 2.262 * float(np.std([v[0] for v in values], ddof=1)) / math.sqrt(10)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)


def test_all_alike_gets_the_exact_binomial_bound() -> None:
    # 58 of 58 refused: 0.025^(1/58) = 0.9384; scipy's exact interval says the same.
    found = mean(*([[1.0]] * 58))
    exact = binomtest(58, 58).proportion_ci(method="exact")
    assert (found.low, found.high) == (pytest.approx(exact.low), 1.0)
    assert found.low == pytest.approx(0.9384, abs=1e-4)
    none = mean(*([[0.0]] * 58))
    assert (none.low, none.high) == (0.0, pytest.approx(1 - exact.low))


def test_facts_that_agree_in_part_get_that_bound_too() -> None:
    # Five facts at one half: 1 - 0.025^(1/5) = 0.5218 either way, cut to the range.
    assert mean(*([[1.0, 0.0]] * 5)) == Interval(0.5, 0.0, 1.0)
    assert difference(*([[0.3]] * 20)).difference == Interval(
        pytest.approx(0.3), pytest.approx(0.3 - 0.1684, abs=1e-4), pytest.approx(0.4684, abs=1e-4)
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("right", "facts", "wordings"), [(0.7, 80, 1), (0.9, 100, 1), (0.6, 120, 4), (0.85, 250, 3)]
)
def test_the_interval_covers_the_truth_in_93_to_97_of_100_sets(
    right: float, facts: int, wordings: int
) -> None:
    """Facts differ in how hard they are: Beta(2 p, 2 (1 - p)), so their wordings are alike."""
    randomly = np.random.default_rng(3)
    sets, covered = 1500, 0
    for _ in range(sets):
        ease = randomly.beta(2 * right, 2 * (1 - right), facts)
        asked = (randomly.random((facts, wordings)) < ease[:, None]).astype(float)
        found = mean(*asked.tolist())
        covered += found.low <= right <= found.high
    assert 0.93 <= covered / sets <= 0.97


def test_the_interval_is_the_same_every_time() -> None:
    facts = [[1.0, 0.0], [1.0], [0.0, 0.0, 1.0]]
    first = mean(*facts)
    statistics.draws.cache_clear()
    assert mean(*facts) == first


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), min_size=1, max_size=8))
def test_the_interval_holds_the_value_and_stays_in_range(facts: list[list[float]]) -> None:
    found = mean(*facts)
    everything = [value for group in facts for value in group]
    assert found.value == pytest.approx(sum(everything) / len(everything))
    assert -1e-9 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1 + 1e-9


def test_a_statistic_of_the_mean_has_the_interval_of_the_mean() -> None:
    facts = [[1.0, 0.0], [1.0], [0.0, 0.5, 1.0], [0.25]]
    values, fact_of = table(facts)
    x = np.array(list(values.values()))

    def compute(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = weights @ x / weights.sum(axis=1)
        return result

    found = statistics.statistic(compute, list(fact_of.values()))
    expected = mean(*facts)
    assert found.value == pytest.approx(expected.value)
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))


# Two runs


def test_the_randomisation_test_counts_signs_by_hand() -> None:
    # Three facts moved by +1, +1, +1: of the 8 patterns, +++ and --- are as extreme: 2 / 8.
    assert randomisation(np.array([1.0, 1.0, 1.0, 0.0])) == 0.25
    # +3, -1: |sum| = 2. ++ 4, +- 2, -+ 2, -- 4: all of them.
    assert randomisation(np.array([3.0, -1.0])) == 1.0
    # +3, +1: |sum| = 4: two of four.
    assert randomisation(np.array([3.0, 1.0])) == 0.5


def test_no_difference_at_all_has_a_p_of_one() -> None:
    assert randomisation(np.zeros(5)) == 1.0


def test_random_signs_agree_with_all_signs() -> None:
    sums = np.random.default_rng(5).normal(0.3, 1, 13)  # 2^13 = 8192: all of them
    exact = randomisation(sums)
    many = np.concatenate([sums, [1e-12] * 5])  # 2^18: at random, the same but for a hair
    assert randomisation(many) == pytest.approx(exact, abs=0.02)
    assert 0.01 < exact < 0.9


def test_wordings_of_a_fact_change_sides_together() -> None:
    # One fact, four wordings, all better: 2 patterns, both as extreme. No evidence at all.
    assert difference([1, 1, 1, 1], [0, 0]).p == 1.0
    assert difference(*([[1.0]] * 4)).p == 2 / 16


def test_p_values_are_uniform_when_nothing_changed() -> None:
    """Two systems alike: 60 facts of three wordings, each fact as hard for both."""
    p = []
    for seed in range(400):
        randomly = np.random.default_rng(seed)
        ease = randomly.random((60, 1))
        a, b = (ease * randomly.random((60, 3)) for _ in range(2))
        p.append(randomisation((b - a).sum(axis=1), seed))
    assert kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.03)


def test_yes_or_no_is_called_different_at_most_5_times_in_100_when_nothing_changed() -> None:
    """Ties make p larger, never smaller."""
    p = []
    for seed in range(400):
        randomly = np.random.default_rng(seed)
        ease = randomly.random((60, 1))
        a, b = (randomly.random((60, 3)) < ease for _ in range(2))
        p.append(randomisation((b.astype(float) - a).sum(axis=1), seed))
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.08


def test_a_test_that_forgets_the_facts_is_not_uniform() -> None:
    """The check above can fail: with the wordings of a fact alike, flipping each alone is wrong."""
    p = []
    for seed in range(200):
        randomly = np.random.default_rng(seed)
        a, b = (np.repeat(randomly.random((60, 1)) < 0.5, 3, axis=1) for _ in range(2))
        p.append(randomisation((b.astype(float) - a).ravel(), seed))
    assert kstest(p, "uniform").pvalue < 0.01


def test_the_interval_of_a_difference_covers_the_truth() -> None:
    covered = 0
    for seed in range(400):
        randomly = np.random.default_rng(seed)
        a, b = randomly.random((100, 2)) < 0.6, randomly.random((100, 2)) < 0.7
        found = difference(*(b.astype(float) - a).tolist()).difference
        covered += found.low <= 0.1 <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_runs_that_never_differ_may_still_differ_on_other_facts() -> None:
    # 250 facts alike: 1 - 0.025^(1/250) = 0.0146.
    found = difference(*([[0.0, 0.0]] * 250))
    assert found.difference == Interval(
        0.0, pytest.approx(-0.0146, abs=1e-4), pytest.approx(0.0146, abs=1e-4)
    )  # type: ignore[arg-type]
    assert found.p == 1.0


def test_the_smallest_difference_by_hand() -> None:
    # Nothing moved, so whole facts are taken to: (1.96 + 0.8416)^2 / 50 facts = 0.157.
    found = difference(*([[0.0, 0.0]] * 50))
    assert found.smallest == pytest.approx(0.157, abs=1e-3)
    # Five facts all the same way: 2^(1-5) = 0.0625 > 0.05. Seven: 7.849 / 7 > 1. Eight: 0.981.
    assert [difference(*([[0.0]] * facts)).smallest is None for facts in (5, 7, 8)] == [
        *(True, True, False)
    ]
    assert difference(*([[0.0]] * 8), alpha=0.03).smallest is None


@pytest.mark.parametrize("wordings", [1, 4])
def test_what_runs_that_are_alike_could_show_is_found_four_times_in_five(wordings: int) -> None:
    least = difference(*([[0.0] * wordings] * 250)).smallest
    assert least is not None
    found = []
    for seed in range(200):
        moved = np.random.default_rng(seed).random(250) < least
        found.append(difference(*([float(move)] * wordings for move in moved)).p <= 0.05)
    assert 0.7 <= np.mean(found) <= 0.9


@pytest.mark.parametrize("wordings", [1, 4])
def test_the_smallest_difference_is_one_that_is_found_four_times_in_five(wordings: int) -> None:
    """The promise itself; all wordings of a fact move together, one fact in ten either way."""

    def asked(seed: int, better: float) -> list[list[float]]:
        randomly = np.random.default_rng(seed)
        moves = randomly.choice([-1.0, 0.0, 1.0], 200, p=[0.1, 0.8 - better, 0.1 + better])
        return [[float(move)] * wordings for move in moves]

    least = difference(*asked(11, 0)).smallest
    assert least is not None
    found = np.mean([difference(*asked(seed, least)).p <= 0.05 for seed in range(200)])
    assert 0.7 <= found <= 0.9


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (0, 6), (10, 3), (40, 41), (600, 500)])
def test_mcnemar_is_the_binomial_test_of_what_changed(gained: int, lost: int) -> None:
    changed = gained + lost
    expected = binomtest(gained, changed, 0.5).pvalue if changed else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected)


def test_holm_by_hand() -> None:
    # Sorted .01, .02, .04 times 3, 2, 1: .03, .04, .04.
    assert holm({"a": 0.04, "b": 0.01, "c": 0.02}) == pytest.approx(
        {"a": 0.04, "b": 0.03, "c": 0.04}
    )
    # .03 * 2 = .06, and the larger p of .04 may not come out smaller.
    assert holm({"a": 0.04, "b": 0.03}) == pytest.approx({"a": 0.06, "b": 0.06})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
