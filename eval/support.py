"""Wordings of one thing become a judgement: how surely the notes hold it, and where.

Input: the wordings of an objective, or of a group of questions; output: `Support`. The confidence
is the probability that the notes answer, by one scale for coverage and gaps alike: `covered` from
`COVERED` on, `missing` below `MISSING`, and `thin` between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from eval.conversation import Conversations
from eval.dataset import Evidence, Question
from eval.syllabus import Wording
from rag import Citation, Draft, Library, Passage

COVERED, MISSING = 0.5, 0.3


class Status(StrEnum):
    """Whether the notes say what they are meant to say."""

    COVERED = "covered"
    THIN = "thin"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Support:
    """What the notes have for something.

    Attributes:
        confidence: 0 to 1, the probability that the notes answer.
        near: the best cosine of a wording with anything in the notes: how near the subject is.
        citations: the best quotes, best first, numbered from 1; also where the status is missing.
        documents: the notes that support it independently, best first; copies count once.
        passages: the nearest, best first.
    """

    confidence: float
    near: float
    citations: tuple[Citation, ...]
    documents: tuple[str, ...]
    passages: tuple[Passage, ...]

    @property
    def status(self) -> Status:
        """Returns what the confidence comes to."""
        if self.confidence >= COVERED:
            return Status.COVERED
        return Status.THIN if self.confidence >= MISSING else Status.MISSING


class Judge:
    """Judges against the newest state of a library."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._conversations = Conversations(library)

    def support(self, wordings: Sequence[Wording], expected: Sequence[Evidence] = ()) -> Support:
        """Returns what the notes have for something that is asked in one or more ways.

        Args:
            expected: quotes that are known to answer.

        Raises:
            QuestionError, LibraryError, ModelError: as for `Library.ask`.
        """
        drafts = [self._draft(wording) for wording in wordings]
        fit = self.library.fit
        sure = [fit.probability(draft.signals) for draft in drafts]
        best = drafts[sure.index(max(sure))]
        return Support(
            confidence=round(sum(sure) / len(sure), 2),
            near=max(draft.signals.get("unit_similarity", 0.0) for draft in drafts),
            citations=best.citations,
            documents=tuple(dict.fromkeys(citation.document for citation in best.citations)),
            passages=best.passages,
        )

    def _draft(self, wording: Wording) -> Draft:
        asked = Question("", "", wording.text, "", (), earlier=wording.earlier)
        return self._conversations.draft(asked)
