"""Every request passes here, and every answer: what is refused goes no further.

A request is looked at in this order: the name it was sent to, the site it comes from, its length,
whether there is such a route (`ui/routes.py`), who asks, and what that user's role may do. An
answer gets the headers that tell a browser to run and show nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag import NotesQAError
from ui.auth import Role, User, require
from ui.calls import GRADIO, JOIN, MOST_KEPT_BYTES, PREDICT, CallError, Calls
from ui.chunks import Kept
from ui.door import Door
from ui.dressing import Page, Told, dress
from ui.hosts import is_answered_to, is_from_elsewhere
from ui.problems import FAILED, INSIDER, USER, of_error, problem
from ui.render import in_a_line
from ui.routes import PAGE, SIGN_IN, Route, route_of

MAX_BODY_BYTES = 1_000_000

BODY_SECONDS = 20.0
"""How long a body may take to arrive."""

FILE_SECONDS = 600.0
"""How long one may that carries a file."""

IDLE_SECONDS = 20.0
"""How long the next part of such a file may take."""

MOST_FILES = 2
"""Requests with a file that are answered at a time; each is held in memory."""

FORM_BYTES = 10_000
"""What a request may hold beside its file."""

MOST_BODIES = 256
"""Requests with a body that are answered at a time."""

_FORWARDED = (b"x-forwarded-", b"forwarded", b"x-gradio-", b"x-real-ip")
"""What a proxy would say, and Gradio would believe of anybody; uvicorn has heeded it already."""

logger = logging.getLogger(__name__)


def cookie_name(scope: Scope, what: str = "session") -> str:
    """Returns the name of a cookie: browsers keep one jar for all servers of a host."""
    _, port = scope.get("server") or ("", None)
    return f"notesqa-{what}-{port or 0}"


def user_of(request: Request) -> User | None:
    """Returns who sent a request; None where there is no sign-in."""
    user: User | None = request.scope.get(USER)
    return user


class Guard:
    """The middleware around all routes."""

    def __init__(
        self,
        app: ASGIApp,
        door: Door,
        names: frozenset[str],
        calls: Calls | None = None,
        file_bytes: int = MAX_BODY_BYTES,
        preloads: str = "",
    ) -> None:
        """Stands before an application.

        Args:
            names: the hosts that are answered to.
            calls: what the chat page calls.
            file_bytes: how long a file of notes may be.
            preloads: links to what the chat page loads, as HTML.
        """
        self._app = app
        self._kept = Kept(app)
        self._preloads = preloads.encode()
        self._door = door
        self._names = names
        self._calls = calls or Calls({}, 0)
        self._file_bytes = file_bytes
        self._bodies = 0
        self._files = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})  # nothing here speaks it

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        route: Route | None = None
        started = False
        whole = not _has_body(scope)

        async def receive_on() -> Message:
            nonlocal whole
            message = await receive()
            whole = whole or not message.get("more_body", False)
            return message

        async def send_out(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                dress(message, scope, lasting=route is not None and route.lasting)
                if not whole:
                    message["headers"].append((b"connection", b"close"))
            elif scope["method"] == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        send_on = Told(scope, receive, send_out, page=_is_for_a_person(scope))

        try:
            found = self._refusal(scope)
            if isinstance(found, Route):
                route = found
                # Of what is passed on to, some knows no HEAD.
                asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
                await self._pass_on(asked, receive_on, send_on, route)
            else:
                _log_refusal(scope, found.status_code)
                await found(scope, receive_on, send_on)
        except ClientDisconnect:
            return
        except CallError as error:
            refused = of_error(error, False)
            _log_refusal(scope, refused.status_code)
            await refused(scope, receive_on, send_on)
        except Exception as error:
            _log(scope, f"failed: {where(error)}", logging.ERROR)
            if not started:
                await problem(500, FAILED)(scope, receive_on, send_on)

    def _refusal(self, scope: Scope) -> Route | Response:
        """Returns the route of a request, or the answer to one that goes no further."""
        headers = Headers(scope=scope)
        route = route_of(scope["method"], scope["path"])
        if refused := self._strange(scope, headers, self._most_bytes(route)):
            return refused
        if isinstance(route, Route):
            try:
                return self._check_user(scope, headers, route) or route
            except NotesQAError as error:
                return of_error(error, bool(scope.get(INSIDER)))
        if route is None:
            return problem(404, "There is nothing of that name.")
        return problem(405, f"This answers to {route}.", {"Allow": route})

    def _most_bytes(self, route: Route | str | None) -> int:
        carries = isinstance(route, Route) and route.carries
        return self._file_bytes + FORM_BYTES if carries else MAX_BODY_BYTES

    def _strange(self, scope: Scope, headers: Headers, most: int) -> Response | None:
        """Returns the answer to a request that no client of this server sends."""
        server = (scope.get("server") or [""])[0]
        if not is_answered_to(headers, server, self._names):
            return problem(
                400, "This name is not answered to: the server's setting hosts says which are."
            )
        if is_from_elsewhere(scope["method"], headers):
            return problem(403, "A page of another site sent this.")
        if "content-length" in headers and "transfer-encoding" in headers:
            return problem(400, "The request says in two ways how long it is.")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:12]) > most:
            return _too_long(most)
        return None

    def _check_user(self, scope: Scope, headers: Headers, route: Route) -> Response | None:
        """Returns the answer to one who may not; notes in the request who it is."""
        scope[USER] = user = self._user(scope, headers)
        demands = self._door.demands()
        scope[INSIDER] = not demands or (user is not None and user.role.covers(Role.INSTRUCTOR))
        if route.role is None or not demands:
            return None
        if user is None:
            if route.page:
                return RedirectResponse(SIGN_IN, status_code=303)
            return problem(401, "Sign in first.", {"WWW-Authenticate": "Bearer"})
        require(user, route.role)
        return None

    def _user(self, scope: Scope, headers: Headers) -> User | None:
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._door.users.by_token(token.strip())
        cookie = Request(scope).cookies.get(cookie_name(scope))
        return self._door.by_cookie(cookie) if cookie else None

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, route: Route) -> None:
        kept = [pair for pair in scope["headers"] if not pair[0].lower().startswith(_FORWARDED)]
        if route.path == PAGE:
            # Its parameters are Gradio's doors, and its scripts are read below, uncompressed.
            kept = [pair for pair in kept if pair[0].lower() != b"accept-encoding"]
            page = Page(send, self._preloads)
            await self._app({**scope, "headers": kept, "query_string": b""}, receive, page)
        elif route.lasting:
            await self._kept({**scope, "headers": kept}, receive, send)
        elif scope["method"] == "POST":
            await self._pass_body({**scope, "headers": kept}, receive, send, route)
        elif scope["path"].startswith(GRADIO):
            passed = self._calls.address({**scope, "headers": kept}, scope[USER])
            await self._app(passed, receive, send)
        else:
            await self._app({**scope, "headers": kept}, receive, send)

    async def _pass_body(self, scope: Scope, receive: Receive, send: Send, route: Route) -> None:
        """Reads a body, as long as it may be, before anything is done with it."""
        if self._bodies >= MOST_BODIES or (route.carries and self._files >= MOST_FILES):
            _log_refusal(scope, 503)
            busy = problem(503, "Too many ask at once: ask again.", {"Retry-After": "1"})
            return await busy(scope, receive, send)
        called = scope["path"] in {JOIN, PREDICT}
        most = MOST_KEPT_BYTES if called else self._most_bytes(route)
        self._bodies += 1
        self._files += route.carries
        try:
            async with asyncio.timeout(FILE_SECONDS if route.carries else BODY_SECONDS):
                body = await _read(receive, most)
        except TimeoutError:
            _log_refusal(scope, 408)
            late = problem(408, "The request did not arrive in time.")
            return await late(scope, receive, send)
        else:
            if body is None:
                _log_refusal(scope, 413)
                return await _too_long(most)(scope, receive, send)
            if called:
                body = self._calls.rebuilt(scope["path"], body, scope[USER])
                scope = self._calls.address(_of_length(scope, len(body)), scope[USER])
            await self._app(scope, _replayed(body, receive), send)
        finally:
            self._bodies -= 1
            self._files -= route.carries


def _is_for_a_person(scope: Scope) -> bool:
    """Returns whether a refusal is shown as a page: where pages are, and where a browser looks."""
    route = route_of("GET", scope["path"])
    if isinstance(route, Route):
        return route.page
    return "text/html" in Headers(scope=scope).get("accept", "")


def _has_body(scope: Scope) -> bool:
    """Returns whether a request comes with a body; what is not read of it ends the connection."""
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _of_length(scope: Scope, length: int) -> Scope:
    """Returns a request whose body was made anew, as JSON."""
    kept = [
        (name, value)
        for name, value in scope["headers"]
        if name.lower() not in {b"content-length", b"content-type", b"transfer-encoding"}
    ]
    said = [(b"content-type", b"application/json"), (b"content-length", str(length).encode())]
    return {**scope, "headers": [*kept, *said]}


async def _read(receive: Receive, most: int) -> bytes | None:
    """Returns a body; None where it is too long.

    Raises:
        ClientDisconnect: the client is gone.
        TimeoutError: it sends nothing.
    """
    body = bytearray()
    while True:
        async with asyncio.timeout(IDLE_SECONDS):
            message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _too_long(most: int) -> Response:
    return problem(413, f"A request may have {most:,} bytes.")


def _log_refusal(scope: Scope, status: int) -> None:
    if status not in {303, 401, 404}:  # which a stranger makes as many of as he likes
        _log(scope, f"refused with {status}")


def _log(scope: Scope, what: str, level: int = logging.WARNING) -> None:
    """Writes one line that names the request, without its query, headers and body."""
    user = scope.get(USER)
    who = [user.name] if user else []
    address: Any = scope.get("client") or ["?"]
    asked = in_a_line(f"{scope['method']} {scope['path']}")
    logger.log(level, "%s", " ".join([asked, *who, f"from {address[0]}: {what}"]))


def where(error: Exception) -> str:
    """Returns what failed and where; its message may hold what was asked."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}, {last.filename}:{last.lineno}"
