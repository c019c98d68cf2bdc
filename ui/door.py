"""Who is at the door: a name and a password, a cookie or a token come in, a user comes out.

Sessions live in memory, by the digest of their cookie, so a restart signs everybody out.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ui.auth import MAX_CHARS, User, Users, digest
from ui.rates import Buckets

SESSION_SECONDS = 12 * 3600

MOST_SESSIONS = 20
"""Sessions of one user; one more ends the oldest."""

CHECKS = 2
"""Passwords checked at a time: each takes 64 MiB."""

MOST_WAITING = 64
"""Sign-ins that wait for a check; one more is told to come back."""

PER_ADDRESS = (5, 1.0)
"""Failed sign-ins from one address: at once, and then a minute."""

PER_NAME = (20, 6.0)
"""Failed sign-ins for one name: at once, and then a minute.

More than one address is allowed, so that no stranger alone can keep a user out; the addresses of
the user's last sign-in pass by it. It leaves 8,640 guesses a day, shared by all who guess.
"""

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
    _sessions: dict[str, Session] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: int = 0

    def __post_init__(self) -> None:
        self._addresses = Buckets(*PER_ADDRESS, clock=self.clock)
        self._names = Buckets(*PER_NAME, clock=self.clock)
        self._known: dict[str, str] = {}
        self._pool = ThreadPoolExecutor(CHECKS, thread_name_prefix="sign-in")

    def demands(self) -> bool:
        """Returns whether one has to sign in.

        Raises:
            UsersError: the file of users cannot be read.
        """
        return self.shut or bool(self.users.all())

    async def sign_in(self, name: str, password: str, address: str) -> tuple[str, User]:
        """Returns the cookie of a new session, and whose it is.

        Raises:
            RefusedError: name or password are wrong, or there were too many of late.
        """
        name, address = name.strip().lower()[:MAX_CHARS], network_of(address)
        # Not what else was typed: it may be a password.
        said = name if name in self.users.all() else "an unknown name"
        if wait := self._pay(name, address):
            logger.warning("sign-in not looked at: %s from %s", said, address)
            raise RefusedError(wait)
        user = None
        if len(password) <= MAX_CHARS:
            self._waiting += 1
            try:
                loop = asyncio.get_running_loop()
                user = await loop.run_in_executor(
                    self._pool, self.users.by_password, name, password
                )
            finally:
                self._waiting -= 1
        if user is None:
            logger.warning("sign-in failed: %s from %s", said, address)
            raise RefusedError(0)
        self._addresses.give_back(address)
        self._names.give_back(name)
        self._known[name] = address
        logger.info("signed in: %s (%s) from %s", user.name, user.role, address)
        return self._open(user), user

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

    def _pay(self, name: str, address: str) -> float:
        """Takes what a sign-in costs; it comes back to who succeeds.

        Returns:
            The seconds to wait where there is not enough, and nothing is taken; else 0.
        """
        if self._waiting >= MOST_WAITING:
            return 1.0
        if wait := self._addresses.take(address):
            return wait
        if self._known.get(name) != address and (wait := self._names.take(name)):
            self._addresses.give_back(address)
            return wait
        return 0.0

    def _open(self, user: User) -> str:
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            theirs = [key for key, held in self._sessions.items() if held.user.name == user.name]
            for key in theirs[: max(0, len(theirs) - MOST_SESSIONS + 1)]:
                del self._sessions[key]
            self._sessions[digest(cookie)] = Session(user, self.clock() + SESSION_SECONDS)
        return cookie


def network_of(address: str) -> str:
    """Returns what one user has of addresses: an IPv4 address, or the first half of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return address
