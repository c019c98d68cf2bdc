from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import QUESTIONS, ROOT, WordLengths
from hypothesis import given
from hypothesis import strategies as st

from rag import Answer, Citation, Library, Passage, Settings, Span, Turn, terms, turn_of
from rag.followup import CARRIED, query_for, stands_alone
from rag.types import AnswerSentence

PAIRS = [
    json.loads(line) for line in (ROOT / "tests/follow_ups.jsonl").read_text("utf-8").splitlines()
]
TURN = Turn("Which difference between two domains is CORAL blind to?", "Domain adaptation")


# Whether a question stands alone


@pytest.mark.parametrize(("alone", "misjudged"), [(True, 2), (False, 3)])
def test_of_the_pairs_written_by_hand_few_are_misjudged(alone: bool, misjudged: int) -> None:
    asked = [pair["question"] for pair in PAIRS if pair["alone"] == alone]
    assert len(asked) == 34
    assert sum(stands_alone(question) != alone for question in asked) <= misjudged


def test_of_the_fitting_split_follow_ups_and_two_others_lean_on_a_turn() -> None:
    lines = map(json.loads, QUESTIONS.read_text("utf-8").splitlines())
    fit = [line for line in lines if line["split"] == "fit"]
    leaning = {line["id"] for line in fit if not stands_alone(line["question"])}
    follow_ups = {line["id"] for line in fit if "after" in line}
    assert len(follow_ups) == 10
    # "these adapters" and "its exemplars" point back inside the question itself.
    assert leaning == follow_ups | {"tl-n66-q", "tl-n104-q"}


@pytest.mark.parametrize(
    ("question", "alone"),
    [
        ("Et pourquoi ?", False),
        ("Pourquoi le modèle oublie-t-il ?", True),
        ("为什么？", False),
        ("什么是注意力机制？", True),  # eight ideographs count as four terms
        ("negative transfer", True),  # keywords
        ("???", False),
    ],
)
def test_a_question_without_english_function_words_is_judged_by_its_length(
    question: str, alone: bool
) -> None:
    assert stands_alone(question) == alone


# What is searched for


def test_a_leaning_question_gets_the_terms_it_lacks_and_then_the_title() -> None:
    assert query_for("How do I get around that weakness?", TURN) == (
        "How do I get around that weakness? two domains CORAL blind adaptation"
    )


def test_no_term_is_carried_that_the_question_holds() -> None:
    query = query_for("And for which domain is it blind?", TURN)
    assert query == "And for which domain is it blind? two CORAL adaptation"


@pytest.mark.parametrize("after", [None, TURN])
def test_a_question_that_stands_alone_is_searched_as_it_is(after: Turn | None) -> None:
    assert query_for("What is negative transfer?", after) == "What is negative transfer?"


def test_a_question_with_nothing_before_it_is_searched_as_it_is() -> None:
    assert query_for("Why?", None) == "Why?"
    assert query_for("Why?", Turn("")) == "Why?"


def test_in_a_long_conversation_the_oldest_terms_are_dropped() -> None:
    first = query_for("And cats?", Turn(" ".join(f"word{n}" for n in range(20)), "Animals"))
    carried = [f"word{n}" for n in range(CARRIED)]
    assert first == " ".join(["And cats?", *carried, "Animals"])
    second = query_for("And dogs?", Turn(first, "Animals"))
    assert second == " ".join(["And dogs? cats", *carried[:-1], "Animals"])


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=40))
def test_a_query_is_the_question_and_words_of_the_turn(
    question: str, query: str, title: str
) -> None:
    found = query_for(question, Turn(query, title))
    assert found.startswith(question)
    added = terms(found[len(question) :])
    assert set(added) <= {*terms(query), *terms(title)}
    assert len(added) == len(set(added))
    assert not set(added) & set(terms(question))


# The turn that an answer leaves

CITATION = Citation(1, "a.md", "Cited", ("H",), "line 1", Span(0, 4), "Owls")
PASSAGE = Passage(1, 0.5, "b.md", "Near", ("H",), "line 1", Span(0, 4), "Owls")
ANSWER = Answer(
    "q", "searched", None, 0.9, (AnswerSentence("Owls", 1, True),), (CITATION,), (PASSAGE,), {}
)


def test_a_turn_holds_the_query_and_the_title_of_the_note_cited_first() -> None:
    assert turn_of(ANSWER) == Turn("searched", "Cited")


def test_an_abstention_leaves_the_title_of_the_nearest_note() -> None:
    refused = replace(ANSWER, reason="unsure", sentences=(), citations=())
    assert turn_of(refused) == Turn("searched", "Near")
    assert turn_of(replace(refused, passages=())) == Turn("searched", "")


# In the library


@pytest.fixture
def library(tmp_path: Path, embedder: WordLengths) -> Library:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "owls.md").write_text(
        "# Owls\n\nOwls hunt at night. Mice fear owls.\n", encoding="utf-8"
    )
    (notes / "bees.md").write_text(
        "# Bees\n\nBees dance by day. Flowers feed bees.\n", encoding="utf-8"
    )
    library = Library(Settings(library=str(tmp_path / "lib"), corpus=str(notes)), embedder)
    library.index()
    return library


def test_the_library_searches_for_a_follow_up_with_its_turn(library: Library) -> None:
    before = library.ask("When do owls hunt?")
    assert (before.query, before.carried) == ("When do owls hunt?", False)
    after = library.ask("And  why?", turn_of(before))
    assert after.query == query_for("And why?", turn_of(before))
    assert after.query.startswith("And why? owls hunt")
    assert (after.question, after.carried) == ("And  why?", True)
    assert after.passages == library.ask(after.query).passages
    assert library.draft("And why?", turn_of(before)).query == after.query


def test_a_question_that_stands_alone_gets_the_same_answer_after_a_turn(library: Library) -> None:
    turn = turn_of(library.ask("When do owls hunt?"))
    alone, after = library.ask("Where do bees dance?"), library.ask("Where do bees dance?", turn)
    assert replace(after, timings_ms={}) == replace(alone, timings_ms={})
    assert not after.carried


@pytest.mark.parametrize(
    ("earlier", "question", "query"),
    [
        ("Compare LoRA and adapters", "And the second one?", "And the second one? adapters"),
        ("LoRA vs adapters", "What about the former?", "What about the former? LoRA"),
        ("LoRA vs adapters", "And why?", "And why? LoRA vs adapters low rank updates"),
        ("What is LoRA?", "And the second one?", "And the second one? LoRA low rank updates"),
    ],
)
def test_one_of_two_things_is_carried_alone(earlier: str, question: str, query: str) -> None:
    assert query_for(question, Turn(earlier, "low rank updates")) == query


def test_a_long_title_is_carried_in_part() -> None:
    title = " ".join(f"word{number}" for number in range(600))
    assert query_for("And why?", Turn("LoRA", title)).split()[-1] == "word7"
