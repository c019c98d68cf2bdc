r"""LaTeX sources become documents: a walk over their lines that never changes a character.

The preamble but for its authors, comments, what stands behind `\iffalse` and commands that print no
words of their own (`\label`, `\vspace`, …) on a line lie in no block.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from rag.documents.decoding import decode
from rag.documents.markup import lines_of, title_of
from rag.sentences import plain
from rag.types import Block, BlockKind, Document, Remark, Span

_BODY = re.compile(r"^[^%\n]*\\begin\{document\}", re.MULTILINE)
_END = re.compile(r"^[^%\n]*\\end\{document\}", re.MULTILINE)
_TITLE = re.compile(r"^[ \t]*\\title\s*(?:\[[^\]\n]*\])?\s*\{", re.MULTILINE)
_AUTHOR = re.compile(r"^[ \t]*\\author\s*(?:\[[^\]\n]*\])?\s*\{", re.MULTILINE)
_THANKS = re.compile(r"\\(?:thanks|footnote)\s*\{")
_CONDITION = re.compile(
    r"(?<!\\)%[^\n]*|^[ \t]*\\(iffalse)(?![a-zA-Z])"
    r"|\\(else|fi|if(?!f\b|thenelse)[a-zA-Z@]*)(?![a-zA-Z])",
    re.MULTILINE,
)
_HEADING = re.compile(
    r"[ \t]*\\(part|chapter|section|subsection|subsubsection|frametitle)\*?[ \t]*"
    r"(?:\[[^\]\n]*\])?[ \t]*\{"
)
_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4}
_FRAME = re.compile(r"[ \t]*\\begin\{frame\}(?:<[^>\n]*>)?(?:\[[^\]\n]*\])?[ \t]*\{")
_BEGIN = re.compile(r"[ \t]*\\begin\{([a-zA-Z]+)\*?\}")
_STRUCTURE = re.compile(
    r"[ \t]*\\(?:begin|end)\{[a-zA-Z]+\*?\}((?:\[[^\]\n]*\]|\{[^{}\n]*\})*)[ \t]*(?:%.*)?$"
)
_NAMED = re.compile(r"\[(?!fragile|allowframebreaks|width)[^\]=\n]*[a-z]{5,}[^\]=\n]*\]")
"""The name of a theorem, and no place of a float or option of a frame."""

_SILENT = re.compile(
    r"[ \t]*(?:\\(?:maketitle|tableofcontents|listof\w+|label|centering|raggedright|includegraphics"
    r"|newpage|clearpage|pagebreak|vspace|hspace|vfill|usepackage|documentclass|input|include"
    r"|bibliography\w*|printbibliography|newcommand|renewcommand|setcounter|addtocounter|appendix"
    r"|small|footnotesize|large|normalsize|noindent|medskip|bigskip|smallskip|hline|pagestyle"
    r"|thispagestyle|fi|frontmatter|mainmatter|backmatter|date|author|title|titlepage|pause|protect"
    r"|setlength|markboth|index|phantomsection|addcontentsline|nocite|graphicspath)\*?(?![a-zA-Z])"
    r"(?:\[[^\]\n]*\]|\{(?:[^{}\n]|\{[^{}\n]*\})*\})*[ \t]*)+(?:%.*)?$"
)
_COMMENT = re.compile(r"[ \t]*%")
_ITEM = re.compile(r"[ \t]*\\item(?![a-zA-Z])[ \t]*(?:<[^>\n]*>)?[ \t]*")
_MATH = frozenset(
    ["equation", "align", "alignat", "gather", "multline", "eqnarray", "displaymath", "flalign"]
    + ["math", "dmath", "IEEEeqnarray"]
)
_CODE = frozenset(["verbatim", "Verbatim", "lstlisting", "minted", "alltt", "tikzpicture"])
_LIST = frozenset(["itemize", "enumerate", "description", "compactitem", "compactenum"])
_TABLE = frozenset(["tabular", "tabularx", "tabulary", "longtable", "array"])
_SKIPPED = frozenset(["comment", "filecontents"])
_ROW_END = re.compile(r"(?<!\\)\\\\\*?(?:\[[^\]\n]*\])?")
_RULES = re.compile(
    r"\s*(?:\\(?:hline|toprule|midrule|bottomrule|endhead|endfirsthead|endfoot|endlastfoot)"
    r"|\\(?:cline|cmidrule)(?:\([^)]*\))?\{[^{}]*\})"
)
_MATH_LINES = 200
_PATIENCE = 20
"""So many environments of a name without an end, and no more ends are looked for."""


def parse(path: str, data: bytes) -> Document:
    r"""Returns the document; its places are lines, its title is that of `\title`.

    Raises:
        DocumentError: the bytes are not text.
    """
    remarks: list[Remark] = []
    text = decode(data, remarks)
    begin = _BODY.search(text)
    start = begin.end() if begin else 0
    stop = _END.search(text, start)
    end = text.find("\\end", stop.start()) if stop else len(text)
    blocks = (*_authors(text, start), *_Walk(text, start, end).blocks())
    title = ""
    if found := _TITLE.search(text):
        said = text[found.end() : _closing(text, found.end())]
        while thanks := _THANKS.search(said):
            said = said[: thanks.start()] + said[_closing(said, thanks.end()) + 1 :]
        title = plain(said.replace("\\\\", " "))
    title = title or title_of(path, text, blocks)
    return Document(path, title, text, blocks, remarks=tuple(remarks))


def _closing(text: str, start: int) -> int:
    """Returns where the brace closes that opened before `start`, or its line's end."""
    depth = 1
    for match in re.finditer(r"\\.|[{}]", text[start : start + 2000], re.DOTALL):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return start + match.start()
    end = text.find("\n", start)
    return end if end >= 0 else len(text)


def _authors(text: str, start: int) -> list[Block]:
    """Returns who wrote it, where the preamble says so."""
    found = (author.end() for author in _AUTHOR.finditer(text, 0, start))
    spans = [Span(begin, _closing(text, begin)) for begin in found]
    return [
        Block(BlockKind.PARAGRAPH, span)
        for before, span in zip([Span(0, 0), *spans], spans, strict=False)
        if span.of(text).strip() and before.end <= span.start and span.end <= start
    ]


def _shown(text: str, lines: list[str], spans: list[Span]) -> tuple[list[str], list[Span]]:
    r"""Returns the lines, an empty one in place of what stands between `\iffalse` and `\fi`."""
    hidden = _never(text) if "\\iffalse" in text else []
    shown: list[tuple[str, Span]] = []
    at = 0
    for line, span in zip(lines, spans, strict=True):
        while at < len(hidden) and hidden[at].end <= span.start:
            at += 1
        if at == len(hidden) or hidden[at].start >= span.end:
            shown.append((line, span))
        else:
            rest = Span(min(hidden[at].end, span.end), span.end)
            shown += [("", Span(span.start, span.start)), (rest.of(text), rest)]
    return [line for line, _ in shown], [span for _, span in shown]


def _never(text: str) -> list[Span]:
    hidden, depth, begin = [], 0, 0
    for found in _CONDITION.finditer(text):
        name = found[1] or found[2]
        if depth == 0 and found[1]:
            depth, begin = 1, found.start()
        elif depth and name:
            if name == "fi" or (name == "else" and depth == 1):
                depth -= 1
                if not depth:
                    hidden.append(Span(begin, found.end()))
            elif name != "else":
                depth += 1
    return hidden


class _Walk:
    """One pass over the lines; `self.i` is the line to look at next."""

    def __init__(self, text: str, start: int, stop: int) -> None:
        self.text = text
        self.lines, self.spans = _shown(text[:stop], *lines_of(text[:stop], start))
        self.i = 0
        self.out: list[Block] = []
        self.paragraph: Span | None = None
        self.unclosed: Counter[str] = Counter()

    def blocks(self) -> tuple[Block, ...]:
        while self.i < len(self.lines):
            line = self.lines[self.i]
            if author := _AUTHOR.match(line):
                self._author(self.spans[self.i].start + author.end())
            elif self._is_silent(line):
                self._end_paragraph()
                self.i += 1
            elif not (self._heading(line) or self._environment(line) or self._display(line)):
                self._say(self.spans[self.i])
                self.i += 1
        self._end_paragraph()
        return tuple(self.out)

    def _author(self, start: int) -> None:
        close = _closing(self.text, start)
        self._emit(BlockKind.PARAGRAPH, Span(start, close))
        while self.i < len(self.lines) and self.spans[self.i].start <= close:
            self.i += 1

    def _is_silent(self, line: str) -> bool:
        if not line.strip() or _COMMENT.match(line) or _SILENT.match(line):
            return True
        structure = _STRUCTURE.match(line)
        if structure is None or _FRAME.match(line):
            return False
        begins = _BEGIN.match(line)
        is_known = begins and begins[1] in _MATH | _CODE | _LIST | _TABLE | _SKIPPED
        return not is_known and not _NAMED.search(structure[1])

    def _say(self, span: Span) -> None:
        start = self.paragraph.start if self.paragraph else span.start
        self.paragraph = Span(start, span.end)

    def _end_paragraph(self) -> None:
        if self.paragraph:
            self.out.append(Block(BlockKind.PARAGRAPH, self.paragraph))
            self.paragraph = None

    def _emit(
        self, kind: BlockKind, span: Span, level: int = 0, parts: Sequence[Span] = ()
    ) -> None:
        self._end_paragraph()
        if span.of(self.text).strip():
            self.out.append(Block(kind, span, level, tuple(parts)))

    def _heading(self, line: str) -> bool:
        found = _HEADING.match(line) or _FRAME.match(line)
        if found is None:
            return False
        begin = self.spans[self.i].start
        start = begin + found.end()
        close = _closing(self.text, start)
        inside = Span(start, close)
        level = _LEVELS.get(found[1], 4) if found.re is _HEADING else 4
        if not inside.of(self.text).strip():
            self.i += 1
            return True
        end = min(close + 1, len(self.text))
        self._emit(BlockKind.HEADING, Span(begin, end), level, [inside])
        last = bisect_right(self.spans, end, key=lambda span: span.start) - 1
        last = max(last, self.i)
        rest = Span(min(end, self.spans[last].end), self.spans[last].end)
        said = rest.of(self.text)
        if said.strip() and not _SILENT.match(said) and not _COMMENT.match(said):
            self._say(Span(rest.start + len(said) - len(said.lstrip()), rest.end))
        self.i = last + 1
        return True

    def _environment(self, line: str) -> bool:
        begins = _BEGIN.match(line)
        if begins is None:
            return False
        name = begins[1]
        end = self._end_of(name)
        if end is None:
            return False
        whole = Span(self.spans[self.i].start, self.spans[end].end)
        if name in _MATH:
            self._emit(BlockKind.MATH, whole)
        elif name in _CODE:
            self._inside(BlockKind.CODE, end)
        elif name in _LIST:
            self._list(end)
        elif name in _TABLE:
            self._table(whole, begins.end())
        elif name in _SKIPPED:
            self._end_paragraph()
        else:
            return False
        self.i = end + 1
        return True

    def _end_of(self, name: str) -> int | None:
        """Returns the line on which the environment ends that begins on this one."""
        known = name in _MATH | _CODE | _LIST | _TABLE | _SKIPPED
        if not known or self.unclosed[name] > _PATIENCE:
            return None
        depth = 0
        for i in range(self.i, len(self.lines)):
            line = self.lines[i]
            for sign, step in ((rf"\begin{{{name}", 1), (rf"\end{{{name}", -1)):
                depth += step * (line.count(sign + "}") + line.count(sign + "*}"))
            if depth <= 0:
                return i
        self.unclosed[name] += 1
        return None

    def _inside(self, kind: BlockKind, end: int) -> None:
        if end > self.i + 1:
            self._emit(kind, Span(self.spans[self.i + 1].start, self.spans[end - 1].end))
        else:
            self._emit(kind, Span(self.spans[self.i].start, self.spans[end].end))

    def _list(self, end: int) -> None:
        items: list[tuple[int, int]] = []
        for i in range(self.i, end):
            line = self.lines[i]
            if item := _ITEM.match(line):
                items.append((self.spans[i].start + item.end(), self.spans[i].end))
            elif items and not self._is_silent(line) and not _STRUCTURE.match(line):
                items[-1] = (items[-1][0], self.spans[i].end)
        parts = [Span(min(start, stop), stop) for start, stop in items]
        parts = [part for part in parts if part.of(self.text).strip()]
        if parts:
            start = self.text.rfind("\n", 0, parts[0].start) + 1
            first = max(start, self.spans[self.i].start)
            self._emit(BlockKind.LIST, Span(first, parts[-1].end), 0, parts)
        else:
            self._inside(BlockKind.PARAGRAPH, end)

    def _table(self, whole: Span, begin: int) -> None:
        said = whole.of(self.text)
        while argument := re.compile(r"[ \t]*(?:\[[^\]\n]*\]|\{)").match(said, begin):
            if argument[0].endswith("{"):
                begin = min(_closing(said, argument.end()) + 1, len(said))
            else:
                begin = argument.end()
        stop = said.rfind("\\end")
        rows = []
        for row_end in [*_ROW_END.finditer(said, begin, max(begin, stop)), None]:
            end = row_end.start() if row_end else max(begin, stop)
            while (rule := _RULES.match(said, begin, end)) is not None:
                begin = rule.end()
            row = said[begin:end]
            if row.strip():
                left = begin + len(row) - len(row.lstrip())
                rows.append(Span(whole.start + left, whole.start + begin + len(row.rstrip())))
            begin = row_end.end() if row_end else end
        if rows:
            self._emit(BlockKind.TABLE, Span(rows[0].start, rows[-1].end), 0, rows)

    def _display(self, line: str) -> bool:
        r"""Adds a formula between `\[` and `\]` or `$$` and `$$` that begins on this line."""
        said = line.strip()
        close = {"$$": "$$", "\\[": "\\]"}.get(said[:2])
        if close is None:
            return False
        end = self.i
        if close not in said[2:]:
            end += 1
            last = min(len(self.lines), end + _MATH_LINES)
            while end < last and close not in self.lines[end]:
                end += 1
            if end == last:
                return False
        elif not said.rstrip(".,%").endswith(close):
            return False
        self._emit(BlockKind.MATH, Span(self.spans[self.i].start, self.spans[end].end))
        self.i = end + 1
        return True
