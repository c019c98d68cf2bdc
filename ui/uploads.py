"""Files that are dropped in: a name and bytes become a file among the notes, and nothing else.

What is there is never replaced. No link is followed on the way to the folder, so that nothing is
written outside of the notes, whoever else writes there.
"""

from __future__ import annotations

import errno
import os
import re
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from rag import LOADERS, NotesQAError, Settings, suffix_of

MOST_NAME_BYTES = 200
"""Most file systems take 255."""

MOST_FOLDERS = 500
"""Folders that are offered."""

_PIECE = 1 << 20

_DRAFT = ".upload-"

LEFT_SECONDS = 3600.0
"""A draft that has not changed for so long belongs to a server that was killed; none writes longer
than the moment it takes to store what has arrived.
"""

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES}
"""What file systems without hard links say, FAT and some network shares among them."""

_UNFIT = frozenset('<>:"|?*')
"""What Windows allows in no name."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Names that stand for devices on Windows."""


class UploadError(NotesQAError):
    """A file that is not taken.

    Attributes:
        status: what HTTP calls the reason.
    """

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


class Uploads:
    """Takes files into the folder of notes."""

    def __init__(self, settings: Settings) -> None:
        self.allowed = settings.uploads
        self.most_bytes = int(settings.max_file_mb * 1e6) if settings.uploads else 0
        self._corpus = Path(settings.corpus)
        self._library = Path(settings.library).resolve()

    def folders(self) -> list[str]:
        """Returns the folders that a file may be put into, by path; empty for the notes' own."""
        found = [""]
        for folder, names, _ in os.walk(self._corpus):
            inside = PurePosixPath(Path(folder).relative_to(self._corpus).as_posix())
            names[:] = sorted(name for name in names if self._is_offered(Path(folder) / name))
            found += [str(inside / name) for name in names]
            if len(found) >= MOST_FOLDERS:
                break
        return sorted(found[:MOST_FOLDERS])

    def keep(self, name: str, folder: str, file: BinaryIO) -> str:
        """Writes a file among the notes, whole or not at all, and returns its path there.

        Args:
            name: as the sender calls it; what stands before its last slash does not count.
            folder: one of `folders`.

        Raises:
            UploadError: nothing may be put there, not by that name, or it cannot be written.
        """
        if not self.allowed:
            raise UploadError("Files are not taken: the setting uploads says so.", 403)
        name = clean_name(name)
        if folder not in self.folders():
            raise UploadError("There is no such folder among the notes: choose one that is there.")
        draft = f"{_DRAFT}{os.urandom(8).hex()}"
        try:
            self._corpus.mkdir(parents=True, exist_ok=True)
            with _opened(self._corpus, folder) as place:
                _remove_left(place)
                try:
                    self._write(draft, place, file)
                    _name(draft, name, place)
                finally:
                    with suppress(FileNotFoundError):
                        os.unlink(draft, dir_fd=place)
        except FileExistsError as error:
            raise UploadError(
                f"There is a {name} already, and it is kept as it is: "
                "give your file another name, or delete that one from the folder of notes.",
                409,
            ) from error
        except OSError as error:
            raise UploadError(f"{name} cannot be written ({error.strerror}).", 503) from error
        return str(PurePosixPath(folder) / name)

    def _is_offered(self, folder: Path) -> bool:
        return (
            _is_plain(folder.name) and not folder.is_symlink() and folder.resolve() != self._library
        )

    def _write(self, name: str, place: int, file: BinaryIO) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(name, flags, 0o644, dir_fd=place), "wb") as written:
            size = 0
            while piece := file.read(_PIECE):
                size += len(piece)
                if size > self.most_bytes:
                    raise UploadError(
                        f"The file is longer than {self.most_bytes / 1e6:g} MB, "
                        "which the setting max_file_mb allows.",
                        413,
                    )
                written.write(piece)
            written.flush()
            os.fsync(written.fileno())
        if not size:
            raise UploadError("The file is empty, or none was chosen.")


def clean_name(name: str) -> str:
    """Returns the name by which a file is kept, its letters composed.

    Raises:
        UploadError: it is none, it hides or steers, or nothing reads files of its suffix.
    """
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1]).strip()
    if not name:
        raise UploadError("The file has no name: choose a file.")
    if not _is_plain(name):
        raise UploadError(
            "The file's name is hidden, reserved, too long, or holds characters that cannot be "
            "shown: give it a plain name."
        )
    if suffix_of(name) not in LOADERS:
        kind = suffix_of(name)
        these = f"{kind} files" if kind else "Files without an ending"
        known = ", ".join(LOADERS)
        raise UploadError(f"{these} cannot be read as notes; these can: {known}.")
    return name


def _is_plain(name: str) -> bool:
    """Returns whether a name is visible, harmless on every system, and not too long."""
    return (
        not name.startswith(".")
        and not name.endswith((".", " "))
        and name.isprintable()
        and _UNFIT.isdisjoint(name)
        and _RESERVED.fullmatch(name) is None
        and len(name.encode("utf-8")) <= MOST_NAME_BYTES
    )


def _name(draft: str, name: str, place: int) -> None:
    """Gives a draft its name; FileExistsError where there is something of that name."""
    try:
        # Unlike renaming, this fails where there is something of that name.
        os.link(draft, name, src_dir_fd=place, dst_dir_fd=place, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # The name is taken first, by an empty file that nobody else makes; what it becomes then is
        # the whole draft at once.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(name, flags, 0o644, dir_fd=place))
        try:
            os.rename(draft, name, src_dir_fd=place, dst_dir_fd=place)
        except OSError:
            os.unlink(name, dir_fd=place)
            raise


def _remove_left(place: int) -> None:
    """Removes drafts that a killed server left in a folder."""
    with os.scandir(place) as found:
        names = [entry.name for entry in found if entry.name.startswith(_DRAFT)]
    for name in names:
        with suppress(FileNotFoundError):  # another upload has removed it
            if os.stat(name, dir_fd=place, follow_symlinks=False).st_mtime < (
                time.time() - LEFT_SECONDS
            ):
                os.unlink(name, dir_fd=place)


@contextmanager
def _opened(corpus: Path, folder: str) -> Iterator[int]:
    """Gives a folder, reached from the notes' own without following a link."""
    if os.link not in os.supports_dir_fd:
        said = "This system cannot take files safely: put them into the folder itself."
        raise UploadError(said, 503)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    place = os.open(corpus, flags)
    try:
        for part in PurePosixPath(folder).parts:
            inside = os.open(part, flags | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = inside
        yield place
    finally:
        os.close(place)
