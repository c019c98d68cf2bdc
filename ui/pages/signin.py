"""The sign-in page: a name, a password, a button; whole HTML without a script."""

from __future__ import annotations

import html
from importlib.resources import files

from ui.auth import User
from ui.render import visible

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}


def form_page(said: str = "") -> str:
    """Returns the page; `said` is what stands above the form, such as why it is shown again."""
    alert = f'<p role="alert">{html.escape(said)}</p>' if said else ""
    return _page(
        f"{alert}"
        '<form method="post" action="/sign-in">'
        '<label for="name">Name</label>'
        '<input id="name" name="name" required autofocus autocomplete="username" '
        'autocapitalize="none" spellcheck="false" maxlength="64">'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" required '
        'autocomplete="current-password" maxlength="200">'
        "<button>Sign in</button></form>"
    )


def account_page(user: User) -> str:
    """Returns what somebody sees who is signed in."""
    return _page(
        f"<p>You are signed in as {html.escape(visible(user.name))} ({user.role}).</p>"
        '<p><a href="/">Ask your notes</a></p>'
        '<form method="post" action="/sign-out"><button>Sign out</button></form>'
    )


def _page(body: str) -> str:
    style = files("ui.pages").joinpath("signin.css").read_text("utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Sign in to notesqa</title><style>{style}</style></head>"
        f"<body><main><h1>notesqa</h1>{body}</main></body></html>"
    )
