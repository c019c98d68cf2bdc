from __future__ import annotations

import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Span
from rag.answering import MARGIN, SHOWN, Choice, choose, quote
from rag.texts import StoredChunk
from rag.types import Unit, UnitKind

SENTENCE, LIST = UnitKind.SENTENCE, UnitKind.LIST


def chunk(text: str, number: int = 1) -> StoredChunk:
    return StoredChunk(number, f"{number}.md", "Pond", Span(0, len(text)), (), text, 1)


def choice(words: str, score: float, around: StoredChunk | None = None, **unit: object) -> Choice:
    """Returns a unit of its own chunk, or the one of these words in `around`."""
    home = around or chunk(words, number=zlib.crc32(words.encode()))
    start = home.text.index(words)
    headings: tuple[str, ...] = unit.get("headings", ())  # type: ignore[assignment]
    kind: UnitKind = unit.get("kind", SENTENCE)  # type: ignore[assignment]
    span = Span(start, start + len(words))
    return Choice(home, Unit(kind, span, headings, words), 0.0, 0.0, score)


def said(chosen: Sequence[Choice]) -> list[str]:
    return [c.unit.span.of(c.chunk.text) for c in chosen]


# How many


def test_only_what_is_close_behind_the_best_is_shown_beside_it() -> None:
    near, far = 2 - MARGIN + 0.01, 2 - MARGIN - 0.01
    assert said(choose([choice("Best.", 2), choice("Near.", near), choice("Far.", far)])) == [
        "Best.",
        "Near.",
    ]
    assert said(choose([choice("Best.", 2), choice("Far.", far)])) == ["Best."]


def test_no_more_than_three_are_shown() -> None:
    ranked = [choice(f"Frog {number}.", 2 - number / 1000) for number in range(5)]
    assert said(choose(ranked)) == ["Frog 0.", "Frog 1.", "Frog 2."]


def test_overlapping_units_are_shown_once() -> None:
    home = chunk("- Frogs swim.\n- Newts hide.")
    whole = choice(home.text, 2.0, home, kind=LIST)
    item = choice("Frogs swim.", 1.99, home, kind=UnitKind.ITEM)
    assert said(choose([whole, item])) == [home.text]
    assert said(choose([item, whole])) == ["Frogs swim."]


@pytest.mark.parametrize(
    "again", ["Frogs swim.", "frogs  SWIM.", "**Frogs**\nswim.", "*Frogs* swim."]
)
def test_the_same_words_are_shown_once(again: str) -> None:
    ranked = [
        choice("Frogs swim.", 2),
        choice(again, 1.99, chunk(again, 7)),
        choice("Newts.", 1.98),
    ]
    assert said(choose(ranked)) == ["Frogs swim.", "Newts."]


def test_formulas_that_differ_in_a_sign_are_not_the_same_words() -> None:
    ranked = [choice("$a + b$", 2), choice("$a - b$", 1.99)]
    assert said(choose(ranked)) == ["$a + b$", "$a - b$"]


# What only leads into something

REASONS = "Two reasons:\n\n- Frogs swim.\n- Newts hide."


def test_a_lead_in_gives_its_place_to_what_it_leads_into() -> None:
    home = chunk(f"{REASONS}\n\nHerons wait.")
    lead = choice("Two reasons:", 2.0, home)
    whole = choice(REASONS, 1.0, home, kind=LIST)
    other = choice("Herons wait.", 1.9, home)
    shown = choose([lead, other, whole])
    assert said(shown) == [REASONS, "Herons wait."]
    sentences, citations = quote(shown)
    assert [sentence.text for sentence in sentences if sentence.decides] == [REASONS]
    assert citations[0].quote == home.text


def test_a_sentence_that_a_formula_ends_is_a_lead_in_without_a_colon() -> None:
    home = chunk("The loss is\n\n$$x^2$$")
    lead = choice("The loss is", 2.0, home)
    assert said(choose([lead, choice(home.text, 1.0, home, kind=UnitKind.MATH)])) == [home.text]


def test_the_smallest_whole_takes_the_place() -> None:
    home = chunk("All of it:\n\n- Two reasons: frogs.\n- Newts.")
    part = choice("Two reasons:", 2.0, home)
    item = choice("Two reasons: frogs.", 1.0, home, kind=UnitKind.ITEM)
    assert said(choose([part, choice(home.text, 1.5, home, kind=LIST), item])) == [
        "Two reasons: frogs."
    ]


@pytest.mark.parametrize(
    "words", ["Two reasons:", "**Two reasons:**", "**Privacy.**", "*Too much*"]
)
def test_a_lead_in_or_heading_without_its_whole_is_left_out(words: str) -> None:
    assert said(choose([choice(words, 2), choice("Frogs.", 1)])) == ["Frogs."]
    assert said(choose([choice(words, 2)])) == [words]


@pytest.mark.parametrize(
    "words",
    ["**Frogs** swim.", "**Frogs** swim in **ponds**", "*Frogs swim wherever the pond is.*"],
)
def test_emphasis_inside_a_sentence_makes_no_heading(words: str) -> None:
    assert said(choose([choice(words, 2), choice("Newts.", 1)])) == [words]


# Two things asked for

QUESTION = "What is the difference between frogs and newts?"


def test_each_of_two_things_gets_its_best_words() -> None:
    ranked = [
        choice("Frogs jump.", 2.0),
        choice("Frogs swim.", 1.99),
        choice("Frogs sing.", 1.98),
        choice("Newts hide.", 1.2),
        choice("Newts wait.", 1.1),
    ]
    assert said(choose(ranked, QUESTION, "english")) == [
        "Frogs jump.",
        "Frogs swim.",
        "Newts hide.",
    ]
    assert said(choose(ranked, "What do frogs do?", "english"))[2] == "Frogs sing."


def test_a_thing_that_is_shown_already_gets_no_more() -> None:
    ranked = [choice("Frogs jump, newts hide.", 2), choice("Newts wait.", 1)]
    assert said(choose(ranked, QUESTION, "english")) == ["Frogs jump, newts hide."]


def test_two_things_are_shown_beside_a_best_unit_that_holds_neither() -> None:
    ranked = [choice("Herons.", 2), choice("Newts.", 1.2), choice("Frogs.", 1.1)]
    assert said(choose(ranked, QUESTION, "english")) == ["Herons.", "Newts.", "Frogs."]


def test_a_heading_may_name_the_thing() -> None:
    ranked = [choice("Frogs jump.", 2), choice("They hide.", 1, headings=("Pond", "Newts"))]
    assert said(choose(ranked, QUESTION, "english")) == ["Frogs jump.", "They hide."]


def test_words_that_both_share_tell_neither_from_the_other() -> None:
    question = "difference between covariate shift and label shift"
    ranked = [
        choice("The covariate is shifted.", 2),
        choice("A shift is a change.", 1.2),
        choice("Labels change their share.", 1.1),
    ]
    assert said(choose(ranked, question, "english")) == [
        "The covariate is shifted.",
        "Labels change their share.",
    ]


def test_nothing_is_added_where_one_of_the_two_is_not_there() -> None:
    ranked = [choice("Herons.", 2), choice("Frogs.", 1)]
    assert said(choose(ranked, QUESTION, "english")) == ["Herons."]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Frogs.", "frogs.", "Newts:", "Newts.", "**Toads.**", "Herons wait."]),
            st.floats(0, 3),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_something_is_always_shown_and_never_too_much(drawn: list[tuple[str, float]]) -> None:
    ranked = sorted(
        (choice(words, score, chunk(words, place)) for place, (words, score) in enumerate(drawn)),
        key=lambda c: -c.score,
    )
    shown = choose(ranked, QUESTION, "english")
    assert 1 <= len(shown) <= SHOWN
    assert [c.score for c in shown] == sorted((c.score for c in shown), reverse=True)
    bare = [words.casefold() for words in said(shown)]
    assert len(set(bare)) == len(bare)


def test_nothing_comes_of_nothing() -> None:
    assert choose([]) == []
