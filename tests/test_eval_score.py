from __future__ import annotations

import json
import math
from typing import Any

import pytest
from handmade import DIGITS, FAILED, FROZEN, HEAD, outcome, question, run_of

from eval import Question, Scores
from eval.notes import Notes
from eval.runfile import Outcome
from eval.score import score_questions

RIGHT, REST, WRONG = ("a.md", 11, 32), ("a.md", 33, 52), ("b.md", 0, 21)


def scored(*pairs: tuple[Question, Outcome]) -> Scores:
    run = run_of({asked.id: found for asked, found in pairs})
    return score_questions(run, [asked for asked, _ in pairs], Notes(run))


MIXED = (
    (question(HEAD, name="1a", fact="1"), outcome([RIGHT], [RIGHT])),
    (question(HEAD, name="1b", fact="1"), outcome([WRONG], [WRONG])),
    (question(FROZEN, name="2a", fact="2", kind="keyword"), outcome([REST])),
    (question(name="3a", fact="3", kind="off-domain"), outcome([WRONG])),
    (question(name="4a", fact="4", kind="off-domain"), outcome(citations=[WRONG])),
    (question(DIGITS, name="5a", fact="5", kind="keyword"), FAILED),
)


def test_scores_by_hand() -> None:
    scores = scored(*MIXED)
    assert scores.to_dict()["n"] == 6
    assert scores.measures["hit@5"].value == 2 / 4
    assert scores.measures["answer_contains_evidence"].value == 1 / 4
    assert scores.measures["handled"].value == 2 / 6  # 1a and 3a
    assert scores.measures["abstention_recall"].value == 1 / 2


def test_the_abstention_table_counts_every_question_once() -> None:
    assert scored(*MIXED).abstention == {
        "answerable": {"answered": 2, "abstained": 1, "failed": 1},
        "unanswerable": {"answered": 1, "abstained": 1, "failed": 0},
    }


def test_parts_of_the_set_have_their_own_means() -> None:
    scores = scored(*MIXED)
    assert {kind: group["handled"].n for kind, group in scores.by_kind.items()} == {
        "paraphrase": 2,
        "keyword": 2,
        "off-domain": 2,
    }
    assert scores.by_kind["keyword"]["hit@5"].value == 1 / 2
    assert "hit@5" not in scores.by_kind["off-domain"]
    assert scores.by_document.keys() == {"a.md"}
    assert scores.by_document["a.md"]["hit@5"].n == 4
    assert scores.by_fact["1"] == {
        **{"hit@1": 0.5, "hit@3": 0.5, "hit@5": 0.5, "hit@10": 0.5, "MRR@10": 0.5, "nDCG@10": 0.5},
        **{"recall@5": 0.5, "recall@10": 0.5, "evidence_coverage@10": 0.5},
        **{"answer_contains_evidence": 0.5, "evidence_share_of_answer": 0.5, "answer_rate": 1.0},
        **{"handled": 0.5, "citations_hold": 1.0, "confidence_score": 0.75, "n": 2},
    }


def test_a_failed_question_is_listed_and_remarked() -> None:
    scores = scored(*MIXED)
    assert scores.to_dict()["failed"] == [{"id": "5a", "error": "The question is too long."}]
    assert scores.remarks == ["1 question failed with an error and scored zero."]


def test_questions_that_were_not_asked_are_remarked_and_score_zero() -> None:
    run = run_of({"1a": MIXED[0][1], "x": FAILED})
    scores = score_questions(run, [asked for asked, _ in MIXED], Notes(run))
    assert scores.measures["hit@5"].value == 1 / 4
    first, second = scores.remarks
    assert first.endswith("asked in these words and scored zero (1b, 2a, 3a, …).")
    assert second == "1 question of the run not in the set (x)."


@pytest.mark.parametrize(
    ("pairs", "remark", "missing"),
    [
        (MIXED[3:5], "The notes answer none", {"hit@5", "answer_rate", "AUROC"}),
        (MIXED[:3], "refusals are not measured", {"abstention_recall", "AUROC"}),
        (MIXED[:1], "refusals are not measured", {"AUROC", "every_wording_hit@5"}),
        (MIXED[3:4], "The notes answer none", {"hit@5", "citations_hold", "AUROC"}),
        (MIXED[5:], "1 question failed", {"citations_hold", "evidence_share_of_answer"}),
    ],
)
def test_what_a_set_cannot_tell_is_left_out_and_said(
    pairs: tuple[tuple[Question, Outcome], ...], remark: str, missing: set[str]
) -> None:
    scores = scored(*pairs)
    assert any(remark in said for said in scores.remarks)
    assert not missing & scores.measures.keys()
    assert scores.measures["handled"].n == len(pairs)
    assert not unusable(scores.to_dict())


def unusable(value: Any) -> list[Any]:
    """Numbers in a JSON object that JSON does not know."""
    if isinstance(value, dict):
        return [found for inner in value.values() for found in unusable(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in unusable(inner)]
    return [value] if isinstance(value, float) and not math.isfinite(value) else []


def test_scores_are_json_in_the_shape_that_others_rely_on() -> None:
    found = json.loads(json.dumps(scored(*MIXED).to_dict()))
    assert found["measures"]["hit@5"].keys() == {"value", "low", "high", "n"}
    assert found["by_kind"]["paraphrase"]["hit@5"]["n"] == 2
    assert not unusable(found)


def test_latency_is_over_the_questions_that_came_back() -> None:
    slow = outcome([RIGHT], timings_ms={"embed": 10.0, "answer": 90.0})
    pairs = [(question(HEAD, name=f"{i}"), outcome([RIGHT])) for i in range(99)]
    scores = scored(*pairs, (question(HEAD, name="slow"), slow), (question(name="f"), FAILED))
    # 99 of 3 ms and one of 100: the 99th percentile lies 1 % of the way from 3 to 100.
    assert scores.latency_ms == {"p50": 3.0, "p95": 3.0, "p99": 3.97, "n": 100}
    assert scored((question(name="f"), FAILED)).latency_ms == {}
