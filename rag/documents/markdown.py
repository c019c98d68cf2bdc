"""Markdown files become documents."""

from __future__ import annotations

from rag.documents.decoding import decode
from rag.documents.markup import front_matter, parse_blocks, title_of
from rag.types import Document


def parse(path: str, data: bytes) -> Document:
    """Returns the document; front matter gives its title and is not indexed."""
    text = decode(data)
    title, start = front_matter(text)
    blocks = parse_blocks(text, start=start, indented_code=True)
    return Document(path, title or title_of(path, text, blocks), text, blocks)
