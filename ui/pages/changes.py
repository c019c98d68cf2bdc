"""The page of what changed in the coverage between two states of the notes."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ui.coverages import Listed
from ui.pages.coverage import HERE, STATE
from ui.pages.frame import Visitor, page, ways
from ui.pages.places import badge, note_link
from ui.pages.tables import (
    MOST_ROWS,
    Choice,
    form,
    head,
    in_order,
    is_found,
    left_out,
    search,
    select,
    shown,
)

if TYPE_CHECKING:
    from eval import Changed, CoverageDiff

CHANGES = "/coverage/changes"

FILTERS = ("change", "q")
"""Of the table of objectives."""


def changes_page(
    a: Listed, b: Listed, found: CoverageDiff, choice: Choice, visitor: Visitor
) -> str:
    """Returns the page of what changed from state `a` to state `b`."""
    summary = found.summary
    changed = ", ".join(f"{count:,} {what}" for what, count in summary.items() if count)
    notes = {True: "The notes changed between them.", False: "The notes were the same."}
    body = [
        f'<p><a href="{HERE}">All judged</a></p><h1>What changed</h1>',
        f"<p>From {_named(a)} to {_named(b)}.</p>",
        f'<p class="sum">{shown(changed or "Nothing to compare")}.</p>',
        *([f"<p>{notes[found.notes_changed]}</p>"] if found.notes_changed is not None else []),
        *([] if found.same_syllabus else ["<p>The objectives are not all the same.</p>"]),
        *_changes(found, choice),
    ]
    return page("What changed", "".join(body), "course.css", top=ways(HERE, visitor))


def _named(state: Listed) -> str:
    to = html.escape(f"{STATE}?{urlencode({'name': state.name})}")
    said = f"{state.source or state.name}, {state.made:%Y-%m-%d %H:%M} UTC"
    return f'<a href="{to}">{shown(said)}</a>'


def _changes(found: CoverageDiff, choice: Choice) -> Iterator[str]:
    kind, words = choice.filters["change"], choice.filters["q"]
    every = [item for item in found.found if item.change.value != "unchanged" or kind]
    rows = [
        item
        for item in every
        if (not kind or item.change.value == kind)
        and is_found(words, item.now.objective.text, item.now.objective.id)
    ]
    order = list(found.summary)
    keys = {
        "change": lambda item: order.index(item.change.value),
        "objective": lambda item: item.now.objective.text.casefold(),
    }
    rows = in_order(rows, choice.sort or "change", keys)
    yield f'<h2 id="objectives">Objectives that changed ({len(rows):,})</h2>'
    kinds = [("", "Any"), *((what, f"{what} ({n:,})") for what, n in found.summary.items() if n)]
    fields = [search("q", "Words", words), select("change", "Change", kinds, kind)]
    yield form(choice, fields)
    if not rows:
        yield "<p>None.</p>"
        return
    columns = {"change": "Change", "objective": "Objective", "_old": "Before", "_new": "After"}
    yield f'<table class="wide">{head(choice, columns)}<tbody>'
    for item in rows[:MOST_ROWS]:
        yield from _change(item)
    yield "</tbody></table>"
    yield from left_out(len(rows), MOST_ROWS)


def _change(item: Changed) -> Iterator[str]:
    objective = item.now.objective
    yield f'<tr><td data-label="Change">{shown(item.change.value)}</td>'
    yield f'<th scope="row">{shown(objective.text)}<small>{shown(objective.id)}</small>'
    for label, names in (("Supported now by", item.gained), ("No longer by", item.lost)):
        if names:
            yield f"<small>{label} {', '.join(map(note_link, names))}</small>"
    yield "</th>"
    for label, one in (("Before", item.old), ("After", item.new)):
        said = f"{badge(one.status.value)} {one.support.confidence:.2f}" if one else "–"
        yield f'<td data-label="{label}">{said}</td>'
    yield "</tr>"
