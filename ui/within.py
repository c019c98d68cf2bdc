"""Where words stand in a note: those that were cited, wherever they are now, and those looked for.

In: a note's text. Out: spans of it.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

from rag import Span

MOST_HITS = 1_000
"""Hits that are marked; who has more looks for something longer."""

MOST_QUERY = 200
"""Characters of what is looked for."""

_ACCENTS = re.compile("[\u0300-\u036f]")


def located(text: str, span: Span, words: str) -> Span | None:
    """Returns where cited words are now: in their place, else nearest to it; None if they are gone.

    Args:
        span: where they were.
        words: how they begin.
    """
    words = words[:MOST_QUERY]
    if text.startswith(words, span.start) and span.end <= len(text):
        return span
    after, before = text.find(words, span.start), text.rfind(words, 0, span.start + len(words))
    places = [start for start in (after, before) if start >= 0]
    if not words or not places:
        return None
    start = min(places, key=lambda start: abs(start - span.start))
    return Span(start, min(start + len(span), len(text)))


def hits(text: str, query: str) -> tuple[list[Span], int]:
    """Returns the first `MOST_HITS` places of a query, and how many there are.

    Case and accents make no difference, nor how much white space stands between words.
    """
    words = plain(query[:MOST_QUERY]).split()
    if not words:
        return [], 0
    found = re.finditer(r"\s+".join(map(_pattern, words)), plain(text))
    first = [Span(*one.span()) for one in islice(found, MOST_HITS)]
    return first, len(first) + sum(1 for _ in found)


def _pattern(word: str) -> str:
    """Returns what finds a word, whatever accents follow its letters.

    The word's own are left out: letters and accents take turns, so that no text can be read in two
    ways, which would take time without end.
    """
    letters = _ACCENTS.sub("", word)
    begin = f"{_ACCENTS.pattern}+" if _ACCENTS.match(word) else ""
    return begin + "".join(f"{re.escape(one)}{_ACCENTS.pattern}*" for one in letters)


def plain(text: str) -> str:
    """Returns `text` without case and accents, each letter in its place.

    A letter that becomes several, as `ß` does, stays; so does an accent that is a letter of its
    own.
    """
    if text.isascii():
        return text.lower()
    changed = {ord(one): folded for one in set(text) if len(folded := _plain(one)) == 1}
    return text.translate(changed)


def _plain(letter: str) -> str:
    parts = unicodedata.normalize("NFKD", letter).casefold()
    return "".join(one for one in parts if not unicodedata.combining(one))
