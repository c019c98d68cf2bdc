"""Cases become verdicts: for every question, the value of each measure that is defined on it.

Every question counts: one that failed, or that the run did not reach, scores zero and is listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from eval.cases import Case, covered, enough
from eval.dataset import Question, TextOf
from eval.notes import Notes
from eval.ranking import ranks
from eval.runfile import Outcome
from rag import NotesQAError, Span

K = 5
"""Answers are drawn from this many of the best passages."""

DEPTH = 10
"""How many passages `evidence_coverage@10` looks at."""


class Failure(StrEnum):
    """Why a question was not handled: the first stage at which it went wrong."""

    ERROR = "failed with an error"
    NOT_IN_CHUNK = "not in any chunk"
    NOT_RETRIEVED = "in the index but not retrieved"
    BELOW_K = "retrieved below k"
    SPAN_WRONG = "retrieved but answer span wrong"
    ABSTAINED = "abstained though answerable"
    ANSWERED = "answered though not answerable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One question, what came back, and how good it was.

    Attributes:
        values: of each measure that is defined on the question, 0 to 1, higher is better.
        confidence: as shown; 1 for a question that failed, so that failing never looks humble.
        right: whether the answer, shown or withheld, holds the evidence.
        rank: of the passage with which the evidence is found; None where it never is.
        failure: None where the question was handled.
    """

    question: Question
    outcome: Outcome
    values: dict[str, float]
    confidence: float
    right: bool
    rank: int | None
    failure: Failure | None


def judge(cases: Sequence[Case], notes: Notes) -> list[Verdict]:
    """Returns a verdict on every case, in order.

    Over answerable questions: the measures of `ranking.ranks`; `evidence_coverage@10`, the share
    of the evidence's characters in the first ten passages (the best quote, or the mean where all
    are needed); `answer_contains_evidence`; `answer_rate`; and where answered
    `evidence_share_of_answer`, the share of the cited characters that are evidence. Over
    unanswerable ones `abstention_recall`. Over answered ones `citations_hold` (see
    `citations_hold`); left out where nobody knows any more what stood there. Over all `handled`,
    answered with the evidence, or refused where there is none; and `confidence_score`, 1 less the
    squared distance of the confidence from 1 where the answer, shown or withheld, is right, and
    from 0 where it is not.
    """
    ranked = ranks(cases)
    return [
        _verdict(
            case,
            {name: values[case.question.id] for name, values in ranked.items()}
            if case.question.answerable
            else {},
            notes,
        )
        for case in cases
    ]


def _verdict(case: Case, values: dict[str, float], notes: Notes) -> Verdict:
    question, outcome = case.question, case.outcome
    right = case.holds(case.quoted)
    if question.answerable:
        handled = outcome.answered and right
        values["evidence_coverage@10"] = _coverage(case)
        values["answer_contains_evidence"] = float(handled)
        values["answer_rate"] = float(outcome.answered)
        if outcome.answered:
            values["evidence_share_of_answer"] = _density(case)
    else:
        handled = outcome.abstained
        values["abstention_recall"] = float(handled)
    values["handled"] = float(handled)
    if outcome.answered and (hold := citations_hold(case, notes.text)) is not None:
        values["citations_hold"] = float(hold)
    confidence = 1.0 if outcome.result is None else float(outcome.result["confidence"])
    values["confidence_score"] = 1 - (confidence - right) ** 2
    failure = None if handled else _failure(case, notes)
    return Verdict(question, outcome, values, confidence, right, case.rank, failure)


def _coverage(case: Case) -> float:
    shares = [label.share(case.passages[:DEPTH]) for label in case.labels]
    return sum(shares) / len(shares) if case.question.needs_all else max(shares)


def _density(case: Case) -> float:
    total = inside = 0
    for document in {document for document, _ in case.quoted}:
        quotes = [
            place
            for label in case.labels
            if label.evidence.document == document
            for place in label.spans
        ]
        end = 0
        for span in sorted(span for name, span in case.quoted if name == document):
            new = Span(max(span.start, end), max(span.end, end))  # what is cited twice counts once
            total += len(new)
            inside += covered(new, quotes)
            end = new.end
    return inside / total if total else 0.0


def citations_hold(case: Case, text_of: TextOf) -> bool | None:
    """Returns whether an answer is what the notes say; None where nobody knows any more.

    That is: there are citations, every quote is what stands at its place, and every sentence shown
    stands in the quote that it names.
    """
    outcome = case.outcome
    numbered = enumerate(outcome.citations, start=1)
    quotes = {item.get("number", i): item["quote"] for i, item in numbered}
    sentences = (outcome.result or {}).get("sentences", [])
    if not quotes or not all(s["text"] in quotes.get(s["citation"], "") for s in sentences):
        return False
    cited = zip(case.quoted, outcome.citations, strict=True)
    try:
        return all(span.of(text_of(document)) == item["quote"] for (document, span), item in cited)
    except NotesQAError:
        return None


def _failure(case: Case, notes: Notes) -> Failure:
    if case.outcome.result is None:
        return Failure.ERROR
    if not case.question.answerable:
        return Failure.ANSWERED
    if case.rank is None:
        return Failure.NOT_RETRIEVED if _in_chunks(case, notes) else Failure.NOT_IN_CHUNK
    if case.rank > K:
        return Failure.BELOW_K
    return Failure.SPAN_WRONG if case.outcome.answered else Failure.ABSTAINED


def _in_chunks(case: Case, notes: Notes) -> bool:
    """Returns whether single chunks hold the evidence, as far as is known."""
    found = []
    for label in case.labels:
        document = label.evidence.document
        chunks = notes.chunks(document)
        found.append(not chunks or any(label.found([(document, chunk)]) for chunk in chunks))
    return enough(case.question, found)
