"""A query becomes candidates, and candidates become ranked hits.

A chunk's score adds up, on one absolute scale, what speaks for it: the cosine of the query with the
chunk, with the chunk's best unit, twice the mean over the query's tokens of the best cosine with
one of the chunk's tokens (each token weighed by its idf), and BM25 times `lexical_weight`. None is
scaled by what else was found: BM25 is a sum of idf, so words say much where the query holds rare
ones that the notes hold too, and little where it does not. That is the weight that follows the
query. Ties break by row, that is by document and place.

What was tried, and what it gave, stands in eval/bench/retrieval.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from rag.words import terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.tokens import Reading

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]

POOL = 100
"""How many chunks the words propose."""

DENSE_POOL = 100
"""How many chunks the vectors propose; asking the units' vectors as well changed no nDCG@10."""

TOKEN_DEPTH = 30
"""How many of the best chunks are matched token by token; more changed nothing on any set."""

TOKEN_WEIGHT = 2.0

NEAR, SHARED = 0.95, 0.9
"""The cosine, and the share of common terms, from which one of two chunks is a copy."""


class Engine(Protocol):
    """What retrieval asks of whatever holds the indexes; `rag.index.Engine` is the embedded one."""

    @property
    def size(self) -> int:
        """Returns the number of chunks."""
        ...

    @property
    def documents(self) -> Rows:
        """Returns a number for each row's document."""
        ...

    @property
    def language(self) -> str:
        """Returns the language whose terms the word index holds."""
        ...

    def dense(self, query: Vectors, k: int, within: range | None = None) -> Rows:
        """Returns the rows of the `k` chunks nearest to the query, of all or of some rows."""
        ...

    def chunk_similarities(self, query: Vectors, rows: Rows) -> Vectors:
        """Returns the cosine of the query and each chunk."""
        ...

    def best_unit_similarities(self, query: Vectors, rows: Rows) -> Vectors:
        """Returns the cosine of the query and the best unit of each chunk."""
        ...

    def unit_similarities(self, query: Vectors, row: int) -> Vectors:
        """Returns the cosine of the query and each unit of one chunk."""
        ...

    def token_similarities(self, query: Reading, rows: Rows) -> Vectors:
        """Returns the mean over the query's tokens, by idf, of the best cosine in each chunk."""
        ...

    def between(self, rows: Rows) -> Vectors:
        """Returns the cosine of each chunk with each."""
        ...

    def lexical(
        self, terms: Sequence[str], k: int, within: range | None = None
    ) -> list[tuple[int, float]]:
        """Returns `(row, BM25 score)`, best first, of all or of some rows."""
        ...

    def document_frequency(self, term: str) -> int:
        """Returns how many chunks hold the term."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts of the ranking are in use; an ablation leaves some out.

    Attributes:
        lexical, dense: the two legs; one of them may be left out.
        sentences: the dense leg includes a chunk's best unit.
        tokens: the dense leg includes the match token by token.
    """

    lexical: bool = True
    dense: bool = True
    sentences: bool = True
    tokens: bool = True


ALL = Parts()


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found.

    Attributes:
        score: what hits are ranked by; on the same scale for every query.
        chunk_similarity, unit_similarity: cosines of the query with the chunk and its best unit.
        token_similarity: 0 to 1, how well the query's tokens are matched, by idf; None where the
            chunk was not matched token by token.
        bm25: 0 where no word of the query stands in the chunk.
    """

    row: int
    score: float
    chunk_similarity: float
    unit_similarity: float
    token_similarity: float | None
    bm25: float


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was searched for and what came back, best first.

    Attributes:
        terms: of the query, once each, with the idf that BM25 gives them.
        language: whose terms these are.
    """

    query: str
    vector: Vectors
    terms: dict[str, float]
    hits: tuple[Hit, ...]
    language: str = "english"


def retrieve(
    query: str,
    reading: Reading,
    engine: Engine,
    k: int,
    lexical_weight: float,
    parts: Parts = ALL,
    within: range | None = None,
) -> Retrieval:
    """Returns the `k` best chunks, or all where there are fewer.

    Args:
        reading: the query, as the embedder reads it.
        lexical_weight: what a point of BM25 is worth, in cosines.
        within: the only rows that are candidates, None for all; idf is that of all.
    """
    import numpy as np

    words = {
        term: _idf(engine.document_frequency(term), engine.size)
        for term in dict.fromkeys(terms(query, engine.language))
    }
    lexical = dict(engine.lexical(list(words), POOL, within)) if parts.lexical else {}
    dense = engine.dense(reading.vector, DENSE_POOL, within) if parts.dense else ()
    found = set(lexical) | {int(row) for row in dense}
    rows = np.array(sorted(found), dtype=np.int64)
    if not len(rows):
        return Retrieval(query, reading.vector, words, (), engine.language)
    chunk = engine.chunk_similarities(reading.vector, rows)
    unit = engine.best_unit_similarities(reading.vector, rows)
    bm25 = np.array([lexical.get(int(row), 0.0) for row in rows])
    score = lexical_weight * bm25 if parts.lexical else np.zeros(len(rows))
    token = np.full(len(rows), np.nan)
    if parts.dense:
        score = score + chunk + (unit if parts.sentences else 0)
        if parts.tokens:
            first = np.lexsort((rows, -score))[:TOKEN_DEPTH]
            token[first] = engine.token_similarities(reading, rows[first])
            # The others stay behind: none of them counts as better matched than the worst of these.
            score = score + TOKEN_WEIGHT * np.where(np.isnan(token), token[first].min(), token)
    order = np.lexsort((rows, -score))[:k]
    hits = (
        Hit(
            row=int(rows[i]),
            score=float(score[i]),
            chunk_similarity=float(chunk[i]),
            unit_similarity=float(unit[i]),
            token_similarity=None if np.isnan(token[i]) else float(token[i]),
            bm25=float(bm25[i]),
        )
        for i in order
    )
    return Retrieval(query, reading.vector, words, tuple(hits), engine.language)


def distinct(hits: Sequence[Hit], texts: Sequence[str], engine: Engine) -> list[int]:
    """Returns the places of the hits that say something new, in order.

    A hit is left out where a better one is near it (`NEAR`) and shares nearly all its terms
    (`SHARED` of those of both), every number among them: a vector takes two lists that differ in
    a number for one, and so do the shares where the lists are long.

    Args:
        texts: of the hits, in their order.
    """
    import numpy as np

    near = engine.between(np.array([hit.row for hit in hits], dtype=np.int64)) >= NEAR

    @cache
    def said(place: int) -> frozenset[str]:
        return frozenset(terms(texts[place], engine.language))

    kept: list[int] = []
    for place in range(len(hits)):
        if not any(near[place, other] and _alike(said(place), said(other)) for other in kept):
            kept.append(place)
    return kept


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Returns whether two texts of these terms say the same; texts without terms do."""
    numbers = any(character.isdecimal() for term in one ^ other for character in term)
    return not numbers and len(one & other) >= SHARED * len(one | other)


def shown_score(score: float) -> float:
    """Returns a hit's score between 0 and 1, in the same order: for people, no probability."""
    return 1 / (1 + math.exp(-(score - _MIDDLE) / _SPREAD))


_MIDDLE, _SPREAD = 2.2, 0.4


def _idf(frequency: int, size: int) -> float:
    """Returns BM25's idf as Lucene and tantivy compute it: ln(1 + (N - n + 0.5) / (n + 0.5))."""
    return math.log(1 + (size - frequency + 0.5) / (frequency + 0.5))
