"""What a server says on its terminal when it begins: its addresses, then whether it is ready."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Collection
from ipaddress import ip_address

import typer

from rag import LibraryError
from ui.readiness import Phase, State
from ui.render import visible
from ui.services import Services

LOOK_SECONDS = 0.5
"""How often it is looked whether a server has become ready."""

_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses for documentation (RFC 5737, RFC 3849), to which nothing is sent."""


def addresses(
    family: socket.AddressFamily, address: str, port: int, names: Collection[str]
) -> list[str]:
    """Returns where a server that listens can be opened.

    Args:
        names: those that it is known by beyond this machine.
    """
    hosts = [address]
    if ip_address(address).is_unspecified:
        here = "127.0.0.1" if family is socket.AF_INET else "::1"
        hosts = [here, *filter(None, [_outward(family)])]
    shown = [f"[{host}]" if ":" in host else host for host in hosts] + sorted(names)
    return [f"http://{host}:{port}" for host in dict.fromkeys(shown)]


def tell_addresses(what: str, found: Collection[str], path: str) -> None:
    """Prints where something is served."""
    listed = " and ".join(f"{address}{path}" for address in found)
    typer.echo(f"{what}: {listed} (Ctrl+C ends it)")


def tell_state(services: Services, ended: threading.Event) -> Callable[[float], bool]:
    """Prints in a moment that a server is ready, or what it is missing, on stderr.

    Returns what says whether that is done, after so many seconds at most.
    """

    def wait() -> None:
        state = services.state()
        while state.phase in {Phase.STARTING, Phase.INDEXING}:
            if ended.wait(LOOK_SECONDS):
                return
            state = services.state()
        typer.echo(_words(services, state), err=True)

    thread = threading.Thread(target=wait, name="greeting", daemon=True)
    thread.start()

    def is_done(seconds: float) -> bool:
        thread.join(seconds)
        return not thread.is_alive()

    return is_done


def _words(services: Services, state: State) -> str:
    if state.phase is not Phase.READY:
        return f"notesqa: {visible(state.told)}"
    try:
        notes = int(services.library.summary()["indexed"])
    except LibraryError as error:
        return f"notesqa: {visible(str(error))}"
    said = f"Ready: {notes:,} note{'' if notes == 1 else 's'} can be asked."
    return f"{said} {visible(services.readiness.folder_problem())}".rstrip()


def _outward(family: socket.AddressFamily) -> str | None:
    """Returns the address by which this machine is known to others; None where it has none."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as found:
            found.connect((_ELSEWHERE[family], 9))
            return str(found.getsockname()[0])
    except OSError:
        return None
