"""A question of a set becomes the draft of its answer, asked after the questions before it."""

from __future__ import annotations

from eval.dataset import Question
from rag import Draft, Library, NotesQAError, Turn, turn_of


class Conversations:
    """Asks the questions of a set, and remembers what the earlier ones of a conversation got."""

    def __init__(self, library: Library, *, alone: bool = False) -> None:
        """Args: `alone` asks every question as if none came before it."""
        self.library = library
        self._alone = alone
        self._turns: dict[tuple[str, ...], Turn | None] = {}

    def draft(self, question: Question) -> Draft:
        """Returns what `Library.draft` makes of a question in its conversation.

        Raises:
            QuestionError, LibraryError, ModelError: as for `Library.ask`.
        """
        after = None if self._alone else self._turn(question.earlier)
        return self.library.draft(question.question, after)

    def _turn(self, earlier: tuple[str, ...]) -> Turn | None:
        """Returns what is left of a conversation; a question that failed leaves nothing."""
        turn = None
        for length, question in enumerate(earlier, start=1):
            said = earlier[:length]
            if said not in self._turns:
                try:
                    self._turns[said] = turn_of(self.library.ask(question, turn))
                except NotesQAError:
                    self._turns[said] = turn
            turn = self._turns[said]
        return turn
