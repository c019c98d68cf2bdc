"""Errors become answers: problem details (RFC 9457), which say nothing that was sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from rag import NotesQAError, QuestionError
from ui.asks import TooManyError
from ui.auth import ForbiddenError
from ui.calls import CallError

MEDIA_TYPE = "application/problem+json"

_SCHEMA = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}

_SAID: dict[int, str] = {
    400: "The question, the request or the host is none that can be answered",
    401: "Sign in first, or send `Authorization: Bearer TOKEN`",
    403: "Another role may do this, or another site asks",
    404: "There is no such thing",
    413: "The request is too long",
    422: "The request is not of the form described here",
    429: "Too many questions; `Retry-After` says when to ask again",
    503: "The library cannot answer now",
}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns what the OpenAPI document says of the errors of a route."""
    return {
        status: {"description": _SAID[status], "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
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


def too_many(detail: str, wait: float) -> Response:
    """Returns a refusal that says when to come again."""
    return problem(429, detail, {"Retry-After": str(math.ceil(wait))})


def of_error(error: NotesQAError) -> Response:
    """Returns what an error is answered with: the asker's, the role's, or the library's fault."""
    if isinstance(error, TooManyError):
        return too_many(str(error), error.wait)
    if isinstance(error, CallError):
        return too_many(str(error), error.wait) if error.wait else problem(422, str(error))
    if isinstance(error, ForbiddenError):
        return problem(403, str(error))
    return problem(400 if isinstance(error, QuestionError) else 503, str(error))


def add_handlers(api: FastAPI) -> None:
    """Makes every error of an application a problem."""

    @api.exception_handler(NotesQAError)
    async def plain_error(_: Request, error: NotesQAError) -> Response:
        return of_error(error)

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
