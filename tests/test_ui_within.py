from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Span
from ui.within import MOST_HITS, hits, located, plain


def found(text: str, query: str) -> list[str]:
    return [span.of(text) for span in hits(text, query)[0]]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("An owl. Owls! OWL", "owl", ["owl", "Owl", "OWL"]),
        ("\xc9tude, etude, E\u0301TUDE", "\xe9TUDE", ["\xc9tude", "etude", "E\u0301TUDE"]),
        ("night\n  birds, night birds", "night birds", ["night\n  birds", "night birds"]),
        ("Stra\xdfe", "stra\xdfe", ["Stra\xdfe"]),
        ("a.c abc", "a.c", ["a.c"]),
        ("\u0130stanbul owl", "owl", ["owl"]),
        ("owl", "", []),
        ("owl", " \n", []),
        ("owl", "mouse", []),
    ],
)
def test_a_query_is_found_in_any_case_with_or_without_accents(
    text: str, query: str, expected: list[str]
) -> None:
    assert found(text, query) == expected


def test_many_hits_are_counted_and_the_first_of_them_returned() -> None:
    first, count = hits("a " * 2500, "A")
    assert (len(first), count) == (MOST_HITS, 2500)
    assert first[-1] == Span(2 * MOST_HITS - 2, 2 * MOST_HITS - 1)


@given(st.text())
def test_every_letter_keeps_its_place(text: str) -> None:
    assert len(plain(text)) == len(text)


@given(st.text(alphabet="ab\xe9e\u0301 \n", max_size=40), st.data())
def test_a_part_of_a_text_is_found_in_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    query = text[start : data.draw(st.integers(start, len(text)))]
    if plain(query).split() and not query.strip().startswith("\u0301"):
        assert hits(text, query)[1] > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Intro. Second line here.", 7),
        ("New words come first. Second line here. Second line again.", 22),
        ("Second line, now at the end of this", 0),
        ("Another text.", None),
        ("", None),
    ],
)
def test_words_that_have_moved_are_found_where_they_are_nearest(
    text: str, expected: int | None
) -> None:
    span = located(text, Span(7, 18), "Second line")
    assert (span.start if span else None) == expected
    assert span is None or span.of(text) == "Second line"


def test_accents_upon_accents_are_looked_for_at_once() -> None:
    text = f"e{30 * chr(0x301)}{'b' * 100}"
    assert hits(text, f"e{40 * chr(0x301)}") == ([Span(0, 31)], 1)
    assert hits(text, 40 * "\u0301") == ([Span(1, 31)], 1)


def test_the_nearest_of_the_same_words_is_meant() -> None:
    text = "Owls hunt. Mice hide. Owls hunt. "
    assert located(text, Span(24, 34), "Owls hunt.") == Span(22, 32)
    assert located(text, Span(2, 12), "Owls hunt.") == Span(0, 10)
    assert located(text, Span(22, 32), "Owls hunt.") == Span(22, 32)
    assert located(text, Span(0, 4), "Moles") is None
    assert located(text, Span(30, 90), "") is None
