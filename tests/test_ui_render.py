from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Answer, Citation, Level, Passage, Span
from rag.types import AnswerSentence
from ui.render import (
    answer_html,
    beside,
    confidence_words,
    escape,
    flowing,
    searched_otherwise,
    snippet,
    source_url,
    sureness,
    visible,
)

HOSTILE = '<img src=x onerror=alert(1)> & "q" `c` $x$ [a](javascript:b) \x1b[31m \u202e'


def answer(quote: str) -> Answer:
    citation = Citation(1, "a b/ü.md", quote, (quote,), "line 1", Span(0, len(quote)), quote)
    return Answer("q", "q", None, 0.73, (AnswerSentence(quote, 1, True),), (citation,), (), {})


def refusal(text: str) -> Answer:
    passage = Passage(1, 0.5, "a.md", "A", ("H",), "line 1", Span(0, len(text)), text)
    return Answer("q", "q", "Not near enough.", 0.1, (), (), (passage,), {})


def test_visible_replaces_control_characters_and_direction_overrides() -> None:
    assert visible("a\x1b[31mb\u202ec\td\r\ne") == "a\ufffd[31mb\ufffdc\td\ne"


@given(st.text())
def test_escaped_text_holds_no_markup_and_reads_back_as_it_was(text: str) -> None:
    escaped = escape(text)
    assert "<" not in escaped.replace("<br>", "")
    assert html.unescape(escaped.replace("<br>", "\n")) == visible(text)


def test_an_answer_shows_a_hostile_quote_as_text_only() -> None:
    page = answer_html(answer(HOSTILE))
    tags = {tag.lower() for tag in re.findall(r"</?([a-zA-Z]+)", page)}
    assert tags == {"div", "p", "mark", "a", "ol", "li", "span", "button"}
    assert "onerror=" not in re.sub(r">[^<]*<", "><", page)
    assert "\x1b" not in page and "\u202e" not in page


def test_a_refusal_labels_its_passages_and_quotes_nothing_as_an_answer() -> None:
    page = answer_html(refusal(HOSTILE))
    assert "do not seem to answer" in page
    assert "which need not answer" in page
    assert "<mark>" not in page and "<img" not in page


def test_a_refusal_in_a_folder_names_it_and_offers_all_notes() -> None:
    page = answer_html(refusal("x"), "<birds>")
    assert "<strong>Nothing in &lt;birds&gt; seems to answer this.</strong>" in page
    assert '<button type="button" class="nq-everywhere">Ask in all notes</button>' in page
    assert "nq-everywhere" not in answer_html(refusal("x")) + answer_html(answer("x"), "birds")


def test_a_refusal_offers_what_could_be_asked_as_buttons() -> None:
    assert "<button" not in answer_html(refusal("x"))
    page = answer_html(replace(refusal("x"), suggestions=("Why frogs?", HOSTILE)))
    assert page.index("which need not answer") < page.index("You could ask instead:")
    assert '<button type="button" class="nq-suggestion">Why frogs?</button>' in page
    assert f'class="nq-suggestion">{escape(HOSTILE)}</button>' in page
    assert page.count("<button") == 2 and "<img" not in page


def test_a_citation_and_a_confidence_hold_what_is_shown_when_they_are_pointed_at() -> None:
    page = answer_html(answer("Owls hunt\nat <night>."))
    assert 'hidden><span class="nq-said">Owls hunt at &lt;night&gt;.</span>' in page
    assert '">[1]</a><span class="nq-words" hidden>' in page
    assert 'line 1</a><span class="nq-words" hidden><span class="nq-said">Owls' in page
    assert f">{sureness(answer('x'))}</button><span" in page
    assert f"hidden>{escape(confidence_words(answer('x')))}</span>" in page
    near = answer_html(refusal("All of\nthe passage."))
    assert '<span class="nq-said">All of the passage.</span>' in near


def test_what_was_searched_for_is_shown_where_it_is_not_the_question() -> None:
    same = replace(answer("x"), question=" two \n words ", query="two words")
    assert not searched_otherwise(same)
    assert "Searched" not in answer_html(same)
    other = replace(same, query=f"two words {HOSTILE}")
    assert searched_otherwise(other)
    page = answer_html(other)
    assert f"Searched with: {escape(', '.join(HOSTILE.split()))}</p>" in page
    assert page.index("Searched with") < page.index("nq-quote")
    assert "Searched for: other words" in answer_html(replace(refusal("x"), query="other words"))


def test_only_what_was_carried_can_be_dropped() -> None:
    other = replace(answer("x"), query="another query")
    assert "nq-alone" not in answer_html(other)
    page = answer_html(replace(other, carried=True))
    assert '<button type="button" class="nq-alone">Undo: ask it alone</button>' in page


def test_a_source_link_names_document_and_span() -> None:
    address = source_url("a b/ü.md", Span(3, 9), "a\n&b")
    assert address == "/source/a%20b/%C3%BC.md?start=3&end=9&words=a%0A%26b#marked"
    assert beside(address) == address.replace("#marked", "&beside=1#marked")
    assert beside("/source/") == "/source/?beside=1"
    assert source_url("a.md", Span(0, 999), "ä" * 999).count("%C3%A4") == 60


def test_flowing_joins_wrapped_lines_and_keeps_lists_rows_and_code() -> None:
    assert flowing("one\n  two") == "one two"
    assert flowing("➢one\n➢two\nmore") == "➢one\n➢two more"
    assert flowing("1. one\n2. two") == "1. one\n2. two"
    assert flowing("| a |\n|---|\n| b |") == "| a |\n|---|\n| b |"
    assert flowing("```\na\nb\n```") == "```\na\nb\n```"


def test_confidence_words_say_a_frequency() -> None:
    assert confidence_words(answer("x")).startswith("Confidence 0.73: about 7 of 10")
    half = replace(answer("x"), confidence=0.65)
    assert "about 7 of 10" in confidence_words(half)
    assert "measured on other notes" not in confidence_words(half)
    assert confidence_words(replace(half, elsewhere=True)).endswith("as measured on other notes.")
    assert "no share was measured" in confidence_words(replace(answer("x"), measured=False))


@pytest.mark.parametrize(
    ("level", "said"),
    [
        (
            Level(0.6, 1.0, 120, 112, held_out=True),
            "right 93 of 100 times on this course's test questions (n = 120, confidence 0.60 to "
            "1.00).",
        ),
        (
            Level(0.7, 0.8, 30, 28, held_out=True),
            "right 28 of 30 times on this course's test questions (confidence 0.70 to 0.79).",
        ),
        (Level(0.7, 0.8, 99, 99), "right 99 of 99 times"),
        (Level(0.7, 0.8, 100, 99), "right 99 of 100 times"),
        (Level(0.7, 0.8, 1000, 999), "right 99 of 100 times"),  # 100 would be all of them
        (Level(0.7, 0.8, 200, 200), "right 100 of 100 times"),
        (Level(0.7, 0.8, 1000, 1), "right 1 of 100 times"),
        (Level(0.7, 0.8, 200, 0), "right 0 of 100 times"),
        (Level(0.7, 0.8, 200, 125), "right 63 of 100 times"),
    ],
)
def test_confidence_words_say_what_was_counted_at_this_level(level: Level, said: str) -> None:
    words = confidence_words(replace(answer("x"), level=level))
    assert words.startswith("Confidence 0.73: answers at this level were right ")
    assert said in words


def test_confidence_words_say_on_whose_questions_it_was_counted() -> None:
    elsewhere = replace(answer("x"), level=Level(0.7, 0.8, 30, 28, True), elsewhere=True)
    assert confidence_words(elsewhere) == (
        "Confidence 0.73: answers at this level were right 28 of 30 times on the shipped course's "
        "test questions, not on these notes (confidence 0.70 to 0.79)."
    )
    fitted = replace(answer("x"), level=Level(0.7, 0.8, 30, 28))
    assert confidence_words(fitted) == (
        "Confidence 0.73: answers at this level were right 28 of 30 times on the questions it was "
        "fitted on, each by a model that had not seen it (confidence 0.70 to 0.79)."
    )


@pytest.mark.parametrize(
    ("right", "said"),
    [
        (100, "Very likely right (0.73)"),
        (90, "Very likely right (0.73)"),
        (89, "Likely right (0.73)"),
        (70, "Likely right (0.73)"),
        (69, "Perhaps right (0.73)"),
        (50, "Perhaps right (0.73)"),
        (49, "More likely wrong (0.73)"),
        (0, "More likely wrong (0.73)"),
    ],
)
def test_a_confidence_is_called_by_how_often_its_level_was_right(right: int, said: str) -> None:
    counted = replace(answer("x"), level=Level(0.7, 0.8, 100, right))
    assert sureness(counted) == said
    assert sureness(replace(counted, elsewhere=True)) == f"{said}, counted on other notes"


def test_a_confidence_has_no_words_where_no_level_was_counted() -> None:
    assert sureness(answer("x")) == "Confidence 0.73"
    for elsewhere in ({"measured": False}, {"elsewhere": True}):
        assert sureness(replace(answer("x"), **elsewhere)) == "Confidence 0.73, not measured here"


def test_a_snippet_ends_at_a_word() -> None:
    assert snippet("one two three", 9) == "one two …"
    assert snippet("one\ntwo", 9) == "one two"
