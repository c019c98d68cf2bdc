"""An objective becomes what `ask` does today with its words: the scale of coverage is another.

Input: a library and an objective; output: `Reply`. Coverage tells whether the notes hold an answer,
by all the wordings it knows; `ask` answers one question where the words it would show are sure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eval.support import Judge
from eval.syllabus import Objective, Wording


@dataclass(frozen=True, slots=True)
class Reply:
    """What `ask` does with a question; `confidence` is that of the answer, shown or not."""

    answered: bool
    confidence: float

    def __str__(self) -> str:
        """Returns it in words."""
        return f"ask {'answers' if self.answered else 'refuses'} it today ({self.confidence:.2f})"

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that a saved coverage has."""
        return {"answered": self.answered, "confidence": self.confidence}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Reply:
        """Returns what `to_dict` gave."""
        return cls(bool(found["answered"]), float(found["confidence"]))


def reply_to(objective: Objective, judge: Judge) -> Reply:
    """Returns what `ask` does with the words of an objective, after the questions before it.

    Raises:
        QuestionError, LibraryError, ModelError: as for `Library.ask`.
    """
    text = objective.text
    asked = next((one for one in objective.wordings if one.text == text), Wording(text))
    (draft,) = judge.drafts([asked])
    answer = judge.library.decide(text, draft)
    return Reply(answer.answered, answer.confidence)
