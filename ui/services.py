"""What the doors of one server share: pages, HTTP API and the others are made of these."""

from __future__ import annotations

from dataclasses import dataclass

from rag import Library, QuestionLog, Watcher
from ui.asks import AskAs, Pace, Traffic, asks_of, pace_of
from ui.coverages import Coverages
from ui.evaluations import Evaluations
from ui.indexing import Indexer
from ui.insights import Insights
from ui.jobs import Jobs
from ui.readiness import Readiness, State
from ui.reviews import Reviews
from ui.uploads import Uploads


@dataclass(frozen=True, slots=True)
class Services:
    """One library, and all that is done with it.

    Attributes:
        ask: answers everybody's questions.
        questions: where they are kept.
        pace: counts what somebody looks up without asking, as if it were asked.
        jobs: what takes longer than a request, such as the runs of the indexer and evaluations.
        watcher: what follows the folder of notes meanwhile, if anything does.
    """

    library: Library
    ask: AskAs
    questions: QuestionLog
    pace: Pace
    jobs: Jobs
    indexer: Indexer
    readiness: Readiness
    uploads: Uploads
    evaluations: Evaluations
    reviews: Reviews
    coverages: Coverages
    insights: Insights
    watcher: Watcher | None = None

    @classmethod
    def of(
        cls,
        library: Library,
        questions: QuestionLog | None = None,
        watcher: Watcher | None = None,
        *,
        jobs: Jobs | None = None,
        indexer: Indexer | None = None,
    ) -> Services:
        """Returns the services of a library.

        Args:
            questions: by default as the library's settings say.
            watcher: takes its turns at the `indexer`, which is to be given with it.
        """
        log = questions or QuestionLog.of(library.settings)
        pace = pace_of(library.settings)
        jobs = jobs or Jobs()
        indexer = indexer or Indexer(library, jobs)
        readiness = Readiness(library, indexer, watched=watcher is not None)
        traffic = Traffic()
        coverages = Coverages(library, jobs, traffic)
        return cls(
            library,
            asks_of(library, log, readiness.state, traffic, pace),
            log,
            pace,
            jobs,
            indexer,
            readiness,
            Uploads(library.settings),
            Evaluations(library, jobs, traffic),
            Reviews(library, jobs, traffic),
            coverages,
            Insights(library, log, jobs, traffic, coverages),
            watcher,
        )

    def state(self) -> State:
        """Returns whether the notes can be asked, and how far indexing is."""
        return self.readiness.state()
