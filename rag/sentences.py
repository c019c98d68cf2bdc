"""Blocks become units: the shortest whole things an answer may quote.

A paragraph gives its sentences; a list itself with the sentence that leads into it, its items,
and the sentences of long items; a table itself and its rows; code and formulas themselves, with
the sentence that leads into them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from rag.types import Block, BlockKind, Span, Unit, UnitKind

_STOP = re.compile(
    r"[.!?…]+[\"'”’»)\]*_`]*(?=\s|$)"  # Latin: white space must follow
    r"|[。！？｡]+[」』”’）)]*"  # Chinese and Japanese: it need not
    r"|[।؟۔]+(?=\s|$)"  # Devanagari, Arabic, Urdu
)
_PROTECTED = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$|`[^`\n]+`|\\\(.+?\\\)", re.DOTALL)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“])(?:e\.g|i\.e|cf|vs|etc|al|approx|resp|viz|ca|incl|esp|no|nos|fig|figs|eq|eqs"
    r"|sec|secs|ch|chap|chaps|ref|refs|thm|def|lem|prop|pp?|vol|ed|eds|dr|mr|mrs|ms|prof|st|jr|sr"
    r"|dept|univ|inc|ltd|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|[a-z])\.$",
    re.IGNORECASE,
)
_MARKER = re.compile(
    r"[ \t]*(?:[-*+–—](?=[ \t])|[•➢▪◦‣·●○■□►▸✓→]|\(?(?:\d{1,3}|[a-z])\)|\d{1,3}\.)[ \t]*"
    r"(?:\[[ xX]\][ \t]+)?"
)
_TAG = re.compile(r"<!--.*?-->|</?[a-zA-Z][^<>]*>", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)")
_WIKI = re.compile(r"\[\[(?:[^\]|\n]*\|)?([^\]\n]+)\]\]")
_MARKUP = re.compile(r"\*\*|__|`+|^[ \t]*(?:>[ \t]?)+|^[ \t]*#{1,6}[ \t]+", re.MULTILINE)
_RULE_LINE = re.compile(r"^[ \t|:=-]+$", re.MULTILINE)


def plain(text: str) -> str:
    """Returns the words of `text` on one line, without markup: for models, never for people."""
    text = _WIKI.sub(r"\1", _LINK.sub(r"\1", _TAG.sub(" ", text)))
    text = _RULE_LINE.sub(" ", _MARKUP.sub("", text)).replace("|", " ")
    return " ".join(text.split())


def split_sentences(text: str, span: Span) -> Iterator[Span]:
    """Yields the sentences of `text[span]`, in order, without white space around them.

    A stop ends a sentence unless it belongs to an abbreviation or an initial, lies inside a
    formula or code, or is followed by a lower-case letter.
    """
    inside = span.of(text)
    protected = [(m.start(), m.end()) for m in _PROTECTED.finditer(inside)]
    begin = 0
    for stop in _STOP.finditer(inside):
        after = inside[stop.end() :].lstrip()[:1]
        if stop[0].startswith(".") and (
            after.islower() or _ABBREVIATION.search(inside, max(0, stop.start() - 12), stop.end())
        ):
            continue
        if any(a < stop.end() - 1 < b - 1 for a, b in protected):
            continue
        yield from _stripped(text, span.start + begin, span.start + stop.end())
        begin = stop.end()
    yield from _stripped(text, span.start + begin, span.end)


def _stripped(text: str, start: int, end: int) -> Iterator[Span]:
    """Yields the span without white space at its ends, unless nothing is left."""
    inside = text[start:end]
    left = len(inside) - len(inside.lstrip())
    if left < len(inside):
        yield Span(start + left, start + len(inside.rstrip()))


def units_of(text: str, blocks: Sequence[Block], title: str, headings: Sequence[str]) -> list[Unit]:
    """Returns the units of one section's blocks, sorted by start, then longest first.

    Args:
        title: of the note; stands in front of what the embedder reads of every unit.
        headings: of the section; the last one stands there too for a list, a table, code or a
            formula, which seldom say what they are about.
    """
    heading = headings[-1] if headings else ""
    units: list[Unit] = []

    def add(kind: UnitKind, span: Span, said: str | None = None) -> None:
        about = title
        if kind in _WHOLES and heading and heading != title:
            about = f"{title}, {heading}"
        said = plain(span.of(text)) if said is None else said
        units.append(Unit(kind, span, tuple(headings), f"{about}: {said}"))

    leading: Span | None = None
    for block in blocks:
        kind = _WHOLE_OF.get(block.kind)
        if kind is not None:
            add(kind, Span(leading.start if leading else block.span.start, block.span.end))
        if block.kind is BlockKind.LIST:
            for part in block.parts:
                _add_item(text, part, add)
        elif block.kind is BlockKind.TABLE:
            _add_rows(text, block, add)
        elif kind is None:
            for sentence in split_sentences(text, block.span):
                add(UnitKind.SENTENCE, sentence)
        leading = _lead_in(text, units[-1] if units else None, block)
    return sorted(units, key=lambda unit: (unit.span.start, -unit.span.end))


_WHOLE_OF = {
    BlockKind.LIST: UnitKind.LIST,
    BlockKind.TABLE: UnitKind.TABLE,
    BlockKind.CODE: UnitKind.CODE,
    BlockKind.MATH: UnitKind.MATH,
}
_WHOLES = frozenset(_WHOLE_OF.values())


def _lead_in(text: str, last: Unit | None, block: Block) -> Span | None:
    """Returns the last sentence of a paragraph that announces what follows."""
    if block.kind is not BlockKind.PARAGRAPH or last is None:
        return None
    return last.span if text[last.span.end - 1] not in ".!?。！？" else None


def _add_item(text: str, part: Span, add: Callable[[UnitKind, Span], None]) -> None:
    """Adds an item without its marker and, where it has several, its sentences."""
    marker = _MARKER.match(text, part.start, part.end)
    for span in _stripped(text, marker.end() if marker else part.start, part.end):
        add(UnitKind.ITEM, span)
        sentences = list(split_sentences(text, span))
        if len(sentences) > 1:
            for sentence in sentences:
                add(UnitKind.SENTENCE, sentence)


def _add_rows(text: str, block: Block, add: Callable[[UnitKind, Span, str], None]) -> None:
    """Adds the rows below the header; the embedder reads each cell behind its column's name."""
    header, *rows = block.parts
    names = _cells(header.of(text))
    for row in rows:
        pairs = zip(names, _cells(row.of(text)), strict=False)
        said = "; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs)
        add(UnitKind.ROW, row, said)


def _cells(row: str) -> list[str]:
    return [plain(cell) for cell in row.strip().strip("|").split("|")]
