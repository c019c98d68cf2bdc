from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import terms
from rag.words import STOP_WORDS, WordIndex


def index_of(folder: Path, *texts: str) -> WordIndex:
    folder.mkdir(exist_ok=True)
    WordIndex.build(folder, [terms(text) for text in texts])
    return WordIndex(folder)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Transferring tasks", ["transfer", "task"]),
        ("task, TASK; Tasks!", ["task", "task", "task"]),
        ("fine-tuning and few-shot", ["fine", "tune", "few", "shot"]),
        ("What is the difference between them?", ["differ"]),
        ("Please tell me what you know about it", []),
        ("snake_case x1 2010", ["snake", "case", "x1", "2010"]),
        ("Größe naïve", ["größe", "naïv"]),
        ("学习 😀 обучение", ["学习", "обучение"]),
        ("a" * 59 + " " + "b" * 200, ["a" * 59]),
        ("…?!", []),
        ("", []),
    ],
)
def test_terms_are_stems_in_order_without_function_words(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_every_stop_word_is_dropped_in_any_case() -> None:
    assert terms(" ".join(STOP_WORDS)) == terms(" ".join(STOP_WORDS).upper()) == []


@given(st.text())
def test_terms_are_lower_case_and_hold_no_white_space(text: str) -> None:
    for term in terms(text):
        assert term and not term.isspace() and len(term.split()) == 1
        assert not any("A" <= character <= "Z" for character in term)


@given(st.text())
def test_terms_do_not_depend_on_what_stands_beside_a_text(text: str) -> None:
    # The mark makes the analyzer look for marks in all of the text.
    assert terms(f"{text} e\u0329") == [*terms(text), "e\u0329"]


@given(st.lists(st.sampled_from(["learning", "the", "Tasks.", "x1", "few-shot", "é"])))
def test_terms_of_a_text_are_those_of_its_words(words: list[str]) -> None:
    assert terms(" ".join(words)) == [term for word in words for term in terms(word)]


def test_scores_are_bm25_by_hand(tmp_path: Path) -> None:
    index = index_of(
        *(tmp_path, "transfer learning", "Transfers transfer task data", "the learning rates")
    )
    # N = 3; "transfer" stands in n = 2; lengths 2, 4, 2, so 8/3 on average.
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    assert idf == pytest.approx(math.log(1.6))
    # tf (k1 + 1) / (tf + k1 (1 - b + b length / average)) with k1 = 1.2 and b = 0.75:
    once = 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / (8 / 3)))  # 2.2 / 1.975
    twice = 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 4 / (8 / 3)))  # 4.4 / 3.65
    assert index.search(["transfer"], 10) == [
        (1, pytest.approx(idf * twice, rel=1e-5)),
        (0, pytest.approx(idf * once, rel=1e-5)),
    ]


def test_scores_of_terms_add_up(tmp_path: Path) -> None:
    index = index_of(tmp_path, "transfer learning", "transfer task", "learning rate", "batch")
    alone = [dict(index.search([term], 10)) for term in ("transfer", "learn")]
    together = index.search(["transfer", "learn"], 10)
    assert [row for row, _ in together] == [0, 1, 2]
    for row, score in together:
        assert score == pytest.approx(sum(scores.get(row, 0) for scores in alone), rel=1e-5)


def test_document_frequency_counts_chunks_not_occurrences(tmp_path: Path) -> None:
    index = index_of(tmp_path, "task task task", "A Task!", "batch", "")
    assert [index.document_frequency(term) for term in ("task", "batch", "absent")] == [2, 1, 0]


def test_ties_go_to_the_lower_row_even_where_k_cuts(tmp_path: Path) -> None:
    index = index_of(tmp_path, *["task batch"] * 1000)
    assert [row for row, _ in index.search(["task"], 1000)] == list(range(1000))
    assert [row for row, _ in index.search(["task"], 3)] == [0, 1, 2]


def test_search_returns_no_more_than_there_is(tmp_path: Path) -> None:
    index = index_of(tmp_path, "task", "other")
    assert [row for row, _ in index.search(["task"], 100)] == [0]
    assert index.search([], 5) == [] and index.search(["absent"], 5) == []


def test_of_some_rows_the_best_are_found_with_the_scores_that_they_have_among_all(
    tmp_path: Path,
) -> None:
    texts = [f"task{number % 7} word " * (number % 5 + 1) for number in range(600)]
    index = index_of(tmp_path, *texts)
    for query in (["task3"], ["word"], ["task1", "word"]):
        every = index.search(query, 600)
        for rows in (range(600), range(50, 60), range(599, 600), range(3, 3)):
            expected = [hit for hit in every if hit[0] in rows]
            assert index.search(query, 600, rows) == expected
            assert index.search(query, 5, rows) == expected[:5]


def test_words_of_a_query_are_no_query_language(tmp_path: Path) -> None:
    index = index_of(tmp_path, "task", "other")
    for term in ("*", "text:task", "task OR other", "(", '"', "task~2", "-task", "\\"):
        assert index.search([term], 5) == []


def test_an_index_of_nothing_is_empty(tmp_path: Path) -> None:
    index = index_of(tmp_path)
    assert index.search(["task"], 5) == [] and index.document_frequency("task") == 0


def test_an_index_is_the_same_after_it_is_opened_again(tmp_path: Path) -> None:
    texts = [f"task{number % 7} word " * (number % 5 + 1) for number in range(60)]
    index = index_of(tmp_path / "one", *texts)
    again = WordIndex(tmp_path / "one")
    other = index_of(tmp_path / "two", *texts)
    for query in (["task3"], ["word"], ["task1", "word"]):
        hits = index.search(query, 60)
        assert hits and hits == again.search(query, 60) == other.search(query, 60)


def test_opening_no_index_fails(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises((ValueError, OSError)):
            WordIndex(folder)
