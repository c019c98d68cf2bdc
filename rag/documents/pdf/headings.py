"""Rows of a page that are headings: by size or weight, by a number of their own, or by an outline.

In: rows in reading order. Out: those of the heading that begins at one of them. Precision before
recall: a heading that is none would name all that follows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from rag.documents.pdf.rows import Row

_SECTION = re.compile(r"(?:\d{1,2}(?:\.\d{1,2})*\.?|[IVX]{1,5}\.|[A-Z]\.|§\s?\d+)\s+(?=[^\W\d_])")
_NO_HEADING = re.compile(r"@|(?:\.\s*){4}")  # who wrote it, and lines of a table of contents
_DEEP = re.compile(r"\d{1,2}\.\d{1,2}")
WORD = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Two letters, or one of a script that needs no more."""


@dataclass(frozen=True, slots=True)
class Body:
    """How most of the text is set.

    Attributes:
        pitch: from base line to base line, in heights of its letters.
    """

    size: float
    bold: bool
    fixed: bool
    pitch: float


def body_of(rows: Sequence[Row], size: float) -> Body:
    """Returns how the rows of that size are set."""
    ours = [row for row in rows if abs(row.size - size) <= 0.3]
    whole = sum(len(row.text) for row in ours)
    pitches = [
        (row.y - before.y) / row.size
        for before, row in pairwise(ours)
        if (before.page, before.region) == (row.page, row.region)
        and 0.9 <= (row.y - before.y) / row.size <= 2.6
    ]
    return Body(
        size=size,
        bold=2 * sum(len(row.text) for row in ours if row.bold) > whole,
        fixed=2 * sum(len(row.text) for row in ours if row.fixed) > whole,
        pitch=median(pitches) if pitches else 1.2,
    )


def heading_at(rows: Sequence[Row], at: int, body: Body, outline: frozenset[str]) -> list[Row]:
    """Returns the rows of the heading that begins here, if one does: a few of one style."""
    first = rows[at]
    most = 6 if first.size >= 1.5 * body.size else 3
    end = at + 1
    while (
        end < min(len(rows), at + most + 1)
        and _alike(first, rows[end], body)
        and is_close(rows[end - 1], rows[end], 1.7)
    ):
        end += 1
    found = list(rows[at:end])
    text = " ".join(row.text for row in found)
    if len(found) > most or len(first.cells) > 1 or not _may_head(text):
        return []
    listed = {_folded(text), _folded(_SECTION.sub("", text))} & outline
    bold = first.bold and not body.bold
    large = first.size >= (1.12 if bold else 1.18) * body.size
    ended = text.endswith((",", ";", "-")) or (text.endswith(".") and not _SECTION.match(text))
    if listed or ended or large:
        return found if listed or not ended else []
    before = rows[at - 1] if at else first
    alone = before.region != first.region or not is_close(before, first, 1.15 * body.pitch)
    following = rows[end] if end < len(rows) else first
    followed = following.region == first.region and not following.bold and len(text) <= 90
    if first.size < 0.97 * body.size or not followed:
        return []
    numbered = _SECTION.match(text) is not None
    if bold:
        return found if numbered or ((alone or not at) and not text.endswith(":")) else []
    deep = _DEEP.match(text) or _is_centred(first, rows)
    return found if numbered and alone and deep and not _SECTION.match(following.text) else []


def _may_head(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    if 2 * letters < len("".join(text.split())) or len(text) > 160 or text[0].islower():
        return False
    return WORD.search(text) is not None and not _NO_HEADING.search(text)


def _folded(text: str) -> str:
    return "".join(text.casefold().split())


def _is_centred(row: Row, rows: Sequence[Row]) -> bool:
    beside = [other for other in rows if other.region == row.region]
    left, right = min(one.left for one in beside), max(one.right for one in beside)
    margins = row.left - left, right - row.right
    return min(margins) > 0.05 * (right - left) and abs(margins[0] - margins[1]) < 2 * row.size


def _alike(one: Row, other: Row, body: Body) -> bool:
    """Returns whether two rows may be of one heading: of one size, and large or both bold."""
    return (
        abs(one.size - other.size) <= 0.06 * one.size
        and ((one.bold and other.bold) or one.size >= 1.18 * body.size)
        and one.region == other.region
        and len(other.cells) == 1
        and not _SECTION.match(other.text)
    )


def is_close(before: Row, row: Row, heights: float) -> bool:
    """Returns whether a row follows another by no more than so many heights of their letters."""
    return 0 <= row.y - before.y <= heights * max(row.size, before.size)
