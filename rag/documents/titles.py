"""Titles that files carry beside their text, as far as a person gave them."""

from __future__ import annotations

import re

_NO_TITLE = re.compile(
    r"microsoft (office )?(word|powerpoint|excel)|powerpoint pre|untitled|"
    r"\(?(untitled|anonymous|document|slide|book|title)\)?\s*\d*$|"
    r".*\.(docx?|pptx?|xls[xm]?|od[tp]|rtf|txt|tex|dvi|ps|eps|pdf|qxd|indd|pages|html?|md)$|"
    r"https?:|\S*[_/\\]\S*$",
    re.IGNORECASE,
)


def real_title(said: str) -> str:
    """Returns a title on one line, or nothing where a program made it up or it names a file."""
    title = " ".join(said.split())
    real = 2 < len(title) < 200 and any(map(str.isalpha, title)) and "\ufffd" not in title
    return title if real and not _NO_TITLE.match(title) else ""
