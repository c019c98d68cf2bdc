from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from conftest import CORPUS, WordLengths, constant_fit
from hypothesis import given
from hypothesis import strategies as st

from rag import Library, Passage, QuestionError, Record, Settings
from rag.folders import documents_in, folders_of, missing, place_of

# Names

PART = st.text("ab-./0é\U0001f989", min_size=1, max_size=3)


@pytest.mark.parametrize(
    ("within", "place"),
    [("a/b", "a/b"), ("a/b/", "a/b"), ("./a//b", "a/b"), ("/a", "a"), ("", ""), (".", "")],
)
def test_a_place_is_written_in_one_way(within: str, place: str) -> None:
    assert place_of(within) == place


@given(st.sets(st.lists(PART, min_size=1, max_size=4).map("/".join).map(place_of)), PART)
def test_documents_in_a_folder_are_those_whose_path_begins_with_its_parts(
    found: set[str], more: str
) -> None:
    paths = sorted(found - {""})
    for place in {*paths, *folders_of(paths), place_of(more)} - {""}:
        parts = PurePosixPath(place).parts
        expected = [
            number
            for number, path in enumerate(paths)
            if PurePosixPath(path).parts[: len(parts)] == parts
        ]
        own = [paths.index(place)] if place in paths else expected
        assert list(documents_in(place, paths)) == own


def test_folders_come_before_what_they_hold_and_each_once() -> None:
    paths = ["a/b/c/1.md", "a-x/2.md", "a/3.md", "4.md", "a/b/5.md"]
    assert folders_of(paths) == ["a", "a/b", "a/b/c", "a-x"]


def test_a_place_without_notes_is_named_with_those_that_are_like_it() -> None:
    folders = ["adapting", "few-labels", "risks", "sequences"]
    assert str(missing("few-label", folders)) == (
        "No note lies in few-label; folders that hold some: few-labels. "
        "Name a folder, or a note's path, or neither to ask all notes."
    )
    assert "hold some: adapting, few-labels, risks." in str(missing("zzzz", folders))
    assert "none lies in a folder" in str(missing("zzzz", []))
    hostile = str(missing("a\nb\ud800" + "c" * 10**6, folders))
    assert hostile.isprintable() and len(hostile) < 500 and hostile.encode("utf-8")


# Asking

MANY = [Record(f"ponds/{i:03}.md", "", f"Otters eat crabs at night {i}.") for i in range(300)]
FEW = [
    Record(
        "pond/otters.md", "", "Surrounding wetlands traditionally sheltered innumerable otters."
    ),
    Record("pond/deep/owls.md", "", "Owls are silent hunters of mice."),
    Record("pond-b/herons.md", "", "Herons stand motionless."),
]
QUESTION = "Otters eat crabs at night?"


def library_of(folder: Path, records: list[Record]) -> Library:
    library = Library(
        Settings(library=str(folder), language="none"), WordLengths(), constant_fit(0.1)
    )
    library.index_sources(records, "records")
    return library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return library_of(tmp_path_factory.mktemp("folders"), [*MANY, *FEW])


def documents(passages: tuple[Passage, ...]) -> set[str]:
    return {passage.document for passage in passages}


def test_a_small_folder_of_a_large_library_gets_its_passages(library: Library) -> None:
    assert documents(library.search(QUESTION, 100)) <= {record.path for record in MANY}
    for within in ("pond", "pond/", "./pond"):
        found = {"pond/otters.md", "pond/deep/owls.md"}
        assert documents(library.search(QUESTION, within=within)) == found
        answer = library.ask(QUESTION, within=within)
        assert documents(answer.passages) == found
        assert {citation.document for citation in answer.citations} <= found
    assert documents(library.search(QUESTION, within="pond/deep")) == {"pond/deep/owls.md"}
    assert documents(library.search(QUESTION, within="ponds/007.md")) == {"ponds/007.md"}


def test_candidates_are_those_of_a_library_of_the_folder_alone(
    library: Library, tmp_path: Path
) -> None:
    alone = library_of(tmp_path, FEW[:2])._engine_now()
    whole = library._engine_now()
    rows = whole.rows_in("pond")
    assert rows is not None and len(rows) == alone.size == 2
    vector = WordLengths().read_queries([QUESTION])[0].vector
    assert (whole.dense(vector, 100, rows) - rows.start).tolist() == alone.dense(
        vector, 100
    ).tolist()
    said = ["otters", "mice"]  # in which order depends on how rare a word is in all notes
    found = [row - rows.start for row, _ in whole.lexical(said, 100, rows)]
    assert sorted(found) == sorted(row for row, _ in alone.lexical(said, 100)) == [0, 1]
    np.testing.assert_array_equal(
        whole.chunk_similarities(vector, np.array(rows)),
        alone.chunk_similarities(vector, np.arange(2)),
    )


def test_what_holds_all_notes_costs_no_filter(tmp_path: Path) -> None:
    library = library_of(tmp_path, FEW[:2])
    assert library._engine_now().rows_in("pond") is None
    assert library._engine_now().rows_in("") is None


def test_where_no_note_lies_nothing_is_asked(library: Library) -> None:
    for within in ("pon", "pond/otters", "pond/otters.md/x", "..", "*"):
        with pytest.raises(QuestionError, match=r"^No note lies in .*pond"):
            library.ask(QUESTION, within=within)
        with pytest.raises(QuestionError, match=r"^No note lies in .*pond"):
            library.search(QUESTION, within=within)


def test_an_answer_is_kept_for_the_place_that_was_asked(library: Library) -> None:
    everywhere = library.ask("Who hunts mice?")
    there = library.ask("Who hunts mice?", within="pond-b")
    assert documents(there.passages) == {"pond-b/herons.md"}
    assert library.ask("Who hunts mice?").passages == everywhere.passages != there.passages
    again = library.ask("Who hunts mice?", within="pond-b/")
    assert again.timings_ms["embed"] == 0 and again.passages == there.passages


def test_folders_follow_the_notes(tmp_path: Path) -> None:
    library = library_of(tmp_path, FEW)
    assert library.folders() == ["pond", "pond/deep", "pond-b"]
    library.index_sources(FEW[2:], "records")
    assert library.folders() == ["pond-b"]


# Who wants to see the passages first


def test_passages_are_told_before_it_is_decided_and_again_for_an_answer_that_is_kept(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    decide = Library._decide

    def deciding(self: Library, *arguments: object) -> object:
        told.append("decided")
        return decide(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Library, "_decide", deciding)
    first = library.ask("What sheltered otters traditionally?", found=told.append)
    assert told == [first.passages, "decided"] and first.passages
    again = library.ask("What sheltered otters traditionally?", found=told.append)
    assert told[2:] == [again.passages] == [first.passages]


def test_who_is_told_slowly_keeps_nobody_waiting(library: Library) -> None:
    def ask_others(_: object) -> None:
        # Two questions may be searched for at a time; this one does not count while it tells.
        assert all(library._turns.acquire(timeout=5) for _ in range(2))
        library._turns.release(2)

    assert library.ask("Who eats crabs slowly?", found=ask_others).passages


# On the shipped notes


@pytest.mark.model
def test_every_folder_of_the_shipped_notes_answers_from_itself(shipped: Library) -> None:
    folders = shipped.folders()
    assert folders == sorted(path.name for path in CORPUS.iterdir() if path.is_dir())
    for folder in folders:
        found = documents(shipped.search("What is negative transfer?", within=folder))
        assert found and all(document.startswith(f"{folder}/") for document in found)
    answer = shipped.ask("What is negative transfer?", within="risks")
    assert answer.answered and answer.citations[0].document == "risks/negative-transfer.md"
