from __future__ import annotations

import time
from pathlib import Path

import pytest
from conftest import ROOT
from test_archive import holds

from rag.documents import load
from rag.errors import DocumentError
from rag.types import BlockKind, Document

HARD = ROOT.parent / "shared/data/hard-documents/files"

pytestmark = pytest.mark.skipif(not HARD.is_dir(), reason="the hard documents are not here")


def read(name: str) -> Document:
    data = (HARD / name).read_bytes()
    document = load(Path(name).name, data)
    holds(document)
    return document


ORDER = {
    "docling/Strict.docx": ["Some text"],
    "docling/lorem_ipsum.docx": ["Lorem ipsum dolor", "Sed facilisis", "tempus nibh."],
    "docling/textbox.docx": [
        "Student falls ill",
        "＊ Sore throat",
        "Upon receiving a report from the kindergarten",
        "Case closed.",
    ],
    "docling/unit_test_headers.docx": ["Test Document", "Section 1.2.3", "Paragraph 2.1.2"],
    "docling/word_sample.docx": [
        "Summer activities",
        "- Paddle about",
        "2. Don’t forget to drink water",
        "| Leaves | Ash, Elm, Maple | 50 |",
        "3. Grain",
    ],
    "markitdown/equations.docx": [r"For $m=1$,", r"\frac{m\lambda}{a}", r"\sin 45.0^{\circ}"],
    "markitdown/test.docx": [
        "AutoGen: Enabling Next-Gen LLM Applications",
        "| 13 | 14 | 49e168b7-d2ae-407f-a055-2167576f39a1 |",
        "Test Image:",
    ],
    "paper-qa/dummy_jap.docx": ["AIエージェントとRAGの統合", "ハイブリッド検索の重要性"],
    "unstructured/docx-hdrftr.docx": ["Main document", "First header para", "cell1", "para2"],
    "unstructured/grid_offset_error.docx": ["| A | Merged B1-B3 |", "| C |"],
    "unstructured/tables-with-incomplete-rows.docx": ["| b | c | d |", "| Dato |", "Format"],
    "unstructured/eng_spa_mult.pptx": ["Testing multiple languages", "Todos los seres humanos"],
    "unstructured/fake-power-point.pptx": [
        "Adding a Bullet Slide",
        "- Find the bullet",
        "a lot of",
    ],
    "unstructured/fake-power-point-malformed.pptx": ["Test Slide", "Problem Date Placeholder"],
    "unstructured/group-shapes-nested.pptx": ["A", "E", "F", "J"],
    "unstructured/sample-presentation.pptx": [
        "Title Slide",
        "There’s text here",
        "    - Subtopic 1 of subtopic 2",
        "- Details 2",
        "| 2 | A2 | B2 | C2 |",
    ],
    "markitdown/test.xlsx": [
        "Sheet1",
        "| Alpha | Beta | Gamma | Delta |",
        "| 89 | 82 | 100 | 12 |",
        "09060124-b5e7-4717-9d07-3c046eb",
    ],
    "unstructured/fake.odt": ["Lorem ipsum dolor sit amet.", "| Leader | Sarah | Mark | Ryan |"],
    "docling/odf_presentation_01.odp": [
        "Test Table Slide",
        "A merged with B",
        "- With foo",
        "Some notes on the second slide.",
        "3. List3",
        "Second line of notes.",
    ],
    "docling/epub_purvis_poetry.epub": [
        "By Sarah Louisa Forten Purvis.",
        "The Grave of the Slave",
        "The cold storms of winter shall chill him no more,",
        "Uncopyright",
    ],
}


@pytest.mark.parametrize("name", ORDER)
def test_what_was_read_by_eye_is_there_in_order(name: str) -> None:
    text, at = read(name).text, 0
    for said in ORDER[name]:
        at = text.index(said, at)


def test_a_box_in_two_versions_is_read_once() -> None:
    assert read("docling/textbox.docx").text.count("Student falls ill") == 1


def test_code_is_told_from_prose_in_the_same_type() -> None:
    document = read("docling/docx_code_blocks.docx")
    code = [b.span.of(document.text) for b in document.blocks if b.kind is BlockKind.CODE]
    assert [one.split("\n")[0] for one in code] == [
        "import sys",
        "SELECT * FROM users WHERE active = 1;",
        "def fib(n):",
    ]


def test_eight_hundred_pages_take_seconds() -> None:
    start = time.process_time()
    document = read("unstructured/handbook-872p.docx")
    assert time.process_time() - start < 10
    assert len(document.text.split()) > 120_000


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("unstructured/test-image-jpg-mime.pptx", "no text"),
        ("unstructured/empty.xlsx", "empty"),
        ("unstructured/password_protected.xlsx", "encrypted"),
    ],
)
def test_what_holds_no_text_says_why(name: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(name)
    assert caught.value.reason == reason


def test_legacy_and_locked_files_under_a_new_name_say_what_they_are() -> None:
    for name, reason in (
        ("unstructured/password_protected.xlsx", "encrypted"),
        ("unstructured/fake.doc", "damaged"),
        ("unstructured/fake-power-point.ppt", "damaged"),
    ):
        with pytest.raises(DocumentError) as caught:
            load("n.docx", (HARD / name).read_bytes())
        assert caught.value.reason == reason
