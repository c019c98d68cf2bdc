from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import owls_in

from eval import Judge, Status
from eval.bench.triage import Part
from eval.triage import SIGNALS, Cause, Rule, look, triage, unknown_words
from rag import Asked, Library, Spot, Verdict


def asked(query: str, cited: tuple[Spot, ...] = (), verdict: Verdict | None = None) -> Asked:
    state = "answered" if cited else "abstained"
    when = datetime(2026, 1, 1, tzinfo=UTC)
    return Asked("q", when, "page", None, query, query, state, 0.4, cited, (), 1, verdict)


def halves(**weights: float) -> Rule:
    """A rule of one signal that knows nothing of off topic."""
    return Rule(
        means={"near": 0.5},
        scales={"near": 0.1},
        weights={cause.value: {"near": weights[cause.name]} for cause in Cause},
        intercepts={"not in the notes": 0.0, "in the notes but missed": 0.0, "off topic": -99.0},
        fitted_on={},
    )


LIKELIEST_OF_THREE = {
    "in the notes but missed": math.log(0.40),
    "not in the notes": math.log(0.25),
    "off topic": math.log(0.35),
}


def test_wordings_are_pooled_by_the_mean_of_their_logarithms() -> None:
    rule = halves(ABSENT=0, MISSED=1, OFF_TOPIC=0)
    one, other = {"near": 0.7}, {"near": 0.4}  # two scales above the mean, one below
    assert rule.cause([one]) == (Cause.MISSED, round(1 / (1 + math.exp(-2)), 2))
    assert rule.cause([other]) == (Cause.ABSENT, round(1 / (1 + math.exp(1)), 2))
    # The odds of both: the root of e^2 times e^-1; asked more often, no more likely.
    both = (Cause.MISSED, round(1 / (1 + math.exp(-0.5)), 2))
    assert rule.cause([one, other]) == rule.cause([one, other] * 3) == both


def test_what_is_held_less_likely_than_not_was_not_missed() -> None:
    rule = replace(halves(ABSENT=0, MISSED=0, OFF_TOPIC=0), intercepts=LIKELIEST_OF_THREE)
    assert rule.cause([{"near": 0.5}]) == (Cause.OFF_TOPIC, 0.4)


def test_the_shipped_constants_are_about_these_signals_and_causes() -> None:
    rule = Rule.shipped()
    assert set(rule.means) == set(rule.scales) == set(SIGNALS)
    assert set(rule.weights) == set(rule.intercepts) == {cause.value for cause in Cause}
    assert all(set(weights) == set(SIGNALS) for weights in rule.weights.values())


@pytest.mark.parametrize(
    ("question", "cause", "said"),
    [
        (
            "My sourdough starter smells like nail polish remover. Is it ruined?",
            Cause.OFF_TOPIC,
            "Nothing comes near",
        ),
        (
            "Which optimizer did Ganin and Lempitsky use for DANN on MNIST-M?",
            Cause.ABSENT,
            "no note holds MNIST.",
        ),
        (
            "trouble defining transfer learning in a single line",
            Cause.MISSED,
            "foundations/what-is-transfer-learning.md",
        ),
    ],
)
def test_a_cause_is_said_with_its_evidence(
    shipped: Library, question: str, cause: Cause, said: str
) -> None:
    found = triage(Judge(shipped), [asked(question)])
    assert found.cause is cause
    assert (found.support.status is Status.MISSING) == (cause is not Cause.MISSED)
    assert said in found.why
    shown = found.to_dict()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["passages"]


def test_a_line_says_how_many_wordings_agree_and_what_became_of_the_place(
    shipped: Library,
) -> None:
    wordings = [
        "What does the expression transfer learning actually refer to?",
        "What does the expression transfer learning actually refer to",
    ]
    judge = Judge(shipped)
    missed = triage(judge, [asked(wording) for wording in wordings])
    assert missed.cause is Cause.MISSED
    assert missed.why.startswith("Both wordings come nearest to foundations/")
    assert missed.why.endswith("which was not quoted.")
    (best, *_) = missed.support.passages
    quoted = Spot(best.document, best.span)
    down = triage(judge, [asked(wordings[0]), asked(wordings[1], (quoted,), Verdict.DOWN)])
    assert down.why.endswith("which was quoted and did not help.")


def test_words_are_unknown_that_no_note_holds(tmp_path: Path) -> None:
    contents = owls_in(tmp_path).contents()
    said = unknown_words(contents, ["Do owls hunt Voles?", "Which voles does the OWL hear"])
    assert said == ("Voles", "hear")


def test_what_was_asked_most_often_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.triage.MOST", 1)
    judge = Judge(owls_in(tmp_path))
    rare, often = asked("Do zebras hunt?"), asked("Do owls hunt?")
    assert triage(judge, [rare, often, often]).unknown == ()
    assert triage(judge, [rare, rare, often]).unknown == ("zebras",)


def test_what_is_hidden_is_not_found(shipped: Library) -> None:
    contents = shipped.contents()
    query = "trouble defining transfer learning in a single line"
    (reading,) = shipped.embedder.read_queries([query])
    whole = look(contents, reading)
    same = look(Part(contents, frozenset()), reading)
    assert same.signals == pytest.approx(whole.signals, abs=1e-3)
    document = contents.chunk(whole.row).document
    less = look(Part(contents, frozenset({document})), reading)
    assert less.signals["near_units"] < whole.signals["near_units"]
