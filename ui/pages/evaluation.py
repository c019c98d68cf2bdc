"""The evaluation pages: sets to ask, runs and what they are worth, and what changed between two.

All numbers are those of `notesqa eval score` and `notesqa eval compare`. Names, questions and
messages come from files: all of them are escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

from ui.evaluations import EVALUATION, Listed, QuestionSet
from ui.jobs import Job, State
from ui.pages.frame import Visitor, page, ways
from ui.pages.library import alert, progress
from ui.render import visible

if TYPE_CHECKING:
    from eval import Comparison

HERE = "/evaluation"

SHOWN = {
    "hit@5": "Evidence in the first 5 passages (hit@5)",
    "answer_contains_evidence": "Answered with the evidence",
    "handled": "Handled rightly",
}
"""Measures in the list of runs, and those by which a question is said to have changed."""

MOST_SHOWN = 300
"""Questions that a comparison lists; its report has all."""


@dataclass(frozen=True, slots=True)
class Doing:
    """What is done at the moment.

    Attributes:
        job: the run that is being made or scored, or is next.
        last: the job that made a run, or failed to, last.
        alert: what went wrong with what was just asked for.
        still: whether the page is not asked for again by itself.
    """

    job: Job | None = None
    last: Job | None = None
    alert: str = ""
    still: bool = False


def choice_of(value: str) -> tuple[str, str | None]:
    """Returns the name of a question set and its split, of what `evaluation_page` offers."""
    name, _, split = value.partition("/")
    return unquote(name), unquote(split) if split else None


def evaluation_page(
    sets: Sequence[QuestionSet],
    runs: Sequence[Listed],
    doing: Doing,
    visitor: Visitor,
    folder: str,
) -> str:
    """Returns the page; `folder` is where question sets are looked for."""
    body = [
        "<h1>Evaluation</h1>",
        "<p>Asks a whole set of questions whose answers are known, and says how it went. "
        '<a href="/proposals">Make questions of the notes</a></p>',
        alert(doing.alert),
        *_doing(doing),
        *_form(sets, folder),
        *_runs(runs),
    ]
    return page("Evaluation", "".join(body), "evaluation.css", top=ways(HERE, visitor))


def _doing(doing: Doing) -> Iterator[str]:
    job = doing.job
    if job is not None:
        share = job.done / job.total if job.total else None
        said = f"{job.stage} {job.done:,} of {job.total:,}" if job.total else "Waiting"
        name = job.about or "Scoring runs"
        yield progress(name, share, said, still=doing.still, here=HERE)
    elif doing.last and doing.last.state is State.FAILED:
        yield alert(f"The run of {doing.last.about} failed: {doing.last.error}")
    elif doing.last and doing.last.kind == EVALUATION:
        result = doing.last.result or {}
        failed = f", {len(result['failed'])} of them failed" if result["failed"] else ""
        yield f"<p>Last run: {result['n']:,} questions of {_shown(doing.last.about)}{failed}.</p>"


def _form(sets: Sequence[QuestionSet], folder: str) -> Iterator[str]:
    yield '<h2 id="new">Run a set</h2>'
    fit = [found for found in sets if not found.error]
    if not fit:
        yield (
            f"<p>There are no question sets in {_shown(folder)}: write one as eval/README.md says, "
            "or name another folder by the setting question_sets.</p>"
        )
    else:
        yield '<form class="start" method="post" action="/evaluation/run"><p>'
        yield '<label for="set">Question set</label>'
        main = max(fit, key=lambda found: found.questions)
        options = "".join(_options(found, chosen=found is main) for found in fit)
        yield f'<select id="set" name="set">{options}</select> <button>Run</button></p></form>'
    for found in sets:
        if found.error:
            yield f"<p>{_shown(found.name)} cannot be asked: {_shown(found.error)}</p>"


def _options(found: QuestionSet, *, chosen: bool) -> str:
    value, name = quote(found.name, safe=""), _shown(found.name)
    selected = " selected" if chosen else ""
    whole = f'<option value="{value}"{selected}>{name}: all {found.questions:,} questions</option>'
    if not found.splits:
        return whole
    parts = "".join(
        f'<option value="{value}/{quote(split, safe="")}">{name}: split {_shown(split)}, '
        f"{count:,}</option>"
        for split, count in found.splits.items()
    )
    return f'<optgroup label="{name}">{whole}{parts}</optgroup>'


def _runs(runs: Sequence[Listed]) -> Iterator[str]:
    yield f"<h2>Runs ({len(runs):,})</h2>"
    if not runs:
        yield "<p>None yet.</p>"
        return
    columns = ("Before", "After", "Run", "Questions", *map(_measure_name, SHOWN), "Report and file")
    heads = "".join(f'<th scope="col">{column}</th>' for column in columns)
    yield '<form id="compare" method="get" action="/evaluation/comparison"></form>'
    yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
    pair = _pair(runs)
    for run in runs:
        yield from _row(run, pair)
    yield "</tbody></table>"
    yield "<p>Shares of the questions, each with its 95 % interval. "
    yield '<button form="compare">Compare before and after</button></p>'


def _pair(runs: Sequence[Listed]) -> tuple[Listed | None, Listed | None]:
    """Returns the two newest runs of one set and split, the older first; else nothing twice."""
    newest: dict[tuple[str, str | None], Listed] = {}
    for run in runs:
        if run.scored and not run.scored.error:
            after = newest.setdefault((run.scored.questions, run.scored.split), run)
            if after is not run:
                return run, after
    return None, None


def _row(run: Listed, pair: tuple[Listed | None, Listed | None]) -> Iterator[str]:
    name, scored = html.escape(run.name), run.scored
    what = scored.questions if scored and not scored.error else run.name
    split = f", split {scored.split}" if scored and scored.split else ""
    when = (scored and scored.begun) or run.made
    named = _shown(f"{what}{split}, {when:%Y-%m-%d %H:%M:%S}")
    yield "<tr>"
    for side, label, preset in (("a", "Before", pair[0]), ("b", "After", pair[1])):
        chosen = " checked" if run is preset else ""
        yield (
            f'<td data-label="{label}"><input type="radio" form="compare" name="{side}" '
            f'value="{name}" aria-label="{label}: {named}"{chosen}></td>'
        )
    state = f", notes’ version {scored.generation}" if scored and scored.generation else ""
    yield (
        f'<th scope="row" title="{_shown(run.name)}">{_shown(what + split)}'
        f"<small>{_shown(f'{when:%Y-%m-%d %H:%M} UTC{state}')}</small></th>"
    )
    if scored is None or scored.error:
        said = "being scored …" if scored is None else scored.error
        yield f'<td colspan="{len(SHOWN) + 1}">{_shown(said)}</td>'
    else:
        yield f'<td data-label="Questions">{scored.scores["n"]:,}</td>'
        measures = scored.scores["measures"]
        for measure, label in SHOWN.items():
            yield f'<td data-label="{label}">{_value(measures.get(measure))}</td>'
    address = f"/api/v1/runs/{quote(run.name, safe='')}"
    yield (
        f'<td data-label="Report and file"><a href="{address}/report" target="_blank" '
        f'rel="noopener" aria-label="Report of {named}, in a new tab">Report</a> '
        f'<a href="{address}/file" download aria-label="Run file of {named}">Run file</a>'
        f'<details><summary aria-label="Delete … {named}">Delete …</summary>'
        '<form method="post" action="/evaluation/delete">'
        f'<input type="hidden" name="run" value="{name}">'
        f'<button aria-label="Delete for good: {named}">Delete for good</button></form>'
        "</details></td></tr>"
    )


def comparison_page(a: str, b: str, found: Comparison, visitor: Visitor) -> str:
    """Returns the page of what changed from run `a` to run `b`."""
    said = found.to_dict()
    told = said["verdict"]
    report = html.escape(f"/api/v1/comparisons/report?{urlencode({'a': a, 'b': b})}")
    body = [
        f'<p><a href="{HERE}">All runs</a></p><h1>What changed</h1>',
        f"<p>From {_shown(a)} to {_shown(b)}: {said['n']:,} questions compared.</p>",
        f'<p class="verdict">{_shown(told[0].upper() + told[1:].rstrip("."))}.</p>',
        f'<p><a href="{report}" target="_blank" rel="noopener">The whole report of the run after, '
        "with what changed (in a new tab)</a></p>",
        *_differences(said["measures"]),
        *_questions(found),
        *_heads(said["changed"]),
        *_left_out(said["left_out"]),
    ]
    return page("What changed", "".join(body), "evaluation.css", top=ways(HERE, visitor))


def _differences(measures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "<h2>Measures</h2>"
    yield from _table_head("Measure", "Before", "After", "Difference", "p", "Questions")
    for name, d in measures.items():
        cells = {
            "Before": f"{d['a']:.3f}",
            "After": f"{d['b']:.3f}",
            "Difference": f"{_signed(d['difference'])}<small>{_signed(d['low'])} to "
            f"{_signed(d['high'])}</small>",
            "p": f"{d['p_holm']:.2g}",
            "Questions": f"{d['n']:,}",
        }
        css = ' class="found"' if d["detected"] else ""
        yield f'<tr{css}><th scope="row">{_measure_name(name)}</th>'
        yield "".join(f'<td data-label="{label}">{cell}</td>' for label, cell in cells.items())
        yield "</tr>"
    yield "</tbody></table><p>Intervals of 95 %, paired by question and resampled by fact; p after "
    yield "Holm’s correction. What lies beyond chance is set in bold.</p>"


def _questions(found: Comparison) -> Iterator[str]:
    """Yields the questions by which the runs differ, in the measures of the list of runs."""
    rows = []
    for a, b in found.by_id.values():
        changes = [
            (name, a.values[name], b.values[name])
            for name in SHOWN
            if name in a.values and name in b.values and a.values[name] != b.values[name]
        ]
        if changes:
            rows.append((b.question, changes))
    yield f"<h2>Questions that changed ({len(rows):,} of {len(found.by_id):,})</h2>"
    if not rows:
        return
    yield from _table_head("Question", *map(_measure_name, SHOWN))
    for question, changes in rows[:MOST_SHOWN]:
        cells = {name: f"{before:g} → {after:g}" for name, before, after in changes}
        yield f'<tr><th scope="row">{_shown(question.question)}<small>{_shown(question.id)}</small>'
        yield "</th>"
        yield "".join(
            f'<td data-label="{label}">{cells.get(name, "as before")}</td>'
            for name, label in SHOWN.items()
        )
        yield "</tr>"
    yield "</tbody></table>"
    if len(rows) > MOST_SHOWN:
        yield f"<p>{len(rows) - MOST_SHOWN:,} more stand in the report.</p>"


def _heads(changed: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    if not changed:
        yield "<p>Notes, settings, model and code were the same.</p>"
        return
    yield "<details><summary>What was different: "
    yield f"{_shown(', '.join(changed))}</summary>"
    yield from _table_head("What", "Before", "After")
    for name, (a, b) in changed.items():
        yield f'<tr><th scope="row">{_shown(name)}</th><td data-label="Before">{_shown(str(a))}'
        yield f'</td><td data-label="After">{_shown(str(b))}</td></tr>'
    yield "</tbody></table></details>"


def _left_out(left_out: Mapping[str, str]) -> Iterator[str]:
    if left_out:
        yield f"<details><summary>Not compared: {len(left_out):,} questions</summary><ul>"
        for name, why in left_out.items():
            yield f"<li>{_shown(f'{name}: {why}')}</li>"
        yield "</ul></details>"


def _table_head(*columns: str) -> Iterator[str]:
    heads = "".join(f'<th scope="col">{column}</th>' for column in columns)
    yield f"<table><thead><tr>{heads}</tr></thead><tbody>"


def _measure_name(name: str) -> str:
    """Returns a measure's name in words, or its own, which may be broken where its words end."""
    return SHOWN.get(name) or html.escape(name).replace("_", "_<wbr>")


def _value(measure: Mapping[str, Any] | None) -> str:
    if measure is None:
        return "–"
    return f"{measure['value']:.3f}<small>{measure['low']:.3f}–{measure['high']:.3f}</small>"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _shown(text: str) -> str:
    return html.escape(visible(text))
