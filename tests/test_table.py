from __future__ import annotations

import pytest

from rag.documents import load
from rag.documents.text.table import parse
from rag.errors import DocumentError
from rag.types import BlockKind, Document, PlaceKind


def read(text: str, path: str = "cards/bio-1.csv") -> Document:
    return parse(path, text.encode())


def said(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, block.span.of(document.text)) for block in document.blocks]


def test_questions_and_answers_become_headings_and_what_stands_below() -> None:
    document = read(
        'Topic,Question,Answer\ncells,"What is a cell, really?","The unit\n\n- of life"\n'
        "\n,Why?,So.\n"
    )
    assert document.title == "bio 1"
    assert said(document) == [
        ("heading", "What is a cell, really?"),
        ("paragraph", "The unit"),
        ("list", "- of life"),
        ("paragraph", "Topic: cells"),
        ("heading", "Why?"),
        ("paragraph", "So."),
    ]
    assert document.places.kind is PlaceKind.ROW
    # The second row holds two line ends, and the third is empty: a spreadsheet counts rows.
    assert [place.name for place in document.places.listed] == ["2", "4"]


@pytest.mark.parametrize("header", ["front\tback", "Term\tDefinition", "q\ta", "Frage\tAntwort"])
def test_cards_by_other_names_are_cards(header: str) -> None:
    document = read(f"{header}\nmitosis\tdivision of a cell\n", "a.tsv")
    assert said(document) == [("heading", "mitosis"), ("paragraph", "division of a cell")]


def test_two_columns_of_which_the_first_asks_are_cards_without_a_header() -> None:
    assert said(read("Why?;So.\nHow?;Thus.\nThen?;Now.\n"))[:2] == [
        *(("heading", "Why?"), ("paragraph", "So."))
    ]


def test_an_export_of_anki_says_how_it_is_to_be_read() -> None:
    text = "#separator:tab\n#html:true\n<b>What</b> is x?\tIt is <i>y</i>.<br>And z.\n"
    document = read(text, "a.csv")
    assert said(document) == [("heading", "What is x?"), ("paragraph", "It is y.\nAnd z.")]
    assert document.places.listed[0].name == "3"


def test_anki_s_own_columns_are_no_answers_and_its_txt_is_a_table() -> None:
    text = (
        "#separator:tab\n#html:true\n#guid column:1\n#deck column:2\n#tags column:5\n"
        "x!y\tML\tRe<b>gular</b>ization?\tKeeps &lt;weights&gt; small\teasy\n"
    )
    document = load("cards.txt", text.encode())
    assert said(document) == [
        ("heading", "Regularization?"),
        ("paragraph", "Keeps <weights> small"),
        ("paragraph", "Deck: ML\nTags: easy"),
    ]
    assert load("a.txt", b"#html: a word\n\nPlain.").blocks[0].kind is BlockKind.PARAGRAPH


def test_html_in_cells_parts_no_word_and_what_a_cell_is_about_stays() -> None:
    table = read(
        "name,text,x\na,Re<b>gular</b>ization,1\nb,one<br>two<div>three</div>,2\nc,<b>,3\n"
    )
    assert table.text.splitlines()[1:] == [
        *("| a | Regularization | 1 |", "| b | one two three | 2 |", "| c | <b> | 3 |")
    ]
    assert said(read("front,back\nWhat does <b> do?,It is bold.\n"))[0][1] == "What does <b> do?"


def test_names_above_questions_are_no_question() -> None:
    assert said(read("A,B\nWhy?,So.\nHow?,Thus.\nThen?,Now.\n"))[0] == ("heading", "Why?")
    assert said(read("Say why.,B\nHow?,Thus.\nThen?,Now.\n"))[0] == ("heading", "Say why.")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_of_any_delimiter_has_a_place_for_each_row(delimiter: str) -> None:
    rows = [["name", "x", "y"], ["a, b" if delimiter == ";" else "ab", "1", "2"], ["c", "3"]]
    document = read("\r\n".join(delimiter.join(row) for row in rows))
    (block,) = document.blocks
    assert block.kind is BlockKind.TABLE
    lines = [f"| {' | '.join(row)} |" for row in rows]
    assert [part.of(document.text) for part in block.parts] == lines
    assert [document.places.name(part) for part in block.parts] == ["row 1", "row 2", "row 3"]


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest() -> None:
    document = read('a,b\n1,"open\n2,x\n3,y\n')
    assert len(document.blocks[0].parts) == 4


def test_japanese_of_windows_is_read() -> None:
    text = "名前,年齢,住所\r\n佐藤太郎,30,東京\r\n三木英子,25,大阪\r\n髙橋淳,35,名古屋\r\n"
    document = parse("a.csv", text.encode("cp932"))
    assert "| 髙橋淳 | 35 | 名古屋 |" in document.text


def test_what_is_no_text_is_no_table() -> None:
    with pytest.raises(DocumentError, match="control characters"):
        read("a,\x01")
