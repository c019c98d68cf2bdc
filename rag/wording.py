"""Headings become the questions that a student would ask, and sentences say what they explain.

Input: a heading's subject or a sentence; output: a question, or the thing that is explained.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from rag.languages import NONE
from rag.sentences import plain
from rag.words import terms

_MOST_WORDS = 6
"""A heading of more words is a statement as likely as a subject."""

_LEAST_CHARS = 40
_MOST_CHARS = 400
"""A sentence that tells a beginner something has this many characters."""


def is_question(subject: str, language: str) -> bool:
    """Returns whether a heading is a question, and not a thing with a question mark behind it."""
    return language not in ENGLISH or bool(_OPENING.match(subject))


def asked_for(subject: str, article: str) -> str:
    """Returns the question for a subject; empty where it would be no sentence.

    Args:
        article: what a sentence about it has in front of it.
    """
    words = subject.split()
    if not words or len(words) > _MOST_WORDS or subject.endswith("?"):
        return ""
    if any(pattern.search(subject) for pattern in (_CLAUSE, _NO_PHRASE, _NO_THING)):
        return ""
    if (len(words) > 1 and _DOING.match(subject)) or not _material().isdisjoint(terms(subject)):
        return ""
    # What the subject is before it is told more of: "kinds" in "kinds of shift".
    if _PLURAL.search(_MORE.split(subject)[0]):
        return f"What are {subject}?"
    bare = "" if re.match(r"(?:an?|the) ", subject) else article
    return f"What is {bare}{subject}?"


Name = tuple[frozenset[str], int]
"""What things are compared by: the terms of a name, and how many words it has."""


def _name(words: str) -> Name:
    return frozenset(terms(words)), len(re.findall(r"\w+", words))


def names_of(subject: str) -> list[Name]:
    """Returns the names of a subject: two where the other one stands behind it, in brackets."""
    parts = re.split(r"[()]", re.sub(r"^(?:an?|the) ", "", subject, flags=re.IGNORECASE))
    return [_name(part) for part in parts if terms(part)]


@dataclass(frozen=True, slots=True)
class Told:
    """What a sentence explains.

    Attributes:
        thing: as it stands there, without its article.
        article: before it, in small letters with the blank behind it; empty where there is none.
    """

    thing: str
    article: str

    @property
    def name(self) -> Name:
        """Returns what the thing is compared by."""
        return _name(self.thing)


def told(said: str) -> Told | None:
    """Returns what a sentence explains; None where it does not begin like one that does."""
    found = _TELLING.match(plain(said).translate(_EMPHASIS))
    if not found:
        return None
    return Told(found["in"] or found["thing"], (found["article"] or "").lower())


def is_prose(said: str) -> bool:
    """Returns whether words are one whole sentence, and no list, table, code or picture."""
    fits = _LEAST_CHARS <= len(said) <= _MOST_CHARS
    return fits and _WHOLE.match(said) is not None and not _NO_PROSE.search(said)


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


ENGLISH = ("english", NONE)
"""Languages of notes whose headings are asked for by "What is"."""
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
    rf"\b(?:and|or|versus|vs|before|after|when|while|until)\b"
    rf"|^(?:two|three|four|five|six|seven|\d+)\b|{_ASKING}",
    re.IGNORECASE,
)
_PLURAL = re.compile(r"(?<!bi)[^isu]s$")
_DOING = re.compile(r"\w*[aeiouy]\w*ing\b(?!-)", re.IGNORECASE)
_EMPHASIS = str.maketrans("", "", "*_")
_WHOLE = re.compile(r"^[*_\"“]*[^\W\d_](?:.*\S)?[.!?。！？][*_\"”]*$", re.DOTALL)
_NO_PROSE = re.compile(r"\n\s*(?:\n|[-*+•➢|>#]\s|\d+[.)]\s)|</?[a-z]|```|\]\(", re.IGNORECASE)
_TELLING = re.compile(
    r"(?:In (?P<in>[\w '’/-]{2,60}?ing),? (?:an?|the|we|one|each|every)\b"
    r"|(?P<article>(?:An?|The) )?(?P<thing>\w[\w '’/-]{0,60}?)(?: \([^()]{1,60}\))?"
    r"(?:, (?:also|or|short) [^,]{1,60},)? "
    r"(?:is (?:\w+ly )?(?:an?|the|any|one|when|what|how|where|used|meant|called|known)\b"
    r"|are (?!not|also|often|usually|always|never|more|less|most|so|too|very|therefore|thus|then"
    r"|still|only|just|now|here|there|both|all|in|on|at|from\b)\w"
    r"|(?:means?|refers? to|describes?|denotes?|consists? of|combines?|involves?|lets?|turns?"
    r"|estimates?|measures?|compares?|aims?|tr(?:y|ies)|asks?|adds?|keeps?"
    r"|replaces?|works? by|searches|assumes?|treats?|adapts?|learns?|trains?|goes)\b)"
    r"(?! (?:it|them|this|that|these|those)\b))"
)
"""How a sentence begins that says what something is."""
