"""Errors become answers: problem details (RFC 9457), which say nothing that was sent."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from rag import NoLibraryError, NotesQAError, QuestionError, QuestionSetError, RunError
from ui.asks import NotReadyError, TooManyError, not_ready
from ui.auth import ForbiddenError
from ui.calls import CallError
from ui.render import in_a_line
from ui.schemas import Problem

if TYPE_CHECKING:
    from ui.readiness import State

USER = "notesqa.user"
"""Where a request carries its user."""

INSIDER = "notesqa.insider"
"""Where a request carries whether it is told what is wrong with the library."""

UNSAID = "This cannot be answered now; the server's log says why."

FAILED = "Something went wrong here; the server's log says where."

_FOR_ALL = (QuestionError, NotReadyError, TooManyError, CallError, ForbiddenError)
"""Errors that say nothing of this machine."""

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

_OPENAI = "/v1/"
"""Addresses below it have errors of OpenAI's form, by which its clients know them."""

_MCP = "/mcp"
"""This address has errors of its protocol's form, JSON-RPC, which an assistant is told."""

_INVALID_REQUEST = -32600
"""JSON-RPC's code for it."""

_OPENAI_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}

HEALTH = "application/health+json"
"""What says how a server is, whatever the status of the answer."""


_SAID: dict[int, str] = {
    400: "The question, the request or the host is none that can be answered",
    401: "Sign in first, or send `Authorization: Bearer TOKEN`",
    403: "Another role may do this, or another site asks",
    404: "There is no such thing",
    409: "What is there does not allow it, such as a run whose question set is gone",
    413: "The request is too long",
    422: "The request is not of the form described here",
    429: "Too many questions; `Retry-After` says when to ask again",
    503: "The library cannot answer now",
}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns what the OpenAPI document says of the errors of a route."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {
        status: {"description": _SAID[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Returns an error as problem details."""
    return JSONResponse(
        {"title": "Not answered", "status": status, "detail": detail},
        status_code=status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def openai_error(
    status: int,
    message: str,
    headers: Mapping[str, str] | None = None,
    *,
    param: str | None = None,
    code: str | None = None,
) -> Response:
    """Returns an error as OpenAI's clients know it.

    Args:
        param: what of the request is wrong.
    """
    status = 400 if status == 422 else status  # as theirs says it
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {
        "message": message,
        "type": "rate_limit_error" if status == 429 else kind,
        "param": param,
        "code": code or _OPENAI_CODES.get(status),
    }
    return JSONResponse({"error": error}, status_code=status, headers=headers)


def is_in_form(path: str, kind: str) -> bool:
    """Returns whether an error of a media type is in the form that clients of its address know."""
    return kind == ("application/json" if path == _MCP or path.startswith(_OPENAI) else MEDIA_TYPE)


def in_form(path: str, status: int, detail: str, headers: Mapping[str, str]) -> Response:
    """Returns an error in the form that clients of an address know."""
    if path.startswith(_OPENAI):
        return openai_error(status, detail, headers)
    if path == _MCP:
        error = {"code": _INVALID_REQUEST, "message": detail}
        said = {"jsonrpc": "2.0", "id": None, "error": error}
        return JSONResponse(said, status_code=status, headers=headers)
    return problem(status, detail, headers)


def too_many(detail: str, wait: float) -> Response:
    """Returns a refusal that says when to come again."""
    return problem(429, detail, {"Retry-After": str(math.ceil(wait))})


def told(error: NotesQAError, insider: bool) -> str:
    """Returns what is said of an error; where the library is lies in the log for strangers.

    Args:
        insider: whether it is an instructor who asks, or there is no sign-in.
    """
    if insider or isinstance(error, _FOR_ALL):
        return str(error)
    logger.error("%s", in_a_line(str(error)))
    return UNSAID


def of_error(error: NotesQAError, insider: bool) -> Response:
    """Returns what an error is answered with: the asker's, the role's, or the library's fault."""
    said = told(error, insider)
    if isinstance(error, TooManyError):
        return too_many(said, error.wait)
    if isinstance(error, CallError):
        return too_many(said, error.wait) if error.wait else problem(422, said)
    if isinstance(error, ForbiddenError):
        return problem(403, said)
    if isinstance(error, (RunError, QuestionSetError)):
        return problem(409, said)
    return problem(400 if isinstance(error, QuestionError) else 503, said)


def add_handlers(api: FastAPI, state: Callable[[], State]) -> None:
    """Makes every error of an application a problem.

    Args:
        state: says why there is nothing to ask, where there is no library.
    """

    @api.exception_handler(NotesQAError)
    async def plain_error(request: Request, error: NotesQAError) -> Response:
        return of_error(error, bool(request.scope.get(INSIDER)))

    @api.exception_handler(NoLibraryError)
    def no_library(request: Request, _: NoLibraryError) -> Response:
        insider = bool(request.scope.get(INSIDER))
        return of_error(not_ready(state(), insider), insider)

    @api.exception_handler(RequestValidationError)
    async def not_of_the_form(_: Request, error: RequestValidationError) -> Response:
        # Where and what, not the input: it may be long, private, or no valid Unicode.
        places = [
            f"{'.'.join(str(part) for part in one['loc'])[:100]}: {one['type']}"
            for one in error.errors()[:5]
        ]
        return problem(422, f"The request is not of the form /openapi.json asks for: {places}.")

    @api.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail)[:200], error.headers)
