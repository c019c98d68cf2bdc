"""Indexing in a server: one run at a time, whoever wants it, and how far it is.

Jobs and the watcher take turns here, so that neither meets the other at the library's lock, which
is for other processes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rag import Library, Manifest
from ui.jobs import Job, Jobs, Report, State

INDEX = "index"
"""The kind of its jobs."""


@dataclass(frozen=True, slots=True)
class At:
    """How far a run of indexing is: what it is at, and the share of its time that has passed."""

    stage: str
    share: float


class Indexer:
    """Brings a library into agreement with its notes."""

    def __init__(
        self,
        library: Library,
        jobs: Jobs,
        changed: Callable[[Manifest], None] = lambda _: None,
    ) -> None:
        """Args: `changed` is called after every job of indexing that did not fail."""
        self._at: At | None = None
        self._library = library
        self._jobs = jobs
        self._changed = changed
        self._turn = threading.Lock()
        self._adding = threading.Lock()

    @property
    def at(self) -> At | None:
        """Returns how far the run is that goes on, or comes next; None while nothing is indexed."""
        if self._at is None and self._jobs.current(INDEX):
            return At("Looking for notes", 0.0)
        return self._at

    def start(self, *, about: str = "", by: str | None = None) -> Job:
        """Returns the job of indexing that begins next: the one that waits already, or a new one.

        Raises:
            BusyError: too much else waits.
        """
        with self._adding:
            for job in self._jobs.all():
                if job.kind == INDEX and job.state is State.WAITING:
                    return job
            return self._jobs.add(INDEX, self._index, about=about, by=by)

    @contextmanager
    def turn(self, report: Report = lambda *_: None) -> Iterator[Report]:
        """Gives what a run reports to, once no other run goes on."""
        with self._turn:

            def told(stage: str, done: int, total: int) -> None:
                self._at = At(stage, done / total) if done < total else None
                report(stage, done, total)

            try:
                yield told
            finally:
                self._at = None

    def _index(self, report: Report) -> dict[str, Any]:
        with self.turn(report) as told:
            manifest = self._library.index(progress=told)
        self._changed(manifest)
        return {
            "indexed": len(manifest.indexed),
            "unchanged": len(manifest.unchanged),
            "removed": len(manifest.removed),
            "skipped": len(manifest.skipped),
            "chunks": manifest.chunks,
            "generation": manifest.generation,
        }
