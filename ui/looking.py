"""The addresses of gaps: their pages, and what programs ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from fastapi import FastAPI, Form, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from rag import LibraryError, NotesQAError
from ui import problems, schemas
from ui.guard import user_of
from ui.hosts import may_begin
from ui.jobs import BusyError, Job
from ui.kept import Made
from ui.pages import frame, gap, gaps
from ui.pages.evaluation import choice_of
from ui.pages.gaps import Doing
from ui.pages.tables import Choice
from ui.problems import of_error
from ui.readiness import Phase
from ui.services import Services
from ui.spreadsheets import CSV, csv_response
from ui.upkeep import JOB, accepted, name_of, page_response

if TYPE_CHECKING:
    from eval import Accepted

MOST_DAYS = 36_500
"""As many as the setting `log_days` allows."""

ERRORS = problems.described(400, 401, 403, 404, 409, 413, 422, 503)

Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="Of the last so many days")]

FormDays = Annotated[int, Form(ge=1, le=MOST_DAYS)]

BEGINS_NOT = "A link of another site begins no work: open this page from here."

GONE = "There is no such gap now: it may have closed, or too few people asked."

WORKING = {"model": schemas.Job, **JOB, "description": "The job that finds it out; ask again then"}

NOBODY = (
    "Nobody has asked yet. Questions from the page, the API and the command line are kept on this "
    "machine, and what the notes did not answer is shown here."
)

NOT_KEPT = (
    "Questions are not kept: set log_questions = true in notesqa.toml, and what the notes do not "
    "answer is shown here."
)


def add_routes(api: FastAPI, services: Services) -> None:
    """Adds them to an application."""
    add_gap_pages(api, services)
    add_one_gap_pages(api, services)
    add_gap_calls(api, services)


def add_gap_pages(api: FastAPI, services: Services) -> None:
    """Adds the page of all gaps, and what its form does."""
    insights = services.insights
    most = services.library.settings.log_days

    @api.get("/gaps", response_class=HTMLResponse, include_in_schema=False)
    def gaps_page(
        request: Request,
        days: Days = most,
        cause: str = "",
        q: str = "",
        sort: str = "",
        still: bool = False,
    ) -> Response:
        alert = ""
        begins = may_begin(request.headers)
        if begins and not (
            insights.gaps(days) or _nothing_asked(services) or any(insights.gaps_job(days))
        ):
            try:
                insights.look_for_gaps(days, by=name_of(request))
            except BusyError as error:
                alert = str(error)
        choice = Choice(gaps.HERE, {"days": str(days)}, {"cause": cause, "q": q}, sort)
        return _all(services, request, choice, still=still, alert=alert)

    @api.post("/gaps/look", include_in_schema=False)
    def look(request: Request, days: FormDays) -> Response:
        try:
            insights.look_for_gaps(days, by=name_of(request))
        except BusyError as error:
            return _all(services, request, _every(days), alert=str(error), status=503)
        return RedirectResponse(f"{gaps.HERE}?days={days}", status_code=303)


def add_one_gap_pages(api: FastAPI, services: Services) -> None:
    """Adds the page of one gap, and what its forms do."""
    insights = services.insights
    most = services.library.settings.log_days

    @api.get("/gaps/group", response_class=HTMLResponse, include_in_schema=False)
    def gap_page(request: Request, id: str = "", days: Days = most, still: bool = False) -> Any:
        return _one(services, request, id, days, still=still)

    @api.post("/gaps/ask", include_in_schema=False)
    def ask_again(request: Request, id: Annotated[str, Form()], days: FormDays) -> Any:
        found = insights.gap(days, id)
        if found is None:
            return _one(services, request, id, days)
        try:
            insights.ask_again(found, by=name_of(request))
        except BusyError as error:
            return _one(services, request, id, days, alert=str(error), status=503)
        return RedirectResponse(f"{gaps.group_address(id, str(days))}#again", status_code=303)

    @api.post("/gaps/accept", include_in_schema=False)
    def accept(
        request: Request,
        id: Annotated[str, Form()],
        days: FormDays,
        chosen: Annotated[str, Form(alias="set")],
        question: Annotated[list[str] | None, Form()] = None,
    ) -> Any:
        known = insights.reasked(id)
        if known is None:
            return _one(services, request, id, days, alert="Ask again first.", status=422)
        if not question:
            said = "Nothing was chosen: mark the questions whose quote answers."
            return _one(services, request, id, days, alert=said, status=422)
        if insights.gap(days, id) is None:
            return _one(services, request, id, days)
        name, split = choice_of(chosen)
        try:
            joined = insights.accept(known.found, name, question, split or "")
        except NotesQAError as error:
            status = of_error(error, True).status_code
            return _one(services, request, id, days, alert=str(error), status=status)
        if joined is None:
            said = "There is no such question set."
            return _one(services, request, id, days, alert=said, status=422)
        return _one(services, request, id, days, joined=joined)


def _every(days: int) -> Choice:
    return Choice(gaps.HERE, {"days": str(days)}, {"cause": "", "q": ""})


def _all(
    services: Services,
    request: Request,
    choice: Choice,
    *,
    still: bool = False,
    alert: str = "",
    status: int = 200,
) -> Response:
    """Returns the page of all gaps."""
    insights, days = services.insights, int(choice.fixed["days"])
    job, failed = insights.gaps_job(days, wait=insights.gaps(days) is None)
    known = insights.gaps(days)
    page = gaps.gaps_page(
        *(known, choice, Doing(job, alert or ("" if known else failed), still)),
        frame.visitor_of(user_of(request)),
        most_days=services.library.settings.log_days,
        empty=_nothing_asked(services),
    )
    again = f"{gaps.HERE}?days={days}" if job is not None and not still else ""
    return page_response(page, again=again, status=status)


def _one(
    services: Services,
    request: Request,
    id_: str,
    days: int,
    *,
    still: bool = False,
    alert: str = "",
    joined: Accepted | None = None,
    status: int = 200,
) -> Response:
    """Returns the page of one gap; that of all, and why, where there is none of that id."""
    insights = services.insights
    found = insights.gap(days, id_)
    if found is None:
        return _all(services, request, _every(days), alert=GONE, status=404)
    job, failed = insights.asking_job(id_, wait=not still)
    page = gap.gap_page(
        *(found, str(days), Doing(job, alert or failed, still)),
        frame.visitor_of(user_of(request)),
        reasked=insights.reasked(id_),
        sets=services.reviews.sets(),
        accepted=joined,
    )
    again = gaps.group_address(id_, str(days)) if job is not None and not still else ""
    return page_response(page, again=again, status=status)


def add_gap_calls(api: FastAPI, services: Services) -> None:
    """Adds what programs ask of gaps."""
    insights = services.insights
    most = services.library.settings.log_days

    def working(request: Request, job: Job | None, failed: str, start: Any) -> Response:
        """Returns the answer while something is found out; it is begun where nobody did."""
        if not job and not may_begin(request.headers):
            return problems.problem(403, BEGINS_NOT)
        if failed and not job:
            return problems.problem(503, failed)
        return accepted(job or start())

    @api.get(
        "/api/v1/gaps",
        operation_id="gaps",
        summary="Say what people asked and the notes did not answer",
        response_model=schemas.Gaps,
        responses={202: WORKING, **problems.described(400, 401, 403, 422, 503)},
    )
    def all_gaps(request: Request, days: Days = most) -> Response:
        known = insights.gaps(days)
        if known is None:
            job, failed = insights.gaps_job(days)
            return working(
                request, job, failed, lambda: insights.look_for_gaps(days, name_of(request))
            )
        return JSONResponse({**known.found.to_dict(), **when(known)})

    @api.post(
        "/api/v1/gaps",
        operation_id="look_for_gaps",
        summary="Look for gaps anew, in a job",
        status_code=202,
        response_model=schemas.Job,
        responses={202: JOB, **problems.described(400, 401, 403, 413, 422, 503)},
    )
    def look(request: Request, days: Days = most) -> Response:
        return accepted(insights.look_for_gaps(days, by=name_of(request)))

    @api.get(
        "/api/v1/gaps/csv",
        operation_id="gaps_csv",
        summary="Give the gaps as a table",
        response_class=Response,
        responses={200: CSV, 202: WORKING, **problems.described(400, 401, 403, 422, 503)},
    )
    def table(request: Request, days: Days = most) -> Response:
        known = insights.gaps(days)
        if known is None:
            job, failed = insights.gaps_job(days)
            return working(
                request, job, failed, lambda: insights.look_for_gaps(days, name_of(request))
            )

        header, *rows = known.found.rows()
        return csv_response("gaps", header, rows)

    @api.get(
        "/api/v1/gaps/{id}",
        operation_id="gap",
        summary="Show one gap, with its wordings",
        response_model=schemas.Gap,
        responses=ERRORS,
    )
    def one_gap(id: str, days: Days = most) -> Response:
        return JSONResponse((insights.gap(days, id) or _missing("gap")).to_dict())

    @api.post(
        "/api/v1/gaps/{id}/answers",
        operation_id="ask_gap",
        summary="Ask the questions of a gap again, in a job",
        status_code=202,
        response_model=schemas.Job,
        responses={202: JOB, **ERRORS},
    )
    def ask_again(request: Request, id: str, days: Days = most) -> Response:
        found = insights.gap(days, id) or _missing("gap")
        return accepted(insights.ask_again(found, by=name_of(request)))

    @api.get(
        "/api/v1/gaps/{id}/answers",
        operation_id="gap_answers",
        summary="Say what the questions of a gap got when they were asked again",
        response_model=schemas.Reasked,
        responses=ERRORS,
    )
    def answers(id: str, days: Days = most) -> Response:
        if insights.gap(days, id) is None:
            _missing("gap")
        known = insights.reasked(id)
        if known is None:
            raise HTTPException(404, "It was not asked again yet: POST does.")
        return JSONResponse({**known.found.to_dict(), **when(known)})


def when(known: Made[Any]) -> dict[str, Any]:
    """Returns the JSON form of when something was found out, and whether it still holds."""
    return {"made": known.at.isoformat(timespec="seconds"), "stale": known.stale}


def _nothing_asked(services: Services) -> str:
    """Returns why there is nothing to look for gaps in; nothing where there is something."""
    if nothing := nothing_there(services):
        return nothing
    try:
        if services.questions.count():
            return ""
    except LibraryError as error:
        return str(error)
    return NOBODY if services.questions.on else NOT_KEPT


def nothing_there(services: Services) -> str:
    """Returns why there are no notes to look at; nothing where there are some."""
    state = services.state()
    return "" if state.phase is Phase.READY else state.words(True)


def _missing(what: str) -> NoReturn:
    raise HTTPException(404, f"There is no such {what}.")
