"""Where notes lie: the folder, or the note, that a question is asked of becomes its documents.

Paths come sorted, so all that lies in a folder stands together.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from rag.errors import QuestionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.mapped import Strings

_NAMED = 3
"""Folders that an error names at most."""

_LONGEST = 200
"""Characters of what was asked for that an error looks at."""


def place_of(within: str) -> str:
    """Returns the path of a folder or document as the library writes it; empty for all notes."""
    return "/".join(part for part in within.split("/") if part not in ("", "."))


def documents_in(place: str, paths: Sequence[str] | Strings) -> range:
    """Returns the numbers of the documents that lie in a folder, or of the one of that path.

    Args:
        paths: of all documents, sorted.
    """
    found = bisect_left(paths, place)
    if found < len(paths) and paths[found] == place:
        return range(found, found + 1)
    return range(bisect_left(paths, f"{place}/"), bisect_left(paths, f"{place}{_BEHIND_SLASH}"))


_BEHIND_SLASH = chr(ord("/") + 1)


def folders_of(paths: Iterable[str]) -> list[str]:
    """Returns all folders in which documents lie, however deep, each before what it holds."""
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return sorted(found, key=lambda folder: folder.split("/"))


def missing(within: str, folders: Sequence[str]) -> QuestionError:
    """Returns the error that no note lies there, with the folders most like it."""
    said = " ".join(within.encode("utf-8", "replace").decode("utf-8").split())[:_LONGEST]
    near = get_close_matches(said, folders, _NAMED, 0.5) or folders[:_NAMED]
    known = f"folders that hold some: {', '.join(near)}" if near else "none lies in a folder"
    return QuestionError(
        f"No note lies in {said}; {known}. Name a folder, or a note's path, or neither to ask "
        "all notes."
    )
