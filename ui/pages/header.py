"""The line at the top of the chat page: how many notes there are, and when they last changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from rag import Library, LibraryError, Watcher
from ui.render import escape

REFRESH_SECONDS = 15
"""How often an open page asks; a call outside Gradio's queue, which costs a few milliseconds."""

FRESH_SECONDS = 5.0
"""How old the state of the library may be that open pages are told, however many they are."""

STEPS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def title(status: Mapping[str, Any], busy: bool, now: datetime) -> str:
    """Returns the header as HTML.

    Args:
        status: what `Library.status` returns.
        busy: whether changes are being indexed.
    """
    notes = int(status["indexed"])
    said = [
        f'<a href="/library" target="_blank" rel="noopener">{notes} note'
        f"{'' if notes == 1 else 's'}</a>, answered in their own words"
    ]
    if changed := status.get("changed"):
        said.append(f"Notes last changed {_time(datetime.fromisoformat(changed), now)}")
    if busy:
        said.append("Indexing …")
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
        self._status: dict[str, Any] = library.status()
        self._asked = time.monotonic()

    def html(self) -> str:
        """Returns the header of this moment."""
        with self._lock:
            if time.monotonic() - self._asked > FRESH_SECONDS:
                self._asked = time.monotonic()
                with suppress(LibraryError):  # who asks a question is told
                    self._status = self._library.status()
            busy = self._watcher is not None and self._watcher.busy
            return title(self._status, busy, datetime.now(UTC))


def build(library: Library, watcher: Watcher | None = None) -> None:
    """Lays the header out inside the current `gradio.Blocks`."""
    import gradio as gr

    header = Header(library, watcher)
    line = gr.HTML(header.html, elem_id="nq-title")
    gr.Timer(REFRESH_SECONDS).tick(
        header.html,
        outputs=line,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
