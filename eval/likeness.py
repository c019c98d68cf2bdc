"""Statements become pairs that say much the same: compared all with all, in little memory.

Input: statements and their vectors; output: pairs with their cosine, and of those the copies.

All pairs of 100,000 statements are 5 · 10⁹ cosines; they are computed in tiles, and of each
statement only its nearest few are kept. Comparing 20,000 made of real ones took 16 s of one core
and 400 MB, 4 s of that for the cosines, which grow with the square.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from eval.stretches import Statement

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]

TILE_ROWS, TILE_COLUMNS = 1024, 8192
"""Of one product of matrices: 32 MB of cosines at a time."""

MOST_EACH = 20
"""Later statements that are kept of those near one; copies are looked for by their words first."""

GAP = 3
"""Statements further that a run may go on: short ones stand between that are no copies."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two statements, by their places in the list, and the cosine of their vectors."""

    one: int
    other: int
    cosine: float


def near_pairs(
    vectors: Vectors, least: float, progress: Callable[[int, int], None] = lambda *_: None
) -> Iterator[Pair]:
    """Yields the pairs whose cosine is above `least`, those of `MOST_EACH` for each at most.

    Args:
        vectors: `(n, dim)`, unit rows.
    """
    import numpy as np

    for first in range(0, len(vectors), TILE_ROWS):
        progress(first, len(vectors))
        block = vectors[first : first + TILE_ROWS]
        enough = np.full(len(block), least, dtype=np.float32)
        kept = _Kept(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
        for column in range(first, len(vectors), TILE_COLUMNS):
            cosines = block @ vectors[column : column + TILE_COLUMNS].T
            flat = np.flatnonzero(cosines > enough[:, None])
            ones, others = np.divmod(flat, cosines.shape[1])
            values = cosines[ones, others]
            later = first + ones < column + others
            kept = _nearest(kept, ones[later], column + others[later], values[later])
            full = kept.ones[MOST_EACH - 1 :] == kept.ones[: 1 - MOST_EACH]
            last = np.flatnonzero(full) + MOST_EACH - 1
            enough[kept.ones[last]] = kept.values[last]
        for one, other, value in zip(*(part.tolist() for part in kept), strict=True):
            yield Pair(first + one, other, value)


class _Kept(NamedTuple):
    """Pairs, by the first and its nearest."""

    ones: Rows
    others: Rows
    values: Vectors


def _nearest(kept: _Kept, ones: Rows, others: Rows, values: Vectors) -> _Kept:
    """Returns of all pairs each one's nearest, nearest first."""
    import numpy as np

    ones = np.concatenate([kept.ones, ones])
    others = np.concatenate([kept.others, others])
    values = np.concatenate([kept.values, values])
    order = np.lexsort((others, -values, ones))
    ones, others, values = ones[order], others[order], values[order]
    starts = np.flatnonzero(np.r_[True, ones[1:] != ones[:-1]]) if len(ones) else ones
    place = np.arange(len(ones)) - np.repeat(starts, np.diff(np.r_[starts, len(ones)]))
    near = place < MOST_EACH
    return _Kept(ones[near], others[near], values[near])


@dataclass(frozen=True, slots=True)
class Copies:
    """A run of statements that several notes have, with the same words or nearly.

    Attributes:
        runs: the places of the first and the last statement in each note, in their order.
        statements: how many of them there are.
    """

    runs: tuple[tuple[int, int], ...]
    statements: int


def same_words(statements: Sequence[Statement]) -> dict[str, list[int]]:
    """Returns the places of the statements of the same words, by these; white space aside."""
    found: dict[str, list[int]] = defaultdict(list)
    for place, statement in enumerate(statements):
        found[" ".join(statement.text.split())].append(place)
    return found


def copies(
    statements: Sequence[Statement], same: dict[str, list[int]], near: Sequence[tuple[int, int]]
) -> list[Copies]:
    """Returns the runs that several notes have, the longest first.

    Args:
        same: as `same_words` gives it.
        near: pairs of first places of it that say the same in nearly the same words.
    """
    groups = _joined(list(same.values()), near)
    clusters = sorted(filter(None, (_a_note_each(statements, group) for group in groups)))
    open_: dict[tuple[str, ...], Copies] = {}
    found: list[Copies] = []
    for places in clusters:
        notes = tuple(statements[place].document for place in places)
        last = open_.get(notes)
        if last and all(
            run[1] < place <= run[1] + GAP for run, place in zip(last.runs, places, strict=True)
        ):
            runs = zip(last.runs, places, strict=True)
            longer = tuple((run[0], place) for run, place in runs)
            open_[notes] = Copies(longer, last.statements + 1)
            continue
        if last:
            found.append(last)
        open_[notes] = Copies(tuple((place, place) for place in places), 1)
    return sorted([*found, *open_.values()], key=lambda known: (-known.statements, known.runs))


def _joined(groups: list[list[int]], near: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Returns the groups, those as one that a pair joins."""
    parent = {group[0]: group[0] for group in groups}

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for one, other in near:
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    joined: dict[int, list[int]] = defaultdict(list)
    for group in groups:
        joined[root(group[0])] += group
    return list(joined.values())


def _a_note_each(statements: Sequence[Statement], group: Sequence[int]) -> tuple[int, ...]:
    """Returns the first place in each note; empty where there is one note alone."""
    first: dict[str, int] = {}
    for place in sorted(group):
        first.setdefault(statements[place].document, place)
    return tuple(first.values()) if len(first) > 1 else ()


def differing(one: str, other: str) -> tuple[tuple[str, str], ...]:
    """Returns the words in which two texts differ, each with what stands in their place.

    Case and marks do not matter.
    """
    ones, others = one.split(), other.split()
    plain, against = ([_plain(word) for word in words] for words in (ones, others))
    matcher = difflib.SequenceMatcher(None, plain, against, autojunk=False)
    pairs = (
        (" ".join(ones[a:b]), " ".join(others[c:d]))
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    )
    return tuple(pair for pair in pairs if any(map(_plain, pair)))


def _plain(text: str) -> str:
    return re.sub(r"[^\w.]|\.(?!\d)", "", text).casefold()
