"""The one way by which questions of every door of the server reach the library, and its log."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rag import (
    Answer,
    Library,
    NoLibraryError,
    NotesQAError,
    Passage,
    QuestionError,
    QuestionLog,
    Settings,
    Turn,
    turn_of,
)
from ui.auth import Role, User
from ui.rates import Buckets

if TYPE_CHECKING:
    from ui.readiness import State

MOST_BEFORE = 3
"""Questions before that are looked at; a question leans on the one before it, seldom through it."""

Found = Callable[[tuple[Passage, ...]], None]
"""Told the passages before it is decided what is answered."""


Pace = Callable[[User | None], None]
"""Counts a question, or a search, of somebody.

Raises:
    TooManyError: there were too many of late.
"""


class NotReadyError(NotesQAError):
    """There are no notes to ask, or not yet; what is said may be said to everybody."""


class TooManyError(NotesQAError):
    """Somebody asks too often.

    Attributes:
        wait: whole seconds until another question is answered.
    """

    def __init__(self, wait: float) -> None:
        self.wait = math.ceil(wait)
        super().__init__(f"That is too many questions in a minute: ask again in {self.wait} s.")


def not_ready(state: State, insider: bool) -> NotReadyError:
    """Returns what is said where there is no library, in place of where it would lie.

    Args:
        insider: whether it is told to one who keeps the notes.
    """
    return NotReadyError(state.words(insider) or "The notes are just made ready: ask again.")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and the id under which the question is kept; None where it is not."""

    answer: Answer
    id: str | None


class AskAs(Protocol):
    """Answers a question of somebody.

    Args:
        user: who asks; None where there is no sign-in.
        door: through which it came: `page`, `api`, `mcp` or `openai`.
        within: the folder, or document, that is asked; empty for all.
        found: told the passages, before it is decided what is answered.
        before: in place of `after`, the questions before this one, newest last. They are asked
            again, of what is remembered of them where nothing changed; they were counted and kept
            when they were asked.

    Raises:
        NotesQAError: there is no answer, and why.
    """

    def __call__(
        self,
        question: str,
        after: Turn | None = None,
        user: User | None = None,
        *,
        door: str,
        within: str = "",
        found: Found | None = None,
        before: Sequence[str] = (),
    ) -> Reply: ...


def pace_of(settings: Settings) -> Pace:
    """Returns what lets each user ask as often as the settings allow."""
    most = settings.asks_per_minute
    buckets = Buckets(most, most) if most else None

    def pace(user: User | None) -> None:
        if buckets is not None and user is not None and (wait := buckets.take(user.name)):
            raise TooManyError(wait)

    return pace


class Traffic:
    """The questions that are being answered, for work that gives way to them."""

    def __init__(self) -> None:
        self._number = 0
        self._changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Counts a question meanwhile."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def wait_for_none(self, seconds: float) -> bool:
        """Returns whether none is being answered, after so many seconds at most."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._number, seconds)

    def _count(self, more: int) -> None:
        with self._changed:
            self._number += more
            self._changed.notify_all()


def asks_of(
    library: Library,
    log: QuestionLog,
    state: Callable[[], State],
    traffic: Traffic,
    pace: Pace | None = None,
) -> AskAs:
    """Returns what answers everybody's questions from a library, each user's so many a minute.

    Args:
        log: where they are kept, with what they got.
        state: says why there is nothing to ask, where there is no library.
        traffic: counts those that are being answered.
        pace: counts them; by default as the library's settings say.
    """
    count = pace or pace_of(library.settings)
    limit = 4 * library.settings.max_question_chars

    def ask(
        question: str,
        after: Turn | None = None,
        user: User | None = None,
        *,
        door: str,
        within: str = "",
        found: Found | None = None,
        before: Sequence[str] = (),
    ) -> Reply:
        count(user)
        if after is not None and (long := len(after.query) + len(after.title or "")) > limit:
            raise QuestionError(
                f"The turn before has {long} characters, the limit is {limit}: "
                "send the query and the cited title of its answer."
            )
        try:
            with traffic.one():
                for earlier in before[-MOST_BEFORE:]:
                    with suppress(QuestionError):  # what cannot be asked is not leant on
                        after = turn_of(library.ask(earlier, after, within=within))
                answer = library.ask(question, after, within=within, found=found)
        except NoLibraryError as error:
            raise not_ready(state(), user is None or user.role.covers(Role.INSTRUCTOR)) from error
        return Reply(answer, log.record(answer, door, user.name if user else None))

    return ask
