"""Where the stages meet: a folder of notes becomes a library, a question becomes an answer."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rag import answering, spelling
from rag import index as derived
from rag.backends import ModelEmbedder
from rag.confidence import SIGNAL_HITS, Fit, read_fit, signals
from rag.config import FIT, Settings
from rag.documents import File, Source, find_files
from rag.embedding import Embedder
from rag.errors import CorpusError, LibraryError, ModelError, QuestionError
from rag.followup import Turn, query_for
from rag.indexing import Indexing, Progress
from rag.refusal import reason_for, suggestions_for
from rag.reranking import MOST, CrossEncoderReranker, Reranker, rerank
from rag.retrieval import ALL, Hit, Parts, Retrieval, distinct, retrieve, shown_score
from rag.store import Store, StoredChunk
from rag.types import (
    Answer,
    AnswerSentence,
    Citation,
    Manifest,
    Passage,
    Span,
)

LOCK_SECONDS = 10.0

COPIES = 10
"""How many more passages are looked at than are wanted, for those that are copies of others."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that `Library.doctor` looked at."""

    name: str
    ok: bool
    detail: str


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


class Library:
    """The folder on disk, and everything one can ask of it.

    Opening costs nothing; the store, the indexes and the model are loaded by the first call that
    needs them. All methods may be called from several threads.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        embedder: Embedder | None = None,
        fit: Fit | None = None,
    ) -> None:
        """Args: `embedder` and `fit` stand in for those that the settings and the library name."""
        self.settings = settings or Settings()
        self.folder = Path(self.settings.library)
        self._given = embedder
        self._given_fit = fit
        self._notes_read: tuple[int, bool] | None = None
        self._fit_read: tuple[object, tuple[Fit | None, str | None]] | None = None
        self._engine: derived.Engine | None = None
        self._lock = threading.RLock()

    @classmethod
    def open(cls, settings: Settings | None = None, embedder: Embedder | None = None) -> Library:
        """Returns a library that is there and can be asked.

        Raises:
            LibraryError: there is none, or it is damaged or of another format.
            ModelError: it was made with another model than the settings name.
        """
        library = cls(settings, embedder)
        library.ensure_ready()
        return library

    @cached_property
    def embedder(self) -> Embedder:
        """Returns the model that the settings name."""
        return self._given or ModelEmbedder(self.settings.model, self.settings.backend)

    @cached_property
    def reranker(self) -> Reranker | None:
        """Returns the model that the settings name for reordering hits, if they name one."""
        name = self.settings.reranker
        return CrossEncoderReranker(name) if name else None

    @cached_property
    def _store(self) -> Store:
        return Store(self.folder)

    @cached_property
    def _model_words(self) -> spelling.Lexicon:
        return spelling.Lexicon.ranked(self.embedder.whole_words())

    @property
    def fit(self) -> Fit:
        """Returns what was learnt from questions about this library, else the shipped fit."""
        return self._given_fit or self._own_fit()[0] or self._shipped_fit

    @property
    def fit_problem(self) -> str | None:
        """Returns why the library's own fit is not used; None where it is, or there is none."""
        return self._own_fit()[1]

    @cached_property
    def _shipped_fit(self) -> Fit:
        return Fit.shipped()

    def _own_fit(self) -> tuple[Fit | None, str | None]:
        """Returns the library's own fit where there is one that holds, and why not.

        It is read again when the file or the conditions change.
        """
        file = self.folder / FIT
        try:
            found = file.stat()
        except OSError:
            return None, None
        conditions = self.conditions()
        with self._lock:
            key = (found.st_mtime_ns, found.st_size, conditions)
            if self._fit_read is None or self._fit_read[0] != key:
                self._fit_read = key, read_fit(file, conditions)
            return self._fit_read[1]

    def conditions(self) -> dict[str, Any]:
        """Returns what changes which words are found and shown: a fit holds for one such state.

        Raises:
            LibraryError: there is no library, or it is damaged.
        """
        with self._engine_now() as engine:
            language, made_with = engine.language, self._store.meta()
        return {
            "model": made_with.get("fingerprint"),
            "chunking": made_with.get("chunking"),
            "language": language,
            **self.settings.reranking(),
        }

    # Indexing

    def index(self, corpus: Path | None = None, progress: Progress | None = None) -> Manifest:
        """Brings the library into agreement with a folder of notes, and returns what was done.

        Only texts that the library has no vector for are embedded, and files that look as they did
        when they were read are not opened. Until the last moment readers see the old state; a
        killed run leaves it in place and loses at most one window of texts.

        Raises:
            CorpusError: the folder is missing or holds nothing readable; the library stays as
                it was.
            LibraryError: the library cannot be written, or another process is writing it.
        """
        corpus = corpus or Path(self.settings.corpus)
        max_bytes = int(self.settings.max_file_mb * 1e6)
        files = [File(path, file, max_bytes) for path, file in find_files(corpus)]
        if not files:
            raise CorpusError(
                f"{corpus} holds no files: put notes there (.md, .txt), then run notesqa index."
            )
        return self.index_sources(files, str(corpus), progress)

    def index_sources(
        self, sources: Sequence[Source], name: str, progress: Progress | None = None
    ) -> Manifest:
        """Brings the library into agreement with sources of any kind, as `index` does.

        Args:
            name: what the sources are called in an error.

        Raises:
            CorpusError, LibraryError: as for `index`.
        """
        store = Store(self.folder, write=True)
        try:
            with store.lock(LOCK_SECONDS):
                run = Indexing(store, self.embedder, self.settings, progress)
                manifest = run.index(sources, name)
                if derived.check(store):
                    derived.build(store)
                store.tidy()
                return manifest
        finally:
            store.close()

    # Asking

    def ask(self, question: str, after: Turn | None = None) -> Answer:
        """Returns the quotes that answer, or an abstention with the nearest passages.

        Args:
            after: the turn before, which the question may lean on.

        Raises:
            QuestionError: the question is empty or too long.
            LibraryError: there is no library, or it is damaged.
            ModelError: the library was made with another model.
        """
        return self.decide(question, self.draft(question, after))

    def decide(self, question: str, draft: Draft) -> Answer:
        """Returns the draft as an answer where its confidence allows, else an abstention."""
        fit = self.fit  # the same for all that follows, even if the file changes meanwhile
        confidence = fit.probability(draft.signals)
        threshold = fit.threshold(self.settings.false_answers)
        shown = confidence >= threshold
        near = draft.signals.get("unit_similarity", 0.0)
        return Answer(
            question=question,
            query=draft.query,
            reason=None if shown else reason_for(near, confidence, threshold),
            confidence=confidence,
            sentences=draft.sentences if shown else (),
            citations=draft.citations if shown else (),
            passages=draft.passages,
            timings_ms=draft.timings_ms,
            measured=not fit.differs(self.conditions()),
            elsewhere=fit is self._shipped_fit and not self._holds_shipped_notes,
            carried=draft.carried,
            suggestions=() if shown else suggestions_for(draft.query, near, draft.passages),
        )

    @property
    def _holds_shipped_notes(self) -> bool:
        """Whether the notes are those that the shipped fit was made on."""
        with self._lock:
            generation = self._store.generation
            if self._notes_read is None or self._notes_read[0] != generation:
                digest = corpus_digest(self._store.digests())
                self._notes_read = generation, digest == self._shipped_fit.fitted_on.get("notes")
            return self._notes_read[1]

    def draft(self, question: str, after: Turn | None = None) -> Draft:
        """Returns what would be answered, undecided: the confidence is fitted on this.

        Args:
            after: as for `ask`.

        Raises:
            QuestionError, LibraryError, ModelError: as for `ask`.
        """
        watch = _Watch()
        asked = self._checked(question)
        # What is carried is cut rather than complained of: nobody typed it.
        query = query_for(asked, after)[: self.settings.max_question_chars]
        with self._found(query, self.settings.passages, watch) as (retrieval, engine, chunks):
            searched = chunks[: answering.PASSAGES]
            units = [self._store.units(chunk.id) for chunk in searched]
            ranked = answering.rank_units(retrieval, engine, searched, units)
            chosen = answering.choose(ranked, retrieval.query, retrieval.language)
            sentences, citations = answering.quote(chosen, self._locate)
            passages = self._passages(retrieval, chunks, self.settings.passages)
        watch.lap("answer")
        return Draft(
            query=retrieval.query,
            signals=signals(retrieval),
            sentences=sentences,
            citations=citations,
            passages=passages,
            timings_ms=watch.laps,
            carried=query != asked,
        )

    def search(self, question: str, k: int | None = None) -> tuple[Passage, ...]:
        """Returns the `k` best passages, `settings.passages` of them by default.

        Raises:
            QuestionError, LibraryError, ModelError: as for `ask`.
        """
        k = k or self.settings.passages
        with self._found(question, k, _Watch()) as (retrieval, _, chunks):
            return self._passages(retrieval, chunks, k)

    def rank(
        self, question: str, ablations: Sequence[Parts] = (ALL,)
    ) -> list[list[tuple[str, float]]]:
        """Returns the documents by their best passage, `(path, score)`, best first.

        One such list for each of `ablations`, all for one embedding of the question. Only
        documents among the candidates are ranked: some hundred. Where the settings name a
        reranker, the first of the full ranking are reordered by it.

        Raises:
            QuestionError, LibraryError, ModelError: as for `ask`.
        """
        query = self._checked(question)
        self.ensure_ready()
        query = self._spelt(query)
        reading, weight = self.embedder.read_queries([query])[0], self.fit.lexical_weight
        with self._engine_now() as engine:
            ranked = []
            for parts in ablations:
                found = retrieve(query, reading, engine, engine.size, weight, parts)
                best: dict[int, Hit] = {}
                for hit in found.hits:
                    best.setdefault(int(engine.documents[hit.row]), hit)
                hits = tuple(best.values())
                if parts == ALL and self.reranker:
                    first = [int(engine.chunk_ids[hit.row]) for hit in hits[:MOST]]
                    hits = self._reranked(query, hits, self._store.chunks(first), MOST)
                paths = self._store.paths(list(best))
                ranked.append([(paths[int(engine.documents[hit.row])], hit.score) for hit in hits])
            return ranked

    @contextmanager
    def _engine_now(self) -> Iterator[derived.Engine]:
        """Holds one state of the library, and gives the indexes of it."""
        with self._lock, self._store.snapshot():
            if self._engine is None or self._engine.identity != derived.identity(self._store):
                self._engine = derived.open_engine(self._store)
            yield self._engine

    @contextmanager
    def _found(
        self, question: str, k: int, watch: _Watch
    ) -> Iterator[tuple[Retrieval, derived.Engine, list[StoredChunk]]]:
        """Holds one state of the library, with what retrieval found in it, best first."""
        query = self._checked(question)
        self.ensure_ready()
        query = self._spelt(query)
        reading, weight = self.embedder.read_queries([query])[0], self.fit.lexical_weight
        watch.lap("embed")
        with self._engine_now() as engine:
            # The signals look at the best ten, reranking at the passages of an answer, however
            # many are shown.
            passages = self.settings.passages
            wanted = max(k, SIGNAL_HITS, passages)
            retrieval = retrieve(query, reading, engine, wanted + COPIES, weight)
            chunks = self._store.chunks([int(engine.chunk_ids[hit.row]) for hit in retrieval.hits])
            kept = distinct(retrieval.hits, [chunk.text for chunk in chunks], engine)[:wanted]
            hits = tuple(retrieval.hits[place] for place in kept)
            chunks = [chunks[place] for place in kept]
            watch.lap("retrieve")
            if self.reranker:
                before = dict(zip((hit.row for hit in hits), chunks, strict=True))
                hits = self._reranked(query, hits, chunks, passages)
                chunks = [before[hit.row] for hit in hits]
                watch.lap("rerank")
            yield replace(retrieval, hits=hits), engine, chunks

    def _reranked(
        self, query: str, hits: tuple[Hit, ...], chunks: Sequence[StoredChunk], k: int
    ) -> tuple[Hit, ...]:
        """Returns hits, the first `k` of them reordered, `MOST` at most, if there is a reranker."""
        if self.reranker is None:
            return hits
        texts = ["\n".join([*_names(chunk), chunk.text]) for chunk in chunks[: min(k, MOST)]]
        return rerank(query, hits, texts, self.reranker, self.settings.rerank_ms)

    def _checked(self, question: str) -> str:
        query = " ".join(question.split())
        limit = self.settings.max_question_chars
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

    def _spelt(self, query: str) -> str:
        """Returns the query as it was meant, where the settings want it repaired."""
        if not self.settings.spelling:
            return query
        with self._engine_now() as engine:
            return spelling.repair(query, engine.lexicon, self._model_words)

    def ensure_ready(self) -> None:
        """Raises LibraryError or ModelError, as `open` does, where nothing could be asked.

        A reranker is loaded, so that no question pays for it.
        """
        self._check_model()
        if self.reranker:
            self.reranker.load()

    def _check_model(self) -> None:
        with self._lock:
            meta = self._store.meta()
        if "fingerprint" not in meta:
            raise LibraryError(
                f"The library in {self.folder} is empty, its indexing never ended: "
                "run notesqa index."
            )
        if meta["fingerprint"] != self.embedder.fingerprint:
            raise ModelError(
                f"The library in {self.folder} was made with model {meta['model']}, "
                f"the settings name {self.embedder.name}: run notesqa index to make it anew, "
                "or name the other model in notesqa.toml."
            )

    def _passages(
        self, retrieval: Retrieval, chunks: Sequence[StoredChunk], k: int
    ) -> tuple[Passage, ...]:
        return tuple(
            Passage(
                rank=rank,
                score=shown_score(hit.score),
                document=chunk.document,
                title=chunk.title,
                headings=chunk.headings,
                location=self._locate(chunk.document, chunk.span),
                span=chunk.span,
                text=chunk.text,
            )
            for rank, (hit, chunk) in enumerate(
                zip(retrieval.hits[:k], chunks, strict=False), start=1
            )
        )

    def _locate(self, document: str, span: Span) -> str:
        first = self._store.line(document, span.start)
        last = self._store.line(document, span.end - 1)
        return f"line {first}" if first == last else f"lines {first}–{last}"

    # Looking

    def source(self, document: str) -> str:
        """Returns the text of a document as it was indexed.

        Raises:
            LibraryError: no such document.
        """
        with self._lock:
            return self._store.text(document)

    def chunk_spans(self, document: str) -> list[Span]:
        """Returns where a document's chunks lie, in order; empty where it is not indexed."""
        with self._lock:
            return self._store.chunk_spans(document)

    def digests(self) -> dict[str, str]:
        """Returns the documents' paths and the SHA-256 of their bytes."""
        with self._lock:
            return self._store.digests()

    def titles(self) -> dict[str, str]:
        """Returns the documents' paths and titles, by path."""
        with self._lock:
            return self._store.titles()

    def status(self) -> dict[str, Any]:
        """Returns the JSON object of `status --json`."""
        with self._lock, self._store.snapshot():
            documents, chunks, _ = self._store.counts()
            skipped = self._store.skipped()
            return {
                "files": documents + len(skipped),
                "indexed": documents,
                "chunks": chunks,
                "generation": self._store.generation,
                "model": self._store.meta().get("model"),
                "backend": self.embedder.backend,
                "reranker": self.settings.reranker or None,
                "skipped": [item.to_dict() for item in skipped],
                "partial": [],
            }

    def doctor(self) -> list[Check]:
        """Returns what was checked: store, derived indexes, and model; mends nothing."""
        with self._lock, self._store.snapshot():
            store = self._store.problems()
            stale = derived.check(self._store)
            language = "" if stale else derived.language(self._store)
        try:
            self._check_model()
            model = ""
        except ModelError as error:
            model = str(error)
        return [
            Check("store", not store, "; ".join(store) or "whole"),
            Check(
                "indexes",
                not stale,
                "; ".join(stale) or f"agree with the store; language: {language}",
            ),
            Check("model", not model, model or f"{self.embedder.name}, as the library was made"),
            self._check_encoder(),
            *self._check_fit(),
            *self._check_reranker(),
        ]

    def _check_encoder(self) -> Check:
        """Returns the check of what runs the model."""
        try:
            return Check("encoder", True, f"{self.embedder.backend}: {self.embedder.why}")
        except ModelError as error:
            return Check("encoder", False, str(error))

    def _check_fit(self) -> list[Check]:
        """Returns the check of the library's own fit, where there is one."""
        if not (self.folder / FIT).is_file():
            return []
        problem = self.fit_problem
        return [Check("fit", problem is None, problem or "the library's own, in use")]

    def _check_reranker(self) -> list[Check]:
        """Returns the check of the reranker, where the settings name one."""
        name, budget = self.settings.reranker, self.settings.rerank_ms
        if not name:
            return []
        try:
            if self.reranker:
                self.reranker.load()
        except ModelError as error:
            return [Check("reranker", False, str(error))]
        return [Check("reranker", True, f"{name}, for {budget} ms a question")]


def corpus_digest(digests: Mapping[str, str]) -> str:
    """Returns one digest of all that is indexed, paths and bytes.

    Args:
        digests: of the documents' bytes, by path.
    """
    lines = (f"{path}\0{digest}\n" for path, digest in sorted(digests.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


class _Watch:
    """Milliseconds from lap to lap, by name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + (now - self._last) * 1000
        self._last = now


def _names(chunk: StoredChunk) -> list[str]:
    """Returns what a chunk stands under, once each: its note's title and its headings."""
    return [name for name in dict.fromkeys([chunk.title, *chunk.headings]) if name]
