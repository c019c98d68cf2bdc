from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from conftest import WordLengths, generated_notes
from hypothesis import given, settings

from rag import store as module
from rag.chunking import split
from rag.documents import load
from rag.errors import LibraryError
from rag.store import FILE, FORMAT, Store
from rag.types import Chunk, Document, Skipped, Unit

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


def embed(store: Store, *documents: Changed) -> None:
    """Adds what the chunks and units of documents need."""
    chunks = [chunk for _, _, chunks in documents for chunk in chunks]
    units = [unit for chunk in chunks for unit in chunk.units]
    readings = WordLengths().read_passages([chunk.embedded for chunk in chunks])
    store.add_readings([digest(chunk) for chunk in chunks], readings)
    if units:
        vectors = WordLengths().embed_passages([unit.embedded for unit in units])
        store.add_vectors([digest(unit) for unit in units], vectors)


def put(
    store: Store, *documents: Changed, removed: Sequence[str] = (), skipped: Sequence[Skipped] = ()
) -> int:
    embed(store, *documents)
    return store.commit(
        changed=documents, removed=removed, skipped=skipped, meta=META, digest=digest
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "library", write=True)
    yield store
    store.close()


def state(store: Store) -> object:
    with store.snapshot():
        ids = [row[0] for row in store.chunk_rows()]
        return (
            *(store.generation, store.meta(), store.digests(), store.skipped(), store.counts()),
            *(store.titles(), store.chunks(ids), [store.units(i) for i in ids]),
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
        stored = store.chunks([row[0] for row in rows])
        expected = [
            (d, c) for d, _, chunks in sorted(given, key=lambda g: g[0].path) for c in chunks
        ]
        assert len(stored) == len(expected)
        for row, found, (document, chunk) in zip(rows, stored, expected, strict=True):
            assert (found.id, found.document, found.title) == (
                row[0],
                document.path,
                document.title,
            )
            assert (found.span, found.headings) == (chunk.span, chunk.headings)
            assert found.text == chunk.span.of(document.text) and row[2] == chunk.embedded
            assert row[3] == WordLengths().read_queries([chunk.embedded])[0].vector.tobytes()
            assert store.units(found.id) == list(chunk.units)
            before = document.text[: chunk.span.start]
            assert store.line(document.path, chunk.span.start) == 1 + before.count("\n")
        units = [u for _, chunk in expected for u in chunk.units]
        vectors = [WordLengths().read_queries([u.embedded])[0].vector.tobytes() for u in units]
        assert [vector for _, vector in store.unit_rows()] == vectors
        tokens = [WordLengths().read_queries([c.embedded])[0].packed() for _, c in expected]
        assert list(store.token_rows()) == tokens
        for document, _, _ in given:
            assert store.text(document.path) == document.text
        assert store.digests() == {document.path: sha for document, sha, _ in given}
        assert store.titles() == {document.path: document.title for document, _, _ in given}
        assert store.counts() == (len(given), len(expected), len(units))
        assert store.problems() == []
        store.close()


def test_offsets_count_characters_not_bytes_or_utf_16_units(store: Store) -> None:
    text = "😀😀 é\u0301 𝒳.\r\n\r\n学习😀: end.\r\n"
    put(store, changed("a.md", text))
    (row,) = store.chunk_rows()
    (chunk,) = store.chunks([row[0]])
    assert chunk.text == "😀😀 é\u0301 𝒳.\r\n\r\n学习😀: end."
    assert [unit.span.of(text) for unit in store.units(row[0])] == [
        "😀😀 é\u0301 𝒳.",
        "学习😀: end.",
    ]
    assert [store.line("a.md", i) for i in (0, 8, 9, 10, 11, 13, 18)] == [1, 1, 1, 2, 2, 3, 3]


def test_chunks_come_in_the_order_asked_for(store: Store) -> None:
    put(store, *(changed(f"{name}.md", f"Note {name}.") for name in "cab"))
    ids = [row[0] for row in store.chunk_rows()]
    assert [c.document for c in store.chunks(ids)] == ["a.md", "b.md", "c.md"]
    assert [c.document for c in store.chunks(ids[::-1])] == ["c.md", "b.md", "a.md"]
    assert store.chunks([]) == []


def test_rows_follow_path_and_place_whatever_was_written_first(store: Store) -> None:
    long = "\n\n".join(f"# H{i}\n\n" + f"word{i} " * 30 for i in range(5))
    put(store, changed("b.md", long))
    put(store, changed("a.md", long))
    put(store, changed("B.md", long))
    ids = [row[0] for row in store.chunk_rows()]
    places = [(chunk.document, chunk.span.start) for chunk in store.chunks(ids)]
    assert places == sorted(places) and len(places) == 15
    owners = [chunk for chunk, _ in store.unit_rows()]
    assert list(dict.fromkeys(owners)) == ids


def test_generation_grows_by_one_with_every_commit_and_with_nothing_else(store: Store) -> None:
    assert store.generation == 0
    assert put(store, changed("a.md", "One.")) == store.generation == 1
    store.add_vectors([b"x"], WordLengths().embed_passages(["more"]))
    assert store.generation == 1
    assert put(store, removed=["a.md"]) == store.generation == 2
    assert store.meta().items() >= {**META, "generation": "2"}.items()


def test_a_changed_document_leaves_the_others_as_they_were(store: Store) -> None:
    put(store, changed("a.md", "One stays."), changed("b.md", "Two. Is old."))
    before = list(store.chunk_rows())
    put(store, changed("b.md", "Three! Is new."))
    after = list(store.chunk_rows())
    assert after[0] == before[0]
    assert store.text("a.md") == "One stays." and store.text("b.md") == "Three! Is new."
    assert store.counts() == (2, 2, 3)
    assert store.problems() == []


def test_removed_documents_go_with_all_that_is_theirs(store: Store) -> None:
    one, two = changed("a.md", "One stays."), changed("b.md", "Two goes.")
    put(store, one, two)
    put(store, removed=["b.md"])
    assert store.counts() == (1, 1, 1)
    with pytest.raises(LibraryError, match="b.md is not in the library"):
        store.text("b.md")
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
    store.add_vectors([b"b"], WordLengths().embed_passages(["b"]))
    assert store.missing([b"c", b"b", b"a", b"c"]) == [b"c", b"a"]


def test_vectors_committed_before_their_documents_survive(tmp_path: Path) -> None:
    document = changed("a.md", "One. Two.")
    digests = digests_of(document)
    first = Store(tmp_path, write=True)
    embed(first, document)
    assert first.counts() == (0, 0, 0) and list(first.chunk_rows()) == []
    assert list(first.token_rows()) == []
    del first  # not even closed
    second = Store(tmp_path, write=True)
    assert second.missing(digests) == []
    second.commit(changed=[document], removed=(), skipped=(), meta=META, digest=digest)
    assert second.problems() == []
    second.close()


def test_a_commit_that_fails_leaves_everything_as_it_was(store: Store) -> None:
    put(store, changed("a.md", "One."), skipped=[Skipped("x.pdf", "no loader", "No.")])
    before = state(store)

    def breaking() -> Iterator[Changed]:
        yield changed("b.md", "Two.")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        store.commit(changed=breaking(), removed=["a.md"], skipped=(), meta={}, digest=digest)
    assert state(store) == before
    assert put(store, changed("b.md", "Two.")) == 2


def test_readers_see_the_old_state_until_the_commit_ends(store: Store) -> None:
    put(store, changed("a.md", "Old."))
    reader = Store(store.folder)
    before = state(reader)

    def watched() -> Iterator[Changed]:
        yield changed("a.md", "New.")
        assert state(reader) == before

    embed(store, changed("a.md", "New."))
    store.commit(changed=watched(), removed=(), skipped=(), meta=META, digest=digest)
    assert reader.text("a.md") == "New." and reader.generation == 2
    reader.close()


def test_a_snapshot_holds_while_another_process_commits(store: Store) -> None:
    put(store, changed("a.md", "Old."))
    reader = Store(store.folder)
    writer = threading.Thread(target=put, args=(store, changed("a.md", "New.")))
    with reader.snapshot():
        assert reader.generation == 1
        writer.start()
        writer.join(0.3)
        assert (reader.text("a.md"), reader.generation) == ("Old.", 1)
    writer.join(20)
    assert (reader.text("a.md"), reader.generation) == ("New.", 2)
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
    (tmp_path / "file").write_text("x")
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
    "pragma", [f"user_version = {FORMAT + 1}", "application_id = 7"], ids=["newer", "foreign"]
)
def test_a_newer_or_foreign_file_is_refused_and_not_touched(
    store: Store, pragma: str, write: bool
) -> None:
    put(store, changed("a.md", "One."))
    edit(store.folder, f"PRAGMA {pragma}")
    content = (store.folder / FILE).read_bytes()
    with pytest.raises(LibraryError, match=f"up to {FORMAT}"):
        Store(store.folder, write=write)
    assert (store.folder / FILE).read_bytes() == content


def test_another_programs_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    edit(tmp_path, "CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup');")
    content = (tmp_path / FILE).read_bytes()
    with pytest.raises(LibraryError):
        Store(tmp_path, write=True)
    assert (tmp_path / FILE).read_bytes() == content


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" * 300])
def test_a_damaged_file_is_named_with_the_remedy(
    tmp_path: Path, content: bytes, write: bool
) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(LibraryError, match="damaged.*notesqa index"):
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
    monkeypatch.setattr(module, "MIGRATIONS", (*module.MIGRATIONS, script))
    monkeypatch.setattr(module, "FORMAT", FORMAT + 1)
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
    monkeypatch.setattr(module, "MIGRATIONS", (*module.MIGRATIONS, broken))
    monkeypatch.setattr(module, "FORMAT", FORMAT + 1)
    with pytest.raises(LibraryError):
        Store(store.folder, write=True)
    monkeypatch.undo()
    assert (store.folder / FILE).read_bytes() == content
    reader = Store(store.folder)
    assert state(reader) == before
    reader.close()


SHIPPED = ["b553ee85a0c842e9", "60ea1722b03f54b7"]


@pytest.mark.parametrize(("number", "shipped"), list(enumerate(SHIPPED)))
def test_migrations_are_those_that_were_shipped(number: int, shipped: str) -> None:
    # Libraries made with them are out there: change the format by adding a script after them.
    found = hashlib.sha256(module.MIGRATIONS[number].encode()).hexdigest()[:16]
    assert found == shipped


def test_every_migration_is_held_to_what_was_shipped() -> None:
    assert len(SHIPPED) == FORMAT


def to_format_1(folder: Path) -> None:
    """Makes a library what the first format held of it."""
    edit(
        folder,
        """
        CREATE TABLE old (digest BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
        INSERT INTO old SELECT digest, vector FROM vectors;
        DROP TABLE vectors;
        ALTER TABLE old RENAME TO vectors;
        PRAGMA user_version = 1;
        """,
    )


def test_a_library_without_tokens_is_brought_up_to_date_by_writing_alone(store: Store) -> None:
    put(store, changed("a.md", "One. Two."), changed("b.md", "Three."))
    chunks, units, meta = list(store.chunk_rows()), list(store.unit_rows()), store.meta()
    store.close()
    to_format_1(store.folder)
    content = (store.folder / FILE).read_bytes()
    expected = "format version 1, this notesqa needs 2: bring it up to date with notesqa index"
    with pytest.raises(LibraryError, match=expected):
        Store(store.folder)
    assert (store.folder / FILE).read_bytes() == content
    with closing(Store(store.folder, write=True)) as writer:
        assert (list(writer.chunk_rows()), list(writer.unit_rows())) == (chunks, units)
        # The next indexing has to take every note for changed: none of them has tokens.
        assert writer.meta() == {k: v for k, v in meta.items() if k != "chunking"}
        assert list(writer.token_rows()) == [b"", b""]
        assert writer.problems() == ["2 chunks without tokens"]


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
