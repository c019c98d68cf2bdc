"""A folder becomes the files in it that are notes, and a count of what was left out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.documents.ignoring import IGNORE_FILE, MAX_RULES_BYTES, Rules
from rag.documents.reading import leads_out, open_regular
from rag.errors import CorpusError


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a corpus; a folder left out counts as one, whatever it holds.

    Attributes:
        files: each with its path relative to the corpus, sorted. A folder that cannot be listed,
            or is a link out of the corpus, and a file of rules that cannot be read, stand there
            like a file that cannot be read.
        ignored: how many files and folders are left out by a rule of the notes' own, or since they
            are libraries.
        hidden: how many are left out since their names begin with a dot.
    """

    files: tuple[tuple[str, Path], ...]
    ignored: int
    hidden: int


def find_files(corpus: Path) -> Found:
    """Returns the files of a corpus but those that are hidden, ignored, or of a library.

    Links inside to what is there anyway are left out, so nothing is indexed twice.

    Raises:
        CorpusError: the folder is missing, is no folder, or cannot be listed.
    """
    if not corpus.is_dir():
        problem = "is not a folder" if corpus.exists() else "does not exist"
        raise CorpusError(
            f"{corpus} {problem}: name the folder of your notes, notesqa --corpus DIR index."
        )
    walk = _Walk(corpus)
    for folder, subfolders, names in os.walk(corpus, onerror=walk.fail):
        walk.visit(Path(folder), subfolders, names)
    return Found(tuple(sorted(walk.files())), walk.ignored, walk.hidden)


def find_file(corpus: Path, path: str) -> Path | None:
    """Returns the file of a path relative to the corpus where `find_files` would list it.

    Only the folders on its way are looked into.
    """
    from rag.store import FILE

    *folders, name = path.split("/")
    if "" in (*folders, name):
        return None
    walk = _Walk(corpus)
    folder = corpus
    for within in [*folders, None]:
        marks = [one for one in (IGNORE_FILE, FILE) if os.path.lexists(folder / one)]
        subfolders = [within] if within and (folder / within).is_dir() else []
        walk.visit(folder, subfolders, marks if within else [*marks, name])
        if within and not subfolders:
            return None
        folder /= within or ""
    if not os.path.lexists(folder / name) or (folder / name).is_dir():
        return None
    return next((file for named, file in walk.files() if named == path), None)


class _Walk:
    """What was found so far."""

    def __init__(self, corpus: Path) -> None:
        self.corpus = corpus
        self.ignored = 0
        self.hidden = 0
        self._rules = {corpus: Rules()}
        self._files: list[Path] = []
        self._links: list[Path] = []

    def fail(self, error: OSError) -> None:
        folder = Path(error.filename)
        if folder == self.corpus:
            raise CorpusError(f"{folder} cannot be listed: {error.strerror}.") from error
        self._files.append(folder)

    def visit(self, folder: Path, subfolders: list[str], names: Sequence[str]) -> None:
        """Takes the files of one folder, and leaves of `subfolders` those to walk into."""
        rules = self._rules.pop(folder)
        if folder != self.corpus and _is_library(folder, names):
            self.ignored += 1
            subfolders.clear()
            return
        if IGNORE_FILE in names or IGNORE_FILE in subfolders:
            lines = _lines(folder / IGNORE_FILE)
            if lines is None:
                self._files.append(folder / IGNORE_FILE)
            else:
                rules = rules.inside(_parts(folder, self.corpus), lines)
        walked = []
        for name in self._kept(folder, subfolders, rules, folders=True):
            if (folder / name).is_symlink():
                self._link(folder / name)
            else:
                walked.append(name)
                self._rules[folder / name] = rules
        subfolders[:] = walked
        for name in self._kept(folder, names, rules, folders=False):
            if (folder / name).is_symlink():
                self._link(folder / name)
            else:
                self._files.append(folder / name)

    def _kept(
        self, folder: Path, names: Sequence[str], rules: Rules, *, folders: bool
    ) -> list[str]:
        parts = _parts(folder, self.corpus)
        kept = []
        for name in names:
            if name.startswith("."):
                self.hidden += name != IGNORE_FILE
            elif rules.ignore((*parts, name), folder=folders):
                self.ignored += 1
            else:
                kept.append(name)
        return kept

    def _link(self, link: Path) -> None:
        # A folder inside is walked where it stands.
        if not os.path.isdir(link) or leads_out(link, self.corpus):
            self._links.append(link)

    def files(self) -> list[tuple[str, Path]]:
        """Returns what was found; of several links to one hidden or ignored file, the first."""
        there = {os.path.realpath(file) for file in self._files} if self._links else set()
        kept = list(self._files)
        for link in sorted(self._links):
            target = os.path.realpath(link)
            if target not in there or not os.path.exists(target):
                kept.append(link)
                there.add(target)
        return [(_named(file, self.corpus), file) for file in kept]


def _parts(folder: Path, corpus: Path) -> tuple[str, ...]:
    return folder.relative_to(corpus).parts


def _named(file: Path, corpus: Path) -> str:
    path = file.relative_to(corpus).as_posix()
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _is_library(folder: Path, names: Sequence[str]) -> bool:
    """Returns whether a library lies in a folder, by what SQLite keeps in the head of its file."""
    from rag.store import APPLICATION_ID, FILE  # not at the start: loaders know nothing of it

    if FILE not in names:
        return False
    try:
        with open_regular(folder / FILE) as file:
            head = file.read(72)
    except OSError:
        return False
    return head.startswith(b"SQLite format 3\0") and head[68:] == APPLICATION_ID.to_bytes(4, "big")


def _lines(file: Path) -> str | None:
    """Returns the text of a file of rules, what is no UTF-8 as in names; None if it fails."""
    try:
        with open_regular(file) as opened:
            data = opened.read(MAX_RULES_BYTES + 1)
    except OSError:
        return None
    return data.decode("utf-8-sig", "surrogateescape") if len(data) <= MAX_RULES_BYTES else None
