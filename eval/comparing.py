"""The statements of the notes compared with each other: said twice, and at odds.

Input: the notes; output: what several notes say alike, and what may disagree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from eval.disagreement import Conflict, Rarity, conflict, overlap
from eval.likeness import Copies, copies, differing, near_pairs, same_words
from eval.stretches import Shelf, Statement, Stretch, common, statements
from eval.wordings import Worded
from rag import Span

LEAST_COSINE = 0.4
"""Statements further apart are not compared: their vectors hold the headings above them, so that
copies under other headings lay down to .41 (60 planted, shipped notes)."""

LEAST_OVERLAP = 0.8
"""Share of the terms of both from which one statement is a copy of the other."""

LEAST_COPIED = 8
"""Terms that a copied run must have: "See below." stands everywhere."""

LEAST_OF_NOTE, LEAST_SAME = 0.3, 3
"""Share of a note's statements in another, and how many, for both to be versions of one."""

LEAST_SURE, LEAST_SURE_HERE = 0.65, 0.8
"""Of statements that disagree, in two notes and in two sections of one, where parallel sections
say the same of different things."""

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


@dataclass(frozen=True, slots=True)
class Versions:
    """Notes that share so much that each seems to be made of another.

    Attributes:
        share: of the statements of a note, in another of them: the largest.
    """

    documents: tuple[str, ...]
    share: float

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {"documents": list(self.documents), "share": self.share}


@dataclass(frozen=True, slots=True)
class Alike:
    """What several notes say in the same words, or nearly.

    Attributes:
        places: one in each note.
        statements: how many there are.
        exact: whether the words are the same in all.
        differs: the words in which the first two that differ do so.
    """

    places: tuple[Stretch, ...]
    statements: int
    exact: bool
    differs: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {
            "statements": self.statements,
            "exact": self.exact,
            "differs": [list(words) for words in self.differs],
            "places": [place.to_dict() for place in self.places],
        }


@dataclass(frozen=True, slots=True)
class Disagreeing:
    """Two statements that cannot both hold, perhaps.

    Attributes:
        kind: `number`, `negation`, `opposite`, `direction`, `quantifier` or `date`.
        words: on which they disagree, of the one and the other.
        sure: 0 to 1, how much else of them is the same.
        more: other pairs that either is part of.
    """

    one: Stretch
    other: Stretch
    kind: str
    words: tuple[str, str]
    sure: float
    more: int

    @property
    def reason(self) -> str:
        """Returns on what they disagree, in words."""
        one, other = self.words
        if one and other:
            return f"{one} against {other}"
        return f"“{one or other}” in {'the first' if one else 'the second'} only"

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {
            "kind": self.kind,
            "reason": self.reason,
            "sure": self.sure,
            "more": self.more,
            "one": self.one.to_dict(),
            "other": self.other.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing found.

    Attributes:
        statements: how many were compared.
    """

    statements: int
    versions: tuple[Versions, ...]
    alike: tuple[Alike, ...]
    disagreeing: tuple[Disagreeing, ...]


def compare(shelf: Shelf, progress: Callable[[str, int, int], None]) -> Compared:
    """Returns what the notes say alike, the longest first, and at odds, the surest first."""
    language = shelf.contents.language
    said, vectors = statements(shelf.contents)
    same = same_words(said)
    firsts = sorted(places[0] for places in same.values())
    wordings = {place: Worded(said[place].text, language) for place in firsts}
    rarity = Rarity(list(wordings.values()))
    words = {place: wordings[places[0]] for places in same.values() for place in places}
    near: list[tuple[int, int]] = []
    at_odds: list[tuple[Conflict, int, int]] = []
    for pair in near_pairs(
        vectors[firsts], LEAST_COSINE, lambda done, of: progress("Comparing", done, of)
    ):
        one, other = firsts[pair.one], firsts[pair.other]
        if against := conflict(wordings[one], wordings[other], rarity):
            if against.sure >= _least_sure(said[one], said[other]):
                at_odds.append((against, one, other))
        elif overlap(wordings[one], wordings[other]) >= LEAST_OVERLAP:
            near.append((one, other))
    runs = copies(said, same, near)
    families = _families(said, runs)
    return Compared(
        len(said),
        tuple(_versions(families)),
        tuple(
            _alike(shelf, said, words, [run for run in runs if not _inside(run, said, families)])
        ),
        tuple(_disagreeing(shelf, said, at_odds)),
    )


def _least_sure(one: Statement, other: Statement) -> float:
    """Returns how sure a conflict of two statements must be; more than one can be for none.

    Those of one section are read together, and notes whose paths name different years are versions
    of each other.
    """
    if one.document == other.document:
        return 2.0 if one.headings == other.headings else LEAST_SURE_HERE
    years, others = set(_YEAR.findall(one.document)), set(_YEAR.findall(other.document))
    return 2.0 if years and others and years != others else LEAST_SURE


def _families(said: Sequence[Statement], runs: Sequence[Copies]) -> dict[str, tuple[float, str]]:
    """Returns the notes that are versions of others: how much they share, and which is the first.

    The share is of the statements of the shorter note.
    """
    sizes = Counter(statement.document for statement in said)
    shared: Counter[tuple[str, str]] = Counter()
    for run in runs:
        notes = sorted(said[first].document for first, _ in run.runs)
        shared.update(dict.fromkeys(combinations(notes, 2), run.statements))
    family: dict[str, tuple[float, str]] = {}
    for (one, other), statements_ in sorted(shared.items()):
        share = statements_ / min(sizes[one], sizes[other])
        if share < LEAST_OF_NOTE or statements_ < LEAST_SAME:
            continue
        (most, first), (more, second) = (family.get(note, (0.0, note)) for note in (one, other))
        best = max(most, more, share)
        for note in {
            one,
            other,
            *(n for n, (_, head) in family.items() if head in (first, second)),
        }:
            family[note] = best, min(first, second)
    return family


def _inside(run: Copies, said: Sequence[Statement], families: dict[str, tuple[float, str]]) -> bool:
    """Returns whether all notes of a run are versions of one."""
    notes = [said[first].document for first, _ in run.runs]
    return len({families[note][1] if note in families else note for note in notes}) == 1


def _versions(families: dict[str, tuple[float, str]]) -> list[Versions]:
    heads = sorted({head for _, head in families.values()})
    return [
        Versions(
            tuple(sorted(note for note, (_, known) in families.items() if known == head)),
            round(families[head][0], 2),
        )
        for head in heads
    ]


def _alike(
    shelf: Shelf,
    said: Sequence[Statement],
    words: dict[int, Worded],
    runs: Sequence[Copies],
) -> list[Alike]:
    found = []
    for run in runs:
        first, last = run.runs[0]
        if sum(words[place].terms.total() for place in range(first, last + 1)) < LEAST_COPIED:
            continue
        places = []
        for first, last in run.runs:
            within = said[first : last + 1]
            span = Span(within[0].span.start, max(statement.span.end for statement in within))
            headings = common([statement.headings for statement in within])
            places.append(shelf.stretch(within[0].document, headings, span))
        changes = (differing(places[0].text, place.text) for place in places[1:])
        differs = next(filter(None, changes), ())
        found.append(Alike(tuple(places), run.statements, not differs, differs))
    return found


def _disagreeing(
    shelf: Shelf, said: Sequence[Statement], at_odds: Sequence[tuple[Conflict, int, int]]
) -> list[Disagreeing]:
    """Returns the surest pairs, each statement in one of them."""
    often = Counter(place for _, *places in at_odds for place in places)
    found, seen = [], set[int]()
    for against, one, other in sorted(at_odds, key=lambda known: (-known[0].sure, known[1:])):
        if {one, other} & seen:
            continue
        seen |= {one, other}
        places = (
            shelf.stretch(said[place].document, said[place].headings, said[place].span)
            for place in (one, other)
        )
        sure, more = round(against.sure, 2), often[one] + often[other] - 2
        found.append(
            Disagreeing(next(places), next(places), against.kind, against.words, sure, more)
        )
    return found
