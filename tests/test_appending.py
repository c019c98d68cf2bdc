from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from eval import Evidence, Question, append_questions, load_questions
from rag import LibraryError, QuestionSetError

OWLS = Evidence("owls.md", "Owls hunt at night.")
FROGS = Evidence("frogs.md", "Frogs sing in May.")
NOTES = {"owls.md": "# Owls\n\nOwls hunt at night.\n", "frogs.md": "Frogs sing in May."}


def text_of(document: str) -> str:
    if document not in NOTES:
        raise LibraryError(f"{document} is not indexed.")
    return NOTES[document]


def asked(fact: str, question: str, *evidence: Evidence, split: str = "", id: str = "") -> Question:
    return Question(id, fact, question, "proposed", evidence, split=split)


def set_of(folder: Path, *lines: dict[str, object], end: str = "\n") -> Path:
    file = folder / "set.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines) + end, encoding="utf-8")
    return file


def line(fact: str, question: str, split: str = "", *evidence: dict[str, str]) -> dict[str, object]:
    said: dict[str, object] = {"id": f"{fact}-p1", "fact": fact, "question": question}
    return {**said, "kind": "keyword", "evidence": [*evidence], "split": split, "mine": 1}


def test_a_set_is_made_where_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "new" / "set.jsonl"
    added = append_questions(
        file, [asked("f", "When do owls hunt?", OWLS), asked("f", "Owls: when?", OWLS)], text_of
    )
    assert [question.id for question in added] == ["f-p1", "f-p2"]
    assert load_questions(file) == added
    assert {there.name for there in file.parent.iterdir()} == {"set.jsonl", ".set.lock"}


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_lines_that_are_there_stay_as_they_are(tmp_path: Path, end: str) -> None:
    file = set_of(tmp_path, line("a", "Why  so?"), line("b", "Who?"), end=end)
    before = file.read_bytes()
    append_questions(file, [asked("f", "When do owls hunt?", OWLS)], text_of)
    assert file.read_bytes().startswith(before)
    assert [question.fact for question in load_questions(file)] == ["a", "b", "f"]


def test_what_is_asked_already_is_left_out_and_the_file_untouched(tmp_path: Path) -> None:
    file = set_of(tmp_path, line("a", "When do owls hunt?"))
    before = file.stat()
    assert append_questions(file, [asked("f", "when do Owls hunt", OWLS)], text_of) == []
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_the_same_evidence_is_the_same_fact(tmp_path: Path) -> None:
    there = {"document": OWLS.document, "quote": OWLS.quote}
    file = set_of(tmp_path, line("a", "When do owls hunt?", "", there))
    (joined, other) = append_questions(
        file, [asked("f", "Hunting hours of owls?", OWLS), asked("g", "And frogs?", FROGS)], text_of
    )
    assert (joined.fact, joined.id) == ("a", "a-p2")
    assert (other.fact, other.id) == ("g", "g-p1")


def test_a_split_is_named_exactly_where_the_set_has_splits(tmp_path: Path) -> None:
    file = set_of(tmp_path, line("a", "Why?", "fit"), line("b", "Who?", "report"))
    for split, said in [("", "none is named"), ("dev", "dev is none of them")]:
        with pytest.raises(QuestionSetError, match=f"fit and report, and {said}.*--split"):
            append_questions(file, [asked("f", "When?", OWLS, split=split)], text_of)
    (added,) = append_questions(file, [asked("f", "When?", OWLS, split="fit")], text_of)
    assert added.split == "fit"
    file = set_of(tmp_path, line("a", "Why?"))
    with pytest.raises(QuestionSetError, match="is not split: leave out --split fit"):
        append_questions(file, [asked("f", "When?", OWLS, split="fit")], text_of)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (asked("f", "When?", Evidence("owls.md", "Owls hunt by day.")), "does not hold the quote"),
        (asked("f", "When?", Evidence("newts.md", "Newts.")), "newts.md, which is not indexed"),
        (asked("f", "When?", OWLS, id="a-p1", split="fit"), "a question a-p1 already"),
        (asked("a", "When?", FROGS, split="report"), "all wordings of a fact lie in one"),
    ],
)
def test_what_would_break_the_set_is_refused_and_nothing_written(
    tmp_path: Path, new: Question, said: str
) -> None:
    lines = [line("a", "Why?", new.split and "fit"), line("b", "Who?", new.split and "report")]
    file = set_of(tmp_path, *lines)
    before = file.read_bytes()
    with pytest.raises(QuestionSetError, match=said):
        append_questions(file, [asked("g", "And frogs?", FROGS, split=new.split), new], text_of)
    assert file.read_bytes() == before
    assert {there.name for there in tmp_path.iterdir()} == {"set.jsonl", ".set.lock"}


APPENDING = """
import sys
from pathlib import Path
from eval import Evidence, Question, append_questions

file, who = Path(sys.argv[1]), sys.argv[2]
print(flush=True)
sys.stdin.readline()
for number in range(20):
    asked = f"{who} asks {number}?"
    new = Question("", "f", asked, "proposed", (Evidence("a.md", "Owls."),))
    append_questions(file, [new], lambda _: "Owls.")
"""


def test_processes_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", APPENDING, file, who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        for who in ("Ada", "Bob")
    ]
    for writer in writers:
        assert writer.stdout and writer.stdout.readline() == "\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    asked = load_questions(file)
    assert len({question.question for question in asked}) == len(asked) == 40
    assert {question.id for question in asked} == {f"f-p{number}" for number in range(1, 41)}
