from __future__ import annotations

import pytest
from making_office import epub

from rag.documents import load
from rag.errors import DocumentError
from rag.types import BlockKind


def test_chapters_come_in_the_order_of_the_book_and_are_counted() -> None:
    pages = ["<h1>Crabs</h1><p>Food.</p>", "<p><img src='cover.jpg'/></p>", "<h1>Otters</h1>"]
    document = load("book.epub", epub(pages, "On otters", spine=[2, 3, 1, 3]))
    assert document.text == "Otters\n\nCrabs\n\nFood."
    assert document.title == "On otters"
    assert document.places.name(document.blocks[0].span) == "chapter 1"
    assert document.places.name(document.blocks[2].span) == "chapter 2"
    assert [block.kind for block in document.blocks][:2] == [BlockKind.HEADING] * 2


def test_a_book_without_its_container_is_read_by_its_list_of_parts() -> None:
    data = epub(["<p>Otters</p>"]).replace(b"META-INF/container.xml", b"META-INF/contained.xml")
    assert load("book.epub", data).text == "Otters"


def test_locked_pages_are_refused_locked_fonts_are_not() -> None:
    with pytest.raises(DocumentError, match="DRM") as caught:
        load("book.epub", epub(["<p>x</p>"], encryption="OEBPS/a%20page1.xhtml"))
    assert caught.value.reason == "encrypted"
    assert load("book.epub", epub(["<p>x</p>"], encryption="OEBPS/font.otf")).text == "x"


def test_a_book_of_pictures_has_no_text() -> None:
    with pytest.raises(DocumentError, match="2 pages of pictures only") as caught:
        load("book.epub", epub(["<img src='1.jpg'/>", "<img src='2.jpg'/>"]))
    assert caught.value.reason == "no text"


def test_a_page_that_is_missing_costs_that_page() -> None:
    data = epub(["<p>One.</p>", "<p>Two.</p>"]).replace(b"OEBPS/a page1", b"OEBPS/b page1")
    document = load("book.epub", data)
    assert document.text == "Two."
    assert [remark.reason for remark in document.remarks] == ["damaged parts"]


LINKS = [
    *(("a%20page2.xhtml", "Chapter 1: Crabs"), ("a%20page2.xhtml#food", "Food")),
    *(("a%20page4.xhtml#x", "Otters"), ("a%20page4.xhtml#y", "Voles")),
]
NAV = (
    '<nav epub:type="landmarks"><ol><li><a href="../a%20page1.xhtml">Start</a></li></ol></nav>'
    '<nav epub:type="toc"><ol><li><a href="../{}">{}</a>'
    '<ol><li><a href="../{}">{}</a></li></ol></li>'
    '<li><a href="../{}">{}</a></li><li><a href="../{}">{}</a></li></ol></nav>'
)
POINT = '<navPoint><navLabel><text>{1}</text></navLabel><content src="../{0}"/>{2}</navPoint>'
NCX = "<navMap>{}{}{}</navMap>".format(
    POINT.format(*LINKS[0], POINT.format(*LINKS[1], "")),
    *(POINT.format(*link, "") for link in LINKS[2:]),
)


@pytest.mark.parametrize("contents", [NAV.format(*[one for link in LINKS for one in link]), NCX])
def test_pages_are_named_as_the_table_of_contents_names_them(contents: str) -> None:
    pages = ["<p>A book.</p>", "<p>Food.</p>", "<p>More food.</p>", "<p>Fur.</p>"]
    document = load("book.epub", epub(pages, contents=contents))
    assert [document.places.name(block.span) for block in document.blocks] == [
        "chapter front matter",
        "chapter 1: Crabs",
        "chapter 1: Crabs",
        "chapter Otters … Voles",
    ]
