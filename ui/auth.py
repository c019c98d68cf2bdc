"""Who may sign in: names, roles and passwords come in, a user comes out.

The file of users lies beside the library's folder, `.notesqa-users.json` for `.notesqa`, so that a
library can be deleted and made again without it. It holds no password, only argon2id hashes
(argon2-cffi's defaults, RFC 9106's second choice: 64 MiB, 3 passes, 4 lanes), and no token, only
digests of them. The only user of argon2.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import tempfile
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import NotesQAError, alone

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_CHARS = 10
"""NIST SP 800-63B asks for 8 at least; nothing here checks for passwords that are known."""

MAX_CHARS = 200

VERSION = 1

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class UsersError(NotesQAError):
    """A name, a role or a password is none that can be used, or the file of users is damaged."""


class ForbiddenError(NotesQAError):
    """Somebody asks for what another role may do."""


class Role(StrEnum):
    """What a user may do."""

    STUDENT = "student"
    INSTRUCTOR = "instructor"

    def covers(self, needed: Role) -> bool:
        """Returns whether this role may do what `needed` may."""
        return self is Role.INSTRUCTOR or needed is Role.STUDENT


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can sign in.

    Attributes:
        password: its hash, parameters and salt included.
        token: the digest of the token that scripts send; empty where there is none.
    """

    name: str
    role: Role
    password: str
    token: str = ""


def require(user: User | None, role: Role) -> None:
    """Raises `ForbiddenError` where a user may not do what a role may.

    Without sign-in there is no user, and whoever reaches loopback may do everything.
    """
    if user is not None and not user.role.covers(role):
        raise ForbiddenError(f"This is for the role {role}; {user.name} has the role {user.role}.")


class Users:
    """The file of users; may be used from several threads, and is read anew when it changed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._read_at: tuple[int, ...] = ()
        self._users: Mapping[str, User] = {}

    @classmethod
    def beside(cls, library: Path) -> Users:
        """Returns the users of a library, by its folder."""
        return cls(library.absolute().with_name(f"{library.absolute().name}-users.json"))

    def all(self) -> Mapping[str, User]:
        """Returns the users by name.

        Raises:
            UsersError: the file cannot be read.
        """
        with self._lock:
            try:
                state = os.stat(self.file)
                read_at = (state.st_mtime_ns, state.st_size, state.st_ino)
                if read_at != self._read_at:
                    self._users = _read(self.file.read_text(encoding="utf-8"))
                    self._read_at = read_at
            except FileNotFoundError:
                self._users, self._read_at = {}, ()
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise UsersError(
                    f"{self.file} is no file of users ({type(error).__name__}): restore it, "
                    "or delete it and add them again with notesqa users add."
                ) from error
            return self._users

    def add(self, name: str, role: Role, password: str) -> User:
        """Returns the new user.

        Raises:
            UsersError: there is one of that name, or name or password cannot be used.
        """
        if not _NAME.fullmatch(name):
            raise UsersError(
                f"{name!r} is no name: use a to z, digits, and . _ @ - between them, "
                "64 characters at most."
            )
        hashed = self._hash(password)
        with self._changing() as users:
            if name in users:
                raise UsersError(
                    f"There is a user {name} already: notesqa users passwd {name} changes the "
                    f"password, notesqa users remove {name} removes the user."
                )
            users[name] = User(name, role, hashed)
            return users[name]

    def remove(self, name: str) -> None:
        """Removes a user, who is signed out by it.

        Raises:
            UsersError: there is none of that name.
        """
        with self._changing() as users:
            del users[_known(users, name)]

    def change_password(self, name: str, password: str) -> None:
        """Sets another password; who is signed in by the old one is signed out, the token goes.

        Raises:
            UsersError: there is no user of that name, or the password cannot be used.
        """
        hashed = self._hash(password)
        with self._changing() as users:
            users[name] = replace(users[_known(users, name)], password=hashed, token="")

    def new_token(self, name: str) -> str:
        """Returns a token of 256 bits for scripts, in the place of any before it.

        Raises:
            UsersError: there is no user of that name.
        """
        token = secrets.token_urlsafe(32)
        with self._changing() as users:
            users[name] = replace(users[_known(users, name)], token=digest(token))
        return token

    def by_password(self, name: str, password: str) -> User | None:
        """Returns the user whose password it is; a name that is none costs as much time."""
        from argon2.exceptions import InvalidHashError, VerificationError

        user = self.all().get(name)
        try:
            self._hasher.verify(self._nobody if user is None else user.password, _plain(password))
        except (VerificationError, InvalidHashError):
            return None
        return user

    def by_token(self, token: str) -> User | None:
        """Returns the user whose token it is."""
        held = digest(token)
        return next((user for user in self.all().values() if user.token == held), None)

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher

        return PasswordHasher()

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe(32))

    def _hash(self, password: str) -> str:
        if not MIN_CHARS <= len(password) <= MAX_CHARS:
            raise UsersError(
                f"The password has {len(password)} characters; "
                f"it must have {MIN_CHARS} to {MAX_CHARS}."
            )
        return self._hasher.hash(_plain(password))

    @contextmanager
    def _changing(self) -> Iterator[dict[str, User]]:
        """Gives the users to change, alone, and writes them at the end."""
        try:
            with alone(self.file):
                users = dict(self.all())
                yield users
                _write(self.file, users)
        except OSError as error:
            raise UsersError(f"{self.file} cannot be written ({error.strerror}).") from error


def digest(token: str) -> str:
    """Returns what is kept of a token: with 256 random bits there is nothing to guess."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(password: str) -> bytes:
    """Returns a password as bytes, the same for every way in which a keyboard composes letters."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _known(users: Mapping[str, User], name: str) -> str:
    if name not in users:
        raise UsersError(f"There is no user {name!r}: notesqa users list shows who there is.")
    return name


def _read(text: str) -> dict[str, User]:
    held: dict[str, Any] = json.loads(text)
    if held["version"] != VERSION:
        raise ValueError("another version")
    return {
        name: User(name, Role(user["role"]), str(user["password"]), str(user["token"]))
        for name, user in held["users"].items()
    }


def _write(file: Path, users: Mapping[str, User]) -> None:
    """Writes the file for its owner alone (0600), whole or not at all."""
    held = {
        user.name: {"role": user.role, "password": user.password, "token": user.token}
        for user in sorted(users.values(), key=lambda user: user.name)
    }
    handle, part = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with open(handle, "w", encoding="utf-8") as opened:
            json.dump({"version": VERSION, "users": held}, opened, indent=1)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(part, file)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
