from __future__ import annotations

import re

from conftest import QUESTIONS
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import DamerauLevenshtein

from eval import load_questions
from eval.typos import with_typos

SENTENCE = "What is a model of the world, and how does one learn it from 10 notes?"


def pieces(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+|[\W\d_]+", text)


def test_every_third_word_of_three_letters_or_more_gets_one_edit() -> None:
    # What, model, THE, world, and, HOW, does, one, LEARN, from, notes
    before, after = pieces(SENTENCE), pieces(with_typos(SENTENCE, 1, "q"))
    changed = {a: b for a, b in zip(before, after, strict=True) if a != b}
    assert list(changed) == ["the", "how", "learn"]
    assert all(DamerauLevenshtein.distance(a, b) == 1 for a, b in changed.items())
    assert all(b.isalpha() for b in changed.values())


def test_mistakes_depend_on_seed_and_question_alone() -> None:
    first = with_typos(SENTENCE, 1, "q")
    assert first == with_typos(SENTENCE, 1, "q")
    assert len({first, with_typos(SENTENCE, 2, "q"), with_typos(SENTENCE, 1, "r")}) == 3


def test_all_four_edits_occur() -> None:
    lengths, exchanged = set(), False
    for seed in range(100):
        word = with_typos("one two abcd", seed, "q").split()[2]
        lengths.add(len(word) - 4)
        exchanged |= word != "abcd" and sorted(word) == sorted("abcd")
    assert lengths == {-1, 0, 1} and exchanged


def test_a_word_of_one_letter_repeated_is_changed_too() -> None:
    assert all(with_typos("one two lll", seed, "q") != "one two lll" for seed in range(50))


@given(st.text(), st.integers())
def test_any_text_keeps_what_is_no_word(text: str, seed: int) -> None:
    kept = [piece for piece in pieces(text) if not piece[0].isalpha()]
    assert [p for p in pieces(with_typos(text, seed, "q")) if not p[0].isalpha()] == kept


def test_every_shipped_question_is_misspelt() -> None:
    for question in load_questions(QUESTIONS, "fit"):
        assert with_typos(question.question, 1, question.id) != question.question
