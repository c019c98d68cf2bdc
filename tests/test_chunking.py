from __future__ import annotations

from collections.abc import Sequence

import pytest
from conftest import generated_notes
from hypothesis import given
from hypothesis import strategies as st

from rag.chunking import split
from rag.documents import load
from rag.types import Chunk, Document, UnitKind

MAX_TOKENS = 120


def count_tokens(texts: Sequence[str]) -> list[int]:
    """Counts a token for every five characters of a word, begun ones too, as word pieces do."""
    return [sum(-(-len(word) // 5) for word in text.split()) for text in texts]


def document_of(text: str) -> Document:
    return load("folder/some-notes.md", text.encode())


def chunks_of(text: str, chunk_tokens: int = 100, max_tokens: int = MAX_TOKENS) -> list[Chunk]:
    return list(split(document_of(text), count_tokens, chunk_tokens, max_tokens))


def assert_exact(document: Document, chunks: Sequence[Chunk], max_tokens: int) -> None:
    text = document.text
    covered = [False] * len(text)
    end = 0
    for chunk in chunks:
        assert chunk.span.start >= end
        end = chunk.span.end
        assert chunk.span.of(text).strip() and end <= len(text)
        assert count_tokens([chunk.embedded])[0] <= max_tokens
        covered[chunk.span.start : end] = [True] * len(chunk.span)
        starts = [unit.span.start for unit in chunk.units]
        assert starts == sorted(starts)
        for unit in chunk.units:
            assert chunk.span.start <= unit.span.start < unit.span.end <= end
    for block in document.blocks:
        for i in range(block.span.start, block.span.end):
            assert covered[i] or text[i].isspace(), text[block.span.start : i + 1]


@given(generated_notes(), st.integers(32, 260), st.integers(250, 300), st.booleans())
def test_spans_are_exact_and_chunks_fit_and_cover(
    text: str, chunk_tokens: int, max_tokens: int, mark: bool
) -> None:
    if not text.strip():
        return
    document = load("n.md", b"\xef\xbb\xbf" * mark + text.encode())
    assert document.text == text
    assert_exact(
        document, list(split(document, count_tokens, chunk_tokens, max_tokens)), max_tokens
    )


@given(generated_notes())
def test_every_word_of_a_block_can_be_quoted_or_is_a_heading(text: str) -> None:
    if not text.strip():
        return
    document = document_of(text)
    quoted = set()
    for chunk in chunks_of(text):
        for unit in chunk.units:
            quoted |= set(range(unit.span.start, unit.span.end))
    for block in document.blocks:
        inside = set(range(block.span.start, block.span.end))
        if block.kind not in ("heading", "table"):
            missed = "".join(text[i] for i in sorted(inside - quoted))
            # Markers of items, and white space between sentences.
            assert not missed.strip("0123456789-*()[]a.➢ \t\r\n")


def test_a_short_document_is_one_chunk_with_all_its_units() -> None:
    text = "# Title\r\n\r\nOne here. Two 😀 there.\r\n\r\n- three\r\n"
    (chunk,) = chunks_of(text)
    assert chunk.span.of(text) == text.rstrip()
    assert chunk.headings == ("Title",)
    assert chunk.embedded == "Title One here. Two 😀 there. - three"
    assert [(unit.kind, unit.span.of(text)) for unit in chunk.units] == [
        (UnitKind.SENTENCE, "One here."),
        (UnitKind.SENTENCE, "Two 😀 there."),
        (UnitKind.LIST, "- three"),
        (UnitKind.ITEM, "three"),
    ]


def test_a_title_the_chunk_does_not_say_is_embedded_with_it() -> None:
    (chunk,) = chunks_of("Words alone.")
    assert (chunk.headings, chunk.embedded) == ((), "some notes\nWords alone.")


def filled(name: str, words: int) -> str:
    return " ".join([name] * words) + "."


def test_heading_paths_lead_from_the_outermost_to_the_section() -> None:
    text = "\n\n".join(
        [
            *("# A", filled("aaa", 80), "## B", filled("bbb", 80), "### C", filled("ccc", 80)),
            *("## D", filled("ddd", 80), "#### E ####", filled("eee", 80), "# F", filled("f", 80)),
        ]
    )
    chunks = chunks_of(text)
    assert [chunk.headings for chunk in chunks] == [
        *(("A",), ("A", "B"), ("A", "B", "C"), ("A", "D"), ("A", "D", "E"), ("F",))
    ]
    firsts = [chunk.span.of(text).split("\n")[0] for chunk in chunks]
    assert firsts == ["# A", "## B", "### C", "## D", "#### E ####", "# F"]
    assert chunks[2].embedded.startswith("A > B\nC ccc ccc")
    assert chunks[5].embedded.startswith("A\nF f f")
    for chunk in chunks:
        assert {unit.headings for unit in chunk.units} == {chunk.headings}


def test_neighbours_that_fit_together_are_joined_under_the_heading_they_share() -> None:
    text = "# A\n\n## B\n\nOne.\n\n## C\n\nTwo.\n\n## D\n\n" + filled("ddd", 99)
    first, second = chunks_of(text)
    assert first.span.of(text) == "# A\n\n## B\n\nOne.\n\n## C\n\nTwo."
    assert (first.headings, second.headings) == (("A",), ("A", "D"))
    assert [unit.headings for unit in first.units] == [("A", "B"), ("A", "C")]


def test_joining_stops_at_the_budget() -> None:
    # "A" and 31 words are 32 tokens; the third part would make 64 + 32 = 96 of at most 95.
    parts = [f"# {name}\n\n" + filled(name, 31) for name in "ABC"]
    text = "\n\n".join(parts)
    assert count_tokens([text.replace("#", "")]) == [96]
    assert [c.span.of(text) for c in chunks_of(text, 96)] == [text]
    assert [c.span.of(text) for c in chunks_of(text, 95)] == ["\n\n".join(parts[:2]), parts[2]]


def test_a_later_chunk_of_a_section_names_the_heading_above_it() -> None:
    text = "# Top\n\n" + "\n\n".join(filled(name, 60) for name in ("aaa", "bbb"))
    first, second = chunks_of(text)
    assert first.span.of(text).startswith("# Top\n\naaa")
    assert second.span.of(text).startswith("bbb")
    assert second.headings == ("Top",)
    assert second.embedded.startswith("Top\nbbb bbb")


@pytest.mark.parametrize("text", ["# Alone", "Words.\n\n# At the end", "# A\n\n## B\n\n### C\n"])
def test_a_heading_with_nothing_under_it_stays_findable(text: str) -> None:
    (chunk,) = chunks_of(text)
    assert chunk.span.of(text) == text.strip()
    for word in text.replace("#", "").split():
        assert word in chunk.embedded
    assert chunk.units


def test_a_heading_with_nothing_under_it_stays_findable_between_full_sections() -> None:
    full = filled("word", 100)
    text = f"# One\n\n{full}\n\n## Lonely\n\n# Two\n\n{full}\n\n## Last"
    chunks = chunks_of(text)
    assert_exact(document_of(text), chunks, MAX_TOKENS)
    assert any("Lonely" in chunk.embedded for chunk in chunks)
    assert any("Last" in chunk.embedded for chunk in chunks)


def test_a_very_long_heading_is_covered_too() -> None:
    text = f"# {filled('heading', 70)}\n\n{filled('body', 50)}"
    assert_exact(document_of(text), chunks_of(text), MAX_TOKENS)


@pytest.mark.parametrize("first", ["    x = {}\n", "  - {}\n"])
def test_a_heading_above_something_indented_and_long_is_covered(first: str) -> None:
    text = "# Heading\n\n" + first.format(filled("word", 300))
    chunks = chunks_of(text)
    assert_exact(document_of(text), chunks, MAX_TOKENS)
    assert all("Heading" in chunk.embedded for chunk in chunks)


def test_pieces_of_a_heading_longer_than_a_chunk_fit() -> None:
    text = f"# {filled('heading', 200)}"
    assert_exact(document_of(text), chunks_of(text), MAX_TOKENS)


def test_a_very_long_line_without_spaces_is_cut_to_fit() -> None:
    text = "x" * 10_000
    chunks = chunks_of(text)
    assert_exact(document_of(text), chunks, MAX_TOKENS)
    assert "".join(chunk.span.of(text) for chunk in chunks) == text
    # 100 tokens hold 500 characters, less a tenth for safety and 2 tokens for "some notes".
    assert 20 <= len(chunks) <= 30
    for chunk in chunks:
        assert [unit.span for unit in chunk.units] == [chunk.span]


def test_long_text_is_cut_at_sentences_and_only_then_at_words() -> None:
    text = " ".join(filled(f"w{i}", 30) for i in range(20)) + " " + filled("long", 150)
    chunks = chunks_of(text)
    assert_exact(document_of(text), chunks, MAX_TOKENS)
    assert [chunk.span.of(text)[-1] for chunk in chunks[:-2]] == ["."] * len(chunks[:-2])
    assert chunks[0].span.of(text).count(".") == 3
    for chunk in chunks[-2:]:
        assert set(chunk.span.of(text).rstrip(".").split()) == {"long"}


def test_lengths_are_asked_for_a_section_at_a_time() -> None:
    asked: list[Sequence[str]] = []

    def counting(texts: Sequence[str]) -> list[int]:
        asked.append(texts)
        return count_tokens(texts)

    sections = "\n\n".join(f"# {name}\n\nOne is so.\n\nTwo is so.\n" for name in ("A", "B"))
    assert len(list(split(document_of(sections), counting, 8, MAX_TOKENS))) == 2
    # What stands above a section, its heading and its paragraphs; then whether both fit together.
    assert [len(texts) for texts in asked] == [4, 4, 2]


def test_a_list_that_does_not_fit_is_cut_between_items() -> None:
    items = [f"- {filled(f'i{n}', 30)}" for n in range(8)]
    text = "\n".join(["These:", *items])
    chunks = chunks_of(text)
    assert_exact(document_of(text), chunks, MAX_TOKENS)
    assert len(chunks) == 3
    for chunk in chunks[1:]:
        assert chunk.span.of(text).startswith("- i") and chunk.span.of(text).endswith(".")
    kinds = [unit.kind for chunk in chunks for unit in chunk.units]
    assert kinds.count(UnitKind.ITEM) == 8
    assert UnitKind.LIST not in kinds  # no chunk holds all of it


def test_a_table_that_does_not_fit_is_cut_between_rows() -> None:
    rows = [f"| r{n} | {filled('cell', 20)} |" for n in range(12)]
    text = "\n".join(["| name | text |", "|---|---|", *rows])
    chunks = chunks_of(text)
    assert_exact(document_of(text), chunks, MAX_TOKENS)
    assert len(chunks) > 1
    found = [unit.span.of(text) for chunk in chunks for unit in chunk.units]
    assert found == rows


def test_what_announces_a_list_stays_with_it() -> None:
    listed = "\n".join(f"- {filled('item', 10)}" for _ in range(5))
    text = f"{filled('before', 45)}\n\nThese are they:\n\n{listed}"
    first, second = chunks_of(text)
    assert second.span.of(text) == f"These are they:\n\n{listed}"
    assert second.units[0].kind is UnitKind.LIST and second.units[0].span == second.span


def test_a_unit_that_the_edge_cuts_is_quoted_up_to_the_edge() -> None:
    text = "```\n" + "\n".join(f"line{n:03} = {n:03}" for n in range(150)) + "\n```"
    chunks = chunks_of(text)
    assert_exact(document_of(text), chunks, MAX_TOKENS)
    assert len(chunks) > 1
    for chunk in chunks:
        assert [(u.kind, u.span) for u in chunk.units] == [(UnitKind.CODE, chunk.span)]


def test_combining_characters_stay_with_their_letter_where_there_are_spaces() -> None:
    text = " ".join(["e\u0301te\u0301", "👩\u200d👩\u200d👧"] * 200)
    chunks = chunks_of(text)
    assert_exact(document_of(text), chunks, MAX_TOKENS)
    assert [word for chunk in chunks for word in chunk.span.of(text).split()] == text.split()


def test_a_document_of_rules_alone_has_no_chunks() -> None:
    assert chunks_of("---\n\n***\n") == []
