from __future__ import annotations

import pytest

from rag.documents.text.transcript import parse
from rag.errors import DocumentError
from rag.types import Document, PlaceKind, Span

VTT = """WEBVTT - lecture
Kind: captions

STYLE
::cue { color: red }

NOTE nobody reads
this

intro
00:01.000 --> 00:04.000 align:start
<v.loud Ada Lovelace>Transfer learning &amp; <i>reuse</i>
of weights

00:04.000 --> 00:06.500
saves <00:00:05.000><c>labels</c>.

00:00:07.000 --> 00:00:09.000
<v Bob>Why?

01:02:03.000 --> 01:02:05.000
After a pause.
"""

SRT = """1
00:00:01,000 --> 00:00:02,000
{\\an8}First <font color="red">line</font>

2
00:00:02,000 --> 00:00:04,000
- Second line.

3
00:00:04,000 --> 00:00:05,000

4
00:00:05,500 --> 00:00:06,000
Third.
"""


def read(text: str, path: str = "talks/week-1.vtt") -> Document:
    return parse(path, text.encode())


def said(document: Document) -> list[str]:
    return [block.span.of(document.text) for block in document.blocks]


def test_cues_become_lines_of_paragraphs_that_end_where_another_speaks_or_nobody_does() -> None:
    document = read(VTT)
    assert said(document) == [
        "Ada Lovelace: Transfer learning & reuse of weights\nsaves labels.",
        "Bob: Why?",
        "After a pause.",
    ]
    assert document.title == "week 1"


def test_each_cue_is_a_place_named_by_its_times() -> None:
    document = read(VTT)
    assert document.places.kind is PlaceKind.TIME
    names = [place.name for place in document.places.listed]
    assert names == [
        *("00:00:01–00:00:04", "00:00:04–00:00:06", "00:00:07–00:00:09", "01:02:03–01:02:05")
    ]
    at = document.text.index("saves")
    assert document.places.name(Span(at, at + 5)) == "00:00:04–00:00:06"


def test_subrip_is_read_without_numbers_and_styles() -> None:
    document = read(SRT.replace("\n", "\r\n"), "a.srt")
    assert said(document) == ["First line", "- Second line.\nThird."]


def test_captions_that_roll_are_said_once() -> None:
    lines = [f"words of line {n}" for n in range(8)]
    cues = [
        f"00:00:{n:02d}.000 --> 00:00:{n + 1:02d}.000\n{before}\n{line}\n"
        for n, (before, line) in enumerate(zip(["", *lines], lines, strict=False))
    ]
    document = read("WEBVTT\n\n" + "\n".join(cue.replace("\n\n", "\n") for cue in cues))
    assert document.text.split("\n") == lines


def test_words_that_are_said_twice_stay_where_captions_do_not_roll() -> None:
    cues = [f"00:00:0{n}.000 --> 00:00:0{n + 1}.000\n{said}\n" for n, said in enumerate("nnabcd")]
    assert read("\n".join(cues)).text.split("\n") == list("nnabcd")


def test_speech_without_stops_is_parted_after_a_while() -> None:
    cues = [f"00:00:{n:02d}.000 --> 00:00:{n + 2:02d}.000\nword {n}\n" for n in range(0, 56, 2)]
    assert len(read("\n".join(cues)).blocks) == 3


def test_a_file_without_a_cue_is_damaged() -> None:
    with pytest.raises(DocumentError) as caught:
        read("WEBVTT\n\nno times at all\n")
    assert caught.value.reason == "damaged"
