"""PDFs that are known to be hard, each with what it must give; they lie beside the project."""

from __future__ import annotations

import json
import re

import pytest
from conftest import ROOT

from rag.documents.pdf.reader import parse
from rag.errors import DocumentError
from rag.types import BlockKind, Document

HARD = ROOT.parent / "shared/data/hard-documents"
if not HARD.is_dir():
    pytest.skip("needs ../shared/data/hard-documents", allow_module_level=True)

FILES = [
    file["file"].removeprefix("files/")
    for file in map(json.loads, (HARD / "manifest.jsonl").read_text("utf-8").splitlines())
    if file["ext"] == "pdf"
]

REFUSED = {
    "docling/2206.01062_pg3.pdf": "encrypted",
    "markitdown/MEDRPT-2024-PAT-3847_medical_report_scan.pdf": "no text",
    "onyx/encrypted.pdf": "encrypted",
    "pdfminer.six/aes-256-m.pdf": "encrypted",
    "pdfminer.six/aes-256.pdf": "encrypted",
    "pdfminer.six/encrypted_doc_no_id.pdf": "no text",  # opens, and its middle page is a scan
    "pdfminer.six/rc4-40.pdf": "encrypted",
    "pypdf/git.pdf": "no text",  # drawn letters
    "pypdf/r3-user-password.pdf": "encrypted",
    "pypdf/r4-aes-user-password.pdf": "encrypted",
    "pypdf/r5-user-password.pdf": "encrypted",
    "pypdf/r6-both-passwords.pdf": "encrypted",
    "pypdf/r6-user-password.pdf": "encrypted",
    "unstructured/password.pdf": "encrypted",
}
"""All others are read."""

SAID = {
    "markitdown/SPARSE-2024-INV-1234_borderless_table.pdf": [
        "| SKU-4563 | D-22 | | 156 | | CRITICAL |",
        "The inventory reconciliation reveals several key findings. The primary variance driver",
    ],
    "pdfminer.six/issue-1061-colour-space-stack.pdf": [
        "results. In an attempt to address this shortcoming, several relaxations of differential",
        "I. Introduction The development of information technologies has boosted the collection",
        "the original data set, and then a protected version of the results is returned to the",
        "However, we argue here that the standard formalization of differential privacy is",
        "noise to be added to the query response in order to protect privacy. - Differential",
    ],
    "pypdf/crazyones.pdf": ["Heres to the crazy ones", "change the world, are the ones who do."],
    "pypdf/multilang.pdf": ["Hello World", "مرحبا بالعالم", "Привет, мир", "你好世界"],
    "unstructured/failure-after-repair.pdf": [
        "Understanding Breast Cancer",
        "What is cancer?",
        "Talk to someone who’s been there",
    ],
    "unstructured/fr_olap.pdf": [
        "Résumé. Une façon d’assister l’analyse d’entrepôt de données repose sur l’exploitation et",
        "2 Motivation et présentation intuitive Dans cette section, nous illustrons via un exemple",
    ],
    "unstructured/invalid-pdf-structure-pdfminer-one-page.pdf": [
        "depend on technology systems to carry out fundamental operations and to process, maintain",
        "strategic objectives included in the strategy provide a good foundation for establishing",
        "In March 2023, the White House issued the National Cybersecurity Strategy to coordinate",
    ],
    "unstructured/layout-parser-paper-fast.pdf": [
        "configurations complicate the easy reuse of important innovations by a wide audience.",
        "1. An off-the-shelf toolkit for applying DL models for layout detection, character",
    ],
    "unstructured/pdf-bad-color-space.pdf": [
        "our data centers. That’s why, in 2020, we set a goal to",
        "operate our data centers and office campuses on 24/7 carbon-free energy on every grid",
    ],
}
"""Words that a person reads there, in this order."""


def read(name: str) -> Document:
    return parse(name, (HARD / "files" / name).read_bytes())


@pytest.mark.parametrize("name", FILES)
def test_hard_pdfs_are_read_or_refused_for_the_right_reason(name: str) -> None:
    if name not in REFUSED:
        document = read(name)
        assert sum(map(str.isalnum, document.text)) > 5
        assert document.remarks == ()
        assert not re.search("[\0-\x08\ufffd\ue000-\uf8ff\ufb00-\ufb06]", document.text)
        return
    with pytest.raises(DocumentError, match=r".") as caught:
        read(name)
    assert caught.value.reason == REFUSED[name]


@pytest.mark.parametrize("name", SAID)
def test_hard_pdfs_say_what_a_person_reads(name: str) -> None:
    text = " ".join(read(name).text.split())
    at = 0
    for words in SAID[name]:
        assert words in text[at:]
        at = text.index(words, at) + len(words)


def test_sections_of_a_paper_are_headings() -> None:
    document = read("unstructured/fr_olap.pdf")
    headings = [
        (block.level, block.span.of(document.text))
        for block in document.blocks
        if block.kind is BlockKind.HEADING
    ]
    assert headings[2:6] == [
        (1, "2 Motivation et présentation intuitive"),
        (1, "3 Le langage QSL"),
        (2, "3.1 Définitions préliminaires"),
        (2, "3.2 Les opérateurs de QSL"),
    ]
    assert len(headings) == 18
