from __future__ import annotations

import pytest
from making_office import P, docx, p, pptx, shape, slide

from rag.documents import load
from rag.errors import DocumentError
from rag.types import BlockKind, Document

PICTURE = "<p:pic><p:blipFill><a:blip/></p:blipFill></p:pic>"


def said(document: Document) -> list[tuple[BlockKind, str]]:
    return [(block.kind, block.span.of(document.text)) for block in document.blocks]


def read(*slides: str, **more: object) -> Document:
    return load("talk.pptx", pptx(slides, **more))  # type: ignore[arg-type]


def line(text: str, properties: str = "", level: int = 0) -> str:
    return f'<a:p><a:pPr lvl="{level}">{properties}</a:pPr><a:r><a:t>{text}</a:t></a:r></a:p>'


def test_slides_come_in_the_order_of_the_talk_with_their_notes() -> None:
    document = read(
        slide(shape("Otters", "ctrTitle") + shape("A talk", "subTitle", 5)),
        slide(""),
        slide(shape("Food", "title") + shape("Crabs.", "", 9)),
        notes={3: "Ask the room."},
    )
    assert document.text == "Otters\n\nA talk\n\nFood\n\nCrabs.\n\nAsk the room."
    assert [(place.name) for place in document.places.listed] == ["1", "3"]
    assert document.places.name(document.blocks[-1].span) == "slide 3"
    assert [block.level for block in document.blocks] == [1, 0, 2, 0, 0]
    assert document.title == "Otters"


def test_a_slide_is_read_from_its_title_down_and_from_left_to_right() -> None:
    height = 6858000
    inner = shape("third") + shape("fourth", left=9)
    group = f'<p:grpSp><p:grpSpPr><a:xfrm><a:off x="1" y="{height // 2}"/></a:xfrm></p:grpSpPr>'
    document = read(
        slide(
            shape("last", top=height) + f"{group}{inner}</p:grpSp>"
            + shape("second", left=height, top=1) + shape("first") + shape("Title", "title", height)
        )
    )  # fmt: skip
    assert document.text.split("\n\n") == ["Title", "first", "second", "third", "fourth", "last"]


def test_lists_have_levels_and_numbers() -> None:
    bullet, number = '<a:buChar char="•"/>', '<a:buAutoNum type="arabicParenR" startAt="3"/>'
    body = line("No bullet", "<a:buNone/>") + line("one", bullet) + line("inner", bullet, 1)
    document = read(
        slide(
            shape("", "body", more=body)
            + shape("", top=9**7, more=line("a", number) + line("b", number) + line("text"))
        )
    )
    assert said(document) == [
        (BlockKind.PARAGRAPH, "No bullet"),
        (BlockKind.LIST, "- one\n  - inner"),
        (BlockKind.LIST, "3) a\n4) b"),
        (BlockKind.PARAGRAPH, "text"),
    ]
    assert said(read(slide(shape("a\nb", "body")))) == [(BlockKind.LIST, "- a\n- b")]
    assert said(read(slide(shape("a\nb")))) == [
        (BlockKind.PARAGRAPH, "a"),
        (BlockKind.PARAGRAPH, "b"),
    ]


def test_tables_diagrams_and_equations_are_read() -> None:
    def cell(text: str, merged: str = "") -> str:
        return f"<a:tc {merged}><a:txBody>{line(text)}</a:txBody></a:tc>"

    rows = cell("Animal", 'gridSpan="2"') + cell("", 'hMerge="1"'), cell("otter") + cell("vole")
    table = "".join(f"<a:tr>{row}</a:tr>" for row in rows)
    formula = "<a14:m><m:oMath><m:r><m:t>x≤α</m:t></m:r></m:oMath></a14:m>"
    equation = (
        f"<mc:AlternateContent><mc:Choice>{shape('', more=f'<a:p>{formula}</a:p>')}</mc:Choice>"
        f"<mc:Fallback>{shape('picture of it')}</mc:Fallback></mc:AlternateContent>"
    )
    named = (
        '<p:graphicFrame><a:graphicData><dgm:relIds r:dm="rId1"/></a:graphicData></p:graphicFrame>'
    )
    document = read(
        slide(f"<p:graphicFrame><a:tbl>{table}</a:tbl></p:graphicFrame>{equation}{named}"),
        diagramData=f"<dgm:dataModel {P}><dgm:pt><dgm:t>{line('Hunt')}</dgm:t></dgm:pt>"
        f"<dgm:pt><dgm:t>{line('Eat')}</dgm:t></dgm:pt></dgm:dataModel>",
    )
    assert said(document) == [
        (BlockKind.TABLE, "| Animal |  |\n| otter | vole |"),
        (BlockKind.MATH, r"x\le \alpha"),
        (BlockKind.PARAGRAPH, "Hunt\nEat"),
    ]


def test_footers_are_said_once_and_slide_numbers_never() -> None:
    document = read(
        *[slide(shape(name) + shape("Bio 101", "ftr") + shape("7", "sldNum")) for name in "ab"]
    )
    assert document.text == "a\n\nBio 101\n\nb"


def test_slides_of_pictures_and_hidden_ones_are_told() -> None:
    document = read(slide(shape("One")), slide(PICTURE), slide(shape("Three"), show="0"))
    assert document.text == "One\n\nThree"
    assert [(remark.reason, remark.pages) for remark in document.remarks] == [
        ("pages without text", (2,)),
        ("hidden slides", (3,)),
    ]
    with pytest.raises(DocumentError, match="2 slides of pictures only") as caught:
        read(slide(PICTURE), slide(PICTURE))
    assert caught.value.reason == "no text"
    with pytest.raises(DocumentError) as caught:
        read(slide(""))
    assert caught.value.reason == "empty"


def test_a_hidden_shape_is_left_out_and_told() -> None:
    unseen = shape("not this").replace('id="2"', 'id="2" hidden="1"')
    document = read(slide(shape("This") + unseen))
    assert document.text == "This"
    assert [remark.message.split(" left")[0] for remark in document.remarks] == ["2 hidden words"]


def test_a_word_document_under_this_name_is_damaged() -> None:
    with pytest.raises(DocumentError, match=r"a document inside, save it as \.docx"):
        load("talk.pptx", docx(p("Otters")))


def test_superscripts_and_subscripts_stay_apart_from_the_digits_before_them() -> None:
    runs = [("10", "0"), ("5", "30000"), (" samples of H", ""), ("2", "-25000"), ("O", "")]
    said = "".join(
        f'<a:r><a:rPr baseline="{shift}"/><a:t>{text}</a:t></a:r>'
        if shift
        else f"<a:r><a:t>{text}</a:t></a:r>"
        for text, shift in runs
    )
    document = load("a.pptx", pptx([slide(shape("", more=f"<a:p>{said}</a:p>"))]))
    assert document.text == "10⁵ samples of H₂O"
