from __future__ import annotations

from pathlib import Path

import pytest
from conftest import WordLengths, constant_fit

from eval import Evidence, Now, Proposal, Question, propose
from rag import Library, QuestionError, Record, Settings

OWLS = """# Barn owls

A barn owl is a bird that hunts at night by its ears alone.

## How do they hunt?

They listen.

## Where is it found?

Near old barns and in church towers, since mice live there too. It shuns the woods, where larger
owls hunt. In winter it comes much nearer to the farms.

It also breeds there.

## What do chicks eat?

Chicks are fed by both of their parents, mostly with:

- voles
- shrews

## Nests

Three kinds of nests are common:

1. a hole
2. a box
3. a tower

**Why do owls turn their heads? ⭐️**

Their eyes are fixed in the skull, so only the head can turn.

The male owl is usually paler because its feathers wear off sooner.

A group of them is called a *parliament*, as in an old poem.

![owls](owls.png)
"""


def library_of(folder: Path, *notes: tuple[str, str], language: str = "english") -> Library:
    settings = Settings(library=str(folder / "lib"), language=language)
    library = Library(settings, WordLengths(), constant_fit(0.1))
    library.index_sources([Record(path, "", text) for path, text in notes], "records")
    return library


def made(library: Library, **more: object) -> dict[str, Proposal]:
    return {proposal.question: proposal for proposal in propose(library, **more)}  # type: ignore[arg-type]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_of(tmp_path, ("birds/owls.md", OWLS), ("frogs.md", "# Frogs\n\nThey sing.\n"))


def test_headings_definitions_lists_and_reasons_are_asked_for(library: Library) -> None:
    found = made(library)
    assert {question: (p.kind.value, p.quote.split("\n")[0]) for question, p in found.items()} == {
        "What are barn owls?": (
            "definition",
            "A barn owl is a bird that hunts at night by its ears alone.",
        ),
        "Regarding barn owls, what do chicks eat?": (
            "heading",
            "Chicks are fed by both of their parents, mostly with:",
        ),
        "Regarding barn owls, which three kinds of nests are common?": (
            "list",
            "Three kinds of nests are common:",
        ),
        "Why do owls turn their heads?": (
            "heading",
            "Their eyes are fixed in the skull, so only the head can turn.",
        ),
        "Why is the male owl usually paler?": (
            "reason",
            "The male owl is usually paler because its feathers wear off sooner.",
        ),
        "Regarding barn owls, what is a parliament?": (
            "definition",
            "A group of them is called a *parliament*, as in an old poem.",
        ),
    }
    listed = found["Regarding barn owls, which three kinds of nests are common?"]
    assert listed.quote.endswith("3. a tower")
    assert (listed.headings[-1], listed.location) == ("Nests", "lines 25–29")


def test_every_quote_stands_where_it_is_said_to(library: Library) -> None:
    found = propose(library)
    assert found
    for proposal in found:
        assert proposal.span.of(library.source(proposal.document)) == proposal.quote
        assert proposal.now in Now


def test_a_heading_about_it_asks_about_the_one_thing_that_the_note_is_about(tmp_path: Path) -> None:
    text = OWLS.replace("# Barn owls", "# Barn owl", 1)
    found = made(library_of(tmp_path, ("a.md", text)))
    place = found["Where is a barn owl found?"]
    assert place.quote.startswith("Near old barns") and place.quote.endswith("to the farms.")
    assert "What is a barn owl?" in found


def test_ids_stay_when_a_note_grows_elsewhere(library: Library, tmp_path: Path) -> None:
    before = {proposal.id for proposal in propose(library)}
    library.index_sources([Record("birds/owls.md", "", f"Mind this.\n\n{OWLS}")], "records")
    assert {proposal.id for proposal in propose(library)} == before


def test_what_a_set_asks_or_quotes_already_is_not_proposed(library: Library) -> None:
    quote = "3. a tower"
    listed = "1. a hole\n2. a box\n3. a tower"
    known = [
        Question("a", "a", "regarding barn-owls: what do chicks EAT", "keyword", ()),
        Question("b", "b", "Nests?", "keyword", (Evidence("birds/owls.md", listed),)),
        Question("c", "c", "Else?", "keyword", (Evidence("frogs.md", quote),)),
    ]
    left = {proposal.question for proposal in propose(library, known)}
    gone = {
        "Regarding barn owls, what do chicks eat?",
        "Regarding barn owls, which three kinds of nests are common?",
    }
    assert {proposal.question for proposal in propose(library)} - left == gone


def test_what_was_rejected_is_left_out(library: Library) -> None:
    first, *others = propose(library)
    assert propose(library, without={first.id}) == others


def test_a_folder_and_a_number_limit_what_is_read(library: Library, tmp_path: Path) -> None:
    assert {proposal.document for proposal in propose(library, within="birds/")} == {
        "birds/owls.md"
    }
    assert propose(library, within="frogs.md") == []
    assert len(propose(library, most=2)) == 2
    with pytest.raises(QuestionError, match="No note lies in bird:"):
        propose(library, within="bird")


def test_what_is_not_answered_now_comes_first(tmp_path: Path) -> None:
    toads = "# Toads\n\nToads are animals that sit in damp gardens by night.\n"
    asked = library_of(tmp_path, ("owls.md", OWLS), ("toads.md", toads))
    order = [list(Now).index(proposal.now or Now.FOUND) for proposal in propose(asked)]
    assert order == sorted(order) and len(set(order)) > 1
    asked._given_fit = constant_fit(0.9)
    refused = propose(Library(asked.settings, WordLengths(), constant_fit(0.9)))
    assert {proposal.now for proposal in refused} == {Now.REFUSED}


def test_of_another_language_only_headings_that_ask_are_taken(tmp_path: Path) -> None:
    text = (
        "# Eulen\n\n## Warum jagen Eulen nachts?\n\nIhre Ohren hören die Maus im Dunkeln sehr gut."
        "\n\nDrei Arten sind häufig:\n\n- eine\n- zwei\n"
    )
    (found,) = propose(library_of(tmp_path, ("eulen.md", text), language="german"))
    assert found.question == "Warum jagen Eulen nachts?"
    assert found.quote == "Ihre Ohren hören die Maus im Dunkeln sehr gut."


TITS = """# Blue tits

Of all birds of the gardens blue tits are here all year, and brooding goes on until June.

## Why do they die?

They freeze. Hunger is the beginning of most of these deaths. Mind the following causes.

**Cold.** Long nights without food kill the smallest ones first.

**Cats.** Young ones that sit on the ground are caught in June.

## When do parents leave?

**Food.** Where there are no caterpillars, they look for others.

**Noise.** Saws and children drive them from the nest for good.

## Which foods are eaten?

Three foods are usually distinguished. The names come first.

| Food | Season |
|---|---|
| seeds | winter |

## Why not feed both?

Whoever feeds two of them has no seeds left for the third.

## The price

Blue tits are birds that wake whoever sleeps near them too early.

*Brooding* is a duty instead of a long rest. The hen sits on the eggs for two weeks without a pause.

*Moulting* is a change instead of one more rest.

Windows are the worst, because nobody sees glass that is clean.
"""


def test_what_announces_or_tells_a_fault_is_no_answer(tmp_path: Path) -> None:
    found = made(library_of(tmp_path, ("tits.md", TITS)))
    assert {question: p.quote.split("\n")[0] for question, p in found.items()} == {
        "Regarding blue tits, when do parents leave?": (
            "**Food.** Where there are no caterpillars, they look for others."
        ),
        "Regarding blue tits, which foods are eaten?": "| Food | Season |",
        "Regarding blue tits, what is brooding?": (
            "*Brooding* is a duty instead of a long rest. The hen sits on the eggs for two weeks "
            "without a pause."
        ),
    }
    left = found["Regarding blue tits, when do parents leave?"].quote
    assert left.endswith("for good.")


def test_a_question_says_what_it_is_about_unless_it_names_that(tmp_path: Path) -> None:
    text = """# Importance weighting

## Where do the weights come from?

They come from a classifier that tells the two sides apart.

## How can importance weighting fail in such cases?

Then importance weighting gives a single item all of the weight that there is.
"""
    assert set(made(library_of(tmp_path, ("weights.md", text)))) == {
        "Regarding importance weighting, where do the weights come from?",
        "How can importance weighting fail in such cases?",
    }


def test_notes_that_define_nothing_make_no_proposals(tmp_path: Path) -> None:
    assert propose(library_of(tmp_path, ("a.md", "Buy milk.\n"), ("b.md", "# X?\n\ny\n"))) == []


@pytest.mark.model
def test_the_shipped_notes_propose_questions_whose_sentences_are_whole(shipped: Library) -> None:
    found = propose(shipped, most=1_000)
    assert len(found) >= 40
    assert len({proposal.id for proposal in found}) == len(found)
    assert len({proposal.question.casefold() for proposal in found}) == len(found)
    for proposal in found:
        assert proposal.question[0].isupper() and proposal.question.endswith("?")
        assert "  " not in proposal.question and proposal.question.count("?") == 1
        assert proposal.span.of(shipped.source(proposal.document)) == proposal.quote
