"""The structure of a text: lines become blocks with exact spans.

A walk over lines that never changes a character: front matter, ATX and setext headings, fences
of any length (closed or not), display math, tables, lists with any bullet in use, indented code
and paragraphs. Every line that is not blank, a rule or front matter lies in exactly one block.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from rag.types import Block, BlockKind, Span

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FENCE = re.compile(r"[ \t]*(?:>[ \t]?)*(`{3,}|~{3,})([^`]*)$")
_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(?=\S)")
_ATX_END = re.compile(r"(?<![ \t#])[ \t]+#+$")
_SETEXT = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_ITEM = re.compile(
    r"([ \t]*)(?:[-*+–—][ \t]+|[•➢▪◦‣·●○■□►▸✓→][ \t]*|(?:\(?(?:\d{1,3}|[a-z])\)|\d{1,3}\.)[ \t]+)"
    r"(?=\S)"
)
_FIRST_ITEM = re.compile(r"[ \t]*(?:[-*+–—•➢▪◦‣·●○■□►▸✓→]|\(?[1a][.)])")
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_INDENTED = re.compile(r" {4}|\t")
_FRONT_MATTER = re.compile(
    r"---[ \t]*\r?\n((?:[\w-]+:|[ \t]|#|- )(?:[^\n]*\n){1,200}?)(?:---|\.\.\.)[ \t]*(?:\r?\n|$)"
)
_MATH_LINES = 200
_TITLE = re.compile(r"^title:[ \t]*(['\"]?)(.+?)\1[ \t]*$", re.MULTILINE)


def front_matter(text: str) -> tuple[str | None, int]:
    """Returns the title that YAML front matter gives, and where the notes begin after it."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        return None, 0
    title = _TITLE.search(match[1].replace("\r", ""))
    return (title[2].strip() or None if title else None), match.end()


def title_of(path: str, text: str, blocks: Sequence[Block]) -> str:
    """Returns the first heading, else the file's stem in words."""
    for block in blocks:
        if block.kind is BlockKind.HEADING:
            return block.parts[0].of(text)
    return PurePosixPath(path).stem.replace("-", " ").replace("_", " ")


def lines_of(text: str, start: int = 0) -> tuple[list[str], list[Span]]:
    """Returns the lines of `text[start:]` without their ends, and where each lies in `text`."""
    lines, spans = [], []
    for match in _LINE.finditer(text, start):
        line = match[0].rstrip("\r\n")
        lines.append(line)
        spans.append(Span(match.start(), match.start() + len(line)))
    return lines, spans


def parse_blocks(text: str, *, start: int = 0, indented_code: bool) -> tuple[Block, ...]:
    """Returns the blocks of `text[start:]`, in order, disjoint, with spans into `text`."""
    return _Walk(text, start, indented_code).blocks()


class _Walk:
    """One pass over the lines; `self.i` is the line to look at next."""

    def __init__(self, text: str, start: int, indented_code: bool) -> None:
        self.lines, self.spans = lines_of(text, start)
        self.indented_code = indented_code
        self.i = 0
        self.out: list[Block] = []
        self.paragraph: list[int] = []

    def blocks(self) -> tuple[Block, ...]:
        while self.i < len(self.lines):
            line = self.lines[self.i]
            if not line.strip():
                self._end_paragraph()
                self.i += 1
            elif not (
                self._setext(line)
                or self._rule(line)
                or self._fence(line)
                or self._math(line)
                or self._atx(line)
                or self._table(line)
                or self._list(line)
                or self._indented(line)
            ):
                self.paragraph.append(self.i)
                self.i += 1
        self._end_paragraph()
        return tuple(self.out)

    def _emit(
        self, kind: BlockKind, first: int, last: int, level: int = 0, parts: Sequence[Span] = ()
    ) -> None:
        span = Span(self.spans[first].start, self.spans[last].end)
        self.out.append(Block(kind, span, level, tuple(parts)))

    def _end_paragraph(self) -> None:
        if self.paragraph:
            self._emit(BlockKind.PARAGRAPH, self.paragraph[0], self.paragraph[-1])
            self.paragraph = []

    def _inside(self, i: int, start: int, end: int) -> Span:
        return Span(self.spans[i].start + start, self.spans[i].start + end)

    def _setext(self, line: str) -> bool:
        match = _SETEXT.match(line)
        if match is None or len(self.paragraph) != 1:
            return False
        first = self.paragraph.pop()
        title = self.lines[first]
        inside = self._inside(first, len(title) - len(title.lstrip()), len(title.rstrip()))
        level = 1 if match[1].startswith("=") else 2
        self._emit(BlockKind.HEADING, first, self.i, level, [inside])
        self.i += 1
        return True

    def _rule(self, line: str) -> bool:
        if not _RULE.match(line) and not (_SETEXT.match(line) and not self.paragraph):
            return False
        self._end_paragraph()
        self.i += 1
        return True

    def _atx(self, line: str) -> bool:
        match = _ATX.match(line)
        if match is None:
            return False
        self._end_paragraph()
        end = len(line.rstrip())
        closing = _ATX_END.search(line, match.end(), end)
        inside = self._inside(self.i, match.end(), closing.start() if closing else end)
        self._emit(BlockKind.HEADING, self.i, self.i, len(match[1]), [inside])
        self.i += 1
        return True

    def _fence_end(self, i: int) -> int | None:
        """Returns the last line of the fence that opens on line `i`, or None if none does."""
        match = _FENCE.match(self.lines[i])
        if match is None:
            return None
        close = re.compile(rf"[ \t]*(?:>[ \t]?)*{match[1][0]}{{{len(match[1])},}}[ \t]*$")
        for end in range(i + 1, len(self.lines)):
            if close.match(self.lines[end]):
                return end
        return len(self.lines) - 1

    def _fence(self, line: str) -> bool:
        end = self._fence_end(self.i)
        if end is None:
            return False
        self._end_paragraph()
        self._emit(BlockKind.CODE, self.i, end)
        self.i = end + 1
        return True

    def _math(self, line: str) -> bool:
        stripped = line.strip()
        close = {"$$": "$$", "\\[": "\\]"}.get(stripped[:2])
        if close is None:
            return False
        end = self.i
        if close not in stripped[2:]:
            end += 1
            last = min(len(self.lines), end + _MATH_LINES)
            while end < last and close not in self.lines[end]:
                if not self.lines[end].strip():
                    return False  # never closed: ordinary text
                end += 1
            if end == last:
                return False
        elif not stripped.endswith((close, ".", ",")):
            return False  # a sentence that begins with a formula
        self._end_paragraph()
        self._emit(BlockKind.MATH, self.i, end)
        self.i = end + 1
        return True

    def _table(self, line: str) -> bool:
        rule = self.lines[self.i + 1] if self.i + 1 < len(self.lines) else ""
        if "|" not in line or "|" not in rule or not _TABLE_RULE.match(rule):
            return False
        self._end_paragraph()
        first = self.i
        rows = [self.spans[first]]
        self.i += 2
        while self.i < len(self.lines) and "|" in self.lines[self.i]:
            rows.append(self.spans[self.i])
            self.i += 1
        self._emit(BlockKind.TABLE, first, self.i - 1, parts=rows)
        return True

    def _list(self, line: str) -> bool:
        if not _ITEM.match(line) or (self.paragraph and not _FIRST_ITEM.match(line)):
            return False
        self._end_paragraph()
        first = last = self.i
        items: list[tuple[int, int]] = []
        blank = False
        while self.i < len(self.lines):
            line = self.lines[self.i]
            if not line.strip():
                blank = True
                self.i += 1
                continue
            indented = line[0] in " \t"
            if _ITEM.match(line) and not _RULE.match(line):
                items.append((self.i, self.i))
            elif (blank and not indented) or (not indented and self._interrupts(line)):
                break
            else:
                last = self._fence_end(self.i) or self.i
                items[-1] = (items[-1][0], last)
                self.i = last
            last, blank = self.i, False
            self.i += 1
        self.i = last + 1
        parts = [Span(self.spans[a].start, self.spans[b].end) for a, b in items]
        self._emit(BlockKind.LIST, first, last, parts=parts)
        return True

    def _interrupts(self, line: str) -> bool:
        return bool(_ATX.match(line) or _FENCE.match(line) or _RULE.match(line))

    def _indented(self, line: str) -> bool:
        if not self.indented_code or self.paragraph or not _INDENTED.match(line):
            return False
        first = last = self.i
        while self.i < len(self.lines):
            line = self.lines[self.i]
            if _INDENTED.match(line):
                last = self.i
            elif line.strip():
                break
            self.i += 1
        self.i = last + 1
        self._emit(BlockKind.CODE, first, last)
        return True
