"""Questions and objectives become what of the notes they use: passages found, words cited.

Input: the question log, a coverage record and the notes of today; output: `Usage`. What is new in
the notes cannot have been found by what was asked before: `ask_again` asks that again.

What an older state of the notes gave has to be found again first. A quote has its first words with
it: it is where they stand, and where they stand no more it counts for nothing. A passage found has
none: it counts as found where a passage of today has the same bounds, or overlaps it, since a
passage counted by mistake only keeps it from being listed as never found.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from eval.coverage import Coverage
from eval.dataset import occurrences
from eval.stretches import Shelf
from rag import Asked, Contents, LibraryError, QuestionError, Span, Spot

WITHHELD = "a question that too few people asked to be shown"
"""Stands for a wording that would tell what single people asked."""

REASKED = 300
"""Wordings that are asked again at most: the newest."""

KNOWN_BY = 60
"""First characters by which a passage or a quote of a coverage record is known again."""


@dataclass(slots=True)
class Asking:
    """A question or an objective, with what every time it was asked gave.

    Attributes:
        told: the wording as whoever looks at the notes may see it.
        query: what the notes are searched for.
        last: when it was asked last; of an objective, now.
        met: whether the notes of today were asked it.
        people: who asked, those who are known.
        found: rows of the passages that were found for it, those it cites among them.
        cited: rows of the passages that an answer quotes.
        quotes: where the quotes stand, each `(document, span)`.
    """

    text: str
    told: str
    query: str
    last: datetime
    met: bool = False
    people: set[str] = field(default_factory=set)
    found: set[int] = field(default_factory=set)
    cited: set[int] = field(default_factory=set)
    quotes: set[tuple[str, Span]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Usage:
    """What was asked, each wording once, and what it used.

    Attributes:
        questions: how many times something was asked.
        objectives: how many objectives there are.
        lost: quotes and passages of older notes that stand nowhere any more.
    """

    askings: tuple[Asking, ...]
    questions: int
    objectives: int
    lost: int

    def found(self) -> dict[int, int]:
        """Returns for each passage that was ever found by how many askings it was."""
        return _counts(self.askings)

    @property
    def met(self) -> tuple[Asking, ...]:
        """Returns those of the wordings that the notes of today were asked."""
        return tuple(asking for asking in self.askings if asking.met)

    def unseen(self) -> float | None:
        """Returns which share of what the next question finds nothing has found yet.

        Good and Turing's estimate: the share of finds that are their passage's only one, of the
        wordings that the notes of today were asked. None
        where they found nothing at all.
        """
        counts = _counts(self.met)
        total = sum(counts.values())
        return sum(count == 1 for count in counts.values()) / total if total else None


def usage(
    shelf: Shelf, asked: Sequence[Asked], coverage: Coverage | None = None, least: int = 1
) -> Usage:
    """Returns what questions and objectives use of the notes as they are now.

    Args:
        least: people who must have asked in some words for these to be told, where people are
            known. Of objectives, and of questions of people unknown, all are.
    """
    places = _Places(shelf)
    askings: dict[str, Asking] = {}
    for question in asked:
        asking = _of(askings, question.question, question.query, question.asked)
        asking.people |= {question.user} if question.user else set()
        today = question.generation == shelf.contents.generation
        asking.met |= today
        for spot in question.retrieved:
            asking.found |= places.overlapping(spot, today=today)
        for spot in question.cited:
            _cite(asking, places, spot)
    for asking in askings.values():
        if asking.people and len(asking.people) < least:
            asking.told = WITHHELD
    covered = coverage.found if coverage else ()
    for item in covered:
        query = next((wording.text for wording in item.objective.wordings), item.objective.text)
        asking = _of(askings, item.objective.text, query, datetime.now(UTC))
        asking.met |= coverage is not None and coverage.corpus == shelf.contents.corpus
        asking.told = item.objective.text
        for passage in item.support.passages:
            known = Spot(passage.document, passage.span, passage.text[:KNOWN_BY])
            if place := places.standing(known):
                asking.found |= places.rows(*place)
        for citation in item.support.citations:
            known = Spot(citation.document, citation.span, citation.quote[:KNOWN_BY])
            _cite(asking, places, known)
    return Usage(tuple(askings.values()), len(asked), len(covered), places.lost)


def ask_again(shelf: Shelf, used: Usage, progress: Callable[[str, int, int], None]) -> None:
    """Adds what wordings find in the notes of today that only others were asked them.

    Raises:
        LibraryError, ModelError: as for `Library.search`.
    """
    places = _Places(shelf)
    older = [asking for asking in used.askings if not asking.met]
    older = sorted(older, key=lambda asking: asking.last, reverse=True)[:REASKED]
    for number, asking in enumerate(older):
        progress("Asking again", number, len(older))
        with suppress(QuestionError):  # longer than is allowed by now
            for passage in shelf.library.search(asking.query):
                asking.found |= places.rows(passage.document, passage.span)
            asking.met = True


def _of(askings: dict[str, Asking], text: str, query: str, when: datetime) -> Asking:
    """Returns the asking of a wording; case, white space and the mark at its end do not matter."""
    plain = " ".join(text.casefold().split()).rstrip("?!. ")
    asking = askings.setdefault(plain, Asking(text, text, query, when))
    if when > asking.last:
        asking.query, asking.last = query, when
    return asking


def _counts(askings: Sequence[Asking]) -> dict[int, int]:
    counts: dict[int, int] = defaultdict(int)
    for asking in askings:
        for row in asking.found:
            counts[row] += 1
    return counts


def _cite(asking: Asking, places: _Places, spot: Spot) -> None:
    if place := places.standing(spot):
        rows = places.rows(*place)
        asking.quotes.add(place)
        asking.cited |= rows
        asking.found |= rows


class _Places:
    """Finds again what an answer used."""

    def __init__(self, shelf: Shelf) -> None:
        self.lost = 0
        self._shelf = shelf
        self._rows = _spans(shelf.contents)
        self._standing: dict[Spot, tuple[str, Span] | None] = {}

    def rows(self, document: str, span: Span) -> set[int]:
        """Returns the rows of the passages that a span touches."""
        spans, first = self._rows.get(document, ([], 0))
        start = bisect_right(spans, span.start, key=lambda known: known.end)
        end = bisect_left(spans, span.end, key=lambda known: known.start)
        return set(range(first + start, first + max(start, end)))

    def overlapping(self, spot: Spot, *, today: bool) -> set[int]:
        """Returns the rows of a passage that was found, of one of today or as near as can be."""
        if spot.span is None:
            return set()
        rows = self.rows(spot.document, spot.span)
        self.lost += not rows and not today
        return rows

    def standing(self, spot: Spot) -> tuple[str, Span] | None:
        """Returns where the words of a spot stand now, nearest to where they stood."""
        if spot.span is None:
            return None
        if spot not in self._standing:
            self._standing[spot] = self._find(spot, spot.span)
            self.lost += self._standing[spot] is None
        return self._standing[spot]

    def _find(self, spot: Spot, span: Span) -> tuple[str, Span] | None:
        if spot.document not in self._rows:
            return None
        try:
            text = self._shelf.text(spot.document)
        except LibraryError:  # deleted a moment ago
            return None
        if spot.words and text.startswith(spot.words, span.start):
            return spot.document, span
        starts = [at.start for at in occurrences(spot.words, text)] if spot.words else []
        if not starts:
            return None
        start = min(starts, key=lambda at: abs(at - span.start))
        return spot.document, Span(start, min(start + len(span), len(text)))


def _spans(contents: Contents) -> dict[str, tuple[list[Span], int]]:
    """Returns the passages of each document, in order, and the row of its first."""
    found: dict[str, tuple[list[Span], int]] = {}
    for row in range(len(contents)):
        chunk = contents.chunk(row)
        found.setdefault(chunk.document, ([], row))[0].append(chunk.span)
    return found
