from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, WordLengths
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag import Library, Parts, Reading, Record, Settings
from rag.retrieval import (
    ALL,
    DENSE_POOL,
    NEAR,
    POOL,
    SHARED,
    TOKEN_DEPTH,
    TOKEN_WEIGHT,
    Hit,
    Retrieval,
    distinct,
    retrieve,
    shown_score,
)

Numbers = NDArray[np.float32]
QUERY = Reading(np.ones(1, np.float32), np.ones(1, np.int32), np.ones((1, 1), np.float32))


class Given:
    """An engine that says what it is given, a number for each row."""

    language = "english"

    def __init__(
        self,
        chunk: Sequence[float],
        unit: Sequence[float],
        token: Sequence[float],
        bm25: Mapping[int, float] | None = None,
        near: Sequence[int] | None = None,
        frequency: Mapping[str, int] | None = None,
    ) -> None:
        self.size = len(chunk)
        self.documents = np.arange(self.size)
        self.numbers = {
            name: np.array(values, dtype=np.float32)
            for name, values in (("chunk", chunk), ("unit", unit), ("token", token))
        }
        self.bm25 = dict(bm25 or {})
        self.near = range(self.size) if near is None else near
        self.frequency = dict(frequency or {})
        self.asked: list[tuple[str, object]] = []

    def dense(self, query: Numbers, k: int, within: range | None = None) -> NDArray[np.int64]:
        self.asked.append(("dense", k))
        rows = [row for row in self.near if within is None or row in within]
        return np.array(rows, dtype=np.int64)

    def chunk_similarities(self, query: Numbers, rows: NDArray[np.int64]) -> Numbers:
        return self.numbers["chunk"][rows]

    def best_unit_similarities(self, query: Numbers, rows: NDArray[np.int64]) -> Numbers:
        return self.numbers["unit"][rows]

    def unit_similarities(self, query: Numbers, row: int) -> Numbers:
        return self.numbers["unit"][[row]]

    def token_similarities(self, query: Reading, rows: NDArray[np.int64]) -> Numbers:
        self.asked.append(("tokens", sorted(rows.tolist())))
        return self.numbers["token"][rows]

    def between(self, rows: NDArray[np.int64]) -> Numbers:
        # Near are rows of the same ten.
        tens = rows // 10
        return np.where(tens[:, None] == tens, NEAR, NEAR - 0.01).astype(np.float32)

    def lexical(
        self, terms: Sequence[str], k: int, within: range | None = None
    ) -> list[tuple[int, float]]:
        self.asked.append(("lexical", (list(terms), k)))
        found = [item for item in self.bm25.items() if within is None or item[0] in within]
        return sorted(found, key=lambda item: (-item[1], item[0]))

    def document_frequency(self, term: str) -> int:
        return self.frequency.get(term, 0)


def found(engine: Given, parts: Parts = ALL, *, weight: float = 0.1, k: int = 100) -> Retrieval:
    return retrieve("otters", QUERY, engine, k, weight, parts)


def scores(retrieval: Retrieval) -> dict[int, float]:
    return {hit.row: hit.score for hit in retrieval.hits}


def rows(retrieval: Retrieval) -> list[int]:
    return [hit.row for hit in retrieval.hits]


THREE = {
    "chunk": [0.5, 0.4, 0.1],
    "unit": [0.3, 0.6, 0.2],
    "token": [0.2, 0.25, 0.7],
    "bm25": {1: 4.0, 2: 10.0},
}


# The sum


def test_a_score_is_the_sum_of_what_speaks_for_the_chunk() -> None:
    retrieval = found(Given(**THREE))
    # 0.5 + 0.3 + 2 * 0.2; 0.4 + 0.6 + 2 * 0.25 + 0.1 * 4; 0.1 + 0.2 + 2 * 0.7 + 0.1 * 10
    assert scores(retrieval) == pytest.approx({2: 2.7, 1: 1.9, 0: 1.2})
    assert rows(retrieval) == [2, 1, 0]
    best = retrieval.hits[0]
    assert best == Hit(
        2,
        pytest.approx(2.7),  # type: ignore[arg-type]
        *map(pytest.approx, (0.1, 0.2, 0.7, 10.0)),
    )
    assert retrieval.hits[-1].bm25 == 0


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (Parts(sentences=False), {0: 0.9, 1: 1.3, 2: 2.5}),
        (Parts(tokens=False), {0: 0.8, 1: 1.4, 2: 1.3}),
        (Parts(lexical=False), {0: 1.2, 1: 1.5, 2: 1.7}),
        (Parts(sentences=False, tokens=False), {0: 0.5, 1: 0.8, 2: 1.1}),
        (Parts(lexical=False, tokens=False), {0: 0.8, 1: 1.0, 2: 0.3}),
        (Parts(lexical=False, sentences=False), {0: 0.9, 1: 0.9, 2: 1.5}),
        (Parts(lexical=False, sentences=False, tokens=False), {0: 0.5, 1: 0.4, 2: 0.1}),
        (Parts(dense=False), {1: 0.4, 2: 1.0}),
    ],
)
def test_what_is_left_out_is_what_a_score_lacks(parts: Parts, expected: dict[int, float]) -> None:
    retrieval = found(engine := Given(**THREE), parts)
    assert scores(retrieval) == pytest.approx(expected)
    uses = {"lexical": parts.lexical, "dense": parts.dense, "tokens": parts.dense and parts.tokens}
    assert {name for name, _ in engine.asked} == {name for name, used in uses.items() if used}
    for hit in retrieval.hits:
        assert hit.bm25 == (THREE["bm25"].get(hit.row, 0) if parts.lexical else 0)  # type: ignore[attr-defined]
        assert (hit.token_similarity is None) != uses["tokens"]


def test_words_that_weigh_nothing_still_find() -> None:
    engine = Given([0.5, 0.4, 0.3], [0, 0, 0], [0, 0, 0], {2: 10.0}, near=[0])
    retrieval = found(engine, weight=0)
    assert scores(retrieval) == pytest.approx({0: 0.5, 2: 0.3})
    assert retrieval.hits[1].bm25 == 10


def test_both_legs_propose_and_no_more_is_asked_of_them() -> None:
    engine = Given(*[[0.1] * 9] * 3, {1: 2.0, 8: 1.0}, near=[5, 8])
    assert sorted(rows(found(engine))) == [1, 5, 8]
    assert engine.asked == [
        ("lexical", (["otter"], POOL)),
        ("dense", DENSE_POOL),
        ("tokens", [1, 5, 8]),
    ]


def test_fewer_are_returned_where_fewer_are_asked_for() -> None:
    engine = Given(**THREE)
    everything = found(engine)
    for k in range(4):
        assert found(engine, k=k).hits == everything.hits[:k]


def test_ties_go_by_row() -> None:
    # Equal sums of unequal parts, all exact in binary.
    chunk, unit, token = [0.5, 0.25, 0.0, 0.5], [0.25, 0.0, 0.25, 0.25], [0.0, 0.25, 0.25, 0.125]
    retrieval = found(Given(chunk, unit, token, near=[3, 2, 1, 0]))
    assert scores(retrieval) == {0: 0.75, 1: 0.75, 2: 0.75, 3: 1.0}
    assert rows(retrieval) == [3, 0, 1, 2]


def test_where_nothing_is_found_the_terms_are_still_there() -> None:
    engine = Given([], [], [])
    retrieval = found(engine)
    assert (retrieval.hits, retrieval.query, retrieval.language) == ((), "otters", "english")
    assert retrieval.vector is QUERY.vector
    assert list(retrieval.terms) == ["otter"]
    absent = found(Given(*[[0.5]] * 3), Parts(dense=False))
    assert absent.hits == ()


def test_terms_have_the_idf_of_bm25_once_each() -> None:
    engine = Given(*[[0.5] * 10] * 3, frequency={"otter": 2, "crab": 10})
    query = "Do otters, the otters, eat a crab by night?"
    retrieval = retrieve(query, QUERY, engine, 3, 0.1)
    assert retrieval.terms == pytest.approx(
        {
            "otter": math.log(1 + 8.5 / 2.5),
            "eat": math.log(1 + 10.5 / 0.5),
            "crab": math.log(1 + 0.5 / 10.5),
            "night": math.log(1 + 10.5 / 0.5),
        }
    )


# How deep tokens are matched


def test_the_best_by_the_rest_are_matched_token_by_token() -> None:
    # Rows from the worst to the best; the others would be lifted by their tokens above all.
    count = TOKEN_DEPTH + 8
    chunk = [row / 100 for row in range(count)]
    token = [0.9] * 8 + [0.5 + row / 1000 for row in range(TOKEN_DEPTH)]
    engine = Given(chunk, [0.0] * count, token)
    retrieval = found(engine)
    assert engine.asked[-1] == ("tokens", list(range(8, count)))
    assert rows(retrieval) == list(range(count))[::-1]
    beyond = retrieval.hits[TOKEN_DEPTH:]
    assert [hit.token_similarity for hit in beyond] == [None] * 8
    # They count as matched as badly as the worst that was, here by 0.5.
    assert [hit.score - TOKEN_WEIGHT * 0.5 for hit in beyond] == pytest.approx(chunk[7::-1])


@given(seed=st.integers(0, 10**6), steps=st.sampled_from([2, 4, 1024]))
def test_what_is_not_matched_token_by_token_stays_behind_what_is(seed: int, steps: int) -> None:
    random = np.random.default_rng(seed)
    count = TOKEN_DEPTH + 20
    # Few steps give many ties; powers of two add exactly, so that a tie is one in any order.
    numbers = random.integers(-steps, steps, (3, count)) / steps
    bm25 = {row: float(random.integers(0, steps)) for row in range(0, count, 3)}
    retrieval = found(Given(*numbers.tolist(), bm25), weight=0.125)
    matched = [hit.token_similarity is not None for hit in retrieval.hits]
    assert matched == [True] * TOKEN_DEPTH + [False] * 20
    # And the best by the rest are those that are matched.
    without = found(Given(*numbers.tolist(), bm25), Parts(tokens=False), weight=0.125)
    assert set(rows(without)[:TOKEN_DEPTH]) == set(rows(retrieval)[:TOKEN_DEPTH])
    assert rows(without)[TOKEN_DEPTH:] == rows(retrieval)[TOKEN_DEPTH:]


# Copies

ENGINE = Given(*[[0.0] * 100] * 3)
HIT = Hit(0, 1.0, 0.5, 0.5, 0.5, 0.0)


def kept(*texts: tuple[int, str]) -> list[int]:
    """Returns the places of those kept, of `(row, text)`, best first; near are rows of one ten."""
    return distinct([replace(HIT, row=row) for row, _ in texts], [t for _, t in texts], ENGINE)


COPIED = "Otters eat crabs at night and sleep on their backs by day."


def test_of_copies_the_best_is_kept() -> None:
    assert kept((5, COPIED), (20, "Herons wait."), (3, COPIED), (7, COPIED)) == [0, 1]


def test_the_same_words_far_apart_are_both_kept() -> None:
    assert kept((5, COPIED), (15, COPIED)) == [0, 1]


def test_what_is_near_and_says_other_words_is_kept() -> None:
    assert kept((5, COPIED), (6, "Badgers dig setts beneath hedges.")) == [0, 1]


def listed(*numbers: int) -> str:
    animals = ["otters", "herons", "badgers", "voles", "frogs", "newts", "toads", "shrews"]
    plants = ["sedge", "reed", "willow", "alder", "poplar", "mint", "iris", "cress", "rush"]
    return f"{' '.join(animals)} {' '.join(plants)} shore bank {' '.join(map(str, numbers))}"


def test_lists_that_differ_in_a_number_are_both_kept() -> None:
    assert kept((5, listed(1, 12)), (6, listed(1, 13))) == [0, 1]
    assert kept((5, listed(1, 12)), (6, listed(1))) == [0, 1]
    assert kept((5, listed(1)), (6, listed(1, 12))) == [0, 1]
    assert kept((5, listed(1, 12)), (6, listed(12, 1))) == [0]


@pytest.mark.parametrize(("others", "places"), [(1, [0]), (2, [0, 1])])
def test_nearly_all_terms_are_shared_by_a_copy(others: int, places: list[int]) -> None:
    # 19 of 20 words each way, 19 of the 20 of both, is a copy; 18 of the 20 of both, .9, too.
    words = listed().split()
    assert len(words) == 19
    less = " ".join(words[: 19 - others])
    assert (19 - others) / 19 >= SHARED or others == 2
    assert kept((5, listed()), (6, less)) == places


def test_texts_of_nothing_but_function_words_are_alike() -> None:
    assert kept((5, "It is."), (6, "They were.")) == [0]


def test_nothing_has_no_copies() -> None:
    assert kept() == []


def test_what_was_left_out_hides_nothing_else() -> None:
    # The middle one is a copy of the first, the last of the middle one alone.
    words = listed().split()
    first, middle, last = words, words[1:], words[2:]
    assert kept((5, " ".join(first)), (6, " ".join(middle)), (7, " ".join(last))) == [0, 2]
    assert kept((6, " ".join(middle)), (7, " ".join(last))) == [0]


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([COPIED, "", "a 1", "a 2"]))))
def test_the_same_hits_are_kept_every_time(texts: list[tuple[int, str]]) -> None:
    places = kept(*texts)
    assert places == kept(*texts) == sorted(set(places))
    # What is kept has no copies, and the best is among it.
    assert kept(*(texts[place] for place in places)) == list(range(len(places)))
    assert places[:1] == ([0] if texts else [])


# What is shown


def test_a_shown_score_lies_between_0_and_1_and_keeps_the_order() -> None:
    assert shown_score(2.2) == 0.5
    assert shown_score(3.0) == pytest.approx(1 / (1 + math.exp(-2)))
    numbers = [-4.0, 0.0, 1.0, 2.2, 3.0, 6.0]
    shown = [shown_score(number) for number in numbers]
    assert shown == sorted(set(shown))
    assert 0 < shown[0] < shown[-1] < 1


# Speed


def lines_run(library: Library, question: str) -> int:
    """Returns how many lines of `rag` run for a question."""
    ours = str(ROOT / "rag")
    count = 0

    def lines(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return lines

    def calls(frame: FrameType, event: str, _: Any) -> Any:
        return lines if frame.f_code.co_filename.startswith(ours) else None

    before = sys.gettrace()
    sys.settrace(calls)
    try:
        library.search(question)
    finally:
        sys.settrace(before)
    return count


def test_the_work_of_a_question_does_not_grow_with_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.retrieval.POOL", 20)
    words = ["otter", "heron", "badger", "vole", "frog", "newt", "toad", "shrew", "rat", "bat"]
    counts = []
    for size in (300, 3000):
        records = [
            Record(f"{i:05}", "", f"{words[i % 10]} {words[i % 7]} {'x' * (i % 13)} number {i}.")
            for i in range(size)
        ]
        library = Library(Settings(library=str(tmp_path / str(size))), WordLengths())
        library.index_sources(records, "records")
        library.search("otter")  # opens the indexes
        counts.append(lines_run(library, "which otter and frog of number twelve?"))
    assert counts[0] > 100
    # One line for each chunk, somewhere, would be 2700 more.
    assert counts[1] - counts[0] < 1500
