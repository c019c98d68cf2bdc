from __future__ import annotations

import os
import re
import shutil

import pytest
from conftest import ROOT

from rag import Answer, Library, Settings

SHARED = ROOT.parent / "shared"
SEED = SHARED / "seeds/transfer-learning-qna.txt"
NOTES = SHARED / "data/notes-cs231n"

LARGEST = 10**9 if os.environ.get("SEED_AMONG_ALL") else 16_000
"""Bytes. All the notes take minutes on two cores; `SEED_AMONG_ALL=1` takes them nonetheless."""

pytestmark = [
    pytest.mark.model,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (SEED.is_file() and NOTES.is_dir()),
        reason="needs the shared folder with seeds/ and data/notes-cs231n beside the checkout",
    ),
]


@pytest.fixture(scope="module", params=["alone", "among other notes"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("seed")
    corpus = folder / "notes"
    corpus.mkdir()
    shutil.copy(SEED, corpus)
    if request.param == "among other notes":
        for file in NOTES.glob("notes/*.md"):
            if file.stat().st_size <= LARGEST:
                copy = corpus / file.relative_to(NOTES)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copy)
    library = Library(Settings(library=str(folder / "library"), corpus=str(corpus)))
    indexed = library.index().indexed
    assert SEED.name in indexed
    assert ("notes/transfer-learning.md" in indexed) == (request.param != "alone")
    return library


@pytest.fixture(scope="module")
def seed() -> str:
    """Returns the text of the file, read as any other program would read it."""
    return SEED.read_bytes().decode("utf-8")


def lines_of(text: str, start: int, end: int) -> range:
    """Returns the numbers, from 1, of the lines that `text[start:end]` stands on."""
    first = len(text[:start].split("\n"))
    return range(first, first + len(text[start:end].split("\n")))


def check_places(answer: Answer, seed: str) -> None:
    """Whatever is quoted of the seed file stands at its place, on the lines that are named."""
    for citation in answer.citations:
        if citation.document == SEED.name:
            start, end = citation.span.start, citation.span.end
            assert seed[start:end] == citation.quote
            on = lines_of(seed, start, end)
            named = f"line {on[0]}" if len(on) == 1 else f"lines {on[0]}–{on[-1]}"
            assert citation.location == named


def cited_lines(answer: Answer) -> set[int]:
    """Returns the lines of the seed file that the answer names."""
    found: set[int] = set()
    for citation in answer.citations:
        if citation.document == SEED.name:
            numbers = [int(number) for number in re.findall(r"\d+", citation.location)]
            found.update(range(numbers[0], numbers[-1] + 1))
    return found


def test_application_areas_are_answered_with_all_three_points(library: Library, seed: str) -> None:
    _, areas = seed.split("## q2)")
    points = [point.strip() for point in areas.split("➢")[1:]]
    assert len(points) == 3
    assert ["\n" in point for point in points] == [False, True, True]
    answer = library.ask("What are the application areas of transfer learning?")
    assert answer.answered, answer.reason
    quoted = [c.quote for c in answer.citations if c.document == SEED.name]
    for point in points:
        assert point in (answer.text or "")
        assert any(point in quote for quote in quoted)
    check_places(answer, seed)
    # The three points are the last five lines of the file.
    last = len(seed.split("\n"))
    assert set(range(last - 4, last + 1)) <= cited_lines(answer)


def test_how_lifelong_learning_differs_is_answered_with_the_sentence_that_says_so(
    library: Library, seed: str
) -> None:
    start = seed.index("Lifelong learning differs from both")
    sentence = seed[start : seed.index(".", start) + 1]
    assert sentence.endswith("labeled data from the target task.")
    answer = library.ask("How does lifelong learning differ from the other two?")
    assert answer.answered, answer.reason
    assert any(sentence in shown.text for shown in answer.sentences)
    assert any(sentence in c.quote for c in answer.citations if c.document == SEED.name)
    check_places(answer, seed)
    assert set(lines_of(seed, start, start + len(sentence))) <= cited_lines(answer)
