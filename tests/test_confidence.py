from __future__ import annotations

import hashlib
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from conftest import QUESTIONS
from hypothesis import given
from hypothesis import strategies as st

from rag import Confidence, Settings, Span, signals
from rag.answering import Choice
from rag.retrieval import Hit, Retrieval
from rag.store import StoredChunk
from rag.types import Unit, UnitKind


def model(**changes: Any) -> Confidence:
    fields: dict[str, Any] = {
        "means": {"a": 1.0, "b": 0.0},
        "scales": {"a": 0.5, "b": 2.0},
        "weights": {"a": 2.0, "b": -1.0},
        "intercept": -1.0,
        "threshold": 0.5,
        "fitted_on": {"set": "none"},
    }
    return Confidence(**{**fields, **changes})


# The model


@pytest.mark.parametrize(
    ("values", "logit"),
    [
        ({"a": 1.0, "b": 0.0}, -1.0),  # both at their means: the intercept
        ({"a": 1.25, "b": 0.0}, 0.0),  # -1 + 2 * (1.25 - 1) / 0.5
        ({"a": 1.0, "b": 4.0}, -3.0),  # -1 - 1 * 4 / 2
        ({"a": 2.0, "b": -1.0}, 3.5),  # -1 + 2 * 2 + 0.5
    ],
)
def test_probability_by_hand(values: dict[str, float], logit: float) -> None:
    assert model().probability(values) == round(1 / (1 + math.exp(-logit)), 2)


def test_probability_of_a_logit_of_ln_3_is_three_quarters() -> None:
    assert model(intercept=math.log(3)).probability({"a": 1.0, "b": 0.0}) == 0.75


def test_probability_has_the_two_places_that_are_shown() -> None:
    # -1 + 2 * 0.1 / 0.5 - 0.3 / 2 = -0.75, and 1 / (1 + e^0.75) = 0.32082.
    assert model().probability({"a": 1.1, "b": 0.3}) == 0.32


def test_nothing_found_has_no_probability_at_all() -> None:
    assert model(intercept=100.0).probability({}) == 0.0


def test_a_signal_that_is_missing_is_an_error_and_no_zero() -> None:
    with pytest.raises(KeyError):
        model().probability({"a": 1.0})


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0, 10))
def test_probability_grows_with_a_signal_of_positive_weight(
    a: float, b: float, more: float
) -> None:
    low = model().probability({"a": a, "b": b})
    high = model().probability({"a": a + more, "b": b})
    assert 0 <= low <= high <= 1


@given(st.floats(allow_nan=False, allow_infinity=False), st.text())
def test_json_brings_back_theensure_ready(number: float, text: str) -> None:
    before = model(intercept=number, fitted_on={"set": text, "held_out": {"AUROC": number}})
    assert Confidence.from_json(before.to_json()) == before


def test_a_model_is_measured_with_what_it_was_fitted_on() -> None:
    fitted = model(fitted_on={"model": "m", "settings": {"chunk_tokens": 240}})
    assert fitted.measured_with("m", {"chunk_tokens": 240})
    assert not fitted.measured_with("m", {"chunk_tokens": 200})
    assert not fitted.measured_with("n", {"chunk_tokens": 240})


# The shipped one


def test_the_shipped_model_loads() -> None:
    shipped = Confidence.shipped()
    assert set(shipped.means) == set(shipped.scales) == set(shipped.weights)
    assert all(scale > 0 for scale in shipped.scales.values())
    assert 0 < shipped.threshold < 1
    assert Confidence.from_json(shipped.to_json()) == shipped


def test_the_shipped_model_weighs_the_signals_there_are() -> None:
    assert set(Confidence.shipped().weights) == set(signals(RETRIEVAL, [CHOICE]))


def test_the_shipped_model_was_fitted_on_the_fitting_split_of_the_shipped_set() -> None:
    fitted_on = Confidence.shipped().fitted_on
    assert fitted_on["set"] == QUESTIONS.name
    assert fitted_on["split"] == "fit"
    assert fitted_on["sha256"] == hashlib.sha256(QUESTIONS.read_bytes()).hexdigest(), (
        "the questions changed since: run make fit"
    )


def test_the_shipped_model_was_fitted_with_the_default_settings() -> None:
    defaults = asdict(Settings())
    settings = Confidence.shipped().fitted_on["settings"]
    assert settings
    assert settings == {name: defaults[name] for name in settings}


# The signals

TEXT = "Pups float. Otters eat crabs."
CHUNK = StoredChunk(1, "otters.md", "Otters", Span(0, 29), ("Young",), TEXT)
CHOICE = Choice(
    CHUNK,
    Unit(UnitKind.SENTENCE, Span(12, 29), ("Young",), "Otters eat crabs."),
    similarity=0.625,
    words=0.25,
    score=1.0,
)
RETRIEVAL = Retrieval(
    query="otters crabs zzz",
    vector=np.ones(1, dtype=np.float32),
    terms={"otter": 1.0, "crab": 2.0, "zzz": 5.0},
    unseen=frozenset({"zzz"}),
    hits=(
        Hit(0, score=0.75, chunk_similarity=0.5, unit_similarity=0.625),
        Hit(1, score=0.5, chunk_similarity=0.25, unit_similarity=0.875),
        Hit(2, score=0.25, chunk_similarity=0.375, unit_similarity=0.25),
    ),
)


def test_signals_by_hand() -> None:
    by_hand = {
        "unit_similarity": 0.625,
        "unit_words": 0.25,
        "passage_words": 3 / 8,  # otter and crab, 1 + 2 of 8
        "chunk_drop": 0.5 - 0.25,
        "unit_drop": 0.875 - 0.25,
        "unseen_words": 5 / 8,
    }
    assert signals(RETRIEVAL, [CHOICE]) == pytest.approx(by_hand)


def test_signals_of_a_question_without_a_known_word_are_numbers() -> None:
    silent = Retrieval("???", RETRIEVAL.vector, {}, frozenset(), RETRIEVAL.hits)
    assert all(math.isfinite(value) for value in signals(silent, [CHOICE]).values())


def test_signals_are_empty_where_nothing_was_found() -> None:
    nothing = Retrieval("otters", RETRIEVAL.vector, {"otter": 1.0}, frozenset(), ())
    assert signals(nothing, []) == {}
    assert signals(RETRIEVAL, []) == {}


def test_signals_do_not_depend_on_how_many_passages_are_asked_for() -> None:
    more = tuple(Hit(row, 0.1, 0.1, 0.1) for row in range(3, 40))
    ten, forty = RETRIEVAL.hits + more[:7], RETRIEVAL.hits + more
    assert len(ten) == 10
    found = [
        signals(Retrieval("q", RETRIEVAL.vector, RETRIEVAL.terms, frozenset(), hits), [CHOICE])
        for hits in (ten, forty)
    ]
    assert found[0] == found[1]
