"""The one way by which questions of the page and the API reach the library, and its log."""

from __future__ import annotations

import math
from typing import Protocol

from rag import Answer, Library, NotesQAError, QuestionError, QuestionLog, Turn
from ui.auth import User
from ui.rates import Buckets


class TooManyError(NotesQAError):
    """Somebody asks too often.

    Attributes:
        wait: whole seconds until another question is answered.
    """

    def __init__(self, wait: float) -> None:
        self.wait = math.ceil(wait)
        super().__init__(f"That is too many questions in a minute: ask again in {self.wait} s.")


class AskAs(Protocol):
    """Answers a question of somebody, who is None where there is no sign-in.

    Args:
        door: through which it came, `page` or `api`.

    Raises:
        NotesQAError: there is no answer, and why.
    """

    def __call__(
        self,
        question: str,
        after: Turn | None = None,
        user: User | None = None,
        door: str = "api",
    ) -> Answer: ...


def asks_of(library: Library, log: QuestionLog) -> AskAs:
    """Returns what answers everybody's questions from a library, each user's so many a minute.

    Args:
        log: where they are kept, with what they got.
    """
    pace = library.settings.asks_per_minute
    buckets = Buckets(pace, pace) if pace else None
    limit = 4 * library.settings.max_question_chars

    def ask(
        question: str, after: Turn | None = None, user: User | None = None, door: str = "api"
    ) -> Answer:
        if buckets is not None and user is not None and (wait := buckets.take(user.name)):
            raise TooManyError(wait)
        if after is not None and (long := len(after.query) + len(after.title or "")) > limit:
            raise QuestionError(
                f"The turn before has {long} characters, the limit is {limit}: "
                "send the query and the cited title of its answer."
            )
        answer = library.ask(question, after)
        log.record(answer, door, user.name if user else None)
        return answer

    return ask
