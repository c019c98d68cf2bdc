"""The sign-in page: a name, a password, a button; whole HTML without a script."""

from __future__ import annotations

import html

from ui.auth import User
from ui.pages import frame
from ui.render import visible
from ui.routes import SIGN_IN

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}


def form_page(said: str = "") -> str:
    """Returns the page; `said` is what stands above the form, such as why it is shown again."""
    alert = f'<p role="alert">{html.escape(said)}</p>' if said else ""
    return frame.page(
        "Sign in to notesqa",
        "<h1>notesqa</h1><p>Answers from the notes, in their own words.</p>"
        f"{alert}"
        '<form method="post" action="/sign-in">'
        '<label for="name">Name</label>'
        '<input id="name" name="name" required autofocus autocomplete="username" '
        'autocapitalize="none" spellcheck="false" maxlength="64">'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" required '
        'autocomplete="current-password" maxlength="200">'
        "<button>Sign in</button></form>",
        "signin.css",
    )


def account_page(user: User) -> str:
    """Returns what somebody sees who is signed in."""
    return frame.page(
        "Account",
        f"<h1>Account</h1><p>You are signed in as {html.escape(visible(user.name))} "
        f"({user.role}).</p>"
        '<form method="post" action="/sign-out"><button class="quiet">Sign out</button></form>',
        "signin.css",
        top=frame.ways(SIGN_IN, frame.visitor_of(user)),
    )
