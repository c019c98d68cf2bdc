"""A page of a PDF becomes a picture, and its letters with the box in which each stands.

It runs where loaders run, so nothing of it is believed: `frames.py` checks what comes back. Letters
are those that the reader met, in the order PDFium has them.
"""

from __future__ import annotations

import ctypes
from array import array
from typing import Any

from rag.documents.pdf.reader import opened
from rag.errors import DocumentError
from rag.types import GRID, Drawn

WIDTH = 1_000
"""Pixels of a picture: twice what a page has beside the chat, for screens of two pixels a point."""

MOST_HEIGHT = 3_000
"""Pixels; what is longer is drawn smaller, so that no page takes more than 9 MB."""

MOST_LETTERS = 50_000
"""A dense page has 8,000; of one that has more than these the words are not looked for."""


def draw(data: bytes, number: int) -> Drawn:
    """Returns a page.

    Args:
        number: from 1.

    Raises:
        DocumentError: there is no such page, or it cannot be drawn.
    """
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(data) as pdf:
            if not 1 <= number <= len(pdf):
                raise DocumentError("no page", f"has {len(pdf)} pages, and no page {number}")
            page = opened(pdf, number - 1)
            try:
                width, height = page.get_size()
                if not 0 < width * height < float("inf"):
                    raise DocumentError("no picture", f"page {number} has no size")
                scale = min(WIDTH / width, MOST_HEIGHT / height)
                bitmap = page.render(scale=scale, may_draw_forms=False, rev_byteorder=True)
                letters, boxes = _letters(page)
                pixels = _rows(bitmap)
                return Drawn(bitmap.width, bitmap.height, pixels, letters, boxes)
            finally:
                page.close()
    except pypdfium2.PdfiumError as error:
        raise DocumentError("no picture", f"page {number} cannot be drawn") from error


def _rows(bitmap: Any) -> bytes:
    """Returns the pixels, red, green and blue, without what fills up a row in memory."""
    buffer, stride, row = memoryview(bitmap.buffer), bitmap.stride, 3 * bitmap.width
    if bitmap.n_channels != 3:
        raise DocumentError("no picture", f"drawn with {bitmap.n_channels} channels")
    return b"".join(buffer[at * stride : at * stride + row] for at in range(bitmap.height))


def _letters(page: Any) -> tuple[str, array[int]]:
    """Returns the letters, and left, top, right and bottom of each in parts of the page."""
    from pypdfium2 import raw

    owner = page.get_textpage()
    text, count = owner.raw, owner.count_chars()
    if count > MOST_LETTERS:
        return "", array("H")
    box, across, down = raw.FS_RECTF(), ctypes.c_int(), ctypes.c_int()
    units = [raw.FPDFText_GetUnicode(text, at) for at in range(count)]
    boxes = array("H")
    for at in range(count):
        raw.FPDFText_GetLooseCharBox(text, at, box)
        corners = []
        for x, y in ((box.left, box.top), (box.right, box.bottom)):
            raw.FPDF_PageToDevice(page.raw, 0, 0, GRID, GRID, 0, x, y, across, down)
            corners.append((across.value, down.value))
        (left, right), (top, bottom) = (sorted(side) for side in zip(*corners, strict=True))
        boxes.extend(min(max(side, 0), GRID) for side in (left, top, right, bottom))
    owner.close()
    return "".join(map(_letter, units, [*units[1:], 0])), boxes


def _letter(unit: int, following: int) -> str:
    """Returns the letter of a code, of a surrogate pair with its first half alone."""
    if 0xD800 <= unit < 0xDC00 and 0xDC00 <= following < 0xE000:
        return chr(0x10000 + ((unit - 0xD800) << 10) + (following - 0xDC00))
    return "\ufffd" if 0xD800 <= unit < 0xE000 or unit > 0x10FFFF else chr(unit)
