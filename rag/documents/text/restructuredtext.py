"""reStructuredText becomes documents: a walk over its lines that never changes a character.

Headings take their levels from the order in which their adornments are first used. Comments,
targets, options of directives and directives that show no words (`toctree`, `image`, …) lie in no
block.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.documents.decoding import decode
from rag.documents.markup import lines_of, title_of
from rag.types import Block, BlockKind, Document, Remark, Span

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*$")
_SIMPLE_BORDER = re.compile(r"[ \t]*=+(?:[ \t]+=+)+[ \t]*$")
_GRID_BORDER = re.compile(r"[ \t]*\+(?:[-=]+\+)+[ \t]*$")
_GRID_LINE = re.compile(r"[ \t]*[+|].*[+|][ \t]*$")
_ITEM = re.compile(
    r"[ \t]*(?:[-*+•‣⁃]|(?:\d{1,3}|#|[a-zA-Z])[.)](?<![A-Z]\.)|\((?:\d{1,3}|[a-z]|#)\))[ \t]+(?=\S)"
)
_FIELD = re.compile(r"[ \t]*:(?![ :`])[^:`\n]*(?:[^:\n]|\\:):(?:[ \t]+(\S)|[ \t]*$)")
_EXPLICIT = re.compile(r"[ \t]*(?:\.\.(?:[ \t]+|$)|__[ \t])")
_DIRECTIVE = re.compile(r"[ \t]*\.\.[ \t]+(?:\|[^|\n]+\|[ \t]+)?([\w:+.-]+?)::(?:[ \t]+|$)")
_FOOTNOTE = re.compile(r"[ \t]*\.\.[ \t]+\[[^\]\n]+\](?:[ \t]+|$)")
_HEADER = re.compile(r"[ \t]*:header:[ \t]+(?=\S)")
_DOCTEST = re.compile(r"[ \t]*>>> ")
_CODE = frozenset(
    ["code-block", "code", "sourcecode", "parsed-literal", "testcode", "testoutput", "doctest"]
    + ["prompt", "productionlist", "ipython", "ipython3", "jupyter-execute", "math"]
)
_SILENT = frozenset(
    ["toctree", "contents", "include", "literalinclude", "raw", "meta", "role", "default-role"]
    + ["index", "image", "highlight", "module", "currentmodule", "bibliography", "graphviz"]
    + ["sectnum", "automodule", "autosummary", "tabularcolumns", "plot", "footbibliography"]
)


def parse(path: str, data: bytes) -> Document:
    """Returns the document; its places are lines.

    Raises:
        DocumentError: the bytes are not text.
    """
    remarks: list[Remark] = []
    text = decode(data, remarks)
    blocks = _Walk(text).blocks()
    title = title_of(path, text, blocks)
    return Document(path, title, text, blocks, remarks=tuple(remarks))


class _Walk:
    """One pass over the lines; `self.i` is the line to look at next."""

    def __init__(self, text: str) -> None:
        self.lines, self.spans = lines_of(text)
        self.i = 0
        self.out: list[Block] = []
        self.paragraph: list[Span] = []
        self.adornments: list[tuple[str, bool]] = []

    def blocks(self) -> tuple[Block, ...]:
        while self.i < len(self.lines):
            line = self.lines[self.i]
            if not line.strip():
                self._end_paragraph()
                self.i += 1
            elif self.paragraph or not (
                self._overlined(line)
                or self._underlined(line)
                or self._table(line)
                or self._explicit(line)
                or self._doctest(line)
                or self._list(line)
                or self._transition(line)
            ):
                self._text(self.spans[self.i])
        self._end_paragraph()
        return tuple(self.out)

    def _text(self, span: Span) -> None:
        """Adds a line to the paragraph, and code that it announces."""
        line = self.lines[self.i]
        self.paragraph.append(span)
        self.i += 1
        ends = self.i == len(self.lines) or not self.lines[self.i].strip()
        if ends and line.rstrip().endswith("::"):
            self._end_paragraph()
            last = self._indented_until(_indent(line))
            self._body(BlockKind.CODE, self.i, last)

    def _line(self, i: int) -> str:
        return self.lines[i] if i < len(self.lines) else ""

    def _emit(
        self, kind: BlockKind, span: Span, level: int = 0, parts: Sequence[Span] = ()
    ) -> None:
        self.out.append(Block(kind, span, level, tuple(parts)))

    def _end_paragraph(self) -> None:
        if self.paragraph:
            span = Span(self.paragraph[0].start, self.paragraph[-1].end)
            self._emit(BlockKind.PARAGRAPH, span)
            self.paragraph = []

    def _indented_until(self, indent: int) -> int:
        """Returns the line behind those that are blank or indented by more than `indent`."""
        end = self.i
        while end < len(self.lines) and (
            not self.lines[end].strip() or _indent(self.lines[end]) > indent
        ):
            end += 1
        return end

    def _body(self, kind: BlockKind, first: int, end: int) -> None:
        """Adds the lines that are not blank at the ends of `first` to `end`, and goes on there."""
        inked = [i for i in range(first, end) if self.lines[i].strip()]
        if inked:
            self._emit(kind, Span(self.spans[inked[0]].start, self.spans[inked[-1]].end))
        self.i = end

    def _overlined(self, line: str) -> bool:
        title, under = self._line(self.i + 1), self._line(self.i + 2)
        if not _ADORNMENT.match(line) or not title.strip() or under.rstrip() != line.rstrip():
            return False
        if _ADORNMENT.match(title):
            return False
        self._heading(self.i, self.i + 1, self.i + 2, (line[0], True))
        return True

    def _underlined(self, line: str) -> bool:
        under = self._line(self.i + 1)
        if line[0] in " \t" or not _ADORNMENT.match(under) or _ADORNMENT.match(line):
            return False
        if len(under.rstrip()) < min(4, len(line.rstrip())):
            return False
        self._heading(self.i, self.i, self.i + 1, (under[0], False))
        return True

    def _heading(self, first: int, title: int, last: int, adornment: tuple[str, bool]) -> None:
        if adornment not in self.adornments:
            self.adornments.append(adornment)
        level = min(self.adornments.index(adornment) + 1, 6)
        said = self.lines[title]
        start = self.spans[title].start
        inside = Span(start + _indent(said), start + len(said.rstrip()))
        span = Span(self.spans[first].start, self.spans[last].end)
        self._emit(BlockKind.HEADING, span, level, [inside])
        self.i = last + 1

    def _table(self, line: str) -> bool:
        return (bool(_SIMPLE_BORDER.match(line)) and self._simple_table()) or (
            bool(_GRID_BORDER.match(line)) and self._grid_table()
        )

    def _simple_table(self) -> bool:
        borders = [self.i]
        end = self.i + 1
        while end < len(self.lines) and len(borders) < 3:
            if _SIMPLE_BORDER.match(self.lines[end]):
                borders.append(end)
                if not self._line(end + 1).strip():
                    break
            end += 1
        if len(borders) < 2 or self._line(borders[-1] + 1).strip():
            return False
        rows: list[tuple[int, int]] = []
        for i in range(self.i + 1, borders[-1]):
            line = self.lines[i]
            if i in borders or not line.strip() or not line.strip("- \t"):
                continue
            in_header = len(borders) == 3 and i < borders[1] and bool(rows)
            if rows and (in_header or _indent(line) > _indent(self.lines[borders[0]])):
                rows[-1] = (rows[-1][0], i)
            else:
                rows.append((i, i))
        self._rows(rows, borders[-1])
        return True

    def _grid_table(self) -> bool:
        rows: list[tuple[int, int]] = []
        end, fresh = self.i, True
        while _GRID_LINE.match(self._line(end)):
            if _GRID_BORDER.match(self.lines[end]):
                fresh = True
            elif fresh:
                rows.append((end, end))
                fresh = False
            else:
                rows[-1] = (rows[-1][0], end)
            end += 1
        self._rows(rows, end - 1)
        return True

    def _rows(self, rows: Sequence[tuple[int, int]], last: int) -> None:
        if rows:
            parts = [Span(self.spans[a].start, self.spans[b].end) for a, b in rows]
            self._emit(
                BlockKind.TABLE, Span(self.spans[self.i].start, self.spans[last].end), 0, parts
            )
        self.i = last + 1

    def _explicit(self, line: str) -> bool:
        if not _EXPLICIT.match(line):
            return False
        start, end = self.spans[self.i].start, self.spans[self.i].end
        if note := _FOOTNOTE.match(line):
            if line[note.end() :].strip():
                self._text(Span(start + note.end(), end))
            else:
                self.i += 1
            return True
        found = _DIRECTIVE.match(line)
        if found is None or found[1].lower() in _SILENT:
            indent = _indent(line)
            self.i += 1
            self.i = self._indented_until(indent)
            return True
        name = found[1].lower()
        said = line[found.end() :].strip()
        if name in ("list-table", "csv-table"):
            if said:
                self._emit(BlockKind.PARAGRAPH, Span(start + found.end(), end))
            (self._list_table if name == "list-table" else self._csv_table)(_indent(line))
            return True
        if name in _CODE:
            self._code(name, Span(start + found.end(), end) if said else None, _indent(line))
            return True
        self.i += 1
        if said and name not in ("figure", "only", "container", "tab-set"):
            self.paragraph.append(Span(start + found.end(), end))
        self._options()
        return True

    def _options(self) -> None:
        while _FIELD.match(self._line(self.i)) and _indent(self.lines[self.i]):
            self.i += 1

    def _code(self, name: str, said: Span | None, indent: int) -> None:
        self.i += 1
        self._options()
        first, end = self.i, self._indented_until(indent)
        if name != "math" or said is None:
            self._body(BlockKind.MATH if name == "math" else BlockKind.CODE, first, end)
            return
        inked = [i for i in range(first, end) if self.lines[i].strip()]
        last = self.spans[inked[-1]].end if inked else said.end
        self._emit(BlockKind.MATH, Span(said.start, last))
        self.i = end

    def _list_table(self, indent: int) -> None:
        self.i += 1
        self._options()
        end = self._indented_until(indent)
        rows: list[tuple[int, int]] = []
        for i in range(self.i, end):
            if re.match(r"[ \t]*\*[ \t]+-", self.lines[i]):
                rows.append((i, i))
            elif rows and self.lines[i].strip():
                rows[-1] = (rows[-1][0], i)
        if rows:
            self.i = rows[0][0]
            self._rows(rows, rows[-1][1])
        self.i = end

    def _csv_table(self, indent: int) -> None:
        """Adds a table whose header is an option above its rows; a row in quotes may go on."""
        self.i += 1
        options, rows = self.i, list[Span]()
        self._options()
        end = self._indented_until(indent)
        for i in range(options, self.i):
            if header := _HEADER.match(self.lines[i]):
                rows.append(Span(self.spans[i].start + header.end(), self.spans[i].end))
        is_open = False
        for i in range(self.i, end):
            line = self.lines[i]
            if is_open:
                rows[-1] = Span(rows[-1].start, self.spans[i].end)
            elif line.strip():
                rows.append(Span(self.spans[i].start + _indent(line), self.spans[i].end))
            is_open ^= line.count('"') % 2 == 1
        if rows:
            self._emit(BlockKind.TABLE, Span(rows[0].start, rows[-1].end), 0, rows)
        self.i = end

    def _doctest(self, line: str) -> bool:
        if not _DOCTEST.match(line):
            return False
        end = self.i
        while self._line(end).strip():
            end += 1
        self._body(BlockKind.CODE, self.i, end)
        return True

    def _list(self, line: str) -> bool:
        """Adds a list, or fields; a field without a value says something of the file only."""
        begins = _ITEM if _ITEM.match(line) else _FIELD
        if not begins.match(line):
            return False
        indent = _indent(line)
        items: list[tuple[int, int]] = []
        while self.i < len(self.lines):
            line = self.lines[self.i]
            if line.strip():
                if _indent(line) < indent:
                    break
                if begins.match(line) or (begins is _FIELD and not _indent(line) > indent):
                    if not begins.match(line):
                        break
                    items.append((self.i, self.i))
                elif _indent(line) <= indent:
                    break
                else:
                    items[-1] = (items[-1][0], self.i)
            self.i += 1
        parts = [Span(self.spans[a].start, self.spans[b].end) for a, b in items]
        if begins is _FIELD:
            parts = [
                part
                for part, (a, b) in zip(parts, items, strict=True)
                if b > a or _FIELD.match(self.lines[a])[1]  # type: ignore[index]
            ]
        if parts:
            self._emit(BlockKind.LIST, Span(parts[0].start, parts[-1].end), 0, parts)
        return True

    def _transition(self, line: str) -> bool:
        if not _ADORNMENT.match(line) or self._line(self.i + 1).strip():
            return False
        self.i += 1
        return True


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
