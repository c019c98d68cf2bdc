from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import CORPUS, QUESTIONS

from eval import Question, load_questions
from eval.dataset import Evidence, overlap, places
from rag import NotesQAError, QuestionSetError, Span, terms

LINE: dict[str, Any] = {
    "id": "f1-a",
    "fact": "f1",
    "question": "What learns?",
    "kind": "paraphrase",
    "evidence": [{"document": "a.md", "quote": "Only the head learns."}],
}


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a question set, one record a line, each the changes to `LINE`."""

    def make(*changes: dict[str, Any]) -> Path:
        file = tmp_path / "set.jsonl"
        records = (json.dumps({**LINE, **change}, ensure_ascii=False) for change in changes)
        file.write_text("\n".join(records) + "\n", encoding="utf-8")
        return file

    return make


# The loader


def test_a_line_becomes_a_question(write: Write) -> None:
    (question,) = load_questions(write({}))
    evidence = (Evidence("a.md", "Only the head learns."),)
    assert question == Question("f1-a", "f1", "What learns?", "paraphrase", evidence)
    assert question.answerable


def test_what_may_be_left_out_is_read_where_it_stands(write: Write) -> None:
    after = {"id": "f2-a", "fact": "f2", "needs": "all", "after": "f1-a", "evidence": []}
    _, question = load_questions(write({}, after))
    assert (question.needs_all, question.after, question.answerable) == (True, "f1-a", False)


def test_a_follow_up_knows_the_questions_before_it_whatever_their_split(write: Write) -> None:
    lines: list[dict[str, Any]] = [
        {"id": "a", "fact": "1", "question": "One?", "split": "fit"},
        {"id": "b", "fact": "2", "question": "Two?", "split": "report", "after": "a"},
        {"id": "c", "fact": "3", "question": "Three?", "split": "report", "after": "b"},
    ]
    file = write(*lines)
    found = [question.earlier for question in load_questions(file, "report")]
    assert found == [("One?",), ("One?", "Two?")]


def test_questions_come_in_order_and_of_the_split_that_is_named(write: Write) -> None:
    file = write(
        {"id": "b", "fact": "f2", "split": "report"},
        {"id": "a", "split": "fit"},
        {"id": "c", "fact": "f2", "split": "report"},
    )
    assert [question.id for question in load_questions(file)] == ["b", "a", "c"]
    assert [question.id for question in load_questions(file, "report")] == ["b", "c"]


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    file.write_text(f"\n{json.dumps(LINE)}\r\n  \n", encoding="utf-8")
    assert len(load_questions(file)) == 1


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85"])
def test_only_a_newline_ends_a_line(write: Write, end: str) -> None:
    quote = f"Only the{end}head learns."
    (question,) = load_questions(write({"evidence": [{"document": "a.md", "quote": quote}]}))
    assert question.evidence[0].quote == quote


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "f1-a"}, "line 2: id f1-a stands twice"),
        ({"id": "b", "after": "c"}, "line 2: after names c, which does not come before"),
        ({"id": "b", "after": "b"}, "line 2: after names b, which does not come before"),
        ({"id": "b", "split": "fit"}, "line 2: fact f1 is in two splits"),
        ({"id": "b", "needs": "some"}, "line 2: needs is 'some'; expected"),
        ({"id": "b", "question": " \n"}, "line 2: an empty id, question or quote"),
        (
            {"id": "b", "evidence": [{"document": "a", "quote": ""}]},
            "an empty id, question or quote",
        ),
        ({"id": "b", "evidence": [{"document": "a"}]}, "line 2: quote is missing"),
        ({"id": "b", "evidence": "a.md"}, "line 2: expected an object"),
        ({"id": "b", "evidence": None}, "line 2: expected an object"),
        ({"id": "b", "evidence": {"document": "a", "quote": "b"}}, "line 2: expected an object"),
        ({"id": "b", "evidence": [{"document": "a", "quote": 5}]}, "line 2: expected"),
        ({"id": "b", "evidence": [{"document": 5, "quote": "a"}]}, "line 2: expected"),
        ({"id": "b", "question": 5}, "line 2: expected"),
        ({"id": "b", "question": None}, "line 2: expected"),
        ({"id": ["b"]}, "line 2: expected"),
        ({"id": " "}, "line 2: an empty id, question or quote"),
        ({"id": "b", "kind": float("nan")}, "line 2: not JSON (NaN is no number)"),
        ({"id": "b", "fact": ["f1"]}, "line 2: expected"),
    ],
    ids=str,
)
def test_a_line_that_breaks_the_format_is_named(
    write: Write, change: dict[str, Any], said: str
) -> None:
    file = write({}, change)
    with pytest.raises(QuestionSetError) as refused:
        load_questions(file)
    assert str(file) in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize("key", list(LINE))
def test_a_key_that_is_missing_is_named(tmp_path: Path, key: str) -> None:
    file = tmp_path / "set.jsonl"
    file.write_text(json.dumps({k: v for k, v in LINE.items() if k != key}), encoding="utf-8")
    with pytest.raises(QuestionSetError, match=f"line 1: {key} is missing"):
        load_questions(file)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"id": ', "line 1: not JSON"),
        (b"[1, 2]", "line 1: expected an object"),
        (b"5", "line 1: expected an object"),
        (b"null", "line 1: expected an object"),
        (b'{"id": "caf\xe9"}', "cannot be read"),
        (b"", "holds no question"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_question_set_is_refused(
    tmp_path: Path, data: bytes | None, said: str
) -> None:
    file = tmp_path / "set.jsonl"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(QuestionSetError) as refused:
        load_questions(file)
    assert said in str(refused.value)
    assert str(file) in str(refused.value)
    assert isinstance(refused.value, NotesQAError)


def test_a_split_without_questions_is_refused(write: Write) -> None:
    with pytest.raises(QuestionSetError, match="holds no question of split report"):
        load_questions(write({"split": "fit"}), "report")


# Quotes and words


def test_places_are_all_that_hold_the_quote() -> None:
    found = places(Evidence("a.md", "aa"), {"a.md": "aaa b aa"}.__getitem__, "q")
    assert found == [Span(0, 2), Span(1, 3), Span(6, 8)]


def test_a_quote_that_stands_nowhere_is_refused() -> None:
    with pytest.raises(QuestionSetError, match="q7: a.md does not hold the quote 'Only the tail'"):
        places(Evidence("a.md", "Only the tail"), {"a.md": "Only the head"}.__getitem__, "q7")


def test_overlap_is_the_largest_share_of_a_quotes_content_words() -> None:
    # Content words: freez, layer, keep, general, featur | head, learn. Repeated: layer | learn,
    # as stems, so 1/5 and 1/2.
    quotes = ("Freezing the layers keeps general features.", "Only the head learns.")
    evidence = tuple(Evidence("a.md", quote) for quote in quotes)
    question = Question("a", "f", "What do the layers do while something is learned?", "", evidence)
    assert [len(set(terms(quote))) for quote in quotes] == [5, 2]
    assert overlap(question) == 1 / 2
    assert overlap(Question("a", "f", "Which layer?", "", evidence[:1])) == 1 / 5
    assert overlap(Question("a", "f", "Anything?", "", ())) == 0


# The shipped set


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return load_questions(QUESTIONS)


def paraphrases(questions: list[Question]) -> list[Question]:
    return [question for question in questions if question.kind == "paraphrase"]


def test_every_shipped_quote_stands_exactly_once_in_its_note(questions: list[Question]) -> None:
    def text_of(document: str) -> str:
        return (CORPUS / document).read_bytes().decode("utf-8")

    quotes = {evidence for question in questions for evidence in question.evidence}
    elsewhere = {e for e in quotes if text_of(e.document).count(e.quote) != 1}
    assert len(quotes) >= 80
    assert not elsewhere


def test_the_shipped_set_asks_for_80_facts_in_four_wordings(questions: list[Question]) -> None:
    wordings = Counter(question.fact for question in paraphrases(questions))
    assert sum(count >= 4 for count in wordings.values()) >= 80
    assert all(question.answerable for question in paraphrases(questions))


def test_the_shipped_set_asks_what_the_notes_do_not_answer(questions: list[Question]) -> None:
    count = Counter(question.kind for question in questions if not question.answerable)
    assert count["near-domain"] >= 60
    assert count["off-domain"] >= 30
    assert set(count) == {"near-domain", "off-domain"}
    of_fit = [question for question in questions if question.split == "fit"]
    assert sum(not question.answerable for question in of_fit) >= 150  # a threshold needs them


def test_the_shipped_set_has_30_follow_ups_of_the_same_split(questions: list[Question]) -> None:
    split_of = {question.id: question.split for question in questions}
    follow_ups = [question for question in questions if question.kind == "follow-up"]
    assert len(follow_ups) >= 30
    for question in questions:
        assert (question.after is not None) == (question.kind == "follow-up")
    assert all(split_of[q.after or ""] == q.split for q in follow_ups)


def test_every_follow_up_is_written_out_in_full_too(questions: list[Question]) -> None:
    written_out = load_questions(QUESTIONS.with_name("follow-ups-in-full.jsonl"))
    follow_ups = [question for question in questions if question.kind == "follow-up"]
    for question, full in zip(follow_ups, written_out, strict=True):
        assert full.id == question.id.removesuffix("-q") + "-full"
        assert (full.kind, full.after) == ("written out", None)
        same = replace(full, id=question.id, question=question.question, kind=question.kind)
        assert same == replace(question, after=None, earlier=())
        assert len(set(terms(full.question)) - set(terms(question.question))) >= 1


def test_no_shipped_paraphrase_repeats_more_than_half_of_its_evidence(
    questions: list[Question],
) -> None:
    shares = {question.id: overlap(question) for question in paraphrases(questions)}
    assert {name: share for name, share in shares.items() if share > 0.5} == {}
    assert sum(shares.values()) / len(shares) < 0.3
    keywords = [overlap(question) for question in questions if question.kind == "keyword"]
    assert max(keywords) > 0.5  # so the measure tells the two apart


def test_the_shipped_splits_share_no_fact(questions: list[Question]) -> None:
    splits: dict[str, set[str]] = {"fit": set(), "report": set()}
    for question in questions:
        splits[question.split].add(question.fact)
    assert all(len(facts) >= 40 for facts in splits.values())
    assert not splits["fit"] & splits["report"]


def test_no_shipped_question_is_asked_in_both_splits(questions: list[Question]) -> None:
    asked: dict[str, str] = {}
    for question in questions:
        words = " ".join(question.question.lower().split())
        assert asked.setdefault(words, question.split) == question.split, question.id


def test_shipped_ids_are_unique() -> None:
    ids = [json.loads(line)["id"] for line in QUESTIONS.read_text("utf-8").split("\n") if line]
    assert len(set(ids)) == len(ids)
