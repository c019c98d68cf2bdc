"""What may be told of what people asked: words that enough of them used.

Input: questions of the log; output: which wordings, and which parts of wordings, may be shown.

That a group is of enough people does not make each of its wordings theirs: one may hold what only
its asker knows. Where people are known, a wording is told that `least` of them asked in the same
words, case and marks aside; so is one that nobody signed in asked: there is nobody to protect.
Of a question that was asked after another, the words are those that it can be asked in alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Set

from eval.appending import asked_as
from rag import Asked

Users = Set[str | None]


class Telling:
    """Says of some questions what may be told of them."""

    def __init__(self, questions: Iterable[Asked], least: int) -> None:
        """Args: `least` is how many people must have asked."""
        self._least = least
        self._users: dict[str, set[str | None]] = defaultdict(set)
        self._texts: dict[str, set[str | None]] = defaultdict(set)
        for asked in questions:
            text = in_full(asked)
            self._users[asked_as(text)].add(asked.user)
            self._texts[text].add(asked.user)

    def tells(self, text: str) -> bool:
        """Returns whether a wording, as it would be shown, may be."""
        return are_enough(self._users.get(asked_as(text), frozenset()), self._least)

    def form(self, questions: Iterable[Asked]) -> str | None:
        """Returns how most of some questions put it, in a wording that may be told."""
        forms = Counter(text for text in map(in_full, questions) if self.tells(text))
        return min(forms, key=lambda text: (-forms[text], text), default=None)

    def parts(self, split: Callable[[str], Iterable[str]]) -> set[str]:
        """Returns the parts, such as words, of what is told and of enough people's wordings."""
        told, users = set[str](), defaultdict[str, set[str | None]](set)
        for text, who in self._texts.items():
            parts = set(split(text))
            told |= parts if self.tells(text) else set()
            for part in parts:
                users[part] |= who
        return told | {part for part, who in users.items() if are_enough(who, self._least)}


def are_enough(users: Users, least: int) -> bool:
    """Returns whether so many are known, or some that nobody knows and no one else."""
    known = users - {None}
    return len(known) >= least if known else bool(users)


def in_full(asked: Asked) -> str:
    """Returns a question as it can be asked alone: as typed, with what it took from the one before.

    What was carried follows the question, and a repair changes no number of words.
    """
    typed, sought = asked.question.split(), asked.query.split()
    return " ".join([*typed, *sought[len(typed) :]])


def searched_as(asked: Asked) -> str | None:
    """Returns what was searched for where that is something else than was asked; else None."""
    return None if asked.query.split() == in_full(asked).split() else asked.query
