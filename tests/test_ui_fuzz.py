"""Requests made up against the HTTP door: what is wrong gets a 4xx in plain words, never a 500."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, quote_from_bytes

import pytest
import schemathesis
from conftest import owls_in
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from ui.app import build_app
from ui.services import Services

HERE = {"host": "127.0.0.1:7860"}

NEVER_WRONG = {
    *(("get", "/healthz"), ("get", "/api/v1/status")),
    *(("post", "/api/v1/index"), ("get", "/api/v1/jobs")),
    *(("get", "/api/v1/question-sets"), ("get", "/api/v1/runs"), ("get", "/api/v1/jobs/{id}")),
    *(("get", "/api/v1/runs/{name}"), ("delete", "/api/v1/runs/{name}")),
    *(("get", "/api/v1/runs/{name}/report"), ("get", "/api/v1/runs/{name}/file")),
    *(("get", "/api/v1/objectives"), ("get", "/api/v1/coverage")),
    *(("get", "/api/v1/coverage/{name}"), ("delete", "/api/v1/coverage/{name}")),
    *(("get", "/api/v1/coverage/{name}/csv"), ("get", "/api/v1/coverage/{name}/report")),
    *(("get", "/api/v1/audit"), ("post", "/api/v1/audit"), ("get", "/api/v1/audit/{kind}/csv")),
}
"""Take nothing, or a name that may be any text: the document forbids no request for them."""

OPERATIONS = NEVER_WRONG | {
    *(("post", "/api/v1/ask/events"), ("get", "/api/v1/search"), ("get", "/api/v1/documents")),
    *(("get", "/api/v1/documents/{document}"), ("post", "/api/v1/feedback")),
    *(("post", "/api/v1/ask"), ("post", "/api/v1/upload"), ("post", "/api/v1/runs")),
    *(("get", "/api/v1/comparisons"), ("get", "/api/v1/comparisons/report")),
    *(("post", "/api/v1/coverage"), ("get", "/api/v1/coverage/{name}/changes")),
    *(("get", "/api/v1/gaps"), ("post", "/api/v1/gaps"), ("get", "/api/v1/gaps/csv")),
    *(("get", "/api/v1/gaps/{id}"), ("get", "/api/v1/gaps/{id}/answers")),
    ("post", "/api/v1/gaps/{id}/answers"),
}

CHECKS = [
    *(not_a_server_error, status_code_conformance, content_type_conformance),
    *(response_schema_conformance, negative_data_rejection, unsupported_method),
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return build_app(Services.of(owls_in(tmp_path_factory.mktemp("fuzz"), uploads=True)))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    yield TestClient(app, headers=HERE, raise_server_exceptions=True, follow_redirects=False)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("method", "path"), sorted(OPERATIONS))
def test_the_api_does_what_its_document_says(
    app: FastAPI, method: str, path: str, mode: GenerationMode
) -> None:
    document = schemathesis.openapi.from_asgi("/openapi.json", app, headers=HERE)
    assert {(o.ok().method, o.ok().path) for o in document.get_all_operations()} == OPERATIONS
    try:
        cases = document[path][method].as_strategy(generation_mode=mode)
        check_cases(cases)
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE and (method, path) in NEVER_WRONG


def check_cases(cases: st.SearchStrategy[Case]) -> None:
    @settings(max_examples=60, derandomize=True, suppress_health_check=HealthCheck)
    @given(cases)
    def check(case: Case) -> None:
        case.call_and_validate(headers=HERE, checks=CHECKS)

    check()


DEEP = b"[" * 100_000

BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            *(b'{"question":"\\ud800"}', b'{"question":"a\\u0000b"}', b'{"question":1e999}'),
            *(DEEP, b'{"question":' + DEEP, b'{"question":"When?","after":' + DEEP),
            *(b'{"question":' + b"9" * 5000 + b"}", b'{"question":"\xff"}'),
            b'{"question":"And why?","after":{"query":"\\udfff owls","title":"\\ud800"}}',
            b'{"question":"And why?","after":{"query":"' + b"y " * 40_000 + b'"}}',
            b'{"question":"' + b"x" * 3000 + b'"}',
            b'{"question":"\\r\\nSet-Cookie: a=b"}',
            b'{"question":"When?","within":"\\ud800"}',
            b'{"question":"When?","within":"../../etc\\u0000"}',
            b'{"question":"x","verdict":"up","reason":"\\ud800"}',
            b'{"question":"x\\u0000","verdict":null,"reason":"a\\u0000b"}',
            b'{"question":{},"verdict":["up"]}',
        ]
    ),
    st.text(st.characters(exclude_categories=()), max_size=50).map(
        lambda text: b'{"question":"' + text.encode("utf-8", "surrogatepass") + b'"}'
    ),
)


@pytest.mark.parametrize("path", ["/api/v1/ask", "/api/v1/ask/events", "/api/v1/feedback"])
@settings(max_examples=100, derandomize=True, suppress_health_check=HealthCheck)
@given(
    body=BODIES, kind=st.sampled_from(["application/json", "text/plain", "a;charset=utf-16", ""])
)
def test_a_body_of_any_bytes_is_answered(
    client: TestClient, path: str, body: bytes, kind: str
) -> None:
    response = client.post(path, content=body, headers={"content-type": kind})
    assert response.status_code in {200, 400, 404, 413, 422}
    if response.status_code != 200:
        assert response.json()["title"] == "Not answered"
    assert len(response.content) < 20_000
    assert "set-cookie" not in response.headers


NUMBERS = st.integers().map(str) | st.sampled_from(["9" * 6000, "1e3", "\u0661", "", "-0", "0x1"])


@settings(max_examples=150, derandomize=True, suppress_health_check=HealthCheck)
@given(
    st.binary(max_size=30).map(quote_from_bytes)
    | st.sampled_from(
        ["owls.md", "../lib/library.sqlite3", "%2e%2e/x", "%2fetc%2fpasswd", "a%0d%0ab"]
    ),
    NUMBERS,
    NUMBERS,
)
def test_any_place_in_any_document_is_answered(
    client: TestClient, document: str, start: str, end: str
) -> None:
    part = f"{document}?start={quote(start)}&end={quote(end)}"
    response = client.get(f"/source/{part}")
    picture = client.get(f"/page/{document}?n={quote(start)}")
    assert picture.status_code in {404, 422}
    allowed = {200, 404, 422} if document in {"owls.md", ""} else {404, 422}
    assert response.status_code in allowed | ({200} if document in {"/", "//"} else set())
    response = client.get(f"/api/v1/documents/{part}")
    assert response.status_code in ({200, 422} if document == "owls.md" else {404, 422})


@settings(max_examples=100, derandomize=True, suppress_health_check=HealthCheck)
@given(
    st.sampled_from(["/", "/healthz", "/api/v1/ask", "/sign-in", "/openapi.json", "/source/"]),
    st.dictionaries(
        st.sampled_from(
            [
                *(
                    "cookie",
                    "authorization",
                    "origin",
                    "content-length",
                    "accept-encoding",
                    "range",
                ),
                *("content-type", "x-forwarded-host", "x-forwarded-proto", "if-none-match"),
                *("sec-fetch-site", "transfer-encoding", "accept", "connection", "range"),
            ]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
        | st.sampled_from(["notesqa=x", "Bearer", "Bearer \u00ff", "null", "9" * 5000]),
        max_size=4,
    ),
)
def test_headers_of_any_content_are_answered(
    client: TestClient, path: str, headers: dict[str, str]
) -> None:
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    response = client.get(path, headers=sent)  # type: ignore[arg-type]
    assert response.status_code < 500


def test_the_fuzzer_sees_what_fails(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr("rag.pipeline.Library.ask", broken)
    assert client.post("/api/v1/ask", json={"question": "When?"}).status_code == 500


def test_the_document_of_the_api_names_its_errors(client: TestClient) -> None:
    answers = client.get("/openapi.json").json()["paths"]["/api/v1/ask"]["post"]["responses"]
    assert set(answers) == {"200", "400", "401", "403", "413", "422", "429", "503"}
