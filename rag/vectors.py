"""Vectors on disk: rows of half precision, and the search over those of the chunks.

The only user of faiss. Rows are mapped, and so is what faiss searches.

Half precision is two bytes a dimension instead of four. Of 60 queries against 200,000 vectors in
4,000 clusters (384 dimensions), each had the same ten nearest as with four.

Up to `EXACT` chunks every vector is looked at: .5 ms for 10,000, 2.3 ms for 50,000 and 9 ms for
100,000, on one of two busy cores. Beyond, the vectors are parted into lists around centroids
(k-means), and only the lists nearest to the query are looked at: as many as it takes to find
`RECALL` of the ten nearest for queries made of the vectors themselves. For 200,000 vectors in 4,000
clusters that took 64 of 894 lists. Where only some rows are asked for, every one of them is looked
at, whatever list it lies in: of the 200,000, .8 ms for 50 or 2,000, 9.5 ms for half.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.mapped import mapped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]

EXACT = 50_000
"""Up to so many chunks every vector is looked at."""

RECALL = 0.98
NEAREST = 10
SAMPLED = 200
"""Queries by which the recall is measured."""

NOISE = 0.5
"""Length of the noise by which such a query differs from a vector, which is of length 1."""

LISTS = 2
"""Lists for each root of the number of vectors; 900 for 200,000."""

TRAINING = 32
"""Vectors for each list by which its centroid is found."""

_BLOCK = 8192
_SEED = 1
_EQUAL = 1e-4
_FILE = "search.faiss"

_HALF_BITS = -0x70002000
_HALF_SCALE = 2.0**112


class HalfRows:
    """Vectors of half precision in a mapped file, by row."""

    def __init__(self, file: Path, dim: int) -> None:
        """Opens what `write` wrote.

        Raises:
            OSError, ValueError: there is no such file, or it does not hold rows of `dim`.
        """
        self._bits = mapped(file, "i2", dim)

    def __len__(self) -> int:
        return len(self._bits)

    @staticmethod
    def write(file: Path, vectors: Iterable[bytes]) -> int:
        """Writes rows of four bytes a dimension with two, and returns how many they were."""
        import numpy as np

        size = 0
        with file.open("wb") as half:
            for block in _blocks(vectors):
                size += len(block)
                half.write(np.frombuffer(b"".join(block), dtype="f4").astype("f2").tobytes())
        return size

    def at(self, rows: Rows | slice) -> Vectors:
        """Returns the vectors of these rows, `(len(rows), dim)`."""
        import numpy as np

        vectors: Vectors = self._bits[rows].view(np.float16).astype(np.float32)
        return vectors

    def similarities(self, query: Vectors, rows: Rows | slice) -> Vectors:
        """Returns `(len(rows),)` inner products with the query.

        numpy widens one number after the other; here the bits of all are put in their places, a
        sign, five of the exponent and ten of the mantissa, and the query makes up for the bias
        by which the exponents differ. That is exact, and takes .8 ms instead of 2 for 2,500 rows.
        """
        import numpy as np

        bits = self._bits[rows].astype(np.int32)
        bits <<= 13
        bits &= _HALF_BITS
        similarities: Vectors = np.vecdot(bits.view(np.float32), query * np.float32(_HALF_SCALE))
        return similarities


class Search:
    """Finds the chunks nearest to a query."""

    def __init__(self, folder: Path) -> None:
        """Opens what `build` wrote into `folder`.

        Raises:
            OSError, RuntimeError: it is not there, or damaged.
        """
        import faiss

        file = folder / _FILE
        # No array inside a file can be larger than the file.
        faiss.set_deserialization_vector_byte_limit(file.stat().st_size)
        self._index: Any = faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC)

    def nearest(self, query: Vectors, k: int, within: range | None = None) -> Rows:
        """Returns up to `k` rows, the nearest first.

        Args:
            within: the only rows to look at, and then at all of them; None for all.
        """
        import faiss
        import numpy as np

        if not self._index.ntotal:
            return np.empty(0, dtype=np.int64)
        asked = None if within is None else self._only(within)
        # One query is work for one thread; several would only wait for each other.
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            _, found = self._index.search(query[None, :], min(k, self._index.ntotal), params=asked)
        finally:
            faiss.omp_set_num_threads(threads)
        rows: Rows = found[0][found[0] >= 0]
        return rows

    def _only(self, rows: range) -> Any:
        """Returns what has the index look at these rows, and at every one of them."""
        import faiss

        lists = getattr(self._index, "nlist", 0)
        # Given here, and not set afterwards, the selector lives as long as what refers to it.
        made: Any = faiss.SearchParametersIVF if lists else faiss.SearchParameters
        every = {"nprobe": lists} if lists else {}
        return made(sel=faiss.IDSelectorRange(rows.start, rows.stop), **every)

    @staticmethod
    def build(folder: Path, vectors: HalfRows, dim: int) -> str:
        """Writes the search over the vectors into `folder`, and returns how it searches.

        An approximate one is made in memory, some 800 bytes a chunk.
        """
        import faiss

        exact = len(vectors) <= EXACT
        index = _exact(vectors, dim) if exact else _approximate(vectors, dim)
        how = (
            "exact" if exact else f"approximate, recall@{NEAREST} {_tune(index, vectors)} of exact"
        )
        faiss.write_index(index, str(folder / _FILE))
        return how


def _exact(vectors: HalfRows, dim: int) -> Any:
    import faiss

    half = faiss.ScalarQuantizer.QT_fp16
    index = faiss.IndexScalarQuantizer(dim, half, faiss.METRIC_INNER_PRODUCT)
    for start in range(0, len(vectors), _BLOCK):
        index.add(vectors.at(slice(start, start + _BLOCK)))
    return index


def _approximate(vectors: HalfRows, dim: int) -> Any:
    """Returns lists of vectors around centroids; the same vectors always give the same."""
    import faiss

    lists = round(LISTS * math.sqrt(len(vectors)))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dim),
        dim,
        lists,
        faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT,
        False,  # vectors as they are, not what they differ from their centroid
    )
    index.cp.seed, index.cp.niter, index.cp.spherical = _SEED, 10, True
    index.cp.min_points_per_centroid = 1  # else faiss warns
    index.train(vectors.at(_spread(len(vectors), TRAINING * lists)))
    for start in range(0, len(vectors), _BLOCK):
        index.add(vectors.at(slice(start, start + _BLOCK)))
    return index


def _tune(index: Any, vectors: HalfRows) -> float:
    """Has the search look at as few lists as reach `RECALL`; returns the recall, rounded down."""
    import numpy as np

    queries = vectors.at(_spread(len(vectors), SAMPLED))
    noise = np.random.default_rng(_SEED).standard_normal(queries.shape, dtype=np.float32)
    queries += NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    tenth = _tenth(queries, vectors)
    index.nprobe = 1
    while True:
        # Of vectors that are equal any is right, so what counts is how near the found ones are.
        scores = index.search(queries, NEAREST)[0]
        recall = float((scores >= tenth[:, None] - _EQUAL).mean())
        if recall >= RECALL or index.nprobe >= index.nlist:
            return math.floor(100 * recall) / 100
        index.nprobe = min(index.nlist, 2 * index.nprobe)


def _tenth(queries: Vectors, vectors: HalfRows) -> Vectors:
    """Returns each query's inner product with its tenth nearest, looking at every vector."""
    import numpy as np

    scores = np.empty((len(queries), 0), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors.at(slice(start, start + _BLOCK))
        scores = np.hstack([scores, queries @ block.T])
        scores = -np.partition(-scores, NEAREST - 1, axis=1)[:, :NEAREST]
    tenth: Vectors = scores.min(axis=1)
    return tenth


def _spread(size: int, wanted: int) -> Rows:
    """Returns up to so many rows, spread evenly over all."""
    import numpy as np

    return np.unique(np.linspace(0, size - 1, min(size, wanted)).astype(np.int64))


def _blocks(vectors: Iterable[bytes]) -> Iterator[list[bytes]]:
    left = iter(vectors)
    while block := list(islice(left, _BLOCK)):
        yield block
