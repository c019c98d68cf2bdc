"""A folder of derived files, and the stamp that vouches for it.

`stamp.json` says what the files were made of, and the checksum of each. Hashing them all takes a
second for every gigabyte, so `verified.json` beside it keeps the size, times and inode that each
file had when its checksum was last known to be right, as git's index does: a file that still has
them is trusted, any other is hashed. A file changed within `RACY_NS` of being looked at is not
recorded, since one more change could leave its times as they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STAMP = "stamp.json"
_VERIFIED = "verified.json"
_UNNAMED = ".verified-"

RACY_NS = 20_000_000
"""Nanoseconds; a file system's clock ticks every 10 ms at most on Linux (100 Hz), 4 by default."""


class StaleIndexError(Exception):
    """What is on disk is missing, incomplete, damaged, or of another generation."""


State = list[int]
"""A file's size, modification and change time in nanoseconds, and inode."""


def seal(folder: Path, said: Mapping[str, Any]) -> None:
    """Stamps the files of a folder, and waits until they are on the disk.

    Args:
        said: what the stamp says beside the checksums; JSON.
    """
    files = {name: _checksum(folder / name) for name in _names(folder)}
    body = {**said, "files": files}
    stamp = {"checksum": _checksum_of(body), "body": body}
    (folder / STAMP).write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    _sync(folder)
    time.sleep(2 * RACY_NS / 1e9)
    _record(folder, {name: _state(folder / name) for name in files})


def read_stamp(folder: Path, expected: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the stamp of a folder says; the files are not looked at.

    Raises:
        StaleIndexError: there is no whole stamp, or it does not say what is expected.
    """
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        body: dict[str, Any] = stamp["body"]
        if stamp["checksum"] != _checksum_of(body):
            raise StaleIndexError(f"{folder.name}/{STAMP} is not what was written")
        if {name: body[name] for name in expected} != expected:
            raise StaleIndexError(f"{folder.name} is of another generation, library or format")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StaleIndexError(f"{folder.name} is missing or incomplete") from error
    return body


def verify(folder: Path, files: Mapping[str, str], *, thorough: bool = False) -> None:
    """Checks that the files are those of the stamp.

    Args:
        files: the checksums that `read_stamp` gave.
        thorough: whether every file is hashed; nothing is recorded then.

    Raises:
        StaleIndexError: one is missing, or is another.
    """
    trusted = {} if thorough else _recorded(folder)
    states: dict[str, State] = {}
    try:
        for name, checksum in files.items():
            states[name] = _state(folder / name)
            if trusted.get(name) != states[name] and _checksum(folder / name) != checksum:
                raise StaleIndexError(f"{folder.name}/{name} is not what was written")
    except OSError as error:
        raise StaleIndexError(f"{folder.name} is missing or incomplete") from error
    if not thorough and states != trusted:
        _record(folder, states)


def _names(folder: Path) -> list[str]:
    """Returns the files that count, relative to the folder: no locks."""
    return sorted(
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and file.suffix != ".lock"
    )


def _checksum(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, _hasher).hexdigest()


def _checksum_of(body: Mapping[str, Any]) -> str:
    digest = _hasher()
    digest.update(json.dumps(body, sort_keys=True).encode())
    return digest.hexdigest()


def _hasher() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)


def _state(file: Path) -> State:
    found = file.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _recorded(folder: Path) -> dict[str, State]:
    """Returns the states that were recorded; none where the record is missing or damaged."""
    try:
        found = json.loads((folder / _VERIFIED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _record(folder: Path, states: Mapping[str, State]) -> None:
    """Records states, as far as the folder can be written."""
    now = time.time_ns()
    settled = {n: s for n, s in states.items() if max(s[1], s[2]) + RACY_NS < now}
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(dir=folder, prefix=_UNNAMED)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(settled, file)
        os.replace(name, folder / _VERIFIED)


def _sync(folder: Path) -> None:
    """Waits until the files are on the disk, so that a rename never shows empty ones."""
    for name in _names(folder):
        with (folder / name).open("rb") as handle:
            os.fsync(handle.fileno())
    for inner in [folder, *(item for item in folder.rglob("*") if item.is_dir())]:
        sync_names(inner)


def sync_names(folder: Path) -> None:
    """Waits until what is in a folder is on the disk under its names, where the system can tell."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def drop_unnamed(folder: Path) -> None:
    """Deletes records that a killed process did not come to name."""
    for left in folder.glob(f"{_UNNAMED}*"):
        with contextlib.suppress(OSError):
            left.unlink()
