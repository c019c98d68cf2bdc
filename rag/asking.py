"""A query becomes passages, and passages a draft of an answer, all of one engine.

Nothing here waits for the store: an engine, once taken, serves a question to its end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from rag import answering
from rag.confidence import SIGNAL_HITS, signals
from rag.config import Settings
from rag.errors import QuestionError
from rag.index import Engine
from rag.reranking import MOST, Reranker, rerank
from rag.retrieval import ALL, Hit, Parts, Retrieval, distinct, retrieve, shown_score
from rag.texts import StoredChunk
from rag.tokens import Reading
from rag.types import AnswerSentence, Citation, Passage

COPIES = 10
"""How many more passages are looked at than are wanted, for those that are copies of others."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before it is decided whether it may be shown; fields as in `Answer`."""

    query: str
    signals: dict[str, float]
    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    timings_ms: dict[str, float]
    carried: bool = False


@dataclass(frozen=True, slots=True)
class Sought:
    """What is searched for.

    Attributes:
        reading: the query, as the embedder reads it.
        weight: what a point of BM25 is worth, in cosines.
        within: the only rows to look at, None for all.
    """

    query: str
    reading: Reading
    weight: float
    within: range | None


@dataclass(frozen=True, slots=True)
class Found:
    """What retrieval found, best first: `chunks` are those of the hits."""

    retrieval: Retrieval
    chunks: tuple[StoredChunk, ...]

    def passages(self, k: int) -> tuple[Passage, ...]:
        """Returns the first `k` as they are shown."""
        return tuple(
            Passage(
                rank=rank,
                score=shown_score(hit.score),
                document=chunk.document,
                title=chunk.title,
                headings=chunk.headings,
                location=chunk.place(chunk.span),
                span=chunk.span,
                text=chunk.text,
            )
            for rank, (hit, chunk) in enumerate(
                zip(self.retrieval.hits[:k], self.chunks, strict=False), start=1
            )
        )


class Watch:
    """Milliseconds from lap to lap, by name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Adds the time since the last lap."""
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + (now - self._last) * 1000
        self._last = now


def on_one_line(question: str, limit: int) -> str:
    """Returns the question without line ends.

    Raises:
        QuestionError: it is empty, longer than `limit` characters, or no text.
    """
    query = " ".join(question.split())
    if not query.isprintable() and any("\ud800" <= char <= "\udfff" for char in query):
        raise QuestionError("The question is not Unicode text: type it again.")
    if not query:
        raise QuestionError("The question is empty: type what you want to know.")
    if len(query) > limit:
        raise QuestionError(
            f"The question has {len(query)} characters, the limit is {limit}: "
            "ask for one thing at a time."
        )
    return query


def find(
    sought: Sought,
    engine: Engine,
    k: int,
    settings: Settings,
    reranker: Reranker | None,
    watch: Watch,
) -> Found:
    """Returns the `k` best passages of an engine, or more: the signals look at the best ten."""
    # Reranked are the passages of an answer, however many are shown.
    wanted = max(k, SIGNAL_HITS, settings.passages)
    retrieval = retrieve(
        *(sought.query, sought.reading, engine, wanted + COPIES),
        *(sought.weight, ALL, sought.within),
    )
    chunks = [engine.texts.chunk(hit.row) for hit in retrieval.hits]
    kept = distinct(retrieval.hits, [chunk.text for chunk in chunks], engine)[:wanted]
    hits = tuple(retrieval.hits[place] for place in kept)
    by_row = {chunk.row: chunk for chunk in chunks}
    watch.lap("retrieve")
    if reranker:
        hits = _reranked(
            sought.query, hits, engine, settings.passages, reranker, settings.rerank_ms
        )
        watch.lap("rerank")
    return Found(replace(retrieval, hits=hits), tuple(by_row[hit.row] for hit in hits))


def draft(
    found: Found, engine: Engine, passages: tuple[Passage, ...], watch: Watch, *, carried: bool
) -> Draft:
    """Returns what would be answered, with these of the passages."""
    retrieval = found.retrieval
    searched = found.chunks[: answering.PASSAGES]
    units = [engine.texts.units(chunk.row) for chunk in searched]
    ranked = answering.rank_units(retrieval, engine, searched, units)
    chosen = answering.choose(ranked, retrieval.query, retrieval.language)
    sentences, citations = answering.quote(chosen)
    watch.lap("answer")
    return Draft(
        query=retrieval.query,
        signals=signals(retrieval),
        sentences=sentences,
        citations=citations,
        passages=passages,
        timings_ms=watch.laps,
        carried=carried,
    )


def rank(
    query: str,
    reading: Reading,
    engine: Engine,
    weight: float,
    parts: Parts,
    reranker: Reranker | None,
    rerank_ms: int,
) -> list[tuple[str, float]]:
    """Returns the documents by their best passage, `(path, score)`, best first.

    The first of the full ranking are reordered where there is a reranker.
    """
    found = retrieve(query, reading, engine, engine.size, weight, parts)
    best: dict[int, Hit] = {}
    for hit in found.hits:
        best.setdefault(int(engine.documents[hit.row]), hit)
    hits = tuple(best.values())
    if parts == ALL and reranker:
        hits = _reranked(query, hits, engine, MOST, reranker, rerank_ms)
    return [(engine.texts.path(int(engine.documents[hit.row])), hit.score) for hit in hits]


def _reranked(
    query: str, hits: tuple[Hit, ...], engine: Engine, k: int, reranker: Reranker, budget: float
) -> tuple[Hit, ...]:
    """Returns hits, the first `k` of them reordered, `MOST` at most."""
    chunks = [engine.texts.chunk(hit.row) for hit in hits[: min(k, MOST)]]
    texts = ["\n".join([*_names(chunk), chunk.text]) for chunk in chunks]
    return rerank(query, hits, texts, reranker, budget)


def _names(chunk: StoredChunk) -> list[str]:
    """Returns what a chunk stands under, once each: its note's title and its headings."""
    return [name for name in dict.fromkeys([chunk.title, *chunk.headings]) if name]
