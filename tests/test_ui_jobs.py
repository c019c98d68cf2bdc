from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from rag import LibraryError
from ui.jobs import MOST_KEPT, MOST_WAITING, BusyError, Job, Jobs, Report, State

PATIENCE = 20.0


def ended(jobs: Jobs, job: Job) -> Job:
    found = jobs.wait(job.id, PATIENCE)
    assert found is not None and found.ended
    return found


def nothing(report: Report) -> dict[str, Any]:
    return {}


class Held:
    """Work that goes on until it is let go."""

    def __init__(self) -> None:
        self.begun, self.free = threading.Event(), threading.Event()

    def __call__(self, report: Report) -> dict[str, Any]:
        report("Asking", 1, 4)
        self.begun.set()
        assert self.free.wait(PATIENCE)
        report("Asking", 2, 4)
        return {"n": 4}


def test_jobs_are_done_one_at_a_time_in_the_order_in_which_they_came() -> None:
    jobs, held = Jobs(), Held()
    order: list[int] = []

    def noting(number: int) -> dict[str, Any]:
        order.append(number)
        return {}

    first = jobs.add("evaluation", held, about="a set", by="ann")
    others = [jobs.add("index", lambda _, n=n: noting(n)) for n in range(3)]  # type: ignore[misc]
    assert held.begun.wait(PATIENCE)
    running = jobs.get(first.id)
    assert running is not None
    assert (running.state, running.stage, running.done, running.total) == (
        State.RUNNING,
        "Asking",
        1,
        4,
    )
    assert [job.state for job in map(jobs.get, [o.id for o in others]) if job] == [
        State.WAITING
    ] * 3
    assert jobs.current("index") == jobs.get(others[0].id)
    assert jobs.last("evaluation", "index") is None
    held.free.set()
    done = ended(jobs, first)
    assert (done.to_dict()["result"], done.to_dict()["about"]) == ({"n": 4}, "a set")
    assert done.by == "ann"
    ended(jobs, others[-1])
    assert order == [0, 1, 2]
    assert [job.id for job in jobs.all()] == [job.id for job in reversed([first, *others])]
    assert jobs.current("index") is None
    last = jobs.last("index")
    assert last is not None and last.id == others[-1].id


def test_a_failure_is_a_plain_line_and_never_what_was_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def locked(report: Report) -> dict[str, Any]:
        raise LibraryError("Another notesqa\n  is indexing.")

    def broken(report: Report) -> dict[str, Any]:
        raise ValueError("What is my diagnosis?")

    jobs = Jobs()
    assert ended(jobs, jobs.add("index", locked)).error == "Another notesqa is indexing."
    with caplog.at_level(logging.ERROR):
        job = ended(jobs, jobs.add("index", broken))
    assert (job.state, job.error) == (
        State.FAILED,
        "Something went wrong here; the server's log says where.",
    )
    assert "ValueError in broken" in caplog.text
    assert "diagnosis" not in caplog.text
    assert ended(jobs, jobs.add("index", nothing)).state is State.DONE  # the thread goes on


def test_what_waits_and_what_is_remembered_is_bounded() -> None:
    jobs, held = Jobs(), Held()
    first = jobs.add("index", held)
    assert held.begun.wait(PATIENCE)
    for _ in range(MOST_WAITING):
        last = jobs.add("index", nothing)
    with pytest.raises(BusyError, match=f"{MOST_WAITING} jobs wait already"):
        jobs.add("index", nothing)
    held.free.set()
    ended(jobs, last)
    for _ in range(MOST_KEPT + 5):
        last = ended(jobs, jobs.add("index", nothing))
    assert len(jobs.all()) == MOST_KEPT
    assert jobs.get(first.id) is None
    assert jobs.get(last.id) == last


def test_waiting_ends_with_the_time_or_the_job() -> None:
    jobs, held = Jobs(), Held()
    job = jobs.add("index", held)
    waited = jobs.wait(job.id, 0.05)
    assert waited is not None and not waited.ended
    assert jobs.wait("none", PATIENCE) is None
    held.free.set()
    assert ended(jobs, job).state is State.DONE


def test_closing_ends_work_at_its_next_report_and_begins_no_other() -> None:
    jobs, held = Jobs(), Held()
    job, next_ = jobs.add("index", held), jobs.add("index", nothing)
    assert held.begun.wait(PATIENCE)
    assert not jobs.close(0.05)
    held.free.set()
    assert jobs.close(PATIENCE)
    for one in (job, next_):
        assert ended(jobs, one).error == "The server ends: start it again when it is back."
