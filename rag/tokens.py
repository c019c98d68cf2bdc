"""Texts matched token by token: what the model makes of each token, kept as one bit a dimension.

The late interaction of ColBERT (Khattab and Zaharia, 2020) over vectors that the embedder computes
anyway. A chunk's token vectors are reduced to their signs, 48 bytes for 384 dimensions; the query's
stay as they are. On the fitting split of the shipped questions the signs rank as well as the whole
vectors do (eval/bench/retrieval.md).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rag.mapped import ArrayWriter, mapped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]


ONE_THREAD = 2**18
"""Multiplications up to which OpenBLAS, which numpy comes with, leaves a product to one thread.

On two busy cores its threads wait for each other: 30 chunks take 15 ms in one product, and 2 ms in
products of this size.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A text as an embedder reads it.

    Attributes:
        vector: of the whole text, `(dim,)` of unit length.
        pieces: the tokenizer's number of each token, `(n,)` int32; none where the model has no
            vectors of tokens.
        states: the vector of each token in its context, `(n, dim)`, unit rows.
    """

    vector: Vectors
    pieces: NDArray[np.int32]
    states: Vectors

    def packed(self) -> bytes:
        """Returns the tokens as they are stored."""
        return pack(self.pieces, self.states)


class Packed(NamedTuple):
    """A text as it is stored: its vector, as in `Reading`, and its tokens as `pack` makes them."""

    vector: Vectors
    tokens: bytes


def pack(pieces: Sequence[int] | NDArray[np.int32], states: Vectors) -> bytes:
    """Returns the numbers of a text's tokens, int32, then the signs of their vectors.

    Args:
        states: `(n, dim)`, of any length.
    """
    import numpy as np

    return np.array(pieces, dtype=np.int32).tobytes() + np.packbits(states > 0, axis=1).tobytes()


def at_unit_length(rows: Vectors) -> Vectors:
    """Returns the rows at unit length."""
    import numpy as np

    scaled: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return scaled


def whole_words_of(tokens: Sequence[str]) -> list[str]:
    """Returns the words among a tokenizer's tokens, in order, each once.

    WordPiece marks what continues a word (`##ing`), SentencePiece and byte-level BPE what begins
    one (`▁learn`, `Ġlearn`).
    """
    if any(token.startswith("##") for token in tokens):
        begun = [token for token in tokens if not token.startswith("##")]
    else:
        begun = [token[1:] for token in tokens if token.startswith(("▁", "Ġ"))]
    return list(dict.fromkeys(token.lower() for token in begun if token.isalpha()))


class TokenIndex:
    """The signs of every token of every chunk; rows are positions in the order of `build`."""

    def __init__(self, folder: Path, dim: int) -> None:
        """Opens what `build` wrote.

        Raises:
            OSError, ValueError: it is not there, or not whole.
        """
        self._dim = dim
        self._signs = mapped(folder / "token_signs", "u1", _width(dim))
        self._starts: Rows = mapped(folder / "token_starts", "i8")
        self._frequency: Rows = mapped(folder / "piece_frequency", "i8")

    @staticmethod
    def build(folder: Path, packed: Iterable[bytes], dim: int) -> None:
        """Writes the index of texts, each as `pack` made it, into `folder`."""
        import numpy as np

        end = 0
        counts: Counter[int] = Counter()
        with (
            (folder / "token_signs").open("wb") as signs,
            ArrayWriter(folder / "token_starts", "i8") as starts,
        ):
            starts.add([end])
            for text in packed:
                tokens = len(text) // (4 + _width(dim))
                counts.update(set(np.frombuffer(text[: 4 * tokens], dtype=np.int32).tolist()))
                signs.write(text[4 * tokens :])
                end += tokens
                starts.add([end])
        with ArrayWriter(folder / "piece_frequency", "i8") as frequency:
            frequency.add([counts[piece] for piece in range(max(counts, default=-1) + 1)])

    def similarities(self, query: Reading, rows: Rows) -> Vectors:
        """Returns for each row the mean, by idf, of the query's tokens' best cosines in it.

        The cosine is that of a token's vector with the other's signs, scaled to unit length. Zero
        everywhere where the model gives no vectors of tokens.
        """
        import numpy as np

        first, last = self._starts[rows], self._starts[rows + 1]
        if not (len(rows) and len(query.pieces) and (last > first).all()):
            return np.zeros(len(rows), dtype=np.float32)
        weights = self._idf(query.pieces)
        parts = [self._signs[a:b] for a, b in zip(first.tolist(), last.tolist(), strict=True)]
        signs, begins = np.concatenate(parts), np.cumsum(last - first) - (last - first)
        products = np.empty((len(signs), len(query.pieces)), dtype=np.float32)
        table, states = _signs(), query.states.T
        step = max(1, ONE_THREAD // query.states.size)
        for start in range(0, len(signs), step):
            whole = table.take(signs[start : start + step], axis=0).reshape(-1, 8 * signs.shape[1])
            np.matmul(whole[:, : self._dim], states, out=products[start : start + step])
        # A vector of signs is sqrt(dim) long.
        best = np.maximum.reduceat(products, begins, axis=0) / math.sqrt(self._dim)
        similarities: Vectors = best @ weights / weights.sum()
        return similarities

    def _idf(self, pieces: NDArray[np.int32]) -> Vectors:
        """Returns the idf of each piece over the chunks, by the formula of BM25."""
        import numpy as np

        size = len(self._starts) - 1
        known = pieces < len(self._frequency)
        frequency = np.where(known, self._frequency[np.where(known, pieces, 0)], 0)
        weights: Vectors = np.log(1 + (size - frequency + 0.5) / (frequency + 0.5))
        return weights.astype(np.float32)


@cache
def _signs() -> Vectors:
    """Returns `(256, 8)`: the signs, 1 and -1, that each byte stands for."""
    import numpy as np

    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    signs: Vectors = 2 * bits.astype(np.float32) - 1
    return signs


def _width(dim: int) -> int:
    """Returns how many bytes the signs of one vector take."""
    return -(-dim // 8)
