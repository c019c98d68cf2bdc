"""Server-sent events over a real connection: what is found is shown before it is decided."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import owls_in, quick, served

from rag import Answer, Library, LibraryError, QuestionLog
from ui import streams
from ui.api import build_api
from ui.auth import Role, Users
from ui.services import Services

ASKED = {"question": "When do owls hunt?"}

WORKERS = 32
"""Threads that asyncio has at most, on a machine of any size."""


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return owls_in(tmp_path)


@pytest.fixture
def address(library: Library) -> Iterator[str]:
    with served(build_api(Services.of(library))) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nothing is decided before it is set."""
    gate = threading.Event()
    decide = Library._decide

    def wait(library: Library, *given: Any) -> Answer:
        assert gate.wait(30)
        return decide(library, *given)

    monkeypatch.setattr(Library, "_decide", wait)
    yield gate
    gate.set()


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Library, "_decide", fail)


def asking(address: str, **headers: str) -> Any:
    return httpx.stream("POST", f"{address}/api/v1/ask/events", json=ASKED, headers=headers)


def events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """Yields the fields of each event; comments are fields without a name."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        else:
            yield fields
            fields = {}


def events_of(address: str, **headers: str) -> list[dict[str, str]]:
    with asking(address, **headers) as response:
        assert response.status_code == 200
        return list(events(response.iter_lines()))


def test_passages_are_shown_before_it_is_decided(address: str, gate: threading.Event) -> None:
    with asking(address) as response:
        assert response.headers["content-type"].partition(";")[0] == "text/event-stream"
        assert response.headers["cache-control"] == "no-store"
        told = events(response.iter_lines())
        first = next(told)
        passages = json.loads(first["data"])
        assert (first["event"], passages[0]["document"]) == ("passages", "owls.md")
        # Meanwhile nobody else is kept waiting.
        assert httpx.get(f"{address}/healthz").json()["status"] == "ready"
        gate.set()
        last = next(told)
        answer = json.loads(last["data"])
        assert (last["event"], answer["state"]) == ("answer", "answered")
        assert answer["passages"] == passages
        assert list(told) == []


def test_the_answer_is_that_of_ask_and_its_event_has_the_id(address: str, library: Library) -> None:
    _, answer = events_of(address)
    said = httpx.post(f"{address}/api/v1/ask", json=ASKED)
    again, same = events_of(address)  # kept from before

    def timeless(one: dict[str, Any]) -> dict[str, Any]:
        return one | {"timings_ms": None}

    for event in (answer, same):
        assert timeless(json.loads(event["data"])) == timeless(said.json())
    assert json.loads(again["data"]) == said.json()["passages"]
    ids = [answer["id"], said.headers["notesqa-question"], same["id"]]
    log = QuestionLog.of(library.settings)
    for id_ in ids:
        feedback = {"question": id_, "verdict": "up"}
        assert httpx.post(f"{address}/api/v1/feedback", json=feedback).status_code == 204
    assert sorted(asked.id for asked in log.newest(9)) == sorted(ids)


def test_what_is_wrong_at_once_is_an_error_as_any(address: str) -> None:
    for asked, status in (({"question": " "}, 400), ({"question": 5}, 422)):
        response = httpx.post(f"{address}/api/v1/ask/events", json=asked)
        assert response.status_code == response.json()["status"] == status
        assert response.headers["content-type"] == "application/problem+json"


def test_what_fails_later_is_an_event(
    address: str, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, LibraryError("The disk /secret is full: empty it."))
    passages, problem = events_of(address)
    assert (passages["event"], problem["event"]) == ("passages", "problem")
    said = json.loads(problem["data"])
    assert (said["status"], said["detail"]) == (503, "The disk /secret is full: empty it.")
    users = quick(Users.beside(library.folder))
    users.add("bob", Role.STUDENT, "correct horse battery")
    _, problem = events_of(address, authorization=f"Bearer {users.new_token('bob')}")
    assert "secret" not in problem["data"]


def test_a_fault_of_ours_is_told_without_its_words(
    address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing(monkeypatch, KeyError("the question"))
    with caplog.at_level(logging.ERROR):
        _, problem = events_of(address)
    assert json.loads(problem["data"])["status"] == 500
    assert "KeyError in fail" in caplog.text
    assert "the question" not in problem["data"] + caplog.text


def test_who_waits_long_hears_a_heartbeat(
    address: str, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.05)
    with asking(address) as response:
        told = events(response.iter_lines())
        assert next(told)["event"] == "passages"
        assert next(told) == next(told) == {"": "still here"}
        gate.set()
        assert "answer" in {event.get("event") for event in told}


def test_who_leaves_holds_no_thread(address: str, gate: threading.Event) -> None:
    for _ in range(3):  # who leave in between
        with asking(address) as response:
            assert next(events(response.iter_lines()))["event"] == "passages"
    gate.set()
    for _ in range(2 * WORKERS):
        with asking(address) as response:
            assert next(events(response.iter_lines()))["event"] == "passages"
    assert [event["event"] for event in events_of(address)] == ["passages", "answer"]
