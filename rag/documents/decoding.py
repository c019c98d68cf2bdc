"""Bytes become text: once, and the same way for every format that is text on disk."""

from __future__ import annotations

import codecs
import contextlib
import re
import unicodedata

from rag.errors import DocumentError
from rag.types import Remark

_CONTROLS = bytes({*range(32)} - set(b"\t\n\v\f\r\x1b"))
_CUT = re.compile("[\udcc2-\udcf4][\udc80-\udcbf]{0,2}\\Z")
_DAMAGE = re.compile(f"{_CUT.pattern}|[\x00-\x08\x0e-\x1a\x1c-\x1f\udc80-\udcff]")
"""A last letter cut; controls; bytes that are no UTF-8, as `surrogateescape` keeps them."""

_FEW = 50
"""A text holds at most one control among so many bytes."""

_MAC = re.compile(r"\r(?!\n)")
_WESTERN = "cp1252"
_LATIN = 8
"""UTF-16 is believed where at least one of so many bytes is a NUL."""

_AS_PLAUSIBLE = 0.05
"""Short western texts fit several encodings about as well; the one by far most used wins then."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes, remarks: list[Remark] | None = None) -> str:
    """Returns the text, without a byte-order mark; line ends stay, but old Macs' become line feeds.

    A byte-order mark decides; then UTF-8, in which few bytes may be damaged; then UTF-16, where
    every NUL is half of a letter; then the encoding that charset-normalizer finds the most
    plausible, with Windows-1252 winning near ties.

    Args:
        remarks: takes that there are bytes that are no text.

    Raises:
        DocumentError: the bytes are not text (`not text`).
    """
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = _damaged(data) if encoding.startswith("utf-8") else ""
        text = text or _guess(data)
    if "\0" in text and not _has_few_controls(text.encode("utf-8", "surrogateescape")):
        text = _halves(data)
    return _MAC.sub("\n", _mended(text, remarks))


def _has_few_controls(data: bytes) -> bool:
    return (len(data) - len(data.translate(None, _CONTROLS))) * _FEW <= len(data)


def _damaged(data: bytes) -> str:
    """Returns UTF-8 with its bad bytes marked; nothing where it does not look like UTF-8.

    Letters of two bytes and more hardly occur by chance: a text that has some, and bad bytes that
    are fewer by far than these or than its letters, is UTF-8.
    """
    text = data.decode("utf-8-sig", "surrogateescape")
    whole = _CUT.sub("", text)
    bad = sum("\udc80" <= char <= "\udcff" for char in whole)
    good = sum(char > "\x7f" for char in whole) - bad
    return text if good and (bad * 4 <= good or bad * 100 <= len(whole)) else ""


def _mended(text: str, remarks: list[Remark] | None) -> str:
    """Returns text with bytes that are no UTF-8 read as Windows-1252, and without controls."""
    first = _DAMAGE.search(text)
    if first is None:
        return text
    if not _has_few_controls(text.encode("utf-8", "surrogateescape")):
        raise DocumentError("not text", "holds control characters, so it is not text")
    if remarks is not None:
        line = _MAC.sub("\n", text[: first.start()]).count("\n") + 1
        count = len(_DAMAGE.findall(text))
        found = (
            f"{count} bytes are no text, the first of them" if count > 1 else "1 byte is no text,"
        )
        remarks.append(
            Remark(
                "damaged text",
                f"{found} on line {line}: read as it was probably meant, or left out; look at the "
                "words there, and save the file as UTF-8",
            )
        )
    return _DAMAGE.sub(_meant, text)


def _meant(found: re.Match[str]) -> str:
    if _CUT.match(found.string, found.start()):
        return "\ufffd"
    byte = ord(found[0]) - 0xDC00
    return bytes([byte]).decode(_WESTERN, "replace") if byte > 0 else ""


def _halves(data: bytes) -> str:
    """Returns UTF-16 without a byte-order mark: there, Latin letters have a NUL on one side."""
    even, odd = data[::2].count(0), data[1::2].count(0)
    if min(even, odd) == 0 and max(even, odd) * _LATIN > len(data):
        with contextlib.suppress(UnicodeDecodeError):
            text = data.decode("utf-16-le" if odd else "utf-16-be")
            if all(unicodedata.category(char) not in ("Cn", "Co") for char in text):
                return text
    raise DocumentError("not text", "neither UTF-8 nor any other text: save it as UTF-8")


def _guess(data: bytes) -> str:
    if b"\0" in data and not _has_few_controls(data):
        return _halves(data)
    from charset_normalizer import from_bytes

    matches = list(from_bytes(data))
    if not matches:
        raise DocumentError("not text", "no known text encoding fits: save it as UTF-8")
    for match in matches:
        near = match.chaos <= matches[0].chaos + _AS_PLAUSIBLE
        as_coherent = match.coherence >= matches[0].coherence
        if near and as_coherent and _WESTERN in (match.encoding, *match.could_be_from_charset):
            return data.decode(_WESTERN)
    return str(matches[0])
