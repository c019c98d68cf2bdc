"""A person looks at questions that are to join a set, one by one, in a terminal.

Input: a question with the words that would be its evidence; output: as it joins, or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import typer

from rag import NotesQAError, Span
from ui.render import flowing, visible

if TYPE_CHECKING:
    from eval import Question
    from rag import Library

CHOICES = "y yes, n no, e edit, q no more"


class ReviewError(NotesQAError):
    """Questions cannot be reviewed here."""


def no_terminal() -> NoReturn:
    """Raises ReviewError: nobody is there to look."""
    raise ReviewError(
        "Evidence is to be looked at before it becomes a label, which needs a terminal: "
        "--yes takes every question with the words that decide its answer."
    )


class Review:
    """Asks about one question after another, until the person has had enough."""

    def __init__(self, library: Library, *, err: bool = False) -> None:
        """Args: `err` whether stdout is somebody else's."""
        self._library = library
        self._err = err
        self._over = False

    def __call__(self, question: Question) -> Question | None:
        """Returns the question as the person wants it; None where they do not.

        Raises:
            typer.Abort: they want nothing of all this.
        """
        while not self._over:
            self._show(question)
            said = typer.prompt(f"Add it? {CHOICES}", err=self._err).strip().lower()[:1]
            if said == "y":
                return question
            if said == "n":
                break
            if said == "e":
                question = self._edited(question)
            self._over = said == "q"
        return None

    def _show(self, question: Question) -> None:
        self._tell(f"\n{question.question}")
        for evidence in question.evidence:
            note = self._library.note(evidence.document)
            start = note.text.index(evidence.quote)
            place = note.place(Span(start, start + len(evidence.quote)))
            self._tell(f"  “{flowing(evidence.quote)}”")
            self._tell(f"  {evidence.document}, {place}")
        if not question.evidence:
            self._tell("  No evidence: the notes do not answer it.")

    def _edited(self, question: Question) -> Question:
        """Returns the question in other words, or with other evidence of the same note."""
        wording = self._typed("Question", question.question, lambda said: said)
        kept = []
        for evidence in question.evidence:
            text = self._library.source(evidence.document)
            quote = self._typed("Evidence", evidence.quote, partial(standing, text))
            kept.append(replace(evidence, quote=quote))
        return replace(question, question=wording, evidence=tuple(kept))

    def _typed(self, what: str, now: str, read: Callable[[str], str | None]) -> str:
        """Returns what is typed, once it can be read; `now` where nothing is."""
        while True:
            said = typer.prompt(f"{what}, Enter keeps it", "", show_default=False, err=self._err)
            if not said.strip():
                return now
            if (found := read(" ".join(said.split()))) is not None:
                return found
            self._tell("The note does not say that: it has to be in the note's own words.")

    def _tell(self, said: str) -> None:
        typer.echo(visible(said), err=self._err)


def standing(text: str, said: str) -> str | None:
    """Returns words as they stand in a text, whatever white space is between them there."""
    found = re.search(r"\s+".join(map(re.escape, said.split())), text)
    return found[0] if found else None
