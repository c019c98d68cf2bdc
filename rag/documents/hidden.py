"""A document's text becomes a remark on the characters in it that nobody sees."""

from __future__ import annotations

import re

from rag.types import Remark

_SUSPECT = re.compile(
    "(?P<flag>\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f)"  # England's, Scotland's, Wales's
    "|(?P<zero>[\u180e\u200b-\u200d\u2060\u2062-\u2064\ufeff])"
    "|(?P<blank>[\u115f\u1160\u2800\u3164])"
    "|(?P<bidi>[\u202a-\u202e\u2066-\u2069])"
    "|(?P<tags>[\U000e0000-\U000e007f])"
    "|(?P<selectors>[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,})"
)
_WORD_BREAK = "\u200b"
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a00-\u1bff\u3000-\u9fff\ua980-\uaadf]"
)
"""Thai, Tibetan, Burmese, Khmer, Javanese, Chinese … part words by zero-width spaces."""

_UNJOINED = re.compile(r"[\x00-\u058f\u2000-\u206f]")
"""No letter up to here is shaped by a joiner: Latin, Greek, Cyrillic, Armenian, punctuation."""

_NEIGHBOURS = {
    "\u180e": re.compile("[\u1800-\u180d\u180f-\u18af]"),
    "\u2800": re.compile("[\u2801-\u28ff]"),
    **dict.fromkeys(
        "\u115f\u1160", re.compile("[\u1100-\u115e\u1161-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]")
    ),
}
"""Beside these, Mongolian, Braille and old Hangul need what is blank elsewhere."""

_NEAR = 8
_KINDS = {
    "zero": ("zero-width character", "zero-width characters"),
    "blank": ("blank letter", "blank letters"),
    "bidi": ("bidirectional control", "bidirectional controls"),
    "tags": ("tag character", "tag characters"),
    "selectors": ("run of variation selectors", "runs of variation selectors"),
}


def hidden_in(text: str) -> Remark | None:
    """Returns how many characters nobody sees, and where the first is; None where there are none.

    Not counted: a byte-order mark in front, soft hyphens, joiners and word breaks in scripts and
    emoji that need them.
    """
    counts = dict.fromkeys(_KINDS, 0)
    first = None
    for match in _SUSPECT.finditer(text):
        kind = match.lastgroup or ""
        if kind == "flag" or (kind in ("zero", "blank") and _is_needed(text, match.start())):
            continue
        counts[kind] += 1
        first = match.start() if first is None else first
    if first is None:
        return None
    found = [f"{n} {_KINDS[kind][n > 1]}" for kind, n in counts.items() if n]
    line = text.count("\n", 0, first) + 1
    return Remark(
        "hidden text",
        f"{', '.join(found)}, the first on line {line} of its text: what one sees may not be what "
        "is read; look at the file in an editor that shows them",
    )


def _is_needed(text: str, at: int) -> bool:
    before = text[at - 1 : at]
    if text[at] in _NEIGHBOURS:
        return bool(_NEIGHBOURS[text[at]].search(text, max(at - _NEAR, 0), at + _NEAR))
    if text[at] == "\ufeff":
        return at == 0
    if text[at] == _WORD_BREAK:
        return bool(_WITHOUT_SPACES.match(before))
    return text[at] in "\u200c\u200d" and before != "" and not _UNJOINED.match(before)
