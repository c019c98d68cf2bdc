"""notesqa by its own library: a question is answered whole, with quotes and a confidence.

The others find passages; what is timed here does more than that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from eval.bench.peers.protocol import CHUNK_TOKENS, PASSAGES, Ask, Passage, main
from rag import Embedder, Library, Settings


class Timed:
    """An embedder, and the seconds that it read passages for."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)

    def embed_passages(self, texts: Sequence[str]) -> Any:
        """Returns what the embedder does."""
        return self._timed(self._embedder.embed_passages, texts)

    def read_passages(self, texts: Sequence[str]) -> Any:
        """Returns what the embedder does."""
        return self._timed(self._embedder.read_passages, texts)

    def _timed(self, read: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> Any:
        begun = time.perf_counter()
        found = read(texts)
        self.seconds += time.perf_counter() - begun
        return found


class NotesQA:
    """The library in a folder, with the default settings."""

    def __init__(self) -> None:
        self._library = Library(self._settings(Path("unused")))
        self._embedder = Timed(self._library.embedder)

    @property
    def encoder_s(self) -> float:
        """Returns the seconds of the last indexing in which the model read passages."""
        return self._embedder.seconds

    @staticmethod
    def _settings(store: Path) -> Settings:
        return Settings(library=str(store), chunk_tokens=CHUNK_TOKENS, passages=PASSAGES)

    def ready(self) -> None:
        self._library.embedder.embed_passages(["Is the model loaded?"])

    def index(self, corpus: Path, store: Path) -> list[str]:
        embedder = self._embedder = Timed(self._library.embedder)
        library = Library(self._settings(store), cast("Embedder", embedder))
        library.index(corpus)
        texts = []
        for document in library.titles():
            text = library.source(document)
            texts += [span.of(text) for span in library.chunk_spans(document)]
        return texts

    def open(self, store: Path) -> Ask:
        library = Library.open(self._settings(store))

        def ask(question: str) -> list[Passage]:
            return [
                {"document": p.document, "text": p.text, "start": p.span.start}
                for p in library.ask(question).passages
            ]

        return ask


if __name__ == "__main__":
    main(NotesQA())
