"""The command line: parse, call, print.

Results go to stdout, as text or with `--json` as one JSON object; progress goes to stderr. Exit
status 0: done, an abstention included. 1: an error the user can mend, in one line. 2: bad usage.
"""

from __future__ import annotations

import io
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from rag import FIT, LibraryError, NotesQAError, load_settings
from ui import assistants, audit, closing, coverage, evaluation, gaps, log, users
from ui.common import Json, library_of, print_json
from ui.completion import Shell, documents, folders, records

app = typer.Typer(
    name="notesqa",
    help="Ask a folder of notes; get their own sentences back, each with its place.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
model_app = typer.Typer(help="Prepare an embedding model.", no_args_is_help=True)

Question = Annotated[
    str, typer.Argument(metavar="QUESTION", help="In your own words, in quotation marks.")
]
Within = Annotated[
    str,
    typer.Option(
        "--in", metavar="FOLDER", help="Only this folder, or note.", autocompletion=folders
    ),
]


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"notesqa {version('notesqa')}")
        raise typer.Exit


@app.callback()
def settings(
    context: typer.Context,
    library: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder that holds the index [.notesqa].")
    ] = None,
    corpus: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of notes [corpus].")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Embedding model, by name or folder [packaged]."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say more on stderr.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Say which notesqa this is.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Reads the settings that hold for every command."""
    import logging

    level = logging.INFO if verbose else logging.ERROR
    logging.basicConfig(level=level, stream=sys.stderr, format="%(message)s")
    # What one waits for is said.
    for what in ("rag.backends", "rag.compiling", "rag.indexing", "rag.watching"):
        logging.getLogger(what).setLevel(logging.INFO)
    context.obj = load_settings({"library": library, "corpus": corpus, "model": model})


@app.command()
def index(
    context: typer.Context,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then follow the folder until Ctrl+C.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the library up to date with the notes."""
    from ui.common import until_stopped
    from ui.console import print_manifest, progress
    from ui.following import follow

    library = library_of(context)
    with until_stopped() if watch else nullcontext():
        with progress() as report:
            manifest = library.index(progress=report)
        if as_json:
            print_json(manifest.to_dict())
        else:
            print_manifest(manifest, context.obj.corpus)
        if watch:
            follow(library, as_json)


@app.command()
def ask(
    context: typer.Context,
    question: Question,
    after: Annotated[
        str | None, typer.Option(metavar="QUESTION", help="Asked before; this may lean on it.")
    ] = None,
    within: Within = "",
    as_json: Json = False,
) -> None:
    """Answer a question with quotes, or say there is no answer."""
    from rag import QuestionLog, turn_of
    from ui.console import print_answer, waiting

    with waiting("Searching the notes"):
        library = library_of(context)
        before = None if after is None else turn_of(library.ask(after, within=within))
        answer = library.ask(question, before, within=within)
    kept = QuestionLog.of(library.settings)
    kept.record(answer, "cli")  # written while the answer is printed
    if library.fit_problem:
        typer.echo(library.fit_problem, err=True)
    if as_json:
        print_json(answer.to_dict())
    else:
        print_answer(answer, within=within)
    kept.close()


@app.command()
def search(
    context: typer.Context,
    question: Question,
    k: Annotated[
        int | None, typer.Option("-k", metavar="N", min=1, max=100, help="How many passages [10].")
    ] = None,
    within: Within = "",
    as_json: Json = False,
) -> None:
    """List the passages nearest to a question."""
    from ui.console import print_passages, waiting

    with waiting("Searching the notes"):
        passages = library_of(context).search(question, k, within=within)
    if as_json:
        print_json({"question": question, "passages": [p.to_dict() for p in passages]})
    else:
        print_passages(passages)


@app.command()
def chat(
    context: typer.Context,
    within: Within = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each answer as JSON, one a line.")
    ] = False,
) -> None:
    """Ask one question after another; a pipe is read line by line."""
    from ui.common import until_stopped
    from ui.terminal import converse

    with until_stopped():
        converse(library_of(context), sys.stdin, within, as_json=as_json)


@app.command("open")
def open_(
    context: typer.Context,
    citation: Annotated[
        str,
        typer.Argument(
            metavar="CITATION",
            help="Its number in the last answer, or note.md, note.md:12, slides.pdf#page=3, "
            "note.md@512-690 (characters).",
            autocompletion=documents,
        ),
    ],
    printed: Annotated[
        bool, typer.Option("--print", help="Print what stands there, as without a terminal.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Open the place of a citation in your editor or viewer."""
    from rag import QuestionLog
    from ui.console import print_target
    from ui.editors import command_for, start
    from ui.opening import refer, target_of
    from ui.render import visible

    library = library_of(context)
    reference = refer(citation, library, QuestionLog.of(library.settings))
    target = target_of(reference, library)
    said = [reference.question and f"Cited for: {reference.question}", target.problem]
    for line in filter(None, said):
        typer.echo(visible(line), err=True)
    if as_json:
        print_json(target.to_dict())
    elif printed or not (sys.stdin.isatty() and sys.stdout.isatty()):
        print_target(target, library.source(target.document))
    else:
        start(command_for(target))


@app.command()
def status(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Name every file.")] = False,
    as_json: Json = False,
) -> None:
    """Say what is indexed, what was skipped and why."""
    from ui.console import print_status

    found = library_of(context).status()
    if as_json:
        print_json(found)
    else:
        print_status(found, everything=everything)


_REMEDIES = {
    "encoder": "run notesqa model compile to compile the model anew",
    "reranker": "name another reranker in notesqa.toml, or none with an empty name",
    "fit": f"run notesqa eval fit with your questions, or delete {FIT}",
}
"""What mends a check that fails alone, where indexing does not."""


@app.command()
def doctor(
    context: typer.Context,
    repair: Annotated[
        bool, typer.Option("--repair", help="First mend what needs no notes, and say how.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check that store, indexes and model agree."""
    from ui.console import print_checks
    from ui.render import visible

    library = library_of(context)
    repaired = library.repair() if repair else []
    for line in repaired:
        typer.echo(visible(line), err=as_json)
    checks = library.doctor()
    if as_json:
        said = [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in checks]
        print_json({"checks": said, **({"repaired": repaired} if repair else {})})
    else:
        print_checks(checks)
    if bad := [check for check in checks if not check.ok]:
        names = " and ".join(check.name for check in bad)
        mender = "doctor --repair" if "store" in names and not repair else "index"
        remedy = _REMEDIES.get(names, f"run notesqa {mender} to mend the library")
        raise LibraryError(f"{len(bad)} of {len(checks)} checks failed: {remedy}.")


@model_app.command("compile")
def compile_model(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="By name or folder; that of the settings if left out."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compile a model, so that torch is needed no more, where both agree."""
    from rag import ModelEmbedder
    from ui.console import waiting

    with waiting("Compiling the model"):
        embedder = ModelEmbedder(name or context.obj.model)
        embedder.compile()
    if as_json:
        print_json({"model": embedder.name, "backend": embedder.backend, "why": embedder.why})
    else:
        typer.echo(f"{embedder.name}: {embedder.backend}; {embedder.why}.")
        if context.obj.backend == "torch":
            typer.echo("The settings ask for torch all the same (backend).")


@app.command()
def serve(
    context: typer.Context,
    port: Annotated[
        int, typer.Option(metavar="N", min=1, max=65535, help="Port to listen at.")
    ] = 7860,
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Where to listen; beyond loopback users sign in."),
    ] = "127.0.0.1",
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow the folder of notes meanwhile.")
    ] = False,
) -> None:
    """Serve the chat page and the HTTP API."""
    from ui.app import serve as serve_pages
    from ui.common import until_stopped

    with until_stopped():
        serve_pages(library_of(context), port, host, watch=watch)


app.command()(assistants.mcp)


@app.command()
def demo(
    context: typer.Context,
    serve_page: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the chat page at the end.")
    ] = True,
    questions: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Question set to score.",
            exists=True,
            dir_okay=False,
            autocompletion=records,
        ),
    ] = Path("eval/questions/transfer-learning.jsonl"),
) -> None:
    """Show three exchanges and the scores, then the page."""
    from ui.app import PORT
    from ui.app import serve as serve_pages
    from ui.demo import show

    library = library_of(context)
    show(library, questions)
    if serve_page:
        typer.echo()
        serve_pages(library, PORT)


@app.command()
def completion(
    shell: Annotated[
        str,
        typer.Argument(
            metavar="bash|zsh|fish",
            help="The shell that reads it.",
            autocompletion=lambda incomplete: [*filter(lambda s: s.startswith(incomplete), Shell)],
        ),
    ],
) -> None:
    """Print what makes Tab complete commands, notes and folders."""
    from ui.completion import SCRIPTS

    if shell not in SCRIPTS:
        raise typer.BadParameter(
            f"there is no script for {shell}, but for {', '.join(SCRIPTS)}", param_hint="SHELL"
        )
    typer.echo(SCRIPTS[Shell(shell)].strip())


app.command()(audit.audit)
app.add_typer(evaluation.app, name="eval")
app.add_typer(coverage.app, name="coverage")
for _step in (closing.write, closing.ask, closing.accept):
    gaps.app.command()(_step)
app.add_typer(gaps.app, name="gaps")
app.add_typer(log.app, name="log")
app.add_typer(model_app, name="model")
app.add_typer(users.app, name="users")


def _complete(shell: str, *words: str) -> None:
    """Prints what the last word could become; the scripts of `completion` ask for it."""
    from ui.completion import answer

    lines = answer(typer.main.get_command(app), shell, words)
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def main() -> None:
    """Runs the command line; the entry point of `notesqa`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal shows what it can
    try:
        if sys.argv[1:2] == ["complete"]:  # asked at every Tab, and Typer takes as long to parse
            _complete(*sys.argv[2:])
        else:
            app()
    except NotesQAError as error:
        from ui.render import visible

        typer.echo(f"notesqa: {visible(' '.join(str(error).split()))}", err=True)
        sys.exit(1)
