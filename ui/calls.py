"""What the chat page may call of Gradio: a body comes in, and comes out rebuilt, or is refused.

Gradio takes any JSON for any handler: an object that looks like its own description of a file makes
it open that file, or fetch that address, before the handler sees it. Here only the handlers of this
page can be called, each with the plain values that its inputs have, and only that is passed on.

A page chooses the name of its session by itself (`Math.random`), and Gradio gives the conversation
and the answers of a session to whoever says its name. So the name is passed on mixed with who asks:
to others it is another session.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.types import Scope

from rag import NotesQAError
from ui.auth import User, digest
from ui.rates import Buckets

GRADIO = "/gradio_api/"
JOIN = GRADIO + "queue/join"
PREDICT = GRADIO + "run/predict"
ANSWERS = GRADIO + "queue/data"
HEARTBEAT = GRADIO + "heartbeat/"

SESSION = "[a-z0-9]{1,32}"
"""A name as pages make them up."""

MOST_BYTES = 64_000
"""Of a call, beside its question."""

MOST_KEPT_BYTES = 1_000_000
"""Of a call that brings back a conversation which the browser kept."""

KEPT = "nq-kept"
"""The name in the page of the component by which it comes."""

MOST_SESSIONS = 1_000
"""Conversations that are held; one more and the one used longest ago is forgotten."""

NEW_SESSIONS = (60, 20.0)
"""Sessions that one user begins: at once, and then a minute. Each load of the page is one."""

MOST_UNREAD = 8
"""Questions of a session whose answers nobody came for."""

_MOST = 2**31


class CallError(NotesQAError):
    """A call that the page does not make.

    Attributes:
        wait: seconds after which it may be made; 0 where it never may.
    """

    def __init__(self, said: str, wait: float = 0) -> None:
        super().__init__(said)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Form:
    """How a handler is called: at an address, with a value of a kind for each input."""

    path: str
    kinds: tuple[str, ...]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < _MOST


_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "textbox": _is_text,
    KEPT: _is_text,
    "number": _is_whole,
    "state": lambda value: value is None,  # it stays here
}
"""What a component sends, by Gradio's name for its kind, or by its own name."""


def forms_of(page: Any) -> dict[int, Form]:
    """Returns the forms of the handlers of a `gradio.Blocks`, by Gradio's number."""
    return {
        number: Form(
            JOIN if handler.queue else PREDICT,
            tuple(_kind(block) for block in handler.inputs),
        )
        for number, handler in page.fns.items()
        if handler.fn is not None
    }


def _kind(block: Any) -> str:
    return KEPT if block.elem_id == KEPT else str(block.get_block_name())


class Calls:
    """Checks what is called, and who in which session; may be used from several threads."""

    def __init__(self, forms: Mapping[int, Form], most_chars: int) -> None:
        """Args: `most_chars` is the length of the longest question."""
        if unknown := {kind for form in forms.values() for kind in form.kinds} - set(_KINDS):
            raise ValueError(f"nothing is known of what {unknown} sends")
        self._most_bytes = MOST_BYTES + 4 * most_chars
        self._forms = forms
        self._new = Buckets(*NEW_SESSIONS)
        self._lock = threading.Lock()
        self._unread: OrderedDict[str, int] = OrderedDict()

    def address(self, scope: Scope, user: User | None) -> Scope:
        """Returns a request for a session's answers or heartbeat, addressed to the user's own.

        Raises:
            CallError: it names no session, or the user begins too many.
        """
        path = scope["path"]
        if path == ANSWERS:
            named = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [])
            session = self._session(named[0] if len(named) == 1 else None, user)
            with self._lock:
                self._unread[session] = 0
            return {**scope, "query_string": f"session_hash={session}".encode()}
        if path.startswith(HEARTBEAT):
            path = HEARTBEAT + self._session(path.removeprefix(HEARTBEAT), user)
            return {**scope, "path": path, "raw_path": path.encode(), "query_string": b""}
        return {**scope, "query_string": b""}

    def rebuilt(self, path: str, body: bytes, user: User | None) -> bytes:
        """Returns a call as it is passed on.

        Raises:
            CallError: the page does not make it, or not so often.
        """
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise CallError("The call is no JSON.") from error
        number = sent.get("fn_index") if isinstance(sent, dict) else None
        form = self._forms.get(number) if type(number) is int else None
        if form is None or form.path != path:
            raise CallError("The page has no such handler: load it again.")
        if len(body) > self._most_bytes and KEPT not in form.kinds:
            raise CallError(f"The call may have {self._most_bytes:,} bytes.")
        data, trigger = sent.get("data"), sent.get("trigger_id")
        if (
            not isinstance(data, list)
            or len(data) != len(form.kinds)
            or not all(_KINDS[kind](value) for kind, value in zip(form.kinds, data, strict=True))
            or not (trigger is None or _is_whole(trigger))
            or sent.get("event_data") is not None
        ):
            raise CallError("The call is not of the form that the page gives it.")
        session = self._session(sent.get("session_hash"), user)
        if path == JOIN:
            self._count(session)
        call = {"data": data, "fn_index": number, "trigger_id": trigger, "session_hash": session}
        return json.dumps(call).encode()

    def _count(self, session: str) -> None:
        with self._lock:
            unread = self._unread.get(session, 0)
            if unread >= MOST_UNREAD:
                raise CallError("Nobody came for the answers before: load the page again.", 1)
            self._unread[session] = unread + 1

    def _session(self, name: Any, user: User | None) -> str:
        """Returns what a user's session is called here; it ends with the password."""
        if not isinstance(name, str) or not re.fullmatch(SESSION, name):
            raise CallError("The call names no session: load the page again.")
        whose = f"{user.name} {user.password} " if user else ""
        session = digest(whose + name)[:32]
        with self._lock:
            known = session in self._unread
        if not known and user is not None and (wait := self._new.take(user.name)):
            raise CallError("The page is loaded too often.", wait)
        with self._lock:
            self._unread.setdefault(session, 0)
            self._unread.move_to_end(session)
            if len(self._unread) > MOST_SESSIONS:
                self._unread.popitem(last=False)
        return session
