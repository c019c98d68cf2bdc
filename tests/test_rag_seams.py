from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import WordLengths
from hypothesis import given
from hypothesis import strategies as st

from rag import Library, Parts, Reading, Record, Settings, Span, read_notes
from rag.errors import CorpusError, DocumentError
from rag.retrieval import shown_score
from rag.types import BlockKind

RECORDS = [
    Record("otters", "Otters", "Otters eat crabs at night."),
    Record("badgers", "Badgers", "Badgers dig setts beneath hedges."),
    Record("herons", "Herons", "Frogs are swallowed whole by herons."),
]

LEXICAL = Parts(dense=False)
DENSE = Parts(lexical=False, sentences=False, tokens=False)


def library(folder: Path, embedder: WordLengths | None = None, **settings: Any) -> Library:
    return Library(Settings(library=str(folder), **settings), embedder or WordLengths())


@pytest.fixture
def filled(tmp_path: Path) -> Library:
    found = library(tmp_path / "library")
    found.index_sources(RECORDS, "records")
    return found


def paragraphs(*texts: str) -> str:
    return "\n\n".join(texts)


# A record becomes a document


def test_a_records_title_is_its_heading() -> None:
    document = Record("r1", "Otters", "They eat crabs.\n\nPups float.").document(b"")
    assert (document.path, document.title) == ("r1", "Otters")
    assert document.text == "Otters\n\nThey eat crabs.\n\nPups float."
    assert [(b.kind, b.level, b.span.of(document.text)) for b in document.blocks] == [
        (BlockKind.HEADING, 1, "Otters"),
        (BlockKind.PARAGRAPH, 0, "They eat crabs."),
        (BlockKind.PARAGRAPH, 0, "Pups float."),
    ]
    assert document.blocks[0].parts == (Span(0, 6),)


def test_white_space_in_a_title_is_one_space() -> None:
    document = Record("r1", "  River\n\n\totters ", "They eat crabs.").document(b"")
    assert document.title == "River otters"
    assert document.text == "River otters\n\nThey eat crabs."


@pytest.mark.parametrize("title", ["", " \n "])
def test_a_record_without_a_title_is_its_text_alone(title: str) -> None:
    document = Record("r1", title, " They eat crabs.\n").document(b"")
    assert document.title == ""
    assert document.text == " They eat crabs.\n"
    assert [block.kind for block in document.blocks] == [BlockKind.PARAGRAPH]


def test_an_id_is_no_word_of_its_record(tmp_path: Path) -> None:
    found = library(tmp_path / "library", embedder := WordLengths())
    found.index_sources([Record("otters", "", "They eat crabs."), *RECORDS[1:]], "records")
    assert found.rank("otters", [LEXICAL]) == [[]]
    assert not [text for text in embedder.embedded if "otters" in text]
    assert set(embedder.embedded) >= {"They eat crabs."}
    assert not [text for text in embedder.embedded if text.startswith((":", ">"))]


def test_a_record_without_a_text_is_its_title(tmp_path: Path) -> None:
    document = Record("r1", "Otters", "").document(b"")
    assert document.text == "Otters\n\n"
    assert [block.kind for block in document.blocks] == [BlockKind.HEADING]
    found = library(tmp_path / "library")
    found.index_sources([Record("r1", "Otters", "")], "records")
    assert [passage.text for passage in found.search("otters")] == ["Otters"]


@pytest.mark.parametrize("title", ["", "\t"])
@pytest.mark.parametrize("text", ["", " \n\n "])
def test_a_record_of_nothing_is_no_document(title: str, text: str) -> None:
    with pytest.raises(DocumentError, match="holds no text") as raised:
        Record("r1", title, text).document(b"")
    assert raised.value.reason == "empty"


@given(title=st.text(max_size=20), text=st.text(max_size=60))
def test_a_records_blocks_lie_where_their_words_stand(title: str, text: str) -> None:
    record = Record("r1", title, text)
    try:
        document = record.document(record.read())
    except DocumentError:
        assert not (title + text).strip()
        return
    assert document.text.endswith(text)
    covered = set()
    end = 0
    for block in document.blocks:
        assert end <= block.span.start < block.span.end <= len(document.text)
        end = block.span.end
        covered |= set(range(block.span.start, block.span.end))
    if title.strip():
        assert document.blocks[0].span.of(document.text) == " ".join(title.split())
    # What no block holds is white space, or a rule.
    left = "".join(c for i, c in enumerate(document.text) if i not in covered)
    assert not left.strip(" \t\r\n-*_=\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0") or left.isspace()


def test_a_records_digest_tells_title_and_text_apart() -> None:
    reads = {Record("r", *texts).read() for texts in (("a", "b"), ("ab", ""), ("", "ab"))}
    assert len(reads) == 3
    assert Record("r", "a", "b").read() == Record("another", "a", "b").read()


# Indexing sources


def test_unchanged_records_are_not_embedded_again(filled: Library, tmp_path: Path) -> None:
    changed = [*RECORDS[:2], Record("herons", "Herons", "Herons stand motionless.")]
    again = library(tmp_path / "library", embedder := WordLengths())
    manifest = again.index_sources(changed, "records")
    assert (manifest.indexed, manifest.unchanged) == (("herons",), ("otters", "badgers"))
    assert manifest.embedded == len(embedder.embedded) > 0
    assert all("motionless" in text for text in embedder.embedded)
    same = again.index_sources(changed, "records")
    assert (same.indexed, same.embedded, same.generation) == ((), 0, manifest.generation)


def test_removed_records_vanish(filled: Library) -> None:
    manifest = filled.index_sources(RECORDS[:1], "records")
    assert manifest.removed == ("badgers", "herons")
    assert set(filled.titles()) == set(filled.digests()) == {"otters"}
    assert [path for path, _ in filled.rank("Frogs are swallowed whole.")[0]] == ["otters"]
    assert filled.chunk_spans("herons") == []


def test_a_record_of_nothing_is_skipped_and_makes_no_next_run_a_change(filled: Library) -> None:
    records = [Record("z", "", " "), *RECORDS, Record("a", "", "")]
    first = filled.index_sources(records, "records")
    assert [item.document for item in first.skipped] == ["a", "z"]
    again = filled.index_sources(records, "records")
    assert (again.skipped, again.generation) == (first.skipped, first.generation)


def test_no_sources_leave_the_library_as_it_was_and_empty_ones_do_not(filled: Library) -> None:
    with pytest.raises(CorpusError, match="^the shelf holds nothing to index"):
        filled.index_sources([], "the shelf")
    assert set(filled.titles()) == {"otters", "badgers", "herons"}
    with pytest.raises(CorpusError, match="Nothing in the shelf can be indexed: a: holds no text"):
        filled.index_sources([Record("a", "", "")], "the shelf")
    assert filled.titles() == {}
    assert [item["document"] for item in filled.status()["skipped"]] == ["a"]


def test_digests_are_those_of_the_bytes(filled: Library) -> None:
    assert filled.digests() == {
        record.path: hashlib.sha256(record.read()).hexdigest() for record in RECORDS
    }


def test_a_record_is_quoted_from_its_own_text(filled: Library) -> None:
    for passage in filled.search("Otters eat crabs at night.", k=3):
        assert passage.span.of(filled.source(passage.document)) == passage.text
    (top,) = filled.search("Otters eat crabs at night.", k=1)
    assert (top.document, top.title, top.headings) == ("otters", "Otters", ("Otters",))


# Ranking documents


QUESTIONS = ["Otters eat crabs", "setts", "frogs at night", "whole hedges swallowed", "a b c ddd"]


@pytest.mark.parametrize("question", QUESTIONS)
def test_rank_agrees_with_search_where_each_document_is_one_passage(
    filled: Library, question: str
) -> None:
    (ranked,) = filled.rank(question)
    found = filled.search(question, k=100)
    assert len(found) == len(RECORDS)
    shown = [(path, shown_score(score)) for path, score in ranked]
    assert shown == [(passage.document, passage.score) for passage in found]


@pytest.mark.parametrize("question", QUESTIONS)
def test_documents_rank_by_their_best_passage(tmp_path: Path, question: str) -> None:
    filler = (
        f"Nothing about that animal stands in paragraph {i} of this record." for i in range(9)
    )
    texts = [record.text for record in RECORDS]
    records = [
        Record("long", "Many", paragraphs(texts[0], *filler, texts[2], texts[1])),
        *RECORDS,
    ]
    found = library(tmp_path / "library", chunk_tokens=32)
    manifest = found.index_sources(records, "records")
    assert len(found.chunk_spans("long")) > 2
    passages = found.search(question, k=100)
    assert len(passages) == manifest.chunks
    best: dict[str, float] = {}
    for passage in passages:
        best.setdefault(passage.document, passage.score)
    shown = [(path, shown_score(score)) for path, score in found.rank(question)[0]]
    assert shown == list(best.items())


def test_equal_documents_rank_in_the_order_of_their_paths(tmp_path: Path) -> None:
    found = library(tmp_path / "library")
    records = [Record(path, "", "Otters eat crabs.") for path in ("c", "a", "b")]
    found.index_sources(records, "records")
    (ranked,) = found.rank("Otters eat crabs.", [LEXICAL])
    assert [path for path, _ in ranked] == ["a", "b", "c"]
    assert len({score for _, score in ranked}) == 1


def test_rank_gives_one_list_for_each_of_the_parts_and_embeds_once(tmp_path: Path) -> None:
    class Counting(WordLengths):
        asked = 0

        def read_queries(self, texts: Sequence[str]) -> list[Reading]:
            self.asked += len(texts)
            return super().read_queries(texts)

    found = library(tmp_path / "library", embedder := Counting())
    found.index_sources(RECORDS, "records")
    parts = [LEXICAL, DENSE, Parts()]
    together = found.rank("Otters eat crabs", parts)
    assert embedder.asked == 1
    assert together == [found.rank("Otters eat crabs", [each])[0] for each in parts]
    assert found.rank("Otters eat crabs", []) == []


def test_lexical_alone_finds_only_documents_with_a_term(filled: Library) -> None:
    (ranked,) = filled.rank("crabs or frogs at noon?", [LEXICAL])
    assert {path for path, _ in ranked} == {"otters", "herons"}
    assert filled.rank("unknown words", [LEXICAL]) == [[]]


def test_lexical_alone_ignores_the_vectors(tmp_path: Path) -> None:
    class Blind(WordLengths):
        @staticmethod
        def _embed(text: str) -> Any:
            return np.full(16, 0.25, dtype=np.float32)

    one, other = library(tmp_path / "one"), library(tmp_path / "other", Blind())
    for found in (one, other):
        found.index_sources(RECORDS, "records")
    question = "crabs and frogs, swallowed at night"
    assert one.rank(question, [LEXICAL]) == other.rank(question, [LEXICAL])
    assert one.rank(question, [DENSE]) != other.rank(question, [DENSE])


def test_dense_alone_ignores_words(filled: Library) -> None:
    # Words of the same lengths, 6, 3 and 5 letters; one question has those of the record.
    mine, others = filled.rank("otters eat crabs", [DENSE]) + filled.rank(
        "xxxxxx yyy zzzzz", [DENSE]
    )
    assert mine == others
    assert len(mine) == len(RECORDS)
    assert filled.rank("otters eat crabs") != filled.rank("xxxxxx yyy zzzzz")


def test_dense_alone_is_the_cosine_of_the_passage(filled: Library) -> None:
    query = WordLengths._embed("frogs are swallowed")
    embedded = {r.path: f"{r.title} {r.text}" for r in RECORDS}
    cosine = {path: float(WordLengths._embed(t) @ query) for path, t in embedded.items()}
    (ranked,) = filled.rank("frogs are swallowed", [DENSE])
    assert dict(ranked) == pytest.approx(cosine, abs=1e-3)  # of two bytes a dimension


def test_the_best_sentence_tells_apart_what_is_alike_as_a_passage(tmp_path: Path) -> None:
    # Both have words of 2, 3, 3 and 5 letters, stops included, and are the same as passages; one
    # has those of the question, 3 and 5, in one sentence.
    records = [
        Record("apart", "", "Bb eeee. Ccc bb."),
        Record("whole", "", "Ccc eeee. Bb bb."),
    ]
    found = library(tmp_path / "library")
    found.index_sources(records, "records")
    alone, sentence = found.rank("ccc eeee.", [DENSE, Parts(lexical=False, tokens=False)])
    assert len({score for _, score in alone}) == 1
    assert [path for path, _ in sentence] == ["whole", "apart"]


def test_tokens_tell_apart_what_is_alike_as_a_passage(tmp_path: Path) -> None:
    # Of words of 1, 2, … letters, (4, 2) and (2, 2, 2, 2, 2) have the same cosine with (1, 1, 1),
    # 6 / sqrt(20 * 3), but the first has no word of 3 letters.
    records = [
        Record("two", "", "a a a a bb bb"),
        Record("all", "", "a a bb bb ccc ccc dddd dddd eeeee eeeee"),
    ]
    found = library(tmp_path / "library")
    found.index_sources(records, "records")
    alone, tokens = found.rank("a bb ccc", [DENSE, Parts(lexical=False, sentences=False)])
    assert len({round(score, 6) for _, score in alone}) == 1
    # A word's vector is one 1 and fifteen 0: its cosine with its own signs is 1 / sqrt(16), with
    # another's the opposite. By idf over two records, `a` and `bb` in both weigh
    # ln(1 + 0.5 / 2.5) = 0.1823 each, `ccc` in one ln(1 + 1.5 / 1.5) = 0.6931.
    matched = (2 * 0.1823 - 0.6931) / (2 * 0.1823 + 0.6931) / 4
    gained = {path: score - dict(alone)[path] for path, score in tokens}
    assert gained == pytest.approx({"all": 2 / 4, "two": 2 * matched}, abs=1e-4)


def test_both_legs_are_added(filled: Library) -> None:
    fused = Parts(sentences=False, tokens=False)
    ranked = filled.rank("Otters eat crabs", [LEXICAL, DENSE, fused])
    words, near, both = (dict(each) for each in ranked)
    # `otters` alone has the words.
    assert list(words) == ["otters"]
    assert words["otters"] > 0
    assert both == pytest.approx({path: words.get(path, 0) + near[path] for path in near})


# Looking


def test_chunk_spans_are_those_of_the_passages(tmp_path: Path) -> None:
    text = paragraphs(*(f"Sentence number {i} of this record is here." for i in range(20)))
    found = library(tmp_path / "library", chunk_tokens=32)
    found.index_sources([Record("long", "Long", text), *RECORDS], "records")
    for path in ("long", "otters"):
        spans = found.chunk_spans(path)
        assert spans == sorted(spans)
        passages = [p for p in found.search("sentence", k=100) if p.document == path]
        assert sorted(passage.span for passage in passages) == spans
    assert len(found.chunk_spans("long")) > 3
    assert found.chunk_spans("unknown") == []


def test_what_is_decided_of_a_draft_is_what_ask_answers(filled: Library) -> None:
    for question in QUESTIONS:
        decided = filled.decide(question, filled.draft(question)).to_dict()
        asked = filled.ask(question).to_dict()
        assert {**decided, "timings_ms": None} == {**asked, "timings_ms": None}
        assert decided["question"] == question


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    (folder / "river").mkdir(parents=True)
    texts: Sequence[tuple[str, bytes]] = (
        ("river/otters.md", b"---\ntitle: Otters\n---\r\nThey eat crabs.\r\n"),
        ("herons.txt", b"\xef\xbb\xbfHerons stand for hours."),
        ("cafe.md", "Café au lait, déjà vu, à côté.".encode("cp1252")),
        ("slides.pdf", b"%PDF"),
        ("noise.md", b"\0\1\2"),
        ("blank.md", b" \n"),
        (".hidden.md", b"Secret."),
        ("large.md", b"words " * 4000),
    )
    for path, data in texts:
        (folder / path).write_bytes(data)
    os.symlink("nowhere", folder / "gone.md")
    return folder


def test_read_notes_reads_what_indexing_reads(tmp_path: Path, notes: Path) -> None:
    found = library(tmp_path / "library", corpus=str(notes), max_file_mb=0.02)
    manifest = found.index()
    texts = read_notes(notes, 20_000)
    assert list(texts) == ["cafe.md", "herons.txt", "river/otters.md"]
    assert set(texts) == set(found.titles())
    assert texts == {path: found.source(path) for path in texts}
    assert {item.document for item in manifest.skipped}.isdisjoint(texts)
    assert texts["herons.txt"] == "Herons stand for hours."
    assert "large.md" in read_notes(notes, 100_000)


def test_read_notes_indexes_nothing(tmp_path: Path, notes: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    read_notes(notes, 20_000)
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(CorpusError, match="does not exist"):
        read_notes(tmp_path / "nowhere", 20_000)
