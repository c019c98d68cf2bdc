"""What indexing takes: something with a path that becomes a document, such as a file."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rag.documents.formats import LOADERS, no_loader, suffix_of
from rag.documents.loading import Loaders
from rag.errors import DocumentError
from rag.types import Document, Signature


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
    """A file of a corpus.

    Attributes:
        path: relative to the corpus.
        corpus: what a link may not lead out of.
        loaders: what loads it.
    """

    path: str
    file: Path
    corpus: Path
    max_bytes: int
    loaders: Loaders

    def signature(self) -> Signature:
        """Returns size and time of a file that can be read; else nothing that one may trust.

        Files of one size and one time that change places look as they did: touch one of them.
        """
        try:
            found = self.file.stat()
        except OSError:
            return Signature(0)
        wanted = suffix_of(self.file) in LOADERS and stat.S_ISREG(found.st_mode)
        if not wanted or found.st_size > self.max_bytes or leads_out(self.file, self.corpus):
            return Signature(0)
        return Signature(found.st_size, found.st_mtime_ns)

    def read(self) -> bytes:
        if leads_out(self.file, self.corpus):
            raise DocumentError(
                "outside",
                "a link that leads out of the notes: put a copy in its place, "
                "or index the folder that it leads to",
            )
        return read(self.file, self.max_bytes)

    def document(self, data: bytes) -> Document:
        return self.loaders.load(self.path, data)


def leads_out(file: Path, corpus: Path) -> bool:
    """Returns whether a file is a link to something that lies outside of the corpus."""
    if not file.is_symlink():
        return False
    target = os.path.realpath(file)
    return os.path.exists(target) and not Path(target).is_relative_to(os.path.realpath(corpus))


def read(file: Path, max_bytes: int) -> bytes:
    """Returns the bytes of a file that some loader can take.

    Raises:
        DocumentError: no loader for its suffix, not a regular file, too large, or unreadable.
    """
    if file.is_dir():
        raise DocumentError("unreadable", "the folder cannot be listed: check its permissions")
    if suffix_of(file) not in LOADERS:
        raise no_loader(file)
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
