"""txtai: `Embeddings(hybrid=True, content=True)`, words and vectors fused, saved as a folder.

Its `Segmentation` cuts with chonkie's recursive chunker, which counts with the model's tokenizer.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from eval.bench.peers.protocol import (
    CHUNK_TOKENS,
    PASSAGES,
    SUFFIXES,
    Ask,
    Passage,
    main,
    model_folder,
)


class Txtai:
    """A saved index; a chunk's id is its document and its number."""

    @cached_property
    def _embeddings(self) -> Any:
        from txtai import Embeddings

        return Embeddings(path=str(model_folder()), hybrid=True, content=True)

    @cached_property
    def _segmentation(self) -> Any:
        from tokenizers import Tokenizer
        from txtai.pipeline import Segmentation

        tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return Segmentation(chunker="recursive", chunk_size=CHUNK_TOKENS, tokenizer=tokenizer)

    def ready(self) -> None:
        self._segmentation("Is the model loaded?")
        self._embeddings.transform("Is the model loaded?")

    def index(self, corpus: Path, store: Path) -> list[str]:
        chunks = []
        for file in sorted(file for file in corpus.rglob("*") if file.suffix in SUFFIXES):
            texts = self._segmentation(file.read_text(encoding="utf-8"))
            document = file.relative_to(corpus).as_posix()
            chunks += [(f"{document}#{number}", text) for number, text in enumerate(texts)]
        self._embeddings.index(chunks)
        self._embeddings.save(str(store))
        return [text for _, text in chunks]

    def open(self, store: Path) -> Ask:
        from txtai import Embeddings

        embeddings = Embeddings()
        embeddings.load(str(store))

        def ask(question: str) -> list[Passage]:
            return [
                {"document": found["id"].rpartition("#")[0], "text": found["text"], "start": None}
                for found in embeddings.search(question, PASSAGES)
            ]

        return ask


if __name__ == "__main__":
    main(Txtai())
