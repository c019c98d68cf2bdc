"""What a check can find in a question set: records of what to mend, and of what to look at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from eval.dataset import Evidence
from rag import Span


@dataclass(frozen=True, slots=True)
class Stale:
    """A quote that stands nowhere.

    Attributes:
        questions: ids of those that lean on it.
        nearest: the passage of the same document that shares most terms with it, if any.
    """

    evidence: Evidence
    questions: tuple[str, ...]
    nearest: str | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A quote whose words stand elsewhere, or here in another dress.

    Attributes:
        to: where they stand now, verbatim; None where several places would do as well.
        candidates: all these places.
    """

    evidence: Evidence
    questions: tuple[str, ...]
    to: Evidence | None
    candidates: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A quote that stands at several places of its document; it counts as found at any."""

    evidence: Evidence
    questions: tuple[str, ...]
    places: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class UnknownDocument:
    """A document that is not in the notes, and its quotes, which stand nowhere else."""

    document: str
    questions: tuple[str, ...]
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Twins:
    """Two questions of different facts that lean on one place, or ask the same.

    Attributes:
        same: `place` or `words`.
        evidence: the first question's, where the place is the same.
    """

    questions: tuple[str, str]
    facts: tuple[str, str]
    splits: tuple[str, str]
    same: str
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class TooClose:
    """A paraphrase that copies its quote.

    Attributes:
        share: of the quote's content words that it repeats.
        run: how many of them it repeats in a row.
    """

    question: str
    text: str
    evidence: Evidence
    share: float
    run: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check found; `stale`, `moved` and `unknown_documents` must be mended.

    Attributes:
        n, facts, answerable: how many questions, facts and answerable questions there are.
        kinds: how many questions of each kind.
        leaks: twins in different splits. Twins by words may differ in the order of their words.
        remarks: what the set as a whole cannot show.
    """

    n: int
    facts: int
    answerable: int
    kinds: dict[str, int]
    stale: tuple[Stale, ...]
    moved: tuple[Moved, ...]
    ambiguous: tuple[Ambiguous, ...]
    unknown_documents: tuple[UnknownDocument, ...]
    duplicate_facts: tuple[Twins, ...]
    too_close: tuple[TooClose, ...]
    leaks: tuple[Twins, ...]
    remarks: tuple[str, ...]

    @property
    def problems(self) -> int:
        """Returns how many findings must be mended before the set can be run."""
        return len(self.stale) + len(self.moved) + len(self.unknown_documents)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `eval check --json`."""
        found = asdict(self)
        head = {key: found.pop(key) for key in ("n", "facts", "answerable", "kinds")}
        return {**head, "ok": not self.problems, **found}
