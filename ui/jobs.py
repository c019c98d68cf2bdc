"""Work that takes longer than a request: one piece at a time, each with its progress and its end.

Indexing and evaluation both want the whole machine, and indexing is let in once anyway; so there is
one thread, and the others wait in line.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from queue import SimpleQueue
from typing import Any

from rag import NotesQAError
from ui.guard import where

MOST_KEPT = 50
"""Jobs that are remembered; the oldest that ended goes first."""

MOST_WAITING = 10
"""Jobs in line."""

Report = Callable[[str, int, int], None]
"""Told a stage, how much of it is done, and how much there is; of what `Library.index` asks for."""

Work = Callable[[Report], dict[str, Any]]
"""Returns what a job made, as a JSON object."""

logger = logging.getLogger(__name__)


class State(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class BusyError(NotesQAError):
    """Too much waits to be done."""


class _ClosedError(NotesQAError):
    """The server ends."""


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work, as it is at one moment.

    Attributes:
        kind: what it does, such as `index`, `evaluation` or `coverage`.
        about: of what, or why, as text.
        by: who asked for it; None without sign-in.
        stage: what it is at, in a word.
        done, total: how far that is, in units of its own; 0 of 0 before it begins.
        result: what it made; None until then.
        error: what failed, in a line.
    """

    id: str
    kind: str
    about: str
    by: str | None
    made: datetime
    state: State = State.WAITING
    stage: str = ""
    done: int = 0
    total: int = 0
    result: dict[str, Any] | None = None
    error: str | None = None

    @property
    def ended(self) -> bool:
        """Returns whether nothing more will happen."""
        return self.state in {State.DONE, State.FAILED}

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that the HTTP API answers with."""
        return {
            "id": self.id,
            "kind": self.kind,
            "about": self.about,
            "by": self.by,
            "made": self.made.isoformat(timespec="milliseconds"),
            "state": self.state.value,
            "stage": self.stage,
            "done": self.done,
            "total": self.total,
            "result": self.result,
            "error": self.error,
        }


class Jobs:
    """The jobs of one server. All methods may be called from several threads."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._queue: SimpleQueue[tuple[str, Work]] = SimpleQueue()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    def add(self, kind: str, work: Work, *, about: str = "", by: str | None = None) -> Job:
        """Returns a new job, which is done when those before it are.

        Raises:
            BusyError: too many wait.
        """
        with self._changed:
            if sum(job.state is State.WAITING for job in self._jobs.values()) >= MOST_WAITING:
                raise BusyError(f"{MOST_WAITING} jobs wait already: come back when some are done.")
            job = Job(os.urandom(8).hex(), kind, about, by, datetime.now(UTC))
            self._jobs[job.id] = job
            ended = [id_ for id_, known in self._jobs.items() if known.ended]
            for id_ in ended[: max(len(self._jobs) - MOST_KEPT, 0)]:
                del self._jobs[id_]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
                self._thread.start()
        self._queue.put((job.id, work))
        return job

    def get(self, id_: str) -> Job | None:
        """Returns a job as it is now; None where there is none of that id."""
        with self._changed:
            return self._jobs.get(id_)

    def all(self) -> list[Job]:
        """Returns the jobs that are remembered, newest first."""
        with self._changed:
            return list(reversed(self._jobs.values()))

    def current(self, *kinds: str) -> Job | None:
        """Returns the job of some kinds that runs, or is next; None where there is none."""
        return next(
            (job for job in reversed(self.all()) if job.kind in kinds and not job.ended), None
        )

    def last(self, *kinds: str) -> Job | None:
        """Returns the job of some kinds that ended last; None where there is none."""
        return next((job for job in self.all() if job.kind in kinds and job.ended), None)

    def wait(self, id_: str, seconds: float) -> Job | None:
        """Returns a job once it has ended, or as it is after so many seconds."""
        end = time.monotonic() + seconds
        with self._changed:
            while (job := self._jobs.get(id_)) and not job.ended:
                if not self._changed.wait(end - time.monotonic()):
                    break
            return self._jobs.get(id_)

    def close(self, seconds: float) -> bool:
        """Ends the work at its next report, and returns whether it has ended within so long."""
        with self._changed:
            self._closing = True
            return self._changed.wait_for(
                lambda: all(job.state is not State.RUNNING for job in self._jobs.values()), seconds
            )

    def _run(self) -> None:
        while True:
            self._do(*self._queue.get())

    def _do(self, id_: str, work: Work) -> None:
        try:
            self._check_open()
            self._change(id_, state=State.RUNNING)
            result = work(partial(self._at, id_))
        except NotesQAError as error:
            self._change(id_, state=State.FAILED, error=" ".join(str(error).split()))
        except Exception as error:
            logger.error("a job failed: %s", where(error))
            said = "Something went wrong here; the server's log says where."
            self._change(id_, state=State.FAILED, error=said)
        else:
            self._change(id_, state=State.DONE, result=result)

    def _at(self, id_: str, stage: str, done: int, total: int) -> None:
        self._check_open()
        self._change(id_, stage=stage, done=done, total=total)

    def _check_open(self) -> None:
        if self._closing:
            raise _ClosedError("The server ends: start it again when it is back.")

    def _change(self, id_: str, **values: Any) -> None:
        with self._changed:
            self._jobs[id_] = replace(self._jobs[id_], **values)
            self._changed.notify_all()
