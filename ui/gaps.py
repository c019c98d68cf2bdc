"""`notesqa gaps`: what people asked and the notes did not answer, by meaning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.common import Json, library_of, print_json

if TYPE_CHECKING:
    from eval import Gap, Gaps, Reasked
    from rag import Asked, Citation, Library, Passage, QuestionLog

app = typer.Typer(
    help="List what people asked and the notes did not answer, by meaning.",
    invoke_without_command=True,
)

Days = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=36_500, help="Only what was asked in the last N days."),
]
Least = Annotated[
    int | None,
    typer.Option(metavar="K", min=1, help="Show what K people asked, with sign-in [least_askers]."),
]
Group = Annotated[
    str, typer.Argument(metavar="GROUP", help="Its id in notesqa gaps, or how that begins.")
]

QUOTED = 200
"""Characters of the nearest words that a list shows."""

MENDED = 5
"""Closed gaps that a list names."""

PASSAGES = 3
"""Passages that are shown of a gap, and notes that answer it."""


@app.callback()
def gaps(
    context: typer.Context,
    days: Days = None,
    least: Least = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Also write a table.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List what people asked and the notes did not answer."""
    if context.invoked_subcommand:
        return
    from eval import find_gaps, write_csv
    from rag import QuestionLog
    from ui.console import progress, say
    from ui.render import visible

    log = QuestionLog.of(context.obj)
    with progress() as report:
        found = find_gaps(library_of(context), _asked(log, days), least, report)
    if csv:
        write_csv(csv, found.rows())
    if as_json:
        print_json(found.to_dict())
        return
    for line in summary(found, log):
        say(line)
    for number, gap in enumerate(found.gaps, start=1):
        first, *rest = _lines(gap)
        say("", visible(f"{number}. {first}"))
        say(*map(visible, rest), indent=4)
    if found.mended:
        say("", _mended(found.mended))
    if csv:
        say("", f"Written to {visible(str(csv))}.")


@app.command()
def show(context: typer.Context, group: Group, as_json: Json = False) -> None:
    """Show everything of one group: wordings, reasons, nearest words."""
    from ui.console import say, waiting
    from ui.render import visible

    gap = gap_in(context, group)
    if as_json:
        print_json(gap.to_dict())
        return
    with waiting("Asking again"):
        now = _now(gap, library_of(context))
    closed = now is not None and not now.left
    first, *rest = _heading(gap) if closed else _lines(gap)
    say(visible(first), *map(visible, rest))
    if now and now.answered:
        say(*map(visible, _answered(now)))
    asked = (f"{times} × {said}{_searched(gap, said)}" for said, times in gap.wordings)
    say("", "Asked as:", *map(visible, asked))
    if gap.others:
        say(f"and {gap.others:,} other {'wording' if gap.others == 1 else 'wordings'}")
    if gap.reasons:
        say("", "Why an answer did not help:", *map(visible, gap.reasons))
    if gap.evidence and gap.triage.support.passages and not closed:
        say("", "Nearest passages:")
        for passage in gap.triage.support.passages[:PASSAGES]:
            say(visible(_quoted(passage)))


def _now(gap: Gap, library: Library) -> Reasked | None:
    """Returns what a gap gets from the notes of now, if any of it was asked of other ones."""
    from eval import reask

    other = any(asked.generation != library.generation for asked in gap.questions)
    return reask(library, gap) if other else None


def _answered(now: Reasked) -> Iterator[str]:
    """Yields what is answered by now, by which notes, and how that joins a question set."""
    answered, left = now.n
    documents, more = now.documents[:PASSAGES], len(now.documents) - PASSAGES
    by = ", ".join(documents) + (f" and {more:,} more" if more > 0 else "")
    state = "Asked again" if left else "Closed"
    yield (
        f"{state}: {answered:,} of {answered + left:,} {'is' if answered == 1 else 'are'} answered "
        f"now, by {by}."
    )
    yield f"To put {'it' if answered == 1 else 'them'} into a question set: {accepting(now.gap)}"


def accepting(gap: Gap) -> str:
    """Returns the command that puts what is answered now into a question set."""
    return f"notesqa gaps accept {gap.id} --to FILE"


def gap_in(context: typer.Context, group: str) -> Gap:
    """Returns the gap of an id, also one that is closed by now.

    `--days` and `--least`, given before the command, hold.

    Raises:
        GapError: none begins so, or several do.
    """
    from eval import gap_of
    from rag import QuestionLog
    from ui.console import waiting

    given = context.parent.params if context.parent else {}
    asked = _asked(QuestionLog.of(context.obj), given.get("days"))
    with waiting("Looking through the questions"):
        return gap_of(library_of(context), asked, group, given.get("least"))


def _asked(log: QuestionLog, days: int | None) -> Iterator[Asked]:
    return log.since(None if days is None else datetime.now(UTC) - timedelta(days=days))


def summary(found: Gaps, log: QuestionLog) -> Iterator[str]:
    """Yields what was looked at and what came of it."""
    if not found.looked_at:
        yield "No question is in the log" + (
            ": what is asked from now on will be." if log.on else ", which is off (log_questions)."
        )
        return
    troubled = sum(found.troubled.values())
    got = ", ".join(f"{count:,} {why.value}" for why, count in found.troubled.items() if count)
    yield f"{_counted(found.looked_at)} since {found.since:%Y-%m-%d}: " + (
        f"{got}." if troubled else "all of them got a good answer."
    )
    if found.closed or found.changed:
        mended = [
            f"{found.closed:,} of them {_have(found.closed)} a good answer" if found.closed else "",
            f"{found.changed:,} another answer than the one that did not help"
            if found.changed
            else "",
        ]
        yield f"Asked again of the notes of now: {', '.join(filter(None, mended))}."
    if found.withheld:
        yield (
            f"{_counted(found.withheld)} not shown, since fewer than {found.least} people asked "
            "for the same (least_askers)."
        )
    if found.further:
        yield f"{_counted(found.further)} of wordings or groups beyond those asked most not shown."
    if troubled and not found.gaps:
        yield "There is no gap to show."
    if not log.on:
        yield "The log is off (log_questions): what is asked now does not count."


def _mended(ids: Sequence[str]) -> str:
    one, more = len(ids) == 1, len(ids) - MENDED
    named = ", ".join(ids[:MENDED]) + (f" and {more:,} more" if more > 0 else "")
    return (
        f"{len(ids):,} {'gap has' if one else 'gaps have'} closed since "
        f"{'it was' if one else 'they were'} asked for (notesqa gaps show ID): {named}."
    )


def _counted(number: int) -> str:
    return f"{number:,} {'question' if number == 1 else 'questions'}"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _lines(gap: Gap) -> Iterator[str]:
    """Yields what a list says of a gap."""
    yield from _heading(gap)
    yield f"{gap.triage.cause.value.capitalize()}: {gap.triage.why}"
    if gap.evidence:
        yield f"Nearest: {_quoted(gap.evidence)}"
    if gap.unchecked:
        yield f"{_counted(gap.unchecked)} of other notes, not asked again (notesqa gaps ask)."


def _heading(gap: Gap) -> Iterator[str]:
    times = len(gap.questions)
    often = f"asked {times} {'time' if times == 1 else 'times'}"
    who = (
        "" if gap.people is None else f"{gap.people} {'person' if gap.people == 1 else 'people'}, "
    )
    yield f"{gap.id}  {who}{often}: {', '.join(gap.terms)}"
    yield f"{gap.question}{_searched(gap, gap.question)}"


def _searched(gap: Gap, said: str) -> str:
    other = gap.searched.get(said)
    return f" (searched as “{other}”)" if other else ""


def _quoted(words: Citation | Passage) -> str:
    from rag import Passage
    from ui.render import place, snippet

    said = words.text if isinstance(words, Passage) else words.quote
    return f"“{snippet(said, QUOTED)}” ({place(words)})"
