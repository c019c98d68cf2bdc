"""Records become lines in a terminal: results on stdout, progress on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from rag import Answer, Check, Manifest, Passage
from ui.render import (
    NEAREST,
    SUGGESTED,
    confidence_words,
    flowing,
    place,
    searched_otherwise,
    snippet,
    visible,
)

PATIENCE_SECONDS = 1.0
"""How long something may take before a progress bar is shown."""


def say(*lines: Text | str, indent: int = 0) -> None:
    """Prints lines: wrapped to a terminal's width, as they are into a file or a pipe."""
    console = Console(highlight=False)
    for line in lines:
        text = line if isinstance(line, Text) else Text(line)
        if console.is_terminal:
            console.print(Padding(text, (0, 0, 0, indent)))
        else:
            for part in text.split("\n", allow_blank=True):
                console.print(Text(" " * indent) + part, soft_wrap=True)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Shows on stderr that something is going on, where a person is looking."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"{what} …"):
        yield


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yields a function to report progress to; a bar appears once a second has passed."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    begun = time.monotonic()
    tasks: dict[str, Any] = {}

    def report(stage: str, done: int, total: int) -> None:
        if not bar.live.is_started and time.monotonic() - begun > PATIENCE_SECONDS:
            bar.start()
        if stage not in tasks:
            for task in tasks.values():
                bar.update(task, completed=bar.tasks[task].total)
            tasks[stage] = bar.add_task(stage, total=total)
        bar.update(tasks[stage], completed=done)

    try:
        yield report
    finally:
        bar.stop()


def print_manifest(manifest: Manifest, corpus: str) -> None:
    """Prints what indexing did."""
    indexed, unchanged = len(manifest.indexed), len(manifest.unchanged)
    removed, skipped = len(manifest.removed), len(manifest.skipped)
    files = indexed + unchanged + skipped
    say(
        f"{indexed + unchanged} of {files} files in {visible(corpus)} are indexed, "
        f"as {manifest.chunks} passages.",
        f"  indexed   {indexed}   ({manifest.embedded} texts embedded)",
        f"  unchanged {unchanged}",
        f"  removed   {removed}",
        f"  skipped   {skipped}",
    )
    for path in manifest.removed:
        say(f"removed: {visible(path)}", indent=4)
    for item in manifest.skipped:
        say(f"skipped: {visible(item.document)}: {visible(item.message)}", indent=4)


def print_answer(answer: Answer) -> None:
    """Prints an answer with the deciding sentence marked, or a refusal."""
    if searched_otherwise(answer):
        say(f"Searched for: {visible(answer.query)}", "")
    if not answer.answered:
        say(Text("The notes do not seem to answer this.", style="bold"), answer.reason or "")
        if answer.passages:
            say("", NEAREST)
        for passage in answer.passages[:3]:
            say(Text(place(passage), style="cyan"), indent=2)
            say(visible(snippet(passage.text)), indent=4)
        if answer.suggestions:
            say("", SUGGESTED)
        for question in answer.suggestions:
            say(visible(question), indent=2)
        return
    for number, run in groupby(answer.sentences, key=lambda sentence: sentence.citation):
        for sentence in run:
            words = visible(flowing(sentence.text))
            if sentence.decides:
                say(Text.assemble(("▶ ", "bold"), (words, "black on yellow")))
            else:
                say(words, indent=2)
        say(Text(f"[{number}]", style="cyan"), indent=2)
    say("")
    for citation in answer.citations:
        say(Text(f"[{citation.number}] {place(citation)}", style="cyan"))
    say(confidence_words(answer))


def print_passages(passages: Sequence[Passage]) -> None:
    """Prints passages, best first."""
    for passage in passages:
        say(Text(f"{passage.rank}. {place(passage)}  (score {passage.score:.2f})", style="cyan"))
        say(visible(passage.text), indent=3)
        say("")


def print_status(found: dict[str, Any]) -> None:
    """Prints what `Library.status` returns."""
    say(
        f"{found['indexed']} of {found['files']} files indexed; {len(found['skipped'])} skipped.",
        f"{found['chunks']} passages, generation {found['generation']}.",
        f"Model {found['model']}, {found['backend']}.",
        *([f"Search: {found['search']}."] if found["search"] else []),
        *([f"Reranker {visible(found['reranker'])}."] if found["reranker"] else []),
    )
    for item in found["skipped"]:
        say(f"skipped: {visible(item['document'])}: {visible(item['message'])}", indent=2)


def print_checks(checks: Sequence[Check]) -> None:
    """Prints one line a check."""
    for check in checks:
        mark = Text("ok  " if check.ok else "BAD ", style="green" if check.ok else "bold red")
        say(mark.append(f"{check.name}: {visible(check.detail)}", style="default"))
