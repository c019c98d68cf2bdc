"""A run and its set become cases: a question, what came back, and where its evidence stands.

A passage finds a quote when it covers at least half of the quote's characters; so does an answer,
by its citations together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval.dataset import Evidence, Question, TextOf, places
from eval.notes import Notes
from eval.runfile import Outcome, Run
from rag import QuestionSetError, Span

Place = tuple[str, Span]
"""A document and a span of it."""


def places_of(items: Sequence[Mapping[str, Any]]) -> list[Place]:
    """Returns where the passages or citations of a result stand."""
    return [(item["document"], Span(item["start"], item["end"])) for item in items]


def covered(place: Span, spans: Sequence[Span]) -> int:
    """Returns how many characters of `place` lie in at least one of `spans`."""
    count, end = 0, place.start
    for span in sorted(spans):
        start = max(span.start, end)
        end = max(end, min(span.end, place.end))
        count += max(0, end - start)
    return count


@dataclass(frozen=True, slots=True)
class Label:
    """A quote, and every place where it stands: it is found at any of them."""

    evidence: Evidence
    spans: tuple[Span, ...]

    def share(self, shown: Sequence[Place]) -> float:
        """Returns the share, 0 to 1, of the quote's characters that lie in what is shown."""
        inside = [span for document, span in shown if document == self.evidence.document]
        if not inside:
            return 0.0
        return max(covered(span, inside) / len(span) for span in self.spans)

    def found(self, shown: Sequence[Place]) -> bool:
        """Returns whether at least half of the quote is shown."""
        return self.share(shown) >= 0.5


def labels_of(question: Question, text_of: TextOf) -> tuple[Label, ...]:
    """Returns a question's labels; raises QuestionSetError where a quote stands nowhere."""
    return tuple(Label(e, tuple(places(e, text_of, question.id))) for e in question.evidence)


def enough(question: Question, found: Sequence[bool]) -> bool:
    """Returns whether the quotes that were found are those that are needed."""
    return bool(found) and (all(found) if question.needs_all else any(found))


def covers(question: Question, shown: Sequence[Place], text_of: TextOf) -> bool:
    """Returns whether what is shown holds the evidence: one quote of it, or all if all needed."""
    return enough(question, [label.found(shown) for label in labels_of(question, text_of)])


@dataclass(slots=True)
class Case:
    """One question, what came back, and where its evidence stands.

    Attributes:
        found: for each passage, the labels that it is the first to find, by number.
        rank: of the passage with which the evidence is found, from 1; None where it never is.
    """

    question: Question
    outcome: Outcome
    labels: tuple[Label, ...]
    found: list[list[int]] = field(init=False)
    rank: int | None = field(init=False)

    def __post_init__(self) -> None:
        self.found, self.rank = [], None
        missing = dict(enumerate(self.labels))
        for rank, place in enumerate(self.passages, start=1):
            new = [i for i, label in missing.items() if label.found([place])]
            for i in new:
                del missing[i]
            self.found.append(new)
            each = [i not in missing for i in range(len(self.labels))]
            if self.rank is None and enough(self.question, each):
                self.rank = rank

    @property
    def passages(self) -> list[Place]:
        """Returns where the passages stand, best first."""
        return places_of(self.outcome.passages)

    @property
    def quoted(self) -> list[Place]:
        """Returns where the citations stand: those shown, or those an abstention withheld."""
        outcome = self.outcome
        return places_of(outcome.citations if outcome.answered else outcome.withheld)

    def holds(self, shown: Sequence[Place]) -> bool:
        """Returns whether what is shown holds the evidence."""
        return enough(self.question, [label.found(shown) for label in self.labels])


@dataclass(frozen=True, slots=True)
class Cases:
    """A run and a set, question by question.

    Attributes:
        cases: in the set's order.
        unjudged: ids of questions whose quotes did not stand in the notes at the time of the
            run, and why; only where the caller allows for them.
        not_run: ids of questions that the run did not ask, or asked in other words.
        unknown: ids in the run that the set does not hold.
    """

    cases: tuple[Case, ...]
    unjudged: dict[str, str]
    not_run: tuple[str, ...]
    unknown: tuple[str, ...]


def match(
    run: Run, questions: Sequence[Question], notes: Notes, *, skip_unjudged: bool = False
) -> Cases:
    """Returns every question with what the run says of it; one it does not know has failed.

    Args:
        skip_unjudged: leave out, and name, questions whose quotes the notes did not hold.

    Raises:
        QuestionSetError: a quote did not stand in the notes at the time of the run.
    """
    cases, not_run = [], []
    unjudged: dict[str, str] = {}
    for question in questions:
        outcome = run.outcomes.get(question.id)
        if outcome is None or not outcome.asked(question):
            not_run.append(question.id)
            outcome = Outcome(None, "the run did not ask this question")
        try:
            cases.append(Case(question, outcome, labels_of(question, notes.text)))
        except QuestionSetError as error:
            if not skip_unjudged:
                raise
            unjudged[question.id] = str(error)
    known = {question.id for question in questions}
    unknown = tuple(name for name in run.outcomes if name not in known)
    return Cases(tuple(cases), unjudged, tuple(not_run), unknown)
