from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Note, Place, PlaceKind, Places, Span
from ui.pages.source import GONE, source_page
from ui.render import visible

NOTE = "# Title\r\n\r\nFirst <b>line</b>.\nSecond line, marked\nhere. Rest.\n"


def note(text: str, places: Places = Places()) -> Note:  # noqa: B008
    return Note("a.md", "Title", text, places)


def marked(page: str) -> str:
    return html.unescape("\n".join(re.findall(r"<mark[^>]*>(.*?)</mark>", page)))


def test_the_marked_words_are_the_span() -> None:
    start = NOTE.index("Second")
    page = source_page(note(NOTE), Span(start, NOTE.index(" Rest")))
    assert marked(page) == "Second line, marked\nhere."
    assert page.count('id="marked"') == 1


def test_every_line_is_numbered_and_shown_as_text() -> None:
    page = source_page(note(NOTE), None)
    assert page.count("<li>") == NOTE.count("\n") + 1
    assert "First &lt;b&gt;line&lt;/b&gt;." in page
    assert "<mark" not in page


@given(st.text(alphabet=st.characters(exclude_characters="\r"), min_size=1), st.data())
def test_any_span_is_marked_exactly(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    page = source_page(note(text), Span(start, end))
    assert marked(page).replace("\n", "") == visible(text[start:end]).replace("\n", "")
    assert page.count('id="marked"') == (1 if text[start:end].strip("\n") else 0)


PAGES = Places(PlaceKind.PAGE, (Place(0, "1"), Place(6, "<3>")))


def test_a_page_is_named_above_its_first_line() -> None:
    page = source_page(note("One.\n\nTwo.\nMore.", PAGES), Span(6, 10), "Two.")
    assert '<ol class="pages">' in page
    assert '<li><span class="place">Page 1</span>One.</li><li></li>' in page
    assert 'Page &lt;3&gt;</span><mark id="marked">Two.</mark></li><li>More.</li>' in page


def test_the_time_of_a_cue_stands_beside_it() -> None:
    cues = (Place(0, "00:00:01–00:00:04"), Place(5, "00:00:04–00:00:09"))
    page = source_page(note("One,\ntwo.", Places(PlaceKind.TIME, cues)), None)
    assert '<span class="place">00:00:04–00:00:09</span>two.</li>' in page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Intro. Second line here.", "Second line"),
        ("New words come first. Second line here. Second line again.", "Second line"),
        ("Second line, now at the end of this", "Second line"),
        ("Another text.", ""),
        ("", ""),
    ],
)
def test_words_that_have_moved_are_found_and_lost_ones_are_said_to_be(
    text: str, expected: str
) -> None:
    page = source_page(note(text), Span(7, 18), "Second line")
    assert marked(page) == expected
    assert (GONE in page) == (not expected)


def test_rows_of_a_sheet_are_numbered_below_its_name() -> None:
    rows = Place(0, "Week 2!1"), Place(8, "Week 2!3")
    page = source_page(note("Week 2\n\n| a |", Places(PlaceKind.ROW, rows)), None)
    assert '<span class="place">1</span>Week 2<' in page
    assert '<span class="place">3</span>| a |<' in page


def test_of_several_places_the_nearest_is_marked() -> None:
    text = "Otters. " * 9
    page = source_page(note("x" + text), Span(16, 23), "Otters.")
    assert page.index("<mark") == page.index("Otters. Otters. <mark") + len("Otters. Otters. ")
