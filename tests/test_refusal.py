from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import constant_fit

from rag import Library, Passage, Span
from rag.refusal import LONGEST, NEAR, PASSAGES, reason_for, suggestions_for

SMALL = (
    "It rains on frogs, newts, ice and ponds, where legs live; freezing layers, low rank updates, "
    "feature extraction with frozen backbones, entropy minimisation."
)


def passage(*headings: str, title: str = "Ponds", text: str = SMALL) -> Passage:
    return Passage(1, 0.5, "a.md", title, headings, "line 1", Span(0, len(text)), text)


def suggested(*passages: Passage, query: str = "Who pays?") -> list[str]:
    return list(suggestions_for(query, NEAR, passages))


# Why


def test_a_question_near_nothing_is_told_from_one_that_is_not_answered_surely() -> None:
    assert reason_for(NEAR - 0.001, 0.05, 0.67) == (
        "No passage was found that comes near this question "
        "(confidence 0.05; an answer needs 0.67). "
        "If the notes treat it after all, other words may find it."
    )
    assert reason_for(NEAR, 0.41, 0.67) == (
        "The notes have passages near this subject, but none answers it surely enough "
        "(confidence 0.41; an answer needs 0.67)."
    )


# What else


def test_the_innermost_headings_make_questions_best_first() -> None:
    found = suggested(passage("Ponds", "Freezing layers"), passage("Ponds", "MAML"), passage("Ice"))
    assert found == [
        "What do the notes say about freezing layers?",
        "What do the notes say about MAML?",
        "What do the notes say about ice?",
    ]


def test_a_heading_that_is_a_question_is_used_as_it_is() -> None:
    assert suggested(passage("Ponds", "Why do frogs sing?")) == ["Why do frogs sing?"]


@pytest.mark.parametrize(
    "heading",
    [
        *("Introduction", "Examples", "A worked example", "References", "Notes", "1. Overview"),
        *("Exercise 2", "Questions students ask", "How it differs", "What is it?", "2", ""),
        *("From general to specific", "Let it rain", "x" * (LONGEST + 1)),
    ],
)
def test_a_heading_that_names_no_subject_gives_way_to_the_next_outer_one(heading: str) -> None:
    question = "What do the notes say about frogs?"
    assert suggested(passage("Frogs", heading, title="Ponds")) == [question]
    assert suggested(passage(heading, title="Frogs")) == [question]
    assert suggested(passage(heading, title=heading)) == []


@pytest.mark.parametrize(
    ("heading", "subject"),
    [
        ("Freezing Layers", "freezing layers"),
        ("Low-Rank Updates (LoRA)", "low-rank updates (LoRA)"),
        ("Feature Extraction with a Frozen Backbone", "feature extraction with a frozen backbone"),
        ("Entropy minimisation: Tent", "entropy minimisation: Tent"),
        ("A bound for the error", "a bound for the error"),
        ("A-distance in practice", "A-distance in practice"),
        ("**Frogs** and `newts`", "frogs and newts"),
        ("3.2 Where frogs live:", "where frogs live"),
        ("ADDA", "ADDA"),
    ],
)
def test_a_heading_is_written_as_inside_a_sentence(heading: str, subject: str) -> None:
    assert suggested(passage(heading)) == [f"What do the notes say about {subject}?"]


@pytest.mark.parametrize(
    ("heading", "text", "subject"),
    [
        ("Fisher weights", "Fisher measures weights.", "Fisher weights"),
        ("Fisher weights", "A fisher weighs.", "fisher weights"),
        ("Fisher weights", "Here, Fisher measures. A fisher weighs.", "Fisher weights"),
        ("Fisher weights", "See `fisher.py` and [it](fisher/a.md).", "Fisher weights"),
        ("Freezing Layers", "By freezing a layer one saves.", "freezing layers"),
        ("Windows 10, Microsoft Edge", "At the edge of windows.", "Windows 10, Microsoft Edge"),
    ],
)
def test_only_words_that_the_notes_write_small_lose_their_capital(
    heading: str, text: str, subject: str
) -> None:
    found = suggested(passage(heading, text=f"# {heading}\n\n{text}"))
    assert found == [f"What do the notes say about {subject}?"]


def test_suggestions_are_distinct_few_and_from_the_first_passages() -> None:
    frogs, newts = passage("Frogs"), passage("Newts")
    both = ["What do the notes say about frogs?", "What do the notes say about newts?"]
    assert suggested(frogs, replace(frogs, document="b.md"), newts) == both
    assert (
        len(suggested(*[passage(f"Frog {name}") for name in ("legs", "eyes", "eggs", "song")])) == 3
    )
    assert suggested(*[frogs] * (PASSAGES - 1), newts) == both
    assert suggested(*[frogs] * PASSAGES, newts) == both[:1]


def test_what_was_just_asked_is_not_suggested() -> None:
    asked = "what do the notes say about FROGS?"
    found = suggested(passage("Frogs"), passage("Newts"), query=asked)
    assert found == ["What do the notes say about newts?"]


def test_nothing_is_suggested_where_nothing_is_near() -> None:
    assert suggestions_for("Who pays?", NEAR - 0.001, [passage("Frogs")]) == ()
    assert suggestions_for("Who pays?", 0.0, []) == ()


# On the shipped notes

SHIPPED = [
    ("What do the notes say about caching?", "Caching"),
    ("What do the notes say about the batch-norm trap?", "The batch-norm trap"),
    ("What do the notes say about temperature?", "Temperature"),
    ("What do the notes say about the gradient reversal layer?", "The gradient reversal layer"),
    ("What do the notes say about detecting shift?", "Detecting shift"),
    ("What do the notes say about CORAL?", "CORAL"),
    ("Where do the weights come from?", "Where do the weights come from?"),
    ("What do the notes say about clipping and flattening?", "Clipping and flattening"),
    ("What do the notes say about elastic weight consolidation?", "Elastic weight consolidation"),
    ("What do the notes say about hubness?", "Hubness"),
]


@pytest.mark.model
@pytest.mark.parametrize(("question", "heading"), SHIPPED)
def test_asking_what_is_suggested_finds_its_section(
    shipped: Library, question: str, heading: str
) -> None:
    first = shipped.search(question, k=3)
    (own,) = {found.headings for found in first if found.headings[-1] == heading}
    text = "\n".join(found.text for found in shipped.search(question))
    (said,) = suggested(passage(*own, text=text))
    assert said.casefold() == question.casefold()


@pytest.mark.model
def test_a_refusal_suggests_only_where_something_is_near(
    shipped: Library,
) -> None:
    library = Library(shipped.settings, fit=constant_fit(0.9))
    near = library.ask("Which layers of a network should I freeze for audio?")
    assert near.reason == reason_for(NEAR, 0.5, 0.9)
    assert near.suggestions[0] == "What do the notes say about freezing layers?"
    assert "suggestions" not in near.to_dict()
    far = library.ask("How do I renew my library card?")
    assert far.reason == reason_for(0.0, 0.5, 0.9)
    assert far.passages
    assert far.suggestions == ()
