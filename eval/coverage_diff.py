"""Two coverages become what changed between them, objective by objective.

Input: the coverage before and the one after; output: `CoverageDiff`. Objectives are the same where
id and text are, then where the text is, then where the id is: a syllabus may be put into another
order, renumbered or reworded meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from eval.coverage import Coverage, Covered
from eval.support import Status
from eval.syllabus import sameness


class Change(StrEnum):
    """What became of an objective, what a teacher looks for first coming first."""

    NEWLY_MISSING = "newly missing"
    THINNER = "thinner"
    NEWLY_COVERED = "newly covered"
    BETTER = "better"
    UNCHANGED = "unchanged"
    ADDED = "only in the new one"
    DROPPED = "only in the old one"


@dataclass(frozen=True, slots=True)
class Changed:
    """An objective in two coverages; None where one has it not."""

    old: Covered | None
    new: Covered | None

    @property
    def now(self) -> Covered:
        """Returns the newer of the two that there is."""
        found = self.new or self.old
        assert found is not None
        return found

    @property
    def change(self) -> Change:
        """Returns what became of it."""
        if self.old is None:
            return Change.ADDED
        if self.new is None:
            return Change.DROPPED
        before, after = self.old.status, self.new.status
        if before is after:
            return Change.UNCHANGED
        if after is Status.COVERED:
            return Change.NEWLY_COVERED
        if after is Status.MISSING:
            return Change.NEWLY_MISSING
        return Change.THINNER if before is Status.COVERED else Change.BETTER

    @property
    def gained(self) -> tuple[str, ...]:
        """Returns the notes that support it now and did not before."""
        return _without(self.new, self.old)

    @property
    def lost(self) -> tuple[str, ...]:
        """Returns the notes that supported it before and do not now."""
        return _without(self.old, self.new)

    @property
    def reworded(self) -> bool:
        """Returns whether it is said in other words than before."""
        both = (self.old, self.new)
        return len({sameness(one.objective.text) for one in both if one is not None}) == 2

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that `coverage diff --json` lists."""
        return {
            "id": self.now.objective.id,
            "text": self.now.objective.text,
            "unit": self.now.objective.unit,
            "change": self.change.value,
            "reworded": self.reworded,
            "old": _said(self.old),
            "new": _said(self.new),
            "gained": list(self.gained),
            "lost": list(self.lost),
        }


@dataclass(frozen=True, slots=True)
class CoverageDiff:
    """What changed between two coverages: in the order of the new one, then what it lacks.

    Attributes:
        notes_changed: whether the notes did; None where a coverage does not say of which it is.
    """

    found: tuple[Changed, ...]
    notes_changed: bool | None

    @property
    def same_syllabus(self) -> bool:
        """Returns whether both have the same objectives, in whatever order."""
        return not any(item.old is None or item.new is None or item.reworded for item in self.found)

    @property
    def summary(self) -> dict[str, int]:
        """Returns how many objectives have changed in each way."""
        counts = Counter(item.change for item in self.found)
        return {change.value: counts[change] for change in Change}

    def of(self, change: Change) -> tuple[Changed, ...]:
        """Returns the objectives that changed so."""
        return tuple(item for item in self.found if item.change is change)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `coverage diff --json`."""
        return {
            "notes_changed": self.notes_changed,
            "same_syllabus": self.same_syllabus,
            "objectives": [item.to_dict() for item in self.found],
            "summary": self.summary,
        }


def diff(old: Coverage, new: Coverage) -> CoverageDiff:
    """Returns what changed from one coverage to another."""
    left = dict(enumerate(old.found))
    pairs: dict[int, Covered] = {}
    for key in _KEYS:
        by_key: dict[Hashable, list[int]] = {}
        for number, item in left.items():
            by_key.setdefault(key(item), []).append(number)
        for number, item in enumerate(new.found):
            if number not in pairs and (same := by_key.get(key(item))):
                pairs[number] = left.pop(same.pop(0))
    known = old.corpus and new.corpus
    return CoverageDiff(
        found=(
            *(Changed(pairs.get(number), item) for number, item in enumerate(new.found)),
            *(Changed(item, None) for item in left.values()),
        ),
        notes_changed=old.corpus != new.corpus if known else None,
    )


_KEYS: tuple[Callable[[Covered], Hashable], ...] = (
    lambda item: (item.objective.id, sameness(item.objective.text)),
    lambda item: sameness(item.objective.text),
    lambda item: item.objective.id,
)


def _without(some: Covered | None, others: Covered | None) -> tuple[str, ...]:
    return tuple(_notes(some, but={*_notes(others)}))


def _notes(item: Covered | None, but: set[str] | frozenset[str] = frozenset()) -> Iterator[str]:
    yield from (path for path in (item.documents if item else ()) if path not in but)


def _said(item: Covered | None) -> dict[str, Any] | None:
    if item is None:
        return None
    return {
        "status": item.status.value,
        "confidence": item.support.confidence,
        "notes": len(item.documents),
    }
