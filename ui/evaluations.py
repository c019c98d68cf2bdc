"""Evaluation in a server: question sets become runs, one job each, and runs become scores.

All numbers are `eval`'s; here is only which sets and runs there are, and by what name. Names are
looked up among the files that are there, and are never made into a path.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from rag import Library, LibraryError, NotesQAError, RunError
from ui.asks import Traffic
from ui.folders import Stamp, name_draft, stamp_of, stems
from ui.guard import where
from ui.jobs import Job, Jobs, Report

if TYPE_CHECKING:
    from eval import Comparison, Run

EVALUATION = "evaluation"
"""The kind of the jobs that make runs."""

SCORES = "scores"
"""The kind of the jobs that score runs which were made elsewhere, or before the server began."""

WAY_SECONDS = 1.0
"""How long the next question of a set waits for those that people ask.

Of those, asked one by one, the 99th of 100 took 55 ms without an evaluation beside it (n = 450), 62
with one that waits (n = 525) and 100 with one that does not (n = 475), on two busy cores.
"""

SUFFIX = ".jsonl"

MOST_NAME = 100
"""Characters of a name in a run file that are told."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A file of questions.

    Attributes:
        error: why it cannot be asked; empty where it can.
    """

    name: str
    questions: int
    splits: dict[str, int]
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that the HTTP API answers with."""
        return {
            "name": self.name,
            "questions": self.questions,
            "splits": self.splits,
            "error": self.error or None,
        }


@dataclass(frozen=True, slots=True)
class Scored:
    """What a run holds and is worth.

    Attributes:
        split, begun, generation: as the run file has them; None where it has something else.
        scores: the object of `eval score --json`; empty where there is an `error`.
    """

    questions: str
    split: str | None
    begun: datetime | None
    generation: int | None
    asked: int
    scores: dict[str, Any]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A run that is there; `scored` is None until somebody scored it."""

    name: str
    made: datetime
    scored: Scored | None

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that the HTTP API lists."""
        known = self.scored
        return {
            "name": self.name,
            "made": self.made.isoformat(timespec="seconds"),
            "questions": known and known.questions,
            "split": known and known.split,
            "generation": known and known.generation,
            "n": known and known.asked,
            "measures": known and known.scores.get("measures"),
            "error": (known and known.error) or None,
        }


class Evaluations:
    """The question sets and runs of a library. All methods may be called from several threads."""

    def __init__(self, library: Library, jobs: Jobs, traffic: Traffic) -> None:
        """Args: `traffic` is what evaluation gives way to."""
        self._traffic = traffic
        self._library = library
        self._jobs = jobs
        self._sets = Path(library.settings.question_sets)
        self._runs = library.folder / "runs"
        self._read: dict[Path, tuple[Stamp, QuestionSet]] = {}
        self._scored: dict[Path, tuple[Stamp, Scored]] = {}
        self._adding = threading.Lock()

    def sets(self) -> list[QuestionSet]:
        """Returns the question sets, by name."""
        return [self._set(name, file) for name, file in sorted(stems(self._sets, SUFFIX))]

    def runs(self) -> list[Listed]:
        """Returns the runs that have ended, newest first."""
        found = []
        for name, file in stems(self._runs, SUFFIX):
            with suppress(FileNotFoundError):  # it was deleted meanwhile
                made = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                found.append(Listed(name, made, self._known(file)))
        return sorted(found, key=lambda run: (run.made, run.name), reverse=True)

    def start(self, questions: str, split: str | None = None, by: str | None = None) -> Job | None:
        """Returns the job that asks a set, or one split of it; None where there is none of it.

        Raises:
            BusyError: too much else waits.
        """
        file = self._file(self._sets, questions)
        found = file and self._set(questions, file)
        if file is None or not found or (split is not None and split not in found.splits):
            return None

        def work(report: Report) -> dict[str, Any]:
            return self._run(questions, file, split, report)

        about = questions if split is None else f"{questions}, split {split}"
        return self._jobs.add(EVALUATION, work, about=about, by=by)

    def score_all(self) -> Job | None:
        """Returns the job that scores what is not scored yet; None where all is.

        Raises:
            BusyError: too much else waits.
        """
        with self._adding:
            if all(run.scored for run in self.runs()):
                return None
            return self._jobs.current(SCORES) or self._jobs.add(SCORES, self._score_all)

    def scores(self, name: str) -> dict[str, Any] | None:
        """Returns the object of `eval score RUN --json`; None where there is no such run.

        Raises:
            RunError, QuestionSetError: it cannot be scored.
        """
        file = self.file(name)
        if file is None:
            return None
        known = self._known(file)
        if known is None or known.error:
            known = self._score(file)
        return known.scores

    def report(self, name: str) -> str | None:
        """Returns the page of a run, whole HTML; None where there is no such run.

        Raises:
            RunError, QuestionSetError: it cannot be scored.
        """
        file = self.file(name)
        if file is None:
            return None
        from eval import load_run, report_html, score_run

        with _reading(file):
            run = load_run(file)
            return report_html(run, score_run(run, self._library, self._set_of(run)))

    def comparison(self, a: str, b: str) -> Comparison | None:
        """Returns what changed from run `a` to run `b`; None where one of them is not there.

        Raises:
            RunError, QuestionSetError: they cannot be compared.
        """
        found = self._pair(a, b)
        return found and self._compare(*found)

    def comparison_report(self, a: str, b: str) -> str | None:
        """Returns the page of run `b` that begins with what changed since `a`; as `comparison`."""
        from eval import report_html, score_run

        found = self._pair(a, b)
        if found is None:
            return None
        comparison = self._compare(*found)
        run = found[1]
        with _reading(run.path):
            scores = score_run(run, self._library, self._set_of(run))
            return report_html(run, scores, comparison)

    def file(self, name: str) -> Path | None:
        """Returns the file of a run; None where there is none of that name."""
        return self._file(self._runs, name)

    def delete(self, name: str) -> bool:
        """Deletes a run, and returns whether there was one of that name."""
        file = self.file(name)
        if file is None:
            return False
        self._scored.pop(file, None)
        file.unlink(missing_ok=True)
        return True

    def _pair(self, a: str, b: str) -> tuple[Run, Run] | None:
        before, after = self.file(a), self.file(b)
        if before is None or after is None:
            return None
        from eval import load_run

        with _reading(before):
            run = load_run(before)
        with _reading(after):
            return run, load_run(after)

    def _compare(self, a: Run, b: Run) -> Comparison:
        from eval import compare_runs

        with _reading(b.path):
            return compare_runs(a, b, self._library, questions=self._set_of(b))

    def _set_of(self, run: Run) -> Path:
        """Returns the question set that a run asked, by its name among those that are here.

        Its path is not looked at: a run file may come from elsewhere, and name any file.
        """
        name = _set_name(run)
        file = name and self._file(self._sets, name)
        if not file:
            which = f"the set {name[:MOST_NAME]}, which is not here" if name else "no set"
            raise RunError(f"{run.path.name} asked {which}: put its set into {self._sets}.")
        return file

    def _set(self, name: str, file: Path) -> QuestionSet:
        stamp = stamp_of(file)
        known = self._read.get(file)
        if known is None or known[0] != stamp:
            self._read[file] = known = stamp, _read_set(name, file)
        return known[1]

    def _run(self, questions: str, file: Path, split: str | None, report: Report) -> dict[str, Any]:
        """Asks a set; the run gets its name once it has ended, so that none is met half."""
        from eval import run_questions

        when = datetime.now(UTC)
        part = "" if split is None else f"-{_plain(split)}"
        name = f"{questions}{part}-{when:%Y%m%dT%H%M%SZ}-g{self._library.generation}"

        def politely(stage: str, done: int, total: int) -> None:
            self._traffic.wait_for_none(WAY_SECONDS)
            report(stage, done, total)

        draft = self._runs / f".{os.urandom(8).hex()}{SUFFIX}"
        try:
            run = run_questions(self._library, file, draft, split=split, progress=politely)
            failed = [id_ for id_, outcome in run.outcomes.items() if outcome.failed]
            report("Scoring", len(run.outcomes), len(run.outcomes))
            kept = name_draft(draft, name)
        finally:
            draft.unlink(missing_ok=True)
        self._try_to_score(kept)
        return {"run": kept.stem, "n": len(run.outcomes), "failed": failed}

    def _score_all(self, report: Report) -> dict[str, Any]:
        left = [name for name, file in stems(self._runs, SUFFIX) if self._known(file) is None]
        for number, name in enumerate(left):
            report("Scoring", number, len(left))
            if file := self.file(name):
                self._try_to_score(file)
        return {"scored": len(left)}

    def _try_to_score(self, file: Path) -> None:
        """Scores a run, and keeps why that cannot be."""
        stamp = self._stamp(file)
        try:
            self._score(file)
        except NotesQAError as error:
            said = " ".join(str(error).split())
            self._scored[file] = stamp, Scored(file.stem, None, None, None, 0, {}, said)

    def _score(self, file: Path) -> Scored:
        from eval import load_run, score_run

        stamp = self._stamp(file)
        with _reading(file):
            run = load_run(file)
            scores = score_run(run, self._library, self._set_of(run)).to_dict()
        split, generation = run.head.get("split"), run.head.get("generation")
        scored = Scored(
            questions=_set_name(run),
            split=split if isinstance(split, str) else None,
            begun=_time(run.head.get("begun")),
            generation=generation if type(generation) is int else None,
            asked=len(run.outcomes),
            scores=scores,
        )
        self._scored[file] = stamp, scored
        return scored

    def _known(self, file: Path) -> Scored | None:
        """Returns what a run was found to be worth, where nothing has changed since."""
        stamp, scored = self._scored.get(file, ((), None))
        if scored is None or stamp != self._stamp(file):
            return None
        return scored

    def _stamp(self, file: Path) -> Stamp:
        """Returns what a run's scores depend on: it, the sets, and notes that it does not keep."""
        sets = tuple(stamp_of(set_) for _, set_ in sorted(stems(self._sets, SUFFIX)))
        try:
            generation = self._library.generation
        except LibraryError:
            generation = 0
        return (stamp_of(file), sets, generation)

    def _file(self, folder: Path, name: str) -> Path | None:
        return dict(stems(folder, SUFFIX)).get(name)


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Makes of whatever a run file's content brings about an error that names the file.

    What is among the runs may have been made by anything, and one file must not hide the others.
    """
    try:
        yield
    except NotesQAError:
        raise
    except Exception as error:
        logger.error("a run cannot be read: %s", where(error))
        raise RunError(
            f"{file.name} is not as notesqa eval run writes it: delete it, or make it anew."
        ) from error


def _set_name(run: Run) -> str:
    """Returns the name of the set that a run says it asked; empty where it says none."""
    named = run.head.get("questions")
    return PurePath(named).stem if isinstance(named, str) else ""


def _time(said: object) -> datetime | None:
    """Returns a time of ISO 8601, in UTC; None where it is none."""
    try:
        return datetime.fromisoformat(said).astimezone(UTC) if isinstance(said, str) else None
    except (ValueError, OverflowError):
        return None


def _read_set(name: str, file: Path) -> QuestionSet:
    from eval import load_questions

    try:
        questions = load_questions(file)
    except NotesQAError as error:
        return QuestionSet(name, 0, {}, " ".join(str(error).split()))
    splits: dict[str, int] = {}
    for question in questions:
        if question.split:
            splits[question.split] = splits.get(question.split, 0) + 1
    return QuestionSet(name, len(questions), splits)


def _plain(text: str) -> str:
    """Returns what of a text may stand in a file's name."""
    return re.sub(r"[^\w.-]", "_", text)[:40]
