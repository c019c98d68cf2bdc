"""A damaged store gives way to an empty one, with the vectors in it that are still whole."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from rag.soundness import checksum
from rag.store import FILE, Store, VectorRow

_KEPT_AT_ONCE = 20_000
"""Vectors that one transaction takes over."""


def replace_damaged(folder: Path) -> tuple[str, int]:
    """Puts an empty store in the place of a damaged one. Needs `locking.hold`.

    The vectors that are as they were written are kept, so that nothing whole is embedded again.

    Returns:
        The name under which the damaged one was set aside, and how many vectors were kept.
    """
    part = folder / ".repair"
    shutil.rmtree(part, ignore_errors=True)
    kept = 0
    with closing(Store(part, write=True)) as store:
        rows = _readable_vectors(folder / FILE)
        while batch := list(islice(rows, _KEPT_AT_ONCE)):
            kept += store.keep(batch)
    number = 1
    while (aside := folder / f"{FILE}.damaged-{number}").exists():
        number += 1
    (folder / FILE).rename(aside)
    with contextlib.suppress(FileNotFoundError):
        (folder / f"{FILE}-journal").rename(folder / f"{aside.name}-journal")
    (part / FILE).rename(folder / FILE)
    shutil.rmtree(part, ignore_errors=True)
    return aside.name, kept


def _readable_vectors(file: Path) -> Iterator[VectorRow]:
    """Yields what can be read from either end of the table, and is what was written."""
    seen: set[bytes] = set()
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as db:
        for order in ("ASC", "DESC"):
            with contextlib.suppress(sqlite3.DatabaseError):
                for *row, written in db.execute(
                    "SELECT digest, vector, tokens, checksum FROM vectors WHERE id IS NOT NULL"
                    f" ORDER BY id {order}"
                ):
                    digest, vector, tokens = row
                    if digest in seen:
                        break
                    if checksum(*row) == written:
                        seen.add(digest)
                        yield digest, vector, tokens
