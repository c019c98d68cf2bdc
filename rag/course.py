"""What a run of indexing has done becomes the share of its time that has passed.

The time still to come is reckoned from what there is to read, by suffix, and to embed, and from how
long each took so far. With it, the share that is told moves by

    (1 - share) * passed / (passed + to come)

which is the share of the time where the reckoning is right, never moves back where it is not, and
ends at the whole. Bytes alone told otherwise: a PDF holds few words a byte, a Markdown file nothing
else, and it is words that take the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Progress = Callable[[str, int, int], None]
"""Called with the stage, how much is done and how much there is; what follows a colon in the stage
is what it is at."""

WHOLE = 10_000
"""How much there is, in any run of indexing."""

STAGE = "Indexing"

CHUNKS, UNITS, INDEXES = "chunks", "units", "indexes"

_ALL_TEXT = frozenset((".md", ".markdown", ".txt", ".text", ".rst", ".tex", ".vtt", ".srt", ""))

_TAKEN_FOR_GRANTED = 20_000
"""Bytes or characters for which a rate counts that nothing is known of yet."""

_SECONDS = {CHUNKS: 1.4e-5, UNITS: 1.3e-5, INDEXES: 1.5e-6}
"""Seconds a character, of the packaged model on two cores."""

_A_TEXT = 80
"""Characters that would take as long as what a text takes whatever its length: measured, 34 to 164
for short ones."""

_OF_TEXT = {CHUNKS: 1.1, UNITS: 2.0}
"""Effort of embedding, in characters, for one of a document."""


def in_step(sizes: Sequence[tuple[str, int]]) -> list[int]:
    """Returns the places of files, given by suffix and size, in an order that mixes the kinds.

    Each kind is always about as far as the others, by bytes, so that what is met first tells of all
    that is to come; within a kind the order stays.
    """
    totals: dict[str, int] = {}
    before = []
    for suffix, size in sizes:
        before.append(totals.get(suffix, 0))
        totals[suffix] = before[-1] + size
    return sorted(
        range(len(sizes)), key=lambda place: before[place] / max(totals[sizes[place][0]], 1)
    )


def effort(texts: Iterable[str]) -> int:
    """Returns how much it is to embed texts, in characters."""
    return sum(len(text) + _A_TEXT for text in texts)


class _Rate:
    """How much of one thing goes with one of another."""

    def __init__(self, rate: float) -> None:
        self._found = rate * _TAKEN_FOR_GRANTED
        self._of = float(_TAKEN_FOR_GRANTED)

    @property
    def seen(self) -> bool:
        return self._of > _TAKEN_FOR_GRANTED

    def learn(self, found: float, of: float) -> None:
        self._found += found
        self._of += of

    @property
    def rate(self) -> float:
        return self._found / self._of


@dataclass(slots=True)
class _Kind:
    """Files of one suffix: seconds and characters a byte, and the bytes not read yet."""

    seconds: _Rate
    chars: _Rate
    unread: int = 0


class Course:
    """One run: told what happens, it reports how far the run is."""

    def __init__(
        self, progress: Progress | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._progress = progress or (lambda *_: None)
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}
        self._seconds = {kind: _Rate(rate) for kind, rate in _SECONDS.items()}
        self._of_text = {kind: _Rate(rate) for kind, rate in _OF_TEXT.items()}
        self._unsplit = 0  # characters of documents that were read
        self._unembedded = dict.fromkeys(_OF_TEXT, 0)
        self._held = 0  # characters of all documents, of which the indexes are made
        self._share = 0.0
        self._told = self._marked = clock()

    def expect(self, suffix: str, size: int) -> None:
        """Takes in that a file of so many bytes is to be read."""
        if suffix not in self._kinds:
            full = suffix in _ALL_TEXT
            rates = _Rate(1e-6 if full else 4e-6), _Rate(1.0 if full else 0.1)
            self._kinds[suffix] = _Kind(*rates)
        self._kinds[suffix].unread += size

    def opened(self, suffix: str, size: int, chars: int) -> None:
        """Takes in that a file was read, or turned out not to be worth it (no characters)."""
        kind = self._kinds[suffix]
        kind.unread -= size
        kind.chars.learn(chars, size)
        self._unsplit += chars
        self._held += chars
        if not chars:
            self.read(suffix, size)

    def read(self, suffix: str, size: int) -> None:
        """Takes in that all of a file was split."""
        self._kinds[suffix].seconds.learn(self._lap(), size)
        self.tell()

    def known(self, chars: int, chunks: int, units: int) -> None:
        """Takes in the effort of embedding so many characters of documents."""
        self._lap()
        self._unsplit -= chars
        for kind, number in ((CHUNKS, chunks), (UNITS, units)):
            self._of_text[kind].learn(number, chars)
            self._unembedded[kind] += number

    def embedded(self, kind: str, done: int) -> None:
        """Takes in that so much of that effort was made."""
        self._unembedded[kind] -= done
        self._seconds[kind].learn(self._lap(), done)
        self.tell()

    def tell(self, at: str = "") -> None:
        """Reports how far the run is, and what it is at."""
        now = self._clock()
        passed, self._told = now - self._told, now
        if passed > 0:
            self._share += (1 - self._share) * passed / (passed + self._to_come())
        stage = f"{STAGE}: {at}" if at else STAGE
        self._progress(stage, min(int(self._share * WHOLE), WHOLE - 1), WHOLE)

    def end(self) -> None:
        """Reports that all is done."""
        self._progress(STAGE, WHOLE, WHOLE)

    def _lap(self) -> float:
        now = self._clock()
        passed, self._marked = now - self._marked, now
        return passed

    def _to_come(self) -> float:
        """Returns the seconds that are left, as far as is known."""
        chars = self._unsplit + sum(kind.unread * kind.chars.rate for kind in self._kinds.values())
        reading = sum(kind.unread * kind.seconds.rate for kind in self._kinds.values())
        embedding = sum(
            (self._unembedded[kind] + chars * self._of_text[kind].rate) * self._rate_of(kind)
            for kind in _OF_TEXT
        )
        unread = chars - self._unsplit
        return reading + embedding + (self._held + unread) * self._rate_of(INDEXES)

    def _rate_of(self, kind: str) -> float:
        """Returns seconds a character; where none was seen, of a machine as fast as with chunks."""
        rates = self._seconds
        if rates[kind].seen:
            return rates[kind].rate
        return _SECONDS[kind] * rates[CHUNKS].rate / _SECONDS[CHUNKS]
