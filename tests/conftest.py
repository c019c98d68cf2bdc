"""What several test files share: a small embedder, and the shipped notes indexed once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag import Library, Settings

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "corpus"
QUESTIONS = ROOT / "eval/questions/transfer-learning.jsonl"


class WordLengths:
    """An embedder one can compute by hand: how many words of 1, 2, … 16 letters a text has.

    A token is a word. `embedded` counts the texts it was asked for.
    """

    name = "word-lengths"
    backend = "counting"
    max_tokens = 254

    def __init__(self, fingerprint: str = "word-lengths-1") -> None:
        self.fingerprint = fingerprint
        self.embedded: list[str] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        return np.stack([self._embed(text) for text in texts])

    def embed_query(self, text: str) -> NDArray[np.float32]:
        return self._embed(text)

    @staticmethod
    def _embed(text: str) -> NDArray[np.float32]:
        vector = np.zeros(16, dtype=np.float32)
        for word in text.split():
            vector[min(len(word), 16) - 1] += 1
        return vector / max(float(np.linalg.norm(vector)), 1e-9)


@pytest.fixture
def embedder() -> WordLengths:
    return WordLengths()


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The shipped notes, indexed with the packaged model."""
    folder = tmp_path_factory.mktemp("shipped") / "library"
    library = Library(Settings(library=str(folder), corpus=str(CORPUS)))
    library.index()
    return library
