"""The questions of a gap become its cause: the notes lack it, or hold it, or it is off topic.

Input: the questions of one group, which ask for one thing; output: `Triage`.

Each wording gives signals: how near it lies to the notes, and by how much the best passage stands
out. A multinomial logistic regression makes probabilities of them, and the wordings of a group are
pooled by the mean of their logarithms. Its constants, in `triage.json`, are written by
`python -m eval.bench.triage --fit`, which says what they were made of.

On the reporting split (`python -m eval.bench.triage`) 71 of 100 gaps get the right cause by group
(n = 201), 77 where the three causes count alike (.70 to .84). What is off topic is told from the
rest in all but 3 groups. What is not there is told from what was missed in 69 of 100; most errors
are missed ones that are taken for absent. Where notes that were there are hidden, more than half of
what they said is taken for missed: `lead` tells those, and hardly tells near-domain questions.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

from eval.support import Judge, Support
from eval.syllabus import Wording
from eval.unanswered import in_full
from rag import Asked, Contents, Reading, StoredChunk, Verdict, terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]

CONSTANTS = "triage.json"

MOST = 8
"""Wordings that are judged of a group: those asked most often."""

DEPTH = 30
"""How many of the nearest chunks are looked at."""

SAMPLE = 256
"""Chunks, spread over all notes, that say how a question's words sit among them."""

NAMED = 5
"""Words that no note holds, and that are named in `why`."""


class Cause(StrEnum):
    """Why questions were not answered well."""

    ABSENT = "not in the notes"
    MISSED = "in the notes but missed"
    OFF_TOPIC = "off topic"


@dataclass(frozen=True, slots=True)
class Triage:
    """The cause of a gap, and what speaks for it.

    Attributes:
        probability: 0 to 1, of the cause, where all three are as common.
        support: what the notes have for the questions.
        why: one line for an instructor.
        unknown: words of the questions that no note holds, as they were typed.
    """

    cause: Cause
    probability: float
    support: Support
    why: str
    unknown: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form: the cause, and its evidence."""
        return {
            "cause": self.cause.value,
            "probability": self.probability,
            "why": self.why,
            "confidence": self.support.confidence,
            "near": round(self.support.near, 4),
            "unknown": list(self.unknown),
            "citations": [citation.to_dict() for citation in self.support.citations],
            "passages": [passage.to_dict() for passage in self.support.passages],
        }


def triage(judge: Judge, questions: Sequence[Asked]) -> Triage:
    """Returns why questions that ask for one thing were not answered well.

    Args:
        questions: at least one. What was searched for is judged; what no note holds is said of the
            words that were typed.

    Raises:
        QuestionError, LibraryError, ModelError: as for `Library.ask`.
    """
    counted = Counter(question.query for question in questions)
    queries = [query for query, _ in counted.most_common(MOST)]
    contents = judge.library.contents()
    support = judge.support([Wording(query) for query in queries])
    if not len(contents):
        return Triage(Cause.ABSENT, 1.0, support, "The notes hold no passage at all.")
    readings = judge.library.embedder.read_queries(queries)
    found = [look(contents, *pair) for pair in zip(queries, readings, strict=True)]
    cause, probability = Rule.shipped().cause([item.signals for item in found])
    typed = [text for text, _ in Counter(map(in_full, questions)).most_common(MOST)]
    unknown = unknown_words(contents, typed)
    (row, agreeing), *_ = Counter(item.row for item in found).most_common(1)
    best = contents.chunk(row)
    return Triage(
        cause=cause,
        probability=round(probability, 2),
        support=support,
        why=_why(cause, best, agreeing, len(queries), typed, questions, unknown, contents.language),
        unknown=unknown,
    )


class Notes(Protocol):
    """What is asked of the notes; `rag.Contents` is all of them."""

    def __len__(self) -> int: ...

    def nearest(self, query: Vectors, k: int) -> Rows:
        """Returns the rows of the `k` nearest chunks."""
        ...

    def similarities(self, query: Vectors, rows: Rows) -> Vectors:
        """Returns the cosine of a vector and each chunk."""
        ...

    def token_similarities(self, query: Reading, rows: Rows) -> Vectors:
        """Returns how well each chunk matches a text token by token."""
        ...

    def unit_vectors(self, row: int) -> Vectors:
        """Returns the vectors of a chunk's units."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """What a wording finds: its signals, and the row of its best chunk."""

    signals: dict[str, float]
    row: int


SIGNALS = ("near_units", "near_chunks", "typical", "lead", "names")


def look(notes: Notes, query: str, reading: Reading) -> Look:
    """Returns what tells, for one wording, whether the notes say it.

    `near_units` is the mean cosine of the five nearest units, `near_chunks` that of the twenty
    nearest chunks: how near the subject is. `typical` is how well chunks from all over the notes
    match its words: whether it speaks as they do. `lead` is by how much the best chunk stands out
    from the tenth: what is said in one place does. `names` counts names, which bring a question
    nearer to the notes that use them whatever it asks.
    """
    import numpy as np

    vector = reading.vector
    rows = notes.nearest(vector, DEPTH)
    chunks = notes.similarities(vector, rows)
    # What holds nothing that can be quoted stands for itself.
    units = [notes.unit_vectors(int(row)) @ vector for row in rows]
    units = [own if len(own) else chunks[[n]] for n, own in enumerate(units)]
    best = np.array([own.max() for own in units])
    score = chunks + best + 2 * notes.token_similarities(reading, rows)
    order = np.argsort(-score, kind="stable")
    spread = np.linspace(0, len(notes) - 1, min(len(notes), SAMPLE)).astype(np.int64)
    return Look(
        signals={
            "near_units": float(np.sort(np.concatenate(units))[-5:].mean()),
            "near_chunks": float(np.sort(chunks)[-20:].mean()),
            "typical": float(notes.token_similarities(reading, spread).mean()),
            "lead": float(score[order[0]] - score[order[:10][-1]]),
            "names": float(min(len(_NAME.findall(query)), 3)),
        },
        row=int(rows[order[0]]),
    )


_NAME = re.compile(r"\b(?:[A-Z][\w-]*[A-Z0-9][\w-]*|(?<=[a-z,] )[A-Z][a-z]+)\b")
"""A word with a capital or digit behind its first capital, or with a capital inside a sentence."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Signals become probabilities: standardise each, weigh for each cause, add, softmax.

    Attributes:
        means, scales: by signal.
        weights: by cause and signal.
        intercepts: by cause.
        fitted_on: what the constants were made of.
    """

    means: dict[str, float]
    scales: dict[str, float]
    weights: dict[str, dict[str, float]]
    intercepts: dict[str, float]
    fitted_on: dict[str, Any]

    @classmethod
    @cache
    def shipped(cls) -> Rule:
        """Returns the one made of the fitting split of the shipped questions."""
        text = files("eval").joinpath(CONSTANTS).read_text("utf-8")
        return cls(**json.loads(text))

    def cause(self, wordings: Sequence[Mapping[str, float]]) -> tuple[Cause, float]:
        """Returns the likeliest cause of a group, and its probability.

        Args:
            wordings: the signals of each, of at least one.
        """
        logs = [self._logarithms(signals) for signals in wordings]
        pooled = {cause: math.fsum(one[cause] for one in logs) / len(logs) for cause in Cause}
        total = math.fsum(math.exp(value) for value in pooled.values())
        best = max(Cause, key=lambda cause: pooled[cause])
        return best, math.exp(pooled[best]) / total

    def _logarithms(self, signals: Mapping[str, float]) -> dict[Cause, float]:
        z = {name: (signals[name] - self.means[name]) / self.scales[name] for name in self.means}
        logits = {
            cause: self.intercepts[cause.value]
            + math.fsum(weight * z[name] for name, weight in self.weights[cause.value].items())
            for cause in Cause
        }
        highest = max(logits.values())
        total = math.fsum(math.exp(value - highest) for value in logits.values())
        return {cause: value - highest - math.log(total) for cause, value in logits.items()}


# What an instructor reads


def unknown_words(contents: Contents, questions: Sequence[str]) -> tuple[str, ...]:
    """Returns the words of questions that no note holds, once each, in order."""
    words = dict.fromkeys(word for query in questions for word in _WORD.findall(query))
    said = {
        word.casefold(): word
        for word in reversed(words)
        if terms(word, contents.language) and not contents.knows(word)
    }
    return tuple(reversed(said.values()))


_WORD = re.compile(r"[^\W_]+")


def _why(
    cause: Cause,
    best: StoredChunk,
    agreeing: int,
    total: int,
    typed: Sequence[str],
    questions: Sequence[Asked],
    unknown: Sequence[str],
    language: str,
) -> str:
    """Returns one line: where the wordings come nearest, and what that place lacks."""
    place = _place(best)
    if cause is Cause.MISSED:
        return f"{_who(agreeing, total)} nearest to {place}, {_fate(best, questions)}."
    asked = set(terms(" ".join(typed), language))
    held = set(terms("\n".join([best.title, *best.headings, best.text]), language))
    shared = len(asked & held)
    no_note = f"; no note holds {_listed(unknown)}" if unknown else ""
    if cause is Cause.OFF_TOPIC:
        return f"Nothing comes near: the best passage shares {_of(shared, len(asked))}{no_note}."
    return f"Nearest is {place}, which shares {_of(shared, len(asked))}{no_note}."


def _place(chunk: StoredChunk) -> str:
    names = " › ".join([chunk.document, *chunk.headings[-1:]])
    return f"{names}, {chunk.place(chunk.span)}"


def _who(agreeing: int, total: int) -> str:
    if total == 1:
        return "It comes"
    if agreeing == 1:
        return f"Each of {total} wordings comes to another place, the first"
    return f"{'All' if agreeing == total else f'{agreeing} of'} {total} wordings come"


def _fate(chunk: StoredChunk, questions: Sequence[Asked]) -> str:
    """Returns what became of the words that are nearest."""
    quoted = [
        asked
        for asked in questions
        if any(
            spot.document == chunk.document and spot.span and spot.span.overlap(chunk.span)
            for spot in asked.cited
        )
    ]
    if not quoted:
        return "which was not quoted"
    if any(asked.verdict is Verdict.DOWN for asked in quoted):
        return "which was quoted and did not help"
    return "which was quoted with little confidence"


def _of(shared: int, total: int) -> str:
    return f"{shared or 'none'} of the {total} words asked with" if total else "no word"


def _listed(words: Sequence[str]) -> str:
    more = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {more} more" if more > 0 else "")
