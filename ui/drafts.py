"""A gap becomes a file among the notes that a person writes in an editor of theirs.

Input: a gap, and what the person named, if anything; output: a `Draft`, whose file is there while
somebody writes, and afterwards only where something was written.

Nothing of the questions is put into the file. A comment with them would be indexed with the note,
and found for these very questions: the gap would seem closed by what asks, not by what answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from rag import NotesQAError
from ui.opening import Target, refer_to, target_of

if TYPE_CHECKING:
    from eval import Gap
    from rag import Library

_MARKDOWN = (".md", ".markdown", ".rmd", ".qmd", ".mdx")
"""Suffixes of new notes that begin with a heading."""


class WritingError(NotesQAError):
    """A note cannot be written."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A note that is about to be written.

    Attributes:
        path: of its file, absolute.
        begins: what the file holds before somebody writes.
        new: whether the file is not there yet.
    """

    target: Target
    path: Path
    begins: bytes
    new: bool

    @property
    def written(self) -> bool:
        """Returns whether the file holds something else now."""
        return self.path.is_file() and self.path.read_bytes().strip() != self.begins.strip()


def draft_for(gap: Gap, said: str, library: Library) -> Draft:
    """Returns where a person writes for a gap.

    Args:
        said: a path among the notes, or to a file there. If empty, the note with the words that
            were missed; else a new one beside the nearest note, named by the gap's terms.

    Raises:
        WritingError: the file is no text, lies outside of the notes or hidden among them, cannot
            be read, or its folder is not there.
        LibraryError: the library is damaged.
    """
    from eval import Cause, name_of

    corpus = Path(library.settings.corpus)
    if said:
        return _draft(Target(*_place(said, corpus)), gap)
    support = gap.triage.support
    nearest = gap.evidence or (*support.citations, *support.passages, None)[0]
    if nearest and gap.triage.cause is Cause.MISSED:
        target = target_of(refer_to(nearest), library)
        if target.path and target.is_text:
            return _draft(target, gap)
    folder = nearest.document.rpartition("/")[0] if nearest else ""
    root = Path(os.path.realpath(corpus))
    within = root / folder if (root / folder).is_dir() else root
    name = name_of(gap)
    names = (f"{name}{'' if n == 1 else f'-{n}'}.md" for n in count(1))
    free = next(file for file in names if not os.path.lexists(within / file))
    return _draft(Target(*_place(str(within / free), corpus)), gap)


def _place(said: str, corpus: Path) -> tuple[str, Path]:
    """Returns the document and the file that a person names.

    Raises:
        WritingError: it lies outside of the notes.
    """
    root = Path(os.path.realpath(corpus))
    places = [Path(os.path.realpath(path)) for path in (root / said, Path(said))]
    inside = [place for place in places if place.is_relative_to(root) and place != root]
    if not inside:
        raise WritingError(f"{said} does not lie in {corpus}: name a file among the notes.")
    # What is typed may begin with the folder's own name, as Tab completes it.
    path = next((place for place in inside if os.path.exists(place)), inside[-1])
    return path.relative_to(root).as_posix(), path


def _draft(target: Target, gap: Gap) -> Draft:
    from eval import name_of

    path = target.path
    assert path is not None
    if not target.is_text:
        raise WritingError(f"{target.document} is nothing an editor writes: name a .md file.")
    if any(part.startswith(".") for part in Path(target.document).parts):
        raise WritingError(f"{target.document} is hidden, so it is never indexed: name another.")
    try:
        if path.exists():
            return Draft(target, path, path.read_bytes(), new=False)
    except OSError as error:
        raise WritingError(f"{path} cannot be read: {error.strerror}.") from error
    if not path.parent.is_dir():
        raise WritingError(f"There is no folder {path.parent}: make it, or name another file.")
    title = gap.heading or name_of(gap).replace("-", " ")
    title = " ".join("".join(c if c.isalnum() or c in "-' " else " " for c in title).split())
    begins = f"# {title[:1].upper()}{title[1:]}\n\n" if path.suffix.lower() in _MARKDOWN else ""
    return Draft(target, path, begins.encode("utf-8"), new=True)


def edit(draft: Draft, start: Callable[[], None], wait: Callable[[], None]) -> bool:
    """Returns whether something was written; a new file is removed again where nothing was.

    Args:
        start: runs the editor.
        wait: called where nothing was written when `start` ended: many editors with windows end
            at once. It returns when the person says so.

    Raises:
        WritingError: the file cannot be written.
    """
    try:
        if draft.new:
            with open(draft.path, "xb") as file:
                file.write(draft.begins)
        try:
            start()
            if not draft.written:
                wait()
        finally:
            if draft.new and not draft.written:
                draft.path.unlink(missing_ok=True)
    except OSError as error:
        raise WritingError(f"{draft.path} cannot be written: {error.strerror}.") from error
    return draft.written
