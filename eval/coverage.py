"""Objectives and a library become coverage: what the notes cover, cover thinly, and miss.

Input: objectives; output: `Coverage`, which says of which state of the notes it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eval.support import Judge, Status, Support
from eval.syllabus import Objective, Wording
from rag import Library

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Covered:
    """An objective, and what the notes have for it."""

    objective: Objective
    support: Support

    @property
    def status(self) -> Status:
        """Returns whether the notes say it."""
        return self.support.status

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that `coverage --json` lists: what is missing has no quotes."""
        shown = self.status is not Status.MISSING
        return {
            "id": self.objective.id,
            "text": self.objective.text,
            "status": self.status.value,
            "confidence": self.support.confidence,
            "notes": len(self.support.documents) if shown else 0,
            "citations": [c.to_dict() for c in self.support.citations] if shown else [],
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one state of the notes covers of a syllabus, in its order.

    Attributes:
        corpus: the digest of the notes.
        generation: of the library.
    """

    found: tuple[Covered, ...]
    corpus: str
    generation: int

    @property
    def summary(self) -> dict[str, int]:
        """Returns how many objectives have each status."""
        counts = Counter(item.status for item in self.found)
        return {status.value: counts[status] for status in Status}

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `coverage --json`."""
        return {"objectives": [item.to_dict() for item in self.found], "summary": self.summary}


def cover(
    library: Library, objectives: Sequence[Objective], progress: Progress = lambda *_: None
) -> Coverage:
    """Returns what the notes cover of some objectives.

    Raises:
        QuestionError, LibraryError, ModelError: as for `Library.ask`.
    """
    library.ensure_ready()
    contents = library.contents()
    judge = Judge(library)
    known: dict[tuple[Wording, ...], Support] = {}
    found = []
    for number, objective in enumerate(objectives):
        progress("Judging", number, len(objectives))
        if objective.wordings not in known:
            known[objective.wordings] = judge.support(objective.wordings, objective.expected)
        found.append(Covered(objective, known[objective.wordings]))
    return Coverage(tuple(found), contents.corpus, contents.generation)
