"""The web face: the chat page mounted beside the HTTP door, served on loopback."""

from __future__ import annotations

import logging
import os
import socket
import threading
from importlib.resources import files
from typing import TYPE_CHECKING

from rag import Library, NotesQAError, QuestionLog, Watcher, recording

if TYPE_CHECKING:
    from fastapi import FastAPI

HOST = "127.0.0.1"
PORT = 7860

LEAVE_SECONDS = 2
"""How long answers in flight are waited for when serving ends."""


def build_app(library: Library, watcher: Watcher | None = None) -> FastAPI:
    """Returns the whole application for a library that is there.

    Args:
        watcher: what keeps it up to date meanwhile; the page says when it is at it.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    from ui.api import build_api
    from ui.pages import chat, header

    questions = QuestionLog.of(library.settings)
    questions.start()
    with gr.Blocks(title="notesqa", analytics_enabled=False) as page:
        header.build(library, watcher)
        chat.build(recording(library.ask, questions, "page"))

    app: FastAPI = gr.mount_gradio_app(
        build_api(library, recording(library.ask, questions, "api")),
        page,
        path="/",
        server_name=HOST,
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=1,
        enable_monitoring=False,
        ssr_mode=False,
        theme=gr.themes.Base(
            font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
        ),
        css=files("ui.pages").joinpath("chat.css").read_text("utf-8"),
        js=files("ui.pages").joinpath("chat.js").read_text("utf-8"),
    )
    return app


def serve(library: Library, port: int, watcher: Watcher | None = None) -> None:
    """Serves on loopback until interrupted; the model is loaded before the first question."""
    import uvicorn

    # The protocol is named, since asyncio sends at once (TCP_NODELAY) only where it is: without,
    # every answer waits 40 ms for the client's acknowledgement of its first part.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise NotesQAError(
                f"Port {port} cannot be used ({error.strerror}): choose another, "
                "notesqa serve --port N."
            ) from error
        app = build_app(library, watcher)
        library.search("Is the model loaded?", k=1)
        # Open pages keep a connection each, which would never end by itself.
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=LEAVE_SECONDS
        )
        # In a thread of its own, since uvicorn in the main one prints a traceback at Ctrl+C.
        server = uvicorn.Server(config)
        ended = threading.Event()

        def run() -> None:
            try:
                server.run(sockets=[listener])
            finally:
                ended.set()

        threading.Thread(target=run).start()
        # Not `join`: once interrupted, it takes the thread for ended (Python 3.11).
        try:
            ended.wait()
        except KeyboardInterrupt:
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # open pages are cut off
            server.should_exit = True
            ended.wait()
