"""The addresses of the audit: its page, and what programs ask for."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from ui import problems, schemas
from ui.guard import user_of
from ui.hosts import may_begin
from ui.jobs import BusyError
from ui.looking import BEGINS_NOT, ERRORS, WORKING, nothing_there, when
from ui.pages import audit, frame
from ui.pages.gaps import Doing
from ui.pages.tables import Choice
from ui.services import Services
from ui.spreadsheets import CSV, csv_response
from ui.upkeep import JOB, accepted, name_of, page_response


def add_routes(api: FastAPI, services: Services) -> None:
    """Adds them to an application."""
    add_pages(api, services)
    add_calls(api, services)


def add_pages(api: FastAPI, services: Services) -> None:
    """Adds the page of the audit, and what its form does."""
    insights = services.insights

    def shown(
        request: Request, choice: Choice, *, still: bool = False, alert: str = "", status: int = 200
    ) -> Any:
        known, empty = insights.audit(), nothing_there(services)
        job, failed = insights.audit_job(wait=known is None)
        known = insights.audit()
        page = audit.audit_page(
            *(known, choice, Doing(job, alert or ("" if known else failed), still)),
            frame.visitor_of(user_of(request)),
            empty=empty,
        )
        moving = job is not None and not still
        return page_response(page, again=audit.HERE if moving else "", status=status)

    @api.get("/audit", response_class=HTMLResponse, include_in_schema=False)
    def audit_page(request: Request, kind: str = "", q: str = "", still: bool = False) -> Response:
        choice = Choice(audit.HERE, {}, {"kind": kind, "q": q})
        response: Response = shown(request, choice, still=still)
        return response

    @api.post("/audit/look", include_in_schema=False)
    def look(request: Request) -> Response:
        try:
            insights.look_at_notes(by=name_of(request))
        except BusyError as error:
            choice = Choice(audit.HERE, {}, {"kind": "", "q": ""})
            response: Response = shown(request, choice, alert=str(error), status=503)
            return response
        return RedirectResponse(audit.HERE, status_code=303)


def add_calls(api: FastAPI, services: Services) -> None:
    """Adds what programs ask of the audit."""
    insights = services.insights

    @api.get(
        "/api/v1/audit",
        operation_id="audit",
        summary="Say what in the notes deserves a closer look",
        response_model=schemas.Audit,
        responses={202: WORKING, **problems.described(400, 401, 403, 503)},
    )
    def whole(request: Request) -> Response:
        known = insights.audit()
        if known is None:
            job, failed = insights.audit_job()
            if failed and not job:
                return problems.problem(503, failed)
            if not job and not may_begin(request.headers):
                return problems.problem(403, BEGINS_NOT)
            return accepted(job or insights.look_at_notes(name_of(request)))
        return JSONResponse({**known.found.to_dict(), **when(known)})

    @api.post(
        "/api/v1/audit",
        operation_id="look_at_notes",
        summary="Look at the notes anew, in a job",
        status_code=202,
        response_model=schemas.Job,
        responses={202: JOB, **problems.described(400, 401, 403, 413, 503)},
    )
    def look(request: Request) -> Response:
        return accepted(insights.look_at_notes(by=name_of(request)))

    @api.get(
        "/api/v1/audit/{kind}/csv",
        operation_id="audit_csv",
        summary="Give the findings of a kind as a table",
        response_class=Response,
        responses={200: CSV, **ERRORS},
    )
    def table(kind: str) -> Response:
        from eval import audit_tables

        known = insights.audit()
        if known is None or kind not in audit.KINDS:
            raise HTTPException(404, "There are no such findings yet: POST /api/v1/audit looks.")
        header, *rows = audit_tables(known.found)[kind]
        return csv_response(f"audit-{kind}", header, rows)
