from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from rag import Span
from ui.pages.source import source_page
from ui.render import visible

NOTE = "# Title\r\n\r\nFirst <b>line</b>.\nSecond line, marked\nhere. Rest.\n"


def marked(page: str) -> str:
    return html.unescape("\n".join(re.findall(r"<mark[^>]*>(.*?)</mark>", page)))


def test_the_marked_words_are_the_span() -> None:
    start = NOTE.index("Second")
    page = source_page("a.md", "Title", NOTE, Span(start, NOTE.index(" Rest")))
    assert marked(page) == "Second line, marked\nhere."
    assert page.count('id="marked"') == 1


def test_every_line_is_numbered_and_shown_as_text() -> None:
    page = source_page("a.md", "Title", NOTE, None)
    assert page.count("<li>") == NOTE.count("\n") + 1
    assert "First &lt;b&gt;line&lt;/b&gt;." in page
    assert "<mark" not in page


@given(st.text(alphabet=st.characters(exclude_characters="\r"), min_size=1), st.data())
def test_any_span_is_marked_exactly(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    page = source_page("a.md", "t", text, Span(start, end))
    assert marked(page).replace("\n", "") == visible(text[start:end]).replace("\n", "")
    assert page.count('id="marked"') == (1 if text[start:end].strip("\n") else 0)
