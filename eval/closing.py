"""A gap is asked again, and what is answered now joins a question set with its evidence.

Input: a gap, whose notes were written or edited since, and the library of now; output: `Reasked`,
and the lines that join a set.

Evidence is a label, and a person has to see it: `accept_gap` hands every question to a review. And
since only answered questions are taken, a set made of them flatters the system it is held against:
in a set with splits they belong to `fit`, where nothing is reported.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from eval.appending import append_questions, asked_as, splits_of
from eval.checking import check_questions
from eval.dataset import Evidence, Question, load_questions
from eval.findings import Findings
from eval.gaps import Gap
from eval.telling import Telling, in_full
from eval.unanswered import Sure, Trouble, sureness, trouble_now
from rag import Answer, Asked, Citation, Library, Passage, QuestionSetError

ASKED, UNANSWERABLE = "asked", "unanswerable"
"""The kinds of the questions that join a set: those that people asked, and what no note answers."""

LONGEST_NAME = 60
"""Characters of the name that is made of a gap's terms."""

MOST = 300
"""Wordings of a gap that are asked again, those asked most often, at 10 to 18 ms each."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """One wording of a gap, and what it gets from the notes of now.

    Attributes:
        question: as it can be asked without the questions before it.
        times: how often people asked in these words.
        trouble: why that is no good answer either; None where it is one.
        evidence: the quote that decides the answer; None where there is none.
        nearest: the words that come nearest, shown as an answer or not; None where there are none.
    """

    question: str
    times: int
    answer: Answer
    trouble: Trouble | None
    evidence: Evidence | None
    nearest: Citation | Passage | None

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that `gaps ask --json` lists."""
        return {
            "question": self.question,
            "times": self.times,
            "state": "answered" if self.answer.answered else "abstained",
            "trouble": self.trouble,
            "confidence": round(self.answer.confidence, 4),
            "evidence": _entry(self.evidence) if self.evidence else None,
            "passages": [passage.to_dict() for passage in self.answer.passages],
        }


@dataclass(frozen=True, slots=True)
class Reasked:
    """What the questions of a gap get from the notes of now, those asked most often first.

    Attributes:
        answered, left: the wordings that may be told, as `eval.telling` has it.
        generation: of the library that was asked.
        threshold: the confidence that it takes to be shown as an answer.
        untold: how many questions in other words are answered, and how many are not.
        unasked: how many wordings were too many to be asked.
    """

    gap: Gap
    answered: tuple[Reply, ...]
    left: tuple[Reply, ...]
    generation: int
    threshold: float
    untold: tuple[int, int] = (0, 0)
    unasked: int = 0

    @property
    def documents(self) -> tuple[str, ...]:
        """Returns the notes that answer now, those that answer most questions first."""
        times: Counter[str] = Counter()
        for reply in self.answered:
            if reply.evidence:
                times[reply.evidence.document] += reply.times
        return tuple(document for document, _ in times.most_common())

    @property
    def n(self) -> tuple[int, int]:
        """Returns how many of the questions that were asked are answered now, and how many not."""
        answered, left = self.untold
        return _times(self.answered) + answered, _times(self.left) + left

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `gaps ask --json`."""
        answered, left = self.n
        return {
            "group": self.gap.id,
            "n": answered + left,
            "answered": answered,
            "left": left,
            "untold": sum(self.untold),
            "unasked": self.unasked,
            "generation": self.generation,
            "questions": {
                "answered": [reply.to_dict() for reply in self.answered],
                "left": [reply.to_dict() for reply in self.left],
            },
        }


def _times(replies: tuple[Reply, ...]) -> int:
    return sum(reply.times for reply in replies)


def reask(library: Library, gap: Gap, progress: Progress = lambda *_: None) -> Reasked:
    """Returns what the questions of a gap get from the notes as they are now.

    Wordings that differ in case and marks alone are asked once, `MOST` of them. Nothing is kept in
    the log.

    Raises:
        QuestionError, LibraryError, ModelError: as for `Library.ask`.
    """
    wordings: dict[str, list[Asked]] = {}
    for asked in gap.questions:
        wordings.setdefault(asked_as(in_full(asked)), []).append(asked)
    sure = sureness(library)
    often = sorted(wordings.values(), key=len, reverse=True)[:MOST]
    replies = []
    for number, alike in enumerate(often):
        progress("Asking again", number, len(often))
        replies.append(_reply(library, alike, sure))
    replies.sort(key=lambda reply: (-reply.times, reply.question))
    telling = Telling(gap.questions, gap.least)
    answered = tuple(reply for reply in replies if reply.trouble is None)
    left = tuple(reply for reply in replies if reply.trouble)
    told, told_left = (
        tuple(reply for reply in some if telling.tells(reply.question)) for some in (answered, left)
    )
    return Reasked(
        gap,
        told,
        told_left,
        library.generation,
        library.fit.threshold(library.settings.false_answers),
        untold=(_times(answered) - _times(told), _times(left) - _times(told_left)),
        unasked=len(wordings) - len(often),
    )


def _reply(library: Library, alike: list[Asked], sure: Sure) -> Reply:
    """Returns what a wording gets, in the form in which it was asked most often."""
    forms = Counter(map(in_full, alike))
    question = min(forms, key=lambda form: (-forms[form], form))
    answer = library.ask(question)
    troubles = [trouble_now(asked, answer, sure) for asked in alike]
    return Reply(
        question=question,
        times=len(alike),
        answer=answer,
        trouble=next(filter(None, troubles), None),
        evidence=_evidence(answer) if answer.answered else None,
        nearest=_nearest(library, answer),
    )


def _nearest(library: Library, answer: Answer) -> Citation | Passage | None:
    """Returns what is quoted first, or would be if the answer was surer."""
    quotes = answer.citations if answer.answered else library.draft(answer.question).citations
    return (*quotes, *answer.passages, None)[0]


def _evidence(answer: Answer) -> Evidence:
    """Returns the words that decide an answer, which its confidence is about."""
    decides = next(sentence for sentence in answer.sentences if sentence.decides)
    return Evidence(answer.citations[decides.citation - 1].document, decides.text)


Review = Callable[[Question], Question | None]
"""A person's look at a question with its evidence: as it is to join the set, or None."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of questions that were to join a set.

    Attributes:
        added: as they stand in the set.
        known: those of the set that ask in the same words already.
        declined: how many the review turned down.
        findings: of the whole set, held against the notes of now; None where nothing was added.
    """

    path: Path
    added: tuple[Question, ...]
    known: tuple[Question, ...]
    declined: int
    findings: Findings | None

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `gaps accept --json`."""
        return {
            "set": self.path.as_posix(),
            "added": [_line(question) for question in self.added],
            "known": [_line(question) for question in self.known],
            "declined": self.declined,
            "problems": self.findings.problems if self.findings else 0,
            "leaks": len(self.findings.leaks) if self.findings else 0,
        }


def _line(question: Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "fact": question.fact,
        "question": question.question,
        "split": question.split,
        "evidence": [_entry(evidence) for evidence in question.evidence],
    }


def _entry(evidence: Evidence) -> dict[str, str]:
    return {"document": evidence.document, "quote": evidence.quote}


def accept_gap(
    reasked: Reasked,
    path: Path,
    library: Library,
    *,
    review: Review = lambda question: question,
    split: str = "",
    unanswerable: bool = False,
) -> Accepted:
    """Returns what joined a question set: what is answered now, each with the deciding quote.

    All are of one new fact; where the set has a wording of the gap already, of that one's.

    Args:
        path: made where it is missing.
        review: gets each question that the set does not have yet.
        split: that they join; a fact that is known has one.
        unanswerable: take what is left instead, as questions that the notes do not answer.

    Raises:
        QuestionSetError: as for `append_questions`; before anything is reviewed where the set is
            split and no split is named.
        LibraryError: the library is damaged.
    """
    there = load_questions(path) if path.exists() and path.stat().st_size else []
    set_has = {asked_as(question.question): question for question in there if not question.after}
    wordings = [asked_as(reply.question) for reply in (*reasked.answered, *reasked.left)]
    kin = [set_has[wording] for wording in wordings if wording in set_has]
    alike = next((question for question in kin if question.answerable != unanswerable), None)
    fact = alike.fact if alike else _free(name_of(reasked.gap), {q.fact for q in there})
    split = split or (alike.split if alike else "")
    splits = splits_of(path)
    if splits and split not in splits:
        raise QuestionSetError(
            f"{path} is split into {' and '.join(splits)}: name one, as in --split {splits[0]}; "
            "figures of a split that new questions join compare with earlier ones no more."
        )
    known, chosen, declined = [], [], 0
    for reply in reasked.left if unanswerable else reasked.answered:
        if same := set_has.get(asked_as(reply.question)):
            known.append(same)
            continue
        evidence = (reply.evidence,) if reply.evidence and not unanswerable else ()
        kind = UNANSWERABLE if unanswerable else ASKED
        question = review(Question("", fact, reply.question, kind, evidence, split=split))
        if question:
            chosen.append(question)
        else:
            declined += 1
    added = append_questions(path, chosen, library.source)
    findings = check_questions(path, _notes(path, library)) if added else None
    return Accepted(path, tuple(added), tuple(known), declined, findings)


def _notes(path: Path, library: Library) -> dict[str, str]:
    """Returns the texts of the notes that a set quotes, as far as there are such notes."""
    quoted = {e.document for question in load_questions(path) for e in question.evidence}
    return {document: library.source(document) for document in quoted & set(library.titles())}


def name_of(gap: Gap) -> str:
    """Returns what a file or a fact about a gap is called, of its terms: `dropout-rate`."""
    words = gap.heading or gap.question
    plain = unicodedata.normalize("NFKC", words).lower()
    return "-".join(re.findall(r"\w+", plain))[:LONGEST_NAME].strip("-_") or "gap"


def _free(name: str, taken: Collection[str]) -> str:
    """Returns a name that is not taken, with a number where it would be."""
    if name not in taken:
        return name
    return next(one for n in count(2) if (one := f"{name}-{n}") not in taken)
