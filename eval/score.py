"""A run becomes scores: every measure overall, by kind, by document and by fact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eval.cases import match
from eval.dataset import Question, some
from eval.judging import DEPTH, Verdict, judge
from eval.measures import (
    PER_QUESTION,
    Bin,
    Measure,
    means,
    of_confidence,
    of_paraphrases,
    reliability,
    risk_coverage,
)
from eval.notes import Notes
from eval.run import Progress, in_memory
from eval.runfile import Run
from rag import Library


@dataclass(frozen=True, slots=True)
class Scores:
    """What a run is worth.

    Attributes:
        verdicts: of every question of the set, in its order.
        abstention: how many questions were answered, abstained from or failed, by whether the
            notes answer them.
        latency_ms: percentiles of the time a question took, all stages; empty where unknown.
        remarks: what a reader must know of these numbers.
    """

    verdicts: tuple[Verdict, ...]
    measures: dict[str, Measure]
    by_kind: dict[str, dict[str, Measure]]
    by_document: dict[str, dict[str, Measure]]
    by_fact: dict[str, dict[str, float]]
    abstention: dict[str, dict[str, int]]
    reliability: list[Bin]
    risk_coverage: list[tuple[float, float, float]]
    latency_ms: dict[str, float]
    remarks: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[Verdict]:
        """Returns the questions that ended in an error, or that the run did not ask."""
        return [verdict for verdict in self.verdicts if verdict.outcome.failed]

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `eval score --json`; only `latency_ms` knows the clock."""
        return {
            "n": len(self.verdicts),
            "measures": _measures(self.measures),
            "by_kind": {name: _measures(group) for name, group in self.by_kind.items()},
            "by_document": {name: _measures(group) for name, group in self.by_document.items()},
            "by_fact": {
                fact: {name: round(value, 4) for name, value in values.items()}
                for fact, values in self.by_fact.items()
            },
            "abstention": self.abstention,
            "reliability": [
                {
                    "low": item.low,
                    "high": item.high,
                    "n": item.n,
                    "confidence": round(item.confidence, 4),
                    "right": item.right.to_dict(),
                }
                for item in self.reliability
            ],
            "risk_coverage": [
                {"confidence": c, "coverage": round(share, 4), "risk": round(risk, 4)}
                for c, share, risk in self.risk_coverage
            ],
            "failed": [{"id": v.question.id, "error": v.outcome.error} for v in self.failed],
            "latency_ms": self.latency_ms,
            "remarks": self.remarks,
        }


def _measures(measures: dict[str, Measure]) -> dict[str, Any]:
    return {name: measure.to_dict() for name, measure in measures.items()}


def score_run(run: Run, library: Library | None = None, questions: Path | None = None) -> Scores:
    """Returns what a run is worth, by the labels that its set has today.

    Args:
        library: asked for notes whose text the run does not keep; only if it still holds them.
        questions: the set, where it is not the file that the run names.

    Raises:
        QuestionSetError: the set breaks its format, or quotes what the notes of the run do not
            hold.
        RunError: the run names no set, or one that is not there.
    """
    scores = score_questions(run, run.questions(questions), Notes(run, library))
    remarks = []
    if not run.same_set(questions):
        remarks.append("The set has changed since the run was made: its present labels count.")
    passages = run.head.get("settings", {}).get("passages")
    if isinstance(passages, int) and passages < DEPTH:
        remarks.append(f"The run has {passages} passages a question: none below can be a hit.")
    if (seed := run.head.get("typos")) is not None:
        remarks.append(f"Every third word of each question was misspelt on purpose (seed {seed}).")
    return replace(scores, remarks=[*remarks, *scores.remarks])


def score_questions(run: Run, questions: Sequence[Question], notes: Notes) -> Scores:
    """Returns what a run is worth on the given questions; raises as `score_run` does."""
    matched = match(run, questions, notes)
    verdicts = judge(matched.cases, notes)
    kinds = dict.fromkeys(question.kind for question in questions)
    documents = sorted({e.document for q in questions for e in q.evidence})
    return Scores(
        verdicts=tuple(verdicts),
        measures=means(verdicts) | of_confidence(verdicts) | of_paraphrases(verdicts),
        by_kind={kind: means([v for v in verdicts if v.question.kind == kind]) for kind in kinds},
        by_document={
            document: means([v for v in verdicts if document in _documents(v)])
            for document in documents
        },
        by_fact=_by_fact(verdicts),
        abstention=_abstention(verdicts),
        reliability=reliability(verdicts),
        risk_coverage=risk_coverage(verdicts),
        latency_ms=latency(verdicts),
        remarks=_remarks(verdicts, matched.not_run, matched.unknown),
    )


def evaluate(
    library: Library, questions: Sequence[Question], progress: Progress = lambda *_: None
) -> dict[str, Measure]:
    """Returns every measure of a library on some questions, without a run file.

    Raises:
        QuestionSetError, LibraryError: a quote's document or the quote itself is not indexed.
    """
    run = in_memory(library, questions, progress)
    return score_questions(run, questions, Notes(run, library)).measures


def _documents(verdict: Verdict) -> set[str]:
    return {evidence.document for evidence in verdict.question.evidence}


def _by_fact(verdicts: Sequence[Verdict]) -> dict[str, dict[str, float]]:
    """Returns each fact's means and its number of questions `n`; one fact has no interval."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.question.fact, []).append(verdict)
    table = {}
    for fact, group in groups.items():
        row: dict[str, float] = {}
        for name in PER_QUESTION:
            values = [v.values[name] for v in group if name in v.values]
            if values:
                row[name] = math.fsum(values) / len(values)
        table[fact] = {**row, "n": len(group)}
    return table


def _abstention(verdicts: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    rows = ("answerable", "unanswerable")
    table = {name: {"answered": 0, "abstained": 0, "failed": 0} for name in rows}
    for verdict in verdicts:
        row = table["answerable" if verdict.question.answerable else "unanswerable"]
        outcome = verdict.outcome
        row["failed" if outcome.failed else "answered" if outcome.answered else "abstained"] += 1
    return table


def latency(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Returns p50, p95 and p99 of the milliseconds that a question took, and their n."""
    import numpy as np

    times = [ms for v in verdicts if (ms := v.outcome.milliseconds) is not None]
    if not times:
        return {}
    p50, p95, p99 = np.percentile(times, [50, 95, 99]).round(2).tolist()
    return {"p50": p50, "p95": p95, "p99": p99, "n": len(times)}


def _remarks(
    verdicts: Sequence[Verdict], not_run: Sequence[str], unknown: Sequence[str]
) -> list[str]:
    failed = sum(v.outcome.failed for v in verdicts) - len(not_run)
    unchecked = sum(v.outcome.answered and "citations_hold" not in v.values for v in verdicts)
    answerable = sum(v.question.answerable for v in verdicts)
    remarks = []
    if failed:
        remarks.append(f"{_count(failed)} failed with an error and scored zero.")
    if not_run:
        remarks.append(
            f"{_count(len(not_run))} of the set not asked in these words and scored zero "
            f"({some(not_run)})."
        )
    if unknown:
        remarks.append(f"{_count(len(unknown))} of the run not in the set ({some(unknown)}).")
    if unchecked:
        remarks.append(
            f"{_count(unchecked)} answered from notes that the library does not hold as they were: "
            "whether those citations held cannot be checked any more."
        )
    if not answerable:
        remarks.append("The notes answer none of these questions: there is nothing to retrieve.")
    if answerable == len(verdicts):
        remarks.append("Every question is answerable: refusals are not measured.")
    return remarks


def _count(n: int) -> str:
    return "1 question" if n == 1 else f"{n} questions"
