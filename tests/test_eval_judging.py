from __future__ import annotations

import math
import random
from collections import Counter

import ir_measures
import pytest
from handmade import (
    ASKED,
    DIGITS,
    FAILED,
    FROZEN,
    HEAD,
    NOTES,
    judged,
    outcome,
    question,
    run_of,
    values,
)
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import RR, Qrel, R, ScoredDoc, Success, nDCG

from eval.cases import Case, covers, labels_of, match
from eval.dataset import Evidence
from eval.judging import Failure, judge
from eval.notes import Notes
from eval.ranking import Ranking, calculate, ranks
from eval.runfile import Outcome
from rag import QuestionSetError, Span

text_of = NOTES.__getitem__


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
    place = ("a.md", start, end)
    assert covers(asked, [("a.md", Span(start, end))], text_of) is found
    scores = values((asked, outcome([place], [place])))
    assert scores["hit@1"] == scores["answer_contains_evidence"] == float(found)


def test_citations_hold_a_quote_together_but_passages_do_not() -> None:
    # 3 + 2 of 10 characters; neither alone is half.
    places = [("a.md", 0, 3), ("a.md", 8, 10)]
    scores = values((question(DIGITS), outcome(places, places)))
    assert scores["answer_contains_evidence"] == 1
    assert scores["hit@10"] == 0


def test_characters_cited_twice_count_once() -> None:
    # 0..4 three times and 3..4 again: 4 of 10 characters, not 13.
    spans = [("a.md", Span(0, 4))] * 3 + [("a.md", Span(3, 4))]
    assert not covers(question(DIGITS), spans, text_of)


def test_the_same_words_in_another_note_are_not_the_evidence() -> None:
    place = ("b.md", 0, 21)
    assert NOTES["b.md"][0:21] == HEAD.quote
    scores = values((question(HEAD), outcome([place], [place])))
    assert (scores["hit@10"], scores["answer_contains_evidence"]) == (0, 0)


def test_a_quote_that_stands_twice_is_found_at_either_place() -> None:
    twice = {"c.md": "Yes. No. Yes."}.__getitem__
    asked = question(Evidence("c.md", "Yes."))
    assert covers(asked, [("c.md", Span(9, 13))], twice)
    assert covers(asked, [("c.md", Span(0, 4))], twice)
    assert not covers(asked, [("c.md", Span(4, 9))], twice)


def test_evidence_that_stands_nowhere_is_an_error_and_no_miss() -> None:
    asked = question(Evidence("a.md", "Only the tail learns."), name="q7")
    with pytest.raises(QuestionSetError, match=r"q7.*eval check"):
        judged((asked, outcome([("a.md", 0, 5)])))


def test_evidence_in_a_note_that_is_not_there_is_an_error() -> None:
    with pytest.raises(QuestionSetError, match=r"z\.md, which is not indexed"):
        judged((question(Evidence("z.md", "Only")), outcome()))


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

WRONG = ("b.md", 0, 21)
RIGHT = ("a.md", 11, 32)
REST = ("a.md", 33, 52)


def test_hits_mrr_and_ndcg_by_hand() -> None:
    # The evidence is first found at rank 4, and again at rank 5.
    found = outcome([WRONG, WRONG, WRONG, RIGHT, ("a.md", 0, 52)])
    scores = values((question(HEAD), found))
    assert [scores[f"hit@{k}"] for k in (1, 3, 5, 10)] == [0, 0, 1, 1]
    assert scores["MRR@10"] == 1 / 4
    # One quote: 1 / log2(1 + 4), over the ideal 1 / log2(2) = 1.
    assert scores["nDCG@10"] == pytest.approx(1 / math.log2(5))
    assert (scores["recall@5"], scores["recall@10"]) == (1, 1)


def test_the_eleventh_passage_does_not_count() -> None:
    scores = values((question(HEAD), outcome([WRONG] * 10 + [RIGHT])))
    assert {scores[m] for m in ("hit@10", "MRR@10", "nDCG@10", "recall@10")} == {0}
    assert scores["evidence_coverage@10"] == 0
    scores = values((question(HEAD), outcome([WRONG] * 9 + [RIGHT])))
    assert (scores["hit@10"], scores["MRR@10"], scores["recall@10"]) == (1, 0.1, 1)
    assert (scores["recall@5"], scores["evidence_coverage@10"]) == (0, 1)


def test_alternatives_are_found_by_the_first_of_them() -> None:
    found = outcome([WRONG, REST], [REST])
    scores = values((question(HEAD, FROZEN), found))
    assert (scores["MRR@10"], scores["answer_contains_evidence"]) == (1 / 2, 1)


def test_one_of_several_alternatives_is_all_that_is_needed() -> None:
    scores = values((question(HEAD, FROZEN, DIGITS), outcome([WRONG, REST, RIGHT])))
    assert (scores["recall@5"], scores["hit@5"], scores["MRR@10"]) == (1, 1, 1 / 2)
    assert scores["nDCG@10"] == pytest.approx(1 / math.log2(3))


def test_gain_and_recall_of_several_quotes_are_means_over_them() -> None:
    asked = question(HEAD, FROZEN, needs_all=True)
    half = values((asked, outcome([WRONG, REST])))  # FROZEN at rank 2, HEAD never
    assert half["recall@5"] == 1 / 2
    assert half["nDCG@10"] == pytest.approx((1 / math.log2(3) + 0) / 2)
    at_once = values((asked, outcome([WRONG, ("a.md", 0, 52)])))  # both at rank 2
    assert (at_once["recall@5"], at_once["nDCG@10"]) == (1, pytest.approx(1 / math.log2(3)))
    later = values((asked, outcome([WRONG, REST, RIGHT])))  # at ranks 2 and 3
    assert later["nDCG@10"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(4)) / 2)
    assert later["nDCG@10"] < at_once["nDCG@10"]


def test_all_that_is_needed_is_found_where_the_last_of_it_is() -> None:
    asked = question(HEAD, FROZEN, needs_all=True)
    places = [REST, WRONG, RIGHT]
    assert values((asked, outcome(places)))["MRR@10"] == 1 / 3
    half = values((asked, outcome(places[:2])))
    assert (half["MRR@10"], half["recall@10"], half["evidence_coverage@10"]) == (0, 0.5, 0.5)
    one = values((asked, outcome(places, [REST])))
    both = values((asked, outcome(places, [REST, RIGHT])))
    assert (one["answer_contains_evidence"], both["answer_contains_evidence"]) == (0, 1)


def test_evidence_coverage_counts_characters_of_the_best_quote() -> None:
    # 5 of DIGITS' 10 characters, and 7 of FROZEN's 19.
    found = outcome([("a.md", 0, 2), ("a.md", 7, 10), ("a.md", 45, 52)])
    asked = question(DIGITS, FROZEN)
    assert values((asked, found))["evidence_coverage@10"] == 0.5


def test_ranks_agree_with_ir_measures_on_random_runs() -> None:
    """Notes of ten numbered boxes; a passage is one box, so relevance is equality."""
    randomly = random.Random(7)
    boxes = [f"box {number:04d} " for number in range(10)]
    notes = {f"{name}.md": "".join(boxes) for name in "xyz"}
    names = [f"{document}#{box}" for document in notes for box in range(10)]
    any_, each, scored, cases = [], [], [], []
    for number in range(200):
        relevant = randomly.sample(names, randomly.randint(1, 4))
        ranked = randomly.sample(names, randomly.randint(0, 25))
        asked = question(
            *(Evidence(n.split("#")[0], boxes[int(n.split("#")[1])].strip()) for n in relevant),
            name=str(number),
            needs_all=number % 2 == 1,
        )
        passages = [
            {"document": document, "start": 9 * int(box), "end": 9 * int(box) + 9}
            for document, box in (n.split("#") for n in ranked)
        ]
        found = Outcome({"state": "abstained", "passages": passages, "confidence": 0})
        cases.append(Case(asked, found, labels_of(asked, notes.__getitem__)))
        ids = [f"{number}.{i}" for i in range(len(relevant))] if asked.needs_all else [f"{number}"]
        run = [ScoredDoc("", name, float(100 - rank)) for rank, name in enumerate(ranked)]
        scored += [doc._replace(query_id=id_) for id_ in ids for doc in run]
        each += [Qrel(id_, name, 1) for id_, name in zip(ids, relevant, strict=False)]
        if not asked.needs_all:
            any_ += [Qrel(str(number), name, 1) for name in relevant]
    table = ranks(cases)
    alone = {f"{n}" for n in range(0, 200, 2)}
    measures = {**{f"hit@{k}": Success @ k for k in (1, 3, 5, 10)}, "MRR@10": RR @ 10}
    for name, measure in measures.items():
        theirs = dict.fromkeys(alone, 0.0)
        for value in ir_measures.iter_calc([measure], any_, scored):
            theirs[value.query_id] = value.value
        assert 0 < sum(theirs.values()) < 100
        assert {n: v for n, v in table[name].items() if n in alone} == pytest.approx(
            theirs, abs=1e-9
        )
    for name, measure in {"nDCG@10": nDCG @ 10, "recall@5": R @ 5, "recall@10": R @ 10}.items():
        shares: dict[str, list[float]] = {}
        zero = {qrel.query_id: 0.0 for qrel in each if "." in qrel.query_id}
        got = {v.query_id: v.value for v in ir_measures.iter_calc([measure], each, scored)}
        for id_ in zero:
            shares.setdefault(id_.split(".")[0], []).append(got.get(id_, 0.0))
        theirs = {number: sum(values) / len(values) for number, values in shares.items()}
        assert len(theirs) == 100
        ours = {n: v for n, v in table[name].items() if n not in alone}
        assert 0 < sum(ours.values()) < 100
        assert ours == pytest.approx(theirs, abs=1e-9)
    # Of alternatives, the first that is found counts, as if it were the only one.
    assert table["recall@5"].items() >= {n: table["hit@5"][n] for n in alone}.items()


def test_ids_with_a_nul_do_not_end_the_process() -> None:
    rankings = {"q\0a": Ranking(["x"], {"x": 1}), "q\0b": Ranking(["y", "x\0"], {"x\0": 1})}
    assert calculate(["hit@1"], rankings) == {"hit@1": {"q\0a": 1.0, "q\0b": 0.0}}


# States


def test_a_question_that_failed_scores_zero_everywhere() -> None:
    answerable, unanswerable = question(HEAD, name="1"), question(name="2")
    one, two = judged((answerable, FAILED), (unanswerable, FAILED))
    assert {"hit@5", "nDCG@10", "answer_contains_evidence", "handled"} <= one.values.keys()
    assert set(one.values.values()) == {0.0}
    assert two.values == {"abstention_recall": 0.0, "handled": 0.0, "confidence_score": 0.0}


def test_a_failure_never_helps_the_confidence() -> None:
    one, two = judged((question(HEAD, name="1"), FAILED), (question(name="2"), FAILED))
    assert (one.confidence, two.confidence) == (1.0, 1.0)
    assert not one.right
    assert not two.right


def test_a_question_that_the_run_does_not_hold_has_failed() -> None:
    asked = question(HEAD, name="1")
    run = run_of({})
    matched = match(run, [asked], Notes(run))
    assert matched.not_run == ("1",)
    (verdict,) = judge(matched.cases, Notes(run))
    assert (verdict.failure, verdict.values["hit@5"]) == (Failure.ERROR, 0.0)


def test_a_question_that_was_asked_in_other_words_has_failed() -> None:
    asked = question(HEAD, name="1")
    run = run_of({"1": outcome([RIGHT], question="What learned?"), "9": outcome()})
    matched = match(run, [asked], Notes(run))
    assert (matched.not_run, matched.unknown) == (("1",), ("9",))
    same = run_of({"1": outcome([RIGHT], question=ASKED)})
    assert match(same, [asked], Notes(same)).not_run == ()


def test_an_unanswerable_question_is_right_when_it_is_refused() -> None:
    refused = values((question(), outcome([("a.md", 0, 10)])))
    # Half sure, and wrong to be: 1 - 0.5^2.
    assert refused == {"abstention_recall": 1.0, "handled": 1.0, "confidence_score": 0.75}
    answered = values((question(), outcome(citations=[("a.md", 0, 10)])))
    assert answered == {**refused, "abstention_recall": 0.0, "handled": 0.0, "citations_hold": 1.0}


def test_an_answerable_question_that_is_refused_is_not_handled() -> None:
    scores = values((question(HEAD), outcome([RIGHT])))
    assert scores["hit@1"] == 1
    assert scores["answer_rate"] == scores["answer_contains_evidence"] == scores["handled"] == 0
    assert not {"abstention_recall", "citations_hold", "evidence_share_of_answer"} & scores.keys()


def test_a_withheld_answer_is_right_or_wrong_but_not_handled() -> None:
    right, wrong, unknown = judged(
        (question(HEAD, name="1"), outcome([RIGHT], withheld=[RIGHT])),
        (question(HEAD, name="2"), outcome([RIGHT], withheld=[REST])),
        (question(HEAD, name="3"), outcome([RIGHT])),
    )
    assert [v.right for v in (right, wrong, unknown)] == [True, False, False]
    assert {v.values["handled"] for v in (right, wrong, unknown)} == {0.0}


def test_the_share_of_an_answer_that_is_evidence_counts_characters() -> None:
    # Cited: a.md[11:52], 41 characters; HEAD is 21 of them. And b.md's 21, none of them evidence.
    found = outcome([RIGHT], [("a.md", 11, 52), WRONG])
    assert values((question(HEAD), found))["evidence_share_of_answer"] == 21 / 62
    # With FROZEN as an alternative, 21 + 19 of 41.
    found = outcome([RIGHT], [("a.md", 11, 52)])
    assert values((question(HEAD, FROZEN), found))["evidence_share_of_answer"] == 40 / 41


def test_a_citation_that_does_not_hold_is_counted() -> None:
    good = outcome(citations=[RIGHT, REST])
    assert values((question(HEAD), good))["citations_hold"] == 1
    assert good.result is not None
    good.result["citations"][1]["quote"] = "The rest is thawed."
    assert values((question(HEAD), good))["citations_hold"] == 0


def test_words_shown_that_are_not_in_the_quote_do_not_hold() -> None:
    for text, citation, holds in (
        ("Only the head", 1, 1),
        ("Only the moon", 1, 0),
        ("Only the head", 2, 0),
        ("Only the head", 3, 0),
    ):
        found = outcome(citations=[RIGHT, REST], sentences=[{"text": text, "citation": citation}])
        assert values((question(HEAD), found))["citations_hold"] == holds


def test_an_answer_without_citations_holds_nothing() -> None:
    empty = outcome([RIGHT], state="answered", withheld=[RIGHT])
    scores = values((question(HEAD), empty))
    assert scores["citations_hold"] == scores["answer_contains_evidence"] == scores["handled"] == 0
    assert scores["evidence_share_of_answer"] == 0


def test_what_is_cited_twice_counts_once() -> None:
    # a.md[0:52] holds HEAD's 21 characters; [11:32] is inside it, twice.
    found = outcome([RIGHT], [RIGHT, ("a.md", 0, 52), RIGHT])
    assert values((question(HEAD), found))["evidence_share_of_answer"] == 21 / 52


def test_citations_of_notes_that_nobody_knows_any_more_are_left_out() -> None:
    found = outcome(citations=[RIGHT])
    assert found.result is not None
    found.result["citations"].append({"document": "gone.md", "start": 0, "end": 1, "quote": "x"})
    scores = values((question(HEAD), found))
    assert "citations_hold" not in scores
    assert scores["answer_contains_evidence"] == 1


# Why


def test_why_a_question_failed_names_the_first_stage_that_went_wrong() -> None:
    run = run_of(
        {
            "error": FAILED,
            "chunk": outcome([WRONG]),
            "index": outcome([WRONG]),
            "below": outcome([WRONG] * 5 + [RIGHT], [WRONG]),
            "span": outcome([WRONG, RIGHT], [REST]),
            "refused": outcome([WRONG] * 4 + [RIGHT]),
            "answered": outcome(citations=[RIGHT]),
            "right": outcome([RIGHT], [RIGHT]),
            "rightly refused": outcome(),
        }
    )
    run.head["notes"]["a.md"]["chunks"] = [[11, 32], [33, 38]]  # no half of DIGITS nor of FROZEN
    evidence = {"chunk": (FROZEN, DIGITS), "answered": (), "rightly refused": ()}
    asked = [question(*evidence.get(name, (HEAD,)), name=name) for name in run.outcomes]
    verdicts = judge(match(run, asked, Notes(run)).cases, Notes(run))
    assert {v.question.id: v.failure for v in verdicts} == {
        "error": Failure.ERROR,
        "chunk": Failure.NOT_IN_CHUNK,
        "index": Failure.NOT_RETRIEVED,
        "below": Failure.BELOW_K,
        "span": Failure.SPAN_WRONG,
        "refused": Failure.ABSTAINED,
        "answered": Failure.ANSWERED,
        "right": None,
        "rightly refused": None,
    }


def test_reasons_add_up_to_the_questions_that_were_not_handled() -> None:
    pairs = [
        (question(HEAD, name=f"{i}"), found)
        for i, found in enumerate(
            (outcome([RIGHT], [RIGHT]), outcome([WRONG]), outcome([RIGHT]), FAILED)
        )
    ]
    verdicts = judged(*pairs, (question(name="u"), outcome(citations=[RIGHT])))
    reasons = Counter(v.failure for v in verdicts if v.failure)
    assert sum(reasons.values()) == sum(v.values["handled"] == 0 for v in verdicts) == 4


def test_evidence_that_needs_all_is_in_chunks_only_where_all_of_it_is() -> None:
    run = run_of({"q": outcome([WRONG])})
    run.head["notes"]["a.md"]["chunks"] = [[11, 32]]
    for needs_all, reason in ((True, Failure.NOT_IN_CHUNK), (False, Failure.NOT_RETRIEVED)):
        asked = question(HEAD, FROZEN, needs_all=needs_all)
        (verdict,) = judge(match(run, [asked], Notes(run)).cases, Notes(run))
        assert verdict.failure is reason
