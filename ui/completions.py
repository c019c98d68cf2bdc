"""The door for chat clients: OpenAI's chat completions, whose one model is the notes.

Messages come in, an answer or a refusal with its citations goes out as Markdown. The question is
the last message of the user; the user's messages before are what it may lean on; what the system
and the assistant say is not read, since nothing here follows instructions. What steers a language
model (temperature, seed, max_tokens, tools that may be used or not) changes nothing; what would
promise something that is not kept (several choices, a tool that must be called, a form of JSON,
logprobs) is refused.

A refusal stands in `content`, which every client shows, with the passages nearest to it; its reason
stands in `refusal` too, so that a program need not read it out of the text. All that the command
line's JSON has stands in `notesqa`. `usage` is 0: it counts the tokens of a language model, and
there is none.

Errors have OpenAI's form (`ui/problems.py`). The addresses are not in the OpenAPI document: their
form is not ours to describe, and clients bring it with them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse

from rag import Answer, LibraryError, QuestionError
from ui.guard import user_of
from ui.problems import openai_error
from ui.services import Services
from ui.written import Written, written_of

MODEL = "notesqa"

_RULES = ("system", "developer")
"""Roles of messages that tell a language model how to behave."""

_NO_TOKENS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


class RequestError(QuestionError):
    """A request is none that can be answered.

    Attributes:
        param: what of it.
    """

    def __init__(self, message: str, param: str | None, status: int = 400, code: str | None = None):
        super().__init__(message)
        self.param, self.status, self.code = param, status, code


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for.

    Attributes:
        before: the user's questions before this one, newest last.
        usage: whether a stream tells the usage at its end.
    """

    question: str
    before: tuple[str, ...]
    stream: bool
    usage: bool


def add_routes(api: FastAPI, services: Services) -> None:
    """Answers chat clients below `/v1`."""

    @api.exception_handler(RequestError)
    async def refuse(_: Request, error: RequestError) -> Response:
        return openai_error(error.status, str(error), param=error.param, code=error.code)

    @api.get("/v1/models", include_in_schema=False)
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(services)]}

    @api.get("/v1/models/{model:path}", include_in_schema=False)
    def one_model(model: str) -> dict[str, Any]:
        _check_model(model)
        return _model(services)

    @api.post("/v1/chat/completions", include_in_schema=False)
    async def complete(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except (ValueError, RecursionError) as error:
            raise RequestError("A request is a JSON object.", None) from error
        return await run_in_threadpool(answer, request, asked_in(body))

    def answer(request: Request, asked: Asked) -> Response:
        user = user_of(request)
        reply = services.ask(asked.question, None, user, door="openai", before=asked.before)
        written = written_of(reply.answer, str(request.base_url).rstrip("/"))
        frame = {
            "id": f"chatcmpl-{reply.id or os.urandom(8).hex()}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": MODEL,
        }
        if asked.stream:
            chunks = _chunks(frame, reply.answer, written, asked.usage)
            return StreamingResponse(chunks, media_type="text/event-stream")
        message = {
            "role": "assistant",
            "content": written.text,
            "refusal": reply.answer.reason,
            "annotations": list(written.annotations),
        }
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        said = {"choices": [choice], "usage": _NO_TOKENS, MODEL: reply.answer.to_dict()}
        return JSONResponse(frame | said)


def _model(services: Services) -> dict[str, Any]:
    changed = None
    with suppress(LibraryError):  # the notes are the model, also where there are none yet
        changed = services.library.summary()["changed"]
    made = int(datetime.fromisoformat(changed).timestamp()) if changed else 0
    return {"id": MODEL, "object": "model", "created": made, "owned_by": MODEL}


def _check_model(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise RequestError(f"A request names its model: {MODEL}.", "model")
    if name != MODEL:
        raise RequestError(
            f"There is no such model here: the only one is {MODEL}.",
            *("model", 404, "model_not_found"),
        )


def asked_in(body: Any) -> Asked:
    """Returns what a request, as JSON, asks for.

    Raises:
        RequestError: it has no question, or asks for what there is not.
    """
    if not isinstance(body, dict):
        raise RequestError("A request is a JSON object.", None)
    _check_model(body.get("model"))
    _check_promises(body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError("A request has a list of messages.", "messages")
    questions = [
        (number, _text(message.get("content"), number))
        for number, message in enumerate(messages)
        if _role(message, number) == "user"
    ]
    said = [n for n, message in enumerate(messages) if message["role"] not in _RULES]
    if not questions or questions[-1][0] != said[-1]:
        raise RequestError("The last message has to be the user's: the question.", "messages")
    *before, (_, question) = questions
    options = body.get("stream_options")
    usage = isinstance(options, dict) and options.get("include_usage") is True
    stream = body.get("stream") is True
    return Asked(question, tuple(text for _, text in before), stream, usage)


def _check_promises(body: Mapping[str, Any]) -> None:
    if body.get("n") not in (None, 1):
        raise RequestError("The notes give one answer: n is 1.", "n")
    if body.get("logprobs"):
        raise RequestError("There are no logprobs: nothing is generated.", "logprobs")
    if body.get("tool_choice") not in (None, "auto", "none"):
        raise RequestError("The notes call no tools: tool_choice is auto or none.", "tool_choice")
    form = body.get("response_format")
    if form is not None and not (isinstance(form, dict) and form.get("type") == "text"):
        raise RequestError(
            f"The answer is text; its parts are in the field {MODEL}, as JSON.", "response_format"
        )
    if body.get("modalities") not in (None, ["text"]):
        raise RequestError("The answer is text, and nothing else.", "modalities")


def _role(message: Any, number: int) -> str:
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(role, str):
        raise RequestError("A message is an object with a role.", f"messages.[{number}]")
    return role


def _text(content: Any, number: int) -> str:
    """Returns what a user's message says: a string, or parts of type text."""
    if isinstance(content, str):
        return content
    param = f"messages.[{number}].content"
    if not isinstance(content, list):
        raise RequestError("What a user says is a string, or a list of parts.", param)
    said = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        if not isinstance(text, str):
            raise RequestError("The notes are asked in text: no other part is read.", param)
        said.append(text)
    return "\n".join(said)


def _chunks(
    frame: Mapping[str, Any], answer: Answer, written: Written, usage: bool
) -> Iterator[str]:
    """Yields the events of a stream; its end has what a whole answer has beside its text."""
    frame = {**frame, "object": "chat.completion.chunk"}
    unused: dict[str, Any] = {"usage": None} if usage else {}

    def chunk(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**frame, "choices": [choice], **unused, **more})

    yield chunk({"role": "assistant", "content": ""})
    for part in written.parts:
        yield chunk({"content": part})
    if answer.reason is not None:
        yield chunk({"refusal": answer.reason})
    last = {"annotations": list(written.annotations)} if written.annotations else {}
    yield chunk(last, "stop", **{MODEL: answer.to_dict()})
    if usage:
        yield _event({**frame, "choices": [], "usage": _NO_TOKENS})
    yield "data: [DONE]\n\n"


def _event(said: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(said)}\n\n"  # in ASCII, so that no line end of a note ends a line
