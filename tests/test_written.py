from __future__ import annotations

import html
import re

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ui.render import flowing, visible
from ui.written import escaped, quoted

MARKUP = [
    *("# ", "- ", "1. ", "> ", "```", "````", "$$", "|---|", "![x](y)", "<b>", "&amp;", "***"),
    *("a", "\\", "`", "_", "=", "+", "[1]: x", "~~", "http://a.b", "www.a.b", "a@b.c"),
]

LINES = st.lists(st.sampled_from(MARKUP), max_size=6).map("".join)


def shown(markdown: str) -> str:
    """Returns what a reader sees, without white space."""
    page = MarkdownIt("commonmark").enable("table").enable("strikethrough").render(markdown)
    assert not re.search(r"<(?!/?(blockquote|p|pre|code)\b)", page)
    return html.unescape(re.sub(r"<[^>]*>|\s", "", page))


@given(st.lists(LINES, min_size=1, max_size=4).map("\n".join).filter(lambda text: text.strip()))
@example("1) one")
@example("```py\nx = [1]\n```")
def test_a_quote_shows_what_a_note_says_and_nothing_of_it_is_markup(text: str) -> None:
    expected = "".join(visible(flowing(text)).split())
    assert shown(quoted(text)) == expected


@given(LINES)
def test_a_line_shows_what_it_says(text: str) -> None:
    assert shown(escaped(text)) == "".join(visible(text).split())
