"""The HTTP door: the same JSON as the command line, and the pages beside the chat.

Each address is also a row of `ui/routes.py`, which says who may ask for it.
"""

from __future__ import annotations

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from starlette.convertors import PathConvertor, register_url_convertor

from rag import LibraryError, Span
from ui import assistants, completions, evaluating, openapi, problems, signing, upkeep, v1
from ui.auth import Users
from ui.calls import Calls
from ui.door import Door
from ui.guard import Guard
from ui.hosts import LOOPBACK
from ui.pages import source
from ui.schemas import Offset
from ui.services import Services


class DocumentConvertor(PathConvertor):
    """A path whose names may hold line ends, as files' names may."""

    regex = r"[\s\S]*"


register_url_convertor("document", DocumentConvertor())


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
    api = FastAPI(title="notesqa", version=openapi.VERSION, docs_url=None, redoc_url=None)
    most = services.uploads.most_bytes
    api.add_middleware(Guard, door=door, names=names, calls=calls, file_bytes=most)
    problems.add_handlers(api)
    openapi.complete(api)
    signing.add_routes(api, door)
    v1.add_routes(api, services)
    upkeep.add_routes(api, services)
    evaluating.add_routes(api, services)
    assistants.add_routes(api, services)
    completions.add_routes(api, services)

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

    return api
