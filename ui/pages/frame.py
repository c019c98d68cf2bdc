"""The frame of every page that is whole HTML without a script: head, styles, the way between pages.

The chat page is Gradio's; it has the same way at its top, and the same colours.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from starlette.datastructures import Headers
from starlette.types import Scope

from ui.auth import Role, User
from ui.render import visible
from ui.theme import variables

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: a browser would call the origin of the forms null.
    "Referrer-Policy": "same-origin",
}
"""Sent with every such page: no script runs, whatever a note contains."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """What depends on who looks.

    Attributes:
        looks: whether the visitor may see the pages of instructors.
        signed_in: whether there is an account to go to.
    """

    looks: bool = False
    signed_in: bool = False


STRANGER = Visitor()


COURSE = {
    "/coverage": "Coverage",
    "/gaps": "Gaps",
    "/audit": "Audit",
    "/proposals": "Questions",
}
"""The pages of those who write the notes, below one entry."""


def visitor_of(user: User | None) -> Visitor:
    """Returns what one who asks may see; without sign-in that is everything."""
    return Visitor(user is None or user.role.covers(Role.INSTRUCTOR), user is not None)


def is_beside(scope: Scope) -> bool:
    """Returns whether it is the frame beside the chat that asks for a page.

    Browsers say so, but only over TLS and to this machine; elsewhere the address says it.
    """
    said = Headers(scope=scope).get("sec-fetch-dest")
    return said == "iframe" if said else b"beside=1" in scope["query_string"].split(b"&")


def ways(here: str, visitor: Visitor) -> str:
    """Returns the links between the pages, as HTML.

    Args:
        here: the address of the page that they stand on.
    """
    to = {"/": "Ask", "/notes": "Notes"}
    if visitor.looks:
        to |= {"/library": "Library", "/evaluation": "Evaluation", next(iter(COURSE)): "Course"}
    if visitor.signed_in:
        to |= {"/sign-in": "Account"}
    inside = here in COURSE
    current = next(iter(COURSE)) if inside else here
    said = _nav("Pages", to, current, "true" if inside else "page")
    return said + (_nav("Course", COURSE, here, "page") if inside else "")


def _nav(label: str, to: Mapping[str, str], current: str, how: str) -> str:
    links = [
        f'<a href="{address}"{f" aria-current={how}" if address == current else ""}>{name}</a>'
        for address, name in to.items()
    ]
    return f'<nav class="ways" aria-label="{label}">{"".join(links)}</nav>'


def page(title: str, body: str, style: str, *, top: str = "", more: str = "") -> str:
    """Returns a whole page.

    Args:
        title: as text.
        body: HTML, in which everything from notes is escaped.
        style: the name of the page's own style sheet, `source.css`.
        top: HTML above the body, such as `ways`; none in the frame beside the chat.
        more: style sheets of what else is in the body.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(visible(title))}</title>"
        f"<style>{variables()}{sheet('ways.css')}{sheet('base.css')}{sheet(style)}{more}"
        "</style></head>"
        f"<body>{top}<main>{body}</main></body></html>"
    )


@cache
def sheet(name: str) -> str:
    """Returns a style sheet of this folder."""
    return files("ui.pages").joinpath(name).read_text("utf-8")
