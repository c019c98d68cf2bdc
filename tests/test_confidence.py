from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from conftest import QUESTIONS
from hypothesis import given
from hypothesis import strategies as st

from eval import load_questions
from rag import Fit, Settings, chunking, signals, threshold_for
from rag.confidence import SIGNALS
from rag.retrieval import Hit, Retrieval


def model(**changes: Any) -> Fit:
    fields: dict[str, Any] = {
        "lexical_weight": 0.025,
        "means": {"unit_similarity": 1.0, "words_found": 0.0},
        "scales": {"unit_similarity": 0.5, "words_found": 2.0},
        "weights": {"unit_similarity": 2.0, "words_found": -1.0},
        "intercept": -1.0,
        "unanswerable": (0.6, 0.2),
        "fitted_on": {"conditions": {"model": "m", "chunking": "1:240"}},
    }
    return Fit(**{**fields, **changes})


def values(unit: float, words: float) -> dict[str, float]:
    return {"unit_similarity": unit, "words_found": words}


# The model


@pytest.mark.parametrize(
    ("unit", "words", "logit"),
    [
        (1.0, 0.0, -1.0),  # both at their means: the intercept
        (1.25, 0.0, 0.0),  # -1 + 2 * (1.25 - 1) / 0.5
        (1.0, 4.0, -3.0),  # -1 - 1 * 4 / 2
        (2.0, -1.0, 3.5),  # -1 + 2 * 2 + 0.5
    ],
)
def test_probability_by_hand(unit: float, words: float, logit: float) -> None:
    assert model().probability(values(unit, words)) == round(1 / (1 + math.exp(-logit)), 2)


def test_probability_of_a_logit_of_ln_3_is_three_quarters() -> None:
    assert model(intercept=math.log(3)).probability(values(1.0, 0.0)) == 0.75


def test_probability_has_the_two_places_that_are_shown() -> None:
    # -1 + 2 * 0.1 / 0.5 - 0.3 / 2 = -0.75, and 1 / (1 + e^0.75) = 0.32082.
    assert model().probability(values(1.1, 0.3)) == 0.32


def test_nothing_found_has_no_probability_at_all() -> None:
    assert model(intercept=100.0).probability({}) == 0.0


def test_a_signal_that_is_missing_is_an_error_and_no_zero() -> None:
    with pytest.raises(KeyError):
        model().probability({"unit_similarity": 1.0})


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0, 10))
def test_probability_grows_with_a_signal_of_positive_weight(
    unit: float, words: float, more: float
) -> None:
    low = model().probability(values(unit, words))
    high = model().probability(values(unit + more, words))
    assert 0 <= low <= high <= 1


@given(st.floats(allow_nan=False, allow_infinity=False), st.text())
def test_json_brings_back_the_same_model(number: float, text: str) -> None:
    before = model(intercept=number, fitted_on={"set": text, "held_out": {"AUROC": number}})
    assert Fit.from_json(before.to_json()) == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"unanswerable": []}', '{"unanswerable": 5}'])
def test_what_is_no_fit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a fit|Expecting"):
        Fit.from_json(text)


def test_a_fit_on_other_signals_is_refused_by_their_names() -> None:
    with pytest.raises(ValueError, match="fitted on the signals height, weight"):
        model(weights={"weight": 1.0, "height": 2.0})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"means": {}}, "fitted on the signals none"),
        ({"scales": {"unit_similarity": 0.0, "words_found": 1.0}}, "out of range"),
        ({"scales": {"unit_similarity": 1.0, "words_found": math.nan}}, "one of its numbers"),
        ({"lexical_weight": -1.0}, "out of range"),
        ({"intercept": "1"}, "one of its numbers"),
        ({"unanswerable": ("a",)}, "one of its numbers"),
        ({"unanswerable": ()}, "none, or not sorted"),
        ({"unanswerable": (0.2, 0.6)}, "none, or not sorted"),
        ({"fitted_on": None}, "what it was fitted on"),
    ],
)
def test_an_absurd_fit_is_refused(changes: dict[str, Any], said: str) -> None:
    text = json.dumps(asdict(model()) | changes)
    with pytest.raises(ValueError, match=said):
        Fit.from_json(text)


def test_a_fit_differs_by_the_conditions_that_are_not_its_own() -> None:
    fitted = model()
    assert fitted.differs({"model": "m", "chunking": "1:240"}) == []
    assert fitted.differs({"model": "n", "chunking": "1:240"}) == ["model"]
    assert fitted.differs({"model": "m", "chunking": "1:240", "reranker": "r"}) == ["reranker"]
    assert fitted.differs({"model": "m"}) == ["chunking"]


# The levels

LEVELS = [
    {"low": 0, "high": 0.5, "n": 40, "right": 4},
    {"low": 0.5, "high": 1, "n": 30, "right": 9},
]


def test_a_confidence_has_the_level_that_it_lies_on() -> None:
    fitted = Fit.from_json(json.dumps(asdict(model()) | {"levels": LEVELS}))
    assert [fitted.levels.index(fitted.level(at)) for at in (0, 0.49, 0.5, 0.99, 1)] == [  # type: ignore[arg-type]
        *(0, 0, 1, 1, 1)
    ]
    assert Fit.from_json(fitted.to_json()) == fitted
    assert model().level(0.5) is None


@pytest.mark.parametrize(
    "levels",
    [
        LEVELS[:1],
        LEVELS[1:],
        LEVELS[::-1],
        [*LEVELS, LEVELS[1]],
        [{**LEVELS[0], "high": 0.4}, LEVELS[1]],
        [{"low": 0, "high": 1, "n": 40, "right": 41}],
        [{"low": 0, "high": 1, "n": 0, "right": 0}],
        [{"low": 0, "high": 1, "n": 40}],
        [{"low": "0", "high": 1, "n": 40, "right": 1}],
        5,
    ],
)
def test_levels_that_are_none_or_leave_something_out_are_refused(levels: Any) -> None:
    with pytest.raises(ValueError, match=r"level|not a fit"):
        Fit.from_json(json.dumps(asdict(model()) | {"levels": levels}))


def test_a_fit_without_levels_loads() -> None:
    fields = asdict(model())
    del fields["levels"]
    assert Fit.from_json(json.dumps(fields)) == model()


def test_levels_of_before_their_questions_were_told_apart_were_of_fitted_ones() -> None:
    fitted = Fit.from_json(json.dumps(asdict(model()) | {"levels": LEVELS}))
    assert [level.held_out for level in fitted.levels] == [False, False]
    told = Fit.from_json(
        json.dumps(asdict(model()) | {"levels": [{**one, "held_out": True} for one in LEVELS]})
    )
    assert all(level.held_out for level in told.levels)
    assert Fit.from_json(told.to_json()) == told


# The threshold


@pytest.mark.parametrize(
    ("unanswerable", "rate", "threshold"),
    [
        ((0.9, 0.5, 0.4, 0.1), 0.0, 0.91),  # none may reach it
        ((0.9, 0.5, 0.4, 0.1), 0.24, 0.91),
        ((0.9, 0.5, 0.4, 0.1), 0.25, 0.51),  # one of four may
        ((0.9, 0.5, 0.4, 0.1), 0.5, 0.41),
        ((0.9, 0.5, 0.4, 0.1), 1.0, 0.0),
        ((0.9, 0.9, 0.4, 0.1), 0.25, 0.91),  # two are alike: neither may
        ((0.3,) * 20, 0.05, 0.31),
        ((0.7,) + (0.3,) * 19, 0.05, 0.31),
        ((), 0.05, 0.0),  # nothing is known to be false
    ],
)
def test_the_threshold_by_hand(
    unanswerable: tuple[float, ...], rate: float, threshold: float
) -> None:
    assert threshold_for(unanswerable, rate) == threshold
    if unanswerable:
        assert model(unanswerable=unanswerable).threshold(rate) == threshold


@given(st.lists(st.integers(0, 100), min_size=1, max_size=60), st.floats(0, 1))
def test_no_more_than_the_rate_reach_the_threshold_and_a_lower_one_lets_more(
    hundredths: list[int], rate: float
) -> None:
    unanswerable = tuple(sorted((h / 100 for h in hundredths), reverse=True))
    threshold = threshold_for(unanswerable, rate)
    allowed = rate * len(unanswerable) + 1e-6
    assert sum(p >= threshold for p in unanswerable) <= allowed
    if threshold > 0:
        assert sum(p >= round(threshold - 0.01, 2) for p in unanswerable) > allowed - 2e-6


# The shipped one


def test_the_shipped_fit_loads() -> None:
    shipped = Fit.shipped()
    assert set(shipped.means) == set(shipped.scales) == set(shipped.weights) == set(SIGNALS)
    assert all(scale > 0 for scale in shipped.scales.values())
    assert 0 < shipped.threshold(Settings().false_answers) < 1
    assert list(shipped.unanswerable) == sorted(shipped.unanswerable, reverse=True)
    assert Fit.from_json(shipped.to_json()) == shipped
    assert sum(level.n for level in shipped.levels) == shipped.fitted_on["levels"]["questions"]


def test_the_shipped_levels_were_counted_on_the_questions_that_were_not_fitted_on() -> None:
    shipped = Fit.shipped()
    kept_out = [q for q in load_questions(QUESTIONS) if q.split != shipped.fitted_on["split"]]
    assert shipped.fitted_on["levels"] == {
        "splits": sorted({question.split for question in kept_out}),
        "questions": len(kept_out),
        "unanswerable": sum(not question.answerable for question in kept_out),
    }
    assert all(level.held_out for level in shipped.levels)


def test_the_shipped_fit_was_made_of_the_fitting_split_of_the_shipped_set() -> None:
    fitted_on = Fit.shipped().fitted_on
    assert fitted_on["set"] == QUESTIONS.name
    assert fitted_on["split"] == "fit"
    assert fitted_on["sha256"] == hashlib.sha256(QUESTIONS.read_bytes()).hexdigest(), (
        "the questions changed since: run make fit"
    )
    assert len(Fit.shipped().unanswerable) == fitted_on["unanswerable"]


def test_the_shipped_fit_was_made_with_the_default_settings() -> None:
    conditions = Fit.shipped().fitted_on["conditions"]
    assert conditions["chunking"] == f"{chunking.VERSION}:{Settings().chunk_tokens}"
    assert conditions["language"] == "english"
    assert set(conditions) == {"model", "chunking", "language"}


# The signals

HITS = (
    Hit(0, 2.75, chunk_similarity=0.5, unit_similarity=0.625, token_similarity=0.4, bm25=2.0),
    Hit(1, 2.5, chunk_similarity=0.25, unit_similarity=0.875, token_similarity=0.5, bm25=4.0),
    Hit(2, 2.25, chunk_similarity=0.375, unit_similarity=0.25, token_similarity=None, bm25=1.0),
)


def retrieval(*hits: Hit, terms: dict[str, float] | None = None) -> Retrieval:
    words = {"otter": 2.0, "zzz": 6.0} if terms is None else terms
    return Retrieval("otters zzz", np.ones(1, dtype=np.float32), words, hits)


def test_signals_by_hand() -> None:
    assert signals(retrieval(*HITS)) == {"unit_similarity": 0.875, "words_found": 4 / 8}


def test_the_signals_are_those_named() -> None:
    assert set(signals(retrieval(*HITS))) == set(SIGNALS)


def test_a_question_without_words_finds_none() -> None:
    assert signals(retrieval(*HITS, terms={}))["words_found"] == 0.0


def test_signals_are_empty_where_nothing_was_found() -> None:
    assert signals(retrieval()) == {}


def test_signals_do_not_depend_on_how_many_passages_are_asked_for() -> None:
    more = tuple(Hit(row, 0.1, 0.1, 0.1 + row / 40, 0.1, row / 2) for row in range(3, 40))
    ten, forty = HITS + more[:7], HITS + more
    assert len(ten) == 10
    assert signals(retrieval(*ten)) == signals(retrieval(*forty))
