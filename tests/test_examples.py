from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import WordLengths, constant_fit

from rag import Library, QuestionError, Record, Settings
from rag.examples import PER_NOTE, TRIED, candidates, choose


def library_of(
    folder: Path, *records: Record, language: str = "english", threshold: float = 0.1
) -> Library:
    settings = Settings(library=str(folder), language=language)
    library = Library(settings, WordLengths(), constant_fit(threshold))
    library.index_sources(records, "records")
    return library


def note(path: str, *headings: str) -> Record:
    return Record(path, "", "\n\n".join(f"# {heading}\n\nIt rains." for heading in headings))


# Wording


def worded(folder: Path, *headings: str, language: str = "english") -> list[str]:
    library = library_of(folder, note("a.md", *headings), language=language)
    ((_, questions),) = candidates(library._engine_now())
    return questions


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("Negative transfer", "What is negative transfer?"),
        ("The gradient reversal layer", "What is the gradient reversal layer?"),
        ("Feature extraction with a frozen backbone", None),
        ("Fine-tuning", "What is fine-tuning?"),
        ("Statistical analysis", "What is statistical analysis?"),
        ("Freezing layers", "Can you explain freezing layers?"),
        ("Detecting shift", "Can you explain detecting shift?"),
        ("Working in the cloud", "Can you explain working in the cloud?"),
        ("Kinds of shift", "Can you explain kinds of shift?"),
        ("Low-rank updates (LoRA)", "Can you explain low-rank updates (LoRA)?"),
        ("Layers used to build networks", "Can you explain layers used to build networks?"),
        ("Domain and task", "Can you explain domain and task?"),
        ("Three degrees of supervision", "Can you explain three degrees of supervision?"),
        ("Where transfer learning is used", "Can you explain where transfer learning is used?"),
        ("Difference between frogs and newts", "What is the difference between frogs and newts?"),
        ("q2) Areas of transfer learning ?", "Can you explain areas of transfer learning?"),
        ("Linear regression \U0001f476", "What is linear regression?"),
        ("Why do frogs sing at night?", "Why do frogs sing at night?"),
        ("What is regression? \u2b50\ufe0f", "What is regression?"),
    ],
)
def test_a_heading_is_asked_for_as_a_student_would(
    tmp_path: Path, heading: str, question: str | None
) -> None:
    expected = question or f"What is {heading[0].lower()}{heading[1:]}?"
    assert worded(tmp_path, heading) == [expected]


@pytest.mark.parametrize(
    "heading",
    [
        *("Introduction", "Summary", "References", "Exercises", "Exercise 3", "Lab sheet"),
        *("Questions for the report", "Which layer?", "Entropy minimisation: Tent", "2.1"),
        *("Personalisation is transfer", "A heading that goes on and on about frogs", "f = m a"),
        *("Start the server", "Submitting your work", "Adversarial networks (15 points)"),
    ],
)
def test_a_heading_that_makes_no_question_is_not_asked_for(tmp_path: Path, heading: str) -> None:
    assert worded(tmp_path, heading) == []


def test_questions_come_first_and_each_once(tmp_path: Path) -> None:
    headings = ["Frogs", "Newts", "Frogs", "Why do frogs sing at night?"]
    assert worded(tmp_path, *headings) == [
        "Why do frogs sing at night?",
        "Can you explain frogs?",
        "Can you explain newts?",
    ]
    assert len(worded(tmp_path, *[f"Frog {'x' * i}" for i in range(1, 9)])) == PER_NOTE


def test_headings_of_another_language_are_asked_only_where_they_are_questions(
    tmp_path: Path,
) -> None:
    asked = worded(
        tmp_path, "Negativer Transfer", "Warum singen Frösche nachts?", language="german"
    )
    assert asked == ["Warum singen Frösche nachts?"]


# Choice


def test_folders_take_turns_and_the_largest_begins(tmp_path: Path) -> None:
    paths = ["about.md", "a/1.md", "b/1.md", "b/2.md", "b/3.md", "a/2.md"]
    library = library_of(tmp_path, *[note(path, "Frogs") for path in paths])
    found = [path for path, _ in candidates(library._engine_now())]
    assert found == ["b/1.md", "a/1.md", "about.md", "b/2.md", "a/2.md", "b/3.md"]
    assert [path for path, _ in candidates(library._engine_now(), "a")] == ["a/1.md", "a/2.md"]


def test_of_each_note_the_first_that_holds_is_taken_and_of_few_notes_more() -> None:
    notes = [("a", ["1", "2", "3"]), ("b", ["4", "5"]), ("c", ["6"])]
    asked: list[tuple[str, str]] = []

    def holds(question: str, document: str) -> bool:
        asked.append((question, document))
        return question not in "14"

    assert choose(notes, holds, 3) == ("2", "5", "6")
    assert asked == [("1", "a"), ("2", "a"), ("4", "b"), ("5", "b"), ("6", "c")]
    assert choose(notes, holds, 2) == ("2", "5")
    assert choose(notes, holds, 9) == ("2", "5", "6", "3")
    assert choose([("a", ["Why?"]), ("b", ["why?"])], holds, 2) == ("Why?",)
    assert choose(notes, holds, 0) == choose([], holds, 4) == ()


def test_no_more_are_tried_than_is_said() -> None:
    asked: list[str] = []

    def never(question: str, document: str) -> bool:
        asked.append(question)
        return False

    notes = [(f"{i}", [f"{i}?", f"{i}!"]) for i in range(100)]
    assert choose(notes, never, 4) == ()
    assert len(asked) == TRIED


def test_what_the_notes_would_not_answer_is_no_example(tmp_path: Path) -> None:
    records = [note("a/1.md", "Frogs"), note("b/2.md", "Newts")]
    assert library_of(tmp_path, *records, threshold=0.9).examples() == ()
    library = library_of(tmp_path, *records)
    for question in (found := library.examples()):
        assert library.ask(question).answered
    assert found


def test_examples_are_found_once_for_a_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = library_of(tmp_path, note("a/1.md", "Frogs"), note("b/2.md", "Newts"))
    drafted: list[str] = []
    draft = Library._draft

    def drafting(self: Library, question: str, *others: Any) -> Any:
        drafted.append(question)
        return draft(self, question, *others)

    monkeypatch.setattr(Library, "_draft", drafting)
    first = library.examples()
    assert library.examples() == first and len(drafted) == 2
    assert library.examples(within="b") == ("Can you explain newts?",)
    with pytest.raises(QuestionError, match="No note lies in c"):
        library.examples(within="c")
    library.index_sources([note("a/1.md", "Toads")], "records")
    assert library.examples() == ("Can you explain toads?",)


@pytest.mark.model
def test_the_shipped_notes_make_examples_of_several_folders_that_they_answer(
    shipped: Library,
) -> None:
    found = shipped.examples()
    assert len(set(found)) == 4
    answers = [shipped.ask(question) for question in found]
    assert all(answer.answered for answer in answers)
    assert len({answer.citations[0].document.split("/")[0] for answer in answers}) == 4
    assert "What is negative transfer?" in shipped.examples(within="risks")
