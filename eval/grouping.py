"""Questions become groups of one meaning, and a group what tells it from the others.

Input: questions as vectors and as what they found in the notes; output: labels, and for a group its
most central question and its telling terms.

Two questions are as near as their cosine, and nearer by the passages that both found: the cosine of
those, each by the inverse of its rank, times the root of both confidences. Where the notes hold
what is asked for, paraphrases that share no word find the same passage; where they do not, what is
found says little, and counts for little. Complete linkage merges while all questions of a group lie
within `SPREAD` of each other.

Chosen on the fitting split of the shipped questions (20 facts in 3 to 5 wordings, 20 questions
alone) and on paraphrases by people about other things (20 groups, 20 alone), asked of notes that
hold them and of notes that do not; adjusted Rand indexes, means of five draws, for the best spread
of each kind over all three. By meaning alone: average linkage .38, .87, .87; complete .40, .91,
.91. With shared passages as a fifth of the score whatever the confidence: complete .56, .91, .85.
As it is: .59, .93, .89. HDBSCAN and DBSCAN were never better than either linkage by meaning alone
(.24 to .25 and .13 for all 240 facts, the linkages .26), nor were rarer passages that count for
more, or the words in common.

What limits it is the encoder. Ten draws by `eval.bench.gaps`: on the report split, whose
paraphrases were written to share few words, .60 (.53 to .67); on the paraphrases by people .89 (.85
to .92), with a spread that they had a part in choosing.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rag import terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]

SPREAD = 0.575
"""The greatest distance of two questions of a group."""

EXACT = 4_000
"""Questions that are compared each with each, in 200 MB.

More are merged from the nearest pair on, which takes no memory of their number squared: of 7,105
questions (1,249 in 125 known groups) .83 against .82.
"""

NEIGHBOURS = 20
"""Of a question, among which those lie that it is merged with."""

BLOCK = 1_000
"""Questions that are held against all others at a time."""

TERMS = 4
"""Telling terms of a group."""

_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class _Questions:
    """What is compared of questions; the inner product of two rows of both parts is their nearness.

    Attributes:
        vectors: `(n, dim)`, unit rows.
        spots: `(n, k)`, numbers of the passages found, best first; below 0 where there are fewer.
        weights: `(n, k)`, of those.
    """

    vectors: Vectors
    spots: Rows
    weights: Vectors

    def nearness(self, some: Rows, others: Rows) -> Vectors:
        """Returns `(some, others)`: few of both."""
        same = self.spots[some][:, None, :, None] == self.spots[others][None, :, None, :]
        both = self.weights[some][:, None, :, None] * self.weights[others][None, :, None, :]
        near: Vectors = self.vectors[some] @ self.vectors[others].T + (same * both).sum((2, 3))
        return near

    def to_all(self, block: int) -> Iterator[tuple[int, Vectors]]:
        """Yields `(block, n)` of nearness at a time, and the first row of each."""
        import numpy as np
        from scipy.sparse import csr_array

        n, k = self.spots.shape
        real = self.spots >= 0
        rows = np.repeat(np.arange(n), k).reshape(n, k)[real]
        shape = n, int(self.spots.max(initial=0)) + 1
        found = csr_array((self.weights[real], (rows, self.spots[real])), shape=shape)
        for start in range(0, n, block):
            near = self.vectors[start : start + block] @ self.vectors.T
            near += (found[start : start + block] @ found.T).toarray()
            yield start, near


def group(
    vectors: Vectors, found: Sequence[Sequence[Hashable]], confidences: Sequence[float]
) -> Rows:
    """Returns `(n,)`: the group of each question, numbered from 0 in order of first appearance.

    What comes in another order may come out otherwise where distances are equal: sort first.

    Args:
        vectors: `(n, dim)`, unit rows.
        found: where the passages stand that came with each question, best first.
        confidences: 0 to 1, of the answers.
    """
    import numpy as np

    n, k = len(vectors), max(map(len, found), default=0)
    places: dict[Hashable, int] = {}
    spots, weights = np.full((n, k), -1), np.zeros((n, k), np.float32)
    for row, (here, confidence) in enumerate(zip(found, confidences, strict=True)):
        spots[row, : len(here)] = [places.setdefault(spot, len(places)) for spot in here]
        by_rank = np.array([1 / rank for rank in range(1, len(here) + 1)])
        length = math.sqrt((by_rank**2).sum()) or 1
        weights[row, : len(here)] = by_rank / length * math.sqrt(confidence)
    questions = _Questions(vectors, spots, weights)
    labels = _linked(questions) if n <= EXACT else _merged(questions)
    order: dict[int, int] = {}
    return np.array([order.setdefault(label, len(order)) for label in labels], np.int64)


def _linked(questions: _Questions) -> list[int]:
    """Returns labels by complete linkage."""
    import numpy as np
    from sklearn.cluster import AgglomerativeClustering

    if len(questions.vectors) < 2:
        return [0] * len(questions.vectors)
    ((_, near),) = questions.to_all(EXACT)
    linkage = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="complete", distance_threshold=SPREAD
    )
    labels: list[int] = linkage.fit_predict(np.maximum(1 - near, 0)).tolist()
    return labels


def _merged(questions: _Questions) -> list[int]:
    """Returns labels by merging from the nearest pair on, while a group stays within `SPREAD`."""
    import numpy as np

    members = {row: np.array([row]) for row in range(len(questions.vectors))}
    owner = list(members)
    apart: set[tuple[int, int]] = set()
    for first, second in _pairs(questions):
        one, other = sorted((owner[first], owner[second]))
        if one == other or (one, other) in apart:
            continue
        if questions.nearness(members[one], members[other]).min() < 1 - SPREAD:
            apart.add((one, other))
            continue
        for row in members[other].tolist():
            owner[row] = one
        members[one] = np.concatenate([members[one], members.pop(other)])
    return owner


def _pairs(questions: _Questions) -> list[tuple[int, int]]:
    """Returns each question with its `NEIGHBOURS` within `SPREAD`, the nearest pair first."""
    import numpy as np

    found = []
    for start, near in questions.to_all(BLOCK):
        rows = np.arange(len(near))
        near[rows, rows + start] = -1
        nearest = np.argpartition(near, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:]
        how_near = np.take_along_axis(near, nearest, axis=1)
        row, column = np.nonzero(how_near >= 1 - SPREAD)
        found.append((how_near[row, column], row + start, nearest[row, column]))
    how_near, first, second = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((second, first, -how_near))
    return list(zip(first[order].tolist(), second[order].tolist(), strict=True))


def most_central(vectors: Vectors, texts: Sequence[str]) -> int:
    """Returns which question lies nearest to the mean of all; the shortest of those that do."""
    near = vectors @ vectors.mean(axis=0)
    best = float(near.max()) - 1e-4
    return min(
        (row for row in range(len(texts)) if near[row] >= best),
        key=lambda row: (len(texts[row]), texts[row]),
    )


def telling_terms(
    groups: Sequence[Sequence[str]],
    everything: Sequence[str],
    language: str,
    told: Sequence[Collection[str]] | None = None,
) -> list[tuple[str, ...]]:
    """Returns for each group the terms that tell it from the rest, the most telling first.

    A term tells by the share p of the group's questions that hold it, times log p / q, where q is
    the share of all. It is shown as most questions of the group write it.

    Args:
        groups: the questions of each.
        everything: all questions, those of the groups among them.
        language: as `terms` takes it.
        told: the terms of each group that may be shown, as `stems` gives them; all if left out.
    """

    @cache
    def stem(word: str) -> str:
        return " ".join(terms(word, language))

    held = Counter(term for text in everything for term in _stems(text, stem))
    telling = []
    for number, texts in enumerate(groups):
        written: dict[str, Counter[str]] = defaultdict(Counter)
        inside: Counter[str] = Counter()
        for text in texts:
            stems = _stems(text, stem)
            inside.update(stems.keys())
            for term, word in stems.items():
                written[term][word] += 1
        score = {
            term: count / len(texts) * math.log(count * len(everything) / len(texts) / held[term])
            for term, count in inside.items()
        }
        shown = score if told is None else [term for term in score if term in told[number]]
        best = sorted(shown, key=lambda term: -score[term])[:TERMS]
        telling.append(tuple(_as_written(written[term]) for term in best))
    return telling


def stems(text: str, language: str) -> set[str]:
    """Returns what `telling_terms` takes for the terms of a text."""
    return set(_stems(text, lambda word: " ".join(terms(word, language))))


def _stems(text: str, stem: Callable[[str], str]) -> dict[str, str]:
    """Returns the stems of a text's words, function words left out, and how each is written."""
    found: dict[str, str] = {}
    for word in _WORD.findall(text):
        if term := stem(word):
            found.setdefault(term, word)
    return found


def _as_written(forms: Counter[str]) -> str:
    return min(forms, key=lambda word: (-forms[word], word))
