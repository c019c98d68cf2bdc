"""Where cited words stand on a page of a PDF.

In: the page's letters with their boxes, and the page's text in the note with the span that is
cited. Out: rectangles, about one a line. Letters and digits alone are compared, without case and
accents: hyphens at a line's end, ligatures, white space and signs differ between the two.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

from rag.types import GRID, Area, Drawn, Span

_ENOUGH = 0.8
"""Share of the cited letters that has to be found, where lines and cells are looked for alone."""

_PARTS = re.compile(r"\n|\s\|\s|\s{2,}")

_SIGNS = re.compile(r"[^\w\s]*")

_SLACK = 2.0
"""How much a rectangle may cover beside its letters, in squares as high as a letter is: the white
space of a justified line."""


def areas_of(page: Drawn, text: str, span: Span) -> tuple[Area, ...]:
    """Returns where the words of `span` stand; nothing where that cannot be told.

    Args:
        text: of the page, as the note has it; `span` lies in it.
    """
    there, places = _folded(page.letters)
    quote = span.of(text)
    sought = _folded(quote)[0]
    if not sought or not there:
        return ()
    said = _folded(text)[0]
    start = len(_folded(text[: span.start])[0])
    runs = _whole(sought, there, said, start) or _in_parts(quote, there, start / len(said))
    signs = _signs_before(quote), _signs_before(quote.removesuffix("\n")[::-1])[::-1]
    return tuple(
        _shares(area, page)
        for first, last in runs
        for area in _lines(page, *_with_signs(page.letters, places[first], places[last], signs))
    )


def _signs_before(quote: str) -> str:
    found = _SIGNS.match(quote)
    return found[0] if found else ""


@lru_cache(10_000)
def _letters_of(one: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", one).casefold()))


def _folded(text: str) -> tuple[str, list[int]]:
    """Returns what is compared, and where in the text each of its letters stands."""
    said: list[str] = []
    places: list[int] = []
    for at, one in enumerate(text):
        letters = _letters_of(one)
        said.append(letters)
        places += [at] * len(letters)
    return "".join(said), places


def _whole(sought: str, there: str, said: str, start: int) -> list[tuple[int, int]]:
    """Returns where all of the words stand; of several places, the one that answers to theirs."""
    found = _all(sought, there)
    if not found:
        return []
    ours = _all(sought, said)
    if len(found) == len(ours):
        at = found[ours.index(start)]
    else:
        at = min(found, key=lambda at: abs(at / len(there) - start / len(said)))
    return [(at, at + len(sought) - 1)]


def _in_parts(quote: str, there: str, share: float) -> list[tuple[int, int]]:
    """Returns where lines and cells stand, each near the others, the longest placed first.

    Args:
        share: of the page that comes before.
    """
    parts = [part for part in (_folded(one)[0] for one in _PARTS.split(quote)) if part]
    runs: list[tuple[int, int]] = []
    for part in sorted(parts, key=len, reverse=True):
        anchors = [end for run in runs for end in run] or [round(share * len(there))]
        if found := _all(part, there):
            at = min(found, key=lambda at: min(abs(at - anchor) for anchor in anchors))
            runs.append((at, at + len(part) - 1))
    covered = sum(last - first + 1 for first, last in runs)
    return sorted(runs) if covered >= _ENOUGH * sum(map(len, parts)) else []


def _all(sought: str, text: str) -> list[int]:
    """Returns where the words begin, overlaps included."""
    found = []
    at = text.find(sought)
    while at >= 0:
        found.append(at)
        at = text.find(sought, at + 1)
    return found


def _with_signs(letters: str, first: int, last: int, signs: tuple[str, str]) -> tuple[int, int]:
    """Returns a run with the signs before and after it that are cited too."""
    before, after = signs
    if letters.endswith(before, 0, first):
        first -= len(before)
    if letters.startswith(after, last + 1):
        last += len(after)
    return first, last


_Box = tuple[float, float, float, float]


def _lines(page: Drawn, first: int, last: int) -> Iterator[_Box]:
    """Yields rectangles around the letters, in pixels: a new one where a line ends."""
    open_: _Box | None = None
    for at in range(first, last + 1):
        box = _box(page, at)
        if page.letters[at].isspace() or not _size(box):
            continue
        joined = _around(open_, box) if open_ else box
        if open_ and _size(joined) > _size(open_) + _size(box) + _SLACK * (box[3] - box[1]) ** 2:
            yield open_
            joined = box
        open_ = joined
    if open_:
        yield open_


def _box(page: Drawn, at: int) -> _Box:
    left, top, right, bottom = page.boxes[4 * at : 4 * at + 4]
    across, down = page.width / GRID, page.height / GRID
    return left * across, top * down, right * across, bottom * down


def _around(one: _Box, other: _Box) -> _Box:
    return (
        *(min(one[0], other[0]), min(one[1], other[1])),
        *(max(one[2], other[2]), max(one[3], other[3])),
    )


def _size(box: Sequence[float]) -> float:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def _shares(box: _Box, page: Drawn) -> Area:
    left, top, right, bottom = box
    return Area(left / page.width, top / page.height, right / page.width, bottom / page.height)
