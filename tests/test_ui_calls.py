"""What the page may call of Gradio, and in whose session."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import WordLengths, constant_fit, owls_in, quick
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ui_attacks import serve

from rag import Library, Settings
from ui import calls as calls_module
from ui.app import build_app
from ui.auth import Role, User, Users
from ui.calls import ANSWERS, JOIN, MOST_UNREAD, PREDICT, CallError, Calls, Form
from ui.services import Services

PASSWORD = "correct horse battery"
LINE, ASK, AGAIN, RESTORE = 0, 2, 4, 8
"""Gradio's numbers of the handlers of the page."""

FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}

ADA = User("ada", Role.INSTRUCTOR, "$argon2id$a")
BOB = User("bob", Role.STUDENT, "$argon2id$b")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    owls_in(folder)
    users = quick(Users(folder / "some-users.json"))
    users.add("ada", Role.INSTRUCTOR, PASSWORD)
    users.add("bob", Role.STUDENT, PASSWORD)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Gradio would put the copies of files."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Library:
    shutil.copytree(made / "lib", tmp_path / "lib")
    there = Settings(library=str(tmp_path / "lib"), corpus=str(made / "notes"))
    return Library(there, WordLengths(), constant_fit(0.1))


@pytest.fixture
def client(library: Library, cache: Path) -> Iterator[httpx.Client]:
    with (
        served(build_app(Services.of(library))) as address,
        httpx.Client(base_url=address, timeout=20) as made,
    ):
        yield made


@contextlib.contextmanager
def served(app: FastAPI) -> Iterator[str]:
    servers = serve(app)
    yield next(servers)
    next(servers, None)


def call(number: int, *data: Any, session: Any = "abc123", **more: Any) -> dict[str, Any]:
    return {"data": list(data), "fn_index": number, "session_hash": session, **more}


def answers(client: httpx.Client, session: str = "abc123") -> str:
    return client.get(f"/gradio_api/queue/data?session_hash={session}").text


def copies(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


# Through the whole application


def test_the_page_s_own_calls_are_answered(client: httpx.Client) -> None:
    line = client.post(PREDICT, json=call(LINE, event_data=None, trigger_id=0))
    assert "<h1>notesqa</h1>" in line.json()["data"][0]
    for asked in (
        call(ASK, "When do owls hunt?", "", None, trigger_id=7),
        call(AGAIN, 0, -1, None),
    ):
        assert client.post(JOIN, json=asked).status_code == 200
        got = answers(client)
        assert '"success":true' in got and "Owls hunt at night" in got


@pytest.mark.parametrize("address", [JOIN, PREDICT])
@pytest.mark.parametrize(
    "body",
    [
        call(ASK, FILE, "", None),
        call(ASK, FILE | {"path": "http://127.0.0.1:1/x"}, "", None),
        call(ASK, FILE | {"path": "/dev/zero"}, "", None),
        call(ASK, "When?", FILE, None),
        call(ASK, "When?", "", FILE),
        call(RESTORE, FILE),
        call(RESTORE, [FILE]),
        call(ASK, [FILE], "", None),
        call(ASK, "When?", "", None, event_data={"a": {"b": FILE}}),
        call(ASK, "When?", "", None, trigger_id=FILE),
        call(AGAIN, FILE, -1, None),
        call(ASK, "When?", "", None, FILE),
        call(ASK, "When?"),
        call(1, FILE),
    ],
)
def test_a_call_makes_the_server_open_nothing(
    client: httpx.Client, cache: Path, address: str, body: dict[str, Any]
) -> None:
    response = client.post(address, json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert "passwd" not in response.text
    assert copies(cache) == []


def test_a_pipe_holds_nothing_up(client: httpx.Client, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done: list[int] = []

    def send() -> None:
        body = call(ASK, FILE | {"path": str(pipe)}, "", None)
        done.append(client.post(PREDICT, json=body).status_code)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    thread.join(10)
    with contextlib.suppress(OSError):  # lets go of who waits for a writer
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    thread.join(10)
    assert done == [422]


def test_gradio_s_own_check_holds_too(
    client: httpx.Client, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Calls, "rebuilt", lambda self, path, body, user: body)
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    for path in ("/etc/passwd", str(tmp_path / "secret.txt")):
        client.post(PREDICT, json=call(ASK, FILE | {"path": path}, "", None))
    assert copies(cache) == []


def test_a_session_is_another_user_s_in_name_alone(made: Path, library: Library) -> None:
    shutil.copy(made / "some-users.json", Users.beside(library.folder).file)
    with served(build_app(Services.of(library))) as address:
        check_sessions(*(httpx.Client(base_url=address, timeout=20) for _ in range(2)))


def check_sessions(ada: httpx.Client, bob: httpx.Client) -> None:
    for client, name in ((ada, "ada"), (bob, "bob")):
        signed = client.post("/sign-in", data={"name": name, "password": PASSWORD})
        assert signed.status_code == 303
    told = []
    for client in (ada, bob):
        assert client.post(JOIN, json=call(ASK, "When do owls hunt?", "", None)).status_code == 200
        told.append(answers(client).count("You asked: </span>When do owls hunt?"))
    assert told[0] == told[1] > 0
    assert ada.post(JOIN, json=call(ASK, "Why do owls hunt?", "", None)).status_code == 200
    assert bob.post(JOIN, json=call(ASK, "When?", "", None)).status_code == 200
    assert "Why do owls" not in answers(bob)
    assert "Why do owls" in answers(ada)


def test_a_call_is_no_longer_than_a_question(client: httpx.Client) -> None:
    assert client.post(JOIN, json=call(ASK, "x" * 60_000, "", None)).status_code == 200
    assert client.post(JOIN, json=call(ASK, "x" * 100_000, "", None)).status_code == 422
    assert client.post(JOIN, json=call(RESTORE, "x" * 900_000)).status_code == 200
    assert client.post(JOIN, json=call(RESTORE, "x" * 1_000_000)).status_code == 413
    assert client.post(JOIN, content=b"[" * 60_000).status_code == 422


def test_answers_that_nobody_reads_are_not_heaped_up(client: httpx.Client) -> None:
    for _ in range(MOST_UNREAD):
        assert client.post(JOIN, json=call(ASK, "When?", "", None)).status_code == 200
    refused = client.post(JOIN, json=call(ASK, "When?", "", None))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    answers(client)
    assert client.post(JOIN, json=call(ASK, "When?", "", None)).status_code == 200


@pytest.mark.parametrize("session", ["", "A", "../x", "a%0d", "a" * 33, "a&session_hash=b"])
def test_a_session_has_a_plain_name(client: httpx.Client, session: str) -> None:
    for path in (f"heartbeat/{session}", f"queue/data?session_hash={session}", "queue/data"):
        assert client.get(f"/gradio_api/{path}").status_code in {404, 422}


def test_the_log_holds_no_question_where_gradio_fails(
    client: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Calls, "rebuilt", lambda self, path, body, user: body)
    client.post(PREDICT, json=call(ASK, "Where is my secret?\n\x1b[2J"))
    client.post(JOIN, json=call(AGAIN, "Where is my secret?\n\x1b[2J", -1, None))
    until = time.monotonic() + 20
    while caplog.text.count("Gradio failed") < 2 and time.monotonic() < until:
        time.sleep(0.05)
    said = caplog.text + "".join(capfd.readouterr())
    assert "secret" not in said
    assert said.count("Gradio failed: ") == 2


# The checks alone


@pytest.fixture
def calls() -> Calls:
    return Calls({3: Form(JOIN, ("textbox", "number", "state")), 0: Form(PREDICT, ())}, 2000)


def test_a_call_is_rebuilt_of_what_is_known(calls: Calls) -> None:
    sent = call(3, "When?", 1, None, trigger_id=7, simple_format=True, event_id="x", batched=True)
    got = json.loads(calls.rebuilt(JOIN, json.dumps(sent).encode(), ADA))
    assert set(got) == {"data", "fn_index", "trigger_id", "session_hash"}
    assert (got["data"], got["fn_index"], got["trigger_id"]) == (["When?", 1, None], 3, 7)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(FILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "data": st.lists(JUNK, max_size=4) | st.just(["When?", 0, None]) | JUNK,
            "fn_index": st.sampled_from([3, 0, 3.0, True, "3", -1, None]),
            "session_hash": st.sampled_from(["abc", "", "a" * 40, 5, None, ["a"]]),
            "event_data": st.none() | JUNK,
            "trigger_id": st.none() | JUNK,
        },
    )
    | JUNK
)
def test_whatever_is_sent_flat_values_of_the_form_are_passed_on(sent: Any) -> None:
    calls = Calls({3: Form(JOIN, ("textbox", "number", "state"))}, 2000)
    try:
        got = json.loads(calls.rebuilt(JOIN, json.dumps(sent).encode(), None))
    except CallError:
        return
    text, number, state = got["data"]
    assert (type(text), type(number), state) == (str, int, None)
    assert got["trigger_id"] is None or type(got["trigger_id"]) is int


def test_half_a_character_is_no_text(calls: Calls) -> None:
    with pytest.raises(CallError):
        calls.rebuilt(JOIN, b'{"fn_index":3,"session_hash":"a","data":["\\ud800",0,null]}', None)


def test_each_user_s_session_is_another_and_ends_with_the_password(calls: Calls) -> None:
    def named(user: User | None) -> bytes:
        scope = {"path": ANSWERS, "query_string": b"session_hash=abc"}
        query: bytes = calls.address(scope, user)["query_string"]
        return query

    changed = User("ada", Role.INSTRUCTOR, "$argon2id$c")
    assert named(ADA) == named(ADA)
    assert len({named(user) for user in (ADA, BOB, changed, None)}) == 4


def test_one_user_s_sessions_are_bounded(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(name: str, user: User) -> None:
        calls.address({"path": ANSWERS, "query_string": f"session_hash={name}".encode()}, user)

    monkeypatch.setattr(calls_module, "MOST_SESSIONS", 70)
    with pytest.raises(CallError) as caught:
        for i in range(100):
            begin(f"a{i}", BOB)
    assert 0 < caught.value.wait <= 3
    begin("a0", BOB)  # one that is known
    begin("a0", ADA)
    assert len(calls._unread) <= 70


def test_a_component_that_nothing_is_known_of_is_not_served() -> None:
    with pytest.raises(ValueError, match="file"):
        Calls({0: Form(JOIN, ("file",))}, 2000)
