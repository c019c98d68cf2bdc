from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from eval import (
    Choice,
    Decisions,
    Evidence,
    Now,
    Proposal,
    Question,
    Reviewed,
    accept,
    load_questions,
    read_review,
    sets_in,
    wordings_in,
    write_review,
)
from eval.proposing import id_of
from eval.reviewing import COLUMNS
from eval.sections import Kind
from rag import LibraryError, QuestionSetError, Span

TEXT = 'Owls, "the grey ones", hunt at night.\r\n\r\n- voles; shrews\r\n- =SUM(A1) mice\r\n'
LISTED = "- voles; shrews\r\n- =SUM(A1) mice"


def text_of(document: str) -> str:
    if document != "owls.md":
        raise LibraryError(f"{document} is not indexed.")
    return TEXT


def proposal(quote: str, question: str) -> Proposal:
    start = TEXT.index(quote)
    span = Span(start, start + len(quote))
    name = id_of("owls.md", quote)
    return Proposal(
        name, question, Kind.LIST, "owls.md", quote, span, "line 1", ("Owls",), Now.OTHER
    )


NIGHT = proposal('Owls, "the grey ones", hunt at night.', "=When do owls hunt?")
FOOD = proposal(LISTED, "What do owls eat?")


def marked(file: Path, *changes: dict[str, str]) -> Path:
    """Writes the two proposals as a table, and each row's cells as a person changed them."""
    write_review([NIGHT, FOOD], file)
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    with file.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.DictWriter(opened, COLUMNS)
        writer.writeheader()
        writer.writerows(row | change for row, change in zip(rows, changes, strict=True))
    return file


def test_a_table_comes_back_as_it_was_marked(tmp_path: Path) -> None:
    file = marked(
        tmp_path / "t.csv",
        {"accept": "Y", "question": "When  do owls\nhunt?", "paraphrases": "at night? | when?\n|"},
        {"accept": "n"},
    )
    assert read_review(file, text_of) == [
        Reviewed(
            NIGHT.id,
            Choice.ACCEPTED,
            "When do owls hunt?",
            ("at night?", "when?"),
            Evidence("owls.md", NIGHT.quote),
        ),
        Reviewed(FOOD.id, Choice.REJECTED, FOOD.question, (), Evidence("owls.md", LISTED)),
    ]


def test_rows_that_are_not_marked_are_left_alone(tmp_path: Path) -> None:
    file = marked(tmp_path / "t.csv", {"quote": "changed"}, {"accept": " x "})
    (only,) = read_review(file, text_of)
    assert (only.id, only.evidence.quote) == (FOOD.id, LISTED)


def test_a_spreadsheet_may_change_the_ends_of_lines(tmp_path: Path) -> None:
    file = marked(tmp_path / "t.csv", {}, {"accept": "y"})
    file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n"))
    (only,) = read_review(file, text_of)
    assert only.evidence.quote == LISTED


def test_no_cell_is_run_by_a_spreadsheet_and_excel_knows_the_encoding(tmp_path: Path) -> None:
    write_review([NIGHT, FOOD], tmp_path / "t.csv")
    written = (tmp_path / "t.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(written.decode("utf-8-sig").splitlines(keepends=True)))
    assert rows[1][1] == "'=When do owls hunt?"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"accept": "maybe"}, r"row 3: accept is 'maybe'; expected y \(or yes, x, 1, true\), n"),
        ({"accept": "y", "question": " "}, "row 3: no question"),
        ({"accept": "y", "quote": "voles"}, "row 3: the quote, the document or the id"),
        ({"accept": "y", "document": "x.md"}, "row 3: the quote, the document or the id"),
        ({"accept": "y", "id": "=1"}, "row 3: the quote, the document or the id '=1'"),
        ({"accept": "n", "id": NIGHT.id, "quote": NIGHT.quote}, "stands in a row before"),
        (
            {"accept": "y", "quote": "Owls.", "id": id_of("owls.md", "Owls.")},
            "row 3: the quote does not stand in owls.md any more",
        ),
        (
            {"accept": "y", "document": "x.md", "id": id_of("x.md", LISTED)},
            "row 3: the quote does not stand in x.md any more",
        ),
    ],
)
def test_a_row_that_does_not_hold_is_refused_by_its_number(
    tmp_path: Path, change: dict[str, str], said: str
) -> None:
    file = marked(tmp_path / "t.csv", {"accept": "y"}, change)
    with pytest.raises(QuestionSetError, match=said):
        read_review(file, text_of)


def test_what_is_accepted_joins_a_set_as_one_fact(tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    ways = wordings_in("At which time?\nowls, when?|At which time?")
    night = Reviewed(NIGHT.id, Choice.ACCEPTED, "When?", ways, Evidence("owls.md", NIGHT.quote))
    food = replace(night, id=FOOD.id, choice=Choice.REJECTED)
    added = accept([night, food], file, text_of)
    assert [(q.id, q.fact, q.kind, q.question) for q in added] == [
        (f"note-{NIGHT.id}-p1", f"note-{NIGHT.id}", "proposed", "When?"),
        (f"note-{NIGHT.id}-p2", f"note-{NIGHT.id}", "paraphrase", "At which time?"),
        (f"note-{NIGHT.id}-p3", f"note-{NIGHT.id}", "paraphrase", "owls, when?"),
    ]
    assert load_questions(file) == added
    assert accept([night], file, text_of) == []
    (tmp_path / "broken.jsonl").write_text("{", encoding="utf-8")
    assert list(sets_in(tmp_path)) == [(file, added)]


def test_what_was_said_is_kept_and_can_be_forgotten(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path)
    assert decisions.all() == {}
    decisions.keep({"a": Choice.REJECTED, "b": Choice.LATER})
    decisions.keep({"b": Choice.ACCEPTED, "c": Choice.LATER})
    assert Decisions(tmp_path).all() == {
        "a": Choice.REJECTED,
        "b": Choice.ACCEPTED,
        "c": Choice.LATER,
    }
    decisions.forget()
    assert decisions.all() == {"b": Choice.ACCEPTED}
    assert {file.name for file in tmp_path.iterdir()} == {"proposals.json", ".proposals.lock"}


@pytest.mark.parametrize("said", ["", "[]", "{}", '{"said": 1}', '{"said": {"a": "perhaps"}}'])
def test_a_file_that_says_something_else_is_named(tmp_path: Path, said: str) -> None:
    decisions = Decisions(tmp_path)
    decisions.file.write_text(said, encoding="utf-8")
    for read in (decisions.all, decisions.forget, lambda: decisions.keep({"a": Choice.LATER})):
        with pytest.raises(LibraryError, match="proposals.json cannot be read as what was said"):
            read()
    assert decisions.file.read_text(encoding="utf-8") == said


def test_an_old_fact_with_the_same_evidence_is_joined(tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    line = {"id": "o-1", "fact": "o", "question": "Night?", "kind": "keyword"}
    evidence = [{"document": "owls.md", "quote": NIGHT.quote}]
    file.write_text(json.dumps({**line, "evidence": evidence}), encoding="utf-8")
    night = Reviewed(NIGHT.id, Choice.ACCEPTED, "When?", (), Evidence("owls.md", NIGHT.quote))
    (added,) = accept([night], file, text_of)
    expected = Question("o-p1", "o", "When?", "proposed", (night.evidence,))
    assert added == expected and load_questions(file)[1] == expected
