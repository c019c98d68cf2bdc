"""A note's parts become questions, each with the part that answers it.

Input: the units of a note, in order; output: questions. They are made of headings that ask, and of
lines in bold that do; of sentences that say what something is, or why; and of what leads into a
list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import chain

from eval.parts import ITEM, LONGEST_QUOTE, WHAT_IS, Part, Tellers, answering, beginning
from eval.phrasing import asked_of_heading, asked_of_lead_in, asked_of_reason, in_context, regarding
from rag import (
    ENGLISH,
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

LEAST_WORDS = 3
"""A heading of fewer words that is a question may ask about anything ("Which layer?")."""


LEAST_DEFINING = 3
"""Words behind "is a" without which nothing is defined, but for what the thing is not."""


class Kind(StrEnum):
    """What a question was made of."""

    HEADING = "heading"
    DEFINITION = "definition"
    LIST = "list"
    REASON = "reason"


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
        answer = answering(question, section, tellers, several=several) if question else None
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
    yield from _of_sentences(parts, ordinary, topic)


def _tellers(parts: Sequence[Part]) -> Tellers:
    """Returns the sentences that say what something is; one that defines it before others.

    One that does not define it counts at the beginning and under the thing's own heading only:
    elsewhere it may as well tell a fault of it.
    """
    found: Tellers = {}
    first = next((p.heading for p in parts if p.is_sentence and is_prose(p.said)), "")
    for defines in (True, False):
        for part in parts:
            if not part.is_sentence or not is_prose(part.said):
                continue
            explained = told(part.said)
            if explained is None or _is_thin(part.said):
                continue
            near = part.heading == first or explained.name in names_of(plain(part.heading))
            if _DEFINED.match(part.said) if defines else near:
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


def _lead_in(said: str) -> str:
    """Returns the words before a list's first item, without markup; they end in a colon."""
    lead = plain(ITEM.split(said, maxsplit=1)[0])
    return lead if lead.endswith(":") else ""


def _topic(part: Part, ordinary: frozenset[str], tellers: Tellers) -> str:
    """Returns what a note, or else a section of it, is about, as inside a sentence."""
    for heading in (part.chunk.title, *part.unit.headings):
        subject = subject_of(WHAT_IS.sub(r"\g<subject>", heading), ordinary)
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
    if language not in ENGLISH:
        return question
    what = WHAT_IS.fullmatch(question)
    alone = topic or not (what and what["subject"].endswith("ed"))  # "What is transferred?"
    return in_context(question, topic) if alone and not _OF_TWO.search(question) else ""


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


def _of_sentences(parts: Sequence[Part], ordinary: frozenset[str], topic: str) -> Iterator[Asked]:
    """Yields what single sentences answer: what something is called, what it is, and why.

    A sentence that defines a thing in a word or two is quoted with those behind it.
    """
    words = " ".join(plain(part.said) for part in parts if part.is_sentence)
    for place, part in enumerate(parts):
        if not part.is_sentence or not is_prose(part.said):
            continue
        if question := _what(part.said, words.casefold(), ordinary):
            said = set(terms(question))
            if topic and len(said) == 1 and said.isdisjoint(terms(topic)):
                question = regarding(topic, question)
            whole = beginning(parts[place:]) if _is_thin(part.said) else part
            if whole is part or whole.unit.span != part.unit.span:
                yield question, Kind.DEFINITION, whole
        elif question := asked_of_reason(plain(part.said), ordinary):
            yield in_context(question, topic), Kind.REASON, part


def _is_thin(said: str) -> bool:
    """Returns whether a sentence defines a thing in a word or two: "is a schedule"."""
    found = _DEFINED.match(said)
    if not found:
        return False
    behind = re.split(r"\b(?:instead of|rather than|and not|not)\b", said[found.end() :])[0]
    return len(behind.split()) < LEAST_DEFINING


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


_VAGUE = re.compile(r"^(?:\S+ ){1,5}?(?:tr(?:y|ies) to|are (?:\w+ly )?used)\b")
"""How a sentence begins that says what a thing does, and not what it is."""
_CODE = re.compile(r"`|\w\(|\w\.\w")
_OF_TWO = re.compile(r"\bboth\b(?! of\b)(?!.*\band\b)|\bthe (?:two|other|latter|former)\b")
"""Words of a heading that stand for things which were named before it."""
_ONE_THING = re.compile(
    r"(?:why|is|are|was|does|do|did|can|could|should|will|what(?: is|['’]s))\b", re.IGNORECASE
)
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
