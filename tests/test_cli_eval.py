from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Done, Run

OTTERS = "# Otters\n\nOtters eat crabs at night. They sleep on their backs.\n"
BADGERS = "# Badgers\n\nBadgers dig setts. Worms are what badgers like.\n"
CRABS = {"document": "otters.md", "quote": "Otters eat crabs at night."}
WORMS = {"document": "badgers.md", "quote": "Worms are what badgers like."}
SET = [
    {"id": "o1", "fact": "o", "question": "What do otters eat?", "kind": "paraphrase"},
    {"id": "o2", "fact": "o", "question": "What is the food of otters?", "kind": "paraphrase"},
    {"id": "b1", "fact": "b", "question": "What do badgers like?", "kind": "keyword"},
    {"id": "n1", "fact": "n", "question": "Who won the cup?", "kind": "off-domain"},
]
EVIDENCE: dict[str, list[dict[str, str]]] = {"o": [CRABS], "b": [WORMS], "n": []}


@pytest.fixture
def notes(run: Run, tmp_path: Path) -> Path:
    """Two notes, indexed, and a set of four questions about them."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "otters.md").write_text(OTTERS, encoding="utf-8")
    (folder / "badgers.md").write_text(BADGERS, encoding="utf-8")
    write_set(tmp_path / "set.jsonl", [{**q, "evidence": EVIDENCE[str(q["fact"])]} for q in SET])
    assert run("index").status == 0
    return folder


def write_set(file: Path, records: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def printed(done: Done) -> Any:
    """The one JSON object on stdout of a command that was done."""
    assert (done.status, done.err) == (0, "")
    return json.loads(done.out)


def check_refused(done: Done, *said: str) -> None:
    assert done.status == 1
    assert done.err.startswith("notesqa: ")
    assert done.err.count("\n") == 1
    for words in said:
        assert words in done.err


@pytest.mark.usefixtures("notes")
def test_follow_ups_are_asked_with_and_without_the_question_before(
    run: Run, tmp_path: Path
) -> None:
    follow_up = {"id": "o3", "fact": "o3", "question": "And when?", "kind": "follow-up"}
    lines = [{**SET[0], "evidence": [CRABS]}, {**follow_up, "evidence": [CRABS], "after": "o1"}]
    write_set(tmp_path / "set.jsonl", lines)
    queries = []
    for name, options in (("with", []), ("without", ["--alone"])):
        assert run("eval", "run", "set.jsonl", "--out", f"{name}.jsonl", *options).status == 0
        head, _, line = map(
            json.loads, (tmp_path / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        )
        assert head["run"]["alone"] == bool(options)
        queries.append(line["result"]["query"])
    assert queries[0].startswith("And when? otters eat")
    assert queries[1] == "And when?"
    compared = run("eval", "compare", "without.jsonl", "with.jsonl").out
    assert "alone" in compared
    assert run("eval", "report", "without.jsonl", "--out", "report.html").status == 0
    assert "follow-ups asked alone" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("notes")
def test_a_set_is_run_scored_compared_gated_reported_and_exported(run: Run, tmp_path: Path) -> None:
    ran = printed(run("eval", "run", "set.jsonl", "--out", "a.jsonl", "--json"))
    assert ran == {"run": "a.jsonl", "n": 4, "failed": []}
    scores = printed(run("eval", "score", "a.jsonl", "--json"))
    assert (scores["n"], scores["measures"]["hit@5"]["n"]) == (4, 3)
    assert scores["measures"]["citations_hold"]["value"] == 1
    assert scores["by_kind"].keys() == {"paraphrase", "keyword", "off-domain"}
    compared = printed(run("eval", "compare", "a.jsonl", "a.jsonl", "--json"))
    assert compared["verdict"].startswith("no detectable difference with 4 questions")
    gated = printed(run("eval", "gate", "a.jsonl", "--baseline", "a.jsonl", "--json"))
    assert gated["passed"] is True
    assert run("eval", "report", "a.jsonl", "--compare", "a.jsonl", "--out", "r.html").status == 0
    assert "What do otters eat?" in (tmp_path / "r.html").read_text("utf-8")
    assert run("eval", "export", "a.jsonl", "--trec", "--out", "trec").out == (
        "trec/a.run\ntrec/a.qrels\n"
    )
    exported = printed(run("eval", "export", "a.jsonl", "--trec", "--out", "trec", "--json"))
    assert exported == {"files": ["trec/a.run", "trec/a.qrels"]}
    told = printed(run("eval", "report", "a.jsonl", "--out", "r.html", "--json"))
    assert told == {"page": "r.html", "n": 4}


@pytest.mark.usefixtures("notes")
def test_what_a_person_reads_names_the_next_step_and_the_measures(run: Run) -> None:
    ran = run("eval", "run", "set.jsonl", "--out", "a.jsonl")
    assert ran.out == ("4 questions asked, 0 failed: a.jsonl\nNext: notesqa eval score a.jsonl\n")
    scores = run("eval", "score", "a.jsonl").out
    for words in ("4 questions, 95 % intervals", "hit@5", "n = 3", "By kind", "keyword", "p95"):
        assert words in scores
    assert "otters.md" in run("eval", "score", "a.jsonl", "--by", "document").out
    by_fact = run("eval", "score", "a.jsonl", "--by", "fact").out
    assert by_fact.index("By fact") < by_fact.index("\n  o ") < by_fact.index("Refusals")
    compared = run("eval", "compare", "a.jsonl", "a.jsonl", "--measure", "hit@5").out
    assert "no detectable difference with 4 questions" in compared
    assert "MRR@10" not in compared
    assert "The gate passes" in run("eval", "gate", "a.jsonl", "--baseline", "a.jsonl").out


@pytest.mark.usefixtures("notes")
def test_a_broken_floor_is_status_1_and_one_line(run: Run) -> None:
    run("eval", "run", "set.jsonl", "--out", "a.jsonl")
    gate = ("eval", "gate", "a.jsonl", "--baseline", "a.jsonl", "--floor")
    assert run(*gate, "hit@5=0").status == 0
    check_refused(run(*gate, "hit@5=1.5"), "The gate fails: hit@5 is ", "below its floor of 1.5")
    done = run(*gate, "hit@5=1.5", "--json")
    assert json.loads(done.out)["passed"] is False
    check_refused(done, "The gate fails")
    assert run(*gate, "hit@5").status == 2
    check_refused(run(*gate, "hits=0.5"), "hits")


@pytest.mark.usefixtures("notes")
def test_a_set_that_stands_in_the_notes_passes_the_check(run: Run) -> None:
    found = printed(run("eval", "check", "set.jsonl", "--json"))
    assert (found["ok"], found["n"], found["facts"], found["answerable"]) == (True, 4, 3, 3)
    assert "Every quote stands in the notes." in run("eval", "check", "set.jsonl").out


def test_quotes_that_moved_are_found_and_mended(run: Run, notes: Path, tmp_path: Path) -> None:
    (notes / "otters.md").write_text("# Otters\n\nThey swim.\n", encoding="utf-8")
    (notes / "food.md").write_text("# Food\n\nOtters eat crabs\nat night.\n", encoding="utf-8")
    done = run("eval", "check", "set.jsonl", "--out", "mended.jsonl", "--json")
    check_refused(done, "must be mended")
    found = json.loads(done.out)
    assert [m["to"]["document"] for m in found["moved"]] == ["food.md"]
    assert "Moved" in run("eval", "check", "set.jsonl").out
    assert run("eval", "check", "mended.jsonl").status == 0
    assert run("index").status == 0
    check_refused(run("eval", "run", "set.jsonl", "--out", "a.jsonl"), "eval check")
    assert run("eval", "run", "mended.jsonl", "--out", "a.jsonl").status == 0


def test_quotes_that_are_gone_are_listed(run: Run, notes: Path) -> None:
    (notes / "otters.md").write_text("# Otters\n\nThey eat mussels at night.\n", encoding="utf-8")
    done = run("eval", "check", "set.jsonl", "--json")
    assert [s["evidence"]["quote"] for s in json.loads(done.out)["stale"]] == [CRABS["quote"]]
    assert "Stale" in run("eval", "check", "set.jsonl").out


BAD = {
    "broken": ("{\n", "line 1: not JSON"),
    "empty": ("", "holds no question"),
    "twice": (
        json.dumps({**SET[0], "evidence": [CRABS]}) + "\n" + json.dumps({**SET[0], "evidence": []}),
        "id o1 stands twice",
    ),
    "unknown": (
        json.dumps({**SET[0], "evidence": [{"document": "seals.md", "quote": "Seals bark."}]}),
        "seals.md, which is not indexed",
    ),
}


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_set_is_one_plain_line(run: Run, tmp_path: Path, name: str) -> None:
    text, said = BAD[name]
    (tmp_path / "bad.jsonl").write_text(text, encoding="utf-8")
    check_refused(run("eval", "run", "bad.jsonl", "--out", "a.jsonl"), said)
    assert not (tmp_path / "a.jsonl").exists()
    check_refused(run("eval", "check", "bad.jsonl"), "bad.jsonl")


@pytest.mark.usefixtures("notes")
def test_a_set_that_the_notes_do_not_answer_has_right_numbers(run: Run, tmp_path: Path) -> None:
    write_set(tmp_path / "none.jsonl", [{**SET[3], "evidence": []}])
    run("eval", "run", "none.jsonl", "--out", "a.jsonl")
    scores = printed(run("eval", "score", "a.jsonl", "--json"))
    assert scores["measures"]["abstention_recall"]["n"] == 1
    assert not {"hit@5", "MRR@10", "AUROC"} & scores["measures"].keys()
    assert "The notes answer none of these questions" in run("eval", "score", "a.jsonl").out
    assert run("eval", "report", "a.jsonl", "--out", "r.html").status == 0
    check_refused(run("eval", "export", "a.jsonl", "--trec"), "nothing to export")


def test_a_quote_that_stands_twice_is_noted_and_counts_at_either_place(
    run: Run, notes: Path, tmp_path: Path
) -> None:
    (notes / "otters.md").write_text(OTTERS + "\nOtters eat crabs at night.\n", encoding="utf-8")
    assert run("index").status == 0
    (ambiguous,) = printed(run("eval", "check", "set.jsonl", "--json"))["ambiguous"]
    assert len(ambiguous["places"]) == 2
    assert run("eval", "run", "set.jsonl", "--out", "a.jsonl").status == 0
    assert printed(run("eval", "score", "a.jsonl", "--json"))["measures"]["hit@10"]["value"] == 1


@pytest.mark.usefixtures("notes")
def test_a_table_becomes_a_set(run: Run, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(
        "question,answer\nWhat do otters eat?,Otters eat crabs at night.\nWho won?,\n",
        encoding="utf-8",
    )
    assert run("eval", "import", "table.csv", "--out", "made.jsonl").out == (
        "2 questions: made.jsonl\nNext: notesqa eval check made.jsonl\n"
    )
    told = printed(run("eval", "import", "table.csv", "--out", "again.jsonl", "--json"))
    assert told == {"questions": "again.jsonl", "n": 2, "notes": None}
    assert run("eval", "check", "made.jsonl").status == 0
    assert run("eval", "run", "made.jsonl", "--out", "a.jsonl").status == 0


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    records = [
        {"_id": "o", "title": "Otters", "text": "Otters eat crabs at night."},
        {"_id": "b", "title": "Badgers", "text": "Worms are what badgers like."},
    ]
    queries = [{"_id": "q1", "text": "What do otters eat?"}, {"_id": "q2", "text": "badgers like"}]
    write_set(folder / "corpus.jsonl", records)
    write_set(folder / "queries.jsonl", queries)
    (folder / "qrels/dev.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\to\t1\nq2\tb\t1\n", encoding="utf-8"
    )
    return folder


@pytest.mark.usefixtures("collection")
def test_a_collection_is_measured_with_each_part_of_the_ranking(run: Run) -> None:
    whole = printed(run("eval", "beir", "beir", "--split", "dev", "--json"))
    assert (whole["n"], whole["measures"]["nDCG@10"]["n"]) == (2, 2)
    assert "rows" not in whole
    rows = printed(run("eval", "beir", "beir", "--split", "dev", "--ablate", "--json"))["rows"]
    assert [row["name"] for row in rows[:3]] == [
        "reciprocal ranks of both",
        "fixed min-max sum of both",
        "lexical alone",
    ]
    assert rows[2]["measures"]["nDCG@10"]["value"] == 1
    shown = run("eval", "beir", "beir", "--split", "dev", "--ablate").out
    assert "lexical alone" in shown
    assert "against the whole" in shown
    check_refused(run("eval", "beir", "beir", "--split", "train"), "train", "dev")


@pytest.mark.usefixtures("collection")
def test_a_collection_becomes_notes_and_a_set(run: Run, tmp_path: Path) -> None:
    made = ("eval", "import", "beir", "--split", "dev", "--out", "made.jsonl")
    assert run(*made).status == 2
    assert run(*made, "--notes", "made").status == 0
    assert sorted(file.name for file in (tmp_path / "made").iterdir()) == ["b.md", "o.md"]
    assert run("--corpus", "made", "eval", "check", "made.jsonl").status == 0


@pytest.mark.usefixtures("notes")
def test_without_an_index_or_a_run_there_is_one_plain_line(run: Run) -> None:
    check_refused(run("--library", "none", "eval", "run", "set.jsonl"), "notesqa index")
    check_refused(run("eval", "score", "missing.jsonl"), "missing.jsonl cannot be read")
    check_refused(run("eval", "score", "set.jsonl"), "expected the head of a run")
    check_refused(run("eval", "run", "missing.jsonl"), "missing.jsonl cannot be read")
    assert run("eval", "export", "set.jsonl").status == 2


@pytest.mark.usefixtures("notes")
def test_control_characters_of_a_note_do_not_reach_the_terminal(run: Run, tmp_path: Path) -> None:
    hostile = {**SET[0], "question": "What do \x1b[31motters eat?", "evidence": [CRABS]}
    gone = {"document": "otters.md", "quote": "\x1b[2JGone."}
    write_set(tmp_path / "bad.jsonl", [{**hostile, "evidence": [gone]}])
    done = run("eval", "check", "bad.jsonl")
    assert "\x1b" not in done.out + done.err
    write_set(tmp_path / "odd.jsonl", [hostile])
    run("eval", "run", "odd.jsonl", "--out", "a.jsonl")
    for command in (("score",), ("compare", "a.jsonl")):
        assert "\x1b" not in run("eval", *command, "a.jsonl").out


def test_a_set_is_asked_with_typos(run: Run, notes: Path, tmp_path: Path) -> None:
    done = run("eval", "run", "set.jsonl", "--typos", "3", "--out", "typos.jsonl", "--json")
    assert printed(done)["n"] == 4
    head, *lines = (tmp_path / "typos.jsonl").read_text("ascii").splitlines()
    assert json.loads(head)["run"]["typos"] == 3
    asked = [json.loads(line)["result"]["question"] for line in lines]
    assert asked != [question["question"] for question in SET]
    assert printed(run("eval", "score", "typos.jsonl", "--json"))["failed"] == []
