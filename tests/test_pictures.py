from __future__ import annotations

import os
import struct
import threading
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import WordLengths
from making_pdf import PageText, pdf

from rag import DocumentError, Library, Picture, Settings, Span
from rag import pictures as module
from rag.documents import Limits, Loaders
from rag.documents.pdf.drawing import MOST_HEIGHT, WIDTH, draw
from rag.documents.sandbox.frames import drawn_from, sheet_of
from rag.errors import WorkerError
from rag.pictures import png
from rag.types import Drawn

LINES = [
    "Owls hunt at night, because their eyes ga-",
    "ther more light than ours. They sleep by",
    "day in hollow trees.",
]
PAGES: list[PageText] = [
    [(72, 72, "Owls"), *((72, 100 + 14 * at, line) for at, line in enumerate(LINES))],
    "",
    "A third page about mice.",
]
QUOTE = "Owls hunt at night, because their eyes gather\nmore light than ours."


class Shelf:
    """A folder of notes, and the library that is made of it."""

    def __init__(self, folder: Path, embedder: WordLengths) -> None:
        self.notes = folder / "notes"
        self.notes.mkdir()
        self.settings = Settings(library=str(folder / "lib"), corpus=str(self.notes))
        self.embedder = embedder

    def put(self, **files: bytes) -> Library:
        for name, data in files.items():
            (self.notes / f"{name}.pdf").write_bytes(data)
        return self.library()

    def library(self) -> Library:
        library = Library(self.settings, self.embedder)
        library.index()
        return library


@pytest.fixture
def shelf(tmp_path: Path, embedder: WordLengths) -> Shelf:
    return Shelf(tmp_path, embedder)


def greys(picture: Picture) -> list[bytes]:
    """Returns the rows of a picture without colour."""
    width, height, depth, kind = struct.unpack(">IIBB", picture.data[16:26])
    assert (width, height, depth, kind) == (picture.width, picture.height, 8, 0)
    length = struct.unpack(">I", picture.data[33:37])[0]
    rows = zlib.decompress(picture.data[41 : 41 + length])
    return [rows[at + 1 : at + 1 + width] for at in range(0, len(rows), width + 1)]


def refused(library: Library, document: str, number: int = 1) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        library.page_picture(document, number)
    return caught.value


def test_the_marked_area_holds_the_ink_of_the_cited_words_and_no_other(shelf: Shelf) -> None:
    library = shelf.put(owls=pdf(PAGES))
    text = library.source("owls.pdf")
    start = text.index(QUOTE)
    picture = library.page_picture("owls.pdf", 1, Span(start, start + len(QUOTE)))
    assert (picture.width, len(picture.areas)) == (WIDTH, 2)
    rows = greys(picture)
    ink = {(x, y) for y, row in enumerate(rows) for x, grey in enumerate(row) if grey < 128}
    within: list[set[tuple[int, int]]] = []
    for area in picture.areas:
        left, right = area.left * picture.width - 1, area.right * picture.width + 1
        top, bottom = area.top * picture.height - 1, area.bottom * picture.height + 1
        within.append({(x, y) for x, y in ink if left <= x <= right and top <= y <= bottom})
    # All of the first line is cited, and of the second the words before "They".
    scale = WIDTH / 612
    first = {(x, y) for x, y in ink if 90 * scale < y < 103 * scale}
    second = {(x, y) for x, y in ink if 104 * scale < y < 117 * scale}
    assert first and within[0] == first
    assert within[1] < second and len(within[1]) > 0.5 * len(second)
    rest = min(x for x, _ in second - within[1])
    assert rest > max(x for x, _ in within[1]) + 3


def test_words_of_another_page_are_not_marked_on_this(shelf: Shelf) -> None:
    library = shelf.put(owls=pdf(PAGES))
    start = library.source("owls.pdf").index("A third page")
    assert library.page_picture("owls.pdf", 1, Span(start, start + 7)).areas == ()
    assert len(library.page_picture("owls.pdf", 3, Span(start, start + 7)).areas) == 1


def test_a_page_turned_or_cut_has_its_areas_where_the_words_are_seen(shelf: Shelf) -> None:
    plain = pdf(["Owls hunt."]).replace(b"/MediaBox[0 0 612 792]", b"/MediaBox[0 396 612 792]")
    turned = plain.replace(b"/Type/Page/", b"/Rotate 90/Type/Page/")
    library = shelf.put(cut=plain, turned=turned)
    found = {}
    for name in ("cut", "turned"):
        picture = library.page_picture(f"{name}.pdf", 1, Span(0, 10))
        (area,) = picture.areas
        inked = [
            (x / picture.width, y / picture.height)
            for y, row in enumerate(greys(picture))
            for x, grey in enumerate(row)
            if grey < 128
        ]
        assert inked
        for x, y in inked:
            assert area.left - 0.01 < x < area.right + 0.01
            assert area.top - 0.01 < y < area.bottom + 0.01
        found[name] = picture.width > picture.height
    assert found == {"cut": True, "turned": False}


@pytest.mark.parametrize("number", [0, -1, 4, 2**53])
def test_a_page_that_is_not_there_starts_nothing(
    shelf: Shelf, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shelf.put(owls=pdf(PAGES))
    monkeypatch.delattr(Loaders, "draw")
    assert refused(library, "owls.pdf", number).reason == "no page"
    with pytest.raises(DocumentError):
        draw(pdf(PAGES), number)


def test_a_note_of_another_kind_has_no_picture(shelf: Shelf) -> None:
    (shelf.notes / "owls.md").write_text("Owls hunt.", encoding="utf-8")
    assert refused(shelf.library(), "owls.md").reason == "no picture"


def test_only_what_was_indexed_is_drawn(shelf: Shelf, tmp_path: Path) -> None:
    secret = tmp_path / "secret.pdf"
    secret.write_bytes(pdf(["A secret."]))
    library = shelf.put(owls=pdf(PAGES))
    file = shelf.notes / "owls.pdf"
    file.write_bytes(secret.read_bytes())
    assert refused(library, "owls.pdf").reason == "changed"
    file.unlink()
    assert refused(library, "owls.pdf").reason == "changed"
    file.symlink_to(secret)
    assert refused(library, "owls.pdf").reason == "outside"
    file.unlink()
    os.mkfifo(file)
    assert refused(library, "owls.pdf").reason == "unreadable"
    file.unlink()
    file.write_bytes(pdf(PAGES))
    (shelf.notes / ".notesqaignore").write_text("owls.pdf\n", encoding="utf-8")
    assert refused(library, "owls.pdf").reason == "changed"
    (shelf.notes / ".notesqaignore").unlink()
    assert library.page_picture("owls.pdf", 1).data


@pytest.mark.parametrize("box", [b"[0 0 99999 1]", b"[0 0 1 99999]", b"[0 0 99999 999999]"])
def test_a_monstrous_page_makes_a_picture_of_the_usual_size(box: bytes) -> None:
    data = pdf(["Owls."]).replace(b"[0 0 612 792]", box)
    with Loaders(Limits(10, memory_mb=600)) as loaders:
        drawn = loaders.draw("owls.pdf", data, 1)
    assert 1 <= drawn.width <= WIDTH and 1 <= drawn.height <= MOST_HEIGHT


def test_what_is_slow_is_stopped_and_slow_once(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shelf.put(owls=pdf(PAGES))
    monkeypatch.setattr(module, "SECONDS", 0.001)
    assert refused(library, "owls.pdf").reason == "too slow"
    monkeypatch.undo()
    assert refused(library, "owls.pdf").reason == "too slow"
    # Nor is time spent on its other pages.
    assert refused(library, "owls.pdf", 3).reason == "too slow"
    assert shelf.put(mice=pdf(["Mice."])).page_picture("mice.pdf", 1).data


def test_a_process_that_cannot_be_started_is_no_failure_of_the_page(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shelf.put(owls=pdf(PAGES))

    def failing(*_: object) -> Drawn:
        raise WorkerError("no memory")

    monkeypatch.setattr(Loaders, "draw", failing)
    assert refused(library, "owls.pdf").reason == "no picture"
    monkeypatch.undo()
    assert library.page_picture("owls.pdf", 1).data


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Lists the pages that were drawn."""
    drawn: list[int] = []
    real = Loaders.draw

    def counted(self: Loaders, path: str, data: bytes, number: int) -> Drawn:
        drawn.append(number)
        return real(self, path, data, number)

    monkeypatch.setattr(Loaders, "draw", counted)
    yield drawn


def test_a_page_is_drawn_once_for_all_who_ask_at_once(shelf: Shelf, drawings: list[int]) -> None:
    library = shelf.put(owls=pdf(PAGES))
    threads = [
        threading.Thread(target=library.page_picture, args=("owls.pdf", 1)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawings == [1]


def test_the_pages_looked_at_last_are_kept(
    shelf: Shelf, drawings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shelf.put(owls=pdf(["One.", "Two.", "Three."]))
    size = len(library.page_picture("owls.pdf", 1).data)
    monkeypatch.setattr(module, "KEPT_BYTES", int(2.7 * size))
    for number in (2, 1, 3, 1, 2):
        library.page_picture("owls.pdf", number)
    assert drawings == [1, 2, 3, 2]


def test_a_picture_with_colour_keeps_it() -> None:
    red, white = b"\xff\0\0", b"\xff\xff\xff"
    data = png(Drawn(2, 1, red + white, "", array("H")))
    assert data[24:26] == b"\x08\x02"
    assert zlib.decompress(data[41:-16]) == b"\0" + red + white


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ({"width": 2}, b""),
        ({"height": 10**9}, b""),
        ({"width": 0, "height": 0}, b""),
        ({"width": True}, b""),
        ({"letters": "ab"}, b""),
        ({"letters": "\ud800"}, b""),
        ({}, array("H", [5, 0, 4, 9]).tobytes()),
        ({}, array("H", [0, 9, 4, 5]).tobytes()),
        ({}, array("H", [0, 0, 10_001, 5]).tobytes()),
    ],
)
def test_what_cannot_be_a_page_is_not_believed(head: dict[str, object], body: bytes) -> None:
    box = array("H", [0, 0, 10_000, 10_000])
    said, sent = sheet_of(Drawn(1, 1, b"\0\0\0", "a", box))
    assert drawn_from(said, sent).boxes == box
    with pytest.raises((ValueError, TypeError)):
        drawn_from(said | head, sent[:3] + body if body else sent)
