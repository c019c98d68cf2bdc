from __future__ import annotations

import html

import pytest

from rag import Answer, Citation, LibraryError, QuestionError, Span, Turn
from rag.types import AnswerSentence
from ui.asks import Reply
from ui.pages.chat import script, source_frame
from ui.pages.conversation import EVERYWHERE, MOST_EXCHANGES, ask_again, left_to_mend, respond
from ui.pages.exchange import (
    EMPTY_SOURCE,
    MOST_SHOWN,
    Exchange,
    markdown_of,
    question_html,
    reply_html,
    source_of,
)

QUOTE = "Owls are birds. They hunt at night."


def answered(question: str, after: Turn | None = None, *, within: str = "") -> Reply:
    citation = Citation(1, "owls.md", "Owls", ("Owls",), "line 3", Span(40, 40 + len(QUOTE)), QUOTE)
    said = (
        AnswerSentence("Owls are birds.", 1),
        AnswerSentence("They hunt at night.", 1, decides=True),
    )
    query = question if after is None else f"{question} after {after.query}"
    carried = after is not None
    answer = Answer(question, query, None, 0.9, said, (citation,), (), {}, carried=carried)
    return Reply(answer, "0123456789abcdef")


def refused(question: str, after: Turn | None = None, *, within: str = "") -> Reply:
    offered = ("What do the notes say about owls?", "Why owls?")
    why = "Nothing is near."
    answer = Answer(question, question, why, 0.1, (), (), (), {}, suggestions=offered)
    return Reply(answer, None)


def broken(question: str, after: Turn | None = None, *, within: str = "") -> Reply:
    raise LibraryError("There is no library in <here>: make it with notesqa index.")


def asked(conversation: list[Exchange], *questions: str) -> list[Exchange]:
    for question in questions:
        conversation = respond(question, conversation, answered)
    return conversation


def test_an_answer_opens_the_source_at_the_deciding_words() -> None:
    conversation = respond("When?", asked([], "before"), answered)
    assert [exchange.question for exchange in conversation] == ["before", "When?"]
    assert "<mark>They hunt at night.</mark>" in reply_html(conversation[-1])
    start = 40 + QUOTE.index("They")
    assert (
        source_of(conversation[-1])
        == f"/source/owls.md?start={start}&end={40 + len(QUOTE)}&words=They+hunt+at+night.#marked"
    )


def test_a_refusal_opens_nothing() -> None:
    (exchange,) = respond("When?", [], refused)
    assert "do not seem to answer" in reply_html(exchange)
    assert source_of(exchange) == source_of(None) == EMPTY_SOURCE


def test_an_error_is_one_plain_sentence_that_can_be_tried_again() -> None:
    (exchange,) = respond("When?", [], broken)
    said = reply_html(exchange)
    assert "There is no library in &lt;here&gt;" in said
    assert "Try again" in said
    assert source_of(exchange) == EMPTY_SOURCE


def test_what_would_fail_again_is_not_tried_again() -> None:
    def empty(question: str, after: Turn | None = None, *, within: str = "") -> Reply:
        raise QuestionError("The question is empty.")

    (exchange,) = respond(" ", [], empty)
    assert "Try again" not in reply_html(exchange)


def test_a_question_is_asked_after_the_last_one_that_was_answered() -> None:
    conversation = asked([], "What?")
    assert conversation[0].turn == Turn("What?", "Owls")
    conversation = asked(respond("", conversation, broken), "Why?")
    assert "Searched with: after, What?" in reply_html(conversation[-1])
    conversation = asked(conversation, "How?")
    assert "Searched with: after, Why?, after, What?" in reply_html(conversation[-1])


def test_what_was_carried_is_undone_in_its_place() -> None:
    conversation = asked([], "What?", "Why?", "How?")
    undone, number = ask_again(1, -1, conversation, answered)
    assert number == 1
    assert [undone[0], undone[2]] == [conversation[0], conversation[2]]
    assert undone[1].question == "Why?"
    assert "Searched" not in reply_html(undone[1])
    assert undone[1].turn == Turn("Why?", "Owls")


def test_what_failed_is_tried_again_in_its_place_after_the_turn_before_it() -> None:
    conversation = asked(respond("Why?", asked([], "What?"), broken), "How?")
    mended, number = ask_again(1, -1, conversation, answered)
    assert (number, len(mended)) == (1, 3)
    assert mended[1].answer is not None
    assert mended[1].answer.query == "Why? after What?"


def test_a_question_that_a_refusal_suggests_is_asked_alone() -> None:
    conversation = asked(respond("When?", asked([], "What?"), refused), "How?")
    longer, number = ask_again(1, 1, conversation, answered)
    assert longer[:-1] == conversation
    assert (number, longer[-1].question) == (3, "Why owls?")
    assert "Searched" not in reply_html(longer[-1])


@pytest.mark.parametrize(("number", "suggestion"), [(9, -1), (-1, -1), (0, 5), (0, -2), (0, -3)])
def test_what_no_exchange_offers_is_not_asked(number: int, suggestion: int) -> None:
    conversation = respond("When?", [], refused)
    assert ask_again(number, suggestion, conversation, answered) == (conversation, 1)


def test_what_a_folder_does_not_answer_is_asked_in_all_notes_in_its_place() -> None:
    conversation = respond("Why?", asked([], "What?"), refused, within="birds")
    assert "nq-everywhere" in reply_html(conversation[1])
    wider, number = ask_again(1, EVERYWHERE, conversation, answered)
    assert (number, len(wider), wider[1].within) == (1, 2, "")
    assert wider[1].answer is not None and wider[1].answer.answered
    assert "nq-everywhere" not in reply_html(wider[1])


def test_the_folder_that_is_asked_stays_with_the_question() -> None:
    given: list[str] = []

    def notes(question: str, after: Turn | None = None, *, within: str = "") -> Reply:
        given.append(within)
        return refused(question)

    conversation = respond("When?", [], notes, within="birds/<night>")
    ask_again(0, -1, conversation, notes)
    ask_again(0, 0, conversation, notes)
    assert given == ["birds/<night>"] * 3
    assert "In birds/&lt;night&gt;" in question_html(conversation[0])
    assert markdown_of(conversation[0]).startswith(
        "## When? (in birds/\\<night>)\n\n**Nothing in birds/"
    )


def test_only_what_is_kept_can_be_judged() -> None:
    (kept,), (unkept,) = asked([], "When?"), respond("When?", [], refused)
    assert reply_html(kept).count("nq-judge") == 2
    assert "nq-judge" not in reply_html(unkept)
    assert "nq-copy" in reply_html(unkept)


def test_what_fails_is_said_without_what_was_asked_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(question: str, after: Turn | None = None, *, within: str = "") -> Reply:
        raise ValueError(f"cannot do {question}")

    (exchange,) = respond("Where is my secret?\x1b", [], fails)
    assert "the server's log says where" in html.unescape(reply_html(exchange))
    assert "ValueError in fails" in caplog.text
    assert "secret" not in caplog.text


def test_where_the_library_lies_is_said_to_insiders(caplog: pytest.LogCaptureFixture) -> None:
    (exchange,) = respond("When?", [], broken, insider=False)
    assert "here" not in exchange.failed
    assert "There is no library in <here>" in caplog.text


def test_a_question_that_cannot_be_asked_is_left_in_the_box() -> None:
    def limited(question: str, after: Turn | None = None, *, within: str = "") -> Reply:
        raise QuestionError("The question is too long.")

    assert left_to_mend("x" * 3000, respond("x" * 3000, [], limited)) == "x" * 3000
    assert left_to_mend("y" * 3000, respond("y" * 3000, [], broken)) == "y" * 3000
    for conversation in (respond("When?", [], broken), asked([], "When?")):
        assert left_to_mend("When?", conversation) == ""


def test_a_conversation_is_bounded() -> None:
    conversation = asked([], *(f"What {number}?" for number in range(MOST_EXCHANGES + 5)))
    assert len(conversation) == MOST_EXCHANGES
    assert conversation[0].question == "What 5?"
    conversation = respond("x" * 50_000, conversation, broken)
    assert len(conversation[-1].question) <= MOST_SHOWN + 2


@pytest.mark.parametrize("address", ["/source/a.md?start=1&end=2#marked", '"><script>'])
def test_the_frame_quotes_its_address(address: str) -> None:
    frame = source_frame(address)
    assert frame.count("<iframe") == 1
    assert "<script" not in frame
    assert "beside=1" in frame.partition("<iframe")[2] and frame.count("beside=1") == 1


def test_the_script_asks_nobody_else_and_makes_no_markup_of_text() -> None:
    for dangerous in (
        "http://",
        "https://",
        "innerHTML",
        "insertAdjacentHTML",
        "eval(",
        "document.write",
    ):
        assert dangerous not in script()
