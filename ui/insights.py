"""What a server finds out from the question log and the notes: gaps, and what to look at in notes.

Input: the library, its log and the states of its coverage; output: `eval`'s records. What too few
people asked is in none of them: `eval` withholds groups and single wordings alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import Asked, Library, LibraryError, QuestionLog
from ui.asks import Traffic
from ui.calls import CallError
from ui.coverages import Coverages
from ui.evaluations import SUFFIX
from ui.folders import Stamp, stamp_of
from ui.jobs import Job, Jobs, Report
from ui.kept import Kept, Made
from ui.reviews import sets_to_join

if TYPE_CHECKING:
    from eval import Accepted, Audit, Coverage, Gap, Gaps, Map, Question, Reasked

GAPS, AUDIT, ASKING, MAP = "gaps", "audit", "asking again", "map"
"""The kinds of the jobs."""

NOTES = "the notes"
"""What an audit is about."""

DAYS = (7, 30, 90)
"""Of which questions are looked at, beside all: any two numbers would date what lies between."""


class Insights:
    """What is known of a library's gaps and notes. May be used from several threads."""

    def __init__(
        self,
        library: Library,
        questions: QuestionLog,
        jobs: Jobs,
        traffic: Traffic,
        coverages: Coverages,
    ) -> None:
        self._library = library
        self._questions = questions
        self._coverages = coverages
        self._gaps: Kept[Gaps] = Kept(GAPS, jobs, traffic, questions)
        self._audits: Kept[Audit] = Kept(AUDIT, jobs, traffic, questions)
        self._reasked: Kept[Reasked] = Kept(ASKING, jobs, traffic, questions)
        self._maps: Kept[Map] = Kept(MAP, jobs, traffic, questions)

    @property
    def days(self) -> int:
        """Returns how many days questions are kept."""
        return self._library.settings.log_days

    # Gaps

    def gaps(self, days: int) -> Made[Gaps] | None:
        """Returns the gaps of so many days; None until they were looked for."""
        return self._gaps.get(_about(days, self.days), self._stamp())

    def gap(self, days: int, id_: str) -> Gap | None:
        """Returns one of them, or one that was asked again and may be closed; else None."""
        known, asked = self.gaps(days), self.reasked(id_)
        found = (gap for gap in (known.found.gaps if known else ()) if gap.id == id_)
        return next(found, asked.found.gap if asked else None)

    def look_for_gaps(self, days: int, by: str | None = None) -> Job:
        """Returns the job that looks for the gaps of so many days.

        Raises:
            BusyError: too much else waits.
        """
        from eval import find_gaps

        def make(report: Report) -> Gaps:
            return find_gaps(self._library, self._asked(days), progress=report)

        def told(found: Gaps) -> dict[str, Any]:
            return {"gaps": len(found.gaps), "withheld": found.told_withheld, "days": days}

        return self._gaps.start(_about(days, self.days), self._stamp, make, told, by)

    def gaps_job(self, days: int, *, wait: bool = False) -> tuple[Job | None, str]:
        """Returns the job that looks for them, if any, and why the last one failed, if it did."""
        if wait:
            self._gaps.wait(_about(days, self.days))
        return self._gaps.job(_about(days, self.days)), self._gaps.failed(_about(days, self.days))

    # One of them

    def reasked(self, id_: str) -> Made[Reasked] | None:
        """Returns what the questions of a gap got when they were asked again; None before that."""
        return self._reasked.get(id_, (self._generation(),))

    def ask_again(self, gap: Gap, by: str | None = None) -> Job:
        """Returns the job that asks the questions of a gap again.

        Raises:
            BusyError: too much else waits.
        """
        from eval import reask

        def told(found: Reasked) -> dict[str, Any]:
            answered, left = found.n
            return {"group": gap.id, "answered": answered, "left": left}

        def make(report: Report) -> Reasked:
            return reask(self._library, gap, report)

        return self._reasked.start(gap.id, lambda: (self._generation(),), make, told, by)

    def asking_job(self, id_: str, *, wait: bool = False) -> tuple[Job | None, str]:
        """Returns the job that asks a gap again, if any, and why the last one failed, if it did."""
        if wait:
            self._reasked.wait(id_)
        return self._reasked.job(id_), self._reasked.failed(id_)

    def accept(
        self, found: Reasked, questions: str, wordings: Sequence[str], split: str = ""
    ) -> Accepted | None:
        """Returns what joined a question set; None where there is none of that name.

        Args:
            questions: the name of the set, without its suffix.
            wordings: those that a person has looked at and chose.

        Raises:
            QuestionSetError: the set cannot take them.
        """
        from eval import accept_gap

        folder = Path(self._library.settings.question_sets)
        if questions not in sets_to_join(folder):
            return None
        chosen = set(wordings)

        def review(question: Question) -> Question | None:
            return question if question.question in chosen else None

        return accept_gap(
            found, folder / f"{questions}{SUFFIX}", self._library, review=review, split=split
        )

    # The notes

    def audit(self) -> Made[Audit] | None:
        """Returns what to look at in the notes; None until somebody looked."""
        return self._audits.get(NOTES, self._audit_stamp())

    def look_at_notes(self, by: str | None = None) -> Job:
        """Returns the job that looks at the notes.

        Raises:
            BusyError: too much else waits.
        """
        from eval import audit_notes

        def make(report: Report) -> Audit:
            asked, coverage = self._asked(self.days), self._coverages.newest()
            return audit_notes(self._library, asked, coverage, progress=report)

        def told(found: Audit) -> dict[str, Any]:
            kinds = ("never", "always", "versions", "alike", "disagreeing", "unwieldy")
            return {kind: len(getattr(found, kind)) for kind in kinds}

        return self._audits.start(NOTES, self._audit_stamp, make, told, by)

    def audit_job(self, *, wait: bool = False) -> tuple[Job | None, str]:
        """Returns the job that looks at the notes, if any, and why the last one failed."""
        if wait:
            self._audits.wait(NOTES)
        return self._audits.job(NOTES), self._audits.failed(NOTES)

    # The map

    def map(self, name: str) -> Made[Map] | None:
        """Returns the map of a state of the coverage; None until it was drawn."""
        return self._maps.get(name, self._map_stamp())

    def draw(self, name: str, found: Coverage, by: str | None = None) -> Job:
        """Returns the job that draws the map of a state, with the gaps that are known.

        Raises:
            BusyError: too much else waits.
        """
        from eval import map_notes, wanted_of

        def make(report: Report) -> Map:
            report("Drawing", 0, 1)
            gaps = self.gaps(self.days)
            return map_notes(self._library, wanted_of(found, gaps.found if gaps else None))

        def told(drawn: Map) -> dict[str, Any]:
            return {"passages": len(drawn.dots), "questions": len(drawn.pins)}

        return self._maps.start(name, self._map_stamp, make, told, by)

    def map_job(self, name: str, *, wait: bool = False) -> tuple[Job | None, str]:
        """Returns the job that draws the map, if any, and why the last one failed, if it did."""
        if wait:
            self._maps.wait(name)
        return self._maps.job(name), self._maps.failed(name)

    def report(self, name: str) -> str | None:
        """Returns the report of a state, whole HTML, with gaps and map where they are known.

        None where there is no state of that name.

        Raises:
            RunError: it cannot be read.
        """
        from eval import coverage_html

        found = self._coverages.coverage(name)
        if found is None:
            return None
        gaps, drawn = self.gaps(self.days), self.map(name)
        return coverage_html(
            found,
            gaps.found if gaps and not gaps.stale else None,
            drawn.found if drawn and not drawn.stale else None,
        )

    def _map_stamp(self) -> Stamp:
        gaps = self.gaps(self.days)
        return self._generation(), gaps.at if gaps else None

    def _asked(self, days: int) -> Sequence[Asked]:
        return list(self._questions.since(datetime.now(UTC) - timedelta(days=days)))

    def _stamp(self) -> Stamp:
        return stamp_of(self._questions.file), self._generation()

    def _audit_stamp(self) -> Stamp:
        names = tuple(state.name for state in self._coverages.states())
        return *self._stamp(), names[:1]

    def _generation(self) -> int:
        try:
            return self._library.generation
        except LibraryError:
            return 0


def _about(days: int, most: int) -> str:
    if days not in {*DAYS, most}:
        of = ", ".join(map(str, sorted({*DAYS, most})))
        raise CallError(f"Questions of {days} days are not looked at by themselves: choose {of}.")
    return f"questions of {days} {'day' if days == 1 else 'days'}"
