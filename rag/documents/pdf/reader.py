"""PDF files become documents: PDFium reads them page by page; pages count from 1, as viewers do.

Only text is read: no script runs (PDFium comes without an engine for them, and forms are not
set up), nothing embedded is opened, and no link is followed. What filled fields, free-text
comments and stamps say belongs to their page.

PDFium must not be called by two threads at once.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise, repeat
from typing import Any

from rag.documents.pdf.directions import LEFTWARDS, in_reading_order, runs_left
from rag.documents.pdf.letters import UNREADABLE, readable
from rag.documents.pdf.rows import CELL_GAP, Page, Piece
from rag.documents.pdf.scripts import script_of
from rag.documents.pdf.typesetting import typeset
from rag.documents.titles import real_title
from rag.errors import DocumentError
from rag.types import Document, Remark

MAX_CHARACTERS = 20_000_000
"""Of all pages together; a book of 500 pages has a million and a half."""

_DAMAGED = "damaged, or not a PDF: export it or download it again"
_OCR = "text recognition (OCR) would make the words in their pictures searchable"

HARDLY_ANY = 200
"""Letters of a page below which one looks whether a picture holds the rest."""

_RULE = 10
"""Letters of a line that is drawn for PDFium's sake."""

_ENDS = re.compile("[\r\n\x02]+")  # PDFium writes U+0002 for a hyphen at a line's end
_WORD = re.compile("[^ \t\xa0\u2000-\u200a\u202f\u3000]+")
_TORN = re.compile(r"(?<=\n)[^\s\x02](?=\r\n[^\s\x02])")
_BOLD = re.compile(r"bold|black|heavy|demi|-medi|cmbx|cmssbx", re.IGNORECASE)
_FIXED = re.compile(r"mono|courier|consol|typewriter|menlo|cmtt", re.IGNORECASE)


def parse(path: str, data: bytes) -> Document:
    """Returns the document; a remark names the pages that show something, but hold no text.

    Raises:
        DocumentError: encrypted, damaged, empty, without text (scans), or too large.
    """
    import pypdfium2

    broken: list[int] = []
    try:
        with pypdfium2.PdfDocument(data) as pdf:
            count = len(pdf)
            laid = typeset(_read(pdf, broken), _outline(pdf))
            title = real_title(pdf.get_metadata_value("Title")) or laid.title
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            message = "needs a password: save a copy that opens without one"
            raise DocumentError("encrypted", message) from error
        raise DocumentError("damaged", _DAMAGED) from error
    if len(broken) == count:
        raise DocumentError("damaged", _DAMAGED)
    silent = f"{_counted(laid.silent, 'without text')}: {_OCR}"
    if not laid.build.length and laid.silent:
        raise DocumentError("no text", silent)
    if not laid.build.length:
        raise DocumentError("empty", "holds no text: its pages are blank")
    remarks = []
    if laid.silent:
        remarks.append(Remark("pages without text", silent, laid.silent))
    if broken:
        said = f"{_counted(broken, 'unreadable')}: export the file again"
        remarks.append(Remark("damaged pages", said, tuple(broken)))
    return laid.build.document(path, title, remarks)


def _counted(pages: Sequence[int], what: str) -> str:
    """Returns how many pages are so, and which."""
    noun = "page" if len(pages) == 1 else "pages"
    listed = ", ".join(map(str, pages[:20])) + (", …" if len(pages) > 20 else "")
    return f"{len(pages)} {noun} {what} ({noun} {listed})"


def _outline(pdf: Any) -> frozenset[str]:
    """Returns the titles of the outline, folded; those of a circle are listed once."""
    return frozenset(
        "".join(item.get_title().casefold().split()) for item in pdf.get_toc(max_depth=6)
    )


def _read(pdf: Any, broken: list[int]) -> Iterator[Page]:
    """Yields the pages, each closed before the next is opened, and notes those that are broken."""
    import pypdfium2

    read = 0
    for number in range(1, len(pdf) + 1):
        try:
            page = opened(pdf, number - 1)
        except pypdfium2.PdfiumError:
            broken.append(number)
            continue
        try:
            reader = _Reader(page)
            read += reader.length
            if read > MAX_CHARACTERS:
                raise DocumentError(
                    "too large",
                    f"more than {MAX_CHARACTERS // 1_000_000} million characters: split it",
                )
            yield reader.page(number)
        finally:
            page.close()


def opened(pdf: Any, index: int) -> Any:
    """Returns a page; what its filled fields, comments and stamps show is made part of it."""
    from pypdfium2 import raw

    said = {raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_STAMP}
    page = pdf[index]
    for at in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, at)
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        raw.FPDFPage_CloseAnnot(annotation)
        if kind in said:
            raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
            page.close()
            return pdf[index]
    return page


@dataclass(frozen=True, slots=True)
class _Style:
    """How letters drawn in one go look; they run after `quarter` turns to the left."""

    size: float
    bold: bool
    fixed: bool
    unseen: bool
    quarter: int


class _Reader:
    """Reads one page: its letters at once, then where each word begins and ends."""

    def __init__(self, page: Any) -> None:
        from pypdfium2 import raw

        self._raw = raw
        self._page = page.raw
        self._all = ""
        self._fonts: dict[int, tuple[bool, bool]] = {}
        self._styles: dict[int, _Style] = {}
        self._box = tuple(ctypes.c_double() for _ in range(4))
        self._origin = ctypes.c_double(), ctypes.c_double()
        self._matrix = raw.FS_MATRIX()
        self._name = ctypes.create_string_buffer(256)
        self._open(page)
        if self._is_torn():
            rule = _rule_across(page)
            self._open(page)
            letters = [at for at, one in enumerate(self._all) if one == "_"]
            gone = {
                at
                for at in letters
                if _address(self._raw.FPDFText_GetTextObject(self._text, at)) == rule
            }
            self._all = "".join("\r" if at in gone else one for at, one in enumerate(self._all))

    def _open(self, page: Any) -> None:
        self._owner = page.get_textpage()
        self._text = self._owner.raw  # called a million times a book, so without its wrapper
        self.length: int = self._owner.count_chars()
        codes = map(self._raw.FPDFText_GetUnicode, repeat(self._text), range(self.length))
        self._all = "".join(chr(code) if code < 0x110000 else "\ufffd" for code in codes)

    def _is_torn(self) -> bool:
        """Returns whether PDFium ends lines within words.

        It does where it takes a page of narrow columns for one that is written downwards.
        """
        ends = [found.start() for found in _TORN.finditer(self._all)]
        torn = 0
        for at in ends:
            one, other = self._place(at), self._place(at + 3)
            torn += abs(one[1] - other[1]) < 1 and 0 < other[0] - one[0] < 20
        return torn > 20 and 2 * torn > len(ends)

    def page(self, number: int) -> Page:
        """Returns what the page holds; text of which most letters cannot be read is none."""
        frames: dict[int, list[Piece]] = {}
        letters = unseen = 0
        text = self._all
        visible = len("".join(text.split()))
        unreadable = len(UNREADABLE.findall(_ENDS.sub("", text)))
        if unreadable * 2 <= visible:
            start = 0
            text = self._without_false_ends(text)
            for end in [*_ENDS.finditer(text), None]:
                until = end.start() if end else len(text)
                hyphen = end is not None and "\x02" in end[0]
                for quarter, piece, hidden in self._pieces(text, start, until, hyphen):
                    frames.setdefault(quarter, []).append(piece)
                    letters += len(piece.text)
                    unseen += len(piece.text) if hidden else 0
                start = end.end() if end else until
        fullest_first = sorted(
            map(tuple, frames.values()),
            key=lambda pieces: -sum(len(piece.text) for piece in pieces),
        )
        drawn, pictured = self._drawn() if letters < HARDLY_ANY else (True, False)
        return Page(number, tuple(fullest_first), drawn, pictured, recognized=2 * unseen > letters)

    def _without_false_ends(self, text: str) -> str:
        """Returns text where U+0002 is a hyphen, and not a letter of a font without names."""
        for found in re.finditer("\x02", text):
            at = found.start()
            if self._raw.FPDFText_IsHyphen(self._text, at) != 1:
                text = f"{text[:at]}\x01{text[at + 1 :]}"
        return text

    def _pieces(
        self, text: str, start: int, end: int, hyphen: bool
    ) -> Iterator[tuple[int, Piece, bool]]:
        """Yields what stands between two line ends of PDFium, parted at wide gaps."""
        words = [found.span() for found in _WORD.finditer(text, start, end)]
        if not words:
            return
        styles = [self._style(at) for at, _ in words]
        quarter = self._quarter(words[0][0], words[-1][1] - 1, styles[0])
        boxes = [self._edges(at, until - 1, quarter) for at, until in words]
        script = self._begins_raised(text, words[:2], styles, quarter)
        said = [
            self._said(text, at, until, quarter, look)
            for (at, until), look in zip(words, styles, strict=True)
        ]
        leftwards = runs_left(text[start:end])
        order = list(range(len(words)))
        if leftwards:
            order.sort(key=lambda at: boxes[at])
            said = [self._forwards(at, word) for (at, _), word in zip(words, said, strict=True)]
        for group in _parted(order, boxes, styles, script):
            here = [said[at] for at in group]
            piece = readable(" ".join(in_reading_order(here) if leftwards else here))
            piece += "-" if hyphen and group[-1] == len(words) - 1 else ""
            if piece:
                looks = [styles[at] for at in group]
                first = words[group[0]][0]
                yield (
                    quarter,
                    Piece(
                        text=piece,
                        left=min(boxes[at][0] for at in group),
                        right=max(boxes[at][1] for at in group),
                        y=self._base_line(first, quarter),
                        size=Counter(look.size for look in looks).most_common(1)[0][0],
                        bold=all(look.bold for look in looks),
                        fixed=all(look.fixed for look in looks),
                        order=first,
                    ),
                    looks[0].unseen,
                )

    def _forwards(self, at: int, word: str) -> str:
        """Returns a word whose letters that run to the left stand in the order one reads them."""

        def read(run: re.Match[str]) -> str:
            first, last = self._place(at + run.start()), self._place(at + run.end() - 1)
            return run[0][::-1] if first[0] < last[0] else run[0]

        return LEFTWARDS.sub(read, word)

    def _begins_raised(
        self, text: str, words: Sequence[tuple[int, int]], styles: Sequence[_Style], quarter: int
    ) -> bool:
        """Returns whether the first word is a number off the line of the second."""
        if len(words) < 2 or styles[0].size >= styles[1].size:
            return False
        first, second = (self._base_line(at, quarter) for at, _ in words)
        number = text[slice(*words[0])]
        script = script_of(number, styles[0].size, first, styles[1].size, second)
        return script is not None and number.strip("+−–-,").isdigit()

    def _said(self, text: str, start: int, end: int, quarter: int, base: _Style) -> str:
        """Returns a word, its superscripts and subscripts told as such."""
        if end - start < 2 or self._style(end - 1) is base:
            return text[start:end]
        said, line = "", self._base_line(start, quarter)
        for look, run in groupby(range(start, end), key=self._style):
            letters = list(run)
            here = text[letters[0] : letters[-1] + 1]
            y = self._base_line(letters[0], quarter)
            script = script_of(here, look.size, y, base.size, line)
            if script is None:
                base, line = look, y
            said += here if script is None else script
        return said

    def _style(self, at: int) -> _Style:
        raw = self._raw
        drawn = raw.FPDFText_GetTextObject(self._text, at)
        key = _address(drawn)
        if key not in self._styles:
            raw.FPDFText_GetMatrix(self._text, at, self._matrix)
            matrix = self._matrix
            size = raw.FPDFText_GetFontSize(self._text, at) * math.hypot(matrix.c, matrix.d)
            size = size if math.isfinite(size) and 0.1 < size < 10_000 else 10.0
            turned = math.atan2(matrix.b, matrix.a) / (math.pi / 2)
            bold, fixed = self._font(drawn) if key else (False, False)
            unseen = bool(key) and raw.FPDFTextObj_GetTextRenderMode(drawn) == (
                raw.FPDF_TEXTRENDERMODE_INVISIBLE
            )
            quarter = round(turned) % 4 if math.isfinite(turned) else 0
            self._styles[key] = _Style(round(size, 1), bold, fixed, unseen, quarter)
        return self._styles[key]

    def _font(self, drawn: Any) -> tuple[bool, bool]:
        """Returns whether it is bold, and whether all of its letters are of one width."""
        raw = self._raw
        font = raw.FPDFTextObj_GetFont(drawn)
        key = _address(font)
        if key not in self._fonts:
            self._name.value = b""
            if key:
                raw.FPDFFont_GetBaseFontName(font, self._name, len(self._name) - 1)
            name = self._name.value.decode("utf-8", "replace")
            flags = raw.FPDFFont_GetFlags(font) if key else 0
            flags = max(flags, 0)
            bold = bool(_BOLD.search(name)) or bool(flags & 1 << 18)
            self._fonts[key] = bold, bool(_FIXED.search(name)) or bool(flags & 1)
        return self._fonts[key]

    def _quarter(self, first: int, last: int, style: _Style) -> int:
        """Returns how a line runs: as its letters do, or downwards where they stand in a stack."""
        if style.quarter == 0 and first < last:
            one, other = self._place(first), self._place(last)
            if one[1] - other[1] > abs(other[0] - one[0]):
                return 3
        return style.quarter

    def _place(self, at: int) -> tuple[float, float]:
        self._raw.FPDFText_GetCharOrigin(self._text, at, *self._origin)
        return self._origin[0].value, self._origin[1].value

    def _base_line(self, at: int, quarter: int) -> float:
        x, y = self._place(at)
        return (-y, x, y, -x)[quarter]

    def _edges(self, first: int, last: int, quarter: int) -> tuple[float, float]:
        """Returns where a word begins and ends along its line."""
        edges: list[float] = []
        left, right, bottom, top = self._box
        for at in (first, last) if first < last else (first,):
            self._raw.FPDFText_GetCharBox(self._text, at, left, right, bottom, top)
            if quarter % 2 == 0:
                edges += left.value, right.value
            else:
                edges += bottom.value, top.value
        return (min(edges), max(edges)) if quarter in (0, 1) else (-max(edges), -min(edges))

    def _drawn(self) -> tuple[bool, bool]:
        """Returns whether a page shows more than a frame, and whether a picture fills it."""
        raw = self._raw
        drawn = False
        count = raw.FPDFPage_CountObjects(self._page)
        left, bottom, right, top = (ctypes.c_float() for _ in range(4))
        page = raw.FPDF_GetPageWidthF(self._page) * raw.FPDF_GetPageHeightF(self._page)
        for at in range(min(count, 100)):
            shown = raw.FPDFPage_GetObject(self._page, at)
            kind = raw.FPDFPageObj_GetType(shown)
            drawn = drawn or kind not in (raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_SHADING)
            if kind == raw.FPDF_PAGEOBJ_IMAGE:
                raw.FPDFPageObj_GetBounds(shown, left, bottom, right, top)
                area = (right.value - left.value) * (top.value - bottom.value)
                if area > 0.5 * page:
                    return True, True
        return drawn or count > 10, False


def _address(handle: Any) -> int:
    return ctypes.addressof(handle.contents) if handle else 0


def _rule_across(page: Any) -> int:
    """Returns the address of a line of text, drawn across the foot of a page in memory.

    PDFium takes lines to run across where text does (CPDF_TextPage::FindTextlineFlowOrientation).
    """
    from pypdfium2 import raw

    text = (ctypes.c_ushort * (_RULE + 1))(*b"_" * _RULE)
    rule = raw.FPDFPageObj_NewTextObj(page.pdf.raw, b"Courier", 1.0)
    raw.FPDFText_SetText(rule, text)
    width = page.get_width() / (0.6 * _RULE)  # those letters are 0.6 wide
    raw.FPDFPageObj_Transform(rule, width, 0, 0, 10, 0, 10)
    raw.FPDFPage_InsertObject(page.raw, rule)
    return _address(rule)


def _parted(
    order: Sequence[int],
    boxes: Sequence[tuple[float, float]],
    styles: Sequence[_Style],
    script: bool,
) -> Iterator[list[int]]:
    """Yields words that no wide gap parts; a `script` that comes first stands alone."""
    group = [order[0]]
    for before, at in pairwise(order):
        gap = max(boxes[at][0] - boxes[before][1], boxes[before][0] - boxes[at][1])
        if gap > CELL_GAP * styles[at].size or (script and before == 0):
            yield group
            group = []
        group.append(at)
    yield group
