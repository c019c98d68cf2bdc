"""Notes that are written as questions and answers: which question stands above an answer.

Such notes say themselves what they answer. A passage under another question than the one asked is
near to it by its subject, and answers it less often than its nearness says; and a question that
stands there with nothing below it is asked, not answered.

Measured on the 166 questions of `notes-ds-interviews` (one note; a fifth of the questions hidden
with their answers, ten draws, without the 14 that stand there unanswered): a line that is left asks
7 of 303 hidden ones in nearly the same terms, and 1,200 of 1,217 that are there. The constants were
chosen on this note.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from rag import Span, plain, terms

SAME = 0.8
"""The share of the terms of both from which two questions are one. One pair of the 166 has the same
terms though it asks two things; the next nearest share .77."""

LEAST_LINES = 10
"""Questions that a note must ask in lines of their own to be one of questions and answers. The
shipped notes, which are none, ask five at most."""

ANSWER_TERMS = 3
"""An answer says this many terms that its question does not."""

_LINE = re.compile(r"^[^\n]*\?[^\w\n?]*$", re.MULTILINE)
_HEADING = re.compile(r"^(#{1,6})\s", re.MULTILINE)
_MOST_CHARS = 300
_READ_CHARS = 3_000


@dataclass(frozen=True, slots=True)
class AskedLine:
    """A line that asks something, and what stands below it up to the next.

    Attributes:
        below: from the line's end to the next question or heading, or of a heading to the next one
            that is not in its section.
        answered: whether that says anything.
    """

    span: Span
    terms: frozenset[str]
    below: Span
    answered: bool

    def likeness(self, asked: AbstractSet[str]) -> float:
        """Returns the share, 0 to 1, of the terms of both that both have."""
        return len(self.terms & asked) / max(1, len(self.terms | asked))

    def includes(self, asked: AbstractSet[str]) -> bool:
        """Returns whether it asks about what is asked, or more."""
        return len(self.terms & asked) >= SAME * len(asked)


def asked_lines(text: str, language: str) -> list[AskedLine]:
    """Returns the lines of a note that ask something by themselves, in order."""
    lines = []
    for match in _LINE.finditer(text):
        said = frozenset(terms(plain(match[0]), language))
        if said and len(match[0]) <= _MOST_CHARS:
            lines.append((Span(*match.span()), said))
    found = []
    for number, (span, said) in enumerate(lines):
        below = Span(span.end, _end(text, span, [start for start, _ in lines[number + 1 :][:1]]))
        new = set(terms(below.of(text), language)) - said
        found.append(AskedLine(span, said, below, len(new) >= ANSWER_TERMS))
    return found


def _end(text: str, line: Span, after: Sequence[Span]) -> int:
    """Returns where what stands below a line ends: of a heading the sections in it belong to it.

    Args:
        after: the next line that asks something, if there is one.
    """
    most = min(len(text), line.end + _READ_CHARS)
    heading = _HEADING.match(text, line.start)
    if heading:
        level = len(heading[1])
        nexts = (m.start() for m in _HEADING.finditer(text, line.end, most) if len(m[1]) <= level)
    else:
        nexts = (m.start() for m in _HEADING.finditer(text, line.end, most))
        most = min([most, *(span.start for span in after)])
    return max(line.end, min(most, next(nexts, most)))


def telling(lines: Sequence[AskedLine]) -> list[AskedLine]:
    """Returns the lines of a note that say whether it answers: of a sheet of exercises, none.

    That a question stands there with nothing below it says something where most have an answer.
    """
    answered = [line for line in lines if line.answered]
    return list(lines) if 2 * len(answered) >= len(lines) else answered


def above(lines: list[AskedLine], offset: int) -> AskedLine | None:
    """Returns the question under which a place stands, in a note of questions and answers."""
    if len(lines) < LEAST_LINES:
        return None
    at = bisect_right(lines, offset, key=lambda line: line.span.start) - 1
    return lines[at] if at >= 0 and offset < lines[at].below.end else None
