"""Proposals in a server: a job makes them, a person looks at one after the other.

What is proposed is made again when the notes have changed, or when all was looked at; what was said
of it stays, in the library's folder. Sets are looked up among the files that are there, by name.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import Library, Note, QuestionSetError
from ui.asks import Traffic
from ui.evaluations import SUFFIX, WAY_SECONDS
from ui.folders import stems
from ui.jobs import Job, Jobs, Report

if TYPE_CHECKING:
    from eval import Choice, Proposal, Question

PROPOSING = "proposals"
"""The kind of the jobs that make proposals."""

NEW_SET = "proposed"
"""The set that accepted questions may begin, where there is none of that name."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What there is to look at.

    Attributes:
        proposal: the next; None where nothing is left.
        note: the one that it quotes; None with it.
        done: how many of the `total` were accepted or rejected.
        later: how many of those left were put off.
        ready: whether proposals were made of the notes as they are.
        sets: the sets that accepted questions may join, each with its splits.
    """

    proposal: Proposal | None
    note: Note | None
    done: int
    total: int
    later: int
    ready: bool
    sets: dict[str, list[str]]


def sets_to_join(folder: Path) -> dict[str, list[str]]:
    """Returns the names of the sets of a folder that questions may join, and their splits."""
    from eval import sets_in

    found = {
        file.stem: list(dict.fromkeys(q.split for q in asked if q.split))
        for file, asked in sets_in(folder)
    }
    empty = [name for name, file in stems(folder, SUFFIX) if not file.stat().st_size]
    found |= {name: [] for name in empty}
    return found if NEW_SET in found else found | {NEW_SET: []}


class Reviews:
    """The proposals of a library. All methods may be called from several threads."""

    def __init__(self, library: Library, jobs: Jobs, traffic: Traffic) -> None:
        """Args: `traffic` is what the making of proposals gives way to."""
        self._library = library
        self._jobs = jobs
        self._traffic = traffic
        self._sets = Path(library.settings.question_sets)
        self._made: tuple[int, list[Proposal]] = (0, [])
        self._failed = 0
        self._adding = threading.Lock()

    def start(self, *, by: str | None = None) -> Job | None:
        """Returns the job that makes proposals; None where it is done for these notes, or failed.

        Raises:
            BusyError: too much else waits.
            LibraryError: there is no library, or it is damaged.
        """
        with self._adding:
            if self._library.generation in (self._made[0], self._failed):
                return None
            return self._jobs.current(PROPOSING) or self._jobs.add(PROPOSING, self._make, by=by)

    def desk(self, id_: str = "") -> Desk:
        """Returns what is to be looked at, or a certain proposal where it is there.

        Raises:
            LibraryError: what was said cannot be read, or there is no library.
        """
        generation, proposals = self._made
        said = self._said()
        left = [p for p in proposals if not _is_done(said.get(p.id))]
        later = [p for p in left if p.id in said]
        order = [p for p in left if p.id not in said] + later
        chosen = next((p for p in proposals if p.id == id_), order[0] if order else None)
        return Desk(
            proposal=chosen,
            note=self._library.note(chosen.document) if chosen else None,
            done=len(proposals) - len(left),
            total=len(proposals),
            later=len(later),
            ready=generation == self._library.generation,
            sets=self.sets(),
        )

    def sets(self) -> dict[str, list[str]]:
        """Returns the names of the sets that can be added to, and their splits."""
        return sets_to_join(self._sets)

    def accept(
        self, id_: str, question: str, paraphrases: str, name: str, split: str
    ) -> list[Question]:
        """Returns the questions that joined a set: a proposal as it was worded, and paraphrases.

        Raises:
            QuestionSetError: there is no such proposal or set, no question, or it cannot join.
            LibraryError: what was said cannot be kept.
        """
        from eval import Choice, Evidence, Reviewed, accept, wordings_in

        proposal = next((p for p in self._made[1] if p.id == id_), None)
        if proposal is None:
            raise QuestionSetError("This question is not proposed any more: look at the next.")
        asked = " ".join(question.split())
        if not asked:
            raise QuestionSetError("The question is empty: word it, or reject it.")
        if name not in self.sets():
            raise QuestionSetError("There is no such question set: choose one of those listed.")
        evidence = Evidence(proposal.document, proposal.quote)
        reviewed = Reviewed(id_, Choice.ACCEPTED, asked, wordings_in(paraphrases), evidence)
        added = accept([reviewed], self._sets / f"{name}{SUFFIX}", self._library.source, split)
        self.say(id_, Choice.ACCEPTED)
        return added

    def say(self, id_: str, choice: Choice) -> None:
        """Keeps what was said of a proposal; of one that is not there, nothing.

        Raises:
            LibraryError: it cannot be kept.
        """
        from eval import Decisions

        if any(proposal.id == id_ for proposal in self._made[1]):
            Decisions(self._library.folder).keep({id_: choice})

    def again(self) -> None:
        """Makes what was rejected or put off be proposed again.

        Raises:
            LibraryError: what was said cannot be read or written.
        """
        from eval import Decisions

        Decisions(self._library.folder).forget()
        self.more()

    def more(self) -> None:
        """Makes proposals be made anew at the next look."""
        self._made, self._failed = (0, self._made[1]), 0

    def _said(self) -> dict[str, Choice]:
        from eval import Decisions

        return Decisions(self._library.folder).all()

    def _make(self, report: Report) -> dict[str, Any]:
        from eval import propose, sets_in

        def politely(stage: str, done: int, total: int) -> None:
            self._traffic.wait_for_none(WAY_SECONDS)
            report(stage, done, total)

        generation = self._library.generation
        known = [question for _, asked in sets_in(self._sets) for question in asked]
        without = {name for name, choice in self._said().items() if _is_done(choice)}
        self._failed = generation  # unless it comes to its end
        found = propose(self._library, known, without=without, progress=politely)
        self._failed = 0
        self._made = (generation, found)
        return {"proposed": len(found)}


def _is_done(choice: Choice | None) -> bool:
    """Returns whether a proposal was accepted or rejected."""
    from eval import Choice

    return choice in (Choice.ACCEPTED, Choice.REJECTED)
