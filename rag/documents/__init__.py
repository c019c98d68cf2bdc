"""Files become documents: one loader a format, chosen by suffix, imported at its first file.

`find_files` lists a corpus, `load` turns one file into a `Document` or says why it cannot.
`File` and `records.Record` are what indexing takes: something with a path that becomes a document.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from rag.errors import CorpusError, DocumentError
from rag.types import Document, Signature

LOADERS = {
    ".md": "rag.documents.markdown",
    ".markdown": "rag.documents.markdown",
    ".txt": "rag.documents.plaintext",
    ".text": "rag.documents.plaintext",
}
"""Suffix to the module whose `parse(path, data)` returns a `Document`, or raises DocumentError."""


class Source(Protocol):
    """Something that becomes a document: a file, or a record of a collection."""

    @property
    def path(self) -> str:
        """Returns the document's path in the library."""
        ...

    def signature(self) -> Signature:
        """Returns what tells that it is what it was, without reading it."""
        ...

    def read(self) -> bytes:
        """Returns the bytes whose digest tells whether it changed; raises DocumentError."""
        ...

    def document(self, data: bytes) -> Document:
        """Returns the document that these bytes hold; raises DocumentError."""
        ...


@dataclass(frozen=True, slots=True)
class File:
    """A file of a corpus; `path` is relative to it."""

    path: str
    file: Path
    max_bytes: int

    def signature(self) -> Signature:
        """Returns size and time of a file that can be read; else nothing that one may trust.

        Files of one size and one time that change places look as they did: touch one of them.
        """
        try:
            found = self.file.stat()
        except OSError:
            return Signature(0)
        wanted = self.file.suffix.lower() in LOADERS and stat.S_ISREG(found.st_mode)
        if not wanted or found.st_size > self.max_bytes:
            return Signature(0)
        return Signature(found.st_size, found.st_mtime_ns)

    def read(self) -> bytes:
        return read(self.file, self.max_bytes)

    def document(self, data: bytes) -> Document:
        return load(self.path, data)


def read_notes(corpus: Path, max_bytes: int) -> dict[str, str]:
    """Returns the text of every file that can be read, by path; nothing is indexed.

    Raises:
        CorpusError: the folder is missing, is no folder, or cannot be listed.
    """
    texts: dict[str, str] = {}
    for path, file in find_files(corpus):
        source = File(path, file, max_bytes)
        with contextlib.suppress(DocumentError):  # what is skipped is what `status` lists
            texts[path] = source.document(source.read()).text
    return texts


def find_files(corpus: Path) -> Iterator[tuple[str, Path]]:
    """Yields `(path relative to the corpus, file)` for every file that is not hidden, sorted.

    A folder inside it that cannot be listed stands there like a file that cannot be read.

    Raises:
        CorpusError: the folder is missing, is no folder, or cannot be listed.
    """
    if not corpus.is_dir():
        problem = "is not a folder" if corpus.exists() else "does not exist"
        raise CorpusError(
            f"{corpus} {problem}: name the folder of your notes, notesqa --corpus DIR index."
        )

    found: list[tuple[str, Path]] = []

    def add(file: Path) -> None:
        path = file.relative_to(corpus).as_posix()
        found.append((path.encode("utf-8", "backslashreplace").decode("utf-8"), file))

    def fail(error: OSError) -> None:
        folder = Path(error.filename)
        if folder == corpus:
            raise CorpusError(f"{corpus} cannot be listed: {error.strerror}.") from error
        add(folder)

    for folder, subfolders, names in os.walk(corpus, onerror=fail):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                add(Path(folder, name))
    yield from sorted(found)


def read(file: Path, max_bytes: int) -> bytes:
    """Returns the bytes of a file that some loader can take.

    Raises:
        DocumentError: no loader for its suffix, not a regular file, too large, or unreadable.
    """
    if file.is_dir():
        raise DocumentError("unreadable", "the folder cannot be listed: check its permissions")
    if file.suffix.lower() not in LOADERS:
        kinds = ", ".join(LOADERS)
        raise DocumentError(
            "no loader", f"no loader for {file.suffix or 'files without a suffix'}; read: {kinds}"
        )
    try:
        str(file).encode("utf-8")
    except UnicodeEncodeError as error:
        raise DocumentError("unreadable", "its name is not Unicode: rename it") from error
    try:
        if not file.is_file():
            raise DocumentError("unreadable", "not a regular file, or a link that leads nowhere")
        size = file.stat().st_size
        if size > max_bytes:
            raise DocumentError(
                "too large",
                f"{size / 1e6:.1f} MB, the limit is {max_bytes / 1e6:g} MB: split it, "
                "or raise max_file_mb in notesqa.toml",
            )
        return file.read_bytes()
    except OSError as error:
        raise DocumentError(
            "unreadable", f"{error.strerror or error}: check the file's permissions"
        ) from error


def load(path: str, data: bytes) -> Document:
    """Returns the document that a file's bytes hold.

    Args:
        path: relative to the corpus; its suffix chooses the loader.

    Raises:
        DocumentError: the bytes are not what the suffix says, or hold no text.
    """
    document: Document = import_module(LOADERS[Path(path).suffix.lower()]).parse(path, data)
    if not document.text.strip():
        raise DocumentError("empty", "holds no text")
    return document
