from __future__ import annotations

import pytest
from making_office import ODF, odt

from rag.documents import load
from rag.errors import DocumentError
from rag.types import BlockKind, Document

STYLES = """
<style:style style:name="T1"><style:text-properties text:display="none"/></style:style>
<style:style style:name="P1" style:parent-style-name="Preformatted_20_Text"/>
<style:style style:name="Preformatted_20_Text"/>
<style:style style:name="P2" style:parent-style-name="Title"/>
<style:style style:name="Title"/>
<style:style style:name="P3"><style:text-properties fo:color="#FFFFFF"/></style:style>
<text:list-style style:name="L1">
  <text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>
  <text:list-level-style-bullet text:level="2"/></text:list-style>
"""
FORMULA = (
    "<math:math><math:semantics><math:mrow><math:msup><math:mi>θ</math:mi><math:mn>2</math:mn>"
    "</math:msup></math:mrow><math:annotation>%theta^2</math:annotation></math:semantics>"
    "</math:math>"
)


def said(document: Document) -> list[tuple[BlockKind, str]]:
    return [(block.kind, block.span.of(document.text)) for block in document.blocks]


def read(body: str, **more: str) -> Document:
    return load("notes/otters.odt", odt(body, STYLES, **more))


def test_headings_paragraphs_and_their_white_space() -> None:
    document = read(
        '<text:p text:style-name="P2">Otters</text:p><text:h text:outline-level="2">Food</text:h>'
        "<text:p>They\n   eat<text:s text:c='2'/>crabs<text:tab/>and<text:line-break/>"
        "<text:span>fish</text:span>.</text:p>"
    )
    assert said(document) == [
        (BlockKind.HEADING, "Otters"),
        (BlockKind.HEADING, "Food"),
        (BlockKind.PARAGRAPH, "They eat  crabs\tand\nfish."),
    ]
    assert [block.level for block in document.blocks] == [1, 2, 0]
    assert [place.name for place in document.places.listed] == ["1", "2", "3"]


def test_lists_have_their_markers() -> None:
    inner = "<text:list><text:list-item><text:p>inner</text:p></text:list-item></text:list>"
    document = read(
        '<text:list text:style-name="L1"><text:list-item><text:p>one</text:p><text:p>more</text:p>'
        f"{inner}</text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>"
    )
    assert said(document) == [(BlockKind.LIST, "1. one\n   more\n  - inner\n2. two")]


def test_tables_say_merged_cells_once() -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<table:table-cell {more}><text:p>{text}</text:p></table:table-cell>"

    spanned, repeated = (f'table:number-columns-{how}="2"' for how in ("spanned", "repeated"))
    document = read(
        "<table:table><table:table-header-rows><table:table-row>"
        f"{cell('Animal', spanned)}<table:covered-table-cell><text:p>under it</text:p>"
        "</table:covered-table-cell>"
        "</table:table-row></table:table-header-rows>"
        f"<table:table-row>{cell('otter')}{cell('vole')}</table:table-row>"
        f"<table:table-row>{cell('x', repeated)}</table:table-row>"
        "</table:table>"
    )
    assert said(document) == [(BlockKind.TABLE, "| Animal |\n| otter | vole |\n| x | x |")]


def test_notes_and_boxes_follow_deletions_and_comments_are_out() -> None:
    document = read(
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        "<text:p>Otters<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        "<text:p>Kruuk 2006.</text:p></text:note-body></text:note> eat."
        "<office:annotation><text:p>really?</text:p></office:annotation>"
        "<draw:frame><draw:text-box><text:p>In a box.</text:p></draw:text-box></draw:frame>"
        "</text:p><text:p>End.</text:p>"
    )
    assert document.text == "Otters eat.\n\nKruuk 2006.\n\nIn a box.\n\nEnd."


def test_hidden_words_are_left_out_and_told() -> None:
    document = read(
        '<text:p>Seen<text:span text:style-name="T1"> not this</text:span>.</text:p>'
        '<text:p text:style-name="P3">white</text:p>'
    )
    assert document.text == "Seen."
    assert [remark.message.split(" left")[0] for remark in document.remarks] == ["3 hidden words"]


def test_code_and_formulas_keep_their_source() -> None:
    document = read(
        '<text:p text:style-name="P1">if x:</text:p>'
        '<text:p text:style-name="P1"><text:s text:c="4"/>y</text:p>'
        f"<text:p>So <draw:object>{FORMULA}</draw:object>.</text:p>"
        '<text:p><draw:object xlink:href="./Object 1"/></text:p>',
        **{"Object 1__content": FORMULA.replace("<math:math", f"<math:math {ODF}", 1)},
    )
    assert said(document) == [
        (BlockKind.CODE, "if x:\n    y"),
        (BlockKind.PARAGRAPH, r"So $\theta^{2}$."),
        (BlockKind.MATH, r"\theta^{2}"),
    ]


def test_slides_have_titles_and_notes() -> None:
    frame = '<draw:frame presentation:class="{}"><draw:text-box>{}</draw:text-box></draw:frame>'
    item = "<text:list-item><text:p>crabs</text:p></text:list-item>"
    notes = f"<presentation:notes>{frame.format('notes', '<text:p>Ask.</text:p>')}"
    body = (
        "<draw:page><draw:frame><draw:image/></draw:frame></draw:page><draw:page>"
        + frame.format("outline", f"<text:list>{item}</text:list>")
        + frame.format("title", "<text:p>Food</text:p>")
        + f"{notes}</presentation:notes></draw:page>"
    )  # fmt: skip
    document = load("n.odp", odt(body, kind="presentation"))
    assert document.text == "Food\n\n- crabs\n\nAsk."
    assert document.places.name(document.blocks[0].span) == "slide 2"
    assert [(one.reason, one.pages) for one in document.remarks] == [("pages without text", (1,))]


def test_an_encrypted_file_needs_a_password() -> None:
    manifest = f"<manifest:manifest {ODF}><manifest:file-entry><manifest:encryption-data/>"
    with pytest.raises(DocumentError) as caught:
        read("", **{"META-INF__manifest": f"{manifest}</manifest:file-entry></manifest:manifest>"})
    assert caught.value.reason == "encrypted"


def test_a_title_of_the_properties_is_the_title() -> None:
    assert read("<text:p>Plain.</text:p>", title="On otters").title == "On otters"


@pytest.mark.parametrize(("up", "down"), [("super 58%", "sub 58%"), ("33% 58%", "-33% 58%")])
def test_superscripts_and_subscripts_stay_apart_from_the_digits_before_them(
    up: str, down: str
) -> None:
    styles = "".join(
        f'<style:style style:name="{name}" style:family="text">'
        f'<style:text-properties style:text-position="{position}"/></style:style>'
        for name, position in (("up", up), ("down", down), ("flat", "0% 100%"))
    )
    said = (
        '10<text:span text:style-name="up">5</text:span> samples of H'
        '<text:span text:style-name="down">2</text:span>O'
        '<text:span text:style-name="flat">, pure</text:span>'
    )
    document = load("a.odt", odt(f"<text:p>{said}</text:p>", styles))
    assert document.text == "10⁵ samples of H₂O, pure"
