"""What indexing takes: something with a path that becomes a document, such as a file."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from rag.documents.formats import LOADERS, no_loader, suffix_of
from rag.documents.ignoring import IGNORE_FILE, MAX_RULES_BYTES
from rag.documents.sandbox.loading import Loaders
from rag.errors import DocumentError
from rag.types import Document, Signature

_FLAGS = os.O_RDONLY
for _name in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK"):
    _FLAGS |= getattr(os, _name, 0)  # where there is one


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
        return read(self.file, self.max_bytes, self.corpus)

    def document(self, data: bytes) -> Document:
        return self.loaders.load(self.path, data)


def leads_out(file: Path, corpus: Path) -> bool:
    """Returns whether a file is a link to something that lies outside of the corpus."""
    if not file.is_symlink():
        return False
    target = os.path.realpath(file)
    return os.path.exists(target) and not _lies_in(target, corpus)


def read(file: Path, max_bytes: int, corpus: Path) -> bytes:
    """Returns the bytes of a file that some loader can take.

    What is looked at is what was opened, so links that change in between deceive nobody.

    Raises:
        DocumentError: no loader for its suffix, not a regular file, too large, unreadable, or
            outside the corpus.
    """
    if file.name == IGNORE_FILE:  # listed among the notes only where it could not be read
        raise DocumentError(
            "unreadable",
            "its rules leave nothing out: it has to be a regular file, no link, "
            f"of at most {MAX_RULES_BYTES / 1e6:g} MB that may be read",
        )
    target = os.path.realpath(file)
    if file.is_symlink() and not os.path.exists(target):
        raise DocumentError("unreadable", "a link that leads nowhere: remove it, or mend it")
    if os.path.exists(target) and not _lies_in(target, corpus):
        raise _outside()
    if os.path.isdir(target):
        raise DocumentError("unreadable", "the folder cannot be listed: check its permissions")
    if suffix_of(file) not in LOADERS:
        raise no_loader(file)
    try:
        str(file).encode("utf-8")
    except UnicodeEncodeError as error:
        raise DocumentError("unreadable", "its name is not Unicode: rename it") from error
    try:
        with open_regular(target) as opened:
            if not _lies_in(_place_of(opened, target), corpus):
                raise _outside()
            data = b"" if (size := _size_of(opened)) > max_bytes else opened.read(max_bytes + 1)
    except OSError as error:
        raise DocumentError(
            "unreadable", f"{error.strerror or error}: check the file's permissions"
        ) from error
    if (size := max(size, len(data))) > max_bytes:
        raise DocumentError(
            "too large",
            f"{size / 1e6:.1f} MB, the limit is {max_bytes / 1e6:g} MB: split it, "
            "or raise max_file_mb in notesqa.toml",
        )
    return data


def open_regular(file: str | Path) -> BinaryIO:
    """Returns a regular file, opened to be read; no link is followed and nothing waited for.

    Raises:
        OSError: it is something else, is not there, or may not be read.
    """
    if os.path.islink(file):  # not every platform has O_NOFOLLOW
        raise OSError(errno.ELOOP, "a link")
    descriptor = os.open(file, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _size_of(opened: BinaryIO) -> int:
    return os.fstat(opened.fileno()).st_size


def _place_of(opened: BinaryIO, path: str) -> str:
    """Returns where an open file lies: Linux tells, elsewhere its path is asked again."""
    try:
        return os.readlink(f"/proc/self/fd/{opened.fileno()}")
    except OSError:
        now = os.path.realpath(path)
        if not os.path.samestat(os.stat(now), os.fstat(opened.fileno())):
            raise OSError(errno.EAGAIN, "it was replaced while it was opened") from None
        return now


def _lies_in(path: str, corpus: Path) -> bool:
    return Path(path).is_relative_to(os.path.realpath(corpus))


def _outside() -> DocumentError:
    return DocumentError(
        "outside",
        "a link that leads out of the notes: put a copy in its place, "
        "or index the folder that it leads to",
    )
