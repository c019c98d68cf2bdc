"""`notesqa log`: the questions that were asked, looked at and deleted."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ui.common import Json, library_of, print_json

if TYPE_CHECKING:
    from rag import Asked, QuestionLog

app = typer.Typer(
    help="Look at the questions that were asked, or delete them.", no_args_is_help=True
)


@app.command()
def show(
    context: typer.Context,
    most: Annotated[
        int, typer.Option("-n", metavar="N", min=1, help="How many, newest first.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """List the last questions, what they got, and what was said of it."""
    from ui.console import say
    from ui.render import visible

    log = _log_of(context)
    found, total = log.newest(most), log.count()
    if as_json:
        kept = {"file": str(log.file), "on": log.on, "days": log.days, "total": total}
        print_json({**kept, "questions": [asked.to_dict() for asked in found]})
        return
    for asked in found:
        say(f"{asked.asked.astimezone():%Y-%m-%d %H:%M} {visible(_line(asked))}")
        if asked.verdict:
            say(visible(_judgement(asked)), indent=17)
    kept_for = f"Kept for {log.days} days in {visible(str(log.file))}"
    switched = "" if log.on else "; the log is off (log_questions)"
    say(f"{len(found)} of {total} questions. {kept_for}{switched}.")


@app.command()
def purge(
    context: typer.Context,
    before: Annotated[
        str | None,
        typer.Option(
            metavar="DAYS|DATE", help="Only those older than so many days, or than 2026-01-31."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: Json = False,
) -> None:
    """Delete the questions kept, all or the older ones."""
    log = _log_of(context)
    limit = None if before is None else _moment(before)
    if not yes and sys.stdin.isatty():
        which = "all questions" if limit is None else f"the questions before {limit:%Y-%m-%d %H:%M}"
        typer.confirm(f"Delete {which} in {log.file}?", abort=True, err=as_json)
    deleted = log.purge(limit)
    if as_json:
        print_json({"deleted": deleted})
    else:
        typer.echo(f"{deleted} {'question' if deleted == 1 else 'questions'} deleted.")


def _log_of(context: typer.Context) -> QuestionLog:
    """Returns the log of a library.

    Raises:
        LibraryError: there is neither.
    """
    from rag import QuestionLog

    log = QuestionLog.of(context.obj)
    if not log.file.is_file():
        library_of(context).status()
    return log


def _line(asked: Asked) -> str:
    """Returns what there is to say of a question beside its time."""
    who = asked.door if asked.user is None else f"{asked.door}, {asked.user}"
    got = ", ".join(asked.documents) if asked.documents else "no answer"
    return f"({who}) {asked.question} → {got} ({asked.confidence:.2f})"


def _judgement(asked: Asked) -> str:
    """Returns what the reader said of the answer, in one line."""
    said = "it helped" if asked.verdict == "up" else "it did not help"
    return f"{said}: {' '.join(asked.reason.split())}" if asked.reason else said


def _moment(said: str) -> datetime:
    """Returns the moment that a number of days ago, or a date, stands for.

    Raises:
        typer.BadParameter: it is neither.
    """
    try:
        if said.isdecimal():
            return datetime.now(UTC) - timedelta(days=int(said))
        return datetime.fromisoformat(said).astimezone()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{said!r} is neither a number of days nor a date such as 2026-01-31",
            param_hint="--before",
        ) from error
