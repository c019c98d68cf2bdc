"""Texts matched token by token: what the model makes of each token, kept as one bit a dimension.

The late interaction of ColBERT (Khattab and Zaharia, 2020) over vectors that the embedder computes
anyway. A chunk's token vectors are reduced to their signs, 48 bytes for 384 dimensions; the query's
stay as they are. On the fitting split of the shipped questions the signs rank as well as the whole
vectors do (eval/bench/retrieval.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]

FILES = ("token_signs", "token_starts", "piece_frequency")


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

    def __init__(self, files: Mapping[str, bytes], dim: int) -> None:
        """Opens what `build` wrote: the contents of `FILES` by name."""
        import numpy as np

        width = _width(dim)
        self._dim = dim
        self._signs = np.frombuffer(files["token_signs"], dtype=np.uint8).reshape(-1, width)
        self._starts: Rows = np.frombuffer(files["token_starts"], dtype=np.int64)
        self._frequency: Rows = np.frombuffer(files["piece_frequency"], dtype=np.int64)

    @staticmethod
    def build(folder: Path, packed: Iterable[bytes], dim: int) -> None:
        """Writes the index of texts, each as `pack` made it, into `folder`."""
        import numpy as np

        signs, starts, frequency = FILES
        ends = [0]
        counts: dict[int, int] = {}
        with (folder / signs).open("wb") as file:
            for text in packed:
                tokens = len(text) // (4 + _width(dim))
                for piece in np.unique(np.frombuffer(text[: 4 * tokens], dtype=np.int32)).tolist():
                    counts[piece] = counts.get(piece, 0) + 1
                file.write(text[4 * tokens :])
                ends.append(ends[-1] + tokens)
        by_piece = np.zeros(max(counts, default=-1) + 1, dtype=np.int64)
        by_piece[list(counts)] = list(counts.values())
        (folder / starts).write_bytes(np.array(ends, dtype=np.int64).tobytes())
        (folder / frequency).write_bytes(by_piece.tobytes())

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
        places = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
        bits = np.unpackbits(self._signs[places], axis=1, count=self._dim).astype(np.float32)
        # A bit b stands for the sign 2b - 1, and a vector of signs is sqrt(dim) long.
        cosines = (2 * (bits @ query.states.T) - query.states.sum(axis=1)) / math.sqrt(self._dim)
        begins = np.cumsum([0, *(last - first)[:-1]])
        best = np.maximum.reduceat(cosines, begins, axis=0)
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


def _width(dim: int) -> int:
    """Returns how many bytes the signs of one vector take."""
    return -(-dim // 8)
