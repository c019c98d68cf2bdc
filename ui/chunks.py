"""Gradio's scripts and styles, sent sooner: those of a page's components come in, links go out.

A browser finds them in three rounds: the page names the first script, that one the next, and that
those of the components. Links in the page have all of them fetched at once. Gradio also reads and
compresses each anew for everybody; here they are kept as they were sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 4_000_000
"""What is kept in memory; the chat page's take 0.3 MB."""

_LISTED = re.compile(r"m\.f=\[([^\]]*)\]")
_NEEDS = re.compile(r"__vite__mapDeps\(\[([\d,]*)\]\)")
"""What Gradio's bundler writes: the files a script may need, and by number those of an import."""


def preloads(components: Iterable[str]) -> str:
    """Returns links to what Gradio's page loads with these components, as HTML.

    Where Gradio's files are not of the known form, there are none, and the page is only slower.
    """
    folder = files("gradio").joinpath("templates/frontend")
    assets = folder.joinpath("assets")
    entry = re.search(
        r"assets/(index-[\w-]+\.js)", folder.joinpath("index.html").read_text("utf-8")
    )
    if entry is None:
        return ""
    needed: dict[str, None] = {}

    def follow(name: str, begin: str, end: str) -> None:
        needed.update(dict.fromkeys(_needed(assets.joinpath(name).read_text("utf-8"), begin, end)))

    for first in ("import(`./Index-", "import(`./core-"):
        follow(entry[1], first, "])")
    for name in list(needed):
        if name.startswith("Index-") and name.endswith(".js"):
            follow(name, "import(`./Blocks-", "])")
        elif name.startswith("core-") and name.endswith(".js"):
            for component in sorted(set(components)):
                follow(name, f",{component}:{{", "import.meta.url)}")
    needed.pop(entry[1], None)
    return "".join(
        f'<link rel="modulepreload" href="./assets/{name}">'
        if name.endswith(".js")
        else f'<link rel="preload" as="style" crossorigin href="./assets/{name}">'
        for name in needed
    )


def _needed(text: str, begin: str, end: str) -> Iterator[str]:
    """Yields the files that a part of a script imports, from a beginning to the next end."""
    listed = _LISTED.search(text)
    start = text.find(begin)
    if listed is None or start < 0:
        return
    names = re.findall(r'"\./([\w.-]+)"', listed[1])
    part = text[start : text.find(end, start) + len(end)]
    for piece in part.split("import(`./")[1:]:
        yield piece.partition("`")[0]
        if numbers := _NEEDS.search(piece):
            yield from (names[int(number)] for number in numbers[1].split(",") if number)


class Kept:
    """Answers that are the same for everybody, kept from the first time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._answers: dict[tuple[str, str], tuple[Message, Message]] = {}
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a GET, whatever its query, whole."""
        headers = MutableHeaders(raw=list(scope["headers"]))
        accepted = headers.get("accept-encoding", "")
        coding = next((name for name in ("br", "gzip") if name in accepted), "identity")
        key = scope["path"], coding
        answer = self._answers.get(key)
        if answer is None:
            headers["accept-encoding"] = coding
            for name in ("range", "if-range", "if-none-match", "if-modified-since"):
                del headers[name]
            answer = await self._asked({**scope, "headers": headers.raw}, receive)
            size = len(answer[1]["body"])
            if answer[0]["status"] == 200 and self._bytes + size <= MOST_BYTES:
                self._answers[key] = answer
                self._bytes += size
        for message in answer:
            await send(dict(message))

    async def _asked(self, scope: Scope, receive: Receive) -> tuple[Message, Message]:
        said: list[Message] = []

        async def hear(message: Message) -> None:
            said.append(message)

        await self._app(scope, receive, hear)
        body = b"".join(message.get("body", b"") for message in said[1:])
        return said[0], {"type": "http.response.body", "body": body}
