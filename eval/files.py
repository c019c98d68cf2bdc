"""JSON is read, and files are replaced, in one way everywhere."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from rag import NotesQAError, QuestionSetError, alone


def read_json(text: str) -> Any:
    """Returns what one JSON text says; raises ValueError where it says nothing that can be used.

    That is: no JSON, nested or numbers too long to be read, a number that is none (NaN, Infinity),
    or half a character, which no UTF-8 file can hold.
    """
    try:
        value = json.loads(text, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError("not Unicode text") from error
    return value


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


@contextmanager
def replacing(path: Path, error: type[NotesQAError] = QuestionSetError) -> Iterator[Path]:
    """Yields a path beside `path` for what is to take its place: at the end, unless that fails.

    A folder takes the place of an empty one only.

    Raises:
        NotesQAError: it cannot be written; of the type `error`.
    """
    draft = path.parent / f".{path.name}.{os.urandom(8).hex()}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        if draft.is_dir() and path.exists():
            path.rmdir()  # on Windows nothing takes the place of a folder
        draft.replace(path)
    except OSError as problem:
        raise error(f"{path} cannot be written: {problem.strerror}.") from problem
    finally:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def in_turn(path: Path, error: type[NotesQAError] = QuestionSetError) -> Iterator[None]:
    """Holds a file against other threads and processes that read it and then replace it.

    A hidden file beside it is what they wait for; it stays, since it cannot be removed safely.

    Raises:
        NotesQAError: its folder cannot be written; of the type `error`.
    """
    with ExitStack() as held:
        try:
            held.enter_context(alone(path.parent / f".{path.name}"))
        except OSError as problem:
            raise error(f"{path} cannot be written: {problem.strerror}.") from problem
        yield
