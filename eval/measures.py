"""Results and labels become numbers, each with its n and a 95 % interval.

A passage finds a quote when it covers at least half of the quote's characters; so does an answer,
by its citations together. Retrieval measures come from ir_measures. Every question counts: one
that failed scores zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.dataset import Evidence, Question, TextOf, places
from eval.run import Result
from rag import Span

RESAMPLES = 2000
SEED = 20240229


@dataclass(frozen=True, slots=True)
class Measure:
    """A mean with its 95 % interval (bootstrap over facts) and the questions it is over."""

    value: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, float | int]:
        """Returns the JSON form that `eval score --json` prints."""
        return {
            "value": round(self.value, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "n": self.n,
        }


Shown = Sequence[tuple[str, Span]]
"""Documents and spans that a result shows."""


def covers(question: Question, shown: Shown, text_of: TextOf) -> bool:
    """Returns whether spans together hold the evidence: one entry of it, or all if all needed."""
    held = (_holds(evidence, shown, text_of) for evidence in question.evidence)
    return all(held) if question.needs_all else any(held)


def _holds(evidence: Evidence, shown: Shown, text_of: TextOf) -> bool:
    spans = [span for document, span in shown if document == evidence.document]
    quotes = places(evidence, text_of)
    return any(2 * _covered(quote, spans) >= len(quote) for quote in quotes)


def _covered(place: Span, spans: Sequence[Span]) -> int:
    """Returns how many characters of `place` lie in at least one of `spans`."""
    covered, end = 0, place.start
    for span in sorted(spans):
        start = max(span.start, end)
        end = max(end, min(span.end, place.end))
        covered += max(0, end - start)
    return covered


def per_question(results: Sequence[Result], text_of: TextOf) -> dict[str, dict[str, float]]:
    """Returns each measure's value for each question it is defined on, by question id.

    `hit@1`, `hit@3`, `hit@5`, `hit@10` and `MRR@10` over answerable questions;
    `answer_contains_evidence` (answered, with the evidence in its quotes) and `answer_rate`
    over answerable ones; `abstention_recall` over unanswerable ones; `citations_hold` over
    answered ones; `handled` (answered with the evidence, or refused where there is none) over
    all.
    """
    table = _retrieval(results, text_of)
    for name in ("answer_contains_evidence", "answer_rate", "abstention_recall"):
        table[name] = {}
    table["citations_hold"] = {}
    table["handled"] = {}
    for item in results:
        question, result = item.question, item.result or {}
        citations = _spans(result.get("citations", []))
        answered = result.get("state") == "answered"
        if answered:
            quotes = zip(citations, result["citations"], strict=True)
            holds = all(span.of(text_of(name)) == c["quote"] for (name, span), c in quotes)
            table["citations_hold"][question.id] = float(holds)
        if question.answerable:
            right = covers(question, citations, text_of)
            table["answer_contains_evidence"][question.id] = float(right)
            table["answer_rate"][question.id] = float(answered)
        else:
            right = result.get("state") == "abstained"
            table["abstention_recall"][question.id] = float(right)
        table["handled"][question.id] = float(right)
    return table


def _spans(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, Span]]:
    return [(item["document"], Span(item["start"], item["end"])) for item in items]


def _retrieval(results: Sequence[Result], text_of: TextOf) -> dict[str, dict[str, float]]:
    from ir_measures import RR, Qrel, ScoredDoc, Success, iter_calc

    names = {RR @ 10: "MRR@10", **{Success @ k: f"hit@{k}" for k in (1, 3, 5, 10)}}
    qrels, run = [], []
    for item in results:
        if not item.question.answerable:
            continue
        # Judged even when nothing was found, so that such a question scores zero.
        qrels.append(Qrel(item.question.id, "elsewhere", 1))
        shown = _spans((item.result or {}).get("passages", []))
        for rank in range(1, len(shown) + 1):
            finds = _finds(item.question, shown[:rank], text_of)
            qrels.append(Qrel(item.question.id, str(rank), int(finds)))
            run.append(ScoredDoc(item.question.id, str(rank), 1 / rank))
    table: dict[str, dict[str, float]] = {name: {} for name in names.values()}
    for name in table:
        table[name] = {qrel.query_id: 0.0 for qrel in qrels}
    for value in iter_calc(list(names), qrels, run):
        table[names[value.measure]][value.query_id] = float(value.value)
    return table


def _finds(question: Question, shown: Shown, text_of: TextOf) -> bool:
    """Returns whether the last passage finds a quote, or completes those that are all needed."""
    each = [[passage] for passage in shown]
    if not question.needs_all:
        return covers(question, each[-1], text_of)
    return all(
        any(_holds(evidence, passage, text_of) for passage in each)
        for evidence in question.evidence
    )


def mean(values: Mapping[str, float], questions: Sequence[Question]) -> Measure | None:
    """Returns the mean over the questions that have a value; None where none has.

    The interval is the 2.5th to 97.5th percentile of the mean over resampled facts, since the
    wordings of one fact are not independent.
    """
    import numpy as np

    facts: dict[str, list[float]] = {}
    for question in questions:
        if question.id in values:
            facts.setdefault(question.fact, []).append(values[question.id])
    if not facts:
        return None
    sums = np.array([sum(group) for group in facts.values()])
    sizes = np.array([len(group) for group in facts.values()])
    draws = np.random.default_rng(SEED).integers(0, len(facts), (RESAMPLES, len(facts)))
    means = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Measure(float(sums.sum() / sizes.sum()), float(low), float(high), int(sizes.sum()))
