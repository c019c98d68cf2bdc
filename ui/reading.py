"""The addresses where notes are read: their list, one note, and a page of a PDF as a picture.

Notes are read, and pages drawn, by threads of their own, so that however many ask for them, no
question waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.convertors import PathConvertor, register_url_convertor

from rag import DocumentError, Library, LibraryError, NoLibraryError, Note, QuestionLog, Span
from ui.dressing import CHECKED
from ui.guard import user_of
from ui.pages import notes, source
from ui.pages.frame import HEADERS, is_beside, visitor_of, ways
from ui.pages.sheets import Sheet, Sheets
from ui.pages.source import Asked, Cited
from ui.problems import problem
from ui.services import Services
from ui.within import hits, located

MOST_CHARS = 2**53
"""Beyond any offset in a note, within every JSON reader."""

THREADS = 2
"""That read."""

MOST_WAITING = 200
"""Requests that wait for one of the threads; one more is told to come back."""

MOST_DRAWINGS = 5
"""Pages of PDFs that are drawn or wait for it, one at a time; each may take seconds."""

PATIENCE = 2.0
"""Seconds that a note waits for its pages to be drawn; most take less than one."""

MOST_SHEETS = 3
"""Pages that are shown as pictures where the cited words run over several."""

MOST_SPOTS = 300
"""Cited places, the most cited first, that are looked for in a note."""

Offset = Annotated[int, Query(ge=0, le=MOST_CHARS)]
Made = TypeVar("Made")

logger = logging.getLogger(__name__)


class DocumentConvertor(PathConvertor):
    """A path whose names may hold line ends, as files' names may."""

    regex = r"[\s\S]*"


register_url_convertor("document", DocumentConvertor())


class Readers:
    """Threads that take turns."""

    def __init__(self, name: str, threads: int, most: int) -> None:
        """Args: `most` is how many may wait or be served."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = most
        self._waiting = 0

    async def do(self, call: Callable[[], Made]) -> Made | None:
        """Returns what a call returns; None, and nothing is called, where too many wait."""
        if self._waiting >= self._most:
            return None
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        finally:
            self._waiting -= 1


def add_routes(api: FastAPI, services: Services) -> None:
    """Adds the addresses to an application."""
    library, questions = services.library, services.questions
    reading = Readers("reading", THREADS, MOST_WAITING)
    drawing = Readers("drawing", 1, MOST_DRAWINGS)
    tasks: set[asyncio.Task[Any]] = set()  # else nobody holds them

    @api.get("/notes", response_class=HTMLResponse, include_in_schema=False)
    async def all_notes(request: Request, q: str = "") -> Response:
        def made() -> Response:
            visitor = visitor_of(user_of(request))
            cited = times_cited(questions) if visitor.looks else None
            try:
                titles = library.titles()
            except NoLibraryError:
                return _page(notes.empty_page(services.state().words(visitor.looks), visitor))
            return _page(notes.notes_page(titles, q, cited, visitor=visitor))

        return _said(await reading.do(made))

    @api.get("/source/", response_class=HTMLResponse, include_in_schema=False)
    def no_source() -> Response:
        return _page(source.empty_page())

    @api.get("/source/{document:document}", response_class=HTMLResponse, include_in_schema=False)
    async def one_source(
        request: Request,
        document: str,
        start: Offset = 0,
        end: Offset = 0,
        words: str = "",
        q: str = "",
        page: Offset = 0,
        cited: str = "",
    ) -> Response:
        asked = Asked(
            *(Span(start, end) if end > start else None, words, q, bool(cited)),
            framed=is_beside(request.scope),
        )
        visitor = visitor_of(user_of(request))
        log = questions if visitor.looks and not asked.framed else None
        tried: dict[int, Sheet] = {}
        if document.lower().endswith(".pdf"):
            draw = partial(_draw, library, document, asked, page)
            known = await reading.do(partial(draw, drawn=True))
            if known and any(sheet.waits for sheet in known.values()):
                task = asyncio.create_task(drawing.do(draw))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                done, _ = await asyncio.wait([task], timeout=PATIENCE)
                tried = (task.result() if done else None) or {}
        made = partial(_source, library, log, document, asked, page, visitor, tried)
        return _said(await reading.do(made))

    @api.get("/page/{document:document}", response_class=Response, include_in_schema=False)
    async def one_page(request: Request, document: str, n: Offset) -> Response:
        picture = partial(_picture, library, document, n, request.headers.get("if-none-match"))
        # What was drawn need not wait for what is being drawn.
        known = await reading.do(partial(picture, drawn=True))
        return _said(known or await drawing.do(picture))


def times_cited(questions: QuestionLog) -> Counter[str] | None:
    """Returns how often answers cited each document; None where the log cannot be read."""
    counts: Counter[str] = Counter()
    try:
        for spot, times in questions.cited():
            counts[spot.document] += times
    except LibraryError as error:
        logger.warning("How often notes were cited is not shown: %s", error)
        return None
    return counts


def passages_cited(questions: QuestionLog, note: Note) -> Cited | None:
    """Returns what answers cited of a note, each where it is now; None as `times_cited`."""
    counts: Counter[Span] = Counter()
    gone = 0
    try:
        spots = questions.cited(note.document)
    except LibraryError as error:
        logger.warning("What was cited is not shown: %s", error)
        return None
    for spot, times in spots[:MOST_SPOTS]:
        found = located(note.text, spot.span, spot.words) if spot.span else None
        if found:
            counts[found] += times
        else:
            gone += times
    return Cited(tuple(counts.most_common()), gone)


def _source(
    library: Library,
    log: QuestionLog | None,
    document: str,
    asked: Asked,
    page: int,
    visitor: Any,
    tried: Mapping[int, Sheet],
) -> Response:
    """Returns the page of a note; `tried` are the sheets that were drawn for it just now."""
    try:
        note = library.note(document)
    except LibraryError:
        if document in library.titles():
            raise
        top = "" if asked.framed else ways("/source", visitor)
        said = _why_not(library, document)
        return _page(source.missing_page(said, title="Not in the library", top=top), 404)
    found = _found(note, asked)
    places = hits(note.text, asked.query)
    sheets = None
    if document.lower().endswith(".pdf"):
        first = next(iter(places[0]), None)
        shown = [
            _sheet(library, document, n, found or _first_on(note, places[0], n))
            for n in _numbers(note, found or first, page)
        ]
        shown = [tried.get(one.number, one) if one.waits else one for one in shown]
        sheets = Sheets(tuple(shown), int(note.places.listed[-1].name))
    return _page(
        source.source_page(
            *(note, asked, found, places),
            visitor=visitor,
            code=library.code_spans(document),
            sheets=sheets,
            cited=passages_cited(log, note) if log else None,
        )
    )


def _why_not(library: Library, document: str) -> str:
    """Returns why a document is not in the library, in a line."""
    with suppress(LibraryError):
        for item in library.status()["skipped"]:
            if item["document"] == document:
                return f"{document} was skipped ({item['reason']}): {item['message']}"
    return f"There is no note {document} in the library."


def _draw(
    library: Library, document: str, asked: Asked, page: int, *, drawn: bool = False
) -> dict[int, Sheet]:
    """Returns the pages that `_source` shows, without what is marked on them.

    Args:
        drawn: whether only those that were drawn before.
    """
    try:
        note = library.note(document)
        first = next(iter(hits(note.text, asked.query)[0]), None)
        numbers = _numbers(note, _found(note, asked) or first, page)
        return {n: _sheet(library, document, n, None, drawn=drawn) for n in numbers}
    except LibraryError:  # which is told where the note is shown
        return {}


def _found(note: Note, asked: Asked) -> Span | None:
    return located(note.text, asked.span, asked.words) if asked.span else None


def _numbers(note: Note, found: Span | None, page: int) -> list[int]:
    """Returns which pages are shown: the one asked for, else those of the words, else the first."""
    if page:
        return [page]
    if not found:
        return [1]
    touched = note.places.within(found).listed
    return [int(place.name) for place in touched[:MOST_SHEETS]]


def _first_on(note: Note, spans: Sequence[Span], number: int) -> Span | None:
    """Returns the first of some spans that touches a page."""
    name = str(number)
    return next((s for s in spans if name in {p.name for p in note.places.within(s).listed}), None)


def _sheet(
    library: Library, document: str, number: int, found: Span | None, *, drawn: bool = True
) -> Sheet:
    try:
        return Sheet(number, library.page_picture(document, number, found, drawn=drawn))
    except DocumentError as error:
        if error.reason == "not drawn":
            return Sheet(number, waits=True)
        return Sheet(number, problem=str(error))


def _picture(
    library: Library, document: str, number: int, known: str | None, *, drawn: bool = False
) -> Response | None:
    """Returns the answer; None where the page has to be `drawn` and is not."""
    try:
        picture = library.page_picture(document, number, drawn=drawn)
    except DocumentError as error:
        if error.reason == "not drawn":
            return None
        return problem(404, f"There is no picture: {error}.")
    except LibraryError:
        if document in library.titles():
            raise
        return problem(404, "There is no such note.")
    headers = {"ETag": f'"{picture.version}"', "Cache-Control": CHECKED}
    if known == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(picture.data, media_type="image/png", headers=headers)


def _said(made: Response | None) -> Response:
    """Returns what was made, else the answer to one too many."""
    busy = {"Retry-After": "2"}
    return made or problem(503, "Too many ask at once: ask again in a moment.", busy)


def _page(said: str, status: int = 200) -> Response:
    return HTMLResponse(said, status_code=status, headers=HEADERS)
