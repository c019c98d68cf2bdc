"""A syllabus becomes objectives: what the notes are meant to say, each a question or a statement.

Input: a file; output: `Objective` records, in its order.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from eval.dataset import Evidence, Question, load_questions
from rag import plain


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to ask for something, after the questions that it leans on."""

    text: str
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Objective:
    """Something the notes are meant to say.

    Attributes:
        text: as it stands in the file.
        unit: the part of the course that it belongs to; empty where none is named.
        wordings: all known ways to ask for it, this one's text among them: those of its fact.
        expected: quotes of which any is known to answer, or all together where `needs_all`.
    """

    id: str
    text: str
    unit: str
    wordings: tuple[Wording, ...]
    expected: tuple[Evidence, ...] = ()
    needs_all: bool = False


def load_objectives(path: Path) -> list[Objective]:
    """Returns the objectives of a question set, one for each of its questions.

    Raises:
        QuestionSetError: the file cannot be read, or breaks the format.
    """
    return of_questions(load_questions(path))


def of_questions(questions: list[Question]) -> list[Objective]:
    """Returns an objective for each question; those of a fact share their wordings."""
    wordings: dict[str, list[Wording]] = defaultdict(list)
    for question in questions:
        wordings[question.fact].append(Wording(question.question, question.earlier))
    return [
        Objective(
            id=question.id,
            text=question.question,
            unit=question.evidence[0].document if question.evidence else "",
            wordings=tuple(wordings[question.fact]),
            expected=question.evidence,
            needs_all=question.needs_all,
        )
        for question in questions
    ]


def sameness(text: str) -> str:
    """Returns what two objectives have in common that are the same in another format."""
    return " ".join(plain(text).casefold().split()).rstrip(".:;, ")
