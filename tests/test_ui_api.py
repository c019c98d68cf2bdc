from __future__ import annotations

from pathlib import Path

import pytest
from conftest import WordLengths
from fastapi.testclient import TestClient

from rag import Library, Settings
from ui.api import build_api
from ui.guard import MAX_BODY_BYTES
from ui.services import Services

NOTE = "# Owls\n\nOwls hunt at night because their eyes gather <i>more</i> light.\n"


@pytest.fixture
def client(tmp_path: Path, embedder: WordLengths) -> TestClient:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "owls and more.md").write_text(NOTE, encoding="utf-8")
    library = Library(Settings(library=str(tmp_path / "lib"), corpus=str(notes)), embedder)
    library.index()
    return TestClient(build_api(Services.of(library)), base_url="http://127.0.0.1:7860")


def test_ask_answers_with_the_object_of_the_command_line(client: TestClient) -> None:
    answer = client.post("/api/v1/ask", json={"question": "When do owls hunt?"}).json()
    assert list(answer)[:5] == ["question", "query", "state", "reason", "confidence"]
    assert answer["passages"][0]["document"] == "owls and more.md"


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


def test_the_openapi_document_lies_where_it_should(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert "/api/v1/ask" in document["paths"]
    turn = document["components"]["schemas"]["Turn"]
    assert (list(turn["properties"]), turn["required"]) == (["query", "title"], ["query"])
