from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from handmade import FROZEN, HEAD, NOTES, outcome, question, run_of

from eval import Question, Run, compare_runs, gate_run, verdict
from eval.compare import smallest
from eval.dataset import Evidence
from eval.runfile import Outcome
from rag import QuestionSetError, RunError

RIGHT, REST, WRONG = ("a.md", 11, 32), ("a.md", 33, 52), ("b.md", 0, 21)
FOUND = outcome([RIGHT], [RIGHT])
MISSED = outcome([WRONG], [WRONG])


class Set:
    """A question set in memory, in place of the file a run names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.questions: list[Question] = []
        monkeypatch.setattr(Run, "questions", lambda run, file=None: self.questions)

    def ask(self, names: Sequence[str], **more: object) -> None:
        self.questions += [
            question(HEAD, name=name, fact=name.split("-")[0], **more) for name in names
        ]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Set:
    return Set(monkeypatch)


def outcomes(names: Sequence[str], found: Sequence[bool]) -> dict[str, Outcome]:
    return {n: FOUND if yes else MISSED for n, yes in zip(names, found, strict=True)}


def names(facts: int, wordings: int = 1) -> list[str]:
    return [f"f{fact}-{i}" for fact in range(facts) for i in range(wordings)]


# Comparing


def test_a_comparison_by_hand(asked: Set) -> None:
    """Ten facts; B finds five that A missed, and misses none that A found."""
    ids = names(10)
    asked.ask(ids)
    a = run_of(outcomes(ids, [True] * 4 + [False] * 6))
    b = run_of(outcomes(ids, [True] * 9 + [False]))
    found = compare_runs(a, b, measures=["hit@5"]).differences["hit@5"]
    assert (found.a, found.b, found.n, found.facts) == (0.4, 0.9, 10, 10)
    assert found.paired.difference.value == pytest.approx(0.5)
    # Five facts moved, all one way: 2 / 2^5. McNemar says the same of five questions.
    assert found.paired.p == found.p == found.mcnemar == 2 / 32
    assert (found.gained, found.lost) == (("f4-0", "f5-0", "f6-0", "f7-0", "f8-0"), ())
    assert not found.detected


def test_the_correction_is_for_the_measures_shown(asked: Set) -> None:
    ids = names(20)
    asked.ask(ids)
    a = run_of(outcomes(ids, [False] * 20))
    b = run_of(outcomes(ids, [True] * 7 + [False] * 13))
    alone = compare_runs(a, b, measures=["hit@5"]).differences["hit@5"]
    assert alone.p == alone.paired.p == 2 / 128
    three = compare_runs(a, b, measures=["hit@5", "hit@1", "MRR@10"]).differences
    assert {d.p for d in three.values()} == {3 * 2 / 128}
    assert three["MRR@10"].mcnemar is None
    assert "mcnemar_p" not in three["MRR@10"].to_dict()


def test_a_difference_beyond_chance_is_said_with_its_direction(asked: Set) -> None:
    ids = names(30)
    asked.ask(ids)
    a, b = run_of(outcomes(ids, [True] * 30)), run_of(outcomes(ids, [False] * 15 + [True] * 15))
    fell = compare_runs(a, b, measures=["hit@5"])
    assert fell.differences["hit@5"].detected
    assert verdict(fell).startswith("Beyond chance: hit@5 fell from 1.000 to 0.500 (p = ")
    rose = compare_runs(b, a, measures=["hit@5"])
    assert verdict(rose).startswith("Beyond chance: hit@5 rose from 0.500 to 1.000 (p = ")
    assert fell.differences["hit@5"].lost == rose.differences["hit@5"].gained


def test_no_difference_says_what_this_set_could_show(asked: Set) -> None:
    ids = names(100)
    asked.ask(ids)
    run = run_of(outcomes(ids, [True] * 100))
    same = compare_runs(run, run, measures=["hit@5"])
    # (1.96 + 0.84)^2 / 100
    assert verdict(same) == (
        "no detectable difference with 100 questions; "
        "the smallest one this set can show is 0.078 (hit@5)"
    )
    assert same.to_dict()["measures"]["hit@5"]["smallest_detectable"] == 0.0785


def test_a_set_of_few_facts_can_show_nothing(asked: Set) -> None:
    ids = names(3, 4)
    asked.ask(ids)
    run = run_of(outcomes(ids, [True] * 12))
    found = compare_runs(run, run, measures=["hit@5"]).differences["hit@5"]
    assert smallest(found) == "none with 3 facts"
    assert verdict(compare_runs(run, run, measures=["hit@5"])) == (
        "no detectable difference with 12 questions; 3 facts are too few to show any"
    )
    assert found.to_dict()["smallest_detectable"] is None


def test_four_wordings_of_a_fact_are_no_four_facts(asked: Set) -> None:
    """Eight questions better, of two facts: McNemar is sure, the test over facts is not."""
    ids = names(10, 4)
    asked.ask(ids)
    a, b = run_of(outcomes(ids, [False] * 40)), run_of(outcomes(ids, [True] * 8 + [False] * 32))
    found = compare_runs(a, b, measures=["hit@5"]).differences["hit@5"]
    assert found.mcnemar == 2 / 2**8
    assert found.p == 2 / 2**2


def test_an_error_counts_as_zero(asked: Set) -> None:
    asked.ask(["f1", "f2"])
    a = run_of({"f1": FOUND, "f2": FOUND})
    b = run_of({"f1": FOUND, "f2": Outcome(None, "It failed.")})
    found = compare_runs(a, b, measures=["hit@5"]).differences["hit@5"]
    assert (found.b, found.lost) == (0.5, ("f2",))


def test_what_cannot_be_compared_is_left_out_and_named(asked: Set) -> None:
    asked.ask(["f1", "f2", "f3", "f4"])
    a = run_of({"f1": FOUND, "f2": FOUND, "f3": FOUND})
    b = run_of({"f1": FOUND, "f3": outcome([RIGHT], question="In other words?"), "f4": FOUND})
    found = compare_runs(a, b, measures=["hit@5"])
    assert list(found.by_id) == ["f1"]
    assert found.left_out.keys() == {"f2", "f3", "f4"}
    assert found.left_out["f3"] == "made.jsonl did not ask it so"


def test_questions_whose_quotes_one_run_could_not_know_are_left_out(asked: Set) -> None:
    """The notes were reworded between the runs, and the set with them."""
    asked.ask(["f1"])
    asked.questions.append(question(Evidence("a.md", "New words."), name="f2", fact="f2"))
    both = {"f1": FOUND, "f2": FOUND}
    b = run_of(both, {**NOTES, "a.md": NOTES["a.md"] + " New words."})
    found = compare_runs(run_of(both), b, measures=["hit@5"])
    assert list(found.by_id) == ["f1"]
    assert "does not hold the quote" in found.left_out["f2"]


def test_each_run_is_judged_by_the_notes_it_had(asked: Set) -> None:
    """A sentence put in front moved every place by 6 characters; nothing got worse."""
    asked.ask(["f1"])
    moved = {**NOTES, "a.md": "First " + NOTES["a.md"]}
    passage = {"document": "a.md", "start": 17, "end": 38, "quote": HEAD.quote}
    later = Outcome({**(FOUND.result or {}), "passages": [passage], "citations": [passage]})
    found = compare_runs(run_of({"f1": FOUND}), run_of({"f1": later}, moved))
    assert found.differences["hit@5"].b == found.differences["citations_hold"].b == 1


def test_what_the_heads_say_is_different_is_said(asked: Set) -> None:
    asked.ask(["f1"])
    a = run_of({"f1": FOUND}, settings={"lexical_weight": 0.4})
    b = run_of({"f1": FOUND}, settings={"lexical_weight": 0.6})
    assert compare_runs(a, b).to_dict()["changed"] == {"settings.lexical_weight": [0.4, 0.6]}


def test_runs_without_a_common_question_cannot_be_compared(asked: Set) -> None:
    asked.ask(["f1", "f2"])
    with pytest.raises(RunError, match="no question in common"):
        compare_runs(run_of({"f1": FOUND}), run_of({"f2": FOUND}))


@pytest.mark.parametrize(
    ("measure", "said"), [("AUROC", "no mean over questions"), ("hits", "no such measure")]
)
def test_a_measure_that_cannot_be_compared_is_refused(asked: Set, measure: str, said: str) -> None:
    asked.ask(["f1"])
    run = run_of({"f1": FOUND})
    with pytest.raises(RunError, match=said):
        compare_runs(run, run, measures=[measure])


def test_a_measure_that_no_question_has_is_refused(asked: Set) -> None:
    asked.ask(["f1"])
    run = run_of({"f1": FOUND})
    with pytest.raises(RunError, match="None of these is defined"):
        compare_runs(run, run, measures=["abstention_recall"])


# The gate


def test_the_gate_lets_the_same_run_pass(asked: Set) -> None:
    ids = names(50, 2)
    asked.ask(ids)
    run = run_of(outcomes(ids, [True] * 70 + [False] * 30))
    decision = gate_run(run, run)
    assert (decision.passed, decision.reasons) == (True, ())


def test_the_gate_stops_a_drop_beyond_chance(asked: Set) -> None:
    ids = names(60)
    asked.ask(ids)
    baseline = run_of(outcomes(ids, [True] * 60))
    worse = run_of(outcomes(ids, [True] * 45 + [False] * 15))
    decision = gate_run(worse, baseline)
    assert not decision.passed
    assert decision.reasons[0].startswith("hit@5 fell from 1.000 to 0.750 (difference -0.250,")
    assert gate_run(baseline, worse).passed  # a rise is none


def test_the_gate_lets_a_drop_within_chance_pass(asked: Set) -> None:
    ids = names(60)
    asked.ask(ids)
    baseline = run_of(outcomes(ids, [True] * 60))
    assert gate_run(run_of(outcomes(ids, [True] * 57 + [False] * 3)), baseline).passed


def test_the_gate_seldom_stops_what_is_as_good(asked: Set) -> None:
    """Two systems alike, 60 facts of three wordings: a false alarm in at most 1 of 20 sets."""
    ids = names(60, 3)
    asked.ask(ids)
    alarms = 0
    for seed in range(100):
        randomly = np.random.default_rng(seed)
        ease = np.repeat(randomly.random(60), 3)
        one, other = (randomly.random(180) < ease for _ in range(2))
        baseline, run = (run_of(outcomes(ids, found.tolist())) for found in (one, other))
        alarms += not gate_run(run, baseline, seed=seed).passed
    assert alarms <= 8


def test_the_gate_decides_alike_with_another_seed(asked: Set) -> None:
    ids = names(60)
    asked.ask(ids)
    baseline = run_of(outcomes(ids, [True] * 40 + [False] * 20))
    for found, passes in (([True] * 37 + [False] * 23, True), ([True] * 25 + [False] * 35, False)):
        run = run_of(outcomes(ids, found))
        assert {gate_run(run, baseline, seed=seed).passed for seed in range(10)} == {passes}


def test_a_floor_is_broken_where_the_value_is_below_it(asked: Set) -> None:
    ids = names(10)
    asked.ask(ids)
    run = run_of(outcomes(ids, [True] * 9 + [False]))
    assert gate_run(run, run, floors={"hit@5": 0.9}).passed
    decision = gate_run(run, run, floors={"hit@5": 0.91})
    assert decision.reasons == ("hit@5 is 0.9000, below its floor of 0.91 (n = 10)",)
    assert decision.to_dict()["floors"] == {"hit@5": {"floor": 0.91, "value": 0.9}}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ECE", "better when lower"),
        ("hits", "unknown"),
        ("abstention_recall", "no question for it"),
    ],
)
def test_a_floor_that_makes_no_sense_is_refused(asked: Set, name: str, said: str) -> None:
    asked.ask(["f1"])
    run = run_of({"f1": FOUND})
    with pytest.raises(RunError, match=said):
        gate_run(run, run, floors={name: 0.5})


def test_leaving_questions_out_does_not_pass_the_gate(asked: Set) -> None:
    ids = names(40)
    asked.ask(ids)
    baseline = run_of(outcomes(ids, [True] * 20 + [False] * 20))
    picked = run_of({name: FOUND for name in ids[10:20]})
    decision = gate_run(picked, baseline)
    assert len(decision.missing) == 30
    assert not decision.passed


def test_questions_that_left_the_set_are_named(asked: Set) -> None:
    asked.ask(["f1"])
    run = run_of({"f1": FOUND})
    decision = gate_run(run, run_of({"f1": FOUND, "old": MISSED}))
    assert (decision.passed, decision.missing, decision.dropped) == (True, (), ("old",))


def test_questions_new_to_the_set_are_not_held_against_the_run(asked: Set) -> None:
    ids = names(20)
    asked.ask([*ids, "new"])
    baseline = run_of(outcomes(ids, [True] * 20))
    decision = gate_run(run_of({**outcomes(ids, [True] * 20), "new": MISSED}), baseline)
    assert decision.passed
    assert list(decision.comparison.left_out) == ["new"]


def test_a_quote_that_the_present_notes_do_not_hold_is_an_error(asked: Set) -> None:
    asked.questions = [question(Evidence("a.md", "Gone."), name="f1"), question(FROZEN, name="f2")]
    run = run_of({"f1": MISSED, "f2": outcome([REST], [REST])})
    with pytest.raises(QuestionSetError):
        gate_run(run, run, floors={"hit@5": 0.1})


def test_paths_are_named_in_json_as_they_were_given(asked: Set) -> None:
    asked.ask(["f1"])
    run = run_of({"f1": FOUND})
    other = Run(Path("runs/b.jsonl"), run.head, run.outcomes)
    found = gate_run(other, run).to_dict()["comparison"]
    assert (found["a"], found["b"]) == ("made.jsonl", "runs/b.jsonl")
