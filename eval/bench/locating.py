"""Passages become places in the notes, however their splitter treated white space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from rag import Span


@dataclass(slots=True)
class Notes:
    """The texts of documents by path, and where a passage stands in them.

    Attributes:
        corpus: the folder that absolute and relative paths of passages are read from.
    """

    corpus: Path
    texts: Mapping[str, str]
    _dense: dict[str, tuple[str, list[int]]] = field(default_factory=dict)

    def locate(self, passage: Mapping[str, Any]) -> tuple[str, Span] | None:
        """Returns a passage's document and span, None where its text stands nowhere in it.

        Where `start` is right it counts. Else the first place of the text does, first to the letter
        and then by its letters alone, white space left out.

        Args:
            passage: `document`, relative to the corpus or a path to the file; `text`; `start`,
                maybe None or wrong.
        """
        document = self._document(passage["document"])
        if document is None or not (text := passage["text"].strip()):
            return None
        whole, start = self.texts[document], passage["start"]
        if start is not None and start >= 0:
            start += len(passage["text"]) - len(passage["text"].lstrip())
            if whole.startswith(text, start):
                return document, Span(start, start + len(text))
        if (start := whole.find(text)) >= 0:
            return document, Span(start, start + len(text))
        letters, places = self._without_spaces(document)
        wanted = "".join(text.split())
        if (start := letters.find(wanted)) < 0:
            return None
        return document, Span(places[start], places[start + len(wanted) - 1] + 1)

    def _document(self, path: str) -> str | None:
        if path in self.texts:
            return path
        try:
            relative = Path(path).resolve().relative_to(self.corpus.resolve())
        except ValueError:
            return None
        document = PurePosixPath(relative).as_posix()
        return document if document in self.texts else None

    def _without_spaces(self, document: str) -> tuple[str, list[int]]:
        """Returns the letters of a text that are not white space, and where they stand."""
        if document not in self._dense:
            text = self.texts[document]
            places = [place for place, letter in enumerate(text) if not letter.isspace()]
            self._dense[document] = "".join(text[place] for place in places), places
        return self._dense[document]
