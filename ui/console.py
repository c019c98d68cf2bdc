"""Records become lines in a terminal: results on stdout, progress on stderr."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from rag import Answer, Check, Manifest, Passage
from ui import manifest
from ui.render import (
    NEAREST,
    SUGGESTED,
    confidence_words,
    flowing,
    place,
    refusal,
    searched_for,
    snippet,
    visible,
)

if TYPE_CHECKING:
    from ui.opening import Target

PATIENCE_SECONDS = 1.0
"""How long something may take before a progress bar is shown."""


SHOWN = 3
"""Nearest passages that are shown with a refusal."""


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
        TextColumn("{task.description}", markup=False),
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
        name = stage.partition(":")[0]
        if name not in tasks:
            for task in tasks.values():
                bar.update(task, completed=bar.tasks[task].total)
            tasks[name] = bar.add_task(name, total=total)
        bar.update(tasks[name], completed=done, description=visible(snippet(stage, 60)))

    try:
        yield report
    finally:
        bar.stop()


def print_manifest(done: Manifest, corpus: str) -> None:
    """Prints what indexing did; a few names a reason."""
    indexed, unchanged = len(done.indexed), len(done.unchanged)
    removed, skipped = len(done.removed), len(done.skipped)
    files = indexed + unchanged + skipped
    say(
        f"{indexed + unchanged} of {files} files in {visible(corpus)} are indexed, "
        f"as {done.chunks} passages.",
        f"  indexed   {indexed}   ({done.embedded} texts embedded)",
        f"  unchanged {unchanged}",
        f"  removed   {removed}",
        f"  skipped   {skipped}",
    )
    for path in done.removed[: manifest.FEW]:
        say(f"removed: {visible(path)}", indent=4)
    if removed > manifest.FEW:
        say(f"removed: {removed - manifest.FEW} more", indent=4)
    by_reason = sorted(done.skipped, key=lambda item: item.reason)
    for reason, run in groupby(by_reason, key=lambda item: item.reason):
        items = list(run)
        for item in items[: manifest.FEW]:
            say(f"skipped: {visible(item.document)}: {visible(item.message)}", indent=4)
        if len(items) > manifest.FEW:
            more = f"{len(items) - manifest.FEW} more, {visible(reason)}"
            say(f"skipped: {more}: notesqa status --all", indent=4)


def change_words(manifest: Manifest) -> str:
    """Returns what a run of indexing changed, in one line, with the time of day."""
    indexed, removed = len(manifest.indexed), len(manifest.removed)
    skipped = len(manifest.skipped)
    said = [f"{indexed} {'note' if indexed == 1 else 'notes'} indexed"]
    if removed:
        said.append(f"{removed} removed")
    if skipped:
        said.append(f"{skipped} skipped")
    notes = indexed + len(manifest.unchanged)
    return f"{', '.join(said)}; {notes} notes at {time.strftime('%H:%M:%S')}"


def print_answer(answer: Answer, *, numbered: bool = False, within: str = "") -> None:
    """Prints an answer with the deciding sentence marked, or a refusal.

    Args:
        numbered: whether what a refusal offers has numbers, by which a conversation takes it.
        within: the folder, or note, that was asked; empty for all.
    """
    if searched := searched_for(answer):
        say(searched, "")
    if not answer.answered:
        say(Text(refusal(within), style="bold"), answer.reason or "")
        if within:
            say(
                "To ask all notes: /in, then the question again."
                if numbered
                else "To ask all notes, leave --in out."
            )
        if answer.passages:
            say("", NEAREST)
        for number, passage in enumerate(answer.passages[:SHOWN], start=1):
            mark = f"[{number}] " if numbered else ""
            say(Text(f"{mark}{place(passage)}", style="cyan"), indent=2)
            say(visible(snippet(passage.text)), indent=4)
        if answer.suggestions:
            say("", SUGGESTED)
        for number, question in enumerate(answer.suggestions, start=1):
            say(f"{f'/{number}  ' if numbered else ''}{visible(question)}", indent=2)
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


def print_target(target: Target, text: str) -> None:
    """Prints the place that was named, its file, and what stands there.

    Args:
        text: of the note, all of which is meant where no place was named.
    """
    if target.location:
        say(Text(visible(f"{target.document}, {target.location}"), style="cyan"))
    else:
        say(Text(visible(target.document), style="cyan"))
    line = f":{target.line}" if target.line else ""
    say(visible(f"{target.path}{line}") if target.path else "The file is not there any more.")
    if not target.gone:
        say("", visible(text if target.quote is None else target.quote))


def print_passages(passages: Sequence[Passage]) -> None:
    """Prints passages, best first."""
    for passage in passages:
        say(Text(f"{passage.rank}. {place(passage)}  (score {passage.score:.2f})", style="cyan"))
        say(visible(passage.text), indent=3)
        say("")


def print_status(found: dict[str, Any], *, everything: bool = False) -> None:
    """Prints what `Library.status` returns; a few names a reason, unless `everything`."""
    most = len(found["skipped"]) + found["files"] if everything else manifest.FEW
    say(
        manifest.summary(found),
        *manifest.circumstances(found),
        f"Generation {found['generation']}. Model {visible(found['model'] or 'none yet')}, "
        f"{visible(found['backend'])}.",
        *([f"Search: {found['search']}."] if found["search"] else []),
        *([f"Reranker {visible(found['reranker'])}."] if found["reranker"] else []),
    )
    for title, items in (
        ("Skipped", found["skipped"]),
        ("Indexed in part", found["partial"]),
        ("With hidden text", found["hidden"]),
    ):
        _print_groups(f"{title}: {len(items):,}", manifest.by_message(items), most)
    if copies := found["duplicates"]:
        say("", Text(f"The same content under several names: {len(copies):,}", style="bold"))
        for names in copies[:most]:
            say(visible(manifest.some(names, most)), indent=2)
        if len(copies) > most:
            say(f"and {len(copies) - most:,} more: notesqa status --all", indent=2)


def _print_groups(title: str, groups: list[tuple[str, str, list[str]]], most: int) -> None:
    """Prints the messages of each reason, each with the documents that it is about."""
    if not groups:
        return
    say("", Text(title, style="bold"))
    for reason, run in groupby(groups, key=lambda group: group[0]):
        alike = list(run)
        if reason:
            number = sum(len(documents) for _, _, documents in alike)
            say(f"{visible(reason)}: {number:,}", indent=2)
        for _, message, documents in alike[:most]:
            say(visible(f"{manifest.some(documents, most)}: {message}"), indent=4)
        if rest := alike[most:]:
            number = sum(len(documents) for _, _, documents in rest)
            say(f"and {number:,} more: notesqa status --all", indent=4)


def print_checks(checks: Sequence[Check]) -> None:
    """Prints one line a check."""
    for check in checks:
        mark = Text("ok  " if check.ok else "BAD ", style="green" if check.ok else "bold red")
        say(mark.append(f"{check.name}: {visible(check.detail)}", style="default"))


def log_requests() -> None:
    """Lets the server's modules write their lines, each with its time."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for name in ("ui.door", "ui.guard"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
