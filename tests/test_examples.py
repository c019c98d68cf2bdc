from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import WordLengths, constant_fit

from rag import Answer, Citation, Library, QuestionError, Record, Settings, Span
from rag.examples import PER_NOTE, TRIED, Candidate, candidates, choose
from rag.types import AnswerSentence


def library_of(
    folder: Path, *records: Record, language: str = "english", threshold: float = 0.1
) -> Library:
    settings = Settings(library=str(folder), language=language)
    library = Library(settings, WordLengths(), constant_fit(threshold))
    library.index_sources(records, "records")
    return library


def note(path: str, *headings: str, told: str = "") -> Record:
    """Returns a note that says what each heading is, unless something else is told."""
    parts = []
    for name in headings:
        said = told or f"{name} is the way of owls in the rain at night. See: {name.lower()}."
        parts.append(f"# {name}\n\n{said}")
    return Record(path, "", "\n\n".join(parts))


# Wording


def worded(
    folder: Path, *headings: str, told: str = "", language: str = "english", path: str = "a.md"
) -> list[str]:
    library = library_of(folder, note(path, *headings, told=told), language=language)
    return [found.question for note in candidates(library._engine_now()) for found in note]


@pytest.mark.parametrize(
    ("heading", "told", "question"),
    [
        ("Negative transfer", "Negative transfer is a harm done.", "What is negative transfer?"),
        ("Random forest", "A random forest is a set of trees.", "What is a random forest?"),
        ("Frogs", "A frog is an animal.", "What are frogs?"),
        ("Frogs", "Frogs are animals.", "What are frogs?"),
        ("Bias", "Bias is the mean of errors.", "What is bias?"),
        ("The reversal layer", "The reversal layer turns signs.", "What is the reversal layer?"),
        ("Fine-tuning", "Fine-tuning means to train on.", "What is fine-tuning?"),
        ("Frog updates (FRU)", "FRU (Owl 2020) is a method.", "What are frog updates (FRU)?"),
        (
            "Lifelong learning",
            "In lifelong learning, the frog keeps on.",
            "What is lifelong learning?",
        ),
        (
            "q2) Fine spawn of frogs ?",
            "**Fine spawn of frogs** is a heap.",
            "What is fine spawn of frogs?",
        ),
        ("What is a frog?", "It rains.", "What is a frog?"),
        ("Why do frogs sing? \u2b50\ufe0f", "It rains.", "Why do frogs sing?"),
    ],
)
def test_a_heading_is_asked_for_as_a_student_would(
    tmp_path: Path, heading: str, told: str, question: str
) -> None:
    small = "They hear of fine, random, negative, lifelong updates, frogs, bias and reversal, too."
    told = f"{told.rstrip('.')}, as all of the owls say. {small}"
    assert worded(tmp_path, heading, told=told) == [question]


@pytest.mark.parametrize(
    "heading",
    [
        *("Introduction", "Summary", "References", "Exercises", "Exercise 3", "Lab sheet"),
        *("Questions for the report", "Which layer?", "Entropy minimisation: Tent", "2.1"),
        *("Personalisation is transfer", "A heading that goes on and on about frogs", "f = m a"),
        *("Start the server", "Submitting your work", "Adversarial networks (15 points)"),
        *("Choosing what to adapt", "Freezing layers", "Checks before the first epoch"),
        *("Frogs and newts", "Three degrees of supervision", "Where frogs are found"),
    ],
)
def test_a_heading_that_makes_no_question_is_not_asked_for(tmp_path: Path, heading: str) -> None:
    assert worded(tmp_path, heading) == []


@pytest.mark.parametrize(
    "told",
    [
        *(
            "Owls eat frogs, and the frogs are gone by now.",
            "Frogs are not easily found in a dry year.",
        ),
        *(
            "Frogs we know of are the ones in a green pond.",
            "Frogs are:\n\n- green, as all of them say",
        ),
        *(
            "Frogs work by it, and that is what they do all day.",
            "Frogs are <b>green animals in a pond</b>.",
        ),
    ],
)
def test_what_no_sentence_explains_is_not_asked_for(tmp_path: Path, told: str) -> None:
    assert worded(tmp_path, "Frogs", told=told) == []


def test_a_title_made_of_a_files_name_is_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    file = tmp_path / "notes/frog-spawn.md"
    told = "Frog spawn is a heap of eggs, which frog and spawn are small words for.\n"
    for text, asked in [(told, []), (f"# Frog spawn\n\n{told}", ["What is frog spawn?"])]:
        file.write_text(text, encoding="utf-8")
        settings = Settings(library=str(tmp_path / "lib"), corpus=str(tmp_path / "notes"))
        library = Library(settings, WordLengths(), constant_fit(0.1))
        library.index()
        found = candidates(library._engine_now())
        assert [candidate.question for note in found for candidate in note] == asked


def test_questions_come_first_and_each_once(tmp_path: Path) -> None:
    headings = ["Frog", "Newt", "Frog", "Why do frogs sing at night?"]
    assert worded(tmp_path, *headings) == [
        "Why do frogs sing at night?",
        "What is frog?",
        "What is newt?",
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
    named = [note(path, f"Frog {number}") for number, path in enumerate(paths)]
    engine = library_of(tmp_path, *named)._engine_now()
    found = [note[0].heading.removeprefix("Frog ") for note in candidates(engine)]
    assert "".join(found) == "210354"
    assert [note[0].heading for note in candidates(engine, "a")] == ["Frog 1", "Frog 5"]


def answer(
    question: str, said: str, path: str = "a/1.md", sure: float = 0.9, under: str = "Frogs"
) -> Answer:
    span = Span(0, len(said))
    return Answer(
        question=question,
        query=question,
        reason=None,
        confidence=sure,
        sentences=(AnswerSentence(said, 1, decides=True),),
        citations=(Citation(1, path, "Ponds", (under,), "line 1", span, said),),
        passages=(),
        timings_ms={},
    )


@pytest.mark.parametrize(
    ("said", "good"),
    [
        ("Frogs are animals that sing in ponds at night.", True),
        ("A *frog* is an animal that sings in ponds at night.", True),
        ("At night a frog should do almost nothing but sing.", False),
        ("Green frogs are animals that sing in ponds at night.", False),
        ("- **Frog:** an animal.\n- **Newt:** another one of them.", False),
        ("Frogs are animals of stages:\n\n1. Spawn, for some weeks.\n2. Tadpole.", False),
        ("| Frogs are animals | that sing | in ponds at night. |", False),
        ("Frogs are animals.", False),
        (f"Frogs are animals that {'sing and ' * 50} sing.", False),
    ],
)
def test_what_a_thing_is_is_told_by_a_sentence_that_says_it(said: str, good: bool) -> None:
    question = "What are frogs?"
    found = choose([[Candidate(question, "Frogs", "frogs")]], lambda _: answer(question, said), 1)
    assert found == ((question,) if good else ())


@pytest.mark.parametrize(
    ("said", "under", "good"),
    [
        ("At night the frogs are heard from far away.", "Why do frogs sing?", True),
        ("At night the frogs are heard from far away.", "Ponds", False),
        ("This is what frogs do, to be heard from far away.", "Why do frogs sing?", False),
        ("At night the owls are quiet and the newts asleep.", "Why do frogs sing?", False),
        ("1. At night frogs are heard.\n2. By day they are eaten.", "Why do frogs sing?", False),
    ],
)
def test_another_question_is_told_by_a_sentence_under_it(said: str, under: str, good: bool) -> None:
    question = "Why do frogs sing?"
    found = choose(
        [[Candidate(question, question)]], lambda _: answer(question, said, under=under), 1
    )
    assert found == ((question,) if good else ())


def test_folders_differ_then_notes_and_the_surest_comes_first() -> None:
    sure = {"newt": ("a/1.md", 0.7), "frog": ("a/1.md", 0.9), "owl": ("a/2.md", 0.6)}
    sure |= {"toad": ("b/1.md", 0.8), "crow": ("b/1.md", 0.95)}
    notes = [[Candidate(f"What is a {name}?", name, name)] for name in sure]

    def ask(question: str) -> Answer:
        name = question.removeprefix("What is a ").rstrip("?")
        said = f"A {name} is an animal of fields and ponds that sings."
        return answer(question, said, *sure[name])

    def named(n: int) -> list[str]:
        return [question.split()[-1].rstrip("?") for question in choose(notes, ask, n)]

    assert named(5) == ["crow", "frog", "owl", "toad", "newt"]
    assert named(1) == ["crow"]
    assert named(0) == []
    assert choose([*notes, *notes], ask, 9) == choose(notes, ask, 9)
    assert choose([], ask, 4) == ()


def test_no_more_are_tried_than_is_said_and_notes_take_turns() -> None:
    asked: list[str] = []

    def never(question: str) -> Answer:
        asked.append(question)
        return answer(question, "No.")

    notes = [[Candidate(f"{i}?", ""), Candidate(f"{i}!", "")] for i in range(TRIED - 1)]
    assert choose(notes, never, 4) == ()
    assert asked == [*(f"{i}?" for i in range(TRIED - 1)), "0!"]


FROGS = note("a/1.md", "Frogs", told="Frogs are animals that sing in ponds at night.")
NEWTS = note("b/2.md", "Newts", told="Newts are animals that swim in ponds, as newts do.")


def test_what_the_notes_would_not_answer_is_no_example(tmp_path: Path) -> None:
    assert library_of(tmp_path, FROGS, NEWTS, threshold=0.9).examples() == ()
    assert library_of(tmp_path, FROGS, NEWTS).examples()


def test_examples_are_found_once_for_a_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = library_of(tmp_path, FROGS, NEWTS)
    drafted: list[str] = []
    draft = Library._draft

    def drafting(self: Library, question: str, *others: Any) -> Any:
        drafted.append(question)
        return draft(self, question, *others)

    monkeypatch.setattr(Library, "_draft", drafting)
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: library.examples(), range(4))
    assert others == [first] * 3 and len(drafted) == 2
    assert library.examples(within="b") == ("What are newts?",)
    with pytest.raises(QuestionError, match="No note lies in c"):
        library.examples(within="c")
    toads = note("a/1.md", "Toads", told="Toads are animals that sit in gardens, as toads do.")
    library.index_sources([toads], "records")
    assert library.examples() == ("What are toads?",)


@pytest.mark.model
def test_the_shipped_notes_make_examples_of_several_folders_that_tell_what_is_asked(
    shipped: Library,
) -> None:
    found = shipped.examples()
    assert len(set(found)) == 4
    folders = set()
    for question in found:
        answer = shipped.ask(question)
        (said,) = (sentence for sentence in answer.sentences if sentence.decides)
        subject = question.removeprefix("What is ").removeprefix("What are ").rstrip("?")
        assert subject.rstrip("s") in said.text[:40].lower()
        folders.add(answer.citations[said.citation - 1].document.split("/")[0])
    assert len(folders) == 4
