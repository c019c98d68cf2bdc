from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import WordLengths
from numpy.typing import NDArray

from rag import Library, LibraryError, Reading, Settings, stamps
from rag.errors import LockedError
from rag.index import Engine, StaleIndexError, build, check, identity, left_over, open_engine
from rag.stamps import read_stamp
from rag.store import FILE, Store

DIM = 24

HALF = 5e-4
"""How far a cosine may be off by numbers of two bytes, which have eleven bits."""


class Scattered(WordLengths):
    """An embedder whose vectors point anywhere, the same text or word always the same way."""

    @staticmethod
    def _embed(text: str) -> NDArray[np.float32]:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        vector = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
        return vector / np.linalg.norm(vector)

    def _read(self, text: str) -> Reading:
        words = text.split()
        pieces = np.array([zlib.crc32(word.encode()) % 500 for word in words], dtype=np.int32)
        return Reading(self._embed(text), pieces, np.stack([self._embed(word) for word in words]))


def note(number: int) -> str:
    sections = (
        f"## Part {part}\n\n" + " ".join(f"Word{number} is here{i}." for i in range(part * 3))
        for part in range(1, 5)
    )
    return "\n\n".join([f"# Note {number}", *sections])


@pytest.fixture
def library(tmp_path: Path) -> Library:
    corpus = tmp_path / "notes"
    corpus.mkdir()
    for number in range(12):
        (corpus / f"{number}.md").write_text(note(number), encoding="utf-8")
    settings = Settings(library=str(tmp_path / "library"), corpus=str(corpus), chunk_tokens=32)
    library = Library(settings, Scattered())
    library.index()
    return library


@pytest.fixture
def store(library: Library) -> Iterator[Store]:
    with closing(Store(library.folder)) as store:
        yield store


def matrices(store: Store) -> tuple[NDArray[np.float32], NDArray[np.float32], list[int]]:
    """Returns the chunks' vectors, the units' vectors, and the row of each unit's chunk."""
    rows, units = list(store.chunk_rows()), list(store.unit_rows())
    row_of = {chunk_id: row for row, (chunk_id, *_) in enumerate(rows)}

    def matrix(vectors: Sequence[bytes]) -> NDArray[np.float32]:
        return np.stack([np.frombuffer(vector, dtype=np.float32) for vector in vectors])

    return (
        matrix([r[3] for r in rows]),
        matrix([u[1] for u in units]),
        [row_of[u[0]] for u in units],
    )


def results(engine: Engine) -> object:
    """Returns what an engine says, in a form that can be compared."""
    rows = np.arange(engine.size)
    said = []
    for text in ("word", "part of a note", "here3 word7"):
        reading = Scattered().read_queries([text])[0]
        query = reading.vector
        said.append(
            (
                engine.dense(query, 5).tolist(),
                engine.chunk_similarities(query, rows).tolist(),
                engine.best_unit_similarities(query, rows).tolist(),
                engine.token_similarities(reading, rows).tolist(),
                [engine.unit_similarities(query, row).tolist() for row in rows],
                engine.lexical(text.split(), 7),
            )
        )
    texts = [(engine.texts.chunk(row), engine.texts.units(row)) for row in rows.tolist()]
    return said, texts, engine.documents.tolist(), engine.size


def test_engine_finds_what_brute_force_finds(store: Store) -> None:
    engine = open_engine(store)
    chunks, units, _ = matrices(store)
    assert engine.search == "exact"
    assert engine.size == len(chunks) > 20 and len(units) > 2 * len(chunks)
    for number in range(20):
        query = Scattered().read_queries([f"question {number}"])[0].vector
        for k in (1, 3, 10):
            assert engine.dense(query, k).tolist() == np.argsort(-(chunks @ query))[:k].tolist()


def test_similarities_are_cosines_in_the_order_of_the_store(store: Store) -> None:
    engine = open_engine(store)
    chunks, units, owners = matrices(store)
    query = Scattered().read_queries(["what is it?"])[0].vector
    rows = np.array([5, 0, len(chunks) - 1, 5])
    np.testing.assert_allclose(
        engine.chunk_similarities(query, rows), chunks[rows] @ query, atol=HALF
    )
    for row in range(len(chunks)):
        expected = units[[u for u, owner in enumerate(owners) if owner == row]] @ query
        np.testing.assert_allclose(engine.unit_similarities(query, row), expected, atol=HALF)


def test_the_best_unit_is_the_best_of_a_loop_over_units(store: Store) -> None:
    with closing(Store(store.folder, write=True)) as writer:
        ids = [row[0] for row in writer.chunk_rows()]
        without = [0, 4, 5, len(ids) - 1]
        with sqlite3.connect(store.folder / FILE) as db:
            db.executemany("DELETE FROM units WHERE chunk = ?", [(ids[row],) for row in without])
        db.close()
        build(writer)
    engine = open_engine(store)
    _, units, owners = matrices(store)
    query = Scattered().read_queries(["what is it?"])[0].vector
    expected = np.full(engine.size, -1.0)
    for unit, row in zip(units, owners, strict=True):
        expected[row] = max(expected[row], float(unit @ query))
    assert [row for row in range(engine.size) if expected[row] == -1] == without
    for rows in ([*range(engine.size)], [*range(engine.size)][::-1], [3, 5, 2, 3], [4, 5], [0], []):
        found = engine.best_unit_similarities(query, np.array(rows, dtype=np.int64))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected[rows], atol=HALF)


def test_chunks_are_compared_with_each_other_in_the_order_asked_for(store: Store) -> None:
    engine = open_engine(store)
    chunks, _, _ = matrices(store)
    rows = np.array([7, 2, 0])
    np.testing.assert_allclose(engine.between(rows), chunks[rows] @ chunks[rows].T, atol=HALF)


def test_tokens_are_those_of_each_row(store: Store) -> None:
    engine = open_engine(store)
    texts = [row[2] for row in store.chunk_rows()]
    word = next(word for word in texts[6].split() if word.startswith("here"))
    rows = np.arange(engine.size)
    found = engine.token_similarities(Scattered().read_queries([word])[0], rows)
    vector = Scattered._embed(word)
    # A word against its own signs; nothing else comes nearer to it.
    own = float(np.abs(vector).sum() / np.sqrt(DIM))
    holds = [word in text.split() for text in texts]
    assert 0 < sum(holds) < len(texts)
    for row in rows:
        assert (found[row] == pytest.approx(own, abs=1e-6)) == holds[row]


def test_a_text_is_nearest_to_itself(store: Store) -> None:
    engine = open_engine(store)
    for row, (_, _, text, _) in enumerate(store.chunk_rows()):
        vector = Scattered().read_queries([text])[0].vector
        assert engine.chunk_similarities(vector, np.array([row]))[0] == pytest.approx(1, abs=HALF)
        assert row in engine.dense(vector, 1)


def test_rows_name_chunks_and_documents_of_the_store(store: Store) -> None:
    engine = open_engine(store)
    chunks = [engine.texts.chunk(row) for row in range(engine.size)]
    places = [(path, span) for path in sorted(store.titles()) for span in store.chunk_spans(path)]
    assert [(chunk.document, chunk.span) for chunk in chunks] == places
    assert [engine.texts.path(number) for number in engine.documents.tolist()] == [
        path for path, _ in places
    ]


def test_k_beyond_the_index_gives_every_row(store: Store) -> None:
    engine = open_engine(store)
    query = Scattered().read_queries(["all"])[0].vector
    assert sorted(engine.dense(query, 10_000).tolist()) == list(range(engine.size))
    assert len(engine.lexical(["note"], 10_000)) <= engine.size


def test_words_find_the_chunks_that_hold_them(store: Store) -> None:
    engine = open_engine(store)
    texts = [row[2].lower() for row in store.chunk_rows()]
    expected = {row for row, text in enumerate(texts) if "word7 " in text}
    assert {row for row, _ in engine.lexical(["word7"], 100)} == expected
    assert engine.document_frequency("word7") == len(expected) > 0
    assert engine.document_frequency("absent") == 0 and engine.lexical(["absent"], 5) == []


def test_ties_are_broken_the_same_way_every_time(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    for number in range(30):
        (tmp_path / "notes" / f"{number:02}.md").write_text(
            "The same words everywhere.", encoding="utf-8"
        )
    found = []
    for name in ("one", "two"):
        settings = Settings(library=str(tmp_path / name), corpus=str(tmp_path / "notes"))
        library = Library(settings, WordLengths())
        library.index()
        with closing(Store(library.folder)) as store:
            engine = open_engine(store)
            query = WordLengths().read_queries(["same words"])[0].vector
            found.append((engine.dense(query, 4).tolist(), engine.lexical(["word"], 4)))
            assert len({s for _, s in engine.lexical(["word"], 30)}) == 1
        (ranked,) = library.rank("same words")
        assert [path for path, _ in ranked] == [f"{number:02}.md" for number in range(30)]
        # All copies of the first.
        assert [p.document for p in library.search("same words", 4)] == ["00.md"]
    assert found[0] == found[1]
    assert [row for row, _ in found[0][1]] == [0, 1, 2, 3]


# What is on disk


def folder_of(store: Store) -> Path:
    (folder,) = store.folder.glob("index-*")
    return folder


def files_of(folder: Path) -> list[Path]:
    """Returns the files that count: no locks, nor the record of what was found right."""
    return sorted(
        f
        for f in folder.rglob("*")
        if f.is_file() and f.suffix != ".lock" and f.name != "verified.json"
    )


def restamp(folder: Path, **said: object) -> None:
    """Has the stamp of a folder say something else, with a checksum that is right."""
    body = {**json.loads((folder / "stamp.json").read_text(encoding="utf-8"))["body"], **said}
    stamp = {"checksum": stamps._checksum_of(body), "body": body}
    (folder / "stamp.json").write_text(json.dumps(stamp), encoding="utf-8")


def damage(file: Path, content: bytes) -> None:
    """Puts another file in its place: the old one may still be mapped into memory."""
    file.unlink()
    file.write_bytes(content)


def assert_mended(library: Library, store: Store, expected: object) -> None:
    """Asserts that the damage is seen, and mended without the model."""
    assert check(store) != []
    embedder = library.embedder
    assert isinstance(embedder, Scattered)
    embedder.embedded.clear()
    with store.snapshot():
        assert results(open_engine(store)) == expected
    assert check(store) == []
    assert embedder.embedded == []


def test_indexes_are_whole_after_indexing(store: Store) -> None:
    assert check(store) == []
    assert folder_of(store).name == "index-000001"
    assert [item.name for item in store.folder.iterdir() if item.name.startswith(".")] == []


def test_opening_whole_indexes_writes_nothing(store: Store) -> None:
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files_of(store.folder)}
    results(open_engine(store))
    after = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files_of(store.folder)}
    assert after == before


def test_a_flipped_byte_in_any_file_is_seen_and_mended(library: Library, store: Store) -> None:
    expected = results(open_engine(store))
    names = [file.relative_to(folder_of(store)) for file in files_of(folder_of(store))]
    assert len(names) >= 8
    for number in range(len(names)):  # the word index names its files anew each time
        file = files_of(folder_of(store))[number]
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        damage(file, bytes(content))
        assert_mended(library, store, expected)


@pytest.mark.parametrize("kept", [0.0, 0.5, None], ids=["emptied", "halved", "deleted"])
def test_a_file_cut_short_is_seen_and_mended(
    library: Library, store: Store, kept: float | None
) -> None:
    expected = results(open_engine(store))
    for number in range(len(files_of(folder_of(store)))):
        file = files_of(folder_of(store))[number]
        if kept is None:
            file.unlink()
        else:
            damage(file, file.read_bytes()[: int(file.stat().st_size * kept)])
        assert_mended(library, store, expected)


@pytest.mark.parametrize("stamp", ["", "{}", "[]", "null", '{"checksum": 1, "body": {}}', "\0"])
def test_a_stamp_that_says_nothing_is_stale(library: Library, store: Store, stamp: str) -> None:
    expected = results(open_engine(store))
    (folder_of(store) / "stamp.json").write_text(stamp, encoding="utf-8")
    assert_mended(library, store, expected)


def test_missing_indexes_are_rebuilt(library: Library, store: Store) -> None:
    expected = results(open_engine(store))
    shutil.rmtree(folder_of(store))
    assert_mended(library, store, expected)


# What is trusted without being read


def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Returns a list that will name the files that are hashed from now on."""
    names: list[str] = []
    checksum = stamps._checksum

    def noted(file: Path) -> str:
        names.append(file.name)
        return checksum(file)

    monkeypatch.setattr(stamps, "_checksum", noted)
    return names


def test_opening_reads_no_file_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    names = hashed(monkeypatch)
    engine = open_engine(store)
    assert names == []
    texts, tokens = engine.texts, engine._tokens
    for array in (
        *(engine._chunks._bits, engine._units._bits, tokens._signs, tokens._starts),
        *(texts._chunks, texts._units, texts.unit_starts, texts._texts._bytes, engine._vocabulary),
    ):
        assert is_mapped(array)


def is_mapped(array: Any) -> bool:
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


def test_a_file_that_was_touched_is_hashed_once_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = hashed(monkeypatch)
    file = folder_of(store) / "texts"
    os.utime(file, ns=(1, 1))
    time.sleep(0.05)  # what changed just now is not recorded as right
    open_engine(store)
    assert names == ["texts"]
    open_engine(store)
    assert names == ["texts"]


def test_a_file_that_changed_just_now_is_hashed_each_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = hashed(monkeypatch)
    monkeypatch.setattr(stamps, "RACY_NS", 10**12)
    (folder_of(store) / "verified.json").unlink()
    for _ in range(2):
        names.clear()
        open_engine(store)
        assert len(names) == len(read_stamp(folder_of(store), {})["files"])


@pytest.mark.parametrize("record", ["", "[]", "{}", "\0", '{"texts": 1}'])
def test_a_record_that_says_nothing_is_made_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch, record: str
) -> None:
    file = folder_of(store) / "verified.json"
    before = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(record, encoding="utf-8")
    open_engine(store)
    assert json.loads(file.read_text(encoding="utf-8")) == before
    names = hashed(monkeypatch)
    open_engine(store)
    assert names == []


def test_a_check_hashes_every_file_and_records_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = hashed(monkeypatch)
    before = (folder_of(store) / "verified.json").stat()
    assert check(store) == []
    assert len(names) == len(read_stamp(folder_of(store), {})["files"]) > 15
    assert (folder_of(store) / "verified.json").stat() == before


@pytest.mark.parametrize("way", ["rewritten", "replaced", "swapped"])
def test_a_file_of_the_same_size_and_times_is_not_taken_for_the_one_that_was_written(
    library: Library, store: Store, way: str
) -> None:
    expected = results(open_engine(store))
    time.sleep(0.05)
    file, other = folder_of(store) / "chunk_vectors", folder_of(store) / "chunk_vectors.other"
    times, content = file.stat(), bytearray(file.read_bytes())
    content[5] ^= 8
    if way == "rewritten":
        with file.open("r+b") as handle:  # in place: the inode stays
            handle.write(content)
    elif way == "replaced":
        other.write_bytes(content)
        os.replace(other, file)
    else:
        units = folder_of(store) / "unit_vectors"
        os.replace(file, other)
        os.replace(units, file)
        os.replace(other, units)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file.stat().st_mtime_ns == times.st_mtime_ns
    assert_mended(library, store, expected)


def test_a_page_that_went_bad_behind_its_times_is_found_by_the_check(store: Store) -> None:
    file = folder_of(store) / "chunk_vectors"
    content = bytearray(file.read_bytes())
    content[:64] = bytes(64)
    file.write_bytes(content)
    # As if neither times nor size had changed.
    record = folder_of(store) / "verified.json"
    said = json.loads(record.read_text(encoding="utf-8"))
    record.write_text(json.dumps({**said, "chunk_vectors": stamps._state(file)}), encoding="utf-8")
    open_engine(store)
    assert check(store) == ["index-000001/chunk_vectors is not what was written"]


# Other states


def test_a_commit_that_was_undone_and_made_otherwise_is_another_state(
    library: Library, store: Store
) -> None:
    # The power failed: SQLite undid a commit whose indexes were on the disk already.
    kept = library.folder.parent / "kept"
    shutil.copyfile(library.folder / FILE, kept)
    (library.folder.parent / "notes" / "new.md").write_text("Something new.", encoding="utf-8")
    library.index()
    lost = folder_of(store)
    shutil.copyfile(kept, library.folder / FILE)
    (library.folder.parent / "notes" / "new.md").write_text("Something newer.", encoding="utf-8")
    again = Library(library.settings, Scattered())
    assert again.index().generation == 2
    assert folder_of(store) == lost
    texts = open_engine(store).texts
    said = [texts.chunk(row).text for row in range(len(texts))]
    assert "Something newer." in said and "Something new." not in said


def test_indexes_that_are_left_from_before_are_reported_and_go(
    library: Library, store: Store
) -> None:
    shutil.copytree(folder_of(store), library.folder / "index-000000")
    assert check(store) == []  # no failure: the next run takes them away
    assert left_over(store) == [
        "index-000000 is left from before, and goes with the next notesqa index"
    ]
    library.index()
    assert left_over(store) == []
    assert folder_of(store).name == "index-000001"


def test_indexes_of_another_generation_are_not_opened(library: Library, store: Store) -> None:
    expected = results(open_engine(store))
    old = folder_of(store)
    with pytest.raises(StaleIndexError, match="another generation"):
        Engine(old, {**identity(store), "generation": "2"})
    (library.folder.parent / "notes" / "new.md").write_text("Something new.", encoding="utf-8")
    library.index()
    shutil.rmtree(folder_of(store))
    with closing(Store(library.folder, write=True)) as writer:
        build(writer)
    fresh = results(open_engine(store))
    assert fresh != expected
    # An old one under the new name: the stamp inside gives it away.
    restamp(folder_of(store), generation="1")
    assert_mended(library, store, fresh)


def test_indexes_of_another_library_are_not_opened(library: Library, store: Store) -> None:
    expected = results(open_engine(store))
    for file in (library.folder.parent / "notes").iterdir():
        file.write_text(file.read_text(encoding="utf-8").replace("here", "gone"), encoding="utf-8")
    other = Library(
        Settings(
            library=str(library.folder.parent / "other"),
            corpus=str(library.folder.parent / "notes"),
            chunk_tokens=32,
        ),
        Scattered(),
    )
    other.index()
    shutil.rmtree(folder_of(store))
    shutil.copytree(other.folder / "index-000001", store.folder / "index-000001")
    assert_mended(library, store, expected)


def test_only_the_newest_indexes_stay(library: Library, store: Store) -> None:
    (library.folder / ".index-000009").mkdir()
    (library.folder / ".index-000002").mkdir()  # left by a process killed while it built
    (library.folder / ".index-000002" / "words").mkdir()
    (library.folder / "index-000007").mkdir()
    (library.folder.parent / "notes" / "new.md").write_text("Something new.", encoding="utf-8")
    library.index()
    assert sorted(item.name for item in library.folder.iterdir()) == [
        *("index-000002", "library.sqlite3", "lock")
    ]
    assert check(store) == []


def test_an_open_engine_outlives_its_files(library: Library, store: Store) -> None:
    engine = open_engine(store)
    expected = results(engine)
    (library.folder.parent / "notes" / "new.md").write_text("Something new.", encoding="utf-8")
    library.index()
    assert results(engine) == expected


def test_indexes_that_do_not_match_the_store_are_reported(library: Library, store: Store) -> None:
    (library.folder.parent / "notes" / "0.md").unlink()
    assert check(store) == []
    writer = Library(library.settings, Scattered())
    folder = folder_of(store)
    kept = library.folder.parent / "kept"
    shutil.copytree(folder, kept)
    writer.index()
    shutil.rmtree(folder_of(store))
    restamp(kept, **store.state())
    shutil.copytree(kept, library.folder / "index-000002")
    assert any("chunks" in problem for problem in check(store))


# Without the right to write


def test_a_library_that_another_process_makes_is_asked_when_that_has_ended(
    library: Library, store: Store
) -> None:
    expected = results(open_engine(store))
    shutil.rmtree(folder_of(store))
    with (
        closing(Store(library.folder, write=True)) as writer,
        writer.lock(timeout=0),
        pytest.raises(LockedError, match="is being indexed .* ask again when that has ended"),
    ):
        open_engine(store)
    assert not list(library.folder.glob("*index*"))
    assert results(open_engine(store)) == expected


def test_while_the_next_state_is_built_the_latest_that_is_there_is_asked(
    library: Library, store: Store
) -> None:
    first = open_engine(store)
    for number in (2, 3):
        (library.folder.parent / "notes" / "new.md").write_text(
            f"Something new, {number}.", encoding="utf-8"
        )
        if number == 2:
            library.index()
            folder = folder_of(store)
            kept = library.folder.parent / "kept"
            shutil.copytree(folder, kept)
        else:
            library.index()
            shutil.rmtree(folder_of(store))
            shutil.copytree(kept, folder)
    with closing(Store(library.folder, write=True)) as writer, writer.lock(timeout=0):
        assert open_engine(store, first).number == 2
        second = open_engine(store)
        assert second.number == 2
        shutil.rmtree(folder)
        assert open_engine(store, first) is first


@pytest.mark.parametrize("error", [OSError(28, "No space left"), RuntimeError("Error in write\nx")])
def test_whatever_fails_in_writing_indexes_is_said_plainly(
    library: Library, store: Store, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("rag.index._write", fail)
    said = r"cannot be written into .* \((No space|Error in write)"
    with pytest.raises(LibraryError, match=said):
        build(store)


def test_a_folder_that_cannot_be_written_is_asked_from_a_temporary_index(
    library: Library, store: Store
) -> None:
    expected = results(open_engine(store))
    shutil.rmtree(folder_of(store))
    (library.folder / "lock").unlink()
    (library.folder / "lock").mkdir()  # not even root can open it for writing
    assert results(open_engine(store)) == expected
    assert not list(library.folder.glob("*index*"))


def test_a_temporary_index_for_which_there_is_no_room_is_an_error_in_plain_words(
    library: Library, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(folder_of(store))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rag.index._write", full)
    with pytest.raises(LibraryError, match=r"cannot be written into .*notesqa-.*No space left"):
        Library(library.settings, library.embedder).ask("Any word?")


def test_whole_indexes_in_a_folder_that_cannot_be_written_are_used(
    library: Library, store: Store
) -> None:
    expected = results(open_engine(store))
    for lock in [library.folder / "lock", *folder_of(store).rglob("*.lock")]:
        lock.unlink()
        lock.mkdir()  # not even root can open it for writing
    assert results(open_engine(store)) == expected
    assert len(library.search("word", 3)) == 3


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
@pytest.mark.parametrize("whole", [True, False])
def test_a_read_only_folder_is_asked(library: Library, store: Store, whole: bool) -> None:
    expected = results(open_engine(store))
    if not whole:
        shutil.rmtree(folder_of(store))
    folders = [library.folder, *(f for f in library.folder.rglob("*") if f.is_dir())]
    files = [file for file in library.folder.rglob("*") if file.is_file()]
    for item in [*files, *folders]:
        item.chmod(0o400 if item.is_file() else 0o500)
    try:
        assert results(open_engine(store)) == expected
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_words_that_vanish_after_the_checks_are_stale(store: Store) -> None:
    # Another process may be replacing the indexes; here no checksum speaks for the words.
    folder = folder_of(store)
    files = read_stamp(folder, {})["files"]
    restamp(folder, files={n: v for n, v in files.items() if not n.startswith("words/")})
    shutil.rmtree(folder / "words")
    with pytest.raises(StaleIndexError):
        Engine(folder, identity(store))


def test_indexes_that_cannot_be_written_are_an_error_in_plain_words(
    library: Library, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(folder_of(store))

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(LibraryError, match=r"No space left.*notesqa index"):
        library.index()
