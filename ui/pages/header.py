"""The line at the top of the chat page: how many notes there are, and when they last changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from rag import Library, LibraryError, Watcher
from ui.guard import user_of
from ui.pages.frame import STRANGER, Visitor, visitor_of
from ui.render import escape

REFRESH_SECONDS = 15
"""How often an open page asks; a call outside Gradio's queue, which costs a few milliseconds."""

FRESH_SECONDS = 5.0
"""How old the state of the library may be that open pages are told, however many they are."""


STEPS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def title(
    summary: Mapping[str, Any], busy: bool, now: datetime, visitor: Visitor = STRANGER
) -> str:
    """Returns the header as HTML.

    Args:
        summary: what `Library.summary` returns.
        busy: whether changes are being indexed.
    """
    notes = int(summary["indexed"])
    counted = f"{notes} note{'' if notes == 1 else 's'}"
    if visitor.looks:
        counted = f'<a href="/library" target="_blank" rel="noopener">{counted}</a>'
    said = [f"{counted}, answered in their own words"]
    if changed := summary.get("changed"):
        said.append(f"Notes last changed {_time(datetime.fromisoformat(changed), now)}")
    if busy:
        said.append("Indexing …")
    if visitor.signed_in:
        said.append('<a href="/sign-in">Account</a>')
    return f"<h1>notesqa</h1><p>{' · '.join(said)}</p>"


def ago(seconds: float) -> str:
    """Returns how long ago something was, in words."""
    for name, length in STEPS:
        if (count := int(seconds // length)) >= 1:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def _time(moment: datetime, now: datetime) -> str:
    exact = moment.astimezone(UTC)
    return (
        f'<time datetime="{escape(exact.isoformat())}" title="{exact:%Y-%m-%d %H:%M:%S} UTC">'
        f"{ago((now - exact).total_seconds())}</time>"
    )


class Header:
    """What open pages are told: one state of the library for all of them, a few seconds old."""

    def __init__(self, library: Library, watcher: Watcher | None = None) -> None:
        self._library = library
        self._watcher = watcher
        self._lock = threading.Lock()
        self._summary = library.summary()
        self._asked = time.monotonic()

    def html(self, visitor: Visitor = STRANGER) -> str:
        """Returns the header of this moment."""
        with self._lock:
            if time.monotonic() - self._asked > FRESH_SECONDS:
                self._asked = time.monotonic()
                with suppress(LibraryError):  # who asks a question is told
                    self._summary = self._library.summary()
            busy = self._watcher is not None and self._watcher.busy
            return title(self._summary, busy, datetime.now(UTC), visitor)


def build(page: Any, library: Library, watcher: Watcher | None = None) -> None:
    """Lays the header out inside the current `gradio.Blocks`, which is `page`."""
    import gradio as gr

    header = Header(library, watcher)

    def shown(request: Any) -> str:
        return header.html(visitor_of(user_of(request.request)))

    # Gradio passes the request by this type, and cannot look up a name of this function.
    shown.__annotations__["request"] = gr.Request
    line = gr.HTML(header.html(), elem_id="nq-title")
    for moment in (page.load, gr.Timer(REFRESH_SECONDS).tick):
        moment(shown, outputs=line, queue=False, show_progress="hidden", api_visibility="private")
