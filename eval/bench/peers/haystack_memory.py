"""Haystack: `RecursiveDocumentSplitter`, sentence-transformers embedders, the in-memory store.

The splitter counts with the model's tokenizer, in place of one that it would download, and does not
overlap; its separators are those of its documentation's example, since those by default download a
sentence tokenizer. The store is saved to disk, and loaded from there.
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

STORE = "documents.json"


class Tokenizer:
    """The model's tokenizer, by the two methods of tiktoken that the splitter calls."""

    def __init__(self) -> None:
        from transformers import AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(model_folder())

    def encode_ordinary(self, text: str) -> list[int]:
        """Returns the numbers of the tokens of a text."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False, verbose=False)
        return ids

    def decode(self, tokens: list[int]) -> str:
        """Returns a text of these tokens; only called for a word longer than a chunk."""
        return str(self._tokenizer.decode(tokens))


class Haystack:
    """A JSON file in a folder."""

    @cached_property
    def _embedder(self) -> Any:
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersDocumentEmbedder,
        )

        embedder = SentenceTransformersDocumentEmbedder(
            model=str(model_folder()), progress_bar=False
        )
        embedder.warm_up()
        return embedder

    @cached_property
    def _splitter(self) -> Any:
        from haystack.components.preprocessors import RecursiveDocumentSplitter

        splitter = RecursiveDocumentSplitter(
            split_length=CHUNK_TOKENS,
            split_overlap=0,
            split_unit="token",
            separators=["\n\n", "\n", ".", " "],
        )
        splitter.tiktoken_tokenizer = Tokenizer()
        splitter._is_warmed_up = True
        return splitter

    def ready(self) -> None:
        from haystack import Document, Pipeline  # noqa: F401
        from haystack.components.converters import TextFileToDocument  # noqa: F401
        from haystack.components.writers import DocumentWriter  # noqa: F401
        from haystack.document_stores.in_memory import InMemoryDocumentStore  # noqa: F401

        text = [Document(content="Is the model loaded?")]
        self._embedder.run(self._splitter.run(text)["documents"])

    def index(self, corpus: Path, store: Path) -> list[str]:
        from haystack import Pipeline
        from haystack.components.converters import TextFileToDocument
        from haystack.components.writers import DocumentWriter
        from haystack.document_stores.in_memory import InMemoryDocumentStore

        documents = InMemoryDocumentStore()
        pipeline = Pipeline()
        pipeline.add_component("converter", TextFileToDocument(store_full_path=True))
        pipeline.add_component("splitter", self._splitter)
        pipeline.add_component("embedder", self._embedder)
        pipeline.add_component("writer", DocumentWriter(documents))
        for one, other in (
            ("converter", "splitter"),
            ("splitter", "embedder"),
            ("embedder", "writer"),
        ):
            pipeline.connect(one, other)
        files = sorted(file for file in corpus.rglob("*") if file.suffix in SUFFIXES)
        pipeline.run({"converter": {"sources": files}})
        store.mkdir(parents=True)
        documents.save_to_disk(str(store / STORE))
        return [document.content for document in documents.filter_documents()]

    def open(self, store: Path) -> Ask:
        from haystack import Pipeline
        from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersTextEmbedder,
        )

        documents = InMemoryDocumentStore.load_from_disk(str(store / STORE))
        pipeline = Pipeline()
        pipeline.add_component(
            "embedder",
            SentenceTransformersTextEmbedder(model=str(model_folder()), progress_bar=False),
        )
        pipeline.add_component("retriever", InMemoryEmbeddingRetriever(documents, top_k=PASSAGES))
        pipeline.connect("embedder.embedding", "retriever.query_embedding")

        def ask(question: str) -> list[Passage]:
            found = pipeline.run({"embedder": {"text": question}})["retriever"]["documents"]
            return [
                {
                    "document": document.meta["file_path"],
                    "text": document.content,
                    "start": document.meta["split_idx_start"],
                }
                for document in found
            ]

        return ask


if __name__ == "__main__":
    main(Haystack())
