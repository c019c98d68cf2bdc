"""A statement becomes words made ready to be compared: terms, numbers, negations.

Input: the text of a statement; output: `Worded`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from eval.opposites import NEGATIONS
from rag import terms

REACH = 5
"""Words before and after another that are around it."""

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|<[^>]*>|https?://\S+")
_FORMULA = re.compile(r"\$\$?([^$]+)\$\$?")
_MARKS = re.compile(r"[*`]|(?<!\w)_|_(?!\w)|\\(?=[%&#_])")
_WORD = re.compile(
    r"(?P<number>(?<![\w.])[-−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?(?!\w|\.\d))"
    r"(?:\s*(?P<percent>%|per ?cent\b))?"
    r"|(?P<formula>\$[^$]*\$)|[^\W\d_][\w'’]*(?:-\w+)*|\d\w*",
)
_HYPOTHETICAL = re.compile(
    r"\b(suppose|imagine|assume|let|example|instance|e\.g|say,|if we had|consider)\b", re.IGNORECASE
)
_LABELS = frozenset(
    re.findall(
        r"\w+",
        """
        figure fig section sec chapter equation eq table step lecture week page part question
        assignment exercise problem version task method approach line item note row appendix
        algorithm layer unit lesson module
        """,
    )
)
"""A number after one of these names a thing; another number names another thing."""

_COUNTS = "two three four five six seven eight nine ten eleven twelve"
_NUMBERS = {
    found[0]: str(number) for number, found in enumerate(re.finditer(r"\w+", _COUNTS), start=2)
}
_NOT_NEGATING = re.compile(
    r"\bnot (?:only|just|merely|necessarily)\b|\bno (?:more|less|fewer|later|longer) than\b"
    r"|\bwhether or not\b|\bno matter\b|\bnot to mention\b|\bif not\b|\bor not\b",
    re.IGNORECASE,
)
_NEGATING = re.compile(
    r"\b(?:rather than|instead of|unable to|fail(?:s|ed)? to|impossible to|intractabl[ey] to)\b",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^\W*\d+\W*[:.)](?!\d)")
_ITSELF = re.compile(
    r"\bthis (?:year|version|note|page|section|chapter|assignment|lecture|course|quarter|week)",
    re.IGNORECASE,
)
"""What is said of the note itself, or of its time, is not said of another."""

_CONDITIONS = frozenset(["if", "unless", "when", "whether"])
"""A negation soon after one of these says under what condition, and not that it is so."""

_CONTRACTED = re.compile(r"n['’]t\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Number:
    """A number, and the terms around it."""

    said: str
    value: float
    percent: bool
    around: frozenset[str]


class Worded:
    """The words of a statement, made ready to be compared."""

    def __init__(self, text: str, language: str) -> None:
        self.text = text
        self.language = language
        plain = _LINK.sub(r" \1 ", text)
        plain = _FORMULA.sub(_formula, plain)
        plain = _CONTRACTED.sub(" not", _NOT_NEGATING.sub(" ", _MARKS.sub("", plain)))
        plain = _NUMBERED.sub("", _NEGATING.sub(" not ", plain))
        self._plain = plain
        self.tokens = list(_WORD.finditer(plain))
        self.words = [
            _NUMBERS.get(token[0].casefold(), token[0].casefold()) for token in self.tokens
        ]

    @cached_property
    def stems(self) -> list[str]:
        """Returns the term of each word; empty for one that says nothing about a topic."""
        return [
            "" if word in _NUMBERS.values() or token["number"] else stem_of(word, self.language)
            for word, token in zip(self.words, self.tokens, strict=True)
        ]

    @cached_property
    def terms(self) -> Counter[str]:
        """Returns the terms, numbers left out."""
        return Counter(stem for stem in self.stems if stem)

    @cached_property
    def about(self) -> frozenset[str]:
        """Returns the terms, once each."""
        return frozenset(self.terms)

    @cached_property
    def said(self) -> frozenset[str]:
        """Returns the words, once each."""
        return frozenset(self.words)

    @cached_property
    def numbers(self) -> list[Number]:
        """Returns the numbers that measure something."""
        found = []
        for place, (word, token) in enumerate(zip(self.words, self.tokens, strict=True)):
            counted = word in _NUMBERS.values() and not token["number"]
            if not (token["number"] or counted) or self._labelled(place):
                continue
            value = float((token["number"] or word).replace(",", "").replace("−", "-"))
            found.append(Number(token[0], value, bool(token["percent"]), self.around(place)))
        return found

    def _labelled(self, place: int) -> bool:
        """Returns whether a number names a thing (`step 3`) and measures nothing."""
        if not place or self.words[place - 1].rstrip("s") not in _LABELS:
            return False
        between = self._plain[self.tokens[place - 1].end() : self.tokens[place].start()]
        return not between.strip()

    @cached_property
    def negated(self) -> dict[str, str]:
        """Returns the terms that a negation stands before, and the negation."""
        found = {}
        for place, word in enumerate(self.words):
            before = set(self.words[max(place - REACH, 0) : place])
            before = set(self.words[max(place - REACH, 0) : place])
            if word in NEGATIONS and not before & _CONDITIONS:
                said = self.after(place)
                if self.terms[said] == 1:  # else it may be said both ways
                    found[said] = word
        return found

    @cached_property
    def states(self) -> bool:
        """Returns whether it states something: it neither asks nor supposes."""
        return "?" not in self.text and not _HYPOTHETICAL.search(self.text)

    @cached_property
    def of_itself(self) -> bool:
        """Returns whether it speaks of the note it stands in."""
        return _ITSELF.search(self.text) is not None

    def after(self, place: int) -> str:
        """Returns the next term after a word; empty where none is near."""
        return next(filter(None, self.stems[place + 1 : place + 1 + REACH]), "")

    def around(self, place: int) -> frozenset[str]:
        """Returns the terms near a word."""
        near = self.stems[max(place - REACH, 0) : place + 1 + REACH]
        return frozenset(filter(None, near))


def _formula(found: re.Match[str]) -> str:
    """Returns a formula that is plain text as that, and any other as one word."""
    inside = found[1].replace(r"\%", "%")
    return f" {inside} " if "\\" not in inside else f"${''.join(inside.split())}$"


def stem_of(word: str, language: str) -> str:
    if word.startswith("$"):
        return word
    return " ".join(terms(word, language))
