"""Attacks on the page, in Chromium where a browser is what is attacked: nothing of them works."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from conftest import WordLengths, constant_fit, quick, served
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, Page, expect

from rag import Answer, Citation, Library, Settings, Span, Turn
from rag.types import AnswerSentence
from ui import guard
from ui.app import build_app
from ui.auth import Role, Users
from ui.pages import header
from ui.render import visible
from ui.services import Services

PASSWORD = "correct horse battery"

RUN = "window.__pwned = 1; alert(1)"

HOSTILE = [
    f"<script>{RUN}</script>",
    f"<img src=x onerror='{RUN}'>",
    f'"><img src=x onerror="{RUN}">',
    f"<svg onload='{RUN}'><animate onbegin='{RUN}'/></svg>",
    f"</textarea></title></style></iframe><script>{RUN}</script>",
    f"<details open ontoggle='{RUN}'>x</details>",
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f"<a href='javascript:{RUN}'>press me</a>",
    f"[press me](javascript:{RUN})",
    f"![x](x 'onerror={RUN}')",
    "![x](https://evil.example/leak.png)",
    "<img src=https://evil.example/leak.png><link rel=stylesheet href=//evil.example/a.css>",
    f"<a href='data:text/html,<script>{RUN}</script>'>press me</a>",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    f"${{(() => {{ {RUN} }})()}} `${{{RUN}}}`",
    f"<math><mtext></form><form><mglyph><style></math><img src onerror='{RUN}'>",
    f"$$\\href{{javascript:{RUN}}}{{x}}$$ <style>@import 'https://evil.example/a.css';</style>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'><base href='//evil.example/'>",
    f"<form action=//evil.example><button autofocus onfocus='{RUN}'>x</button></form>",
]

NAMES = [
    "<img src=x onerror=alert(1)>.md",
    '"><script>alert(1)<_script>.md',
    "javascript:alert(1).md",
    "{{constructor.constructor('alert(1)')()}}.md",
    "${alert(1)} `x`.md",
    "a\r\nSet-Cookie: stolen=1\r\n\r\n<script>alert(1).md",
    "' onfocus=alert(1) autofocus x='.md",
    "\u202egnp.\u2066md%00<b>.md",
]


def serve(app: FastAPI) -> Iterator[str]:
    with served(app) as port:
        yield f"http://127.0.0.1:{port}"


class Quoting(Library):
    """A library that answers a number with the last line of the note of that number, by name."""

    def ask(self, question: str, after: Turn | None = None, **more: Any) -> Answer:
        if not question.isdecimal():
            return super().ask(question, after, **more)
        document, title = sorted(self.titles().items())[int(question)]
        text = self.source(document)
        quoted = text.rstrip("\n").rpartition("\n")[2]
        span = Span(text.rindex(quoted), text.rindex(quoted) + len(quoted))
        cited = Citation(1, document, title, (title, quoted), "line 3", span, quoted)
        said = (AnswerSentence(quoted, 1, decides=True),)
        return Answer(question, quoted, None, 0.9, said, (cited,), (), {}, carried=True)


def library_of(folder: Path, notes: dict[str, str]) -> Library:
    (folder / "notes").mkdir()
    for name, text in notes.items():
        (folder / "notes" / name).write_text(text, encoding="utf-8", newline="")
    settings = Settings(library=str(folder / "lib"), corpus=str(folder / "notes"))
    library = Quoting(settings, WordLengths(), constant_fit(0.1))
    manifest = library.index()
    assert not manifest.skipped
    return library


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Library:
    notes = {f"note {i}.md": f"# Owls {text}\n\n{text}\n" for i, text in enumerate(HOSTILE)}
    notes |= {name: f"# {name}\n\nA note of that name.\n" for name in NAMES}
    return library_of(tmp_path_factory.mktemp("hostile"), notes)


@pytest.fixture(scope="module")
def address(hostile: Library) -> Iterator[str]:
    yield from serve(build_app(Services.of(hostile)))


@pytest.fixture
def seen() -> list[str]:
    """What happened in the browser that should not."""
    return []


@pytest.fixture
def page(chromium: Browser, address: str, seen: list[str]) -> Iterator[Page]:
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(20_000)
    watch(page, address, seen)
    page.goto(address)
    yield page
    context.close()


def watch(page: Page, address: str, seen: list[str]) -> None:
    def dialog(opened: object) -> None:
        seen.append("dialog")
        opened.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", dialog)
    page.on("popup", lambda _: seen.append("popup"))
    page.on("download", lambda _: seen.append("download"))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address + "/", "data:", "blob:"))
            else seen.append(f"request {request.url}")
        ),
    )


def ask(page: Page, question: str) -> None:
    before = page.locator("#nq-chat .user").count()
    page.get_by_role("textbox").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator("#nq-chat .user")).to_have_count(before + 1)
    expect(page.locator(".nq-answer, .nq-error")).to_have_count(before + 1)


def check_nothing_ran(page: Page, seen: list[str]) -> None:
    page.wait_for_timeout(200)
    for frame in page.frames:
        assert frame.evaluate("window.__pwned") is None
    assert seen == []


@pytest.mark.browser
def test_hostile_notes_and_names_are_text_in_the_conversation(
    page: Page, hostile: Library, seen: list[str]
) -> None:
    documents = sorted(hostile.titles())
    answers = page.locator(".nq-answer")
    for i, document in enumerate(documents):
        ask(page, str(i))
        expect(answers.last.locator("mark")).to_have_text(hostile.ask(str(i)).citations[0].quote)
        expect(answers.last.locator(".nq-places")).to_contain_text(visible(document).split("\n")[0])
    for element in ("script", "svg", "img", "iframe", "form", "style", "base", "meta", "object"):
        assert answers.locator(element).count() == 0, element
    links = page.eval_on_selector_all(
        ".nq-answer a", "links => links.map(link => link.getAttribute('href'))"
    )
    assert links and all(link.startswith("/source/") for link in links)
    check_nothing_ran(page, seen)


@pytest.mark.browser
@pytest.mark.parametrize("question", HOSTILE)
def test_a_hostile_question_is_text(page: Page, seen: list[str], question: str) -> None:
    ask(page, question)
    expect(page.locator("#nq-chat .user").first).to_contain_text(question.strip()[:20])
    assert page.locator("#nq-chat .user").locator("script, svg, img, iframe, form").count() == 0
    check_nothing_ran(page, seen)


@pytest.mark.browser
def test_hostile_notes_and_names_are_text_in_the_source(
    page: Page, address: str, hostile: Library, seen: list[str]
) -> None:
    for document in hostile.titles():
        response = page.goto(f"{address}/source/{quote(document, safe='')}?start=0&end=40")
        assert response is not None and response.status == 200
        assert "set-cookie" not in response.headers
        inside = page.locator(".note")
        assert inside.locator("script, svg, img, iframe, form, a, style, base, meta").count() == 0
        assert page.locator("script, svg, img, iframe, base, body style").count() == 0
        check_nothing_ran(page, seen)


@pytest.mark.browser
def test_what_is_watched_for_is_seen(
    chromium: Browser, address: str, seen: list[str], hostile: Library
) -> None:
    """Holds the tests above against a page that shows the same notes unescaped, unguarded."""
    app = FastAPI()

    @app.get("/")
    def bare() -> HTMLResponse:
        return HTMLResponse("".join(f"<div>{text}</div>" for text in HOSTILE[1:3] + HOSTILE[11:12]))

    servers = serve(app)
    bad = next(servers)
    page = chromium.new_page()
    watch(page, bad, seen)
    page.goto(bad)
    page.wait_for_timeout(300)
    assert page.evaluate("window.__pwned") == 1
    assert "dialog" in seen and any("evil.example" in what for what in seen)
    page.close()
    next(servers, None)


@pytest.mark.browser
def test_the_policy_alone_stops_what_would_be_shown_raw(
    chromium: Browser, address: str, seen: list[str]
) -> None:
    """The second line of defence: markup put into the page by script runs nothing either."""
    page = chromium.new_page()
    watch(page, address, seen)
    page.goto(address)
    page.get_by_role("textbox").wait_for()
    sources = HOSTILE[:4] + HOSTILE[5:6] + HOSTILE[18:]
    page.evaluate(
        "sources => { for (const text of sources) {"
        " const div = document.createElement('div'); div.innerHTML = text;"
        " document.body.append(div) } }",
        sources,
    )
    page.wait_for_timeout(300)
    assert page.evaluate("window.__pwned") is None
    assert "dialog" not in seen
    page.close()


@pytest.mark.browser
def test_a_page_of_another_site_gets_nothing(chromium: Browser, address: str) -> None:
    asked: list[str] = []
    app = FastAPI()
    target = re.sub("127.0.0.1", "localhost", address)

    @app.get("/")
    def evil() -> HTMLResponse:
        return HTMLResponse(f"<iframe id=frame src='{target}/source/'></iframe>")

    servers = serve(app)
    bad = next(servers)
    page = chromium.new_page()
    page.on("response", lambda response: asked.append(f"{response.status} {response.url}"))
    page.goto(bad)
    for call in (
        "fetch(url + '/healthz')",
        "fetch(url + '/api/v1/ask', {method: 'POST', body: '{\"question\": \"When?\"}'})",
        "fetch(url + '/api/v1/ask', {method: 'POST', mode: 'no-cors', body: '{}'})"
        ".then(r => { if (r.type == 'opaque') throw 0 })",
        "new Promise((ok, no) => { const s = document.createElement('script');"
        " s.src = url + '/theme.css'; s.onload = ok; s.onerror = no; document.head.append(s) })",
    ):
        got = page.evaluate(
            f"url => Promise.resolve({call}).then(() => 'got', () => 'refused')", target
        )
        assert got == "refused", call
    assert page.frames[1].url.startswith(("chrome-error:", target))
    assert [line for line in asked if target in line and not line.startswith("403")] == []
    page.close()
    next(servers, None)


@pytest.mark.browser
def test_the_page_gets_all_it_asks_for(
    chromium: Browser, hostile: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(header, "REFRESH_SECONDS", 0.5)
    servers = serve(build_app(Services.of(hostile)))
    page = chromium.new_page()
    answered: list[str] = []
    page.on("response", lambda response: answered.append(f"{response.status} {response.url}"))
    page.goto(next(servers))
    with page.expect_response("**/gradio_api/run/predict"):
        ask(page, "0")
    page.wait_for_timeout(300)
    assert [line for line in answered if not line.startswith("200 ")] == []
    page.close()
    next(servers, None)


# Signed in


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("school")
    library = library_of(folder, {"owls.md": "# Owls\n\nOwls hunt at night, by their ears.\n"})
    settings = replace(library.settings, asks_per_minute=2)
    users = quick(Users.beside(library.folder))
    users.add("ada", Role.INSTRUCTOR, PASSWORD)
    users.add("bob", Role.STUDENT, PASSWORD)
    yield from serve(build_app(Services.of(Library(settings, WordLengths(), constant_fit(0.1)))))


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.browser
def test_a_student_signs_in_asks_and_signs_out(
    chromium: Browser, school: str, seen: list[str]
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(20_000)
    watch(page, school, seen)
    page.goto(school)
    assert page.url == f"{school}/sign-in"
    sign_in(page, "<img src=x onerror=alert(1)>", "wrong password")
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    sign_in(page, "bob")
    page.get_by_role("textbox").wait_for()
    ask(page, "When do owls hunt?")
    ask(page, "When do owls hunt at night?")
    ask(page, "Why do owls hunt?")
    expect(page.locator(".nq-error")).to_contain_text("too many questions in a minute")
    response = page.goto(f"{school}/library")
    assert response is not None and response.status == 403
    page.goto(school)
    page.get_by_role("link", name="Account").click()
    expect(page.locator("main")).to_contain_text("signed in as bob (student)")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.goto(school)
    assert page.url == f"{school}/sign-in"
    check_nothing_ran(page, seen)
    context.close()


@pytest.mark.browser
def test_a_form_of_another_site_signs_nobody_in(chromium: Browser, school: str) -> None:
    app = FastAPI()

    @app.get("/")
    def evil() -> HTMLResponse:
        return HTMLResponse(
            f"<form method=post action='{school}/sign-in'><input name=name value=bob>"
            f"<input name=password value='{PASSWORD}'><button>Win</button></form>"
        )

    servers = serve(app)
    page = chromium.new_page()
    page.goto(next(servers))
    with page.expect_response(f"{school}/sign-in") as caught:
        page.get_by_role("button").click()
    assert caught.value.status == 403
    assert page.context.cookies() == []
    page.close()
    next(servers, None)


# Without a browser


@pytest.mark.parametrize(
    "path",
    [
        *("/source/../lib/library.sqlite3", "/source/%2e%2e/lib/library.sqlite3"),
        *("/source/..%2flib%2flibrary.sqlite3", "/source//etc/passwd", "/source/%2fetc%2fpasswd"),
        *("/page/../lib/library.sqlite3?n=1", "/page/%2fetc%2fpasswd?n=1", "/page/..%2fx?n=1"),
        *("/source/..%5clib", "/source/owls.md%00", "/source/file:///etc/passwd", "/source/lib"),
        *("/assets/..%2f..%2f..%2froutes.py", "/assets/%2e%2e/index.html", "/static/..%2fx"),
        *("/gradio_api/file=/etc/passwd", "/gradio_api/file%3d/etc/passwd", "//etc/passwd"),
        *("/%2e%2e/%2e%2e/etc/passwd", "/gradio_api/../config", "/GRADIO_API/file=/etc/passwd"),
    ],
)
def test_no_path_leads_to_a_file(address: str, path: str) -> None:
    host, _, port = address.removeprefix("http://").partition(":")
    with contextlib.closing(socket.create_connection((host, int(port)), timeout=5)) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"root:" not in answer and b"SQLite" not in answer


def test_a_link_out_of_the_notes_is_no_document(tmp_path: Path) -> None:
    library = library_of(tmp_path, {"owls.md": "# Owls\n\nOwls hunt at night.\n"})
    (tmp_path / "secret.md").write_text("# Secret\n\nA secret.\n", encoding="utf-8")
    (tmp_path / "notes/owls.md").unlink()
    (tmp_path / "notes/owls.md").symlink_to(tmp_path / "secret.md")
    (tmp_path / "notes/link.md").symlink_to("/etc/passwd")
    servers = serve(build_app(Services.of(library)))
    address = next(servers)
    assert "Owls hunt" in httpx.get(f"{address}/source/owls.md").text  # as it was indexed
    assert httpx.get(f"{address}/source/link.md").status_code == 404
    next(servers, None)


def test_nothing_sent_becomes_a_header(address: str, hostile: Library) -> None:
    injected = "x\r\nSet-Cookie: stolen=1\r\n\r\n<script>"
    named = next(name for name in hostile.titles() if "Set-Cookie" in name)
    for response in (
        httpx.get(f"{address}/source/{quote(injected, safe='')}"),
        httpx.get(f"{address}/source/{quote(named, safe='')}"),
        httpx.post(f"{address}/api/v1/ask", json={"question": injected}),
        httpx.get(f"{address}/", params={"page": injected, "deep_link": injected}),
        httpx.get(f"{address}/{quote(injected, safe='')}"),
    ):
        assert response.status_code in {200, 404}
        assert "set-cookie" not in response.headers
        assert "stolen" not in str(response.headers)


def test_a_rebound_name_gets_nothing(address: str) -> None:
    port = address.rpartition(":")[2]
    for host in (f"evil.example:{port}", f"127.0.0.1.nip.example:{port}", "evil.example"):
        for method, path in [("GET", "/"), ("POST", "/api/v1/ask"), ("GET", "/theme.css")]:
            response = httpx.request(method, address + path, headers={"host": host})
            assert response.status_code == 400
            assert "evil" not in response.text


def test_a_long_body_is_cut_off_however_it_is_sent(address: str) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * (guard.MAX_BODY_BYTES // 50)

    for path in ("/api/v1/ask", "/gradio_api/queue/join", "/sign-in"):
        whole = httpx.post(address + path, content=b"x" * (guard.MAX_BODY_BYTES + 1))
        assert whole.status_code == 413
        # The answer may come, and the connection be closed, before all is sent.
        with contextlib.suppress(httpx.WriteError):
            assert httpx.post(address + path, content=parts()).status_code == 413
    assert httpx.get(f"{address}/healthz").status_code == 200
