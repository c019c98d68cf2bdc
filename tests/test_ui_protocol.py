"""What is said over a real connection, and for how long."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from conftest import owls_in, served

from rag import Library
from ui import protocol
from ui.api import build_api
from ui.protocol import patient_protocol
from ui.services import Services

GET = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return owls_in(tmp_path_factory.mktemp("made"))


@pytest.fixture
def port(library: Library, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.8)
    monkeypatch.setattr(protocol, "MOST_OF_ONE", 10)
    with served(build_api(Services.of(library)), http=patient_protocol()) as port:
        yield port


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def seconds_open(kept: socket.socket, part: bytes) -> float:
    """Returns how long the other end reads what is sent to it, part by part."""
    start = time.monotonic()
    while time.monotonic() < start + 5:
        try:
            kept.sendall(part)
        except OSError:
            break
        time.sleep(0.1)
    return time.monotonic() - start


def read_answer(kept: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
        answer += kept.recv(4096) or pytest.fail("the connection was closed")
    return answer.lower()


def test_headers_that_do_not_end_are_given_up(port: int) -> None:
    with closing(connected(port)) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert seconds_open(slow, b"a: b\r\n") < 3


def test_a_connection_is_used_again_while_its_requests_end(port: int) -> None:
    with closing(connected(port)) as kept:
        for _ in range(6):
            kept.sendall(GET + b"\r\n")
            assert b"connection: close" not in read_answer(kept)
            time.sleep(0.2)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET, b"200"),
        (b"POST /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n", b"405"),
        (b"POST /api/v1/ask HTTP/1.1\r\nhost: evil.example\r\n", b"400"),
        (GET + b"content-length: 5\r\n", b"400"),
    ],
)
def test_a_connection_ends_with_an_answer_that_did_not_wait_for_the_body(
    port: int, request_: bytes, status: bytes
) -> None:
    with closing(connected(port)) as slow:
        slow.sendall(request_ + b"transfer-encoding: chunked\r\n\r\n")
        answer = read_answer(slow)
        assert answer.startswith(b"http/1.1 " + status)
        assert b"connection: close" in answer
        assert seconds_open(slow, b"1\r\nx\r\n") < 3


def test_a_body_that_does_not_end_is_given_up(port: int) -> None:
    with closing(connected(port)) as slow:
        slow.sendall(b"POST /api/v1/ask HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 99\r\n\r\n")
        assert seconds_open(slow, b"x") < 3


def test_one_address_has_so_many_connections(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(closing(connected(port)))
        time.sleep(0.1)
        more = stack.enter_context(closing(connected(port)))
        with pytest.raises((ConnectionError, AssertionError, pytest.fail.Exception)):
            more.sendall(GET + b"\r\n")
            read_answer(more)
    time.sleep(0.3)
    with closing(connected(port)) as kept:
        kept.sendall(GET + b"\r\n")
        assert read_answer(kept).startswith(b"http/1.1 200")


@pytest.mark.parametrize(
    ("client", "behind_proxy", "whose"),
    [
        (("127.0.0.1", 5), False, "127.0.0.1"),
        (("127.0.0.1", 5), True, ""),
        (("10.0.0.1", 5), True, "10.0.0.1"),
        (("2001:db8:1:2::3", 5), False, "2001:db8:1:2::/64"),
        (None, False, ""),
    ],
)
def test_a_proxy_s_connections_are_everybody_s(
    client: tuple[str, int] | None, behind_proxy: bool, whose: str
) -> None:
    assert protocol._counted(client, behind_proxy) == whose
