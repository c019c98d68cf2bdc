"""What the doors of one server share: pages, HTTP API and the others are made of these."""

from __future__ import annotations

from dataclasses import dataclass, field

from rag import Library, QuestionLog, Watcher
from ui.asks import AskAs, Pace, asks_of, pace_of
from ui.jobs import Jobs


@dataclass(frozen=True, slots=True)
class Services:
    """One library, and all that is done with it.

    Attributes:
        ask: answers everybody's questions.
        questions: where they are kept.
        pace: counts what somebody looks up without asking, as if it were asked.
        watcher: what follows the folder of notes meanwhile, if anything does.
    """

    library: Library
    ask: AskAs
    questions: QuestionLog
    pace: Pace
    watcher: Watcher | None = None
    jobs: Jobs = field(default_factory=Jobs)

    @classmethod
    def of(
        cls,
        library: Library,
        questions: QuestionLog | None = None,
        watcher: Watcher | None = None,
    ) -> Services:
        """Returns the services of a library; `questions` is by default as its settings say."""
        log = questions or QuestionLog.of(library.settings)
        pace = pace_of(library.settings)
        return cls(library, asks_of(library, log, pace), log, pace, watcher)
