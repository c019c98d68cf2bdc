"""Markdown files become documents."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from rag.documents.decoding import decode
from rag.documents.markup import front_matter, parse_blocks, title_of
from rag.documents.web.styles import Look
from rag.types import Block, BlockKind, Document, Remark

_ELEMENT = re.compile(r"<[a-zA-Z][\w-]*\s[^<>]{0,2000}>")
_ATTRIBUTE = re.compile(
    r"\b(style|hidden|bgcolor)\b(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+)))?"
)


def parse(path: str, data: bytes) -> Document:
    """Returns the document; front matter gives its title and is not indexed."""
    remarks: list[Remark] = []
    text = decode(data, remarks)
    title, start = front_matter(text)
    blocks = parse_blocks(text, start=start, indented_code=True)
    remarks += _remarks(text, blocks)
    title = title or title_of(path, text, blocks)
    return Document(path, title, text, blocks, remarks=tuple(remarks))


def _remarks(text: str, blocks: Sequence[Block]) -> tuple[Remark, ...]:
    """Returns where HTML hides words from those who see the file rendered."""
    for element in _ELEMENT.finditer(text) if "style" in text or "hidden" in text else ():
        said = {name: a or b or c for name, a, b, c in _ATTRIBUTE.findall(element[0])}
        around = bisect_right(blocks, element.start(), key=lambda block: block.span.start) - 1
        is_code = around >= 0 and blocks[around].kind is BlockKind.CODE
        if said and not is_code and Look().within(said, styled=False).hides:
            line = text.count("\n", 0, element.start()) + 1
            message = f"HTML on line {line} hides words where the file is shown; they are indexed"
            return (Remark("hidden text", f"{message}: look at them, or take them out"),)
    return ()
