"""What commands do that follow the folder of notes: alone, or beside a server."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from rag import Library, Manifest, Watcher
from ui.common import print_json
from ui.console import change_words, progress
from ui.indexing import Indexer
from ui.render import visible

LEAVE_SECONDS = 3.0
"""How long what goes on is waited for when serving ends; indexing looks up between two batches."""

Ended = Callable[[float], bool]
"""Returns whether something has ended, after so many seconds at most."""


def follow(library: Library, as_json: bool) -> None:
    """Follows the notes until it is interrupted; prints a line for every change on stdout."""

    def changed(manifest: Manifest) -> None:
        if as_json:
            print_json(manifest.to_dict())
        else:
            typer.echo(change_words(manifest))

    typer.echo(f"Following {visible(library.settings.corpus)} (Ctrl+C ends it)", err=True)
    Watcher(library, changed, _tell, progress).run(threading.Event())


def tell_change(manifest: Manifest) -> None:
    """Prints what a run of indexing changed, on stderr."""
    typer.echo(change_words(manifest), err=True)


def watcher_of(library: Library, indexer: Indexer) -> Watcher:
    """Returns what follows the notes beside a server; its lines go to stderr."""
    return Watcher(library, tell_change, _tell, indexer.turn)


@contextmanager
def following(watcher: Watcher | None, *others: Ended) -> Iterator[threading.Event]:
    """Follows the notes in a thread of its own meanwhile, to the end of the process.

    Yields what may be set before the end, so that all leave at the same time.

    Where a run or one of the others does not end in time, the process ends here, with status 0:
    Python aborts where a thread is left in the model's native code. A killed run leaves the old
    state.
    """
    stop = threading.Event()
    threads = [threading.Thread(target=watcher.run, args=(stop,), daemon=True)] if watcher else []
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join(LEAVE_SECONDS)
        ended = [other(LEAVE_SECONDS) for other in others]
        if not all(ended) or any(thread.is_alive() for thread in threads):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


def _tell(message: str) -> None:
    typer.echo(f"notesqa: {visible(' '.join(message.split()))} It is tried again.", err=True)
