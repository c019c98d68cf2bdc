"""The question log becomes gaps: what people asked and the notes did not answer, by meaning.

Input: the questions of the log; output: `Gaps`, the group that most people asked first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from eval.triage import Triage
from rag import Asked, Library

Progress = Callable[[str, int, int], None]


class Trouble(StrEnum):
    """Why a question counts as one that was not answered well."""

    REFUSED = "no answer"
    UNSURE = "an unsure answer"
    DOWN = "an answer that did not help"


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions of one meaning that got no good answer.

    Attributes:
        id: of its earliest question, so that it stays while the group grows; any beginning of it
            that no other gap has names it.
        terms: what tells it from the others, as people wrote it, the most telling first.
        question: the most central one.
        questions: all of them, the newest first.
        people: how many different people asked; None where nobody was signed in.
        triage: whether the notes hold it, and how that can be seen.
    """

    id: str
    terms: tuple[str, ...]
    question: str
    questions: tuple[Asked, ...]
    people: int | None
    triage: Triage


@dataclass(frozen=True, slots=True)
class Gaps:
    """What the log says the notes lack.

    Attributes:
        gaps: the one that most people asked first.
        looked_at: how many questions the log was read for.
        troubled: how many of them got no good answer, by why.
        since: when the first of them was asked; None where there are none.
        closed: questions without a good answer then, which the notes of now answer.
        withheld: questions of groups that too few people asked.
        least: how many people must have asked.
        corpus: the digest of the notes.
        generation: of the library.
    """

    gaps: tuple[Gap, ...]
    looked_at: int
    troubled: dict[Trouble, int]
    since: datetime | None
    closed: int
    withheld: int
    least: int
    corpus: str
    generation: int

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `gaps --json`."""
        raise NotImplementedError


def find_gaps(
    library: Library,
    asked: Iterable[Asked],
    least: int | None = None,
    progress: Progress = lambda *_: None,
) -> Gaps:
    """Returns the gaps that the questions of a log show in the notes of now.

    Args:
        least: people who must have asked for a group to be shown, where people are known;
            `settings.least_askers` if left out.

    Raises:
        QuestionError, LibraryError, ModelError: as for `Library.ask`.
    """
    raise NotImplementedError
