"""The door for assistants: `notesqa mcp`, and the address `/mcp` of every server.

What answers them is in `ui/mcp_server.py`, which is loaded when the first one comes.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from rag import NotesQAError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rag import Library
    from ui.services import Services

PATH = "/mcp"

PORT = 7861
"""Beside that of `notesqa serve`, so that both can run."""


def add_routes(api: FastAPI, services: Services) -> None:
    """Answers assistants at `/mcp`."""
    from starlette.routing import Route

    api.router.routes.append(Route(PATH, _Address(services), include_in_schema=False))


class _Address:
    """Answers requests by what the first of them makes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._made: ASGIApp | None = None
        self._making = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.concurrency import run_in_threadpool

        answer = await run_in_threadpool(self._make) if self._made is None else self._made
        await answer(scope, receive, send)

    def _make(self) -> ASGIApp:
        from ui.mcp_server import build_server, over_http

        with self._making:
            if self._made is None:
                self._made = over_http(build_server(self._services))
            return self._made


def mcp(
    context: typer.Context,
    http: Annotated[
        bool, typer.Option("--http", help="Serve over HTTP, at the address /mcp.")
    ] = False,
    port: Annotated[
        int, typer.Option(metavar="N", min=1, max=65535, help="Port to listen at, with --http.")
    ] = PORT,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Where to listen, with --http; beyond loopback users sign in."
        ),
    ] = "127.0.0.1",
) -> None:
    """Let an assistant search and quote the notes (MCP)."""
    from ui.common import library_of, until_stopped

    library = library_of(context)
    with until_stopped():
        if http:
            from ui.api import build_api
            from ui.app import serve

            serve(
                *(library, port, host),
                build=build_api,
                command="notesqa mcp --http",
                what="For assistants",
                path=PATH,
            )
        else:
            _serve_here(library)


def _serve_here(library: Library) -> None:
    """Answers the one who started this, on standard input and output."""
    from ui.mcp_server import serve_stdio
    from ui.services import Services

    services = Services.of(library)
    services.questions.start()
    # An assistant asks which tools there are; meanwhile the model is loaded.
    threading.Thread(target=_load, args=[library]).start()
    ended = threading.Event()

    def run() -> None:
        try:
            serve_stdio(services)
        finally:
            ended.set()

    # In a thread of its own, since nothing ends who waits for a line in the main one.
    threading.Thread(target=run, daemon=True).start()
    try:
        ended.wait()
    finally:
        services.questions.close()


def _load(library: Library) -> None:
    with suppress(NotesQAError):  # which a tool will say
        library.search("Is the model loaded?", k=1)
