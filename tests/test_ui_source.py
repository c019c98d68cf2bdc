from __future__ import annotations

import html
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Area, Note, Picture, Place, PlaceKind, Places, Span
from ui.pages.frame import Visitor
from ui.pages.lines import TOGETHER
from ui.pages.sheets import Sheet, Sheets
from ui.pages.source import GONE, Asked, Cited, source_page
from ui.render import visible
from ui.within import hits

NOTE = "# Title\r\n\r\nFirst <b>line</b>.\nSecond line, marked\nhere. Rest.\n"


def note(text: str, places: Places = Places(), name: str = "a.md") -> Note:  # noqa: B008
    return Note(name, "Title", text, places)


def shown(one: Note, span: Span | None = None, query: str = "", code: Sequence[Span] = ()) -> str:
    return source_page(one, Asked(span, query=query), span, hits(one.text, query), code=code)


def marked(page: str) -> str:
    """Returns the cited words, in whatever else they are marked."""
    found = re.findall(
        r'<mark(?: id="marked[a-z-]*"| class="hit cited"[^>]*)?>(.*?)</mark>', page, re.S
    )
    return html.unescape("\n".join(re.sub("<[^>]*>", "", one) for one in found))


def test_the_marked_words_are_the_span() -> None:
    start = NOTE.index("Second")
    page = shown(note(NOTE), Span(start, NOTE.index(" Rest")))
    assert marked(page) == "Second line, marked\nhere."
    assert page.count('id="marked"') == 1


def test_every_line_is_numbered_and_shown_as_text() -> None:
    page = shown(note(NOTE))
    assert page.count("<li") == NOTE.count("\n") + 1
    assert "First &lt;b&gt;line&lt;/b&gt;." in page
    assert "<mark" not in page


def test_lines_are_counted_on_from_list_to_list() -> None:
    page = shown(note("x\n" * (2 * TOGETHER + 5)))
    starts = re.findall(r'<ol class="lines"(?: start="(\d+)")? style="--lines:(\d+)">', page)
    assert starts == [("", "100"), ("101", "100"), ("201", "6")]


PLACED = st.sampled_from(PlaceKind).filter(lambda kind: kind is not PlaceKind.LINE)


@given(
    st.text(alphabet=st.characters(exclude_characters="\r", exclude_categories=["Cs"]), min_size=1),
    st.none() | PLACED,
    st.data(),
)
def test_any_span_is_marked_exactly(text: str, kind: PlaceKind | None, data: st.DataObject) -> None:
    starts = data.draw(st.sets(st.integers(0, len(text))))
    listed = tuple(Place(at, str(at)) for at in sorted({0} | starts))
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    code = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=4)))
    blocks = [Span(*pair) for pair in zip(code[::2], code[1::2], strict=False)]
    one = note(text, Places(kind, listed) if kind else Places())
    page = shown(one, Span(start, end), data.draw(st.sampled_from(["", "0", "a"])), blocks)
    words = visible(text[start:end])
    assert "".join(marked(page).split()) == "".join(words.split())
    if words.strip():
        assert page.count('id="marked"') == 1


PAGES = Places(PlaceKind.PAGE, (Place(0, "1"), Place(6, "<3>")))


def test_a_page_is_named_above_its_text() -> None:
    page = shown(note("One.\n\nTwo.\nMore.", PAGES), Span(6, 10))
    assert re.search(r'<section class="page"[^>]*><h2[^>]*>Page 1</h2><div[^>]*>One\.</div>', page)
    assert 'Page &lt;3&gt;</h2><div class="prose"><mark id="marked">Two.</mark>\nMore.' in page


def test_the_time_of_a_cue_stands_beside_it() -> None:
    cues = (Place(0, "00:00:01–00:00:04"), Place(5, "00:00:04–00:00:09"))
    page = shown(note("One,\ntwo.", Places(PlaceKind.TIME, cues)), Span(5, 8))
    said = (
        r'<span class="place">00:00:04–00:00:09</span>\s*<div class="prose"><mark id="marked">two'
    )
    assert re.search(said, page)


def test_rows_of_a_sheet_are_numbered_below_its_name() -> None:
    rows = Place(0, "Week 2!1"), Place(8, "Week 2!3")
    page = shown(note("Week 1\n\n| a |", Places(PlaceKind.ROW, rows)))
    assert '<span class="place">Row 1</span>Week 1<' in page
    assert '<span class="place">Row 3</span>| a |<' in page


def test_a_sheet_is_a_heading_above_its_first_row_and_a_paragraph_is_one_to_its_reader() -> None:
    text = "Marks\n\n| a |\n| Marks |\n\nWeek 2\n\n| c |"
    starts = (0, "Marks!1"), (13, "Marks!2"), (24, "Week 2!1")
    rows = Places(PlaceKind.ROW, tuple(Place(*one) for one in starts))
    items = re.findall(r"<li.*?</li>", shown(note(text, rows, "a.xlsx")))
    assert [item for item in items if item != "<li></li>"] == [
        '<li class="heading">Marks</li>',
        '<li><span class="place">Row 1</span>| a |</li>',
        '<li><span class="place">Row 2</span>| Marks |</li>',
        '<li class="heading">Week 2</li>',
        '<li><span class="place">Row 1</span>| c |</li>',
    ]
    paragraphs = Places(PlaceKind.PARAGRAPH, (Place(0, "1"), Place(5, "2")))
    page = shown(note("One.\nTwo.", paragraphs, "a.docx"))
    assert '<span class="place">¶ 2</span>Two.' in page


def test_code_is_set_apart_and_a_heading_of_markdown_stands_out() -> None:
    text = "# A\n\n```\n# no heading\n```\n\ntext"
    page = shown(note(text), code=[Span(5, 25)])
    assert '<li class="heading"># A</li>' in page
    assert page.count('<li class="code">') == 3
    assert '<li class="heading"># A' not in shown(note(text, name="a.txt"))
    cells = Places(PlaceKind.CELL, (Place(0, "1"), Place(6, "2")))
    page = shown(note("Text.\nx = 1", cells, "a.ipynb"), Span(10, 11), code=[Span(6, 11)])
    assert 'Cell 2</h2><pre class="code">x = <mark id="marked">1</mark></pre>' in page


def test_words_that_are_gone_are_said_to_be() -> None:
    one = note("Another text.")
    assert GONE in source_page(one, Asked(Span(0, 4), "Owls"), None)
    assert GONE not in source_page(one, Asked(), None)


def test_each_hit_leads_to_the_next_and_the_one_before() -> None:
    page = shown(note("An owl.\nAn Owl.\nTwo\nowls"), query="owl")
    assert "3 places." in page and '<a href="#hit-1">First</a> · <a href="#hit-3">Last</a>' in page
    assert re.findall(r'<mark class="hit" id="(.*?)">(.*?)</mark>', page) == [
        ("hit-1", "owl"),
        ("hit-2", "Owl"),
        ("hit-3", "owl"),
    ]
    after = page.split('id="hit-2"')[1].split("</span>")[0]
    assert after.endswith('2 of 3 · <a href="#hit-1">previous</a> · <a href="#hit-3">next</a>')
    assert 'action="#hit-1"' in page
    assert "“&lt;mouse&gt;” does not occur in this note." in shown(note("An owl."), query="<mouse>")


def test_a_query_is_text_on_the_page() -> None:
    page = shown(note("An owl."), query='"><script>alert(1)</script>')
    assert "<script" not in page and "&quot;&gt;&lt;script&gt;" in page


AREAS = (Area(0.1, 0.2, 0.5, 0.25), Area(0.1, 0.3, 0.2, 0.35))


def test_a_page_is_shown_with_the_words_marked_on_it_and_in_its_text() -> None:
    one = note(
        "One.\n\nTwo.\nMore.", Places(PlaceKind.PAGE, (Place(0, "1"), Place(6, "2"))), "a&.pdf"
    )
    picture = Picture(b"", 1000, 1294, AREAS, "v")
    asked = Asked(Span(6, 10), "Two.")
    page = source_page(one, asked, Span(6, 10), sheets=Sheets((Sheet(2, picture),), 3))
    assert '<img src="/page/a%26.pdf?n=2" width="1000" height="1294" alt="Page 2 as' in page
    assert page.count('class="area"') == 2
    assert 'id="marked" style="left:10.00%;top:20.00%;width:40.00%;height:5.00%"' in page
    assert '<mark id="marked-text">Two.</mark>' in page
    assert page.count('id="marked"') == 1
    way = "/source/a%26.pdf?page={}&amp;start=6&amp;end=10&amp;words=Two."
    for number in (1, 3):
        assert f'href="{way.format(number)}" rel=' in page
    assert f'href="{way.format(1)}" aria-label="Page 1, see the page">see the page<' in page
    link = '<a href="/page/a%26.pdf?n=2" target="_blank" rel="noopener"'
    assert f"{link}><img" in page
    assert f'Page 2 · {link} aria-label="Enlarge page 2">Enlarge</a> · ' in page
    assert '<a href="#marked-text">Read the marked words as text</a>' in page


def test_where_a_page_cannot_be_drawn_that_is_said_and_the_text_is_marked() -> None:
    one = note("One.", Places(PlaceKind.PAGE, (Place(0, "1"),)), "a.pdf")
    sheets = Sheets((Sheet(1, problem="its <file> has changed"),), 1)
    page = source_page(one, Asked(Span(0, 3)), Span(0, 3), sheets=sheets)
    assert "No picture of page 1: its &lt;file&gt; has changed. Its text is below." in page
    assert '<mark id="marked">One</mark>' in page and "<img" not in page


def test_cited_passages_are_listed_the_most_cited_first() -> None:
    one = note("Owls hunt. Mice <hide>.")
    cited = Cited(((Span(11, 23), 12), (Span(0, 10), 1)), gone=2)
    page = source_page(one, Asked(listing=True), cited=cited)
    assert '<details class="cited" open><summary>Cited 15 times by answers</summary>' in page
    assert re.findall(
        r"<li><a href=\"(.*?)\">(.*?)</a> <span class=\"times\">(.*?)</span>", page
    ) == [
        (
            "/source/a.md?start=11&amp;end=23&amp;words=Mice+%3Chide%3E.#marked",
            "Mice &lt;hide&gt;.",
            "12 times",
        ),
        ("/source/a.md?start=0&amp;end=10&amp;words=Owls+hunt.#marked", "Owls hunt.", "once"),
    ]
    assert "Twice, words that are no longer in it." in page
    assert "<details" not in source_page(one, Asked(), cited=Cited())


def test_beside_the_chat_there_is_nothing_to_fill_in() -> None:
    asked = Asked(Span(0, 4), "Owls", framed=True)
    cited = Cited(((Span(0, 4), 1),))
    page = source_page(note("Owls hunt."), asked, Span(0, 4), cited=cited)
    assert "<form" not in page and "<nav" not in page and "<details" not in page
    alone = source_page(note("Owls hunt."), Asked(), visitor=Visitor(looks=True))
    assert "<form" in alone and '<a href="/library">' in alone


@pytest.mark.parametrize("kind", PlaceKind)
def test_there_is_one_heading_of_the_first_level_and_one_main(kind: PlaceKind) -> None:
    places = Places(kind, (Place(0, "1"),)) if kind is not PlaceKind.LINE else Places()
    page = shown(note("Owls.", places))
    assert page.count("<h1") == page.count("<main") == 1
