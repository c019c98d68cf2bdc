from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.areas import areas_of
from rag.types import GRID, Area, Drawn, Span

WIDE, HIGH = 100, 200
"""Of a letter, in `GRID`ths of a page that is as wide as high."""


def typed(letters: str) -> Drawn:
    """A page written by machine: each letter as wide as any, lines below each other."""
    boxes = array("H")
    column = row = 0
    for letter in letters:
        left, top = WIDE * column, HIGH * row
        there = not letter.isspace()
        boxes.extend([left, top, left + WIDE * there, top + HIGH * there])
        column, row = (0, row + 1) if letter == "\n" else (column + 1, row)
    return Drawn(1000, 1000, b"", letters, boxes)


def read_at(page: Drawn, areas: tuple[Area, ...]) -> list[str]:
    """Returns the letters that lie in each area."""
    found = []
    for area in areas:
        inside = ""
        for at, letter in enumerate(page.letters):
            left, top, right, bottom = (side / GRID for side in page.boxes[4 * at : 4 * at + 4])
            across = area.left <= left + 1e-9 and right <= area.right + 1e-9
            down = area.top <= top + 1e-9 and bottom <= area.bottom + 1e-9
            inside += letter if across and down else ""
        found.append(inside.strip())
    return found


def marked(letters: str, text: str, quote: str) -> list[str]:
    page, start = typed(letters), text.index(quote)
    return read_at(page, areas_of(page, text, Span(start, start + len(quote))))


@pytest.mark.parametrize(
    ("letters", "text", "quote", "expected"),
    [
        ("An owl hunts.", "An owl hunts.", "owl", ["owl"]),
        ("their eyes ga-\nther light", "their eyes gather\nlight", "gather", ["ga-", "ther"]),
        ("a dif\ufb01cult \ufb02ight", "a difficult flight", "difficult", ["dif\ufb01cult"]),
        ("So say   owls: (at night).", "So say owls: (at night).", "(at night).", ["(at night)."]),
        ("cafe\u0301 x\xb2", "caf\xe9 x\xb2", "caf\xe9 x\xb2", ["cafe\u0301 x\xb2"]),
        ("No, not so.", "No, not so.", ", ", []),
        ("Mice\n7\nare small", "Mice\n\nare small", "Mice\n\nare small", ["Mice", "are small"]),
        ("below above", "above | below", "above | below", ["below", "above"]),
        ("another page", "words that were read elsewhere", "words that were", []),
        ("", "words", "words", []),
    ],
)
def test_the_areas_hold_the_cited_words(
    letters: str, text: str, quote: str, expected: list[str]
) -> None:
    assert marked(letters, text, quote) == expected


def test_of_words_that_occur_often_those_are_marked_that_were_cited() -> None:
    text = "owl one\nowl two\nowl three"
    page = typed(text)
    for nth, line in enumerate(text.split("\n")):
        start = text.index(line)
        (area,) = areas_of(page, text, Span(start, start + 3))
        assert area == Area(0, nth * HIGH / GRID, 3 * WIDE / GRID, (nth + 1) * HIGH / GRID)
    # A head that the note leaves out stands on the page too.
    (area,) = areas_of(typed(f"owl\n{text}"), text, Span(16, 19))
    assert area.top == 3 * HIGH / GRID


def test_each_line_has_a_rectangle_as_wide_as_its_words() -> None:
    text = "One line that is long\nand one"
    areas = areas_of(typed(text), text, Span(4, len(text)))
    assert [round(area.right - area.left, 4) for area in areas] == [0.17, 0.07]
    assert [round(area.bottom - area.top, 4) for area in areas] == [0.02, 0.02]


@given(
    st.text(min_size=1, max_size=80),
    st.lists(st.tuples(*[st.integers(0, GRID)] * 4), min_size=80, max_size=80),
    st.data(),
)
def test_areas_lie_on_the_page_whatever_is_on_it(
    text: str, corners: list[tuple[int, int, int, int]], data: st.DataObject
) -> None:
    boxes = array("H")
    for one, other, third, fourth in corners[: len(text)]:
        boxes.extend([min(one, other), min(third, fourth), max(one, other), max(third, fourth)])
    page = Drawn(600, 800, b"", text, boxes)
    start = data.draw(st.integers(0, len(text) - 1))
    for area in areas_of(page, text, Span(start, data.draw(st.integers(start, len(text))))):
        assert 0 <= area.left < area.right <= 1
        assert 0 <= area.top < area.bottom <= 1
