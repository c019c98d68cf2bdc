"""A library and questions become scores, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from eval.dataset import Question
from eval.measures import Measure, mean, per_question
from eval.run import Result, run
from rag import Library


def evaluate(
    library: Library,
    questions: Sequence[Question],
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> dict[str, Measure]:
    """Returns every measure that is defined on at least one of the questions, by name.

    Raises:
        QuestionSetError, LibraryError: a quote's document or the quote itself is not indexed.
    """
    results: list[Result] = []
    for done, result in enumerate(run(questions, library.ask)):
        progress("Evaluating", done, len(questions))
        results.append(result)
    table = per_question(results, cache(library.source))
    scores = {name: mean(values, questions) for name, values in table.items()}
    return {name: score for name, score in scores.items() if score is not None}
