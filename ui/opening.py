"""A citation becomes a place in a file, and the command that opens it there.

Input: what a person types (`2`, `notes.md:12`, `slides.pdf#page=3`, `notes.md@512-690`) or a
citation; output: a `Target`, and the arguments of an editor or a viewer. Names of files come from
notes: they are absolute when they reach a program, so that none can be taken for an option, no
shell reads them, and what they lead to lies in the folder of notes.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from rag import Citation, Library, Note, NotesQAError, Passage, PlaceKind, QuestionLog, Span
from ui.within import located

GONE = "The note has changed since: the cited words are no longer in it."
CHANGED = "The file has changed since it was indexed (notesqa index): the place may be another one."

FIRST_WORDS = 8
"""Words of a quote that are looked for in its file, where lines may end elsewhere."""

_LINE = re.compile(r"(?P<document>.+):(?P<line>[1-9]\d{0,8})", re.DOTALL)
_SPAN = re.compile(r"(?P<document>.+)@(?P<start>\d{1,10})-(?P<end>\d{1,10})", re.DOTALL)
_PLACE = re.compile(r"(?P<document>.+)#(?P<kind>[a-z]+)=(?P<name>.+)", re.DOTALL)

_TEXTS = (
    *(".md", ".markdown", ".rmd", ".qmd", ".mdx", ".txt", ".text", ".rst", ".tex", ".ipynb"),
    *(".html", ".htm", ".xhtml", ".mhtml", ".mht", ".vtt", ".srt", ".csv", ".tsv", ".eml", ".mbox"),
)
"""Suffixes of notes that an editor shows."""


class OpeningError(NotesQAError):
    """What was named cannot be opened."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a person named.

    Attributes:
        span: None for a whole note.
        words: how it began when it was cited; empty where the span is all that is known.
        question: the one whose answer cites it, if it was named by a number.
    """

    document: str
    span: Span | None = None
    words: str = ""
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where to open a note.

    Attributes:
        path: of the file, absolute; None where it is not there.
        location: the place as a person would name it; None for a whole note.
        line: of the file, from 1, in a text; None in other files, and where it is not known.
        page: from 1, in a PDF.
        quote: what stands there.
        gone: whether the cited words are no longer in the note.
        changed: whether the file is another than was indexed.
    """

    document: str
    path: Path | None
    location: str | None = None
    span: Span | None = None
    line: int | None = None
    page: int | None = None
    quote: str | None = None
    gone: bool = False
    changed: bool = False

    @property
    def is_text(self) -> bool:
        """Returns whether an editor shows the file."""
        return Path(self.document).suffix.lower() in _TEXTS

    @property
    def problem(self) -> str | None:
        """Returns why it may not be the place that was named; None where it is."""
        if self.gone:
            return GONE
        return CHANGED if self.changed and self.line is None else None

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `open --json`."""
        return {
            "document": self.document,
            "path": None if self.path is None else str(self.path),
            "location": self.location,
            "start": self.span.start if self.span else None,
            "end": self.span.end if self.span else None,
            "line": self.line,
            "quote": self.quote,
        }


def refer(said: str, library: Library, log: QuestionLog) -> Reference:
    """Returns what a person means by a citation.

    Raises:
        OpeningError: there is no such citation, note or place.
        LibraryError: there is no library, or it or the log is damaged.
    """
    if said.isdecimal():
        return _cited(int(said), log)
    names = library.titles()
    if document := _known(said, names):
        return Reference(document)
    for pattern in (_LINE, _SPAN, _PLACE):
        if (found := pattern.fullmatch(said)) and (document := _known(found["document"], names)):
            note = library.note(document)
            return Reference(document, _span(note, found.groupdict()))
    asked = re.split(r"[#@]|:\d+$", said)[0]
    near = difflib.get_close_matches(asked, names, n=1)
    hint = f"did you mean {near[0]}?" if near else "notesqa status lists what is indexed."
    raise OpeningError(f"No note is called {asked}: {hint}")


def refer_to(item: Citation | Passage) -> Reference:
    """Returns what a citation of an answer, or a passage, means."""
    words = item.quote if isinstance(item, Citation) else item.text
    return Reference(item.document, item.span, words)


def _cited(number: int, log: QuestionLog) -> Reference:
    if not log.on:
        raise OpeningError(
            "No answer is kept (log_questions is false), so a number means nothing: "
            "name a place, as in notesqa open notes.md:12."
        )
    asked = next(iter(log.newest(1, door="cli")), None)
    if asked is None:
        raise OpeningError("Nothing was asked here yet: notesqa ask comes first.")
    if not 1 <= number <= len(asked.cited):
        count = len(asked.cited)
        places = "1 place" if count == 1 else f"{count} places"
        cites = f"cites {places}" if count else "got no answer"
        near = asked.retrieved[0] if asked.retrieved else None
        place = f"{near.document}@{near.span.start}-{near.span.end}" if near and near.span else ""
        nearest = f"; the nearest passage: notesqa open {shlex.quote(place)}" if place else ""
        raise OpeningError(
            f"There is no citation {number}: the last question, “{asked.question}”, {cites}"
            f"{nearest if not asked.cited else ''}."
        )
    spot = asked.cited[number - 1]
    return Reference(spot.document, spot.span, spot.words, asked.question)


def _known(said: str, names: Mapping[str, str]) -> str | None:
    """Returns the document of that path, or the only one whose path ends with it."""
    if said in names:
        return said
    ending = [name for name in names if name.endswith(f"/{said}")]
    return ending[0] if len(ending) == 1 else None


def _span(note: Note, said: Mapping[str, str]) -> Span:
    """Returns the span of a line, of characters, or of a named place.

    Raises:
        OpeningError: the note has no such place.
    """
    if "line" in said:
        if note.places.kind is not PlaceKind.LINE:
            kind = note.places.kind
            one = note.places.listed[0].name if note.places.listed else "1"
            raise OpeningError(
                f"{note.document} has {kind}s, no lines: name one as {note.document}#{kind}={one}."
            )
        lines = note.text.split("\n")
        number = int(said["line"])
        if number > len(lines):
            raise OpeningError(f"{note.document} has {len(lines)} lines, no line {number}.")
        start = sum(len(line) + 1 for line in lines[: number - 1])
        return Span(start, start + len(lines[number - 1].rstrip("\r")))
    if "start" in said:
        start, end = int(said["start"]), int(said["end"])
        if not start < end <= len(note.text):
            raise OpeningError(
                f"{note.document} has {len(note.text)} characters: {start}-{end} are none of them."
            )
        return Span(start, end)
    return _named(note, said["kind"], said["name"])


def _named(note: Note, kind: str, name: str) -> Span:
    places = note.places
    if kind == places.kind == PlaceKind.LINE and name.isdecimal() and int(name):
        return _span(note, {"line": name})
    listed = places.listed
    for number, place in enumerate(listed):
        if kind == places.kind and name in {place.name, place.name.partition(":")[0]}:
            end = listed[number + 1].start if number + 1 < len(listed) else len(note.text)
            said = note.text[place.start : end]
            return Span(place.start, place.start + max(len(said.rstrip()), 1))
    has = f"{len(listed)} {places.kind}{'' if len(listed) == 1 else 's'}" if listed else "lines"
    if kind != places.kind:
        one = f"{note.document}#{places.kind}={listed[0].name if listed else 1}"
        raise OpeningError(f"{note.document} has {has}, no {kind}: name one as {one}.")
    raise OpeningError(f"{note.document} has {has}, and no {kind} {name}.")


def target_of(reference: Reference, library: Library) -> Target:
    """Returns where to open what was named: where its words stand now.

    Raises:
        OpeningError: the file leads out of the notes.
        LibraryError: the note is no longer indexed, or the library is damaged.
    """
    note = library.note(reference.document)
    path = file_of(Path(library.settings.corpus), reference.document)
    if reference.span is None:
        return Target(note.document, path)
    span = located(note.text, reference.span, reference.words)
    if span is None:
        return Target(note.document, path, gone=True)
    target = Target(note.document, path, note.place(span), span, quote=span.of(note.text))
    if path is None:
        return target
    data = _read(path, int(library.settings.max_file_mb * 1e6))
    changed = sha256(data).hexdigest() != library.digests().get(note.document)
    return _in_file(replace(target, changed=changed), note, span, data)


def _in_file(target: Target, note: Note, span: Span, data: bytes) -> Target:
    """Returns the target with the page or line of its file."""
    kind = note.places.kind
    if kind is PlaceKind.PAGE:
        page = note.places.within(span).listed[0].name
        return replace(target, page=int(page) if page.isdecimal() else None)
    if kind is PlaceKind.LINE and not target.changed:
        return replace(target, line=note.text.count("\n", 0, span.start) + 1)
    if not target.is_text:
        return target
    line = _line_in(data.decode("utf-8", "replace"), span.of(note.text), span.start)
    return replace(target, line=line, gone=kind is PlaceKind.LINE and line is None)


def file_of(corpus: Path, document: str) -> Path | None:
    """Returns the file of a document, absolute; None where there is none.

    Raises:
        OpeningError: it is no regular file inside the corpus, or a link leads out.
    """
    within = os.path.realpath(corpus)
    path = os.path.realpath(os.path.join(within, document))
    if not Path(path).is_relative_to(within) or path == within:
        raise OpeningError(f"{document} leads out of the notes in {corpus}: it is not opened.")
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        raise OpeningError(f"{document} is no file any more: run notesqa index.")
    return Path(path)


def _read(path: Path, most: int) -> bytes:
    """Returns the first bytes of a file; none where it cannot be read: its editor will say so."""
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except OSError:
        return b""


def _line_in(text: str, quote: str, near: int) -> int | None:
    """Returns the line in which words begin, whatever white space is between them.

    They are also looked for as JSON writes them, in notebooks.

    Args:
        near: the character where they are expected.
    """
    words = quote.split()[:FIRST_WORDS]
    for wording in (words, [json.dumps(word)[1:-1] for word in words]):
        found = re.finditer(r"\s+".join(map(re.escape, wording)), text)
        starts = (one.start() for one in found)
        start = min(starts, key=lambda start: abs(start - near), default=None)
        if start is not None:
            return text.count("\n", 0, start) + 1
    return None
