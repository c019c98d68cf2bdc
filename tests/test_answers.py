from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import WordLengths

from rag import Answer, Library, Reading, Settings, answers
from rag.answers import Answers
from rag.documents.records import Record

NOTES = [
    Record("otters.md", "Otters", "Otters eat crabs."),
    Record("owls.md", "Owls", "Owls eat mice."),
]


def answer(question: str) -> Answer:
    return Answer(question, question, "No.", 0.1, (), (), (), {"embed": 1.0})


def test_an_answer_is_found_in_the_state_it_was_given_in() -> None:
    kept, one, other = Answers[Answer](), object(), object()
    kept.keep((one, other), "a", given := answer("a"))
    assert kept.find((one, other), "a") is given
    assert kept.find((one, other), "b") is None
    for state in ((one,), (other, one), (one, object()), ()):
        assert kept.find(state, "a") is None


def test_equal_is_not_the_same() -> None:
    kept = Answers[Answer]()
    kept.keep(([1],), "a", answer("a"))
    assert kept.find(([1],), "a") is None


def test_another_state_clears_what_was_kept() -> None:
    kept, one, other = Answers[Answer](), object(), object()
    kept.keep((one,), "a", answer("a"))
    kept.keep((other,), "b", answer("b"))
    assert kept.find((one,), "a") is None
    assert kept.find((other,), "a") is None


def test_the_one_longest_unasked_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST", 2)
    kept, state = Answers[Answer](), (object(),)
    kept.keep(state, "a", answer("a"))
    kept.keep(state, "b", answer("b"))
    assert kept.find(state, "a")
    kept.keep(state, "c", answer("c"))
    assert [bool(kept.find(state, asked)) for asked in "abc"] == [True, False, True]


class Counting(WordLengths):
    asked = 0

    def read_queries(self, texts: Any) -> list[Reading]:
        self.asked += 1
        return super().read_queries(texts)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(Settings(library=str(tmp_path)), Counting())
    library.index_sources(NOTES, "records")
    return library


def asked(library: Library) -> int:
    return int(library.embedder.asked)  # type: ignore[attr-defined]


def without_times(found: Answer) -> dict[str, Any]:
    return {**found.to_dict(), "timings_ms": None}


def test_a_question_asked_again_is_not_read_again(library: Library) -> None:
    first = library.ask("What do otters eat?")
    again = library.ask("What do otters eat?")
    assert asked(library) == 1
    assert without_times(again) == without_times(first)
    assert again.timings_ms["embed"] == again.timings_ms["retrieve"] == 0
    assert set(again.timings_ms) == set(first.timings_ms)


def test_other_words_another_turn_or_other_notes_are_another_question(library: Library) -> None:
    library.ask("What do otters eat?")
    library.ask("What do otters eat??")
    assert asked(library) == 2
    changed = Record("otters.md", "Otters", "Otters eat clams.")
    before = asked(library)
    library.index_sources([changed, NOTES[1]], "records")
    indexed = asked(library)
    found = library.ask("What do otters eat?")
    assert asked(library) == indexed + 1 > before
    assert any("clams" in passage.text for passage in found.passages)
    assert not any("crabs" in passage.text for passage in found.passages)


def test_who_has_indexed_asks_the_new_state_though_another_opens_the_old(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.ask("What do otters eat?")
    opened, opening, go = Library._opened, threading.Event(), threading.Event()
    first = library._engine

    def slow(self: Library, present: Any) -> Any:
        if threading.current_thread() is other:
            opening.set()
            assert go.wait(10)
            return first  # it began before the new state was there
        return opened(self, present)

    monkeypatch.setattr(Library, "_opened", slow)
    monkeypatch.setattr(Library, "_is_newest", lambda self, engine: engine is not first)
    other = threading.Thread(target=library._engine_now)
    other.start()
    assert opening.wait(10)
    threading.Timer(0.2, go.set).start()
    library.index_sources([Record("otters.md", "Otters", "Otters eat clams."), NOTES[1]], "x")
    other.join(10)
    passages = library.ask("What do otters eat?").passages
    assert any("clams" in passage.text for passage in passages)


def test_what_a_reranker_had_time_for_is_not_kept(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow:
        def load(self) -> None: ...

        def score(self, query: str, texts: Any) -> Any:
            raise AssertionError("no time is left")

    monkeypatch.setattr(library, "reranker", Slow())
    monkeypatch.setattr("rag.asking.rerank", lambda query, hits, *_: hits)
    before = asked(library)
    library.ask("What do otters eat?")
    library.ask("What do otters eat?")
    assert asked(library) == before + 2


def test_threads_that_ask_the_same_get_the_same(library: Library) -> None:
    found: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda: found.append(without_times(library.ask("Who eats mice?"))))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert all(one == found[0] for one in found)
