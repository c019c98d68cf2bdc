"""Word documents (.docx, .docm, .dotx, .dotm) become documents; a place is a block's number.

Paragraphs in order with headings, lists with their markers, tables, code, equations as LaTeX, the
words of text boxes, charts and notes after the block they hang on, headers and footers once at the
end. Deletions, comments, field codes and hidden text are left out, the last with a remark.

The walk is our own. Tried on 13 documents of converters' tests: python-docx 1.2 opens neither the
strict file nor one whose table says too little of its grid, and sees no text box, equation or
note; mammoth 1.13 drops equations and headers, and gives HTML to be read again. Both inflate the
whole package. What a document holds is some thirty elements, and those are below.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from rag.documents.building import Builder
from rag.documents.office.archive import Archive, child, local, value
from rag.documents.office.formulas import (
    Lowered,
    Raised,
    formulas_in,
    formulas_only,
    from_office,
    joined,
)
from rag.documents.office.package import Package, Related, chosen, hidden, reference, titled, whole
from rag.documents.office.wordstyles import (
    Look,
    Numbering,
    Style,
    Styles,
    is_shaded,
    level_of,
    list_of,
    run_symbol,
)
from rag.documents.web.html import lay_out
from rag.errors import DocumentError
from rag.types import Document, PlaceKind, Remark

_SKIPPED = frozenset(
    (
        *("pPr", "rPr", "tblPr", "tblGrid", "trPr", "tcPr", "sdtPr", "sdtEndPr", "sectPr"),
        *("del", "moveFrom", "instrText", "delText", "delInstrText"),
    )
)
_STANDING = {"superscript": Raised, "subscript": Lowered}
_CHARACTERS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_HANGING = ("txbxContent", "footnoteReference", "endnoteReference", "chart", "relIds")
_CODE_SIGNS = re.compile(r"[;{}()\[\]=<>]|^\s*(?:#|//|\$ )|^ {2,}\S")
_COLUMNS = 100
_FIELDS = 20
"""Inside each other; of more, the outer ones are forgotten."""
_DRAWN = ("chart", "chartEx", "diagramData")


def parse(path: str, data: bytes) -> Document:
    """Returns the document.

    Raises:
        DocumentError: `encrypted`, `damaged`, `too large`, or `no text` where there are pictures
            only.
    """
    archive = Archive(data, "a Word document", ".docx")
    package = Package(archive, "word/document.xml")
    root = package.body("document")
    reader = _Reader(package)
    reader.read(root)
    title = package.title()
    document = reader.build.document(path, "", [*archive.remarks, *reader.remarks()])
    if not document.text and any(local(one) in ("blip", "imagedata") for one in root.iter()):
        raise DocumentError(
            "no text", "holds pictures only: text recognition (OCR) would make them readable"
        )
    return titled(document, title)


class _Reader:
    """One pass over the parts of a document."""

    def __init__(self, package: Package) -> None:
        self.build = Builder(PlaceKind.PARAGRAPH)
        self._package = package
        self._related = package.related(package.main)
        self._styles = Styles(self._root_of("styles"))
        self._numbering = Numbering(self._root_of("numbering"))
        self._notes = {
            (kind, value(note, "id")): note
            for kind in ("footnote", "endnote")
            for note in self._root_of(f"{kind}s", default=())
        }
        self._drawn = {one.id: one for one in self._related if one.kind in _DRAWN}
        self._files = {one.id: one.target for one in self._related if one.kind == "aFChunk"}
        self._blocks_said = 0
        self._items: list[str] = []
        self._code: list[str] = []
        self._after: deque[Any] = deque()
        self._emptying = False
        self._fields: list[bool] = []
        self._backed = 0
        self._monospaced = True
        self._hidden = 0

    def read(self, root: Any) -> None:
        """Reads the main part, then what stands above and below the pages."""
        if value(child(root, "background"), "color").upper() not in ("", "AUTO", "FFFFFF"):
            self._backed += 1
        self._blocks(root)
        self._flush()
        seen = {""}
        for kind in ("header", "footer"):
            for one in self._related:
                part = self._package.archive.part(one.target) if one.kind == kind else None
                said = "".join(_texts(part)) if part is not None else ""
                if said not in seen and not said.isdigit():
                    seen.add(said)
                    self._blocks(part)
                    self._flush()

    def remarks(self) -> list[Remark]:
        """Returns what was left out."""
        return hidden(self._hidden)

    def _root_of(self, kind: str, default: Any = None) -> Any:
        for one in self._related:
            if one.kind == kind:
                root = self._package.archive.part(one.target)
                return default if root is None else root
        return default

    def _say(self, say: Callable[..., object], *what: Any) -> None:
        """Adds a block under the next number, if there is something in it."""
        before = self.build.length
        self.build.place(str(self._blocks_said + 1))
        say(*what)
        self._blocks_said += self.build.length > before

    def _blocks(self, parent: Any) -> None:
        for one in parent:
            match local(one):
                case "p":
                    self._paragraph(one)
                case "tbl":
                    self._table(one)
                case "oMathPara" | "oMath":
                    self._flush()
                    self._say(self.build.math, from_office(one))
                case "AlternateContent":
                    self._blocks(chosen(one))
                case "altChunk":
                    self._flush()
                    if name := self._files.pop(reference(one), ""):
                        self._file(name)
                case name if name and name not in _SKIPPED:
                    self._blocks(one)

    def _file(self, name: str) -> None:
        """Adds a page that was put in whole; Word turns it into paragraphs when it saves."""
        archive = self._package.archive
        try:
            if not name.lower().endswith((".html", ".htm", ".xhtml")):
                raise archive.damaged("no page")
            self._say(lay_out, self.build, archive.read(name), archive.remarks, False)
        except DocumentError as error:
            archive.leave_out(name, error)

    def _flush(self) -> None:
        """Ends a list or code, then adds what hung on it: boxes, drawings, notes.

        Notes can name notes, so what hangs on them waits in the same queue.
        """
        if self._items:
            items, self._items = self._items, []
            self._say(self.build.items, items)
        if self._code:
            code, self._code = self._code, []
            self._say(self.build.code, "\n".join(code))
        if self._emptying or not self._after:
            return
        self._emptying = True
        while self._after:
            one = self._after.popleft()
            if isinstance(one, Related):
                drawn = self._package.drawn(one)
                self._say(self.build.paragraph, whole("\n".join(drawn.lines)))
                self._say(self.build.table, drawn.rows)
            else:
                self._backed += 1
                self._blocks(one)
                self._flush()
                self._backed -= 1
        self._emptying = False

    def _paragraph(self, paragraph: Any) -> None:
        properties = child(paragraph, "pPr")
        style = self._styles.of(properties)
        before, self._after = self._after, deque()
        pieces = self._pieces(paragraph, style)
        hanging, self._after = self._after, before
        text = whole(joined(pieces))
        if text.strip():
            self._said(text, pieces, properties, style)
        elif self._code:
            self._code.append("")
        self._after += hanging
        if not self._items and not self._code:
            self._flush()

    def _said(self, text: str, pieces: list[str], properties: Any | None, style: Style) -> None:
        """Adds the text of a paragraph as what it is."""
        marker, depth = self._marker(properties, style)
        level = level_of(properties, style)
        if style.code or (self._monospaced and (self._code or _CODE_SIGNS.search(text))):
            if self._items:
                self._flush()
            self._code.append(text)
        elif marker and not level:
            if self._code:
                self._flush()
            self._items.append(f"{'  ' * depth}{marker} {text.strip()}")
        else:
            self._flush()
            if level:
                self._say(self.build.heading, f"{marker.strip('-')} {text}", level)
            elif formulas := formulas_only(pieces):
                self._say(self.build.math, formulas)
            else:
                self._say(self.build.paragraph, text)

    def _marker(self, properties: Any | None, style: Style) -> tuple[str, int]:
        number, level = list_of(child(properties, "numPr"), style.listed)
        if not number:
            return "", 0
        depth = int(level) if level.isdecimal() and len(level) == 1 else 0
        return self._numbering.marker(number, str(depth)), depth

    def _pieces(self, paragraph: Any, style: Style) -> list[str]:
        """Returns the visible words of a paragraph, formulas apart."""
        shading = child(paragraph, "pPr", "shd")
        if shading is not None:
            style = replace(style, look=Look(shaded=is_shaded(shading)).over(style.look))
        self._monospaced = True
        pieces: list[str] = []
        self._inline(paragraph, style, pieces)
        self._monospaced &= not formulas_only(pieces)
        self._fields = [False] * len(self._fields)  # a code that never ends hides one paragraph
        return pieces

    def _inline(self, parent: Any, style: Style, pieces: list[str]) -> None:
        look = style.look
        if local(parent) == "r":
            look = self._styles.look_of(child(parent, "rPr"), style)
        for one in parent:
            match local(one):
                case "t":
                    self._hear(one.text or "", look, pieces)
                case "sym":
                    self._hear(run_symbol(one), look, pieces)
                case "tab" | "ptab" | "br" | "cr" | "noBreakHyphen" as name:
                    self._hear(_CHARACTERS[name], look, pieces)
                case "fldChar":
                    self._field(value(one, "fldCharType"))
                case "oMath" | "oMathPara":
                    pieces.extend(formulas_in(one))
                case "ruby":
                    self._ruby(one, style, pieces)
                case "AlternateContent":
                    self._inline(chosen(one), style, pieces)
                case name if name in _HANGING:
                    self._hang(one, name)
                case name if name and name not in _SKIPPED:
                    self._inline(one, style, pieces)

    def _hear(self, said: str, look: Look, pieces: list[str]) -> None:
        """Adds characters, if they are seen; those of a field's code never are."""
        if look.hidden or (look.white and not look.shaded and not self._backed):
            self._hidden += len(said.split())
        elif True not in self._fields:
            self._monospaced &= bool(look.monospaced) or not said.strip()
            pieces.append(_STANDING.get(look.stands or "", str)(said))

    def _ruby(self, ruby: Any, style: Style, pieces: list[str]) -> None:
        """Adds characters, then how they are pronounced, as print does without small type."""
        for name, before, after in (("rubyBase", "", ""), ("rt", "(", ")")):
            part = child(ruby, name)
            if part is not None:
                pieces.append(before)
                self._inline(part, style, pieces)
                pieces.append(after)

    def _hang(self, one: Any, name: str) -> None:
        """Keeps what is to follow the block: a text box, a note or a drawing, each once."""
        found: Any = one
        if name.endswith("Reference"):
            found = self._notes.pop((name.removesuffix("Reference"), value(one, "id")), None)
        elif name != "txbxContent":
            found = self._drawn.pop(value(one, "dm") or reference(one), None)
        if found is not None:
            self._after.append(found)

    def _field(self, kind: str) -> None:
        """Follows a field from its code to its result; only the result is text."""
        if kind == "begin":
            self._fields = [*self._fields[-_FIELDS:], True]
        elif kind == "separate" and self._fields:
            self._fields[-1] = False
        elif kind == "end" and self._fields:
            self._fields.pop()

    def _table(self, table: Any) -> None:
        self._flush()
        self._backed += 1
        rows = [list(_inside(row, "tc")) for row in _inside(table, "tr") if not _is_deleted(row)]
        if max(map(len, rows), default=0) > 1:
            self._say(self.build.table, [list(self._row(row)) for row in rows])
        else:  # a frame around text
            for cell in (cell for row in rows for cell in row):
                self._blocks(cell)
        self._flush()
        self._backed -= 1

    def _row(self, cells: list[Any]) -> Iterator[str]:
        """Yields the cells of a row; what is merged is said once, and leaves its columns empty."""
        for cell in cells:
            properties = child(cell, "tcPr")
            merged = child(properties, "vMerge")
            if merged is not None and value(merged, "val", "continue") == "continue":
                yield ""
            else:
                yield " ".join(self._lines(cell))
            span = value(child(properties, "gridSpan"), "val", "1")
            count = int(span) if re.fullmatch(r"\d{1,9}", span) else 1
            yield from [""] * (min(count, _COLUMNS) - 1)

    def _lines(self, cell: Any) -> Iterator[str]:
        """Yields the paragraphs of a cell, those of tables in it too."""
        for one in cell:
            name = local(one)
            if name == "p":
                properties = child(one, "pPr")
                style = self._styles.of(properties)
                text = whole(joined(self._pieces(one, style)))
                if text.strip():
                    marker, _ = self._marker(properties, style)
                    yield f"{marker} {text}" if marker else text
            elif name == "AlternateContent":
                yield from self._lines(chosen(one))
            elif name and name not in _SKIPPED:
                yield from self._lines(one)


def _texts(element: Any) -> Iterator[str]:
    return (one.text or "" for one in element.iter() if local(one) == "t")


def _inside(parent: Any, name: str) -> Iterator[Any]:
    """Yields the rows of a table or the cells of a row, those inside content controls too."""
    for one in parent:
        if local(one) == name:
            yield one
        elif local(one) not in ("p", "tbl", "tr", "tc", *_SKIPPED):
            yield from _inside(one, name)


def _is_deleted(row: Any) -> bool:
    return child(row, "trPr", "del") is not None
