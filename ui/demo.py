"""The first five minutes: an answer, a paraphrase of the question, a refusal, and the scores."""

from __future__ import annotations

from pathlib import Path

import typer

from eval import evaluate, load_questions
from rag import Library
from ui.console import print_answer, print_manifest, progress

EXCHANGES = (
    "Why is the distillation loss multiplied by T squared?",
    "Why does the soft-target part of the distillation loss need an extra temperature factor?",
    "How do I renew my library card?",
)


def show(library: Library, questions: Path) -> None:
    """Indexes the notes, and prints three exchanges and the score of the reporting split."""
    with progress() as report:
        manifest = library.index(progress=report)
    print_manifest(manifest, library.settings.corpus)
    for question in EXCHANGES:
        typer.secho(f"\n? {question}", bold=True)
        print_answer(library.ask(question))
    with progress() as report:
        scores = evaluate(library, load_questions(questions, "report"), report)
    typer.secho(f"\nEvaluation on {questions}, reporting split:", bold=True)
    for name, label in SHOWN.items():
        if name not in scores:
            continue
        measure = scores[name]
        typer.echo(
            f"  {label:<46} {measure.value:.3f}  "
            f"[{measure.low:.3f}, {measure.high:.3f}]  n = {measure.n}"
        )


SHOWN = {
    "hit@5": "hit@5",
    "MRR@10": "MRR@10",
    "answer_contains_evidence": "evidence in the answer shown",
    "abstention_recall": "unanswerable questions refused",
    "handled": "all questions handled rightly",
    "citations_hold": "citations that hold",
}
