from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from conftest import Done, Run
from test_cli import check_harmless, check_refused, parsed
from test_eval_closing import EGGS, FRANCE, NOTE, add, gap_in, library, logged, write

from eval import Cause, Gap, Reasked, accept_gap, load_questions, reask
from rag import Library, QuestionLog
from ui.cli import main
from ui.drafts import Draft, WritingError, draft_for, edit
from ui.reviewing import Review

__all__ = ["library"]

pytestmark = pytest.mark.model


@pytest.fixture
def notes(library: Library) -> Path:
    return Path(library.settings.corpus)


@pytest.fixture
def gap(library: Library) -> Gap:
    return gap_in(library, logged(library, [*EGGS, FRANCE]))


# Where a person writes


def test_a_new_note_lies_beside_the_nearest_and_takes_no_name_that_is_there(
    library: Library, notes: Path, gap: Gap
) -> None:
    absent = replace(gap, triage=replace(gap.triage, cause=Cause.ABSENT))
    draft = draft_for(absent, "", library)
    assert (draft.new, draft.path) == (True, notes.resolve() / "owl-eggs.md")
    assert draft.begins == b"# Owl eggs\n\n"
    write(notes / "owl-eggs.md", "Mine.")
    assert draft_for(absent, "", library).target.document == "owl-eggs-2.md"
    (notes / "owl-eggs.md").unlink()
    (notes / "birds").mkdir()
    (notes / "owls.md").rename(notes / "birds/owls.md")
    library.index()
    moved = gap_in(library, gap.questions)
    absent = replace(moved, triage=replace(moved.triage, cause=Cause.ABSENT))
    assert draft_for(absent, "", library).target.document == "birds/owl-eggs.md"


def test_what_was_missed_is_edited_where_it_stands(library: Library, gap: Gap) -> None:
    missed = replace(gap, triage=replace(gap.triage, cause=Cause.MISSED))
    draft = draft_for(missed, "", library)
    assert (draft.new, draft.target.document, draft.target.line) == (False, "owls.md", 3)


def test_a_heading_holds_nothing_but_words(library: Library, gap: Gap) -> None:
    hostile = replace(gap, terms=("<script>", "[x](javascript:0)", "\x1b]0;a\x07", "`b`\n# c"))
    begins = draft_for(hostile, "new.md", library).begins.decode("utf-8")
    assert begins == "# Script x javascript 0\n\n"


@pytest.mark.parametrize(
    ("said", "document"),
    [
        ("new.md", "new.md"),
        ("owls.md", "owls.md"),
        ("notes/new.md", "new.md"),
        ("{notes}/new.txt", "new.txt"),
    ],
)
def test_a_note_is_named_as_one_would(
    library: Library,
    notes: Path,
    gap: Gap,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    document: str,
) -> None:
    monkeypatch.chdir(notes.parent)
    draft = draft_for(gap, said.format(notes=notes), library)
    assert (draft.target.document, draft.new) == (document, document != "owls.md")
    assert draft.path == notes.resolve() / document


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("../new.md", "does not lie in"),
        ("/etc/new.md", "does not lie in"),
        ("out/new.md", "does not lie in"),
        (".", "does not lie in"),
        (".new.md", "is hidden"),
        ("slides.pptx", "name a .md file"),
        ("there/new.md", "There is no folder"),
        ("n" * 300 + ".md", "cannot be read: File name too long"),
        ("d" * 300 + "/new.md", "cannot be read: File name too long"),
        ("folder.md", "cannot be read"),
    ],
)
def test_what_is_no_note_is_refused(
    library: Library, notes: Path, gap: Gap, monkeypatch: pytest.MonkeyPatch, said: str, why: str
) -> None:
    monkeypatch.chdir(notes.parent)
    (notes / "folder.md").mkdir()
    (notes.parent / "outside").mkdir()
    (notes / "out").symlink_to(notes.parent / "outside")
    with pytest.raises(WritingError, match=why):
        draft_for(gap, said, library)
    assert not list((notes.parent / "outside").iterdir())


def new_draft(library: Library, gap: Gap) -> Draft:
    return draft_for(gap, "new.md", library)


def test_a_new_note_stays_only_where_something_was_written(library: Library, gap: Gap) -> None:
    draft = new_draft(library, gap)
    waited: list[bool] = []

    def look() -> None:
        waited.append(draft.path.read_bytes() == draft.begins)

    assert not edit(draft, look, look)
    assert waited == [True, True]
    assert not draft.path.exists()
    with pytest.raises(WritingError):
        edit(draft, lambda: (_ for _ in ()).throw(WritingError("crashed")), look)
    assert not draft.path.exists()
    assert edit(draft, lambda: write(draft.path, NOTE), pytest.fail)
    assert edit(
        replace(draft, path=draft.path.with_name("b.md")),
        lambda: None,
        lambda: write(draft.path.with_name("b.md"), NOTE),
    )
    with pytest.raises(WritingError, match="cannot be written"):
        edit(draft, pytest.fail, pytest.fail)
    assert draft.path.read_text(encoding="utf-8") == NOTE


# A look at each question


@pytest.fixture
def closed(library: Library, gap: Gap) -> Reasked:
    add(library, "eggs.md", NOTE.replace("to six", "to\nsix"))
    return reask(library, gap)


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_each_question_is_shown_with_the_words_that_would_be_its_evidence(
    library: Library,
    closed: Reasked,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed(monkeypatch, "y", "what?", "n", "q")
    done = accept_gap(closed, tmp_path / "set.jsonl", library, review=Review(library))
    assert (len(done.added), done.declined) == (1, 2)
    said = capsys.readouterr().out
    assert said.count("“An owl lays two to six eggs in spring.”\n  eggs.md, lines 3–4") == 4
    assert all(question in said for question in EGGS)


def test_words_and_evidence_can_be_changed_to_what_the_note_says(
    library: Library,
    closed: Reasked,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "set.jsonl"
    typed(monkeypatch, "e", "Owl eggs?", "ten eggs", "two to six  eggs", "y", "e", "", "", "y", "q")
    accept_gap(closed, file, library, review=Review(library))
    first, second = load_questions(file)
    assert (first.question, first.evidence[0].quote) == ("Owl eggs?", "two to\nsix eggs")
    assert "The note does not say that" in capsys.readouterr().out
    before = closed.answered[1]
    assert (second.question, second.evidence) == (before.question, (before.evidence,))


def test_who_leaves_the_review_adds_nothing(
    library: Library, closed: Reasked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, "y")
    with pytest.raises(typer.Abort):
        accept_gap(closed, tmp_path / "set.jsonl", library, review=Review(library))
    assert not (tmp_path / "set.jsonl").exists()


# The commands


@pytest.fixture
def command(
    library: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs `notesqa gaps …` on the library, in this process, with nobody at a terminal."""
    known = ["--library", library.settings.library, "--corpus", library.settings.corpus]

    def run(*arguments: str) -> Done:
        monkeypatch.setattr("sys.argv", ["notesqa", *known, "gaps", *arguments])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture
def group(library: Library, command: Run) -> str:
    """Returns the id of the group of the questions about eggs, asked and not answered."""
    logged(library, [*EGGS, FRANCE])
    found = {gap["question"]: gap["id"] for gap in parsed(command("--json"))["gaps"]}
    return str(next(found[question] for question in EGGS if question in found))


def test_what_is_answered_by_now_is_said_and_what_is_left_with_the_nearest_words(
    library: Library, notes: Path, command: Run, group: str
) -> None:
    n = len(EGGS)
    before = command("ask", group)
    assert before.out.startswith(f"0 of {n} questions now answered, {n} left.\n")
    assert all(question in before.out for question in EGGS)
    assert "Nearest is owls.md › Owls, line 3\n    Owls hunt at night" in before.out
    assert re.search(r"Gets no answer, confidence 0\.\d\d where 0\.\d\d is enough\.", before.out)
    assert "notesqa gaps accept" not in before.out
    add(library, "eggs.md", NOTE)
    after = command("ask", group[:4])
    assert after.out.startswith(f"{n} of {n} questions now answered.\n")
    assert f"notesqa gaps accept {group} --to FILE" in after.out
    assert parsed(command("ask", group, "--json"))["left"] == 0
    assert f"1 gap has closed since it was asked for (notesqa gaps show ID): {group}." in (
        command().out
    )
    shown = command("show", group).out
    assert f"Closed: {n} of {n} are answered now, by eggs.md.\n" in shown
    assert f"notesqa gaps accept {group} --to FILE" in shown
    assert "earest" not in shown and "missed" not in shown.casefold()
    check_refused(command("ask", "zzz"), "No gap", "notesqa gaps")


def test_without_a_terminal_or_an_editor_it_is_said_what_to_do(
    notes: Path, command: Run, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = notes.resolve() / "new.md"
    then = f"write {file} yourself, then notesqa index and notesqa gaps ask {group}"
    check_refused(command("write", group, "new.md"), "An editor needs a terminal", then)
    check_refused(command("accept", group, "--to", "set.jsonl"), "needs a terminal", "--yes")
    for name in ("VISUAL", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EDITOR", "no-such-editor")
    at_terminal(monkeypatch)
    check_refused(command("write", group, "new.md"), "$EDITOR", then)
    none = command("accept", group, "--to", "set.jsonl")
    assert none.out.strip() == "Nothing joined set.jsonl: no question of the group is answered."
    assert not file.exists()


def at_terminal(monkeypatch: pytest.MonkeyPatch, said: str = "") -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(said))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)


def editor(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    file = folder / "editor.py"
    write(file, f"import sys\nfile = sys.argv[-1]\n{script}\n")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"'{sys.executable}' '{file}'")


def test_where_nothing_is_written_nothing_happens(
    library: Library,
    notes: Path,
    command: Run,
    group: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    editor(tmp_path, monkeypatch, "open(file).read()")
    generation = library.generation
    for note in ("new.md", "owls.md"):
        at_terminal(monkeypatch, "\n")
        done = command("write", group, note, "--json")
        assert (done.status, parsed(done)) == (0, {"document": note, "written": False})
        assert "Press Enter once you have saved it" in done.err
        assert "Nothing was written" in done.err
    assert sorted(file.name for file in notes.iterdir()) == ["badgers.md", "owls.md"]
    assert library.generation == generation


def test_what_is_written_is_indexed_and_asked(
    notes: Path, command: Run, group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, monkeypatch, f"open(file, 'a', encoding='utf-8').write({NOTE!r})")
    at_terminal(monkeypatch)
    done = command("write", group, "eggs.md", "--json")
    found = parsed(done)
    assert (found["document"], found["written"], found["left"]) == ("eggs.md", True, 0)
    assert all(question in done.err for question in EGGS)


def test_a_note_that_a_rule_leaves_out_is_said_to_be_so(
    notes: Path, command: Run, group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(notes / ".notesqaignore", "eggs.md\n")
    editor(tmp_path, monkeypatch, f"open(file, 'a', encoding='utf-8').write({NOTE!r})")
    at_terminal(monkeypatch)
    done = command("write", group, "eggs.md")
    assert done.status == 1
    assert "eggs.md is written, but not indexed" in done.err
    assert ".notesqaignore" in done.err


def test_accept_says_what_joined_what_was_there_and_what_the_set_says_wrongly(
    library: Library, command: Run, group: str, tmp_path: Path
) -> None:
    add(library, "eggs.md", NOTE)
    file = tmp_path / "set.jsonl"
    old = {"id": "n-1", "fact": "n-1", "question": EGGS[0], "kind": "", "evidence": []}
    write(file, json.dumps(old) + "\n")
    done = command("accept", group, "--to", str(file), "--yes")
    assert done.status == 0
    check_harmless(done.out)
    assert "2 wordings joined" in done.out
    assert "There already: n-1." in done.out
    assert "The set says of n-1 that the notes do not answer, and now they do" in done.out
    again = command("accept", group, "--to", str(file), "--yes")
    assert again.out.startswith(f"Nothing joined {file}.")
    assert parsed(command("accept", group, "--to", str(file), "--yes", "--json"))["added"] == []


def test_a_group_that_too_few_asked_has_no_name(library: Library, command: Run) -> None:
    log = QuestionLog.of(library.settings)
    for question in EGGS:
        log.record(library.ask(question), "page", "ada")
    log.close()
    shown = parsed(command("--least", "1", "--json"))["gaps"]
    assert shown
    assert parsed(command("--json"))["gaps"] == []
    for gap in shown:
        for step in (["ask"], ["write"], ["accept", "--to", "set.jsonl", "--yes"]):
            check_refused(command(step[0], gap["id"], *step[1:]), "No gap")
