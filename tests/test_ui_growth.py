"""What notes and visitors send may be long runs of one sign: ten times the run, ten times the time.

A pattern that is slower than that holds up all of the server.
"""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from rag import Answer, Citation, Note, Passage, Place, PlaceKind, Places, QuestionError, Span
from rag.areas import areas_of
from rag.types import AnswerSentence, Drawn
from ui.excerpts import excerpt_of
from ui.markdown import answer_markdown
from ui.pages.exchange import Exchange, markdown_of, reply_html
from ui.pages.history import kept, restored
from ui.pages.lines import Marker, text_html
from ui.render import answer_html, flowing, snippet
from ui.within import hits, located
from ui.written import quoted, written_of

FEW, MANY = 10_000, 100_000

RUNS = (" ", "\n", "[", "`", " \n", "1.", "\u0301", "$", "$a ", "\\")


def answered(text: str) -> Answer:
    citation = Citation(1, "a.md", "A", ("A",), "line 1", Span(0, len(text)), text)
    return Answer("q", "q", None, 0.7, (AnswerSentence(text, 1),), (citation,), (), {})


def refused(text: str) -> Answer:
    passage = Passage(1, 0.5, "a.md", "A", ("A",), "line 1", Span(0, len(text)), text)
    return Answer("q", text, text, 0.1, (), (), (passage,), {}, suggestions=(text,))


def note(text: str) -> Note:
    return Note("a.md", "A", text, Places(PlaceKind.LINE))


def restore(text: str) -> None:
    for answer in (answered(text), replace(refused("x"), reason=text)):
        told = json.loads(kept([Exchange(text, answer)], 0, 1, replaces=False))
        for exchange in restored(json.dumps(told["exchanges"]), 30, 10**8).values():
            reply_html(exchange)
            markdown_of(exchange)


def look_up(text: str) -> None:
    paged: Any = Note("a.pdf", "A", "x", Places(PlaceKind.PAGE, (Place(0, "1"),)))
    library: Any = SimpleNamespace(note=lambda _: paged)
    with pytest.raises(QuestionError):
        excerpt_of(library, "a.pdf", place=text)


DONE: dict[str, Callable[[str], object]] = {
    "flowing": flowing,
    "snippet": snippet,
    "quoted": quoted,
    "answer as HTML": lambda text: answer_html(answered(text)),
    "refusal as Markdown": lambda text: answer_markdown(refused(text)),
    "answer written": lambda text: written_of(answered(text), "http://here"),
    "hits": lambda text: hits(text, "e\u0301" * 50 + "\u0301" * 50),
    "hits of two words": lambda text: hits(text, "a b"),
    "words cited": lambda text: located(text, Span(7, 9), text[1:] + "x"),
    "lines": lambda text: text_html(note(text), Marker(text, Span(1, len(text)), [Span(0, 2)])),
    "place": look_up,
    "conversation kept": restore,
}


@pytest.mark.parametrize("done", DONE)
def test_time_grows_with_the_length_of_a_run_and_no_faster(done: str) -> None:
    for run in RUNS:
        few, many = (f"a{(run * size)[:size]}b" for size in (FEW, MANY))
        # A millisecond more for what takes next to none; growth by the square is a hundredfold.
        assert seconds(DONE[done], many) < 40 * (seconds(DONE[done], few) + 0.001), repr(run)


def test_signs_before_the_end_of_cited_words_are_looked_at_once() -> None:
    def places(text: str) -> None:
        areas_of(Drawn(9, 9, b"", "z", array("H", [0] * 4)), text, Span(0, len(text)))

    assert seconds(places, "a" + "!" * MANY + "b") < 40 * (seconds(places, "a" + "!" * FEW) + 0.001)


def seconds(do: Callable[[str], object], text: str) -> float:
    began = time.perf_counter()
    do(text)
    return time.perf_counter() - began
