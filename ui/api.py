"""The HTTP door: the same JSON as the command line, and the pages that show sources."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from rag import Library, LibraryError, NotesQAError, Span, Turn
from ui.pages import source
from ui.pages.library import library_page
from ui.pages.chat import Ask

HOSTS = ["127.0.0.1", "localhost"]
"""Host headers that are answered; any other name could be another site's (DNS rebinding)."""

MAX_BODY_BYTES = 1_000_000

AFTER = "The turn before, which the question may lean on: its `query`, and the `title` it cited."


def build_api(library: Library, answered: Ask | None = None) -> FastAPI:
    """Returns the application without the chat page.

    Args:
        answered: answers questions, by default `library.ask`.
    """
    answered = answered or library.ask
    api = FastAPI(title="notesqa", version="1", docs_url=None, redoc_url=None)
    api.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
    api.add_middleware(BodyLimit)

    @api.exception_handler(NotesQAError)
    async def plain_error(_: Request, error: NotesQAError) -> Response:
        return _problem(400, str(error))

    @api.get("/healthz")
    def health() -> dict[str, Any]:
        return {"status": "ready", "generation": library.status()["generation"]}

    @api.post("/api/v1/ask", response_model=dict[str, Any])
    def ask(
        question: Annotated[str, Body()],
        after: Annotated[Turn | None, Body(description=AFTER)] = None,
    ) -> Response:
        return JSONResponse(answered(question, after).to_dict())

    @api.get("/source/", response_class=HTMLResponse, include_in_schema=False)
    def no_source() -> Response:
        return HTMLResponse(source.empty_page(), headers=source.HEADERS)

    @api.get("/source/{document:path}", response_class=HTMLResponse, include_in_schema=False)
    def one_source(
        document: str,
        start: Annotated[int, Query(ge=0)] = 0,
        end: Annotated[int, Query(ge=0)] = 0,
        words: str = "",
    ) -> Response:
        try:
            note = library.note(document)
        except LibraryError:
            page = source.missing_page(f"{document} is not in the library.")
            return HTMLResponse(page, status_code=404, headers=source.HEADERS)
        span = Span(start, end) if end > start else None
        return HTMLResponse(source.source_page(note, span, words), headers=source.HEADERS)

    @api.get("/library", response_class=HTMLResponse, include_in_schema=False)
    def manifest() -> Response:
        return HTMLResponse(
            library_page(library.status(), library.titles()), headers=source.HEADERS
        )

    return api


class BodyLimit:
    """Refuses requests that are too long, or of a length that they do not say."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it with 413."""
        app = self._app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            length = headers.get("content-length", "")
            too_long = length.isdigit() and int(length) > MAX_BODY_BYTES
            if too_long or "chunked" in headers.get("transfer-encoding", ""):
                app = _problem(
                    413, f"A request may have {MAX_BODY_BYTES} bytes, sent in one piece."
                )
        await app(scope, receive, send)


def _problem(status: int, detail: str) -> Response:
    """Returns an error as problem details (RFC 9457)."""
    return JSONResponse(
        {"title": "Not answered", "status": status, "detail": detail},
        status_code=status,
        media_type="application/problem+json",
    )
