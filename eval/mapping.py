"""Passages and questions become a map in two dimensions, on which gaps lie apart from the notes.

Input: a library, and what is to be placed; output: `Map`.

Passages are laid out by t-SNE over the vectors that search uses, questions are then put beside
their nearest passage: as far from any passage as their cosine says, and as near to that one as this
allows. Laid out together with the passages, questions lie among them whether the notes answer them
or not: over the shipped notes and 400 of their questions the distance to the nearest passage on the
map ranked like the cosine by -.10 (PCA) and .67 to .70 (t-SNE; Spearman), and t-SNE of the passages
alone keeps their neighbourhoods better (trustworthiness .91 against .87; PCA .76; 206 passages).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from eval.coverage import Coverage
from eval.gaps import Gaps
from rag import Contents, Library, StoredChunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.float64]
    Rows = NDArray[np.int64]
    Vectors = NDArray[np.float32]

WIDTH, HEIGHT = 720, 540
"""Of the map."""

MARGIN = 72.0
"""Around the passages: how far from them a question without any likeness lies."""

UNLIKE = 0.2
"""The cosine from which on a question lies at `MARGIN`: that of questions about anything else."""

BEND = 3
"""Power by which a question that is less alike lies farther: of what the shipped notes cover
(median cosine .72) it makes 3, of what they miss (.29) 50. A straight line leaves no room for
the former among the passages: by a square 43 % of 400 questions had their own passage nearest, by
this 64 %.
"""

MOST_PASSAGES = 1_500
"""Passages that are drawn, of larger notes: each note keeps its share, evenly spaced, and a passage
that is a question's nearest is there as well. Of 100,000 passages and 1,000 questions 2,481 were
drawn, by 9 s of one core."""

MOST_GROUPS = 8
"""Colours that can be told apart, the last of them for all other groups."""

STEP = 3
"""Distance of the places at which a question can lie."""

REACHES = (STEP, 4 * STEP)
"""How much farther from all passages than it should a question may lie; more where it is full."""

APART = 9
"""Least distance of two questions, while there is room."""

PERPLEXITY, ROUNDS, SEED = 30.0, 500, 0
"""Of t-SNE: the customary neighbourhood; rounds after which places move no more than a dot."""

WORDS = 120
"""First characters of a passage that are kept."""


class Sign(StrEnum):
    """What a question on the map is."""

    COVERED = "covered"
    THIN = "thin"
    MISSING = "missing"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question or objective that is to be placed.

    Attributes:
        id: of the objective or gap.
        near: the best cosine with anything in the notes; 0 where it is not known.
    """

    id: str
    text: str
    sign: Sign
    near: float


@dataclass(frozen=True, slots=True)
class Dot:
    """A passage on the map.

    Attributes:
        group: the number of its group.
        words: how it begins.
    """

    x: float
    y: float
    group: int
    document: str
    title: str
    place: str
    words: str


@dataclass(frozen=True, slots=True)
class Pin:
    """A question on the map; `dot` is the number of its nearest passage."""

    x: float
    y: float
    wanted: Wanted
    dot: int


@dataclass(frozen=True, slots=True)
class Map:
    """Passages and questions, from (0, 0) to (`WIDTH`, `HEIGHT`).

    Attributes:
        groups: names of the groups of passages: folders, or notes where all lie in one folder.
        passages: how many there are in the notes; `dots` are all of them or a share.
        corpus: the digest of the notes.
    """

    dots: tuple[Dot, ...]
    pins: tuple[Pin, ...]
    groups: tuple[str, ...]
    passages: int
    corpus: str


def wanted_of(coverage: Coverage | None = None, gaps: Gaps | None = None) -> list[Wanted]:
    """Returns what there is to place of a coverage, and of gaps that have words."""
    objectives = [
        Wanted(item.objective.id, item.objective.text, Sign(item.status), item.support.near)
        for item in (coverage.found if coverage else ())
    ]
    return objectives + [
        Wanted(gap.id, gap.question, Sign.GAP, gap.triage.support.near)
        for gap in (gaps.gaps if gaps else ())
        if gap.wordings
    ]


def map_notes(library: Library, wanted: Sequence[Wanted]) -> Map:
    """Returns the map, the same for the same notes and questions.

    Raises:
        LibraryError: there is no library, or it is damaged.
        ModelError: the model cannot be loaded.
    """
    import numpy as np

    contents = library.contents()
    vectors = contents.vectors()
    if len(contents) and wanted:
        nearest, near = _nearest(vectors, library.embed([item.text for item in wanted]))
        # What `coverage --json` printed does not say how near its objectives are.
        asked = [
            item if item.near else replace(item, near=cosine)
            for item, cosine in zip(wanted, near.tolist(), strict=True)
        ]
    else:
        nearest, asked = np.zeros(0, dtype=np.int64), []
    rows = np.union1d(_shares(contents.documents, MOST_PASSAGES), nearest)
    places = _fitted(_layout(vectors[rows]))
    groups, names = _groups(contents)
    chunks = [contents.chunk(int(row)) for row in rows]
    return Map(
        dots=tuple(
            _dot(chunk, groups[chunk.document], x, y)
            for chunk, (x, y) in zip(chunks, places.tolist(), strict=True)
        ),
        pins=_pins(asked, np.searchsorted(rows, nearest), places) if asked else (),
        groups=names,
        passages=len(contents),
        corpus=contents.corpus,
    )


def _nearest(vectors: Vectors, asked: Vectors) -> tuple[Rows, Vectors]:
    """Returns the row of the passage nearest to each question, the first of equals, and cosines."""
    import numpy as np

    # In parts: 100,000 passages and 1,000 questions are 400 MB of cosines.
    parts = [asked[i : i + 100] @ vectors.T for i in range(0, len(asked), 100)]
    return (
        np.concatenate([part.argmax(axis=1) for part in parts]),
        np.concatenate([part.max(axis=1) for part in parts]),
    )


def _shares(documents: Rows, most: int) -> Rows:
    """Returns `most` rows or all, of each document its share and at least one while they last."""
    import numpy as np

    size = len(documents)
    if size <= most:
        return np.arange(size)
    # Rows of a document follow each other, so even steps give each its share.
    even = np.linspace(0, size - 1, most).round().astype(np.int64)
    _, firsts = np.unique(documents, return_index=True)
    absent = firsts[~np.isin(documents[firsts], documents[even])]
    return np.union1d(even, absent[:most])


def _layout(vectors: Vectors) -> Places:
    """Returns a place in two dimensions for each vector, near ones near each other."""
    import numpy as np
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    size = len(vectors)
    if size < 5 or np.ptp(vectors, axis=0).max() < 1e-6:  # there are no neighbourhoods
        angles = np.arange(size) * 2 * np.pi / max(size, 1)
        return np.column_stack([np.cos(angles), np.sin(angles)])
    drawn = TSNE(
        metric="cosine",
        init="pca",
        perplexity=min(PERPLEXITY, (size - 1) / 3),
        max_iter=ROUNDS,
        random_state=SEED,
    )
    with threadpool_limits(1):  # the same sums in the same order, and a core left for answers
        places: Places = drawn.fit_transform(vectors).astype(np.float64)
    return places


def _fitted(places: Places) -> Places:
    """Returns places within the margin of the map, the longer direction across."""
    import numpy as np

    if not len(places):
        return places.reshape(0, 2)
    low, high = places.min(axis=0), places.max(axis=0)
    sides, room = high - low, np.array([WIDTH, HEIGHT]) - 2 * MARGIN
    centred = places - (low + high) / 2
    if sides[1] > sides[0]:
        centred, sides = centred[:, ::-1], sides[::-1]
    # A map that is full can be read; more than half as much again would pull neighbours apart.
    scale = room / np.maximum(sides, 1e-9)
    fitted: Places = centred * np.minimum(scale, 1.5 * scale.min()) + np.array([WIDTH, HEIGHT]) / 2
    return fitted


def _pins(wanted: Sequence[Wanted], dots: Rows, places: Places) -> tuple[Pin, ...]:
    """Returns each question at the place nearest to its passage that is far enough from all."""
    import numpy as np
    from scipy.spatial import cKDTree

    across, down = np.arange(STEP, WIDTH, STEP), np.arange(STEP, HEIGHT, STEP)
    grid = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2).astype(np.float64)
    gaps, _ = cKDTree(places).query(grid)
    free = np.ones(len(grid), dtype=bool)
    pins: dict[int, Pin] = {}
    for number in sorted(range(len(wanted)), key=lambda i: (-wanted[i].near, i)):
        item = wanted[number]
        far = MARGIN * min(1.0, max(0.0, (1 - item.near) / (1 - UNLIKE))) ** BEND
        enough = gaps >= min(far - STEP / 2, gaps.max() - STEP)
        # Where others lie already a little farther will do, and on another if need be.
        bands = [enough & (gaps <= max(far, gaps[enough].min()) + reach) for reach in REACHES]
        fits = next((band & free for band in bands if (band & free).any()), bands[0])
        away = np.hypot(*(grid - places[dots[number]]).T)
        chosen = int(np.where(fits, away, np.inf).argmin())
        free &= np.hypot(*(grid - grid[chosen]).T) >= APART
        x, y = grid[chosen].tolist()
        pins[number] = Pin(x, y, item, int(dots[number]))
    return tuple(pins[number] for number in range(len(wanted)))


def _groups(contents: Contents) -> tuple[dict[str, int], tuple[str, ...]]:
    """Returns the group of each document, and the names of the groups, the largest first."""
    import numpy as np

    numbers, counts = np.unique(contents.documents, return_counts=True)
    sizes = dict(zip(map(contents.path, numbers.tolist()), counts.tolist(), strict=True))
    paths = [PurePosixPath(path) for path in sizes]
    folders = {path.parts[0] if len(path.parts) > 1 else "" for path in paths}
    name = {
        str(path): (path.parts[0] if len(path.parts) > 1 else "") if len(folders) > 1 else str(path)
        for path in paths
    }
    total: Counter[str] = Counter()
    for path, size in sizes.items():
        total[name[path]] += size
    names = [group for group, _ in total.most_common()]
    kept = names if len(names) <= MOST_GROUPS else [*names[: MOST_GROUPS - 1], "others"]
    numbered = {group: min(number, len(kept) - 1) for number, group in enumerate(names)}
    return {path: numbered[group] for path, group in name.items()}, tuple(
        group or "(no folder)" for group in kept
    )


def _dot(chunk: StoredChunk, group: int, x: float, y: float) -> Dot:
    said = " ".join(chunk.text[: 2 * WORDS].split())
    return Dot(
        x=round(x, 1),
        y=round(y, 1),
        group=group,
        document=chunk.document,
        title=chunk.title,
        place=chunk.place(chunk.span),
        words=said if len(said) <= WORDS else said[:WORDS].rsplit(" ", 1)[0] + " …",
    )
