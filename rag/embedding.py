"""Texts become unit vectors, of the whole and of each token.

`Embedder` is the seam. Behind it stand `rag.compiled.CompiledEmbedder` and the one that runs any
sentence-transformers model by torch, whose import takes seconds, so that the model loads at the
first text; `rag.backends` says which of the two serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rag.models import load_embedder
from rag.tokens import Packed, Reading, at_unit_length, whole_words_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.models import EmbeddingModel

    Vectors = NDArray[np.float32]


READ = 64
"""Passages whose token vectors torch holds at a time: 94 KB a hundred tokens and text."""


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
    def why(self) -> str:
        """Returns why it is that which computes them.

        Raises:
            ModelError: a close look finds it damaged.
        """
        ...

    @property
    def fingerprint(self) -> str:
        """Returns a digest of the model: of everything that its vectors follow from."""
        ...

    @property
    def precision(self) -> str:
        """Returns with what the vectors are computed, and in what numbers.

        Of one model, vectors of two precisions are near enough to be compared, and not equal: the
        passages of a library all have the same.
        """
        ...

    @property
    def max_tokens(self) -> int:
        """Returns how many tokens of a text are read, special tokens not counted."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Returns the length of each text in tokens, special tokens not counted."""
        ...

    def whole_words(self) -> Sequence[str]:
        """Returns the words that are one token each, lower case, roughly the most common first.

        Empty where the model's tokenizer does not say which of its tokens are whole words.
        """
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Returns `(len(texts), dim)` float32, unit rows."""
        ...

    def read_passages(self, texts: Sequence[str]) -> list[Packed]:
        """Returns each text's vector, near to that of `embed_passages`, and its tokens."""
        ...

    def read_queries(self, texts: Sequence[str]) -> list[Reading]:
        """Returns each query's vector and its tokens'."""
        ...


class SentenceTransformerEmbedder:
    """Any sentence-transformers model, run by torch on the CPU or a GPU it finds."""

    backend = "sentence-transformers (torch)"
    precision = "torch float32"

    def __init__(self, folder: Path, name: str, fingerprint: str, why: str) -> None:
        """Args: `folder` holds the model."""
        self.name = name
        self.fingerprint = fingerprint
        self.why = why
        self._folder = folder

    @cached_property
    def _model(self) -> EmbeddingModel:
        return load_embedder(self._folder)

    @cached_property
    def max_tokens(self) -> int:
        special = len(self._model.tokenizer("")["input_ids"])
        return int(self._model.max_seq_length or 512) - special

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        encoded = self._model.tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def whole_words(self) -> list[str]:
        vocabulary: dict[str, int] = self._model.tokenizer.get_vocab()
        return whole_words_of(sorted(vocabulary, key=lambda token: vocabulary[token]))

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        vectors: Vectors = self._model.encode_document(
            list(texts), normalize_embeddings=True, show_progress_bar=False
        )
        return vectors

    def read_passages(self, texts: Sequence[str]) -> list[Packed]:
        packed: list[Packed] = []
        for start in range(0, len(texts), READ):
            outputs: Any = self._model.encode_document(
                list(texts[start : start + READ]), output_value=None, show_progress_bar=False
            )
            readings = (_reading(output) for output in outputs)
            packed += [Packed(reading.vector, reading.packed()) for reading in readings]
        return packed

    def read_queries(self, texts: Sequence[str]) -> list[Reading]:
        outputs: Any = self._model.encode_query(
            list(texts), output_value=None, show_progress_bar=False
        )
        return [_reading(output) for output in outputs]


def _reading(output: Mapping[str, Any]) -> Reading:
    """Returns what a model put out for one text.

    Without tokens where it has no vectors of them, or where a further layer gives the text's vector
    another dimension than theirs.
    """
    import numpy as np

    vector = at_unit_length(output["sentence_embedding"].float().cpu().numpy()[None])[0]
    none = Reading(vector, np.empty(0, np.int32), np.empty((0, len(vector)), np.float32))
    if "token_embeddings" not in output or "input_ids" not in output:
        return none
    if output["token_embeddings"].shape[1] != len(vector):
        return none
    real = output["attention_mask"].bool()
    states = output["token_embeddings"][real].float().cpu().numpy()
    pieces = output["input_ids"][real].cpu().numpy().astype(np.int32)
    return Reading(vector, pieces, at_unit_length(states))
