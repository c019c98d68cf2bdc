"""Conversations as browsers keep them: exchanges become JSON, and such JSON exchanges again.

What a browser sends back may be anything. It becomes an exchange only where it has the shape that
was given out, and is then shown like any other: as escaped text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rag import Answer
from ui.pages.exchange import MOST_SHOWN, Exchange, markdown_of
from ui.render import refusal, sureness

_ID = re.compile(r"[0-9a-f]{16}")

_UPWARDS = {"", ".", ".."}

_NUMBER: Any = (int, float)

_PLACE = {"document": str, "title": str, "headings": [str], "location": str, "start": int}
_PLACE |= {"end": int}

_RECORD: dict[str, Any] = {
    "question": str,
    "query": str,
    "reason": (str, type(None)),
    "confidence": _NUMBER,
    "sentences": [{"text": str, "citation": int, "decides": bool}],
    "citations": [_PLACE | {"number": int, "quote": str}],
    "passages": [_PLACE | {"rank": int, "score": _NUMBER, "text": str}],
    "measured": bool,
    "elsewhere": bool,
    "carried": bool,
    "suggestions": [str],
    "generation": int,
}
"""What `Answer.to_record` gives out; how long things took is not believed."""

_LEVEL = {"low": _NUMBER, "high": _NUMBER, "n": int, "right": int}
"""What a record says of a level, where it says anything."""

_MOST = 2**53
"""Beyond any offset in a note."""

_MOST_CHARS = 20_000
"""Of one text: a quote has some hundreds, a table or a long question some thousands."""

_MOST_ITEMS = 100
"""Of one list, as the setting `passages` allows."""


def kept(
    conversation: Sequence[Exchange],
    first: int,
    serial: int,
    *,
    replaces: bool = False,
    places: Sequence[int] = (),
) -> str:
    """Returns what the page's script is told after a change, as JSON.

    Args:
        first: the exchange from which on they are new, or the one that is.
        serial: another one each time.
        replaces: whether one exchange stands where there was another.
        places: of those that are new, in what the browser sent; it is told only what it lacks.
    """
    news = conversation[first : first + 1] if replaces else conversation[first:]
    return json.dumps(
        {
            "serial": serial,
            "at": first,
            "count": len(conversation),
            "replaces": replaces,
            "exchanges": [
                {"of": place, **_made_of(exchange)}
                for place, exchange in zip(places, news, strict=True)
            ]
            if places
            else [_given_out(exchange) for exchange in news],
        }
    )


def _given_out(exchange: Exchange) -> dict[str, Any]:
    return {
        "question": exchange.question,
        "within": exchange.within,
        "id": exchange.id,
        "record": exchange.answer.to_record() if exchange.answer else None,
        "failed": exchange.failed,
        **_made_of(exchange),
    }


def _made_of(exchange: Exchange) -> dict[str, str]:
    """Returns what a browser does not keep."""
    return {"markdown": markdown_of(exchange), "sure": _summed(exchange)}


def _summed(exchange: Exchange) -> str:
    """Returns what is read aloud beside the words of the notes."""
    answer = exchange.answer
    if answer is None:
        return ""
    return sureness(answer) if answer.answered else refusal(exchange.within)


def restored(sent: str, most: int, most_bytes: int) -> dict[int, Exchange]:
    """Returns the exchanges of a conversation that a browser kept, by their places in it.

    What is none is left out.

    Args:
        sent: JSON, of whoever wrote it.
        most: exchanges, the newest of those sent.
        most_bytes: that the newest of them may weigh together.
    """
    try:
        found = json.loads(sent, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, list):
        return {}
    newest: dict[int, Exchange] = {}
    for place in range(len(found) - 1, max(len(found) - most, 0) - 1, -1):
        try:
            exchange = _exchange(found[place])
        except ValueError:
            continue
        most_bytes -= exchange.weight
        if most_bytes < 0:
            break
        newest[place] = exchange
    return dict(reversed(newest.items()))


def _exchange(item: Any) -> Exchange:
    """Returns an exchange of what `_given_out` made.

    Raises:
        ValueError: it is not of that form.
    """
    shape = {"question": str, "within": str, "id": (str, type(None)), "failed": str}
    _check(item, shape)
    id_ = item["id"] if item["id"] and _ID.fullmatch(item["id"]) else None
    record = item.get("record")
    if record is None:
        if not item["failed"]:
            raise ValueError("neither answered nor failed")
        asked, failed = item["question"][:MOST_SHOWN], item["failed"][:MOST_SHOWN]
        return Exchange(asked, None, failed, True, item["within"])
    _check(record, _RECORD)
    places = [*record["citations"], *record["passages"]]
    if any(_UPWARDS & set(place["document"].split("/")) for place in places):
        raise ValueError("an address that leads elsewhere")
    if not 0 <= record["confidence"] <= 1:
        raise ValueError("no confidence")
    level = record.get("level")
    if level is not None:
        _check(level, _LEVEL)
        held_out = level.get("held_out") is True  # not told in a history kept by an earlier version
        level = {name: level[name] for name in _LEVEL} | {"held_out": held_out}
    answer = Answer.from_dict({**record, "level": level, "timings_ms": {}})
    return Exchange(item["question"], answer, within=item["within"], id=id_)


def _check(value: Any, shape: Any) -> None:
    """Raises ValueError where a value of JSON is not of a shape."""
    if isinstance(shape, Mapping):
        if not isinstance(value, dict) or not set(shape) <= set(value):
            raise ValueError("not such an object")
        for name, inner in shape.items():
            _check(value[name], inner)
    elif isinstance(shape, list):
        if not isinstance(value, list) or len(value) > _MOST_ITEMS:
            raise ValueError("not a list, or too long")
        for item in value:
            _check(item, shape[0])
    elif type(value) not in (shape if isinstance(shape, tuple) else (shape,)):
        raise ValueError("of another kind")
    elif isinstance(value, str):
        if len(value) > _MOST_CHARS:
            raise ValueError("too long")
        value.encode()  # half a character is no text: UnicodeEncodeError is a ValueError
    elif isinstance(value, (int, float)) and abs(value) > _MOST:
        raise ValueError("too large")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number")
