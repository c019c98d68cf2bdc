from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from conftest import ROOT, WordLengths
from numpy.typing import NDArray

from rag import Library, Settings, indexing
from rag.documents import Loaders, reading
from rag.documents.reading import open_regular
from rag.documents.records import Record
from rag.errors import CorpusError
from rag.store import Part, Store
from rag.tokens import Packed
from rag.types import Chunk, Document, Signature

LONG_AGO = 10**18
"""A time of change, in nanoseconds, that no reading is near to."""


class Counted(WordLengths):
    """Also counts the calls."""

    def __init__(self, fingerprint: str = "word-lengths-1") -> None:
        super().__init__(fingerprint)
        self.counted = 0
        self.batches: list[tuple[str, list[str]]] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        self.counted += 1
        return super().count_tokens(texts)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.batches.append(("units", list(texts)))
        return super().embed_passages(texts)

    def read_passages(self, texts: Sequence[str]) -> list[Packed]:
        self.batches.append(("chunks", list(texts)))
        return super().read_passages(texts)


class Unloaded(WordLengths):
    """A model that may be asked what it is, and nothing that would load it."""

    def _refuse(self, *_: object) -> Any:
        raise AssertionError("the model was loaded")

    count_tokens = whole_words = embed_passages = read_passages = read_queries = _refuse
    max_tokens = property(_refuse)  # type: ignore[assignment]


class Notes:
    """A folder of notes, and a count of the files opened."""

    def __init__(self, folder: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self.folder = folder
        self.library = library
        self.opened: list[str] = []

        def opening(path: str) -> BinaryIO:
            self.opened.append(Path(path).name)
            return open_regular(path)

        monkeypatch.setattr(reading, "open_regular", opening)

    def write(self, name: str, text: str, mtime_ns: int = LONG_AGO) -> None:
        file = self.folder / name
        file.write_bytes(text.encode())
        os.utime(file, ns=(mtime_ns, mtime_ns))

    def index(self, embedder: WordLengths | None = None, **settings: Any) -> Any:
        """Returns the manifest; `opened` is what this run opened."""
        self.opened.clear()
        named = Settings(library=str(self.library), corpus=str(self.folder), **settings)
        return Library(named, embedder or WordLengths()).index()

    def store(self) -> Store:
        return Store(self.library)


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notes:
    notes = Notes(tmp_path / "notes", tmp_path / "library", monkeypatch)
    notes.write(
        "otters.md", "# Otters\n\nOtters eat crabs at night.\n\nThey sleep on their backs.\n"
    )
    notes.write("badgers.md", "# Badgers\n\nBadgers dig setts beneath hedges.\n")
    notes.write("herons.md", "# Herons\n\nHerons stand motionless for hours.\n")
    return notes


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# What is opened


def test_a_run_with_nothing_changed_opens_no_file_and_loads_no_model(notes: Notes) -> None:
    notes.write("blank.md", " \n")
    notes.write("noise.txt", "\0\0")
    notes.write("slides.ppt", "slides")
    first = notes.index()
    assert sorted(notes.opened) == [
        *("badgers.md", "blank.md", "herons.md", "noise.txt", "otters.md")
    ]
    before = contents(notes.library)
    again = notes.index(Unloaded())
    assert notes.opened == []
    assert (again.indexed, again.embedded, again.generation) == ((), 0, first.generation)
    assert again.unchanged == first.indexed == ("badgers.md", "herons.md", "otters.md")
    assert again.skipped == first.skipped and len(first.skipped) == 3
    assert contents(notes.library) == before


def test_only_files_that_look_changed_are_opened(notes: Notes) -> None:
    notes.index()
    notes.write("otters.md", "# Otters\n\nOtters eat mussels.\n", LONG_AGO + 1)
    notes.write("voles.md", "Voles nibble roots.")
    manifest = notes.index()
    assert notes.opened == ["otters.md", "voles.md"]
    assert (manifest.indexed, manifest.unchanged) == (
        ("otters.md", "voles.md"),
        ("badgers.md", "herons.md"),
    )


def test_a_file_of_the_same_bytes_is_only_noted_anew(notes: Notes) -> None:
    notes.index()
    text = (notes.folder / "otters.md").read_text(encoding="utf-8")
    notes.write("otters.md", text, LONG_AGO + 5_000)
    state = notes.store().meta()
    manifest = notes.index(Unloaded())
    assert notes.opened == ["otters.md"]
    assert (manifest.indexed, manifest.unchanged) == (
        (),
        ("badgers.md", "herons.md", "otters.md"),
    )
    with closing(notes.store()) as store:
        assert store.meta() == state
        assert store.signatures()["otters.md"] == Signature(len(text), LONG_AGO + 5_000)
    notes.index(Unloaded())
    assert notes.opened == []


@pytest.mark.parametrize(
    ("text", "mtime_ns"),
    [("Otters eat crabs?", LONG_AGO + 1), ("Otters eat", LONG_AGO), ("Otters.", LONG_AGO - 9)],
    ids=["same size, later", "another size, same time", "earlier"],
)
def test_size_and_time_both_tell(notes: Notes, text: str, mtime_ns: int) -> None:
    notes.write("otters.md", "Otters eat crabs.")
    notes.index()
    notes.write("otters.md", text, mtime_ns)
    assert notes.index().indexed == ("otters.md",)


def test_a_file_changed_right_before_it_was_read_is_read_again(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 2 * LONG_AGO
    monkeypatch.setattr(time, "time_ns", lambda: now)
    racy = {
        "now.md": now,
        "future.md": now + 10**12,
        "just.md": now - indexing.RACY_NS + 1,
        "settled.md": now - indexing.RACY_NS,
    }
    for name, mtime_ns in racy.items():
        notes.write(name, f"The note {name} is so.", mtime_ns)
    notes.index()
    # Changed within the same tick of the file system's clock, and to the same size.
    notes.write("now.md", "The note now.md is no.", now)
    now += 10**10
    assert notes.index().indexed == ("now.md",)
    assert notes.opened == ["future.md", "just.md", "now.md"]
    notes.index()
    assert notes.opened == ["future.md"]


def test_what_was_made_otherwise_is_read_again(notes: Notes) -> None:
    class Halved(WordLengths):
        precision = "half"

    everything = ["badgers.md", "herons.md", "otters.md"]
    notes.index()
    for embedder, tokens in (
        (WordLengths("word-lengths-2"), 128),
        (WordLengths("word-lengths-2"), 64),
        (Halved("word-lengths-2"), 64),
    ):
        manifest = notes.index(embedder, chunk_tokens=tokens)
        assert notes.opened == everything == list(manifest.indexed)
        notes.index(embedder, chunk_tokens=tokens)
        assert notes.opened == []


def test_what_was_skipped_is_looked_at_again_when_it_or_the_limit_changed(notes: Notes) -> None:
    notes.write("blank.md", "")
    notes.write("big.md", "words " * 2000)
    assert [s.document for s in notes.index(max_file_mb=0.01).skipped] == ["big.md", "blank.md"]
    notes.index(Unloaded(), max_file_mb=0.01)
    assert notes.opened == ["big.md"]  # how large it is tells the file that was opened
    assert notes.index(max_file_mb=1).indexed == ("big.md",)
    assert notes.opened == ["big.md"]
    notes.write("blank.md", "No more.")
    assert notes.index(max_file_mb=1).indexed == ("blank.md",)
    # A file that is too large now is skipped, however long it was known.
    manifest = notes.index(max_file_mb=0.01)
    assert [s.document for s in manifest.skipped] == ["big.md"]
    assert "big.md" not in manifest.unchanged


def test_a_file_that_could_not_be_read_is_tried_again(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:

    def denied(path: str) -> BinaryIO:
        if path.endswith("otters.md"):
            raise PermissionError(13, "Permission denied")
        return open_regular(path)

    with monkeypatch.context() as context:
        context.setattr(reading, "open_regular", denied)
        assert [s.reason for s in notes.index().skipped] == ["unreadable"]
    assert notes.index().indexed == ("otters.md",)  # its size and time are what they were


def test_records_are_known_by_their_content_alone(tmp_path: Path) -> None:
    records = [Record("a", "One", "Otters eat crabs."), Record("b", "", "Herons stand.")]
    library = Library(Settings(library=str(tmp_path)), WordLengths())
    library.index_sources(records, "records")
    before = contents(tmp_path)
    again = Library(library.settings, Unloaded()).index_sources(records, "records")
    assert again.unchanged == ("a", "b")
    assert contents(tmp_path) == before
    changed = [records[0], Record("b", "", "Herons stare.")]
    assert library.index_sources(changed, "records").indexed == ("b",)


# What is embedded


def test_an_edited_paragraph_embeds_what_holds_it_and_nothing_else(notes: Notes) -> None:
    paragraphs = [
        f"Paragraph {number} is about thing {number}. It says a little more." for number in range(9)
    ]
    notes.write("long.md", "\n\n".join(["# Long", *paragraphs]))
    notes.index(chunk_tokens=32)
    paragraphs[4] = paragraphs[4].replace("a little more", "a little less")
    notes.write("long.md", "\n\n".join(["# Long", *paragraphs]), LONG_AGO + 1)
    manifest = notes.index(embedder := Counted(), chunk_tokens=32)
    # Its chunk, and the sentence that was changed.
    assert [kind for kind, _ in embedder.batches] == ["chunks", "units"]
    assert [len(texts) for _, texts in embedder.batches] == [1, 1]
    assert all("a little less" in text for text in embedder.embedded)
    assert manifest.embedded == 2


def test_a_window_is_embedded_longest_first_in_lists_of_bounded_length(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "TEXTS_AT_ONCE", 5)
    for number in range(7):
        notes.write(f"{number}.md", f"Note {number} says this. {'And more. ' * number}\n")
    manifest = notes.index(embedder := Counted())
    for kind in ("chunks", "units"):
        batches = [texts for name, texts in embedder.batches if name == kind]
        assert all(len(texts) == 5 for texts in batches[:-1]) and len(batches[-1]) <= 5
        lengths = [len(text) for texts in batches for text in texts]
        assert lengths == sorted(lengths, reverse=True)
    assert manifest.embedded == len(embedder.embedded) == len(set(embedder.embedded))


def test_no_call_to_the_embedder_is_long(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "CHARS_AT_ONCE", 100)
    for number in range(7):
        notes.write(f"{number}.md", f"Note {number} says this. {'And more. ' * number}\n")
    notes.index(embedder := Counted())
    for kind in ("chunks", "units"):
        batches = [texts for name, texts in embedder.batches if name == kind]
        assert all(sum(map(len, texts[:-1])) < 100 for texts in batches)
        assert all(sum(map(len, texts)) >= 100 for texts in batches[:-1]) and len(batches) > 1


# Windows


def staged(
    sources: Sequence[Record], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[list[Part]]:
    """Returns the windows in which sources reach the store."""
    windows: list[list[Part]] = []
    stage = Store.stage

    def watched(self: Store, parts: list[Part], *others: Any) -> None:
        windows.append(parts)
        stage(self, parts, *others)

    with monkeypatch.context() as context:
        context.setattr(Store, "stage", watched)
        Library(Settings(library=str(folder), chunk_tokens=32), WordLengths()).index_sources(
            sources, "records"
        )
    return windows


def paragraphs(number: int) -> Iterator[str]:
    return (f"Paragraph {i} of record {number} says {'so ' * i}." for i in range(number))


RECORDS = [Record(f"r{n}", f"Record {n}", "\n\n".join(paragraphs(n))) for n in (1, 30, 2, 3, 1, 25)]
RECORDS[4] = Record("r4", "", "---\n\n---")  # a document without a block


@pytest.mark.parametrize(
    ("bound", "value"), [("WINDOW_TEXTS", 1), ("WINDOW_TEXTS", 20), ("WINDOW_CHARS", 2_000)]
)
def test_windows_are_bounded_and_hold_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    (whole,) = staged(RECORDS, tmp_path / "whole", monkeypatch)
    monkeypatch.setattr(indexing, bound, value)
    windows = staged(RECORDS, tmp_path / "parts", monkeypatch)
    assert len(windows) > 5
    for parts in windows:
        chunks = [chunk for part in parts for chunk in part.chunks]
        # The last chunk reaches the bound.
        texts = [item.embedded for chunk in chunks[:-1] for item in (chunk, *chunk.units)]
        assert len(texts) < indexing.WINDOW_TEXTS
        assert sum(len(text) for text in texts) < indexing.WINDOW_CHARS
    joined: dict[str, list[Chunk]] = {}
    for part in [part for parts in windows for part in parts]:
        assert part.first == len(joined.setdefault(part.document.path, []))
        joined[part.document.path] += part.chunks
    assert joined == {part.document.path: part.chunks for part in whole}
    with closing(Store(tmp_path / "whole")) as one, closing(Store(tmp_path / "parts")) as other:
        for rows in ("token_rows", "digests", "titles", "counts", "problems"):
            assert said(one, rows) == said(other, rows)
        assert [row[2:] for row in one.chunk_rows()] == [row[2:] for row in other.chunk_rows()]
        assert [row[1] for row in one.unit_rows()] == [row[1] for row in other.unit_rows()]


def said(store: Store, method: str) -> object:
    found = getattr(store, method)()
    return found if isinstance(found, dict | tuple | list) else list(found)


def test_nothing_is_seen_before_everything_is_there(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes.index()
    monkeypatch.setattr(indexing, "WINDOW_TEXTS", 1)
    for name in ("otters", "badgers", "voles"):
        notes.write(f"{name}.md", f"This is new about {name}.", LONG_AGO + 1)
    reader = notes.store()
    seen: list[object] = []

    class Watching(WordLengths):
        def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
            seen.append((reader.digests(), reader.generation, reader.counts()))
            return super().embed_passages(texts)

    before = (reader.digests(), reader.generation, reader.counts())
    notes.index(Watching())
    assert len(seen) == 3 and all(state == before for state in seen)
    assert (reader.generation, len(reader.digests())) == (2, 4)
    reader.close()


class Stops(WordLengths):
    """Is interrupted at the units of the second window."""

    calls = 0

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt
        return super().embed_passages(texts)


def test_what_an_interrupted_run_staged_never_becomes_current_by_itself(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes.index()
    monkeypatch.setattr(indexing, "WINDOW_TEXTS", 1)
    notes.write("a.md", "This was staged and then thought better of.")
    notes.write("otters.md", "Otters are new.", LONG_AGO + 1)
    with pytest.raises(KeyboardInterrupt):
        notes.index(Stops())
    (notes.folder / "a.md").unlink()
    manifest = notes.index()
    assert (manifest.indexed, manifest.removed) == (("otters.md",), ())
    with closing(notes.store()) as store:
        assert set(store.titles()) == {"badgers.md", "herons.md", "otters.md"}


def test_an_interrupted_run_is_tidied_up_by_one_that_changes_nothing(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes.index()
    before = rows_in(notes)
    monkeypatch.setattr(indexing, "WINDOW_TEXTS", 1)
    notes.write("a.md", "This was staged.\n\n" * 50)
    notes.write("z.md", "This was not.")
    with pytest.raises(KeyboardInterrupt):
        notes.index(Stops())
    assert rows_in(notes) != before
    for name in ("a.md", "z.md"):
        (notes.folder / name).unlink()
    assert notes.index(Unloaded()).generation == 1
    assert rows_in(notes) == before


def rows_in(notes: Notes) -> list[int]:
    """Returns how many rows there are, whether readers see them or not."""
    with closing(notes.store()) as store:
        tables = ("documents", "chunks", "units", "vectors", "staged", "stale", "loose")
        return [store._value(f"SELECT count(*) FROM {name}") for name in tables]


def test_notes_that_hold_nothing_any_more_are_told_and_gone(notes: Notes) -> None:
    notes.index()
    for file in notes.folder.iterdir():
        notes.write(file.name, "", LONG_AGO + 1)
    with pytest.raises(CorpusError, match="badgers.md: holds no text .2 more: notesqa status"):
        notes.index()
    library = Library(Settings(library=str(notes.library)), WordLengths())
    status = library.status()
    assert (status["indexed"], status["chunks"]) == (0, 0)
    assert [item["reason"] for item in status["skipped"]] == ["empty"] * 3
    assert not library.ask("What do otters eat?").answered
    assert all(check.ok for check in library.doctor())


def test_why_all_notes_are_read_anew_is_said(
    notes: Notes, caplog: pytest.LogCaptureFixture
) -> None:
    class Other(WordLengths):
        precision = "less exact"

    notes.write("a.md", "Otters eat crabs.\n")
    with caplog.at_level("INFO", logger="rag.indexing"):
        notes.index()
        assert notes.index().embedded == 0
        assert caplog.messages == []
        assert notes.index(Other()).embedded > 2
    assert caplog.messages == ["All notes are read anew: another precision."]


# Progress


def shares(seen: list[tuple[str, int, int]]) -> list[float]:
    """Returns the shares that were told, checked to be of one bar that never moves back."""
    assert {stage.partition(":")[0] for stage, _, _ in seen} == {"Indexing"}
    assert len({whole for _, _, whole in seen}) == 1
    told = [done / whole for _, done, whole in seen]
    assert told == sorted(told)
    assert told[-1] == 1 and all(share < 1 for share in told[:-1])
    return told


def test_progress_moves_inside_one_long_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "WINDOW_TEXTS", 20)
    monkeypatch.setattr(indexing, "TEXTS_AT_ONCE", 5)
    seen: list[tuple[str, int, int]] = []
    library = Library(Settings(library=str(tmp_path), chunk_tokens=32), WordLengths())
    library.index_sources([RECORDS[1]], "records", lambda *report: seen.append(report))
    assert len(set(shares(seen))) > 8


def test_progress_ends_complete_where_nothing_is_split(notes: Notes) -> None:
    notes.index()
    notes.write("blank.md", "  \n")
    for name in ("otters.md", "herons.md"):
        notes.write(name, (notes.folder / name).read_text(encoding="utf-8"), LONG_AGO + 1)
    settings = Settings(library=str(notes.library), corpus=str(notes.folder))
    for told in (3, 0):  # the second time, nothing is opened
        seen: list[tuple[str, int, int]] = []
        Library(settings, Unloaded()).index(progress=lambda *report: seen.append(report))  # noqa: B023
        assert len(shares(seen)) == told + 1


def test_a_file_that_takes_long_is_named(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "SLOW_SECONDS", 0.05)
    load = Loaders.load

    def slow(self: Loaders, path: str, data: bytes) -> Document:
        if path == "herons.md":
            time.sleep(0.5)
        return load(self, path, data)

    monkeypatch.setattr(Loaders, "load", slow)
    seen: list[tuple[str, int, int]] = []
    settings = Settings(library=str(notes.library), corpus=str(notes.folder))
    Library(settings, WordLengths()).index(progress=lambda *report: seen.append(report))
    assert "Indexing: reading herons.md" in {stage for stage, _, _ in seen}
    shares(seen)


# Memory

SCRIPT = """
import re, sys
from pathlib import Path
import numpy as np
from conftest import WordLengths
from rag import Library, Settings
from rag.documents import load
from rag.tokens import Packed, pack
from rag.types import Signature

folder, megabytes = sys.argv[1], int(sys.argv[2])
SAID = "Sentence {} of part {} in note {} tells " + "what there is to tell of it, " * 8 + "so."

class Generated:
    def __init__(self, number):
        self.path = f"{number:06}.md"
        self.number = number

    def signature(self):
        return Signature(len(self.read()))

    def read(self):
        parts = (
            f"## Part {part} of {self.number}\\n\\n"
            + " ".join(SAID.format(i, part, self.number) for i in range(4))
            for part in range(20)
        )
        return "\\n\\n".join(parts).encode()

    def document(self, data):
        peaks[self.number] = peak()
        return load(self.path, data)

class Flat(WordLengths):
    def embed_passages(self, texts):
        return np.ones((len(texts), 16), np.float32)

    def read_passages(self, texts):
        return [flat for _ in texts]

flat = Packed(np.ones(16, np.float32), pack(np.ones(200, np.int32), np.ones((200, 16))))
peaks = {}

def peak():
    # Not ru_maxrss: that begins with what the process that started this one took.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 1000

size = len(Generated(0).read())
sources = [Generated(number) for number in range(megabytes * 1_000_000 // size)]
manifest = Library(Settings(library=folder), Flat()).index_sources(sources, "x")
print(manifest.chunks, peaks[5_000_000 // size], peaks[len(sources) - 1], peak())
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    megabytes = int(os.environ.get("INDEXED_MB", "20"))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "library"), str(megabytes)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True,
        encoding="utf-8",
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    chunks, first, last, derived = (float(number) for number in done.stdout.split())
    print(f"{megabytes} MB, {chunks:.0f} chunks, {last:.0f} MB, {derived:.0f} with the indexes")
    assert chunks > 500 * megabytes
    # The first 5 MB of notes are some four windows; the 15 MB after them took 0.4 MB more.
    # With everything in one window, it was 48 MB more.
    assert last - first < 10
    # 106 MB for 20 MB of notes, 174 MB for 200 MB, which are searched in lists made in memory.
    assert derived < 220
