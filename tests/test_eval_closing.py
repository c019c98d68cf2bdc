from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from eval import (
    Evidence,
    Gap,
    Judge,
    Reasked,
    Trouble,
    accept_gap,
    closing,
    load_questions,
    name_of,
    reask,
)
from eval.triage import triage
from rag import Asked, Library, QuestionLog, QuestionSetError, Settings, Turn, Verdict, turn_of

pytestmark = pytest.mark.model

EGGS = ["How many eggs does an owl lay?", "how many eggs do owls lay", "Owl eggs: how many?"]
FRANCE = "What is the capital of France?"
NOTE = "# Owl eggs\n\nAn owl lays two to six eggs in spring.\n"
LAID = Evidence("eggs.md", "An owl lays two to six eggs in spring.")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    notes = tmp_path / "notes"
    notes.mkdir()
    write(notes / "owls.md", "# Owls\n\nOwls hunt at night, by their ears.\n")
    write(notes / "badgers.md", "# Badgers\n\nBadgers dig setts under trees. They eat worms.\n")
    made = Library(Settings(library=str(tmp_path / "library"), corpus=str(notes)))
    made.index()
    return made


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def add(library: Library, name: str, text: str) -> None:
    write(Path(library.settings.corpus) / name, text)
    library.index()


def logged(library: Library, questions: Sequence[str], after: Turn | None = None) -> list[Asked]:
    """Asks questions as people do, and returns what the log keeps of them, newest first."""
    log = QuestionLog.of(library.settings)
    for question in questions:
        log.record(library.ask(question, after), "cli")
    log.close()
    return log.newest(len(questions))


def gap_in(library: Library, asked: Sequence[Asked]) -> Gap:
    found = triage(Judge(library), asked)
    return Gap("a1", ("owl", "eggs"), EGGS[-1], tuple(asked), None, found)


def accepted_lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def test_a_gap_closes_when_a_note_answers(library: Library) -> None:
    gap = gap_in(library, logged(library, [*EGGS, EGGS[0].upper(), FRANCE]))
    before = reask(library, gap)
    assert before.n == (0, 5)
    assert before.left[0].times == 2  # those that differ in case are one wording
    add(library, "eggs.md", NOTE)
    after = reask(library, gap)
    assert after.n == (4, 1)
    assert [reply.question for reply in after.left] == [FRANCE]
    assert after.left[0].answer.passages
    assert {reply.evidence for reply in after.answered} == {LAID}
    assert after.generation == before.generation + 1
    assert QuestionLog.of(library.settings).count() == 5
    found = after.to_dict()
    assert json.loads(json.dumps(found)) == found
    assert (found["n"], found["answered"], found["left"]) == (5, 4, 1)


@pytest.mark.parametrize(
    "better",
    [
        "Owls hunt at night, by their ears, in woods and over fields and meadows, all year round.",
        "Owls hunt at dusk!, by their ears, in woods and over fields and meadows.",
    ],
    ids=["longer", "other words"],
)
def test_an_answer_that_did_not_help_closes_nothing_until_it_is_another(
    library: Library, better: str
) -> None:
    worse = "Owls hunt at night, by their ears, in woods and over fields and meadows."
    add(library, "owls.md", f"# Owls\n\n{worse}\n")
    (asked,) = logged(library, ["When do owls hunt?"])
    assert asked.state == "answered"
    gap = gap_in(library, [replace(asked, verdict=Verdict.DOWN)])
    assert reask(library, gap).left[0].trouble is Trouble.DOWN
    assert reask(library, gap_in(library, [asked])).n == (1, 0)
    add(library, "owls.md", f"# Owls\n\nMoved.\n\n{worse}\n")
    assert reask(library, gap).left[0].trouble is Trouble.DOWN
    add(library, "owls.md", f"# Owls\n\n{better}\n")
    assert reask(library, gap).n == (1, 0)


def test_a_follow_up_is_asked_with_what_it_took_from_the_one_before(library: Library) -> None:
    turn = turn_of(library.ask("Do owls lay eggs?"))
    (asked,) = logged(library, ["And how many of them?"], turn)
    add(library, "eggs.md", NOTE)
    (reply,) = reask(library, gap_in(library, [asked])).answered
    assert reply.question == asked.query != asked.question


def test_wordings_of_single_people_are_asked_and_not_told(library: Library, tmp_path: Path) -> None:
    asked = logged(library, [EGGS[0], EGGS[0], EGGS[0], EGGS[1]])
    people = [replace(one, user=f"user{number}") for number, one in enumerate(asked)]
    add(library, "eggs.md", NOTE)
    found = reask(library, gap_in(library, people))
    assert (found.n, found.untold) == ((4, 0), (1, 0))
    assert [reply.question for reply in found.answered] == [EGGS[0]]
    assert EGGS[1] not in json.dumps(found.to_dict())
    file = tmp_path / "set.jsonl"
    assert [q.question for q in accept_gap(found, file, library).added] == [EGGS[0]]


def test_of_many_wordings_those_asked_most_often_are_asked_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "MOST", 1)
    found = reask(library, gap_in(library, logged(library, [EGGS[0], FRANCE, FRANCE])))
    assert ([reply.question for reply in found.left], found.unasked) == ([FRANCE], 1)


# Joining a set


@pytest.fixture
def closed(library: Library) -> Reasked:
    gap = gap_in(library, logged(library, [*EGGS, FRANCE]))
    add(library, "eggs.md", NOTE)
    return reask(library, gap)


def test_what_is_answered_joins_a_set_with_its_evidence(
    library: Library, closed: Reasked, tmp_path: Path
) -> None:
    file = tmp_path / "new.jsonl"
    done = accept_gap(closed, file, library)
    assert load_questions(file) == list(done.added)
    assert {(q.fact, q.kind, q.evidence) for q in done.added} == {("owl-eggs", "asked", (LAID,))}
    assert {q.question for q in done.added} == set(EGGS)
    assert done.findings
    assert not done.findings.problems
    again = accept_gap(closed, file, library)
    assert (again.added, again.known) == ((), done.added)
    assert load_questions(file) == list(done.added)


def test_lines_that_are_there_stay_and_a_name_that_is_taken_gets_a_number(
    library: Library, closed: Reasked, tmp_path: Path
) -> None:
    file = tmp_path / "set.jsonl"
    old = '{"fact":"owl-eggs", "id": "owl-eggs-p1","question":"Else?","kind":"","evidence":[]}'
    file.write_bytes(old.encode())
    done = accept_gap(closed, file, library)
    assert accepted_lines(file)[0] == old
    assert {q.fact for q in done.added} == {"owl-eggs-2"}


def test_a_wording_that_the_set_has_brings_the_others_into_its_fact(
    library: Library, closed: Reasked, tmp_path: Path
) -> None:
    file = tmp_path / "set.jsonl"
    quote = {"document": "eggs.md", "quote": "two to six eggs"}
    line = {"id": "o-1", "fact": "o", "question": EGGS[1].upper(), "kind": "", "split": "report"}
    file.write_text(json.dumps({**line, "evidence": [quote]}) + "\n", encoding="utf-8")
    done = accept_gap(closed, file, library)
    assert [q.id for q in done.known] == ["o-1"]
    assert [(q.id, q.fact, q.split) for q in done.added] == [
        (f"o-p{n}", "o", "report") for n in (1, 2)
    ]


def test_of_a_split_set_a_split_is_named_before_anything_is_reviewed(
    library: Library, closed: Reasked, tmp_path: Path
) -> None:
    file = tmp_path / "set.jsonl"
    old = {"id": "x", "fact": "x", "question": "?", "kind": "", "evidence": [], "split": "fit"}
    file.write_text(json.dumps(old) + "\n", encoding="utf-8")
    for wrong in ("", "report"):
        with pytest.raises(QuestionSetError, match="--split fit"):
            accept_gap(closed, file, library, split=wrong, review=pytest.fail)
    assert len(accept_gap(closed, file, library, split="fit").added) == len(EGGS)


def test_a_review_changes_questions_or_turns_them_down(
    library: Library, closed: Reasked, tmp_path: Path
) -> None:
    file = tmp_path / "set.jsonl"
    done = accept_gap(
        closed,
        file,
        library,
        review=lambda q: None if "?" in q.question else replace(q, question="Eggs of an owl?"),
    )
    assert ([q.question for q in done.added], done.declined) == (["Eggs of an owl?"], 2)
    wrong = Evidence("eggs.md", "ten eggs")
    with pytest.raises(QuestionSetError, match="does not hold the quote"):
        accept_gap(closed, file, library, review=lambda q: replace(q, evidence=(wrong,)))
    assert len(accepted_lines(file)) == 1


def test_what_is_left_joins_as_unanswerable_only_where_that_is_said(
    library: Library, closed: Reasked, tmp_path: Path
) -> None:
    file = tmp_path / "set.jsonl"
    (added,) = accept_gap(closed, file, library, unanswerable=True).added
    assert (added.question, added.kind, added.answerable) == (FRANCE, "unanswerable", False)
    assert FRANCE not in [q.question for q in accept_gap(closed, file, library).added]
    facts = {question.fact: question.answerable for question in load_questions(file)}
    assert facts == {"owl-eggs": False, "owl-eggs-2": True}


def test_quotes_that_an_edit_has_taken_from_the_set_are_told(
    library: Library, closed: Reasked, tmp_path: Path
) -> None:
    file = tmp_path / "set.jsonl"
    gone = {"document": "owls.md", "quote": "Owls hunt by day."}
    old = {"id": "x", "fact": "x", "question": "?", "kind": "", "evidence": [gone]}
    file.write_text(json.dumps(old) + "\n", encoding="utf-8")
    done = accept_gap(closed, file, library)
    assert done.to_dict()["problems"] == 1


def test_a_name_is_made_of_the_terms_and_leads_nowhere(closed: Reasked) -> None:
    gap = replace(closed.gap, question="Owl eggs: how many?")
    for terms, name in (
        (("Dropout", "rate"), "dropout-rate"),
        (("../etc", "a/b\\c\x1b"), "etc-a-b-c"),
        (("Größe",), "größe"),
        (("x" * 100,), "x" * 60),
        ((), "owl-eggs-how-many"),
        (("???",), "gap"),
    ):
        assert name_of(replace(gap, terms=terms)) == name
    asked = replace(gap, question="How does optimal transport align two?")
    assert replace(asked, terms=("transport", "optimal", "align")).heading == "optimal transport"
