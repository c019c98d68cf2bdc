from __future__ import annotations

import numpy as np
import pytest

from eval import likeness
from eval.likeness import copies, differing, near_pairs, same_words
from eval.stretches import Statement
from rag import Span


def unit_rows(n: int, dim: int, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    rows = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_near_pairs_are_those_that_comparing_all_with_all_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(likeness, "TILE_ROWS", 16)
    monkeypatch.setattr(likeness, "TILE_COLUMNS", 24)
    vectors = unit_rows(100, 8)
    cosines = vectors @ vectors.T
    expected = {(i, j) for i in range(100) for j in range(i + 1, 100) if cosines[i, j] > 0.6}
    found = {(pair.one, pair.other): pair.cosine for pair in near_pairs(vectors, 0.6)}
    assert len(expected) > 50
    assert set(found) == expected
    assert all(abs(cosine - cosines[pair]) < 1e-6 for pair, cosine in found.items())


def test_of_many_near_pairs_the_nearest_of_each_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "TILE_ROWS", 16)
    monkeypatch.setattr(likeness, "TILE_COLUMNS", 24)
    monkeypatch.setattr(likeness, "MOST_EACH", 3)
    vectors = unit_rows(100, 8)
    cosines = vectors @ vectors.T
    expected = {
        (i, int(j)) for i in range(100) for j in i + 1 + np.argsort(-cosines[i, i + 1 :])[:3]
    }
    assert {(pair.one, pair.other) for pair in near_pairs(vectors, -1.1)} == expected


def test_nothing_and_one_thing_have_no_pairs() -> None:
    assert not list(near_pairs(np.zeros((0, 4), np.float32), 0.5))
    assert not list(near_pairs(unit_rows(1, 4), 0.5))


def stated(*notes: str) -> list[Statement]:
    """Returns the statements of notes `0.md`, `1.md` …: each letter is one."""
    return [
        Statement(f"{number}.md", (), Span(place, place + 1), letter, number)
        for number, note in enumerate(notes)
        for place, letter in enumerate(note)
    ]


def runs(*notes: str, near: tuple[tuple[int, int], ...] = ()) -> list[list[str]]:
    said = stated(*notes)
    found = copies(said, same_words(said), near)
    return [
        ["".join(s.text for s in said[first : last + 1]) for first, last in run.runs]
        for run in found
    ]


def test_copies_that_follow_each_other_are_one_run() -> None:
    assert runs("abcde", "xbcdy") == [["bcd", "bcd"]]
    assert runs("abxc", "abc") == [["abxc", "abc"]]
    assert runs("ab", "xx", "cd") == []
    assert runs("aa", "ba") == [["a", "a"]]


def test_what_all_notes_share_is_said_once() -> None:
    assert runs("abcd", "abyd", "abzz") == [["ab", "ab", "ab"], ["d", "d"]]


def test_near_copies_join_those_of_the_same_words() -> None:
    assert runs("ab", "aB", near=((1, 3),)) == [["ab", "aB"]]
    assert runs("ab", "aB") == [["a", "a"]]


def test_words_that_differ_stand_side_by_side_and_marks_do_not_count() -> None:
    assert differing("Use a rate of 0.1 first.", "use a rate of 0.01, first") == (("0.1", "0.01,"),)
    assert differing("The *same*.", "the same") == ()
