"""The HTTP door: the same JSON as the command line, and the pages beside the chat.

Each address is also a row of `ui/routes.py`, which says who may ask for it.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.convertors import PathConvertor, register_url_convertor

from rag import LibraryError, Span, Turn
from ui import problems, signing
from ui.auth import Users
from ui.calls import Calls
from ui.door import Door
from ui.guard import Guard, user_of
from ui.hosts import LOOPBACK
from ui.pages import source
from ui.pages.library import library_page
from ui.services import Services

AFTER = "The turn before, which the question may lean on: its `query`, and the `title` it cited."

MOST_CHARS = 2**53
"""Beyond any offset in a note, within every JSON reader."""

Offset = Annotated[int, Query(ge=0, le=MOST_CHARS)]


class DocumentConvertor(PathConvertor):
    """A path whose names may hold line ends, as files' names may."""

    regex = r"[\s\S]*"


register_url_convertor("document", DocumentConvertor())


QUESTION = "Notesqa-Question"
"""The header that carries a question's id, under which a reader may say whether it helped."""


def build_api(
    services: Services,
    *,
    names: frozenset[str] = LOOPBACK,
    shut: bool = False,
    calls: Calls | None = None,
) -> FastAPI:
    """Returns the application without the chat page.

    Args:
        names: the hosts that are answered to.
        shut: whether nobody comes in while there are no users.
        calls: what the chat page may call, where it is mounted beside.
    """
    library = services.library
    door = Door(Users.beside(library.folder), shut)
    api = FastAPI(title="notesqa", version="1", docs_url=None, redoc_url=None)
    api.add_middleware(Guard, door=door, names=names, calls=calls)
    problems.add_handlers(api)
    signing.add_routes(api, door)

    @api.get("/healthz", responses=problems.described(400, 503))
    def health() -> dict[str, Any]:
        return {"status": "ready", "generation": library.generation}

    @api.post(
        "/api/v1/ask",
        response_model=dict[str, Any],
        responses=problems.described(400, 401, 403, 413, 422, 429, 503),
    )
    def ask_question(
        request: Request,
        question: Annotated[str, Body()],
        after: Annotated[Turn | None, Body(description=AFTER)] = None,
    ) -> Response:
        reply = services.ask(question, after, user_of(request), door="api")
        headers = {QUESTION: reply.id} if reply.id else None
        return JSONResponse(reply.answer.to_dict(), headers=headers)

    @api.get("/source/", response_class=HTMLResponse, include_in_schema=False)
    def no_source() -> Response:
        return HTMLResponse(source.empty_page(), headers=source.HEADERS)

    @api.get("/source/{document:document}", response_class=HTMLResponse, include_in_schema=False)
    def one_source(
        document: str,
        start: Offset = 0,
        end: Offset = 0,
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
