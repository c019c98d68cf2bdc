"""Pages of PDF notes as pictures, with the areas of cited words.

In: a note, the digest of the bytes that it was indexed from, the number of a page and a span. Out:
a `Picture`. The file is read again as for indexing, and drawn only where its bytes are those that
were indexed; it is drawn in a process of its own for each page, which costs .3 s of processor time
(median of 12 pages of a paper), and kept.
"""

from __future__ import annotations

import hashlib
import struct
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from rag.areas import areas_of
from rag.config import Settings
from rag.documents import Limits, Loaders, find_file, read, suffix_of
from rag.errors import DocumentError, WorkerError
from rag.types import Area, Drawn, Note, Picture, Span

SECONDS = 10.0
"""For a page; those of books take a tenth of a second."""

KEPT_BYTES = 64_000_000
"""Of pictures and letters: some 300 pages of text."""

_ANY = 0
"""The number under which the failure of every page that is not kept is kept."""

_FAILURE_BYTES = 1_000
"""What a failure counts as."""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A page as it is kept; `drawn` has no pixels."""

    png: bytes
    drawn: Drawn

    @property
    def size(self) -> int:
        return len(self.png) + 12 * len(self.drawn.letters)


class Pictures:
    """Draws pages, one at a time, and keeps the last ones. May be called from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: OrderedDict[tuple[str, int], _Sheet | DocumentError] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._drawing = threading.Lock()

    def of(
        self, note: Note, digest: str, number: int, marks: Span | None, *, drawn: bool = False
    ) -> Picture:
        """Returns a page, from 1, and where on it the marked words stand.

        Raises:
            DocumentError: the note is no PDF (`no picture`), there is no such page (`no page`), its
                file is gone or not what was indexed (`changed`) or may not be read, the page
                cannot be drawn within its limits, or one of its document could not be in its time
                (`too slow`); with `drawn`, it is not among those that were drawn (`not drawn`).
        """
        if suffix_of(note.document) != ".pdf":
            raise DocumentError("no picture", "has no pages that could be drawn: it is no PDF")
        last = int(note.places.listed[-1].name)
        if not 1 <= number <= last:
            raise DocumentError("no page", f"has {last} pages, and none that is number {number}")
        sheet = self._sheet(note.document, digest, number, drawn)
        page = sheet.drawn
        return Picture(
            *(sheet.png, page.width, page.height),
            _areas(note, number, page, marks) if marks else (),
            f"{digest[:16]}-{number}",
        )

    def _sheet(self, document: str, digest: str, number: int, drawn: bool) -> _Sheet:
        found = self._find(digest, number)
        if found is None and drawn:
            raise DocumentError("not drawn", "is not drawn yet")
        if found is None:
            with self._drawing:
                # Another thread may have drawn it meanwhile.
                found = self._find(digest, number) or self._draw(document, digest, number)
        if isinstance(found, DocumentError):
            raise DocumentError(found.reason, str(found))
        return found

    def _find(self, digest: str, number: int) -> _Sheet | DocumentError | None:
        with self._lock:
            if (digest, number) in self._kept:
                self._kept.move_to_end((digest, number))
            return self._kept.get((digest, number)) or self._kept.get((digest, _ANY))

    def _draw(self, document: str, digest: str, number: int) -> _Sheet | DocumentError:
        data = self._data(document, digest)
        limits = Limits(
            min(SECONDS, self._settings.max_file_seconds), self._settings.max_file_memory_mb
        )
        made: _Sheet | DocumentError
        try:
            with Loaders(limits) as loaders:
                drawn = loaders.draw(document, data, number)
            made = _Sheet(
                png(drawn),
                Drawn(drawn.width, drawn.height, b"", drawn.letters, drawn.boxes),
            )
        except WorkerError as error:
            why = "the process that draws cannot be started, notesqa doctor says more"
            raise DocumentError("no picture", why) from error
        except DocumentError as error:  # kept too, so that what is slow is slow once
            made = error
            if error.reason == "too slow":  # so would others be, one after the other
                number = _ANY
        self._keep((digest, number), made)
        return made

    def _keep(self, key: tuple[str, int], made: _Sheet | DocumentError) -> None:
        with self._lock:
            self._kept[key] = made
            self._bytes += _size(made)
            while self._bytes > KEPT_BYTES:
                self._bytes -= _size(self._kept.popitem(last=False)[1])

    def _data(self, document: str, digest: str) -> bytes:
        """Returns the bytes that were indexed, from the file where they were found."""
        corpus = Path(self._settings.corpus)
        file = find_file(corpus, document)
        if file is None:
            raise DocumentError("changed", "its file is no longer among the notes")
        data = read(file, int(self._settings.max_file_mb * 1e6), corpus)
        if hashlib.sha256(data).hexdigest() != digest:
            raise DocumentError("changed", "its file has changed since it was indexed")
        return data


def _size(made: _Sheet | DocumentError) -> int:
    return made.size if isinstance(made, _Sheet) else _FAILURE_BYTES


def _areas(note: Note, number: int, drawn: Drawn, marks: Span) -> tuple[Area, ...]:
    starts = [place.start for place in note.places.listed] + [len(note.text)]
    for at, place in enumerate(note.places.listed):
        page = Span(place.start, starts[at + 1])
        if place.name == str(number) and page.overlap(marks):
            here = Span(
                max(marks.start, page.start) - page.start, min(marks.end, page.end) - page.start
            )
            return areas_of(drawn, page.of(note.text), here)
    return ()


def png(drawn: Drawn) -> bytes:
    """Returns a picture as PNG, in greys where it has no colour.

    Formats of pieces and filter 0 are those of ISO/IEC 15948.
    """
    red, green, blue = (drawn.pixels[channel::3] for channel in range(3))
    grey = red == green == blue
    pixels, row = (red, drawn.width) if grey else (drawn.pixels, 3 * drawn.width)
    rows = b"".join(b"\0" + pixels[at : at + row] for at in range(0, len(pixels), row))
    kind = 0 if grey else 2
    head = struct.pack(">IIBBBBB", drawn.width, drawn.height, 8, kind, 0, 0, 0)
    pieces = (b"IHDR", head), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in pieces
    )
