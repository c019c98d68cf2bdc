"""Usage becomes what an instructor should know of single passages and sections.

Input: what questions and objectives used, and the notes; output: passages that nothing ever found,
passages that everything cites, and sections too unwieldy for what is asked of them.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Any

from eval.stretches import Section, Shelf, Stretch, common, sections
from eval.usage import WITHHELD, Asking, Usage
from rag import Library, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

LEAST_ASKINGS = 8
"""Wordings that must lead to a passage before anything is said of how they differ."""

MOST_VECTORS = 2_000
"""Wordings, evenly of all, that are embedded: 4 s on two cores."""

LEAST_SPREAD = 0.85
"""Of what cites a passage, against all that is asked: 1 is as different as any two wordings. In the
shipped notes, asked the shipped set, the widest of 11 passages cited 8 times has .78."""

LEAST_SHARE = 0.02
"""Of all answers, that cite a passage for everything."""

LONG = 3
"""Passages that a section has to fill to be long: within it, headings cannot tell them apart."""

LONGER = 4
"""And so many times the characters of the median section of the notes."""

LEAST_PLACES = 3
"""Statements of a long section that must be cited for its questions to be scattered."""

SHOWN = 5
"""Examples of what is asked."""


@dataclass(frozen=True, slots=True)
class Never:
    """A stretch that nothing asked so far has found.

    Attributes:
        passages: how many it has.
        of: how many its note has.
        near: the cosine of the nearest wording, which found other passages; None where nothing
            was asked.
        nearest: that wording.
    """

    stretch: Stretch
    passages: int
    of: int
    near: float | None
    nearest: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {
            **self.stretch.to_dict(),
            "passages": self.passages,
            "of": self.of,
            "near": self.near,
            "nearest": self.nearest,
        }


@dataclass(frozen=True, slots=True)
class Always:
    """A passage that answers wordings of very different subjects.

    Attributes:
        askings: how many wordings cite it.
        share: of all wordings that got an answer.
        spread: how different they are; 1 is as different as any two.
        asked: some of them, those least alike.
    """

    stretch: Stretch
    askings: int
    share: float
    spread: float
    asked: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {
            **self.stretch.to_dict(),
            "askings": self.askings,
            "share": self.share,
            "spread": self.spread,
            "asked": list(self.asked),
        }


class Why(StrEnum):
    """What makes a stretch unwieldy."""

    LONG = "long, and asked for at scattered places"
    BARE = "no heading in the whole note"


@dataclass(frozen=True, slots=True)
class Unwieldy:
    """A note or a section that is hard to find the right place in.

    Attributes:
        passages: how many it fills.
        askings: how many wordings cite it.
        places: those where most of them lead, in order, each with one of them.
    """

    stretch: Stretch
    why: Why
    passages: int
    askings: int
    places: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {
            **self.stretch.to_dict(),
            "why": self.why.value,
            "passages": self.passages,
            "askings": self.askings,
            "places": [{"location": place, "asked": asked} for place, asked in self.places],
        }


class Subjects:
    """What is asked about, as vectors."""

    def __init__(self, library: Library, askings: Sequence[Asking]) -> None:
        step = -(-len(askings) // MOST_VECTORS) or 1
        self.askings = tuple(askings[::step])
        self.vectors: Vectors | None = None
        if self.askings:
            self.vectors = library.embed([asking.text for asking in self.askings])


def never_found(shelf: Shelf, usage: Usage, subjects: Subjects) -> list[Never]:
    """Returns the runs that nothing found, by note: first those of which nothing was found.

    Nothing is one of them until the notes of today were asked something.
    """
    met = [place for place, asking in enumerate(subjects.askings) if asking.met]
    if not met:
        return []
    contents = shelf.contents
    found = usage.found()
    numbers = contents.documents
    missed = [row for row in range(len(contents)) if row not in found]
    of_note = Counter(numbers.tolist())
    near, nearest = _nearest(contents.vectors(), subjects, met)
    runs = []
    for _, group in groupby(enumerate(missed), lambda at: (numbers[at[1]], at[1] - at[0])):
        rows = [row for _, row in group]
        chunks = [contents.chunk(row) for row in rows]
        span = Span(chunks[0].span.start, chunks[-1].span.end)
        headings = common([chunk.headings for chunk in chunks])
        best = max(rows, key=lambda row: near[row])
        runs.append(
            Never(
                shelf.stretch(chunks[0].document, headings, span),
                len(rows),
                of_note[int(numbers[rows[0]])],
                round(near[best], 2),
                nearest[best],
            )
        )
    of_document = Counter[str]()
    for run in runs:
        of_document[run.stretch.document] += run.passages
    return sorted(
        runs,
        key=lambda run: (
            of_document[run.stretch.document] < run.of,
            *(-of_document[run.stretch.document], run.stretch.document),
            *(-run.passages, run.stretch.span),
        ),
    )


def _nearest(
    passages: Vectors, subjects: Subjects, met: Sequence[int]
) -> tuple[list[float], list[str]]:
    """Returns for each passage the cosine of the nearest of some wordings, and that."""
    near, nearest = [], []
    vectors = subjects.vectors[met]  # type: ignore[index]
    for first in range(0, len(passages), 1024):
        cosines = passages[first : first + 1024] @ vectors.T
        near += cosines.max(axis=1).tolist()
        nearest += [subjects.askings[met[at]].told for at in cosines.argmax(axis=1).tolist()]
    return near, nearest


def always_cited(shelf: Shelf, usage: Usage, subjects: Subjects) -> list[Always]:
    """Returns what is cited by wordings as different as any, most often cited first."""
    answered = [place for place, asking in enumerate(subjects.askings) if asking.cited]
    if subjects.vectors is None or len(answered) < 2 * LEAST_ASKINGS:
        return []
    usual = 1 - _mean_cosine(subjects.vectors[answered])
    counts = Counter(row for asking in usage.askings for row in asking.cited)
    answers = sum(bool(asking.cited) for asking in usage.askings)
    cited: dict[int, list[int]] = defaultdict(list)
    for place in answered:
        for row in subjects.askings[place].cited:
            cited[row].append(place)
    found = []
    for row, places in cited.items():
        share = counts[row] / answers
        if len(places) < LEAST_ASKINGS or share < LEAST_SHARE:
            continue
        vectors = subjects.vectors[places]
        spread = (1 - _mean_cosine(vectors)) / max(usual, 1e-9)
        if spread >= LEAST_SPREAD:
            chunk = shelf.contents.chunk(row)
            order = (vectors @ vectors.mean(axis=0)).argsort().tolist()
            told = dict.fromkeys(subjects.askings[places[place]].told for place in order)
            found.append(
                Always(
                    shelf.stretch(chunk.document, chunk.headings, chunk.span),
                    counts[row],
                    round(share, 3),
                    round(spread, 2),
                    tuple(told)[:SHOWN],
                )
            )
    return sorted(found, key=lambda item: (-item.askings, item.stretch.document, item.stretch.span))


def _mean_cosine(vectors: Vectors) -> float:
    """Returns the mean cosine of two different rows, `(|sum|² - n) / (n² - n)` for unit rows."""
    n = len(vectors)
    total = vectors.sum(axis=0)
    return float((total @ total - n) / (n * n - n))


def unwieldy(shelf: Shelf, usage: Usage) -> list[Unwieldy]:
    """Returns the sections and notes too long, or without headings, for what is asked of them.

    A long section counts where questions lead to scattered places in it; a note without any
    heading counts where something leads to it, and while nothing was asked at all.
    """
    parts = sections(shelf.contents)
    if not parts:
        return []
    median = statistics.median(len(part.span) for part in parts)
    quotes: dict[str, list[tuple[Span, Asking]]] = defaultdict(list)
    for asking in usage.askings:
        for document, span in asking.quotes:
            quotes[document].append((span, asking))
    several = {part.document for part in parts if part.headings}
    found = []
    for part in parts:
        inside = [known for known in quotes[part.document] if part.span.overlap(known[0])]
        askings = len({asking.text for _, asking in inside})
        bare = not part.headings and part.document not in several
        long = len(part.rows) >= LONG
        if bare and long and (askings or not usage.askings):
            why = Why.BARE
        elif long and len(part.span) >= LONGER * median and _scattered(inside, part):
            why = Why.LONG
        else:
            continue
        stretch = shelf.stretch(part.document, part.headings, part.span)
        found.append(Unwieldy(stretch, why, len(part.rows), askings, _places(shelf, part, inside)))
    return sorted(found, key=lambda item: (-item.askings * item.passages, item.stretch.document))


def _scattered(inside: Sequence[tuple[Span, Asking]], part: Section) -> bool:
    """Returns whether enough is asked of a section, at places that lie half of it apart."""
    starts = {span.start for span, _ in inside}
    if len({asking.text for _, asking in inside}) < LEAST_ASKINGS or len(starts) < LEAST_PLACES:
        return False
    return max(starts) - min(starts) >= len(part.span) / 2


def _places(
    shelf: Shelf, part: Section, inside: Sequence[tuple[Span, Asking]]
) -> tuple[tuple[str, str], ...]:
    asked: dict[Span, list[str]] = defaultdict(list)
    for span, asking in inside:
        asked[span].append(asking.told)
    often: list[tuple[Span, str]] = []
    for span, texts in sorted(asked.items(), key=lambda item: (-len(item[1]), item[0])):
        if len(often) < SHOWN and not any(span.overlap(known) for known, _ in often):
            often.append((span, min(texts, key=lambda told: told == WITHHELD)))
    return tuple(
        (shelf.stretch(part.document, (), span).location, text) for span, text in sorted(often)
    )
