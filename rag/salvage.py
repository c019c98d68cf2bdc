"""A damaged store gives way to an empty one, with the vectors in it that are still whole.

There is a store under its name at every moment: the damaged one gets a second name, and the new one
is renamed over the first. What a killed run has built by then is worth nothing: the vectors are
still in the damaged one.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from rag.errors import LibraryError
from rag.soundness import checksum
from rag.stamps import sync_names
from rag.store import FILE, Store, VectorRow

_PART = ".repair"

_KEPT_AT_ONCE = 20_000
"""Vectors that one transaction takes over."""

_HOLE = 2_000
"""Numbers of vectors that are tried one by one behind one that cannot be read: one page that names
others is lost with some hundred of them. Behind that many the steps double."""


def replace_damaged(folder: Path) -> tuple[str, int]:
    """Puts an empty store in the place of a damaged one. Needs `locking.hold`.

    The vectors that are as they were written are kept, so that nothing whole is embedded again.

    Returns:
        The name under which the damaged one was set aside, and how many vectors were kept.

    Raises:
        LibraryError: the folder cannot be written, or the disk is full.
    """
    part = folder / _PART
    drop_part(folder)
    kept = 0
    try:
        with closing(Store(part, write=True)) as store:
            rows = _readable_vectors(folder / FILE, part)
            while batch := list(islice(rows, _KEPT_AT_ONCE)):
                kept += store.keep(batch)
        aside = _set_aside(folder, part)
        (part / FILE).replace(folder / FILE)
        sync_names(folder)
    except OSError as error:
        raise LibraryError(
            f"{folder} cannot be mended ({error.strerror}): make room there, then run notesqa "
            "doctor --repair again; nothing was lost."
        ) from error
    drop_part(folder)
    return aside.name, kept


def drop_part(folder: Path) -> None:
    """Deletes what a killed `replace_damaged` left. Needs `locking.hold`."""
    shutil.rmtree(folder / _PART, ignore_errors=True)


def _set_aside(folder: Path, part: Path) -> Path:
    """Returns a second name of the damaged store, on the disk, with its journal beside it.

    The journal must not stay: SQLite would undo in the new store what it says of the old one.
    """
    file, number = folder / FILE, 1
    while (aside := folder / f"{FILE}.damaged-{number}").exists() and not aside.samefile(file):
        number += 1
    if not aside.exists():
        try:
            os.link(file, aside)
        except OSError:  # not every file system has second names
            shutil.copy2(file, part / "aside")
            (part / "aside").replace(aside)
    journal = folder / f"{FILE}-journal"
    if journal.exists():
        journal.replace(folder / f"{aside.name}-journal")
    sync_names(folder)
    return aside


def _readable_vectors(file: Path, part: Path) -> Iterator[VectorRow]:
    """Yields what can be read, and is what was written.

    Args:
        part: a folder for a copy, where SQLite would not read the file itself.
    """
    with closing(sqlite3.connect(f"{_open_to_all(file, part).as_uri()}?mode=ro", uri=True)) as db:
        last = failed = 0
        while last < 2**62:
            try:
                for number, *row, written in db.execute(
                    "SELECT id, digest, vector, tokens, checksum FROM vectors WHERE id > ?"
                    " ORDER BY id",
                    (last,),
                ):
                    last, failed = max(last, number), 0
                    if checksum(*row) == written:
                        digest, vector, tokens = row
                        yield digest, vector, tokens
                return
            except sqlite3.DatabaseError:
                failed += 1
                last += 2 ** max(0, failed - _HOLE)


def _open_to_all(file: Path, part: Path) -> Path:
    """Returns the store, or a copy that says how many pages it has, with nothing to be undone.

    SQLite opens no file that is shorter than it says. What the missing pages held is then the only
    thing that cannot be read. https://www.sqlite.org/fileformat.html#the_database_header
    """
    with file.open("rb") as handle:
        header = handle.read(100)
    said = int.from_bytes(header[16:18])
    pages = file.stat().st_size // (65_536 if said == 1 else said or 512)
    counted = header[24:28] == header[92:96] and pages != int.from_bytes(header[28:32])
    if not counted and not Path(f"{file}-journal").exists():
        return file.resolve()
    copy = Path(shutil.copy(file, part / "copy"))
    with copy.open("r+b") as handle:
        handle.seek(28)
        handle.write(pages.to_bytes(4))
    return copy.resolve()
