"""Whether the notes can be asked: a library and what is done with it become one of five states."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rag import Library, LibraryError, NoLibraryError, NotesQAError
from ui.guard import where
from ui.indexing import At, Indexer
from ui.problems import UNSAID
from ui.render import in_a_line

logger = logging.getLogger(__name__)

_PRESS = "press “Index now” on the library page, or run notesqa index."


class Phase(StrEnum):
    """What of the notes can be asked; all of them in `READY` alone."""

    EMPTY = "no notes"
    INDEXING = "indexing"
    STARTING = "starting"
    FAILED = "failed"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class State:
    """Whether the notes can be asked.

    Attributes:
        at: how far a run of indexing is; also where the notes can be asked meanwhile.
        told: what is so and what to do, in a line for whoever keeps the notes; empty if all is
            well.
    """

    phase: Phase
    at: At | None = None
    told: str = ""

    def words(self, insider: bool) -> str:
        """Returns what is so and what to do, in a line; empty if all is well.

        Args:
            insider: whether it is told to one who keeps the notes.
        """
        if insider or not self.told:
            return self.told
        if self.phase is Phase.EMPTY:
            return "There are no notes yet: come again when there are some."
        return UNSAID if self.phase is Phase.FAILED else self.told


class Readiness:
    """The state of a library in a server, and of the model that reads questions."""

    def __init__(self, library: Library, indexer: Indexer, *, watched: bool = False) -> None:
        """Args: `watched` is whether the notes are followed meanwhile."""
        self._watched = watched
        self._library = library
        self._indexer = indexer
        self._thread: threading.Thread | None = None
        self._failure = ""

    def warm(self, begin: Callable[[], None] = lambda: None) -> None:
        """Loads, in a thread of its own, what the first question would have to wait for.

        Args:
            begin: returns when that may begin.
        """

        def load() -> None:
            begin()
            self._load()

        self._thread = threading.Thread(target=load, name="warming", daemon=True)
        self._thread.start()

    def is_warm(self, seconds: float = 0) -> bool:
        """Returns whether nothing is being loaded, after so many seconds at most."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def state(self) -> State:
        """Returns the state of this moment."""
        at = self._indexer.at
        try:
            notes = int(self._library.summary()["indexed"])
            if notes and not self.is_warm():
                return State(Phase.STARTING, at, "The server is starting: ask again in a moment.")
            if notes:
                self._library.ensure_ready()
                self._library.conditions()  # which are of indexes that are there
                self._failure = ""
                return State(Phase.READY, at)
        except NoLibraryError:
            pass
        except NotesQAError as error:
            if at is None:
                self._log(error)
                return State(Phase.FAILED, None, str(error))
        if at is not None:
            said = f"The notes are being indexed, {at.share:.0%} done: ask again in a moment."
            return State(Phase.INDEXING, at, said)
        return State(Phase.EMPTY, None, self._what_to_do())

    def folder_problem(self) -> str:
        """Returns what to do where the folder of notes is not there; empty where it is."""
        corpus = Path(self._library.settings.corpus).absolute()
        if corpus.is_dir():
            return ""
        return (
            f"There is no folder {corpus}: name that of your notes, notesqa --corpus DIR, "
            "or make it."
        )

    def has_files(self) -> bool:
        """Returns whether the folder of notes holds anything that is not hidden."""
        return _holds_any(self._library.settings.corpus)

    def _what_to_do(self) -> str:
        if said := self.folder_problem():
            return said
        corpus = Path(self._library.settings.corpus).absolute()
        if self.has_files():
            then = "the library page says why." if self._watched else _PRESS
            return f"The notes in {corpus} are not indexed yet: {then}"
        put = f"There are no notes yet: put files into the folder {corpus}"
        if self._watched:
            return f"{put}. They are read as soon as they are there."
        return f"{put}, then {_PRESS}"

    def _load(self) -> None:
        question = "Is the model loaded?"
        try:
            try:
                self._library.search(question, k=1)
            except NoLibraryError:
                self._library.embedder.read_queries([question])
            if said := self._fit_problem():
                logger.error("%s", said)
        except NotesQAError as error:  # which `state` tells
            self._log(error)
        except Exception as error:
            logger.error("loading failed: %s", where(error))

    def _log(self, error: NotesQAError) -> None:
        """Writes a line to the log, not again each time that somebody looks."""
        if self._failure != str(error):
            self._failure = str(error)
            logger.error("%s", in_a_line(self._failure))

    def _fit_problem(self) -> str | None:
        try:
            return self._library.fit_problem
        except LibraryError:
            return None


def _holds_any(folder: str) -> bool:
    try:
        with os.scandir(folder) as found:
            return any(not entry.name.startswith(".") for entry in found)
    except OSError:
        return False
