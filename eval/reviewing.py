"""Proposals are looked at, in a table or one by one, and those that are accepted join a set.

Input: proposals, and what a person says of each; output: lines of a question set. What was said is
kept beside the library, so that what was rejected does not come again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from eval.appending import append_questions
from eval.dataset import Evidence, Question, TextOf, load_questions, places
from eval.files import in_turn, read_json, replacing
from eval.proposing import Proposal, id_of
from eval.tables import Row, read_rows, refuse, unquoted, write_csv
from rag import LibraryError, QuestionSetError

FILE = "proposals.json"
"""Where it is kept, in the library's folder, what was said of proposals."""

COLUMNS = (
    "accept",
    "question",
    "paraphrases",
    "id",
    "kind",
    "now",
    "document",
    "location",
    "quote",
)
"""Of the table, in order; a person fills the first, and may change the two behind it."""

YES, NO = ("y", "yes", "x", "1", "true"), ("n", "no", "0", "false")


class Choice(StrEnum):
    """What a person says of a proposal."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A proposal, and what was said of it.

    Attributes:
        question: as the person worded it.
        paraphrases: other wordings that were added.
    """

    id: str
    choice: Choice
    question: str
    paraphrases: tuple[str, ...]
    evidence: Evidence


def wordings_in(text: str) -> tuple[str, ...]:
    """Returns the paraphrases that a field holds, one a line or with `|` between, each once."""
    said = (" ".join(part.split()) for part in re.split(r"[|\n\r]", text))
    return tuple(dict.fromkeys(filter(None, said)))


def accept(
    reviewed: Sequence[Reviewed], path: Path, text_of: TextOf, split: str = ""
) -> list[Question]:
    """Returns the questions that joined a set: those of accepted proposals and their paraphrases.

    Each proposal is a fact of its own, unless the set has one with the same evidence.

    Raises:
        QuestionSetError: as for `append_questions`.
    """
    new = []
    for item in reviewed:
        if item.choice is Choice.ACCEPTED:
            fact = f"note-{item.id}"
            kinds = {item.question: "proposed"} | dict.fromkeys(item.paraphrases, "paraphrase")
            kinds[item.question] = "proposed"
            for wording, kind in kinds.items():
                new.append(Question("", fact, wording, kind, (item.evidence,), split=split))
    return append_questions(path, new, text_of)


def sets_in(folder: Path) -> Iterator[tuple[Path, list[Question]]]:
    """Yields the question sets of a folder that can be read, with what they ask."""
    for file in sorted(folder.glob("*.jsonl")):
        try:
            yield file, load_questions(file)
        except QuestionSetError:
            continue  # the evaluation page says what is wrong with it


# The table


def write_review(proposals: Iterable[Proposal], file: Path) -> None:
    """Writes proposals as a table to be filled in.

    It begins with the mark without which Excel takes UTF-8 for another encoding, and would change
    the quotes.

    Raises:
        QuestionSetError: it cannot be written.
    """
    rows = (
        (
            *("", proposal.question, "", proposal.id, proposal.kind.value),
            proposal.now.value if proposal.now else "",
            *(proposal.document, proposal.location, proposal.quote),
        )
        for proposal in proposals
    )
    write_csv(file, [COLUMNS, *rows])


def read_review(file: Path, text_of: TextOf) -> list[Reviewed]:
    """Returns the rows of a table that a person has marked; the others are left alone.

    Raises:
        QuestionSetError: the file cannot be read, or a row has a mark that is neither yes nor no,
            has no question, or quotes what was changed or does not stand in the notes any more; its
            number is named.
    """
    columns = {name: (name,) for name in COLUMNS}
    needed = ("accept", "question", "id", "document", "quote")
    found: dict[str, Reviewed] = {}
    for row in read_rows(file, columns, needed):
        reviewed = _reviewed(file, row, text_of)
        if reviewed is None:
            continue
        if reviewed.id in found:
            refuse(file, row[0], f"the proposal {reviewed.id} stands in a row before.")
        found[reviewed.id] = reviewed
    return list(found.values())


def _reviewed(file: Path, row: Row, text_of: TextOf) -> Reviewed | None:
    number, marked = row
    cells = {name: unquoted(cell) for name, cell in marked.items()}
    mark = cells["accept"].casefold()
    if not mark:
        return None
    if mark not in YES and mark not in NO:
        refuse(
            file,
            number,
            f"accept is {cells['accept'][:20]!r}; expected y (or yes, x, 1, true), n (or no, 0, "
            "false), or nothing.",
        )
    choice = Choice.ACCEPTED if mark in YES else Choice.REJECTED
    quote = _quote(file, number, cells)
    evidence = Evidence(cells["document"], quote)
    question = " ".join(cells["question"].split())
    if choice is Choice.ACCEPTED:
        if not question:
            refuse(file, number, "no question.")
        try:
            places(evidence, text_of, cells["id"])
        except QuestionSetError:
            refuse(
                file,
                number,
                f"the quote does not stand in {evidence.document} any more: propose anew.",
            )
    return Reviewed(cells["id"], choice, question, wordings_in(cells["paraphrases"]), evidence)


def _quote(file: Path, number: int, cells: dict[str, str]) -> str:
    """Returns what a row quotes, with the ends of lines that a spreadsheet may have changed."""
    cell = cells["quote"]
    plain = cell.replace("\r\n", "\n")
    for quote in (cell, plain, plain.replace("\n", "\r\n")):
        if id_of(cells["document"], quote) == cells["id"]:
            return quote
    refuse(
        file,
        number,
        f"the quote, the document or the id {cells['id'][:20]!r} was changed: only accept, "
        "question and paraphrases may be.",
    )


# What was said


class Decisions:
    """What was said of the proposals of a library, by id; it outlives their being made again."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE

    def all(self) -> dict[str, Choice]:
        """Returns what was said, by the proposal's id.

        Raises:
            LibraryError: the file cannot be read.
        """
        try:
            said = read_json(self.file.read_text(encoding="utf-8"))["said"]
            return {str(name): Choice(choice) for name, choice in said.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise LibraryError(
                f"{self.file} cannot be read as what was said of proposals: delete it, and what "
                "was rejected will be proposed again."
            ) from error

    def keep(self, said: dict[str, Choice]) -> None:
        """Adds what was said of some proposals.

        Raises:
            LibraryError: the file cannot be read or written.
        """
        with in_turn(self.file, LibraryError):
            self._write(self.all() | said)

    def forget(self) -> None:
        """Makes what was rejected or put off be proposed again.

        Raises:
            LibraryError: the file cannot be read or written.
        """
        with in_turn(self.file, LibraryError):
            said = self.all()
            self._write({name: c for name, c in said.items() if c is Choice.ACCEPTED})

    def _write(self, said: dict[str, Choice]) -> None:
        with replacing(self.file, LibraryError) as draft:
            draft.write_text(json.dumps({"said": said}, indent=1), encoding="utf-8")
