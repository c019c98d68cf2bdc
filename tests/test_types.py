from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Answer, Citation, Level, Manifest, Passage, Span
from rag.types import AnswerSentence, Skipped

QUOTE = "Layers are frozen.\nOnly the head learns."


def citation(number: int = 1, quote: str = QUOTE) -> Citation:
    span = Span(10, 10 + len(quote))
    return Citation(number, "a/b.md", "B", ("One", "Two"), "lines 2–3", span, quote)


def answer(**changes: Any) -> Answer:
    fields: dict[str, Any] = {
        "question": "What  learns?",
        "query": "What learns?",
        "reason": None,
        "confidence": 0.123456,
        "sentences": (AnswerSentence("Only the head learns.", 1, decides=True),),
        "citations": (citation(),),
        "passages": (),
        "timings_ms": {"embed": 1.23456},
    }
    return Answer(**{**fields, **changes})


# Spans

spans = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda ends: Span(*sorted(ends)))


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 2)])
def test_a_span_out_of_order_cannot_be_built(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="not a span"):
        Span(start, end)


def test_a_span_is_half_open() -> None:
    assert Span(1, 3).of("abcde") == "bc"
    assert len(Span(1, 3)) == 2
    assert Span(1, 3).overlap(Span(3, 5)) == 0
    assert Span(1, 4).overlap(Span(3, 5)) == 1


@given(spans, spans)
def test_overlap_counts_the_characters_of_both(one: Span, other: Span) -> None:
    both = set(range(one.start, one.end)) & set(range(other.start, other.end))
    assert one.overlap(other) == other.overlap(one) == len(both)


@given(st.text(max_size=60), spans)
def test_a_span_covers_as_many_characters_as_its_length(text: str, span: Span) -> None:
    assert span.of(text) == "".join(text[i] for i in range(span.start, span.end) if i < len(text))


# Citations and answers


@pytest.mark.parametrize("quote", ["", QUOTE[:-1], QUOTE + "."])
def test_a_citation_whose_quote_does_not_fill_its_span_cannot_be_built(quote: str) -> None:
    with pytest.raises(ValueError, match="cannot fill"):
        dataclasses.replace(citation(), quote=quote)


def test_a_citation_of_nothing_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="cannot fill"):
        dataclasses.replace(citation(), quote="", span=Span(4, 4))


@pytest.mark.parametrize(
    "changes",
    [
        {"citations": ()},
        {"sentences": ()},
        {"sentences": (), "citations": ()},
        {"sentences": (AnswerSentence("Only the head learns.", 2),)},
        {"sentences": (AnswerSentence("Only the tail learns.", 1),)},
        {"sentences": (AnswerSentence("", 1),)},
        {"citations": (citation(2),)},
        {"citations": (citation(1), citation(1))},
        {"citations": (citation(2), citation(1))},
        {"citations": (citation(0), citation(1))},
    ],
    ids=[
        "no citation",
        "no sentence",
        "neither",
        "a citation that is not there",
        "words not in the quote",
        "no words",
        "not numbered from 1",
        "one number twice",
        "numbers out of order",
        "numbered from 0",
    ],
)
def test_an_answer_that_its_citations_do_not_hold_cannot_be_built(changes: dict[str, Any]) -> None:
    assert answer().answered
    with pytest.raises(ValueError, match="citation|quote"):
        answer(**changes)


@pytest.mark.parametrize("kept", ["sentences", "citations"])
def test_an_abstention_that_quotes_cannot_be_built(kept: str) -> None:
    emptied = {"sentences": (), "citations": ()}
    assert not answer(reason="unsure", **emptied).answered
    del emptied[kept]
    with pytest.raises(ValueError, match="quotes nothing"):
        answer(reason="unsure", **emptied)


def test_an_answer_that_suggests_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="suggests nothing"):
        answer(suggestions=("Why frogs?",))


def test_records_are_frozen_and_slotted() -> None:
    for record in (answer(), citation(), Span(0, 1)):
        assert not hasattr(record, "__dict__")
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, dataclasses.fields(record)[0].name, None)


# JSON


def test_an_answer_as_json_is_the_documented_object() -> None:
    passage = Passage(1, 0.98765, "a/b.md", "B", ("One",), "line 2", Span(10, 12), "La")
    sentences = (AnswerSentence("Layers are frozen.", 1), AnswerSentence("the head", 1, True))
    found = answer(sentences=sentences, passages=(passage,)).to_dict()
    expected = {
        "question": "What  learns?",
        "query": "What learns?",
        "state": "answered",
        "reason": None,
        "confidence": 0.1235,
        "answer": "Layers are frozen. [1] the head [1]",
        "sentences": [
            {"text": "Layers are frozen.", "citation": 1},
            {"text": "the head", "citation": 1},
        ],
        "citations": [
            {
                "number": 1,
                "document": "a/b.md",
                "title": "B",
                "headings": ["One", "Two"],
                "location": "lines 2–3",
                "start": 10,
                "end": 50,
                "quote": QUOTE,
            }
        ],
        "passages": [
            {
                "rank": 1,
                "score": 0.9877,
                "document": "a/b.md",
                "location": "line 2",
                "start": 10,
                "end": 12,
                "text": "La",
            }
        ],
        "timings_ms": {"embed": 1.23},
    }
    # As text, so that the order counts too.
    assert json.dumps(found) == json.dumps(expected)


def test_an_abstention_as_json_has_a_reason_and_no_answer() -> None:
    abstention = answer(reason="unsure", sentences=(), citations=())
    found = abstention.to_dict()
    assert dataclasses.replace(abstention, suggestions=("Why frogs?",)).to_dict() == found
    assert (found["state"], found["reason"], found["answer"]) == ("abstained", "unsure", None)
    assert found["sentences"] == found["citations"] == []


def test_a_manifest_as_json_is_made_of_lists() -> None:
    skipped = Skipped("c.pdf", "no loader", "no loader for .pdf")
    manifest = Manifest(("a.md",), ("b.md",), ("d.md",), (skipped,), 4, 9, 2)
    assert manifest.to_dict() == {
        "indexed": ["a.md"],
        "unchanged": ["b.md"],
        "removed": ["d.md"],
        "skipped": [{"document": "c.pdf", "reason": "no loader", "message": "no loader for .pdf"}],
        "chunks": 4,
        "embedded": 9,
        "generation": 2,
    }


def test_a_record_brings_back_the_level_and_the_public_json_says_nothing_of_it() -> None:
    before = answer(level=Level(0.0, 0.3, 72, 3), confidence=0.12, timings_ms={})
    record = json.loads(json.dumps(before.to_record()))
    assert Answer.from_dict(record) == before
    assert Answer.from_dict(answer(timings_ms={}).to_record()).level is None
    assert before.to_dict() == answer(confidence=0.12, timings_ms={}).to_dict()
    assert Answer.from_dict(before.to_dict()).level is None
