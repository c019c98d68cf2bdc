"""The HTTP door: the same JSON as the command line, and the pages beside the chat.

Each address is also a row of `ui/routes.py`, which says who may ask for it.
"""

from __future__ import annotations

from fastapi import FastAPI

from ui import (
    assistants,
    auditing,
    completions,
    covering,
    evaluating,
    looking,
    openapi,
    problems,
    proposing,
    reading,
    signing,
    upkeep,
    v1,
)
from ui.auth import Users
from ui.calls import Calls
from ui.door import Door
from ui.guard import Guard
from ui.hosts import LOOPBACK
from ui.services import Services


def build_api(
    services: Services,
    *,
    names: frozenset[str] = LOOPBACK,
    shut: bool = False,
    calls: Calls | None = None,
    preloads: str = "",
) -> FastAPI:
    """Returns the application without the chat page.

    Args:
        names: the hosts that are answered to.
        shut: whether nobody comes in while there are no users.
        calls: what the chat page may call, where it is mounted beside.
        preloads: links to what that page loads, as HTML.
    """
    library = services.library
    door = Door(Users.beside(library.folder), shut)
    api = FastAPI(title="notesqa", version=openapi.VERSION, docs_url=None, redoc_url=None)
    most = services.uploads.most_bytes
    api.add_middleware(
        Guard, door=door, names=names, calls=calls, file_bytes=most, preloads=preloads
    )
    problems.add_handlers(api, services.state)
    openapi.complete(api)
    signing.add_routes(api, door)
    reading.add_routes(api, services)
    v1.add_routes(api, services)
    upkeep.add_routes(api, services)
    evaluating.add_routes(api, services)
    proposing.add_routes(api, services)
    covering.add_routes(api, services)
    looking.add_routes(api, services)
    auditing.add_routes(api, services)
    assistants.add_routes(api, services)
    completions.add_routes(api, services)

    return api
