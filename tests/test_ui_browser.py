"""The page in Chromium, against the real server and the real model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from conftest import served
from playwright.sync_api import Browser, Page, expect

from rag import Library

pytestmark = [pytest.mark.browser, pytest.mark.model]

ANSWERED = "What is negative transfer?"
REFUSED = "How do I renew my library card?"
NEAR = "Which layers of a network should I freeze for audio?"


@pytest.fixture(scope="module")
def address(shipped: Library) -> Iterator[str]:
    from ui.app import build_app
    from ui.services import Services

    with served(build_app(Services.of(shipped))) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def never_sure(shipped: Library) -> Iterator[None]:
    """Makes the library refuse every question."""
    shipped._given_fit = replace(shipped.fit, unanswerable=(1.0,))
    yield
    shipped._given_fit = None


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(address)
    yield page
    context.close()


def ask(page: Page, question: str) -> None:
    before = page.locator(".nq-answer").count()
    page.get_by_label("Question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".nq-answer")).to_have_count(before + 1, timeout=20_000)


def source_marks(page: Page) -> str:
    frame = page.frame_locator("iframe[name=nq-source]")
    expect(frame.locator("#marked")).to_be_visible()
    return "\n".join(frame.locator("mark").all_inner_texts())


def test_an_answer_opens_its_note_at_the_marked_words(page: Page, shipped: Library) -> None:
    ask(page, ANSWERED)
    decisive = next(s.text for s in shipped.ask(ANSWERED).sentences if s.decides)
    expect(page.locator(".nq-answer mark")).to_have_text(decisive)
    assert source_marks(page) == decisive
    expect(page.frame_locator("iframe[name=nq-source]").locator("#marked")).to_be_in_viewport()


def test_a_citation_opens_its_whole_quote_beside_the_chat(page: Page, shipped: Library) -> None:
    ask(page, ANSWERED)
    quote = shipped.ask(ANSWERED).citations[0].quote
    page.locator(".nq-places a").first.click()
    frame = page.frame_locator("iframe[name=nq-source]")
    expect(frame.locator("mark")).to_have_text(quote)
    assert len(page.context.pages) == 1


def test_a_refusal_says_so_and_labels_its_passages(page: Page) -> None:
    ask(page, REFUSED)
    answer = page.locator(".nq-answer")
    expect(answer).to_contain_text("The notes do not seem to answer this.")
    expect(answer).to_contain_text("Nearest passages, which need not answer:")
    expect(answer.locator("mark")).to_have_count(0)


def test_a_suggested_question_is_asked_by_keyboard(page: Page, never_sure: None) -> None:
    ask(page, NEAR)
    offered = page.locator(".nq-suggestion")
    expect(offered.first).to_have_text("What do the notes say about freezing layers?")
    ask(page, ANSWERED)
    second = page.locator(".nq-answer").first.locator(".nq-suggestion").nth(1)
    question = second.inner_text()
    page.get_by_label("Question").focus()
    for _ in range(60):
        if second.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Shift+Tab")
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".nq-answer")).to_have_count(3, timeout=20_000)
    expect(page.locator("#nq-chat .user").last).to_contain_text(question)
    expect(page.locator(".nq-answer").last).not_to_contain_text("Searched")


def test_the_keyboard_alone_reaches_the_marked_source(page: Page) -> None:
    page.get_by_label("Question").focus()
    page.keyboard.type(ANSWERED)
    page.keyboard.press("Enter")
    expect(page.locator(".nq-answer")).to_have_count(1, timeout=20_000)
    link = page.locator(".nq-places a").first
    for _ in range(40):
        if link.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Shift+Tab")
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    assert source_marks(page)


def test_the_newest_question_stands_above_its_answer_in_view(page: Page) -> None:
    ask(page, ANSWERED)
    ask(page, REFUSED)
    page.wait_for_timeout(1000)
    expect(page.locator("#nq-chat .user").last).to_be_in_viewport()
    expect(page.locator(".nq-refusal")).to_be_in_viewport()


def test_what_a_follow_up_carried_is_said_and_undone_in_its_place(page: Page) -> None:
    ask(page, "What is LoRA?")
    ask(page, "Why does it need so little memory?")
    answer = page.locator(".nq-answer").nth(1)
    expect(answer).to_contain_text("Searched with: LoRA")
    ask(page, REFUSED)
    button = page.get_by_role("button", name="Undo: ask it alone")
    expect(button).to_have_count(1)
    button.focus()
    page.keyboard.press("Enter")
    expect(answer).not_to_contain_text("Searched")
    expect(page.locator(".nq-answer")).to_have_count(3)
    expect(page.locator("#nq-chat .user").nth(1)).to_contain_text("so little memory?")


def test_a_new_conversation_forgets_the_one_before(page: Page) -> None:
    ask(page, ANSWERED)
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".nq-answer")).to_have_count(0)
    expect(page.get_by_label("Question")).to_be_focused()
    ask(page, REFUSED)
    expect(page.locator(".nq-answer")).to_have_count(1)


def test_an_empty_question_gets_a_plain_sentence(page: Page) -> None:
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator(".nq-error")).to_have_text(
        "The question is empty: type what you want to know."
    )


def test_a_visit_requests_nothing_from_elsewhere(chromium: Browser, address: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(address)
    ask(page, ANSWERED)
    source_marks(page)
    context.close()
    assert len(requested) > 5
    assert [url for url in requested if not url.startswith((address, "data:", "blob:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(
    chromium: Browser, address: str, scheme: str
) -> None:
    context = chromium.new_context(
        viewport={"width": 360, "height": 740}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(address)
    ask(page, ANSWERED)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator(".nq-quote a").first.click()
    assert source_marks(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Back to the answer").click()
    expect(page.locator(".nq-quote a").first).to_be_focused()
    expect(page.locator("iframe[name=nq-source]")).not_to_be_visible()
    context.close()


def test_a_phone_shows_suggestions_whole(chromium: Browser, address: str, never_sure: None) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(address)
    ask(page, NEAR)
    for button in page.locator(".nq-suggestion").all():
        box = button.bounding_box()
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()
