"""A run becomes one page: what was asked, how it went, and every failed question with the reason.

The page is one file that loads nothing from anywhere and runs no script but its own filter. Notes,
questions and errors are data in it: escaped, and what could steer a screen is shown as `�`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from eval import plots
from eval.compare import Comparison, smallest, verdict
from eval.files import replacing
from eval.judging import Failure, K, Verdict
from eval.measures import BINS, DESCRIPTIONS, LOWER_IS_BETTER, bin_of
from eval.runfile import Run
from eval.score import Scores
from eval.templates import anchor, render
from rag import RunError

HEADLINE = (
    *("hit@5", "MRR@10", "answer_contains_evidence", "abstention_recall", "handled"),
    "citations_hold",
)
"""Measures at the top of the page."""

DRAWN = ("hit@5", "answer_contains_evidence", "abstention_recall", "handled")
"""Measures drawn for each kind of question."""

COLUMNS = (
    *("hit@1", "hit@5", "MRR@10", "answer_contains_evidence", "answer_rate"),
    *("abstention_recall", "handled", "citations_hold"),
)
"""Measures in the tables of kinds, documents and facts."""

MEANINGS = {
    Failure.ERROR: "The question ended in an error, or the run did not ask it.",
    Failure.NOT_IN_CHUNK: "The notes were cut so that no chunk holds half of the quote.",
    Failure.NOT_RETRIEVED: "Chunks hold the evidence, but the passages that came back do not.",
    Failure.BELOW_K: f"The evidence came back, but not among the {K} best passages.",
    Failure.SPAN_WRONG: f"One of the {K} best passages held the evidence; the answer did not.",
    Failure.ABSTAINED: f"One of the {K} best passages held the evidence; no answer was shown.",
    Failure.ANSWERED: "The notes do not answer this, and yet an answer was shown.",
}

DEPTH = 10
"""Ranks that the histogram tells apart."""

TIMES = 24
"""Most bins of the histogram of times."""

SNIPPET = 160
"""Characters of a passage that are shown."""

DIGITS = 12
"""Characters of a digest or commit that are shown."""


def write_report(run: Run, scores: Scores, out: Path, comparison: Comparison | None = None) -> None:
    """Writes the page of a run.

    Raises:
        RunError: the file cannot be written, or is one of the run files.
    """
    sources = [run.path, *([comparison.a, comparison.b] if comparison else [])]
    sources += [Path(str(run.head["questions"]))] if "questions" in run.head else []
    if out.resolve() in [path.resolve() for path in sources]:
        raise RunError(f"{out} is what the page is made of: name another file with --out.")
    page = report_html(run, scores, comparison)
    with replacing(out, RunError) as draft:
        draft.write_bytes(page.encode("utf-8"))


def report_html(run: Run, scores: Scores, comparison: Comparison | None = None) -> str:
    """Returns the page of a run, the same for the same run.

    Args:
        scores: of this run.
        comparison: from another run to this one.
    """
    failed = _failures(scores)
    return render(
        "report.html.jinja",
        (number, chance, short, beginning, place, q_anchor, plots.signed, plots.between),
        title=PurePath(str(run.head.get("questions") or run.path)).stem,
        about=_about(run),
        details={**(run.head.get("settings") or {}), **(run.head.get("packages") or {})},
        scores=scores,
        comparison=comparison,
        by_fact=_by_fact(scores),
        ranks=_ranks(scores),
        confidences=_confidences(scores),
        times=_times(scores),
        failed=failed,
        reasons=Counter(item.verdict.failure for item in failed),
        failed_of=Counter(document for item in failed for document in item.documents),
        plots=plots,
        verdict=verdict,
        smallest=smallest,
        DESCRIPTIONS=DESCRIPTIONS,
        LOWER_IS_BETTER=LOWER_IS_BETTER,
        MEANINGS=MEANINGS,
        HEADLINE=HEADLINE,
        DRAWN=DRAWN,
        COLUMNS=COLUMNS,
        K=K,
    )


# Words


def number(value: float | None) -> str:
    """Returns a value with three digits, a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def chance(p: float) -> str:
    """Returns a p value with three digits."""
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def short(value: object) -> str:
    """Returns a value of a run's head, of a long one the beginning."""
    text = str(value)
    return text if len(text) <= 40 else text[:DIGITS] + "…"


def beginning(text: str) -> str:
    """Returns the beginning of a text on one line, cut at a word."""
    line = " ".join(text[: 2 * SNIPPET].split())
    return line if len(line) <= SNIPPET else line[:SNIPPET].rsplit(" ", 1)[0] + " …"


def q_anchor(question: str) -> str:
    """Returns the name within the page of a question's block."""
    return anchor("q", question)


def place(item: Mapping[str, Any]) -> str:
    """Returns where a citation or passage stands in its document."""
    return str(item.get("location") or f"characters {item['start']}–{item['end']}")


# What the page shows


@dataclass(frozen=True, slots=True)
class Failed:
    """A question that was not handled.

    Attributes:
        follows: the question it follows up on.
        documents: numbers of the documents that hold its evidence.
        citations: of the answer, shown or withheld.
        passages: the best, and the one that completes the evidence, with their ranks.
    """

    verdict: Verdict
    follows: str | None
    documents: tuple[int, ...]
    citations: Sequence[Mapping[str, Any]]
    passages: Sequence[tuple[int, Mapping[str, Any]]]


def _failures(scores: Scores) -> list[Failed]:
    asked = {v.question.id: v.question.question for v in scores.verdicts}
    numbers = {document: i for i, document in enumerate(scores.by_document)}
    return [
        _failed(v, asked.get(v.question.after or ""), numbers) for v in scores.verdicts if v.failure
    ]


def _failed(v: Verdict, follows: str | None, numbers: Mapping[str, int]) -> Failed:
    passages = enumerate(v.outcome.passages, start=1)
    return Failed(
        verdict=v,
        follows=follows,
        documents=tuple(sorted({numbers[e.document] for e in v.question.evidence})),
        citations=v.outcome.citations or v.outcome.withheld,
        passages=[(rank, item) for rank, item in passages if rank <= K or rank == v.rank],
    )


def _about(run: Run) -> dict[str, str]:
    """Returns what the head of a run says of it, as far as it does."""
    head = {name: value or "" for name, value in run.head.items()}
    commit = str(head.get("commit", ""))
    chunks = f"{head['chunks']} chunks" if "chunks" in head else ""
    said: dict[str, list[Any]] = {
        "Question set": [
            head.get("questions"),
            head.get("split"),
            "follow-ups asked alone" if head.get("alone") else "",
        ],
        "Notes": [head.get("corpus"), chunks],
        "State of the notes": [short(head.get("corpus_sha256", ""))],
        "Model": [head.get("model"), head.get("backend")],
        "Commit": [commit[:DIGITS], "with changes" if commit.endswith("+") else ""],
        "Asked": [str(head.get("begun", "")).replace("T", " ").replace("+00:00", " UTC")],
        "Run file": [run.path.name],
    }
    joined = {name: ", ".join(str(part) for part in parts if part) for name, parts in said.items()}
    return {name: text for name, text in joined.items() if text}


def _by_fact(scores: Scores) -> list[tuple[str, str, dict[str, float]]]:
    """Returns facts, the first wording of each and its means, worst first."""
    wording: dict[str, str] = {}
    for v in scores.verdicts:
        wording.setdefault(v.question.fact, v.question.question)
    rows = [(fact, wording[fact], means) for fact, means in scores.by_fact.items()]
    return sorted(rows, key=lambda row: (row[2]["handled"], row[2].get("MRR@10", 1.0)))


def _ranks(scores: Scores) -> tuple[list[tuple[str, int]], int]:
    """Returns how many answerable questions found their evidence at each rank, and at none."""
    found = [v.rank for v in scores.verdicts if v.question.answerable]
    counts = [(str(rank), found.count(rank)) for rank in range(1, DEPTH + 1)]
    if beyond := sum(rank is not None and rank > DEPTH for rank in found):
        counts.append((f"{DEPTH + 1}+", beyond))
    return counts, found.count(None)


def _confidences(scores: Scores) -> tuple[list[int], list[int]]:
    """Returns how many answerable and unanswerable questions have a confidence in each tenth."""
    import numpy as np

    def counts(answerable: bool) -> list[int]:
        chosen = [v.confidence for v in scores.verdicts if v.question.answerable is answerable]
        found: list[int] = np.bincount(bin_of(np.array(chosen)), minlength=BINS).tolist()
        return found

    return counts(True), counts(False)


def _times(scores: Scores) -> tuple[list[int], float]:
    """Returns how many questions took how long, in bins of so many milliseconds.

    The last bin holds all that took longer, so that one slow question does not press all others
    into the first; p99 lies within three quarters of the bins.
    """
    times = [ms for v in scores.verdicts if (ms := v.outcome.milliseconds) is not None]
    end = max(scores.latency_ms.get("p99", 0) * 4 / 3, 0.01)
    width = plots.nice(end / TIMES)
    counts = [0] * math.ceil(end / width)
    for time in times:
        counts[min(int(time / width), len(counts) - 1)] += 1
    return counts, width
