from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from conftest import generated_notes
from hypothesis import given
from hypothesis import strategies as st

from rag.mapped import Strings, StringsWriter, mapped
from rag.store import StoredDocument
from rag.texts import Texts
from rag.types import Place, PlaceKind, Places, Span, Unit, UnitKind

OTTERS = "# Otters\n\nThey eat crabs 🦀.\nAt night.\n\n- one\n- two\n"
DOCUMENTS = [
    StoredDocument("empty.md", "Empty", "", []),
    StoredDocument(
        "otters.md",
        "Otters",
        OTTERS,
        [
            (
                Span(10, 37),
                '["Otters"]',
                [
                    (UnitKind.SENTENCE, Span(10, 27), '["Otters"]'),
                    (UnitKind.SENTENCE, Span(28, 37), '["Otters", "Food"]'),
                ],
            ),
            (Span(39, 50), "[]", []),
        ],
    ),
    StoredDocument("voles.md", "Vöules", "x", [(Span(0, 1), '["Otters"]', [])]),
]


def built(folder: Path, documents: list[StoredDocument]) -> Texts:
    Texts.build(folder, documents)
    return Texts(folder)


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    texts = built(tmp_path, DOCUMENTS)
    assert len(texts) == 3
    assert texts.documents.tolist() == [1, 1, 2]
    assert [texts.path(number) for number in range(3)] == ["empty.md", "otters.md", "voles.md"]
    first, second, third = (texts.chunk(row) for row in range(3))
    assert (first.document, first.title, first.headings) == ("otters.md", "Otters", ("Otters",))
    assert first.text == "They eat crabs 🦀.\nAt night."
    assert (second.text, second.headings, second.row) == ("- one\n- two", (), 1)
    assert (third.title, third.text, third.headings) == ("Vöules", "x", ("Otters",))
    assert texts.units(0) == [
        Unit(UnitKind.SENTENCE, Span(10, 27), ("Otters",), ""),
        Unit(UnitKind.SENTENCE, Span(28, 37), ("Otters", "Food"), ""),
    ]
    assert texts.units(1) == texts.units(2) == []
    assert texts.unit_starts.tolist() == [0, 2, 2, 2]


def test_places_are_the_lines_of_the_document(tmp_path: Path) -> None:
    texts = built(tmp_path, DOCUMENTS)
    first, second, _ = (texts.chunk(row) for row in range(3))
    assert first.place(first.span) == "lines 3–4"
    assert first.place(Span(28, 37)) == "line 4"
    assert first.said(Span(28, 37)) == "At night."
    assert second.place(Span(39, 44)) == "line 6"
    assert second.place(Span(39, 45)) == "line 6"  # with its line's end
    assert second.place(second.span) == "lines 6–7"


@given(text=generated_notes(), data=st.data())
def test_lines_and_words_are_those_of_the_whole_text(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=6)))
    spans = [Span(*pair) for pair in zip(cuts, cuts[1:], strict=False)]
    document = StoredDocument("n.md", "N", text, [(span, "[]", []) for span in spans])
    with tempfile.TemporaryDirectory() as folder:
        texts = built(Path(folder), [document])
        for row, span in enumerate(spans):
            chunk = texts.chunk(row)
            assert (chunk.span, chunk.text) == (span, span.of(text))
            part = Span(span.start + len(span) // 2, span.end)
            assert chunk.said(part) == part.of(text)
            first, last = (1 + text.count("\n", 0, at) for at in (part.start, part.end - 1))
            name = f"line {first}" if first == last else f"lines {first}–{last}"
            assert chunk.place(part) == name


def test_headings_that_follow_each_other_are_written_once(tmp_path: Path) -> None:
    texts = built(tmp_path, DOCUMENTS)
    assert len(texts._headings) == 4  # Otters, Otters and Food, none, Otters


def test_strings_are_mapped_and_any_text_is_one(tmp_path: Path) -> None:
    said = ["", "a", "é\0\n", "学习", "", "🦀" * 1000]
    with StringsWriter(tmp_path, "said") as writer:
        assert [writer.add(text) for text in said] == list(range(len(said)))
    strings = Strings(tmp_path, "said")
    assert [strings[number] for number in range(len(strings))] == said
    assert isinstance(strings._bytes.base, np.memmap)


def test_an_empty_file_is_an_empty_array(tmp_path: Path) -> None:
    (tmp_path / "none").touch()
    assert mapped(tmp_path / "none", "i8", 3).shape == (0, 3)


def test_places_that_are_listed_are_named_as_they_are_counted(tmp_path: Path) -> None:
    text = "One.\n\nTwo.\n\nThree."
    pages = Places(PlaceKind.PAGE, (Place(0, "1"), Place(6, "2"), Place(12, "4")))
    spans = [Span(0, 10), Span(12, 18)]
    document = StoredDocument("n.pdf", "N", text, [(span, "[]", []) for span in spans], pages)
    first, second = (built(tmp_path, [document]).chunk(row) for row in range(2))
    assert first.place(first.span) == "pages 1–2"
    assert first.place(Span(0, 4)) == "page 1"
    assert first.place(Span(6, 10)) == "page 2"
    assert second.place(second.span) == "page 4"
    assert second.places == Places(PlaceKind.PAGE, (Place(12, "4"),))


def test_places_in_a_transcript_go_from_the_first_cue_to_the_end_of_the_last() -> None:
    cues = (Place(0, "00:00:01–00:00:04"), Place(5, "00:00:04–00:00:09"))
    times = Places(PlaceKind.TIME, cues)
    assert times.name(Span(0, 5)) == "00:00:01–00:00:04"
    assert times.name(Span(2, 7)) == "00:00:01–00:00:09"
    assert Places.from_json(times.to_json()) == times
