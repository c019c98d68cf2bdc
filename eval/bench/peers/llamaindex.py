"""LlamaIndex: `SimpleDirectoryReader`, `SentenceSplitter` and a persisted `VectorStoreIndex`.

The splitter counts with the model's tokenizer and does not overlap. As by default, the path of its
file is embedded with each chunk, and counted into its length by the splitter.
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


class LlamaIndex:
    """A folder to which an index is persisted."""

    @cached_property
    def _embedding(self) -> Any:
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        return HuggingFaceEmbedding(model_name=str(model_folder()))

    @cached_property
    def _splitter(self) -> Any:
        from llama_index.core.node_parser import SentenceSplitter
        from transformers import AutoTokenizer

        return SentenceSplitter(
            chunk_size=CHUNK_TOKENS,
            chunk_overlap=0,
            tokenizer=AutoTokenizer.from_pretrained(model_folder()).tokenize,
        )

    def ready(self) -> None:
        import llama_index.core  # noqa: F401

        self._splitter.split_text("Is the model loaded?")
        self._embedding.get_text_embedding("Is the model loaded?")

    def index(self, corpus: Path, store: Path) -> list[str]:
        from llama_index.core import SimpleDirectoryReader, VectorStoreIndex

        documents = SimpleDirectoryReader(
            str(corpus),
            recursive=True,
            required_exts=list(SUFFIXES),
            exclude_hidden=False,  # or nothing is found below a folder such as .bench
        ).load_data()
        index = VectorStoreIndex.from_documents(
            documents, transformations=[self._splitter], embed_model=self._embedding
        )
        index.storage_context.persist(persist_dir=str(store))
        return [node.text for node in index.docstore.docs.values()]

    def open(self, store: Path) -> Ask:
        from llama_index.core import StorageContext, load_index_from_storage

        context = StorageContext.from_defaults(persist_dir=str(store))
        index = load_index_from_storage(context, embed_model=self._embedding)
        retriever = index.as_retriever(similarity_top_k=PASSAGES)

        def ask(question: str) -> list[Passage]:
            return [
                {
                    "document": found.node.metadata["file_path"],
                    "text": found.node.text,
                    "start": found.node.start_char_idx,
                }
                for found in retriever.retrieve(question)
            ]

        return ask


if __name__ == "__main__":
    main(LlamaIndex())
