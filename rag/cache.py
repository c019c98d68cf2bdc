"""What can be made again and is kept for the next process: in the user's cache, by content.

The only user of platformdirs. A folder there is whole: it appears under its name when it is
complete. A file may be anything after a power failure, and is to be looked at.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Returns where the operating system wants caches to lie; not made yet.

    Raises:
        OSError: the user has no home.
    """
    from platformdirs import user_cache_path

    try:
        return user_cache_path("notesqa", appauthor=False)
    except RuntimeError as error:
        raise OSError(f"there is no place for caches: {error}") from error


def can_be_written(place: Path) -> bool:
    """Returns whether a folder is writable, or can be made."""
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    return there.is_dir() and os.access(there, os.W_OK)


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Holds a place against other processes, which wait.

    Raises:
        OSError: the cache cannot be written.
    """
    from filelock import FileLock

    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_suffix(".lock")):
        yield


@contextmanager
def filling(place: Path) -> Iterator[Path]:
    """Gives an empty folder that replaces `place` at the end; nothing is left of a failure.

    Raises:
        OSError: the cache cannot be written.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{place.name[:16]}-", dir=place.parent))
    try:
        yield part
        if place.is_dir():
            place.rename(part.with_suffix(".old"))
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(part.with_suffix(".old"), ignore_errors=True)


def write_whole(file: Path, text: str) -> None:
    """Writes a file that no other process sees half written.

    Raises:
        OSError: the cache cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=file.parent)
    try:
        with open(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
        os.replace(part, file)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
