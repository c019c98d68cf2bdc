"""Words that have moved become quotes again: verbatim, where the notes say them now.

Two texts say the same words when they differ in white space, Markdown's marks of emphasis and
code, typographic quotes and dashes, or case alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from eval.dataset import Evidence, occurrences
from rag import Span, terms

_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<word>[a-zA-Z0-9]+)|(?P<marks>[*_`]+)|(?P<dashes>[-‐‑‒–—―−]+)|."
)
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("\u00ad\u200b\u2060\ufeff", None),  # soft hyphen, zero width
        "…": "...",
    }
)
_SPACED = "\u2e80"
"""Scripts from here on put no white space between words."""

_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]*_`]*\s+|[。！？]|\n[ \t\r]*\n\s*")


class _Words:
    """A text without what does not matter, and where each of its characters stands in the text."""

    def __init__(self, text: str) -> None:
        kept: list[str] = []
        self.origins: list[int] = []
        for token in _TOKEN.finditer(text):
            start, end = token.span()
            word = token[0]
            if token["word"]:
                kept.append(word.lower())
                self.origins += range(start, end)
                continue
            if token["space"]:
                plain = " " if kept and kept[-1] != " " else ""
            elif token["dashes"]:
                plain = "-"
            elif token["marks"]:
                plain = word if _is_text(text[start - 1 : start], text[end : end + 1]) else ""
            else:
                plain = unicodedata.normalize("NFD", word.translate(_PLAIN)).casefold()
            if plain:
                kept.append(plain)
                self.origins += [start] * len(plain)
        self.text = "".join(kept)

    def find(self, words: str) -> Iterator[Span]:
        """Yields where in the original text these words stand as whole words."""
        for span in occurrences(words, self.text):
            if _whole(self.text, span):
                yield Span(self.origins[span.start], self.origins[span.end - 1] + 1)


def _is_text(before: str, after: str) -> bool:
    """Returns whether marks between these characters emphasise nothing: `2*3`, `a_i`, `a * b`."""
    inside = before.isalnum() and after.isalnum()
    return inside or not (before.strip() or after.strip())


def _whole(text: str, span: Span) -> bool:
    """Returns whether a span of a text begins and ends where words do."""
    edges = (text[at - 1 : at + 1] for at in (span.start, span.end) if at)
    return not any(len(pair) == 2 and all(_in_word(c) for c in pair) for pair in edges)


def _in_word(char: str) -> bool:
    return char < _SPACED and (char.isalnum() or bool(unicodedata.combining(char)))


class Relocator:
    """Finds in notes what a quote says; each note is read once, when it is first needed."""

    def __init__(self, notes: Mapping[str, str]) -> None:
        self._notes = notes
        self._words: dict[str, _Words] = {}

    def candidates(self, evidence: Evidence) -> tuple[Evidence, ...]:
        """Returns where the words of a quote stand that its document does not hold verbatim.

        The same document comes before all others, and the very quote before the same words in
        another dress: only what is found at the first of these steps is returned. An evidence
        without a document is looked for in all notes.
        """
        others = [path for path in self._notes if path != evidence.document]
        here = [evidence.document] if evidence.document in self._notes else []
        return (
            self._dressed(evidence.quote, here)
            or self._verbatim(evidence.quote, others)
            or self._dressed(evidence.quote, others)
        )

    def _verbatim(self, quote: str, paths: Iterable[str]) -> tuple[Evidence, ...]:
        return tuple(
            Evidence(path, quote)
            for path in paths
            if any(_whole(self._notes[path], s) for s in occurrences(quote, self._notes[path]))
        )

    def _dressed(self, quote: str, paths: Iterable[str]) -> tuple[Evidence, ...]:
        words = _Words(quote).text.strip()
        found: dict[Evidence, None] = {}
        for path in paths if words else ():
            if path not in self._words:
                self._words[path] = _Words(self._notes[path])
            for span in self._words[path].find(words):
                found[Evidence(path, span.of(self._notes[path]))] = None
        return tuple(found)


def nearest(quote: str, text: str) -> str | None:
    """Returns the run of sentences that shares most terms with a quote; None where none does.

    Likeness is Dice's coefficient over the sets of terms, of runs of as many sentences as the
    quote has.
    """
    wanted = set(terms(quote))
    size = max(1, len(sentences(quote)))
    pieces = sentences(text)
    words = [set(terms(piece.of(text))) for piece in pieces]
    best, passage = 0.0, None
    for first in range(max(1, len(pieces) - size + 1)):
        held = set().union(*words[first : first + size])
        likeness = 2 * len(wanted & held) / max(1, len(wanted) + len(held))
        if likeness > best:
            last = pieces[first : first + size][-1]
            best, passage = likeness, Span(pieces[first].start, last.end).of(text)
    return passage


def sentences(text: str) -> list[Span]:
    """Returns the sentences of a text, roughly, without white space around them.

    A blank line ends a sentence too. (Citing needs better ones: see `rag`.)
    """
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    found = []
    for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
        piece = text[start:end]
        if piece.strip():
            left = start + len(piece) - len(piece.lstrip())
            found.append(Span(left, start + len(piece.rstrip())))
    return found
