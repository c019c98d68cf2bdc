"""The Python client: a server's address comes in, its notes come out, to be asked from a program.

    notes = notesqa.connect("http://127.0.0.1:7860")
    answer = notes.ask("When do owls hunt?")
    print(answer.text, answer.citations[0].location)

It speaks the HTTP API under /api/v1 and returns the records of the library. Importing it loads
neither the library nor a model.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from rag import Answer, NotesQAError, Passage, Span, Turn, turn_of
from ui.received import (
    Document,
    Job,
    Reply,
    Source,
    Uploaded,
    document_of,
    job_of,
    reply_of,
    source_of,
)

if TYPE_CHECKING:
    import httpx

ADDRESS = "http://127.0.0.1:7860"

SECONDS = 60.0
"""How long an answer is waited for."""

Read = TypeVar("Read")

POLL_SECONDS = 0.2
"""Between two looks at a job that is waited for."""

_QUESTION = "Notesqa-Question"

_SIGN_IN = "give connect the token that notesqa users token NAME prints."


class ProblemError(NotesQAError):
    """The server says that something is wrong.

    Attributes:
        status: of HTTP.
        detail: what the server says.
        wait: seconds after which it may go; None where waiting does not help.
    """

    def __init__(self, status: int, detail: str, wait: int | None = None) -> None:
        self.status = status
        self.detail = detail
        self.wait = wait
        more = f" To sign in, {_SIGN_IN}" if status == 401 else ""
        super().__init__(f"{detail}{more}")


class UnreachableError(NotesQAError):
    """There is no notesqa at the address, or it does not answer in time."""


def connect(address: str = ADDRESS, token: str | None = None, timeout: float = SECONDS) -> Notes:
    """Returns the notes that a server answers from; nothing is sent yet.

    Args:
        address: as `notesqa serve` tells it.
        token: what `notesqa users token NAME` printed, where one has to sign in.
        timeout: seconds that the server may be silent.

    Raises:
        UnreachableError: it is no address.
    """
    return Notes(address, token, timeout)


class Notes:
    """The notes of one server. May be used from several threads, and in a `with` statement.

    Every method raises ProblemError where the server says that something is wrong, and
    UnreachableError where there is none.
    """

    def __init__(self, address: str, token: str | None, timeout: float) -> None:
        """See `connect`."""
        import httpx

        self.address = address.rstrip("/")
        try:
            # Proxies of the environment are not asked: questions go to the server alone.
            self._http = httpx.Client(
                base_url=self.address,
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=timeout,
                trust_env=False,
            )
            known = self._http.base_url.scheme in {"http", "https"} and self._http.base_url.host
        except httpx.InvalidURL:
            known = ""
        if not known:
            raise UnreachableError(f"{address!r} is no address: give one such as {ADDRESS}.")

    def ask(self, question: str, after: Answer | Turn | None = None, within: str = "") -> Reply:
        """Returns the quotes that answer, or an abstention with the nearest passages.

        Args:
            after: the turn before, which the question may lean on.
            within: the folder, or document, that is asked; empty for all of the notes.
        """
        return self._sent(
            *("POST", "/api/v1/ask"),
            lambda said: reply_of(said.json(), said.headers.get(_QUESTION)),
            json=_asked(question, after, within),
        )

    def ask_events(
        self, question: str, after: Answer | Turn | None = None, within: str = ""
    ) -> Iterator[tuple[Passage, ...] | Reply]:
        """Yields the passages as soon as they are found, then the reply.

        Args:
            after, within: as for `ask`.
        """
        asked = _asked(question, after, within)
        with (
            self._reached(),
            self._http.stream("POST", "/api/v1/ask/events", json=asked) as response,
        ):
            if response.is_error:
                response.read()
            _check(response)
            for name, data, id_ in _events(response.iter_lines()):
                said = json.loads(data)
                if name == "passages":
                    yield tuple(map(Passage.from_dict, said))
                elif name == "answer":
                    yield reply_of(said, id_)
                elif name == "problem":
                    raise ProblemError(said["status"], said["detail"])

    def search(self, question: str, k: int | None = None, within: str = "") -> tuple[Passage, ...]:
        """Returns the `k` passages nearest to a question.

        Args:
            k: by default as many as an answer has.
            within: as for `ask`.
        """
        asked = {"question": question, "within": within} | ({} if k is None else {"k": str(k)})
        return self._sent(
            *("GET", "/api/v1/search"),
            lambda said: tuple(map(Passage.from_dict, said.json()["passages"])),
            params=asked,
        )

    def documents(self, within: str = "") -> tuple[Document, ...]:
        """Returns the documents that can be asked, by path.

        Args:
            within: the folder; empty for all of the notes.
        """
        return self._sent(
            *("GET", "/api/v1/documents"),
            lambda said: tuple(map(document_of, said.json()["documents"])),
            params={"within": within},
        )

    def document(self, path: str, span: Span | None = None) -> Source:
        """Returns the text of a document, or of a part of it, and the name of its place.

        Args:
            span: as citations and passages have it.
        """
        part = {"start": span.start, "end": span.end} if span else {}
        return self._sent(
            *("GET", f"/api/v1/documents/{quote(path)}"),
            lambda said: source_of(said.json()),
            params=part,
        )

    def status(self) -> dict[str, Any]:
        """Returns what is indexed and what was skipped: the object of `notesqa status --json`."""
        return self._sent("GET", "/api/v1/status", lambda said: dict(said.json()))

    def feedback(self, reply: Reply | str, verdict: str | None, reason: str = "") -> None:
        """Says whether an answer helped.

        Args:
            reply: the answer, or its id.
            verdict: `up` or `down`; None takes back what was said.
            reason: why, in the reader's words.

        Raises:
            ValueError: the answer has no id, because the server keeps no questions.
        """
        id_ = reply.id if isinstance(reply, Reply) else reply
        if id_ is None:
            raise ValueError("the answer has no id: the server keeps no questions")
        said = {"question": id_, "verdict": verdict, "reason": reason}
        self._sent("POST", "/api/v1/feedback", lambda _: None, json=said)

    def index(self) -> Job:
        """Returns the job that brings the library into agreement with its folder of notes."""
        return self._sent("POST", "/api/v1/index", lambda said: job_of(said.json()))

    def upload(self, file: Path, folder: str = "") -> Uploaded:
        """Puts a file among the notes; nothing that is there is replaced.

        Args:
            folder: of the notes, to put it into; empty for their own.

        Raises:
            OSError: the file cannot be read.
        """
        content = {"file": (file.name, file.read_bytes())}
        return self._sent(
            *("POST", "/api/v1/upload"),
            lambda said: Uploaded(said.json()["document"], job_of(said.json()["job"])),
            files=content,
            data={"folder": folder},
        )

    def start_run(self, questions: str, split: str | None = None) -> Job:
        """Returns the job that asks a question set, whose run is scored then.

        Args:
            questions: the name of a question set of the server.
            split: a split of it; by default all of it.
        """
        asked = {"questions": questions, "split": split}
        return self._sent("POST", "/api/v1/runs", lambda said: job_of(said.json()), json=asked)

    def runs(self) -> list[dict[str, Any]]:
        """Returns the runs that the server has, as GET /api/v1/runs lists them."""
        return self._sent("GET", "/api/v1/runs", lambda said: list(said.json()["runs"]))

    def job(self, id_: str) -> Job:
        """Returns a job as it is now."""
        path = f"/api/v1/jobs/{quote(id_, safe='')}"
        return self._sent("GET", path, lambda said: job_of(said.json()))

    def wait(self, job: Job, seconds: float = math.inf) -> Job:
        """Returns a job once it has ended, or as it is after so many seconds."""
        end = time.monotonic() + seconds
        while not job.ended and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
            job = self.job(job.id)
        return job

    def close(self) -> None:
        """Ends the connection."""
        self._http.close()

    def __enter__(self) -> Notes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _sent(
        self, method: str, path: str, read: Callable[[httpx.Response], Read], **content: Any
    ) -> Read:
        """Sends a request, and returns what is read in its response."""
        with self._reached():
            response = self._http.request(method, path, **content)
            _check(response)
            return read(response)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Turns what goes wrong on the way into a line that says what to do."""
        import httpx

        try:
            yield
        except httpx.TimeoutException as error:
            raise UnreachableError(
                f"{self.address} does not answer in time: see whether the server is busy, or give "
                "connect a longer timeout."
            ) from error
        except httpx.TransportError as error:
            raise UnreachableError(
                f"Nothing can be asked at {self.address} ({error}): start it there with "
                "notesqa serve, or give connect another address."
            ) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnreachableError(
                f"{self.address} answers, and not as notesqa does: give connect the address that "
                "notesqa serve tells."
            ) from error


def _check(response: httpx.Response) -> None:
    """Raises what a response says is wrong; ValueError where it is none of notesqa's."""
    if response.headers.get("content-type") == "application/problem+json":
        said = response.json()
        wait = response.headers.get("retry-after", "")
        raise ProblemError(said["status"], said["detail"], int(wait) if wait.isdecimal() else None)
    if not response.is_success:
        raise ValueError(f"status {response.status_code}")


def _asked(question: str, after: Answer | Turn | None, within: str) -> dict[str, Any]:
    turn = turn_of(after) if isinstance(after, Answer) else after
    before = turn and {"query": turn.query, "title": turn.title}
    return {"question": question, "after": before, "within": within}


def _events(lines: Iterator[str]) -> Iterator[tuple[str, str, str | None]]:
    """Yields the name, the data and the id of each server-sent event."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif not line:
            if "data" in fields:
                yield fields.get("event", ""), fields["data"], fields.get("id")
            fields = {}
