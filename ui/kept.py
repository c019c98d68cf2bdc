"""What takes long to find out: made by one job at a time, and kept until the server ends.

Whoever asks gets what there is, with the time it is of and whether it still holds; finding out anew
is another request, so that no page makes anybody wait. What the log's questions say goes with them:
once some were deleted, nothing that was found out before is kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from rag import LibraryError, NotesQAError, QuestionLog
from ui.asks import Traffic
from ui.evaluations import WAY_SECONDS
from ui.folders import Stamp
from ui.jobs import BusyError, Job, Jobs, Report, State

MOST_KEPT = 3
"""Results of a kind; the oldest goes first."""

SOON = 1.0
"""Seconds that a page waits for a job that may be done by then, rather than say that it runs."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Made(Generic[T]):
    """What was found out.

    Attributes:
        at: when, in UTC.
        stale: whether something that it depends on has changed since.
    """

    found: T
    at: datetime
    stale: bool


class DeletedError(NotesQAError):
    """Questions were deleted while they were looked at."""


@dataclass(frozen=True, slots=True)
class _Result(Generic[T]):
    """What was found out, and the log's oldest question before that."""

    oldest: str | None
    stamp: Stamp
    at: datetime
    found: T


class Kept(Generic[T]):
    """Results of one kind, by what they are about. May be used from several threads."""

    def __init__(self, kind: str, jobs: Jobs, traffic: Traffic, questions: QuestionLog) -> None:
        """Keeps nothing yet.

        Args:
            traffic: what the work gives way to.
            questions: what the results are made of.
        """
        self.kind = kind
        self._jobs = jobs
        self._traffic = traffic
        self._questions = questions
        self._kept: OrderedDict[str, _Result[T]] = OrderedDict()
        self._lock = threading.Lock()
        self._adding = threading.Lock()

    def get(self, about: str, stamp: Stamp) -> Made[T] | None:
        """Returns what is known; None where nothing is, or questions were deleted since.

        Args:
            stamp: what tells that all it depends on is what it was.
        """
        oldest = self._oldest()
        with self._lock:
            for name in [n for n, result in self._kept.items() if result.oldest != oldest]:
                del self._kept[name]
            known = self._kept.get(about)
        return Made(known.found, known.at, known.stamp != stamp) if known else None

    def job(self, about: str) -> Job | None:
        """Returns the job that finds it out, or waits to; None where there is none."""
        return next((job for job in self._jobs.all() if self._is(job, about, ended=False)), None)

    def failed(self, about: str) -> str:
        """Returns why it could not be found out last; empty where it could, or nobody tried."""
        last = next((job for job in self._jobs.all() if self._is(job, about, ended=True)), None)
        return (last.error or "") if last else ""

    def start(
        self,
        about: str,
        stamp: Callable[[], Stamp],
        make: Callable[[Report], T],
        told: Callable[[T], dict[str, Any]],
        by: str | None = None,
    ) -> Job:
        """Returns the job that finds it out: the one that is there already, or a new one.

        Args:
            stamp: as for `get`, asked before the work begins.
            make: does the work.
            told: gives the job's result of it.

        Raises:
            BusyError: too much else waits, or one of this kind.
        """

        def work(report: Report) -> dict[str, Any]:
            def politely(stage: str, done: int, total: int) -> None:
                self._traffic.wait_for_none(WAY_SECONDS)
                report(stage, done, total)

            oldest, before = self._oldest(), stamp()
            found = make(politely)
            if self._oldest() != oldest:
                raise DeletedError(
                    "Questions were deleted from the log meanwhile, so that what they told was not "
                    "kept: look again."
                )
            with self._lock:
                self._kept[about] = _Result(oldest, before, datetime.now(UTC), found)
                self._kept.move_to_end(about)
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            return told(found)

        with self._adding:
            if job := self.job(about):
                return job
            if any(j.kind == self.kind and j.state is State.WAITING for j in self._jobs.all()):
                raise BusyError(f"Another job ({self.kind}) waits: come back when it is done.")
            return self._jobs.add(self.kind, work, about=about, by=by)

    def wait(self, about: str) -> None:
        """Returns once its job has ended, or soon."""
        if job := self.job(about):
            self._jobs.wait(job.id, SOON)

    def _oldest(self) -> str | None:
        try:
            return self._questions.oldest()
        except LibraryError:
            return None

    def _is(self, job: Job, about: str, *, ended: bool) -> bool:
        return job.kind == self.kind and job.about == about and job.ended is ended
