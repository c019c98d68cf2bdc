from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import CORPUS, Run, owls_in
from test_cli import BADGERS, check_harmless, check_refused, corpus, indexed, parsed

from rag import Answer, Library, QuestionLog, Span
from ui.editors import Command, command_for, start
from ui.opening import GONE, OpeningError, Target, file_of

__all__ = ["corpus", "indexed"]

ASKED = "Worms are what badgers like?"
SAID = "Worms are what badgers like."


# What a citation means


@pytest.mark.usefixtures("indexed")
def test_a_number_is_a_citation_of_the_last_answer(run: Run, corpus: Path) -> None:
    cited = parsed(run("ask", ASKED, "--json"))["citations"][0]
    done = run("open", "1", "--json")
    assert done.err == f"Cited for: {ASKED}\n"
    assert parsed(done) == {
        "document": cited["document"],
        "path": str(corpus.resolve() / cited["document"]),
        "location": cited["location"],
        "start": cited["start"],
        "end": cited["end"],
        "line": 3,
        "quote": cited["quote"],
    }
    check_refused(run("open", "9"), "There is no citation 9", ASKED)


def test_what_others_asked_on_the_page_is_not_meant(run: Run, indexed: Path) -> None:
    answer = Answer.from_dict(parsed(run("ask", ASKED, "--json")))
    log = QuestionLog(indexed, 90)
    log.record(replace(answer, question="Somebody's?"), "page")
    log.close()
    assert log.newest(1)[0].question == "Somebody's?"
    assert run("open", "1").err == f"Cited for: {ASKED}\n"


@pytest.mark.usefixtures("indexed")
def test_without_a_kept_answer_a_number_means_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refused(run("open", "1"), "Nothing was asked here yet")
    monkeypatch.setenv("NOTESQA_LOG_QUESTIONS", "false")
    check_refused(run("open", "1"), "log_questions is false", "notesqa open notes.md:12")


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(
    ("citation", "location", "quote"),
    [
        ("badgers.md:3", "line 3", BADGERS.split("\n")[2]),
        ("badgers.md#line=1", "line 1", "# Badgers"),
        ("badgers.md@2-9", "line 1", "Badgers"),
        ("badgers.md", None, None),
    ],
)
def test_a_place_is_named_in_several_ways(
    run: Run, citation: str, location: str | None, quote: str | None
) -> None:
    found = parsed(run("open", citation, "--json"))
    assert (found["document"], found["location"], found["quote"]) == ("badgers.md", location, quote)
    if quote:
        assert BADGERS[found["start"] : found["end"]] == quote


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(
    ("citation", "said"),
    [
        ("badger.md", "No note is called badger.md: did you mean badgers.md?"),
        ("badgers.md:99", "badgers.md has 4 lines, no line 99."),
        ("badgers.md#page=2", "badgers.md has lines, no page: name one as badgers.md#line=1."),
        ("badgers.md@5-5000", "5-5000 are none of them"),
        ("../corpus/badgers.md", "No note is called"),
    ],
)
def test_a_place_that_is_none_is_refused(run: Run, citation: str, said: str) -> None:
    check_refused(run("open", citation), said)


def test_places_that_are_no_lines_are_named_by_what_they_are(run: Run, corpus: Path) -> None:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": [f'Moles dig "{word}" tunnels.\n']}
        for word in ("deep", "long")
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    text = json.dumps(notebook, indent=1)
    (corpus / "moles.ipynb").write_text(text, encoding="utf-8")
    assert run("index").status == 0
    found = parsed(run("open", "moles.ipynb#cell=2", "--json"))
    assert (found["location"], found["quote"]) == ("cell 2", 'Moles dig "long" tunnels.')
    assert "long" in text.split("\n")[found["line"] - 1]
    check_refused(run("open", "moles.ipynb:2"), "has cells, no lines", "moles.ipynb#cell=1")
    check_refused(run("open", "moles.ipynb#cell=3"), "has 2 cells, and no cell 3")


@pytest.mark.usefixtures("indexed")
def test_without_a_terminal_the_place_is_printed(run: Run, corpus: Path) -> None:
    done = run("open", "badgers.md:3")
    assert done.out.splitlines() == [
        "badgers.md, line 3",
        f"{corpus.resolve()}/badgers.md:3",
        "",
        BADGERS.split("\n")[2],
    ]
    assert BADGERS.strip() in run("open", "badgers.md", "--print").out


# What has changed since


def test_words_that_moved_are_found_again_and_lost_ones_are_said_to_be_gone(
    run: Run, corpus: Path, indexed: Path
) -> None:
    note = corpus / "badgers.md"
    assert run("ask", ASKED).status == 0
    assert indexed.is_dir()
    for reindexed in (False, True):
        note.write_text("New.\n\n" + BADGERS, encoding="utf-8")
        assert not reindexed or run("index").status == 0
        done = run("open", "1", "--json")
        assert (parsed(done)["line"], GONE in done.err) == (5, False)
        assert SAID in parsed(done)["quote"]
        note.write_text("# Badgers\n\nBadgers sleep.\n", encoding="utf-8")
        assert not reindexed or run("index").status == 0
        done = run("open", "1", "--json")
        assert GONE in done.err
        assert parsed(done)["line"] is None


@pytest.mark.usefixtures("indexed")
def test_a_note_whose_file_is_gone_is_still_printed(run: Run, corpus: Path) -> None:
    (corpus / "badgers.md").unlink()
    assert SAID in run("open", "badgers.md:3").out
    assert parsed(run("open", "badgers.md:3", "--json"))["path"] is None
    with pytest.raises(OpeningError, match="not in the folder of notes any more"):
        command_for(Target("badgers.md", None))


# What opens it

EDITED = Target("a.md", Path("/notes/a.md"), "line 7", Span(0, 1), line=7)
READ = Target("a.pdf", Path("/notes/a.pdf"), "page 3", Span(0, 1), page=3)
SCREEN = {"DISPLAY": ":0"}


def here(*programs: str) -> Callable[[str], str | None]:
    return lambda name: f"/bin/{name}" if name in programs else None


@pytest.mark.parametrize(
    ("editor", "arguments"),
    [
        ("vim", ["/bin/vim", "+7", "/notes/a.md"]),
        ("emacs -nw", ["/bin/emacs", "-nw", "+7", "/notes/a.md"]),
        ("code --wait", ["/bin/code", "--wait", "--goto", "/notes/a.md:7"]),
        ("hx", ["/bin/hx", "/notes/a.md:7"]),
        ("kate", ["/bin/kate", "--line", "7", "/notes/a.md"]),
        ("micro", ["/bin/micro", "+7:1", "/notes/a.md"]),
        ("vim.tiny", ["/bin/vim.tiny", "+7", "/notes/a.md"]),
        ("'notepad++.exe'", ["/bin/notepad++.exe", "-n7", "/notes/a.md"]),
        ("scribble", ["/bin/scribble", "/notes/a.md"]),
    ],
)
def test_an_editor_is_told_the_line_in_its_own_way(editor: str, arguments: list[str]) -> None:
    which = here(arguments[0].removeprefix("/bin/"))
    assert command_for(EDITED, {"EDITOR": editor}, which) == Command(tuple(arguments), waits=True)


def test_visual_comes_before_editor_and_both_before_the_desktop() -> None:
    said = {"VISUAL": "kak", "EDITOR": "vi", **SCREEN}
    which = here("kak", "vi", "xdg-open")
    assert command_for(EDITED, said, which, "linux").arguments[0] == "/bin/kak"
    assert command_for(EDITED, {**said, "VISUAL": ""}, which, "linux").arguments[0] == "/bin/vi"
    assert command_for(EDITED, SCREEN, which, "linux").arguments == ("/bin/xdg-open", "/notes/a.md")


@pytest.mark.parametrize(
    ("platform", "programs", "arguments"),
    [
        ("linux", ["evince", "xdg-open"], ["/bin/evince", "--page-index=3", "/notes/a.pdf"]),
        ("linux", ["zathura", "mupdf"], ["/bin/zathura", "--page=3", "/notes/a.pdf"]),
        ("linux", ["mupdf"], ["/bin/mupdf", "/notes/a.pdf", "3"]),
        ("linux", ["xdg-open"], ["/bin/xdg-open", "/notes/a.pdf"]),
        ("win32", ["SumatraPDF"], ["/bin/SumatraPDF", "-page", "3", "/notes/a.pdf"]),
        ("darwin", ["open"], ["/bin/open", "/notes/a.pdf"]),
    ],
)
def test_a_viewer_is_told_the_page(
    platform: str, programs: list[str], arguments: list[str]
) -> None:
    found = command_for(READ, {"EDITOR": "vi", **SCREEN}, here("vi", *programs), platform)
    assert found == Command(tuple(arguments), waits=False)


def test_what_cannot_open_here_is_said_with_what_can_be_done() -> None:
    with pytest.raises(OpeningError, match=r"editor scribble is not found.*--print"):
        command_for(EDITED, {"EDITOR": "scribble"}, here())
    with pytest.raises(OpeningError, match="which is no command: No closing"):
        command_for(EDITED, {"EDITOR": "vi 'x"}, here("vi"))
    for target in (EDITED, READ):
        with pytest.raises(OpeningError, match=r"Nothing opens /notes/a.*--print"):
            command_for(target, {}, here("xdg-open", "evince"), "linux")


def test_a_web_page_among_the_notes_is_not_given_to_a_browser() -> None:
    page = Target("a.html", Path("/notes/a.html"))
    assert command_for(page, {"EDITOR": "vi"}, here("vi")).arguments == ("/bin/vi", "/notes/a.html")
    with pytest.raises(OpeningError, match="EDITOR"):
        command_for(page, SCREEN, here("xdg-open"), "linux")


# Names are data


@pytest.mark.skipif(os.name != "posix", reason="such names are POSIX's")
@pytest.mark.parametrize(
    "name", ["-c:!touch hacked.md", "+:!touch hacked.md", "$(touch hacked).md", "`touch hacked`.md"]
)
def test_no_name_of_a_note_becomes_an_option_or_a_command(
    run: Run, corpus: Path, tmp_path: Path, name: str
) -> None:
    (corpus / name).write_text("Moles dig.\n", encoding="utf-8")
    assert run("index").status == 0
    editor = tmp_path / "vi"
    seen = tmp_path / "seen"
    editor.write_text(
        f"#!{sys.executable}\nimport sys\nopen({str(seen)!r}, 'w').write('\\n'.join(sys.argv[1:]))",
        encoding="utf-8",
    )
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    found = parsed(run("open", "--json", "--", f"{name}:1"))
    target = Target(found["document"], Path(found["path"]), line=found["line"])
    start(command_for(target, {"EDITOR": f"'{editor}'"}))
    assert seen.read_text("utf-8").split("\n") == ["+1", str(corpus.resolve() / name)]
    assert not list(tmp_path.rglob("hacked"))


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_nothing_outside_of_the_notes_is_opened(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    notes = tmp_path / "notes"
    (tmp_path / "secret.md").write_text("Owls hunt at night, by their ears.", encoding="utf-8")
    (notes / "owls.md").unlink()
    (notes / "owls.md").symlink_to(tmp_path / "secret.md")
    (notes / "up").symlink_to(tmp_path)
    for document in ("owls.md", "../secret.md", "up/secret.md", str(tmp_path / "secret.md")):
        with pytest.raises(OpeningError, match="leads out of the notes"):
            file_of(notes, document)
    (notes / "inside.md").write_text("Owls.", encoding="utf-8")
    (notes / "link.md").symlink_to("inside.md")
    assert file_of(notes, "link.md") == (notes / "inside.md").resolve()
    assert library.titles() == {"owls.md": "Owls"}


def test_no_control_sequence_of_a_note_reaches_the_terminal(run: Run, corpus: Path) -> None:
    (corpus / "moles.md").write_text("Moles \x1b[31mdig.\n", encoding="utf-8")
    assert run("index").status == 0
    for options in ([], ["--json"]):
        done = run("open", "moles.md:1", *options)
        check_harmless(done.out + done.err)
    check_harmless(run("open", "\x1b[2Jmoles").err)


@pytest.mark.model
def test_every_shipped_note_opens_at_the_line_of_its_words(shipped: Library) -> None:
    from ui.opening import refer_to, target_of

    for passage in shipped.search("How is a learning rate chosen?", 10):
        target = target_of(refer_to(passage), shipped)
        assert target.path is not None
        lines = target.path.read_text("utf-8").split("\n")
        assert target.line
        assert lines[target.line - 1].strip() == passage.text.split("\n")[0].strip()
        assert (CORPUS / passage.document).resolve() == target.path
