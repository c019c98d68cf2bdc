"""`notesqa coverage …`: what the notes cover of a syllabus, and what changed since."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ui.common import Json, library_of, print_json
from ui.completion import coverages, syllabi
from ui.coverage_report import report

COMMON = "of"
"""What is meant where the first word names no command."""


class FileOrCommand(TyperGroup):
    """A group whose first word may be a file: then the command `otherwise` is meant."""

    otherwise = COMMON

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Returns the words that are left, the name of the command before those that name none."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = [self.otherwise, *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes what may stand behind a file, and then the commands."""
        self.commands[self.otherwise].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


app = typer.Typer(
    cls=FileOrCommand,
    help="Say what the notes cover of a syllabus, and what they miss.",
    epilog="A file that is called as a command is reached as ./diff.",
    no_args_is_help=True,
    subcommand_metavar="OBJECTIVES | COMMAND ...",
    rich_markup_mode=None,
)


@app.command(COMMON, hidden=True)
def of(
    context: typer.Context,
    objectives: Annotated[
        Path,
        typer.Argument(
            metavar="OBJECTIVES",
            help="A list (.md), a table (.csv), lines (.txt) or a question set (.jsonl).",
            autocompletion=syllabi,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep all of it in this file (JSON), to compare."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what the notes cover of a syllabus, and what they miss."""
    from eval import Judge, cover, load_objectives, write_coverage
    from ui.console import progress
    from ui.covered import print_coverage
    from ui.render import visible

    asked = load_objectives(objectives)
    with progress() as report:
        library = library_of(context)
        coverage = cover(library, asked, report, source=objectives.name)
    if out is not None:
        write_coverage(coverage, out)
    if as_json:
        print_json(coverage.to_dict())
        return
    print_coverage(coverage, measured=Judge(library).is_measured)
    if out is not None:
        typer.echo(visible(f"\nWritten: {out}. Later: notesqa coverage diff {out} NEW"))


@app.command()
def diff(
    old: Annotated[
        Path,
        typer.Argument(
            metavar="OLD", help="Written by --out, or printed by --json.", autocompletion=coverages
        ),
    ],
    new: Annotated[
        Path,
        typer.Argument(metavar="NEW", help="The same, made later.", autocompletion=coverages),
    ],
    as_json: Json = False,
) -> None:
    """Say what changed between two coverages, and by which notes."""
    from eval import diff as differences
    from eval import load_coverage
    from ui.covered import print_diff

    found = differences(load_coverage(old), load_coverage(new))
    if as_json:
        print_json(found.to_dict())
    else:
        print_diff(found)


app.command()(report)
