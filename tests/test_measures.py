from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import RR, Qrel, ScoredDoc, Success

from eval import Measure, Question, evaluate
from eval.dataset import Evidence
from eval.measures import covers, mean, per_question
from eval.run import Result, run
from rag import Answer, NotesQAError, QuestionSetError, Span

NOTES = {
    "a.md": "0123456789 Only the head learns. The rest is frozen.",
    "b.md": "Only the head learns.",
}
HEAD = Evidence("a.md", "Only the head learns.")  # a.md[11:32], 21 characters
FROZEN = Evidence("a.md", "The rest is frozen.")  # a.md[33:52], 19 characters
DIGITS = Evidence("a.md", "0123456789")  # a.md[0:10]

text_of = NOTES.__getitem__

Place = tuple[str, int, int]


def question(*evidence: Evidence, name: str = "q", fact: str = "f", **more: Any) -> Question:
    return Question(name, fact, "What learns?", "paraphrase", evidence, **more)


def item(place: Place) -> dict[str, Any]:
    document, start, end = place
    quote = NOTES[document][start:end]
    return {"document": document, "start": start, "end": end, "quote": quote, "text": quote}


def result(
    asked: Question,
    passages: Sequence[Place] = (),
    citations: Sequence[Place] = (),
) -> Result:
    found = {
        "state": "answered" if citations else "abstained",
        "passages": [item(place) for place in passages],
        "citations": [item(place) for place in citations],
    }
    return Result(asked, found)


def values(*results: Result, name: str = "q") -> dict[str, float]:
    table = per_question(results, text_of)
    return {measure: scores[name] for measure, scores in table.items() if name in scores}


# What counts as found


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (0, 10, True),
        (0, 5, True),  # 5 of 10: exactly half
        (5, 10, True),
        (3, 8, True),
        (0, 4, False),  # 4 of 10
        (6, 52, False),
    ],
)
def test_half_of_a_quote_is_enough(start: int, end: int, found: bool) -> None:
    asked = question(DIGITS)
    assert covers(asked, [("a.md", Span(start, end))], text_of) is found
    scores = values(result(asked, [("a.md", start, end)], [("a.md", start, end)]))
    assert scores["hit@1"] == scores["answer_contains_evidence"] == float(found)


def test_citations_hold_a_quote_together_but_passages_do_not() -> None:
    # 3 + 2 of 10 characters; neither alone is half.
    places = [("a.md", 0, 3), ("a.md", 8, 10)]
    scores = values(result(question(DIGITS), places, places))
    assert scores["answer_contains_evidence"] == 1
    assert scores["hit@10"] == 0


def test_characters_cited_twice_count_once() -> None:
    # 0..4 three times and 3..4 again: 4 of 10 characters, not 13.
    spans = [("a.md", Span(0, 4))] * 3 + [("a.md", Span(3, 4))]
    assert not covers(question(DIGITS), spans, text_of)


def test_the_same_words_in_another_note_are_not_the_evidence() -> None:
    place = ("b.md", 0, 21)
    assert NOTES["b.md"][0:21] == HEAD.quote
    scores = values(result(question(HEAD), [place], [place]))
    assert (scores["hit@10"], scores["answer_contains_evidence"]) == (0, 0)


def test_a_quote_that_stands_twice_is_found_at_either_place() -> None:
    twice = {"c.md": "Yes. No. Yes."}.__getitem__
    asked = question(Evidence("c.md", "Yes."))
    assert covers(asked, [("c.md", Span(9, 13))], twice)
    assert covers(asked, [("c.md", Span(0, 4))], twice)
    assert not covers(asked, [("c.md", Span(4, 9))], twice)


def test_evidence_that_stands_nowhere_is_an_error_and_no_miss() -> None:
    asked = question(Evidence("a.md", "Only the tail learns."))
    with pytest.raises(QuestionSetError):
        per_question([result(asked, [("a.md", 0, 5)])], text_of)


spans = st.lists(
    st.tuples(st.integers(0, 52), st.integers(0, 52)).map(lambda ends: Span(*sorted(ends))),
    max_size=5,
)


@given(spans)
def test_covers_agrees_with_counting_characters(shown: list[Span]) -> None:
    held = set().union(*(range(span.start, span.end) for span in shown)) & set(range(11, 32))
    found = covers(question(HEAD), [("a.md", span) for span in shown], text_of)
    assert found == (len(held) >= 21 / 2)


# Ranks


def test_hits_and_mrr_by_hand() -> None:
    # The evidence is first found at rank 4, and again at rank 5.
    wrong = ("b.md", 0, 21)
    asked = question(HEAD)
    scores = values(result(asked, [wrong, wrong, wrong, ("a.md", 11, 32), ("a.md", 0, 52)]))
    assert [scores[f"hit@{k}"] for k in (1, 3, 5, 10)] == [0, 0, 1, 1]
    assert scores["MRR@10"] == 1 / 4


def test_the_eleventh_passage_does_not_count() -> None:
    wrong = ("b.md", 0, 21)
    scores = values(result(question(HEAD), [wrong] * 10 + [("a.md", 11, 32)]))
    assert (scores["hit@10"], scores["MRR@10"]) == (0, 0)
    scores = values(result(question(HEAD), [wrong] * 9 + [("a.md", 11, 32)]))
    assert (scores["hit@10"], scores["MRR@10"]) == (1, 0.1)


def test_alternatives_are_found_by_the_first_of_them() -> None:
    asked = question(HEAD, FROZEN)
    scores = values(result(asked, [("b.md", 0, 21), ("a.md", 33, 52)], [("a.md", 33, 52)]))
    assert (scores["MRR@10"], scores["answer_contains_evidence"]) == (1 / 2, 1)


def test_all_that_is_needed_is_found_where_the_last_of_it_is() -> None:
    asked = question(HEAD, FROZEN, needs_all=True)
    places = [("a.md", 33, 52), ("b.md", 0, 21), ("a.md", 11, 32)]
    assert values(result(asked, places))["MRR@10"] == 1 / 3
    assert values(result(asked, places[:2]))["MRR@10"] == 0
    one = values(result(asked, citations=places[:1]))
    both = values(result(asked, citations=[places[0], places[2]]))
    assert (one["answer_contains_evidence"], both["answer_contains_evidence"]) == (0, 1)


def test_retrieval_agrees_with_ir_measures_on_random_runs() -> None:
    """Notes of ten numbered boxes; a passage is one box, so relevance is equality."""
    randomly = random.Random(7)
    boxes = [f"box {number:04d} " for number in range(10)]
    notes = {f"{name}.md": "".join(boxes) for name in "xyz"}
    names = [f"{document}#{box}" for document in notes for box in range(10)]
    qrels, scored, results = [], [], []
    for number in range(60):
        relevant = randomly.sample(names, randomly.randint(1, 4))
        ranked = randomly.sample(names, randomly.randint(0, 25))
        asked = question(
            *(Evidence(n.split("#")[0], boxes[int(n.split("#")[1])].strip()) for n in relevant),
            name=str(number),
            fact=str(number),
        )
        passages = [
            {"document": document, "start": 9 * int(box), "end": 9 * int(box) + 9}
            for document, box in (n.split("#") for n in ranked)
        ]
        results.append(Result(asked, {"state": "abstained", "passages": passages}))
        qrels += [Qrel(str(number), name, 1) for name in relevant]
        scored += [
            ScoredDoc(str(number), name, float(100 - rank)) for rank, name in enumerate(ranked)
        ]
    table = per_question(results, notes.__getitem__)
    measures = {"MRR@10": RR @ 10, **{f"hit@{k}": Success @ k for k in (1, 3, 5, 10)}}
    for name, measure in measures.items():
        theirs = dict.fromkeys(table[name], 0.0)
        for value in ir_measures.iter_calc([measure], qrels, scored):
            theirs[value.query_id] = value.value
        assert len(theirs) == 60
        assert 0 < sum(theirs.values()) < 60
        assert table[name] == pytest.approx(theirs, abs=1e-9)


# States


def test_a_question_that_failed_scores_zero_everywhere() -> None:
    failed = Result(question(HEAD, name="1"), None, "The question is too long.")
    unanswerable = Result(question(name="2"), None, "The question is too long.")
    for name, scores in (
        ("1", values(failed, unanswerable, name="1")),
        ("2", values(failed, unanswerable, name="2")),
    ):
        assert scores
        assert "handled" in scores, name
        assert set(scores.values()) == {0.0}
    assert "hit@5" in values(failed, name="1")
    assert values(unanswerable, name="2") == {"abstention_recall": 0.0, "handled": 0.0}


def test_an_unanswerable_question_is_right_when_it_is_refused() -> None:
    asked = question()
    refused = values(result(asked, [("a.md", 0, 10)]))
    assert refused == {"abstention_recall": 1.0, "handled": 1.0}
    answered = values(result(asked, citations=[("a.md", 0, 10)]))
    assert answered == {"abstention_recall": 0.0, "handled": 0.0, "citations_hold": 1.0}


def test_an_answerable_question_that_is_refused_is_not_handled() -> None:
    scores = values(result(question(HEAD), [("a.md", 11, 32)]))
    assert scores["hit@1"] == 1
    assert scores["answer_rate"] == scores["answer_contains_evidence"] == scores["handled"] == 0
    assert "abstention_recall" not in scores
    assert "citations_hold" not in scores


def test_an_answer_without_the_evidence_is_not_handled() -> None:
    scores = values(result(question(HEAD), citations=[("a.md", 33, 52)]))
    assert scores["answer_rate"] == 1
    assert scores["answer_contains_evidence"] == scores["handled"] == 0


def test_a_citation_that_does_not_hold_is_counted() -> None:
    good = result(question(HEAD), citations=[("a.md", 11, 32), ("a.md", 33, 52)])
    assert values(good)["citations_hold"] == 1
    assert good.result is not None
    good.result["citations"][1]["quote"] = "The rest is thawed."
    assert values(good)["citations_hold"] == 0


def test_every_measure_is_over_the_questions_it_is_defined_on() -> None:
    results = [
        result(question(HEAD, name="1"), [("a.md", 11, 32)], [("a.md", 11, 32)]),
        result(question(HEAD, name="2")),
        result(question(name="3")),
    ]
    table = per_question(results, text_of)
    answerable = {f"hit@{k}" for k in (1, 3, 5, 10)} | {
        *("MRR@10", "answer_contains_evidence", "answer_rate")
    }
    expected = {name: {"1", "2"} for name in answerable}
    expected |= {"abstention_recall": {"3"}, "citations_hold": {"1"}, "handled": {"1", "2", "3"}}
    assert {name: set(scores) for name, scores in table.items()} == expected


# Means and intervals


def of_facts(*facts: Sequence[float]) -> Measure:
    """Returns the mean over facts, each given by the values of its wordings."""
    questions = [
        question(name=f"{fact}-{i}", fact=str(fact))
        for fact, group in enumerate(facts)
        for i in range(len(group))
    ]
    scores = {f"{fact}-{i}": v for fact, group in enumerate(facts) for i, v in enumerate(group)}
    measure = mean(scores, questions)
    assert measure is not None
    return measure


def test_the_mean_is_over_questions_and_not_over_facts() -> None:
    # (1 + 1 + 1 + 0) / 4, not (1 + 0) / 2.
    measure = of_facts([1, 1, 1], [0])
    assert (measure.value, measure.n) == (0.75, 4)


def test_wordings_of_one_fact_are_drawn_together() -> None:
    # One fact: every draw is the same. Four facts with the same values: 0 and 1 are drawn.
    together = of_facts([1, 0, 1, 0])
    assert (together.low, together.value, together.high) == (0.5, 0.5, 0.5)
    apart = of_facts([1], [0], [1], [0])
    # P(all four draws are 0) = 1/16 > 2.5 %, so the interval reaches both ends.
    assert (apart.low, apart.value, apart.high) == (0, 0.5, 1)


def test_the_interval_is_that_of_the_normal_approximation_for_many_facts() -> None:
    # 400 facts, half of them right: 1.96 * sqrt(0.5 * 0.5 / 400) = 0.049.
    measure = of_facts(*([[1.0]] * 200 + [[0.0]] * 200))
    assert measure.low == pytest.approx(0.5 - 0.049, abs=0.004)
    assert measure.high == pytest.approx(0.5 + 0.049, abs=0.004)


def test_a_fact_weighs_as_many_wordings_as_it_has() -> None:
    # 50 facts of nine right wordings and 50 of a single wrong one: 450 / 500.
    measure = of_facts(*([[1.0] * 9] * 50 + [[0.0]] * 50))
    assert measure.value == 0.9
    assert 0.8 < measure.low < 0.9 < measure.high < 0.96


def test_the_interval_covers_the_truth_about_95_times_in_100() -> None:
    randomly = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        values = (randomly.random(80) < 0.7).astype(float)
        measure = of_facts(*([value] for value in values))
        covered += measure.low <= 0.7 <= measure.high
    assert 180 <= covered <= 198


def test_the_interval_is_the_same_every_time() -> None:
    facts = [[1.0, 0.0], [1.0], [0.0, 0.0, 1.0]]
    assert of_facts(*facts) == of_facts(*facts)


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), min_size=1, max_size=8))
def test_the_interval_lies_within_the_values(facts: list[list[float]]) -> None:
    measure = of_facts(*facts)
    everything = [value for group in facts for value in group]
    low, high = min(everything) - 1e-9, max(everything) + 1e-9
    assert low <= measure.low <= measure.high <= high
    assert measure.value == pytest.approx(sum(everything) / len(everything))


def test_questions_without_a_value_do_not_count() -> None:
    measure = mean({"1": 1.0}, [question(name="1"), question(name="2", fact="g")])
    assert measure == Measure(1.0, 1.0, 1.0, 1)
    assert mean({}, [question()]) is None


def test_a_measure_as_json_has_four_places() -> None:
    assert Measure(1 / 3, 0.0, 2 / 3, 7).to_dict() == {
        "value": 0.3333,
        "low": 0.0,
        "high": 0.6667,
        "n": 7,
    }


# Running


class Refuses:
    """A library whose notes hold nothing, and which fails for one question."""

    def ask(self, asked: str) -> Answer:
        if asked == "fail":
            raise NotesQAError("It failed.")
        return Answer(asked, asked, "unsure", 0.1, (), (), (), {})

    def source(self, document: str) -> str:
        return NOTES[document]


def test_a_run_has_one_result_a_question_in_order() -> None:
    asked = [
        Question("1", "1", "fail", "", (HEAD,)),
        Question("2", "2", "else", "", ()),
    ]
    first, second = run(asked, Refuses().ask)
    assert (first.question.id, first.result, first.error) == ("1", None, "It failed.")
    assert (second.question.id, second.error) == ("2", None)
    assert second.result == Refuses().ask("else").to_dict()


def test_evaluate_leaves_out_what_is_defined_on_no_question() -> None:
    asked = [Question("1", "1", "fail", "", ()), Question("2", "2", "else", "", ())]
    scores = evaluate(Refuses(), asked)  # type: ignore[arg-type]
    assert set(scores) == {"abstention_recall", "handled"}
    assert (scores["handled"].value, scores["handled"].n) == (0.5, 2)
