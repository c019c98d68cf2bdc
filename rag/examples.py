"""Questions for a first visit: headings of the notes, asked as a student would.

A heading that is a question is asked as it stands, one that names a thing by "What is". Such a
question is asked of the notes only where some sentence in its own note says what the thing is, and
is shown only where such a sentence decides the answer: that the notes treat a subject surely is not
enough to begin with. What is asked and how it is answered is English, so of notes in another
language only headings that are questions are asked.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING

from rag.folders import documents_in
from rag.refusal import ordinary_words, subject_of
from rag.sentences import plain
from rag.texts import StoredChunk
from rag.types import Answer, Citation, Unit, UnitKind
from rag.wording import ENGLISH, Name, asked_for, is_prose, is_question, names_of, told
from rag.words import terms

if TYPE_CHECKING:
    from rag.index import Engine

TRIED = 20
"""Questions that are asked at most, to find some that are answered well."""

PER_NOTE = 3
"""Questions that are tried of one note at most."""

_NOTES = 60
"""Notes that are looked at for questions."""

_CHUNKS = 40
"""Chunks of a note that are looked at, the first ones."""

_LEAST_WORDS = 3
"""A heading of fewer words that is a question may ask about anything ("Which layer?")."""

_OPENING_WORDS = 10
"""Words of a sentence among which it names what it is about."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question made of a heading.

    Attributes:
        heading: as it stands in the note.
        subject: what the question asks for a definition of; empty where it asks something else.
    """

    question: str
    heading: str
    subject: str = ""

    def is_told_by(self, answer: Answer, language: str) -> bool:
        """Returns whether the sentence that decides an answer is one to show to a beginner.

        It is prose, and says what the subject is, or names what the question asks
        about and stands under its heading.
        """
        if not answer.answered:
            return False
        said, cited = _deciding(answer)
        if not is_prose(said):
            return False
        if self.subject:
            explained = told(said)
            return explained is not None and explained.name in names_of(self.subject)
        if self.heading not in (cited.title, *cited.headings):
            return False
        opening = " ".join(plain(said).split()[:_OPENING_WORDS])
        asked = set(terms(self.question, language))
        return not _POINTING.match(opening) and not asked.isdisjoint(terms(opening, language))


def choose(
    notes: Iterable[Sequence[Candidate]],
    ask: Callable[[str], Answer],
    n: int,
    language: str = "english",
) -> tuple[str, ...]:
    """Returns up to `n` questions that are answered well: of many folders, then of many notes.

    Where these leave a choice, the surest answer comes first.

    Args:
        notes: the questions made of each.
        ask: answers a question.
        language: of the notes.
    """
    distinct: dict[str, Candidate] = {}
    for candidate in chain.from_iterable(zip_longest(*notes)):
        if candidate:
            distinct.setdefault(candidate.question.casefold(), candidate)
    good: list[Answer] = []
    for candidate in islice(distinct.values(), TRIED if n else 0):
        answer = ask(candidate.question)
        if candidate.is_told_by(answer, language):
            good.append(answer)
    chosen: list[str] = []
    cited: list[str] = []

    def repeats(answer: Answer) -> tuple[int, int, float]:
        path = _deciding(answer)[1].document
        return (
            sum(_folder(p) == _folder(path) for p in cited),
            cited.count(path),
            -answer.confidence,
        )

    while good and len(chosen) < n:
        best = min(good, key=repeats)
        good.remove(best)
        chosen.append(best.question)
        cited.append(_deciding(best)[1].document)
    return tuple(chosen)


def _deciding(answer: Answer) -> tuple[str, Citation]:
    """Returns the sentence that decides an answer, and where it stands."""
    decides = next(sentence for sentence in answer.sentences if sentence.decides)
    return decides.text, answer.citations[decides.citation - 1]


def candidates(engine: Engine, place: str = "") -> Iterator[list[Candidate]]:
    """Yields questions made of notes' headings, of each note that has some, best first.

    Folders take turns, those with the most notes first; inside a folder notes come by path.

    Args:
        place: of the notes that are looked at, as `place_of` gives it; empty for all.
    """
    paths = engine.texts.paths
    numbers = documents_in(place, paths) if place else range(len(paths))
    by_folder: dict[str, list[int]] = {}
    for number in numbers:
        by_folder.setdefault(_folder(paths[number]), []).append(number)
    folders = sorted(by_folder.values(), key=lambda members: -len(members))
    in_turn = (
        number for number in chain.from_iterable(zip_longest(*folders)) if number is not None
    )
    notes = [_read(engine, number) for number in islice(in_turn, _NOTES)]
    ordinary = ordinary_words(said for note in notes for said in _sentences(note))
    for note in notes:
        if found := list(islice(_questions(note, ordinary, engine.language), PER_NOTE)):
            yield found


Read = list[tuple[StoredChunk, list[Unit]]]
"""The first chunks of a note, and the units of each."""


def _read(engine: Engine, document: int) -> Read:
    first = bisect_left(engine.documents, document)
    last = min(bisect_left(engine.documents, document + 1), first + _CHUNKS)
    return [(engine.texts.chunk(row), engine.texts.units(row)) for row in range(first, last)]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _sentences(note: Read) -> Iterator[str]:
    for chunk, units in note:
        yield from (chunk.said(u.span) for u in units if u.kind is UnitKind.SENTENCE)


def _questions(note: Read, ordinary: frozenset[str], language: str) -> Iterator[Candidate]:
    """Yields the questions that a note's headings make, each once."""
    headings: dict[str, None] = {}
    for chunk, units in note:
        if not _is_of_file(chunk.title, chunk.document):
            headings.setdefault(chunk.title)
        headings |= dict.fromkeys((*chunk.headings, *chain(*(unit.headings for unit in units))))
    subjects: dict[str, str] = {}
    for heading in headings:
        subject = subject_of(heading, ordinary)
        if subject.endswith("?") and not is_question(subject, language):
            subject = subject_of(subject.removesuffix("?"), ordinary)
        subjects.setdefault(subject, heading)
    english = language in ENGLISH
    for subject, heading in subjects.items():
        if subject.endswith("?") and len(subject.split()) >= _LEAST_WORDS:
            asked = _DEFINITION.match(subject) if english else None
            yield Candidate(subject, heading, asked["subject"] if asked else "")
    if not english:
        return
    articles: dict[Name, str] = {}
    for said in _sentences(note):
        if (found := told(said)) and is_prose(said):
            articles.setdefault(found.name, found.article)
    for subject, heading in subjects.items():
        name = next((name for name in names_of(subject) if name in articles), None)
        question = asked_for(subject, articles[name]) if name else ""
        if question:
            yield Candidate(question, heading, subject)


def _is_of_file(title: str, path: str) -> bool:
    """Returns whether a title is but the name of its file."""
    stem = path.rpartition("/")[2].rpartition(".")[0]
    return re.findall(r"\w+", title.casefold()) == re.findall(r"[^\W_]+", stem.casefold())


_DEFINITION = re.compile(r"what (?:is|are) (?!the differences?\b)(?P<subject>.+)\?$", re.IGNORECASE)
_POINTING = re.compile(
    r"(?:this|that|these|those|it|its|they|their|them|he|she|such|here|there|so|thus|then|hence"
    r"|therefore|but|and|or|yet|however|moreover|also|again|another|both|as (?:above|before|noted)"
    r"|in (?:this|that|addition|contrast)|note|see|recall|suppose|first|second|third|finally)\b",
    re.IGNORECASE,
)
"""With such words a sentence leans on the one before it."""
