from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import WordLengths, constant_fit
from test_cli import environment

from rag import (
    Answer,
    Citation,
    Library,
    LibraryError,
    NotesQAError,
    QuestionLog,
    Settings,
    Span,
    Spot,
    Turn,
    Verdict,
    questions,
)
from rag.questions import FILE
from rag.types import AnswerSentence, Passage
from ui.services import Services

QUOTE = "Owls hunt at night."


def answer(question: str = "When do owls hunt?") -> Answer:
    spans = Span(0, len(QUOTE))
    cited = [
        Citation(number, document, "Owls", (), "line 1", spans, QUOTE)
        for number, document in enumerate(["b.md", "a.md", "b.md"], start=1)
    ]
    said = (AnswerSentence(QUOTE, 1, decides=True),)
    best = Passage(1, 0.9, "a.md", "Owls", (), "line 1", spans, QUOTE)
    return Answer(
        question, "owls hunt", None, 0.87654, said, tuple(cited), (best,), {}, generation=7
    )


def refusal(question: str) -> Answer:
    return Answer(question, question, "Nothing is near.", 0.1, (), (), (), {})


@pytest.fixture
def log(tmp_path: Path) -> Iterator[QuestionLog]:
    kept = QuestionLog(tmp_path, 90)
    yield kept
    kept.close()


def keep(folder: Path, *asked: str, days_ago: float = 0) -> None:
    """Leaves questions behind, as a process that has ended does."""
    kept = QuestionLog(folder, 36_500)
    for question in asked:
        kept.record(refusal(question), "cli")
    kept.close()
    assert kept.dropped == 0
    if days_ago:
        with closing(sqlite3.connect(kept.file)) as db, db:
            db.execute(
                f"UPDATE questions SET asked = asked - {int(days_ago * 86_400_000)}"
                f" WHERE question IN ({','.join('?' * len(asked))})",
                asked,
            )


def words(log: QuestionLog) -> list[str]:
    return [asked.question for asked in log.newest(100)]


def test_a_question_is_read_back_with_what_it_got(log: QuestionLog) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    log.record(answer(), "api", "ada")
    log.close()
    (asked,) = log.newest(10)
    assert before <= asked.asked <= datetime.now(UTC)
    assert asked.to_dict() == {
        "id": asked.id,
        "asked": asked.asked.isoformat(timespec="milliseconds"),
        "door": "api",
        "user": "ada",
        "question": "When do owls hunt?",
        "query": "owls hunt",
        "state": "answered",
        "confidence": 0.8765,
        "documents": ["b.md", "a.md"],
        "nearest": "a.md",
        "cited": [
            {"document": document, "start": 0, "end": len(QUOTE)}
            for document in ("b.md", "a.md", "b.md")
        ],
        "retrieved": [{"document": "a.md", "start": 0, "end": len(QUOTE)}],
        "generation": 7,
        "verdict": None,
        "reason": None,
    }


def test_what_was_cited_of_a_note_is_counted(log: QuestionLog) -> None:
    for _ in range(2):
        log.record(answer(), "api")
    log.close()
    spot = Span(0, len(QUOTE))
    assert log.cited("b.md") == [(Spot("b.md", spot, QUOTE), 4)]
    assert log.cited() == [(Spot("b.md", spot, QUOTE), 4), (Spot("a.md", spot, QUOTE), 2)]
    assert log.cited("c.md") == []
    bad = ("no JSON", "7", "null", '["b.md"', '["b.md", {"b.md": 1}, [], [null], ["b.md", 2, 1]]')
    with closing(sqlite3.connect(log.file)) as db, db:
        for number, cited in enumerate((*bad, b"\x00\xff")):
            db.execute(
                "INSERT INTO questions SELECT ?1, asked, door, user, question, query, state,"
                " confidence, ?2, retrieved, generation, verdict, reason FROM questions LIMIT 1",
                (str(number), cited),
            )
    assert log.cited("b.md") == [(Spot("b.md", spot, QUOTE), 4)]
    assert [count for _, count in log.cited()] == [4, 2]


def test_only_who_asked_says_whether_it_helped(log: QuestionLog) -> None:
    hers = log.record(answer(), "page", "ada")
    assert hers is not None
    assert log.judge(hers, Verdict.DOWN, " It is about bats. ", "ada")  # while it may still wait
    assert not log.judge(hers, Verdict.UP, "", "bob")
    assert not log.judge(hers, Verdict.UP)
    assert not log.judge("0123456789abcdef", Verdict.UP, "", "ada")
    (asked,) = log.newest(1)
    assert (asked.verdict, asked.reason) == (Verdict.DOWN, "It is about bats.")
    assert log.judge(hers, None, "never mind", "ada")
    (asked,) = log.newest(1)
    assert (asked.verdict, asked.reason) == (None, None)


def test_a_log_of_format_1_is_carried_over(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.executescript(
            """
            CREATE TABLE questions (
                id TEXT PRIMARY KEY, asked INTEGER NOT NULL, door TEXT NOT NULL, user TEXT,
                question TEXT NOT NULL, query TEXT NOT NULL, state TEXT NOT NULL,
                confidence REAL NOT NULL, documents TEXT NOT NULL, nearest TEXT,
                generation INTEGER NOT NULL
            );
            CREATE INDEX questions_by_time ON questions (asked);
            INSERT INTO questions VALUES
                ('1', 1000, 'cli', NULL, 'Why?', 'why', 'answered', .5,
                    '["b.md", "a.md"]', 'c.md', 3),
                ('2', 2000, 'cli', 'ada', 'How?', 'how', 'abstained', .1, '[]', NULL, 3);
            PRAGMA user_version = 1;
            """
        )
        db.execute(f"PRAGMA application_id = {questions._APPLICATION_ID}")
    log = QuestionLog(tmp_path, 36_500)
    newer, older = log.newest(5)
    assert (older.documents, older.nearest, older.confidence) == (("b.md", "a.md"), "c.md", 0.5)
    assert older.cited == (Spot("b.md"), Spot("a.md"))
    assert (newer.documents, newer.nearest, newer.user) == ((), None, "ada")
    assert log.judge("2", Verdict.UP, "", "ada")


def test_a_refusal_cites_nothing(log: QuestionLog) -> None:
    log.record(refusal("Why?"), "page")
    log.close()
    (asked,) = log.newest(10)
    assert (asked.state, asked.documents, asked.nearest, asked.user) == (
        "abstained",
        (),
        None,
        None,
    )


def test_the_newest_come_first_and_are_counted(tmp_path: Path, log: QuestionLog) -> None:
    keep(tmp_path, "one", "two", "three")
    assert [asked.question for asked in log.newest(2)] == ["three", "two"]
    assert log.count() == 3
    assert len({asked.id for asked in log.newest(3)}) == 3


def test_all_since_a_moment_are_read_in_the_order_they_came(
    tmp_path: Path, log: QuestionLog
) -> None:
    assert list(log.since()) == []
    keep(tmp_path, "old", days_ago=3)
    keep(tmp_path, "one", "two")
    assert [asked.question for asked in log.since()] == ["old", "one", "two"]
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert [asked.question for asked in log.since(yesterday)] == ["one", "two"]


@pytest.mark.parametrize(
    "damage",
    [
        *("cited = '{'", "cited = '[1]'", "retrieved = '[[\"a.md\", 9, 1]]'", "asked = 'noon'"),
        *("asked = 9e30", "verdict = 'maybe'", "question = x'00'", "confidence = 'high'"),
    ],
)
def test_a_damaged_row_is_passed_over(tmp_path: Path, log: QuestionLog, damage: str) -> None:
    keep(tmp_path, "one", "two")
    with closing(sqlite3.connect(log.file)) as db, db:
        db.execute(f"UPDATE questions SET {damage} WHERE question = 'one'")
    assert words(log) == ["two"]
    assert [asked.question for asked in log.since()] == ["two"]


def test_a_log_that_is_off_makes_no_file(tmp_path: Path) -> None:
    off = QuestionLog.of(Settings(library=str(tmp_path), log_questions=False))
    off.record(answer(), "cli")
    off.start()
    off.close()
    assert (list(tmp_path.iterdir()), off.newest(5), off.count(), off.purge()) == ([], [], 0, 0)


def test_no_question_makes_no_file(tmp_path: Path, log: QuestionLog) -> None:
    log.start()
    log.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_only_its_owner_may_read_the_file(log: QuestionLog) -> None:
    before = os.umask(0)
    try:
        log.record(answer(), "cli")
        log.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(log.file.stat().st_mode) == 0o600


@pytest.mark.parametrize("on", [True, False])
def test_questions_go_after_their_days(tmp_path: Path, on: bool) -> None:
    keep(tmp_path, "old", days_ago=8)
    keep(tmp_path, "younger", days_ago=6)
    log = QuestionLog(tmp_path, 7, on=on)
    log.record(refusal("new"), "cli")
    log.close()
    assert words(log) == [*(["new"] if on else []), "younger"]


def test_days_pass_also_while_the_process_lives(
    tmp_path: Path, log: QuestionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(questions, "PAUSE_SECONDS", 0.01)
    log.start()
    keep(tmp_path, "old", days_ago=91)
    until = time.monotonic() + 20
    while log.count() and time.monotonic() < until:
        time.sleep(0.02)
    assert log.count() == 0


def test_a_purge_leaves_no_word_in_the_file(tmp_path: Path, log: QuestionLog) -> None:
    keep(tmp_path, *(f"zebra {number}" for number in range(200)), days_ago=3)
    keep(tmp_path, "giraffe")
    size = log.file.stat().st_size
    assert log.purge(datetime.now(UTC) - timedelta(days=2)) == 200
    assert words(log) == ["giraffe"]
    found = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert (b"zebra" in found, b"giraffe" in found) == (False, True)
    assert log.file.stat().st_size < size
    assert log.purge() == 1
    assert b"giraffe" not in log.file.read_bytes()


def test_the_oldest_question_is_another_wherever_some_were_deleted(
    tmp_path: Path, log: QuestionLog
) -> None:
    assert log.oldest() is None
    keep(tmp_path, "old", days_ago=3)
    first = log.oldest()
    keep(tmp_path, "newer")
    assert log.oldest() == first == log.newest(2)[1].id
    log.purge(datetime.now(UTC) - timedelta(days=2))
    assert log.oldest() == log.newest(1)[0].id
    log.purge()
    assert log.oldest() is None


def test_what_waits_to_be_written_is_purged_too(
    tmp_path: Path, log: QuestionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "PAUSE_SECONDS", 30)
    log.record(refusal("first"), "page")
    until = time.monotonic() + 20
    while not log.count() and time.monotonic() < until:
        time.sleep(0.02)
    log.record(refusal("waits"), "page")
    assert QuestionLog(tmp_path, 90).purge() == 1
    time.sleep(0.01)
    log.record(refusal("after"), "page")
    log.close()
    assert words(log) == ["after"]


def test_a_purge_up_to_a_day_to_come_stops_no_later_question(
    tmp_path: Path, log: QuestionLog
) -> None:
    keep(tmp_path, "before")
    assert log.purge(datetime.now(UTC) + timedelta(days=9)) == 1
    time.sleep(0.01)
    log.record(refusal("after"), "page")
    log.close()
    assert words(log) == ["after"]


def test_days_that_passed_leave_no_word_in_the_file(tmp_path: Path, log: QuestionLog) -> None:
    keep(tmp_path, *(f"zebra {number}" for number in range(50)), days_ago=91)
    log.start()
    log.close()
    assert log.count() == 0
    assert b"zebra" not in log.file.read_bytes()


def test_processes_write_at_the_same_time(tmp_path: Path, log: QuestionLog) -> None:
    code = """
import sys
from pathlib import Path
from rag import Answer, QuestionLog
log = QuestionLog(Path(sys.argv[1]), 90)
for number in range(50):
    log.record(Answer(f"{number}", "", "No.", 0.1, (), (), (), {}), "cli")
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen(command, env=environment()) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    # They did not close their logs either: what waits is written where a process ends.
    assert log.count() == 150


def test_recording_waits_for_nobody_who_writes(tmp_path: Path, log: QuestionLog) -> None:
    keep(tmp_path, "before")
    with closing(sqlite3.connect(log.file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        for number in range(100):
            log.record(refusal(f"{number}"), "page")
        assert time.monotonic() - begun < 1
    log.close()
    assert log.count() == 101


def test_too_many_that_wait_are_dropped_counted_and_said_once(
    log: QuestionLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    written = threading.Event()
    monkeypatch.setattr(questions, "MOST_WAITING", 3)
    write = log._write

    def slowly(rows: list[questions.Row]) -> None:
        written.wait(20)
        write(rows)

    monkeypatch.setattr(log, "_write", slowly)
    for number in range(20):
        log.record(refusal(f"{number}"), "page")
    written.set()
    log.close()
    assert log.count() + log.dropped == 20
    assert log.dropped >= 14  # three wait, and three more at most are being written
    assert len(caplog.records) == 1


@pytest.mark.parametrize("break_", ["no folder", "damaged", "another format", "a folder"])
def test_a_log_that_cannot_be_written_fails_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, break_: str
) -> None:
    log = QuestionLog(tmp_path / "library", 90)
    if break_ != "no folder":
        log.file.parent.mkdir()
    if break_ == "damaged":
        log.file.write_bytes(b"x" * 5000)
    elif break_ == "another format":
        with closing(sqlite3.connect(log.file)) as db:
            db.execute("PRAGMA user_version = 9")
    elif break_ == "a folder":
        log.file.mkdir()
    log.record(refusal("Why?"), "page")
    log.close()
    assert log.dropped == 1
    assert len(caplog.records) == 1
    assert str(log.file) in caplog.text
    if break_ in ("damaged", "another format"):
        for look in (log.count, log.purge, lambda: log.newest(1)):
            with pytest.raises(LibraryError, match=r"questions\.sqlite3 is "):
                look()


def test_a_question_that_is_no_unicode_is_kept(log: QuestionLog) -> None:
    log.record(refusal("W\udce4rum?"), "cli")
    log.close()
    assert words(log) == ["W\\udce4rum?"]


def test_what_the_library_answers_is_kept_and_what_it_refuses_to_read_is_not(
    tmp_path: Path, embedder: WordLengths
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "owls.md").write_text(f"# Owls\n\n{QUOTE}\n", encoding="utf-8")
    settings = Settings(library=str(tmp_path / "library"), corpus=str(notes))
    library = Library(settings, embedder, constant_fit(0.1))
    library.index()
    log = QuestionLog.of(settings)
    ask = Services.of(library, log).ask
    for _ in range(2):  # the second is answered from memory, and counts
        assert ask("When do owls hunt?", door="api").answer.answered
    with pytest.raises(NotesQAError, match="empty"):
        ask(" ", door="api")
    id_ = ask("And why?", Turn("When do owls hunt?"), door="api").id
    library.search("Owls?")
    log.close()
    assert words(log) == ["And why?", *["When do owls hunt?"] * 2]
    newest = log.newest(1)[0]
    assert newest.query.startswith("And why? ")
    assert newest.id == id_
    assert (newest.documents, newest.nearest, newest.generation) == (("owls.md",), "owls.md", 1)
