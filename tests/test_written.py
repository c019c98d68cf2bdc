from __future__ import annotations

import html
import re

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rag import Answer, Citation, Span
from rag.types import AnswerSentence
from ui.render import flowing, visible
from ui.written import quoted, written_of

MARKUP = [
    *("# ", "- ", "1. ", "> ", "```", "````", "$$", "|---|", "![x](y)", "<b>", "&amp;", "***"),
    *("a", "\\", "`", "_", "=", "+", "[1]: x", "~~", "http://a.b", "www.a.b", "a@b.c"),
]

LINES = st.lists(st.sampled_from(MARKUP), max_size=6).map("".join)


def shown(markdown: str) -> str:
    """Returns what a reader sees, without white space."""
    page = MarkdownIt("commonmark").enable("table").enable("strikethrough").render(markdown)
    assert not re.search(r"<(?!/?(blockquote|p|pre|code|br)\b)", page)
    return html.unescape(re.sub(r"<[^>]*>|\s", "", page))


@given(st.lists(LINES, min_size=1, max_size=4).map("\n".join).filter(lambda text: text.strip()))
@example("1) one")
@example("```py\nx = [1]\n```")
def test_a_quote_shows_what_a_note_says_and_nothing_of_it_is_markup(text: str) -> None:
    expected = "".join(visible(flowing(text)).split())
    assert shown(quoted(text)) == expected


def test_a_number_stands_behind_its_quote_whatever_that_ends_with() -> None:
    said = ["Owls hunt.", "```py\nhunt()\n```", "````\n```\n````"]
    citations = tuple(
        Citation(n, "owls.md", "Owls", (), "line 1", Span(0, len(text)), text)
        for n, text in enumerate(said, 1)
    )
    sentences = tuple(AnswerSentence(text, n) for n, text in enumerate(said, 1))
    answer = Answer("When?", "When?", None, 0.9, sentences, citations, (), {})
    written = written_of(answer, "http://127.0.0.1")
    for number, noted in enumerate(written.annotations, 1):
        cited = noted["url_citation"]
        assert written.text[cited["start_index"] : cited["end_index"]] == f"[{number}]"
    page = MarkdownIt("commonmark").render(written.text)
    assert re.findall(r"<p>(.*\[\d\])</p>", page) == ["Owls hunt. [1]", "[2]", "[3]"]
