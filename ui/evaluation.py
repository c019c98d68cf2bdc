"""`notesqa eval …`: parse, call, print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rag import FIT, GateError, QuestionSetError
from ui import proposals
from ui.common import Json, library_of, print_json
from ui.completion import records

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


RunFile = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", help="Run file, as notesqa eval run writes it.", autocompletion=records
    ),
]
SetFile = Annotated[
    Path,
    typer.Argument(metavar="QUESTIONS", help="Question set (JSON Lines).", autocompletion=records),
]
SetInstead = Annotated[
    Path | None,
    typer.Option(
        "--questions",
        metavar="FILE",
        help="Labels of this set [the one the run names].",
        autocompletion=records,
    ),
]


@app.command()
def run(
    context: typer.Context,
    questions: SetFile,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Run file to write [one in the library's folder]."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Ask this split of the set only.")
    ] = None,
    typos: Annotated[
        int | None,
        typer.Option(metavar="SEED", help="Misspell every third word, at random by this seed."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another run in that file.")
    ] = False,
    alone: Annotated[
        bool, typer.Option("--alone", help="Ask follow-ups without the question before.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask a set's questions; an interrupted run goes on."""
    from eval import run_questions
    from ui.console import progress
    from ui.scores import print_run

    with progress() as report:
        done = run_questions(
            library_of(context),
            questions,
            out,
            split=split,
            typos=typos,
            overwrite=overwrite,
            alone=alone,
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
    a: Annotated[
        Path, typer.Argument(metavar="A", help="Run file before.", autocompletion=records)
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="Run file after.", autocompletion=records)],
    measure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Compare this measure; may be repeated."),
    ] = None,
    questions: SetInstead = None,
    as_json: Json = False,
) -> None:
    """Say what changed between two runs beyond chance."""
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
    """Fail (status 1) where a run is worse than its baseline."""
    from eval import gate_run, load_run
    from ui.scores import print_decision

    decision = gate_run(
        load_run(run),
        load_run(baseline),
        library_of(context),
        floors=_floors(floor or ()),
        questions=questions,
    )
    if as_json:
        print_json(decision.to_dict())
    else:
        print_decision(decision)
    if not decision.passed:
        raise GateError("The gate fails: " + "; ".join(decision.reasons) + ".")


def _floors(texts: Sequence[str]) -> dict[str, float]:
    floors: dict[str, float] = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or not name or name in floors:
            expected = "expected NAME=VALUE, each name once, as in hit@5=0.93"
            raise typer.BadParameter(f"{text!r}: {expected}", param_hint="--floor")
        floors[name] = number
    return floors


@app.command()
def fit(
    context: typer.Context,
    questions: SetFile,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Learn from this split of the set only.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write [the library's own fit].")
    ] = None,
    expect: Annotated[
        float | None,
        typer.Option(min=0.01, max=0.99, help="Share of unanswerable questions [the set's own]."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Learn weights and confidence from your questions."""
    from eval import fit_questions, write_fit
    from ui.console import progress
    from ui.scores import print_fitting

    library = library_of(context)
    out = out or library.folder / FIT
    with progress() as report:
        fitting = fit_questions(library, questions, split, report, expected=expect)
    if as_json:
        print_json(fitting.to_dict())
    else:
        print_fitting(fitting)
    if fitting.objections:
        raise GateError(f"The new fit is refused: {'; '.join(fitting.objections)}.")
    write_fit(fitting, out)
    if not as_json:
        typer.echo(f"Written: {out}")


@app.command()
def report(
    context: typer.Context,
    run: RunFile,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Page to write.")] = Path("report.html"),
    compare: Annotated[
        Path | None, typer.Option(metavar="RUN0", help="Show what changed since this run.")
    ] = None,
    questions: SetInstead = None,
    as_json: Json = False,
) -> None:
    """Write a run as one self-contained page."""
    from eval import compare_runs, load_run, score_run, write_report

    library, loaded = library_of(context), load_run(run)
    scores = score_run(loaded, library, questions)
    comparison = None
    if compare is not None:
        comparison = compare_runs(load_run(compare), loaded, library, questions=questions)
    write_report(loaded, scores, out, comparison)
    if as_json:
        print_json({"page": out.as_posix(), "n": len(scores.verdicts)})
    else:
        typer.echo(f"{len(scores.verdicts)} questions: {out}")


@app.command()
def check(
    context: typer.Context,
    questions: SetFile,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the set with moved quotes where they stand now."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold a question set against the notes."""
    from eval import check_questions, write_mended
    from rag import read_notes
    from ui.scores import print_findings

    settings = context.obj
    notes = read_notes(Path(settings.corpus), int(settings.max_file_mb * 1e6))
    findings = check_questions(questions, notes)
    mended = 0 if out is None else write_mended(questions, findings, out)
    if as_json:
        print_json({**findings.to_dict(), "mended": mended})
    else:
        print_findings(findings)
        if out is not None:
            typer.echo(f"\n{mended} quotes moved to where they stand now: {out}")
    if findings.problems:
        raise QuestionSetError(
            f"{findings.problems} quotes or documents of {questions} must be mended: those that "
            "moved by --out FILE, the others by hand."
        )


@app.command("import")
def import_(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="A table (CSV, TSV), or a folder in BEIR layout."),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Question set to write.")],
    split: Annotated[
        str, typer.Option(metavar="NAME", help="BEIR: which judgements of qrels/.")
    ] = "test",
    notes: Annotated[
        Path | None, typer.Option(metavar="DIR", help="BEIR: new folder for records as notes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a question set of a table or a BEIR collection."""
    from eval import import_beir, import_csv
    from rag import read_notes

    if source.is_dir():
        if notes is None:
            raise typer.BadParameter(
                "a collection needs a folder to write its records to as notes",
                param_hint="--notes",
            )
        count = import_beir(source, split, out, notes)
    else:
        settings, notes = context.obj, None
        corpus = Path(settings.corpus)
        known = read_notes(corpus, int(settings.max_file_mb * 1e6)) if corpus.is_dir() else None
        count = import_csv(source, out, known)
    if as_json:
        made = None if notes is None else notes.as_posix()
        print_json({"questions": out.as_posix(), "n": count, "notes": made})
        return
    typer.echo(f"{count} questions: {out}")
    if notes is not None:
        typer.echo(f"Their notes: {notes}")
    typer.echo(f"Next: notesqa eval check {out}")


@app.command()
def export(
    context: typer.Context,
    run: RunFile,
    trec: Annotated[
        bool, typer.Option("--trec", help="Run and qrels files as trec_eval reads them.")
    ] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")] = Path(),
    questions: SetInstead = None,
    as_json: Json = False,
) -> None:
    """Write a run and its labels for other tools."""
    from eval import Notes, export_trec, load_run

    if not trec:
        raise typer.BadParameter("name a format: --trec")
    loaded = load_run(run)
    labelled, notes = loaded.questions(questions), Notes(loaded, library_of(context))
    files = export_trec(loaded, labelled, notes, out)
    if as_json:
        print_json({"files": [file.as_posix() for file in files]})
        return
    for file in files:
        typer.echo(file)


@app.command()
def beir(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Holds corpus.jsonl, queries.jsonl, qrels/NAME.tsv."),
    ],
    split: Annotated[str, typer.Option(metavar="NAME", help="Which judgements.")] = "test",
    ablate: Annotated[
        bool, typer.Option("--ablate", help="One row for each leg and part of the ranking.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure retrieval on a collection in BEIR layout."""
    from eval import evaluate_collection
    from ui.console import progress
    from ui.scores import print_collection

    with progress() as report:
        scores = evaluate_collection(folder, split, context.obj, ablate=ablate, progress=report)
    if as_json:
        print_json(scores.to_dict())
    else:
        print_collection(scores)


app.command()(proposals.propose)
app.command()(proposals.accept)
