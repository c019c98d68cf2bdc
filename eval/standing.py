"""Quotes that are known to answer become places in the notes, where the notes still say them.

Input: the evidence of a question set, or an expected answer; output: where at least half of its
characters stand, by the words alone (`relocation`), in its own document or any that is found by it.
"""

from __future__ import annotations

from dataclasses import dataclass

from eval.cases import Place
from eval.dataset import Evidence, occurrences
from eval.relocation import Relocator, sentences
from rag import Library, LibraryError, terms

LEAST_TERMS = 3
"""An expected answer of fewer terms is none ("To be done", "Answer here"), nor is a sentence of
fewer found: it stands anywhere."""

HALF = 0.5
"""As for a passage that finds its evidence."""


@dataclass(frozen=True, slots=True)
class Stands:
    """Where a quote stands.

    Attributes:
        places: of the whole of it, or of its sentences; none where the notes do not say half of it.
        near: the best cosine of the quote with anything in the notes.
    """

    places: tuple[Place, ...]
    near: float


class Standing:
    """Looks quotes up in the newest state of a library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._language = library.contents().language
        self._notes: dict[str, str] = {}
        self._relocator = Relocator(self._notes)

    def says_something(self, evidence: Evidence) -> bool:
        """Returns whether a quote holds enough words to be told from others."""
        return len(set(terms(evidence.quote, self._language))) >= LEAST_TERMS

    def of(self, evidence: Evidence) -> Stands:
        """Returns where a quote stands; raises as `Library.ask`."""
        found = self._read(evidence.document) and self._places(evidence)
        if found:
            return Stands(tuple(found), 1.0)
        draft = self._library.draft(evidence.quote[: self._library.settings.max_question_chars])
        for passage in draft.passages:
            self._read(passage.document)
        near = draft.signals.get("unit_similarity", 0.0)
        return Stands(tuple(self._places(evidence)), near)

    def _read(self, document: str) -> bool:
        """Returns whether there is such a document, whose text is known from then on."""
        if document and document not in self._notes:
            try:
                self._notes[document] = self._library.source(document)
            except LibraryError:
                return False
        return document in self._notes

    def _places(self, evidence: Evidence) -> list[Place]:
        if whole := self._whole(evidence):
            return [whole]
        pieces = [piece.of(evidence.quote) for piece in sentences(evidence.quote)]
        found: list[Place] = []
        said = 0
        for piece in pieces:
            if len(set(terms(piece, self._language))) < LEAST_TERMS:
                continue
            if place := self._whole(Evidence(evidence.document, piece)):
                found.append(place)
                said += len(piece)
        return found if said >= HALF * sum(map(len, pieces)) else []

    def _whole(self, evidence: Evidence) -> Place | None:
        """Returns where the words stand together, in the quote's own document first."""
        found: tuple[Evidence, ...] = (evidence,)
        here = occurrences(evidence.quote, self._notes.get(evidence.document, ""))
        if not here and (found := self._relocator.candidates(evidence)):
            here = occurrences(found[0].quote, self._notes[found[0].document])
        return (found[0].document, here[0]) if here else None
