"""Records of a collection become documents: a title as heading, then a text."""

from __future__ import annotations

from dataclasses import dataclass

from rag.documents.markup import parse_blocks
from rag.errors import DocumentError
from rag.types import Block, BlockKind, Document, Signature, Span


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `path` is its id, `title` may be empty."""

    path: str
    title: str
    text: str

    def signature(self) -> Signature:
        """Returns its size; only its content tells whether it changed."""
        return Signature(len(self.title) + len(self.text))

    def read(self) -> bytes:
        """Returns title and text, as their digest is taken."""
        return f"{self.title}\0{self.text}".encode("utf-8", "surrogatepass")

    def document(self, _: bytes) -> Document:
        """Returns the document.

        Raises:
            DocumentError: nothing but white space.
        """
        title = " ".join(self.title.split())
        text = f"{title}\n\n{self.text}" if title else self.text
        if not text.strip():
            raise DocumentError("empty", "holds no text")
        start = len(text) - len(self.text)
        blocks = parse_blocks(text, start=start, indented_code=False)
        if title:
            span = Span(0, len(title))
            blocks = (Block(BlockKind.HEADING, span, level=1, parts=(span,)), *blocks)
        # An id is no word of the text: as a title, it would be embedded and found with it.
        return Document(self.path, title, text, blocks)
