from __future__ import annotations

import pytest

from eval.phrasing import LONGEST, asked_of_heading, asked_of_lead_in, asked_of_reason
from rag import terms

SMALL = frozenset(terms("broadcasting frogs young the of"))


@pytest.mark.parametrize(
    ("said", "question"),
    [
        (
            "Three families of owls are told apart:",
            "Which three families of owls are told apart?",
        ),
        (
            "Three families are usually told apart:",
            "Regarding owls, which three families are usually told apart?",
        ),
        ("Two traits of character help owls:", ""),
        ("There are two kinds of owls:", "Which two kinds of owls are there?"),
        ("There are several routes:", "Regarding owls, which routes are there?"),
        ("Here are some common calls of owls:", "Which common calls of owls are there?"),
        (
            "As we saw, the barn owl (Tyto alba) has a number of disadvantages:",
            "Which disadvantages does the barn owl have?",
        ),
        ("Young owls need three foods:", "Which three foods do young owls need?"),
        (
            "The textbook setting makes three assumptions about the data:",
            "Which three assumptions does the textbook setting make about the data?",
        ),
        (
            "Broadcasting two arrays together follows these rules:",
            "Which rules does broadcasting two arrays together follow?",
        ),
        (
            "The following conditions make the damage worse:",
            "Regarding owls, which conditions make the damage worse?",
        ),
        (
            "The night of an owl consists of three parts:",
            "What does the night of an owl consist of?",
        ),
        (
            "The goals of the attacks can be broadly categorized as follows:",
            "What are the goals of the attacks?",
        ),
        ("To train an owl:", "How do you train an owl?"),
        ("Advantages of keeping owls:", "What are the advantages of keeping owls?"),
        ("The steps to a nest:", "What are the steps to a nest?"),
    ],
)
def test_what_leads_into_a_list_is_asked(said: str, question: str) -> None:
    assert asked_of_lead_in(said, "owls", SMALL) == question


@pytest.mark.parametrize(
    "said",
    [
        "It has three parts:",
        "Its recipe has four steps:",
        "In practice:",
        "Output:",
        "There are two ways of doing this:",
        "We need two things:",
        "Other methods include:",
        "The goals of this assignment are as follows:",
        "Here are some links of note:",
        "These have two effects:",
        "About how to use these instances:",
        "To summarize this:",
        "Let $x$ have two parts:",
        "With owls there are three rules:",
        "Common remedies are:",
        f"There are two {'very ' * 40}long names:",
    ],
)
def test_a_lead_in_that_leans_on_others_or_is_no_statement_asks_nothing(said: str) -> None:
    assert asked_of_lead_in(said, "owls", SMALL) == ""


def test_a_list_whose_subject_nobody_knows_is_not_asked_for() -> None:
    assert asked_of_lead_in("There are two routes:", "", SMALL) == ""


@pytest.mark.parametrize(
    ("said", "question"),
    [
        ("Frogs are loud because the pond is wide.", "Why are frogs loud?"),
        ("Python code is often short, since it says much.", "Why is Python code often short?"),
        ("L2 regularization can be used here because it helps.", ""),
        ("L2 regularization can be used because it helps.", "Why can L2 regularization be used?"),
        ("The small owl is not seen, because it is grey.", "Why is the small owl not seen?"),
        *(
            (said, "")
            for said in (
                "They are loud because the pond is wide.", "The method is slow because it sorts.",
                "In ponds frogs are loud because it is wide.", "Frogs sing because they can.",
                "We saw frogs are loud because of rain.", "Frogs are loud since 1990, as ever.",
                "Frogs are loud since then, it is said.", "Frogs who are old are loud because so.",
                "A word of caution: frogs are loud because so.", "Frogs may be loud because so.",
            )
        ),
    ],
)  # fmt: skip
def test_a_reason_is_asked_for_where_the_subject_is_plain(said: str, question: str) -> None:
    assert asked_of_reason(said, SMALL) == question


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("How is it detected?", "How is a shift detected?"),
        ("Where does it come from?", "Where does a shift come from?"),
        ("Why it occurs", "Why does a shift occur?"),
        ("When it goes wrong", "When does a shift go wrong?"),
        ("How it differs from drift", "How does a shift differ from drift?"),
        ("When it is attractive", "When is a shift attractive?"),
        ("Why it applies", "Why does a shift apply?"),
        ("How it differs from the others", ""),
        ("How it and its kin differ", ""),
        ("Why the name matters", ""),
        ("Make it work", ""),
        ("What does it mean to shift?", ""),
        ("When is it better to wait?", ""),
    ],
)
def test_a_heading_about_it_asks_about_the_notes_subject(heading: str, question: str) -> None:
    assert asked_of_heading(heading, "a shift") == question
    assert asked_of_heading(heading, "") == ""


def test_no_question_is_longer_than_one_can_read() -> None:
    long = f"The goals of {'x' * 65} are as follows:"
    assert 0 < len(asked_of_lead_in(long, "owls", SMALL)) <= LONGEST
