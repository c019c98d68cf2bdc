from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import WordLengths, served
from playwright.sync_api import Browser, expect

from rag import Library, LibraryError, Settings, Watcher
from ui.auth import Role, User
from ui.pages import header
from ui.pages.frame import visitor_of
from ui.pages.header import Header, ago, title

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


def test_the_title_says_how_many_notes_and_when_they_changed() -> None:
    said = title({"indexed": 37, "changed": "2026-05-04T13:57:00+02:00"}, False, NOW)
    assert "<p>37 notes, answered in their own words · " in said
    assert (
        'datetime="2026-05-04T11:57:00+00:00" title="2026-05-04 11:57:00 UTC">3 minutes ago' in said
    )
    assert "Indexing" not in said and "href" not in said


@pytest.mark.parametrize(
    ("user", "links"),
    [
        (None, ["/library"]),
        (User("eve", Role.STUDENT, ""), ["/sign-in"]),
        (User("ann", Role.INSTRUCTOR, ""), ["/library", "/sign-in"]),
    ],
)
def test_who_may_see_the_library_page_is_led_there(user: User | None, links: list[str]) -> None:
    said = title({"indexed": 37}, False, NOW, visitor_of(user))
    assert re.findall('href="([^"]*)"', said) == links


def test_the_title_says_that_changes_are_being_indexed() -> None:
    assert title({"indexed": 1}, True, NOW).endswith("own words · Indexing …</p>")
    assert ">1 note, answered" in title({"indexed": 1, "changed": None}, False, NOW)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "just now"),
        (59.9, "just now"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (172_800, "2 days ago"),
    ],
)
def test_a_moment_is_said_in_words(seconds: float, said: str) -> None:
    assert ago(seconds) == said


@pytest.fixture
def library(tmp_path: Path, embedder: WordLengths) -> Library:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "owls.md").write_text("Owls hunt at night.", encoding="utf-8")
    library = Library(Settings(library=str(tmp_path / "lib"), corpus=str(notes)), embedder)
    library.index()
    return library


def test_many_open_pages_are_told_one_state(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    summary = library.summary

    def counted() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return summary()

    monkeypatch.setattr(library, "summary", counted)
    watcher = Watcher(library, print, print)
    top = Header(library, watcher)
    assert [">1 note," in top.html() for _ in range(50)] == [True] * 50
    assert asked == 1
    watcher.busy = True
    assert "Indexing …" in top.html()
    monkeypatch.setattr(header, "FRESH_SECONDS", -1.0)
    (Path(library.settings.corpus) / "newts.md").write_text("Newts swim.", encoding="utf-8")
    library.index()
    assert ">2 notes," in top.html()

    def broken() -> dict[str, Any]:
        raise LibraryError("There is no library.")

    monkeypatch.setattr(library, "summary", broken)
    assert ">2 notes," in top.html()


@pytest.fixture
def address(library: Library, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from ui.app import build_app
    from ui.services import Services

    monkeypatch.setattr(header, "REFRESH_SECONDS", 0.5)
    monkeypatch.setattr(header, "FRESH_SECONDS", 0.1)
    changed = {"changed": (datetime.now(UTC) - timedelta(hours=5)).isoformat()}
    summary = library.summary
    monkeypatch.setattr(library, "summary", lambda: summary() | changed)
    with served(build_app(Services.of(library))) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.mark.browser
def test_an_open_page_follows_without_being_loaded_again(
    chromium: Browser, address: str, library: Library
) -> None:
    page = chromium.new_page()
    page.set_default_timeout(20_000)
    page.goto(address)
    expect(page.locator("#nq-title")).to_contain_text("1 note, answered in their own words")
    expect(page.locator("#nq-title time")).to_have_text("5 hours ago")
    (Path(library.settings.corpus) / "newts.md").write_text("Newts swim.", encoding="utf-8")
    library.index()
    expect(page.locator("#nq-title")).to_contain_text("2 notes", timeout=20_000)
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(360, 640), (360, 800), (1280, 720)])
def test_the_question_is_in_view_whatever_the_title_says(
    chromium: Browser, address: str, width: int, height: int
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(20_000)
    page.goto(address)
    page.get_by_role("textbox").wait_for()
    for words in (1, 14, 30):
        page.locator("#nq-title p").evaluate(f"line => line.textContent = 'notes '.repeat({words})")
        for place in ("#nq-question textarea", "#nq-send"):
            box = page.locator(place).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= height
    page.close()
