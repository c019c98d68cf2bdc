from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import owls_in

from rag import LibraryError, ModelError, Watcher
from ui.jobs import Job, Report
from ui.pages.frame import Visitor
from ui.pages.welcome import State, folders_html, state_of, welcome_html
from ui.services import Services

JOB = Job("1", "index", "notes", None, datetime.now(UTC), stage="reading", done=40, total=200)
INSTRUCTOR = Visitor(looks=True)


def test_notes_that_can_be_asked_come_with_questions_to_begin_with() -> None:
    said = welcome_html(State(1, ["What are <owls>?"]))
    assert "quotes from 1 note, each" in said
    assert '<button type="button" class="nq-example">What are &lt;owls&gt;?</button>' in said
    assert "indexed" not in said
    assert State(1).settled and not State(1, busy=True).settled and not State(0).settled


def test_where_there_are_no_notes_it_is_said_what_to_do() -> None:
    told = State(0, told="Put files into /home/ann/<notes>.")
    said = welcome_html(told, INSTRUCTOR)
    assert 'href="/library"' in said and "/home/ann/&lt;notes&gt;" in said
    student = welcome_html(told)
    assert "/home" not in student
    assert "your instructor" in student and "href" not in student


def test_while_notes_are_indexed_it_is_said_how_far_that_is() -> None:
    said = welcome_html(State(0, busy=True, job=JOB))
    assert 'value="40" max="200"></progress> reading: 20%' in said
    assert "Then they can be asked." in said
    said = welcome_html(State(3, ["Why?"], busy=True))
    assert '<progress aria-label="Indexing"></progress>' in said
    assert "nq-example" in said and "What is indexed already can be asked." in said


def test_the_state_is_that_of_the_library_and_of_what_indexes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = owls_in(tmp_path)
    monkeypatch.setattr(library, "examples", lambda n: ["Why owls?"] * n, raising=False)
    watcher = Watcher(library, print, print)
    services = Services.of(library, watcher=watcher)
    assert state_of(services) == State(1, ["Why owls?"] * 4)
    watcher.busy = True
    assert state_of(services).busy

    def work(report: Report) -> dict[str, str]:
        report("reading", 1, 2)
        seen.append(state_of(services))
        return {}

    seen: list[State] = []
    services.jobs.wait(services.jobs.add("index", work).id, 10)
    (state,) = seen
    assert state.job is not None and (state.job.done, state.job.total) == (1, 2)

    def gone() -> None:
        raise LibraryError("There is no library.")

    monkeypatch.setattr(library, "summary", gone)
    assert replace(state_of(services), busy=False) == State(0)


def test_a_page_loads_no_model_and_waits_for_no_other_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = owls_in(tmp_path)
    services = Services.of(library)
    looked, go_on = threading.Event(), threading.Event()

    def slow(n: int) -> list[str]:
        looked.set()
        go_on.wait(20)
        raise ModelError("It cannot be loaded.")

    monkeypatch.setattr(library, "examples", slow)
    services.readiness.warm(lambda: go_on.wait(20) and None)
    assert state_of(services) == State(1, None) and not looked.is_set()
    assert not State(1, None).settled
    go_on.set()
    assert services.readiness.is_warm(20)
    go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(state_of, services)
        assert looked.wait(20)
        assert state_of(services) == State(1, None)
        go_on.set()
        assert first.result(20) == State(1, None)


def test_folders_are_chosen_by_a_control_of_the_browser() -> None:
    assert folders_html([]) == ""
    said = folders_html(["a", 'a/"b"<'])
    assert said.count("<option") == 3
    assert '<option value="a/&quot;b&quot;&lt;">a/&quot;b&quot;&lt;</option>' in said
    assert 'for="nq-within"' in said and 'id="nq-within"' in said
