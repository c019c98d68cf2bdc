"""notesqa by its own library: a question is answered whole, with quotes and a confidence.

The others find passages; what is timed here does more than that.
"""

from __future__ import annotations

from pathlib import Path

from eval.bench.peers.protocol import CHUNK_TOKENS, PASSAGES, Ask, Passage, main
from rag import Library, Settings


class NotesQA:
    """The library in a folder, with the default settings."""

    def __init__(self) -> None:
        self._library = Library(self._settings(Path("unused")))

    @staticmethod
    def _settings(store: Path) -> Settings:
        return Settings(library=str(store), chunk_tokens=CHUNK_TOKENS, passages=PASSAGES)

    def ready(self) -> None:
        self._library.embedder.embed_passages(["Is the model loaded?"])

    def index(self, corpus: Path, store: Path) -> list[str]:
        library = Library(self._settings(store), self._library.embedder)
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
