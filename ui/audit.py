"""`notesqa audit`: what to look at in the notes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.common import Json, library_of, print_json
from ui.completion import records


def audit(
    context: typer.Context,
    objectives: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OBJECTIVES]",
            help="What the notes are meant to say; asked as well.",
            autocompletion=records,
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--csv", metavar="DIR", help="Write a table of each kind into this folder."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what in the notes is never found, always cited, said twice, at odds, or unwieldy."""
    from eval import audit_notes, audit_tables, cover, load_objectives, write_csv
    from rag import QuestionLog
    from ui.console import progress
    from ui.findings import print_audit

    library = library_of(context)
    asked_for = load_objectives(objectives) if objectives else None
    log = QuestionLog.of(context.obj)
    with progress() as report:
        coverage = cover(library, asked_for, report) if asked_for else None
        found = audit_notes(library, log.newest(log.count()), coverage, progress=report)
    if folder:
        for name, rows in audit_tables(found).items():
            write_csv(folder / f"{name}.csv", rows)
    if as_json:
        print_json(found.to_dict())
        return
    print_audit(found, folder)
