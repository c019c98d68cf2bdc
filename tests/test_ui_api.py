from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Named, Run, WordLengths, constant_fit, quick
from fastapi.testclient import TestClient
from pydantic import BaseModel

from rag import Library, QuestionLog, Settings, Verdict
from ui import schemas
from ui.api import build_api
from ui.auth import Role, Users
from ui.guard import MAX_BODY_BYTES
from ui.services import Services
from ui.v1 import QUESTION

HERE = "http://127.0.0.1:7860"

NOTE = "# Owls\n\nOwls hunt at night because their eyes gather <i>more</i> light.\n"

TALK = "WEBVTT\n\n00:01.000 --> 00:04.000\nOwls fly\n\n00:05.000 --> 00:09.000\nwithout a sound.\n"


def library_in(folder: Path, **settings: Any) -> Library:
    (folder / "notes/talks").mkdir(parents=True)
    (folder / "notes/owls and more.md").write_text(NOTE, encoding="utf-8")
    (folder / "notes/talks/flight.vtt").write_text(TALK, encoding="utf-8")
    (folder / "notes/broken.pdf").write_bytes(b"%PDF-1.4 and no more")
    made = Settings(library=str(folder / "lib"), corpus=str(folder / "notes"), **settings)
    library = Library(made, WordLengths(), constant_fit(0.1))
    library.index()
    return library


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_in(tmp_path)


@pytest.fixture
def client(library: Library) -> TestClient:
    return TestClient(build_api(Services.of(library)), base_url=HERE)


def question_of(client: TestClient) -> str:
    """Asks, and returns the question's id."""
    id_: str = client.post("/api/v1/ask", json={"question": "When?"}).headers[QUESTION]
    return id_


# Asking


def test_a_question_may_lean_on_the_turn_before(client: TestClient) -> None:
    first = client.post("/api/v1/ask", json={"question": "When do owls hunt?"}).json()
    turn = {"query": first["query"], "title": "Night birds"}
    asked = {"question": "And why?", "after": turn}
    assert client.post("/api/v1/ask", json=asked).json()["query"] == (
        "And why? owls hunt Night birds"
    )
    asked["after"] = {"query": first["query"]}
    assert client.post("/api/v1/ask", json=asked).json()["query"] == "And why? owls hunt"
    asked["after"] = None
    assert client.post("/api/v1/ask", json=asked).json()["query"] == "And why?"


@pytest.mark.parametrize("turn", ["When?", {"title": "x"}, {"query": 5}, ["When?"]])
def test_a_turn_that_is_none_is_refused(client: TestClient, turn: object) -> None:
    asked = {"question": "And why?", "after": turn}
    assert client.post("/api/v1/ask", json=asked).status_code == 422


def test_a_bad_question_is_a_problem_in_plain_words(client: TestClient) -> None:
    response = client.post("/api/v1/ask", json={"question": "  "})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert "empty" in response.json()["detail"]


@pytest.mark.parametrize("address", ["ask", "ask/events", "search"])
def test_a_question_may_be_asked_of_a_folder(client: TestClient, address: str) -> None:
    asked = {"question": "When do owls hunt?", "within": "talks"}
    if address == "search":
        said = client.get("/api/v1/search", params=asked).text
    else:
        said = client.post(f"/api/v1/{address}", json=asked).text
    assert "talks/flight.vtt" in said
    assert "owls and more.md" not in said


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", "ask"), ("POST", "ask/events"), ("GET", "search"), ("GET", "documents")),
    ],
)
def test_a_folder_without_notes_is_a_problem(client: TestClient, method: str, path: str) -> None:
    asked = {"within": "talk"} | ({"question": "When?"} if path != "documents" else {})
    content = {"json": asked} if method == "POST" else {"params": asked}
    response = client.request(method, f"/api/v1/{path}", **content)  # type: ignore[arg-type]
    assert response.status_code == 400
    assert "No note lies" in schemas.Problem.model_validate_json(response.content).detail


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/api/v1/ask", {"json": {"question": "When?", "withn": "talks"}}),
        ("POST", "/api/v1/ask", {"json": {"question": "x", "after": {"query": "x", "Title": ""}}}),
        ("POST", "/api/v1/ask/events", {"json": {"question": "When?", "withn": "talks"}}),
        ("GET", "/api/v1/search", {"params": {"question": "When?", "withn": "talks"}}),
        ("GET", "/api/v1/search", {"params": {"question": "When?", "k": 101}}),
        ("GET", "/api/v1/search", {"params": {"question": "When?", "k": 0}}),
        ("GET", "/api/v1/search", {"params": {"question": "When?", "k": "9" * 5000}}),
        ("GET", "/api/v1/search", {}),
        ("GET", "/api/v1/documents", {"params": {"folder": "talks"}}),
        ("GET", "/api/v1/documents/owls and more.md", {"params": {"start": -1}}),
        ("GET", "/api/v1/documents/owls and more.md", {"params": {"start": 9, "end": 8}}),
        ("GET", "/api/v1/documents/owls and more.md", {"params": {"end": len(NOTE) + 1}}),
        ("GET", "/api/v1/documents/owls and more.md", {"params": {"end": 2**53}}),
        ("POST", "/api/v1/feedback", {"json": {"question": "x", "verdict": "good"}}),
        ("POST", "/api/v1/feedback", {"json": {"question": "x"}}),
        ("POST", "/api/v1/feedback", {"json": {"question": "x", "verdict": "up", "why": "x"}}),
        (
            "POST",
            "/api/v1/feedback",
            {"json": {"question": "x", "verdict": "up", "reason": "x" * 1001}},
        ),
    ],
)
def test_what_is_not_of_the_form_is_a_problem(
    client: TestClient, method: str, path: str, content: dict[str, Any]
) -> None:
    response = client.request(method, path, **content)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert schemas.Problem.model_validate_json(response.content).status == 422


# Reading


def test_documents_are_listed_with_what_one_needs_to_name_a_place(client: TestClient) -> None:
    owls = {"path": "owls and more.md", "title": "Owls", "folder": "", "places": "line"}
    talk = {"path": "talks/flight.vtt", "title": "flight", "folder": "talks", "places": "time"}
    assert client.get("/api/v1/documents").json() == {"documents": [owls, talk]}
    for within in ("talks", "./talks/", "talks/flight.vtt"):
        said = client.get("/api/v1/documents", params={"within": within})
        assert said.json() == {"documents": [talk]}


def test_a_part_of_a_document_is_read_with_its_place(client: TestClient) -> None:
    path = "/api/v1/documents/owls%20and%20more.md"
    whole = client.get(path).json()
    assert (whole["text"], whole["location"], whole["listed"]) == (NOTE, "lines 1–3", [])
    assert (whole["start"], whole["end"], whole["characters"]) == (0, len(NOTE), len(NOTE))
    part = client.get(path, params={"start": 8, "end": 12}).json()
    assert (part["text"], part["location"], part["characters"]) == ("Owls", "line 3", len(NOTE))
    (found,) = client.get("/api/v1/search?question=sound&within=talks&k=1").json()["passages"]
    span = {"start": found["start"], "end": found["end"]}
    talk = client.get("/api/v1/documents/talks/flight.vtt", params=span).json()
    assert (talk["text"], talk["location"]) == (found["text"], found["location"])
    assert [place["name"] for place in talk["listed"]] == ["00:00:01–00:00:04", "00:00:05–00:00:09"]


@pytest.mark.parametrize("path", ["x", "lib/library.sqlite3", "%2e%2e/lib/library.sqlite3", ""])
def test_only_documents_of_the_library_are_read(client: TestClient, path: str) -> None:
    response = client.get(f"/api/v1/documents/{path}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_a_library_that_is_gone_is_another_problem_than_a_missing_document(
    client: TestClient, library: Library
) -> None:
    (library.folder / "library.sqlite3").unlink()
    assert client.get("/api/v1/documents/owls%20and%20more.md").status_code == 503
    assert client.get("/api/v1/documents").status_code == 503


# Feedback


def test_feedback_is_kept_with_the_question(client: TestClient, library: Library) -> None:
    id_ = question_of(client)
    kept = QuestionLog.of(library.settings)

    def say(verdict: str | None, reason: str = "") -> tuple[Verdict | None, str | None]:
        said = {"question": id_, "verdict": verdict, "reason": reason}
        response = client.post("/api/v1/feedback", json=said)
        assert (response.status_code, response.content) == (204, b"")
        (asked,) = kept.newest(2)
        return asked.verdict, asked.reason

    most = "é" * schemas.MOST_REASON
    assert say("down", most) == (Verdict.DOWN, most)
    assert say("up") == (Verdict.UP, None)
    assert say(None) == (None, None)


def test_feedback_on_what_is_not_kept_is_a_problem(tmp_path: Path) -> None:
    library = library_in(tmp_path, log_questions=False)
    client = TestClient(build_api(Services.of(library)), base_url=HERE)
    assert QUESTION not in client.post("/api/v1/ask", json={"question": "When?"}).headers
    said = {"question": "0123456789abcdef", "verdict": "up"}
    response = client.post("/api/v1/feedback", json=said)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


# With sign-in


@pytest.fixture
def tokens(library: Library) -> dict[str, str]:
    """Turns sign-in on; returns what each user sends."""
    users = quick(Users.beside(library.folder))
    for name, role in (
        ("ada", Role.INSTRUCTOR),
        ("bob", Role.STUDENT),
        ("eve", Role.STUDENT),
    ):
        users.add(name, role, "correct horse battery")
    return {name: f"Bearer {users.new_token(name)}" for name in ("ada", "bob", "eve")}


def test_each_address_is_for_its_role(client: TestClient, tokens: dict[str, str]) -> None:
    asked = {"json": {"question": "When?"}}
    said = {"json": {"question": "x", "verdict": "up"}}
    for method, path, content, status, student in (
        ("POST", "/api/v1/ask", asked, 200, True),
        ("POST", "/api/v1/ask/events", asked, 200, True),
        ("GET", "/api/v1/search?question=When", {}, 200, True),
        ("GET", "/api/v1/documents", {}, 200, True),
        ("GET", "/api/v1/documents/talks/flight.vtt", {}, 200, True),
        ("GET", "/api/v1/status", {}, 200, False),
        ("POST", "/api/v1/feedback", said, 404, True),
    ):

        def answered(name: str | None) -> int:
            headers = {"authorization": tokens[name]} if name else {}
            response = client.request(method, path, headers=headers, **content)  # noqa: B023
            if response.status_code >= 400:
                schemas.Problem.model_validate_json(response.content, extra="forbid")
            return response.status_code

        expected = (401, status if student else 403, status)
        assert (answered(None), answered("bob"), answered("ada")) == expected, path


def test_feedback_is_taken_from_who_asked_alone(client: TestClient, tokens: dict[str, str]) -> None:
    asked = {"authorization": tokens["bob"]}
    id_ = client.post("/api/v1/ask", json={"question": "When?"}, headers=asked).headers[QUESTION]

    def say(name: str) -> int:
        said, headers = {"question": id_, "verdict": "up"}, {"authorization": tokens[name]}
        return client.post("/api/v1/feedback", json=said, headers=headers).status_code

    assert [say("eve"), say("ada"), say("bob")] == [404, 404, 204]


def test_searches_count_as_questions(library: Library, tokens: dict[str, str]) -> None:
    settings = replace(library.settings, asks_per_minute=2)
    quick_one = Library(settings, WordLengths(), constant_fit(0.1))
    client = TestClient(build_api(Services.of(quick_one)), base_url=HERE)
    bob, ada = ({"authorization": tokens[name]} for name in ("bob", "ada"))
    assert client.post("/api/v1/ask", json={"question": "When?"}, headers=bob).status_code == 200
    assert client.get("/api/v1/search?question=When", headers=bob).status_code == 200
    refused = client.get("/api/v1/search?question=When", headers=bob)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
    assert client.get("/api/v1/search?question=When", headers=ada).status_code == 200


def test_feedback_counts_as_a_question(library: Library, tokens: dict[str, str]) -> None:
    settings = replace(library.settings, asks_per_minute=2)
    quick_one = Library(settings, WordLengths(), constant_fit(0.1))
    client = TestClient(build_api(Services.of(quick_one)), base_url=HERE)
    bob = {"authorization": tokens["bob"]}
    id_ = client.post("/api/v1/ask", json={"question": "When?"}, headers=bob).headers[QUESTION]
    said = {"question": id_, "verdict": "up"}
    statuses = [
        client.post("/api/v1/feedback", json=said, headers=bob).status_code for _ in range(2)
    ]
    assert statuses == [204, 429]


# The form of answers


def test_answers_are_of_the_form_that_the_document_describes(client: TestClient) -> None:
    def hold(model: type[BaseModel], content: bytes) -> None:
        said = model.model_validate_json(content, strict=True, extra="forbid")
        assert said.model_dump(mode="json") == json.loads(content)

    answer = client.post("/api/v1/ask", json={"question": "When do owls hunt?"})
    assert answer.json()["citations"]
    hold(schemas.Answer, answer.content)
    hold(schemas.Found, client.get("/api/v1/search?question=When").content)
    hold(schemas.Documents, client.get("/api/v1/documents").content)
    hold(schemas.Source, client.get("/api/v1/documents/talks/flight.vtt").content)
    status = client.get("/api/v1/status")
    assert status.json()["skipped"]
    hold(schemas.Status, status.content)
    hold(schemas.Health, client.get("/healthz").content)


def test_an_abstention_is_of_that_form_too(tmp_path: Path) -> None:
    library = library_in(tmp_path)
    refusing = Library(library.settings, WordLengths(), constant_fit(0.9))
    client = TestClient(build_api(Services.of(refusing)), base_url=HERE)
    content = client.post("/api/v1/ask", json={"question": "When do owls hunt?"}).content
    said = schemas.Answer.model_validate_json(content, strict=True, extra="forbid")
    assert (said.state, said.answer) == ("abstained", None)


def test_json_is_that_of_the_command_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTESQA_LOG_QUESTIONS", "false")  # its file counts as the library's
    library = library_in(tmp_path)
    at = ("--library", str(library.folder), "--corpus", str(library.settings.corpus))
    run(*at, "index")  # with the model of the command line
    settings = replace(library.settings, log_questions=False)
    named = Library(settings, Named(settings.model), constant_fit(0.1))
    client = TestClient(build_api(Services.of(named)), base_url=HERE)

    def timeless(said: str) -> str:
        return re.sub(r'"timings_ms": {[^}]*}', "", said)

    for line, said in (
        (
            ("ask", "When do ünlike owls hunt?"),
            client.post("/api/v1/ask", json={"question": "When do ünlike owls hunt?"}),
        ),
        (("search", "owls", "-k", "1"), client.get("/api/v1/search?question=owls&k=1")),
        (("status",), client.get("/api/v1/status")),
    ):
        done = run(*at, *line, "--json")
        assert done.status == 0
        assert timeless(done.out) == timeless(json.dumps(said.json())) + "\n"


def test_the_openapi_document_says_what_a_program_needs(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    named = {
        operation["operationId"]: operation
        for way in document["paths"].values()
        for operation in way.values()
    }
    assert set(named) == {
        *("ask", "ask_events", "search", "documents", "document", "status", "feedback", "health"),
        *("index", "upload", "jobs", "job", "question_sets", "start_run", "runs", "run"),
        *("run_report", "run_file", "delete_run", "compare", "comparison_report"),
        *("objectives", "coverages", "start_coverage", "coverage", "delete_coverage"),
        *("coverage_csv", "coverage_report", "coverage_changes"),
        *("gaps", "look_for_gaps", "gaps_csv", "gap", "ask_gap", "gap_answers"),
        *("audit", "look_at_notes", "audit_csv"),
    }
    for name, operation in named.items():
        words = operation["summary"].split()
        assert len(words) > 3 and words[1].islower(), name  # not what the function is called
        for said in operation["responses"].values():
            form = said.get("content", {}).get("application/json")
            assert form is None or "$ref" in form["schema"], name
    answered = named["ask"]["responses"]["200"]
    assert QUESTION in answered["headers"]
    assert answered["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}
    }
    assert list(named["ask_events"]["responses"]["200"]["content"]) == ["text/event-stream"]
    parts = document["components"]
    turn = parts["schemas"]["Turn"]
    assert (list(turn["properties"]), turn["required"]) == (["query", "title"], ["query"])
    assert (document["info"]["version"], document["security"]) == ("1", [{}, {"token": []}])
    for name, operation in named.items():
        for status, said in operation["responses"].items():
            if int(status) >= 400 and (name, status) != ("health", "503"):  # a state, not an error
                assert said["content"] == {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                }, name
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert used == set(parts["schemas"])


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/search?question=owls",
        *("/api/v1/documents", "/api/v1/documents/talks/flight.vtt", "/api/v1/status"),
        "/api/v1/documents/x",
    ],
)
def test_head_is_answered_as_get_without_the_body(client: TestClient, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


# Around it


def test_health_says_that_the_library_is_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ready", "generation": 1}


def test_the_source_page_shows_the_note_without_running_it(client: TestClient) -> None:
    response = client.get("/source/owls%20and%20more.md", params={"start": 8, "end": 12})
    assert '<mark id="marked">Owls</mark>' in response.text
    assert "&lt;i&gt;more" in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["../api.py", "%2e%2e/lib/library.sqlite3", "/etc/passwd", "x"])
def test_only_documents_of_the_library_have_a_source_page(client: TestClient, path: str) -> None:
    response = client.get(f"/source/{path}")
    assert response.status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:7860"])
def test_another_host_name_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 400


def test_a_large_body_is_refused_and_a_short_one_may_come_in_parts(client: TestClient) -> None:
    body = b'{"question": "' + b"x" * MAX_BODY_BYTES + b'"}'
    assert client.post("/api/v1/ask", content=body).status_code == 413
    chunked = client.post("/api/v1/ask", content=(part for part in [body[:-2], b'"}']))
    assert chunked.status_code == 413
    parts = (part for part in [b'{"question"', b': "When?"}'])
    kind = {"content-type": "application/json"}
    short = client.post("/api/v1/ask", content=parts, headers=kind)
    assert short.json()["question"] == "When?"
