from __future__ import annotations

import numpy as np
import pytest
from handmade import DIGITS, FAILED, FROZEN, HEAD, judged, outcome, question
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from eval.judging import Verdict
from eval.measures import (
    DESCRIPTIONS,
    OF_THE_RUN,
    PER_QUESTION,
    YES_NO,
    Measure,
    area_under_risk,
    bin_of,
    calibration_error,
    means,
    of_confidence,
    of_paraphrases,
    reliability,
    risk_at,
    risk_coverage,
    separation,
)
from eval.statistics import statistic

RIGHT, REST, WRONG = ("a.md", 11, 32), ("a.md", 33, 52), ("b.md", 0, 21)


def sure(*levels: tuple[float, bool], answerable: bool = True) -> list[Verdict]:
    """Verdicts of these confidences, right or wrong."""
    evidence = (HEAD,) if answerable else ()
    return judged(
        *(
            (
                question(*evidence, name=f"{answerable}{i}", fact=f"{answerable}{i}"),
                outcome(citations=[RIGHT if right else REST], confidence=confidence),
            )
            for i, (confidence, right) in enumerate(levels)
        )
    )


def once(values: list[float]) -> np.ndarray:
    return np.ones((1, len(values)))


# Means


def test_every_measure_is_over_the_questions_it_is_defined_on() -> None:
    verdicts = judged(
        (question(HEAD, name="1"), outcome([RIGHT], [RIGHT])),
        (question(HEAD, name="2"), outcome()),
        (question(name="3"), outcome()),
    )
    n = {name: measure.n for name, measure in means(verdicts).items()}
    answerable = set(PER_QUESTION) - {
        *("abstention_recall", "citations_hold", "evidence_share_of_answer", "handled"),
        "confidence_score",
    }
    assert n == {
        **dict.fromkeys(answerable, 2),
        "abstention_recall": 1,
        "citations_hold": 1,
        "evidence_share_of_answer": 1,
        "handled": 3,
        "confidence_score": 3,
    }


def test_yes_no_measures_are_yes_or_no() -> None:
    verdicts = judged(
        (question(HEAD, FROZEN, DIGITS, name="1"), outcome([WRONG, RIGHT], [("a.md", 5, 52)])),
        (question(name="2"), outcome()),
    )
    for verdict in verdicts:
        for name, value in verdict.values.items():
            assert name not in YES_NO or value in (0, 1)
    graded = {n for v in verdicts for n, value in v.values.items() if value not in (0, 1)}
    assert graded >= {"MRR@10", "nDCG@10", "confidence_score", "evidence_share_of_answer"}
    assert not graded & set(YES_NO)


def test_a_measure_as_json_has_four_places() -> None:
    assert Measure(1 / 3, 0.0, 2 / 3, 7).to_dict() == {
        "value": 0.3333,
        "low": 0.0,
        "high": 0.6667,
        "n": 7,
    }


def test_every_measure_says_what_it_is() -> None:
    assert set(DESCRIPTIONS) == set(PER_QUESTION) | set(OF_THE_RUN)
    assert set(YES_NO) < set(PER_QUESTION)
    assert all(DESCRIPTIONS.values())


# Confidence


def test_auroc_by_hand_counts_ties_half() -> None:
    # Pairs (answerable, unanswerable): (.9, .5) 1, (.9, .2) 1, (.5, .5) 1/2, (.5, .2) 1: 3.5 / 4.
    verdicts = sure((0.9, True), (0.5, False)) + sure((0.5, False), (0.2, False), answerable=False)
    assert of_confidence(verdicts)["AUROC"].value == 3.5 / 4


levels = st.lists(
    st.tuples(st.integers(0, 20).map(lambda i: i / 20), st.booleans(), st.integers(1, 3)),
    min_size=2,
    max_size=30,
)


@given(levels)
def test_auroc_and_brier_agree_with_scikit_learn(asked: list[tuple[float, bool, int]]) -> None:
    confidence = np.array([c for c, _, _ in asked])
    positive = np.array([float(p) for _, p, _ in asked])
    weights = np.array([float(w) for _, _, w in asked])
    if 0 < positive.sum() < len(positive):
        ours = separation(confidence, positive, weights[None, :])[0]
        theirs = roc_auc_score(positive, confidence, sample_weight=weights)
        assert ours == pytest.approx(theirs, abs=1e-9)
    verdicts = sure(*((c, p) for c, p, _ in asked))
    brier = of_confidence(verdicts)["Brier"].value
    assert brier == pytest.approx(brier_score_loss(positive, confidence), abs=1e-9)


def test_the_area_under_risk_by_hand() -> None:
    # Surest first: right, wrong, right, wrong. Risks 0, 1/2, 1/3, 1/2; their mean 1/3.
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    right = np.array([1.0, 0.0, 1.0, 0.0])
    area = area_under_risk(confidence, right, once([0] * 4))[0]
    assert area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


@given(levels)
def test_equal_confidences_count_as_in_any_order(asked: list[tuple[float, bool, int]]) -> None:
    """The mean over many shuffles of the k-th risk, computed one by one."""
    confidence = np.array([c for c, _, _ in asked])
    right = np.array([float(r) for _, r, _ in asked])
    weights = np.array([float(w) for _, _, w in asked])
    ours = area_under_risk(confidence, right, weights[None, :])[0]
    at_90 = risk_at(0.9, confidence, right, weights[None, :])[0]
    each = np.repeat(np.arange(len(asked)), weights.astype(int))
    # Within a tie every order is as likely: the expected right-or-wrong is the tie's mean.
    order = np.argsort(-confidence[each], kind="stable")
    c, wrong = confidence[each][order], 1 - right[each][order]
    expected = np.array([wrong[c == level].mean() for level in c])
    risks = np.cumsum(expected) / np.arange(1, len(each) + 1)
    assert ours == pytest.approx(risks.mean(), abs=1e-9)
    assert at_90 == pytest.approx(risks[int(np.ceil(0.9 * len(each) - 1e-9)) - 1], abs=1e-9)


def test_the_error_rate_at_90_coverage_leaves_out_the_least_sure_tenth() -> None:
    # Ten answers, the least sure one wrong, and one other: 1 of 9.
    verdicts = sure(*[(0.9, True)] * 8, (0.8, False), (0.1, False))
    assert of_confidence(verdicts)["error_at_90_coverage"].value == pytest.approx(1 / 9)


def test_the_calibration_error_by_hand() -> None:
    # Bin .9: two answers, confidences .9 and .94, one right: |.5 - .92| * 2 / 4.
    # Bin .1: .1 and .18, none right: |0 - .14| * 2 / 4.
    confidence = np.array([0.9, 0.94, 0.1, 0.18])
    right = np.array([1.0, 0.0, 0.0, 0.0])
    error = calibration_error(confidence, right, once([0] * 4))[0]
    assert error == pytest.approx(0.42 / 2 + 0.14 / 2)


def test_a_perfect_separation_is_not_taken_for_certain() -> None:
    # Six facts, all alike under resampling: 0.025^(1/6) = 0.5407.
    verdicts = sure(*[(0.9, True)] * 3) + sure(*[(0.2, False)] * 3, answerable=False)
    area = of_confidence(verdicts)["AUROC"]
    assert (area.value, area.low, area.high) == (1, pytest.approx(0.5407, abs=1e-4), 1)


@pytest.mark.parametrize(
    ("confidence", "number"), [(0, 0), (0.09, 0), (0.1, 1), (0.3, 3), (0.7, 7), (0.99, 9), (1, 9)]
)
def test_a_confidence_lies_in_the_tenth_that_begins_at_or_below_it(
    confidence: float, number: int
) -> None:
    assert bin_of(np.array([confidence]))[0] == number


def test_reliability_bins_hold_every_question_once() -> None:
    verdicts = sure((0.15, False), (0.18, True), (0.92, True), (1.0, True), (0.0, False))
    bins = reliability(verdicts)
    assert [(b.low, b.n, b.right.value) for b in bins] == [(0.0, 1, 0), (0.1, 2, 0.5), (0.9, 2, 1)]
    assert bins[1].confidence == pytest.approx(0.165)


def test_the_risk_coverage_curve_has_a_point_a_level() -> None:
    verdicts = sure((0.9, True), (0.9, False), (0.5, True))
    assert risk_coverage(verdicts) == [(0.9, 2 / 3, 1 / 2), (0.5, 1.0, 1 / 3)]


def test_unanswerable_questions_are_never_right() -> None:
    verdicts = sure((0.9, True), answerable=False)
    assert not verdicts[0].right
    assert of_confidence(verdicts)["Brier"].value == pytest.approx(0.81)


def test_failing_makes_no_measure_of_confidence_better() -> None:
    before = [(0.9, True), (0.8, False), (0.6, False), (0.3, True)]
    good = sure(*before) + sure((0.7, False), (0.2, False), answerable=False)
    pairs = [(v.question, v.outcome) for v in good]
    for number in range(len(pairs)):
        failed = [(q, FAILED if i == number else o) for i, (q, o) in enumerate(pairs)]
        one, other = of_confidence(good), of_confidence(judged(*failed))
        assert other["AUROC"].value <= one["AUROC"].value
        for name in ("AURC", "error_at_90_coverage", "Brier"):
            assert other[name].value >= one[name].value, name


def test_the_confidence_score_is_1_less_the_brier_score() -> None:
    verdicts = sure((0.9, True), (0.2, True), (0.7, False))
    expected = 1 - of_confidence(verdicts)["Brier"].value
    assert means(verdicts)["confidence_score"].value == pytest.approx(expected)


@pytest.mark.parametrize(("lies", "at_least"), [(0.0, 33), (0.2, 53)])
def test_the_interval_of_the_calibration_error_covers_the_truth(lies: float, at_least: int) -> None:
    """Confidences from .3 to .9, each larger by `lies` than the share that is right.

    Percentiles of resamples, not mirrored, never hold the truth where that is 0.
    """
    covered = 0
    for seed in range(60):
        randomly = np.random.default_rng(seed)
        confidence = randomly.integers(30, 90, 300) / 100
        right = (randomly.random(300) < confidence - lies).astype(float)

        def error(
            weights: np.ndarray, confidence: np.ndarray = confidence, right: np.ndarray = right
        ) -> np.ndarray:
            return calibration_error(confidence, right, weights)

        found = statistic(error, [str(i) for i in range(300)], mirrored=True)
        assert found.low <= found.value <= found.high
        covered += found.low <= lies <= found.high
    assert covered >= at_least


def test_auroc_needs_both_kinds_of_question() -> None:
    assert "AUROC" not in of_confidence(sure((0.9, True), (0.1, False)))
    assert "AUROC" not in of_confidence(sure((0.9, True), answerable=False))
    assert of_confidence([]) == {}


# Paraphrases


def test_wordings_of_a_fact_are_held_together() -> None:
    """Fact one: ranks 1, 2 and none. Fact two: ranks 1 and 1. Fact three has one wording."""
    ranks = {
        "1a": [RIGHT],
        "1b": [WRONG, RIGHT],
        "1c": [WRONG],
        "2a": [RIGHT, WRONG],
        "2b": [RIGHT],
        "3a": [WRONG],
    }
    found = of_paraphrases(
        judged(
            *(
                (question(HEAD, name=name, fact=name[0]), outcome(passages))
                for name, passages in ranks.items()
            )
        )
    )
    assert found["every_wording_hit@5"].value == 1 / 2
    assert found["worst_wording_MRR@10"].value == (0 + 1) / 2
    # Fact one: of the three pairs of first passages, only b and c agree. Fact two: its pair does.
    assert found["top_passage_agreement"].value == pytest.approx((1 / 3 + 1) / 2)
    assert {measure.n for measure in found.values()} == {2}


def test_wordings_that_found_nothing_do_not_agree() -> None:
    asked = [question(HEAD, name=name) for name in "ab"]
    found = of_paraphrases(judged(*((q, outcome()) for q in asked)))
    assert found["top_passage_agreement"].value == 0


def test_a_set_without_paraphrases_has_no_such_measure() -> None:
    asked = [question(HEAD, name=name, fact=name) for name in "ab"]
    assert of_paraphrases(judged(*((q, outcome([RIGHT])) for q in asked))) == {}
