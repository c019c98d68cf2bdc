from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import QUESTIONS, WordLengths, constant_fit, make_older

from eval import Question, load_questions
from rag import Answer, Embedder, Library, NotesQAError, Settings
from rag import index as derived
from rag.errors import CorpusError, DocumentError, LibraryError, ModelError, QuestionError
from rag.store import Store
from rag.types import Chunk, Unit

ALWAYS = constant_fit(0.1, model="word-lengths-1")
"""Gives one half for anything found, and asks for less."""

OTTERS = (
    "# Otters\n\nOtters eat crabs at night. They sleep on their backs.\n\n## Young\n\nPups float.\n"
)
BADGERS = "# Badgers\n\nBadgers dig setts beneath hedges. Worms are what badgers like.\n"
HERONS = "# Herons\n\nHerons stand motionless for hours. Frogs are swallowed whole.\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, text in (("otters", OTTERS), ("badgers", BADGERS), ("herons", HERONS)):
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


def long_ago(corpus: Path) -> None:
    """Makes notes that were just written such as need not be opened to be known again."""
    for file in corpus.iterdir():
        os.utime(file, (10**9, 10**9))


Make = Callable[..., Library]


@pytest.fixture
def make(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes libraries on the corpus that answer whatever they are asked."""
    monkeypatch.setattr("rag.pipeline.Fit.shipped", lambda: ALWAYS)

    def build(embedder: WordLengths | None = None, **settings: Any) -> Library:
        folder = str(tmp_path / "library")
        named = Settings(library=folder, corpus=str(corpus), **settings)
        return Library(named, embedder or WordLengths())

    return build


def contents(folder: Path) -> dict[str, bytes]:
    """Returns every file under a folder that is not a lock."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix != ".lock" and file.name != "lock"
    }


def vectors(library: Library) -> dict[str, bytes]:
    """Returns what stands for each chunk, by the text embedded."""
    store = Store(library.folder)
    try:
        return {text: vector for _, _, text, vector in store.chunk_rows()}
    finally:
        store.close()


def check_citations(library: Library, answer: Answer) -> None:
    """Every citation, sentence and passage is what stands in the notes at its place."""
    for item in answer.citations:
        text = library.source(item.document)
        assert item.span.of(text) == item.quote
        assert item.location == lines(text, item.span.start, item.span.end)
    for passage in answer.passages:
        assert passage.span.of(library.source(passage.document)) == passage.text
    quotes = {item.number: item.quote for item in answer.citations}
    for sentence in answer.sentences:
        assert sentence.text in quotes[sentence.citation]
    if answer.answered:
        shown = " ".join(f"{s.text} [{s.citation}]" for s in answer.sentences)
        assert answer.text == shown
        assert sum(sentence.decides for sentence in answer.sentences) == 1


def lines(text: str, start: int, end: int) -> str:
    first, last = (1 + text.count("\n", 0, offset) for offset in (start, end - 1))
    return f"line {first}" if first == last else f"lines {first}–{last}"


# Answering


def test_ask_quotes_the_sentence_that_answers(make: Make) -> None:
    library = make()
    library.index()
    answer = library.ask("Worms are what badgers like?")
    assert answer.answered
    (decisive,) = [sentence for sentence in answer.sentences if sentence.decides]
    assert decisive.text == "Worms are what badgers like."
    assert answer.citations[0].document == "badgers.md"
    assert answer.citations[0].headings == ("Badgers",)
    assert answer.citations[0].location == "line 3"
    check_citations(library, answer)


def test_ask_abstains_below_the_threshold_with_the_nearest_passages(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = constant_fit(0.51, model="word-lengths-1")
    monkeypatch.setattr("rag.pipeline.Fit.shipped", lambda: never)
    library = make()
    library.index()
    answer = library.ask("What do otters eat?")
    assert not answer.answered
    # e^0 / (1 + e^0) = 0.5, and that is the number shown.
    assert answer.confidence == 0.5
    assert "0.50" in (answer.reason or "")
    assert "0.51" in (answer.reason or "")
    assert [passage.rank for passage in answer.passages] == [1, 2, 3]
    check_citations(library, answer)


def test_ask_keeps_the_question_and_searches_for_it_on_one_line(make: Make) -> None:
    library = make()
    library.index()
    answer = library.ask("  What do\n\totters  eat? ")
    assert answer.question == "  What do\n\totters  eat? "
    assert answer.query == "What do otters eat?"
    assert set(answer.timings_ms) == {"embed", "retrieve", "answer"}
    assert all(ms >= 0 for ms in answer.timings_ms.values())


def test_a_misspelt_question_finds_what_was_meant(make: Make, corpus: Path) -> None:
    (corpus / "spelling.md").write_text("Gradients vanish in saturated units.", encoding="utf-8")
    library, plain = make(), make(spelling=False)
    library.index()
    answer = library.ask("When do gradiants vanihs?")
    assert answer.question == "When do gradiants vanihs?"
    assert answer.query == "When do gradients vanish?"
    assert answer.passages == library.ask(answer.query).passages
    assert library.search(answer.question) == library.search(answer.query)
    assert library.rank(answer.question) == library.rank(answer.query)
    assert plain.ask(answer.question).query == answer.question
    assert plain.rank(answer.question) != library.rank(answer.question)


def test_words_of_the_model_are_spelt_right(make: Make, corpus: Path) -> None:
    (corpus / "spelling.md").write_text("Gradients vanish in saturated units.", encoding="utf-8")
    model = WordLengths()
    model.whole = ["gradiants"]
    library = make(model)
    library.index()
    assert library.ask("gradiants vanihs gradinats").query == "gradiants vanish gradiants"


def test_a_new_note_brings_its_words(make: Make, corpus: Path) -> None:
    library = make()
    library.index()
    assert library.ask("What is a perceptrn?").query == "What is a perceptrn?"
    (corpus / "spelling.md").write_text("A perceptron is a unit.", encoding="utf-8")
    library.index()
    assert library.ask("What is a perceptrn?").query == "What is a perceptron?"


@pytest.mark.parametrize("question", ["", " \n\t ", "\u2003"])
def test_an_empty_question_is_refused(make: Make, question: str) -> None:
    library = make()
    library.index()
    with pytest.raises(QuestionError, match="empty: type"):
        library.ask(question)


def test_a_question_may_be_as_long_as_the_limit_and_no_longer(make: Make) -> None:
    library = make(max_question_chars=20)
    library.index()
    assert library.ask("a" * 20).question
    with pytest.raises(QuestionError, match="has 21 characters, the limit is 20: ask"):
        library.ask("a" * 21)


def test_a_question_without_a_known_word_gets_a_result(make: Make) -> None:
    library = make()
    library.index()
    for question in ("???", "🦦🦦", "the of and", "'\" OR 1=1; --", "title:otters AND *", "\x00"):
        check_citations(library, library.ask(question))


def test_search_returns_fewer_when_k_exceeds_index(make: Make) -> None:
    library = make()
    chunks = library.index().chunks
    found = library.search("What do otters eat?", k=100)
    assert [passage.rank for passage in found] == list(range(1, chunks + 1))
    scores = [passage.score for passage in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert len({(passage.document, passage.span) for passage in found}) == chunks


def test_search_returns_the_best_k(make: Make) -> None:
    library = make(passages=2)
    library.index()
    everything = library.search("What do otters eat?", k=3)
    assert [len(library.search("What do otters eat?", k=k)) for k in (1, 2, 3)] == [1, 2, 3]
    assert library.search("What do otters eat?", k=1) == everything[:1]
    assert library.search("What do otters eat?") == everything[:2]
    assert library.ask("What do otters eat?").passages == everything[:2]


def test_one_document_is_a_library(make: Make, corpus: Path) -> None:
    for name in ("badgers.md", "herons.md"):
        (corpus / name).unlink()
    (corpus / "otters.md").write_text("Otters eat crabs.", encoding="utf-8")
    library = make()
    assert library.index().chunks == 1
    answer = library.ask("What do otters eat?")
    assert answer.text == "Otters eat crabs. [1]"
    assert answer.citations[0].location == "line 1"
    assert [passage.text for passage in answer.passages] == ["Otters eat crabs."]
    check_citations(library, answer)


def test_a_citation_of_a_crlf_note_keeps_its_line_ends_and_counts_its_lines(
    make: Make, corpus: Path
) -> None:
    text = "# Newts\r\n\r\nNewts return to the\r\nvery same pond.\r\nNothing else is known.\r\n"
    (corpus / "newts.md").write_bytes(text.encode())
    library = make()
    library.index()
    assert library.source("newts.md") == text
    answer = library.ask("Newts return to the very same pond.")
    (decisive,) = [sentence for sentence in answer.sentences if sentence.decides]
    assert decisive.text == "Newts return to the\r\nvery same pond."
    assert answer.citations[0].document == "newts.md"
    assert answer.citations[0].location.startswith("lines 3–")
    check_citations(library, answer)


def test_offsets_count_characters_whatever_stands_before(make: Make, corpus: Path) -> None:
    # A byte-order mark, which is no part of the text, four-byte characters, a combining accent.
    text = "# 🦦🦦 Cafe\u0301\n\nVoles nibble roots.\n"
    (corpus / "voles.md").write_bytes(b"\xef\xbb\xbf" + text.encode())
    library = make()
    library.index()
    answer = library.ask("Voles nibble roots.")
    assert library.source("voles.md") == text
    assert answer.citations[0].quote == "Voles nibble roots."
    assert answer.citations[0].span.start == text.index("Voles")
    check_citations(library, answer)


def test_many_threads_get_what_one_gets(make: Make) -> None:
    library = make()
    library.index()
    questions = ["What do otters eat?", "Worms are what?", "Herons stand how?", "Pups?"] * 6

    def ask(question: str) -> dict[str, Any]:
        return {**library.ask(question).to_dict(), "timings_ms": None}

    alone = [ask(question) for question in questions]
    fresh = make()
    library = fresh
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, questions)) == alone


def test_a_confidence_is_measured_only_with_the_model_and_settings_of_its_fit(make: Make) -> None:
    make().index()
    assert make().ask("What do otters eat?").measured
    assert make(passages=3).ask("What do otters eat?").measured
    smaller = make(chunk_tokens=100)
    smaller.index()
    assert not smaller.ask("What do otters eat?").measured
    another = make(WordLengths("word-lengths-2"))
    another.index()
    assert not another.ask("What do otters eat?").measured


# What asking costs, and what it waits for


class Traced:
    """Every statement of SQL that connections opened from now on run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.statements: list[str] = []
        connect = sqlite3.connect

        def traced(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            connection = connect(*args, **kwargs)
            connection.set_trace_callback(self.statements.append)
            return connection

        monkeypatch.setattr(sqlite3, "connect", traced)


def test_a_question_asks_the_store_only_whether_it_changed(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make().index()
    traced = Traced(monkeypatch)
    library = make()
    for _ in range(2):  # the indexes are opened, then the connection that looks for new ones
        library.ask("What do otters eat at night?")
    assert any("FROM meta" in statement for statement in traced.statements)
    for ask in (library.ask, library.search, library.rank, library.draft):
        traced.statements.clear()
        ask("What do otters eat at night?")
        (statement,) = traced.statements
        assert "FROM meta" in statement


def test_a_question_reads_no_vocabulary_unless_a_word_is_unknown(make: Make) -> None:
    make().index()
    library = make()
    library.ask("What do otters eat at night?")
    assert "lexicon" not in vars(library._engine_now())
    library.ask("What do oters eat?")
    assert "lexicon" in vars(library._engine_now())


def said(answer: Answer) -> dict[str, Any]:
    return {**answer.to_dict(), "timings_ms": None}


def test_a_question_does_not_wait_for_a_transaction(make: Make) -> None:
    make().index()
    library = make()
    before = said(library.ask("What do otters eat?"))
    with closing(sqlite3.connect(library.folder / "library.sqlite3")) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert said(library.ask("What do otters eat?")) == before
        writer.rollback()


def test_the_old_state_is_asked_until_the_new_ones_indexes_are_there(
    make: Make, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make().index()
    library = make()
    before = said(library.ask("Voles nibble roots."))
    (corpus / "voles.md").write_text("Voles nibble roots.", encoding="utf-8")
    seen: list[dict[str, Any]] = []
    build = derived.build

    def asked_meanwhile(store: Store) -> None:
        # The new state is committed, and the lock held.
        assert store.generation == 2
        seen.append(said(library.ask("Voles nibble roots.")))
        seen.append(said(make().ask("Voles nibble roots.")))
        build(store)

    monkeypatch.setattr(derived, "build", asked_meanwhile)
    make().index()
    assert seen == [before, before]
    after = library.ask("Voles nibble roots.")
    assert after.citations[0].document == "voles.md"
    assert said(after) == said(make().ask("Voles nibble roots."))


def test_a_new_state_that_nobody_indexes_is_indexed_by_who_asks(
    make: Make, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make().index()
    library = make()
    library.ask("Voles nibble roots.")
    (corpus / "voles.md").write_text("Voles nibble roots.", encoding="utf-8")
    with monkeypatch.context() as killed:
        killed.setattr(derived, "build", lambda store: None)
        make().index()
    assert library.ask("Voles nibble roots.").citations[0].document == "voles.md"
    assert [folder.name for folder in library.folder.glob("index-*")] == ["index-000002"]


def test_states_that_change_under_load_are_never_mixed(make: Make, corpus: Path) -> None:
    def write(state: int) -> None:
        for name in ("otters", "badgers", "herons"):
            text = f"# {name}\n\nAll {name} are of state{state} now.\n\n" * (1 + state % 3)
            (corpus / f"{name}.md").write_text(text, encoding="utf-8")

    write(0)
    make().index()
    library = make()
    done = threading.Event()

    def ask(number: int) -> list[set[str]]:
        states = []
        while not done.is_set() or not states:
            answer = library.ask(f"All otters are of state{number} now?")
            shown = [passage.text for passage in answer.passages]
            shown += [citation.quote for citation in answer.citations]
            states.append(set(re.findall(r"state\d+", " ".join(shown))))
        return states

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, number) for number in range(4)]
        for state in range(1, 7):
            write(state)
            make().index()
        done.set()
        states = [state for each in asked for state in each.result()]
    assert all(len(state) == 1 for state in states)
    assert "state6" in library.ask("All otters now?").passages[0].text


# Indexing again


def test_reindexing_embeds_only_what_changed(make: Make, corpus: Path) -> None:
    make().index()
    before = vectors(make())
    (corpus / "otters.md").write_text(OTTERS.replace("crabs", "mussels"), encoding="utf-8")

    class Another(WordLengths):
        """Gives the same texts other vectors, so that a recomputed one would show."""

        @staticmethod
        def _embed(text: str) -> Any:
            return WordLengths._embed(text)[::-1].copy()

    embedder = Another()
    library = make(embedder)
    manifest = library.index()
    assert manifest.indexed == ("otters.md",)
    assert manifest.unchanged == ("badgers.md", "herons.md")
    assert manifest.embedded == len(embedder.embedded) > 0
    # The chunk, the changed sentence, and the one that is read with it as its context.
    assert all("mussels" in text for text in embedder.embedded)
    after = vectors(library)
    kept = {text: vector for text, vector in after.items() if "Otters" not in text}
    assert kept == {text: vector for text, vector in before.items() if "Otters" not in text}
    assert len(kept) == 2
    assert library.ask("Otters eat what?").citations


def test_an_unchanged_run_commits_nothing(make: Make, corpus: Path) -> None:
    long_ago(corpus)
    first = make().index()
    library = make(embedder := WordLengths())
    before = contents(library.folder)
    times = {file: file.stat().st_mtime_ns for file in library.folder.rglob("*.sqlite3")}
    again = library.index()
    assert (again.indexed, again.removed, again.skipped) == ((), (), ())
    assert again.unchanged == ("badgers.md", "herons.md", "otters.md")
    assert (again.embedded, embedder.embedded) == (0, [])
    assert again.generation == first.generation == 1
    assert again.chunks == first.chunks
    assert contents(library.folder) == before
    assert {file: file.stat().st_mtime_ns for file in times} == times


def test_touching_a_file_changes_nothing(make: Make, corpus: Path) -> None:
    make().index()
    os.utime(corpus / "otters.md", (1, 1))
    assert make().index().indexed == ()


def test_renaming_a_note_embeds_nothing(make: Make, corpus: Path) -> None:
    make().index()
    (corpus / "deep").mkdir()
    (corpus / "otters.md").rename(corpus / "deep" / "lutra.md")
    library = make(embedder := WordLengths())
    manifest = library.index()
    assert (manifest.indexed, manifest.removed) == (("deep/lutra.md",), ("otters.md",))
    assert (manifest.embedded, embedder.embedded) == (0, [])
    assert library.ask("Otters eat crabs at night.").citations[0].document == "deep/lutra.md"


def test_a_copy_of_a_note_embeds_nothing(make: Make, corpus: Path) -> None:
    make().index()
    shutil.copy(corpus / "otters.md", corpus / "copy.md")
    manifest = make().index()
    assert (manifest.indexed, manifest.embedded) == (("copy.md",), 0)


def test_a_removed_note_is_found_no_more(make: Make, corpus: Path) -> None:
    library = make()
    chunks = library.index().chunks
    of_otters = sum(p.document == "otters.md" for p in library.search("Otters?", k=100))
    (corpus / "otters.md").unlink()
    manifest = make().index()
    assert (manifest.removed, manifest.indexed, manifest.embedded) == (("otters.md",), (), 0)
    assert manifest.chunks == chunks - of_otters
    # The library that was open all the while sees it too.
    assert {p.document for p in library.search("Otters?", k=100)} == {"badgers.md", "herons.md"}
    assert set(library.titles()) == {"badgers.md", "herons.md"}
    with pytest.raises(LibraryError, match="otters.md is not in the library"):
        library.source("otters.md")


def test_a_removed_note_that_comes_back_is_embedded_again(make: Make, corpus: Path) -> None:
    first = make().index()
    (corpus / "otters.md").unlink()
    make().index()
    (corpus / "otters.md").write_text(OTTERS, encoding="utf-8")
    back = make().index()
    assert 0 < back.embedded < first.embedded
    assert (back.chunks, back.generation) == (first.chunks, 3)


def test_an_incremental_library_answers_as_a_fresh_one(make: Make, corpus: Path) -> None:
    (corpus / "otters.md").write_text("# Otters\n\nNothing yet.\n", encoding="utf-8")
    (corpus / "zebras.md").write_text("# Zebras\n\nZebras graze in herds.\n", encoding="utf-8")
    make().index()
    (corpus / "otters.md").write_text(OTTERS, encoding="utf-8")
    (corpus / "zebras.md").unlink()
    library = make()
    library.index()
    grown = [library.search(q, k=100) for q in ("What do otters eat?", "Frogs?", "hedges")]
    shutil.rmtree(library.folder)
    library = make()
    library.index()
    assert grown == [library.search(q, k=100) for q in ("What do otters eat?", "Frogs?", "hedges")]


def test_an_interrupted_run_changes_nothing_and_loses_nothing(
    make: Make, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = make()
    library.index()
    before = library.search("What do otters eat?", k=100)
    for name, text in (("otters", OTTERS), ("herons", HERONS)):
        (corpus / f"{name}.md").write_text(text.replace("are", "were") + "\nMore.\n", "utf-8")
    for bound in ("WINDOW_TEXTS", "TEXTS_AT_ONCE"):
        monkeypatch.setattr(f"rag.indexing.{bound}", 2)

    class Stops(WordLengths):
        def embed_passages(self, texts: Any) -> Any:
            if len(self.embedded) >= 4:
                raise KeyboardInterrupt
            return super().embed_passages(texts)

    with pytest.raises(KeyboardInterrupt):
        make(stopped := Stops()).index()
    assert library.search("What do otters eat?", k=100) == before
    assert library.status()["generation"] == 1
    make(resumed := WordLengths()).index()
    # The first note was one window; of the second one, some texts were embedded.
    assert resumed.embedded
    committed = sum("Herons" in text for text in stopped.embedded)
    assert 0 < committed < len(stopped.embedded)
    assert not set(stopped.embedded[:committed]) & set(resumed.embedded)
    assert library.status()["generation"] == 2


def test_progress_never_exceeds_what_there_is(make: Make) -> None:
    seen: list[tuple[str, int, int]] = []
    make().index(progress=lambda *report: seen.append(report))
    assert list(dict.fromkeys(stage for stage, _, _ in seen)) == ["Indexing"]
    (total,) = {total for _, _, total in seen}
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert seen[-1][1] == total


def test_longest_passage_is_what_the_settings_say(make: Make, corpus: Path) -> None:
    sentences = " ".join(f"Sentence number {i} of this note." for i in range(40))
    (corpus / "long.md").write_text(sentences, encoding="utf-8")
    few = make(chunk_tokens=200).index().chunks
    changed = make(chunk_tokens=32)
    manifest = changed.index()
    assert manifest.indexed == ("badgers.md", "herons.md", "long.md", "otters.md")
    assert manifest.chunks > few
    assert all(len(p.text.split()) <= 32 for p in changed.search("note", k=100))


# What is skipped


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("slides.ppt", b"slides", "no loader"),
        ("README", b"words", "no loader"),
        ("big.md", b"words " * 4000, "too large"),
        ("noise.txt", bytes(range(256)), "not text"),
        ("noise.md", b"\x89PNG\r\n\x1a\n\0\0\0", "not text"),
        ("blank.md", b" \n\t\n", "empty"),
        ("nothing.txt", b"", "empty"),
        ("gone.md", None, "unreadable"),
    ],
)
def test_a_bad_file_is_listed_and_stops_no_other(
    make: Make, corpus: Path, name: str, data: bytes | None, reason: str
) -> None:
    if data is None:
        (corpus / name).symlink_to("nowhere")
    else:
        (corpus / name).write_bytes(data)
    library = make(max_file_mb=0.02)
    manifest = library.index()
    assert manifest.indexed == ("badgers.md", "herons.md", "otters.md")
    assert [(item.document, item.reason) for item in manifest.skipped] == [(name, reason)]
    assert manifest.skipped[0].message
    status = library.status()
    assert status["skipped"] == [item.to_dict() for item in manifest.skipped]
    assert (status["files"], status["indexed"]) == (4, 3)
    # It is said again every time, and nothing is done again.
    again = make(embedder := WordLengths(), max_file_mb=0.02).index()
    assert again.skipped == manifest.skipped
    assert (again.generation, embedder.embedded) == (manifest.generation, [])


def test_a_mended_file_is_skipped_no_more(make: Make, corpus: Path) -> None:
    (corpus / "blank.md").write_bytes(b"")
    library = make()
    library.index()
    (corpus / "blank.md").write_bytes(b"Blank no more.")
    assert library.index().indexed == ("blank.md",)
    assert library.status()["skipped"] == []


def test_a_note_that_can_be_read_no_more_is_skipped_and_not_removed(
    make: Make, corpus: Path
) -> None:
    library = make()
    library.index()
    (corpus / "otters.md").write_bytes(b"\0\0\0")
    manifest = library.index()
    assert [item.document for item in manifest.skipped] == ["otters.md"]
    assert (manifest.removed, manifest.indexed) == ((), ())
    assert set(library.titles()) == {"badgers.md", "herons.md"}


def test_a_change_of_what_is_skipped_is_a_change(make: Make, corpus: Path) -> None:
    library = make(embedder := WordLengths())
    library.index()
    embedded = len(embedder.embedded)
    (corpus / "blank.md").write_bytes(b"")
    assert library.index().generation == 2
    assert [item["document"] for item in library.status()["skipped"]] == ["blank.md"]
    (corpus / "blank.md").unlink()
    manifest = library.index()
    assert (manifest.generation, manifest.removed, manifest.indexed) == (3, (), ())
    assert library.status()["skipped"] == []
    assert len(embedder.embedded) == embedded
    assert library.ask("What do otters eat?").answered


def test_hidden_files_and_folders_are_no_notes(make: Make, corpus: Path) -> None:
    (corpus / ".git").mkdir()
    (corpus / ".git" / "config.md").write_bytes(b"Secret.")
    (corpus / ".draft.md").write_bytes(b"Secret.")
    manifest = make().index()
    assert (len(manifest.indexed), manifest.skipped) == (3, ())


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses such names itself")
def test_a_file_name_that_is_not_unicode_stops_no_other(make: Make, corpus: Path) -> None:
    Path(os.fsdecode(os.fsencode(corpus) + b"/caf\xe9.md")).write_bytes(b"Coffee is hot.")
    manifest = make().index()
    assert {"badgers.md", "herons.md", "otters.md"} <= set(manifest.indexed)
    assert len(manifest.indexed) + len(manifest.skipped) == 4
    json.dumps(manifest.to_dict(), ensure_ascii=False).encode()


@pytest.mark.parametrize("kind", ["missing", "a file", "empty"])
def test_a_corpus_without_notes_leaves_the_library_as_it_was(
    make: Make, corpus: Path, kind: str
) -> None:
    library = make()
    library.index()
    before = contents(library.folder)
    shutil.rmtree(corpus)
    if kind == "a file":
        corpus.write_bytes(b"words")
    elif kind != "missing":
        corpus.mkdir()
    with pytest.raises(CorpusError, match=re.escape(str(corpus))):
        library.index()
    assert contents(library.folder) == before
    assert library.ask("What do otters eat?").answered


# Models, formats, damage


def test_another_model_is_refused_until_indexing_made_the_library_anew(make: Make) -> None:
    make().index()
    embedder = WordLengths("word-lengths-2")
    embedder.name = "the other one"
    library = make(embedder)
    for use in (library.ask, library.search, library.draft):
        with pytest.raises(ModelError) as refused:
            use("What do otters eat?")
        message = str(refused.value)
        assert "made with model word-lengths, the settings name the other one" in message
        assert "run notesqa index" in message
    with pytest.raises(ModelError):
        Library.open(library.settings, embedder)
    assert [check.name for check in library.doctor() if not check.ok] == ["model"]
    manifest = library.index()
    assert manifest.indexed == ("badgers.md", "herons.md", "otters.md")
    assert manifest.embedded == len(embedder.embedded) == len(set(embedder.embedded)) > 0
    assert library.ask("What do otters eat?").answered
    assert library.status()["model"] == "the other one"
    assert all(check.ok for check in library.doctor())


def test_going_back_to_a_model_embeds_again(make: Make) -> None:
    first = make().index()
    make(WordLengths("word-lengths-2")).index()
    assert make().index().embedded == first.embedded


def test_opening_nothing_is_refused_and_makes_nothing(make: Make) -> None:
    library = make()
    with pytest.raises(LibraryError, match="There is no library in .*: make it with notesqa index"):
        Library.open(library.settings, WordLengths())
    for use in (library.status, library.doctor, lambda: library.ask("Anything?")):
        with pytest.raises(LibraryError, match="There is no library"):
            use()
    assert not library.folder.exists()


def test_a_first_run_that_finds_no_text_says_so_and_the_next_goes_on(
    make: Make, corpus: Path
) -> None:
    for file in corpus.iterdir():
        file.write_bytes(b"")
    library = make()
    with pytest.raises(CorpusError):
        library.index()
    assert library.status()["files"] == len(library.status()["skipped"]) == 3
    assert not library.ask("What do otters eat?").answered
    for file in corpus.iterdir():
        file.write_bytes(b"Otters eat crabs.")
    assert library.index().generation == 2
    assert library.ask("What do otters eat?").answered


def test_a_lost_index_is_rebuilt_without_embedding(make: Make) -> None:
    make().index()
    library = make(embedder := WordLengths())
    before = make().search("What do otters eat?", k=100)
    (folder,) = library.folder.glob("index-*")
    shutil.rmtree(folder)
    assert [check.name for check in library.doctor() if not check.ok] == ["indexes"]
    assert library.search("What do otters eat?", k=100) == before
    assert all(check.ok for check in library.doctor())
    assert embedder.embedded == []


def test_status_needs_no_model(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    library = make()
    library.index()

    class Gone(WordLengths):
        @property
        def backend(self) -> str:
            raise ModelError("The model is gone: name another.")

    found = make(Gone()).status()
    assert found["backend"] == "unknown: The model is gone: name another"
    assert found["indexed"] == 3


def test_status_counts_what_is_there(make: Make, corpus: Path) -> None:
    library = make()
    manifest = library.index()
    found = library.status()
    changed = datetime.fromisoformat(found.pop("changed"))
    assert timedelta() <= datetime.now(UTC) - changed < timedelta(minutes=5)
    assert found == {
        "files": 3,
        "indexed": 3,
        "chunks": manifest.chunks,
        "generation": 1,
        "bytes": {
            "notes": sum(file.stat().st_size for file in corpus.iterdir()),
            "library": sum(
                file.stat().st_size for file in library.folder.rglob("*") if file.is_file()
            ),
        },
        "ignored": 0,
        "hidden_files": 0,
        "model": "word-lengths",
        "backend": "counting",
        "reranker": None,
        "search": "exact",
        "skipped": [],
        "partial": [],
        "hidden": [],
        "duplicates": [],
    }


# Copies


@pytest.mark.parametrize("reranker", ["", "backwards"])
def test_a_note_that_is_there_twice_is_shown_once(
    make: Make, corpus: Path, monkeypatch: pytest.MonkeyPatch, reranker: str
) -> None:
    class Backwards:
        name = "backwards"

        def load(self) -> None: ...

        def score(self, query: str, texts: list[str]) -> Any:
            return np.arange(len(texts), dtype=np.float32)

    monkeypatch.setattr("rag.pipeline.CrossEncoderReranker", lambda name: Backwards())
    make().index()
    before = make(reranker=reranker).search("What do otters eat at night?", 100)
    (corpus / "archive").mkdir()
    for name in ("otters.md", "archive/otters.md", "copy of otters.md"):
        (corpus / name).write_text(OTTERS, encoding="utf-8")
    # In order of path, `archive/otters.md` is the first of the copies.
    make().index()
    library = make(reranker=reranker)
    found = library.search("What do otters eat at night?", 100)
    assert sorted(passage.text for passage in found) == sorted(passage.text for passage in before)
    assert len({passage.text for passage in found}) == len(found) == 3
    named = {passage.document for passage in found if passage.text in OTTERS}
    assert named == {"archive/otters.md"}
    assert [passage.rank for passage in found] == list(range(1, len(found) + 1))
    answer = library.ask("What do otters eat at night?")
    check_citations(library, answer)
    assert len({passage.text for passage in answer.passages}) == len(answer.passages)


def test_copies_take_no_place_from_other_passages(make: Make, corpus: Path) -> None:
    for number in range(12):
        (corpus / f"otters {number}.md").write_text(OTTERS, encoding="utf-8")
    make().index()
    found = make().search("What do otters eat at night?", 3)
    assert len({passage.text for passage in found}) == len(found) == 3


# A library of the format before


def digest_without_tokens(embedder: Embedder, item: Chunk | Unit) -> bytes:
    named = f"{embedder.fingerprint}\0{item.embedded}"
    return hashlib.blake2b(named.encode(), digest_size=16).digest()


def test_a_library_without_tokens_is_brought_up_by_indexing_alone(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make().index()
    asked = make().ask("What do otters eat at night?").to_dict()
    ranked = make().rank("What do otters eat at night?")
    shutil.rmtree(tmp_path / "library")
    with monkeypatch.context() as before:
        before.setattr("rag.indexing.digest_of", digest_without_tokens)
        make().index()
    make_older(tmp_path / "library", 1)
    with pytest.raises(LibraryError, match="bring it up to date with notesqa index"):
        make().ask("What do otters eat at night?")
    # Killed when the format is new and nothing else is: the old state, without tokens.
    Store(tmp_path / "library", write=True).close()
    assert make().ask("What do otters eat at night?").passages
    assert [check.name for check in make().doctor() if not check.ok] == ["store"]
    manifest = make(embedder := WordLengths()).index()
    assert manifest.indexed == ("badgers.md", "herons.md", "otters.md")
    assert manifest.generation == 2
    assert all(check.ok for check in make().doctor())
    assert {**make().ask("What do otters eat at night?").to_dict(), "timings_ms": 0} == {
        **asked,
        "timings_ms": 0,
    }
    assert make().rank("What do otters eat at night?") == ranked
    # All is read anew: chunks have no tokens, and no vector says at which precision it was made.
    with closing(Store(tmp_path / "library")) as store:
        texts = [text for _, _, text, _ in store.chunk_rows()]
        assert manifest.embedded == len(embedder.embedded) == first.embedded
        assert list(store.token_rows()) == [
            WordLengths().read_queries([t])[0].packed() for t in texts
        ]
    assert make().index().embedded == 0


def test_every_error_is_the_users_to_mend() -> None:
    for error in (CorpusError, DocumentError, LibraryError, ModelError, QuestionError):
        assert issubclass(error, NotesQAError)


# The shipped notes, with the real model


@pytest.fixture(scope="module")
def answers(shipped: Library) -> list[tuple[Question, Answer]]:
    """Returns every question of the shipped set, answered from the shipped notes."""
    return [(each, shipped.ask(each.question)) for each in load_questions(QUESTIONS)]


@pytest.mark.model
@pytest.mark.slow
def test_every_citation_of_every_shipped_question_holds(
    shipped: Library, answers: list[tuple[Question, Answer]]
) -> None:
    assert len(answers) > 400
    assert any(answer.answered for _, answer in answers)
    assert not all(answer.answered for _, answer in answers)
    for _, answer in answers:
        check_citations(shipped, answer)


@pytest.mark.model
@pytest.mark.slow
def test_every_shipped_question_gets_the_documented_object(
    answers: list[tuple[Question, Answer]],
) -> None:
    top = [
        *("question", "query", "state", "reason", "confidence", "answer", "sentences"),
        *("citations", "passages", "timings_ms"),
    ]
    of_citation = [
        *("number", "document", "title", "headings", "location", "start", "end", "quote")
    ]
    of_passage = ["rank", "score", "document", "location", "start", "end", "text"]
    for question, answer in answers:
        found = json.loads(json.dumps(answer.to_dict()))
        assert list(found) == top
        assert found["question"] == question.question
        assert list(found["timings_ms"]) == ["embed", "retrieve", "answer"]
        assert 0 <= found["confidence"] <= 1
        assert [item["rank"] for item in found["passages"]] == list(range(1, 11))
        for key, keys in (
            ("sentences", ["text", "citation"]),
            ("citations", of_citation),
            ("passages", of_passage),
        ):
            assert all(list(item) == keys for item in found[key])
        if found["state"] == "answered":
            assert found["reason"] is None
            assert found["answer"]
            assert found["citations"]
        else:
            assert found["state"] == "abstained"
            assert found["reason"]
            assert (found["answer"], found["citations"], found["sentences"]) == (None, [], [])


@pytest.mark.model
def test_the_shipped_library_is_sound(shipped: Library) -> None:
    assert all(check.ok for check in shipped.doctor())
    assert shipped.index().embedded == 0
