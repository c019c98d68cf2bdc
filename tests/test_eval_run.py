from __future__ import annotations

import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, WordLengths

from eval import compare_runs, load_questions, load_run, run_questions, score_run
from eval.run import in_memory
from eval.runfile import COMPRESSED, differences
from eval.typos import with_typos
from rag import (
    Answer,
    Library,
    LibraryError,
    QuestionSetError,
    RunError,
    Settings,
    turn_of,
)
from rag.errors import ModelError

NOTES = {
    "heads.md": "# Heads\n\nOnly the head learns. The rest is frozen.\n",
    "trees.md": "# Trees\n\nA tree splits on one feature. Forests average many trees.\n",
}
SET = [
    {"id": "h1", "fact": "h", "question": "What learns?", "kind": "paraphrase"},
    {"id": "h2", "fact": "h", "question": "Which part is trained?", "kind": "paraphrase"},
    {"id": "t1", "fact": "t", "question": "What do forests do?", "kind": "keyword"},
    {"id": "n1", "fact": "n", "question": "Who won the match?", "kind": "off-domain"},
]
EVIDENCE = {
    "h": [{"document": "heads.md", "quote": "Only the head learns."}],
    "t": [{"document": "trees.md", "quote": "Forests average many trees."}],
    "n": [],
}


@pytest.fixture
def library(tmp_path: Path, embedder: WordLengths) -> Library:
    corpus = tmp_path / "notes"
    corpus.mkdir()
    for name, text in NOTES.items():
        (corpus / name).write_text(text, encoding="utf-8")
    settings = Settings(library=str(tmp_path / "library"), corpus=str(corpus))
    library = Library(settings, embedder)
    library.index()
    return library


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "set.jsonl"
    write_set(file)
    return file


def write_set(file: Path, **changes: Any) -> None:
    lines = (json.dumps({**q, "evidence": EVIDENCE[q["fact"]], **changes}) for q in SET)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def count_asks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    draft = Library._draft

    def counted(self: Library, question: str, *others: Any) -> Any:
        asked.append(question)
        return draft(self, question, *others)

    monkeypatch.setattr(Library, "_draft", counted)
    return asked


def test_a_run_has_a_head_and_one_line_a_question_in_order(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run.jsonl"
    run_questions(library, questions, out)
    head, *lines = [json.loads(line) for line in out.read_text("ascii").splitlines()]
    assert list(head) == ["run"]
    assert [line["id"] for line in lines] == ["h1", "h2", "t1", "n1"]
    for line, asked in zip(lines, SET, strict=True):
        expected = library.ask(str(asked["question"])).to_dict()
        assert line["result"].pop("timings_ms").keys() == expected.pop("timings_ms").keys()
        assert line["result"] == expected
        assert ("withheld" in line) == (line["result"]["state"] == "abstained")


def test_a_run_with_typos_asks_in_other_words_and_is_scored_by_the_same_labels(
    library: Library, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run_questions(library, questions, tmp_path / "plain.jsonl")
    asked = count_asks(monkeypatch)
    run = run_questions(library, questions, tmp_path / "typos.jsonl", typos=7)
    typed = [with_typos(str(q["question"]), 7, str(q["id"])) for q in SET]
    assert asked == typed != [q["question"] for q in SET]
    assert (plain.head["typos"], run.head["typos"]) == (None, 7)
    assert differences(plain.head, run.head) == {"typos": (None, 7)}
    assert [outcome.result["question"] for outcome in run.outcomes.values() if outcome.result] == (
        typed
    )
    assert all(run.outcomes[q.id].asked(q) for q in load_questions(questions))
    scores = score_run(run, library)
    assert not scores.failed
    assert any("seed 7" in remark for remark in scores.remarks)
    assert len(compare_runs(plain, run, library).by_id) == len(SET)
    with pytest.raises(RunError, match="different: typos"):
        run_questions(library, questions, tmp_path / "typos.jsonl", typos=8)


def test_a_question_reworded_since_a_run_with_typos_was_not_asked(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    run = run_questions(library, questions, tmp_path / "typos.jsonl", typos=7)
    write_set(questions, question="Are other questions asked here than before?")
    assert not any(run.outcomes[q.id].asked(q) for q in load_questions(questions))


def test_the_head_says_what_was_asked_of_what(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    head = run_questions(library, questions, tmp_path / "run.jsonl").head
    assert head["questions"] == questions.as_posix()
    assert head["asked"] == 4
    assert (head["generation"], head["chunks"]) == (1, library.status()["chunks"])
    assert head["settings"]["false_answers"] == 0.05
    assert (head["model"], head["model_fingerprint"]) == ("word-lengths", "word-lengths-1")
    assert head["packages"]["faiss-cpu"]
    assert len(head["corpus_sha256"]) == len(head["code_sha256"]) == 64
    assert head["notes"]["heads.md"]["text"] == NOTES["heads.md"]
    assert head["notes"]["heads.md"]["chunks"] == [[0, len(NOTES["heads.md"]) - 1]]


def test_the_head_names_the_commit_where_there_is_one(
    library: Library, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)
    assert run_questions(library, questions, tmp_path / "1.jsonl").head["commit"] is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    (repository / "file").write_text("1", encoding="utf-8")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    commit = run_questions(library, questions, tmp_path / "2.jsonl").head["commit"]
    assert len(commit) == 40
    (repository / "file").write_text("2", encoding="utf-8")
    changed = run_questions(library, questions, tmp_path / "3.jsonl").head["commit"]
    assert changed == commit + "+"


def test_a_split_is_asked_alone(library: Library, tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    write_set(file)
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    for line in lines:
        line["split"] = "fit" if line["fact"] == "h" else "report"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    run = run_questions(library, file, tmp_path / "run.jsonl", split="report")
    assert list(run.outcomes) == ["t1", "n1"]
    assert [q.id for q in run.questions()] == ["t1", "n1"]


# Follow-ups


@pytest.fixture
def conversation(tmp_path: Path) -> Path:
    """Three questions, each after the one before, and another split than the first."""
    file = tmp_path / "conversation.jsonl"
    lines = [
        {"id": "c1", "question": "What do forests average?", "split": "fit"},
        {"id": "c2", "question": "And why?", "after": "c1", "split": "report"},
        {"id": "c3", "question": "And how?", "after": "c2", "split": "report"},
    ]
    rest = {"kind": "follow-up", "evidence": EVIDENCE["t"]}
    texts = (json.dumps({**line, **rest, "fact": line["id"]}) for line in lines)
    file.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return file


def queries(run: Any) -> list[str]:
    return [(outcome.result or {})["query"] for outcome in run.outcomes.values()]


def test_a_follow_up_is_asked_after_the_questions_before_it(
    library: Library, conversation: Path, tmp_path: Path
) -> None:
    run = run_questions(library, conversation, tmp_path / "run.jsonl")
    first = library.ask("What do forests average?")
    second = library.ask("And why?", turn_of(first))
    third = library.ask("And how?", turn_of(second))
    assert queries(run) == [first.query, second.query, third.query]
    assert second.query.startswith("And why? forests average")
    assert third.query.startswith("And how? forests average")
    assert queries(in_memory(library, load_questions(conversation))) == queries(run)


def test_the_earlier_questions_of_a_follow_up_are_asked_once(
    library: Library, conversation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count_asks(monkeypatch)
    run = run_questions(library, conversation, tmp_path / "run.jsonl", split="report")
    assert list(run.outcomes) == ["c2", "c3"]
    assert asked == ["What do forests average?", "And why?", "And why?", "And how?"]


def test_a_resumed_run_asks_a_follow_up_as_the_whole_run_did(
    library: Library, conversation: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run.jsonl"
    whole = queries(run_questions(library, conversation, out))
    lines = out.read_text("ascii").splitlines(keepends=True)
    out.write_text("".join(lines[:-1]), encoding="ascii")
    assert queries(run_questions(library, conversation, out)) == whole


def test_follow_ups_are_asked_alone_where_that_is_wanted(
    library: Library, conversation: Path, tmp_path: Path
) -> None:
    alone = run_questions(library, conversation, tmp_path / "alone.jsonl", alone=True)
    together = run_questions(library, conversation, tmp_path / "together.jsonl")
    assert queries(alone) == ["What do forests average?", "And why?", "And how?"]
    assert differences(alone.head, together.head) == {"alone": (True, False)}
    with pytest.raises(RunError, match="different: alone"):
        run_questions(library, conversation, alone.path)


def test_a_question_that_failed_leaves_nothing_to_lean_on(
    library: Library, conversation: Path, tmp_path: Path
) -> None:
    text = conversation.read_text("utf-8").replace("What do forests average?", "w " * 2000)
    conversation.write_text(text, encoding="utf-8")
    run = run_questions(library, conversation, tmp_path / "run.jsonl", split="report")
    assert queries(run)[0] == "And why?"


# Resuming


@pytest.mark.parametrize("kept", [1, 3, 4, 5])
@pytest.mark.parametrize("rest", ["", '{"id": "h2", "resu', '{"id"'])
def test_an_interrupted_run_goes_on_where_it_stopped(
    library: Library,
    questions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: int,
    rest: str,
) -> None:
    out = tmp_path / "run.jsonl"
    whole = run_questions(library, questions, out)
    lines = out.read_text("ascii").splitlines(keepends=True)
    out.write_text("".join(lines[:kept]) + rest, encoding="ascii")
    asked = count_asks(monkeypatch)
    again = run_questions(library, questions, out)
    assert len(asked) == 5 - kept
    assert list(again.outcomes) == list(whole.outcomes)
    assert score_run(again).to_dict()["measures"] == score_run(whole).to_dict()["measures"]
    assert [json.loads(line).get("id") for line in out.read_text("ascii").splitlines()][1:] == [
        *("h1", "h2", "t1", "n1")
    ]


def test_a_run_whose_head_was_cut_off_starts_anew(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run.jsonl"
    out.write_text('{"run": {"questi', encoding="ascii")
    assert len(run_questions(library, questions, out).outcomes) == 4


def test_a_killed_run_goes_on(library: Library, questions: Path, tmp_path: Path) -> None:
    """SIGKILL after the second answer, in a process of its own."""
    out = tmp_path / "run.jsonl"
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT / "tests")!r})
from conftest import WordLengths
from pathlib import Path
from eval import run_questions
from rag import Library, Settings
draft, asked = Library.draft, []
def killed(self, question, after=None):
    asked.append(question)
    if len(asked) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return draft(self, question, after)
Library.draft = killed
settings = Settings(library={str(library.folder)!r}, corpus={library.settings.corpus!r})
run_questions(Library(settings, WordLengths()), Path({str(questions)!r}), Path({str(out)!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(load_run(out).outcomes) == ["h1", "h2"]
    assert list(run_questions(library, questions, out).outcomes) == ["h1", "h2", "t1", "n1"]


def test_a_run_that_is_whole_is_not_run_again(
    library: Library, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run.jsonl"
    run_questions(library, questions, out)
    before = out.read_bytes()
    asked = count_asks(monkeypatch)
    run_questions(library, questions, out)
    assert (asked, out.read_bytes()) == ([], before)


def test_another_run_is_not_written_over(
    library: Library, questions: Path, tmp_path: Path, embedder: WordLengths
) -> None:
    out = tmp_path / "run.jsonl"
    run_questions(library, questions, out)
    before = out.read_bytes()
    settings = Settings(
        library=str(library.folder), corpus=library.settings.corpus, false_answers=0.7
    )
    other = Library(settings, embedder)
    with pytest.raises(RunError, match=r"settings\.false_answers.*--overwrite"):
        run_questions(other, questions, out)
    assert out.read_bytes() == before
    run = run_questions(other, questions, out, overwrite=True)
    assert run.head["settings"]["false_answers"] == 0.7
    assert len(run.outcomes) == 4


def test_without_a_name_each_state_has_a_file_of_its_own(
    library: Library, questions: Path, embedder: WordLengths
) -> None:
    first = run_questions(library, questions)
    assert first.path.parent == library.folder / "runs"
    assert run_questions(library, questions).path == first.path
    (Path(library.settings.corpus) / "new.md").write_text("More.", encoding="utf-8")
    library.index()
    assert run_questions(library, questions).path != first.path


def test_a_compressed_run_is_the_same_run(
    library: Library, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run_questions(library, questions, tmp_path / "plain.jsonl")
    out = tmp_path / f"run.jsonl{COMPRESSED}"
    run = run_questions(library, questions, out)
    assert [p.name for p in tmp_path.glob("run*")] == [out.name]
    assert len(lzma.decompress(out.read_bytes()).splitlines()) == 5
    assert score_run(run).measures == score_run(plain).measures
    asked = count_asks(monkeypatch)
    run_questions(library, questions, out)
    assert asked == []


# What goes wrong


def test_a_question_that_fails_is_recorded_and_the_others_go_on(
    library: Library, tmp_path: Path
) -> None:
    file = tmp_path / "set.jsonl"
    write_set(file)
    text = file.read_text("utf-8").replace("Which part is trained?", "w " * 2000)
    file.write_text(text, encoding="utf-8")
    run = run_questions(library, file, tmp_path / "run.jsonl")
    assert "limit is 2000" in str(run.outcomes["h2"].error)
    assert run.outcomes["t1"].result
    scores = score_run(run)
    assert [v.question.id for v in scores.failed] == ["h2"]
    assert scores.by_fact["h"]["n"] == 2


def test_an_error_of_ours_costs_one_question_too(
    library: Library, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = Library.decide

    def broken(self: Library, question: str, draft: Any) -> Answer:
        if question == "What do forests do?":
            raise ValueError("a quote that does not fit")
        return decide(self, question, draft)

    monkeypatch.setattr(Library, "decide", broken)
    run = run_questions(library, questions, tmp_path / "run.jsonl")
    assert run.outcomes["t1"].error == "ValueError: a quote that does not fit"
    assert run.outcomes["n1"].result


def test_a_quote_that_stands_nowhere_ends_the_run_before_it_begins(
    library: Library, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_set(questions, evidence=[{"document": "heads.md", "quote": "Only the tail learns."}])
    asked = count_asks(monkeypatch)
    with pytest.raises(QuestionSetError, match="eval check"):
        run_questions(library, questions, tmp_path / "run.jsonl")
    assert (asked, (tmp_path / "run.jsonl").exists()) == ([], False)


def test_without_a_library_nothing_is_asked(questions: Path, tmp_path: Path) -> None:
    library = Library(Settings(library=str(tmp_path / "none")), WordLengths())
    with pytest.raises(LibraryError, match="notesqa index"):
        run_questions(library, questions, tmp_path / "run.jsonl")


def test_with_another_model_nothing_is_asked(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    other = Library(library.settings, WordLengths("word-lengths-2"))
    with pytest.raises(ModelError):
        run_questions(other, questions, tmp_path / "run.jsonl")


def test_notes_that_change_while_the_run_goes_on_end_it(
    library: Library, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meddle(stage: str, done: int, total: int) -> None:
        if done == 2:
            (Path(library.settings.corpus) / "new.md").write_text("More.", encoding="utf-8")
            Library(library.settings, library.embedder).index()

    with pytest.raises(RunError, match="two states"):
        run_questions(library, questions, tmp_path / "run.jsonl", progress=meddle)
    assert not (tmp_path / "run.jsonl").exists()


@pytest.mark.parametrize("text", ["my notes", "my notes\n", '{"id": "h1"}\n', "{}\n"])
def test_a_file_that_is_no_run_is_not_written_over(
    library: Library, questions: Path, tmp_path: Path, text: str
) -> None:
    out = tmp_path / "precious.txt"
    out.write_text(text, encoding="utf-8")
    with pytest.raises(RunError):
        run_questions(library, questions, out)
    assert out.read_text("utf-8") == text


def test_the_set_is_never_written_over(library: Library, questions: Path) -> None:
    before = questions.read_bytes()
    with pytest.raises(RunError, match="is the question set"):
        run_questions(library, questions, questions, overwrite=True)
    assert questions.read_bytes() == before


def test_a_compressed_run_leaves_a_plain_one_beside_it_alone(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    plain = run_questions(library, questions, tmp_path / "run.jsonl").path
    before = plain.read_bytes()
    run_questions(library, questions, tmp_path / "run.jsonl.xz", overwrite=True)
    assert plain.read_bytes() == before
    assert not list(tmp_path.glob(".run*"))


def test_a_head_without_its_line_end_is_no_obstacle(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    out = run_questions(library, questions, tmp_path / "run.jsonl").path
    out.write_bytes(out.read_bytes().split(b"\n")[0])
    assert len(run_questions(library, questions, out).outcomes) == 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_is_named(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(RunError, match="cannot be written"):
        run_questions(library, questions, closed / "run.jsonl")


def test_a_folder_is_no_run_file(library: Library, questions: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be"):
        run_questions(library, questions, tmp_path)


HEAD = '{"run": {"questions": "set.jsonl"}}'
GOOD = '{"state": "abstained", "confidence": 0.1, "passages": [], "citations": []}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: expected the head"),
        ("{}\n", "line 1: expected the head"),
        ("[]\n", "line 1: expected a JSON object"),
        (f"{HEAD}\nnot json\n", "line 2: not JSON"),
        (f'{HEAD}\n{{"result": {GOOD}}}\n', "line 2: expected the id"),
        (f'{HEAD}\n{{"id": "a"}}\n', "line 2: expected an error, or a result"),
        (f'{HEAD}\n{{"id": "a", "result": {{}}}}\n', "line 2: expected an error, or a result"),
        (f'{HEAD}\n{{"id": "a", "result": {GOOD}, "written": 1}}\n', "line 2: expected an error"),
        (
            f'{HEAD}\n{{"id": "a", "result": {GOOD.replace("0.1", "1.5")}}}\n',
            "line 2: expected an error, or a result",
        ),
        *(
            (f'{HEAD}\n{{"id": "a", "result": {GOOD.replace(old, new)}}}\n', "line 2: expected an")
            for old, new in (
                ('"citations": []', '"citations": [{"document": "a", "start": 0, "end": 1}]'),
                ('"passages": []', '"passages": [{"document": "a", "start": 1.5, "end": 2}]'),
                ('"passages": []', '"passages": [{"document": "a", "start": 2, "end": 1}]'),
                (
                    '"passages": []',
                    f'"passages": [{{"document": "a", "start": 0, "end": {10**30}}}]',
                ),
                ('"passages": []', '"passages": [], "timings_ms": [1]'),
                ('"passages": []', '"passages": [], "timings_ms": {"a": "b"}'),
                ('"passages": []', '"passages": [], "timings_ms": {"a": -1}'),
            )
        ),
        (f'{HEAD}\n{{"id": "a", "result": {GOOD.replace("0.1", "NaN")}}}\n', "NaN is no number"),
        (f'{HEAD}\n{{"id": "\\ud800", "error": "x"}}\n', "line 2: not JSON .not Unicode"),
        (f'{HEAD}\n{{"id": {"[" * 100_000}\n', "line 2: not JSON"),
        (f'{HEAD}\n{{"id": {"1" * 5000}}}\n', "line 2: not JSON"),
        ('{"run": {"notes": null}}\n', "line 1: expected a head"),
        ('{"run": {"notes": {"a": {"text": "b"}}}}\n', "line 1: expected a head"),
        ('{"run": {"settings": "x"}}\n', "line 1: expected a head"),
        (
            f'{HEAD}\n{{"id": "a", "error": "x"}}\n{{"id": "a", "error": "x"}}\n',
            "line 3: question a stands twice",
        ),
    ],
)
def test_what_is_no_run_file_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=said):
        load_run(file)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"\xfd7zXZ\x00 and no more"])
def test_bytes_that_are_no_run_are_an_error(tmp_path: Path, data: bytes) -> None:
    for suffix in (".jsonl", ".jsonl.xz"):
        file = tmp_path / f"run{suffix}"
        file.write_bytes(data)
        with pytest.raises(RunError, match="cannot be read as a run file"):
            load_run(file)


def test_a_line_as_the_formats_name_it_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text(f'{HEAD}\n{{"id": "a", "result": {GOOD}}}\n', encoding="utf-8")
    assert load_run(file).outcomes["a"].withheld == ()


# Heads


def test_differences_name_what_differs_and_leave_out_the_hour() -> None:
    one = {"settings": {"a": 1, "b": 2}, "begun": "1", "notes": {"x": 1}, "model": "m"}
    other = {"settings": {"a": 1, "b": 3, "c": 4}, "begun": "2", "notes": {}, "model": "m"}
    assert differences(one, other) == {"settings.b": (2, 3), "settings.c": (None, 4)}


# Scoring where the notes have moved on


def test_a_run_can_be_scored_when_its_notes_are_gone(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    run = run_questions(library, questions, tmp_path / "run.jsonl")
    before = score_run(run, library).to_dict()
    shutil.rmtree(library.folder)
    shutil.rmtree(library.settings.corpus)
    assert score_run(load_run(run.path), Library(library.settings)).to_dict() == before


def test_labels_may_be_mended_without_a_new_run(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    run = run_questions(library, questions, tmp_path / "run.jsonl")
    (other,) = [{"document": "trees.md", "quote": "A tree splits on one feature."}]
    assert score_run(run).remarks == []
    write_set(questions, evidence=[other])
    scores = score_run(run)
    assert scores.measures["hit@10"].n == 4
    assert scores.remarks[0].startswith("The set has changed since the run")


def test_a_run_by_hand_is_scored_by_the_notes_of_the_library(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    run = run_questions(library, questions, tmp_path / "run.jsonl")
    expected = score_run(run).to_dict()
    lines = run.path.read_text("ascii").splitlines()
    head = json.dumps({"run": {"questions": str(questions)}})
    bare = [json.loads(line) for line in lines[1:]]
    file = tmp_path / "bare.jsonl"
    file.write_text("\n".join([head, *map(json.dumps, bare)]) + "\n", encoding="utf-8")
    assert score_run(load_run(file), library).to_dict() == expected
    with pytest.raises(QuestionSetError):
        score_run(load_run(file))


def test_notes_other_than_those_of_the_run_are_not_taken_for_them(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    """A citation of a note that no question quotes is checked only in the notes of the run."""
    lines = [q for q in SET if q["fact"] == "h"]
    questions.write_text(
        "".join(json.dumps({**q, "evidence": EVIDENCE["h"]}) + "\n" for q in lines), "utf-8"
    )
    run = run_questions(library, questions, tmp_path / "run.jsonl")
    result = dict(run.outcomes["h1"].result or {})
    cited = {"document": "trees.md", "start": 0, "end": 7, "quote": "# Trees"}
    result |= {"state": "answered", "citations": [cited], "sentences": []}
    file = tmp_path / "cites.jsonl"
    head = run.path.read_text("ascii").splitlines()[0]
    file.write_text(f"{head}\n{json.dumps({'id': 'h1', 'result': result})}\n", encoding="utf-8")
    assert score_run(load_run(file), library).measures["citations_hold"].value == 1
    (Path(library.settings.corpus) / "heads.md").write_text("Other.", encoding="utf-8")
    library.index()
    scores = score_run(load_run(file), library)
    assert "citations_hold" not in scores.measures
    assert any("cannot be checked any more" in remark for remark in scores.remarks)


def test_the_same_set_and_library_give_the_same_scores_to_the_byte(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    texts = []
    for name in ("1.jsonl", "2.jsonl"):
        scores = score_run(run_questions(library, questions, tmp_path / name), library).to_dict()
        assert scores.pop("latency_ms")["n"] == 4
        texts.append(json.dumps(scores))
    assert texts[0] == texts[1]


def test_a_run_in_memory_has_the_outcomes_of_a_file(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    written = run_questions(library, questions, tmp_path / "run.jsonl")
    held = in_memory(library, load_questions(questions))
    for one, other in zip(written.outcomes.values(), held.outcomes.values(), strict=True):
        assert {**(one.result or {}), "timings_ms": 0} == {**(other.result or {}), "timings_ms": 0}
        assert one.withheld == other.withheld


@pytest.mark.parametrize(
    ("head", "said"),
    [("{}", "a set it does not name"), ('{"questions": "gone.jsonl"}', "gone.jsonl, which is not")],
)
def test_a_run_whose_set_is_not_there_says_how_to_name_it(
    tmp_path: Path, head: str, said: str
) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text(f'{{"run": {head}}}\n', encoding="utf-8")
    with pytest.raises(RunError, match=rf"{said}.*--questions FILE"):
        score_run(load_run(file))


def test_a_set_may_be_named_where_it_was_moved(
    library: Library, questions: Path, tmp_path: Path
) -> None:
    run = run_questions(library, questions, tmp_path / "run.jsonl")
    before = score_run(run)
    moved = questions.rename(tmp_path / "moved.jsonl")
    assert score_run(run, questions=moved) == before


def test_a_model_is_loaded_before_the_first_question_is_timed(
    library: Library, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    read = WordLengths.read_queries
    monkeypatch.setattr(
        WordLengths, "read_queries", lambda self, texts: (asked.extend(texts), read(self, texts))[1]
    )
    run_questions(library, questions, tmp_path / "run.jsonl")
    assert asked == ["Is the model loaded?", *(str(q["question"]) for q in SET)]
