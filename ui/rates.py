"""How often: a name or an address comes in, whether it may go on comes out.

A bucket holds tokens; each event takes one, and they come back at a steady pace. A wait is
therefore never longer than one token's time, whoever emptied the bucket.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_KEYS = 10_000
"""Buckets that are held; beyond, those that were used longest ago are forgotten."""


class Buckets:
    """A bucket of tokens for each key; may be used from several threads."""

    def __init__(
        self, burst: int, per_minute: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Args: `burst` is how many tokens a full bucket holds."""
        self._burst = burst
        self._pace = per_minute / 60
        self._clock = clock
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Returns 0 and takes a token, or takes none and returns the seconds until there is one."""
        with self._lock:
            tokens = self._tokens(key)
            if tokens < 1:
                return (1 - tokens) / self._pace
            self._keep(key, tokens - 1)
            return 0.0

    def wait(self, key: str) -> float:
        """Returns the seconds until there is a token, and takes none."""
        with self._lock:
            return max(0.0, (1 - self._tokens(key)) / self._pace)

    def taken(self, key: str) -> float:
        """Returns how many tokens are missing."""
        with self._lock:
            return self._burst - self._tokens(key)

    def __len__(self) -> int:
        """Returns how many buckets are held."""
        return len(self._held)

    def _tokens(self, key: str) -> float:
        now = self._clock()
        tokens, then = self._held.get(key, (float(self._burst), now))
        return min(self._burst, tokens + (now - then) * self._pace)

    def _keep(self, key: str, tokens: float) -> None:
        self._held[key] = (min(self._burst, tokens), self._clock())
        self._held.move_to_end(key)
        if len(self._held) > MOST_KEYS:
            self._held.popitem(last=False)
