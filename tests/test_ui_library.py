from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, WordLengths
from fastapi.testclient import TestClient
from playwright.sync_api import Browser

from rag import Library, Settings
from rag.documents import LOADERS
from rag.types import Remark
from ui.api import build_api
from ui.indexing import At
from ui.pages.frame import HEADERS, STRANGER
from ui.pages.library import Doing, library_page
from ui.services import Services

EVIL = "<img src=x onerror=alert(1)>\u202e.md"

SHORT: dict[str, Any] = {
    **{"files": 6, "indexed": 2, "chunks": 3120, "generation": 7, "model": "m", "backend": "b"},
    **{"reranker": None, "search": "exact", "ignored": 4, "hidden_files": 1},
    "skipped": [
        {"document": f"{name}.doc", "reason": "no loader", "message": "save it as .docx"}
        for name in "abcd"
    ]
    + [{"document": "e.pdf", "reason": "encrypted", "message": "needs a password"}],
    "partial": [
        {
            "document": "s.pdf",
            "reason": "pages without text",
            "pages": [3, 4],
            "message": "2 pages",
        }
    ],
    "hidden": [{"document": EVIL, "message": "zero-width characters"}],
    "duplicates": [["s.pdf", EVIL]],
    "changed": "2026-11-26T14:10:53+00:00",
    "bytes": {"notes": 2_500_000, "library": 12_000},
}
TITLES = {EVIL: "<script>alert(1)</script>", "s.pdf": "Slides"}


def test_everything_is_told_and_nothing_executed() -> None:
    page = library_page(SHORT, TITLES, Doing(), STRANGER)
    for told in (
        *("2 of 6 files indexed (3,120 passages); 5 skipped.", "2.5 MB of notes", "12.0 kB"),
        *("4 by .notesqaignore", "1 hidden", "<strong>no loader</strong> save it as .docx"),
        *("a.doc<br>b.doc<br>c.doc<details><summary>1 more</summary>d.doc", "needs a password"),
        *("<strong>pages without text</strong> 2 pages", "zero-width characters", "Slides"),
        '<a href="/source/%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E%E2%80%AE.md">',
    ):
        assert told in page
    assert "<img" not in page and "<script" not in page
    assert "\u202e" not in page
    assert page.index("no loader") < page.index("encrypted")  # what most files share comes first


def test_the_page_is_served_with_the_headers_of_all_pages(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a & b.md").write_text("# Otters\n\nOtters eat crabs.\n", encoding="utf-8")
    (notes / "old.doc").write_bytes(b"x")
    settings = Settings(library=str(tmp_path / "library"), corpus=str(notes))
    library = Library(settings, WordLengths())
    library.index()
    client = TestClient(build_api(Services.of(library)), base_url="http://127.0.0.1")
    response = client.get("/library")
    assert response.status_code == 200
    assert HEADERS.items() <= {k: response.headers[k] for k in HEADERS}.items()
    assert '<a href="/source/a%20%26%20b.md">a &amp; b.md</a>' in response.text
    assert "save it as .docx" in response.text
    assert str(tmp_path) not in response.text


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_can_be_read_on_a_telephone(chromium: Browser, scheme: Any) -> None:
    page = chromium.new_page(viewport={"width": 360, "height": 640}, color_scheme=scheme)
    alerts: list[str] = []
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    titles = {**TITLES, "x" * 200 + ".md": "Long"}
    doing = Doing(folders=["", "y" * 90], most_bytes=50_000_000, at=At("Indexing", 0.4))
    page.set_content(library_page(SHORT, titles, doing, STRANGER))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_text("1 more").click()
    assert page.get_by_text("d.doc").is_visible()
    assert alerts == []
    page.close()


def test_status_groups_by_reason_and_names_a_few(run: Run, tmp_path: Path) -> None:
    notes = tmp_path / "corpus"
    notes.mkdir()
    (notes / ".notesqaignore").write_text("drafts/\n*.log\n", encoding="utf-8")
    (notes / "drafts").mkdir()
    for name in ("a.doc", "b.doc", "c.doc", "d.doc", "e.doc", "x.log", "drafts/y.md", ".z.md"):
        (notes / name).write_text("words", encoding="utf-8")
    (notes / "one.md").write_text("Otters eat crabs.", encoding="utf-8")
    (notes / "two.md").write_text("Otters eat crabs.", encoding="utf-8")
    (notes / "empty.md").write_text("", encoding="utf-8")
    run("index")
    text = run("status").out
    for told in (
        *("2 of 8 files indexed (2 passages); 6 skipped.", "The notes last changed 2"),
        *("no loader: 5\n", "a.doc, b.doc, c.doc and 2 more: no loader for .doc: save it as"),
        *("empty: 1\n    empty.md: holds no text", "2 by .notesqaignore or as libraries; 1 hidden"),
        "The same content under several names: 1\n  one.md, two.md",
    ):
        assert told in text
    assert re.search(r"last changed [\d-]{10} \d\d:\d\d [A-Z+\d-]+\.", text)
    assert "d.doc, e.doc: no loader" in run("status", "--all").out


def test_what_is_said_of_indexed_documents_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOADERS, ".pages", "remarking")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.pages").write_text("Words.", encoding="utf-8")
    settings = Settings(library=str(tmp_path / "library"), corpus=str(tmp_path / "notes"))
    library = Library(settings, WordLengths())
    library.index()
    found = library.status()
    said = Remark("pages without text", "2 pages hold no text", (3, 4))
    assert found["partial"] == [
        {
            "document": "a.pages",
            "reason": said.reason,
            "pages": [3, 4],
            "message": said.message,
        }
    ]
    assert found["hidden"] == [{"document": "a.pages", "message": "white on white"}]
