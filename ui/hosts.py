"""Where a request was sent to and whence: headers come in, whether they can be right comes out.

A page of another site can make a browser send requests here, and can give its own name the address
of this machine (DNS rebinding). What a browser says of itself tells them apart: the name it asked
for, the origin of the page that asks, and how that page stands to this one (Fetch Metadata).
"""

from __future__ import annotations

import ipaddress
import re

from starlette.datastructures import Headers

from rag import NotesQAError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?", re.ASCII)


def names_of(setting: str) -> frozenset[str]:
    """Returns the names of the setting `hosts`, ports left out.

    Raises:
        NotesQAError: one is no host name.
    """
    given = [name.strip() for name in setting.split(",") if name.strip()]
    names = [name_in(name) for name in given]
    if bad := [one for one, name in zip(given, names, strict=True) if name is None]:
        raise NotesQAError(
            f"hosts has {bad[0]!r}, which is no host name: give names such as notes.example, "
            "an IPv6 address in brackets, with commas between."
        )
    return frozenset(name for name in names if name is not None)


def name_in(host: str) -> str | None:
    """Returns the name or address in a Host header; None where there is none."""
    found = _HOST.fullmatch(host.lower())
    return found[1] if found else None


def is_answered_to(headers: Headers, server: str, names: frozenset[str]) -> bool:
    """Returns whether a request asks for a name that this server has.

    Args:
        server: the address at which the connection came in, which cannot be rebound.
    """
    hosts = headers.getlist("host")
    name = name_in(hosts[0]) if len(hosts) == 1 else None
    return name is not None and (name in names or _address(name) == _address(server) is not None)


def is_from_elsewhere(method: str, headers: Headers) -> bool:
    """Returns whether another site's page sent a request that it may not send.

    It may send people here, by a link; it may not change, embed or read anything. A client that is
    no browser says nothing of where it comes from, and is let through.
    """
    site = headers.get("sec-fetch-site", "none")
    link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == (
        "document"
    )
    reads = method in {"GET", "HEAD"}
    if site not in {"none", "same-origin"} and not (reads and link):
        return True
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != headers["host"].lower()


def may_begin(headers: Headers) -> bool:
    """Returns whether a request that only reads may begin work: a link of another site may not."""
    return headers.get("sec-fetch-site", "none") in {"none", "same-origin"}


def _address(text: str) -> str | None:
    """Returns an address in its one spelling; None where it is a name."""
    try:
        parsed = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
