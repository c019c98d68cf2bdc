"""The top of the chat page: the way to others, how many notes there are, how far indexing is."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from rag import LibraryError
from ui.guard import user_of
from ui.pages.frame import STRANGER, Visitor, visitor_of, ways
from ui.readiness import Phase, State
from ui.render import escape
from ui.services import Services

REFRESH_SECONDS = 15
"""How often an open page asks; a call outside Gradio's queue, which costs a few milliseconds."""

SOON_SECONDS = 3
"""How often it asks while there is nothing to ask yet, or notes are indexed."""

FRESH_SECONDS = 5.0
"""How old the state of the library may be that open pages are told, however many they are."""

STEPS = (("day", 86_400), ("hour", 3_600), ("minute", 60))

POLITE = "element.setAttribute('role', 'status')"
"""Makes the line below the title one that a screen reader says when it changes, and only then."""


def title(
    summary: Mapping[str, Any], state: State, now: datetime, visitor: Visitor = STRANGER
) -> str:
    """Returns the header as HTML.

    Args:
        summary: what `Library.summary` returns.
    """
    notes = int(summary["indexed"])
    said = []
    if notes:
        said.append(f"{notes:,} note{'' if notes == 1 else 's'}")
        if changed := summary.get("changed"):
            said.append(f"changed {_time(datetime.fromisoformat(changed), now)}")
    if state.at is not None:
        said.append(
            f'Indexing <progress aria-label="Indexing" max="1" value="{state.at.share:.3f}">'
            f"</progress> {state.at.share:.0%}"
        )
    return f"{ways('/', visitor)}<h1>notesqa</h1><p>{' · '.join(said)}</p>"


def news(state: State, visitor: Visitor = STRANGER, notes: int = 0) -> str:
    """Returns as HTML what is said of a state; it changes ten times while notes are indexed.

    That there are no notes is said in place of the conversation.

    Args:
        notes: how many can be asked already.
    """
    if state.phase is Phase.EMPTY:
        return ""
    if state.phase is Phase.INDEXING and state.at is not None:
        tenths = int(state.at.share * 10)
        about = f", {tenths}0 % done" if tenths else ""
        then = (
            "What is indexed already can be asked"
            if notes
            else "They can be asked once that is done"
        )
        return f"<p>The notes are being indexed{about}. {then}.</p>"
    words = state.words(visitor.looks)
    return f"<p>{escape(words)}</p>" if words else ""


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

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._summary: Mapping[str, Any] = {"indexed": 0}
        self._state = services.state()
        self._asked = -math.inf

    def html(self, visitor: Visitor = STRANGER) -> tuple[str, str, float]:
        """Returns title and news of this moment, and in how many seconds to ask again."""
        with self._lock:
            if time.monotonic() - self._asked > FRESH_SECONDS:
                self._asked = time.monotonic()
                with suppress(LibraryError):  # who asks a question is told
                    self._summary = self._services.library.summary()
                self._state = self._services.state()
            state = self._state
            calm = state.phase is Phase.READY and state.at is None
            line = title(self._summary, state, datetime.now(UTC), visitor)
            said = news(state, visitor, int(self._summary["indexed"]))
            return line, said, REFRESH_SECONDS if calm else SOON_SECONDS


def build(page: Any, services: Services) -> None:
    """Lays the header out inside the current `gradio.Blocks`, which is `page`."""
    import gradio as gr

    header = Header(services)

    def shown(request: Any) -> tuple[str, str, Any]:
        line, said, seconds = header.html(visitor_of(user_of(request.request)))
        return line, said, gr.Timer(seconds)

    # Gradio passes the request by this type, and cannot look up a name of this function.
    shown.__annotations__["request"] = gr.Request
    before = header.html()
    line = gr.HTML(before[0], elem_id="nq-title")
    said = gr.HTML(before[1], elem_id="nq-news", js_on_load=POLITE)
    timer = gr.Timer(REFRESH_SECONDS)
    for moment in (page.load, timer.tick):
        moment(
            shown,
            outputs=[line, said, timer],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
