"""Which requests are answered, and to whom: method and path come in, a route comes out, or none.

What is not in this table does not exist for a client, whatever Gradio or FastAPI would answer: a
Gradio app also has routes for files, uploads, a proxy, streams, its own sign-in and much besides.
What it lists of Gradio is what a visit to the page was seen to ask for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ui.auth import Role
from ui.calls import SESSION

PAGE = "/"
"""The address of the chat page."""

SIGN_IN = "/sign-in"


@dataclass(frozen=True, slots=True)
class Route:
    """Requests that are answered.

    Attributes:
        path: a regular expression for all of it.
        role: who may; None for everybody, signed in or not.
        page: whether a person opens it, and is led to the sign-in; else it is for a program.
        lasting: whether a browser may keep it; it is the same for everybody.
        carries: whether its body is a file of notes, as long as that may be.
    """

    methods: str
    path: str
    role: Role | None = Role.STUDENT
    page: bool = False
    lasting: bool = False
    carries: bool = False

    def matches(self, path: str) -> bool:
        """Returns whether a path, decoded, is this route's."""
        return re.fullmatch(self.path, path, re.DOTALL) is not None


ROUTES = (
    Route("GET HEAD", "/healthz", role=None),
    Route("GET HEAD POST", SIGN_IN, role=None, page=True),
    Route("POST", "/sign-out", role=None, page=True),
    Route("GET HEAD", "/openapi.json"),
    Route("POST", "/api/v1/ask"),
    Route("POST", "/api/v1/ask/events"),
    Route("GET HEAD", "/api/v1/search"),
    Route("GET HEAD", "/api/v1/documents"),
    Route("GET HEAD", "/api/v1/documents/.*"),
    Route("GET HEAD", "/api/v1/status", role=Role.INSTRUCTOR),
    Route("POST", "/api/v1/feedback"),
    Route("POST", "/mcp"),
    Route("GET HEAD", "/v1/models(/.+)?"),
    Route("POST", "/v1/chat/completions"),
    Route("GET HEAD", "/notes", page=True),
    Route("GET HEAD", "/source/.*", page=True),
    Route("GET HEAD", "/page/.*"),
    Route("GET HEAD", "/library", role=Role.INSTRUCTOR, page=True),
    Route("POST", "/library/index", role=Role.INSTRUCTOR, page=True),
    Route("POST", "/library/upload", role=Role.INSTRUCTOR, page=True, carries=True),
    Route("POST", "/api/v1/index", role=Role.INSTRUCTOR),
    Route("POST", "/api/v1/upload", role=Role.INSTRUCTOR, carries=True),
    Route("GET HEAD", "/api/v1/jobs(/[^/]+)?", role=Role.INSTRUCTOR),
    Route("GET HEAD", "/evaluation(/comparison)?", role=Role.INSTRUCTOR, page=True),
    Route("POST", "/evaluation/(run|delete)", role=Role.INSTRUCTOR, page=True),
    Route("GET HEAD POST", "/proposals", role=Role.INSTRUCTOR, page=True),
    Route("POST", "/proposals/(more|again)", role=Role.INSTRUCTOR, page=True),
    Route("GET HEAD", "/api/v1/question-sets", role=Role.INSTRUCTOR),
    Route("GET HEAD POST", "/api/v1/runs", role=Role.INSTRUCTOR),
    Route("GET HEAD DELETE", "/api/v1/runs/[^/]+", role=Role.INSTRUCTOR),
    Route("GET HEAD", "/api/v1/runs/[^/]+/(report|file)", role=Role.INSTRUCTOR),
    Route("GET HEAD", "/api/v1/comparisons(/report)?", role=Role.INSTRUCTOR),
    Route("GET HEAD", "/coverage(/state|/changes|/map)?", role=Role.INSTRUCTOR, page=True),
    Route("POST", "/coverage/(run|delete|draw)", role=Role.INSTRUCTOR, page=True),
    Route("GET HEAD", "/api/v1/objectives", role=Role.INSTRUCTOR),
    Route("GET HEAD POST", "/api/v1/coverage", role=Role.INSTRUCTOR),
    Route("GET HEAD DELETE", "/api/v1/coverage/[^/]+", role=Role.INSTRUCTOR),
    Route("GET HEAD", "/api/v1/coverage/[^/]+/(csv|report|changes)", role=Role.INSTRUCTOR),
    Route("GET HEAD", "/gaps(/group)?", role=Role.INSTRUCTOR, page=True),
    Route("POST", "/gaps/(look|ask|accept)", role=Role.INSTRUCTOR, page=True),
    Route("GET HEAD POST", "/api/v1/gaps", role=Role.INSTRUCTOR),
    Route("GET HEAD", "/api/v1/gaps/[^/]+", role=Role.INSTRUCTOR),
    Route("GET HEAD POST", "/api/v1/gaps/[^/]+/answers", role=Role.INSTRUCTOR),
    Route("GET HEAD", "/audit", role=Role.INSTRUCTOR, page=True),
    Route("POST", "/audit/look", role=Role.INSTRUCTOR, page=True),
    Route("GET HEAD POST", "/api/v1/audit", role=Role.INSTRUCTOR),
    Route("GET HEAD", "/api/v1/audit/[^/]+/csv", role=Role.INSTRUCTOR),
    # Gradio's
    Route("GET HEAD", PAGE, page=True),
    Route("GET HEAD", r"/assets/[\w.-]+", lasting=True),
    Route("GET HEAD", r"/static/js/iframeResizer\.contentWindow\.min\.js", lasting=True),
    Route("GET HEAD", r"/theme\.css", lasting=True),
    Route("GET HEAD", r"/favicon\.ico", lasting=True),
    Route("GET", f"/gradio_api/heartbeat/{SESSION}"),
    Route("GET", "/gradio_api/app_id"),  # asked for when the server was away
    Route("POST", "/gradio_api/queue/join"),
    Route("GET", "/gradio_api/queue/data"),
    Route("POST", "/gradio_api/run/predict"),  # what does not queue: the line at the top
)

_UPWARDS = re.compile(r"(^|[/\\])\.{1,2}([/\\]|$)|\x00")


def route_of(method: str, path: str) -> Route | str | None:
    """Returns the route, the methods that a path has where it lacks this one, or None."""
    if _UPWARDS.search(path):
        return None
    found = [route for route in ROUTES if route.matches(path)]
    for route in found:
        if method in route.methods.split():
            return route
    return ", ".join(found[0].methods.split()) if found else None
