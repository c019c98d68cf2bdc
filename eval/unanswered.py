"""Questions of the log that got no good answer, folded by their terms and grouped by meaning.

They are folded and told in the words that people typed: what was searched for may have been
repaired into something else, as where the notes do not know a word.

Input: what the log holds; output: groups of wordings, of which those are left that the notes of now
do not answer either.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from eval import grouping
from eval.telling import Telling, in_full
from rag import Answer, Asked, Citation, Library, QuestionError, Spot, Verdict, terms

LIKELY = 0.7
"""The share of right answers below which one was given with little confidence.

It is the least that the pages call likely right.
"""

REASKED = 300
"""Wordings that are asked again, at 10 to 18 ms each."""

COMPARED = 8_000
"""Wordings that are grouped, those of most people, asked most often and last.

To read 1,000 takes 1.4 seconds of processor time.
"""


class Trouble(StrEnum):
    """Why a question counts as one that was not answered well."""

    REFUSED = "no answer"
    UNSURE = "an unsure answer"
    DOWN = "an answer that did not help"


Sure = Callable[[float], bool]
"""Whether a confidence is one that is likely right."""


def trouble_of(asked: Asked, sure: Sure) -> Trouble | None:
    """Returns why a question counts as not answered well; None where it was.

    What the reader said decides, and where nothing was said, what it got.
    """
    match asked.verdict:
        case Verdict.UP:
            return None
        case Verdict.DOWN if asked.state == "answered":
            return Trouble.DOWN
    if asked.state != "answered":
        return Trouble.REFUSED
    return None if sure(asked.confidence) else Trouble.UNSURE


def trouble_now(asked: Asked, answer: Answer, sure: Sure) -> Trouble | None:
    """Returns why a question is not answered well by now either; None where it is.

    Where an answer did not help, any other one counts as well: readers will say.
    """
    if not answer.answered:
        return Trouble.REFUSED
    if trouble_of(asked, sure) is Trouble.DOWN:
        seen = all(any(_is(c, spot) for spot in asked.cited) for c in answer.citations)
        return Trouble.DOWN if seen else None
    return None if sure(answer.confidence) else Trouble.UNSURE


def _is(citation: Citation, spot: Spot) -> bool:
    """Returns whether a quote is what stood at a spot, wherever it stands now."""
    same = spot.document == citation.document and citation.quote.startswith(spot.words)
    return same and (spot.span is None or len(spot.span) == len(citation.quote))


def sureness(library: Library) -> Sure:
    """Returns what tells likely answers, by what was counted at their level where that was done."""
    fit = library.fit
    measured = not fit.differs(library.conditions())

    def sure(confidence: float) -> bool:
        level = fit.level(confidence) if measured else None
        return (level.right / level.n if level else confidence) >= LIKELY

    return sure


class Found:
    """What of the log got no good answer.

    Attributes:
        troubled: the questions.
        counts: how many there are, by why.
        looked_at: how many questions were read.
        since: when the first of them was asked.
        signed_in: whether somebody who asked is known.
    """

    def __init__(self, sure: Sure) -> None:
        self.troubled: list[Asked] = []
        self.counts = dict.fromkeys(Trouble, 0)
        self.looked_at = 0
        self.since: datetime | None = None
        self.signed_in = False
        self._sure = sure

    def add(self, asked: Asked) -> None:
        """Takes a question of the log into account."""
        self.looked_at += 1
        self.signed_in |= asked.user is not None
        self.since = min(self.since or asked.asked, asked.asked)
        if trouble := trouble_of(asked, self._sure):
            self.counts[trouble] += 1
            self.troubled.append(asked)


@dataclass(frozen=True, slots=True)
class Wording:
    """Questions of the same terms in the same order, the newest first.

    Attributes:
        text: what was asked, as most of them typed it.
        sought: what was searched for, for most of them.
        vector: of what was searched for; None until it is compared.
    """

    text: str
    sought: str
    questions: tuple[Asked, ...]
    vector: Any = None


@dataclass(frozen=True, slots=True)
class Group:
    """Wordings of one meaning.

    Attributes:
        id: made of the earliest question of the log that belongs to it, answered by now or not.
    """

    id: str
    wordings: tuple[Wording, ...]

    @property
    def questions(self) -> tuple[Asked, ...]:
        """Returns all of them, the newest first."""
        return tuple(sorted((q for w in self.wordings for q in w.questions), key=_age))

    @property
    def people(self) -> set[str]:
        """Returns who asked and was signed in."""
        return {asked.user for w in self.wordings for asked in w.questions if asked.user}

    @property
    def times(self) -> int:
        """Returns how often it was asked."""
        return sum(len(wording.questions) for wording in self.wordings)

    def central(self, telling: Telling) -> str | None:
        """Returns the most central wording of those that may be told; None where none may."""
        import numpy as np

        forms = [(telling.form(wording.questions), wording.vector) for wording in self.wordings]
        told = [(text, vector) for text, vector in forms if text]
        if not told:
            return None
        texts = [text for text, _ in told]
        return texts[grouping.most_central(np.array([vector for _, vector in told]), texts)]

    @property
    def rank(self) -> tuple[int, int, tuple[float, str]]:
        """Returns what sorts groups: people, times where none is known; then times; then newest."""
        newest = min(_age(wording.questions[0]) for wording in self.wordings)
        return -(len(self.people) or self.times), -self.times, newest

    def is_asked_by(self, least: int) -> bool:
        """Returns whether so many people asked, or none of them is known."""
        people = self.people
        return not people or len(people) >= least


def wordings_of(troubled: Sequence[Asked], language: str) -> tuple[list[Wording], int]:
    """Returns the wordings that are compared, in the order of their texts.

    Also how many questions are left out.
    """
    by_terms: dict[tuple[str, ...], list[Asked]] = defaultdict(list)
    stems: dict[str, tuple[str, ...]] = {}
    for asked in troubled:
        text = in_full(asked)
        if text not in stems:
            stems[text] = tuple(terms(text, language)) or (text.casefold(),)
        by_terms[stems[text]].append(asked)
    wordings = [
        Wording(
            _most_common(map(in_full, questions)),
            _most_common(asked.query for asked in questions),
            tuple(sorted(questions, key=_age)),
        )
        for questions in by_terms.values()
    ]
    wordings.sort(key=lambda wording: Group("", (wording,)).rank)
    left_out = sum(len(wording.questions) for wording in wordings[COMPARED:])
    return sorted(wordings[:COMPARED], key=lambda wording: wording.text), left_out


def _most_common(forms: Iterable[str]) -> str:
    counts = Counter(forms)
    return min(counts, key=lambda form: (-counts[form], form))


def groups_of(wordings: Sequence[Wording], library: Library) -> list[Group]:
    """Returns wordings by meaning, what most people asked for first.

    Raises:
        ModelError: the model cannot be loaded.
    """
    if not wordings:
        return []
    vectors = library.embed([wording.sought for wording in wordings])
    last = [wording.questions[0] for wording in wordings]
    places = [[(spot.document, spot.span) for spot in asked.retrieved] for asked in last]
    labels = grouping.group(vectors, places, [asked.confidence for asked in last])
    members: dict[int, list[Wording]] = defaultdict(list)
    for label, wording, vector in zip(labels.tolist(), wordings, vectors, strict=True):
        members[label].append(replace(wording, vector=vector))
    groups = [Group(_id(together), tuple(together)) for together in members.values()]
    return sorted(groups, key=lambda group: group.rank)


def _id(wordings: Sequence[Wording]) -> str:
    """Returns eight hexadecimal digits: who knows a question's own id may judge its answer."""
    first = max((asked for wording in wordings for asked in wording.questions), key=_age)
    return sha256(first.id.encode()).hexdigest()[:8]


class Again:
    """Asks wordings again that were asked of other notes.

    Attributes:
        closed, changed: as in `Gaps`.
        unchecked: the ids of questions that could not be, or were too many.
    """

    def __init__(self, library: Library, sure: Sure, generation: int) -> None:
        self.closed = self.changed = 0
        self.unchecked: set[str] = set()
        self._library = library
        self._sure = sure
        self._generation = generation
        self._left = REASKED

    def ask(self, group: Group) -> Group:
        """Returns what is left of a group."""
        left = []
        for wording in group.wordings:
            old = {q.id for q in wording.questions if q.generation != self._generation}
            answer = self._answer(wording.text) if old else None
            if old and answer is None:
                self.unchecked |= old
            open_ = tuple(
                asked
                for asked in wording.questions
                if asked.id not in old or answer is None or not self._mended(asked, answer)
            )
            if open_:
                left.append(replace(wording, questions=open_))
        return replace(group, wordings=tuple(left))

    def _answer(self, text: str) -> Answer | None:
        if not self._left:
            return None
        self._left -= 1
        try:
            return self._library.ask(text)
        except QuestionError:  # longer than is allowed by now
            return None

    def _mended(self, asked: Asked, answer: Answer) -> bool:
        mended = trouble_now(asked, answer, self._sure) is None
        if trouble_of(asked, self._sure) is Trouble.DOWN:
            self.changed += mended
        else:
            self.closed += mended
        return mended


def _age(asked: Asked) -> tuple[float, str]:
    return -asked.asked.timestamp(), asked.id
