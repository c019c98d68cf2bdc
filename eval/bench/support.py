"""What turns signals into the confidence of coverage is made: eval/support.json.

    python -m eval.bench.support

The shipped questions, and the headings of the notes as a syllabus would name them, are asked of the
shipped notes, and of ten states in each of which a fifth of the notes is hidden. What the fitting
split says makes the constants; what they are worth on the reporting split is printed, and kept
beside them.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval.bench.ablation import CORPUS, DRAWS, QUESTIONS, gone, notes_of, states
from eval.dataset import Evidence, Question, load_questions
from eval.support import Judge, Weights, signals
from eval.syllabus import Wording
from rag import Contents, terms

OUT = Path("eval/support.json")

SIGNALS = ("score", "sure", "agreement", "unknown")

STRENGTHS = {"asked": 0.3, "gone": 1.0}
"""Inverse strengths of the L2 penalty: of few signals and many rows, of fewer rows."""

NAMING = 2
"""Terms of a heading that names something by itself ("When does it help?" has one)."""

NEVER_COUNTS = 0.3
"""What a question that the notes never answered counts in each of the states, in all of which it
is the same: with it 23 of 100 objectives are missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """Something asked in one state of the notes.

    Attributes:
        whole: whether these are all wordings of the fact.
        holds: whether the notes answer it.
    """

    split: str
    signals: Mapping[str, float]
    holds: bool
    weight: float = 1.0
    whole: bool = True
    kind: str = "question"


@dataclass(frozen=True, slots=True)
class Heading:
    """What a note says that it is about, as a syllabus would name it.

    Attributes:
        split: of the questions about the note.
    """

    text: str
    document: str
    split: str


def headings(contents: Contents, split_of: Mapping[str, str]) -> list[Heading]:
    """Returns the headings that stand in one note alone, and name something by themselves."""
    found: dict[str, set[str]] = {}
    for row in range(len(contents)):
        chunk = contents.chunk(row)
        for unit in contents.units(row):
            for heading in unit.headings:
                found.setdefault(heading, set()).add(chunk.document)
    return [
        Heading(heading, document, split_of[document])
        for heading, documents in sorted(found.items())
        if len(documents) == 1 and len(set(terms(heading, contents.language))) >= NAMING
        for document in documents & split_of.keys()
    ]


def collect(library: Path) -> tuple[list[Row], list[Row], dict[str, Any]]:
    """Returns what was asked, what was asked after a quote had gone, and the conditions."""
    facts: dict[str, list[Question]] = {}
    split_of: dict[str, str] = {}
    for question in load_questions(QUESTIONS):
        facts.setdefault(question.fact, []).append(question)
        for evidence in question.evidence[:1]:
            split_of[evidence.document] = question.split
    named: list[Heading] = []
    asked: list[Row] = []
    lost: list[Row] = []
    conditions: dict[str, Any] = {}
    for hidden, state in states(library, CORPUS, notes_of(CORPUS)):
        judge, serving, conditions = Judge(state), state.fit, state.conditions()
        contents = state.contents()
        if not hidden:
            named = headings(contents, split_of)
        for heading in named:
            told = signals(judge.drafts([Wording(heading.text)]), serving, contents)
            asked.append(Row(heading.split, told, heading.document not in hidden, kind="heading"))
        for wordings in facts.values():
            first = wordings[0]
            drafts = judge.drafts([Wording(q.question, q.earlier) for q in wordings])
            holds = first.answerable and not gone(first, hidden)
            weight = 1.0 if first.answerable else NEVER_COUNTS
            groups = [drafts, *([draft] for draft in drafts if len(drafts) > 1)]
            asked += [
                Row(first.split, signals(group, serving, contents), holds, weight, group is drafts)
                for group in groups
            ]
            missing = [evidence for evidence in first.evidence if evidence.document in hidden]
            if missing:
                near = max(_near(judge, evidence) for evidence in missing)
                told = {**signals(drafts, serving, contents), "near": near}
                lost.append(Row(first.split, told, holds))
    return asked, lost, conditions


def _near(judge: Judge, evidence: Evidence) -> float:
    limit = judge.library.settings.max_question_chars
    return judge.library.draft(evidence.quote[:limit]).signals["unit_similarity"]


def learn(rows: Sequence[Row], names: Sequence[str], strength: float) -> Weights:
    """Returns a logistic regression over the signals of the fitting split."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    used = [row for row in rows if row.split == "fit"]
    x = np.array([[row.signals[name] for name in names] for row in used])
    means, scales = x.mean(axis=0), x.std(axis=0)
    model = LogisticRegression(C=strength, max_iter=1000)
    counted = [row.weight for row in used]
    model.fit((x - means) / scales, [row.holds for row in used], sample_weight=counted)
    parts = (part.round(4).tolist() for part in (model.coef_[0], means, scales))
    weights, middle, spread = (dict(zip(names, part, strict=True)) for part in parts)
    return Weights(weights, middle, spread, round(float(model.intercept_[0]), 4))


def area(rows: Sequence[Row], weights: Weights) -> float:
    """Returns the area under the curve for "the notes answer", on the reporting split."""
    from sklearn.metrics import roc_auc_score

    kept = [row for row in rows if row.split == "report"]
    sure = [weights.logit(row.signals) for row in kept]
    return round(float(roc_auc_score([row.holds for row in kept], sure)), 3)


def scale(library: Path) -> dict[str, Any]:
    """Returns what support.json holds."""
    asked, lost, conditions = collect(library)
    of_asked = learn(asked, SIGNALS, STRENGTHS["asked"])
    told = [
        Row(row.split, {**row.signals, "asked": of_asked.logit(row.signals)}, row.holds)
        for row in lost
    ]
    of_gone = learn(told, ("asked", "near"), STRENGTHS["gone"])
    questions = [row for row in asked if row.kind == "question"]
    return {
        "asked": asdict(of_asked),
        "gone": asdict(of_gone),
        "fitted_on": {
            "set": QUESTIONS.name,
            "sha256": hashlib.sha256(QUESTIONS.read_bytes()).hexdigest(),
            "split": "fit",
            "states": DRAWS + 1,
            "conditions": conditions,
            "asked": sum(row.split == "fit" for row in asked),
            "gone": sum(row.split == "fit" for row in lost),
            **{
                f"AUROC, {name}": area(rows, of_asked)
                for name, rows in {
                    "facts": [row for row in questions if row.whole],
                    "single wordings": [row for row in questions if not row.whole],
                    "headings": [row for row in asked if row.kind == "heading"],
                }.items()
            },
            "AUROC, quotes gone": area(told, of_gone),
        },
    }


def main() -> None:
    """Makes the file anew."""
    with tempfile.TemporaryDirectory() as scratch:
        made = scale(Path(scratch) / "library")
    OUT.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(made["fitted_on"], indent=1) + "\n")


if __name__ == "__main__":
    main()
