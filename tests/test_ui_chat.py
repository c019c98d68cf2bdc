from __future__ import annotations

import html

import pytest

from rag import Answer, Citation, LibraryError, Span, Turn
from rag.types import AnswerSentence
from ui.asks import Reply
from ui.pages.chat import (
    EMPTY_SOURCE,
    MOST_EXCHANGES,
    MOST_SHOWN,
    Exchange,
    ask_alone,
    respond,
    source_frame,
)

QUOTE = "Owls are birds. They hunt at night."


def answered(question: str, after: Turn | None = None) -> Reply:
    citation = Citation(1, "owls.md", "Owls", ("Owls",), "line 3", Span(40, 40 + len(QUOTE)), QUOTE)
    said = (
        AnswerSentence("Owls are birds.", 1),
        AnswerSentence("They hunt at night.", 1, decides=True),
    )
    query = question if after is None else f"{question} after {after.query}"
    carried = after is not None
    answer = Answer(question, query, None, 0.9, said, (citation,), (), {}, carried=carried)
    return Reply(answer, None)


def refused(question: str, after: Turn | None = None) -> Reply:
    offered = ("What do the notes say about owls?", "Why owls?")
    why = "Nothing is near."
    answer = Answer(question, question, why, 0.1, (), (), (), {}, suggestions=offered)
    return Reply(answer, None)


def broken(question: str, after: Turn | None = None) -> Reply:
    raise LibraryError("There is no library in <here>: make it with notesqa index.")


def test_an_answer_opens_the_source_at_the_deciding_words() -> None:
    conversation, source = respond("When?", [Exchange("before", "said")], answered)
    assert [exchange.question for exchange in conversation] == ["before", "When?"]
    assert "<mark>They hunt at night.</mark>" in conversation[-1].said
    start = 40 + QUOTE.index("They")
    assert (
        source
        == f"/source/owls.md?start={start}&end={40 + len(QUOTE)}&words=They+hunt+at+night.#marked"
    )


def test_a_refusal_opens_nothing() -> None:
    (exchange,), source = respond("When?", [], refused)
    assert "do not seem to answer" in exchange.said
    assert source == EMPTY_SOURCE


def test_an_error_is_one_plain_sentence_in_the_conversation() -> None:
    (exchange,), source = respond("When?", [], broken)
    assert "There is no library in &lt;here&gt;" in exchange.said
    assert source == EMPTY_SOURCE


def test_a_question_is_asked_after_the_last_one_that_was_answered() -> None:
    conversation, _ = respond("What?", [], answered)
    assert conversation[0].turn == Turn("What?", "Owls")
    conversation, _ = respond("", conversation, broken)
    conversation, _ = respond("Why?", conversation, answered)
    assert "Searched for: Why? after What?" in conversation[-1].said
    conversation, _ = respond("How?", conversation, answered)
    assert "Searched for: How? after Why? after What?" in conversation[-1].said


def test_a_question_can_be_asked_again_alone() -> None:
    conversation, _ = respond("What?", [], answered)
    conversation, _ = respond("Why?", conversation, answered)
    conversation, _ = respond("How?", conversation, answered)
    longer, source = ask_alone(1, -1, conversation, answered)
    assert longer[:-1] == conversation
    assert longer[-1].question == "Why?"
    assert "Searched for" not in longer[-1].said
    assert longer[-1].turn == Turn("Why?", "Owls")
    assert source.startswith("/source/owls.md")


def test_a_question_that_a_refusal_suggests_is_asked_alone() -> None:
    conversation, _ = respond("What?", [], answered)
    conversation, _ = respond("When?", conversation, refused)
    conversation, _ = respond("How?", conversation, answered)
    longer, source = ask_alone(1, 1, conversation, answered)
    assert longer[:-1] == conversation
    assert longer[-1].question == "Why owls?"
    assert "Searched for" not in longer[-1].said
    assert source.startswith("/source/owls.md")


@pytest.mark.parametrize(("number", "suggestion"), [(9, -1), (-1, -1), (0, 5), (0, -2)])
def test_what_no_exchange_offers_is_not_asked(number: int, suggestion: int) -> None:
    conversation, _ = respond("When?", [], refused)
    assert ask_alone(number, suggestion, conversation, answered) == (conversation, EMPTY_SOURCE)


def test_what_fails_is_said_without_what_was_asked_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(question: str, after: Turn | None = None) -> Answer:
        raise ValueError(f"cannot do {question}")

    (exchange,), _ = respond("Where is my secret?\x1b", [], fails)
    assert "the server's log says where" in html.unescape(exchange.said)
    assert "ValueError in fails" in caplog.text
    assert "secret" not in caplog.text


def test_where_the_library_lies_is_said_to_insiders(caplog: pytest.LogCaptureFixture) -> None:
    (exchange,), _ = respond("When?", [], broken, insider=False)
    assert "here" not in exchange.said
    assert "There is no library in <here>" in caplog.text


def test_a_conversation_is_bounded() -> None:
    conversation: list[Exchange] = []
    for number in range(MOST_EXCHANGES + 5):
        conversation, _ = respond(f"What {number}?", conversation, answered)
    assert len(conversation) == MOST_EXCHANGES
    assert conversation[0].question == "What 5?"
    conversation, _ = respond("x" * 50_000, conversation, broken)
    assert len(conversation[-1].question) <= MOST_SHOWN + 2


@pytest.mark.parametrize("address", ["/source/a.md?start=1&end=2#marked", '"><script>'])
def test_the_frame_quotes_its_address(address: str) -> None:
    frame = source_frame(address)
    assert frame.count("<") == 2
    assert "<script" not in frame
