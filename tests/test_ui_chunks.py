from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from conftest import owls_in, served
from playwright.sync_api import Browser
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from ui.chunks import MOST_BYTES, Kept, preloads
from ui.services import Services


class Counted:
    """An application that answers with its path, and counts."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[bytes, bytes]]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append((scope["path"], dict(scope["headers"])))
        size = MOST_BYTES if scope["path"] == "/large" else 1
        status = 404 if scope["path"] == "/none" else 200
        await PlainTextResponse(scope["path"] * size, status)(scope, receive, send)


def ask(app: Kept, path: str, **headers: str) -> tuple[int, bytes]:
    heard: list[Message] = []

    async def send(message: Message) -> None:
        heard.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "headers": raw}
    asyncio.run(app(scope, receive, send))
    start, body = heard
    start["headers"].append((b"x", b"y"))  # as those do who dress it
    return start["status"], body["body"]


def test_what_is_the_same_for_everybody_is_made_once_for_each_coding() -> None:
    counted = Counted()
    app = Kept(counted)
    for coding in ("gzip, br", "br", "gzip", "gzip, deflate", "", "zstd"):
        assert ask(app, "/a", accept_encoding=coding, range="bytes=0-0") == (200, b"/a")
    assert [asked[1] for asked in counted.asked] == [
        {b"accept-encoding": coding} for coding in (b"br", b"gzip", b"identity")
    ]
    assert ask(app, "/b") == (200, b"/b")


def test_what_is_missing_or_too_large_is_not_kept() -> None:
    counted = Counted()
    app = Kept(counted)
    for path, status in (("/none", 404), ("/large", 200)):
        assert [ask(app, path)[0] for _ in range(2)] == [status] * 2
    assert len(counted.asked) == 4


@pytest.mark.browser
def test_the_page_names_all_that_it_loads(chromium: Browser, tmp_path: Path) -> None:
    from ui.app import build_app

    page = chromium.new_page()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    with served(build_app(Services.of(owls_in(tmp_path)))) as port:
        page.goto(f"http://127.0.0.1:{port}/")
        page.get_by_label("Question").wait_for(timeout=20_000)
        named = page.locator("link[href^='./assets/'], script[src^='./assets/']").evaluate_all(
            "found => found.map((one) => one.href || one.src)"
        )
        page.close()
    assets = {url for url in loaded if "/assets/" in url}
    assert len(assets) > 40
    assert assets <= set(named)


def test_only_what_the_components_need_is_named() -> None:
    few, more = (
        set(re.findall(r'assets/([\w.-]+)"', preloads(names)))
        for names in (["row"], ["row", "chatbot"])
    )
    assert few < more
    assert preloads(["nothing of that name"]) == preloads([])
