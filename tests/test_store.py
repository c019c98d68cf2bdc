from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import WordLengths, generated_notes, make_older
from hypothesis import given, settings

from rag import migrations
from rag import store as module
from rag.chunking import split
from rag.documents import load
from rag.errors import LibraryError
from rag.migrations import FORMAT
from rag.store import FILE, Part, Store, StoredDocument, VectorRow
from rag.types import Chunk, Document, Signature, Skipped, Span, Unit, UnitKind

SEEN = Signature(7, 1_000)
META = {"model": "word-lengths", "fingerprint": "1", "chunking": "1:40"}
Changed = tuple[Document, str, Sequence[Chunk]]


def digest(item: Chunk | Unit) -> bytes:
    name = f"{type(item).__name__}: {item.embedded}"
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def changed(path: str, text: str) -> Changed:
    document = load(path, text.encode())
    return document, f"sha of {text}", list(split(document, WordLengths().count_tokens, 40, 60))


def digests_of(*documents: Changed) -> list[bytes]:
    chunks = [chunk for _, _, chunks in documents for chunk in chunks]
    return [digest(item) for chunk in chunks for item in (chunk, *chunk.units)]


def vectors_of(*documents: Changed) -> list[VectorRow]:
    """Returns what the chunks and units of documents need."""
    rows: list[VectorRow] = []
    for chunk in [chunk for _, _, chunks in documents for chunk in chunks]:
        ((vector, tokens),) = WordLengths().read_passages([chunk.embedded])
        rows.append((digest(chunk), vector.tobytes(), tokens))
        for unit in chunk.units:
            (vector,) = WordLengths().embed_passages([unit.embedded])
            rows.append((digest(unit), vector.tobytes(), None))
    return rows


def parts_of(*documents: Changed) -> list[Part]:
    return [Part(document, sha, SEEN, 0, chunks) for document, sha, chunks in documents]


def stage(store: Store, *documents: Changed) -> None:
    store.stage(parts_of(*documents), vectors_of(*documents), digest)


def put(
    store: Store, *documents: Changed, removed: Sequence[str] = (), skipped: Sequence[Skipped] = ()
) -> int:
    stage(store, *documents)
    generation = store.commit(removed=removed, skipped=skipped, signatures={}, meta=META)
    store.tidy()
    return generation


def rows_in(folder: Path) -> dict[str, int]:
    """Returns how many rows each table holds, whether a reader sees them or not."""
    with closing(sqlite3.connect(folder / FILE)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {n: db.execute(f"SELECT count(*) FROM {n}").fetchone()[0] for n in names}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "library", write=True)
    yield store
    store.close()


def placed(chunk: Chunk) -> tuple[Span, str, list[tuple[UnitKind, Span, str]]]:
    """Returns a chunk as a `StoredDocument` has it."""

    def under(headings: tuple[str, ...]) -> str:
        return json.dumps(headings, ensure_ascii=False)

    units = [(unit.kind, unit.span, under(unit.headings)) for unit in chunk.units]
    return chunk.span, under(chunk.headings), units


def state(store: Store) -> object:
    with store.snapshot():
        return (
            *(store.generation, store.meta(), store.digests(), store.skipped(), store.counts()),
            *(store.titles(), list(store.document_rows()), list(store.embedded_rows())),
            *(list(store.chunk_rows()), list(store.unit_rows()), list(store.token_rows())),
        )


@settings(max_examples=25)
@given(generated_notes(), generated_notes())
def test_what_is_written_is_read_back_exactly(one: str, other: str) -> None:
    given = [changed(p, t) for p, t in (("b/😀.md", one), ("a.txt", other)) if t.strip()]
    with tempfile.TemporaryDirectory() as folder:
        writer = Store(Path(folder), write=True)
        put(writer, *given)
        writer.close()
        store = Store(Path(folder))
        rows = list(store.chunk_rows())
        expected = sorted(given, key=lambda g: g[0].path)
        assert list(store.document_rows()) == [
            StoredDocument(d.path, d.title, d.text, [placed(chunk) for chunk in chunks])
            for d, _, chunks in expected
        ]
        written = [chunk for _, _, chunks in expected for chunk in chunks]
        assert list(store.embedded_rows()) == [chunk.embedded for chunk in written]
        for row, chunk in zip(rows, written, strict=True):
            assert row[2] == chunk.embedded
            assert row[3] == WordLengths().read_queries([chunk.embedded])[0].vector.tobytes()
        units = [u for chunk in written for u in chunk.units]
        vectors = [WordLengths().read_queries([u.embedded])[0].vector.tobytes() for u in units]
        assert [vector for _, vector in store.unit_rows()] == vectors
        tokens = [WordLengths().read_queries([c.embedded])[0].packed() for c in written]
        assert list(store.token_rows()) == tokens
        for document, _, _ in given:
            assert store.note(document.path).text == document.text
        assert store.digests() == {document.path: sha for document, sha, _ in given}
        assert store.titles() == {document.path: document.title for document, _, _ in given}
        assert store.counts() == (len(given), len(written), len(units))
        assert store.problems() == []
        store.close()


def test_offsets_count_characters_not_bytes_or_utf_16_units(store: Store) -> None:
    text = "😀😀 é\u0301 𝒳.\r\n\r\n学习😀: end.\r\n"
    put(store, changed("a.md", text))
    (document,) = store.document_rows()
    ((span, _, units),) = document.chunks
    assert span.of(text) == "😀😀 é\u0301 𝒳.\r\n\r\n学习😀: end."
    assert [span.of(text) for _, span, _ in units] == ["😀😀 é\u0301 𝒳.", "学习😀: end."]


def test_rows_follow_path_and_place_whatever_was_written_first(store: Store) -> None:
    long = "\n\n".join(f"# H{i}\n\n" + f"word{i} " * 30 for i in range(5))
    put(store, changed("b.md", long))
    put(store, changed("a.md", long))
    put(store, changed("B.md", long))
    ids = [row[0] for row in store.chunk_rows()]
    documents = list(store.document_rows())
    places = [(one.path, span.start) for one in documents for span, _, _ in one.chunks]
    assert places == sorted(places) and len(places) == len(ids) == 15
    owners = [chunk for chunk, _ in store.unit_rows()]
    assert list(dict.fromkeys(owners)) == ids


def test_generation_grows_by_one_with_every_commit_and_with_nothing_else(store: Store) -> None:
    assert store.generation == 0
    assert put(store, changed("a.md", "One.")) == store.generation == 1
    state = store.meta()["state"]
    stage(store, changed("b.md", "Two."))
    store.sign({"a.md": SEEN}, {})
    store.discard()
    store.tidy()
    assert (store.generation, store.meta()["state"]) == (1, state)
    assert put(store, removed=["a.md"]) == store.generation == 2
    assert store.meta().items() >= {**META, "generation": "2"}.items()
    assert store.meta()["state"] != state


def test_a_changed_document_leaves_the_others_as_they_were(store: Store) -> None:
    put(store, changed("a.md", "One stays."), changed("b.md", "Two. Is old."))
    before = list(store.chunk_rows())
    put(store, changed("b.md", "Three! Is new."))
    after = list(store.chunk_rows())
    assert after[0] == before[0]
    assert store.note("a.md").text == "One stays." and store.note("b.md").text == "Three! Is new."
    assert store.counts() == (2, 2, 3)
    assert store.problems() == []


def test_removed_documents_go_with_all_that_is_theirs(store: Store) -> None:
    one, two = changed("a.md", "One stays."), changed("b.md", "Two goes.")
    put(store, one, two)
    put(store, removed=["b.md"])
    assert store.counts() == (1, 1, 1)
    with pytest.raises(LibraryError, match="b.md is not in the library"):
        store.note("b.md")
    assert store.missing(digests_of(one)) == []
    gone = digests_of(two)
    assert store.missing(gone) == gone


def test_what_was_skipped_is_replaced_by_every_commit(store: Store) -> None:
    skipped = [Skipped("b.pdf", "no loader", "No."), Skipped("a.md", "empty", "Holds no text.")]
    put(store, changed("c.md", "One."), skipped=skipped)
    assert store.skipped() == skipped[::-1]
    put(store, changed("c.md", "Two."), skipped=skipped[:1])
    assert store.skipped() == skipped[:1]


def test_missing_names_each_digest_once_and_in_order(store: Store) -> None:
    store.stage([], [(b"b", b"vector", None)], digest)
    assert store.missing([b"c", b"b", b"a", b"c"]) == [b"c", b"a"]
    many = [f"{i}".encode() for i in range(2_000)]
    store.stage([], [(name, b"vector", None) for name in many[::3]], digest)
    assert store.missing(many) == [name for i, name in enumerate(many) if i % 3]


def test_what_was_staged_survives_and_is_not_seen(tmp_path: Path) -> None:
    document = changed("a.md", "One. Two.")
    digests = digests_of(document)
    first = Store(tmp_path, write=True)
    stage(first, document)
    assert first.counts() == (0, 0, 0) and list(first.chunk_rows()) == []
    assert list(first.token_rows()) == list(first.unit_rows()) == []
    assert first.titles() == first.digests() == first.signatures() == {}
    assert first.chunk_spans("a.md") == []
    with pytest.raises(LibraryError):
        first.note("a.md")
    del first  # not even closed
    second = Store(tmp_path, write=True)
    assert second.missing(digests) == []
    second.commit(removed=(), skipped=(), signatures={}, meta=META)
    assert second.problems() == []
    assert (second.note("a.md").text, second.signatures()) == ("One. Two.", {"a.md": SEEN})
    second.close()


def test_a_long_document_is_staged_in_parts(store: Store) -> None:
    text = "\n\n".join(f"# H{i}\n\n" + f"word{i} " * 30 for i in range(9))
    document, sha, chunks = whole = changed("a.md", text)
    put(store, whole, changed("b.md", text))
    expected = state_of_chunks(store)
    again = Store(store.folder.parent / "again", write=True)
    rows = vectors_of(whole)
    for first in range(0, len(chunks), 2):
        part = Part(document, sha, SEEN, first, chunks[first : first + 2])
        beside = parts_of(changed("b.md", text)) if first == 4 else []
        again.stage([part, *beside], rows, digest)
    again.commit(removed=(), skipped=(), signatures={}, meta=META)
    assert state_of_chunks(again) == expected and len(chunks) == 9
    again.close()


def state_of_chunks(store: Store) -> object:
    return list(store.document_rows()), list(store.embedded_rows()), store.counts()


def test_a_path_that_comes_twice_is_what_it_was_last(store: Store) -> None:
    put(store, changed("a.md", "One."), changed("a.md", "Two."))
    assert store.note("a.md").text == "Two." and store.counts() == (1, 1, 1)
    assert rows_in(store.folder)["documents"] == 1


def test_a_commit_that_fails_leaves_everything_as_it_was(store: Store) -> None:
    put(store, changed("a.md", "One."), skipped=[Skipped("x.pdf", "no loader", "No.")])
    before = state(store)

    def parts() -> Iterator[Part]:
        yield from parts_of(changed("b.md", "Two."))
        raise RuntimeError("power cut")

    def removed() -> Iterator[str]:
        yield "a.md"
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        store.stage(parts(), vectors_of(changed("b.md", "Two.")), digest)
    assert state(store) == before
    with pytest.raises(RuntimeError, match="power cut"):
        store.commit(removed=removed(), skipped=(), signatures={}, meta={})
    assert state(store) == before
    assert put(store, changed("b.md", "Two.")) == 2


def test_readers_see_the_old_state_until_the_commit(store: Store) -> None:
    put(store, changed("a.md", "Old."), changed("b.md", "Stays."))
    reader = Store(store.folder)
    before = state(reader)
    new = changed("a.md", "New.")

    def watched() -> Iterator[Part]:
        yield from parts_of(new)
        assert state(reader) == before

    store.stage(watched(), vectors_of(new), digest)
    assert state(reader) == before
    store.commit(removed=["b.md"], skipped=(), signatures={}, meta=META)
    assert reader.note("a.md").text == "New." and reader.generation == 2
    assert set(reader.titles()) == {"a.md"}
    after = state(reader)
    assert rows_in(store.folder)["stale"] == 2
    store.tidy()
    assert state(reader) == after
    reader.close()


# What nothing refers to any more


def test_nothing_is_left_of_what_was_replaced_or_removed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DROPPED_CHUNKS", 2)
    monkeypatch.setattr(module, "_SWEPT_VECTORS", 3)
    put(store, changed("a.md", "One. Both."), changed("b.md", "Gone. Both."))
    for number in range(5):
        put(store, changed("a.md", f"One. More{'x' * number}."), removed=["b.md"])
        put(store, *(changed(f"{name}.md", f"Note {name}. It goes.") for name in "bcdef"))
        put(store, removed=[f"{name}.md" for name in "cdef"])
    put(store, changed("a.md", "One. Both."), removed=["b.md"])
    left = rows_in(store.folder)
    with closing(Store(store.folder.parent / "fresh", write=True)) as fresh:
        put(fresh, changed("a.md", "One. Both."))
        assert left == rows_in(fresh.folder)
    assert store.problems() == []
    assert left["vectors"] == 3 and left["stale"] == left["loose"] == left["staged"] == 0


def test_what_a_killed_run_staged_goes_and_its_vectors_stay(store: Store) -> None:
    old, new = changed("a.md", "One. Old."), changed("a.md", "One. New. More.")
    put(store, old)
    before, seen = rows_in(store.folder), state(store)
    stage(store, new, changed("b.md", "Never more."))
    store.discard()
    assert state(store) == seen
    assert {n: rows_in(store.folder)[n] for n in ("documents", "chunks", "units", "staged")} == {
        n: before[n] for n in ("documents", "chunks", "units", "staged")
    }
    assert store.missing(digests_of(new)) == []
    put(store, new)
    assert store.problems() == []
    # The vectors of what was never indexed have gone too.
    assert rows_in(store.folder)["vectors"] == len(digests_of(new))


def test_a_vector_that_another_text_needs_stays(store: Store) -> None:
    put(store, changed("a.md", "# Same\n\nTwice."), changed("b.md", "# Same\n\nTwice."))
    vectors = list(store.chunk_rows())[1][3], [v for _, v in store.unit_rows()][-1]
    put(store, removed=["a.md"])
    assert (list(store.chunk_rows())[0][3], [v for _, v in store.unit_rows()][-1]) == vectors
    assert store.problems() == []


def test_rows_come_without_being_sorted(store: Store) -> None:
    asked: list[str] = []
    store._db.set_trace_callback(asked.append)
    for rows in (store.chunk_rows, store.token_rows, store.unit_rows):
        list(rows())
    store._db.set_trace_callback(None)
    plans = [row[3] for sql in asked for row in store._db.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert len(asked) == 3 and plans
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]


# What files looked like


def test_signatures_are_those_given_and_those_noted_since(store: Store) -> None:
    skipped = [Skipped("bad.md", "empty", "Holds no text."), Skipped("x.pdf", "no loader", "No.")]
    put(store, changed("a.md", "One."), changed("b.md", "Two."), skipped=skipped)
    assert store.signatures() == {"a.md": SEEN, "b.md": SEEN}
    newer = Signature(8, 2_000)
    before = state(store)
    store.sign({"b.md": newer, "bad.md": newer, "nowhere.md": newer}, {})
    assert state(store) == before
    assert store.signatures() == {"a.md": SEEN, "b.md": newer, "bad.md": newer}
    store.commit(removed=["b.md"], skipped=skipped, signatures={"x.pdf": newer}, meta=META)
    assert store.signatures() == {"a.md": SEEN, "x.pdf": newer}
    store.sign({"a.md": Signature(8)}, {})
    assert store.signatures() == {"x.pdf": newer}


def test_a_snapshot_holds_while_another_process_commits(store: Store) -> None:
    put(store, changed("a.md", "Old."))
    reader = Store(store.folder)
    writer = threading.Thread(target=put, args=(store, changed("a.md", "New.")))
    with reader.snapshot():
        assert reader.generation == 1
        writer.start()
        writer.join(0.3)
        assert (reader.note("a.md").text, reader.generation) == ("Old.", 1)
    writer.join(20)
    assert (reader.note("a.md").text, reader.generation) == ("New.", 2)
    reader.close()


def test_a_reader_writes_nothing(store: Store) -> None:
    put(store, changed("a.md", "One."))
    files = {file.name: file.read_bytes() for file in store.folder.iterdir()}
    reader = Store(store.folder)
    state(reader)
    with pytest.raises(LibraryError):
        put(reader, changed("a.md", "Two."))
    reader.close()
    assert {file.name: file.read_bytes() for file in store.folder.iterdir()} == files


def test_a_missing_library_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="make it with notesqa index"):
        Store(tmp_path / "library")
    assert not (tmp_path / "library").exists()


def test_a_place_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(LibraryError, match="--library DIR"):
            Store(folder, write=True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_without_write_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(LibraryError, match="writable"):
        Store(tmp_path, write=True)
    tmp_path.chmod(0o700)


# Formats


def edit(folder: Path, script: str) -> None:
    db = sqlite3.connect(folder / FILE)
    db.executescript(script)
    db.close()


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize(
    ("pragma", "told"),
    [
        (f"user_version = {FORMAT + 1}", f"up to {FORMAT}. Update notesqa"),
        ("application_id = 7", "no notesqa library, but another program's"),
    ],
    ids=["newer", "foreign"],
)
def test_a_newer_or_foreign_file_is_refused_and_not_touched(
    store: Store, pragma: str, told: str, write: bool
) -> None:
    put(store, changed("a.md", "One."))
    edit(store.folder, f"PRAGMA {pragma}")
    content = (store.folder / FILE).read_bytes()
    with pytest.raises(LibraryError, match=told):
        Store(store.folder, write=write)
    assert (store.folder / FILE).read_bytes() == content


def test_another_programs_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    edit(tmp_path, "CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup');")
    content = (tmp_path / FILE).read_bytes()
    with pytest.raises(LibraryError, match="no notesqa library"):
        Store(tmp_path, write=True)
    assert (tmp_path / FILE).read_bytes() == content


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" * 300])
def test_a_damaged_file_is_named_with_the_remedy(
    tmp_path: Path, content: bytes, write: bool
) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(LibraryError, match="damaged.*notesqa doctor --repair"):
        Store(tmp_path, write=write)
    assert (tmp_path / FILE).read_bytes() == content


def test_a_truncated_file_is_noticed(store: Store) -> None:
    put(store, *(changed(f"{i}.md", f"Word{i} " * 500) for i in range(5)))
    store.close()
    file = store.folder / FILE
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(LibraryError, match="damaged"), closing(Store(store.folder)) as reader:
        state(reader)


def test_an_empty_file_becomes_a_library(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()  # what a process killed while it made the library leaves
    with pytest.raises(LibraryError, match="notesqa index"):
        Store(tmp_path)
    store = Store(tmp_path, write=True)
    assert put(store, changed("a.md", "One.")) == 1
    store.close()


def test_an_older_library_is_brought_up_to_date_by_writing_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, changed("a.md", "One."))
    before = state(store)
    store.close()
    script = "ALTER TABLE documents ADD COLUMN pages INTEGER; CREATE TABLE asked (question TEXT);"
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, script))
    monkeypatch.setattr(migrations, "FORMAT", FORMAT + 1)
    with pytest.raises(LibraryError, match="bring it up to date with notesqa index"):
        Store(store.folder)
    writer = Store(store.folder, write=True)
    assert state(writer) == before
    writer.close()
    edit(store.folder, "INSERT INTO asked VALUES ('Why?'); UPDATE documents SET pages = 3;")
    Store(store.folder, write=True).close()  # not applied twice
    reader = Store(store.folder)
    assert state(reader) == before
    reader.close()


def test_a_migration_that_fails_changes_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, changed("a.md", "One."))
    before = state(store)
    store.close()
    content = (store.folder / FILE).read_bytes()
    broken = "DROP TABLE skipped; DELETE FROM documents; ALTER TABLE nothing ADD COLUMN x;"
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, broken))
    monkeypatch.setattr(migrations, "FORMAT", FORMAT + 1)
    with pytest.raises(LibraryError):
        Store(store.folder, write=True)
    monkeypatch.undo()
    assert (store.folder / FILE).read_bytes() == content
    reader = Store(store.folder)
    assert state(reader) == before
    reader.close()


SHIPPED = [
    "b553ee85a0c842e9",
    "60ea1722b03f54b7",
    "d7355f8366b4c9ea",
    "bf9a186bb1eb9987",
    "7c8609d39dd7ed14",
]


@pytest.mark.parametrize(("number", "shipped"), list(enumerate(SHIPPED)))
def test_migrations_are_those_that_were_shipped(number: int, shipped: str) -> None:
    # Libraries made with them are out there: change the format by adding a script after them.
    found = hashlib.sha256(migrations.MIGRATIONS[number].encode()).hexdigest()[:16]
    assert found == shipped


def test_every_migration_is_held_to_what_was_shipped() -> None:
    assert len(SHIPPED) == FORMAT


def test_a_library_without_tokens_is_brought_up_to_date_by_writing_alone(store: Store) -> None:
    put(store, changed("a.md", "One. Two."), changed("b.md", "Three."))
    chunks, units, meta = list(store.chunk_rows()), list(store.unit_rows()), store.meta()
    store.close()
    make_older(store.folder, 1)
    content = (store.folder / FILE).read_bytes()
    expected = f"format version 1, this notesqa needs {FORMAT}: bring it up to date with notesqa"
    with pytest.raises(LibraryError, match=expected):
        Store(store.folder)
    assert (store.folder / FILE).read_bytes() == content
    with closing(Store(store.folder, write=True)) as writer:
        assert (list(writer.chunk_rows()), list(writer.unit_rows())) == (chunks, units)
        # The next indexing has to take every note for changed: none of them has tokens.
        found = writer.meta()
        assert found.pop("state") != meta.pop("state")
        assert found == {k: v for k, v in meta.items() if k != "chunking"}
        assert list(writer.token_rows()) == [b"", b""]
        assert writer.problems() == ["2 chunks without tokens"]


def test_a_library_that_staged_nothing_is_brought_up_to_date_by_writing_alone(
    store: Store,
) -> None:
    long = "\n\n".join(f"# H{i}\n\n" + f"word{i} " * 30 for i in range(5))
    notes = [changed("b.md", long), changed("a.md", "One. Two."), changed("é/😀.md", "Three.")]
    put(store, *notes, skipped=[Skipped("x.pdf", "no loader", "No.")])
    before = state(store)
    store.close()
    make_older(store.folder, 2)
    with pytest.raises(LibraryError, match=f"format version 2, this notesqa needs {FORMAT}"):
        Store(store.folder)
    with closing(Store(store.folder, write=True)) as writer:
        found = state(writer)
        assert without_state(found) == without_state(before)
        assert writer.meta()["state"]
        assert writer.signatures() == {}  # so the next run reads every note, and splits none
        assert writer.problems() == []
        assert writer.missing(digests_of(*notes)) == []
        # What belongs to a document still goes with it, and nothing else does.
        put(writer, changed("a.md", "Four."), removed=["b.md"])
        assert set(writer.titles()) == {"a.md", "é/😀.md"}
        assert writer.problems() == []
        left = rows_in(store.folder)
    with closing(Store(store.folder.parent / "fresh", write=True)) as fresh:
        put(fresh, changed("a.md", "Four."), changed("é/😀.md", "Three."))
        assert rows_in(fresh.folder) == left


def without_state(found: Any) -> object:
    # Nor the line on chunking: no note of that time was looked through for hidden text.
    generation, meta, *others = found
    return generation, {k: v for k, v in meta.items() if k not in ("state", "chunking")}, others


def test_a_damaged_library_is_still_found_damaged_after_the_migration(store: Store) -> None:
    put(store, changed("a.md", "One. Two."))
    store.close()
    make_older(store.folder, 2)
    edit(store.folder, "DELETE FROM vectors")
    with closing(Store(store.folder, write=True)) as writer:
        assert writer.problems() == ["1 chunks without a vector", "2 units without a vector"]


def test_several_may_make_the_library_at_once(tmp_path: Path) -> None:
    failed: list[BaseException] = []
    barrier = threading.Barrier(6)

    def make() -> None:
        barrier.wait()
        try:
            Store(tmp_path, write=True).close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    with closing(Store(tmp_path)) as reader:
        assert reader.generation == 0


# The lock and the invariants


def test_only_one_may_hold_the_lock(store: Store) -> None:
    other = Store(store.folder, write=True)
    with store.lock(timeout=1):
        with pytest.raises(LibraryError, match="Another notesqa"), other.lock(timeout=0.05):
            pass
        with closing(Store(store.folder)) as reader:
            assert reader.generation == 0  # reading needs no lock
    with other.lock(timeout=0):
        pass
    other.close()


def test_the_lock_is_free_again_after_a_failure(store: Store) -> None:
    with pytest.raises(RuntimeError), store.lock(timeout=0):
        raise RuntimeError
    with store.lock(timeout=0):
        pass


def test_a_lock_that_cannot_be_written_is_named(store: Store) -> None:
    (store.folder / "lock").unlink(missing_ok=True)
    (store.folder / "lock").mkdir()  # not even root can open it for writing
    with pytest.raises(LibraryError, match="cannot be written"), store.lock(timeout=0):
        pass


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("DELETE FROM documents", "1 paths without a document"),
        ("DELETE FROM vectors", "1 chunks without a vector"),
        ("DELETE FROM vectors", "2 units without a vector"),
        ("UPDATE vectors SET tokens = NULL", "1 chunks without tokens"),
        ('UPDATE chunks SET "end" = 99', "1 chunks outside their document"),
        ("UPDATE chunks SET start = 5", "1 units outside their chunk"),
        ('UPDATE units SET "end" = start WHERE ordinal = 0', "1 units outside their chunk"),
    ],
)
def test_what_is_wrong_in_the_store_is_found(store: Store, script: str, problem: str) -> None:
    put(store, changed("a.md", "One. Two."))
    assert store.problems() == []
    edit(store.folder, script)
    assert problem in store.problems()
