"""Words and places of notes as HTML, for the pages of those who look after them.

Everything of a note is escaped, and every place is a link that opens it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from urllib.parse import quote

from rag import Citation, Passage, Span
from ui.pages.tables import shown
from ui.render import snippet, source_url


def badge(status: str) -> str:
    """Returns a status as HTML: a word, and a mark beside it that is filled, half or empty."""
    return f'<span class="status {status}">{status}</span>'


def quotes(label: str, places: Sequence[Citation | Passage]) -> str:
    """Returns words of the notes that are folded away, each with the link to its place."""
    items = "".join(f"<li>{quoted(one)}</li>" for one in places)
    return f"<details><summary>{label}</summary><ul>{items}</ul></details>"


def quoted(one: Citation | Passage) -> str:
    """Returns words of a note, and the link that opens the note where they stand."""
    words = one.quote if isinstance(one, Citation) else one.text
    said = shown(snippet(words))
    return f"<q>{said}</q> {place_link(one.document, one.location, one.span, words)}"


def place_link(document: str, location: str, span: Span, words: str) -> str:
    """Returns the link that opens a note where some words stand."""
    address = html.escape(source_url(document, span, words))
    return f'<a href="{address}">{shown(f"{document}, {location}")}</a>'


def note_link(document: str) -> str:
    """Returns the link that opens a note."""
    return f'<a href="/source/{html.escape(quote(document))}">{shown(document)}</a>'
