"""Answers become Markdown, with their citations: what is saved of a conversation.

The words of notes stand in block quotes. Tags and pictures in them are escaped, so that showing the
file fetches nothing and runs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from rag import Answer
from ui.render import confidence_words, flowing, place, searched_otherwise, visible

_ACTIVE = re.compile(r"<(?=[a-zA-Z/!?])|!(?=\[)")


def conversation_markdown(answers: Sequence[Answer]) -> str:
    """Returns a conversation, oldest question first."""
    return "\n\n".join(answer_markdown(answer) for answer in answers)


def answer_markdown(answer: Answer) -> str:
    """Returns a question and its answer or refusal, the places numbered below."""
    parts = [f"## {_inert(' '.join(answer.question.split()))}"]
    if searched_otherwise(answer):
        parts.append(f"Searched for: {_inert(answer.query)}")
    if not answer.answered:
        parts.append(f"**The notes do not seem to answer this.** {_inert(answer.reason or '')}")
        near = [f"- {_inert(place(passage))}" for passage in answer.passages[:3]]
        return "\n\n".join([*parts, *(["Nearest passages:", "\n".join(near)] if near else [])])
    for number, run in groupby(answer.sentences, key=lambda sentence: sentence.citation):
        said = "\n\n".join(_inert(flowing(sentence.text)) for sentence in run)
        quoted = "\n".join(f"> {line}".rstrip() for line in f"{said} [{number}]".split("\n"))
        parts.append(quoted)
    places = [f"{item.number}. {_inert(place(item))}" for item in answer.citations]
    return "\n\n".join([*parts, "\n".join(places), confidence_words(answer)])


def _inert(text: str) -> str:
    return _ACTIVE.sub(r"\\\g<0>", visible(text))
