"""What the chat does in the browser: previews, copies, exports, history, folders, verdicts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import WordLengths, constant_fit, quick, served
from making_pdf import pdf
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from rag import Answer, Library, QuestionLog, Settings, Verdict
from rag.documents import load
from ui.app import build_app
from ui.auth import Role, Users
from ui.services import Services

pytestmark = pytest.mark.browser

ASKED = "When do owls hunt?"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("birds")
    for name, text in {
        "birds/owls.md": "# Owls\n\nOwls hunt at night, by their ears <b>only</b>.\n",
        "frogs/frogs.md": "# Frogs\n\nFrogs sing at night.\n",
    }.items():
        file = folder / "notes" / name
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
    made = Settings(library=str(folder / "lib"), corpus=str(folder / "notes"))
    library = Library(made, WordLengths(), constant_fit(0.1))
    library.index()
    return library


@pytest.fixture(scope="module")
def log(library: Library) -> QuestionLog:
    return QuestionLog.of(library.settings)


@pytest.fixture(scope="module")
def address(library: Library, log: QuestionLog) -> Iterator[str]:
    with served(build_app(Services.of(library, log))) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, address: str) -> Page:
    return opened(context.new_page(), address)


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.get_by_role("button", name="History")).to_be_visible(timeout=20_000)
    expect(page.locator("#nq-welcome .nq-first, .nq-exchange").first).to_be_attached()
    return page


def ask(page: Page, question: str = ASKED) -> None:
    before = page.locator(".nq-exchange").count()
    page.get_by_label("Question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".nq-exchange")).to_have_count(before + 1, timeout=20_000)
    expect(page.locator("#nq-searching")).to_be_hidden()


def exports(page: Page, folder: Path) -> dict[str, str]:
    files = {}
    for kind in ("Markdown", "JSON"):
        with page.expect_download() as download:
            page.get_by_text("Export", exact=True).click()
            page.get_by_role("button", name=f"Export {kind}").click()
        expect(page.get_by_role("button", name=f"Export {kind}")).to_be_hidden()
        download.value.save_as(folder / kind)
        files[download.value.suggested_filename] = (folder / kind).read_text("utf-8")
    return files


def talks(page: Page) -> list[dict[str, object]]:
    found: list[dict[str, object]] = page.evaluate(
        "JSON.parse(Object.entries(localStorage).find(([key]) => key.startsWith("
        "'notesqa:conversations:'))?.[1] ?? '[]')"
    )
    return found


def test_a_citation_shows_its_quote_to_the_pointer_and_the_keyboard(page: Page) -> None:
    ask(page)
    number, shown = page.locator(".nq-quote a").first, page.locator("#nq-peek")
    expect(shown).to_be_hidden()
    number.hover()
    expect(shown.locator(".nq-said")).to_have_text("Owls hunt at night, by their ears <b>only</b>.")
    expect(shown.locator(".nq-place")).to_have_text("birds/owls.md › Owls, line 3")
    shown.hover()
    page.wait_for_timeout(400)
    expect(shown).to_be_visible()
    page.keyboard.press("Escape")
    expect(shown).to_be_hidden()
    page.mouse.move(5, 5)
    page.get_by_role("button", name="Copy as Markdown").focus()
    for _ in range(10):
        page.keyboard.press("Shift+Tab")
        if number.evaluate("link => link === document.activeElement"):
            break
    expect(shown).to_be_visible()
    expect(number).to_have_attribute("aria-describedby", "nq-peek")
    over, under = shown.bounding_box(), number.bounding_box()
    assert over is not None and under is not None
    assert over["y"] >= under["y"] + under["height"] or over["y"] + over["height"] <= under["y"]
    page.keyboard.press("Enter")
    expect(page.locator("#nq-beside")).to_be_focused()
    expect(page.frame_locator("iframe[name=nq-source]").locator("#marked")).to_be_visible()
    page.keyboard.press("Escape")
    expect(number).to_be_focused()


def test_a_confidence_says_what_it_means_to_the_keyboard(page: Page) -> None:
    ask(page)
    page.get_by_role("button", name="Copy as Markdown").focus()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Confidence 0.50")).to_be_focused()
    expect(page.locator("#nq-peek")).to_contain_text("Confidence 0.50: ")


def test_an_answer_is_copied_and_a_conversation_exported(
    page: Page, context: BrowserContext, tmp_path: Path
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page)
    ask(page, "Who sings?")
    page.get_by_role("button", name="Copy as Markdown").first.click()
    expect(page.locator("#nq-live")).to_have_text("Copied as Markdown.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"## {ASKED}\n\n> **Owls hunt at night, by their ears \\<b>only")
    files = exports(page, tmp_path)
    assert set(files) == {"notesqa-conversation.md", "notesqa-conversation.json"}
    assert copied in files["notesqa-conversation.md"]
    assert files["notesqa-conversation.md"].startswith("# Questions to the notes, 20")
    assert "## Who sings?" in files["notesqa-conversation.md"]
    records = json.loads(files["notesqa-conversation.json"])
    assert [Answer.from_dict(record).question for record in records] == [ASKED, "Who sings?"]


@pytest.mark.parametrize(("width", "height"), [(320, 500), (360, 640), (1280, 500)])
def test_the_newest_question_is_at_the_top_and_the_next_in_view(
    page: Page, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    for question in (ASKED, "Who sings?", ASKED):
        ask(page, question)
        page.wait_for_timeout(300)
        log, asked, box = (
            place.bounding_box()
            for place in (
                page.locator("#nq-chat [role=log]"),
                page.locator("#nq-chat .user-row").last,
                page.get_by_label("Question"),
            )
        )
        assert log is not None and asked is not None and box is not None
        fits = page.locator("#nq-chat [role=log]").evaluate(
            "log => log.scrollHeight <= log.clientHeight"
        )
        assert fits or asked["y"] == pytest.approx(log["y"], abs=1)
        assert box["y"] + box["height"] <= height


def test_export_is_a_menu_that_escape_and_the_pointer_elsewhere_close(page: Page) -> None:
    ask(page)
    export, kinds = page.get_by_text("Export", exact=True), page.locator(".nq-export")
    export.focus()
    page.keyboard.press("Enter")
    expect(kinds.first).to_be_visible()
    page.keyboard.press("Tab")
    expect(kinds.first).to_be_focused()
    page.keyboard.press("Escape")
    expect(kinds.first).to_be_hidden()
    expect(export).to_be_focused()
    export.click()
    expect(kinds.first).to_be_visible()
    page.mouse.click(5, 5)
    expect(kinds.first).to_be_hidden()


def test_only_the_folder_that_is_chosen_is_asked(page: Page) -> None:
    page.get_by_label("Search in").select_option("frogs")
    ask(page, "Who hunts at night?")
    expect(page.locator("#nq-chat .user")).to_contain_text("In frogs")
    places = page.locator(".nq-places a").all_inner_texts()
    assert places and all(place.startswith("frogs/") for place in places)


def test_a_verdict_and_its_reason_are_kept_with_the_question(page: Page, log: QuestionLog) -> None:
    ask(page)
    helpful, not_helpful = (
        page.get_by_role("button", name=name, exact=True) for name in ("Helpful", "Not helpful")
    )
    not_helpful.click()
    expect(not_helpful).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Why?").fill("It says nothing of <mice>.")
    page.keyboard.press("Enter")
    expect(page.locator(".nq-reason")).to_be_hidden()
    (kept,) = log.newest(1)
    assert (kept.question, kept.verdict) == (ASKED, Verdict.DOWN)
    assert kept.reason == "It says nothing of <mice>."
    ask(page, "Who sings?")
    expect(not_helpful.first).to_have_attribute("aria-pressed", "true")
    helpful.first.click()
    expect(not_helpful.first).to_have_attribute("aria-pressed", "false")
    helpful.first.click()
    expect(helpful.first).to_have_attribute("aria-pressed", "false")
    assert log.newest(2)[1].verdict is None


def test_a_reason_can_be_given_after_the_page_was_loaded_again(
    page: Page, log: QuestionLog
) -> None:
    ask(page)
    page.get_by_role("button", name="Helpful", exact=True).click()
    expect(page.get_by_label("Why?")).to_be_visible()
    for shown in (True, False):
        page.reload()
        expect(page.locator(".nq-judge[aria-pressed=true]")).to_have_count(1, timeout=20_000)
        if shown:
            page.get_by_label("Why?").fill("It names the time.")
            page.keyboard.press("Enter")
        expect(page.locator(".nq-reason")).to_be_hidden()
    assert log.newest(1)[0].reason == "It names the time."


def test_a_question_over_the_limit_stays_to_be_mended_and_is_exported(
    page: Page, tmp_path: Path
) -> None:
    long = f"{ASKED} " + "x" * 2_000
    page.get_by_label("Question").fill(long)
    expect(page.locator("#nq-count")).to_contain_text("2,019 of 2,000 characters: shorten")
    ask(page, long)
    expect(page.get_by_label("Question")).to_have_value(long)
    expect(page.locator(".nq-error")).to_contain_text("the limit is 2000")
    ask(page)
    expect(page.locator("#nq-count")).to_be_hidden()
    expect(page.get_by_label("Question")).to_have_value("")
    with page.expect_download() as download:
        page.get_by_text("Export", exact=True).click()
        page.get_by_role("button", name="Export JSON").click()
    download.value.save_as(tmp_path / "all.json")
    failed, answered = json.loads((tmp_path / "all.json").read_text("utf-8"))
    assert failed["question"].startswith(ASKED) and "the limit is 2000" in failed["error"]
    assert Answer.from_dict(answered).question == ASKED


def test_on_paper_a_conversation_is_whole_and_nothing_is_to_be_pressed(page: Page) -> None:
    for question in [ASKED, "Who sings?"] * 4:
        ask(page, question)
    printed = load("page.pdf", page.pdf()).text
    for said in (ASKED, "Owls hunt at night", "Who sings?", "Frogs sing at night"):
        assert printed.count(said) == 4
    for name in ("Helpful", "Copy as", "Search in", "Open in a new tab", "New conversation"):
        assert name not in printed


def test_what_a_folder_does_not_answer_can_be_asked_in_all_notes(
    context: BrowserContext, library: Library
) -> None:
    strict = Library(library.settings, WordLengths(), constant_fit(0.9))
    with served(build_app(Services.of(strict))) as port:
        page = opened(context.new_page(), f"http://127.0.0.1:{port}/")
        page.get_by_label("Search in").select_option("frogs")
        ask(page, "Who was Ada?")
        expect(page.locator(".nq-refusal")).to_have_text("Nothing in frogs seems to answer this.")
        page.get_by_role("button", name="Ask in all notes").click()
        expect(page.locator(".nq-refusal")).to_have_text(
            "The notes do not seem to answer this.", timeout=20_000
        )
        expect(page.locator(".nq-exchange")).to_have_count(1)
        expect(page.locator("#nq-chat .user")).not_to_contain_text("In frogs")


def test_a_page_opened_before_there_were_notes_gets_their_folders(
    context: BrowserContext, tmp_path: Path
) -> None:
    file = tmp_path / "notes/birds/owls.md"
    file.parent.mkdir(parents=True)
    file.write_text("# Owls\n\nOwls hunt at night.\n", encoding="utf-8")
    made = Settings(library=str(tmp_path / "lib"), corpus=str(tmp_path / "notes"))
    late = Library(made, WordLengths(), constant_fit(0.1))
    with served(build_app(Services.of(late))) as port:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        expect(page.get_by_text("Nothing can be asked yet")).to_be_visible(timeout=20_000)
        expect(page.get_by_label("Search in")).to_have_count(0)
        late.index()
        expect(page.get_by_label("Search in")).to_contain_text("birds", timeout=20_000)


def test_the_picture_of_a_page_opens_large_in_its_own_tab(
    context: BrowserContext, tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/owls.pdf").write_bytes(pdf(["Frogs sing.", "Owls hunt at night."]))
    made = Settings(library=str(tmp_path / "lib"), corpus=str(tmp_path / "notes"))
    drawn = Library(made, WordLengths(), constant_fit(0.1))
    drawn.index()
    with served(build_app(Services.of(drawn))) as port:
        page = opened(context.new_page(), f"http://127.0.0.1:{port}/")
        ask(page)
        beside = page.frame_locator("iframe[name=nq-source]")
        for link in (beside.locator(".sheet a"), beside.get_by_role("link", name="Enlarge")):
            with context.expect_page() as large:
                link.click()
            assert "/page/owls.pdf?n=" in large.value.url
            large.value.close()


def test_a_screen_reader_meets_questions_and_answers_as_headings(page: Page) -> None:
    expect(page.locator("#nq-beside iframe")).to_have_attribute("tabindex", "-1")
    ask(page)
    expect(page.get_by_role("log", name="Conversation", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", level=2)).to_have_text(f"You asked: {ASKED}")
    expect(page.get_by_role("heading", level=3)).to_have_text("Answer")
    assert page.locator("#nq-beside iframe").get_attribute("tabindex") is None


def test_what_is_found_in_a_note_is_gone_to_at_once(page: Page, address: str) -> None:
    page.goto(f"{address}source/birds/owls.md")
    page.get_by_label("Find in this note").fill("OWLS")
    page.keyboard.press("Enter")
    expect(page.locator("#hit-1 + .steps")).to_have_text("1 of 2 · next")
    page.get_by_role("link", name="next").click()
    expect(page.locator("#hit-2 + .steps")).to_be_visible()
    expect(page.locator("#hit-1 + .steps")).to_be_hidden()


def test_a_conversation_outlives_the_page_and_is_gone_when_it_is_deleted(page: Page) -> None:
    ask(page)
    ask(page, "Who sings?")
    page.reload()
    expect(page.locator(".nq-exchange")).to_have_count(2, timeout=20_000)
    ask(page, "And why?")
    expect(page.locator(".nq-answer").last).to_contain_text("Searched with: sings")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".nq-exchange")).to_have_count(0)
    ask(page, "Do frogs hunt?")
    page.get_by_role("button", name="History").click()
    expect(page.locator("#nq-history .nq-talk")).to_have_text(["Do frogs hunt?", ASKED])
    page.get_by_role("button", name=ASKED, exact=True).click()
    expect(page.locator(".nq-exchange")).to_have_count(3)
    page.get_by_role("button", name="History").click()
    page.get_by_role("button", name="Delete: Do frogs hunt?").click()
    expect(page.locator("#nq-history .nq-talk")).to_have_text([ASKED])
    page.get_by_role("button", name="Delete all").click()
    expect(page.get_by_role("button", name="Really delete all")).to_be_focused()
    page.get_by_role("button", name="Close").focus()
    page.get_by_role("button", name="Delete all", exact=True).click()
    expect(page.locator("#nq-history .nq-talk")).to_have_text([ASKED])
    page.get_by_role("button", name="Really delete all").click()
    expect(page.locator(".nq-exchange")).to_have_count(0)
    expect(page.locator("#nq-welcome")).to_be_visible()
    page.keyboard.press("Escape")
    assert talks(page) == []
    opened(page, page.url)
    page.wait_for_timeout(500)
    expect(page.locator(".nq-exchange")).to_have_count(0)


def test_a_conversation_that_was_given_back_is_as_it_was(
    page: Page, context: BrowserContext, tmp_path: Path
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page)
    ask(page, "Do zebras gallop?")
    ask(page, "Who sings?")
    ask(page, "And why?")
    before, shown = exports(page, tmp_path), page.locator("#nq-chat").inner_text()
    beside = page.locator("iframe[name=nq-source]")
    address = beside.get_attribute("src")
    first, *_, last = json.loads(before["notesqa-conversation.json"])
    assert first["passages"] and last["passages"] and last["carried"]
    # What is no exchange is left out, and the others keep what is theirs.
    page.evaluate(
        """() => {
            const key = Object.keys(localStorage).find((one) => one.startsWith("notesqa:"));
            const [talk] = JSON.parse(localStorage.getItem(key));
            talk.exchanges.unshift({ question: "changed" });
            localStorage.setItem(key, JSON.stringify([talk]));
        }"""
    )
    for _ in range(2):
        page.reload()
        expect(page.locator(".nq-exchange")).to_have_count(4, timeout=20_000)
        expect(page.locator("#nq-searching")).to_be_hidden()
        assert exports(page, tmp_path) == before
        assert page.locator("#nq-chat").inner_text() == shown
        assert beside.get_attribute("src") == address
    page.get_by_role("button", name="Copy as Markdown").first.click()
    expect(page.locator("#nq-live")).to_have_text("Copied as Markdown.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied in before["notesqa-conversation.md"] and copied.startswith(f"## {ASKED}")
    page.locator(".nq-quote a").first.click()
    expect(beside.content_frame.locator("#marked")).to_contain_text("Owls hunt at night")
    page.get_by_role("button", name="Undo: ask it alone").click()
    expect(page.locator(".nq-searched")).to_have_count(0)
    ask(page, "And when?")
    expect(page.locator(".nq-exchange")).to_have_count(5)
    assert len(json.loads(exports(page, tmp_path)["notesqa-conversation.json"])) == 5


def test_a_kept_conversation_that_somebody_changed_is_text(page: Page) -> None:
    ask(page)
    page.evaluate(
        """said => {
            const key = Object.keys(localStorage).find((one) => one.startsWith("notesqa:"));
            const [talk] = JSON.parse(localStorage.getItem(key));
            const [one] = talk.exchanges;
            one.question = said;
            const { record } = one;
            Object.assign(record.citations[0], { quote: said, start: 0, end: said.length });
            record.sentences = [{ text: said, citation: 1, decides: true }];
            talk.exchanges = [one, { ...one, record: { html: said } }, said];
            localStorage.setItem(key, JSON.stringify([talk, said]));
        }""",
        '<img src=x onerror="window.harmed = 1"><script>window.harmed = 1</script>',
    )
    page.reload()
    expect(page.locator(".nq-exchange")).to_have_count(1, timeout=20_000)
    expect(page.locator(".nq-answer mark")).to_contain_text("<img src=x onerror")
    expect(page.locator("#nq-chat .user")).to_contain_text("<script>")
    page.get_by_role("button", name="History").click()
    expect(page.locator("#nq-history .nq-talk")).to_contain_text("<img src=x")
    assert page.evaluate("window.harmed") is None
    assert page.locator("#nq-chat img, #nq-history img").count() == 0


def test_all_else_works_where_the_browser_keeps_nothing(
    context: BrowserContext, address: str
) -> None:
    page = context.new_page()
    page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty("
        "window, name, { get() { throw new DOMException('', 'SecurityError'); } });"
    )
    opened(page, address)
    ask(page)
    page.get_by_role("button", name="History").click()
    expect(page.locator("#nq-history")).to_contain_text("No conversation is kept")


def test_what_notes_there_are_can_be_asked_with_a_click(
    context: BrowserContext, tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/newts.md").write_text(
        "# Newts\n\nNewts are animals that live in ponds and on land, as the seasons go.\n",
        encoding="utf-8",
    )
    made = Settings(library=str(tmp_path / "lib"), corpus=str(tmp_path / "notes"))
    library = Library(made, WordLengths(), constant_fit(0.1))
    library.index()
    with served(build_app(Services.of(library))) as port:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.get_by_role("button", name="What are newts?").click()
        expect(page.locator(".nq-exchange")).to_have_count(1, timeout=20_000)
        expect(page.locator("#nq-chat .user")).to_contain_text("What are Newts?")
        expect(page.locator("#nq-welcome")).to_be_hidden()


def test_a_question_on_its_way_is_seen_and_a_server_that_is_gone_is_said(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/queue/join*", hold)
    page.get_by_label("Question").fill(ASKED)
    page.keyboard.press("Enter")
    expect(page.locator("#nq-searching")).to_be_visible()
    expect(page.locator("#nq-chat")).to_have_attribute("aria-busy", "true")
    with page.expect_event("load"):  # Gradio's, once it finds that the server is back
        held[0].abort()
        expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        expect(page.locator("#nq-searching")).to_be_hidden()
    expect(page.get_by_label("Question")).to_have_value(ASKED)
    expect(page.locator("#nq-problem")).to_be_hidden()
    page.unroute("**/queue/join*")
    ask(page)


def test_the_first_keys_lead_past_everything(page: Page) -> None:
    ask(page)
    page.locator("body").evaluate("body => { body.tabIndex = -1; body.focus(); }")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the question")).to_be_focused()
    led = page.locator(".nq-skips a").evaluate_all(
        "links => links.map((link) => document.querySelector(link.getAttribute('href'))?.id)"
    )
    assert led == ["nq-question", "nq-chat", "nq-beside"]
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".nq-exchange").last).to_be_focused()


def test_who_signs_out_leaves_nothing_and_is_told_how_to_come_back(
    context: BrowserContext, tmp_path: Path, library: Library
) -> None:
    made = Settings(library=str(tmp_path / "lib"), corpus=library.settings.corpus)
    guarded = Library(made, WordLengths(), constant_fit(0.1))
    guarded.index()
    users = quick(Users.beside(guarded.folder))
    for name in ("ada", "bob"):
        users.add(name, Role.STUDENT, PASSWORD)
    with served(build_app(Services.of(guarded))) as port:
        address = f"http://127.0.0.1:{port}/"
        page = context.new_page()

        def sign_in(name: str) -> None:
            page.goto(address)
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            opened(page, address)

        sign_in("ada")
        ask(page)
        assert [key for key in page.evaluate("Object.keys(localStorage)") if "ada" in key]
        context.clear_cookies()
        page.get_by_label("Question").fill(ASKED)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("You are signed out.")
        expect(page.get_by_role("link", name="Sign in again")).to_be_visible()
        sign_in("bob")
        expect(page.locator(".nq-exchange")).to_have_count(0)
        page.wait_for_function(
            "!Object.keys(localStorage).some((key) => key.includes('ada'))", timeout=10_000
        )
        ask(page)
        page.goto(f"{address}sign-in")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Password")).to_be_visible()
        assert page.evaluate("localStorage.length") == 0
