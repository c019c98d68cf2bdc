"""Documents and pages between two processes: JSON and bytes, each behind its length, and checked.

Who reads hostile files may have been taken over by one: nothing it sends is believed, and no object
is made of it but the records of `rag.types`.
"""

from __future__ import annotations

import json
from array import array
from operator import gt
from typing import Any, BinaryIO

from rag.types import (
    GRID,
    Block,
    BlockKind,
    Document,
    Drawn,
    Place,
    PlaceKind,
    Places,
    Remark,
    Span,
)

_LENGTH = 8


def write_frame(stream: BinaryIO, payload: bytes) -> None:
    """Writes bytes behind their length."""
    stream.write(len(payload).to_bytes(_LENGTH, "big"))
    stream.write(payload)


def read_frame(stream: BinaryIO, limit: int) -> bytes:
    """Returns the bytes of one frame.

    Raises:
        EOFError: the stream ended.
        OverflowError: more than `limit` bytes; none of them is read.
    """
    header = stream.read(_LENGTH)
    length = int.from_bytes(header, "big")
    if len(header) == _LENGTH and length > limit:
        raise OverflowError(f"{length / 1e6:.0f} MB")
    payload = stream.read(length) if len(header) == _LENGTH else b""
    if len(header) < _LENGTH or len(payload) < length:
        raise EOFError
    return payload


def head_of(document: Document) -> dict[str, Any]:
    """Returns what `document_from` reads of a document beside its text."""
    places = document.places
    return {
        "title": document.title,
        "blocks": [
            [block.kind, block.span.start, block.span.end, block.level, _flat(block.parts)]
            for block in document.blocks
        ],
        "places": [places.kind, [[place.start, place.name] for place in places.listed]],
        "remarks": [[said.reason, said.message, said.pages] for said in document.remarks],
    }


def _flat(spans: tuple[Span, ...]) -> list[int]:
    return [offset for span in spans for offset in (span.start, span.end)]


def document_from(path: str, head: dict[str, Any], text: str) -> Document:
    """Returns the document of a checked head and text.

    Raises:
        ValueError, TypeError, KeyError: blocks or places lie outside the text, overlap or are out
            of order, or something is not of its type.
    """
    blocks: list[Block] = []
    end = 0
    for kind, start, stop, level, flat in head["blocks"]:
        span = Span(_count(start), _count(stop))
        offsets = [_count(offset) for offset in flat]
        parts = tuple(Span(*pair) for pair in zip(offsets[::2], offsets[1::2], strict=True))
        if not end <= start <= stop <= len(text) or not 0 <= _count(level) <= 6:
            raise ValueError(f"a block {span} of level {level}")
        if any(part.start < start or part.end > stop for part in parts):
            raise ValueError(f"a part outside its block {span}")
        blocks.append(Block(BlockKind(kind), span, level, parts))
        end = stop
    return Document(
        *(path, _words(head["title"]), text, tuple(blocks)),
        *(_places(head["places"], len(text)), tuple(map(_remark, head["remarks"]))),
    )


def _places(said: Any, length: int) -> Places:
    kind, listed = said
    places = tuple(Place(_count(start), _words(name)) for start, name in listed)
    starts = [place.start for place in places]
    if starts and (starts[0] != 0 or starts[-1] > length or starts != sorted(starts)):
        raise ValueError("places out of order, or outside the text")
    return Places(PlaceKind(kind), places)


def _remark(said: Any) -> Remark:
    reason, message, pages = said
    return Remark(_words(reason), _words(message), tuple(map(_count, pages)))


def _count(said: Any) -> int:
    if type(said) is not int or said < 0:
        raise TypeError(f"not a count: {said!r:.80}")
    return said


def _words(said: Any) -> str:
    if not isinstance(said, str):
        raise TypeError(f"not words: {said!r:.80}")
    said.encode()  # half of a surrogate pair is no text, and raises a ValueError
    return said


def sheet_of(drawn: Drawn) -> tuple[dict[str, Any], bytes]:
    """Returns head and body of a page as a picture, which `drawn_from` reads."""
    head = {name: getattr(drawn, name) for name in ("width", "height", "letters")}
    return head, drawn.pixels + drawn.boxes.tobytes()


def drawn_from(head: dict[str, Any], body: bytes) -> Drawn:
    """Returns the page of a checked head and body.

    Raises:
        ValueError, TypeError, KeyError: there are not as many pixels and boxes as was said, a box
            is none or lies outside the page, or something is not of its type.
    """
    width, height = _count(head["width"]), _count(head["height"])
    letters, size = _words(head["letters"]), 3 * width * height
    boxes = array("H")
    if not size or len(body) != size + 4 * boxes.itemsize * len(letters):
        raise ValueError(f"{len(body)} bytes for a picture of {width} by {height}")
    boxes.frombytes(body[size:])
    lefts, tops, rights, bottoms = (boxes[side::4] for side in range(4))
    if any(map(gt, lefts, rights)) or any(map(gt, tops, bottoms)) or max(boxes, default=0) > GRID:
        raise ValueError("a letter outside the page")
    return Drawn(width, height, body[:size], letters, boxes)


def pack(value: Any) -> bytes:
    """Returns JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
