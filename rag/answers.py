"""Answers that were given before: of one state of the library, and by one fit.

Whatever else follows from such a state alone is kept in the same way.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

MOST = 1024
"""Answers kept; one takes some 20 KB, most of it the passages."""


Given = TypeVar("Given")


class Answers(Generic[Given]):
    """The last answers by what was asked; those of another state go when one of this one comes."""

    def __init__(self) -> None:
        self._state: tuple[object, ...] = ()
        self._kept: OrderedDict[Hashable, Given] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, state: tuple[object, ...], asked: Hashable) -> Given | None:
        """Returns the answer given in this very state.

        Args:
            state: the objects that answers follow from; others, even if equal, are another state.
        """
        with self._lock:
            if not self._is(state) or asked not in self._kept:
                return None
            self._kept.move_to_end(asked)
            return self._kept[asked]

    def keep(self, state: tuple[object, ...], asked: Hashable, answer: Given) -> None:
        """Keeps an answer; the one longest unasked goes where there are too many."""
        with self._lock:
            if not self._is(state):
                self._state = state
                self._kept.clear()
            self._kept[asked] = answer
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def _is(self, state: tuple[object, ...]) -> bool:
        same = (one is other for one, other in zip(state, self._state, strict=False))
        return len(state) == len(self._state) and all(same)
