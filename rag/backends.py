"""What runs the model that the settings name, and why: OpenVINO its compiled form, or torch itself.

By default a model is compiled at its first use, and the compiled form serves from then on. Torch
serves where that form is refused or cannot be kept, where the settings want it, and for passages
where there is a GPU. Vectors of the two are near enough to be compared (`rag.compiling` sees to
it), and a library's passages are all of one precision.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from rag.compiled import CompiledEmbedder, RefusedError, read_encoder
from rag.compiling import compile_model, place_of
from rag.config import COMPILED, TORCH
from rag.embedding import Embedder, SentenceTransformerEmbedder
from rag.errors import ModelError
from rag.gathering import Gathering
from rag.models import PACKAGED, find, known_fingerprint, torch_sees_gpus
from rag.words import AUTO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.tokens import Packed, Reading

    Vectors = NDArray[np.float32]

TOGETHER = 16
"""Queries of several threads that are read at a time: one alone takes 2.8 ms, eight 7."""


class ModelEmbedder:
    """A sentence-transformers model by name or folder; methods as in `rag.embedding.Embedder`."""

    def __init__(self, name: str, wanted: str = AUTO) -> None:
        """Raises `ModelError` where no such model is on this disk or can be downloaded.

        Args:
            wanted: one of `rag.config.BACKENDS`.
        """
        self.name = name
        self._folder = find(name, f"use the packaged one: {PACKAGED}")
        self._wanted = wanted
        self._failure = ""

    @cached_property
    def fingerprint(self) -> str:
        return known_fingerprint(self._folder)

    @property
    def backend(self) -> str:
        embedder, _ = self._ready()
        passages = self._for_passages(embedder)
        if passages is embedder:
            return embedder.backend
        return f"{embedder.backend}; passages: {passages.backend}"

    @property
    def why(self) -> str:
        embedder, reason = self._ready()
        if isinstance(embedder, CompiledEmbedder):
            embedder.check()
        if self._for_passages(embedder) is not embedder:
            reason += "; there is a GPU for the passages"
        return reason

    @property
    def precision(self) -> str:
        return self._passages.precision

    @property
    def max_tokens(self) -> int:
        return self._queries.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._queries.count_tokens(texts)

    def whole_words(self) -> Sequence[str]:
        return self._queries.whole_words()

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._passages.embed_passages(texts)

    def read_passages(self, texts: Sequence[str]) -> list[Packed]:
        return self._passages.read_passages(texts)

    def read_queries(self, texts: Sequence[str]) -> list[Reading]:
        return self._gathered(texts)

    @cached_property
    def _gathered(self) -> Gathering[Reading]:
        return Gathering(self._queries.read_queries, TOGETHER)

    def compile(self) -> None:
        """Compiles the model, anew where it was; `backend` and `why` say what came of it.

        Raises:
            ModelError: the model does not load, or the cache cannot be written.
        """
        try:
            compile_model(self._folder, self.fingerprint, self.name)
        except OSError as error:
            raise ModelError(
                f"The compiled model cannot be kept in {place_of(self.fingerprint).parent} "
                f"({error.strerror}): make room there, or make it writable."
            ) from error

    @cached_property
    def _queries(self) -> Embedder:
        """Returns what serves, compiled first where that was never tried."""
        embedder, reason = self._ready()
        if reason == _NOT_YET:
            try:
                self.compile()
            except ModelError as error:
                self._failure = str(error)
            embedder, reason = self._ready()
        if self._wanted == COMPILED and not isinstance(embedder, CompiledEmbedder):
            raise ModelError(
                f"The settings ask for the compiled form of {self.name}, and there is none: "
                f"{reason}. Set backend to {AUTO}."
            )
        return embedder

    @cached_property
    def _passages(self) -> Embedder:
        return self._for_passages(self._queries)

    def _for_passages(self, embedder: Embedder) -> Embedder:
        gpu = self._wanted == AUTO and shutil.which("nvidia-smi") and torch_sees_gpus()
        return self._torch if gpu else embedder

    def _ready(self) -> tuple[Embedder, str]:
        """Returns what can serve as things are, and why; compiles nothing."""
        if self._wanted == TORCH:
            return self._torch, "the settings ask for it"
        if self._failure:
            return self._torch, self._failure
        place = place_of(self.fingerprint)
        try:
            encoder = read_encoder(place)
        except RefusedError as error:
            return self._torch, f"its compiled form is refused: {error}"
        if encoder is None:
            return self._torch, _NOT_YET
        found = encoder.agreement
        return (
            CompiledEmbedder(place, encoder, self.name, self.fingerprint),
            f"it agrees with the uncompiled model on {found.texts} texts: "
            f"worst cosine {found.worst_cosine:.5f}",
        )

    @cached_property
    def _torch(self) -> SentenceTransformerEmbedder:
        return SentenceTransformerEmbedder(self._folder, self.name, self.fingerprint)


_NOT_YET = "it is not compiled yet: notesqa model compile does that, as does the first use"
