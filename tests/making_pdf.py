"""Writes small valid PDFs for tests: lines at places, empty pages, pictures, a password."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from hashlib import md5
from typing import NamedTuple

FONTS = {"": b"Helvetica", "bold": b"Helvetica-Bold", "fixed": b"Courier"}
PICTURE = "\0picture"
"""A page that holds one picture, as large as the page."""

PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
LIGATURES = "ﬀﬁﬂﬃﬄ"
ENCODING = b"<</Type/Encoding/BaseEncoding/WinAnsiEncoding/Differences[1/ff/fi/fl/ffi/ffl]>>"


class Line(NamedTuple):
    """Text at a place in points from the left and the top of a page of 612 by 792."""

    left: float
    top: float
    text: str
    size: float = 10
    style: str = ""


PageText = str | Sequence[tuple[float, float, str] | Line]


def pdf(
    pages: Sequence[PageText],
    *,
    title: str = "",
    password: str | None = None,
    owner: str = "owner",
    outline: Sequence[str] = (),
    comments: Mapping[int, str] | None = None,
    turned: int = 0,
) -> bytes:
    """Returns a PDF.

    Args:
        pages: a string is a page of lines, 12 points apart; an empty one is a blank page.
        password: that the file needs to be opened, by RC4 with 40 bits; an empty one needs none,
            and is encrypted all the same.
        outline: titles, all of them leading to the first page.
        comments: text shown by an annotation, by page from 0.
        turned: text runs along a page turned by this many degrees, 0 or 90.
    """
    file = _File(password, owner)
    fonts = b"".join(
        b"/F%d %d 0 R"
        % (
            number,
            file.add(b"<</Type/Font/Subtype/Type1/BaseFont/%s/Encoding%s>>" % (name, ENCODING)),
        )
        for number, name in enumerate(FONTS.values())
    )
    picture = file.add(
        b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8"
        b"/Length %d>>",
        b"\x80",
    )
    tree = file.reserve()
    kids = []
    for at, page in enumerate(pages):
        content = _content(page, turned)
        contents = b""
        if content:
            packed = zlib.compress(content)
            number = file.add(b"<</Filter/FlateDecode/Length %d>>", packed)
            contents = b"/Contents %d 0 R" % number
        annotations = b""
        if comments and at in comments:
            shown = file.add(
                b"<</Type/XObject/Subtype/Form/BBox[0 0 400 20]/Resources<</Font<<%s>>>>" % fonts
                + b"/Length %d>>",
                b"BT /F0 10 Tf 2 5 Td (%s) Tj ET" % _escaped(comments[at]),
            )
            annotations = (
                b"/Annots[<</Type/Annot/Subtype/FreeText/Rect[72 72 472 92]/F 4/AP<</N %d 0 R>>>>]"
                % shown
            )
        kids.append(
            file.add(
                b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 612 792]%s%s"
                b"/Resources<</Font<<%s>>/XObject<</P %d 0 R>>>>>>"
                % (tree, contents, annotations, fonts, picture)
            )
        )
    listed = b" ".join(b"%d 0 R" % kid for kid in kids)
    file.set(tree, b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), listed))
    root = b"<</Type/Catalog/Pages %d 0 R" % tree
    if outline:
        root += b"/Outlines %d 0 R" % _outline(file, outline, kids[0])
    catalog = file.add(root + b">>")
    info = file.reserve()
    file.set(info, b"<</Title(%s)>>" % _escaped(file.sealed(info, title.encode("cp1252"))))
    return file.bytes(catalog, info)


def _content(page: PageText, turned: int) -> bytes:
    if page == PICTURE:
        return b"q 612 0 0 792 0 0 cm /P Do Q"
    if isinstance(page, str):
        page = [Line(72, 72 + 12 * at, line) for at, line in enumerate(page.split("\n")) if line]
    written = []
    for one in page:
        line = Line(*one)
        font = list(FONTS).index(line.style)
        at = b"1 0 0 1 %.2f %.2f" % (line.left, 792 - line.top)
        if turned == 90:
            at = b"0 1 -1 0 %.2f %.2f" % (line.top, line.left)
        text = _escaped(_encoded(line.text))
        written.append(b"BT /F%d %.1f Tf %s Tm (%s) Tj ET" % (font, line.size, at, text))
    return b"\n".join(written)


def _outline(file: _File, titles: Sequence[str], page: int) -> int:
    root = file.reserve()
    numbers = [file.reserve() for _ in titles]
    for at, (number, title) in enumerate(zip(numbers, titles, strict=True)):
        following = b"/Next %d 0 R" % numbers[at + 1] if at + 1 < len(numbers) else b""
        text = _escaped(file.sealed(number, title.encode("cp1252")))
        file.set(
            number,
            b"<</Title(%s)/Parent %d 0 R/Dest[%d 0 R/Fit]%s>>" % (text, root, page, following),
        )
    ends = b"/First %d 0 R/Last %d 0 R" % (numbers[0], numbers[-1])
    file.set(root, b"<</Type/Outlines/Count %d%s>>" % (len(titles), ends))
    return root


def _encoded(text: str) -> bytes:
    codes = {character: bytes([1 + at]) for at, character in enumerate(LIGATURES)}
    return b"".join(codes.get(one) or one.encode("cp1252") for one in text)


def _escaped(text: str | bytes) -> bytes:
    data = text.encode("cp1252") if isinstance(text, str) else text
    for special in (b"\\", b"(", b")"):
        data = data.replace(special, b"\\" + special)
    return data.replace(b"\r", b"\\r").replace(b"\n", b"\\n")


class _File:
    """Numbered objects, sealed where there is a password, and the table of where they lie."""

    def __init__(self, password: str | None, owner: str) -> None:
        self._objects: list[bytes] = []
        self._key = b""
        self._lock = b""
        if password is not None:
            user = (password.encode("cp1252") + PAD)[:32]
            sealed = rc4(md5((owner.encode("cp1252") + PAD)[:32]).digest()[:5], user)
            rights = b"\xfc\xff\xff\xff"
            self._key = md5(user + sealed + rights + b"0123456789abcdef").digest()[:5]
            self._lock = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O(%s)/U(%s)>>" % (
                _escaped(sealed),
                _escaped(rc4(self._key, PAD)),
            )

    def reserve(self) -> int:
        self._objects.append(b"null")
        return len(self._objects)

    def add(self, head: bytes, stream: bytes | None = None) -> int:
        number = self.reserve()
        if stream is not None:
            stream = self.sealed(number, stream)
            head = head % len(stream) + b"\nstream\n" + stream + b"\nendstream"
        self.set(number, head)
        return number

    def set(self, number: int, body: bytes) -> None:
        self._objects[number - 1] = body

    def sealed(self, number: int, data: bytes) -> bytes:
        if not self._key:
            return data
        return rc4(md5(self._key + number.to_bytes(3, "little") + b"\0\0").digest()[:10], data)

    def bytes(self, root: int, info: int) -> bytes:
        parts, length, table = [b"%PDF-1.4\n"], 9, [b"0000000000 65535 f \n"]
        for number, body in enumerate(self._objects, 1):
            table.append(b"%010d 00000 n \n" % length)
            parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, body))
            length += len(parts[-1])
        parts += [b"xref\n0 %d\n" % len(table), *table]
        parts.append(
            b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[(0123456789abcdef)(0123456789abcdef)]"
            b"%s>>\nstartxref\n%d\n%%%%EOF\n" % (len(table), root, info, self._lock, length)
        )
        return b"".join(parts)


def rc4(key: bytes, data: bytes) -> bytes:
    """Returns data sealed, or sealed data opened, as PDF 1.1 does."""
    box = list(range(256))
    at = 0
    for one in range(256):
        at = (at + box[one] + key[one % len(key)]) % 256
        box[one], box[at] = box[at], box[one]
    one = at = 0
    out = bytearray()
    for byte in data:
        one = (one + 1) % 256
        at = (at + box[one]) % 256
        box[one], box[at] = box[at], box[one]
        out.append(byte ^ box[(box[one] + box[at]) % 256])
    return bytes(out)
