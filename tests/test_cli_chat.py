from __future__ import annotations

import io
import json
import os
import select
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Done, Run, constant_fit, owls_in
from test_cli import check_harmless, check_refused, corpus, environment, indexed, parsed

from rag import Answer, QuestionLog, Verdict
from ui.markdown import answer_markdown, exchange_markdown
from ui.terminal import Conversation

__all__ = ["corpus", "indexed"]

ASKED = "Worms are what badgers like?"
Chat = Callable[..., Done]


@pytest.fixture
def chat(run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch) -> Chat:
    """Has a conversation by a pipe: `chat(lines, options)`."""
    assert indexed.is_dir()

    def chat_(lines: str, *options: str) -> Done:
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        return run("chat", *options)

    return chat_


def test_a_pipe_is_answered_line_by_line_and_a_follow_up_leans_on_the_line_before(
    chat: Chat,
) -> None:
    done = chat(f"{ASKED}\n\nAnd why?\n/alone\n/new\nAnd why?\n")
    assert (done.status, done.err) == (0, "")
    assert done.out.count("Searched with: Worms, badgers\n") == 1
    answers = done.out.split("\n? ")
    assert answers[0].startswith(f"? {ASKED}\n")
    assert "▶ Worms are what badgers like.\n  [1]\n\n[1] badgers.md › Badgers, line 3" in answers[0]
    assert "Searched with" in answers[1]
    assert len(answers) == 5


def test_json_is_that_of_ask_one_object_a_line(chat: Chat, run: Run) -> None:
    done = chat(f"{ASKED}\n{'why ' * 1000}\n/help\n/in otters.md\n{ASKED}\n/alone\n", "--json")
    first, bad, within, alone = map(json.loads, done.out.splitlines())
    asked = parsed(run("ask", ASKED, "--json"))
    assert {**first, "timings_ms": 0} == {**asked, "timings_ms": 0}
    assert "the limit is 2000" in bad["error"]
    assert list(bad) == ["question", "error"]
    assert [one["document"] for one in within["passages"]] == ["otters.md"]
    assert alone["query"] == ASKED
    assert "Asking otters.md only." in done.err


def test_a_folder_that_holds_no_note_is_refused_and_changes_nothing(chat: Chat) -> None:
    done = chat(f"/in badgers.md\n/in dry\n{ASKED}\n/in\n", "--json")
    assert "No note lies in dry" in done.err
    assert [one["document"] for one in parsed(done)["passages"]] == ["badgers.md"]
    assert done.err.endswith("Asking all notes.\n")


def test_what_is_said_of_an_answer_is_kept_with_its_question(chat: Chat, indexed: Path) -> None:
    done = chat(f"/good\n{ASKED}\n/bad not that\nAnd why?\n/good\n")
    assert done.err == "Nothing was asked yet: type a question first.\n"
    newer, older = QuestionLog(indexed, 90).newest(2)
    assert (older.question, older.verdict, older.reason) == (ASKED, Verdict.DOWN, "not that")
    assert (newer.door, newer.verdict, newer.reason) == ("cli", Verdict.UP, None)


def test_where_nothing_is_kept_nothing_is_noted(
    chat: Chat, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTESQA_LOG_QUESTIONS", "false")
    assert "Questions are not kept here (log_questions)" in chat(f"{ASKED}\n/good\n").err
    assert not (indexed / "questions.sqlite3").exists()


def test_a_conversation_is_saved_and_no_other_file_lost(chat: Chat) -> None:
    Path("mine.md").write_text("Mine.", encoding="utf-8")
    lines = (
        f"/save a.md\n{ASKED}\n/save a.json\n/save mine.md\nAnd why?\n/save a.md\n/save a.json\n"
    )
    done = chat(f"{lines}/save no/such/place.md\n/save\n")
    assert done.err.splitlines() == [
        "Nothing was asked yet: type a question first.",
        "mine.md is there already: name another file.",
        "no/such/place.md cannot be written: No such file or directory.",
        "Name a file, as in /save conversation.md or /save conversation.json.",
    ]
    assert Path("mine.md").read_text("utf-8") == "Mine."
    saved = [Answer.from_dict(one) for one in json.loads(Path("a.json").read_text("utf-8"))]
    assert [one.question for one in saved] == [ASKED, "And why?"]
    assert saved[1].carried
    text = Path("a.md").read_text("utf-8")
    said = [exchange_markdown(one.question, answer_markdown(one)) for one in saved]
    assert text.startswith("# Questions to the notes, 20") and text.endswith("\n".join(said))
    assert f"## {ASKED}\n\n> **Worms are what badgers like.** [1]\n" in text


def test_what_is_saved_of_notes_fetches_and_runs_nothing(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    note = tmp_path / "notes/owls.md"
    note.write_text("Owls ![x](http://a/b) <img src=//c> hunt, a < b.\n", encoding="utf-8")
    library.index()
    text = answer_markdown(library.ask("Owls hunt?"))
    assert "**Owls !\\[x\\](http\\://a/b) \\<img src=//c> hunt, a < b.** [1]" in text


def test_what_a_refusal_suggests_is_asked_by_its_number(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.pipeline.Fit.shipped", lambda: constant_fit(0.9))
    done = chat("Who pays?\n/2\n", "--json")
    refused, asked = map(json.loads, done.out.splitlines())
    assert refused["state"] == "abstained"
    shown = chat("Who pays?\n/9\n")
    assert f"\n  /2  {asked['question']}\n" in shown.out
    assert "\n  [1] " in shown.out
    assert shown.err == "There is no suggestion 9: the last answer suggests 2 questions.\n"


def test_an_unknown_command_is_named_and_quit_ends_it(chat: Chat) -> None:
    done = chat("/fly\n/quit\nnever asked\n")
    assert done.err == "There is no command /fly: /help lists those that there are.\n"
    assert "never asked" not in done.out


def test_no_library_is_said_before_anything_is_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Worms?\n"))
    check_refused(run("chat"), "There is no library in .notesqa: make it with notesqa index")


def test_no_control_sequence_reaches_the_terminal(chat: Chat) -> None:
    for options in ([], ["--json"]):
        done = chat("Worms \x1b[31m\x9b2J?\n/in \x1b[2J\n/\x1b[2J\n/save \x1b[2J/x\n", *options)
        check_harmless(done.out + done.err)


@pytest.mark.skipif(os.name != "posix", reason="the editor is a script with a first line")
def test_a_citation_opens_in_the_editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = owls_in(tmp_path)
    editor, seen = tmp_path / "nano", tmp_path / "seen"
    editor.write_text(
        f"#!{sys.executable}\nimport sys\nopen({str(seen)!r}, 'w').write(' '.join(sys.argv[1:]))",
        encoding="utf-8",
    )
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("VISUAL", str(editor))
    conversation = Conversation(library, QuestionLog.of(library.settings))
    for line in ("Owls hunt?", "/open 7", "/open 1"):
        assert conversation.take(line)
    assert seen.read_text("utf-8") == f"+3 {(tmp_path / 'notes/owls.md').resolve()}"


PTY = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.path.insert(0, sys.argv[1])
from conftest import WordLengths
import rag.pipeline
rag.pipeline.ModelEmbedder = lambda *_: WordLengths("word-lengths-1")
sys.argv = ["notesqa", "--library", sys.argv[2], "chat"]
from ui.cli import main
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="terminals are POSIX's")
@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["Ctrl+C", "Ctrl+D"])
def test_a_terminal_shows_a_prompt_and_is_left_without_a_word(tmp_path: Path, key: bytes) -> None:
    import pty

    library = owls_in(tmp_path)
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", PTY, str(ROOT / "tests"), str(library.folder)],
        cwd=tmp_path,
        env={**environment(), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = read_until(ours, b"? ")
    assert b"1 notes. Ask in your own words" in shown
    os.write(ours, b"Owls?\r")
    assert b"owls.md" in read_until(ours, b"? ", b"Nearest", b"Confidence")
    time.sleep(0.5)
    os.write(ours, key)
    assert child.wait(30) == 0
    os.close(ours)


def read_until(terminal: int, *words: bytes) -> bytes:
    """Returns what a terminal shows until one of the words stands in it, for a minute."""
    shown, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65536)
            if any(word in shown[-4000:] for word in words[1:] or words):
                return shown
    raise AssertionError(shown)


def test_what_a_folder_does_not_answer_is_said_of_that_folder(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.pipeline.Fit.shipped", lambda: constant_fit(0.9))
    done = chat("/in badgers.md\nWho pays?\n/in\n/alone\n")
    said, _, wider = done.out.partition("Asking all notes.")
    assert "Nothing in badgers.md seems to answer this." in said and "To ask all notes: /in" in said
    assert "The notes do not seem to answer this." in wider and "To ask all" not in wider
