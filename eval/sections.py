"""A note's parts become questions, each with the part that answers it.

Input: the units of a note, in order; output: questions. They are made of headings that ask, and of
lines in bold that do; of sentences that say what something is, or why; and of what leads into a
list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain

from eval.phrasing import asked_of_heading, asked_of_lead_in, asked_of_reason, regarding
from rag import (
    ENGLISH,
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
    plain,
    subject_of,
    terms,
    told,
)

LONGEST_QUOTE = 1_500
"""Characters of a list that is quoted whole."""

NEAR = 3
"""Parts at the beginning of a section among which a list is what its heading asks for."""

SENTENCES = 3
LONGEST_BEGINNING = 500
"""Sentences and characters of a paragraph's beginning that are quoted."""

FEW_TERMS = 3
"""A question of so few terms may ask about anything: it is told what its note is about."""

LEAST_WORDS = 3
"""A heading of fewer words that is a question may ask about anything ("Which layer?")."""


class Kind(StrEnum):
    """What a question was made of."""

    HEADING = "heading"
    DEFINITION = "definition"
    LIST = "list"
    REASON = "reason"


@dataclass(frozen=True, slots=True)
class Part:
    """A unit of a note, in its chunk."""

    chunk: StoredChunk
    unit: Unit

    @property
    def said(self) -> str:
        """Returns the words, verbatim."""
        return self.chunk.said(self.unit.span)

    @property
    def heading(self) -> str:
        """Returns the innermost heading that it stands under; empty without one."""
        return self.unit.headings[-1] if self.unit.headings else ""


Tellers = dict[Name, tuple[Part, Told]]
"""Sentences that say what something is, by its name: the first one counts."""

Asked = tuple[str, Kind, Part]
"""A question, what it was made of, and what answers it."""


def questions_of(parts: Sequence[Part], ordinary: frozenset[str], language: str) -> Iterator[Asked]:
    """Yields what a note can be asked, the surest kinds first.

    Args:
        parts: of the note, in order.
        ordinary: the terms of words that are no names, as `ordinary_words` gives them.
        language: of the notes; but for English only headings that are questions are asked.
    """
    if not parts:
        return
    english = language in ENGLISH
    tellers = _tellers(parts) if english else {}
    topic = _topic(parts[0], ordinary, tellers) if english else ""
    for heading, section in _sections(parts):
        question = _asked(heading, ordinary, topic, language)
        several = english and not _ONE_THING.match(question)
        answer = _answering(question, section, tellers, several=several) if question else None
        if answer:
            yield question, Kind.HEADING, answer
    if not english:
        return
    yield from _of_subjects(parts, ordinary, tellers)
    for part in parts:
        if part.unit.kind is UnitKind.LIST and len(part.said) <= LONGEST_QUOTE:
            about = topic or _topic(part, ordinary, tellers)
            if question := asked_of_lead_in(_lead_in(part.said), about, ordinary):
                yield question, Kind.LIST, part
    yield from _of_sentences(parts, ordinary)


def _tellers(parts: Sequence[Part]) -> Tellers:
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


def _sections(parts: Sequence[Part]) -> Iterator[tuple[str, list[Part]]]:
    """Yields headings, and questions in bold on a line of their own, with what stands below."""
    sections: dict[tuple[str, str], list[Part]] = {}
    under = bold = ""
    for part in parts:
        if part.heading != under:
            under, bold = part.heading, ""
        if found := _BOLD.match(part.said):
            bold = found["question"]
        sections.setdefault((under, bold), []).append(part)
    for (heading, question), section in sections.items():
        yield question or heading, section


def _answering(
    question: str, section: Sequence[Part], tellers: Tellers, *, several: bool
) -> Part | None:
    """Returns what of a section answers its heading; None where nothing can be shown.

    That is the sentence that says what the thing is; else a list or table near the beginning, where
    several things may be asked for; else how the first paragraph begins. The nearest sentence by
    meaning was worse: one in the middle of a section leans on those before it.

    Args:
        several: whether several things may be asked for.
    """
    fit = [part for part in section if _answers(part)]
    if asked := _WHAT_IS.fullmatch(question):
        for name in names_of(asked["subject"]):
            if name in tellers and tellers[name][0] in fit:
                return tellers[name][0]
    whole = [part for part in fit[:NEAR] if part.unit.kind is not UnitKind.SENTENCE]
    if whole and several:
        return _without_marks(whole[0])
    return _beginning(fit) if fit else None


def _without_marks(part: Part) -> Part:
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


def _beginning(fit: Sequence[Part]) -> Part:
    """Returns the first part; of a paragraph the sentences behind it too, up to a few."""
    first, *others = fit
    first = _without_marks(first)
    span = first.unit.span
    if first.unit.kind is UnitKind.SENTENCE:
        for part in others[: SENTENCES - 1]:
            after = part.unit.span
            follows = (
                part.unit.kind is UnitKind.SENTENCE
                and part.chunk is first.chunk
                and span.end <= after.start
                and after.end - span.start <= LONGEST_BEGINNING
            )
            if not follows or not _GAP.fullmatch(first.chunk.said(Span(span.end, after.start))):
                break
            span = Span(span.start, after.end)
    return replace(first, unit=replace(first.unit, span=span))


def _answers(part: Part) -> bool:
    """Returns whether words can be shown as an answer: a sentence of prose, or a whole list."""
    said = part.said
    if part.unit.kind is UnitKind.SENTENCE:
        return (
            is_prose(said) and not _ANNOUNCING.match(said) and not said.rstrip("*_ ").endswith("?")
        )
    whole = part.unit.kind in (UnitKind.LIST, UnitKind.TABLE)
    return whole and len(said) <= LONGEST_QUOTE and "](" not in said and "<" not in said


def _lead_in(said: str) -> str:
    """Returns the words before a list's first item, without markup; they end in a colon."""
    lead = plain(_ITEM.split(said, maxsplit=1)[0])
    return lead if lead.endswith(":") else ""


def _topic(part: Part, ordinary: frozenset[str], tellers: Tellers) -> str:
    """Returns what a note, or else a section of it, is about, as inside a sentence."""
    for heading in (part.chunk.title, *part.unit.headings):
        subject = subject_of(_WHAT_IS.sub(r"\g<subject>", heading), ordinary)
        if asked_for(subject, "") and not subject.endswith("ed"):
            name = next((name for name in names_of(subject) if name in tellers), None)
            article = tellers[name][1].article if name else ""
            bare = re.match(r"(?:an?|the) ", subject) or asked_for(subject, "").startswith(
                "What are"
            )
            return subject if bare else f"{article}{subject}"
    return ""


def _asked(heading: str, ordinary: frozenset[str], topic: str, language: str) -> str:
    """Returns the question that a heading asks; empty where it asks none that stands alone."""
    if language in ENGLISH and re.search(r"\bit\b", heading):
        one = asked_for(topic, "").startswith("What is")
        return asked_of_heading(_bare_heading(heading), topic) if one else ""
    question = subject_of(heading, ordinary)
    fits = question.endswith("?") and len(question.split()) >= LEAST_WORDS
    if not fits or not is_question(question, language):
        return ""
    said = set(terms(question))
    poor = language in ENGLISH and len(said) <= FEW_TERMS and said.isdisjoint(terms(topic))
    return regarding(topic, question) if topic and poor else question


def _bare_heading(heading: str) -> str:
    """Returns a heading without markup and numbers."""
    return re.sub(r"^\d+(?:\.\d+)*[.)]?\s+", "", plain(heading))


def _of_subjects(
    parts: Sequence[Part],
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
        if name is None or _CODE.search(heading):
            continue
        part, explained = tellers[name]
        if _VAGUE.search(plain(part.said)):
            continue
        if question := asked_for(subject, explained.article):
            yield question, Kind.DEFINITION, part


def _of_sentences(parts: Sequence[Part], ordinary: frozenset[str]) -> Iterator[Asked]:
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
        before = said[: found.start()]
        clear = not _POINTING.match(plain(said)) and not re.search(r"\bth(?:is|ese|ose)\b", before)
    elif found := _DEFINED.match(said):
        thing, article = found["thing"], (found["article"] or "").lower()
        clear = bool(found["mark"]) or (article != "the " and words.count(thing.casefold()) > 2)
    else:
        return ""
    subject = subject_of(thing, ordinary)
    fits = clear and terms(thing) and not _NO_NAME.search(thing)
    return asked_for(subject, article) if fits else ""


_ANNOUNCING = re.compile(
    r"There (?:is|are) (?:no|several|many|various|two|three|four|a few|a number of)\b[^:]*$"
)
"""A sentence that says that something is told, and does not tell it."""
_VAGUE = re.compile(r"^(?:\S+ ){1,5}?(?:tr(?:y|ies) to|are (?:\w+ly )?used)\b")
"""How a sentence begins that says what a thing does, and not what it is."""
_CODE = re.compile(r"`|\w\(|\w\.\w")
_GAP = re.compile(r"[ \t\r]*\n?[ \t]*")
"""What stands between the sentences of one paragraph."""
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
_NO_NAME = re.compile(
    r"^(?:Suppose|Assume|Note|Recall|Let|Consider|Following)\b|\b(?:that|which|who)\b"
)
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
