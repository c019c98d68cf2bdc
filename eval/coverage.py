"""Objectives and a library become coverage: what the notes cover, cover thinly, and miss.

Input: objectives; output: `Coverage`, which says of which state of the notes it is, and which a
file keeps. A status is what the confidence comes to when it is read: two coverages are compared on
one scale, whatever the thresholds were when they were made.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eval.dataset import Evidence
from eval.files import read_json, replacing
from eval.quoting import Quoter, is_outcome
from eval.replies import Reply, reply_to
from eval.support import Judge, Status, Support
from eval.syllabus import Objective, Wording, sameness
from rag import Citation, Library, Passage, QuestionSetError, RunError

FARTHEST = 1e6
"""Scores of passages lie nearer to 0."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Covered:
    """An objective, what the notes have for it, and what `ask` did with it, where it is known."""

    objective: Objective
    support: Support
    reply: Reply | None = None

    @property
    def status(self) -> Status:
        """Returns whether the notes say it."""
        return self.support.status

    @property
    def documents(self) -> tuple[str, ...]:
        """Returns the notes that support it, best first: none for what is missing."""
        return () if self.status is Status.MISSING else self.support.documents

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Returns the quotes that support it, best first: none for what is missing."""
        return () if self.status is Status.MISSING else self.support.citations

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that `coverage --json` lists."""
        return {
            "id": self.objective.id,
            "text": self.objective.text,
            "status": self.status.value,
            "confidence": self.support.confidence,
            "notes": len(self.documents),
            "citations": [citation.to_dict() for citation in self.citations],
        }

    def to_record(self) -> dict[str, Any]:
        """Returns the JSON form that a file keeps: `to_dict`, and all else that is known."""
        support = self.support
        return self.to_dict() | {
            "unit": self.objective.unit,
            "wordings": [[*wording.earlier, wording.text] for wording in self.objective.wordings],
            "expected": [[one.document, one.quote] for one in self.objective.expected],
            "needs_all": self.objective.needs_all,
            "ask": self.reply and self.reply.to_dict(),
            "support": {
                "near": support.near,
                "documents": list(support.documents),
                "citations": [citation.to_dict() for citation in support.citations],
                "passages": [
                    passage.to_dict()
                    | {"score": passage.score, "title": passage.title, "headings": passage.headings}
                    for passage in support.passages
                ],
            },
        }

    @classmethod
    def from_record(cls, found: Mapping[str, Any]) -> Covered:
        """Returns what `to_record` gave, or as much of it as `to_dict` did.

        Raises:
            ValueError, KeyError, TypeError, AttributeError, IndexError: it is nothing of the kind.
        """
        kept = found.get("support", {})
        shown = [_citation(one) for one in found["citations"]]
        citations = [_citation(one) for one in kept["citations"]] if "citations" in kept else shown
        documents = kept.get("documents", dict.fromkeys(one.document for one in citations))
        objective = Objective(
            id=found["id"],
            text=found["text"],
            unit=found.get("unit", ""),
            wordings=tuple(
                Wording(said[-1], tuple(said[:-1]))
                for said in found.get("wordings", [[found["text"]]])
            ),
            expected=tuple(Evidence(*one) for one in found.get("expected", ())),
            needs_all=found.get("needs_all", False),
        )
        said = [one for wording in objective.wordings for one in (*wording.earlier, wording.text)]
        known = [one for item in objective.expected for one in (item.document, item.quote)]
        _check(str, objective.id, objective.text, objective.unit, *said, *known, *documents)
        _check(bool, objective.needs_all)
        support = Support(
            confidence=_within(found["confidence"], 0, 1),
            near=_within(kept.get("near", 0.0), -2, 2),  # a cosine, rounded
            citations=tuple(citations),
            documents=tuple(documents),
            passages=tuple(_passage(one) for one in kept.get("passages", ())),
        )
        reply = found.get("ask")
        return cls(objective, support, Reply.from_dict(reply) if reply else None)


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the objectives: those of a unit, or those that a note supports.

    Attributes:
        name: of the unit, empty where none is named; or the note's path.
    """

    name: str
    found: tuple[Covered, ...]

    @property
    def summary(self) -> dict[str, int]:
        """Returns how many of them have each status."""
        counts = Counter(item.status for item in self.found)
        return {status.value: counts[status] for status in Status}

    @property
    def share(self) -> float:
        """Returns the share of them that is covered; 0 where there are none."""
        return self.summary["covered"] / max(len(self.found), 1)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one state of the notes covers of a syllabus, in its order.

    Attributes:
        corpus: the digest of the notes; empty where it is not known.
        generation: of the library.
        notes: the paths of all notes.
        source: the name of the file of objectives.
        made: when, in UTC, as ISO 8601.
    """

    found: tuple[Covered, ...]
    corpus: str
    generation: int
    notes: tuple[str, ...] = ()
    source: str = ""
    made: str = ""

    @property
    def summary(self) -> dict[str, int]:
        """Returns how many objectives have each status."""
        return Part("", self.found).summary

    def units(self) -> tuple[Part, ...]:
        """Returns the objectives by unit, weakest first; units as weak as each other in order."""
        parts: dict[str, list[Covered]] = {}
        for item in self.found:
            parts.setdefault(item.objective.unit, []).append(item)
        units = [Part(name, tuple(found)) for name, found in parts.items()]
        return tuple(sorted(units, key=lambda unit: (unit.share, -unit.summary["missing"])))

    def documents(self) -> tuple[Part, ...]:
        """Returns the objectives that each note supports, most first; at last those of none."""
        supported: dict[str, list[Covered]] = {path: [] for path in sorted(self.notes)}
        for item in self.found:
            for path in item.documents:
                supported.setdefault(path, []).append(item)
        parts = [Part(path, tuple(found)) for path, found in supported.items()]
        return tuple(sorted(parts, key=lambda part: (-len(part.found), part.name)))

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `coverage --json`."""
        return {"objectives": [item.to_dict() for item in self.found], "summary": self.summary}

    def to_record(self) -> dict[str, Any]:
        """Returns the JSON object that a file keeps: `to_dict`, and all else that is known."""
        return {
            "coverage": {
                "source": self.source,
                "made": self.made,
                "corpus": self.corpus,
                "generation": self.generation,
                "notes": list(self.notes),
            },
            "objectives": [item.to_record() for item in self.found],
            "summary": self.summary,
            "units": [
                {"unit": unit.name, **unit.summary, "share": round(unit.share, 4)}
                for unit in self.units()
            ],
            "documents": [
                {"document": part.name, "objectives": [item.objective.id for item in part.found]}
                for part in self.documents()
            ],
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Coverage:
        """Returns what `to_record` gave, or as much of it as `to_dict` did.

        Raises:
            ValueError, KeyError, TypeError, AttributeError, IndexError: it is nothing of the kind.
        """
        head = record.get("coverage", {})
        made = cls(
            found=tuple(Covered.from_record(one) for one in record["objectives"]),
            corpus=head.get("corpus", ""),
            generation=head.get("generation", 0),
            notes=tuple(head.get("notes", ())),
            source=head.get("source", ""),
            made=head.get("made", ""),
        )
        _check(str, made.corpus, made.source, made.made, *made.notes)
        _check(int, made.generation)
        _within(made.generation, 0, 2**63)
        return made


def cover(
    library: Library,
    objectives: Sequence[Objective],
    progress: Progress = lambda *_: None,
    *,
    source: str = "",
) -> Coverage:
    """Returns what the notes cover of some objectives.

    Args:
        source: the name of the file that they come from.

    Raises:
        QuestionSetError: an objective is longer than a question may be.
        QuestionError, LibraryError, ModelError: as for `Library.ask`.
    """
    library.ensure_ready()
    limit = library.settings.max_question_chars
    if long := next((one for one in objectives if len(one.text) > limit), None):
        raise QuestionSetError(
            f"Objective {long.id} has {len(long.text)} characters, the limit is {limit}: make it "
            "several objectives."
        )
    contents = library.contents()
    judge, quoter = Judge(library), Quoter(library)
    known: dict[tuple[tuple[Wording, ...], tuple[Evidence, ...], bool], Support] = {}
    found = []
    for number, objective in enumerate(objectives):
        progress("Judging", number, len(objectives))
        asked = (objective.wordings, objective.expected, objective.needs_all)
        if asked not in known:
            wordings, expected, needs_all = asked
            known[asked] = judge.support(wordings, expected, needs_all=needs_all)
        support = known[asked]
        if is_outcome(objective) and support.status is not Status.MISSING:
            support = replace(support, citations=quoter.citations(objective.text, support))
        found.append(Covered(objective, support, reply_to(objective, judge)))
    return Coverage(
        found=tuple(found),
        corpus=contents.corpus,
        generation=contents.generation,
        notes=tuple(contents.path(number) for number in sorted({*contents.documents.tolist()})),
        source=source,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def twice(coverage: Coverage) -> list[tuple[int, str]]:
    """Returns which objectives stand there more than once in the same words, and how often."""
    texts: dict[str, list[str]] = {}
    for item in coverage.found:
        texts.setdefault(sameness(item.objective.text), []).append(item.objective.text)
    return [(len(same), same[0]) for same in texts.values() if len(same) > 1]


def write_coverage(coverage: Coverage, path: Path) -> None:
    """Writes all of a coverage to a file, as one JSON object.

    Raises:
        RunError: it cannot be written.
    """
    with replacing(path, RunError) as draft:
        draft.write_text(
            json.dumps(coverage.to_record(), ensure_ascii=False) + "\n", encoding="utf-8"
        )


def load_coverage(path: Path) -> Coverage:
    """Returns what a file keeps of a coverage: one that was written, or what `--json` printed.

    Raises:
        RunError: it cannot be read, or holds anything else.
    """
    try:
        return Coverage.from_record(read_json(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise RunError(
            f"{path} is no saved coverage: expected what notesqa coverage writes with --out, or "
            "prints with --json."
        ) from error


def _check(kind: type, *values: object) -> None:
    """Raises TypeError where a value is of another type: of a file, records check nothing."""
    if any(type(value) is not kind for value in values):
        raise TypeError(f"expected {kind.__name__}")


def _within(value: float, low: float, high: float) -> float:
    """Returns a number; raises ValueError where it lies outside of its range."""
    if type(value) not in (int, float) or not low <= value <= high:
        raise ValueError(f"expected a number from {low} to {high}")
    return float(value)


def _citation(found: Mapping[str, Any]) -> Citation:
    made = Citation.from_dict(found)
    _check(str, made.document, made.title, *made.headings, made.location, made.quote)
    _check(int, made.number, made.span.start, made.span.end)
    return made


def _passage(found: Mapping[str, Any]) -> Passage:
    made = Passage.from_dict(found)
    _check(str, made.document, made.title, *made.headings, made.location, made.text)
    _check(int, made.rank, made.span.start, made.span.end)
    _within(made.score, -FARTHEST, FARTHEST)
    return made
