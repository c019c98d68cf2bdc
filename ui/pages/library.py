"""The library page: what can be asked, what cannot and why, and the documents themselves.

It is whole HTML without a script, like the source pages that it links to, and sent with their
headers. Names and messages come from the notes: all of them are escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from ui import manifest
from ui.render import visible


def library_page(found: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Returns the page.

    Args:
        found: what `Library.status` returns.
        titles: of the documents, by path.
    """
    style = files("ui.pages").joinpath("library.css").read_text("utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>The notes</title><style>{style}</style></head>"
        f"<body><main>{''.join(_body(found, titles))}</main></body></html>"
    )


def _body(found: Mapping[str, Any], titles: Mapping[str, str]) -> Iterator[str]:
    yield f"<h1>The notes</h1><p class=sum>{manifest.summary(found)}</p>"
    model = visible(found["model"] or "none yet")
    made = f"Generation {found['generation']}, model {model}, {found['backend']}."
    for line in [*manifest.circumstances(found), made]:
        yield f"<p>{_shown(line)}</p>"
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
