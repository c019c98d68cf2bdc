"""Documents from other converters' suites, where they lie beside the project; else skipped."""

from __future__ import annotations

import pytest
from conftest import ROOT

from rag.documents import load
from rag.errors import DocumentError

FILES = ROOT.parent / "shared/data/hard-documents/files"

pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason=f"no {FILES}")

SAID = {
    "docling/html_heading_in_p.html": ["1st paragraph", "| 2 | 3 | 4 |", "| 17 | 18 |", "2nd para"],
    "docling/html_code_snippets.html": ["Code snippets", "converter.convert(source)", "- Use the"],
    "markitdown/test_blog.html": ["April 21, 2023 · 6 min read", "- Just by tuning the inference"],
    "markitdown/test_serp.html": ["Microsoft Windows is an operating system", "Microsoft"],
    "markitdown/test_wikipedia.html": [
        "| Traded as | Nasdaq",
        "Microsoft Corporation is an American multinational",
        "Microsoft was founded by Bill Gates and Paul Allen",
    ],
    "unstructured/example-with-scripts.html": ["Ukraine", "Russian forces"],
    "unstructured/fake-html-cp1252.html": ["köstlich", "15,50 €", "ñoquis"],
    "unstructured/fake-html-pre.htm": ["SECTION 1. SHORT TITLE", "LEGISLATIVE HISTORY"],
    "docling/csv-too-few-columns.csv": ["| 1 | 2 | 3 | 4 |", "| a | b | c |\n"],
    "markitdown/test_mskanji.csv": ["| 名前 | 年齢 | 住所 |", "| 髙橋淳 | 35 | 名古屋 |"],
    "markitdown/test_notebook.ipynb": ["# Test Notebook", "markitdown\n", "42", "End"],
    "unstructured/fake-email.eml": ["Test Email", "From: Matthew Robinson", "- Violets are blue"],
    "unstructured/UDHR_first_article_all.txt": ["(Jinan)\n是人都生而自由", "Zulu\nBonke abantu"],
    "unstructured/fake-incomplete-json.txt": ['"name": "John Doe"', '["reading", "running"'],
    "unstructured/fake-text-utf-16.txt": ["Doylestown, PA 18901", "- I love fuzzy blankets"],
    "unstructured/fake-text-utf-16-le.txt": ["Doylestown, PA 18901", "- I love fuzzy blankets"],
    "unstructured/umlauts-non-utf8.md": ["## können", "äöüß"],
    "docling/duck.md": ["# Swimming in the lake", "| Grain   | Corn, Buckwheat, Barley"],
}
SKIPPED = {
    "unstructured/empty.eml": "empty",
    "unstructured/fake-encrypted.eml": "encrypted",
    "unstructured/fake-text-all-whitespace.txt": "empty",
}


@pytest.mark.parametrize("name", sorted(SAID))
def test_what_it_says_is_there_in_its_order(name: str) -> None:
    text, at = load(name, (FILES / name).read_bytes()).text, 0
    for words in SAID[name]:
        found = text.find(words, at)
        assert found >= 0, words
        at = found + 1


@pytest.mark.parametrize("name", sorted(SKIPPED))
def test_it_is_skipped_for_its_reason(name: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load(name, (FILES / name).read_bytes())
    assert caught.value.reason == SKIPPED[name]


def test_scripts_of_five_hundred_languages_hold_no_hidden_character() -> None:
    name = "unstructured/UDHR_first_article_all.txt"
    assert not load(name, (FILES / name).read_bytes()).remarks


def test_nothing_of_a_page_s_scripts_or_menus_is_text() -> None:
    text = load("a.html", (FILES / "markitdown/test_serp.html").read_bytes()).text
    assert "function(" not in text
    assert "Shopping" not in text
