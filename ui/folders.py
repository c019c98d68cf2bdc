"""Files that a server lists: found by name among those of a folder, and given a name there.

Input: a folder, and a name from anywhere; output: a path. No name is ever made into a path of its
own accord, so that none leads out of the folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

Stamp = tuple[object, ...]
"""What tells that a file is what it was."""


def files(folder: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Yields the visible files of a folder with one of some suffixes, by name; no links.

    A name that is no Unicode is left out: no page or address can hold it.
    """
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if entry.is_file(follow_symlinks=False)]
    except OSError:
        return
    for entry in entries:
        whole = entry.name.encode("utf-8", "ignore").decode("utf-8") == entry.name
        if whole and entry.name.endswith(suffixes) and not entry.name.startswith("."):
            yield entry.name, Path(entry.path)


def stems(folder: Path, suffix: str) -> Iterator[tuple[str, Path]]:
    """Yields the files of a folder that end with a suffix, by name without it; as `files`."""
    for name, file in files(folder, (suffix,)):
        yield name.removesuffix(suffix), file


def stamp_of(file: Path) -> Stamp:
    """Returns what a file is; nothing where there is none."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return file.name, found.st_mtime_ns, found.st_size


def name_draft(draft: Path, name: str) -> Path:
    """Gives a file a name beside it, or the next that is free, and returns its path.

    Args:
        name: without the suffix, which stays.
    """
    number = 1
    while True:
        free = name if number == 1 else f"{name}-{number}"
        file = draft.with_name(f"{free}{draft.suffix}")
        if not file.exists():
            draft.rename(file)
            return file
        number += 1
