from __future__ import annotations

from pathlib import Path

import pytest
from conftest import WordLengths, constant_fit

from eval import Evidence
from eval.standing import Standing
from rag import Library, Settings

OWLS = """# Owls

Barn owls hunt by *hearing* alone. Their left ear sits higher than the right one. A soft edge of
feathers makes their flight silent.

Eagle owls hunt hares.
"""
HARES = "Eagle owls hunt hares."


@pytest.fixture
def standing(tmp_path: Path) -> Standing:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "owls.md").write_text(OWLS, encoding="utf-8")
    library = Library(
        Settings(library=str(tmp_path / "library"), corpus=str(notes)),
        WordLengths(),
        constant_fit(0.9),
    )
    library.index(notes)
    return Standing(library)


def said(standing: Standing, evidence: Evidence) -> list[str]:
    return [span.of(OWLS) for _, span in standing.of(evidence).places]


def test_a_quote_stands_where_its_words_do(standing: Standing) -> None:
    assert said(standing, Evidence("owls.md", HARES)) == [HARES]
    assert said(standing, Evidence("owls.md", "barn owls hunt by hearing alone")) == [
        "Barn owls hunt by *hearing* alone"
    ]


def test_a_quote_is_found_in_another_note_than_its_own(standing: Standing) -> None:
    assert said(standing, Evidence("gone.md", HARES)) == [HARES]
    assert said(standing, Evidence("", HARES)) == [HARES]


def test_half_of_a_quote_is_enough_and_less_is_not(standing: Standing) -> None:
    kept = "Their left ear sits higher than the right one. "
    assert said(standing, Evidence("owls.md", kept + "So they turn it.")) == [kept.strip()]
    assert standing.of(Evidence("owls.md", kept + "So they turn it.")).share == 46 / 62
    other = "Snowy owls breed in the tundra, on mounds from which they see far over the land. "
    assert said(standing, Evidence("owls.md", other + kept)) == []


def test_a_placeholder_is_no_answer(standing: Standing) -> None:
    assert not standing.says_something(Evidence("owls.md", "Answer here"))
    assert standing.says_something(Evidence("owls.md", HARES))
