"""`notesqa coverage report`: parse, call, write the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.common import Json, library_of, print_json
from ui.completion import syllabi

if TYPE_CHECKING:
    from collections.abc import Callable

    from eval import Coverage
    from rag import Library

SAVED = ".json"
"""How the name of a saved coverage ends; objectives come in other formats."""


def report(
    context: typer.Context,
    objectives: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OBJECTIVES]",
            help="Syllabus, or a saved coverage (.json), which is not judged again "
            "[the setting objectives].",
            autocompletion=syllabi,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Page to write.")] = Path(
        "coverage.html"
    ),
    as_json: Json = False,
) -> None:
    """Write coverage, gaps and a map as one self-contained page."""
    from eval import coverage_html, find_gaps, map_notes, wanted_of, write_coverage_report
    from rag import QuestionLog
    from ui.console import progress
    from ui.render import visible

    library, settings = library_of(context), context.obj
    file = objectives or (Path(settings.objectives) if settings.objectives.strip() else None)
    remarks = []
    with progress() as said:
        coverage = _coverage(library, file, said) if file else None
        asked = list(QuestionLog.of(settings).since())
        gaps = find_gaps(library, asked, progress=said) if asked else None
        wanted = wanted_of(coverage, gaps)
        said("Drawing", 0, 1)
        drawn = map_notes(library, wanted)
    if coverage is None:
        remarks.append(
            "No objectives were named, so the page tells of the notes and of what people asked: "
            "name a syllabus behind the command, or by the setting objectives."
        )
    elif coverage.corpus not in {"", drawn.corpus}:
        remarks.append(
            "The notes have changed since the objectives were judged: the map shows those of now."
        )
    page = coverage_html(coverage, gaps, drawn, remarks)
    write_coverage_report(page, out, [file] if file else [])
    if as_json:
        summary = coverage.summary if coverage else None
        count = len(gaps.gaps) if gaps else 0
        print_json({"page": out.as_posix(), "summary": summary, "gaps": count})
        return
    counts = {"objective": len(coverage.found)} if coverage else {}
    counts |= {"gap": len(gaps.gaps)} if gaps else {}
    counts |= {"passage": drawn.passages}
    told = ", ".join(f"{n:,} {word}{'' if n == 1 else 's'}" for word, n in counts.items())
    typer.echo(visible(f"{told}: {out}"))


def _coverage(library: Library, file: Path, progress: Callable[[str, int, int], None]) -> Coverage:
    """Returns what a file keeps of a coverage, or what the notes cover of its objectives."""
    from eval import cover, load_coverage, load_objectives

    if file.suffix.lower() == SAVED:
        return load_coverage(file)
    return cover(library, load_objectives(file), progress, source=file.name)
