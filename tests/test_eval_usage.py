from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from conftest import WordLengths, constant_fit, owls_in

from eval.stretches import Shelf
from eval.usage import Usage, usage
from rag import Asked, Library, Span, Spot

QUESTION = "When do owls hunt?"
QUOTE = "Owls hunt at night, by their ears."


def asked(
    question: str = QUESTION,
    cited: tuple[Spot, ...] = (),
    retrieved: tuple[Spot, ...] = (),
    generation: int = 1,
) -> Asked:
    when = datetime(2026, 3, 1, tzinfo=UTC)
    found = (cited, retrieved, generation)
    return Asked("1", when, "cli", None, question, question, "answered", 0.9, *found)


def used(library: Library, *questions: Asked) -> Usage:
    return usage(Shelf(library, library.contents()), questions)


def spot_of(library: Library, quote: str = QUOTE) -> Spot:
    start = library.source("owls.md").index(quote)
    return Spot("owls.md", Span(start, start + len(quote)), quote[:60])


def test_a_wording_counts_once_however_often_it_is_asked(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    spot = spot_of(library)
    found = used(library, asked(cited=(spot,)), asked(" when do  owls hunt"), asked("Who eats?"))
    assert (found.questions, len(found.askings)) == (3, 2)
    first, second = found.askings
    assert (first.text, first.cited, first.quotes) == (QUESTION, {0}, {("owls.md", spot.span)})
    assert (second.text, second.found) == ("Who eats?", set())


def test_a_quote_is_where_its_words_stand_now(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    before = spot_of(library)
    note = tmp_path / "notes/owls.md"
    note.write_text(
        note.read_text(encoding="utf-8").replace("# Owls\n", "# Owls\n\nBirds of prey they are.\n"),
        encoding="utf-8",
    )
    library.index()
    after = spot_of(library)
    assert after.span != before.span
    found = used(library, asked(cited=(before,)))
    assert found.askings[0].quotes == {("owls.md", after.span)}
    assert found.lost == 0


def test_words_that_stand_nowhere_any_more_count_for_nothing(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    gone = replace(spot_of(library), words="Owls sleep at night.")
    elsewhere = replace(spot_of(library), document="bats.md")
    found = used(library, asked(cited=(gone, elsewhere, Spot("owls.md"))))
    assert found.askings[0].quotes == set()
    assert found.askings[0].found == set()
    assert found.lost == 2


def test_a_passage_of_older_notes_counts_as_found_where_it_overlaps(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    outside = Spot("owls.md", Span(5_000, 6_000))
    found = used(
        library,
        asked(retrieved=(Spot("owls.md", Span(0, 20)),), generation=0),
        asked("Who?", retrieved=(outside,), generation=0),
    )
    assert [asking.found for asking in found.askings] == [{0}, set()]
    assert found.lost == 1


def test_what_is_new_to_the_next_question_is_told_by_what_was_found_once(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    library = owls_in(tmp_path)
    for name in ("bats", "cats"):
        (folder / f"{name}.md").write_text(f"# {name}\n\nThey sleep by day.\n", encoding="utf-8")
    library = Library(library.settings, WordLengths(), constant_fit(0.1))
    library.index()
    bats, cats, owls = (Spot(f"{name}.md", Span(0, 20)) for name in ("bats", "cats", "owls"))
    assert used(library).unseen() is None
    found = used(
        library,
        asked("One?", retrieved=(bats, cats), generation=2),
        asked("Two?", retrieved=(bats, owls), generation=2),
    )
    # Four finds; those of cats and of owls are their passage's only ones.
    assert found.unseen() == 0.5
