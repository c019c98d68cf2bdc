"""Transcripts in WebVTT and SubRip become documents: speech in paragraphs, each cue a time.

A cue is a line; a paragraph ends where another speaks, where nobody does, or where a sentence does
after a while.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.documents.building import Builder
from rag.documents.decoding import decode
from rag.documents.markup import title_of
from rag.errors import DocumentError
from rag.types import Document, PlaceKind, Remark

_CLOCK = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_TIMES = re.compile(rf"[ \t]*{_CLOCK}[ \t]*-{{2,3}}>[ \t]*{_CLOCK}(?:[ \t]|$)")
_ASIDE = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION|X-TIMESTAMP-MAP)\b")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>\n]{1,100})>")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|<[\d:.]{5,15}>|\{\\[^{}]{0,100}\}")
_SPEAKER = re.compile(r"(?:>>|&gt;&gt;|[-–—] |[A-Z][A-Z .'-]{1,30}:|\[[^\]]{1,30}\]:)")
_STOP = (".", "?", "!", "…", "。", "？", "！", '."', "?”", ".”")
_PAUSE = 3.0
_LONG = 40.0
"""Seconds: of silence that end a paragraph, and of speech after which the next sentence does."""

_WITHOUT_STOP = 20.0
"""Seconds that a paragraph lasts where no stop is written."""

_ROLLED = 4
"""Most lines that roll: a caption shows two or three."""

_ROLLING = 0.3
"""Share of cues that begin with what stood last in the one before: captions that roll."""


@dataclass(frozen=True, slots=True)
class _Cue:
    start: float
    end: float
    speaker: str
    lines: tuple[str, ...]


def parse(path: str, data: bytes) -> Document:
    """Returns the document.

    Raises:
        DocumentError: the bytes are not text, or hold no cue with its times.
    """
    remarks: list[Remark] = []
    cues = list(_cues(decode(data, remarks)))
    if not cues:
        raise DocumentError("damaged", "no cue with its times (00:01:02 --> 00:01:09) in it")
    build = Builder(PlaceKind.TIME)
    held: list[_Cue] = []
    for cue in _unrolled([cue for cue in cues if cue.lines]):
        if held and _parts(held, cue):
            _add(build, held)
            held = []
        held.append(cue)
    _add(build, held)
    return build.document(path, title_of(path, "", ()), remarks)


def _cues(text: str) -> Iterator[_Cue]:
    """Yields the cues; lines before the first and notes between them are none."""
    times: tuple[float, float] | None = None
    said: list[str] = []
    aside, gap = True, 0
    for line in [*text.splitlines(), ""]:
        match = _TIMES.match(line)
        if match:
            # A line of its own right above names the cue that begins.
            above = len(said) - gap
            if said and (above == 1 or (above and said[-1].strip().isdecimal())):
                said.pop()
            if times is not None:
                yield _cue(times, said)
            found = match.groups(default="0")
            begin, end = _seconds(found[:4]), _seconds(found[4:])
            times, said, aside, gap = (begin, max(begin, end)), [], False, -1
        elif not line.strip():
            aside, gap = False, len(said)
        elif aside or (gap == len(said) and _ASIDE.match(line)):
            aside = True
        else:
            said.append(line)
    if times is not None:
        yield _cue(times, said)


def _seconds(clock: Sequence[str]) -> float:
    hours, minutes, seconds, digits = clock
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{digits}")


def _cue(times: tuple[float, float], said: Sequence[str]) -> _Cue:
    speaker = ""
    lines = []
    for line in said:
        if voice := _VOICE.search(line):
            speaker = speaker or html.unescape(voice[1]).strip()
        clean = " ".join(html.unescape(_TAG.sub("", line)).split())
        if clean:
            lines.append(clean)
    return _Cue(*times, speaker, tuple(lines))


def _unrolled(cues: Sequence[_Cue]) -> Iterator[_Cue]:
    """Yields cues without the lines that roll up from the one before, where captions do."""
    pairs = list(zip(cues, cues[1:], strict=False))
    shared = [_shared(one.lines, other.lines) for one, other in pairs]
    rolls = len(pairs) > 3 and sum(map(bool, shared)) > _ROLLING * len(pairs)
    for cue, common in zip(cues, [0, *shared], strict=False):
        lines = cue.lines[common:] if rolls else cue.lines
        if lines:
            yield _Cue(cue.start, cue.end, cue.speaker, lines)


def _shared(before: Sequence[str], after: Sequence[str]) -> int:
    """Returns how many lines end one cue and begin the next."""
    longest = min(len(before), len(after), _ROLLED)
    return next((n for n in range(longest, 0, -1) if before[-n:] == after[:n]), 0)


def _parts(held: Sequence[_Cue], cue: _Cue) -> bool:
    """Returns whether a cue begins another paragraph."""
    last = held[-1]
    if (cue.speaker and cue.speaker != _speaker(held)) or _SPEAKER.match(cue.lines[0]):
        return True
    if cue.start - last.end > _PAUSE:
        return True
    lasted = last.end - held[0].start
    if last.lines[-1].endswith(_STOP):
        return lasted > _LONG
    return lasted > _WITHOUT_STOP and not any(
        line.endswith(_STOP) or ". " in line for one in held for line in one.lines
    )


def _speaker(held: Sequence[_Cue]) -> str:
    return next((cue.speaker for cue in reversed(held) if cue.speaker), "")


def _add(build: Builder, cues: Sequence[_Cue]) -> None:
    lines = []
    for number, cue in enumerate(cues):
        voice = f"{cue.speaker}: " if cue.speaker and not number else ""
        name = f"{_clock(cue.start)}–{_clock(cue.end)}"
        lines.append((name, voice + " ".join(cue.lines)))
    build.lines(lines)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
