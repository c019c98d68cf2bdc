"""The languages of which the endings and the function words of words are known, by name."""

from __future__ import annotations

WITH_STOP_WORDS = (
    *("danish", "dutch", "english", "finnish", "french", "german", "hungarian", "italian"),
    *("norwegian", "portuguese", "russian", "spanish", "swedish"),
)
STEMMED = (*WITH_STOP_WORDS, "arabic", "greek", "romanian", "tamil", "turkish")

NONE = "none"
AUTO = "auto"
LANGUAGES = (NONE, *sorted(STEMMED))
"""What `rag.words.terms` knows; `none` keeps words as they are, `auto` stands for `language_of`."""
