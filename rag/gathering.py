"""Calls that arrive while another is being answered are answered together, in one batch.

A call that comes alone is answered at once: nobody waits for company. While one thread reads, the
others' texts gather; when it ends, one of those not answered yet takes what waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class _Call(Generic[Result]):
    texts: list[str]
    results: list[Result] | None = None
    error: Exception | None = None

    @property
    def answered(self) -> bool:
        return self.results is not None or self.error is not None


class Gathering(Generic[Result]):
    """A function of many texts, called from many threads, one thread and one batch at a time."""

    def __init__(self, read: Callable[[Sequence[str]], list[Result]], most: int) -> None:
        """Args: `read` gives a result for each text; `most` texts are read at a time."""
        self._read = read
        self._most = most
        self._waiting: list[_Call[Result]] = []
        self._reading = False
        self._turn = threading.Condition()

    def __call__(self, texts: Sequence[str]) -> list[Result]:
        """Returns the result of each text; raises what reading the batch raised."""
        call: _Call[Result] = _Call(list(texts))
        with self._turn:
            self._waiting.append(call)
        while not call.answered:
            with self._turn:
                self._turn.wait_for(lambda: call.answered or not self._reading)
                if call.answered:
                    break
                self._reading = True
                taken = self._taken()
            try:
                self._answer(taken)
            finally:
                with self._turn:
                    # Who was interrupted leaves the others' calls to the next.
                    self._waiting[:0] = [one for one in taken if not one.answered]
                    self._reading = False
                    self._turn.notify_all()
        if call.results is None:
            assert call.error is not None
            raise call.error
        return call.results

    def _taken(self) -> list[_Call[Result]]:
        """Returns the calls that waited longest, `most` texts of them, one call at least."""
        taken = [self._waiting.pop(0)]
        texts = len(taken[0].texts)
        while self._waiting and texts + len(self._waiting[0].texts) <= self._most:
            taken.append(self._waiting.pop(0))
            texts += len(taken[-1].texts)
        return taken

    def _answer(self, calls: Sequence[_Call[Result]]) -> None:
        texts = [text for call in calls for text in call.texts]
        try:
            results = self._read(texts)
            if len(results) != len(texts):
                raise ValueError(f"{len(texts)} texts were read with {len(results)} results")
        except Exception as error:  # it belongs to those who asked
            for call in calls:
                call.error = error
            return
        left = iter(results)
        for call in calls:
            call.results = [next(left) for _ in call.texts]
