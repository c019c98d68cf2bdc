"""A statement that the notes hold becomes the quotes to show beside it.

Input: a statement, and its support; output: citations, best first. What search finds for a bare
subject says something about it, and often not what it is. So first comes where a note begins to
tell of it: the sentence that says what the subject is, the opening of the section that is named
after it, or what stands behind a question of the note about it.

Of 30 statements about the shipped notes that nothing here was made after the first quote of 14
supported what is stated, and of 23 does; none got worse. Of the 30 it was made after 13 and 26.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from eval.statements import is_question, is_statement, subject_of
from eval.support import SHOWN, Support
from eval.syllabus import Objective
from rag import (
    Citation,
    Contents,
    Library,
    Name,
    Span,
    UnitKind,
    asked_for,
    is_prose,
    names_of,
    plain,
    terms,
    told,
)

OPENING = 300
"""Characters of an opening at most: two or three sentences; its first one however long."""


def is_outcome(objective: Objective) -> bool:
    """Returns whether an objective says what one should know, and nothing of what answers it."""
    text = objective.text
    return not objective.expected and is_statement(text) and not is_question(text)


@dataclass(frozen=True, slots=True)
class Section:
    """What of a note stands under one heading, in order: sentences, and what holds no prose."""

    document: str
    headings: tuple[str, ...]
    sentences: tuple[Span, ...]
    blocks: tuple[Span, ...]

    @property
    def name(self) -> str:
        """Returns its heading; empty where it has none."""
        return self.headings[-1] if self.headings else ""


class Quoter:
    """Chooses quotes for statements, of one state of a library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._contents = library.contents()
        self._language = self._contents.language
        self._sections: dict[str, list[Section]] = {}
        self._texts: dict[str, str] = {}

    def citations(self, text: str, support: Support) -> tuple[Citation, ...]:
        """Returns the quotes for a statement: better ones than the support's before those.

        Raises:
            QuestionError, LibraryError, ModelError: as for `Library.ask`.
        """
        subject = _named(subject_of(text).rstrip(".:;, "))
        question = asked_for(subject, "")
        found = self._library.draft(question).citations if question else ()
        cited = [*found, *support.citations]
        if place := self._beginning(subject, support, cited):
            cited.insert(0, self._citation(*place))
        kept: list[Citation] = []
        for one in cited:
            if len(kept) < SHOWN and not any(_overlap(one, other) for other in kept):
                kept.append(one)
        return tuple(replace(one, number=number) for number, one in enumerate(kept, start=1))

    def _beginning(
        self, subject: str, support: Support, cited: Sequence[Citation]
    ) -> tuple[str, Span] | None:
        """Returns where the notes that support it begin to tell of a subject, if they do."""
        names, words = names_of(subject), set(terms(subject, self._language))
        near = list(self._near(support))
        own = [section for section in near if _is_about(section.name, names)]
        ways = (
            *((section, self._telling(section, names)) for section in own),
            *((section, 0) for section in own),
            *((section, self._telling(section, names)) for section in near),
            *((section, self._asking(section, words)) for section in near),
            *((section, 0) for section in near if self._is_part(section, words, cited)),
        )
        for section, number in ways:
            if number is not None and number < len(section.sentences):
                return section.document, self._opening(section, number)
        return None

    def _near(self, support: Support) -> Iterator[Section]:
        """Yields the sections that the nearest passages of its notes touch, best first."""
        seen = set()
        for passage in support.passages:
            if passage.document not in support.documents:
                continue
            for number, section in enumerate(self._sections_of(passage.document)):
                touched = any(passage.span.overlap(span) for span in section.sentences)
                if touched and (passage.document, number) not in seen:
                    seen.add((passage.document, number))
                    yield section

    def _telling(self, section: Section, names: Sequence[Name]) -> int | None:
        """Returns the number of the sentence that says what the subject is."""
        for number, said in enumerate(self._said(section)):
            explained = told(said)
            if explained and explained.name in names and is_prose(said):
                return number
        return None

    def _asking(self, section: Section, words: set[str]) -> int | None:
        """Returns the number of a question that asks for nothing but what the statement says."""
        known = set(terms(" ".join(section.headings), self._language))
        for number, said in enumerate(self._said(section)):
            asked = set(terms(plain(said), self._language)) if _ASKS.search(said) else set()
            if asked and asked <= words and words & (known - asked):
                return number
        return None

    def _is_part(self, section: Section, words: set[str], cited: Sequence[Citation]) -> bool:
        """Returns whether the best quote's section is named after a part of the subject."""
        if not cited or cited[0].document != section.document:
            return False
        name = set(terms(section.name, self._language))
        inside = any(cited[0].span.overlap(span) for span in section.sentences)
        return inside and bool(name) and name <= words

    # What the notes hold

    def _sections_of(self, document: str) -> list[Section]:
        if document not in self._sections:
            self._sections[document] = list(_sections(self._contents, document))
        return self._sections[document]

    def _text(self, document: str) -> str:
        if document not in self._texts:
            self._texts[document] = self._library.source(document)
        return self._texts[document]

    def _said(self, section: Section) -> Iterator[str]:
        text = self._text(section.document)
        yield from (span.of(text) for span in section.sentences)

    def _opening(self, section: Section, number: int) -> Span:
        """Returns a sentence and those that follow it in its paragraph, while there is room.

        What it announces or asks follows it, wherever that stands.
        """
        text = self._text(section.document)
        first, *others = section.sentences[number:]
        end = first.end
        for other in others:
            apart, leads = text[end : other.start], bool(_LEADS.search(text[first.start : end]))
            if not leads and (apart.strip() or _BLANK_LINE.search(apart)):
                break
            if not leads and other.end - first.start > OPENING:
                break
            if leads and not _ASKS.search(text[first.start : end]):
                break
            end = other.end
        if _LEADS.search(text[first.start : end]):
            end = next((block.end for block in section.blocks if _follows(text, end, block)), end)
        return Span(first.start, end)

    def _citation(self, document: str, span: Span) -> Citation:
        note = self._library.note(document)
        return Citation(
            number=1,
            document=document,
            title=note.title,
            headings=self._contents.headings(document, span.start),
            location=note.place(span),
            span=span,
            quote=span.of(note.text),
        )


def _sections(contents: Contents, document: str) -> Iterator[Section]:
    by_headings: dict[tuple[str, ...], tuple[set[Span], set[Span]]] = {}
    for row in contents.rows(document):
        for unit in contents.units(row):
            sentences, blocks = by_headings.setdefault(unit.headings, (set(), set()))
            if unit.kind is UnitKind.SENTENCE:
                sentences.add(unit.span)
            elif unit.kind is not UnitKind.ITEM:
                blocks.add(unit.span)
    for headings, (sentences, blocks) in by_headings.items():
        yield Section(document, headings, tuple(sorted(sentences)), tuple(sorted(blocks)))


def _named(subject: str) -> str:
    """Returns the thing of "what a thing is"."""
    found = _WHAT_IT_IS.fullmatch(subject)
    return found["thing"] if found else subject


def _is_about(heading: str, names: Sequence[Name]) -> bool:
    """Returns whether a heading names the subject, alone or beside another, or asks what it is."""
    asked = _DEFINITION.fullmatch(heading)
    bare = asked["thing"] if asked else heading
    return any(name in names for part in (bare, *_AND.split(bare)) for name in names_of(part))


def _follows(text: str, end: int, block: Span) -> bool:
    """Returns whether a block goes on at a place, which a list does that has its lead-in."""
    return block.end > end and not text[end : max(end, block.start)].strip()


def _overlap(one: Citation, other: Citation) -> bool:
    return one.document == other.document and one.span.overlap(other.span) > 0


_WHAT_IT_IS = re.compile(
    r"what (?:an? |the )?(?P<thing>.+?) (?:is|are|means?|is about)", re.IGNORECASE
)
_DEFINITION = re.compile(r"what (?:is|are) (?:an? |the )?(?P<thing>.+?)\??", re.IGNORECASE)
_AND = re.compile(r",? and | or |, |: ")
_ASKS = re.compile(r"\?[*_\"”’')]*\Z")
_LEADS = re.compile(r"[?:][*_\"”’')]*\Z")
_BLANK_LINE = re.compile(r"\n\s*\n")
