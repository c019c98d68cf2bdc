"""Questions join a question set: what the file holds stays, and new lines come behind it.

Input: the file, which need not be there yet, and questions; output: those that were added.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from eval.dataset import Evidence, Question, TextOf, load_questions, places
from eval.files import in_turn, replacing
from rag import QuestionSetError


def append_questions(path: Path, new: Sequence[Question], text_of: TextOf) -> list[Question]:
    """Returns the questions that were added to a set, as they stand there now.

    A question that the set asks already, in the same words, is left out. One whose id is empty gets
    that of its fact with the first number that is free: `tl-001-p3`. A fact whose evidence is that
    of a fact of the set, in its split, joins it. The lines that are there stay byte for byte. Those
    who append at the same time, on the page and the command line, wait for one another.

    Args:
        path: made where it is missing.
        new: each with its fact; follow-ups name an id that comes before them.
        text_of: gives the text of a note, for their quotes to be looked for.

    Raises:
        QuestionSetError: the set cannot be read or written; a quote does not stand in its note; an
            id stands twice; or a question has a split where the set has none, or none of the set's.
    """
    with in_turn(path):
        old = load_questions(path) if path.exists() and path.stat().st_size else []
        _refuse_splits(path, old, new)
        added = list(_fresh(old, new))
        for question in added:
            for evidence in question.evidence:
                places(evidence, text_of, question.id)
        _refuse_disorder(path, old, added)
        if added:
            _write(path, added)
    return added


def splits_of(path: Path) -> list[str]:
    """Returns the splits of a set, in order; none where it is not split, or not there.

    Raises:
        QuestionSetError: it cannot be read.
    """
    if not path.exists() or not path.stat().st_size:
        return []
    return list(dict.fromkeys(q.split for q in load_questions(path) if q.split))


def asked_as(question: str) -> str:
    """Returns what two wordings share that ask in the same words."""
    return " ".join(re.findall(r"\w+", question.casefold())) or question.strip()


def _refuse_splits(path: Path, old: Iterable[Question], new: Iterable[Question]) -> None:
    splits = list(dict.fromkeys(question.split for question in old if question.split))
    for question in new:
        if splits and question.split not in splits:
            found = f"{question.split} is none of them" if question.split else "none is named"
            raise QuestionSetError(
                f"{path} is split into {' and '.join(splits)}, and {found}: say which one new "
                "questions join, --split NAME."
            )
        if not splits and question.split and any(True for _ in old):
            raise QuestionSetError(
                f"{path} is not split: leave out --split {question.split} for it."
            )


def _fresh(old: Sequence[Question], new: Iterable[Question]) -> Iterator[Question]:
    """Yields the questions that the set does not ask yet, with their ids and facts."""
    wordings = {(asked_as(question.question), question.earlier) for question in old}
    taken = {question.id for question in old}
    facts: dict[tuple[frozenset[Evidence], str], str] = {}
    for question in old:
        if question.evidence:
            facts.setdefault((frozenset(question.evidence), question.split), question.fact)
    for question in new:
        wording = (asked_as(question.question), question.earlier)
        if wording in wordings:
            continue
        wordings.add(wording)
        fact = facts.get((frozenset(question.evidence), question.split), question.fact)
        free = (f"{fact}-p{number}" for number in count(1) if f"{fact}-p{number}" not in taken)
        named = question.id or next(free)
        taken.add(named)
        yield replace(question, id=named, fact=fact)


def _refuse_disorder(path: Path, old: Iterable[Question], added: Iterable[Question]) -> None:
    """Raises QuestionSetError for what would make the set one that cannot be read."""
    ids, home = set[str](), dict[str, str]()
    for question in old:
        ids.add(question.id)
        home[question.fact] = question.split
    for question in added:
        if question.id in ids:
            raise QuestionSetError(f"{path} has a question {question.id} already: name it anew.")
        if home.setdefault(question.fact, question.split) != question.split:
            raise QuestionSetError(
                f"{path} has the fact {question.fact} in split {home[question.fact]!r}, and all "
                f"wordings of a fact lie in one: name that, not {question.split!r}."
            )
        if question.after is not None and question.after not in ids:
            raise QuestionSetError(
                f"{path}: question {question.id} follows {question.after}, which is not in the set."
            )
        ids.add(question.id)


def _write(path: Path, added: Iterable[Question]) -> None:
    there = path.read_bytes() if path.exists() else b""
    between = b"\n" if there and not there.endswith(b"\n") else b""
    lines = "".join(f"{json.dumps(_record(q), ensure_ascii=False)}\n" for q in added)
    with replacing(path) as draft:
        draft.write_bytes(there + between + lines.encode("utf-8"))
        load_questions(draft)


def _record(question: Question) -> dict[str, object]:
    """Returns a question as its line says it."""
    return {
        "id": question.id,
        "fact": question.fact,
        "question": question.question,
        "kind": question.kind,
        **({"after": question.after} if question.after is not None else {}),
        **({"split": question.split} if question.split else {}),
        **({"needs": "all"} if question.needs_all else {}),
        "evidence": [
            {"document": evidence.document, "quote": evidence.quote}
            for evidence in question.evidence
        ],
    }
