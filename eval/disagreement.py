"""Pairs of statements become candidates for a contradiction: the same said, but for one point.

Input: two statements; output: on what they disagree, and how sure that is. No language model reads
them. They have to share nearly all their terms, rare ones counting for more, and what differs has
to be a number in the same surroundings, a negation, a pair of opposites, a quantifier or a date.

Measured on the shipped notes with contradictions planted in notes of their own: of 60 statements
repeated but for one point, 51 were found; of 15 put in other words by hand, 10, those missed being
far from the words of the note. The shipped notes themselves (1,308 statements) got no candidate,
nor did 1,577 of interview answers, 1,707 of encyclopedia paragraphs and 4,207 of abstracts; 6,528
of course notes, 35 of whose 65 notes are versions of each other, got one, two years of one event.
Nothing found means that nothing nearly alike is at odds, and not that nothing is.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import product

from eval.opposites import NEGATIONS, opposed
from eval.wordings import Number, Worded, stem_of

LEAST_SHARED = 0.6
"""Share of the terms of two statements, weighed by their rarity, that both must hold."""

LEAST_WITHIN, LEAST_INSIDE = 0.75, 4
"""Or the share of the shorter one's, and how many they are: one may say more beside."""

LEAST_TERMS, LEAST_COPIED = 3, 2
"""Terms that both must hold, and of copies that differ in a point alone: two statements of a word
or two are about the same by chance."""

LEAST_WORDS = 4
"""Words that such a copy must have."""

VERBATIM = 0.9
"""Share of the words, in order, from which even suppositions are copies that differ in a point."""

NEAR_COPY = 0.8
"""Share of the words, in order, from which words can be held against those at their place."""

LEAST_AROUND = 0.5
"""Share of the terms around two numbers that must be the same for them to measure one thing."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """On what two statements disagree.

    Attributes:
        kind: `number`, `negation`, `opposite`, `direction`, `quantifier` or `date`.
        words: of the one and the other.
        sure: 0 to 1, the share of their terms that both hold, rare ones counting for more.
    """

    kind: str
    words: tuple[str, str]
    sure: float


class Rarity:
    """How much a term says: of `N` statements `n` of which hold it, `ln(1 + N / n)`."""

    def __init__(self, wordings: Sequence[Worded]) -> None:
        held = Counter(term for wording in wordings for term in wording.about)
        self._says = {term: math.log(1 + len(wordings) / n) for term, n in held.items()}

    def of(self, terms: AbstractSet[str]) -> float:
        """Returns how much some terms of these statements say together."""
        return sum(self._says[term] for term in terms)


def conflict(one: Worded, other: Worded, rarity: Rarity) -> Conflict | None:
    """Returns on what two statements disagree; None where they do not, or are not about one thing.

    Opposites, negations and quantifiers are known in English alone.
    """
    ones, others = one.about, other.about
    few = len(ones & others) < LEAST_TERMS and not _copied(one, other)
    if few or (one.of_itself and other.of_itself):
        return None
    if 2 * len(ones & others) < min(len(ones), len(others)):  # most pairs end here, quickly
        return None
    found = _numbers(one, other) or (_words(one, other) if one.language == "english" else None)
    if not found:
        return None
    kind, words = found
    points = {stem_of(word, one.language) for word in words if word}
    ones, others = ones - points, others - points
    shared = rarity.of(ones & others)
    alike = shared / max(rarity.of(ones | others), 1e-9)
    within = shared / max(min(rarity.of(ones), rarity.of(others)), 1e-9)
    if not (one.states and other.states) and _ratio(one, other) < VERBATIM:
        return None
    if alike < LEAST_SHARED and (within < LEAST_WITHIN or len(ones & others) < LEAST_INSIDE):
        return None
    return Conflict(kind, words, (alike + within) / 2)


def _copied(one: Worded, other: Worded) -> bool:
    """Returns whether two short statements are the same, word by word, but for a word or number."""
    if len(one.words) != len(other.words) or len(one.words) < LEAST_WORDS:
        return False
    if len(one.about & other.about) < LEAST_COPIED:
        return False
    differ = [place for place, word in enumerate(one.words) if word != other.words[place]]
    numbers = all(one.tokens[at]["number"] and other.tokens[at]["number"] for at in differ)
    return len(differ) == 1 or numbers


def _ratio(one: Worded, other: Worded) -> float:
    return SequenceMatcher(None, one.words, other.words, autojunk=False).ratio()


def _numbers(one: Worded, other: Worded) -> tuple[str, tuple[str, str]] | None:
    """Returns the numbers on which two statements disagree; all others of the one are the same."""
    values = {number.value for number in one.numbers} & {number.value for number in other.numbers}
    ones = [number for number in one.numbers if number.value not in values]
    others = [number for number in other.numbers if number.value not in values]
    pairs = []
    fewer, more = sorted((ones, others), key=len)
    for number in fewer:
        best = max(more, key=lambda known: _closeness(number, known))
        if _closeness(number, best) < LEAST_AROUND:
            return None
        pairs.append((number, best) if fewer is ones else (best, number))
    if not pairs:
        return None
    if any(map(_is_year, ones)) and any(map(_is_year, others)):
        # Of other years other things are true.
        return ("date", (pairs[0][0].said, pairs[0][1].said)) if len(pairs) == 1 else None
    return "number", (pairs[0][0].said, pairs[0][1].said)


def _closeness(one: Number, other: Number) -> float:
    """Returns the share of the terms around two numbers that are the same."""
    if one.percent != other.percent:
        return 0.0
    return len(one.around & other.around) / max(min(len(one.around), len(other.around)), 1)


def _is_year(number: Number) -> bool:
    return not number.percent and re.fullmatch(r"(19|20)\d\d", number.said.strip()) is not None


def _words(one: Worded, other: Worded) -> tuple[str, tuple[str, str]] | None:
    """Returns the words by which one statement turns the other round."""
    found = {}
    for a, b in _differing(one, other):
        word, against = one.words[a], other.words[b]
        kind = opposed(word, against)
        if not kind or not one.around(a) & other.around(b):
            continue
        if kind != "quantifier" or one.after(a) == other.after(b):
            found[word, against] = kind
    if not any(set(words) & NEGATIONS for words in found):
        for said in one.negated.keys() ^ other.negated.keys():
            if said in one.terms and said in other.terms:
                words = (one.negated.get(said, ""), other.negated.get(said, ""))
                found[words] = "negation"
    # Two turns are none: what is high rises where what is low falls.
    return next(((kind, words) for words, kind in found.items()), None) if len(found) == 1 else None


def _differing(one: Worded, other: Worded) -> Iterator[tuple[int, int]]:
    """Yields the places of words of which one may stand for the other.

    Of near copies those that stand at one place, else all that only one of the two holds.
    """
    matcher = SequenceMatcher(None, one.words, other.words, autojunk=False)
    if matcher.ratio() >= NEAR_COPY:
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag == "replace":
                yield from product(range(a, b), range(c, d))
        return
    yield from product(
        (a for a, word in enumerate(one.words) if word not in other.words),
        [b for b, word in enumerate(other.words) if word not in one.words],
    )


def overlap(one: Worded, other: Worded) -> float:
    """Returns the share of the terms of two statements that both hold, numbers among them."""
    ones, others = one.said, other.said
    return len(ones & others) / max(len(ones | others), 1)
