from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx
import pytest
from conftest import WordLengths, owls_in, quick, served
from fastapi.testclient import TestClient
from making_office import pptx, shape, slide
from making_pdf import pdf
from playwright.sync_api import Browser, expect

from rag import Answer, Citation, DocumentError, Library, QuestionLog, Settings, Span
from rag.documents import Loaders
from rag.types import AnswerSentence
from ui import reading
from ui.api import build_api
from ui.auth import Role, Users
from ui.render import beside
from ui.services import Services

HERE = "http://127.0.0.1:7860"

SAID = "Owls hunt at night."

NOTES = {
    "course/owls.md": f"# Owls\n\nBefore. {SAID} After.\n".encode(),
    "course/week 1/deck.pptx": pptx(
        [slide(shape("Mice", "title")), slide(shape("Birds", "title") + shape(SAID))]
    ),
    "book.ipynb": json.dumps(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {},
            "cells": [
                {"cell_type": "markdown", "metadata": {}, "source": "# Cells"},
                {"cell_type": "markdown", "metadata": {}, "source": f"Before. {SAID}"},
            ],
        }
    ).encode(),
    "talk.vtt": (
        f"WEBVTT\n\n00:01.000 --> 00:04.000\nHello.\n\n00:04.000 --> 00:09.000\n{SAID}\n"
    ).encode(),
    "paper.pdf": pdf(["The first page.", f"Before. {SAID} After.", "The last page."]),
}


@pytest.fixture
def library(tmp_path: Path, embedder: WordLengths) -> Library:
    for name, data in NOTES.items():
        file = tmp_path / "notes" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    made = Library(
        Settings(library=str(tmp_path / "lib"), corpus=str(tmp_path / "notes")), embedder
    )
    made.index()
    return made


@pytest.fixture
def client(library: Library) -> TestClient:
    return TestClient(build_api(Services.of(library)), base_url=HERE, follow_redirects=False)


def address_of(library: Library, document: str, said: str = SAID) -> str:
    start = library.source(document).index(said)
    asked = {"start": start, "end": start + len(said), "words": said[:60]}
    return f"/source/{quote(document)}?{urlencode(asked)}"


def marked(page: str) -> str:
    return html.unescape("\n".join(re.findall(r'<mark id="marked[^>]*>(.*?)</mark>', page)))


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("course/owls.md", 'class="lines"'),
        ("course/week 1/deck.pptx", ">Slide 2</h2>"),
        ("book.ipynb", ">Cell 2</h2>"),
        ("talk.vtt", '<span class="place">00:00:04–00:00:09</span>'),
        ("paper.pdf", ">Page 2 <a "),
    ],
)
def test_the_marked_words_are_the_quote_in_every_kind_of_note(
    client: TestClient, library: Library, document: str, place: str
) -> None:
    response = client.get(address_of(library, document))
    assert response.status_code == 200
    assert marked(response.text) == SAID
    assert place in response.text


def test_a_pdf_shows_the_cited_page_and_its_picture(client: TestClient, library: Library) -> None:
    page = client.get(address_of(library, "paper.pdf")).text
    assert re.findall(r'<img src="(.*?)"', page) == ["/page/paper.pdf?n=2"]
    assert 'class="area" id="marked"' in page
    picture = client.get("/page/paper.pdf?n=2")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert picture.content.startswith(b"\x89PNG")
    turned = client.get(address_of(library, "paper.pdf") + "&page=1").text
    assert re.findall(r'<img src="(.*?)"', turned) == ["/page/paper.pdf?n=1"]
    assert 'class="area"' not in turned and marked(turned) == SAID
    assert '<img src="/page/paper.pdf?n=1"' in client.get("/source/paper.pdf").text


def test_a_search_in_a_pdf_shows_the_page_of_the_first_hit(client: TestClient) -> None:
    page = client.get("/source/paper.pdf?q=the+LAST").text
    assert re.findall(r'<img src="(.*?)"', page) == ["/page/paper.pdf?n=3"]
    assert page.count('class="area"') == 1
    assert '<a href="#hit-1">Read the marked words as text</a>' in page and 'id="hit-1"' in page
    turned = client.get("/source/paper.pdf?q=page&page=3").text
    assert re.findall(r'<img src="(.*?)"', turned) == ["/page/paper.pdf?n=3"]
    assert turned.count('class="area"') == 1 and "q=page" in turned.split("← Page 2")[0]


def test_words_of_two_pages_are_marked_on_both(client: TestClient, library: Library) -> None:
    text = library.source("paper.pdf")
    said = text[text.index(SAID) :]
    page = client.get(address_of(library, "paper.pdf", said)).text
    assert re.findall(r'<img src="(.*?)"', page) == [f"/page/paper.pdf?n={n}" for n in (2, 3)]
    assert page.count('class="area"') == 2


def test_words_that_have_moved_are_marked_on_the_picture_too(
    client: TestClient, library: Library
) -> None:
    page = client.get(f"/source/paper.pdf?start=1&end={1 + len(SAID)}&words={quote(SAID)}").text
    assert re.findall(r'<img src="(.*?)"', page) == ["/page/paper.pdf?n=2"]
    assert marked(page) == SAID and 'class="area" id="marked"' in page


def test_a_file_that_changed_is_shown_as_text_and_that_is_said(
    client: TestClient, library: Library
) -> None:
    (Path(library.settings.corpus) / "paper.pdf").write_bytes(pdf(["Another one."]))
    page = client.get(address_of(library, "paper.pdf")).text
    assert "No picture of page 2: its file has changed since it was indexed." in page
    assert marked(page) == SAID and "<img" not in page
    assert client.get("/page/paper.pdf?n=2").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("paper.pdf?n=0", 404), ("paper.pdf?n=4", 404), ("paper.pdf?n=-1", 422)),
        *(("paper.pdf", 422), ("paper.pdf?n=x", 422), (f"paper.pdf?n={10**30}", 422)),
        *(("course/owls.md?n=1", 404), ("none.pdf?n=1", 404), ("?n=1", 404)),
        *(("/etc/passwd?n=1", 404), ("../lib/library.sqlite3?n=1", 404)),
    ],
)
def test_there_is_no_other_picture(client: TestClient, path: str, status: int) -> None:
    response = client.get(f"/page/{path}")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"


def test_a_browser_keeps_a_picture_and_asks_whether_it_holds(client: TestClient) -> None:
    first = client.get("/page/paper.pdf?n=2")
    assert first.headers["cache-control"] == "private, no-cache"
    known = {"if-none-match": first.headers["etag"]}
    again = client.get("/page/paper.pdf?n=2", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "private, no-cache"
    assert client.get("/page/paper.pdf?n=3", headers=known).status_code == 200


def test_signed_out_one_sees_no_picture_that_was_kept(library: Library) -> None:
    quick(Users.beside(library.folder)).add("mia", Role.STUDENT, "correct horse battery")
    client = TestClient(build_api(Services.of(library)), base_url=HERE, follow_redirects=False)
    refused = client.get("/page/paper.pdf?n=2", headers={"if-none-match": "*"})
    assert refused.status_code == 401


def test_notes_are_listed_by_folder_and_filtered_by_path_and_title(client: TestClient) -> None:
    page = client.get("/notes").text
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", page) == [
        "Not in a folder",
        "course",
        "course/week 1",
    ]
    assert '<a href="/source/course/week%201/deck.pptx">Mice</a>' in page
    assert "5 notes." in page
    for query, expected in [("WEEK", 1), ("owls", 1), ("cells", 1)]:
        assert f">{expected} of 5 notes" in client.get("/notes", params={"q": query}).text
    nothing = client.get("/notes", params={"q": "course <birds>"}).text
    assert 'No title or file name holds course &lt;birds&gt;. <a href="/">' in nothing
    evil = client.get("/notes", params={"q": '"><script>'}).text
    assert "<script" not in evil and "No title or file name holds" in evil


def said_of(document: str, start: int, quoted: str) -> Answer:
    citation = Citation(1, document, "Owls", (), "line 1", Span(start, start + len(quoted)), quoted)
    sentence = AnswerSentence(quoted, 1)
    return Answer("When?", "When?", None, 0.9, (sentence,), (citation,), (), {})


def test_what_was_cited_is_counted_and_found_again(library: Library, client: TestClient) -> None:
    text = library.source("course/owls.md")
    log = QuestionLog.of(library.settings)
    for start in (text.index(SAID), text.index(SAID), 2):  # once before it moved
        log.record(said_of("course/owls.md", start, SAID), "api")
    log.record(said_of("course/owls.md", 0, "Words that are gone."), "api")
    log.close()
    assert 'owls.md</span> <span class="kind">MD</span> <span class="often">cited 4 times<' in (
        client.get("/notes").text
    )
    page = client.get("/source/course/owls.md?cited=1").text
    assert '<details class="cited" open>' in page
    (listed,) = re.findall(r"<li><a href=\"(.*?)\">(.*?)</a> <span class=\"times\">(.*?)<", page)
    assert listed[1:] == (SAID, "3 times")
    assert marked(client.get(html.unescape(listed[0].split("#")[0])).text) == SAID
    assert "Once, words that are no longer in it." in page
    quick(Users.beside(library.folder)).add("mia", Role.STUDENT, "correct horse battery")
    token = Users.beside(library.folder).new_token("mia")
    asking = {"authorization": f"Bearer {token}"}
    for path in ("/notes", "/source/course/owls.md?cited=1"):
        seen = client.get(path, headers=asking)
        assert seen.status_code == 200
        assert "cited 4" not in seen.text and "<details" not in seen.text


def test_a_log_that_cannot_be_read_keeps_no_note_from_being_read(
    library: Library, client: TestClient
) -> None:
    QuestionLog.of(library.settings).file.write_bytes(b"no log" * 1000)
    assert "5 notes." in client.get("/notes").text
    assert client.get("/source/course/owls.md").status_code == 200


def test_only_a_note_that_is_not_there_is_said_to_be_none(
    library: Library, client: TestClient
) -> None:
    assert client.get("/source/none.md").status_code == 404
    (Path(library.folder) / "library.sqlite3").write_bytes(b"no library" * 1000)
    fresh = TestClient(build_api(Services.of(Library(library.settings))), base_url=HERE)
    for path in ("/source/course/owls.md", "/source/paper.pdf", "/page/paper.pdf?n=1"):
        assert fresh.get(path).status_code == 503


def test_what_is_shown_beside_the_chat_has_no_forms(client: TestClient, library: Library) -> None:
    framed = {"sec-fetch-dest": "iframe", "sec-fetch-site": "same-origin"}
    address = address_of(library, "paper.pdf")
    for page in (client.get(address, headers=framed).text, client.get(beside(address)).text):
        assert "<form" not in page and 'class="ways"' not in page
        turned = html.unescape(re.findall('href="(.*?)" rel="', page)[0])
        assert 'class="ways"' not in client.get(turned).text
    alone = {"sec-fetch-dest": "document"}
    assert 'class="ways"' in client.get(beside(address), headers=alone).text
    assert 'class="ways"' in client.get(address).text
    assert 'href="/"' not in client.get(beside("/source/none.md")).text
    assert 'href="/"' in client.get("/source/none.md").text


def test_who_draws_keeps_nobody_waiting_and_one_too_many_is_told_so(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PATIENCE", 0.2)
    library.page_picture("paper.pdf", 3)
    drawing, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        drawing.set()
        go_on.wait(60)
        raise DocumentError("too slow", "takes too long")

    monkeypatch.setattr(Loaders, "draw", slow)
    with (
        served(build_api(Services.of(library))) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
        ThreadPoolExecutor(9) as pool,
    ):
        waiting = [pool.submit(client.get, "/page/paper.pdf?n=1") for _ in range(9)]
        try:
            assert drawing.wait(60)
            refused = [one.result() for one in islice(as_completed(waiting, 60), 4)]
            assert {one.status_code for one in refused} == {503}
            assert refused[0].headers["retry-after"]
            # What was drawn, text, and questions wait for none of it.
            assert client.get("/page/paper.pdf?n=3").status_code == 200
            page = client.get(address_of(library, "paper.pdf")).text
            assert marked(page) == SAID and "still being drawn" in page
            assert '<img src="/page/paper.pdf?n=2"' in page and 'id="marked"' in page
            assert client.get("/source/course/owls.md").status_code == 200
            assert client.post("/api/v1/ask", json={"question": "When?"}).status_code == 200
        finally:
            go_on.set()
        assert [one.result().status_code for one in waiting].count(404) == 5
        assert "takes too long" in client.get("/source/paper.pdf?page=2").text
        assert client.get("/page/paper.pdf?n=3").status_code == 200


@pytest.fixture
def address(library: Library) -> Iterator[str]:
    with served(build_api(Services.of(library))) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.browser
@pytest.mark.parametrize("document", NOTES)
def test_the_marked_words_are_on_the_screen(
    chromium: Browser, address: str, library: Library, document: str
) -> None:
    page = chromium.new_page(viewport={"width": 360, "height": 700})
    page.goto(address + address_of(library, document) + "#marked")
    expect(page.locator("#marked")).to_be_in_viewport()
    assert page.locator("mark").inner_text() == SAID
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    if document.endswith(".pdf"):
        image, area = page.locator("img").bounding_box(), page.locator(".area").bounding_box()
        assert image and area and area["width"] > 0
        assert image["x"] < area["x"] < area["x"] + area["width"] < image["x"] + image["width"]
    page.close()


@pytest.mark.browser
def test_one_goes_from_hit_to_hit_by_keyboard(
    chromium: Browser, address: str, library: Library
) -> None:
    (Path(library.settings.corpus) / "long.md").write_text("An owl.\n\n" * 3000, encoding="utf-8")
    library.index()
    page = chromium.new_page()
    page.goto(f"{address}/source/long.md")
    page.get_by_label("Find in this note").fill("OWL")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("3,000 places, the first 1,000 marked")
    page.get_by_role("link", name="Last").click()
    expect(page.locator("#hit-1000")).to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(page.locator(".steps a:visible").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#hit-999")).to_be_in_viewport()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator(".steps a:visible").last).to_be_focused()
    page.close()


def test_what_is_not_in_the_library_is_told_why_in_the_frame(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    (tmp_path / "notes/blank.md").write_text(" ", encoding="utf-8")
    library.index()
    client = TestClient(build_api(Services.of(library)), base_url=HERE)
    skipped = client.get("/source/blank.md")
    assert skipped.status_code == 404
    assert "blank.md was skipped (empty): " in skipped.text
    for path, said in (("/source/no.md", "There is no note no.md"), ("/no", "nothing of that")):
        page = client.get(path, headers={"accept": "text/html"}).text
        assert said in page and 'aria-label="Pages"' in page
        beside = client.get(f"{path}?beside=1", headers={"accept": "text/html"}).text
        assert said in beside and 'aria-label="Pages"' not in beside
