"""Who may write a library: one process at a time, and those who wait are told which."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import LibraryError, LockedError

HOLDER = "lock.json"
"""Who holds the lock, for those who wait; the lock itself is the operating system's."""


@contextmanager
def hold(folder: Path, timeout: float, work: str = "indexing into") -> Iterator[None]:
    """Holds the right to write a library; at most one process has it.

    Who has it is told to those who wait in vain: process, host, since when, and at what `work`.

    Raises:
        LockedError: another process holds it for longer than `timeout` seconds.
        LibraryError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=timeout)
    except Timeout as error:
        raise LockedError(
            f"Another notesqa {_holder(folder)} {folder}: wait until it has ended, "
            "then run the command again."
        ) from error
    except OSError as error:
        raise LibraryError(
            f"{folder} cannot be written ({error.strerror}): choose a writable place, "
            "notesqa --library DIR index."
        ) from error
    file = folder / HOLDER
    said = {"pid": os.getpid(), "host": socket.gethostname(), "work": work}
    try:
        with contextlib.suppress(OSError):  # who holds it is a courtesy
            since = time.strftime("%Y-%m-%d %H:%M:%S")
            file.write_text(json.dumps({**said, "since": since}), encoding="utf-8")
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink()
        lock.release()


def writer(folder: Path) -> str | None:
    """Returns which other process is doing what in a library; None where none holds the lock."""
    if not (folder / HOLDER).exists():  # which saves touching the lock
        return None
    try:
        with hold(folder, 0, "looking"):
            return None
    except LockedError:
        return _holder(folder)
    except LibraryError:  # who cannot write cannot know
        return None


def _holder(folder: Path) -> str:
    """Returns who is doing what, as far as the holder said."""
    try:
        said = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        who = f"process {said['pid']} on {said['host']}, since {said['since']}"
        return f"({who}) is {said['work']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "is writing"
