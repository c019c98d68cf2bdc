"""The addresses of coverage: its pages, and what programs ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, NoReturn
from urllib.parse import urlencode

from fastapi import Body, FastAPI, Form, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from rag import NotesQAError
from ui import problems, schemas
from ui.coverages import COVERAGE
from ui.evaluating import report_response
from ui.guard import user_of
from ui.hosts import may_begin
from ui.jobs import BusyError
from ui.pages import atlas, changes, coverage, frame
from ui.pages.gaps import Doing
from ui.pages.source import missing_page
from ui.pages.tables import Choice
from ui.problems import of_error
from ui.readiness import Phase
from ui.services import Services
from ui.spreadsheets import CSV, csv_response
from ui.upkeep import JOB, accepted, name_of, page_response

ERRORS = problems.described(400, 401, 403, 404, 409, 422, 503)

COLUMNS = ("id", "unit", "objective", "status", "confidence", "notes", "document", "location")
"""Of the table of objectives; the best quote comes last."""


def add_routes(api: FastAPI, services: Services) -> None:
    """Adds them to an application."""
    add_pages(api, services)
    add_map(api, services)
    add_calls(api, services)


def add_pages(api: FastAPI, services: Services) -> None:
    """Adds the pages, and what their forms do."""
    coverages, jobs = services.coverages, services.jobs

    def shown(request: Request, *, still: bool = False, alert: str = "", status: int = 200) -> Any:
        job = jobs.current(COVERAGE)
        state = services.state()
        page = coverage.coverage_page(
            coverages.syllabuses(),
            coverages.states(),
            coverage.Doing(job, jobs.last(COVERAGE), alert, still),
            frame.visitor_of(user_of(request)),
            folder=services.library.settings.question_sets,
            empty="" if state.phase is Phase.READY else state.words(True),
        )
        moving = job is not None and not still
        return page_response(page, again=coverage.HERE if moving else "", status=status)

    @api.get("/coverage", response_class=HTMLResponse, include_in_schema=False)
    def states_page(request: Request, still: bool = False) -> Response:
        response: Response = shown(request, still=still)
        return response

    @api.post("/coverage/run", include_in_schema=False)
    def judge(request: Request, objectives: Annotated[str, Form()]) -> Response:
        alert = "There are no such objectives."
        try:
            if coverages.start(objectives, by=name_of(request)):
                return RedirectResponse(coverage.HERE, status_code=303)
        except BusyError as error:
            alert = str(error)
        response: Response = shown(request, alert=alert, status=422)
        return response

    @api.post("/coverage/delete", include_in_schema=False)
    def delete_state(request: Request, name: Annotated[str, Form()]) -> Response:
        if coverages.delete(name):
            return RedirectResponse(coverage.HERE, status_code=303)
        response: Response = shown(request, alert="There is no such state.", status=404)
        return response

    @api.get("/coverage/state", response_class=HTMLResponse, include_in_schema=False)
    def state_page(
        request: Request,
        name: str = "",
        q: str = "",
        status: str = "",
        unit: str = "",
        sort: str = "",
    ) -> Response:
        try:
            found, state = coverages.coverage(name), coverages.listed(name)
        except NotesQAError as error:
            response: Response = shown(request, alert=str(error), status=409)
            return response
        if found is None or state is None:
            response = shown(request, alert="There is no such state.", status=404)
            return response
        chosen = {"status": status, "unit": unit, "q": q}
        choice = Choice(coverage.STATE, {"name": name}, chosen, sort)
        again = any(one.name == state.source for one in coverages.syllabuses())
        visitor = frame.visitor_of(user_of(request))
        return page_response(coverage.state_page(state, found, choice, visitor, again=again))

    @api.get("/coverage/changes", response_class=HTMLResponse, include_in_schema=False)
    def changes_page(
        request: Request, a: str = "", b: str = "", q: str = "", change: str = "", sort: str = ""
    ) -> Response:
        if not a or not b or a == b:
            said = "Choose two states: one as before, another as after."
            response: Response = shown(request, alert=said, status=422)
            return response
        try:
            found = coverages.changes(a, b)
        except NotesQAError as error:
            response = shown(request, alert=str(error), status=of_error(error, True).status_code)
            return response
        before, after = coverages.listed(a), coverages.listed(b)
        if found is None or before is None or after is None:
            response = shown(request, alert="One of these states is not there.", status=404)
            return response
        choice = Choice(changes.CHANGES, {"a": a, "b": b}, {"change": change, "q": q}, sort)
        visitor = frame.visitor_of(user_of(request))
        return page_response(changes.changes_page(before, after, found, choice, visitor))


def add_map(api: FastAPI, services: Services) -> None:
    """Adds the page of the map of a state, and what its form does."""
    coverages, insights = services.coverages, services.insights

    def drawn(request: Request, name: str, *, anew: bool = False, still: bool = False) -> Response:
        try:
            found, state = coverages.coverage(name), coverages.listed(name)
        except NotesQAError as error:
            return _told(request, str(error), 409)
        if found is None or state is None:
            return _told(request, "There is no such state.", 404)
        alert = ""
        job, failed = insights.map_job(name)
        first = may_begin(request.headers) and not (insights.map(name) or failed)
        if not job and (anew or first):
            try:
                insights.draw(name, found, by=name_of(request))
            except BusyError as error:
                alert = str(error)
        job, failed = insights.map_job(name, wait=not still)
        known = insights.map(name)
        doing = Doing(job, alert or ("" if known else failed), still)
        visitor = frame.visitor_of(user_of(request))
        page = atlas.map_page(state, known, doing, visitor, days=insights.days)
        moving = job is not None and not still
        return page_response(page, again=_at(name) if moving else "")

    @api.get("/coverage/map", response_class=HTMLResponse, include_in_schema=False)
    def map_page(request: Request, name: str = "", still: bool = False) -> Response:
        return drawn(request, name, still=still)

    @api.post("/coverage/draw", include_in_schema=False)
    def draw(request: Request, name: Annotated[str, Form()]) -> Response:
        made = drawn(request, name, anew=True)
        return made if made.status_code != 200 else RedirectResponse(_at(name), status_code=303)


def _at(name: str) -> str:
    return f"{coverage.MAP}?{urlencode({'name': name})}"


def _told(request: Request, said: str, status: int) -> Response:
    """Returns a page that says why something is not shown."""
    top = frame.ways(coverage.HERE, frame.visitor_of(user_of(request)))
    return page_response(missing_page(said, top=top), status=status)


def add_calls(api: FastAPI, services: Services) -> None:
    """Adds what programs ask for."""
    coverages, insights = services.coverages, services.insights

    @api.get(
        "/api/v1/objectives",
        operation_id="objectives",
        summary="List the files of objectives",
        response_model=schemas.ObjectivesFiles,
        responses=problems.described(400, 401, 403, 503),
    )
    def objectives() -> Response:
        found = [one.to_dict() for one in coverages.syllabuses()]
        return JSONResponse({"objectives": found})

    @api.post(
        "/api/v1/coverage",
        operation_id="start_coverage",
        summary="Judge objectives by the notes, in a job",
        status_code=202,
        response_model=schemas.Job,
        responses={202: JOB, **problems.described(400, 401, 403, 404, 413, 422, 503)},
    )
    def start(
        request: Request,
        objectives: Annotated[
            str, Body(embed=True, description="The name of a file of objectives")
        ],
    ) -> Response:
        job = coverages.start(objectives, by=name_of(request))
        return accepted(job) if job else _missing("file of objectives")

    @api.get(
        "/api/v1/coverage",
        operation_id="coverages",
        summary="List what was judged, newest first",
        response_model=schemas.Coverages,
        responses=problems.described(400, 401, 403, 503),
    )
    def states() -> Response:
        return JSONResponse({"coverage": [state.to_dict() for state in coverages.states()]})

    @api.get(
        "/api/v1/coverage/{name}",
        operation_id="coverage",
        summary="Say what the notes of one moment cover",
        response_model=schemas.Coverage,
        responses=ERRORS,
    )
    def one_state(name: str) -> Response:
        return JSONResponse((coverages.coverage(name) or _missing("state")).to_dict())

    @api.get(
        "/api/v1/coverage/{name}/csv",
        operation_id="coverage_csv",
        summary="Give what the notes of one moment cover as a table",
        response_class=Response,
        responses={200: CSV, **ERRORS},
    )
    def table(name: str) -> Response:
        found = coverages.coverage(name) or _missing("state")

        def rows() -> Iterator[tuple[object, ...]]:
            for item in found.found:
                best = next(iter(item.citations), None)
                yield (
                    *(item.objective.id, item.objective.unit, item.objective.text),
                    *(item.status.value, item.support.confidence, len(item.documents)),
                    *((best.document, best.location, best.quote) if best else ("", "", "")),
                )

        return csv_response(name, (*COLUMNS, "quote"), rows())

    @api.get(
        "/api/v1/coverage/{name}/report",
        operation_id="coverage_report",
        summary="Show what the notes of one moment cover as a page of its own",
        response_class=HTMLResponse,
        response_model=None,
        responses=ERRORS,
    )
    def report(name: str) -> Response:
        return report_response(insights.report(name) or _missing("state"), saves=True)

    @api.get(
        "/api/v1/coverage/{name}/changes",
        operation_id="coverage_changes",
        summary="Say what changed in the coverage since another moment",
        response_model=schemas.CoverageChanges,
        responses=ERRORS,
    )
    def since(
        name: str,
        since: Annotated[str, Query(description="The name of the state before")],
    ) -> Response:
        return JSONResponse((coverages.changes(since, name) or _missing("state")).to_dict())

    @api.delete(
        "/api/v1/coverage/{name}",
        operation_id="delete_coverage",
        summary="Delete what was judged at one moment for good",
        status_code=204,
        responses=ERRORS,
    )
    def delete(name: str) -> None:
        if not coverages.delete(name):
            _missing("state")


def _missing(what: str) -> NoReturn:
    raise HTTPException(404, f"There is no such {what}.")
