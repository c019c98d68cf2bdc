"""Answers become Markdown, with their citations: what is copied, saved and sent of a conversation.

Whatever the notes hold is text in it, or a formula: no heading, list, link, image, code or HTML of
theirs is one to who reads it, by CommonMark or GitHub's dialect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from itertools import groupby

from rag import Answer
from ui.render import (
    NEAREST,
    NEAREST_SHOWN,
    confidence_words,
    flowing,
    place,
    refusal,
    searched_for,
    visible,
)

_FORMULA = re.compile(
    r"(?<![\\$])(?:\$\$(?!\$)(?:\\.|[^\\$`])+\$\$|\$(?![\s$])(?:\\.|[^\\$`\n])+(?<!\s)\$)(?![\d$])"
)
"""What is a formula to those who know them, as pandoc tells them from prices."""

_UNSAFE = re.compile(r"\n[ \t]*\n|(?<!\\)%[^\n]*\n|&#?\w+;|[A-Za-z]://|\b[Ww]{3}\.|@", re.ASCII)
"""What of a formula would be more than one where formulas are not known, or less in one line."""

_TIGHT = re.compile(r"<(?=[A-Za-z/!?])|\](?=[(\[])")
"""What begins HTML or ends a link's words; a space after it changes no formula."""

_MARKUP = re.compile(
    r"\\(?=[!-/:-@\[-`{-~]|$)|[`*\[\]~$@]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?])|&(?=#?\w)"
    r"|(?<=[A-Za-z]):(?=//)|(?<=\b[Ww]{3})\.",
    re.ASCII,
)
"""What makes markup of text wherever it stands: also what GitHub makes links of."""

_AT_START = re.compile(r"^(\d*)([#+=.):>|-])")
"""What makes a heading, a list, a quote, a table or a rule of a line that begins so."""


def conversation_markdown(exchanges: Iterable[str], day: date) -> str:
    """Returns a conversation with its title and day, of `exchange_markdown`, oldest first."""
    return "\n".join([f"# Questions to the notes, {day.isoformat()}\n", *exchanges])


def exchange_markdown(question: str, said: str, within: str = "") -> str:
    """Returns a question as a heading, and what came back, which is Markdown, below it."""
    asked = " ".join(question.split()) + (f" (in {within})" if within else "")
    return f"## {markdown(asked)}\n\n{said}\n"


def answer_markdown(answer: Answer, within: str = "") -> str:
    """Returns an answer or a refusal as Markdown with numbered places, or what was near.

    Args:
        within: the folder that was asked; empty for all.
    """
    parts = []
    if searched := searched_for(answer):
        parts.append(markdown(searched))
    if not answer.answered:
        said = markdown(refusal(within))
        parts.append(f"**{said}** {markdown(answer.reason or '')}")
        if near := answer.passages[:NEAREST_SHOWN]:
            listed = "\n".join(f"- {markdown(place(passage))}" for passage in near)
            parts.append(f"{NEAREST}\n\n{listed}")
        return "\n\n".join(parts)
    for number, run in groupby(answer.sentences, key=lambda sentence: sentence.citation):
        said = " ".join(sentence_markdown(one.text, decides=one.decides) for one in run)
        quoted = said.replace("\n", "\n> ")
        parts.append(f"> {quoted} [{number}]")
    parts.append("\n".join(f"{c.number}. {markdown(place(c))}" for c in answer.citations))
    parts.append(markdown(confidence_words(answer)))
    return "\n\n".join(parts)


def sentence_markdown(text: str, *, decides: bool) -> str:
    """Returns a sentence of a note, in bold where it is the one that answers."""
    said = markdown(flowing(text))
    return f"**{said}**" if decides and said else said


def markdown(text: str) -> str:
    """Returns Markdown that shows `text`, line by line, without its indents and empty lines.

    Its formulas stay as they are, each in one line, where they are nothing else.
    """
    joined = _FORMULA.sub(_in_one_line, visible(text))
    lines = (" ".join(line.split()) for line in joined.split("\n"))
    return "\\\n".join(_line(line) for line in lines if line)


def _in_one_line(formula: re.Match[str]) -> str:
    said = formula[0]
    return said if _UNSAFE.search(said) else said.replace("\n", " ")


def _line(line: str) -> str:
    parts = []
    at = 0
    for formula in _FORMULA.finditer(line):
        if not _UNSAFE.search(formula[0]):
            parts += [_escaped(line[at : formula.start()]), _TIGHT.sub(r"\g<0> ", formula[0])]
            at = formula.end()
    return _AT_START.sub(r"\1\\\2", "".join([*parts, _escaped(line[at:])]))


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", text)
