"""An iterator is run in a thread of its own, so that what comes next is made meanwhile."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Ahead(Generic[Item]):
    """Items made before they are asked for, up to a weight; a context manager that stops it.

    At its end nothing is waited for: the thread stops after the item that it is at.
    """

    def __init__(self, items: Iterator[Item], weigh: Callable[[Item], int], limit: int) -> None:
        self._items = items
        self._weigh = weigh
        self._limit = limit
        self._made: deque[Item] = deque()
        self._weight = 0
        self._ended = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Ahead[Item]:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def items(self, patience: float, waiting: Callable[[], None]) -> Iterator[Item]:
        """Yields the items in order, and raises what making one raised.

        Args:
            waiting: called whenever an item has not come for another `patience` seconds.
        """
        while True:
            with self._changed:
                while not self._made and not self._ended:
                    if not self._changed.wait(patience):
                        waiting()
                if not self._made:
                    break
                item = self._made.popleft()
                self._weight -= self._weigh(item)
                self._changed.notify_all()
            yield item
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    self._made.append(item)
                    self._weight += self._weigh(item)
                    self._changed.notify_all()
                    while self._weight > self._limit and not self._ended:
                        self._changed.wait()
                    if self._ended:
                        return
        except BaseException as error:  # raised again by `items`: this thread has no caller
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
