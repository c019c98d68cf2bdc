"""LangChain: `RecursiveCharacterTextSplitter`, `HuggingFaceEmbeddings`, and its FAISS store.

The splitter counts with the model's tokenizer and does not overlap.
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


class LangChain:
    """A FAISS folder."""

    @cached_property
    def _embeddings(self) -> Any:
        from langchain_huggingface import HuggingFaceEmbeddings

        return HuggingFaceEmbeddings(model_name=str(model_folder()))

    @cached_property
    def _splitter(self) -> Any:
        from langchain_text_splitters import RecursiveCharacterTextSplitter
        from transformers import AutoTokenizer

        return RecursiveCharacterTextSplitter.from_huggingface_tokenizer(
            AutoTokenizer.from_pretrained(model_folder()),
            chunk_size=CHUNK_TOKENS,
            chunk_overlap=0,
            add_start_index=True,
        )

    def ready(self) -> None:
        from langchain_community.document_loaders import DirectoryLoader, TextLoader  # noqa: F401
        from langchain_community.vectorstores import FAISS  # noqa: F401

        self._splitter.split_text("Is the model loaded?")
        self._embeddings.embed_query("Is the model loaded?")

    def index(self, corpus: Path, store: Path) -> list[str]:
        from langchain_community.document_loaders import DirectoryLoader, TextLoader
        from langchain_community.vectorstores import FAISS

        documents = DirectoryLoader(
            str(corpus),
            glob=[f"**/*{suffix}" for suffix in SUFFIXES],
            loader_cls=TextLoader,
            loader_kwargs={"encoding": "utf-8"},
        ).load()
        chunks = self._splitter.split_documents(documents)
        FAISS.from_documents(chunks, self._embeddings).save_local(str(store))
        return [chunk.page_content for chunk in chunks]

    def open(self, store: Path) -> Ask:
        from langchain_community.vectorstores import FAISS

        loaded = FAISS.load_local(
            str(store), self._embeddings, allow_dangerous_deserialization=True
        )

        def ask(question: str) -> list[Passage]:
            return [
                {
                    "document": found.metadata["source"],
                    "text": found.page_content,
                    "start": found.metadata["start_index"],
                }
                for found in loaded.similarity_search(question, k=PASSAGES)
            ]

        return ask


if __name__ == "__main__":
    main(LangChain())
