from __future__ import annotations

import pytest
from conftest import WordLengths, constant_fit

from rag import Library, QuestionError, Settings
from ui.excerpts import MOST_CHARS, excerpt_of

NOTE = "# Owls\n\nOwls hunt.\nThey hear well.\n"

CUES = "WEBVTT\n\n00:01.000 --> 00:02.000\nOwls hunt.\n\n00:03.000 --> 00:04.000\nThey hear.\n"

TABLE = "bird,food\nowl,mice\nduck,grass\nheron,fish\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("excerpts")
    notes = folder / "notes"
    notes.mkdir()
    (notes / "owls.md").write_text(NOTE, encoding="utf-8")
    (notes / "talk.vtt").write_text(CUES, encoding="utf-8")
    (notes / "birds.csv").write_text(TABLE, encoding="utf-8")
    (notes / "long.txt").write_text("Owls hunt. " * 4000, encoding="utf-8")
    settings = Settings(library=str(folder / "lib"), corpus=str(notes))
    library = Library(settings, WordLengths(), constant_fit(0.1))
    library.index()
    return library


@pytest.mark.parametrize(
    ("start", "end", "text", "location"),
    [
        (8, 18, "Owls hunt.", "line 3"),
        (8, 23, "Owls hunt.\nThey", "lines 3–4"),
        (19, None, "They hear well.\n", "line 4"),
        (0, 99, NOTE, "lines 1–4"),
        (99, 200, "", ""),
        (9, 3, "", ""),
    ],
)
def test_an_excerpt_is_what_stands_between_two_characters(
    library: Library, start: int, end: int | None, text: str, location: str
) -> None:
    excerpt = excerpt_of(library, "owls.md", start, end)
    assert (excerpt.text, excerpt.location) == (text, location)
    assert NOTE[excerpt.start : excerpt.end] == text
    assert excerpt.length == len(NOTE)


@pytest.mark.parametrize(
    ("document", "place", "text"),
    [
        ("owls.md", "line 3", "Owls hunt."),
        ("owls.md", "Lines 3–4", "Owls hunt.\nThey hear well."),
        ("owls.md", "3-4", "Owls hunt.\nThey hear well."),
        ("birds.csv", "row 3", "| duck"),
        ("birds.csv", "rows 2–3", "| owl"),
        ("talk.vtt", "time 00:00:01–00:00:02", "Owls hunt."),
    ],
)
def test_a_place_is_found_by_its_name(
    library: Library, document: str, place: str, text: str
) -> None:
    assert excerpt_of(library, document, place=place).text.startswith(text)


@pytest.mark.parametrize("document", ["birds.csv", "talk.vtt", "owls.md"])
def test_a_place_as_a_citation_names_it_leads_to_the_cited_words(
    library: Library, document: str
) -> None:
    text = library.source(document)
    for start in range(len(text)):
        for end in (start + 1, len(text)):
            named = excerpt_of(library, document, start, end)
            opened = excerpt_of(library, document, place=named.location)
            assert opened.start <= start
            assert opened.end >= end
            assert opened.location == named.location


def test_a_place_that_is_none_is_said_with_those_that_are(library: Library) -> None:
    with pytest.raises(QuestionError, match=r"its lines are 1 to 4\.$"):
        excerpt_of(library, "owls.md", place="line 9")
    with pytest.raises(QuestionError, match=r"no place page 9: its rows are 1 to 4"):
        excerpt_of(library, "birds.csv", place="page 9")


def test_a_document_that_is_none_is_said(library: Library) -> None:
    with pytest.raises(QuestionError, match="is not in the library"):
        excerpt_of(library, "../lib/library.sqlite3")


def test_a_long_note_is_read_in_parts(library: Library) -> None:
    text, parts, at = library.source("long.txt"), [], 0
    while at < len(text):
        part = excerpt_of(library, "long.txt", at)
        assert 0 < len(part.text) <= MOST_CHARS
        parts.append(part.text)
        at = part.end
    assert "".join(parts) == text
    assert len(parts) == 3
