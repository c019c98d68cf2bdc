"""Quotes that are known to answer become places in the notes, where the notes still say them.

Input: the evidence of a question set, or an expected answer; output: where its words stand
(`relocation`), in its own document or in those that are found by it, and how much of it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval.cases import Place
from eval.dataset import Evidence, occurrences
from eval.relocation import Relocator, sentences
from rag import Library, LibraryError, terms

LEAST_TERMS = 3
"""An expected answer of fewer terms is none ("To be done", "Answer here"), nor is a sentence of
fewer found: it stands anywhere."""

HALF = 0.5
"""Of a quote that stands in part this share of the characters is needed, as of a passage that finds
its evidence."""


@dataclass(frozen=True, slots=True)
class Stands:
    """Where a quote stands.

    Attributes:
        places: of the whole of it, or of its sentences; none where the notes do not say half of it.
        share: 0 to 1, of its characters that stand there.
        near: the best cosine of the quote with anything in the notes.
    """

    places: tuple[Place, ...]
    share: float
    near: float


class Standing:
    """Looks quotes up in the newest state of a library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._language = library.contents().language
        self._notes: dict[str, tuple[Relocator, str]] = {}

    def says_something(self, evidence: Evidence) -> bool:
        """Returns whether a quote holds enough words to be told from others."""
        return self._is_telling(evidence.quote)

    def _is_telling(self, words: str) -> bool:
        return len(set(terms(words, self._language))) >= LEAST_TERMS

    def of(self, evidence: Evidence) -> Stands:
        """Returns where a quote stands; raises as `Library.ask`."""
        places, share = self._places(evidence, [evidence.document])
        if places:
            return Stands(places, share, 1.0)
        draft = self._library.draft(evidence.quote[: self._library.settings.max_question_chars])
        found = list(dict.fromkeys(passage.document for passage in draft.passages))
        places, share = self._places(evidence, found)
        return Stands(places, share, draft.signals.get("unit_similarity", 0.0))

    def _places(
        self, evidence: Evidence, documents: Sequence[str]
    ) -> tuple[tuple[Place, ...], float]:
        """Returns where a quote stands in one of some documents, and how much of it."""
        for document in documents:
            if whole := self._whole(evidence, document):
                return (whole,), 1.0
        pieces = [piece.of(evidence.quote) for piece in sentences(evidence.quote)]
        telling = [piece for piece in pieces if self._is_telling(piece)]
        best: tuple[tuple[Place, ...], float] = ((), 0.0)
        for document in documents:
            found = [(self._whole(Evidence(document, piece), document), piece) for piece in telling]
            said = sum(len(piece) for place, piece in found if place)
            share = said / sum(map(len, pieces))
            if share >= HALF and share > best[1]:
                best = tuple(place for place, _ in found if place), share
        return best

    def _whole(self, evidence: Evidence, document: str) -> Place | None:
        """Returns where all words of a quote stand together in a document."""
        relocator, text = self._read(document)
        here = occurrences(evidence.quote, text)
        if not here and (found := relocator.candidates(evidence)):
            here = occurrences(found[0].quote, text)
        return (document, here[0]) if here else None

    def _read(self, document: str) -> tuple[Relocator, str]:
        """Returns what finds words in a document, and its text; empty where there is none."""
        if document not in self._notes:
            try:
                text = self._library.source(document)
            except LibraryError:
                text = ""
            self._notes[document] = Relocator({document: text}), text
        return self._notes[document]
