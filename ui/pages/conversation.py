"""A conversation and a question, or a button of one of its answers, become another conversation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from rag import NotesQAError, QuestionError, Turn
from ui.asks import Reply
from ui.guard import where
from ui.pages.exchange import Exchange, answered, failed
from ui.problems import told

MOST_EXCHANGES = 30
"""Exchanges of a conversation that are kept and shown; beyond, the oldest go."""

MOST_BYTES = 600_000
"""Of a conversation that a browser gives back, by its exchanges' `weight`; beyond, the oldest go.

Measured on two courses' notes (n = 150 questions each): 10,000 an exchange, 20,000 the longest.
"""

EVERYWHERE = -2
"""In place of a suggestion's number: the exchange's own question, in all notes."""

BROKEN = "Something went wrong here; the server's log says where."

logger = logging.getLogger(__name__)


class Ask(Protocol):
    """What `AskAs` does, for whoever asks."""

    def __call__(self, question: str, after: Turn | None = None, *, within: str = "") -> Reply: ...


def respond(
    question: str,
    conversation: Sequence[Exchange],
    ask: Ask,
    *,
    within: str = "",
    alone: bool = False,
    insider: bool = True,
) -> list[Exchange]:
    """Returns the conversation with one exchange more, and without the oldest beyond the most.

    Whatever happens is said in the conversation: Gradio would print what was asked.

    Args:
        within: the folder that is asked; empty for all.
        alone: whether the question is asked without the turn before it.
        insider: whether what is wrong with the library is said.
    """
    conversation = conversation[1 - MOST_EXCHANGES :]
    turns = [exchange.turn for exchange in conversation if exchange.turn is not None]
    asked = question.strip() or "(empty)"
    try:
        reply = ask(question, turns[-1] if turns and not alone else None, within=within)
    except NotesQAError as error:
        lasting = isinstance(error, QuestionError)
        exchange = failed(asked, told(error, insider), within, lasting=lasting)
    except Exception as error:
        logger.error("a question of the page failed: %s", where(error))
        exchange = failed(asked, BROKEN, within, lasting=False)
    else:
        exchange = answered(asked, reply, within)
    return [*conversation, exchange]


def left_to_mend(question: str, conversation: Sequence[Exchange]) -> str:
    """Returns what is in the box after a question was asked: that one, if it is to be mended."""
    return question if conversation[-1].lasting else ""


def ask_again(
    number: int,
    suggestion: int,
    conversation: Sequence[Exchange],
    ask: Ask,
    *,
    insider: bool = True,
) -> tuple[list[Exchange], int]:
    """Returns the conversation after a button of one of its exchanges, and where it is new.

    A question that was answered after a turn is asked alone, and the new answer stands where the
    old one stood: nothing is left of what was carried. One that failed is tried again, in its
    place too, and so is one that a folder did not answer asked in all notes. A suggestion is asked
    alone, at the end. Where an exchange offers nothing of that
    number, as after the conversation was cleared, nothing is asked.

    Args:
        number: of the exchange in the conversation, from 0.
        suggestion: of the question among the suggestions, from 0; -1 for the exchange's own;
            `EVERYWHERE` for that in all notes.
    """
    if not 0 <= number < len(conversation):
        return list(conversation), len(conversation)
    old = conversation[number]
    least = EVERYWHERE if old.narrow else -1
    if not least <= suggestion < len(old.suggestions):
        return list(conversation), len(conversation)
    if suggestion >= 0:
        asked = old.suggestions[suggestion]
        longer = respond(asked, conversation, ask, within=old.within, alone=True, insider=insider)
        return longer, len(longer) - 1
    everywhere = suggestion == EVERYWHERE
    *_, new = respond(
        old.question,
        conversation[:number],
        ask,
        within="" if everywhere else old.within,
        alone=old.answer is not None and not (everywhere and old.answer.carried),
        insider=insider,
    )
    return [*conversation[:number], new, *conversation[number + 1 :]], number
