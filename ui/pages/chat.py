"""The chat page: question and answers on the left, the note they come from on the right."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from rag import Answer, NotesQAError, Span
from ui.render import answer_html, escape, source_url

SHOW_NEWEST = """() => setTimeout(() => {
  const asked = document.querySelectorAll("#nq-chat .user");
  asked[asked.length - 1]?.scrollIntoView({ block: "start" });
}, 200)"""
"""Brings the newest question to the top of the conversation, its answer below it."""

Turn = tuple[str, str]
"""What was asked, as text, and what came back, as HTML."""

EMPTY_SOURCE = "/source/"
PLACEHOLDER = (
    "<p><strong>Ask your notes.</strong></p>"
    "<p>Answers are quotes from the notes, each with its place. "
    "Where the notes hold no answer, they say so.</p>"
)


def respond(
    question: str, turns: list[Turn], ask: Callable[[str], Answer]
) -> tuple[list[Turn], str]:
    """Returns the longer conversation, and the address of the source to open beside it."""
    try:
        answer = ask(question)
    except NotesQAError as error:
        said, source = f'<p class="nq-error">{escape(str(error))}</p>', EMPTY_SOURCE
    else:
        said, source = answer_html(answer), first_source(answer)
    return [*turns, (question.strip() or "(empty)", said)], source


def first_source(answer: Answer) -> str:
    """Returns the address of what an answer quotes first; of nothing for a refusal."""
    if not answer.answered:
        return EMPTY_SOURCE
    best = answer.citations[0]
    decisive = next(s.text for s in answer.sentences if s.decides)
    start = best.span.start + best.quote.index(decisive)
    return source_url(best.document, Span(start, start + len(decisive)))


def source_frame(address: str) -> str:
    """Returns the frame that shows a source page; links of the chat open in it by name."""
    return (
        f'<iframe name="nq-source" title="Source note" src="{html.escape(address)}" '
        'sandbox="allow-same-origin"></iframe>'
    )


def build(ask: Callable[[str], Answer]) -> None:
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
                height="calc(100vh - 14rem)",
                min_height=320,
                allow_tags=False,
                latex_delimiters=[],
                buttons=[],
                feedback_options=None,
                layout="panel",
            )
            with gr.Row(equal_height=True):
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

    turns = gr.State([])

    def handle(text: str, before: list[Turn]) -> tuple[str, list[Turn], list[Any], str]:
        after, address = respond(text, before, ask)
        messages = [
            message
            for asked, said in after
            for message in (
                {"role": "user", "content": gr.HTML(f"<p>{escape(asked)}</p>")},
                {"role": "assistant", "content": gr.HTML(said)},
            )
        ]
        return "", after, messages, source_frame(address)

    chat.clear(
        lambda: ([], source_frame(EMPTY_SOURCE)), outputs=[turns, source], api_visibility="private"
    )
    gr.on(
        [question.submit, send.click],
        handle,
        inputs=[question, turns],
        outputs=[question, turns, chat, source],
        api_name="ask",
        show_progress="minimal",
    ).then(None, js=SHOW_NEWEST, api_visibility="private")
