"""What a format says, piece by piece, becomes a document's text, blocks and places.

For formats that are not text on disk: their words are laid out as plain text, one blank line
between blocks, so that every span is exact by construction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.types import Block, BlockKind, Document, Place, PlaceKind, Places, Remark, Span

_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")


class Builder:
    """Collects blocks in reading order; pieces that hold nothing but white space leave nothing."""

    def __init__(self, kind: PlaceKind) -> None:
        """Args: `kind` is what `place` begins, `LINE` where it is never called."""
        self._kind = kind
        self._text: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._places: list[Place] = []
        self._begun: str | None = None

    @property
    def length(self) -> int:
        """Returns the number of characters so far."""
        return self._length

    @property
    def count(self) -> int:
        """Returns the number of blocks so far."""
        return len(self._blocks)

    def place(self, name: str) -> None:
        """Begins the page, slide, cell … of that name, or goes on with it; needs text to count."""
        self._begun = name

    def heading(self, text: str, level: int) -> None:
        """Adds a heading of level 1 to 6, on one line."""
        if line := " ".join(clean(text).split()):
            (span,) = self._add([line])
            self._blocks.append(Block(BlockKind.HEADING, span, min(max(level, 1), 6), (span,)))

    def paragraph(self, text: str) -> None:
        """Adds a paragraph; its line ends stay, blank lines go."""
        self._one(BlockKind.PARAGRAPH, _without_blank_lines(clean(text)))

    def lines(self, lines: Sequence[tuple[str, str]]) -> None:
        """Adds a paragraph of lines, each a place: its name, then what it says."""
        said = [(name, " ".join(clean(line).split())) for name, line in lines]
        said = [(name, line) for name, line in said if line]
        if said:
            spans = self._add([line for _, line in said], [name for name, _ in said])
            self._blocks.append(Block(BlockKind.PARAGRAPH, Span(spans[0].start, spans[-1].end)))

    def code(self, text: str) -> None:
        """Adds code or output as it stands."""
        self._one(BlockKind.CODE, clean(text).strip("\n").rstrip())

    def math(self, text: str) -> None:
        """Adds a formula in its source form."""
        self._one(BlockKind.MATH, _without_blank_lines(clean(text)))

    def items(self, items: Sequence[str]) -> None:
        """Adds a list; each item brings its own marker and indentation (`- one`, `  2. two`)."""
        lines = [_without_blank_lines(clean(item)) for item in items]
        self._many(BlockKind.LIST, [line for line in lines if line.strip()])

    def table(self, rows: Sequence[Sequence[str]], places: Sequence[str] = ()) -> None:
        """Adds a table, its header first, a row a line and `|` around its cells.

        Args:
            places: the names of the rows, where each is a place.
        """
        cells = [[" ".join(clean(cell).split()).replace("|", "¦") for cell in row] for row in rows]
        lines = [f"| {' | '.join(row)} |" for row in cells if any(row)]
        names = [name for name, row in zip(places, cells, strict=False) if any(row)]
        self._many(BlockKind.TABLE, lines, names)

    def blocks_of(self, text: str, blocks: Sequence[Block]) -> None:
        """Adds text that has been walked already, with its blocks (`markup.parse_blocks`)."""
        if text.strip():
            (span,) = self._add([text])
            self._blocks += (_moved(block, span.start) for block in blocks)

    def document(self, path: str, title: str, remarks: Sequence[Remark] = ()) -> Document:
        """Returns the document; an empty `title` stands for the first heading, else the stem."""
        from rag.documents.markup import title_of

        text = "".join(self._text)
        blocks = tuple(self._blocks)
        places = Places(self._kind, tuple(self._places)) if self._places else Places()
        title = " ".join(clean(title).split()) or title_of(path, text, blocks)
        return Document(path, title, text, blocks, places, tuple(remarks))

    def _one(self, kind: BlockKind, text: str) -> None:
        if text.strip():
            (span,) = self._add([text])
            self._blocks.append(Block(kind, span))

    def _many(self, kind: BlockKind, lines: Sequence[str], names: Sequence[str] = ()) -> None:
        if lines:
            spans = self._add(lines, names)
            whole = Span(spans[0].start, spans[-1].end)
            self._blocks.append(Block(kind, whole, parts=tuple(spans)))

    def _add(self, lines: Sequence[str], names: Sequence[str] = ()) -> list[Span]:
        """Adds lines as one block, and returns where they lie."""
        if self._text:
            self._push("\n\n")
        spans = []
        for number, line in enumerate(lines):
            if number:
                self._push("\n")
            if names:
                self._begun = names[number]
            if self._begun is not None:
                if not self._places or self._places[-1].name != self._begun:
                    self._places.append(Place(self._length if self._places else 0, self._begun))
                self._begun = None
            spans.append(Span(self._length, self._length + len(line)))
            self._push(line)
        return spans

    def _push(self, text: str) -> None:
        self._text.append(text)
        self._length += len(text)


def clean(text: str) -> str:
    """Returns text with one kind of line end and no control characters."""
    text = _CONTROL.sub("", _ENDS.sub("\n", text))
    return text.encode("utf-8", "ignore").decode("utf-8")  # half of a surrogate pair is no text


def _without_blank_lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n") if line.strip())


def _moved(block: Block, by: int) -> Block:
    def moved(span: Span) -> Span:
        return Span(span.start + by, span.end + by)

    return Block(block.kind, moved(block.span), block.level, tuple(map(moved, block.parts)))
