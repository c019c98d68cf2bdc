"""What runs the model that the settings name, and why: OpenVINO its compiled form, or torch itself.

By default a model is compiled at its first use, and the compiled form serves from then on. Torch
serves where that form is refused or cannot be kept, where the settings want it, and for passages
where there is a GPU. Vectors of the two are near enough to be compared (`rag.compiling` sees to
it), and a library's passages are all of one precision.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from rag.cache import can_be_written
from rag.compiled import (
    CompiledEmbedder,
    Encoder,
    RefusedError,
    last_line,
    place_of,
    read_encoder,
)
from rag.config import COMPILED, TORCH
from rag.embedding import Embedder, SentenceTransformerEmbedder
from rag.errors import ModelError
from rag.gathering import Gathering
from rag.languages import AUTO
from rag.models import PACKAGED, find, known_fingerprint, torch_sees_gpus

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.tokens import Packed, Reading

    Vectors = NDArray[np.float32]

log = logging.getLogger(__name__)

TOGETHER = 16
"""Queries of several threads that are read at a time.

Of 320 of the shipped questions one took 4.6 ms alone, 3.0 in fours, 2.1 in eights, 2.4 in sixteens
and 2.9 in thirty-twos, on two cores.
"""


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
        self._gathered = Gathering(self._read_queries, TOGETHER)
        self._chosen: tuple[Embedder, Embedder] | None = None
        self._lock = threading.Lock()

    @cached_property
    def fingerprint(self) -> str:
        return known_fingerprint(self._folder)

    @property
    def backend(self) -> str:
        queries, passages = self._ready()
        if passages is queries:
            return queries.backend
        return f"{queries.backend}; passages: {passages.backend}"

    @property
    def why(self) -> str:
        self._check_demand()
        queries, passages = self._ready()
        return queries.why if passages is queries else f"{queries.why}; {passages.why}"

    @property
    def precision(self) -> str:
        return self._serving[1].precision

    @property
    def max_tokens(self) -> int:
        return self._serving[0].max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._serving[0].count_tokens(texts)

    def whole_words(self) -> Sequence[str]:
        return self._serving[0].whole_words()

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._serving[1].embed_passages(texts)

    def read_passages(self, texts: Sequence[str]) -> list[Packed]:
        return self._serving[1].read_passages(texts)

    def read_queries(self, texts: Sequence[str]) -> list[Reading]:
        return self._gathered(texts)

    def _read_queries(self, texts: Sequence[str]) -> list[Reading]:
        return self._serving[0].read_queries(texts)

    def compile(self) -> None:
        """Compiles the model, anew where it was; `backend` and `why` say what came of it.

        Raises:
            ModelError: the model does not load, or its compiled form cannot be kept.
        """
        if failure := self._try_to_compile(anew=True):
            raise ModelError(failure)

    def _try_to_compile(self, *, anew: bool) -> str:
        """Compiles the model, and returns why the outcome is not kept, or nothing.

        Raises:
            ModelError: the model does not load.
        """
        from rag.compiling import compile_model

        try:
            compile_model(self._folder, self.fingerprint, self.name, anew=anew)
        except (OSError, RuntimeError) as error:
            return (
                f"The compiled form of {self.name} cannot be kept in the user's cache "
                f"({last_line(error)}): make room there, or make it writable."
            )
        return ""

    @property
    def _serving(self) -> tuple[Embedder, Embedder]:
        """Returns what reads queries and what reads passages, compiled first if never tried."""
        with self._lock:
            if self._chosen is None:
                if self._form() is None:
                    self._failure = self._try_to_compile(anew=False)
                    if self._failure:
                        log.info("%s", self._failure)
                self._check_demand()
                self._chosen = self._ready()
            return self._chosen

    def _check_demand(self) -> None:
        """Raises ModelError where the settings want a compiled form that there cannot be."""
        form = self._form()
        if self._wanted == COMPILED and isinstance(form, str):
            raise ModelError(
                f"The settings ask for the compiled form of {self.name}, and there is none: "
                f"{form}. Set backend to {AUTO}."
            )

    def _ready(self) -> tuple[Embedder, Embedder]:
        """Returns what can read queries and passages as things are; compiles nothing."""
        form = self._form()
        if not isinstance(form, Encoder):
            uncompiled = self._torch(form or _NOT_YET)
            return uncompiled, uncompiled
        compiled = CompiledEmbedder(place_of(self.fingerprint), form, self.name, self.fingerprint)
        if self._wanted == AUTO and shutil.which("nvidia-smi") and torch_sees_gpus():
            return compiled, self._torch("there is a GPU for them")
        return compiled, compiled

    def _form(self) -> Encoder | str | None:
        """Returns the compiled form's record, or why there is none; None if never tried."""
        if self._wanted == TORCH:
            return "the settings ask for it"
        if self._failure:
            return self._failure
        try:
            place = place_of(self.fingerprint)
            found = read_encoder(place)
        except RefusedError as error:
            return f"its compiled form is refused: {error}"
        except OSError as error:
            return str(error)
        if found is None and not can_be_written(place.parent):
            return f"its compiled form cannot be kept: {place.parent} cannot be written"
        return found

    def _torch(self, why: str) -> SentenceTransformerEmbedder:
        return SentenceTransformerEmbedder(self._folder, self.name, self.fingerprint, why)


_NOT_YET = "it is not compiled yet: notesqa model compile does that, as does the first use"
