"""Small letters set off the line are a superscript or a subscript of what stands before them.

In: two runs of letters of a page, with their sizes and base lines. Out: how the second is written.
Precision before recall: initials, small capitals and words in small print stay as they are.
"""

from __future__ import annotations

import re

from rag.documents.raised import lowered, raised

_SCRIPT = re.compile(
    r"[+−–-]?(?:\d{1,4}|[^\W\d_])(?:[+−,=*-](?:\d{1,4}|[^\W\d_]))*,?|\d{1,2}[^\W\d_]|[+−]"
)
_MARKS = re.compile(r"(?:\d+,)+\d*")

_LARGEST, _SMALLEST = 0.86, 0.45
"""Of the letters before: browsers set 0.83, TeX 0.7 and 0.5; below that those are an initial."""

_ABOVE, _BELOW, _FARTHEST = 0.15, 0.07, 0.8
"""How far the base line lies off, in sizes of the letters before; TeX lowers by 0.15 or more."""


def script_of(text: str, size: float, y: float, base_size: float, base_y: float) -> str | None:
    """Returns how a script is written, None where the letters are none.

    Args:
        size: of its letters.
        y: of its base line, downwards.
        base_size: of the letters before.
        base_y: of their base line.
    """
    if not _SMALLEST * base_size < size <= _LARGEST * base_size or not _SCRIPT.fullmatch(text):
        return None
    above = (base_y - y) / base_size
    if _ABOVE <= above <= _FARTHEST:
        parts = text.split(",") if _MARKS.fullmatch(text) else [text]
        return ",".join(map(raised, parts))
    return lowered(text) if _BELOW <= -above <= _FARTHEST else None
