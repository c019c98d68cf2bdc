"""A folder of notes is followed: what changes there becomes runs of indexing, one after the other.

Input: a library and the folder of its settings; output: a manifest for every run that changed
something. The operating system tells of changes, through watchfiles; a run begins once it has been
quiet for a moment, so that a file saved by renaming, or five hundred checked out, is one run.
Nothing relies on being told of everything: network drives are silent about what others write, and
queues of events overflow. So the folder is also looked through now and then, which opens nothing
that looks as it did. What a run does when it is cut off is `Library.index`'s to say: the old state
stays, or the new one is there.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import NotesQAError
from rag.types import Manifest

if TYPE_CHECKING:
    from rag.course import Progress
    from rag.pipeline import Library

QUIET_SECONDS = 0.5
"""How long nothing may have changed before a run begins: editors save within some 10 ms, a copy
that grows is written to several times a second."""

LONGEST_SECONDS = 5.0
"""When a run begins although it is not quiet, after the first change."""

LOOK_SECONDS = 30.0
"""How often the folder is looked through although nothing was told."""

RETRY_SECONDS = 5.0
"""How long after a failed run another one is tried, if nothing changes before."""

POLL_MS = 2_000
"""How often files are compared where the operating system does not tell of changes."""

IGNORE_FILE = ".notesqaignore"
"""The one hidden file that changes what is indexed."""

log = logging.getLogger(__name__)


class _StoppedError(Exception):
    """The run is not wanted any more."""


class Watcher:
    """Keeps a library in agreement with its folder of notes.

    Attributes:
        busy: whether changes are being indexed at the moment.
    """

    def __init__(
        self,
        library: Library,
        changed: Callable[[Manifest], None],
        failed: Callable[[str], None],
        progress: Callable[[], AbstractContextManager[Progress]] | None = None,
    ) -> None:
        """Watches nothing yet.

        Args:
            changed: called after every run that changed something.
            failed: called with the reason of a run that did not end, once for each reason.
            progress: gives what each run reports to.
        """
        self.busy = False
        self._library = library
        self._corpus = Path(library.settings.corpus)
        self._changed = changed
        self._failed = failed
        self._progress = progress or (lambda: nullcontext(lambda *_: None))
        self._polling: bool | None = None
        self._due = 0.0
        self._said = ""
        self._skipped: object = None

    def run(self, stop: threading.Event) -> None:
        """Follows the folder until `stop` is set; a run that goes on then is given up.

        An error of a run ends nothing: it is tried again at the next change, and after
        `RETRY_SECONDS`.
        """
        try:
            for told in self._occasions(stop):
                self._index(told, stop)
        except _StoppedError:
            log.info("Indexing was stopped; what it had embedded is kept.")

    def _index(self, told: bool, stop: threading.Event) -> None:
        self.busy = told
        try:
            with self._progress() as report:

                def go_on(stage: str, done: int, total: int) -> None:
                    if stop.is_set():
                        raise _StoppedError
                    self.busy = True
                    report(stage, done, total)

                manifest = self._library.index(self._corpus, go_on)
        except _StoppedError:
            raise
        except Exception as error:  # whatever it is, the notes are followed
            if repr(error) != self._said:
                self._said = repr(error)
                if isinstance(error, NotesQAError):
                    self._failed(str(error))
                else:
                    log.exception("Indexing failed, and is tried again.")
            self._due = time.monotonic() + RETRY_SECONDS
            return
        finally:
            self.busy = False
        self._said = ""
        self._due = time.monotonic() + LOOK_SECONDS
        known, self._skipped = self._skipped, manifest.skipped
        if manifest.indexed or manifest.removed or known not in (None, manifest.skipped):
            self._changed(manifest)

    def _occasions(self, stop: threading.Event) -> Iterator[bool]:
        """Yields when to index, until stopped: True where a change was told of."""
        while not stop.is_set():
            yield from self._changes(stop)
            if not stop.is_set():
                # The folder is gone, which indexing says, or another one has its name.
                yield True
                stop.wait(QUIET_SECONDS)

    def _changes(self, stop: threading.Event) -> Iterator[bool]:
        """Yields when to index, for as long as the folder is the one it was."""
        from watchfiles import Change, watch

        if (folder := _identity(self._corpus)) is None:
            return
        root, library = self._corpus.resolve(), self._library.folder.resolve()
        self._due = 0.0  # what changed before watching began is found by looking
        first = last = 0.0
        try:
            for events in watch(
                root,
                watch_filter=None,
                debounce=200,
                step=100,
                rust_timeout=int(QUIET_SECONDS * 500),
                yield_on_timeout=True,
                stop_event=stop,
                force_polling=self._polling,
                poll_delay_ms=POLL_MS,
                ignore_permission_denied=True,
            ):
                now = time.monotonic()
                # A folder made again may get the number of the one that was deleted.
                if _identity(self._corpus) != folder or (Change.deleted, str(root)) in events:
                    return
                if any(_is_noted(Path(path), root, library) for _, path in events):
                    first, last = first or now, now
                told = bool(first)
                ripe = told and (now - last >= QUIET_SECONDS or now - first >= LONGEST_SECONDS)
                if ripe or now >= self._due:
                    first = last = 0.0
                    yield told
        except (OSError, RuntimeError) as error:
            if _identity(self._corpus) == folder:
                log.info("%s is compared every %s ms (%s).", self._corpus, POLL_MS, error)
                self._polling = True


def _is_noted(path: Path, root: Path, library: Path) -> bool:
    """Returns whether a change of `path` may change what is indexed."""
    if not path.is_relative_to(root):
        return True
    if path.is_relative_to(library):
        return False
    *folders, name = path.relative_to(root).parts or ("",)
    return not any(part.startswith(".") for part in folders) and (
        not name.startswith(".") or name == IGNORE_FILE
    )


def _identity(folder: Path) -> tuple[int, int] | None:
    """Returns what tells a folder from another of its name; None where there is none."""
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino
