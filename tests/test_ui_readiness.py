from __future__ import annotations

import shutil
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import WordLengths, constant_fit, owls_in, quick
from fastapi.testclient import TestClient

from rag import Library, Settings, Watcher
from rag.store import Store
from ui.api import build_api
from ui.app import build_app
from ui.auth import Role, Users
from ui.greeting import addresses, tell_addresses, tell_state
from ui.indexing import Indexer
from ui.jobs import Jobs
from ui.readiness import Phase
from ui.services import Services

HERE = "http://127.0.0.1:7860"
PATIENCE = 20.0


def services_in(folder: Path) -> Services:
    """Returns the services of a library that is not there yet."""
    settings = Settings(library=str(folder / "lib"), corpus=str(folder / "notes"))
    return Services.of(Library(settings, WordLengths(), constant_fit(0.1)))


def client_of(app: Any) -> TestClient:
    return TestClient(app, base_url=HERE)


def test_without_notes_every_page_is_there_and_asking_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    services = services_in(tmp_path)
    client = client_of(build_app(services))
    health = client.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (503, "no notes")
    assert health.headers["content-type"] == "application/health+json"
    asked = client.post("/api/v1/ask", json={"question": "When?"})
    assert asked.status_code == 503
    assert asked.headers["content-type"] == "application/problem+json"
    assert asked.json()["detail"].startswith("There are no notes yet: put files into the folder")
    assert "There are no notes yet: put files into" in client.get("/library").text
    assert client.get("/").status_code == 200
    services.jobs.wait(services.indexer.start().id, PATIENCE)
    library = client.get("/library").text
    assert "There are no notes yet: put files into" in library and "failed" not in library
    listed = client.get("/notes")
    assert listed.status_code == 200 and 'aria-label="Pages"' in listed.text
    assert f"put files into the folder {tmp_path}/notes" in listed.text
    status = client.get("/api/v1/status")
    assert status.status_code == 503
    assert status.json()["detail"].startswith("There are no notes yet: put files into")
    (tmp_path / "notes/owls.md").write_text("Owls hunt at night.", encoding="utf-8")
    assert "are not indexed yet: press “Index now”" in services.state().told


def test_what_is_said_of_an_empty_folder_fits_whether_it_is_followed(tmp_path: Path) -> None:
    settings = Settings(library=str(tmp_path / "lib"), corpus=str(tmp_path / "notes"))
    library = Library(settings, WordLengths(), constant_fit(0.1))
    watcher = Watcher(library, print, print)
    services = Services.of(library, watcher=watcher, indexer=Indexer(library, Jobs()))
    assert f"There is no folder {tmp_path}/notes: name that of your notes" in services.state().told
    (tmp_path / "notes").mkdir()
    told = services.state().told
    assert told.endswith("/notes. They are read as soon as they are there.")
    assert "Index now" not in told


def test_a_server_tells_its_addresses_and_what_it_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services = services_in(tmp_path)
    assert tell_state(services, threading.Event())(PATIENCE)
    assert f"notesqa: There is no folder {tmp_path}/notes" in capsys.readouterr().err
    owls_in(tmp_path)
    assert tell_state(services, threading.Event())(PATIENCE)
    assert capsys.readouterr().err == "Ready: 1 note can be asked.\n"
    here = addresses(socket.AF_INET, "127.0.0.1", 7860, frozenset())
    tell_addresses("The chat page", here, "")
    told = capsys.readouterr().out
    assert told == "The chat page: http://127.0.0.1:7860 (Ctrl+C ends it)\n"
    every = addresses(socket.AF_INET, "0.0.0.0", 80, {"notes.example"})
    assert every[0] == "http://127.0.0.1:80" and every[-1] == "http://notes.example:80"
    assert addresses(socket.AF_INET6, "::1", 80, []) == ["http://[::1]:80"]


def test_the_first_index_turns_the_server_ready_by_itself(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/owls.md").write_text("Owls hunt at night.", encoding="utf-8")
    services = services_in(tmp_path)
    client = client_of(build_api(services))
    with services.indexer.turn():  # the job waits for it
        assert client.post("/api/v1/index").status_code == 202
        health = client.get("/healthz")
        assert (health.status_code, health.json()["status"]) == (503, "indexing")
        assert health.json()["share"] == 0
        asked = client.post("/api/v1/ask", json={"question": "When?"})
        assert asked.json()["detail"] == (
            "The notes are being indexed, 0% done: ask again in a moment."
        )
        assert "<progress" in client.get("/library").text
    ended = services.jobs.wait(services.jobs.all()[0].id, PATIENCE)
    assert ended is not None and ended.ended
    assert client.get("/healthz").json() == {"status": "ready", "generation": 1}
    assert client.post("/api/v1/ask", json={"question": "When?"}).status_code == 200


def test_a_library_whose_indexes_are_not_there_yet_is_not_ready(tmp_path: Path) -> None:
    owls_in(tmp_path)
    for part in (tmp_path / "lib").iterdir():
        if part.is_dir():
            shutil.rmtree(part)
    services = services_in(tmp_path)
    store = Store(tmp_path / "lib", write=True)
    with services.indexer.turn() as report, store.lock(5):  # as between commit and indexes
        report("Indexing", 9, 10)
        assert services.state().phase is Phase.INDEXING
    store.close()
    assert services.state().phase is Phase.READY


def test_a_server_that_loads_is_starting(tmp_path: Path) -> None:
    owls_in(tmp_path)
    services = services_in(tmp_path)
    client = client_of(build_api(services))
    go = threading.Event()
    services.readiness.warm(go.wait)  # type: ignore[arg-type]
    assert client.get("/healthz").json()["status"] == "starting"
    go.set()
    assert services.readiness.is_warm(PATIENCE)
    assert client.get("/healthz").status_code == 200


def test_another_model_than_the_librarys_is_said_to_who_keeps_it(tmp_path: Path) -> None:
    owls_in(tmp_path)
    settings = Settings(library=str(tmp_path / "lib"), corpus=str(tmp_path / "notes"))
    services = Services.of(Library(settings, WordLengths("another")))
    state = services.state()
    assert state.phase is Phase.FAILED
    assert "was made with model" in state.words(True)
    assert "was made with model" not in state.words(False)


def test_a_student_is_told_that_there_are_no_notes_and_not_where_they_would_lie(
    tmp_path: Path,
) -> None:
    services = services_in(tmp_path)
    (tmp_path / "lib").mkdir()
    users = quick(Users.beside(tmp_path / "lib"))
    users.add("bob", Role.STUDENT, "correct horse battery")
    client = client_of(build_api(services))
    client.headers["authorization"] = f"Bearer {users.new_token('bob')}"
    for told in (
        client.post("/api/v1/ask", json={"question": "When?"}).json()["detail"],
        client.get("/api/v1/search?question=When").json()["detail"],
        client.get("/api/v1/documents").json()["detail"],
        client.get("/api/v1/documents/owls.md").json()["detail"],
        client.get("/healthz").json()["detail"],
    ):
        assert told == "There are no notes yet: come again when there are some."


def test_what_is_wrong_with_the_library_is_logged_when_it_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    owls_in(tmp_path)
    services = services_in(tmp_path)
    client = client_of(build_api(services))
    file = tmp_path / "lib/library.sqlite3"
    whole = file.read_bytes()

    def lines() -> int:
        for _ in range(3):
            assert client.get("/healthz").status_code == 503
        said = [record for record in caplog.records if record.name == "ui.readiness"]
        caplog.clear()
        return len(said)

    file.write_bytes(b"no database" * 100)
    assert (lines(), lines()) == (1, 0)
    file.write_bytes(whole)
    assert client.get("/healthz").status_code == 200
    file.write_bytes(b"no database" * 100)
    assert lines() == 1


def test_an_index_that_another_process_is_writing_fails_in_a_plain_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.pipeline.LOCK_SECONDS", 0.1)
    owls_in(tmp_path)
    services = services_in(tmp_path)
    store = Store(tmp_path / "lib", write=True)
    with store.lock(5):
        job = services.jobs.wait(services.indexer.start().id, PATIENCE)
    store.close()
    assert job is not None and job.error is not None
    assert job.error.startswith("Another notesqa (process ")
    page = client_of(build_api(services)).get("/library").text
    assert 'role="alert">Indexing failed: Another notesqa (process ' in page


def test_an_index_that_waits_stands_for_all_who_want_one(tmp_path: Path) -> None:
    owls_in(tmp_path)
    services = services_in(tmp_path)
    with services.indexer.turn():
        jobs = {services.indexer.start().id for _ in range(30)}
        assert len(jobs) <= 2  # the one that has begun may have looked already
    assert services.jobs.wait(services.jobs.all()[0].id, PATIENCE)


def test_jobs_and_watcher_take_turns(tmp_path: Path) -> None:
    owls_in(tmp_path)
    services = services_in(tmp_path)
    job = None
    with services.indexer.turn() as report:  # as a watcher does
        report("Indexing: owls.md", 1, 2)
        job = services.indexer.start()
        waited = services.jobs.wait(job.id, 0.2)
        assert waited is not None and not waited.ended
        at = services.indexer.at
        assert at is not None and (at.stage, at.share) == ("Indexing: owls.md", 0.5)
    ended = services.jobs.wait(job.id, PATIENCE)
    assert ended is not None and ended.result is not None
    assert ended.result["unchanged"] == 1
    assert services.indexer.at is None
