"""What a font calls its letters becomes the letters one reads.

In: the codes that a page gives, ligatures expanded. Out: text without what only one font knows.
"""

from __future__ import annotations

import re
import unicodedata

UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\ufeff\ufffd-\uffff\ue000-\uf8ff\U000f0000-\U0010ffff]")
"""What stands for no letter: controls, failed conversions, and codes each font uses as it likes."""

_BULLETS = dict.fromkeys(map(ord, "\uf0b7\uf0a7\uf0d8\uf0a8\uf076\uf0fc"), "•")
"""Those of office suites, which lie where fonts have signs of their own."""


def readable(text: str) -> str:
    """Returns text without letters that only one font knows, but with its bullets."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = UNREADABLE.sub("", text.translate(_BULLETS))
    return unicodedata.normalize("NFC", text).strip()
