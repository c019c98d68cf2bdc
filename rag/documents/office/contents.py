"""An e-book's table of contents names its pages as a reader knows them.

In: the parts of a book. Out: a name for each page that an entry leads to (EPUB 3.3, 5.4; of older
books their toc.ncx).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from rag.documents.office.archive import Archive, local, value

_LONGEST = 80
"""Characters of a name."""

_CHAPTER = re.compile(r"^chapter\s+(?=\S)", re.IGNORECASE)


def names_of(archive: Archive, root: Any, folder: str) -> dict[str, str]:
    """Returns the names of a book's pages; of several entries for a page, the first and the last.

    Args:
        root: the list of the book's parts.
        folder: that it lies in.
    """
    items = [one for one in root.iter() if local(one) == "item"]
    lists = [one for one in items if "nav" in value(one, "properties").split()]
    lists += [one for one in items if value(one, "media-type") == "application/x-dtbncx+xml"]
    for item in lists:
        name = target_of(value(item, "href"), folder)
        found: dict[str, list[tuple[int, str]]] = {}
        for depth, link, label in _entries(archive.part(name, dtd=True)):
            page = target_of(link, posixpath.dirname(name))
            found.setdefault(page, []).append((depth, label))
        if found:
            return {page: _name(entries) for page, entries in found.items()}
    return {}


def target_of(link: str, folder: str) -> str:
    """Returns the member that a link leads to."""
    target = unquote(link.partition("#")[0])
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")


def _entries(root: Any | None) -> Iterator[tuple[int, str, str]]:
    """Yields the entries of a table of contents: how deep each lies, where it leads, what it says.

    Lists of pages and of landmarks stand beside it in the same file.
    """
    tables = [one for one in root.iter() if _is_table(one)] if root is not None else []
    waiting = [(0, one) for one in tables[:1]]
    while waiting:
        depth, one = waiting.pop()
        link, label = "", ""
        if local(one) == "a":
            link, label = value(one, "href"), "".join(one.itertext())
        elif local(one) == "navPoint":
            link = next((value(inner, "src") for inner in one if local(inner) == "content"), "")
            labels = (inner for inner in one if local(inner) == "navLabel")
            label = next(("".join(inner.itertext()) for inner in labels), "")
        if link and (said := " ".join(label.split())):
            yield depth, link, said
        inner_depth = depth + (local(one) in ("ol", "navPoint"))
        waiting += ((inner_depth, inner) for inner in reversed(one) if local(inner))


def _is_table(element: Any) -> bool:
    if local(element) == "nav":
        return value(element, "type") in ("toc", "")
    return local(element) == "navMap"


def _name(entries: list[tuple[int, str]]) -> str:
    """Returns what entries that lead to one page call it, those inside others aside."""
    upper = min(depth for depth, _ in entries)
    labels = [_CHAPTER.sub("", label, count=1) for depth, label in entries if depth == upper]
    name = labels[0] if len(labels) == 1 else f"{labels[0]} … {labels[-1]}"
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1].rstrip()}…"
