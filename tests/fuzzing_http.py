"""Made-up requests against the HTTP door, for as long as one wants: schemathesis and torn bodies.

Every error has to be problem details that repeat nothing of the request. What a request was stands
in the finding; a run of the same seed makes the same ones, in the same order.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote_from_bytes

import schemathesis
from conftest import owls_in
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from mutating import NUMBERS, Stock, mutate_json, mutate_text
from schemathesis import Case, GenerationMode
from test_ui_fuzz import BODIES, CHECKS, HERE, NEVER_WRONG, OPERATIONS

from ui.app import build_app
from ui.services import Services

_BATCH = 10
"""Requests of one kind, after which another comes."""

MARK = "zqxjvk"
"""Stands in what is sent, and may not stand in an error."""

_STOCK = Stock(
    (
        json.dumps({"question": f"When do owls {MARK} hunt?"}).encode(),
        json.dumps(
            {
                "question": f"{MARK}?",
                "after": {"query": f"owls {MARK}", "title": MARK},
            }
        ).encode(),
        json.dumps({MARK: [MARK, {MARK: 1}], "question": 3, "after": MARK}).encode(),
        json.dumps({"question": MARK, "verdict": "down", "reason": MARK}).encode(),
    ),
    (
        MARK.encode(),
        b'"question":',
        b'"after":',
        b'"verdict":',
        b"null",
        b"{",
        b"[",
        b'"',
        b"\\ud800",
        b"1e999",
        b"NaN",
    ),
)
_KINDS = ("application/json", "text/plain", "application/json; charset=utf-16", "", MARK)
_WAYS = ("GET", "POST", "PUT", "HEAD", "OPTIONS", "TRACE", "PATCH", MARK)
_PATHS = (
    *("/healthz", "/source/owls.md", "/library", "/openapi.json", "/sign-in", "/api/v1/search"),
    "/notes",
    *("/api/v1/documents", "/api/v1/documents/owls.md", "/api/v1/status"),
)
_DOCUMENTS = ("/source/", "/api/v1/documents/")
_POSTS = ("/api/v1/ask", "/api/v1/ask", "/api/v1/ask/events", "/api/v1/feedback")
_HEADERS = ("cookie", "authorization", "origin", "referer", "range", "x-forwarded-for", "if-match")


def requests(first: int) -> Iterator[tuple[str, int, BaseException | None, str]]:
    """Yields of each request that is made its kind, its status, what is wrong, and what was sent.

    Args:
        first: the seed of all of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        app = app_of(Path(folder))
        client = TestClient(app, headers=HERE, follow_redirects=False)
        kinds = [*_documented(app, first), _torn(client, first), _bodies(client, first)]
        while True:
            for kind in kinds:
                yield from next(kind)


def app_of(folder: Path) -> FastAPI:
    """Returns the application over a library of one note."""
    return build_app(Services.of(owls_in(folder, log_questions=False)))


Batch = list[tuple[str, int, BaseException | None, str]]


def _documented(app: FastAPI, first: int) -> Iterator[Iterator[Batch]]:
    """Yields makers of what the OpenAPI document allows, and of what it forbids."""
    document = schemathesis.openapi.from_asgi("/openapi.json", app, headers=HERE)

    def made(method: str, path: str, mode: GenerationMode) -> Iterator[Batch]:
        cases = document[path][method].as_strategy(generation_mode=mode)

        def ask(case: Case) -> int:
            response = case.call(headers=HERE)
            headers = {name: said[0] for name, said in response.headers.items()}
            # Questions are not repeated; which folder or file of them is not there, is said.
            named = ("/runs", "/coverage")
            sent = None if any(name in path for name in named) else case.body
            if isinstance(sent, dict):
                sent = {name: value for name, value in sent.items() if name != "within"}
            hold(response.status_code, headers, response.content, texts(sent))
            case.validate_response(response, checks=CHECKS)
            return int(response.status_code)

        return _batches(f"{method} {path} {mode.value}", cases, ask, first)

    for method, path in sorted(OPERATIONS):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode is GenerationMode.POSITIVE or (method, path) not in NEVER_WRONG:
                yield made(method, path, mode)


def _bodies(client: TestClient, first: int) -> Iterator[Batch]:
    def ask(sent: tuple[bytes, str, str]) -> int:
        return _send(client, "POST", sent[2], sent[0], {"content-type": sent[1]})

    made = st.tuples(BODIES, st.sampled_from(_KINDS), st.sampled_from(_POSTS))
    return _batches("bodies", made, ask, first)


def _batches(
    kind: str, strategy: st.SearchStrategy[Any], ask: Callable[[Any], int], first: int
) -> Iterator[Batch]:
    return (_batch(kind, strategy, ask, f"{first} {kind} {number}") for number in count())


def _batch(
    kind: str, strategy: st.SearchStrategy[Any], ask: Callable[[Any], int], of: str
) -> Batch:
    batch: Batch = []

    @seed(of)
    @settings(
        max_examples=_BATCH,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def check(sent: Any) -> None:
        batch.append(_tried(kind, sent, ask))

    check()
    return batch


def _torn(client: TestClient, first: int) -> Iterator[Batch]:
    """Yields requests whose bytes are changed at random, anywhere in them."""
    for number in count():
        random = Random(f"{first} torn {number}")

        def ask(sent: tuple[str, str, bytes, dict[str, str]]) -> int:
            return _send(client, *sent)

        yield [_tried("torn", _request(random), ask) for _ in range(_BATCH)]


def _request(random: Random) -> tuple[str, str, bytes, dict[str, str]]:
    mutate = mutate_json if random.random() < 0.6 else mutate_text
    body = mutate(random, _STOCK)[:20_000]
    headers = {"content-type": random.choice(_KINDS[:3])}
    if random.random() < 0.6:
        return "POST", random.choice(_POSTS), body, headers
    way, path = random.choice(_WAYS), random.choice([*_PATHS, *_POSTS])
    if random.random() < 0.5:
        path = f"{random.choice(_DOCUMENTS)}{quote_from_bytes(body[:80])}"
    if random.random() < 0.5:
        start, end = (quote_from_bytes(random.choice(NUMBERS).encode()) for _ in range(2))
        path += f"?start={start}&end={end}&words={quote_from_bytes(body[:60])}"
    if random.random() < 0.2:
        path = f"/api/v1/search?question={quote_from_bytes(body[:60])}&k={random.choice(NUMBERS)}"
    said = re.sub(r"[^\x20-\x7e\xa0-\xff]", "", body[:200].decode("latin-1"))
    return way, path, body, headers | {random.choice(_HEADERS): said}


def _send(client: TestClient, way: str, path: str, body: bytes, headers: dict[str, str]) -> int:
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    response = client.request(way, path, content=body, headers=sent)  # type: ignore[arg-type]
    hold(response.status_code, response.headers, response.content, [MARK] if way != "HEAD" else [])
    return response.status_code


def _tried(
    kind: str, sent: Any, ask: Callable[[Any], int]
) -> tuple[str, int, BaseException | None, str]:
    try:
        return kind, ask(sent), None, ""
    except (Exception, BaseExceptionGroup) as error:  # schemathesis groups what it finds
        return kind, 0, error, repr(sent)[:3000]


def hold(status: int, headers: Any, body: bytes, sent: list[str]) -> None:
    """Raises AssertionError where an answer is not as promised.

    Args:
        sent: what an error may not repeat.
    """
    assert status < 500, f"status {status}"
    assert "set-cookie" not in headers, "a cookie for nobody"
    if status < 400:
        return
    if not headers["content-type"].startswith("text/html"):
        assert headers["content-type"] == "application/problem+json", "an error of another type"
        said = json.loads(body) if body else {"title": "", "status": status, "detail": ""}
        assert {"title", "status", "detail"} <= set(said), "an error without details"
        assert said["status"] == status, "another status inside"
        # Hypothesis also sends what it has read in our code.
        text = body.decode().replace("/openapi.json", "")
        assert not any(one in text for one in sent), "an error that repeats what was sent"
    assert len(body) < 20_000, "a long error"


def texts(body: Any) -> list[str]:
    """Returns the strings in a body that are too long to stand in an error by chance."""
    if isinstance(body, str):
        return [body] if len(body.strip()) > 8 else []
    inside = [*body, *body.values()] if isinstance(body, dict) else body
    return [one for part in inside for one in texts(part)] if isinstance(inside, list) else []


@dataclass(slots=True)
class Made:
    """What became of requests; `wrong` has, by what is wrong, how many there are and the first."""

    statuses: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, tuple[int, str]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def requests(self) -> int:
        """Returns how many were made."""
        return self.kinds.total()

    @property
    def findings(self) -> int:
        """Returns how many were not answered as promised."""
        return sum(number for number, _ in self.wrong.values())


def fuzz_http(first: int, *, seconds: float, inputs: int) -> Made:
    """Returns what became of requests, as many as there is time for.

    Args:
        first: the seed of all of them.
        inputs: most of them.
    """
    made = Made()
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # each refusal is a line of the log
    try:
        _make(made, first, seconds, inputs)
    finally:
        logging.disable(disabled)
    return made


def _make(made: Made, first: int, seconds: float, inputs: int) -> None:
    start = time.monotonic()
    for kind, status, error, sent in requests(first):
        made.kinds[kind] += 1
        made.statuses[status] += 1
        if error is not None:
            lines = [*str(error).splitlines(), ""]
            what = f"{kind}: {type(error).__name__}: {lines[0][:200]}"
            number, example = made.wrong.get(what, (0, sent))
            made.wrong[what] = number + 1, example
        if made.requests >= inputs or time.monotonic() > start + seconds:
            break
    made.seconds = time.monotonic() - start


def told(made: Made) -> Iterator[str]:
    """Yields lines that say what was made and what was found."""
    statuses = ", ".join(f"{number} {status}" for status, number in sorted(made.statuses.items()))
    yield (
        f"http   {made.requests:8} inputs {made.seconds:6.0f} s {statuses}; "
        f"findings: {made.findings}"
    )
    for what, (number, example) in made.wrong.items():
        yield f"    {what} ({number} alike), as {example}"
