from __future__ import annotations

import pytest

from rag import Answer, Citation, LibraryError, Span
from rag.types import AnswerSentence
from ui.pages.chat import EMPTY_SOURCE, respond, source_frame

QUOTE = "Owls are birds. They hunt at night."


def answered(question: str) -> Answer:
    citation = Citation(1, "owls.md", "Owls", ("Owls",), "line 3", Span(40, 40 + len(QUOTE)), QUOTE)
    said = (
        AnswerSentence("Owls are birds.", 1),
        AnswerSentence("They hunt at night.", 1, decides=True),
    )
    return Answer(question, question, None, 0.9, said, (citation,), (), {})


def refused(question: str) -> Answer:
    return Answer(question, question, "Nothing is near.", 0.1, (), (), (), {})


def broken(question: str) -> Answer:
    raise LibraryError("There is no library in <here>: make it with notesqa index.")


def test_an_answer_opens_the_source_at_the_deciding_words() -> None:
    turns, source = respond("When?", [("before", "said")], answered)
    assert [asked for asked, _ in turns] == ["before", "When?"]
    assert "<mark>They hunt at night.</mark>" in turns[-1][1]
    start = 40 + QUOTE.index("They")
    assert source == f"/source/owls.md?start={start}&end={40 + len(QUOTE)}#marked"


def test_a_refusal_opens_nothing() -> None:
    turns, source = respond("When?", [], refused)
    assert "do not seem to answer" in turns[0][1]
    assert source == EMPTY_SOURCE


def test_an_error_is_one_plain_sentence_in_the_conversation() -> None:
    turns, source = respond("When?", [], broken)
    assert "There is no library in &lt;here&gt;" in turns[0][1]
    assert source == EMPTY_SOURCE


@pytest.mark.parametrize("address", ["/source/a.md?start=1&end=2#marked", '"><script>'])
def test_the_frame_quotes_its_address(address: str) -> None:
    frame = source_frame(address)
    assert frame.count("<") == 2
    assert "<script" not in frame
