"""A question that asks for two things becomes their two names, as they stand in it.

Read from English wordings alone ("the difference between A and B", "A vs B", "compare A with B",
"how does A differ from B", "is A or B better", "both A and B"). In doubt nothing is found: a
question then gets the best words, as any other does. More than two things, and things named by a
pronoun only, are none.
"""

from __future__ import annotations

import re
from functools import cache

from rag.words import terms

MOST_WORDS = 6
"""A name of more words is a clause."""

_A, _B = r"(?P<a>[^?!;:.,]+?)", r"(?P<b>[^?!;:.,]+)"
_CHOOSE = r"(?:use|choose|pick|take|prefer|try|do|apply|go (?:for|with)|(?:start|begin) with)"
_COMPARATIVE = (
    r"(?:better|best|worse|more|less|fewer|cheaper|faster|slower|safer|larger|smaller|simpler"
    r"|easier|harder|higher|lower|stronger|weaker|preferable)"
)
_NO_NAME_FIRST = (
    r"(?!(?:what|which|who|whose|when|where|why|how|is|are|was|were|do|does|did|can|could|should"
    r"|would|will|must|may|might|has|have|in|if|i|we|you|my|our|it|there|please|explain|describe"
    r"|tell|give|show|name|list)\b)"
)

_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:differences?|distinctions?|contrasts?|comparisons?|similarit(?:y|ies)) "
        rf"(?:(?:is|are) there )?between {_A} and {_B}",
        rf"\bdistinguish(?:es|ing)? (?:between )?{_A} (?:and|from) {_B}",
        rf"\b(?:sets?|tells?) {_A} apart from {_B}",
        rf"\b(?:compar(?:e|ing)|contrast(?:ing)?|comparison of) {_A} (?:and|with|to|against) {_B}",
        rf"\b(?:does|do) {_A} (?:compare|differ) (?:from|with|to|against) {_B}",
        rf"\b(?:how (?:is|are)|makes?) {_A} (?:any )?different from {_B}",
        rf"{_A} (?P<bare>vs\b\.?|versus) {_B}",
        rf"^(?:which|what|when)\b[^?!.]*?[,:;] {_A},? or {_B}\W*$",
        rf"^should (?:i|we|you|one) (?:rather |better )?{_CHOOSE} {_A} or {_B}",
        rf"^(?:is|are|does|do) {_A} or (?P<b>[^?!;:.,]+?) (?:much |far |the )?{_COMPARATIVE}\b",
        rf"^{_NO_NAME_FIRST}{_A} or {_B}\W*$",
        rf"\bboth {_A} and {_B}",
    )
)

_BEFORE = re.compile(
    r".*\b(?:use|using|choose|prefer|is|are|of|between|about|explain|comparing|differences?|when"
    r"|for|with)\s",
    re.IGNORECASE | re.DOTALL,
)
"""What does not yet belong to a first name that nothing announces."""

_BEYOND = re.compile(
    r"\s(?:in|for|on|at|when|if|where|while|during|regarding|because|so|that|which|is|are|do|does"
    r"|can|should|help|as|differences?|comparison)\b.*",
    re.IGNORECASE | re.DOTALL,
)
"""What no longer belongs to the second name."""

_WRAPPED = re.compile(
    r"^[\W_]*(?:(?:the|an?|my|our|using|use|either|both|to|by|from|with)\s+)*|[\W_]+$",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"\b(?:and|or|vs|versus)\b", re.IGNORECASE)


@cache
def _empty() -> frozenset[str]:
    """Returns terms that name nothing by themselves."""
    return frozenset(terms("two three method approach way technique first second others"))


def sides_of(question: str) -> tuple[str, str] | None:
    """Returns the names of the two things that a question asks for; None for any other question."""
    for pattern in _PATTERNS:
        if found := pattern.search(question):
            announced = "bare" not in found.groupdict()
            first = _WRAPPED.sub("", found["a"] if announced else _BEFORE.sub("", found["a"]))
            second = _WRAPPED.sub("", _BEYOND.sub("", found["b"]))
            if _is_name(first) and _is_name(second) and first.casefold() != second.casefold():
                return first, second
    return None


def _is_name(text: str) -> bool:
    """Returns whether a text names one thing."""
    return (
        len(text.split()) <= MOST_WORDS
        and _SEVERAL.search(text) is None
        and not _empty().issuperset(terms(text))
    )
