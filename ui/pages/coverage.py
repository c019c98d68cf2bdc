"""The coverage pages: objectives to be judged, what the notes cover of them, and what changed.

All numbers are those of `notesqa coverage`. Objectives, quotes and names come from files: all of
them are escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from ui.coverages import Listed, Syllabus
from ui.jobs import Job, State
from ui.pages.frame import Visitor, page, ways
from ui.pages.library import alert, progress
from ui.pages.places import badge, note_link, quotes
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
    to_library,
)

if TYPE_CHECKING:
    from eval import Coverage, Covered, Part
    from rag import Citation, Passage

HERE = "/coverage"
STATE = "/coverage/state"
MAP = "/coverage/map"

STATUSES = ("covered", "thin", "missing")

FILTERS = ("status", "unit", "q")
"""Of the table of objectives."""

COLUMNS = {"status": "Status", "objective": "Objective", "confidence": "Confidence"}
COLUMNS |= {"notes": "Notes"}

MOST_QUOTES = 3

MEANING = (
    "Confidence is the probability that the notes answer: an objective is covered from {covered:g} "
    "on, missing below {missing:g}, and thin between. Notes are those that support it "
    "independently of each other; copies count once. Beside an objective stands what "
    "ask did with its words."
)


@dataclass(frozen=True, slots=True)
class Doing:
    """What is done at the moment.

    Attributes:
        job: the job of judging that runs, or is next.
        last: the one that ended last.
        alert: what went wrong with what was just asked for.
        still: whether the page is not asked for again by itself.
    """

    job: Job | None = None
    last: Job | None = None
    alert: str = ""
    still: bool = False


def coverage_page(
    syllabuses: Sequence[Syllabus],
    states: Sequence[Listed],
    doing: Doing,
    visitor: Visitor,
    *,
    folder: str,
    empty: str = "",
) -> str:
    """Returns the page.

    Args:
        folder: where objectives are looked for.
        empty: what is said where there is nothing to judge by; empty where there is.
    """
    body = [
        "<h1>Coverage</h1>",
        "<p>What the notes say of what they are meant to say: the objectives of a syllabus, or the "
        "questions of a set.</p>",
        alert(doing.alert),
        *([f"<p>{to_library(empty)}</p>"] if empty else []),
        *_doing(doing),
        *_start(syllabuses, folder, ready=not empty),
        *_states(states),
    ]
    return page("Coverage", "".join(body), "course.css", top=ways(HERE, visitor))


def _doing(doing: Doing) -> Iterator[str]:
    job, last = doing.job, doing.last
    if job is not None:
        share = job.done / job.total if job.total else None
        said = f"{job.stage} {job.done:,} of {job.total:,}" if job.total else "Waiting"
        yield progress(job.about, share, said, still=doing.still, here=HERE)
    elif last and last.state is State.FAILED:
        yield alert(f"Judging by {last.about} failed: {last.error}")
    elif last and last.result:
        to = html.escape(f"{STATE}?{urlencode({'name': last.result['coverage']})}")
        said = summary_words(last.result["summary"])
        yield f'<p class="sum">{shown(last.about)}: {said}. <a href="{to}">See which</a></p>'


def _start(syllabuses: Sequence[Syllabus], folder: str, *, ready: bool) -> Iterator[str]:
    yield '<h2 id="new">Judge objectives</h2>'
    fit = [found for found in syllabuses if not found.error]
    if not fit:
        yield (
            "<p>There are no objectives yet: name a Markdown list, a CSV file or a question set "
            f"by the setting objectives, or put one into {shown(folder)}.</p>"
        )
    elif ready:
        yield '<form class="start" method="post" action="/coverage/run"><p>'
        yield '<label for="objectives">Objectives</label>'
        options = "".join(
            f'<option value="{html.escape(found.name)}">{shown(found.name)}: '
            f"{found.objectives:,} {'objective' if found.objectives == 1 else 'objectives'}"
            "</option>"
            for found in fit
        )
        yield f'<select id="objectives" name="objectives">{options}</select> '
        yield "<button>Judge</button></p></form>"
    for found in syllabuses:
        if found.error:
            yield f"<p>{shown(found.name)} cannot be judged by: {shown(found.error)}</p>"


def summary_words(summary: Mapping[str, int]) -> str:
    """Returns a sum in words: `40 covered, 6 thin, 9 missing of 55`."""
    counts = ", ".join(f"{summary.get(status, 0):,} {status}" for status in STATUSES)
    return f"{counts} of {sum(summary.values()):,}"


def _states(states: Sequence[Listed]) -> Iterator[str]:
    yield f"<h2>Judged before ({len(states):,})</h2>"
    if not states:
        yield "<p>None yet.</p>"
        return
    several = sum(not state.error for state in states) > 1
    pair = _pair(states) if several else (None, None)
    yield '<form id="compare" method="get" action="/coverage/changes"></form>'
    yield '<table class="counts"><thead><tr>'
    columns = (*(("Before", "After") if several else ()), "Objectives", "Covered", "Thin")
    for column in (*columns, "Missing", "Files"):
        yield f'<th scope="col">{column}</th>'
    yield "</tr></thead><tbody>"
    for state in states:
        yield from _state_row(state, pair, several=several)
    yield "</tbody></table>"
    if several:
        yield '<p><button form="compare">Compare before and after</button></p>'


def _pair(states: Sequence[Listed]) -> tuple[Listed | None, Listed | None]:
    """Returns the two newest states of the same objectives, the older first; else nothing twice."""
    newest: dict[str, Listed] = {}
    for state in states:
        if not state.error and (after := newest.setdefault(state.source, state)) is not state:
            return state, after
    return None, None


def _state_row(
    state: Listed, pair: tuple[Listed | None, Listed | None], *, several: bool
) -> Iterator[str]:
    name, when = html.escape(state.name), f"{state.made:%Y-%m-%d %H:%M:%S}"
    what = state.source or state.name
    named = shown(f"{what}, {when}")
    yield "<tr>"
    if several and state.error:
        yield "<td></td><td></td>"
    elif several:
        for side, label, preset in (("a", "Before", pair[0]), ("b", "After", pair[1])):
            chosen = " checked" if state is preset else ""
            yield (
                f'<td data-label="{label}"><input type="radio" form="compare" name="{side}" '
                f'value="{name}" aria-label="{label}: {named}"{chosen}></td>'
            )
    to = html.escape(f"{STATE}?{urlencode({'name': state.name})}")
    link = shown(what) if state.error else f'<a href="{to}">{shown(what)}</a>'
    old = ", the notes have changed since" if state.current is False else ""
    version = f", notes’ version {state.generation}" if state.generation else ""
    yield f'<th scope="row">{link}<small>{shown(f"{when[:-3]} UTC{version}{old}")}</small></th>'
    if state.error:
        yield f'<td colspan="3">{shown(state.error)}</td>'
    else:
        for status in STATUSES:
            label = status.capitalize()
            yield f'<td data-label="{label}">{state.summary.get(status, 0):,}</td>'
    yield "<td>"
    if not state.error:
        yield from _files(state.name, f"of {named}")
    yield (
        f'<details><summary aria-label="Delete … {named}">Delete …</summary>'
        '<form method="post" action="/coverage/delete">'
        f'<input type="hidden" name="name" value="{name}">'
        f'<button aria-label="Delete for good: {named}">Delete for good</button></form>'
        "</details></td></tr>"
    )


def _files(name: str, about: str) -> Iterator[str]:
    """Yields the links by which a state is taken along; `about` says which it is, as HTML."""
    address = f"/api/v1/coverage/{quote(name, safe='')}"
    yield (
        f'<a href="{address}/report" target="_blank" rel="noopener" '
        f'aria-label="Report {about}, in a new tab">Report</a> '
        f'<a href="{address}/csv" download aria-label="CSV {about}">CSV</a> '
        f'<a href="{address}" download="{html.escape(name)}.json" aria-label="JSON {about}">JSON'
        "</a> "
    )


# One state


def state_page(
    state: Listed,
    found: Coverage,
    choice: Choice,
    visitor: Visitor,
    *,
    again: bool = False,
) -> str:
    """Returns the page of what the notes of one moment cover.

    Args:
        choice: what is shown of the table.
        again: whether its objectives are still there to be judged again.
    """
    from eval import COVERED, MISSING, picture_css

    meaning = MEANING.format(covered=COVERED, missing=MISSING)
    body = [
        f'<p><a href="{HERE}">All judged</a></p><h1>What the notes cover</h1>',
        f'<p class="sum">{summary_words(found.summary)}.</p>',
        f"<p>{shown(_of(state))}</p>",
        *_stale(state, again=again),
        f'<p class="files">{"".join(_files(state.name, "of this state"))}</p>',
        f"<details><summary>What the words mean</summary><p>{meaning}</p></details>",
        *_heat(found, choice),
        *_units(found.units(), choice),
        *_objectives(found, choice),
        *_documents(found.documents()),
    ]
    return page(
        *("What the notes cover", "".join(body), "course.css"),
        top=ways(HERE, visitor),
        more=picture_css(),
    )


def _heat(found: Coverage, choice: Choice) -> Iterator[str]:
    """Yields units as rows of cells, one an objective, and the way to the map."""
    from eval import heat_legend_html, heat_map_html

    def at(id_: str) -> str:
        return f"{choice.url(q=id_, status='', unit='', sort='')}#objectives"

    to = html.escape(f"{MAP}?{urlencode({'name': choice.fixed['name']})}")
    open_ = " open" if len(found.found) <= MOST_ROWS else ""
    yield f"<h2>Units and objectives</h2><details{open_}><summary>Heat map</summary>"
    yield f"{heat_legend_html()}{heat_map_html(found, at)}</details>"
    yield f'<p><a href="{to}">Map of passages and objectives</a></p>'


def _of(state: Listed) -> str:
    version = f", on version {state.generation} of the notes" if state.generation else ""
    by = f"by {state.source}, " if state.source else ""
    return f"Judged {by}{state.made:%Y-%m-%d %H:%M} UTC{version}."


def _stale(state: Listed, *, again: bool) -> Iterator[str]:
    if state.current is not False:
        return
    yield '<form class="again" method="post" action="/coverage/run">'
    yield "<p>The notes have changed since. "
    if again:
        name = html.escape(state.source)
        yield f'<input type="hidden" name="objectives" value="{name}"><button>Judge again</button>'
    yield "</p></form>"


def _units(units: Sequence[Part], choice: Choice) -> Iterator[str]:
    if len(units) < 2:
        return
    from eval import unit_name

    yield '<h2>By unit</h2><table class="counts"><thead><tr>'
    for column in ("Unit", "Covered", "Thin", "Missing", "Share covered"):
        yield f'<th scope="col">{column}</th>'
    yield "</tr></thead><tbody>"
    for unit in units[:MOST_ROWS]:
        name = shown(unit_name(unit.name))
        to = choice.address(unit=unit.name, status="", q="")
        link = f'<a href="{to}#objectives">{name}</a>' if unit.name else name
        yield f'<tr><th scope="row">{link}</th>'
        for status in STATUSES:
            yield f'<td data-label="{status.capitalize()}">{unit.summary[status]:,}</td>'
        yield (
            f'<td data-label="Share covered"><meter min="0" max="1" value="{unit.share:.3f}" '
            f'aria-label="Share covered"></meter> {unit.share:.0%}</td></tr>'
        )
    yield "</tbody></table>"
    yield from left_out(len(units), MOST_ROWS)


def chosen_of(found: Coverage, choice: Choice) -> list[Covered]:
    """Returns the objectives that a reader chose, in the order that they chose."""
    status, unit, words = (choice.filters.get(name, "") for name in FILTERS)
    rows = [
        item
        for item in found.found
        if (not status or item.status.value == status)
        and (not unit or item.objective.unit == unit)
        and is_found(words, item.objective.text, item.objective.id, item.objective.unit)
    ]
    keys = {
        "status": lambda item: (item.support.confidence, item.objective.text),
        "objective": lambda item: item.objective.text.casefold(),
        "confidence": lambda item: item.support.confidence,
        "notes": lambda item: len(item.documents),
    }
    return in_order(rows, choice.sort, keys)


def _objectives(found: Coverage, choice: Choice) -> Iterator[str]:
    rows = chosen_of(found, choice)
    count = f"{len(rows):,} of {len(found.found):,}" if choice.filtered else f"{len(rows):,}"
    yield f'<h2 id="objectives">Objectives ({count})</h2>'
    units = [unit.name for unit in found.units() if unit.name]
    yield form(
        choice,
        [
            search("q", "Words", choice.filters["q"]),
            select("status", "Status", _options("Any", STATUSES), choice.filters["status"]),
            *(
                [select("unit", "Unit", _options("Any", sorted(units)), choice.filters["unit"])]
                if len(units) > 1
                else []
            ),
            select(
                "sort",
                "Order",
                [
                    *(("", "As in the file"), ("confidence", "Weakest first")),
                    *(("-confidence", "Surest first"), ("objective", "By name")),
                    ("-notes", "Most notes first"),
                ],
                choice.sort,
            ),
        ],
    )
    if not rows:
        yield "<p>No objective is like that.</p>"
        return
    yield f'<table class="wide">{head(choice, COLUMNS, falling=("notes",))}<tbody>'
    for item in rows[:MOST_ROWS]:
        yield from _objective(item)
    yield "</tbody></table>"
    yield from left_out(len(rows), MOST_ROWS)


def _options(every: str, values: Sequence[str]) -> list[tuple[str, str]]:
    return [("", every), *((value, value) for value in values)]


def _objective(item: Covered) -> Iterator[str]:
    status, objective = item.status.value, item.objective
    reply = str(item.reply or "")
    beside = " · ".join(filter(None, (objective.id, objective.unit, reply)))
    yield f'<tr><td data-label="Status">{badge(status)}</td>'
    yield f'<th scope="row">{shown(objective.text)}<small>{shown(beside)}</small>'
    cited = item.citations
    near: Sequence[Citation | Passage] = item.support.citations or item.support.passages
    if cited:
        yield quotes("Best quotes", cited[:MOST_QUOTES])
    elif near:
        yield quotes("Nearest, which does not answer", near[:1])
    yield f'</th><td data-label="Confidence">{item.support.confidence:.2f}</td>'
    yield f'<td data-label="Notes">{len(item.documents):,}</td></tr>'


def _documents(parts: Sequence[Part]) -> Iterator[str]:
    used = [part for part in parts if part.found]
    idle = [part.name for part in parts if not part.found]
    if used:
        yield f"<details><summary>Notes that support objectives ({len(used):,})</summary>"
        yield '<table><thead><tr><th scope="col">Note</th><th scope="col">Objectives</th></tr>'
        yield "</thead><tbody>"
        for part in used[:MOST_ROWS]:
            yield f'<tr><th scope="row">{note_link(part.name)}</th>'
            yield f'<td data-label="Objectives">{len(part.found):,}</td></tr>'
        yield "</tbody></table>"
        yield from left_out(len(used), MOST_ROWS)
        yield "</details>"
    if idle:
        yield f"<details><summary>Notes that support no objective ({len(idle):,})</summary><ul>"
        yield "".join(f"<li>{note_link(name)}</li>" for name in idle[:MOST_ROWS])
        yield "</ul>"
        yield from left_out(len(idle), MOST_ROWS)
        yield "</details>"
