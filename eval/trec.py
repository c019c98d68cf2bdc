"""A run and its set become files that trec_eval reads: what was found, and what is relevant.

They hold the same rankings and the same relevance as our own measures: a passage is worth what it
is the first to find of what the question needs, and what no passage finds is a relevant passage
that is missing. So trec_eval's success, reciprocal rank and nDCG are our hit@k, MRR@10 and nDCG@10
wherever one quote is enough. Where all are needed, ours look for the last of them, and nDCG is a
mean over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from eval.cases import match
from eval.dataset import Question
from eval.files import replacing
from eval.notes import Notes
from eval.ranking import graded_ranking
from eval.runfile import COMPRESSED, Run
from rag import QuestionSetError


def export_trec(
    run: Run, questions: Sequence[Question], notes: Notes, folder: Path
) -> tuple[Path, Path]:
    """Writes `NAME.run` and `NAME.qrels` for a run file NAME, and returns their paths.

    Unanswerable questions are left out: trec_eval has no notion of a refusal. A question for which
    nothing was found stands in the qrels alone; trec_eval counts it as zero with its option `-c`.
    Ids, passages and documents are percent-encoded where they hold other than letters, digits and
    `_.-~/`, so that none holds white space.

    Args:
        notes: what the documents said when the run was made.

    Raises:
        QuestionSetError: no question is answerable, a quote did not stand in the notes, or a file
            cannot be written.
    """
    found, relevant = [], []
    name = run.path.name.removesuffix(COMPRESSED).removesuffix(".jsonl")
    tag = quote(name)
    for case in match(run, questions, notes).cases:
        if not case.question.answerable:
            continue
        topic = quote(case.question.id)
        ranking = graded_ranking(case)
        # Whole numbers that fall by one: trec_eval orders equal scores by name.
        for place, passage in enumerate(ranking.names):
            score = len(ranking.names) - place
            found.append(f"{topic} Q0 {passage} {place + 1} {score} {tag}\n")
        relevant += [f"{topic} 0 {passage} {grade}\n" for passage, grade in ranking.grades.items()]
    if not relevant:
        raise QuestionSetError(
            f"No question of {run.path} is answerable, and trec_eval has no notion of a refusal: "
            "there is nothing to export."
        )
    files = folder / f"{name}.run", folder / f"{name}.qrels"
    for file, lines in zip(files, (found, relevant), strict=True):
        with replacing(file) as draft:
            draft.write_text("".join(lines), encoding="ascii", newline="\n")
    return files
