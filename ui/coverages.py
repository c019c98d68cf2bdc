"""Coverage in a server: files of objectives become states, one job each, which are kept.

A state says what the notes of one moment cover; all of it is `eval`'s. Here is only which files of
objectives and which states there are, and by what name.
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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import Library, LibraryError, NotesQAError, RunError, corpus_digest
from ui.asks import Traffic
from ui.evaluations import WAY_SECONDS
from ui.folders import Stamp, files, name_draft, stamp_of, stems
from ui.guard import where
from ui.jobs import Job, Jobs, Report

if TYPE_CHECKING:
    from eval import Coverage, CoverageDiff

COVERAGE = "coverage"
"""The kind of the jobs that make states."""

SUFFIXES = (".jsonl", ".md", ".csv", ".txt")
"""Of files of objectives."""

SUFFIX = ".json"
"""Of states."""

NO_OBJECTIVES = ("README.md",)
"""Files beside question sets that are about them."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Syllabus:
    """A file of objectives.

    Attributes:
        name: of the file, with its suffix.
        error: why it cannot be judged; empty where it can.
        first: whether the setting `objectives` names it.
    """

    name: str
    objectives: int
    error: str = ""
    first: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that the HTTP API lists."""
        return {"name": self.name, "objectives": self.objectives, "error": self.error or None}


@dataclass(frozen=True, slots=True)
class Listed:
    """A state that is there.

    Attributes:
        made: when it was judged, or its file written.
        source: the file of objectives; empty where that is not known.
        summary: how many objectives have each status.
        current: whether the notes are still those; None where that is not known.
        error: why it cannot be read; empty where it can.
    """

    name: str
    made: datetime
    source: str
    generation: int
    summary: dict[str, int]
    current: bool | None
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that the HTTP API lists."""
        return {
            "name": self.name,
            "made": self.made.isoformat(timespec="seconds"),
            "objectives": self.source,
            "generation": self.generation,
            "summary": self.summary or None,
            "current": self.current,
            "error": self.error or None,
        }


@dataclass(frozen=True, slots=True)
class _Head:
    """What is remembered of a state; the rest may take megabytes."""

    made: datetime | None
    source: str
    corpus: str
    generation: int
    summary: dict[str, int]
    error: str = ""


class Coverages:
    """The objectives and states of a library. All methods may be called from several threads."""

    def __init__(self, library: Library, jobs: Jobs, traffic: Traffic) -> None:
        """Args: `traffic` is what judging gives way to."""
        self._library = library
        self._jobs = jobs
        self._traffic = traffic
        self._states = library.folder / "coverage"
        self._counted: dict[Path, tuple[Stamp, Syllabus]] = {}
        self._heads: dict[Path, tuple[Stamp, _Head]] = {}
        self._opened: tuple[Stamp, Coverage] | None = None
        self._opening = threading.Lock()

    def syllabuses(self) -> list[Syllabus]:
        """Returns the files of objectives: that of the settings first, then by name."""
        return [self._syllabus(name, file) for name, file in self._objectives().items()]

    def states(self) -> list[Listed]:
        """Returns the states, newest first."""
        found = []
        corpus = self._corpus()
        for name, file in stems(self._states, SUFFIX):
            with suppress(FileNotFoundError):  # it was deleted meanwhile
                made = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                head = self._head(file)
                same = head.corpus == corpus if head.corpus and corpus else None
                found.append(
                    Listed(
                        *(name, head.made or made, head.source, head.generation, head.summary),
                        *(same, head.error),
                    )
                )
        return sorted(found, key=lambda state: (state.made, state.name), reverse=True)

    def listed(self, name: str) -> Listed | None:
        """Returns a state as it is listed; None where there is none of that name."""
        return next((state for state in self.states() if state.name == name), None)

    def start(self, objectives: str, by: str | None = None) -> Job | None:
        """Returns the job that judges a file of objectives; None where there is none of that name.

        Raises:
            BusyError: too much else waits.
        """
        file = self._objectives().get(objectives)
        if file is None:
            return None

        def work(report: Report) -> dict[str, Any]:
            return self._judge(objectives, file, report)

        return self._jobs.add(COVERAGE, work, about=objectives, by=by)

    def coverage(self, name: str) -> Coverage | None:
        """Returns a state; None where there is none of that name.

        Raises:
            RunError: it cannot be read.
        """
        file = self.file(name)
        if file is None:
            return None
        stamp = stamp_of(file)
        with self._opening:
            if self._opened is None or self._opened[0] != stamp:
                self._opened = stamp, _load(file)
            return self._opened[1]

    def newest(self) -> Coverage | None:
        """Returns the newest state that can be read; None where there is none."""
        name = next((state.name for state in self.states() if not state.error), None)
        return None if name is None else self.coverage(name)

    def changes(self, a: str, b: str) -> CoverageDiff | None:
        """Returns what changed from state `a` to state `b`; None where one of them is not there.

        Raises:
            RunError: one of them cannot be read.
        """
        from eval import diff

        before, after = self.coverage(a), self.coverage(b)
        return None if before is None or after is None else diff(before, after)

    def file(self, name: str) -> Path | None:
        """Returns the file of a state; None where there is none of that name."""
        return dict(stems(self._states, SUFFIX)).get(name)

    def delete(self, name: str) -> bool:
        """Deletes a state, and returns whether there was one of that name."""
        file = self.file(name)
        if file is None:
            return False
        self._heads.pop(file, None)
        file.unlink(missing_ok=True)
        return True

    def _objectives(self) -> dict[str, Path]:
        settings = self._library.settings
        beside = dict(sorted(files(Path(settings.question_sets), SUFFIXES)))
        for name in NO_OBJECTIVES:
            beside.pop(name, None)
        if not settings.objectives.strip():
            return beside
        first = Path(settings.objectives)
        return {first.name: first} | {n: file for n, file in beside.items() if n != first.name}

    def _syllabus(self, name: str, file: Path) -> Syllabus:
        stamp = stamp_of(file)
        known = self._counted.get(file)
        if known is None or known[0] != stamp:
            first = file == Path(self._library.settings.objectives)
            self._counted[file] = known = stamp, _count(name, file, first)
        return known[1]

    def _judge(self, name: str, file: Path, report: Report) -> dict[str, Any]:
        """Judges objectives; the state gets its name at the end, so that none is met half."""
        from eval import cover, load_objectives, write_coverage

        when = datetime.now(UTC)

        def politely(stage: str, done: int, total: int) -> None:
            self._traffic.wait_for_none(WAY_SECONDS)
            report(stage, done, total)

        found = cover(self._library, load_objectives(file), politely, source=name)
        self._states.mkdir(exist_ok=True)
        draft = self._states / f".{os.urandom(8).hex()}{SUFFIX}"
        try:
            write_coverage(found, draft)
            plain = re.sub(r"[^\w.-]", "_", Path(name).stem)[:80]
            kept = name_draft(draft, f"{plain}-{when:%Y%m%dT%H%M%SZ}-g{found.generation}")
        finally:
            draft.unlink(missing_ok=True)
        return {"coverage": kept.stem, "summary": found.summary}

    def _head(self, file: Path) -> _Head:
        stamp = stamp_of(file)
        known = self._heads.get(file)
        if known is None or known[0] != stamp:
            self._heads[file] = known = stamp, _head_of(file)
        return known[1]

    def _corpus(self) -> str:
        """Returns the digest of the notes; empty where there are none."""
        try:
            return corpus_digest(self._library.digests())
        except LibraryError:
            return ""


def _count(name: str, file: Path, first: bool) -> Syllabus:
    from eval import load_objectives

    try:
        return Syllabus(name, len(load_objectives(file)), first=first)
    except NotesQAError as error:
        return Syllabus(name, 0, _said(error, file), first)
    except Exception as error:
        logger.error("a file of objectives cannot be read: %s", where(error))
        return Syllabus(name, 0, f"{file.name} cannot be read: see the log of the server.", first)


def _head_of(file: Path) -> _Head:
    try:
        found = _outline(file)
    except NotesQAError as error:
        return _Head(None, "", "", 0, {}, _said(error, file))
    try:
        made = datetime.fromisoformat(found.made).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        made = None
    return _Head(made, found.source, found.corpus, found.generation, found.summary)


def _outline(file: Path) -> Coverage:
    """Returns a state without what supports its objectives, which takes most of the time."""
    from eval import Coverage, read_json

    with _reading(file):
        record = read_json(file.read_text(encoding="utf-8-sig"))
        kept = ("id", "text", "confidence")
        slim = [
            {**{key: one[key] for key in kept}, "citations": []} for one in record["objectives"]
        ]
        return Coverage.from_record({"coverage": record["coverage"], "objectives": slim})


def _load(file: Path) -> Coverage:
    from eval import load_coverage

    with _reading(file):
        return load_coverage(file)


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Makes of whatever a state's content brings about an error that names the file."""
    try:
        yield
    except RunError as error:
        raise RunError(_said(error, file)) from error
    except NotesQAError:
        raise
    except Exception as error:
        logger.error("a state of the coverage cannot be read: %s", where(error))
        raise RunError(
            f"{file.name} is no state of the coverage: delete it, and judge the objectives again."
        ) from error


def _said(error: NotesQAError, file: Path) -> str:
    """Returns an error in a line that names its file, and not where that lies."""
    return " ".join(str(error).replace(str(file), file.name).split())
