"""The addresses under /api/v1 that ask, search, read and judge: the command line's JSON over HTTP.

Evaluation, indexing and what else takes long are jobs, and elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from rag import LibraryError, Note, PlaceKind, QuestionError, Span, Verdict, place_of
from ui import problems, streams
from ui.guard import user_of
from ui.schemas import (
    Answer,
    Asked,
    Documents,
    Feedback,
    Found,
    Listing,
    Part,
    Searched,
    Source,
    Status,
)
from ui.services import Services

QUESTION = "Notesqa-Question"
"""The header that carries a question's id, under which a reader may say whether it helped."""

_ID = "The question's id, for feedback; left out where questions are not kept."

_MISSING = "The library holds no such document: GET /api/v1/documents lists those it holds."

_ERRORS = (400, 401, 403, 422, 503)
"""What every address here may answer with, beside what it is for."""


def add_routes(api: FastAPI, services: Services) -> None:
    """Adds them to an application."""
    library = services.library
    streams.add_routes(api, services)

    @api.post(
        "/api/v1/ask",
        operation_id="ask",
        summary="Answer a question with quotes, or say there is no answer",
        response_model=Answer,
        responses={
            200: {"headers": {QUESTION: {"description": _ID, "schema": {"type": "string"}}}},
            **problems.described(*_ERRORS, 413, 429),
        },
    )
    def ask(request: Request, asked: Asked) -> Response:
        user, within = user_of(request), asked.within
        reply = services.ask(asked.question, asked.turn(), user, door="api", within=within)
        headers = {QUESTION: reply.id} if reply.id else None
        return JSONResponse(reply.answer.to_dict(), headers=headers)

    @api.get(
        "/api/v1/search",
        operation_id="search",
        summary="List the passages nearest to a question",
        response_model=Found,
        responses=problems.described(*_ERRORS, 429),
    )
    def search(request: Request, searched: Annotated[Searched, Query()]) -> Response:
        services.pace(user_of(request))
        passages = library.search(searched.question, searched.k, within=searched.within)
        found = [passage.to_dict() for passage in passages]
        return JSONResponse({"question": searched.question, "passages": found})

    @api.get(
        "/api/v1/documents",
        operation_id="documents",
        summary="List the documents that can be asked",
        response_model=Documents,
        responses=problems.described(*_ERRORS),
    )
    def documents(listing: Annotated[Listing, Query()]) -> Response:
        kinds, place = library.place_kinds(), place_of(listing.within)
        found = [
            _named(path, title, kinds[path])
            for path, title in library.titles().items()
            if path in kinds and f"{path}/".startswith(f"{place}/" if place else "")
        ]
        if place and not found:
            raise QuestionError("No note lies there: GET /api/v1/documents lists all of them.")
        return JSONResponse({"documents": found})

    @api.get(
        "/api/v1/documents/{document:document}",
        operation_id="document",
        summary="Read a document, or the part between two characters, and the name of its place",
        response_model=Source,
        responses=problems.described(*_ERRORS, 404),
    )
    def document(document: str, part: Annotated[Part, Query()]) -> Response:
        try:
            note = library.note(document)
        except LibraryError:
            if document in library.titles():
                raise
            return problems.problem(404, _MISSING)
        end = len(note.text) if part.end is None else part.end
        if not part.start <= end <= len(note.text):
            return problems.problem(
                422,
                f"The document has {len(note.text)} characters: start and end have to lie within, "
                "the end not before the start.",
            )
        return JSONResponse(_part(note, Span(part.start, end)))

    @api.get(
        "/api/v1/status",
        operation_id="status",
        summary="Say what is indexed, what was skipped and why; for instructors",
        response_model=Status,
        responses=problems.described(*_ERRORS),
    )
    def status() -> Response:
        return JSONResponse(library.status())

    @api.post(
        "/api/v1/feedback",
        operation_id="feedback",
        summary="Say whether an answer helped",
        status_code=204,
        responses=problems.described(*_ERRORS, 404, 413, 429),
    )
    def feedback(request: Request, said: Feedback) -> Response:
        verdict = Verdict(said.verdict) if said.verdict else None
        user = user_of(request)
        services.pace(user)
        name = user.name if user else None
        if not services.questions.judge(said.question, verdict, said.reason, name):
            return problems.problem(404, "No question of yours is kept under this id.")
        return Response(status_code=204)


def _named(path: str, title: str, kind: PlaceKind) -> dict[str, Any]:
    folder, _, _ = path.rpartition("/")
    return {"path": path, "title": title, "folder": folder, "places": kind.value}


def _part(note: Note, span: Span) -> Mapping[str, Any]:
    """Returns a part of a document, and where it is."""
    listed = note.places.within(span).listed
    return {
        **_named(note.document, note.title, note.places.kind),
        "characters": len(note.text),
        "start": span.start,
        "end": span.end,
        "location": note.place(span),
        "text": span.of(note.text),
        "listed": [{"start": place.start, "name": place.name} for place in listed],
    }
