"""Hits become an answer: the units of the best passages that answer, verbatim and cited.

A unit's score adds its own cosine with the query, the share of the query's idf that it and its
headings hold, its passage's score, and the logarithm of its length: short units are near to many
questions by accident. Units that touch become one quote.

Measured on the fitting split of the shipped questions (385 answerable ones, drafts of the whole
pipeline): by how far behind the best unit the others may lie, the share of questions whose evidence
is shown, the share of the shown characters that are evidence, and how many characters are shown:
no limit .582 / .182 / 694, .2 .569 / .225 / 627, .15 .556 / .246 / 583, .1 .509 / .258 / 521,
.05 .465 / .302 / 407.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rag.languages import NONE
from rag.retrieval import Engine, Retrieval
from rag.sentences import plain
from rag.sides import sides_of
from rag.texts import StoredChunk
from rag.types import AnswerSentence, Citation, Span, Unit, UnitKind
from rag.words import terms

PASSAGES = 5
"""How many of the best passages are searched for units."""

SHOWN = 3
"""How many units are shown at most."""

MARGIN = 0.15
"""How far behind the best unit's score another's may lie, to be shown beside it."""

WORDS_WEIGHT = 0.15
PASSAGE_WEIGHT = 0.5
LENGTH_WEIGHT = 0.1
SHORTEST = 20
"""Units of fewer characters get the length score of this many."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A unit weighed as an answer.

    Attributes:
        similarity: cosine of the query and the unit.
        words: 0 to 1, the share of the query's idf that the unit and its headings hold.
        score: what units are ranked by; higher is better.
    """

    chunk: StoredChunk
    unit: Unit
    similarity: float
    words: float
    score: float


def idf_share(words: Mapping[str, float], text: str, language: str) -> float:
    """Returns the share, 0 to 1, of the idf in `words` whose terms occur in `text`."""
    total = sum(words.values())
    if not total:
        return 0.0
    present = set(terms(text, language))
    return sum(idf for term, idf in words.items() if term in present) / total


def rank_units(
    retrieval: Retrieval,
    engine: Engine,
    chunks: Sequence[StoredChunk],
    units: Sequence[Sequence[Unit]],
) -> list[Choice]:
    """Returns every unit of the best passages, best first; ties by passage, then place.

    Args:
        chunks, units: of the first hits of `retrieval`, in their order.
    """
    choices = []
    for hit, chunk, members in zip(retrieval.hits, chunks, units, strict=False):
        similarities = engine.unit_similarities(retrieval.vector, hit.row)
        for unit, similarity in zip(members, similarities, strict=True):
            words = idf_share(retrieval.terms, _said(chunk, unit), retrieval.language)
            score = (
                float(similarity)
                + WORDS_WEIGHT * words
                + PASSAGE_WEIGHT * hit.score
                + LENGTH_WEIGHT * math.log(max(len(unit.span), SHORTEST))
            )
            choices.append(Choice(chunk, unit, float(similarity), words, score))
    return sorted(choices, key=lambda choice: -choice.score)


def choose(ranked: Sequence[Choice], query: str = "", language: str = NONE) -> list[Choice]:
    """Returns the units to show, best first: the best one, and more where more answer as well.

    A unit that only leads into another gives its place to that one. None overlaps another, nor
    says the same words. Where the query asks for two things, and there are units that hold the
    terms that tell each from the other, each gets the best of these, however far behind.

    Args:
        ranked: all units, best first.
        language: whose terms the query is compared by.
    """
    whole = _whole(ranked)
    chosen = whole[:1]

    def add(fitting: Iterable[Choice]) -> None:
        for choice in fitting:
            if len(chosen) < SHOWN and not any(_repeats(choice, other) for other in chosen):
                chosen.append(choice)
                return

    for holding in _by_side(whole, query, language):
        if not any(choice in holding for choice in chosen):
            add(holding)
    for choice in whole:
        if choice.score >= whole[0].score - MARGIN:
            add([choice])
    return sorted(chosen, key=lambda choice: -choice.score)


def _whole(ranked: Sequence[Choice]) -> list[Choice]:
    """Returns the units, each that only leads into something as the whole it belongs to.

    The whole has the place and the score that its lead-in earned; a lead-in without one is left
    out, unless there is nothing else.
    """
    found = []
    wider: dict[int, list[Choice]] = {}
    for choice in ranked:
        if choice.unit.kind is not UnitKind.SENTENCE:  # which holds nothing else
            wider.setdefault(choice.chunk.row, []).append(choice)
    for choice in ranked:
        if choice.unit.kind not in (UnitKind.SENTENCE, UnitKind.ITEM):
            found.append(choice)
            continue
        around = [o for o in wider.get(choice.chunk.row, ()) if _contains(o, choice)]
        if not _leads(choice, around):
            found.append(choice)
        elif around:
            smallest = min(around, key=lambda other: len(other.unit.span))
            found.append(replace(smallest, score=choice.score))
    return found or list(ranked[:1])


def _leads(choice: Choice, around: Sequence[Choice]) -> bool:
    """Returns whether a unit only announces what follows, or is a heading inside a paragraph.

    Args:
        around: the units that it lies in.
    """
    said = choice.chunk.said(choice.unit.span)
    if said.rstrip("*_").endswith((":", "\uff1a")) or _RUN_IN_HEADING.fullmatch(said):
        return True
    start = choice.unit.span.start
    return any(o.unit.kind in _LED_INTO and o.unit.span.start == start for o in around)


_LED_INTO = (UnitKind.LIST, UnitKind.TABLE, UnitKind.CODE, UnitKind.MATH)
_RUN_IN_HEADING = re.compile(r"(\*\*|__|\*|_)(?:[^\s*_]+\s+){0,4}[^\s*_]+\1")


def _contains(whole: Choice, part: Choice) -> bool:
    """Returns whether a unit lies in another of the same chunk, and is not all of it."""
    outer, inner = whole.unit.span, part.unit.span
    return outer.start <= inner.start and inner.end <= outer.end and outer != inner


def _by_side(whole: Sequence[Choice], query: str, language: str) -> list[list[Choice]]:
    """Returns the units that hold either of two things asked for; none unless both have some."""
    both = sides_of(query)
    if both is None:
        return []
    first, second = (frozenset(terms(side, language)) for side in both)
    said = [(choice, set(terms(_said(choice.chunk, choice.unit), language))) for choice in whole]
    holding = [
        [choice for choice, words in said if own <= words]
        for own in (first - second, second - first)
        if own
    ]
    return holding if all(holding) else []


def _repeats(one: Choice, other: Choice) -> bool:
    """Returns whether two units overlap, or say the same words."""
    return _overlap(one, other) or _bare(one) == _bare(other)


def _bare(choice: Choice) -> str:
    """Returns what a unit says without case, markup and white space."""
    said = plain(choice.chunk.said(choice.unit.span)).casefold()
    return "".join(said.translate(_EMPHASIS).split())


_EMPHASIS = str.maketrans("", "", "*_")


def _overlap(one: Choice, other: Choice) -> bool:
    same = one.chunk.document == other.chunk.document
    return same and one.unit.span.overlap(other.unit.span) > 0


def quote(
    chosen: Sequence[Choice],
) -> tuple[tuple[AnswerSentence, ...], tuple[Citation, ...]]:
    """Returns what is shown: citations by their best unit, units inside them in reading order.

    Raises:
        ValueError: a quote is not what stands at its place.
    """
    runs: list[list[Choice]] = []
    for choice in chosen:
        touching = next((run for run in runs if any(_touch(choice, c) for c in run)), None)
        if touching is None:
            runs.append([choice])
        else:
            touching.append(choice)
    sentences: list[AnswerSentence] = []
    citations: list[Citation] = []
    for number, run in enumerate(runs, start=1):
        chunk = run[0].chunk
        in_order = sorted(run, key=lambda choice: choice.unit.span)
        span = Span(in_order[0].unit.span.start, in_order[-1].unit.span.end)
        citations.append(
            Citation(
                number=number,
                document=chunk.document,
                title=chunk.title,
                headings=in_order[0].unit.headings,
                location=chunk.place(span),
                span=span,
                quote=chunk.said(span),
            )
        )
        sentences += [
            AnswerSentence(chunk.said(choice.unit.span), number, decides=choice is chosen[0])
            for choice in in_order
        ]
    return tuple(sentences), tuple(citations)


def _touch(one: Choice, other: Choice) -> bool:
    """Returns whether nothing but white space stands between two units of one chunk."""
    if one.chunk.row != other.chunk.row:
        return False
    first, second = sorted((one.unit.span, other.unit.span))
    return not one.chunk.said(Span(first.end, second.start)).strip()


def _said(chunk: StoredChunk, unit: Unit) -> str:
    """Returns a unit's words behind those of its headings."""
    return " ".join([*unit.headings, chunk.said(unit.span)])
