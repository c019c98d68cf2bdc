"""The addresses for signing in and out."""

from __future__ import annotations

import math
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ui.door import SESSION_SECONDS, Door, RefusedError, device_of
from ui.guard import cookie_name, user_of
from ui.pages import signin
from ui.routes import PAGE, SIGN_IN

WRONG = "Name or password is wrong."

CLEAR = '"storage"'
"""What a browser is told to delete at the end: the conversations that the chat page kept in it."""

DEVICE_SECONDS = 180 * 24 * 3600
"""How long a browser is known by which somebody signed in."""


def add_routes(api: FastAPI, door: Door) -> None:
    """Adds them to an application."""

    @api.get(SIGN_IN, include_in_schema=False)
    def sign_in_page(request: Request) -> Response:
        if not door.demands():
            return RedirectResponse(PAGE, status_code=303)
        user = user_of(request)
        page = signin.form_page() if user is None else signin.account_page(user)
        return HTMLResponse(page, headers=signin.HEADERS)

    @api.post(SIGN_IN, include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        name, password = _fields(await request.body())
        address = request.client.host if request.client else ""
        device = cookie_name(request.scope, "device")
        known = request.cookies.get(device, "")
        try:
            cookie, user = await door.sign_in(name, password, address, known)
        except RefusedError as refused:
            return _refused(refused.wait)
        _close(request, door)
        response = RedirectResponse(PAGE, status_code=303)
        for title, value, seconds in (
            (cookie_name(request.scope), cookie, SESSION_SECONDS),
            (device, device_of(user), DEVICE_SECONDS),
        ):
            response.set_cookie(
                title,
                value,
                max_age=seconds,
                httponly=True,
                samesite="lax",
                secure=request.url.scheme == "https",
            )
        return response

    @api.post("/sign-out", include_in_schema=False)
    def sign_out(request: Request) -> Response:
        _close(request, door)
        response = RedirectResponse(SIGN_IN, status_code=303)
        response.delete_cookie(cookie_name(request.scope))
        response.headers["Clear-Site-Data"] = CLEAR
        return response


def _refused(wait: float) -> Response:
    if not wait:
        return HTMLResponse(signin.form_page(WRONG), status_code=401, headers=signin.HEADERS)
    seconds = math.ceil(wait)
    said = f"Too many tries failed: try again in {seconds} s."
    return HTMLResponse(
        signin.form_page(said),
        status_code=429,
        headers={**signin.HEADERS, "Retry-After": str(seconds)},
    )


def _fields(body: bytes) -> tuple[str, str]:
    """Returns name and password of a form; empty where they are missing or no UTF-8."""
    try:
        sent = parse_qs(body.decode("ascii"), errors="strict", max_num_fields=10)
    except ValueError:
        return "", ""
    return sent.get("name", [""])[0], sent.get("password", [""])[0]


def _close(request: Request, door: Door) -> None:
    """Ends the session that a request comes with, if it does."""
    if cookie := request.cookies.get(cookie_name(request.scope)):
        door.sign_out(cookie)
