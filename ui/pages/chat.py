"""The chat page: question and answers on the left, the note they come from on the right.

The conversation lies in the server's memory for the time the page is open. What lasts longer lies
in the browser: its script is told of every exchange (`ui/pages/history.py`), and gives them back
when a conversation is opened again. The script also shows what a citation quotes, copies, exports
and judges; answers, sources and follow-ups do not need it to understand them.
"""

from __future__ import annotations

import html
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import Any

from rag import LibraryError
from ui.calls import KEPT
from ui.guard import user_of
from ui.pages.conversation import (
    MOST_BYTES,
    MOST_EXCHANGES,
    Ask,
    ask_again,
    left_to_mend,
    respond,
)
from ui.pages.exchange import (
    EMPTY_SOURCE,
    Exchange,
    page_html,
    source_of,
)
from ui.pages.frame import visitor_of
from ui.pages.history import kept, restored
from ui.pages.welcome import folders_html, state_of, welcome_html
from ui.problems import INSIDER
from ui.render import beside
from ui.services import Services

WATCH_SECONDS = 2
"""How often a page asks how the notes are, while they are none or being indexed."""

SCRIPTS = ("words", "peek", "source", "tools", "history", "problems", "chat")
"""The parts of the page's script, each a file, in this order."""

_BAR = (
    '<div class="nq-bar" role="group" aria-label="Conversation">'
    '<button type="button" id="nq-new">New conversation</button>'
    '<button type="button" id="nq-past">History</button>'
    '<details class="nq-exports"><summary>Export</summary><div>'
    '<button type="button" class="nq-export" value="md">Export Markdown</button>'
    '<button type="button" class="nq-export" value="json">Export JSON</button>'
    "</div></details></div>"
)

_SEARCHING = (
    '<p id="nq-problem" role="alert" hidden></p>'
    '<div id="nq-searching" hidden><p>Searching the notes …</p>'
    '<div class="nq-skeleton"></div><div class="nq-skeleton"></div></div>'
    '<p id="nq-count" data-most="{most}" hidden></p>'
    '<p id="nq-live" role="status" class="nq-unseen"></p>'
)
"""What the script shows while a question is on its way, where it fails or gets long, and aloud."""

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def source_frame(address: str) -> str:
    """Returns the frame that shows a source page; links of the chat open in it by name."""
    quoted, framed = html.escape(address), html.escape(beside(address))
    stop = ' tabindex="-1"' if address == EMPTY_SOURCE else ""  # there is nothing to stop at
    return (
        '<section id="nq-beside" aria-label="Source" tabindex="-1"><p class="nq-way">'
        '<button type="button" id="nq-back">Back to the answer</button>'
        f'<a id="nq-tab" href="{quoted}" target="_blank" rel="noopener">Open in a new tab</a></p>'
        f'<iframe name="nq-source" title="Source note" src="{framed}" '
        # A tab that stays in a sandbox is not let to a page with an opener policy, as ours have.
        'sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"'
        f"{stop}></iframe></section>"
    )


@cache
def script() -> str:
    """Returns the page's script, one function."""
    folder = files("ui.pages")
    parts = (folder.joinpath(f"chat.{name}.js").read_text("utf-8") for name in SCRIPTS)
    return "() => {{\n{}\n}}".format("\n".join(parts))


@dataclass(frozen=True, slots=True)
class Parts:
    """The components of the page that change, and the timer that looks how the notes are."""

    welcome: Any
    chat: Any
    folders: Any
    question: Any
    send: Any
    source: Any
    watch: Any


def build(page: Any, services: Services) -> None:
    """Lays the page out inside the current `gradio.Blocks`, which is `page`."""
    parts = _lay_out(services.library.settings.max_question_chars)
    _wire_conversation(parts, services)
    _wire_welcome(page, parts, services)


def _lay_out(most_chars: int) -> Parts:
    """Args: `most_chars` is the length of the longest question."""
    import gradio as gr

    with gr.Row(elem_id="nq-page", equal_height=True):
        with gr.Column(scale=3, min_width=320, elem_id="nq-talk"):
            gr.HTML(_BAR, elem_id="nq-bar")
            welcome = gr.HTML("", elem_id="nq-welcome")
            chat = gr.Chatbot(
                elem_id="nq-chat",
                label="Conversation",
                show_label=False,
                autoscroll=False,
                height="100%",
                min_height=200,
                allow_tags=False,
                latex_delimiters=[],
                buttons=[],
                feedback_options=None,
                layout="panel",
            )
            with gr.Column(elem_id="nq-ask"):
                gr.HTML(_SEARCHING.format(most=most_chars), elem_id="nq-states")
                folders = gr.HTML("", elem_id="nq-folders")
                with gr.Row(equal_height=True):
                    question = gr.Textbox(
                        label="Question",
                        placeholder="Ask in your own words",
                        lines=1,
                        max_lines=6,
                        autofocus=True,
                        scale=6,
                        elem_id="nq-question",
                    )
                    send = gr.Button(
                        "Ask", variant="primary", scale=1, min_width=80, elem_id="nq-send"
                    )
        with gr.Column(scale=2, min_width=300, elem_id="nq-aside"):
            source = gr.HTML(source_frame(EMPTY_SOURCE), elem_id="nq-source")
    watch = gr.Timer(WATCH_SECONDS, active=False)
    return Parts(welcome, chat, folders, question, send, source, watch)


def _wire_conversation(parts: Parts, services: Services) -> None:
    """Connects the conversation with what changes it."""
    import gradio as gr

    conversation = gr.State([])
    # Of these the script presses the buttons and fills the rest (`chat.chat.js`).
    again, clear, restore = (
        gr.Button(name, visible="hidden", elem_id=f"nq-{name}")
        for name in ("again", "clear", "restore")
    )
    within, news = (gr.Textbox("", visible=False) for _ in range(2))
    sent = gr.Textbox("", visible=False, elem_id=KEPT)
    number, suggestion = (gr.Number(0, precision=0, visible=False) for _ in range(2))

    def show(
        after: list[Exchange], first: int, *, replaces: bool = False, places: Sequence[int] = ()
    ) -> tuple[list[Exchange], list[Any], str, str]:
        messages = [
            {"role": role, "content": gr.HTML(said)}
            for exchange in after
            for role, said in zip(("user", "assistant"), page_html(exchange), strict=True)
        ]
        shown = after[first] if replaces else after[-1] if after else None
        serial = time.time_ns() // 1_000_000
        said = kept(after, first, serial, replaces=replaces, places=places)
        # Gradio holds it, and what is told, for as long as the page is open: for a thousand pages.
        held = [exchange.lean for exchange in after]
        return held, messages, source_frame(source_of(shown)), said

    def asked_by(request: Any) -> tuple[Ask, bool]:
        """Returns what answers who asks, and whether they are told all that fails."""
        made = request.request
        return partial(services.ask, user=user_of(made), door="page"), bool(made.scope.get(INSIDER))

    def handle(
        text: str, folder: str, before: list[Exchange], request: Any
    ) -> tuple[str, list[Exchange], list[Any], str, str]:
        ask, insider = asked_by(request)
        after = respond(text, before, ask, within=folder, insider=insider)
        return left_to_mend(text, after), *show(after, len(after) - 1)

    def handle_again(
        chosen: int, offered: int, before: list[Exchange], request: Any
    ) -> tuple[list[Exchange], list[Any], str, str]:
        ask, insider = asked_by(request)
        after, new = ask_again(chosen, offered, before, ask, insider=insider)
        return show(after, new, replaces=offered < 0 and new < len(after))

    def handle_restore(text: str) -> tuple[str, list[Exchange], list[Any], str, str]:
        found = restored(text, MOST_EXCHANGES, MOST_BYTES)
        # Gradio would hold what was sent as well.
        return "", *show([*found.values()], 0, places=[*found])

    for handler in (handle, handle_again):
        # Gradio passes the request by this type, and cannot look up a name of this function.
        handler.__annotations__["request"] = gr.Request

    shown = [conversation, parts.chat, parts.source, news]
    arrived: dict[str, Any] = {
        "fn": None,
        "inputs": news,
        "js": "(news) => window.notesqa.arrived(news)",
        "api_visibility": "private",
    }
    gr.on(
        [parts.question.submit, parts.send.click],
        handle,
        inputs=[parts.question, within, conversation],
        outputs=[parts.question, *shown],
        js="(text, within, conversation) => [...window.notesqa.asking(text), conversation]",
        api_name="ask",
        show_progress="hidden",
    ).then(**arrived)
    again.click(
        handle_again,
        inputs=[number, suggestion, conversation],
        outputs=shown,
        js="(number, suggestion, conversation) => [...window.notesqa.pressed(), conversation]",
        **_QUIET,
    ).then(**arrived)
    clear.click(lambda: show([], 0), outputs=shown, **_QUIET).then(**arrived)
    restore.click(
        handle_restore,
        inputs=sent,
        outputs=[sent, *shown],
        js="() => window.notesqa.giveBack()",
        **_QUIET,
    ).then(**arrived)


def _wire_welcome(page: Any, parts: Parts, services: Services) -> None:
    """Connects what stands in place of a conversation with the state of the notes."""
    import gradio as gr

    def folders() -> str:
        try:
            return folders_html(services.library.folders())
        except LibraryError:
            return ""

    def opened(request: Any) -> tuple[str, str, Any]:
        said, _, timer = looked(request)
        return said, folders(), timer

    def looked(request: Any) -> tuple[str, Any, Any]:
        user = user_of(request.request)
        state = state_of(services)
        said = welcome_html(state, visitor_of(user))
        name = html.escape(json.dumps(user.name if user else None))
        marked = f'<section class="nq-first" aria-label="Start" data-user="{name}">{said}</section>'
        # A choice that somebody may have open is not changed under their hand.
        found = folders() if state.settled else gr.skip()
        return marked, found, gr.Timer(active=not state.settled)

    for handler in (opened, looked):
        handler.__annotations__["request"] = gr.Request

    shown = [parts.welcome, parts.folders, parts.watch]
    page.load(opened, outputs=shown, queue=False, **_QUIET).then(
        None, js="() => window.notesqa.begin()", api_visibility="private"
    )
    parts.watch.tick(looked, outputs=shown, queue=False, **_QUIET)
