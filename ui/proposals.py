"""`notesqa eval propose` and `notesqa eval accept`: questions made of the notes, in a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.common import Json, library_of, print_json
from ui.completion import records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval import Proposal


def propose(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write them as a table to be marked.")
    ] = None,
    within: Annotated[
        str, typer.Option(metavar="FOLDER", help="Read the notes of this folder only.")
    ] = "",
    most: Annotated[int, typer.Option("-n", min=1, help="How many at most.")] = 100,
    as_json: Json = False,
) -> None:
    """Make questions of the notes' own headings, definitions and lists.

    In the table, write y or n into the column accept (x and 1 say y too, 0 says n), and other ways
    to ask into the column paraphrases, on lines of their own or with | between them.
    """
    from eval import Choice, Decisions, propose, sets_in, write_review
    from ui.console import progress

    library = library_of(context)
    said = Decisions(library.folder).all()
    known = [q for _, asked in sets_in(Path(library.settings.question_sets)) for q in asked]
    without = {name for name, choice in said.items() if choice is not Choice.LATER}
    with progress() as report:
        found = propose(library, known, within=within, most=most, without=without, progress=report)
    if out is not None:
        write_review(found, out)
    if as_json:
        print_json({"n": len(found), "proposals": [proposal.to_dict() for proposal in found]})
    else:
        _print(found, out)


def accept(
    context: typer.Context,
    table: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv",
            help="As eval propose --out writes it, marked y or n.",
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(metavar="SET", help="Question set they join.", autocompletion=records),
    ],
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Split they join, where the set has splits.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Add the proposals that a table marks to a question set.

    In its column accept, x and 1 say y too, and 0 says n. Paraphrases stand in their column, on
    lines of their own or with | between them.
    """
    from eval import Choice, Decisions, accept, read_review
    from ui.render import visible

    library = library_of(context)
    reviewed = read_review(table, library.source)
    added = accept(reviewed, to, library.source, split)
    Decisions(library.folder).keep({item.id: item.choice for item in reviewed})
    accepted = sum(item.choice is Choice.ACCEPTED for item in reviewed)
    rejected = len(reviewed) - accepted
    if as_json:
        counts = {"accepted": accepted, "rejected": rejected, "added": len(added)}
        print_json({"questions": to.as_posix(), **counts})
        return
    if not reviewed:
        said = f"Nothing is marked in {table}: write y or n into the column accept."
        typer.echo(visible(said))
        return
    said = f"{accepted} accepted, {rejected} rejected: {len(added)} questions added to {to}, with"
    typer.echo(visible(f"{said} their paraphrases"))
    if accepted:
        typer.echo(visible(f"Next: notesqa eval check {to}"))


def _print(found: Sequence[Proposal], out: Path | None) -> None:
    from ui.render import visible

    if not found:
        typer.echo("No question is proposed: all were accepted, rejected, or are in a set already.")
        return
    for proposal in found:
        said = proposal.now.value if proposal.now else ""
        typer.echo(visible(proposal.question))
        typer.echo(visible(f"    {proposal.document}, {proposal.location}: {said}"))
    typer.echo(visible(f"\n{len(found)} questions proposed" + (f": {out}" if out else ".")))
    if out is not None:
        typer.echo(
            "Next: mark them y or n, add paraphrases on lines of their own or with | between, then "
            + visible(f"notesqa eval accept {out} --to SET.jsonl")
        )
    else:
        typer.echo("Next: --out FILE.csv writes them as a table, or review them at /proposals")
