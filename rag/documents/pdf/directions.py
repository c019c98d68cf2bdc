"""Words as they stand on a line become words as they are read: Arabic and Hebrew run to the left.

In: words from the left to the right of a line. Out: the same words in reading order. A line runs to
the left where most of its words do; the words of the other direction keep their own order in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

LEFTWARDS = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+")
"""Letters that run to the left."""


def runs_left(text: str) -> bool:
    """Returns whether text has letters that run to the left."""
    return LEFTWARDS.search(text) is not None


def in_reading_order(words: Sequence[str]) -> list[str]:
    """Returns the words of a line, given from left to right, as one reads them."""
    runs = [list(run) for _, run in groupby(words, key=runs_left)]
    if 2 * sum(map(runs_left, words)) > len(words):
        runs.reverse()
    return [word for run in runs for word in (reversed(run) if runs_left(run[0]) else run)]
