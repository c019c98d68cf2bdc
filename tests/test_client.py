"""The Python client against the real server."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import WordLengths, constant_fit, owls_in, quick, served
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from rag import Answer, Library, LibraryError, PlaceKind, QuestionLog, Span, Verdict
from ui import notesqa
from ui.app import build_app
from ui.auth import Role, Users
from ui.services import Services

QUESTION = "When do owls hunt?"

ODD = "unités/a#b?c%20&\u00fc.md"
"""A path of characters that mean something in an address."""

LINES = "# Lines\n\nIt breaks\u2028in the middle\u0085and goes on, three lines for some.\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("client")
    library = owls_in(folder)
    (folder / "notes/unités").mkdir()
    (folder / "notes" / ODD).write_text(LINES, encoding="utf-8", newline="")
    library.index()
    return library


@pytest.fixture(scope="module")
def address(library: Library) -> Iterator[str]:
    with served(build_app(Services.of(library))) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def notes(address: str) -> Iterator[notesqa.Notes]:
    with notesqa.connect(address) as notes:
        yield notes


def timeless(answer: Answer) -> dict[str, Any]:
    return answer.to_dict() | {"timings_ms": {}}


def test_it_answers_as_the_library_does(notes: notesqa.Notes, library: Library) -> None:
    reply = notes.ask(QUESTION)
    assert timeless(reply) == timeless(library.ask(QUESTION))
    assert reply.text is not None
    assert reply.citations[0].document == "owls.md"
    leaning = notes.ask("And why?", after=reply)
    assert leaning.query == library.ask("And why?", notesqa.Turn(reply.query, "Owls")).query
    assert notes.ask("And why?", after=notesqa.Turn("owls")).query == "And why? owls"
    elsewhere = notes.ask(QUESTION, within="unités")
    assert {passage.document for passage in elsewhere.passages} == {ODD}


def test_passages_come_before_the_answer(
    notes: notesqa.Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, decide = threading.Event(), Library._decide

    def wait(library: Library, *given: Any) -> Answer:
        assert gate.wait(30)
        return decide(library, *given)

    monkeypatch.setattr(Library, "_decide", wait)
    told = notes.ask_events("Which lines break?", within=ODD)
    passages = next(told)
    assert isinstance(passages, tuple)
    assert "breaks\u2028in the middle\u0085and" in passages[0].text
    gate.set()
    (reply,) = told
    assert isinstance(reply, notesqa.Reply)
    assert reply.passages == passages
    assert timeless(reply) == timeless(notes.ask("Which lines break?", within=ODD))


def test_what_fails_after_the_passages_is_raised(
    notes: notesqa.Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LibraryError("The disk is full: empty it.")

    monkeypatch.setattr(Library, "_decide", fail)
    told = notes.ask_events("Why is the sky so high above owls?")
    next(told)
    with pytest.raises(notesqa.ProblemError, match="^The disk is full: empty it.$"):
        next(told)


def test_it_searches(notes: notesqa.Notes, library: Library) -> None:
    def said(found: tuple[notesqa.Passage, ...]) -> list[dict[str, Any]]:
        return [passage.to_dict() for passage in found]

    assert said(notes.search("owls")) == said(library.search("owls"))
    assert len(notes.search("owls", k=1)) == 1
    assert {passage.document for passage in notes.search("owls", within="unités")} == {ODD}


def test_what_is_cited_is_read_in_its_place(notes: notesqa.Notes) -> None:
    owls = notesqa.Document("owls.md", "Owls", "", PlaceKind.LINE)
    assert notes.documents() == (
        owls,
        notesqa.Document(ODD, "Lines", "unités", PlaceKind.LINE),
    )
    assert notes.documents(within="owls.md") == (owls,)
    cited = notes.ask(QUESTION).citations[0]
    part = notes.document(cited.document, cited.span)
    assert (part.text, part.location, part.span) == (cited.quote, cited.location, cited.span)
    whole = notes.document(ODD)
    assert (whole.path, whole.text, whole.span) == (ODD, LINES, Span(0, len(LINES)))
    assert whole.characters == len(LINES)


def test_status_is_that_of_the_command_line(notes: notesqa.Notes, library: Library) -> None:
    status = notes.status()
    assert status | {"bytes": None} == library.status() | {"bytes": None}


def test_feedback_is_kept_with_the_question(notes: notesqa.Notes, library: Library) -> None:
    first, second = notes.ask(QUESTION), list(notes.ask_events(QUESTION))[-1]
    assert isinstance(second, notesqa.Reply)
    notes.feedback(first, "down", "It says nothing of mice.")
    assert second.id is not None
    notes.feedback(second.id, "up")
    said = {asked.id: asked for asked in QuestionLog.of(library.settings).newest(2)}
    assert first.id is not None
    assert said[first.id].reason == "It says nothing of mice."
    assert said[second.id].verdict is Verdict.UP
    notes.feedback(first, None)
    with pytest.raises(notesqa.ProblemError) as raised:
        notes.feedback("0123456789abcdef", "up")
    assert raised.value.status == 404
    with pytest.raises(ValueError, match="keeps no questions"):
        notes.feedback(replace(first, id=None), "up")


@pytest.mark.parametrize(
    ("ask", "status", "said"),
    [
        (lambda notes: notes.ask(" "), 400, "empty"),
        (lambda notes: list(notes.ask_events(" ")), 400, "empty"),
        (lambda notes: notes.search(""), 400, "empty"),
        (lambda notes: notes.search("owls", k=101), 422, "k: less_than_equal"),
        (lambda notes: notes.ask(QUESTION, within="mice"), 400, "No note lies in mice"),
        (lambda notes: notes.document("mice.md"), 404, "no such document"),
        (
            lambda notes: notes.document("owls.md", Span(0, 10**6)),
            422,
            "start and end have to lie within",
        ),
        (lambda notes: notes.feedback("x", "great"), 422, "verdict"),
    ],
)
def test_what_the_server_says_is_wrong_is_raised(
    notes: notesqa.Notes, ask: Any, status: int, said: str
) -> None:
    with pytest.raises(notesqa.ProblemError, match=said) as raised:
        ask(notes)
    assert raised.value.status == status
    assert isinstance(raised.value, notesqa.NotesQAError)


def test_a_token_says_who_asks(tmp_path: Path) -> None:
    library = owls_in(tmp_path, asks_per_minute=1)
    users = quick(Users.beside(library.folder))
    users.add("bob", Role.STUDENT, "correct horse battery")
    token = users.new_token("bob")
    with served(build_app(Services.of(library))) as port:
        address = f"http://127.0.0.1:{port}"
        with pytest.raises(notesqa.ProblemError, match="notesqa users token") as raised:
            notesqa.connect(address).ask(QUESTION)
        assert raised.value.status == 401
        with notesqa.connect(address, token) as notes:
            assert notes.ask(QUESTION).answered
            with pytest.raises(notesqa.ProblemError) as raised:
                notes.ask(QUESTION)
            assert (raised.value.status, raised.value.wait) == (429, 60)
            with pytest.raises(notesqa.ProblemError) as raised:
                notes.status()
            assert (raised.value.status, raised.value.wait) == (403, None)


def test_a_server_that_is_not_there_is_told_in_a_line() -> None:
    notes = notesqa.connect("http://127.0.0.1:1/")
    for ask in (lambda: notes.ask(QUESTION), lambda: list(notes.ask_events(QUESTION))):
        with pytest.raises(notesqa.UnreachableError) as raised:
            ask()
        assert re.fullmatch(
            r"Nothing can be asked at http://127.0.0.1:1 \(.*\): start it there with notesqa "
            "serve, or give connect another address.",
            str(raised.value),
        )
    for bad in ("owls", "ftp://127.0.0.1", "http://", "http://[::1"):
        with pytest.raises(notesqa.UnreachableError, match="is no address"):
            notesqa.connect(bad)


def test_another_server_is_told_from_ours() -> None:
    other = FastAPI()
    other.get("/api/v1/documents")(lambda: "owls")
    other.get("/api/v1/search")(lambda: HTMLResponse("owls"))
    with served(other) as port:
        notes = notesqa.connect(f"http://127.0.0.1:{port}")
        for ask in (
            lambda: notes.ask(QUESTION),
            lambda: list(notes.ask_events(QUESTION)),
            lambda: notes.search(QUESTION),
            notes.documents,
        ):
            with pytest.raises(notesqa.UnreachableError, match="not as notesqa does"):
                ask()


def test_a_server_that_is_silent_is_not_waited_for_longer_than_asked(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(Library, "ask", lambda *_, **__: gate.wait(30))
    with (
        notesqa.connect(address, timeout=0.3) as notes,
        pytest.raises(notesqa.UnreachableError, match="does not answer in time"),
    ):
        notes.ask(QUESTION)
    gate.set()


def test_proxies_of_the_environment_hear_nothing(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert notesqa.connect(address).ask(QUESTION).answered


def test_an_abstention_is_no_error(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    refusing = Library(library.settings, WordLengths(), constant_fit(0.9))
    with served(build_app(Services.of(refusing))) as port:
        reply = notesqa.connect(f"http://127.0.0.1:{port}").ask(QUESTION)
    assert (reply.answered, reply.text, reply.citations) == (False, None, ())
    assert reply.passages[0].document == "owls.md"


def test_a_file_is_put_among_the_notes(tmp_path: Path) -> None:
    library = owls_in(tmp_path, uploads=True)
    (tmp_path / "notes/été").mkdir()
    file = tmp_path / "mice & é.md"
    file.write_text("# Mice\n\nMice hide by day.\n", encoding="utf-8")
    with served(build_app(Services.of(library))) as port:
        notes = notesqa.connect(f"http://127.0.0.1:{port}")
        taken = notes.upload(file, "été")
        assert taken.document == "été/mice & é.md"
        assert notes.wait(taken.job, 60).state == "done"
        assert notes.document(taken.document).text == file.read_text(encoding="utf-8")
        with pytest.raises(notesqa.ProblemError) as raised:
            notes.upload(file, "été")
        assert raised.value.status == 409


def test_a_job_is_waited_for(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    with served(build_app(Services.of(library))) as port:
        notes = notesqa.connect(f"http://127.0.0.1:{port}")
        (tmp_path / "notes/mice.md").write_text("# Mice\n\nMice hide by day.\n", encoding="utf-8")
        job = notes.wait(notes.index(), 60)
        assert (job.kind, job.state, job.error) == ("index", "done", None)
        assert job.result is not None
        assert job.result["indexed"] == 1
        assert notes.job(job.id) == job
        assert [document.path for document in notes.documents()] == ["mice.md", "owls.md"]
        assert notes.runs() == []
        for ask in (lambda: notes.start_run("no such set"), lambda: notes.job("a/b")):
            with pytest.raises(notesqa.ProblemError) as raised:
                ask()
            assert raised.value.status == 404
