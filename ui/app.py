"""The web face: the chat page mounted beside the HTTP door, served on loopback or further."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import traceback
from contextlib import ExitStack
from functools import partial
from ipaddress import ip_address
from types import SimpleNamespace
from typing import TYPE_CHECKING, Protocol

from rag import Library, NotesQAError, QuestionLog
from ui.auth import Users
from ui.calls import MOST_SESSIONS, Calls, forms_of
from ui.following import following, tell_change, watcher_of
from ui.greeting import addresses, tell_addresses, tell_state
from ui.hosts import LOOPBACK, names_of
from ui.indexing import Indexer
from ui.jobs import Jobs
from ui.services import Services

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Server

HOST = "127.0.0.1"
PORT = 7860

LEAVE_SECONDS = 1
"""How long answers in flight are waited for when serving ends."""

MOST_CONNECTIONS = 1000
"""A page holds two or three of them."""

MOST_QUEUED = 256
"""Questions of the page that wait."""


class Build(Protocol):
    """Makes the application that is served, as `build_app` does."""

    def __call__(self, services: Services, *, names: frozenset[str], shut: bool) -> FastAPI: ...


def build_app(
    services: Services,
    *,
    names: frozenset[str] = LOOPBACK,
    shut: bool = False,
) -> FastAPI:
    """Returns the whole application; it answers also where there is no library yet.

    Args:
        names: the hosts that are answered to.
        shut: whether nobody comes in while there are no users.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    _say_less()
    from ui.api import build_api
    from ui.chunks import preloads
    from ui.pages import chat, header
    from ui.pages.frame import sheet
    from ui.theme import gradio_theme, on_paper

    with gr.Blocks(title="notesqa", analytics_enabled=False) as page:
        header.build(page, services)
        chat.build(page, services)
    page.queue(max_size=MOST_QUEUED)
    page.state_session_capacity = MOST_SESSIONS
    # Gradio looks whether it may open a file only where a page was launched, not mounted.
    page.has_launched = True
    calls = Calls(forms_of(page), services.library.settings.max_question_chars)
    shown = (block for block in page.blocks.values() if getattr(block, "visible", True))
    sooner = preloads(block.get_block_name() for block in shown)

    app: FastAPI = gr.mount_gradio_app(
        build_api(services, names=names, shut=shut, calls=calls, preloads=sooner),
        page,
        path="/",
        server_name=HOST,
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=1,
        enable_monitoring=False,
        ssr_mode=False,
        theme=gradio_theme(),
        css="".join(map(sheet, ("ways.css", "chat.css", "skin.css"))),
        # Not with the others, whose selectors Gradio changes: these are about all the page.
        head=f"<style>{sheet('print.css')}{on_paper()}</style>",
        js=chat.script(),
    )
    return app


def serve(
    library: Library,
    port: int,
    host: str = HOST,
    *,
    watch: bool = False,
    build: Build = build_app,
    command: str = "notesqa serve",
    what: str = "The chat page",
    path: str = "",
) -> None:
    """Serves until interrupted, at once: model and notes are made ready meanwhile.

    Args:
        host: the address to listen at; loopback alone can be reached from this machine alone.
        watch: whether the notes are indexed, and followed.
        build: makes what is served.
        command: what was typed, for messages that tell how to type it otherwise.
        what: its name in the line that says where it is.
        path: the address of it there.

    Raises:
        NotesQAError: the address or port cannot be used, or others could reach it and nobody has
            to sign in.
    """
    from ui.console import log_requests

    names = names_of(library.settings.hosts)
    family, address = _resolved(host, port, command)
    shut = bool(names) or library.settings.behind_proxy or not ip_address(address).is_loopback
    if shut and not Users.beside(library.folder).all():
        raise NotesQAError(
            f"Sign-in is not configured, and others could reach {address} "
            "(or the setting hosts or behind_proxy says so): make yourself a user first, "
            "notesqa users add NAME --role instructor."
        )
    # The protocol is named, since asyncio sends at once (TCP_NODELAY) only where it is: without,
    # every answer waits 40 ms for the client's acknowledgement of its first part.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError as error:
            raise NotesQAError(
                f"Port {port} cannot be used at {address} ({error.strerror}): choose another, "
                f"{command} --port N, or another of this machine's addresses, --host ADDRESS."
            ) from error
        log_requests()
        questions = QuestionLog.of(library.settings)
        questions.start()
        services = _services_of(library, questions, watch)
        app = build(services, names=LOOPBACK | names, shut=shut)
        # In a thread of its own, since uvicorn in the main one prints a traceback at Ctrl+C.
        server = _server_of(app, library)
        ended = threading.Event()

        def run() -> None:
            try:
                server.run(sockets=[listener])
            finally:
                ended.set()

        begin = partial(_wait_for, server, ended)
        # Pages are shown first: loading and indexing would take the time that they need to begin.
        held = ExitStack()
        held.enter_context(services.indexer.turn())
        if watch:
            services.indexer.start(about="the server began")
        services.readiness.warm(begin)
        told = tell_state(services, ended)
        others = services.jobs.close, services.readiness.is_warm, told
        with following(services.watcher, *others) as stop:
            threading.Thread(target=run).start()
            # Not `join`: once interrupted, it takes the thread for ended (Python 3.11).
            try:
                begin()
                if not ended.is_set():
                    tell_addresses(what, addresses(family, address, port, names), path)
                held.close()
                ended.wait()
            except KeyboardInterrupt:
                # Open pages are cut off, which is no error.
                logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
                stop.set()
                server.should_exit = True
                ended.wait()
            finally:
                questions.close()


def _wait_for(server: Server, ended: threading.Event) -> None:
    """Returns once a server has started, or has ended without."""
    while not server.started and not ended.wait(0.01):
        pass


def _services_of(library: Library, questions: QuestionLog, watch: bool) -> Services:
    jobs = Jobs()
    indexer = Indexer(library, jobs, tell_change)
    watcher = watcher_of(library, indexer) if watch else None
    return Services.of(library, questions, watcher, jobs=jobs, indexer=indexer)


def _server_of(app: FastAPI, library: Library) -> Server:
    import uvicorn

    from ui.protocol import patient_protocol

    config = uvicorn.Config(
        app,
        http=patient_protocol(behind_proxy=library.settings.behind_proxy),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=library.settings.behind_proxy,
        forwarded_allow_ips=HOST,
        limit_concurrency=MOST_CONNECTIONS,
        # Open pages keep a connection each, which would never end by itself.
        timeout_graceful_shutdown=LEAVE_SECONDS,
    )
    return uvicorn.Server(config)


def _say_less() -> None:
    """Makes Gradio log an error's type and place; its tracebacks hold what was asked."""
    from gradio import queueing, route_utils, routes, utils

    from ui.guard import where

    def print_exc(*_: object, **__: object) -> None:
        error = sys.exception()
        if isinstance(error, Exception):
            logging.getLogger(__name__).error("Gradio failed: %s", where(error))

    quiet = SimpleNamespace(**vars(traceback) | {"print_exc": print_exc})
    for module in (queueing, route_utils, routes, utils):
        vars(module)["traceback"] = quiet


def _resolved(host: str, port: int, command: str) -> tuple[socket.AddressFamily, str]:
    """Returns a host's first address and its family."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotesQAError(
            f"{host} is no address ({error.strerror}): give one of this machine's, "
            f"{command} --host ADDRESS, such as 0.0.0.0 for all."
        ) from error
    family, _, _, _, address = found[0]
    return family, str(address[0])
