"""A refusal that helps: why the notes are not quoted, and what else could be asked of them.

Two kinds are told apart by the best cosine of the question with any unit found: nothing is near, or
something is and does not answer surely enough. Neither says that the notes do not hold the answer:
that cannot be known from what was found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from rag.followup import stands_alone
from rag.sentences import plain
from rag.types import Passage
from rag.words import STOP_WORDS, terms

NEAR = 0.36
"""The cosine from which a unit is near a question.

On the fitting split 88 % of the questions about other fields lie below (n = 50), 19 % of those
about neighbouring ones (n = 102), and 1.6 % of those that the notes answer (n = 385).
"""

PASSAGES = 5
"""How many of the best passages are looked at for them."""

SUGGESTED = 3
"""How many questions are suggested at most."""

LONGEST = 90
"""Longer headings, in characters, are no subject to ask for."""


def reason_for(similarity: float, confidence: float, threshold: float) -> str:
    """Returns why there is no answer, in plain words.

    Args:
        similarity: the best cosine of the question with a unit.
    """
    numbers = f"(confidence {confidence:.2f}; an answer needs {threshold:.2f})"
    if similarity < NEAR:
        return (
            f"No passage was found that comes near this question {numbers}. "
            "If the notes treat it after all, other words may find it."
        )
    return (
        f"The notes have passages near this subject, but none answers it surely enough {numbers}."
    )


def suggestions_for(query: str, similarity: float, passages: Sequence[Passage]) -> tuple[str, ...]:
    """Returns questions that one could ask instead, best first, from the passages' headings.

    A passage gives its innermost heading that says what a section is about; its note's title at
    last. What was just asked is not suggested; nothing is where nothing is near.

    Args:
        query: what was searched for.
        similarity: the best cosine of it with a unit.
        passages: best first.
    """
    if similarity < NEAR:
        return ()
    questions: dict[str, str] = {}
    ordinary = ordinary_words(passage.text for passage in passages)
    for passage in passages[:PASSAGES]:
        question = next(_questions(passage, ordinary), None)
        if question and question.casefold() != query.casefold():
            questions.setdefault(question.casefold(), question)
    return tuple(questions.values())[:SUGGESTED]


def _questions(passage: Passage, ordinary: frozenset[str]) -> Iterator[str]:
    """Yields the questions that a passage's headings make, innermost first."""
    for heading in (*reversed(passage.headings), passage.title):
        subject = subject_of(heading, ordinary)
        if subject.endswith("?"):
            yield subject
        elif subject:
            yield f"What do the notes say about {subject}?"


def subject_of(heading: str, ordinary: frozenset[str]) -> str:
    """Returns what a heading is about, as inside a sentence; a question where it is one.

    It is empty where the heading names no subject.

    Args:
        ordinary: the terms of the words that lose their capital, as `ordinary_words` gives them.
    """
    subject = _NUMBER.sub("", _ICONS.sub("", plain(heading))).rstrip(" .:")
    general = _general().issuperset(term for term in terms(subject) if not term.isdigit())
    if general or len(subject) > LONGEST or not stands_alone(subject):
        return ""
    if subject.endswith("?"):
        return f"{subject.rstrip(' ?')}?"
    return "" if _NO_SUBJECT.match(subject) else _inside_a_sentence(subject, ordinary)


_NUMBER = re.compile(r"^(?:(?:§ ?)?\d+(?:\.\d+)*[.)]?|[Qq]\d+[.):])\s+")
_ICONS = re.compile("[\\s\u200d\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff]+$")
"""What is drawn behind a heading, for how hard or new it is."""

_NO_SUBJECT = re.compile(
    r"(?:from|without|with|before|after|in|on|at|by|for|to|towards|not|let)\b", re.IGNORECASE
)
"""With such a first word a heading cannot stand behind "about"."""


@cache
def _general() -> frozenset[str]:
    """Returns terms of headings that stand in notes about anything."""
    return frozenset(
        terms(
            """
            introduction intro overview summary conclusion background motivation motivating example
            case scenario exercise question student ask answer reference bibliography source
            literature reading further note remark appendix content definition discussion outlook
            recap review worked practice idea formula caveat limit limitation part section chapter
            lecture lesson week
            """
        )
    )


_WORD = re.compile(r"[^\W\d_]+")
_CAPITALISED = re.compile(r"\b(?:[A-Z][a-z]+|A(?=\s))\b")


def ordinary_words(texts: Iterable[str]) -> frozenset[str]:
    """Returns the terms of words that texts write small; any other may be a name.

    A word with a capital behind a small letter or a comma is a name there: ordinary is what is
    written small more than twice as often ("python", where code was quoted, is not).
    """
    small: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for text in map(plain, dict.fromkeys(texts)):
        small.update(_SMALL.findall(text))
        named.update(_NAMED.findall(text))
    found = (word for word, times in small.items() if times > 2 * named[word.capitalize()])
    return frozenset(terms(" ".join(found)))


_SMALL = re.compile(r"(?<![\w`./])[a-z]+\b(?![`/(]|\.\w)")
_NAMED = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+\b")


def _inside_a_sentence(heading: str, ordinary: frozenset[str]) -> str:
    """Returns a heading as it would stand inside a sentence.

    Its first word loses the capital where it is ordinary. Where all words have one, all lose it,
    unless one may be a name: then the heading stays as it is.
    """
    words = [word for word in _WORD.findall(heading) if word.lower() not in STOP_WORDS]
    if len(words) > 1 and all(word[0].isupper() for word in words):
        said = " ".join(_CAPITALISED.findall(heading))
        small = _CAPITALISED.sub(lambda found: found[0].lower(), heading)
    else:
        first = _CAPITALISED.match(heading)
        said = first[0] if first else ""
        small = said.lower() + heading[len(said) :]
    return small if ordinary.issuperset(terms(said)) else heading
