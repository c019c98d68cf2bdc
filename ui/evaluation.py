"""`notesqa eval …`: parse, call, print."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rag import GateError
from ui.common import Json, library_of, print_json

app = typer.Typer(
    help="Ask whole sets of questions, score the answers, compare runs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class By(StrEnum):
    """What scores can be split by."""

    KIND = "kind"
    DOCUMENT = "document"
    FACT = "fact"


RunFile = Annotated[Path, typer.Argument(help="Run file, as notesqa eval run writes it.")]
SetFile = Annotated[Path, typer.Argument(metavar="QUESTIONS", help="Question set (JSON Lines).")]
SetInstead = Annotated[
    Path | None,
    typer.Option("--questions", metavar="FILE", help="Labels of this set [the one the run names]."),
]


@app.command()
def run(
    context: typer.Context,
    questions: SetFile,
    out: Annotated[
        Path | None, typer.Option(help="Run file to write [one in the library's folder].")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Ask this split of the set only.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another run in that file.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask every question of a set; an interrupted run goes on where it stopped."""
    from eval import run_questions
    from ui.console import progress
    from ui.scores import print_run

    with progress() as report:
        done = run_questions(
            library_of(context),
            questions,
            out,
            split=split,
            overwrite=overwrite,
            progress=report,
        )
    if as_json:
        failed = [name for name, outcome in done.outcomes.items() if outcome.result is None]
        print_json({"run": done.path.as_posix(), "n": len(done.outcomes), "failed": failed})
    else:
        print_run(done)


@app.command()
def score(
    context: typer.Context,
    run: RunFile,
    questions: SetInstead = None,
    by: Annotated[By, typer.Option(help="Part of the set to split the table by.")] = By.KIND,
    as_json: Json = False,
) -> None:
    """Say what a run is worth: measures with n and 95 % intervals."""
    from eval import load_run, score_run
    from ui.scores import print_scores

    scores = score_run(load_run(run), library_of(context), questions)
    if as_json:
        print_json(scores.to_dict())
    else:
        print_scores(scores, by.value)


@app.command()
def compare(
    context: typer.Context,
    a: Annotated[Path, typer.Argument(metavar="A", help="Run file before.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Run file after.")],
    measure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Compare this measure; may be repeated."),
    ] = None,
    questions: SetInstead = None,
    as_json: Json = False,
) -> None:
    """Compare two runs question by question: what changed beyond chance?"""
    from eval import SHOWN, compare_runs, load_run
    from ui.scores import print_comparison

    comparison = compare_runs(
        load_run(a),
        load_run(b),
        library_of(context),
        questions=questions,
        measures=measure or SHOWN,
    )
    if as_json:
        print_json(comparison.to_dict())
    else:
        print_comparison(comparison)


@app.command()
def gate(
    context: typer.Context,
    run: RunFile,
    baseline: Annotated[Path, typer.Option(metavar="RUN0", help="Run file to hold against.")],
    floor: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Least value of a measure; may be repeated."),
    ] = None,
    questions: SetInstead = None,
    as_json: Json = False,
) -> None:
    """Fail (status 1) where a run is worse than its baseline beyond chance."""
    from eval import gate_run, load_run
    from ui.scores import print_decision

    decision = gate_run(
        load_run(run),
        load_run(baseline),
        library_of(context),
        floors=dict(_floor(text) for text in floor or ()),
        questions=questions,
    )
    if as_json:
        print_json(decision.to_dict())
    else:
        print_decision(decision)
    if not decision.passed:
        raise GateError("The gate fails: " + "; ".join(decision.reasons) + ".")


def _floor(text: str) -> tuple[str, float]:
    name, _, value = text.rpartition("=")
    try:
        return name, float(value)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not NAME=VALUE, as in hit@5=0.93", param_hint="--floor"
        ) from error


@app.command()
def report(
    context: typer.Context,
    run: RunFile,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Page to write.")] = Path("report.html"),
    compare: Annotated[
        Path | None, typer.Option(metavar="RUN0", help="Show what changed since this run.")
    ] = None,
    questions: SetInstead = None,
) -> None:
    """Write a run as one self-contained page, failed questions and why among them."""
    from eval import compare_runs, load_run, score_run, write_report

    library, loaded = library_of(context), load_run(run)
    scores = score_run(loaded, library, questions)
    comparison = compare and compare_runs(load_run(compare), loaded, library, questions=questions)
    write_report(loaded, scores, out, comparison)
    typer.echo(f"{len(scores.verdicts)} questions: {out}")
