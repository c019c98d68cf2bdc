"""The best hits are read again by a slower model, beside the question, and reordered.

`Reranker` is the seam; `CrossEncoderReranker` is the one behind it. Off by default: a
cross-encoder begun from the weights of the packaged model and trained on the development sets
added at most .007 on unseen collections and took some away. None trained on more was at hand to be
measured: `notesqa eval beir` and `eval compare` say what the one that a user names is worth.

The rule: hits are scored from the best down, a few at a time, for as long as the budget lasts.
The scored ones, which are the first so many, share out their own places by what the reranker
says; of those it finds equal, the one that was ahead stays ahead. All others keep their places:
no hit that was not scored moves at all. Each place keeps its score, so scores go on falling, mean
what they meant to the stages after, and differ in no way that depends on the reranker's own scale.
Places of one and the same score go by row, as everywhere. What comes out depends only on how many
hits were scored; how many that is depends on the machine and on what else it does, so runs that
are to be compared want an ample budget. By default it is 500 ms: two idle cores read some 24
passages a second with a model of the packaged one's size, which makes the 10 of an answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from rag.errors import ModelError
from rag.models import find, fingerprint, load_reranker
from rag.retrieval import Hit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.models import ScoringModel

    Scores = NDArray[np.float32]

log = logging.getLogger(__name__)

MOST = 20
"""How many hits are reranked at most."""

BATCH = 2
"""Hits scored between two looks at the clock.

Larger batches are padded more and gain nothing on a CPU: 20 passages cost one core 1.5 s in twos,
1.6 s in fours, 2.0 s in eights, 2.6 s at once (six layers of 384).
"""

_REMEDY = "Name another with reranker in notesqa.toml, or none with an empty name."


class Reranker(Protocol):
    """What the pipeline needs to know of a model that reads question and passage together."""

    @property
    def name(self) -> str:
        """Returns the name a person would use."""
        ...

    @property
    def fingerprint(self) -> str:
        """Returns a digest that differs whenever the same pair may get another score."""
        ...

    def load(self) -> None:
        """Makes ready what scoring needs, so that the first score takes no longer than the next.

        Raises:
            ModelError: it does not load.
        """
        ...

    def score(self, query: str, texts: Sequence[str]) -> Scores:
        """Returns `(len(texts),)` float32, on any scale; higher answers better."""
        ...


class CrossEncoderReranker:
    """Any sentence-transformers cross-encoder with one score, run by torch."""

    def __init__(self, name: str) -> None:
        """Raises `ModelError` where no such model is on this disk or can be downloaded."""
        self.name = name
        self._folder = find(name, "leave reranker empty in notesqa.toml")

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self._folder)

    @cached_property
    def _model(self) -> ScoringModel:
        return load_reranker(self._folder, _REMEDY)

    def load(self) -> None:
        _ = self._model

    def score(self, query: str, texts: Sequence[str]) -> Scores:
        import numpy as np

        scores: Scores = self._model.predict(
            [(query, text) for text in texts], show_progress_bar=False
        )
        if not np.isfinite(scores).all():
            raise ModelError(
                f"Reranker {self.name} gives scores that are no numbers: its weights are damaged. "
                f"{_REMEDY}"
            )
        return scores


def rerank(
    query: str,
    hits: Sequence[Hit],
    texts: Sequence[str],
    reranker: Reranker,
    budget_ms: float,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Hit, ...]:
    """Returns all hits, the first of them reordered by the rule above.

    Args:
        hits: best first, ties by row.
        texts: what the first hits say; the hits beyond are not scored.
        budget_ms: the first batch is always scored, another only if it would end within this,
            were it as slow as the one before.
        clock: seconds.

    Raises:
        ModelError: the reranker does not load, or gives no numbers.
    """
    if not texts:
        return tuple(hits)
    reranker.load()  # which no question's budget pays for
    scores = _in_time(query, texts, reranker, budget_ms / 1000, clock)
    log.info("Reranked %d of %d hits.", len(scores), len(texts))
    # Sorting is stable: of equals, the one that was ahead stays ahead.
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    moved = [
        replace(hits[came_from], score=hits[place].score) for place, came_from in enumerate(order)
    ]
    return tuple(sorted([*moved, *hits[len(scores) :]], key=lambda hit: (-hit.score, hit.row)))


def _in_time(
    query: str,
    texts: Sequence[str],
    reranker: Reranker,
    budget: float,
    clock: Callable[[], float],
) -> list[float]:
    """Returns the scores of as many of the first texts as the budget, in seconds, allows."""
    scores: list[float] = []
    begun = before = clock()
    for start in range(0, len(texts), BATCH):
        scores += reranker.score(query, texts[start : start + BATCH]).tolist()
        now = clock()
        if (now - begun) + (now - before) > budget:
            break
        before = now
    return scores
