from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import WordLengths, served
from playwright.sync_api import Browser, expect

from rag import Library, LibraryError, Settings
from ui.auth import Role, User
from ui.indexing import At
from ui.pages import header
from ui.pages.frame import visitor_of
from ui.pages.header import Header, ago, news, title
from ui.readiness import Phase, State
from ui.services import Services

READY = State(Phase.READY)
NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


def test_the_title_says_how_many_notes_and_when_they_changed() -> None:
    said = title({"indexed": 37, "changed": "2026-05-04T13:57:00+02:00"}, READY, NOW)
    assert "<p>37 notes · changed <time " in said
    assert (
        'datetime="2026-05-04T11:57:00+00:00" title="2026-05-04 11:57:00 UTC">3 minutes ago' in said
    )
    assert "Indexing" not in said


@pytest.mark.parametrize(
    ("user", "links"),
    [
        (None, ["/library", "/evaluation", "/coverage"]),
        (User("eve", Role.STUDENT, ""), ["/sign-in"]),
        (User("ann", Role.INSTRUCTOR, ""), ["/library", "/evaluation", "/coverage", "/sign-in"]),
    ],
)
def test_everybody_is_led_to_what_they_may_see(user: User | None, links: list[str]) -> None:
    said = title({"indexed": 37}, READY, NOW, visitor_of(user))
    assert re.findall('href="([^"]*)"', said) == ["/", "/notes", *links]


def test_the_title_says_how_far_indexing_is() -> None:
    busy = State(Phase.READY, At("Indexing: a.md", 0.417))
    said = title({"indexed": 1, "changed": None}, busy, NOW)
    assert ">1 note · Indexing <progress" in said
    assert 'value="0.417"></progress> 42%</p>' in said
    assert news(busy) == ""  # the notes can be asked, and nobody is interrupted


def test_what_is_read_aloud_changes_ten_times_while_the_first_notes_are_indexed() -> None:
    shares = [n / 1000 for n in range(1000)]
    said = [news(State(Phase.INDEXING, At("Indexing", share), "…")) for share in shares]
    assert len(set(said)) == 10
    assert said[-1].startswith("<p>The notes are being indexed, 90 % done.")


def test_a_student_is_not_told_where_the_notes_lie() -> None:
    failed = State(Phase.FAILED, None, "The library in /home/ann/<notes> is damaged.")
    assert "/home/ann/&lt;notes&gt;" in news(failed, visitor_of(None))
    assert "/home" not in news(failed)


def test_what_is_indexed_already_is_said_to_be_asked_meanwhile() -> None:
    state = State(Phase.INDEXING, At("Indexing", 0.8), "…")
    assert "once that is done" in news(state)
    assert news(state, notes=2).endswith("What is indexed already can be asked.</p>")


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

    services = Services.of(library)
    monkeypatch.setattr(library, "summary", counted)
    top = Header(services)
    assert [">1 note ·" in top.html()[0] for _ in range(50)] == [True] * 50
    assert asked == 3  # one for the count, and one for each of two states: before, and then
    assert top.html()[2] == header.REFRESH_SECONDS
    monkeypatch.setattr(header, "FRESH_SECONDS", -1.0)
    with services.indexer.turn() as report:
        report("Indexing", 1, 4)
        assert "Indexing <progress" in top.html()[0]
        assert top.html()[2] == header.SOON_SECONDS
    (Path(library.settings.corpus) / "newts.md").write_text("Newts swim.", encoding="utf-8")
    library.index()
    assert ">2 notes ·" in top.html()[0]
    assert "Indexing" not in top.html()[0]

    def broken() -> dict[str, Any]:
        raise LibraryError("There is no library.")

    monkeypatch.setattr(library, "summary", broken)
    assert ">2 notes ·" in top.html()[0]


@pytest.fixture
def address(library: Library, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from ui.app import build_app

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
    expect(page.locator("#nq-title")).to_contain_text("1 note · changed")
    expect(page.locator("#nq-title time")).to_have_text("5 hours ago")
    (Path(library.settings.corpus) / "newts.md").write_text("Newts swim.", encoding="utf-8")
    library.index()
    expect(page.locator("#nq-title")).to_contain_text("2 notes", timeout=20_000)
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(320, 500), (360, 640), (1280, 720)])
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
            assert box["y"] >= 0 and box["y"] + box["height"] <= height
    page.close()
