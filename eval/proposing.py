"""Notes become proposals: questions with the words that answer them, for a person to accept or not.

Input: a library; output: `Proposal` records. Questions are made of headings that ask, of sentences
that say what something is or why, and of what leads into a list; no model words them. A question
that is no sentence, or that its quote does not answer, costs whoever looks at it more than one that
was not proposed: so what is doubtful is left out.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import Any

from eval.appending import asked_as
from eval.dataset import Question, occurrences
from eval.phrasing import asked_of_heading, asked_of_lead_in, asked_of_reason, regarding
from rag import (
    ENGLISH,
    Contents,
    Library,
    LibraryError,
    Name,
    Span,
    StoredChunk,
    Told,
    Unit,
    UnitKind,
    asked_for,
    is_prose,
    is_question,
    names_of,
    ordinary_words,
    place_of,
    plain,
    subject_of,
    terms,
    told,
)

MOST = 100
"""Proposals that are made at a time, unless more are asked for."""

LONGEST_QUOTE = 1_500
"""Characters of a list that is quoted whole."""

NEAR = 3
"""Parts at the beginning of a section among which a list is what its heading asks for."""

SENTENCES = 3
LONGEST_BEGINNING = 500
"""Sentences and characters of a paragraph's beginning that are quoted."""

LEARNT_FROM = 60
"""Notes, the first ones, from which it is learnt which words are names."""

FEW_TERMS = 3
"""A question of so few terms may ask about anything: it is told what its note is about."""

LEAST_WORDS = 3
"""A heading of fewer words that is a question may ask about anything ("Which layer?")."""

Progress = Callable[[str, int, int], None]


class Kind(StrEnum):
    """What a question was made of."""

    HEADING = "heading"
    DEFINITION = "definition"
    LIST = "list"
    REASON = "reason"


class Now(StrEnum):
    """How the notes answer a question that is proposed."""

    REFUSED = "not answered"
    OTHER = "answered with other words"
    FOUND = "answered with these words"


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
    asked once: 100 of the shipped notes' take some 2 s.

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
    for proposal in maker.all(within):
        if len(found) == most:
            break
        progress("Reading", len(found), most)
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


@dataclass(frozen=True, slots=True)
class _Part:
    """A unit of a note, in its chunk."""

    chunk: StoredChunk
    unit: Unit

    @property
    def said(self) -> str:
        return self.chunk.said(self.unit.span)

    @property
    def heading(self) -> str:
        return self.unit.headings[-1] if self.unit.headings else ""


Tellers = dict[Name, tuple[_Part, Told]]
"""Sentences that say what something is, by its name: the first one counts."""

Asked = tuple[str, Kind, _Part]
"""A question, what it was made of, and what answers it."""


class _Maker:
    """Makes proposals of the notes, each wording and each quote once."""

    def __init__(
        self, library: Library, known: Sequence[Question], without: Collection[str]
    ) -> None:
        self._library = library
        self._contents: Contents = library.contents()
        self._english = self._contents.language in ENGLISH
        self._without = without
        self._wordings = {asked_as(question.question) for question in known}
        self._quoted: dict[str, list[str]] = {}
        for evidence in chain.from_iterable(question.evidence for question in known):
            self._quoted.setdefault(evidence.document, []).append(evidence.quote)

    def all(self, within: str) -> Iterator[Proposal]:
        """Yields the proposals of the notes in a folder, by note and place."""
        last = int(self._contents.documents[-1]) if len(self._contents) else -1
        place = place_of(within)
        numbers = [
            number
            for number in range(last + 1)
            if not place or f"{self._contents.path(number)}/".startswith(f"{place}/")
        ]
        if place and not numbers:
            raise LibraryError(f"No note lies in {within}: name a folder of notesqa status.")
        texts = (part.said for n in numbers[:LEARNT_FROM] for part in self._read(n))
        ordinary = ordinary_words(texts)
        for number in numbers:
            path = self._contents.path(number)
            taken = self._taken(path)
            made = []
            for question, kind, part in self._of_note(self._read(number), ordinary):
                proposal = self._proposal(path, question, kind, part)
                wording = asked_as(question)
                if wording in self._wordings or any(_same(s, part.unit.span) for s in taken):
                    continue
                self._wordings.add(wording)
                taken.append(part.unit.span)
                if proposal.id not in self._without:
                    made.append(proposal)
            yield from sorted(made, key=lambda proposal: proposal.span)

    def _taken(self, path: str) -> list[Span]:
        """Returns where the evidence of known questions stands in a note."""
        quotes = self._quoted.get(path, [])
        text = self._library.source(path) if quotes else ""
        return [span for quote in quotes for span in occurrences(quote, text)]

    def _read(self, document: int) -> list[_Part]:
        """Returns the units of a note in order, each once."""
        rows = self._contents.documents
        parts: dict[tuple[UnitKind, Span], _Part] = {}
        for row in range(bisect_left(rows, document), bisect_left(rows, document + 1)):
            chunk = self._contents.chunk(row)
            for unit in self._contents.units(row):
                parts.setdefault((unit.kind, unit.span), _Part(chunk, unit))
        return sorted(parts.values(), key=lambda part: part.unit.span)

    def _of_note(self, parts: Sequence[_Part], ordinary: frozenset[str]) -> Iterator[Asked]:
        """Yields what a note can be asked, the surest kinds first."""
        if not parts:
            return
        tellers = _tellers(parts) if self._english else {}
        topic = _topic(parts[0], ordinary, tellers)
        for heading, section in _sections(parts):
            question = _asked(heading, ordinary, topic, self._contents.language)
            if question and (answer := _answering(question, section, tellers)):
                yield question, Kind.HEADING, answer
        if not self._english:
            return
        yield from _of_subjects(parts, ordinary, tellers)
        for part in parts:
            if part.unit.kind is UnitKind.LIST and len(part.said) <= LONGEST_QUOTE:
                about = topic or _topic(part, ordinary, tellers)
                if question := asked_of_lead_in(_lead_in(part.said), about, ordinary):
                    yield question, Kind.LIST, part
        yield from _of_sentences(parts, ordinary)

    def _proposal(self, path: str, question: str, kind: Kind, part: _Part) -> Proposal:
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


def _tellers(parts: Sequence[_Part]) -> Tellers:
    """Returns the sentences that say what something is; one that defines it before others."""
    found: Tellers = {}
    for defines in (True, False):
        for part in parts:
            if part.unit.kind is not UnitKind.SENTENCE or not is_prose(part.said):
                continue
            explained = told(part.said)
            if explained and (not defines or _DEFINED.match(part.said)):
                found.setdefault(explained.name, (part, explained))
    return found


def _sections(parts: Sequence[_Part]) -> Iterator[tuple[str, list[_Part]]]:
    """Yields headings, and questions in bold on a line of their own, with what stands below."""
    sections: dict[tuple[str, str], list[_Part]] = {}
    under = bold = ""
    for part in parts:
        if part.heading != under:
            under, bold = part.heading, ""
        if found := _BOLD.match(part.said):
            bold = found["question"]
        sections.setdefault((under, bold), []).append(part)
    for (heading, question), section in sections.items():
        yield question or heading, section


def _answering(question: str, section: Sequence[_Part], tellers: Tellers) -> _Part | None:
    """Returns what of a section answers its heading; None where nothing can be shown.

    That is the sentence that says what the thing is; else a list or table near the beginning, where
    several things may be asked for; else how the first paragraph begins. The nearest sentence by
    meaning was worse: one in the middle of a section leans on those before it.
    """
    fit = [part for part in section if _answers(part)]
    if asked := _WHAT_IS.fullmatch(question):
        for name in names_of(asked["subject"]):
            if name in tellers and tellers[name][0] in fit:
                return tellers[name][0]
    whole = [part for part in fit[:NEAR] if part.unit.kind is not UnitKind.SENTENCE]
    if whole and not _ONE_THING.match(question):
        return _without_marks(whole[0])
    return _beginning(fit) if fit else None


def _without_marks(part: _Part) -> _Part:
    """Returns a list without what leads into it where that is no word, as behind bold questions."""
    item = _ITEM.search(part.said)
    if (
        part.unit.kind is not UnitKind.LIST
        or not item
        or re.search(r"\w", part.said[: item.start()])
    ):
        return part
    begin = part.unit.span.start + item.start() + len(item[0]) - len(item[0].lstrip())
    return replace(part, unit=replace(part.unit, span=Span(begin, part.unit.span.end)))


def _beginning(fit: Sequence[_Part]) -> _Part:
    """Returns the first part; of a paragraph the sentences behind it too, up to a few."""
    first, *others = fit
    span = first.unit.span
    if first.unit.kind is UnitKind.SENTENCE:
        for part in others[: SENTENCES - 1]:
            after = part.unit.span
            if part.chunk is not first.chunk or not 0 < after.start - span.end <= 2:
                break
            if after.end - span.start > LONGEST_BEGINNING:
                break
            span = Span(span.start, after.end)
    return replace(first, unit=replace(first.unit, span=span))


def _answers(part: _Part) -> bool:
    """Returns whether words can be shown as an answer: a sentence of prose, or a whole list."""
    said = part.said
    if part.unit.kind is UnitKind.SENTENCE:
        return is_prose(said) and not said.rstrip("*_ ").endswith("?")
    whole = part.unit.kind in (UnitKind.LIST, UnitKind.TABLE)
    return whole and len(said) <= LONGEST_QUOTE and "](" not in said and "<" not in said


def _lead_in(said: str) -> str:
    """Returns the words before a list's first item, without markup; they end in a colon."""
    lead = plain(_ITEM.split(said, maxsplit=1)[0])
    return lead if lead.endswith(":") else ""


def _topic(part: _Part, ordinary: frozenset[str], tellers: Tellers) -> str:
    """Returns what a note, or else a section of it, is about, as inside a sentence."""
    for heading in (part.chunk.title, *part.unit.headings):
        subject = subject_of(_WHAT_IS.sub(r"\g<subject>", heading), ordinary)
        if asked_for(subject, "") and not subject.endswith("ed"):
            name = next((name for name in names_of(subject) if name in tellers), None)
            article = tellers[name][1].article if name else ""
            return subject if re.match(r"(?:an?|the) ", subject) else f"{article}{subject}"
    return ""


def _asked(heading: str, ordinary: frozenset[str], topic: str, language: str) -> str:
    """Returns the question that a heading asks; empty where it asks none that stands alone."""
    if language in ENGLISH and re.search(r"\bit\b", heading):
        one = asked_for(topic, "").startswith("What is")
        return asked_of_heading(subject_words(heading), topic) if one else ""
    question = subject_of(heading, ordinary)
    fits = question.endswith("?") and len(question.split()) >= LEAST_WORDS
    if not fits or not is_question(question, language):
        return ""
    said = set(terms(question))
    poor = language in ENGLISH and len(said) <= FEW_TERMS and said.isdisjoint(terms(topic))
    return regarding(topic, question) if topic and poor else question


def subject_words(heading: str) -> str:
    """Returns a heading without markup and numbers."""
    return re.sub(r"^\d+(?:\.\d+)*[.)]?\s+", "", plain(heading))


def _of_subjects(
    parts: Sequence[_Part],
    ordinary: frozenset[str],
    tellers: Tellers,
) -> Iterator[Asked]:
    """Yields "What is …?" for headings that name a thing which a sentence of the note explains."""
    headings = dict.fromkeys(
        (parts[0].chunk.title, *chain.from_iterable(part.unit.headings for part in parts))
    )
    for heading in headings:
        subject = subject_of(heading, ordinary)
        name = next((name for name in names_of(subject) if name in tellers), None)
        if name is None:
            continue
        part, explained = tellers[name]
        if question := asked_for(subject, explained.article):
            yield question, Kind.DEFINITION, part


def _of_sentences(parts: Sequence[_Part], ordinary: frozenset[str]) -> Iterator[Asked]:
    """Yields what single sentences answer: what something is called, what it is, and why."""
    words = " ".join(plain(part.said) for part in parts if part.unit.kind is UnitKind.SENTENCE)
    for part in parts:
        if part.unit.kind is not UnitKind.SENTENCE or not is_prose(part.said):
            continue
        if question := _what(part.said, words.casefold(), ordinary):
            yield question, Kind.DEFINITION, part
        elif question := asked_of_reason(plain(part.said), ordinary):
            yield question, Kind.REASON, part


def _what(said: str, words: str, ordinary: frozenset[str]) -> str:
    """Returns the question what something is, for a sentence that defines it; else nothing.

    Args:
        words: of the note, in small letters: what it speaks of once only is no term of it.
    """
    if found := _CALLED.search(said):
        thing, article = found["thing"], (found["article"] or "")
        clear = not _POINTING.match(plain(said))
    elif found := _DEFINED.match(said):
        thing, article = found["thing"], (found["article"] or "").lower()
        clear = bool(found["mark"]) or (article != "the " and words.count(thing.casefold()) > 2)
    else:
        return ""
    subject = subject_of(thing, ordinary)
    fits = clear and terms(thing) and not _NO_NAME.search(thing)
    return asked_for(subject, article) if fits else ""


_ONE_THING = re.compile(
    r"(?:why|is|are|was|does|do|did|can|could|should|will|what(?: is|['’]s))\b", re.IGNORECASE
)
_ITEM = re.compile(r"\n\s*(?:[-*+•]|\(?\d+[.)])\s")
_WHAT_IS = re.compile(r"what (?:is|are) (?:an? |the )?(?P<subject>.+?)\?", re.IGNORECASE)
_BOLD = re.compile(r"(?:\*\*|__)(?:\d+[.)] )?(?P<question>[^*_\n]{8,120}\?)(?:\*\*|__)?\s*$")
_POINTING = re.compile(
    r"(?:this|that|these|those|it|its|they|their|he|she|such|here|there|so|thus|then|but|and|or"
    r"|however|also|both|in (?:this|that))\b",
    re.IGNORECASE,
)
_NO_NAME = re.compile(r"^(?:Suppose|Assume|Note|Recall|Let|Consider)\b|\b(?:that|which|who)\b")
_CALLED = re.compile(
    r"\b(?:is|are|commonly|often|usually|generally) (?:called|known as|referred to as|termed) "
    r"(?P<article>an? |the )?"
    r"(?P<mark>\*\*|\*|__|_)(?P<thing>[\w][\w '’-]{2,40})(?P=mark)"
)
_DEFINED = re.compile(
    r"(?P<article>(?:An?|The) )?(?P<mark>\*\*|\*|__|_)?(?P<thing>\w[\w '’-]{2,40}?)"
    r"(?(mark)(?P=mark))"
    r"(?: \([^()]{1,60}\))? (?:is (?:(?:usually|simply|basically|essentially) )?(?:an?|the|any) "
    r"|(?:means|refers to|denotes) )(?!(?:same|case|reason|result|most|best|only|one|few|little)\b)"
)
"""How a sentence begins that defines a thing, which it may set off."""
