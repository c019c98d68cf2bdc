"""The library page: what can be asked, what cannot and why, and what may be done about it.

Names and messages come from the notes: all of them are escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from rag import LOADERS
from ui import manifest
from ui.indexing import At
from ui.jobs import Job, State
from ui.pages.frame import Visitor, page, ways
from ui.render import visible

HERE = "/library"


@dataclass(frozen=True, slots=True)
class Doing:
    """What is done with the library at the moment, and what may be.

    Attributes:
        job: the job of indexing that runs, or is next.
        at: how far the run of indexing is, whoever wanted it.
        last: the job of indexing that ended last.
        folders: where files may be put; None where none are taken.
        most_bytes: how long such a file may be.
        alert: what went wrong with what was just asked for.
        still: whether the page is not asked for again by itself.
    """

    job: Job | None = None
    at: At | None = None
    last: Job | None = None
    folders: Sequence[str] | None = None
    most_bytes: int = 0
    alert: str = ""
    still: bool = False


def library_page(
    found: Mapping[str, Any] | None,
    titles: Mapping[str, str],
    doing: Doing,
    visitor: Visitor,
    *,
    empty: str = "",
) -> str:
    """Returns the page.

    Args:
        found: what `Library.status` returns; None where there is no library.
        titles: of the documents, by path.
        empty: what is said where there is no library.
    """
    body = [
        "<h1>Library</h1>",
        *([f"<p class=sum>{manifest.summary(found)}</p>"] if found else []),
        *([f"<p>{_shown(empty)}</p>"] if empty else []),
        *_doing(doing),
        *(_known(found, titles) if found else []),
    ]
    return page("Library", "".join(body), "library.css", top=ways(HERE, visitor))


def progress(name: str, share: float | None, said: str, *, still: bool, here: str) -> str:
    """Returns how far some work is, as HTML, and the link that keeps the page still, or not.

    Args:
        name: what is done, as text.
        share: None where it is not known.
        said: what it is at, as text.
        still: whether the page is not asked for again by itself.
        here: its address, as HTML.
    """
    value = "" if share is None else f' value="{share:.4f}"'
    stop = f"{here}{'&amp;' if '?' in here else '?'}still=true"
    way = (
        f'<a href="{here}">Look again</a>'
        if still
        else f'This page looks again by itself. <a href="{stop}">Stop refreshing</a>'
    )
    return (
        f'<div class="progress"><p><label for="share">{_shown(name)}</label>'
        f'<progress id="share" max="1"{value}></progress> {_shown(said)}</p><p>{way}</p></div>'
    )


def alert(said: str) -> str:
    """Returns what went wrong, as HTML; nothing where nothing did."""
    return f'<p class="alert" role="alert">{_shown(said)}</p>' if said else ""


def _doing(doing: Doing) -> Iterator[str]:
    yield alert(doing.alert)
    if doing.job or doing.at:
        share = doing.at.share if doing.at else None
        said = _where(doing.at) if doing.at else "Waiting"
        yield progress("Indexing", share, said, still=doing.still, here=HERE)
    elif doing.last:
        yield _ended(doing.last)
    yield '<div class="acts"><form method="post" action="/library/index">'
    yield "<h2>Index</h2><p>Reads what is new in the folder of notes.</p>"
    yield "<p><button>Index now</button></p></form>"
    if doing.folders is not None:
        yield from _drop(doing.folders, doing.most_bytes)
    yield "</div>"


def _where(at: At) -> str:
    """Returns how far a run is, and the file that takes long, where it says so."""
    file = at.stage.partition(": ")[2]
    return f"{at.share:.0%}, {file}" if file else f"{at.share:.0%}"


def _ended(job: Job) -> str:
    about = f" ({job.about})" if job.about else ""
    if job.state is State.FAILED:
        return alert(f"Indexing failed{about}: {job.error}")
    counts = job.result or {}
    said = ", ".join(f"{counts[name]:,} {name}" for name in ("indexed", "removed", "skipped"))
    return f"<p>Last run{_shown(about)}: {said}.</p>"


def _drop(folders: Sequence[str], most_bytes: int) -> Iterator[str]:
    """Yields the form by which a file is dropped in."""
    own = "top folder"
    options = "".join(
        f'<option value="{html.escape(folder)}">{_shown(folder or own)}</option>'
        for folder in folders
    )
    yield (
        '<form method="post" action="/library/upload" enctype="multipart/form-data">'
        "<h2>Add a file</h2>"
        f"<p>It goes into the folder of notes, {manifest.megabytes(most_bytes)} at most; what is "
        "there stays as it is.</p>"
        '<p><label for="file">File</label>'
        f'<input id="file" name="file" type="file" required accept="{",".join(LOADERS)}"></p>'
        f'<p><label for="folder">Folder</label><select id="folder" name="folder">{options}'
        "</select></p><p><button>Add and index</button></p></form>"
    )


def _known(found: Mapping[str, Any], titles: Mapping[str, str]) -> Iterator[str]:
    model = visible(found["model"] or "none yet")
    made = f"Generation {found['generation']}, model {model}, {found['backend']}."
    for line in manifest.circumstances(found):
        yield f"<p>{_shown(line)}</p>"
    yield f"<details><summary>Technical details</summary><p>{_shown(made)}</p></details>"
    yield from _table("Skipped", found["skipped"])
    yield from _table("Indexed in part", found["partial"])
    yield from _table("With hidden text", found["hidden"])
    if copies := found["duplicates"]:
        yield f"<h2>The same content under several names ({len(copies):,})</h2><ul>"
        for names in copies:
            yield f"<li>{_names(names, titles)}</li>"
        yield "</ul>"
    yield f"<h2>Indexed ({len(titles):,})</h2><ul>"
    for path, title in titles.items():
        yield f"<li>{_link(path)} <span>{_shown(title)}</span></li>"
    yield "</ul>"


def _table(title: str, items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yields a table of what was found and what to do, or nothing."""
    if not items:
        return
    yield f"<h2>{title} ({len(items):,})</h2><table><thead><tr>"
    yield "<th>Why, and what to do</th><th>Files</th></tr></thead><tbody>"
    for reason, message, documents in manifest.by_message(items):
        why = f"<strong>{_shown(reason)}</strong> " if reason else ""
        yield f"<tr><td>{why}{_shown(message)}</td><td>{_listed(documents)}</td></tr>"
    yield "</tbody></table>"


def _listed(documents: Sequence[str]) -> str:
    """Returns names one below the other; the many behind the first few only when asked for."""
    few, rest = documents[: manifest.FEW], documents[manifest.FEW :]
    shown = "<br>".join(map(_shown, few))
    if not rest:
        return shown
    more = "<br>".join(map(_shown, rest))
    return f"{shown}<details><summary>{len(rest):,} more</summary>{more}</details>"


def _names(names: Sequence[str], titles: Mapping[str, str]) -> str:
    return ", ".join(_link(name) if name in titles else _shown(name) for name in names)


def _link(path: str) -> str:
    return f'<a href="/source/{html.escape(quote(path))}">{_shown(path)}</a>'


def _shown(text: str) -> str:
    return html.escape(visible(text))
