"""Bytes become documents in a process of their own, so that a bad file costs itself and no more.

`Loaders` starts the process (`worker.py`) at its first file, hands it one file after another, and
replaces it where it hangs, crashes or has grown. A file is tried once.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader, BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from rag.documents.formats import LOADERS, suffix_of
from rag.documents.sandbox.frames import document_from, drawn_from, pack, read_frame, write_frame
from rag.documents.sandbox.worker import OUT_OF_MEMORY
from rag.errors import DocumentError, WorkerError
from rag.types import Document, Drawn

Made = TypeVar("Made", Document, Drawn)

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from rag.documents.sandbox.worker import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)

_START_SECONDS = 60.0
"""A process that has not begun by then will not: it takes a tenth of a second."""

_LAST_SECONDS = 1.0
"""A process that closed its pipe gets so long to end, and to tell how."""

_SOURCE = Path(__file__).parents[3]

_MAX_HEAD = 200_000_000
"""Bytes of a document's blocks, places and remarks: 4 million blocks."""

_MAX_PICTURE = 10_000_000
"""Bytes of a page: 9 million for its pixels, and 8 for each of its letters."""

_NOT_STARTED = (
    "The process that reads files cannot be started: check that Python and notesqa are installed "
    "whole and that memory is left, notesqa doctor"
)

_MAX_SAID = 1_000
"""Characters of a reason that is believed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may take.

    Attributes:
        seconds: from the first byte handed over to the last one back.
        memory_mb: of the process that reads it, code included.
        chars: of text; a large textbook has 3 million.
    """

    seconds: float = 60.0
    memory_mb: int = 1024
    chars: int = 20_000_000


class Loaders:
    """Loads documents within limits; a context manager that ends its process."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Loaders:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def load(self, path: str, data: bytes) -> Document:
        """Returns the document that a file's bytes hold, as `rag.documents.load` does.

        Raises:
            DocumentError: as there, or `too slow`, `too much memory`, `too large`, `crashed`.
            WorkerError: the process cannot be started at all.
        """
        return self._read(
            path, data, lambda head, body: self._document(path, head, body), 4 * self.limits.chars
        )

    def draw(self, path: str, data: bytes, number: int) -> Drawn:
        """Returns a page of a PDF as a picture, `number` from 1.

        Raises:
            DocumentError: there is no such page, or as for `load`.
            WorkerError: the process cannot be started at all.
        """
        return self._read(path, data, drawn_from, _MAX_PICTURE, number)

    def _read(
        self,
        path: str,
        data: bytes,
        made: Callable[[dict[str, Any], bytes], Made],
        most: int,
        page: int | None = None,
    ) -> Made:
        """Returns what is made of a reply's head and body, which has `most` bytes."""
        if self._child and _says_more(self._child):
            self.close()
        child = self._child = self._child or _start(self.limits.memory_mb)
        number = secrets.token_hex(16)
        deadline = _Deadline(child, self.limits.seconds)
        try:
            with deadline:
                head, body = self._ask(child, number, path, data, page, most)
        except (OSError, EOFError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_LAST_SECONDS)
            status = child.returncode  # before it is killed
            self.close()
            raise self._died(deadline.passed, status) from error
        except OverflowError as error:
            self.close()
            raise DocumentError(
                "too large", f"holds too much to index ({error}): split it"
            ) from None
        except BaseException:
            self.close()  # interrupted in the middle of a reply
            raise
        try:
            said = json.loads(head)
            if said["number"] != number:
                raise ValueError("an answer to what was not asked")
            if said["spent"] or deadline.passed:
                self.close()
            if "refused" in said:
                reason, message = (str(part)[:_MAX_SAID] for part in said["refused"])
                raise DocumentError(reason, message)
            if "failed" in said:
                raise _crashed(str(said["failed"])[:_MAX_SAID])
            return made(said, body)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            self.close()
            raise _crashed("it sent what is no document, nor a page of one") from error

    def close(self) -> None:
        """Ends the process, if there is one."""
        child, self._child = self._child, None
        if child:
            _end(child)

    def _ask(
        self,
        child: subprocess.Popen[bytes],
        number: str,
        path: str,
        data: bytes,
        page: int | None,
        most: int,
    ) -> tuple[bytes, bytes]:
        to, back = _pipes_of(child)
        asked = {
            "number": number,
            "path": path,
            "loader": LOADERS[suffix_of(path)],
            "page": page,
            "seconds": self.limits.seconds,
            "chars": self.limits.chars,
        }
        write_frame(to, pack(asked))
        write_frame(to, data)
        to.flush()
        return read_frame(back, _MAX_HEAD), read_frame(back, most)

    @staticmethod
    def _document(path: str, said: dict[str, Any], text: bytes) -> Document:
        document = document_from(path, said, text.decode())
        if not document.text.strip():
            raise ValueError("no text")
        return document

    def _died(self, late: bool, status: int | None) -> DocumentError:
        """Returns why a process is no more, or says no more although it is there."""
        if late or status == -getattr(signal, "SIGXCPU", 0):
            return DocumentError(
                "too slow",
                f"not read in {self.limits.seconds:g} s: split it, "
                "or raise max_file_seconds in notesqa.toml",
            )
        # The kernel kills whom it has no memory left for.
        if status in (OUT_OF_MEMORY, -getattr(signal, "SIGKILL", 0)):
            return DocumentError(
                "too much memory",
                f"not read in {self.limits.memory_mb} MB of memory: split it, "
                "or raise max_file_memory_mb in notesqa.toml",
            )
        if status is None:
            return _crashed("it closed its pipe")
        return _crashed(signal.Signals(-status).name if status < 0 else f"exit status {status}")


class _Deadline:
    """Kills a process that is not done in time: the one way out of a loop that works everywhere."""

    def __init__(self, child: subprocess.Popen[bytes], seconds: float) -> None:
        self.passed = False
        self._child = child
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    def _pass(self) -> None:
        self.passed = True
        self._child.kill()

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()  # `passed` is now what it stays


def _start(memory_mb: int) -> subprocess.Popen[bytes]:
    """Returns a process that waits for files.

    It imports what this one would, but nothing from the working directory, and gets none of the
    environment: nothing that a loader could tell is there.
    """
    here = os.getcwd()
    path = [entry for entry in map(os.path.abspath, filter(None, sys.path)) if entry != here]
    arguments = [json.dumps([*path, str(_SOURCE)]), str(os.getpid()), str(memory_mb)]
    try:
        child = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", _START, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
            | {"MALLOC_ARENA_MAX": "2"},  # glibc keeps 64 MB of addresses for each
        )
    except OSError as error:
        raise WorkerError(f"{_NOT_STARTED} ({error}).") from error
    with contextlib.suppress(OSError, EOFError, OverflowError), _Deadline(child, _START_SECONDS):
        if read_frame(_pipes_of(child)[1], 5) == b"ready":
            return child
    _end(child)
    raise WorkerError(f"{_NOT_STARTED} (exit status {child.returncode}).")


def _pipes_of(child: subprocess.Popen[bytes]) -> tuple[BufferedWriter, BufferedReader]:
    assert child.stdin and child.stdout
    return child.stdin, child.stdout  # type: ignore[return-value]


def _says_more(child: subprocess.Popen[bytes]) -> bool:
    """Returns whether something was said that nobody asked for, as far as that can be told here."""
    back = _pipes_of(child)[1]
    if os.name != "posix":
        return False
    os.set_blocking(back.fileno(), False)
    try:
        return bool(back.peek(1))
    finally:
        os.set_blocking(back.fileno(), True)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kills a process and what it started, none of which holds anything worth keeping."""
    child.kill()
    child.wait()
    if os.name == "posix":
        with contextlib.suppress(OSError):  # there is nobody else, as nearly always
            os.killpg(child.pid, signal.SIGKILL)
    for stream in _pipes_of(child):
        with contextlib.suppress(OSError):  # what it did not read is lost
            stream.close()


def _crashed(how: str) -> DocumentError:
    return DocumentError(
        "crashed",
        f"reading it failed ({how}): open it in the program that made it and save it anew",
    )
