"""The questions of a gap become its cause: the notes lack it, or hold it, or it is off topic.

Input: the questions of one group, which ask for one thing; output: `Triage`.

Each wording gives signals: how near it lies to what is nearest, and to the notes as a whole. A
multinomial logistic regression makes probabilities of them, and the wordings of a group are pooled
by the mean of their logarithms, so that many wordings are no evidence by themselves. The number
that is shown as the confidence decides: from `MISSING` on it was missed.

Its constants, in `triage.json`, are written by `python -m eval.bench.triage --fit`, which says what
they were made of. On the reporting split (`python -m eval.bench.triage`) 78 of 100 gaps get the
right cause by group (.72 to .84, n = 203), and 82 where each kind is a third of the log (.76 to
.88): off topic is told from the rest in all but 2 groups, absent from missed in 140 of 182 that are
neither. The target was 85. It tells little where notes are hidden: of the groups that only those
answered more than half are taken for missed, as the rest of the notes speak of the same subject.

What else was tried, held out on the fitting split, by group and equal shares, where this gives .86:
the confidence of `Judge.support` as the only signal .73, with one for off topic .80, beside these
no more than without it; what was here before (names counted, and the lead of the best chunk) .83.
That confidence tells hidden notes better (.78 in one draw, .67 here in five) and near-domain
questions worse, so coverage and gaps may differ on the same words: gaps are what was not answered.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

from eval.support import MISSING, Judge, Support
from eval.syllabus import Wording
from eval.telling import Telling, in_full
from rag import Asked, Citation, Contents, Passage, Reading, StoredChunk, Verdict, terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.int64]

CONSTANTS = "triage.json"

MOST = 4
"""Wordings that are judged of a group: those asked most often. Of 50 groups eight each took two
thirds of the time of a log of 50,000 questions."""

DEPTH = 30
"""How many of the nearest chunks are looked at."""

SAMPLE = 256
"""Chunks, spread over all notes, that stand for them as a whole."""

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
        support: what the notes have for the questions; its confidence is the probability that they
            hold an answer though none was given, where all three causes are as common.
        why: one line for an instructor.
        unknown: words of the questions that no note holds and that may be told, as typed.
        nearest: the words that stand where `why` says that it is nearest; None where it names no
            place.
    """

    cause: Cause
    support: Support
    why: str
    unknown: tuple[str, ...] = ()
    nearest: Citation | Passage | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form: the cause, and its evidence."""
        return {
            "cause": self.cause.value,
            "why": self.why,
            "confidence": self.support.confidence,
            "near": round(self.support.near, 4),
            "unknown": list(self.unknown),
            "citations": [citation.to_dict() for citation in self.support.citations],
            "passages": [passage.to_dict() for passage in self.support.passages],
        }


def triage(judge: Judge, questions: Sequence[Asked], least: int | None = None) -> Triage:
    """Returns why questions that ask for one thing were not answered well.

    Args:
        questions: at least one. What was searched for is judged; what no note holds is said of the
            words that were typed.
        least: people who must have used a word for it to be told, where people are known;
            `settings.least_askers` if left out.

    Raises:
        QuestionError, LibraryError, ModelError: as for `Library.ask`.
    """
    queries = _most_often(question.query for question in questions)
    contents = judge.library.contents()
    support = judge.support([Wording(query) for query in queries])
    if not len(contents):
        return Triage(Cause.ABSENT, support, "The notes hold no passage at all.")
    readings = judge.library.embedder.read_queries(queries)
    found = [look(contents, reading) for reading in readings]
    cause, held = Rule.shipped().cause([item.signals for item in found])
    typed = _most_often(map(in_full, questions))
    least = judge.library.settings.least_askers if least is None else least
    told = Telling(questions, least).parts(lambda text: _WORD.findall(text.casefold()))
    unknown = tuple(word for word in unknown_words(contents, typed) if word.casefold() in told)
    (row, agreeing), *_ = Counter(item.row for item in found).most_common(1)
    best = contents.chunk(row)
    return Triage(
        cause=cause,
        support=replace(support, confidence=held),
        why=_why(cause, best, agreeing, len(queries), typed, questions, unknown, contents.language),
        unknown=unknown,
        nearest=None if cause is Cause.OFF_TOPIC else _nearest(support, best),
    )


def _nearest(support: Support, best: StoredChunk) -> Citation | Passage:
    """Returns the words of a chunk that were found, a quote before a passage; else all of it."""
    places: tuple[Citation | Passage, ...] = (*support.citations, *support.passages)
    for found in places:
        if found.document == best.document and found.span.overlap(best.span):
            return found
    location = best.place(best.span)
    return Citation(*(1, best.document, best.title, best.headings, location, best.span, best.text))


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


SIGNALS = ("near_units", "all_units", "all_chunks", "all_tokens")


def look(notes: Notes, reading: Reading) -> Look:
    """Returns what tells, for one wording, whether the notes say it.

    `near_units` is the mean cosine of the five nearest units: how near it comes to a statement. The
    others are means over chunks from all over the notes: `all_units` and `all_chunks` of the
    cosines of their units and of themselves, `all_tokens` of how well they match its words. What is
    off topic is far from all; what is near whole chunks, and not near single statements, asks about
    the subject of the notes what they do not say.
    """
    import numpy as np

    vector = reading.vector
    rows = notes.nearest(vector, DEPTH)
    near = _unit_similarities(notes, vector, rows)
    best = np.array([own.max() for own in near])
    score = notes.similarities(vector, rows) + best + 2 * notes.token_similarities(reading, rows)
    spread = np.linspace(0, len(notes) - 1, min(len(notes), SAMPLE)).astype(np.int64)
    return Look(
        signals={
            "near_units": float(np.sort(np.concatenate(near))[-5:].mean()),
            "all_units": float(np.concatenate(_unit_similarities(notes, vector, spread)).mean()),
            "all_chunks": float(notes.similarities(vector, spread).mean()),
            "all_tokens": float(notes.token_similarities(reading, spread).mean()),
        },
        row=int(rows[np.argmax(score)]),
    )


def _unit_similarities(notes: Notes, vector: Vectors, rows: Rows) -> list[Vectors]:
    """Returns the cosines of each chunk's units; what holds none to quote stands for itself."""
    units = [notes.unit_vectors(int(row)) @ vector for row in rows]
    return [
        own if len(own) else notes.similarities(vector, rows[n : n + 1])
        for n, own in enumerate(units)
    ]


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
        """Returns the cause of a group, and the probability that the notes hold it, to two places.

        Args:
            wordings: the signals of each, of at least one.
        """
        logs = [self._logarithms(signals) for signals in wordings]
        pooled = {cause: math.fsum(one[cause] for one in logs) / len(logs) for cause in Cause}
        total = math.fsum(math.exp(value) for value in pooled.values())
        held = round(math.exp(pooled[Cause.MISSED]) / total, 2)
        if held >= MISSING:
            return Cause.MISSED, held
        others = (Cause.ABSENT, Cause.OFF_TOPIC)
        return max(others, key=lambda cause: pooled[cause]), held

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


def _most_often(texts: Iterable[str]) -> list[str]:
    counts = Counter(texts)
    return sorted(counts, key=lambda text: (-counts[text], text))[:MOST]


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
    if agreeing < total:
        return f"{agreeing} of {total} wordings come"
    return "Both wordings come" if total == 2 else f"All {total} wordings come"


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
