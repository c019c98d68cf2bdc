from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from test_eval_closing import EGGS, FRANCE, NOTE, add, gap_in, library, logged, write

from eval import Cause, Gap, Reasked, accept_gap, load_questions, reask
from rag import Library
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
    assert begins == "# Script x javascript 0 0 a b c\n\n"


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
