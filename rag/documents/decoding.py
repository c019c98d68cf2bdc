"""Bytes become text: once, and the same way for every format that is text on disk."""

from __future__ import annotations

import codecs
import contextlib
import re
import unicodedata

from rag.errors import DocumentError

_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
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


def decode(data: bytes) -> str:
    """Returns the text, without a byte-order mark; line ends stay as they are.

    A byte-order mark decides; then UTF-8; then UTF-16, where every NUL is half of a letter; then
    the encoding that charset-normalizer finds the most plausible, with Windows-1252 winning near
    ties.

    Raises:
        DocumentError: the bytes are not text (`not text`).
    """
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = _guess(data)
    if "\0" in text:
        text = _halves(data)
    if _CONTROL.search(text):
        raise DocumentError("not text", "holds control characters, so it is not text")
    return text


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
    if b"\0" in data:
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
