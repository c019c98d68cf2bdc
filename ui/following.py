"""What commands do that follow the folder of notes: alone, or beside a server."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from rag import Library, LibraryError, Manifest, ModelError, Watcher
from ui.common import print_json
from ui.console import change_words, print_manifest, progress
from ui.render import visible

LEAVE_SECONDS = 3.0
"""How long a run of indexing is waited for when serving ends; it looks up between two batches."""


def follow(library: Library, as_json: bool) -> None:
    """Follows the notes until it is interrupted; prints a line for every change on stdout."""

    def changed(manifest: Manifest) -> None:
        if as_json:
            print_json(manifest.to_dict())
        else:
            typer.echo(change_words(manifest))

    typer.echo(f"Following {visible(library.settings.corpus)} (Ctrl+C ends it)", err=True)
    Watcher(library, changed, _tell, progress).run(threading.Event())


def prepare(library: Library) -> None:
    """Indexes where there is nothing yet that could be asked, so that a server can begin."""
    try:
        library.ensure_ready()
    except (LibraryError, ModelError):
        with progress() as report:
            manifest = library.index(progress=report)
        print_manifest(manifest, library.settings.corpus)


def watcher_of(library: Library) -> Watcher:
    """Returns what follows the notes beside a server; its lines go to stderr."""
    return Watcher(library, lambda manifest: typer.echo(change_words(manifest), err=True), _tell)


@contextmanager
def following(watcher: Watcher) -> Iterator[threading.Event]:
    """Follows the notes in a thread of its own meanwhile, to the end of the process.

    Yields what may be set before the end, so that both leave at the same time.

    Where a run does not end in time, the process ends here, with status 0: Python aborts where a
    thread is left in the model's native code. A killed run leaves the old state.
    """
    stop = threading.Event()
    thread = threading.Thread(target=watcher.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(LEAVE_SECONDS)
        if thread.is_alive():
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


def _tell(message: str) -> None:
    typer.echo(f"notesqa: {visible(' '.join(message.split()))} It is tried again.", err=True)
