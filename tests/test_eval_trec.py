from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ir_measures
import pytest
from ir_measures import RR, Success, nDCG

from eval import Question, Run, load_run
from eval.cases import match
from eval.dataset import Evidence
from eval.notes import Notes
from eval.ranking import ranks
from eval.runfile import Outcome
from eval.trec import export_trec
from rag import QuestionSetError

BOX = 9
"""Notes of numbered boxes; a passage or a quote is one box, `box 0007 ` less its space."""

NOTES = {f"{name} é.md": "".join(f"box {i:04d} " for i in range(10)) for name in "xyz"}
BOXES = [(document, number) for document in NOTES for number in range(10)]

Box = tuple[str, int]
Export = Callable[..., tuple[Path, Path]]


def asked(name: str, *boxes: Box, **more: Any) -> Question:
    evidence = tuple(Evidence(document, f"box {number:04d}") for document, number in boxes)
    return Question(name, name, "Which box?", "paraphrase", evidence, **more)


def outcome(*boxes: Box) -> Outcome:
    passages = [
        {"document": document, "start": BOX * number, "end": BOX * number + BOX}
        for document, number in boxes
    ]
    result = {"question": "Which box?", "state": "abstained", "confidence": 0.1}
    return Outcome({**result, "passages": passages, "citations": []})


def run_of(outcomes: Mapping[str, Outcome], path: str = "my run.jsonl.xz") -> Run:
    notes = {name: {"text": text, "chunks": []} for name, text in NOTES.items()}
    return Run(Path("runs") / path, {"notes": notes}, dict(outcomes))


def export(run: Run, questions: Sequence[Question], folder: Path) -> tuple[Path, Path]:
    return export_trec(run, questions, Notes(run), folder)


def test_a_run_becomes_two_files_that_trec_eval_reads(tmp_path: Path) -> None:
    x, y = "x é.md", "y é.md"
    questions = [
        asked("q 1/ä", (x, 1), (x, 2)),
        asked("none", (y, 0)),
        asked("not run", (y, 1)),
        asked("unanswerable"),
    ]
    run = run_of(
        {
            "q 1/ä": outcome((y, 0), (x, 2), (x, 2)),
            "none": outcome(),
            "unanswerable": outcome((x, 0)),
        }
    )
    files = export(run, questions, tmp_path / "trec")
    assert files == (tmp_path / "trec" / "my run.run", tmp_path / "trec" / "my run.qrels")
    found, relevant = (file.read_text("ascii").splitlines() for file in files)
    # Box 2 of x is found twice; the second passage finds nothing that the first did not.
    assert found == [
        "q%201/%C3%A4 Q0 y%20%C3%A9.md#0-9 1 3 my%20run",
        "q%201/%C3%A4 Q0 x%20%C3%A9.md#18-27 2 2 my%20run",
        "q%201/%C3%A4 Q0 x%20%C3%A9.md#18-27#2 3 1 my%20run",
    ]
    assert relevant == [
        "q%201/%C3%A4 0 y%20%C3%A9.md#0-9 0",
        "q%201/%C3%A4 0 x%20%C3%A9.md#18-27 1",
        "q%201/%C3%A4 0 x%20%C3%A9.md#18-27#2 0",
        "none 0 missed:y%20%C3%A9.md#0-8#0 1",
        "not%20run 0 missed:y%20%C3%A9.md#9-17#0 1",
    ]


def test_what_trec_eval_makes_of_the_files_is_what_we_measure(tmp_path: Path) -> None:
    randomly = random.Random(11)
    questions, outcomes = [], {}
    for number in range(80):
        name = f"q {number}\t'ü#%"
        questions.append(asked(name, *randomly.sample(BOXES, randomly.randint(1, 4))))
        outcomes[name] = outcome(*randomly.choices(BOXES, k=randomly.randint(0, 25)))
    run = run_of(outcomes)
    ours = ranks(match(run, questions, Notes(run)).cases)
    found, relevant = export(run, questions, tmp_path)
    measures = {Success @ 5: "hit@5", RR @ 10: "MRR@10", nDCG @ 10: "nDCG@10"}
    theirs: dict[str, dict[str, float]] = {name: {} for name in measures.values()}
    values = ir_measures.iter_calc(
        list(measures),
        ir_measures.read_trec_qrels(str(relevant)),
        ir_measures.read_trec_run(str(found)),
    )
    for value in values:
        theirs[measures[value.measure]][value.query_id] = value.value
    codes = {question.id: f"q%20{n}%09%27%C3%BC%23%25" for n, question in enumerate(questions)}
    for name, table in theirs.items():
        mine = {codes[question]: value for question, value in ours[name].items()}
        assert len(table) == len(mine) == 80
        assert table == pytest.approx(mine, abs=1e-9)
        assert 0 < sum(table.values()) < 80


def test_scores_fall_with_every_rank(tmp_path: Path) -> None:
    run = run_of({"q": outcome(*BOXES, *BOXES)})
    found, _ = export(run, [asked("q", BOXES[0])], tmp_path)
    scores = [item.score for item in ir_measures.read_trec_run(str(found))]
    assert len(scores) == 60
    assert all(a > b for a, b in zip(scores, scores[1:], strict=False))


def test_no_id_or_passage_holds_white_space(tmp_path: Path) -> None:
    names = ["a b", "a\tb", "a\nb", "a\u00a0b", "a\u2028b", "a%20b", "a#b", "a\0b", "é"]
    run = run_of({name: outcome(BOXES[0]) for name in names})
    files = export(run, [asked(name, BOXES[0]) for name in names], tmp_path)
    for file, fields in zip(files, (6, 4), strict=True):
        lines = file.read_text("ascii").splitlines()
        assert [len(line.split()) for line in lines] == [fields] * len(names)
        assert len({line.split()[0] for line in lines}) == len(names)


def test_a_set_without_an_answerable_question_cannot_be_exported(tmp_path: Path) -> None:
    run = run_of({"u": outcome(BOXES[0])})
    with pytest.raises(QuestionSetError, match="No question of runs/my run.jsonl.xz is answerable"):
        export(run, [asked("u")], tmp_path / "trec")
    assert not (tmp_path / "trec").exists()


def test_a_quote_that_did_not_stand_in_the_notes_is_an_error(tmp_path: Path) -> None:
    run = run_of({"q": outcome(BOXES[0])})
    with pytest.raises(QuestionSetError, match="Question q"):
        export(run, [asked("q", (BOXES[0][0], 77))], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_run_file_gives_its_name(tmp_path: Path) -> None:
    made = run_of({"q": outcome(BOXES[0])})
    result = made.outcomes["q"].result
    lines = [{"run": made.head}, {"id": "q", "result": result}]
    file = tmp_path / "tuned.v2.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    files = export(load_run(file), [asked("q", BOXES[0])], tmp_path)
    assert [path.name for path in files] == ["tuned.v2.run", "tuned.v2.qrels"]
    assert files[0].read_text("ascii").endswith(" tuned.v2\n")


def test_a_folder_that_cannot_be_written_is_one_plain_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    run = run_of({"q": outcome(BOXES[0])})
    with pytest.raises(QuestionSetError, match="cannot be written"):
        export(run, [asked("q", BOXES[0])], file)
