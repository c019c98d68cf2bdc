"""Plain-text files become documents.

Notes in plain text carry the same marks as Markdown (underlined headings, bullets of many
kinds, tables), so the same walk reads them; only indentation means nothing here. Cards that Anki
exported are a table.
"""

from __future__ import annotations

from rag.documents.decoding import decode
from rag.documents.markup import parse_blocks, title_of
from rag.documents.text import table
from rag.types import Document, Remark


def parse(path: str, data: bytes) -> Document:
    """Returns the document."""
    remarks: list[Remark] = []
    text = decode(data, remarks)
    if table.is_of_cards(text):
        return table.parse(path, data)
    blocks = parse_blocks(text, indented_code=False)
    title = title_of(path, text, blocks)
    return Document(path, title, text, blocks, remarks=tuple(remarks))
