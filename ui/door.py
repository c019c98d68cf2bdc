"""Who is at the door: a name and a password, a cookie or a token come in, a user comes out.

Sessions live in memory, by the digest of their cookie, so a restart signs everybody out.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ui.auth import MAX_CHARS, User, Users, digest
from ui.rates import Buckets

SESSION_SECONDS = 12 * 3600

MOST_SESSIONS = 20
"""Sessions of one user; one more ends the oldest."""

CHECKS = 2
"""Passwords checked at a time: each takes 64 MiB."""

MOST_WAITING = 256
"""Sign-ins that wait for a check, half of them of one address; one more is told to come back."""

PER_PLACE = (5, 1.0)
"""Failed sign-ins for one name from one address, or from one browser that it signed in by before:
at once, and then a minute."""

PER_ADDRESS = (30, 6.0)
"""Failed sign-ins from one address, which may be that of a whole class."""

PER_NETWORK = (60, 12.0)
"""Failed sign-ins from one IPv6 /48, as one customer may have."""

PER_NAME = (20, 6.0)
"""Failed sign-ins for one name after which others for it wait `MOST_DELAY`.

They are never refused, or strangers could keep a user out; and a browser by which the user signed
in before does not wait.
"""

FREE = 5
"""Failed sign-ins for one name that delay nothing."""

FIRST_DELAY = 0.1
MOST_DELAY = 3.0
"""Seconds that a sign-in waits where the name failed often; each failure doubles it."""

logger = logging.getLogger(__name__)


class RefusedError(Exception):
    """A sign-in that failed, or is not looked at.

    Attributes:
        wait: seconds until another may be tried; 0 where name or password were wrong.
    """

    def __init__(self, wait: float) -> None:
        super().__init__()
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in, by the password hash of that time."""

    user: User
    expires: float


@dataclass
class Door:
    """Checks who comes in; `users` says who can.

    Attributes:
        shut: whether nobody comes in while there are no users; else everybody does then.
    """

    users: Users
    shut: bool = False
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _sessions: dict[str, Session] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._places = Buckets(*PER_PLACE, clock=self.clock)
        self._addresses = Buckets(*PER_ADDRESS, clock=self.clock)
        self._networks = Buckets(*PER_NETWORK, clock=self.clock)
        self._names = Buckets(*PER_NAME, clock=self.clock)
        self._waiting: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._pool = ThreadPoolExecutor(CHECKS, thread_name_prefix="sign-in")

    def demands(self) -> bool:
        """Returns whether one has to sign in.

        Raises:
            UsersError: the file of users cannot be read.
        """
        return self.shut or bool(self.users.all())

    async def sign_in(
        self, name: str, password: str, address: str, device: str = ""
    ) -> tuple[str, User]:
        """Returns the cookie of a new session, and whose it is.

        Args:
            device: what `device_of` gave the browser when somebody signed in by it.

        Raises:
            RefusedError: name or password are wrong, or there were too many of late.
        """
        name, address = name.strip().lower()[:MAX_CHARS], network_of(address)
        user = self.users.all().get(name)
        # Not what else was typed: it may be a password.
        said = "an unknown name" if user is None else name
        known = user is not None and _is_device_of(user, device)
        budget = self._budget(name, address, device if known else "")
        busy = self._waiting[address] >= MOST_WAITING // 2 or self._waiting.total() >= MOST_WAITING
        if wait := 1.0 if busy else _wait(budget):
            raise self._unseen(said, address, wait)
        self._waiting[address] += 1
        turn = self._turns.setdefault(address, asyncio.Semaphore(CHECKS))
        try:
            if not known:
                await self.sleep(self._delay(name))
            async with turn:  # so that what failed meanwhile counts
                if wait := _wait(budget):
                    raise self._unseen(said, address, wait)
                user = await self._checked(name, password)
                if user is None:
                    for buckets, key in [*budget, (self._names, name)]:
                        buckets.take(key)
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address], self._turns[address]
        if user is None:
            logger.warning("sign-in failed: %s from %s", said, address)
            raise RefusedError(0)
        logger.info("signed in: %s (%s) from %s", user.name, user.role, address)
        return self._open(user), user

    async def _checked(self, name: str, password: str) -> User | None:
        if len(password) > MAX_CHARS:
            return None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self.users.by_password, name, password)

    def _budget(self, name: str, address: str, device: str) -> list[tuple[Buckets, str]]:
        """Returns what a failure takes a token of; where one is empty, nothing is looked at."""
        if device:
            return [(self._places, f"device {device}")]
        wide = network_of(address.partition("/")[0], 48)
        return [
            (self._places, f"{name} {address}"),
            (self._addresses, address),
            *([(self._networks, wide)] if wide != address else []),
        ]

    def _delay(self, name: str) -> float:
        failed = int(self._names.taken(name)) - FREE
        return 0.0 if failed < 0 else min(FIRST_DELAY * 2.0**failed, MOST_DELAY)

    def _unseen(self, said: str, address: str, wait: float) -> RefusedError:
        logger.warning("sign-in not looked at: %s from %s", said, address)
        return RefusedError(wait)

    def by_cookie(self, cookie: str) -> User | None:
        """Returns who is signed in, with the role of now; None where a session is over."""
        key = digest(cookie)
        session = self._sessions.get(key)
        if session is None:
            return None
        user = self.users.all().get(session.user.name)
        same = user is not None and user.password == session.user.password
        if not same or session.expires <= self.clock():
            with self._lock:
                self._sessions.pop(key, None)
            return None
        return user

    def sign_out(self, cookie: str) -> None:
        """Ends a session."""
        with self._lock:
            session = self._sessions.pop(digest(cookie), None)
        if session is not None:
            logger.info("signed out: %s", session.user.name)

    def _open(self, user: User) -> str:
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            theirs = [key for key, held in self._sessions.items() if held.user.name == user.name]
            for key in theirs[: max(0, len(theirs) - MOST_SESSIONS + 1)]:
                del self._sessions[key]
            self._sessions[digest(cookie)] = Session(user, self.clock() + SESSION_SECONDS)
        return cookie


def device_of(user: User) -> str:
    """Returns what a browser keeps by which a user signed in, good until the password changes.

    It lets nobody in; what strangers do only neither slows it down nor keeps it out.
    """
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_signature(user, nonce)}"


def _is_device_of(user: User, device: str) -> bool:
    nonce, _, signature = device.partition(".")
    return hmac.compare_digest(_signature(user, nonce).encode(), signature.encode())


def _signature(user: User, nonce: str) -> str:
    """Returns a signature by the user's hash, whose salt nobody else knows."""
    signed = f"device of {user.name}: {nonce}".encode()
    return hmac.new(user.password.encode(), signed, "sha256").hexdigest()


def _wait(budget: list[tuple[Buckets, str]]) -> float:
    return max(buckets.wait(key) for buckets, key in budget)


def network_of(address: str, bits: int = 64) -> str:
    """Returns what one user has of addresses: an IPv4 address, or so many bits of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, bits), strict=False))
    return address
