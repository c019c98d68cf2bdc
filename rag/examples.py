"""Questions for a first visit: headings of the notes, asked as a student would.

A heading that is a question is asked as it stands, before all others of its note. One that names a
thing is asked for by "What is", any other by "Can you explain": the words of both say nothing to
the search, where "the notes" in "What do the notes say about" found notes about notes. They are
English, so of notes in another language only questions are asked.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING

from rag.folders import documents_in
from rag.languages import NONE
from rag.refusal import subject_of
from rag.words import terms

if TYPE_CHECKING:
    from rag.index import Engine

TRIED = 40
"""Questions that are asked at most, to find some that are answered."""

PER_NOTE = 4
"""Questions that are tried of one note at most."""

_CHUNKS = 40
"""Chunks of a note whose headings are looked at, the first ones."""

_LEAST_WORDS = 3
"""A heading of fewer words that is a question may ask about anything ("Which layer?")."""

_MOST_WORDS = 6
"""A heading of more words is a statement as likely as a subject."""


def choose(
    candidates: Iterable[tuple[str, Sequence[str]]], holds: Callable[[str, str], bool], n: int
) -> tuple[str, ...]:
    """Returns the first `n` questions that hold, of as many notes as there are.

    Args:
        candidates: notes and the questions made of them.
        holds: whether a question is answered from a note.
    """
    found: list[str] = []
    tried: set[str] = set()
    left: list[tuple[str, str]] = []

    def add(question: str, document: str) -> bool:
        if len(found) == n or len(tried) == TRIED or question.casefold() in tried:
            return False
        tried.add(question.casefold())
        if holds(question, document):
            found.append(question)
        return found[-1:] == [question]

    for document, questions in candidates:
        rest = iter(questions)
        any(add(question, document) for question in rest)
        left += [(question, document) for question in rest]
        if len(found) == n or len(tried) == TRIED:
            break
    for question, document in left:
        add(question, document)
    return tuple(found)


def candidates(engine: Engine, place: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yields notes with questions made of their headings, best first.

    Folders take turns, those with the most notes first; inside a folder notes come by path.

    Args:
        place: of the notes that are looked at, as `place_of` gives it; empty for all.
    """
    paths = engine.texts.paths
    numbers = documents_in(place, paths) if place else range(len(paths))
    by_folder: dict[str, list[int]] = {}
    for number in numbers:
        by_folder.setdefault(paths[number].rpartition("/")[0], []).append(number)
    folders = sorted(by_folder.values(), key=lambda members: -len(members))
    for number in chain.from_iterable(zip_longest(*folders)):
        if number is not None:
            questions = list(islice(_questions(engine, number), PER_NOTE))
            yield paths[number], questions


def _questions(engine: Engine, document: int) -> Iterator[str]:
    """Yields the questions that a note's headings make, each once."""
    first = bisect_left(engine.documents, document)
    last = min(bisect_left(engine.documents, document + 1), first + _CHUNKS)
    subjects: dict[str, None] = {}
    for row in range(first, last):
        chunk = engine.texts.chunk(row)
        under = chain.from_iterable(unit.headings for unit in engine.texts.units(row))
        for heading in dict.fromkeys((chunk.title, *chunk.headings, *under)):
            subject = subject_of(heading, chunk.text)
            if subject.endswith("?") and not _is_question(subject, engine.language):
                subject = subject_of(subject.removesuffix("?"), chunk.text)
            subjects.setdefault(subject)
    asked = [subject for subject in subjects if subject.endswith("?")]
    yield from (subject for subject in asked if len(subject.split()) >= _LEAST_WORDS)
    if engine.language in _ENGLISH:
        for subject in subjects:
            if subject and subject not in asked:
                yield from _asked_for(subject)


def _is_question(subject: str, language: str) -> bool:
    """Returns whether a heading is a question, and not a thing with a question mark behind it."""
    return language not in _ENGLISH or bool(_OPENING.match(subject))


def _asked_for(subject: str) -> Iterator[str]:
    """Yields the question for a subject; none where it would be no sentence."""
    if len(subject.split()) > _MOST_WORDS + 3 * subject.startswith("difference"):
        return
    if _CLAUSE.search(subject) and not re.match(_ASKING, subject, re.IGNORECASE):
        return
    if _NO_PHRASE.search(subject) or not _material().isdisjoint(terms(subject)):
        return
    # What the subject is before it is told more of: "kinds" in "kinds of shift".
    head = _MORE.split(subject)[0].split()
    if subject.startswith("difference"):
        yield f"What {'are' if head[0].endswith('s') else 'is'} the {subject}?"
        return
    several = not head or _PLURAL.search(head[-1]) or _NO_THING.search(subject)
    # What is done to something, more often than what does it.
    done = " " in subject and subject.split(maxsplit=1)[0].endswith("ing")
    yield f"Can you explain {subject}?" if several or done else f"What is {subject}?"


@cache
def _material() -> frozenset[str]:
    """Returns terms of what teaches a subject, and is none."""
    return frozenset(
        terms(
            """
            answer appendix assignment chapter cheatsheet course exam exercise faq glossary goal
            handout homework index install interview intro lab lecture lesson material module note
            overview project qna question quiz readme reference resource setup sheet slide solution
            submission submitting summary syllabus tutorial
            """
        )
    )


_ENGLISH = ("english", NONE)
_ASKING = r"^(?:how|why|when|where|what|which|who|whose)\b"
_OPENING = re.compile(
    rf"{_ASKING}|^(?:is|are|was|were|do|does|did|can|could|should|would|will|has|have|if|in|to)\b",
    re.IGNORECASE,
)
_NO_PHRASE = re.compile(
    r"[:;,!?=$\\/|\"]|\. |[–—]| - |\(\d|\b(?:you|your|we|our|my)\b"
    r"|^(?:add|build|choose|consider|create|do|download|get|install|make|open|read|remember|run|see"
    r"|set|start|submit|try|use|work|write)\b",
    re.IGNORECASE,
)
"""Marks of what is more than a phrase, or of what is told to the reader."""
_CLAUSE = re.compile(r"\b(?:is|are|was|were|do|does|did|has|have|can|must|should|will)\b")
_MORE = re.compile(
    r" (?:\(|(?:about|against|as|at|behind|between|by|compared|for|from|in|of|on|that|to"
    r"|used|with)\b)"
)
_NO_THING = re.compile(
    rf"\b(?:and|or|versus|vs)\b|^(?:two|three|four|five|six|seven|\d+)\b|{_ASKING}", re.IGNORECASE
)
_PLURAL = re.compile(r"[^isu]s$")
