from __future__ import annotations

import pytest

from rag.documents.pdf.scripts import script_of


@pytest.mark.parametrize(
    ("text", "size", "above", "written"),
    [
        ("5", 7, 3.6, "⁵"),
        ("−3", 8.3, 3.3, "⁻³"),  # as browsers set it
        ("2", 7, 4, "²"),
        ("n+1", 7, 4, "ⁿ⁺¹"),
        ("2", 7, -1.5, "₂"),
        ("i,j", 5, -1.5, "_{i,j}"),
        ("2,13", 6, 3.5, "²,¹³"),  # marks of notes
        ("3,", 6, 3.5, "³,"),
        ("5", 9, 3.6, None),  # hardly smaller
        ("5", 7, 0.2, None),  # on the line
        ("5", 7, 12, None),  # on another one
        ("n", 4, 3, None),  # behind an initial
        ("th", 7, 3.6, None),
        ("(c)", 7, 3.6, None),
    ],
)
def test_only_small_letters_off_the_line_are_scripts(
    text: str, size: float, above: float, written: str | None
) -> None:
    assert script_of(text, size, 100 - above, 10, 100) == written
