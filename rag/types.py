"""The records that travel between the stages; all frozen, all checked where they are built.

`Span` and `Block` describe a document, `Chunk` and `Unit` what is indexed, `Passage` what was
found, `Citation`, `AnswerSentence` and `Answer` what is shown. `Answer.to_dict()` is the JSON
object that the command line, the HTTP API and run files share.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range `[start, end)` in characters of `Document.text`."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a span: [{self.start}, {self.end})")

    def __len__(self) -> int:
        return self.end - self.start

    def of(self, text: str) -> str:
        """Returns the characters of `text` that the span covers."""
        return text[self.start : self.end]

    def overlap(self, other: Span) -> int:
        """Returns the number of characters both spans cover."""
        return max(0, min(self.end, other.end) - max(self.start, other.start))


class BlockKind(StrEnum):
    """What a run of whole lines is, as far as cutting and quoting care."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"
    CODE = "code"
    MATH = "math"


@dataclass(frozen=True, slots=True)
class Block:
    """A run of whole lines of one kind.

    Attributes:
        span: without the last line's end.
        level: 1 to 6 for a heading, 0 otherwise.
        parts: the items of a list, the rows of a table (its header first), the inside of a
            heading (one span, without markers); empty for the other kinds.
    """

    kind: BlockKind
    span: Span
    level: int = 0
    parts: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """What tells, without reading, that a source is what it was.

    Attributes:
        size: in bytes; also how much of an indexing run it is.
        mtime_ns: when it was last changed; None where nothing but its content tells.
    """

    size: int
    mtime_ns: int | None = None


class PlaceKind(StrEnum):
    """What a person counts to say where something stands in a document."""

    LINE = "line"
    PARAGRAPH = "paragraph"
    PAGE = "page"
    SLIDE = "slide"
    CELL = "cell"
    ROW = "row"
    CHAPTER = "chapter"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page, a slide, a cell … begins.

    Attributes:
        start: in characters of the document's text; it ends where the next one begins.
        name: what a person calls it, without the word for its kind: `3`; of a transcript's cue
            its times, `00:01:02–00:01:09`; of a row in one of several sheets `Marks!12`.
    """

    start: int
    name: str


@dataclass(frozen=True, slots=True)
class Places:
    """How places in a document are named; lines are counted when asked for, and not listed.

    Attributes:
        listed: in order; empty for lines.
    """

    kind: PlaceKind = PlaceKind.LINE
    listed: tuple[Place, ...] = ()

    def within(self, span: Span) -> Places:
        """Returns the places that the span touches."""
        first = max(bisect_right(self.listed, span.start, key=_start) - 1, 0)
        last = bisect_left(self.listed, max(span.end, span.start + 1), key=_start)
        return Places(self.kind, self.listed[first:last])

    def name(self, span: Span) -> str:
        """Returns the name of the listed places that the span touches (`pages 3–4`)."""
        touched = self.within(span).listed
        first, last = touched[0].name, touched[-1].name
        if self.kind is PlaceKind.TIME:
            return f"{first.partition('–')[0]}–{last.rpartition('–')[2]}"
        if self.kind is PlaceKind.ROW and first != last:
            last = last.removeprefix(f"{first.rpartition('!')[0]}!")
        return f"{self.kind} {first}" if first == last else f"{self.kind}s {first}–{last}"

    def to_json(self) -> str:
        """Returns what `from_json` reads."""
        listed = [[place.start, place.name] for place in self.listed]
        return json.dumps([self.kind.value, listed], ensure_ascii=False)

    @classmethod
    def from_json(cls, said: str) -> Places:
        """Returns the places that `to_json` wrote."""
        kind, listed = json.loads(said)
        return cls(PlaceKind(kind), tuple(Place(start, name) for start, name in listed))


def _start(place: Place) -> int:
    return place.start


@dataclass(frozen=True, slots=True)
class Remark:
    """What a person should know of a document that is indexed.

    Attributes:
        reason: a short, stable name (`pages without text`, `hidden text`).
        message: what was found, and what to do.
        pages: from 1, where it is about some of them.
    """

    reason: str
    message: str
    pages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """One file of notes, decoded once.

    Attributes:
        path: relative to the corpus, with forward slashes.
        title: the front matter's title, else the first heading, else the file's stem.
        blocks: in order and disjoint; white space and rules lie between them.
    """

    path: str
    title: str
    text: str
    blocks: tuple[Block, ...]
    places: Places = Places()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """A document as it is shown to a person."""

    document: str
    title: str
    text: str
    places: Places

    def place(self, span: Span) -> str:
        """Returns the place of a span as a person would name it (`lines 12–14`, `page 3`)."""
        if self.places.listed:
            return self.places.name(span)
        first = self.text.count("\n", 0, span.start) + 1
        last = first + self.text.count("\n", span.start, max(span.end - 1, span.start))
        return f"line {first}" if first == last else f"lines {first}–{last}"


GRID = 10_000
"""Into how many parts each side of a page is divided to say where its letters stand."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A page as a picture.

    Attributes:
        width: in pixels, as `height` is.
        pixels: red, green and blue, row by row from the top.
        letters: in the order they are drawn.
        boxes: left, top, right and bottom of each letter, in `GRID`ths of the page.
    """

    width: int
    height: int
    pixels: bytes
    letters: str
    boxes: array[int]


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle on a page; sides are shares of its width and height, from its left and top."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A page of a note as one sees it.

    Attributes:
        data: a PNG of `width` by `height` pixels.
        areas: where the marked words stand, a line each; empty where they are not on it, or it
            cannot be told.
        version: tells pictures of one address apart.
    """

    data: bytes
    width: int
    height: int
    areas: tuple[Area, ...]
    version: str


class UnitKind(StrEnum):
    """The whole things an answer may quote."""

    SENTENCE = "sentence"
    LIST = "list"
    ITEM = "item"
    TABLE = "table"
    ROW = "row"
    CODE = "code"
    MATH = "math"


@dataclass(frozen=True, slots=True)
class Unit:
    """The shortest whole thing that can be quoted: a sentence, a list with its lead-in, a row …

    Attributes:
        headings: of the section it stands in, outermost first.
        embedded: what the embedder reads; the text shown is always `span` of the document.
    """

    kind: UnitKind
    span: Span
    headings: tuple[str, ...]
    embedded: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of a document, indexed.

    Attributes:
        headings: those that all of the chunk stands under, outermost first.
        embedded: what the embedder and the word index read (headings, then the text without
            markup); the text shown is always `span` of the document.
        units: sorted by start; a unit may lie inside another (an item in its list).
    """

    span: Span
    headings: tuple[str, ...]
    embedded: str
    units: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk found for a question.

    Attributes:
        rank: from 1.
        score: 0 to 1, higher is better, comparable within one question only.
        location: the place as a person would name it (`lines 12–14`).
    """

    rank: int
    score: float
    document: str
    title: str
    headings: tuple[str, ...]
    location: str
    span: Span
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that `ask --json` and `search --json` print."""
        return {
            "rank": self.rank,
            "score": round(self.score, 4),
            "document": self.document,
            "location": self.location,
            "start": self.span.start,
            "end": self.span.end,
            "text": self.text,
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Passage:
        """Returns the passage of a JSON form; what that leaves out is empty."""
        return cls(
            *(found["rank"], found["score"], found["document"], found.get("title", "")),
            *(tuple(found.get("headings", ())), found["location"]),
            *(Span(found["start"], found["end"]), found["text"]),
        )


@dataclass(frozen=True, slots=True)
class Citation:
    """A place in the notes and the exact words that stand there."""

    number: int
    document: str
    title: str
    headings: tuple[str, ...]
    location: str
    span: Span
    quote: str

    def __post_init__(self) -> None:
        if len(self.quote) != len(self.span) or not self.quote:
            raise ValueError(f"a quote of {len(self.quote)} characters cannot fill {self.span}")

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that `ask --json` prints."""
        return {
            "number": self.number,
            "document": self.document,
            "title": self.title,
            "headings": list(self.headings),
            "location": self.location,
            "start": self.span.start,
            "end": self.span.end,
            "quote": self.quote,
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Citation:
        """Returns the citation of a JSON form."""
        return cls(
            *(found["number"], found["document"], found["title"], tuple(found["headings"])),
            *(found["location"], Span(found["start"], found["end"]), found["quote"]),
        )


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """Words shown to a person, verbatim from the quote of the citation they name.

    Attributes:
        decides: whether these are the best-ranked words, to be marked; the confidence is about
            all the words shown together.
    """

    text: str
    citation: int
    decides: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """How often answers of a like confidence were right, counted on labelled questions.

    Attributes:
        low, high: of the confidences, from `low` to below `high`, or to 1 where that is 1.
        n: the questions that got such a confidence from a model that had not seen them.
        right: those of them whose answer held at least half of the words asked for.
        held_out: whether the questions had no part in the fit and got its own confidence; else it
            was fitted on them, and each got one from a model fitted on the others.
    """

    low: float
    high: float
    n: int
    right: int
    held_out: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.low < self.high <= 1 and 0 <= self.right <= self.n and self.n):
            raise ValueError(f"a level of {self.low} to {self.high} with {self.right} of {self.n}")

    def holds(self, confidence: float) -> bool:
        """Returns whether a confidence lies on this level."""
        return self.low <= confidence < self.high or confidence == self.high == 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question gets: quoted words with their citations, or an abstention.

    An answer without a citation cannot be built, nor a sentence that is not inside the quote it
    cites.

    Attributes:
        query: what was searched for.
        reason: why the notes do not answer; None exactly when there is an answer.
        confidence: 0 to 1, the share of such answers that hold the words asked for (at least
            half of them); the number that decided between answering and abstaining.
        measured: whether that share was measured with this model and these settings.
        level: what was counted at this confidence, where that is measured; not in the JSON.
        elsewhere: whether it was measured on other notes than these.
        carried: whether the query holds terms of the turn before.
        suggestions: questions that one could ask instead, best first; only with an abstention,
            and not in the JSON.
        generation: of the notes that it was made of.
        timings_ms: milliseconds by stage.
    """

    question: str
    query: str
    reason: str | None
    confidence: float
    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    timings_ms: dict[str, float]
    measured: bool = True
    elsewhere: bool = False
    carried: bool = False
    suggestions: tuple[str, ...] = ()
    generation: int = 0
    level: Level | None = None

    def __post_init__(self) -> None:
        if self.reason is not None:
            if self.sentences or self.citations:
                raise ValueError("an abstention quotes nothing")
            return
        if self.suggestions:
            raise ValueError("an answer suggests nothing")
        quotes = {citation.number: citation.quote for citation in self.citations}
        if not self.sentences or list(quotes) != list(range(1, len(self.citations) + 1)):
            raise ValueError("an answer needs sentences, and citations numbered from 1")
        for sentence in self.sentences:
            if not sentence.text or sentence.text not in quotes.get(sentence.citation, ""):
                raise ValueError(f"not in the quote it cites: {sentence.text!r}")

    @property
    def answered(self) -> bool:
        """True for an answer, False for an abstention."""
        return self.reason is None

    @property
    def text(self) -> str | None:
        """The quoted words, each followed by its citation's number; None for an abstention."""
        if not self.answered:
            return None
        return " ".join(f"{sentence.text} [{sentence.citation}]" for sentence in self.sentences)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `ask --json`, the HTTP API and run files."""
        return {
            "question": self.question,
            "query": self.query,
            "state": "answered" if self.answered else "abstained",
            "reason": self.reason,
            "confidence": round(self.confidence, 4),
            "answer": self.text,
            "sentences": [{"text": s.text, "citation": s.citation} for s in self.sentences],
            "citations": [citation.to_dict() for citation in self.citations],
            "passages": [passage.to_dict() for passage in self.passages],
            "timings_ms": {stage: round(ms, 2) for stage, ms in self.timings_ms.items()},
        }

    def to_record(self) -> dict[str, Any]:
        """Returns all that the answer holds: `to_dict`, and what that leaves out."""
        shown = self.to_dict()
        for sentence, said in zip(self.sentences, shown["sentences"], strict=True):
            said["decides"] = sentence.decides
        for passage, said in zip(self.passages, shown["passages"], strict=True):
            said |= {"title": passage.title, "headings": list(passage.headings)}
        return shown | {
            "measured": self.measured,
            "elsewhere": self.elsewhere,
            "carried": self.carried,
            "suggestions": list(self.suggestions),
            "generation": self.generation,
            "level": asdict(self.level) if self.level else None,
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """Returns the answer of `to_dict` or `to_record`; what the former leaves out is default.

        Raises:
            ValueError: it is no such object, or one that cannot be an answer.
        """
        try:
            return cls(
                question=found["question"],
                query=found["query"],
                reason=found["reason"],
                confidence=found["confidence"],
                sentences=tuple(
                    AnswerSentence(said["text"], said["citation"], said.get("decides", False))
                    for said in found["sentences"]
                ),
                citations=tuple(map(Citation.from_dict, found["citations"])),
                passages=tuple(map(Passage.from_dict, found["passages"])),
                timings_ms=dict(found["timings_ms"]),
                measured=found.get("measured", True),
                elsewhere=found.get("elsewhere", False),
                carried=found.get("carried", False),
                suggestions=tuple(found.get("suggestions", ())),
                generation=found.get("generation", 0),
                level=Level(**found["level"]) if found.get("level") else None,
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"no answer: {error}") from error


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is not in the index, and why."""

    document: str
    reason: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """Returns the JSON form that `index --json` and `status --json` print."""
        return {"document": self.document, "reason": self.reason, "message": self.message}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one run of indexing did; paths are relative to the corpus and sorted.

    Attributes:
        embedded: how many texts the model had to read; 0 when nothing changed.
    """

    indexed: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    chunks: int
    embedded: int
    generation: int

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `index --json`."""
        return {
            "indexed": list(self.indexed),
            "unchanged": list(self.unchanged),
            "removed": list(self.removed),
            "skipped": [item.to_dict() for item in self.skipped],
            "chunks": self.chunks,
            "embedded": self.embedded,
            "generation": self.generation,
        }
