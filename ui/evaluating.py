"""The addresses of evaluation: its pages, and what programs ask for."""

from __future__ import annotations

import re
from typing import Annotated, Any, NoReturn

from fastapi import Body, FastAPI, Form, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse

from rag import NotesQAError
from ui import problems, schemas
from ui.evaluations import EVALUATION, SCORES
from ui.guard import user_of
from ui.jobs import BusyError
from ui.pages import evaluation, frame
from ui.problems import of_error
from ui.services import Services
from ui.upkeep import JOB, accepted, name_of, page_response

ERRORS = problems.described(400, 401, 403, 404, 409, 422, 503)

RunName = Annotated[str, Query(description="The name of a run")]

_SCRIPT = re.compile(r"script-src ('sha256-[\w+/=]+')")


def add_routes(api: FastAPI, services: Services) -> None:
    """Adds them to an application."""
    add_pages(api, services)
    add_calls(api, services)


def report_response(page: str, *, saves: bool = False) -> Response:
    """Returns a report, which may run the one script that its own head names, and nothing else.

    It is shown as if from another origin, so that its script reaches nothing of this one.

    Args:
        saves: whether the script may hand over files to be kept.
    """
    named = _SCRIPT.search(page)  # in the head, before anything from notes
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {named[1] if named else ''}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts"
        f"{' allow-downloads' if saves else ''}"
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": policy})


def add_pages(api: FastAPI, services: Services) -> None:
    """Adds the pages, and what their forms do."""
    evaluations, jobs = services.evaluations, services.jobs

    def shown(request: Request, *, still: bool = False, alert: str = "", status: int = 200) -> Any:
        job = jobs.current(EVALUATION) or jobs.current(SCORES)
        page = evaluation.evaluation_page(
            evaluations.sets(),
            evaluations.runs(),
            evaluation.Doing(job, jobs.last(EVALUATION), alert, still),
            frame.visitor_of(user_of(request)),
            services.library.settings.question_sets,
        )
        moving = job is not None and not still
        return page_response(page, again="/evaluation" if moving else "", status=status)

    @api.get("/evaluation", response_class=HTMLResponse, include_in_schema=False)
    def runs_page(request: Request, still: bool = False) -> Response:
        alert = ""
        try:
            evaluations.score_all()
        except BusyError as error:
            alert = str(error)
        response: Response = shown(request, still=still, alert=alert)
        return response

    @api.post("/evaluation/run", include_in_schema=False)
    def run_set(request: Request, chosen: Annotated[str, Form(alias="set")]) -> Response:
        questions, split = evaluation.choice_of(chosen)
        alert = "There is no such question set, or no such split of it."
        try:
            if evaluations.start(questions, split, by=name_of(request)):
                return RedirectResponse("/evaluation", status_code=303)
        except BusyError as error:
            alert = str(error)
        response: Response = shown(request, alert=alert, status=422)
        return response

    @api.post("/evaluation/delete", include_in_schema=False)
    def delete_run(request: Request, run: Annotated[str, Form()]) -> Response:
        if evaluations.delete(run):
            return RedirectResponse("/evaluation", status_code=303)
        response: Response = shown(request, alert="There is no such run.", status=404)
        return response

    @api.get("/evaluation/comparison", response_class=HTMLResponse, include_in_schema=False)
    def comparison_page(request: Request, a: str = "", b: str = "") -> Response:
        if not a or not b or a == b:
            said = "Choose two runs: one as before, another as after."
            response: Response = shown(request, alert=said, status=422)
            return response
        try:
            found = evaluations.comparison(a, b)
        except NotesQAError as error:
            response = shown(request, alert=str(error), status=of_error(error, True).status_code)
            return response
        if found is None:
            response = shown(request, alert="One of these runs is not there.", status=404)
            return response
        visitor = frame.visitor_of(user_of(request))
        return page_response(evaluation.comparison_page(a, b, found, visitor))


def add_calls(api: FastAPI, services: Services) -> None:
    """Adds what programs ask for."""
    evaluations = services.evaluations

    @api.get(
        "/api/v1/question-sets",
        operation_id="question_sets",
        summary="List the question sets, with their splits",
        response_model=schemas.QuestionSets,
        responses=problems.described(400, 401, 403, 503),
    )
    def question_sets() -> Response:
        return JSONResponse({"question_sets": [found.to_dict() for found in evaluations.sets()]})

    @api.post(
        "/api/v1/runs",
        operation_id="start_run",
        summary="Ask a question set in a job, and score the run",
        status_code=202,
        response_model=schemas.Job,
        responses={202: JOB, **problems.described(400, 401, 403, 404, 413, 422, 503)},
    )
    def start(
        request: Request,
        questions: Annotated[str, Body(description="The name of a question set")],
        split: Annotated[str | None, Body(description="A split of it; all of it without")] = None,
    ) -> Response:
        job = evaluations.start(questions, split, by=name_of(request))
        return accepted(job) if job else _missing("question set, or no such split of it")

    @api.get(
        "/api/v1/runs",
        operation_id="runs",
        summary="List the runs, with what they are worth",
        response_model=schemas.Runs,
        responses=problems.described(400, 401, 403, 503),
    )
    def runs() -> Response:
        return JSONResponse({"runs": [run.to_dict() for run in evaluations.runs()]})

    @api.get(
        "/api/v1/runs/{name}",
        operation_id="run",
        summary="Say what a run is worth",
        response_model=schemas.Scores,
        responses=ERRORS,
    )
    def scores(name: str) -> Response:
        found = evaluations.scores(name)
        return JSONResponse(found) if found is not None else _missing("run")

    @api.get(
        "/api/v1/runs/{name}/report",
        operation_id="run_report",
        summary="Show a run as a page of its own",
        response_class=HTMLResponse,
        response_model=None,
        responses=ERRORS,
    )
    def report(name: str) -> Response:
        return report_response(evaluations.report(name) or _missing("run"))

    @api.get(
        "/api/v1/runs/{name}/file",
        operation_id="run_file",
        summary="Give the file of a run",
        response_class=FileResponse,
        responses={
            200: {
                "description": "The run file",
                "content": {"application/jsonl": {"schema": {"type": "string"}}},
            },
            **ERRORS,
        },
    )
    def file(name: str) -> Response:
        found = evaluations.file(name) or _missing("run")
        return FileResponse(found, media_type="application/jsonl", filename=found.name)

    @api.delete(
        "/api/v1/runs/{name}",
        operation_id="delete_run",
        summary="Delete a run for good",
        status_code=204,
        responses=ERRORS,
    )
    def delete(name: str) -> None:
        if not evaluations.delete(name):
            _missing("run")

    @api.get(
        "/api/v1/comparisons",
        operation_id="compare",
        summary="Say what changed from one run to another",
        response_model=schemas.Comparison,
        responses=ERRORS,
    )
    def comparison(a: RunName, b: RunName) -> Response:
        found = evaluations.comparison(a, b) or _missing("run")
        return JSONResponse({**found.to_dict(), "a": a, "b": b})

    @api.get(
        "/api/v1/comparisons/report",
        operation_id="comparison_report",
        summary="Show a run as a page that begins with what changed since another",
        response_class=HTMLResponse,
        response_model=None,
        responses=ERRORS,
    )
    def comparison_report(a: RunName, b: RunName) -> Response:
        return report_response(evaluations.comparison_report(a, b) or _missing("run"))


def _missing(what: str) -> NoReturn:
    raise HTTPException(404, f"There is no such {what}.")
