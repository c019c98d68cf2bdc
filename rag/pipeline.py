"""Where the stages meet: a folder of notes becomes a library, a question becomes an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import asking, checks, examples, spelling
from rag import index as derived
from rag.answers import Answers
from rag.asking import Draft
from rag.backends import ModelEmbedder
from rag.checks import Check
from rag.confidence import Fit, read_fit
from rag.config import FIT, Settings
from rag.documents import File, Limits, Loaders, Source, find_files
from rag.embedding import Embedder
from rag.errors import (
    CorpusError,
    DamagedError,
    LockedError,
    ModelError,
    NoLibraryError,
)
from rag.folders import place_of
from rag.followup import Turn, query_for
from rag.refusal import reason_for, suggestions_for
from rag.reranking import CrossEncoderReranker, Reranker
from rag.retrieval import ALL, Parts
from rag.store import PATIENCE, Store
from rag.tokens import Reading
from rag.types import Answer, Manifest, Note, Passage, Picture, PlaceKind, Skipped, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.contents import Contents
    from rag.course import Progress
    from rag.pictures import Pictures

    Vectors = NDArray[np.float32]

LOCK_SECONDS = 10.0

TURNS = 2
"""Questions that are searched for at a time, once they are read.

More get in each other's way: 64 clients on two cores got 42 answers a second without a limit, 68
one by one, 72 by twos.
"""


HIDDEN = "hidden text"
"""The reason of a remark that a person has to judge; the others say what could not be read."""


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
        self._fit_read: tuple[object, tuple[Fit | None, str | None]] | None = None
        self._engine: derived.Engine | None = None
        self._reading: Store | None = None
        self._looking: Store | None = None
        self._answers: Answers[Answer] = Answers()
        self._examples: Answers[tuple[str, ...]] = Answers()
        self._turns = threading.BoundedSemaphore(TURNS)
        self._lock = threading.RLock()
        self._opening = threading.Lock()
        self._glancing = threading.Lock()
        self._exemplifying = threading.Lock()

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
    def _pictures(self) -> Pictures:
        from rag.pictures import Pictures  # a question needs none of it

        return Pictures(self.settings)

    @property
    def _store(self) -> Store:
        self._reading = self._there(self._reading, PATIENCE)
        return self._reading

    def _there(self, store: Store | None, patience: float) -> Store:
        """Returns a connection to the store that is there now, this one where it still is."""
        return store if store and store.is_there else Store(self.folder, patience=patience)

    @cached_property
    def _model_words(self) -> spelling.Lexicon:
        return spelling.Lexicon.ranked(self.embedder.whole_words())

    @property
    def fit(self) -> Fit:
        """Returns what was learnt from questions about this library, else the shipped fit."""
        return self._fit_for(self._engine_now)

    @property
    def fit_problem(self) -> str | None:
        """Returns why the library's own fit is not used; None where it is, or there is none."""
        return self._own_fit(self._engine_now)[1]

    @cached_property
    def _shipped_fit(self) -> Fit:
        return Fit.shipped()

    def _fit_for(self, engine: Callable[[], derived.Engine]) -> Fit:
        return self._given_fit or self._own_fit(engine)[0] or self._shipped_fit

    def _own_fit(self, engine: Callable[[], derived.Engine]) -> tuple[Fit | None, str | None]:
        """Returns the library's own fit where there is one that holds, and why not.

        It is read again when the file or the conditions change.

        Args:
            engine: gives the engine that it has to hold for; asked only where there is a fit.
        """
        file = self.folder / FIT
        try:
            found = file.stat()
        except OSError:
            return None, None
        conditions = self._conditions(engine())
        key = (found.st_mtime_ns, found.st_size, conditions)
        read = self._fit_read
        if read is None or read[0] != key:
            self._fit_read = read = key, read_fit(file, conditions)
        return read[1]

    def conditions(self) -> dict[str, Any]:
        """Returns what changes which words are found and shown: a fit holds for one such state.

        Raises:
            LibraryError: there is no library, or it is damaged.
        """
        return self._conditions(self._engine_now())

    def _conditions(self, engine: derived.Engine) -> dict[str, Any]:
        return {
            "model": engine.made_with.get("fingerprint"),
            "chunking": engine.made_with.get("chunking"),
            "language": engine.language,
            **self.settings.reranking(),
        }

    # Indexing

    def index(self, corpus: Path | None = None, progress: Progress | None = None) -> Manifest:
        """Brings the library into agreement with a folder of notes, and returns what was done.

        Only texts that the library has no vector for are embedded, and files that look as they did
        when they were read are not opened. Until the last moment readers see the old state; a
        killed run leaves it in place and loses at most one window of texts.

        Raises:
            CorpusError: the folder is missing or holds no files, and the library stays as it was;
                or no file can be read, and the library holds none.
            WorkerError: the process that reads files cannot be started.
            LibraryError: the library cannot be written, or another process is writing it.
        """
        corpus = corpus or Path(self.settings.corpus)
        max_bytes = int(self.settings.max_file_mb * 1e6)
        found = find_files(corpus)
        if not found.files:
            raise CorpusError(
                f"{corpus} holds no files: put notes there for notesqa index to read; until then "
                "the library keeps what it holds."
            )
        left_out = {"ignored": str(found.ignored), "hidden_files": str(found.hidden)}
        limits = Limits(self.settings.max_file_seconds, self.settings.max_file_memory_mb)
        with Loaders(limits) as loaders:
            files = [File(path, file, corpus, max_bytes, loaders) for path, file in found.files]
            return self._index(files, str(corpus), progress, left_out)

    def index_sources(
        self, sources: Sequence[Source], name: str, progress: Progress | None = None
    ) -> Manifest:
        """Brings the library into agreement with sources of any kind, as `index` does.

        Args:
            name: what the sources are called in an error.

        Raises:
            CorpusError, LibraryError: as for `index`.
        """
        return self._index(sources, name, progress, {})

    def _index(
        self,
        sources: Sequence[Source],
        name: str,
        progress: Progress | None,
        left_out: Mapping[str, str],
    ) -> Manifest:
        from rag.course import Course
        from rag.indexing import Indexing  # a question needs none of it
        from rag.salvage import drop_part

        store = Store(self.folder, write=True)
        try:
            with store.lock(LOCK_SECONDS):
                drop_part(self.folder)
                course = Course(progress)
                run = Indexing(store, self.embedder, self.settings, course)
                manifest = run.index(sources, name, left_out)
                derived.ensure(store)
                store.tidy()
                course.end()
        finally:
            store.close()
        if self._engine:  # who has indexed asks the new state, whoever else is opening one
            with self._opening:
                self._engine = self._opened(self._engine)
        if not manifest.indexed and not manifest.unchanged:
            raise CorpusError(_nothing_readable(name, manifest.skipped))
        return manifest

    # Asking

    def ask(
        self,
        question: str,
        after: Turn | None = None,
        *,
        within: str = "",
        found: Callable[[tuple[Passage, ...]], None] | None = None,
    ) -> Answer:
        """Returns the quotes that answer, or an abstention with the nearest passages.

        Args:
            after: the turn before, which the question may lean on.
            within: the folder, or document, that is asked; empty for all of the notes.
            found: told the passages before the words are chosen and it is decided; an answer that
                was given before has its own.

        Raises:
            QuestionError: the question is empty or too long, or no note lies `within`.
            LibraryError: there is no library, or it is damaged.
            ModelError: the library was made with another model.
        """
        engine = self._ready()
        fit = self._fit_for(lambda: engine)  # the same to the end, even if the file changes
        place = place_of(within)
        watch = asking.Watch()
        known = self._answers.find((engine, fit), (question, after, place))
        if known:
            watch.lap("answer")
            if found:
                found(known.passages)
            return replace(known, timings_ms={"embed": 0.0, "retrieve": 0.0, **watch.laps})
        rows = engine.rows_in(place)
        answer = self._decide(
            question, self._draft(question, after, engine, fit, rows, found), engine, fit
        )
        if not self.reranker:  # how far it gets depends on the moment
            self._answers.keep((engine, fit), (question, after, place), answer)
        return answer

    def decide(self, question: str, draft: Draft) -> Answer:
        """Returns the draft as an answer where its confidence allows, else an abstention.

        What it says of the notes and of the fit is of the newest state, also where the draft was
        made of another.
        """
        engine = self._engine_now()
        return self._decide(question, draft, engine, self._fit_for(lambda: engine))

    def _decide(self, question: str, draft: Draft, engine: derived.Engine, fit: Fit) -> Answer:
        confidence = fit.probability(draft.signals)
        threshold = fit.threshold(self.settings.false_answers)
        shown = confidence >= threshold
        near = draft.signals.get("unit_similarity", 0.0)
        measured = not fit.differs(self._conditions(engine))
        fitted_here = engine.corpus == self._shipped_fit.fitted_on.get("notes")
        return Answer(
            question=question,
            query=draft.query,
            reason=None if shown else reason_for(near, confidence, threshold),
            confidence=confidence,
            sentences=draft.sentences if shown else (),
            citations=draft.citations if shown else (),
            passages=draft.passages,
            timings_ms=draft.timings_ms,
            measured=measured,
            elsewhere=fit is self._shipped_fit and not fitted_here,
            carried=draft.carried,
            suggestions=() if shown else suggestions_for(draft.query, near, draft.passages),
            generation=engine.number,
            level=fit.level(confidence) if measured else None,
        )

    def draft(self, question: str, after: Turn | None = None) -> Draft:
        """Returns what would be answered, undecided: the confidence is fitted on this.

        Args:
            after: as for `ask`.

        Raises:
            QuestionError, LibraryError, ModelError: as for `ask`.
        """
        engine = self._ready()
        return self._draft(question, after, engine, self._fit_for(lambda: engine))

    def _draft(
        self,
        question: str,
        after: Turn | None,
        engine: derived.Engine,
        fit: Fit,
        within: range | None = None,
        told: Callable[[tuple[Passage, ...]], None] | None = None,
    ) -> Draft:
        watch = asking.Watch()
        limit, k = self.settings.max_question_chars, self.settings.passages
        asked = asking.on_one_line(question, limit)
        # What is carried is cut rather than complained of: nobody typed it.
        query = query_for(asked, after)[:limit]
        meant, reading = self._read(query, engine)
        watch.lap("embed")
        with self._turns:
            found = self._find(meant, reading, engine, fit, k, watch, within)
            passages = found.passages(k)
        if told:  # by a caller who may take long, while others have their turn
            told(passages)
        with self._turns:
            return asking.draft(found, engine, passages, watch, carried=query != asked)

    def search(
        self, question: str, k: int | None = None, *, within: str = ""
    ) -> tuple[Passage, ...]:
        """Returns the `k` best passages, `settings.passages` of them by default.

        Args:
            within: as for `ask`.

        Raises:
            QuestionError, LibraryError, ModelError: as for `ask`.
        """
        k = k or self.settings.passages
        query = asking.on_one_line(question, self.settings.max_question_chars)
        engine = self._ready()
        fit = self._fit_for(lambda: engine)
        rows = engine.rows_in(place_of(within))
        query, reading = self._read(query, engine)
        with self._turns:
            return self._find(query, reading, engine, fit, k, asking.Watch(), rows).passages(k)

    def examples(self, n: int = 4, *, within: str = "") -> tuple[str, ...]:
        """Returns up to `n` questions that the notes answer well, made of their headings.

        Each is answered by a sentence that says what is asked for. They are found once for a state
        of the library, for which some twenty questions are asked at most, by one thread while
        others wait.

        Args:
            within: as for `ask`.

        Raises:
            QuestionError: no note lies `within`.
            LibraryError, ModelError: as for `ask`.
        """
        place = place_of(within)
        with self._exemplifying:
            engine = self._ready()  # of now, also after others were waited for
            fit = self._fit_for(lambda: engine)
            known = self._examples.find((engine, fit), (n, place))
            if known is None:
                known = self._found_examples(n, place, engine, fit)
                self._examples.keep((engine, fit), (n, place), known)
            return known

    def _found_examples(
        self, n: int, place: str, engine: derived.Engine, fit: Fit
    ) -> tuple[str, ...]:
        rows = engine.rows_in(place)

        def answer(question: str) -> Answer:
            return self._decide(
                question, self._draft(question, None, engine, fit, rows), engine, fit
            )

        return examples.choose(examples.candidates(engine, place), answer, n, engine.language)

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
        query = asking.on_one_line(question, self.settings.max_question_chars)
        engine = self._ready()
        query, reading = self._read(query, engine)
        weight = self._fit_for(lambda: engine).lexical_weight
        return [
            asking.rank(
                *(query, reading, engine, weight, parts),
                *(self.reranker, self.settings.rerank_ms),
            )
            for parts in ablations
        ]

    def _find(
        self,
        query: str,
        reading: Reading,
        engine: derived.Engine,
        fit: Fit,
        k: int,
        watch: asking.Watch,
        within: range | None,
    ) -> asking.Found:
        sought = asking.Sought(query, reading, fit.lexical_weight, within)
        return asking.find(sought, engine, k, self.settings, self.reranker, watch)

    def _read(self, query: str, engine: derived.Engine) -> tuple[str, Reading]:
        """Returns the query as it was meant, where the settings want it repaired, and as read."""
        if self.settings.spelling:
            query = spelling.repair(
                query, engine.knows, lambda: engine.lexicon, lambda: self._model_words
            )
        return query, self.embedder.read_queries([query])[0]

    def _engine_now(self) -> derived.Engine:
        """Returns the engine of the newest state that can be had without waiting for a writer.

        Who asks keeps it to the end of a question, so that every answer is of one state.
        """
        present = self._engine
        if present and self._is_newest(present):
            return present
        # While one thread opens the next, the others go on with what there is.
        if not self._opening.acquire(blocking=present is None) and present:
            return present
        try:
            if not self._engine or not self._is_newest(self._engine):
                self._engine = self._opened(self._engine)
            return self._engine
        finally:
            self._opening.release()

    def _is_newest(self, engine: derived.Engine) -> bool:
        """Returns whether an engine is of the store's state, as far as can be seen at once."""
        try:
            with self._glancing:
                return derived.identity(self._glance) == engine.identity
        except LockedError:
            return True

    @property
    def _glance(self) -> Store:
        self._looking = self._there(self._looking, 0)
        return self._looking

    def _opened(self, present: derived.Engine | None) -> derived.Engine:
        """Returns the engine of the store's state, or `present` where one would have to wait."""
        try:
            with (
                closing(Store(self.folder, patience=0 if present else PATIENCE)) as store,
                store.snapshot(),
            ):
                self._check_filled(store.meta())
                return derived.open_engine(store, present)
        except LockedError:
            if present is None:
                raise
            return present

    def _ready(self) -> derived.Engine:
        """Returns the engine to ask, or raises as `ensure_ready`."""
        engine = self._engine_now()
        self._check_model(engine.made_with)
        self._load_reranker()
        return engine

    def ensure_ready(self) -> None:
        """Raises LibraryError or ModelError, as `open` does, where nothing could be asked.

        A reranker is loaded, so that no question pays for it.
        """
        with self._lock:
            meta = self._store.meta()
        self._check_model(meta)
        self._load_reranker()

    def _load_reranker(self) -> None:
        if self.reranker:
            self.reranker.load()

    def _check_filled(self, made_with: Mapping[str, str]) -> None:
        if "fingerprint" not in made_with:
            raise NoLibraryError(
                f"The library in {self.folder} is empty, its indexing never ended: "
                "run notesqa index."
            )

    def _check_model(self, made_with: Mapping[str, str]) -> None:
        self._check_filled(made_with)
        if made_with["fingerprint"] != self.embedder.fingerprint:
            raise ModelError(
                f"The library in {self.folder} was made with model {made_with['model']}, "
                f"the settings name {self.embedder.name}: run notesqa index to make it anew, "
                "or name the other model in notesqa.toml."
            )

    # Looking

    def contents(self) -> Contents:
        """Returns all chunks of the newest state that can be had without waiting for a writer.

        Raises:
            LibraryError: there is no library, or it is damaged.
        """
        from rag.contents import Contents  # a question needs none of it

        return Contents(self._engine_now())

    def embed(self, questions: Sequence[str]) -> Vectors:
        """Returns the vectors of questions, `(n, dim)` float32, unit rows, to compare them.

        They are read as passages are, in batches and without their tokens' vectors: 3,186 take 4.4
        seconds of processor time, three times less than as queries. By a model with a prompt for
        each, questions are compared as passages.

        Raises:
            ModelError: the model cannot be loaded.
        """
        return self.embedder.embed_passages(list(questions))

    def source(self, document: str) -> str:
        """Returns the text of a document as it was indexed.

        Raises:
            LibraryError: no such document.
        """
        return self.note(document).text

    def note(self, document: str) -> Note:
        """Returns a document as it was indexed: title, text, and how its places are named.

        Raises:
            LibraryError: no such document.
        """
        with self._lock:
            return self._store.note(document)

    def page_picture(
        self, document: str, number: int, marks: Span | None = None, *, drawn: bool = False
    ) -> Picture:
        """Returns a page of a PDF as one sees it, and where on it a span of the note stands.

        Args:
            number: from 1.
            drawn: whether only a page is returned that was drawn before, which takes no time.

        Raises:
            LibraryError: no such document.
            DocumentError: it is no PDF, has no such page, its file is not what was indexed, or
                the page cannot be drawn, or is not `drawn`.
        """
        with self._lock:
            note, digest = self._store.note(document), self._store.digest(document)
        return self._pictures.of(note, digest, number, marks, drawn=drawn)

    def chunk_spans(self, document: str) -> list[Span]:
        """Returns where a document's chunks lie, in order; empty where it is not indexed."""
        with self._lock:
            return self._store.chunk_spans(document)

    def code_spans(self, document: str) -> list[Span]:
        """Returns where a document's code lies, in order; empty where it is not indexed."""
        with self._lock:
            return self._store.code_spans(document)

    def digests(self) -> dict[str, str]:
        """Returns the documents' paths and the SHA-256 of their bytes."""
        with self._lock:
            return self._store.digests()

    def folders(self) -> list[str]:
        """Returns the folders in which notes lie, each before those in it.

        Raises:
            LibraryError: there is no library, or it is damaged.
        """
        return list(self._engine_now().folders)

    def titles(self) -> dict[str, str]:
        """Returns the documents' paths and titles, by path."""
        with self._lock:
            return self._store.titles()

    def place_kinds(self) -> dict[str, PlaceKind]:
        """Returns the documents' paths and what their places are (pages, slides …), by path."""
        with self._lock:
            return self._store.place_kinds()

    @property
    def generation(self) -> int:
        """Returns how many times the content changed."""
        with self._lock:
            return self._store.generation

    def summary(self) -> dict[str, Any]:
        """Returns what of `status` costs next to nothing: `indexed` and `changed`."""
        with self._lock, self._store.snapshot():
            return {
                "indexed": self._store.documents(),
                "changed": self._store.meta().get("changed"),
            }

    def status(self) -> dict[str, Any]:
        """Returns the JSON object of `status --json`."""
        with self._lock, self._store.snapshot():
            documents, chunks, _ = self._store.counts()
            skipped = self._store.skipped()
            meta = self._store.meta()
            remarks = self._store.remarks()
            return {
                "files": documents + len(skipped),
                "indexed": documents,
                "chunks": chunks,
                "generation": self._store.generation,
                "model": meta.get("model"),
                "backend": self._backend(),
                "reranker": self.settings.reranker or None,
                "search": derived.search(self._store),
                "skipped": [item.to_dict() for item in skipped],
                "partial": [
                    {
                        "document": path,
                        "reason": said.reason,
                        "pages": list(said.pages),
                        "message": said.message,
                    }
                    for path, said in remarks
                    if said.reason != HIDDEN
                ],
                "hidden": [
                    {"document": path, "message": said.message}
                    for path, said in remarks
                    if said.reason == HIDDEN
                ],
                "duplicates": _alike(self._store.digests()),
                "changed": meta.get("changed"),
                "bytes": {"notes": self._store.size(), "library": _size_of(self.folder)},
                "ignored": int(meta.get("ignored", 0)),
                "hidden_files": int(meta.get("hidden_files", 0)),
            }

    def _backend(self) -> str:
        try:
            return self.embedder.backend
        except ModelError as error:
            return f"unknown: {error}".rstrip(".")

    def doctor(self) -> list[Check]:
        """Returns what was checked: store, derived indexes, and model; writes nothing.

        Where a writer was killed, SQLite undoes what it had not committed.

        Raises:
            LibraryError: there is no library, or its store cannot be read at all.
        """
        with self._lock, self._store.snapshot():
            found, engine = checks.of_state(self._store)
            try:
                meta = self._store.meta()
            except DamagedError:  # with what model it was made is not known
                return found
        found += [checks.of_model(self.embedder, lambda: self._check_model(meta))]
        found += [checks.of_encoder(self.embedder, meta)]
        if engine and (self.folder / FIT).is_file():
            found.append(checks.of_fit(self._own_fit(lambda: engine)[1]))
        if self.settings.reranker:
            found.append(checks.of_reranker(lambda: self.reranker, self.settings))
        return found

    def repair(self) -> list[str]:
        """Returns what was done to mend the library, a line each; nothing where all was well.

        What is derived is built anew. A damaged store is set aside, and an empty one takes its
        place with the vectors that are still whole: `index` then makes the library again.

        Raises:
            LibraryError: there is no library, it is of another format or cannot be written, or
                another process is writing it.
        """
        with self._lock:
            self._reading = self._looking = self._engine = None
            return checks.repair(self.folder, LOCK_SECONDS)


def _nothing_readable(corpus: str, skipped: Sequence[Skipped]) -> str:
    first = skipped[0]
    more = f" ({len(skipped) - 1} more: notesqa status)" if len(skipped) > 1 else ""
    return f"Nothing in {corpus} can be indexed: {first.document}: {first.message}{more}."


def _size_of(folder: Path) -> int:
    """Returns the bytes that the files of a folder take."""
    size = 0
    for file in folder.rglob("*"):
        with suppress(OSError):  # another process may be tidying it
            size += file.stat().st_size if file.is_file() else 0
    return size


def _alike(digests: Mapping[str, str]) -> list[list[str]]:
    """Returns the paths of documents whose bytes are the same, in groups, sorted."""
    groups: dict[str, list[str]] = {}
    for path in sorted(digests):
        groups.setdefault(digests[path], []).append(path)
    return [group for group in groups.values() if len(group) > 1]
