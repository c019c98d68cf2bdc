from __future__ import annotations

import pytest

from rag.documents.raised import lowered, raised


@pytest.mark.parametrize(
    ("text", "above", "below"),
    [
        ("2", "²", "₂"),
        ("−10", "⁻¹⁰", "₋₁₀"),
        ("n+1", "ⁿ⁺¹", "ₙ₊₁"),
        ("k", "^k", "_k"),
        ("k+1", "^{k+1}", "_{k+1}"),
        ("max", "^{max}", "_{max}"),
        (" 2 ", " ² ", " ₂ "),
        ("n ", "ⁿ ", "ₙ "),
        ("2n", "²ⁿ", "₂ₙ"),
        ("∞", "^∞", "_∞"),
    ],
)
def test_what_stands_off_the_line_says_so(text: str, above: str, below: str) -> None:
    assert (raised(text), lowered(text)) == (above, below)


@pytest.mark.parametrize(
    "text",
    ["", " ", "st", "th", "er", "*", "†", "[12]", "²", ",", "small print of more than a few words"],
)
def test_ordinals_marks_of_notes_and_small_print_stay(text: str) -> None:
    assert raised(text) == text


def test_an_index_may_be_any_word() -> None:
    assert lowered("th") == "_{th}"
