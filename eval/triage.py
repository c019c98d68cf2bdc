"""The questions of a gap become its cause: the notes lack it, or hold it, or it is off topic.

Input: the questions of one group, which ask for one thing; output: `Triage`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from eval.support import Judge, Status, Support
from eval.syllabus import Wording
from rag import Asked

MOST = 8
"""Wordings that are judged of a group: those asked most often."""

NEAR = 0.36
"""The cosine with anything in the notes below which a question is off topic."""


class Cause(StrEnum):
    """Why questions were not answered well."""

    ABSENT = "not in the notes"
    MISSED = "in the notes but missed"
    OFF_TOPIC = "off topic"


@dataclass(frozen=True, slots=True)
class Triage:
    """The cause of a gap, and what speaks for it.

    Attributes:
        support: what the notes have for the questions.
        why: one line for an instructor.
        unknown: words of the questions that no note holds, as they were typed.
    """

    cause: Cause
    support: Support
    why: str
    unknown: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form: the cause, and its evidence."""
        return {
            "cause": self.cause.value,
            "why": self.why,
            "confidence": self.support.confidence,
            "near": round(self.support.near, 4),
            "unknown": list(self.unknown),
            "citations": [citation.to_dict() for citation in self.support.citations],
            "passages": [passage.to_dict() for passage in self.support.passages],
        }


def triage(judge: Judge, questions: Sequence[Asked]) -> Triage:
    """Returns why questions that ask for one thing were not answered well.

    Args:
        questions: at least one; what was searched for counts, not what was typed.

    Raises:
        QuestionError, LibraryError, ModelError: as for `Library.ask`.
    """
    queries = Counter(question.query for question in questions)
    support = judge.support([Wording(query) for query, _ in queries.most_common(MOST)])
    if support.near < NEAR:
        return Triage(Cause.OFF_TOPIC, support, "Nothing in the notes comes near.")
    if support.status is Status.MISSING:
        return Triage(Cause.ABSENT, support, "What comes nearest does not answer.")
    return Triage(Cause.MISSED, support, "The notes have words that seem to answer.")
