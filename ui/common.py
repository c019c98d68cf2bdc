"""What the modules of the command line share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rag import Library, Settings

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def library_of(context: typer.Context) -> Library:
    """Returns the library that the settings name, not opened yet."""
    from rag import Library

    settings: Settings = context.obj
    return Library(settings)


def print_json(value: Any) -> None:
    """Prints JSON in ASCII: no control character of a note reaches a terminal, in any encoding."""
    typer.echo(json.dumps(value))


@contextmanager
def until_stopped() -> Iterator[None]:
    """Ends what is inside, without a word, at Ctrl+C and where the system asks for it (SIGTERM)."""
    import signal

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
