"""A part of a note: a document and characters, or a place, come in, what stands there comes out.

A place is named as a citation names it: `page 3`, `slides 2–4`, `lines 12–14`, `cell 7`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag import Library, LibraryError, Note, PlaceKind, QuestionError, Span
from ui.render import in_a_line

MOST_CHARS = 20_000
"""Of one excerpt, some five thousand words; the rest is asked for by another."""

_LINES = re.compile(r"([0-9]{1,9})(?:\s*[–-]\s*([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What stands in a part of a note.

    Attributes:
        location: the part's place, as a citation would name it; empty where it is empty.
        start, end: in characters of the whole note, which has `length` of them.
    """

    document: str
    title: str
    location: str
    start: int
    end: int
    length: int
    text: str


def excerpt_of(
    library: Library, document: str, start: int = 0, end: int | None = None, place: str = ""
) -> Excerpt:
    """Returns a part of a note, cut at `MOST_CHARS`.

    Args:
        end: by default that of the note.
        place: stands in for start and end.

    Raises:
        QuestionError: there is no such note, or no such place in it.
        LibraryError: there is no library, or it is damaged.
    """
    try:
        note = library.note(document)
    except LibraryError as error:
        if document in library.titles():
            raise
        raise QuestionError(
            f"{in_a_line(document)} is not in the library: give a document as a citation names it."
        ) from error
    length = len(note.text)
    if place:
        asked = _span_of(note, place)
    else:
        first = min(start, length)
        asked = Span(first, max(first, length if end is None else min(end, length)))
    span = Span(asked.start, min(asked.end, asked.start + MOST_CHARS))
    text = span.of(note.text)
    location = note.place(span) if text else ""
    return Excerpt(note.document, note.title, location, span.start, span.end, length, text)


def _span_of(note: Note, place: str) -> Span:
    kind = note.places.kind
    said = re.sub(rf"^{kind.value}s?\b", "", place.strip(), flags=re.IGNORECASE).strip()
    found = _lines(note.text, said) if kind is PlaceKind.LINE else _listed(note, said)
    if found is None:
        names = [named.name for named in note.places.listed]
        first, last = (
            (names[0], names[-1]) if names else ("1", str(note.text.rstrip("\n").count("\n") + 1))
        )
        raise QuestionError(
            f"{in_a_line(note.document)} has no place {in_a_line(place)}: its {kind.value}s are "
            f"{in_a_line(first)} to {in_a_line(last)}."
        )
    return found


def _lines(text: str, said: str) -> Span | None:
    numbers = _LINES.fullmatch(said)
    if not numbers:
        return None
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    first, last = int(numbers[1]), int(numbers[2] or numbers[1])
    if not 1 <= first <= last <= len(lines):
        return None
    start = len("".join(lines[: first - 1]))
    return Span(start, start + len("".join(lines[first - 1 : last])))


def _listed(note: Note, said: str) -> Span | None:
    """Returns where listed places stand: one, or from one to another."""
    listed = note.places.listed
    names = [place.name for place in listed]
    if said in names:
        first = last = names.index(said)
    else:
        # As `Places.name` says it: a sheet once, times from one cue's first to another's last.
        joined = "–".join(part.strip() for part in re.split("[–-]", said))
        begin, _, end = joined.partition("–")
        ends = {end, f"{begin.rpartition('!')[0]}!{end}"}
        firsts = [n for n, name in enumerate(names) if begin in {name, name.partition("–")[0]}]
        lasts = [n for n, name in enumerate(names) if ends & {name, name.rpartition("–")[2]}]
        if not firsts or not lasts or lasts[-1] < firsts[0]:
            return None
        first, last = firsts[0], lasts[-1]
    end_at = listed[last + 1].start if last + 1 < len(listed) else len(note.text)
    return Span(listed[first].start, end_at)
