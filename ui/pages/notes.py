"""The list of notes: all that can be asked, by folder, with a filter and how often each was cited.

In: the documents' paths and titles, and counts. Out: whole HTML without a script.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import PurePosixPath
from urllib.parse import quote

from ui.pages import frame
from ui.pages.frame import Visitor
from ui.pages.source import TIMES
from ui.render import visible
from ui.within import plain

MOST_NOTES = 2_000
"""Notes that are listed at a time; the filter finds the others."""


def notes_page(
    titles: Mapping[str, str],
    query: str = "",
    cited: Mapping[str, int] | None = None,
    *,
    visitor: Visitor = frame.STRANGER,
) -> str:
    """Returns the page.

    Args:
        titles: of the documents, by path.
        query: words that a path or title has to hold, without case and accents.
        cited: how often answers cited each; None where that is not shown.
    """
    words = plain(query).split()
    found = {
        path: title
        for path, title in titles.items()
        if all(word in plain(f"{path}\n{title}") for word in words)
    }
    listed = dict(list(found.items())[:MOST_NOTES])
    body = [
        "<h1>Notes</h1>",
        '<form class="find" role="search" method="get"><label for="q">Find a note</label>'
        f'<input id="q" name="q" type="search" value="{html.escape(query)}" maxlength="200">'
        '<button type="submit">Find</button></form>',
        f'<p role="status">{_count(len(found), len(titles), len(listed), query)}</p>',
        *_folders(listed, cited),
    ]
    return frame.page("Notes", "".join(body), "notes.css", top=frame.ways("/notes", visitor))


def empty_page(told: str, visitor: Visitor = frame.STRANGER) -> str:
    """Returns the page where there is no library; `told` is what is so, and what to do."""
    body = f"<h1>Notes</h1><p>{html.escape(visible(told))}</p>"
    return frame.page("Notes", body, "notes.css", top=frame.ways("/notes", visitor))


def _count(found: int, all_: int, listed: int, query: str) -> str:
    if not all_:
        return "There are no notes yet."
    every = '<a href="/notes">All notes</a>'
    words = query.strip()
    if not found:
        return (
            f"No title or file name holds {html.escape(visible(words))}. "
            f'<a href="/">Ask it instead</a> {every}'
        )
    said = f"{found:,} of {all_:,} notes" if words else f"{all_:,} notes"
    if listed < found:
        said += f", the first {listed:,} listed: find the others by a word of path or title"
    if words:
        said += f". {every}"
    return said if words else f"{said}."


def _folders(titles: Mapping[str, str], cited: Mapping[str, int] | None) -> Iterator[str]:
    by_folder = sorted(titles, key=lambda path: (_folder(path), path))
    for folder, paths in groupby(by_folder, key=_folder):
        name = html.escape(visible(folder)) or "Not in a folder"
        yield f"<section><h2>{name}</h2><ul>"
        for path in paths:
            yield f"<li>{_entry(path, titles[path], (cited or {}).get(path, 0))}</li>"
        yield "</ul></section>"


def _entry(path: str, title: str, times: int) -> str:
    pure = PurePosixPath(path)
    kind = html.escape(visible(pure.suffix.lstrip(".").upper()))
    often = f' <span class="often">cited {TIMES.get(times, f"{times:,} times")}</span>'
    return (
        f'<a href="/source/{html.escape(quote(path))}">{html.escape(visible(title))}</a> '
        f'<span class="file">{html.escape(visible(pure.name))}</span> '
        f'<span class="kind">{kind}</span>{often if times else ""}'
    )


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
