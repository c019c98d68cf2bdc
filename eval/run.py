"""A library and a question set become results: every question by the path that `ask` uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from eval.dataset import Question
from rag import Answer, NotesQAError


@dataclass(frozen=True, slots=True)
class Result:
    """What came back for one question: the JSON object of `ask --json`, or an error."""

    question: Question
    result: dict[str, Any] | None
    error: str | None = None


def run(questions: Iterable[Question], ask: Callable[[str], Answer]) -> Iterator[Result]:
    """Yields one result a question, in order; one that failed carries its error."""
    for question in questions:
        try:
            yield Result(question, ask(question.question).to_dict())
        except NotesQAError as error:
            yield Result(question, None, str(error))
