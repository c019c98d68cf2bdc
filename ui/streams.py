"""Passages before the answer: a question comes in, server-sent events come out as things are found.

The question is answered in a thread. What goes wrong before there is anything to show is an error
like any other; afterwards it is an event. Who leaves is not waited for: the thread ends with the
answer, which nobody reads then.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from rag import NotesQAError, Passage
from ui import problems
from ui.asks import Reply
from ui.guard import user_of, where
from ui.schemas import Asked
from ui.services import Services

HEARTBEAT_SECONDS = 15
"""Less than proxies wait for a word, a minute mostly."""

_EVENTS = (
    "Events, in this order, each with one line of JSON: `passages`, a list as in the answer, as "
    "soon as they are found; then `answer`, the object of `ask`, whose `id:` is the question's id "
    "for feedback where questions are kept; or in its place `problem`, an object as of any error. "
    "A comment comes every 15 s. What is wrong before the first event is an error as of `ask`."
)

_SCHEMAS = "#/components/schemas/"

_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["passages", "answer", "problem"]},
        "id": {"type": "string"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "oneOf": [
                    {"type": "array", "items": {"$ref": f"{_SCHEMAS}Passage"}},
                    {"$ref": f"{_SCHEMAS}Answer"},
                    {"$ref": f"{_SCHEMAS}Problem"},
                ]
            },
        },
    },
}
"""What the OpenAPI document says of one event."""

logger = logging.getLogger(__name__)

News = tuple[Passage, ...] | Reply | Exception
"""Passages; then the reply, or what failed."""


def add_routes(api: FastAPI, services: Services) -> None:
    """Adds the address to an application."""

    @api.post(
        "/api/v1/ask/events",
        operation_id="ask_events",
        summary="Answer a question as `ask`, and show what is found before it is decided",
        response_class=EventSourceResponse,
        responses={
            200: {
                "description": _EVENTS,
                "content": {"text/event-stream": {"schema": _EVENT}},
            },
            **problems.described(400, 401, 403, 413, 422, 429, 503),
        },
    )
    async def ask_events(request: Request, asked: Asked) -> Response:
        loop = asyncio.get_running_loop()
        news: asyncio.Queue[News] = asyncio.Queue()
        user, within = user_of(request), asked.within

        def tell(said: News) -> None:
            loop.call_soon_threadsafe(news.put_nowait, said)

        def ask() -> None:
            try:
                said = services.ask(
                    *(asked.question, asked.turn(), user), door="api", within=within, found=tell
                )
            except Exception as error:  # raised there, or told
                tell(error)
            else:
                tell(said)

        loop.run_in_executor(None, ask)
        first = await news.get()
        if isinstance(first, Exception):
            raise first
        return EventSourceResponse(
            _events(first, news, bool(request.scope.get(problems.INSIDER))),
            ping=HEARTBEAT_SECONDS,
            ping_message_factory=lambda: ServerSentEvent(comment="still here", sep="\n"),
            sep="\n",
        )


async def _events(
    first: News, news: asyncio.Queue[News], insider: bool
) -> AsyncIterator[ServerSentEvent]:
    """Yields passages, then the answer or a problem, from the first that is known."""
    said = first
    while isinstance(said, tuple):
        yield _event("passages", [passage.to_dict() for passage in said])
        said = await news.get()
    if isinstance(said, Reply):
        yield _event("answer", said.answer.to_dict(), said.id)
    else:
        yield _event("problem", _problem(said, insider))


def _problem(error: Exception, insider: bool) -> Any:
    if isinstance(error, NotesQAError):
        response = problems.of_error(error, insider)
    else:
        logger.error("an answer failed: %s", where(error))
        response = problems.problem(500, problems.FAILED)
    return json.loads(bytes(response.body))


def _event(name: str, said: Any, id_: str | None = None) -> ServerSentEvent:
    # In ASCII: many clients take U+2028 and its like, which JSON leaves alone, for ends of lines.
    return ServerSentEvent(json.dumps(said), event=name, id=id_, sep="\n")
