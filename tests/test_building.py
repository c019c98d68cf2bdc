from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.documents.building import Builder
from rag.documents.markup import parse_blocks
from rag.types import BlockKind, Document, PlaceKind, Span


def built() -> Document:
    build = Builder(PlaceKind.SLIDE)
    build.place("1")
    build.heading(" Otters\nand voles ", 1)
    build.paragraph("They eat crabs.\r\n\r\nAt night.")
    build.place("2")  # without text
    build.place("3")
    build.items(["- one", "", "  - two\nmore"])
    build.table([["a", "b|c"], ["", ""], ["1", "2"]])
    build.code("if x:\n\n    y()\n")
    build.math("x^2")
    return build.document("pond/otters.pptx", "")


def test_everything_said_lies_in_its_block() -> None:
    document = built()
    assert document.text == (
        "Otters and voles\n\nThey eat crabs.\nAt night.\n\n- one\n  - two\nmore\n\n"
        "| a | b¦c |\n| 1 | 2 |\n\nif x:\n\n    y()\n\nx^2"
    )
    said = [(block.kind, block.span.of(document.text)) for block in document.blocks]
    assert said == [
        (BlockKind.HEADING, "Otters and voles"),
        (BlockKind.PARAGRAPH, "They eat crabs.\nAt night."),
        (BlockKind.LIST, "- one\n  - two\nmore"),
        (BlockKind.TABLE, "| a | b¦c |\n| 1 | 2 |"),
        (BlockKind.CODE, "if x:\n\n    y()"),
        (BlockKind.MATH, "x^2"),
    ]
    _, _, items, table, _, _ = document.blocks
    assert [part.of(document.text) for part in items.parts] == ["- one", "  - two\nmore"]
    assert [part.of(document.text) for part in table.parts] == ["| a | b¦c |", "| 1 | 2 |"]
    assert document.title == "Otters and voles"


def test_places_begin_where_their_first_words_do() -> None:
    document = built()
    whole = Span(0, len(document.text))
    assert [place.name for place in document.places.listed] == ["1", "3"]
    assert document.places.name(whole) == "slides 1–3"
    items = document.blocks[2].span
    assert document.places.name(items) == "slide 3"
    assert document.places.name(document.blocks[1].span) == "slide 1"


def test_text_that_was_walked_keeps_its_blocks() -> None:
    build = Builder(PlaceKind.CELL)
    build.place("1")
    build.code("x = 1")
    build.place("2")
    text = "# Voles\n\n- one\n- two"
    build.blocks_of(text, parse_blocks(text, indented_code=True))
    document = build.document("n.ipynb", "")
    _, heading, items = document.blocks
    assert heading.parts[0].of(document.text) == document.title == "Voles"
    assert [part.of(document.text) for part in items.parts] == ["- one", "- two"]
    assert document.places.name(items.span) == "cell 2"


pieces = st.text("ab \n\r\t\x00\x85\u2028|#-\ud800é😀", max_size=12)
calls = st.one_of(
    st.tuples(st.just("place"), st.just("1")),
    st.tuples(st.just("heading"), pieces, st.integers(-1, 9)),
    st.tuples(st.sampled_from(["paragraph", "code", "math"]), pieces),
    st.tuples(st.just("items"), st.lists(pieces, max_size=3)),
    st.tuples(st.just("table"), st.lists(st.lists(pieces, max_size=3), max_size=3)),
)


@given(st.lists(calls, max_size=8))
def test_blocks_are_in_order_disjoint_and_hold_all_that_is_no_white_space(
    said: list[tuple[object, ...]],
) -> None:
    build = Builder(PlaceKind.PAGE)
    for name, *arguments in said:
        getattr(build, str(name))(*arguments)
    document = build.document("n.pdf", "N")
    end, outside = 0, ""
    for block in document.blocks:
        outside += document.text[end : block.span.start]
        assert block.span.start >= end
        assert block.span.of(document.text).strip()
        for part in block.parts:
            assert block.span.start <= part.start < part.end <= block.span.end
        end = block.span.end
    assert not (outside + document.text[end:]).strip()
    document.text.encode("utf-8")
