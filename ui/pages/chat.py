"""The chat page: question and answers on the left, the note they come from on the right."""

from __future__ import annotations

import html
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from rag import Answer, NotesQAError, Span, Turn, turn_of
from ui.asks import AskAs, Reply
from ui.guard import user_of, where
from ui.problems import INSIDER, told
from ui.render import answer_html, escape, source_url

SHOW_NEWEST = """() => setTimeout(() => {
  const asked = document.querySelectorAll("#nq-chat .user");
  asked[asked.length - 1]?.scrollIntoView({ block: "start" });
}, 200)"""
"""Brings the newest question to the top of the conversation, its answer below it."""

PRESSED = """(number, suggestion, conversation) => [...window.notesqaPressed, conversation]"""
"""Gives the number of the exchange whose button was pressed, and of the button among its
suggestions, -1 where it is none; `chat.js` keeps them."""


class Ask(Protocol):
    """What `AskAs` does, for whoever asks."""

    def __call__(self, question: str, after: Turn | None = None) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked, as text, and what came back, as HTML.

    Attributes:
        turn: what the next question may lean on; None where no answer came back.
        suggestions: what could be asked instead.
    """

    question: str
    said: str
    turn: Turn | None = None
    suggestions: tuple[str, ...] = ()


EMPTY_SOURCE = "/source/"
PLACEHOLDER = (
    "<p><strong>Ask your notes.</strong></p>"
    "<p>Answers are quotes from the notes, each with its place. "
    "Where the notes hold no answer, they say so.</p>"
)


MOST_EXCHANGES = 30
"""Exchanges of a conversation that are kept and shown; beyond, the oldest go."""

MOST_SHOWN = 300
"""Characters of a question that are kept where no answer came back."""

BROKEN = "Something went wrong here; the server's log says where."

logger = logging.getLogger(__name__)


def respond(
    question: str,
    conversation: Sequence[Exchange],
    ask: Ask,
    *,
    alone: bool = False,
    insider: bool = True,
) -> tuple[list[Exchange], str]:
    """Returns the longer conversation, and the address of the source to open beside it.

    Whatever happens is said in the conversation: Gradio would print what was asked.

    Args:
        alone: whether the question is asked without the turn before it.
        insider: whether what is wrong with the library is said.
    """
    conversation = conversation[1 - MOST_EXCHANGES :]
    turns = [exchange.turn for exchange in conversation if exchange.turn is not None]
    asked = question.strip() or "(empty)"
    try:
        answer = ask(question, turns[-1] if turns and not alone else None).answer
    except NotesQAError as error:
        return [*conversation, _failed(asked, told(error, insider))], EMPTY_SOURCE
    except Exception as error:
        logger.error("a question of the page failed: %s", where(error))
        return [*conversation, _failed(asked, BROKEN)], EMPTY_SOURCE
    exchange = Exchange(asked, answer_html(answer), turn_of(answer), answer.suggestions)
    return [*conversation, exchange], first_source(answer)


def _failed(asked: str, said: str) -> Exchange:
    shown = asked if len(asked) <= MOST_SHOWN else f"{asked[:MOST_SHOWN]} …"
    return Exchange(shown, f'<p class="nq-error">{escape(said)}</p>')


def ask_alone(
    number: int,
    suggestion: int,
    conversation: Sequence[Exchange],
    ask: Ask,
    *,
    insider: bool = True,
) -> tuple[list[Exchange], str]:
    """Returns what `respond` does for a question that an earlier exchange offers, asked alone.

    Where it offers none, as after the conversation was cleared, nothing is asked.

    Args:
        number: of the exchange in the conversation, from 0.
        suggestion: of the question among the suggestions, from 0; -1 for the exchange's own.
    """
    if not 0 <= number < len(conversation):
        return list(conversation), EMPTY_SOURCE
    exchange = conversation[number]
    offered = (exchange.question, *exchange.suggestions)
    if not -1 <= suggestion < len(exchange.suggestions):
        return list(conversation), EMPTY_SOURCE
    return respond(offered[suggestion + 1], conversation, ask, alone=True, insider=insider)


def first_source(answer: Answer) -> str:
    """Returns the address of what an answer quotes first; of nothing for a refusal."""
    if not answer.answered:
        return EMPTY_SOURCE
    best = answer.citations[0]
    decisive = next(s.text for s in answer.sentences if s.decides)
    start = best.span.start + best.quote.index(decisive)
    return source_url(best.document, Span(start, start + len(decisive)), decisive)


def source_frame(address: str) -> str:
    """Returns the frame that shows a source page; links of the chat open in it by name."""
    return (
        f'<iframe name="nq-source" title="Source note" src="{html.escape(address)}" '
        'sandbox="allow-same-origin"></iframe>'
    )


def build(answer: AskAs) -> None:
    """Lays the page out inside the current `gradio.Blocks`."""
    import gradio as gr

    with gr.Row(elem_id="nq-page", equal_height=False):
        with gr.Column(scale=3, min_width=320):
            chat = gr.Chatbot(
                elem_id="nq-chat",
                label="Conversation",
                show_label=False,
                autoscroll=False,
                placeholder=PLACEHOLDER,
                height="calc(100dvh - 16rem)",
                min_height=200,
                allow_tags=False,
                latex_delimiters=[],
                buttons=[],
                feedback_options=None,
                layout="panel",
            )
            with gr.Row(equal_height=True, elem_id="nq-ask"):
                question = gr.Textbox(
                    label="Question",
                    placeholder="Ask in your own words, then press Enter",
                    lines=1,
                    max_lines=6,
                    autofocus=True,
                    scale=6,
                    elem_id="nq-question",
                )
                send = gr.Button("Ask", variant="primary", scale=1, min_width=80, elem_id="nq-send")
        with gr.Column(scale=2, min_width=300):
            source = gr.HTML(source_frame(EMPTY_SOURCE), elem_id="nq-source")

    conversation = gr.State([])
    alone = gr.Button("Ask it alone", visible="hidden", elem_id="nq-alone")
    number = gr.Number(0, precision=0, visible=False)
    suggestion = gr.Number(-1, precision=0, visible=False)

    def show(after: list[Exchange], address: str) -> tuple[list[Exchange], list[Any], str]:
        messages = [
            message
            for exchange in after
            for message in (
                {"role": "user", "content": gr.HTML(f"<p>{escape(exchange.question)}</p>")},
                {"role": "assistant", "content": gr.HTML(exchange.said)},
            )
        ]
        return after, messages, source_frame(address)

    def asked_by(request: Any) -> tuple[Ask, bool]:
        """Returns what answers who asks, and whether they are told all that fails."""
        made = request.request
        return partial(answer, user=user_of(made), door="page"), bool(made.scope.get(INSIDER))

    def handle(
        text: str, before: list[Exchange], request: Any
    ) -> tuple[str, list[Exchange], list[Any], str]:
        ask, insider = asked_by(request)
        return "", *show(*respond(text, before, ask, insider=insider))

    def handle_alone(
        chosen: int, offered: int, before: list[Exchange], request: Any
    ) -> tuple[list[Exchange], list[Any], str]:
        ask, insider = asked_by(request)
        return show(*ask_alone(chosen, offered, before, ask, insider=insider))

    for handler in (handle, handle_alone):
        # Gradio passes the request by this type, and cannot look up a name of this function.
        handler.__annotations__["request"] = gr.Request

    chat.clear(
        lambda: ([], source_frame(EMPTY_SOURCE)),
        outputs=[conversation, source],
        api_visibility="private",
    )
    gr.on(
        [question.submit, send.click],
        handle,
        inputs=[question, conversation],
        outputs=[question, conversation, chat, source],
        api_name="ask",
        show_progress="minimal",
    ).then(None, js=SHOW_NEWEST, api_visibility="private")
    alone.click(
        handle_alone,
        inputs=[number, suggestion, conversation],
        outputs=[conversation, chat, source],
        js=PRESSED,
        api_visibility="private",
        show_progress="minimal",
    ).then(None, js=SHOW_NEWEST, api_visibility="private")
