"""The addresses by which the library is kept: its page, indexing, new files, jobs, health."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from rag import NoLibraryError
from ui import problems, schemas
from ui.guard import user_of
from ui.indexing import INDEX
from ui.jobs import BusyError, Job
from ui.pages import frame
from ui.pages.library import Doing, library_page
from ui.problems import HEALTH, INSIDER
from ui.readiness import Phase
from ui.services import Services
from ui.uploads import UploadError

REFRESH_SECONDS = 2
"""How often a page asks again while a job runs."""

JOB = {
    "description": "The job; `Location` says where to ask how far it is",
    "headers": {"Location": {"schema": {"type": "string"}}},
}
"""What the OpenAPI document says of an answer that comes before the work is done."""


def accepted(job: Job, **more: Any) -> Response:
    """Returns the answer to a request whose work is a job."""
    said = {**more, "job": job.to_dict()} if more else job.to_dict()
    headers = {"Location": f"/api/v1/jobs/{job.id}"}
    return JSONResponse(said, status_code=202, headers=headers)


def page_response(page: str, *, again: str = "", status: int = 200) -> Response:
    """Returns a page; `again` is the address that the browser asks for in a moment.

    By a header, since a page whose own words reload it fails WCAG's success criterion 2.2.1 for
    whoever checks it; each of these pages also has a link that keeps it still.
    """
    headers = {**frame.HEADERS, **({"Refresh": f"{REFRESH_SECONDS}; url={again}"} if again else {})}
    return HTMLResponse(page, status_code=status, headers=headers)


def name_of(request: Request) -> str | None:
    """Returns the name of who asks; None without sign-in."""
    user = user_of(request)
    return user.name if user else None


def add_routes(api: FastAPI, services: Services) -> None:
    """Adds them to an application."""
    add_health(api, services)
    add_pages(api, services)
    add_calls(api, services)


def add_health(api: FastAPI, services: Services) -> None:
    """Adds the address that says whether the notes can be asked."""
    unready = {
        "description": "The notes cannot be asked now: `status` and `detail` say why",
        "content": {
            HEALTH: {
                "schema": {
                    "type": "object",
                    "required": ["status", "detail"],
                    "properties": {
                        "status": {"enum": [p.value for p in Phase if p is not Phase.READY]},
                        "detail": {"type": "string"},
                        "share": {"type": "number"},
                    },
                }
            }
        },
    }

    @api.get(
        "/healthz",
        operation_id="health",
        summary="Say whether the notes can be asked",
        response_model=schemas.Health,
        responses={**problems.described(400), 503: unready},
    )
    def health(request: Request) -> Response:
        state = services.state()
        if state.phase is Phase.READY:
            said = {"status": state.phase.value, "generation": services.library.generation}
            return JSONResponse(said)
        insider = bool(request.scope.get(INSIDER))
        said = {"status": state.phase.value, "detail": state.words(insider)}
        share = {"share": round(state.at.share, 3)} if state.at else {}
        return JSONResponse({**said, **share}, status_code=503, media_type=HEALTH)


def add_pages(api: FastAPI, services: Services) -> None:
    """Adds the library's page, and what its forms do."""
    library, uploads = services.library, services.uploads

    def shown(request: Request, *, still: bool = False, alert: str = "", status: int = 200) -> Any:
        jobs = services.jobs
        job = jobs.current(INDEX)
        at = services.indexer.at
        doing = Doing(
            job=job,
            at=at,
            last=jobs.last(INDEX),
            folders=uploads.folders() if uploads.allowed else None,
            most_bytes=uploads.most_bytes,
            alert=alert,
            still=still,
        )
        visitor = frame.visitor_of(user_of(request))
        try:
            found, titles = library.status(), library.titles()
            page = library_page(found, titles, doing, visitor)
        except NoLibraryError:
            if not services.readiness.has_files():
                doing = replace(doing, last=None)  # that nothing was found is said already
            page = library_page(None, {}, doing, visitor, empty=services.state().words(True))
        moving = (job is not None or at is not None) and not still
        return page_response(page, again="/library" if moving else "", status=status)

    @api.get("/library", response_class=HTMLResponse, include_in_schema=False)
    def manifest(request: Request, still: bool = False) -> Response:
        response: Response = shown(request, still=still)
        return response

    @api.post("/library/index", include_in_schema=False)
    def index_now(request: Request) -> Response:
        try:
            services.indexer.start(by=name_of(request))
        except BusyError as error:
            response: Response = shown(request, alert=str(error), status=503)
            return response
        return RedirectResponse("/library", status_code=303)

    @api.post("/library/upload", include_in_schema=False)
    def drop_in(
        request: Request,
        file: Annotated[UploadFile, File()],
        folder: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            _keep(services, file, folder, name_of(request))
        except UploadError as error:
            response: Response = shown(request, alert=str(error), status=error.status)
            return response
        except BusyError as error:
            response = shown(request, alert=f"The file is kept, not indexed: {error}", status=503)
            return response
        return RedirectResponse("/library", status_code=303)


def add_calls(api: FastAPI, services: Services) -> None:
    """Adds what programs ask for."""

    @api.post(
        "/api/v1/index",
        operation_id="index",
        summary="Bring the library up to date with the notes, in a job",
        status_code=202,
        response_model=schemas.Job,
        responses={202: JOB, **problems.described(400, 401, 403, 413, 503)},
    )
    def index(request: Request) -> Response:
        return accepted(services.indexer.start(by=name_of(request)))

    @api.post(
        "/api/v1/upload",
        operation_id="upload",
        summary="Put a file among the notes, and index it in a job",
        status_code=202,
        response_model=schemas.Uploaded,
        responses={202: JOB, **problems.described(400, 401, 403, 409, 413, 422, 503)},
    )
    def upload(
        request: Request,
        file: Annotated[UploadFile, File(description="A file of notes")],
        folder: Annotated[str, Form(description="A folder among the notes; empty for theirs")] = "",
    ) -> Response:
        try:
            document, job = _keep(services, file, folder, name_of(request))
        except UploadError as error:
            return problems.problem(error.status, str(error))
        return accepted(job, document=document)

    @api.get(
        "/api/v1/jobs",
        operation_id="jobs",
        summary="List the jobs that are remembered, newest first",
        response_model=schemas.Jobs,
        responses=problems.described(400, 401, 403, 503),
    )
    def all_jobs() -> Response:
        return JSONResponse({"jobs": [job.to_dict() for job in services.jobs.all()]})

    @api.get(
        "/api/v1/jobs/{id}",
        operation_id="job",
        summary="Say how far a job is, or what it made",
        response_model=schemas.Job,
        responses=problems.described(400, 401, 403, 404, 503),
    )
    def one_job(id: str) -> Response:
        job = services.jobs.get(id)
        if job is None:
            raise HTTPException(404, "There is no such job, or it is forgotten.")
        return JSONResponse(job.to_dict())


def _keep(services: Services, file: UploadFile, folder: str, by: str | None) -> tuple[str, Job]:
    """Returns where a file is kept now, and the job that indexes it."""
    document = services.uploads.keep(file.filename or "", folder, file.file)
    about = f"{PurePosixPath(document).name} was added"
    return document, services.indexer.start(about=about, by=by)
