"""The addresses of the page on which proposed questions are looked at."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from rag import NoLibraryError, NotesQAError
from ui.guard import user_of
from ui.jobs import BusyError
from ui.pages import frame, proposals
from ui.pages.evaluation import choice_of
from ui.problems import of_error
from ui.reviews import PROPOSING
from ui.services import Services
from ui.upkeep import name_of, page_response


def add_routes(api: FastAPI, services: Services) -> None:
    """Adds them to an application."""
    reviews, jobs = services.reviews, services.jobs

    def shown(request: Request, asked: proposals.Asked, *, status: int = 200) -> Response:
        job = jobs.current(PROPOSING)
        visitor = frame.visitor_of(user_of(request))
        try:
            desk = reviews.desk(asked.id)
        except NoLibraryError:
            return page_response(proposals.empty_page(services.state().words(True), visitor))
        failed = jobs.last(PROPOSING) if not desk.ready else None
        doing = proposals.Doing(job, (failed and failed.error) or "")
        page = proposals.proposals_page(desk, asked, doing, visitor)
        moving = job is not None and not asked.still and not desk.proposal
        return page_response(page, again=proposals.HERE if moving else "", status=status)

    @api.get("/proposals", response_class=HTMLResponse, include_in_schema=False)
    def proposals_page(
        request: Request,
        id: str = "",
        chosen: Annotated[str, Query(alias="set")] = "",
        added: int | None = None,
        still: bool = False,
    ) -> Response:
        alert = ""
        try:
            reviews.start(by=name_of(request))
        except NoLibraryError:
            pass  # which the page says
        except BusyError as error:
            alert = str(error)
        return shown(request, proposals.Asked(id, chosen, added, alert, still))

    @api.post("/proposals", include_in_schema=False)
    def say(
        request: Request,
        id: Annotated[str, Form()],
        choice: Annotated[str, Form()],
        question: Annotated[str, Form()] = "",
        paraphrases: Annotated[str, Form()] = "",
        chosen: Annotated[str, Form(alias="set")] = "",
    ) -> Response:
        from eval import Choice

        after: dict[str, Any] = {"set": chosen} if chosen else {}
        try:
            if choice == Choice.ACCEPTED:
                name, split = choice_of(chosen)
                after["added"] = len(reviews.accept(id, question, paraphrases, name, split or ""))
            elif choice in (Choice.REJECTED, Choice.LATER):
                reviews.say(id, Choice(choice))
        except NotesQAError as error:
            asked = proposals.Asked(id, chosen, None, str(error), False, question, paraphrases)
            return shown(request, asked, status=of_error(error, True).status_code)
        address = f"{proposals.HERE}?{urlencode(after)}" if after else proposals.HERE
        return RedirectResponse(address, status_code=303)

    @api.post("/proposals/more", include_in_schema=False)
    def more() -> Response:
        reviews.more()
        return RedirectResponse(proposals.HERE, status_code=303)

    @api.post("/proposals/again", include_in_schema=False)
    def again() -> Response:
        reviews.again()
        return RedirectResponse(proposals.HERE, status_code=303)
