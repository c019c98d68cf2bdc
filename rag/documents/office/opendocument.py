"""OpenDocument texts and presentations (.odt, .ott, .odp) become documents.

A place is a block's number in a text, a slide's number in a presentation. Headings by outline
level, lists with their markers, tables, formulas (MathML) as LaTeX, text boxes and notes after
the block they hang on. Deletions, comments and hidden text are left out, the last with a remark.

One walk reads both kinds; a text's is `content.xml` from top to bottom (OpenDocument 1.3 part 3).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rag.documents.building import Builder
from rag.documents.office.archive import Archive, child, local, locked, value
from rag.documents.office.formulas import (
    Formula,
    Lowered,
    Raised,
    formulas_only,
    from_mathml,
    joined,
)
from rag.documents.office.package import hidden, pictured, titled, whole
from rag.documents.office.wordstyles import counted
from rag.documents.titles import real_title
from rag.errors import DocumentError
from rag.types import Document, PlaceKind, Remark

_SKIPPED = frozenset(
    (
        *("tracked-changes", "annotation", "annotation-end", "note-citation", "title", "desc"),
        *("forms", "sequence-decls", "variable-decls", "user-field-decls", "ruby-text"),
        *("bibliography-source", "table-of-content-source", "hidden-text", "hidden-paragraph"),
        *("event-listeners", "notes", "settings", "animations", "par", "scripts", "dde-source"),
    )
)
_SPACES = re.compile(r"[ \t\r\n]+")
_COLUMNS = 100
_REPEATED = 200
"""Characters of a cell that its repetitions say again."""
_MONOSPACED = re.compile(r"preformatted|source.?code|verbatim|^code$", re.IGNORECASE)
_SHAPES = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman"}
_SHAPES |= {"I": "upperRoman"}


def parse(path: str, data: bytes) -> Document:
    """Returns the document.

    Raises:
        DocumentError: `encrypted`, `damaged`, `too large`, or `no text` where there are pictures
            only.
    """
    archive = Archive(data, "an OpenDocument file", ".odt")
    manifest = archive.part("META-INF/manifest.xml", dtd=True)
    inside = manifest.iter() if manifest is not None else ()
    if archive.find("encrypted-package") or any(local(one) == "encryption-data" for one in inside):
        raise locked()
    content = archive.xml("content.xml", dtd=True)
    body = child(content, "body")
    inner = next((one for one in body if local(one)), None) if body is not None else None
    kind = "nothing" if inner is None else local(inner)
    if inner is None or kind not in ("text", "presentation"):
        raise archive.damaged(f"{kind} inside, not text or a presentation")
    reader = _Reader(archive, content, PlaceKind.PARAGRAPH if kind == "text" else PlaceKind.SLIDE)
    if kind == "text":
        reader.blocks(inner)
        reader.flush()
    else:
        reader.slides(one for one in inner if local(one) == "page")
    document = reader.build.document(path, "", [*archive.remarks, *reader.remarks()])
    if not document.text and any(local(one) == "image" for one in content.iter()):
        raise DocumentError(
            "no text", "holds pictures only: text recognition (OCR) would make them readable"
        )
    title = child(archive.part("meta.xml", dtd=True), "meta", "title")
    return titled(document, real_title("" if title is None else title.text or ""))


@dataclass(frozen=True, slots=True)
class _Style:
    """What a paragraph or text style says.

    Attributes:
        level: of a heading, from 1.
        stands: the class of its words: raised, lowered or neither; None where it says nothing.
    """

    level: int = 0
    code: bool = False
    hidden: bool = False
    white: bool = False
    stands: type[str] | None = None


class _Reader:
    """One pass over the content."""

    def __init__(self, archive: Archive, content: Any, kind: PlaceKind) -> None:
        self.build = Builder(kind)
        self.pictured: list[int] = []
        self._archive = archive
        self._counting = kind is PlaceKind.PARAGRAPH
        self._said = 0
        self._styles: dict[str, Any] = {}
        self._lists: dict[str, Any] = {}
        for root in (archive.part("styles.xml", dtd=True), content):
            for group in root if root is not None else ():
                if local(group) in ("styles", "automatic-styles"):
                    self._keep(group)
        self._found: dict[str, _Style] = {}
        self._code: list[str] = []
        self._after: deque[Any] = deque()
        self._emptying = False
        self._backed = int(kind is PlaceKind.SLIDE)
        self._hidden = 0

    def _keep(self, group: Any) -> None:
        for one in group:
            if local(one) == "style":
                self._styles[value(one, "name")] = one
            elif local(one) == "list-style":
                self._lists[value(one, "name")] = one

    def remarks(self) -> list[Remark]:
        """Returns what was left out, and which slides hold pictures only."""
        return [*hidden(self._hidden), *pictured(self.pictured)]

    def slides(self, pages: Iterable[Any]) -> None:
        """Reads slides: the title first, then what stands on them, then their notes."""
        for number, page in enumerate(pages, 1):
            self.build.place(str(number))
            before = self.build.length
            frames = list(page)
            titles = [one for one in frames if value(one, "class") == "title"]
            for one in titles:
                text = " ".join(" ".join(self._lines(one)).split())
                self.build.heading(text, 2 if number > 1 else 1)
                self.flush()
            self.blocks([one for one in frames if one not in titles])
            self.flush()
            for notes in (one for one in frames if local(one) == "notes"):
                self.blocks(notes)
                self.flush()
            if self.build.length == before and any(local(one) == "image" for one in page.iter()):
                self.pictured.append(number)

    def _say(self, say: Any, *what: Any) -> None:
        before = self.build.length
        if self._counting:
            self.build.place(str(self._said + 1))
        say(*what)
        self._said += self.build.length > before

    def flush(self) -> None:
        """Ends code, then adds what hung on the block before: boxes and notes."""
        if self._code:
            code, self._code = self._code, []
            self._say(self.build.code, "\n".join(code))
        if self._emptying or not self._after:
            return
        self._emptying = True
        self._backed += 1
        while self._after:
            self.blocks(self._after.popleft())
            self.flush()
        self._backed -= 1
        self._emptying = False

    def blocks(self, parent: Iterable[Any]) -> None:
        """Reads blocks in order."""
        for one in parent:
            match local(one):
                case "p" | "h":
                    self._paragraph(one)
                case "list":
                    items: list[str] = []
                    self._list(one, 0, "", items)
                    self.flush()
                    self._say(self.build.items, items)
                    self.flush()
                case "table":
                    self.flush()
                    self._table(one)
                case "object":
                    self.flush()
                    self._say(self.build.math, "\n".join(self._formulas(one)))
                case name if name and name not in _SKIPPED:
                    self.blocks(one)

    def _paragraph(self, one: Any) -> None:
        style = self._style(value(one, "style-name"))
        pieces: list[str] = []
        before, self._after = self._after, deque()
        self._inline(one, pieces, self._unseen(style), style.stands or str)
        hanging, self._after = self._after, before
        text = whole(joined(pieces))
        level = style.level
        if local(one) == "h":
            outline = value(one, "outline-level")
            level = int(outline) if re.fullmatch("[1-9]", outline) else level or 1
        if not text.strip():
            if self._code:
                self._code.append("")
        elif style.code:
            self._code.append(text)
        else:
            self.flush()
            if level:
                self._say(self.build.heading, text, level)
            elif formulas := formulas_only(pieces):
                self._say(self.build.math, formulas)
            else:
                self._say(self.build.paragraph, text.strip(" "))
        self._after += hanging
        if not self._code:
            self.flush()

    def _inline(
        self, parent: Any, pieces: list[str], unseen: bool, stands: type[str] = str
    ) -> None:
        """Adds the visible words of a paragraph or a part of one."""

        def hear(text: str | None) -> None:
            said = _SPACES.sub(" ", text or "")
            if unseen:
                self._hidden += len(said.split())
            elif said:
                pieces.append(stands(said))

        hear(parent.text)
        for one in parent:
            match local(one):
                case "s":
                    count = value(one, "c", "1")
                    pieces.append(" " * (int(count) if re.fullmatch(r"\d{1,2}", count) else 1))
                case "tab":
                    pieces.append("\t")
                case "line-break":
                    pieces.append("\n")
                case "note-body" | "text-box" | "list" | "table":
                    self._after.append([one] if local(one) in ("list", "table") else one)
                case "object":
                    pieces.extend(self._formulas(one))
                case "ruby":
                    base, said = child(one, "ruby-base"), child(one, "ruby-text")
                    if base is not None:
                        self._inline(base, pieces, unseen, stands)
                    if said is not None:
                        hear(f"({said.text or ''})")
                case "p" | "h":  # of a shape
                    self._after.append([one])
                case name if name and name not in _SKIPPED:
                    style = self._style(value(one, "style-name")) if name == "span" else _Style()
                    hides = unseen or self._unseen(style)
                    self._inline(one, pieces, hides, style.stands or stands)
            hear(one.tail)

    def _unseen(self, style: _Style) -> bool:
        """Returns whether words of a style are hidden; white is seen where it may lie on a fill."""
        return style.hidden or (style.white and not self._backed)

    def _lines(self, parent: Any) -> list[str]:
        """Returns the paragraphs below an element, those of lists and tables in it too."""
        lines: list[str] = []
        for one in parent:
            name = local(one)
            if name in ("p", "h"):
                pieces: list[str] = []
                style = self._style(value(one, "style-name"))
                self._inline(one, pieces, self._unseen(style), style.stands or str)
                if (text := whole(joined(pieces))).strip():
                    lines.append(text.strip())
            elif name == "object":
                lines.extend(f"${formula}$" for formula in self._formulas(one))
            elif name and name not in _SKIPPED:
                lines.extend(self._lines(one))
        return lines

    def _list(self, parent: Any, depth: int, name: str, items: list[str]) -> None:
        """Adds the items of a list, each with its marker; a list inside an item follows it."""
        name = value(parent, "style-name") or name
        number = 0
        for item in parent:
            if local(item) not in ("list-item", "list-header"):
                continue
            number += local(item) == "list-item"
            start = value(item, "start-value")
            number = int(start) if re.fullmatch(r"\d{1,6}", start) else number
            marker = self._marker(name, depth, number)
            first = local(item) == "list-item"
            for one in item:
                if local(one) == "list":
                    self._list(one, depth + 1, name, items)
                    continue
                for line in self._lines([one]):
                    lead = f"{marker} " if first else " " * (len(marker) + 1)
                    items.append(f"{'  ' * min(depth, 9)}{lead}{line}")
                    first = False

    def _marker(self, name: str, depth: int, number: int) -> str:
        style = self._lists.get(name)
        for level in style if style is not None else ():
            numbered = local(level) == "list-level-style-number"
            if value(level, "level") == str(depth + 1) and numbered:
                start = value(level, "start-value", "1")
                number += int(start) - 1 if re.fullmatch(r"\d{1,6}", start) else 0
                shape = _SHAPES.get(value(level, "num-format"))
                said = counted(number, shape) if shape else ""
                return f"{value(level, 'num-prefix')}{said}{value(level, 'num-suffix')}".strip()
        return "-"

    def _table(self, table: Any) -> None:
        self._backed += 1
        rows = [[cell for cell in _cells(row)] for row in _rows(table)]
        if max((sum(map(_repeats, row)) for row in rows), default=0) > 1:
            self._say(self.build.table, [self._row(row) for row in rows])
        else:  # a frame around text
            for row in rows:
                for cell in row:
                    self.blocks(cell)
        self.flush()
        self._backed -= 1

    def _row(self, cells: list[Any]) -> list[str]:
        said: list[str] = []
        for cell in cells:
            text = "" if local(cell) == "covered-table-cell" else " ".join(self._lines(cell))
            again = text if len(text) < _REPEATED else ""
            said += [text, *[again] * (_repeats(cell) - 1 if len(said) < _COLUMNS else 0)]
        while len(said) > 1 and not said[-1]:
            said.pop()
        return said

    def _formulas(self, element: Any) -> list[Formula]:
        """Returns the formula of an object, in the file or in a member of its own."""
        root: Any = next((one for one in element.iter() if local(one) == "math"), None)
        target = value(element, "href").removeprefix("./").strip("/")
        if root is None and target and self._archive.find(f"{target}/content.xml"):
            root = self._archive.part(f"{target}/content.xml", dtd=True)
        if root is None or local(root) != "math":
            return []
        return [Formula(found)] if (found := from_mathml(root)) else []

    def _style(self, name: str) -> _Style:
        """Returns a style with what its parents say; a circle of them ends it."""
        chain: dict[str, None] = {}
        while name in self._styles and name not in self._found and name not in chain:
            chain[name] = None
            name = value(self._styles[name], "parent-style-name")
        style = self._found.get(name, _Style())
        for inner in reversed(chain):
            style = self._found[inner] = _upon(style, self._styles[inner])
        return style


def _upon(base: _Style, said: Any) -> _Style:
    """Returns a style that is based on another."""
    name = value(said, "display-name") or value(said, "name").replace("_20_", " ")
    outline = value(said, "default-outline-level")
    looks = child(said, "text-properties")
    level = int(outline) if re.fullmatch("[1-9]", outline) else base.level
    unseen = value(looks, "display") == "none"
    white = value(looks, "color").lower() == "#ffffff" and not _backed(said)
    return _Style(
        1 if name.lower() == "title" else level,
        base.code or bool(_MONOSPACED.search(name)),
        base.hidden or unseen,
        white or (base.white and not value(looks, "color")),
        _stands(value(looks, "text-position")) or base.stands,
    )


def _stands(position: str) -> type[str] | None:
    """Returns what a text position makes of words: `super 58%`, `-33% 58%` …"""
    shift = position.partition(" ")[0]
    if not shift:
        return None
    if shift == "sub" or shift.startswith("-"):
        return Lowered
    return str if re.fullmatch(r"0+(?:\.0+)?%?", shift) else Raised


def _backed(style: Any) -> bool:
    """Returns whether a style puts something else than white behind its text."""
    behind = [value(one, "background-color").lower() for one in style]
    return any(colour not in ("", "transparent", "#ffffff") for colour in behind)


def _rows(table: Any) -> Iterable[Any]:
    for one in table:
        if local(one) == "table-row":
            yield one
        elif local(one) in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _rows(one)


def _cells(row: Any) -> Iterable[Any]:
    return (one for one in row if local(one) in ("table-cell", "covered-table-cell"))


def _repeats(cell: Any) -> int:
    count = value(cell, "number-columns-repeated", "1")
    return min(int(count), _COLUMNS) if re.fullmatch(r"\d{1,9}", count) else 1
