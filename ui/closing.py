"""`notesqa gaps write`, `ask` and `accept`: from a gap to a note, and to questions of a set."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.common import Json, library_of, print_json
from ui.completion import documents, records
from ui.gaps import Group, accepting, gap_in

if TYPE_CHECKING:
    from eval import Accepted, Gap, Reasked, Reply
    from rag import Library, Manifest
    from ui.drafts import Draft
    from ui.editors import Command

MOST_LEFT = 10
"""Wordings that are shown of those left."""


def write(
    context: typer.Context,
    group: Group,
    note: Annotated[
        str,
        typer.Argument(
            metavar="NOTE",
            help="A file among the notes, new or not [beside the nearest passage].",
            show_default=False,
            autocompletion=documents,
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Write in your editor what a group lacks, then ask it again."""
    from eval import reask
    from ui.console import progress
    from ui.drafts import draft_for, edit
    from ui.editors import start
    from ui.render import visible

    library = library_of(context)
    gap = gap_in(context, group)
    draft = draft_for(gap, note, library)
    command = _editor(draft, gap)
    for line in _asked(gap, draft):
        typer.echo(visible(line), err=as_json)
    if not edit(draft, lambda: start(command), lambda: _wait(draft)):
        typer.echo("Nothing was written: the notes are as they were.", err=True)
        if as_json:
            print_json({"document": draft.target.document, "written": False})
        return
    with progress() as report:
        manifest = library.index(progress=report)
    _check_indexed(draft, library, manifest)
    with progress() as report:
        done = reask(library, gap, report)
    if as_json:
        print_json({"document": draft.target.document, "written": True, **done.to_dict()})
    else:
        typer.echo(visible(f"{draft.target.document} is indexed."))
        print_reasked(done)


def ask(context: typer.Context, group: Group, as_json: Json = False) -> None:
    """Ask a group's questions again, of the notes as they are now."""
    done = _reasked(context, group)
    if as_json:
        print_json(done.to_dict())
    else:
        print_reasked(done)


def accept(
    context: typer.Context,
    group: Group,
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            metavar="FILE",
            help="Question set that they join; made where it is missing.",
            autocompletion=records,
        ),
    ],
    split: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Split that they join, of a set that has splits: one that nothing is reported on.",
        ),
    ] = "",
    unanswerable: Annotated[
        bool,
        typer.Option(
            "--unanswerable", help="Take those left instead, as what the notes do not answer."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take all, with nobody looking.")] = False,
    as_json: Json = False,
) -> None:
    """Put a group's answered questions into a question set."""
    from eval import accept_gap
    from ui.reviewing import Review, no_terminal

    if not (yes or sys.stdin.isatty()):
        no_terminal()
    library = library_of(context)
    done = _reasked(context, group)
    review = {} if yes else {"review": Review(library, err=as_json)}
    accepted = accept_gap(done, to, library, **review, split=split, unanswerable=unanswerable)
    if as_json:
        print_json(accepted.to_dict())
    else:
        print_accepted(accepted, done, unanswerable=unanswerable)


def _reasked(context: typer.Context, group: str) -> Reasked:
    """Returns what a group gets from the notes of now."""
    from eval import reask
    from ui.console import progress

    gap = gap_in(context, group)
    with progress() as report:
        return reask(library_of(context), gap, report)


# Writing


def _editor(draft: Draft, gap: Gap) -> Command:
    """Returns the command that opens a draft.

    Raises:
        WritingError: there is no terminal, or no editor.
    """
    from ui.drafts import WritingError
    from ui.editors import command_for
    from ui.opening import OpeningError

    alone = f"write {draft.path} yourself, then notesqa index and notesqa gaps ask {gap.id}"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise WritingError(f"An editor needs a terminal, and there is none: {alone}.")
    try:
        return command_for(draft.target)
    except OpeningError as error:
        raise WritingError(
            f"Neither $VISUAL nor $EDITOR names an editor that is here: set one, or {alone}."
        ) from error


def _asked(gap: Gap, draft: Draft) -> Iterator[str]:
    """Yields what a person should know who writes: the questions, and where they are answered."""
    yield f"Asked {len(gap.questions):,} times and not answered well. {gap.triage.why}"
    for wording, times in gap.wordings[:MOST_LEFT]:
        yield f"  {wording}{_times(times)}"
    if more := max(len(gap.wordings) - MOST_LEFT, 0) + gap.others:
        yield f"  and {more:,} other {'wording' if more == 1 else 'wordings'}"
    yield f"{'A new note' if draft.new else 'To be edited'}: {draft.path}"


def _wait(draft: Draft) -> None:
    """Lets a person say that they have saved, in an editor that did not keep the terminal."""
    from ui.render import visible

    typer.prompt(
        visible(
            f"{draft.path} is as it was. Press Enter once you have saved it, or to leave it so"
        ),
        "",
        show_default=False,
        prompt_suffix=". ",
        err=True,
    )


def _check_indexed(draft: Draft, library: Library, manifest: Manifest) -> None:
    """Raises WritingError where a note that was written is not asked."""
    from ui.drafts import WritingError

    document = draft.target.document
    if document not in library.titles():
        skipped = {item.document: item.message for item in manifest.skipped}
        why = skipped.get(document, "a rule of the notes (.notesqaignore) leaves it out")
        raise WritingError(f"{document} is written, but not indexed: {why.rstrip('.')}.")


# What is said


def print_reasked(done: Reasked) -> None:
    """Prints how many questions are answered now, and those left with what comes nearest."""
    from rich.text import Text

    from rag import Passage
    from ui.console import say
    from ui.render import place, snippet, visible

    answered, left = done.n
    total = answered + left
    said = f"{answered:,} of {total:,} {'question' if total == 1 else 'questions'} now answered"
    say(Text(f"{said}, {left:,} left." if left else f"{said}.", style="bold"))
    for reply in done.left[:MOST_LEFT]:
        say("", visible(reply.question) + _times(reply.times))
        say(f"Gets {reply.trouble}, {_how_sure(reply, done.threshold)}", indent=2)
        if near := reply.nearest:
            words = near.text if isinstance(near, Passage) else near.quote
            say(Text(f"Nearest is {place(near)}", style="cyan"), indent=2)
            say(visible(snippet(words)), indent=4)
    if len(done.left) > MOST_LEFT:
        say("", f"and {len(done.left) - MOST_LEFT:,} other wordings: --json lists them all.")
    if untold := sum(done.untold):
        many = f"{untold:,} {'question' if untold == 1 else 'questions'}"
        said = f"{many} in words that fewer than {done.gap.least:,} people used"
        say("", f"Not shown: {said} (notesqa gaps --least).")
    if done.unasked:
        say("", f"{done.unasked:,} wordings more were too many to be asked again.")
    if answered:
        say("", f"To put those answered into a question set: {accepting(done.gap)}")


def _how_sure(reply: Reply, threshold: float) -> str:
    """Returns how near a wording is to a good answer."""
    sure = f"confidence {reply.answer.confidence:.2f}"
    return f"{sure}." if reply.answer.answered else f"{sure} where {threshold:.2f} is enough."


def print_accepted(accepted: Accepted, done: Reasked, *, unanswerable: bool) -> None:
    """Prints what joined a set, what did not, and what the set needs."""
    from ui.console import say
    from ui.render import visible

    added, path = accepted.added, visible(accepted.path.as_posix())
    if added:
        split = f", split {added[0].split}" if added[0].split else ""
        texts = {question.question for question in added}
        replies = (*done.answered, *done.left)
        times = sum(reply.times for reply in replies if reply.question in texts)
        often = f", asked {times:,} times" if times > len(added) else ""
        joined = f"{_wordings(len(added))} joined {path}{often}, fact {added[0].fact}{split}:"
        say(visible(joined))
    else:
        none = not (accepted.known or accepted.declined)
        state = "left" if unanswerable else "answered"
        say(f"Nothing joined {path}" + (f": no question of the group is {state}." if none else "."))
    for question in added:
        say(visible(f"{question.id}  {question.question}"), indent=2)
    if accepted.known:
        say(f"There already: {visible(', '.join(q.id for q in accepted.known))}.")
    if accepted.declined:
        say(f"Left out: {_wordings(accepted.declined)}.")
    if outdated := [q.id for q in accepted.known if not (q.answerable or unanswerable)]:
        say(
            f"The set says of {visible(', '.join(outdated))} that the notes do not answer, and now "
            "they do: give it evidence, or delete its line."
        )
    found = accepted.findings
    if found and (found.problems or found.leaks):
        quotes = f"{found.problems:,} quotes stand in the notes no more"
        asked = f"{len(found.leaks):,} pairs of questions ask the same in two splits"
        said = [quotes] * bool(found.problems) + [asked] * bool(found.leaks)
        say(f"Of the set, {', and '.join(said)}: notesqa eval check {path}")


def _wordings(n: int) -> str:
    return f"{n:,} {'wording' if n == 1 else 'wordings'}"


def _times(times: int) -> str:
    return f" (asked {times:,} times)" if times > 1 else ""
