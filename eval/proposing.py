"""Notes become proposals: questions with the words that answer them, for a person to accept or not.

Input: a library; output: `Proposal` records. Questions are made of headings that ask, of sentences
that say what something is or why, and of what leads into a list; no model words them. A question
that is no sentence, or that its quote does not answer, costs whoever looks at it more than one that
was not proposed: so what is doubtful is left out.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import Any

from eval.appending import asked_as
from eval.dataset import Question, occurrences
from eval.parts import Part
from eval.sections import Kind, questions_of
from rag import (
    Contents,
    Library,
    QuestionError,
    Span,
    UnitKind,
    ordinary_words,
    place_of,
)

MOST = 100
"""Proposals that are made at a time, unless more are asked for."""

LEARNT_FROM = 60
"""Notes, the first ones, from which it is learnt which words are names."""

Progress = Callable[[str, int, int], None]


class Now(StrEnum):
    """How the notes answer a question that is proposed."""

    REFUSED = "not answered"
    OTHER = "answered, but with another quote"
    FOUND = "answered with this quote"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A question, and words of a note that are to answer it.

    Attributes:
        id: of the document and the quote: the same after the notes were indexed again.
        quote: what stands in `span` of the document.
        location: as a person would name it.
        headings: of the section, outermost first.
        now: how the notes answer; None where they were not asked.
    """

    id: str
    question: str
    kind: Kind
    document: str
    quote: str
    span: Span
    location: str
    headings: tuple[str, ...]
    now: Now | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that `eval propose --json` lists."""
        return {
            "id": self.id,
            "question": self.question,
            "kind": self.kind.value,
            "document": self.document,
            "location": self.location,
            "headings": list(self.headings),
            "start": self.span.start,
            "end": self.span.end,
            "quote": self.quote,
            "now": self.now and self.now.value,
        }


def id_of(document: str, quote: str) -> str:
    """Returns the id of a proposal that quotes these words."""
    return hashlib.sha256(f"{document}\n{quote}".encode()).hexdigest()[:10]


def propose(
    library: Library,
    known: Sequence[Question] = (),
    *,
    within: str = "",
    most: int = MOST,
    without: Collection[str] = (),
    progress: Progress = lambda *_: None,
) -> list[Proposal]:
    """Returns questions that the notes could be asked: first those that they do not answer now.

    Else they come by note and place. Notes are read until there are enough, and each question is
    asked once.

    Args:
        known: questions that there are; neither their wordings nor their evidence come again.
        within: the folder, or note, that is read; empty for all.
        most: how many at most.
        without: ids that are left out.
        progress: told a stage, how much of it is done, and how much there is.

    Raises:
        QuestionError: no note lies `within`.
        LibraryError, ModelError: as for `Library.ask`.
    """
    library.ensure_ready()
    found: list[Proposal] = []
    maker = _Maker(library, known, without)
    for proposal in maker.all(within, progress):
        if len(found) == most:
            break
        found.append(proposal)
    asked = []
    for number, proposal in enumerate(found):
        progress("Asking", number, len(found))
        asked.append(replace(proposal, now=_now(library, proposal)))
    return sorted(asked, key=lambda proposal: list(Now).index(proposal.now or Now.FOUND))


def _now(library: Library, proposal: Proposal) -> Now:
    answer = library.ask(proposal.question)
    if not answer.answered:
        return Now.REFUSED
    covered = max(
        (
            c.span.overlap(proposal.span)
            for c in answer.citations
            if c.document == proposal.document
        ),
        default=0,
    )
    return Now.FOUND if 2 * covered >= len(proposal.span) else Now.OTHER


class _Maker:
    """Makes proposals of the notes, each wording and each quote once."""

    def __init__(
        self, library: Library, known: Sequence[Question], without: Collection[str]
    ) -> None:
        self._library = library
        self._contents: Contents = library.contents()
        self._without = without
        self._wordings = {asked_as(question.question) for question in known}
        self._quoted: dict[str, list[str]] = {}
        for evidence in chain.from_iterable(question.evidence for question in known):
            self._quoted.setdefault(evidence.document, []).append(evidence.quote)

    def all(self, within: str, progress: Progress) -> Iterator[Proposal]:
        """Yields the proposals of the notes in a folder, by note and place."""
        last = int(self._contents.documents[-1]) if len(self._contents) else -1
        place = place_of(within)
        numbers = [
            number
            for number in range(last + 1)
            if not place or f"{self._contents.path(number)}/".startswith(f"{place}/")
        ]
        if place and not numbers:
            raise QuestionError(
                f"No note lies in {within}: name one of the notes' folders, or none."
            )
        texts = (part.said for n in numbers[:LEARNT_FROM] for part in self._read(n))
        ordinary = ordinary_words(texts)
        for done, number in enumerate(numbers):
            progress("Reading", done, len(numbers))
            path = self._contents.path(number)
            taken = self._taken(path)
            parts = self._read(number)
            made = []
            for question, kind, part in questions_of(parts, ordinary, self._contents.language):
                proposal = self._proposal(path, question, kind, part)
                wording = asked_as(question)
                if wording in self._wordings or any(_same(s, part.unit.span) for s in taken):
                    continue
                taken.append(part.unit.span)
                if proposal.id not in self._without:
                    self._wordings.add(wording)
                    made.append(proposal)
            yield from sorted(made, key=lambda proposal: proposal.span)

    def _taken(self, path: str) -> list[Span]:
        """Returns where the evidence of known questions stands in a note."""
        quotes = self._quoted.get(path, [])
        text = self._library.source(path) if quotes else ""
        return [span for quote in quotes for span in occurrences(quote, text)]

    def _read(self, document: int) -> list[Part]:
        """Returns the units of a note in order, each once."""
        rows = self._contents.documents
        parts: dict[tuple[UnitKind, Span], Part] = {}
        for row in range(bisect_left(rows, document), bisect_left(rows, document + 1)):
            chunk = self._contents.chunk(row)
            for unit in self._contents.units(row):
                parts.setdefault((unit.kind, unit.span), Part(chunk, unit))
        return sorted(parts.values(), key=lambda part: part.unit.span)

    def _proposal(self, path: str, question: str, kind: Kind, part: Part) -> Proposal:
        span = part.unit.span
        return Proposal(
            id=id_of(path, part.said),
            question=question,
            kind=kind,
            document=path,
            quote=part.said,
            span=span,
            location=part.chunk.place(span),
            headings=part.unit.headings,
        )


def _same(one: Span, other: Span) -> bool:
    """Returns whether two quotes are one evidence, as `eval check` takes it."""
    return one.overlap(other) * 2 >= min(len(one), len(other))
