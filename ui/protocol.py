"""How a connection is spoken with: uvicorn's HTTP, which gives up on who never comes to an end.

uvicorn waits for ever for the rest of a request's headers, and keeps a connection open whose
request was answered before its body came. Here a request has to be whole in a time, whatever drips
in meanwhile, and one address has so many connections.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from ipaddress import ip_address
from typing import Any

from ui.door import network_of

HEADER_SECONDS = 10.0
"""How long the first lines of a request may take to arrive."""

REQUEST_SECONDS = 30.0
"""How long a whole request may take, from its first byte."""

MOST_OF_ONE = 300
"""Connections of one address; a page holds two or three, and a class may share an address."""


def patient_protocol(*, behind_proxy: bool = False) -> type[Any]:
    """Returns uvicorn's protocol with an end to its patience.

    Args:
        behind_proxy: whether everybody comes from loopback, which is then not counted.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    held: Counter[str] = Counter()

    class Patient(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _waits_for: Any = None
        _whose = ""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._whose = _counted(self.client, behind_proxy)
            held[self._whose] += 1
            if self._whose and held[self._whose] > MOST_OF_ONE:
                transport.abort()
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            if self.conn.their_state is h11.SEND_BODY:
                self.transport.close()  # the rest of the request is of no use
            super().on_response_complete()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._stop()
            held[self._whose] -= 1
            if not held[self._whose]:
                del held[self._whose]

        def _watch(self) -> None:
            """Sets a deadline where another part of a request is waited for than before."""
            state = self.conn.their_state
            if state is self._waits_for:
                return
            self._stop()
            self._waits_for = state
            seconds = {h11.IDLE: HEADER_SECONDS, h11.SEND_BODY: REQUEST_SECONDS}.get(state)
            if seconds is not None and not self.transport.is_closing():
                self._deadline = self.loop.call_later(seconds, self.transport.abort)

        def _stop(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Patient


def _counted(client: tuple[str, int] | None, behind_proxy: bool) -> str:
    """Returns whose connection it is; empty where that is not known."""
    if client is None or (behind_proxy and ip_address(client[0]).is_loopback):
        return ""
    return network_of(client[0])
