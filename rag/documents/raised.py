"""What stands above or below the line becomes characters on it that say so: 10⁶ is not 106.

In: the words of a superscript or subscript. Out: what to write in their place.
"""

from __future__ import annotations

import re

_SUPERSCRIPT = dict(zip("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ", strict=True))
_SUBSCRIPT = dict(zip("0123456789+-−=()ni", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₙᵢ", strict=True))
_AS_IT_IS = re.compile(
    r"(?:st|nd|rd|th|er|[èe]re|[èe]me)$"  # 1st, 1er
    r"|[*†‡§¶®©™℠°′″'’\"ºª²³¹⁰-₟]+$"  # small or raised already
    r"|\[[^\]]*\]$"  # the number of a note
    r"|[,.;:!?…–—]+$",
    re.IGNORECASE,
)
_LONGEST = 24
"""Characters; what is longer is small print, and no exponent or index."""


def raised(text: str) -> str:
    """Returns a superscript: `ⁿ⁺¹`, `^k`, `^{k+1}`; the white space around it stays.

    Endings of ordinal numbers, marks of notes and small print are returned as they are.
    """
    return text if _AS_IT_IS.match(text.strip()) else _moved(text, _SUPERSCRIPT, "^")


def lowered(text: str) -> str:
    """Returns a subscript: `₂`, `_k`, `_{k+1}`; the white space around it stays."""
    return _moved(text, _SUBSCRIPT, "_")


def _moved(text: str, characters: dict[str, str], sign: str) -> str:
    said = text.strip()
    if not said or len(said) > _LONGEST:
        return text
    if all(character in characters for character in said):
        moved = "".join(characters[character] for character in said)
    else:
        moved = sign + (said if len(said) == 1 else f"{{{said}}}")
    start = text.index(said)
    return text[:start] + moved + text[start + len(said) :]
