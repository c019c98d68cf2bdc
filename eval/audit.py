"""The notes under the lamp: what in them is of no use, of too much, said twice, or at odds.

Input: a library, its question log and, where there is one, a coverage record; output: `Audit`.
Every finding is a candidate for a person to look at, and says what it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eval.comparing import Alike, Disagreeing, Versions, compare
from eval.coverage import Coverage
from eval.reach import Always, Never, Subjects, Unwieldy, always_cited, never_found, unwieldy
from eval.stretches import Shelf, Stretch
from eval.usage import ask_again, usage
from rag import Asked, Library

Progress = Callable[[str, int, int], None]

FAMILIAR = 0.05
"""Share of what the next question finds that nothing has found yet, up to which the passages
never found are worth acting on."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What an audit rests on.

    Attributes:
        questions: asked, of the log.
        wordings: different ones, of questions and objectives.
        met: how many of them the notes of today were asked; what is never found rests on these.
        unseen: the share of what the next question finds that nothing has found yet; None where
            nothing was found.
        lost: quotes and passages of older answers that stand nowhere any more.
        language: of the notes; in others than English, statements are held against each other by
            numbers alone.
    """

    questions: int
    objectives: int
    wordings: int
    met: int
    notes: int
    passages: int
    statements: int
    unseen: float | None
    lost: int
    language: str

    @property
    def tells_much(self) -> bool:
        """Returns whether enough was asked for what was never found to mean something."""
        return self.unseen is not None and self.unseen <= FAMILIAR

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {
            "questions": self.questions,
            "objectives": self.objectives,
            "wordings": self.wordings,
            "met": self.met,
            "notes": self.notes,
            "passages": self.passages,
            "statements": self.statements,
            "unseen": None if self.unseen is None else round(self.unseen, 3),
            "tells_much": self.tells_much,
            "lost": self.lost,
            "language": self.language,
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """What to look at in one state of the notes, of each kind the most telling first.

    Attributes:
        never: passages that nothing asked so far has found.
        always: passages that are cited for everything.
        versions: notes made of each other; what these alone share is not in `alike`.
        alike: what several notes say in the same words.
        disagreeing: statements that may contradict each other.
        unwieldy: what is too long, or has no headings, for what is asked of it.
        generation: of the library.
    """

    basis: Basis
    never: tuple[Never, ...]
    always: tuple[Always, ...]
    versions: tuple[Versions, ...]
    alike: tuple[Alike, ...]
    disagreeing: tuple[Disagreeing, ...]
    unwieldy: tuple[Unwieldy, ...]
    generation: int

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `audit --json`."""
        return {
            "rests_on": self.basis.to_dict(),
            "never": [item.to_dict() for item in self.never],
            "always": [item.to_dict() for item in self.always],
            "versions": [item.to_dict() for item in self.versions],
            "alike": [item.to_dict() for item in self.alike],
            "disagreeing": [item.to_dict() for item in self.disagreeing],
            "unwieldy": [item.to_dict() for item in self.unwieldy],
            "generation": self.generation,
        }


def audit_notes(
    library: Library,
    asked: Sequence[Asked],
    coverage: Coverage | None = None,
    least: int | None = None,
    progress: Progress = lambda *_: None,
) -> Audit:
    """Returns what to look at in the notes.

    Args:
        least: people who must have asked in some words for these to be told, where people are
            known; `settings.least_askers` if left out.

    Raises:
        LibraryError, ModelError: as for `Library.ask`.
    """
    library.ensure_ready()
    contents = library.contents()
    shelf = Shelf(library, contents)
    least = library.settings.least_askers if least is None else least
    used = usage(shelf, asked, coverage, least)
    ask_again(shelf, used, progress)
    subjects = Subjects(library, used.askings)
    compared = compare(shelf, progress)
    return Audit(
        basis=Basis(
            questions=used.questions,
            objectives=used.objectives,
            wordings=len(used.askings),
            met=len(used.met),
            notes=len(set(contents.documents.tolist())),
            passages=len(contents),
            statements=compared.statements,
            unseen=used.unseen(),
            lost=used.lost,
            language=contents.language,
        ),
        never=tuple(never_found(shelf, used, subjects)),
        always=tuple(always_cited(shelf, used, subjects)),
        versions=compared.versions,
        alike=compared.alike,
        disagreeing=compared.disagreeing,
        unwieldy=tuple(unwieldy(shelf, used)),
        generation=contents.generation,
    )


Table = list[list[str]]
"""Rows of cells, the names of the columns first."""


def audit_tables(found: Audit) -> dict[str, Table]:
    """Returns an audit as tables, one for each kind of finding, by its name."""
    place = ["document", "headings", "location"]
    never = [
        [*_place(item.stretch), str(item.passages), str(item.of), _said(item.near)]
        + [item.nearest, item.stretch.text]
        for item in found.never
    ]
    always = [
        [*_place(item.stretch), str(item.askings), str(item.share), str(item.spread)]
        + ["\n".join(item.asked), item.stretch.text]
        for item in found.always
    ]
    alike = [
        [str(number), *_place(stretch), str(item.statements), _said(item.exact), stretch.text]
        for number, item in enumerate(found.alike, start=1)
        for stretch in item.places
    ]
    disagreeing = [
        [item.kind, item.reason, str(item.sure), str(item.more)]
        + [*_place(item.one), item.one.text, *_place(item.other), item.other.text]
        for item in found.disagreeing
    ]
    unwieldy = [
        [*_place(item.stretch), item.why.value, str(item.passages), str(item.askings)]
        + ["\n".join(f"{where}: {asked}" for where, asked in item.places)]
        for item in found.unwieldy
    ]
    versions = [
        [str(number), document, str(item.share)]
        for number, item in enumerate(found.versions, start=1)
        for document in item.documents
    ]
    other = [f"other {name}" for name in place]
    return {
        "never": [[*place, "passages", "of", "near", "nearest", "text"], *never],
        "always": [[*place, "wordings", "share", "spread", "asked", "text"], *always],
        "versions": [["number", "document", "share"], *versions],
        "alike": [["number", *place, "statements", "exact", "text"], *alike],
        "disagreeing": [
            ["kind", "reason", "sure", "more", *place, "text", *other, "other text"],
            *disagreeing,
        ],
        "unwieldy": [[*place, "why", "passages", "wordings", "places"], *unwieldy],
    }


def _place(stretch: Stretch) -> list[str]:
    return [stretch.document, " › ".join(stretch.headings), stretch.location]


def _said(value: float | None) -> str:
    """Returns a cell: yes or no, a number, or nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
