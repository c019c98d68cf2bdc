"""What every answer wears on its way out: headers that tell a browser to run and show nothing else.

A refusal becomes a page for a person, and the same error for a program, whoever made it: problem
details, or what clients of its address know.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable

from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from ui.pages import frame, source
from ui.problems import HEALTH, INSIDER, MEDIA_TYPE, USER, in_form, is_in_form

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    # Not no-referrer: a browser would call the origin of the forms null.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=(), usb=()",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
}
"""Sent with every answer that does not say otherwise."""

_PAGE_POLICY = (
    # Gradio makes functions of strings (those of this page), and sets styles in elements.
    "default-src 'none'; script-src 'self' 'unsafe-eval' {hashes}; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "frame-src 'self'; manifest-src 'self'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)

_INLINE = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)

_HSTS = "max-age=31536000"


LASTING = "private, max-age=86400, immutable"
"""For what a browser may keep; most of it has a digest in its name."""

CHECKED = "private, no-cache"
"""For what a browser may keep, and has to ask about each time: who signed out sees it no more."""


class Page:
    """Holds the chat page back until its own scripts are known, which alone may run."""

    def __init__(self, send: Send, preloads: bytes = b"") -> None:
        """Args: `preloads` are links to what it loads, as HTML, which its head is given."""
        self._send = send
        self._preloads = preloads
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body") or self._start is None:
            return
        hashes = " ".join(_hashes(_INLINE.findall(self._body)))
        headers = MutableHeaders(raw=self._start["headers"])
        if self._start["status"] == 200:
            self._body = self._body.replace(b"</head>", self._preloads + b"</head>", 1)
            headers["Content-Length"] = str(len(self._body))
        headers["Content-Security-Policy"] = _PAGE_POLICY.format(hashes=hashes)
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": self._body})


def _hashes(scripts: Iterable[bytes]) -> Iterable[str]:
    for script in scripts:
        yield f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


class Told:
    """Holds a refusal back until it is known what it says, and says it as its reader expects."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, page: bool) -> None:
        """Args: `page` is whether a person reads it."""
        self._scope = scope
        self._receive = receive
        self._send = send
        self._page = page
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = Headers(raw=message["headers"]).get("content-type", "")
            if (
                message["status"] < 400
                or kind.startswith(("text/html", HEALTH))
                or is_in_form(self._scope["path"], kind)
                and not self._page
            ):
                await self._send(message)
            else:
                self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._say(self._start)

    async def _say(self, start: Message) -> None:
        status, headers = start["status"], Headers(raw=start["headers"])
        ours = headers.get("content-type") == MEDIA_TYPE
        said = json.loads(self._body)["detail"] if ours else "This is not answered."
        told = ("allow", "retry-after", "www-authenticate")
        kept = {name: headers[name] for name in told if name in headers}
        if self._page:
            page = source.missing_page(said, top=self._ways())
            kept = {**frame.HEADERS, **kept}
            answer: Response = HTMLResponse(page, status_code=status, headers=kept)
        else:
            answer = in_form(self._scope["path"], status, said, kept)
        await answer(self._scope, self._receive, self._send)

    def _ways(self) -> str:
        """Returns the ways of who asks; none beside the chat."""
        if frame.is_beside(self._scope):
            return ""
        looks, signed_in = bool(self._scope.get(INSIDER)), self._scope.get(USER) is not None
        return frame.ways("", frame.Visitor(looks, signed_in))


def dress(message: Message, scope: Scope, *, lasting: bool) -> None:
    """Gives an answer its headers, and takes those that would let other sites read it."""
    raw: list[tuple[bytes, bytes]] = [
        (name, value)
        for name, value in message.get("headers", [])
        if not name.lower().startswith(b"access-control-") and not re.search(rb"[\r\n\0]", value)
    ]
    headers = MutableHeaders(raw=raw)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if lasting and message["status"] == 200:
        headers["Cache-Control"] = LASTING
    elif headers.get("Cache-Control") != CHECKED:
        headers["Cache-Control"] = "no-store"
    if scope["scheme"] == "https":
        headers["Strict-Transport-Security"] = _HSTS
    message["headers"] = headers.raw
