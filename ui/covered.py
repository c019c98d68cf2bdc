"""Coverages, and what changed between two, become lines in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from eval import (
    COVERED,
    MISSING,
    Change,
    Changed,
    Coverage,
    CoverageDiff,
    Covered,
    Part,
    Status,
    twice,
)
from rag import Citation, Passage
from ui.console import say
from ui.render import flowing, place, snippet, visible

STYLES = {Status.MISSING: "bold red", Status.THIN: "yellow", Status.COVERED: "green"}

IDLE = 10, 20
"""Notes that support nothing of which so many are named: few, and where objectives are many."""

QUOTED = 150
"""Characters of a quote that are shown: two lines of a terminal."""

LONGEST = 300
"""Characters of an objective that are shown."""


def print_coverage(coverage: Coverage, *, measured: bool = True) -> None:
    """Prints the counts, then every objective: the weakest unit first, in it what is missing.

    Args:
        measured: whether the confidence was fitted under the conditions of this library.
    """
    counts, units = coverage.summary, coverage.units()
    say(
        Text(
            f"{_of(counts['covered'], len(coverage.found))} covered, {counts['thin']} thin, "
            f"{counts['missing']} missing.",
            style="bold",
        ),
        "The number beside each is the probability that the notes answer it: covered from "
        f"{COVERED:g} on, missing below {MISSING:g}, thin between. The weakest unit comes first.",
    )
    if not measured:
        say("How often such numbers are right was counted with another model, or other chunks.")
    for count, text in twice(coverage):
        say(f"{count} objectives are the same: {visible(snippet(text, LONGEST))}")
    for unit in units:
        if len(units) > 1 or unit.name:
            name = visible(snippet(unit.name)) or "Without a unit"
            covered = f"{unit.summary['covered']} of {len(unit.found)} covered"
            say("", Text(f"{name}: {covered}", style="bold"))
        else:
            say("")
        _print_unit(unit)
    _print_idle([part.name for part in coverage.documents() if not part.found], coverage)


def _print_unit(unit: Part) -> None:
    for status in (Status.MISSING, Status.THIN, Status.COVERED):
        for item in unit.found:
            if item.status is status:
                _print_objective(item)


def _print_objective(item: Covered) -> None:
    mark = f"{item.status.value:<7} {item.support.confidence:.2f}"
    text = visible(snippet(item.objective.text, LONGEST))
    say(Text.assemble((mark, STYLES[item.status]), f"  {text}"), indent=2)
    reply = Text(f" · {item.reply}" if item.reply else "")
    if not item.citations:
        support = item.support
        near: Sequence[Citation | Passage] = support.citations or support.passages
        where = Text(f"nearest: {place(near[0])}" if near else "nothing near", style="cyan")
        say(Text.assemble(where, reply), indent=6)
        return
    best, others = item.citations[0], len(item.documents) - 1
    more = f", and {others} more {'note' if others == 1 else 'notes'}" if others > 0 else ""
    say(
        f"“{visible(snippet(flowing(best.quote), QUOTED))}”",
        Text.assemble((f"{place(best)}{more}", "cyan"), reply),
        indent=6,
    )


def _print_idle(idle: Sequence[str], coverage: Coverage) -> None:
    """Prints the notes that support no objective."""
    if not idle:
        return
    title = f"Notes that support none of the objectives: {len(idle)} of {len(coverage.notes)}"
    say("", Text(title, style="bold"))
    few, many = IDLE
    named = min(many, max(few, len(coverage.found)))
    for path in idle[:named]:
        say(visible(path), indent=2)
    if len(idle) > named:
        say(f"and {len(idle) - named} more: all of them with --out", indent=2)


TITLES = {
    Change.NEWLY_MISSING: "Newly missing",
    Change.THINNER: "Thinner",
    Change.NEWLY_COVERED: "Newly covered",
    Change.BETTER: "Better",
    Change.ADDED: "Only in the new coverage",
    Change.DROPPED: "Only in the old coverage",
}
"""What is listed, in this order."""


def print_diff(found: CoverageDiff) -> None:
    """Prints whether notes and objectives are the same, the counts, and what changed."""
    notes = {True: "The notes changed", False: "The notes did not change",
             None: "Whether the notes changed is not known (--out keeps it)"}  # fmt: skip
    objectives = "the objectives are the same" if found.same_syllabus else "the objectives differ"
    said = (f"{count} {change}" for change, count in found.summary.items() if count)
    say(
        Text(f"{notes[found.notes_changed]}; {objectives}.", style="bold"),
        f"{', '.join(said) or 'No objectives'}.",
    )
    for change, title in TITLES.items():
        _print_changes(title, found.of(change))
    moved = [item for item in found.of(Change.UNCHANGED) if item.gained or item.lost]
    _print_changes("As before, but in other notes", moved)


def _print_changes(title: str, items: Sequence[Changed]) -> None:
    if not items:
        return
    say("", Text(title, style="bold"))
    for item in items:
        states = [one for one in (item.old, item.new) if one is not None]
        say(visible(snippet(item.now.objective.text, LONGEST)), indent=2)
        steps = Text(" → ").join(
            Text(f"{one.status} {one.support.confidence:.2f}", style=STYLES[one.status])
            for one in states
        )
        say(steps, indent=6)
        if len(states) == 2:
            if item.gained:
                say(f"now also in {visible(', '.join(item.gained))}", indent=6)
            if item.lost:
                say(f"no longer in {visible(', '.join(item.lost))}", indent=6)
        if item.reworded and item.old:
            say(f"before: {visible(snippet(item.old.objective.text, LONGEST))}", indent=6)


def _of(count: int, total: int) -> str:
    noun = "objective" if total == 1 else "objectives"
    return f"{count} of {total} {noun}"
