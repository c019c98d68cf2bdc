from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import load_questions
from eval.checking import check_questions
from eval.dataset import Evidence
from eval.excerpts import PIECE, file_names, note, quotes_of
from eval.importing import import_beir, import_csv
from rag import QuestionSetError, Record, read_notes

NOTES = {
    "a.md": "The body is frozen. Only the head learns.",
    "b.md": "A student copies its teacher. Yes.",
    "c.md": "Yes.",
}

Import = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Imports a table and returns the lines of the set."""

    def run(table: str | bytes, notes: dict[str, str] | None = None) -> list[dict[str, Any]]:
        file, out = tmp_path / "table.csv", tmp_path / "set.jsonl"
        file.write_bytes(table if isinstance(table, bytes) else table.encode("utf-8"))
        count = import_csv(file, out, notes)
        lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
        assert count == len(lines) == len(load_questions(out))
        return lines

    return run


# Tables


def test_a_row_becomes_a_question(imported: Import) -> None:
    table = (
        "id,fact,question,kind,split,after,needs,quote,document\n"
        "q1,f1,What learns?,paraphrase,fit,,,Only the head learns.,a.md\n"
        "q2,f2,And why?,follow-up,fit,q1,all,The body is frozen.,a.md\n"
    )
    assert imported(table) == [
        {
            "id": "q1",
            "fact": "f1",
            "question": "What learns?",
            "kind": "paraphrase",
            "split": "fit",
            "evidence": [{"document": "a.md", "quote": "Only the head learns."}],
        },
        {
            "id": "q2",
            "fact": "f2",
            "question": "And why?",
            "kind": "follow-up",
            "after": "q1",
            "split": "fit",
            "needs": "all",
            "evidence": [{"document": "a.md", "quote": "The body is frozen."}],
        },
    ]


def test_what_a_table_does_not_say_has_a_default(imported: Import) -> None:
    first, second = imported("question,quote,document\nWhat learns?,Only the head,a.md\nWhy?,,\n")
    assert (first["id"], first["fact"], first["kind"]) == ("q-001", "q-001", "question")
    assert (second["id"], second["fact"], second["kind"]) == ("q-002", "q-002", "unanswerable")
    assert second["evidence"] == []
    assert set(first) == {"id", "fact", "question", "kind", "evidence"}


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_commas_semicolons_and_tabs_are_told_apart(
    imported: Import, mark: str, end: str, bom: bytes
) -> None:
    rows = ["Question|Evidence|File", '"What, then; learns?"|"Only\tthe head"|a.md', "", "||"]
    table = "".join(row.replace("|", mark) + end for row in rows)
    (question,) = imported(bom + table.encode("utf-8"))
    assert question["question"] == "What, then; learns?"
    assert question["evidence"] == [{"document": "a.md", "quote": "Only\tthe head"}]


@pytest.mark.parametrize("quote", ["quote", "Evidence", " ANSWER "])
@pytest.mark.parametrize("document", ["document", "File", "source"])
def test_columns_go_by_several_names(imported: Import, quote: str, document: str) -> None:
    (question,) = imported(f"note,{document},question,{quote}\nmine,a.md,Why?,Because.\n")
    assert question["evidence"] == [{"document": "a.md", "quote": "Because."}]


def test_a_quote_comes_before_an_answer_in_other_words(imported: Import) -> None:
    (question,) = imported("answer,question,quote,file\nIt is so.,Why?,Because.,a.md\n")
    assert question["evidence"] == [{"document": "a.md", "quote": "Because."}]


def test_rows_of_one_id_are_alternatives(imported: Import) -> None:
    table = (
        "id,question,quote,document,split\n"
        "q1,What learns?,Only the head learns.,a.md,fit\n"
        "q2,Who copies?,A student,b.md,\n"
        "q1,,A student,b.md,\n"
        "q1,What learns?,A student,b.md,fit\n"
    )
    first, second = imported(table)
    assert first["evidence"] == [
        {"document": "a.md", "quote": "Only the head learns."},
        {"document": "b.md", "quote": "A student"},
    ]
    assert (first["split"], second["id"]) == ("fit", "q2")


def test_rows_without_ids_and_with_one_wording_are_alternatives(imported: Import) -> None:
    (question,) = imported("question,quote,file\nWhy?,Because.,a.md\nWhy?,So.,b.md\n")
    assert [entry["quote"] for entry in question["evidence"]] == ["Because.", "So."]


def test_ids_that_are_made_keep_clear_of_those_that_are_given(imported: Import) -> None:
    table = "id,question,quote\n,One?,\nq-002,Two?,\n,Three?,\n,Four?,\n"
    assert [line["id"] for line in imported(table)] == ["q-001", "q-002", "q-003", "q-004"]


def test_questions_with_the_same_evidence_share_a_fact(imported: Import) -> None:
    table = (
        "id,fact,question,quote,file\n"
        "a,,What learns?,Only the head,a.md\n"
        "b,,Which part learns?,Only the head,a.md\n"
        "c,,Who copies?,A student,b.md\n"
        "d,copying,Who imitates?,A student,b.md\n"
        "e,,Unknown?,,\n"
        "f,,Unknown too?,,\n"
    )
    facts = {line["id"]: line["fact"] for line in imported(table)}
    assert facts == {"a": "a", "b": "a", "c": "copying", "d": "copying", "e": "e", "f": "f"}


def test_a_quote_without_a_document_is_looked_for(imported: Import) -> None:
    table = "question,quote\nWhat learns?,only the  HEAD learns.\nWho?,A student\n"
    evidence = [line["evidence"] for line in imported(table, NOTES)]
    assert evidence == [
        [{"document": "a.md", "quote": "Only the head learns."}],
        [{"document": "b.md", "quote": "A student"}],
    ]


NAMES = "id,question,quote,document,kind,split,after,needs\n"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "row 1: expected the names of columns, question and quote or evidence or answer"),
        ("Why?,Because.,a.md\n", "among them; found why?, because., a.md."),
        ("question,document\nWhy?,a.md\n", "quote or evidence or answer among them; found"),
        (NAMES, "holds no question below the names of its columns"),
        (NAMES + ",,\n \n", "holds no question"),
        (NAMES + "q,Why?,\n\nr,,Because.,a.md\n", "row 4: no question."),
        (NAMES + ",,Because.,a.md\n", "row 2: no question."),
        (NAMES + "q,Why?,So, then.,a.md,x,,,\n", "row 2: 9 cells, but 8 names"),
        (NAMES + "q,Why?,So, it, is, said, to, be, then\n", "row 2: 9 cells, but 8 names"),
        (NAMES + 'q,Why?,"So\nit is.",a.md\nr,"No"t,,\n', "row 3: cannot be read as a row"),
        (NAMES + 'q,Why?,"So it is.,a.md\n', "row 2: cannot be read as a row"),
        (NAMES + "q,Why?,,,,,,some\n", 'row 2: needs is \'some\'; expected "any" or "all".'),
        (NAMES + "q,Why?,,,,,r,\nr,Who?,,,,,,\n", "row 2: after names r, which does not"),
        (
            NAMES + "q,Why?,A,a.md\nq,Who?,B,a.md\n",
            "row 3: question is 'Who?', but 'Why?' in row 2",
        ),
        (NAMES + "q,Why?,A,a.md,x\nq,,B,a.md,y\n", "row 3: kind is 'y', but 'x' in row 2"),
        (NAMES + "q,Why?,A,a.md\nq,Why?,,\n", "row 3: no quote, but other rows"),
        (
            NAMES + "q,Why?,A,a.md,,fit\nr,Who?,A,a.md,,report\n",
            "row 3: split is 'report', but 'fit' in row 2, which asks for the same fact (q).",
        ),
        (NAMES + "q,Why?,Because.,\n", "row 2: no document for the quote 'Because.', and no notes"),
    ],
)
def test_a_table_that_breaks_the_rules_is_refused_with_its_row(
    imported: Import, tmp_path: Path, table: str, said: str
) -> None:
    with pytest.raises(QuestionSetError) as refused:
        imported(table)
    assert said in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "table.csv"))
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize(
    ("quote", "said"),
    [
        ("Yes.", "the quote 'Yes.' stands in 2 notes (b.md, c.md): name its document."),
        ("No.", "the quote 'No.' stands in no note: name its document."),
    ],
)
def test_a_quote_that_cannot_be_placed_is_refused(imported: Import, quote: str, said: str) -> None:
    with pytest.raises(QuestionSetError) as refused:
        imported(f"question,quote\nWho?,A student\nWhy?,{quote}\n", NOTES)
    assert str(refused.value).endswith(f"row 3: {said}")


@pytest.mark.parametrize(
    "data", ["question;quote\nWarum?;schön\n".encode("cp1252"), b"\xff\xfeq\0"]
)
def test_a_table_that_is_not_utf_8_is_refused(imported: Import, data: bytes) -> None:
    with pytest.raises(QuestionSetError, match=r"is not UTF-8 \(byte \d+\): save the table as CSV"):
        imported(data)


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuestionSetError, match="cannot be read: No such file"):
        import_csv(tmp_path / "table.csv", tmp_path / "set.jsonl")


def test_a_refused_table_leaves_the_old_set(imported: Import, tmp_path: Path) -> None:
    imported("question,quote\nWhy?,\n")
    before = (tmp_path / "set.jsonl").read_bytes()
    with pytest.raises(QuestionSetError):
        imported("question,quote\nWhy?,Because.\n")
    assert (tmp_path / "set.jsonl").read_bytes() == before


cell = st.text(
    st.sampled_from([*"ab?.,;\t\"'\n é学"]), min_size=1, max_size=8
).map(str.strip).filter(bool)  # fmt: skip


@settings(max_examples=60)
@given(
    st.lists(st.tuples(cell, st.lists(st.tuples(cell, cell), max_size=3)), min_size=1, max_size=5),
    st.sampled_from(",;\t"),
)
def test_a_table_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    asked: list[tuple[str, list[tuple[str, str]]]],
    mark: str,
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=mark)
    writer.writerow(["id", "question", "quote", "document"])
    for number, (question, quotes) in enumerate(asked):
        for quote, document in quotes or [("", "")]:
            writer.writerow([f"n{number}", question, quote, document])
    folder = tmp_path_factory.mktemp("table")
    (folder / "t.csv").write_bytes(text.getvalue().encode("utf-8"))
    assert import_csv(folder / "t.csv", folder / "set.jsonl") == len(asked)
    found = load_questions(folder / "set.jsonl")
    assert [(q.id, q.question) for q in found] == [(f"n{i}", q) for i, (q, _) in enumerate(asked)]
    for question, (_, quotes) in zip(found, asked, strict=True):
        expected = dict.fromkeys(Evidence(document, quote) for quote, document in quotes)
        assert question.evidence == tuple(expected)


# Collections

RECORDS = [
    {"_id": "d 1", "title": "Freezing", "text": "The body is frozen.\n\nOnly the head learns."},
    {"_id": "D-1", "title": "", "text": "---\nA student copies its teacher.\r\n---"},
    {"_id": "学", "title": "Title alone", "text": " "},
    {"_id": "e", "title": "", "text": ""},
]
QUERIES = [
    {"_id": "q1", "text": "What learns?"},
    {"_id": "q2", "text": "Who copies?"},
    {"_id": "q3", "text": "What is empty?"},
    {"_id": "q4", "text": "What is judged 0?"},
    {"_id": "q5", "text": "What is of another split?"},
    {"_id": "q6", "text": "What learns at all?"},
]
QRELS = [
    ("q1", "d 1", 2),
    ("q2", "D-1", 1),
    ("q2", "学", 1),
    ("q2", "d 1", 0),
    ("q3", "e", 1),
    ("q4", "d 1", 0),
    ("q6", "d 1", 1),
]


def lines(records: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    folder = tmp_path / "collection"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(lines(RECORDS), encoding="utf-8")
    (folder / "queries.jsonl").write_text(lines(QUERIES), encoding="utf-8")
    rows = [("query-id", "corpus-id", "score"), *QRELS]
    text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    (folder / "qrels" / "dev.tsv").write_text(text, encoding="utf-8")
    return folder


def test_a_collection_becomes_notes_and_a_set(
    collection: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, folder = tmp_path / "set.jsonl", tmp_path / "new" / "notes"
    with caplog.at_level(logging.WARNING):
        assert import_beir(collection, "dev", out, folder) == 3
    assert "2 queries are left out, without words or a relevant record: q3, q4." in caplog.text
    notes = read_notes(folder, 10_000)
    assert notes == {
        "d-1.md": "# Freezing\n\nThe body is frozen.\n\nOnly the head learns.\n",
        "D-1-2.md": "# D-1\n\n---\nA student copies its teacher.\r\n---\n",
        "record.md": "# Title alone\n\n \n",
    }
    q1, q2, q6 = load_questions(out)
    assert (q1.id, q1.question, q1.kind) == ("q1", "What learns?", "question")
    assert q1.evidence == (
        Evidence("d-1.md", "The body is frozen."),
        Evidence("d-1.md", "Only the head learns."),
    )
    assert q2.evidence == (
        Evidence("D-1-2.md", "---\nA student copies its teacher.\r\n---"),
        Evidence("record.md", "Title alone"),
    )
    assert not q1.needs_all
    assert [q.fact for q in (q1, q2, q6)] == ["q1", "q2", "q1"]
    assert check_questions(out, notes).problems == 0


def test_queries_that_no_record_answers_are_unanswerable(collection: Path, tmp_path: Path) -> None:
    unanswerable = [{"_id": "u1", "text": "Why?", "metadata": {}}, {"_id": "u2", "text": "Who?"}]
    (collection / "queries_unanswerable.jsonl").write_text(lines(unanswerable), encoding="utf-8")
    out = tmp_path / "set.jsonl"
    assert import_beir(collection, "dev", out, tmp_path / "notes") == 5
    found = load_questions(out)[3:]
    assert [(q.id, q.fact, q.question, q.kind) for q in found] == [
        ("u1", "u1", "Why?", "unanswerable"),
        ("u2", "u2", "Who?", "unanswerable"),
    ]
    assert not any(question.answerable for question in found)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"_id": "u"}', "line 2: expected an object"),
        ("{", "line 2: expected an object"),
        ("[]", "line 2: expected an object"),
        ('{"_id": 5, "text": "Why?"}', "line 2: expected an object"),
        ('{"_id": "u", "text": " "}', "line 2: expected an object"),
        ('{"_id": "u", "text": "\\ud800"}', "line 2: expected an object"),
        ('{"_id": "q1", "text": "Why?"}', "line 2: id q1 is a query's that is judged"),
    ],
)
def test_unanswerable_queries_that_cannot_be_read_are_refused(
    collection: Path, tmp_path: Path, line: str, said: str
) -> None:
    file = collection / "queries_unanswerable.jsonl"
    file.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(QuestionSetError) as refused:
        import_beir(collection, "dev", tmp_path / "set.jsonl", tmp_path / "notes")
    assert said in str(refused.value)
    assert str(file) in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["collection"]


def test_notes_go_to_a_folder_that_is_empty(collection: Path, tmp_path: Path) -> None:
    out, folder = tmp_path / "set.jsonl", tmp_path / "notes"
    folder.mkdir()
    import_beir(collection, "dev", out, folder)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(QuestionSetError, match="notes is not empty: name a new folder"):
        import_beir(collection, "dev", out, folder)
    with pytest.raises(QuestionSetError, match="set.jsonl is not empty"):
        import_beir(collection, "dev", out, out)
    with pytest.raises(QuestionSetError, match="lies among the notes"):
        import_beir(collection, "dev", tmp_path / "n" / "set.jsonl", tmp_path / "n")
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert not (tmp_path / "n").exists()


def test_an_import_that_fails_leaves_nothing(collection: Path, tmp_path: Path) -> None:
    record = {"_id": "d 1", "title": "", "text": "word " * 10_100_000}  # 50.5 MB, the limit is 50
    (collection / "corpus.jsonl").write_text(lines([record]), encoding="utf-8")
    out, folder = tmp_path / "set.jsonl", tmp_path / "notes"
    with pytest.raises(QuestionSetError, match="Query q1: a relevant record cannot be read"):
        import_beir(collection, "dev", out, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["collection"]
    (tmp_path / "file").write_text("", encoding="utf-8")
    (collection / "corpus.jsonl").write_text(lines(RECORDS), encoding="utf-8")
    with pytest.raises(QuestionSetError, match="file/notes cannot be written"):
        import_beir(collection, "dev", out, tmp_path / "file" / "notes")
    assert not out.exists()


def test_a_collection_without_any_words_is_refused(collection: Path, tmp_path: Path) -> None:
    records = [{"_id": name, "text": " "} for name in ("d 1", "D-1", "学", "e")]
    (collection / "corpus.jsonl").write_text(lines(records), encoding="utf-8")
    with pytest.raises(QuestionSetError, match="judges no record relevant that holds words"):
        import_beir(collection, "dev", tmp_path / "set.jsonl", tmp_path / "notes")


def test_file_names_are_safe_and_differ_also_where_case_does_not_count() -> None:
    ids = ["a/b", "a b", "A.B", "../x", ".hidden", "a-b-2", "学", "习", "x" * 300, ""]
    found = file_names(ids)
    assert [found[name] for name in ids[:8]] == [
        *("a-b.md", "a-b-2.md", "A-B-3.md", "x.md", "hidden.md", "a-b-2-2.md"),
        *("record.md", "record-2.md"),
    ]
    assert len(set(map(str.casefold, found.values()))) == len(ids)
    assert max(map(len, found.values())) == 83


# Quotes of records


def test_quotes_are_whole_sentences_as_many_as_fit() -> None:
    # Sentences of 100 characters with a space between them: two of them are 201, three 302.
    sentence = "x" * 99 + "."
    text = " ".join([sentence] * 5)
    two = f"{sentence} {sentence}"
    assert PIECE == 300
    assert quotes_of(Record("r", "", text)) == [two, two, sentence]
    for last, count in ((98, 1), (99, 2)):  # 201 + 1 + 98 = 300
        full = f"{two} {'y' * (last - 1)}."
        assert len(quotes_of(Record("r", "", full))) == count


def test_a_paragraph_ends_a_quote() -> None:
    text = "One. Two.\r\n \r\nThree.\nFour.\n\n***\n\nFive."
    assert quotes_of(Record("r", "", text)) == ["One. Two.", "Three.\nFour.", "Five."]


def test_a_sentence_too_long_is_cut_between_words() -> None:
    words = "word " * 100 + "x" * 700  # "word " 60 times are 300 characters, the last a space
    found = quotes_of(Record("r", "", words))
    assert found == [
        ("word " * 60).strip(),
        ("word " * 40).strip(),
        "x" * 300,
        "x" * 300,
        "x" * 100,
    ]


@given(st.text("ab .\n\t\x07\r学", max_size=700).map(lambda text: text * 3))
def test_quotes_stand_in_the_note_in_order_and_hold_every_word(text: str) -> None:
    record = Record("r", "", text)
    found, at = note(record), 0
    for quote in quotes_of(record):
        assert 0 < len(quote) <= PIECE
        at = found.index(quote, at) + len(quote)
    held = "".join(char for char in "".join(quotes_of(record)) if char.isalnum())
    assert held == "".join(filter(str.isalnum, text))
    assert "\x07" not in found


SHARED = ROOT.parent / "shared" / "data"


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared collections")
@pytest.mark.parametrize(
    ("name", "n", "facts"),
    [("cranfield", 225, 221), ("stackfaq", 1249, 125), ("squad2-dev", 3186, 2053)],
)
def test_a_shared_collection_is_imported_whole(
    tmp_path: Path, name: str, n: int, facts: int
) -> None:
    out, folder = tmp_path / "set.jsonl", tmp_path / "notes"
    assert import_beir(SHARED / name, "dev", out, folder) == n
    found = check_questions(out, read_notes(folder, 10_000_000))
    assert (found.n, found.facts, found.problems) == (n, facts, 0)
