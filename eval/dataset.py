"""Question sets: JSON Lines become checked records, and quotes become places in the notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.files import read_json
from rag import NotesQAError, QuestionSetError, Span, terms


@dataclass(frozen=True, slots=True)
class Evidence:
    """Words of a note that answer a question; `document` is relative to the corpus."""

    document: str
    quote: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a set.

    Attributes:
        fact: what several wordings ask for; all wordings of a fact lie in one split.
        kind: free text that splits tables (`paraphrase`, `keyword`, `follow-up`, …).
        evidence: alternatives, any of which answers, or all of them needed when `needs_all`;
            empty where the notes do not answer.
        after: the id of the question this one follows up on.
        earlier: the questions of the conversation before it, the first one first.
        split: `fit` or `report`; empty where a set is not split.
    """

    id: str
    fact: str
    question: str
    kind: str
    evidence: tuple[Evidence, ...]
    needs_all: bool = False
    after: str | None = None
    split: str = ""
    earlier: tuple[str, ...] = ()

    @property
    def answerable(self) -> bool:
        """Returns whether the notes answer it."""
        return bool(self.evidence)


def load_questions(path: Path, split: str | None = None) -> list[Question]:
    """Returns the questions of a file in order, of one split where it is named.

    Raises:
        QuestionSetError: the file cannot be read, a line breaks the format, an id stands twice,
            `after` names no earlier question, a fact lies in two splits, or nothing is left.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionSetError(f"{path} cannot be read: {error}.") from error
    questions: dict[str, Question] = {}
    split_of: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        question = _parse(line, f"{path}, line {number}")
        if question.id in questions:
            raise QuestionSetError(f"{path}, line {number}: id {question.id} stands twice.")
        if question.after is not None and question.after not in questions:
            raise QuestionSetError(
                f"{path}, line {number}: after names {question.after}, which does not come before."
            )
        if split_of.setdefault(question.fact, question.split) != question.split:
            raise QuestionSetError(f"{path}, line {number}: fact {question.fact} is in two splits.")
        if question.after is not None:
            before = questions[question.after]
            question = replace(question, earlier=(*before.earlier, before.question))
        questions[question.id] = question
    chosen = [q for q in questions.values() if split in (None, q.split)]
    if not chosen:
        raise QuestionSetError(f"{path} holds no question{f' of split {split}' if split else ''}.")
    return chosen


def _parse(line: str, place: str) -> Question:
    try:
        record: dict[str, Any] = read_json(line)
        needs = record.get("needs", "any")
        if needs not in ("any", "all"):
            raise QuestionSetError(f'{place}: needs is {needs!r}; expected "any" or "all".')
        question = Question(
            id=record["id"],
            fact=record["fact"],
            question=record["question"],
            kind=record["kind"],
            evidence=tuple(Evidence(e["document"], e["quote"]) for e in record["evidence"]),
            needs_all=needs == "all",
            after=record.get("after"),
            split=record.get("split", ""),
        )
    except ValueError as error:
        raise QuestionSetError(f"{place}: not JSON ({error}).") from error
    except KeyError as error:
        raise QuestionSetError(f"{place}: {error.args[0]} is missing.") from error
    except (TypeError, AttributeError) as error:
        raise QuestionSetError(f"{place}: {_EXPECTED}") from error
    if not all(isinstance(text, str) for text in _texts(question)):
        raise QuestionSetError(f"{place}: {_EXPECTED}")
    needed = (question.id, question.question, *(e.quote for e in question.evidence))
    if not all(text.strip() for text in needed):
        raise QuestionSetError(f"{place}: an empty id, question or quote.")
    return question


_EXPECTED = "expected an object of texts whose evidence is a list of documents and quotes."


def _texts(question: Question) -> Iterator[object]:
    yield from (question.id, question.fact, question.question, question.kind, question.split)
    yield "" if question.after is None else question.after
    for evidence in question.evidence:
        yield from (evidence.document, evidence.quote)


def some(names: Sequence[str]) -> str:
    """Returns the first three of some names, for a message."""
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


TextOf = Callable[[str], str]
"""A document's path to its text; raises NotesQAError where there is none."""


def places(evidence: Evidence, text_of: TextOf, question: str) -> list[Span]:
    """Returns where a quote stands in its document: more than one place if it is repeated.

    Args:
        question: the id of the question it belongs to.

    Raises:
        QuestionSetError: nowhere, or there is no such document.
    """
    try:
        found = occurrences(evidence.quote, text_of(evidence.document))
    except NotesQAError as error:
        raise QuestionSetError(
            f"Question {question} quotes {evidence.document}, which is not indexed: "
            "see notesqa eval check."
        ) from error
    if not found:
        raise QuestionSetError(
            f"Question {question}: {evidence.document} does not hold the quote "
            f"{evidence.quote[:60]!r}: see notesqa eval check."
        )
    return found


def occurrences(quote: str, text: str) -> list[Span]:
    """Returns every place of a quote in a text, in order."""
    found: list[Span] = []
    start = text.find(quote)
    while start >= 0:
        found.append(Span(start, start + len(quote)))
        start = text.find(quote, start + 1)
    return found


def overlap(question: Question) -> float:
    """Returns the largest share of an evidence quote's content words that the question repeats."""
    asked = set(terms(question.question))
    quoted = [set(terms(evidence.quote)) for evidence in question.evidence]
    return max((len(asked & words) / len(words) for words in quoted if words), default=0.0)
