"""notesqa served: one client and then many, while the notes are edited and indexed anew.

`notesqa serve` answers on a free port of loopback; the clients are one process of asyncio that
speaks HTTP/1.1 over connections kept open, and shares the processors with the server. While many
ask, every note is edited and `notesqa index` run in a process of its own, twice. Bodies are kept,
and read when all is over: each answer must belong whole to one state of the notes, which is to say
that all its quotes and passages stand at their places in the texts of one of them. An edit shifts
every place in every note, so that an answer from two states is seen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.bench import results
from eval.bench.edit import COMMAND
from eval.bench.measuring import ROOT, BenchmarkError, figure, percentile, run
from eval.dataset import load_questions
from rag import Settings, Span, read_notes

HOST = "127.0.0.1"
QUESTIONS = ROOT / "eval/questions/transfer-learning.jsonl"
EDITS = 2
WARMING_SECONDS = 5
SEED = 11
READY_SECONDS = 120
ANSWER_SECONDS = 60

Texts = Mapping[str, str]
"""The notes of one state, by path."""


@dataclass(slots=True)
class Load:
    """What clients saw; times in ms.

    Attributes:
        bodies: of the answers, as they came.
        seconds: from the first question to the last answer.
        processor: seconds of processor time that the clients took.
    """

    times: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0
    processor: float = 0.0

    @property
    def rate(self) -> float:
        """Returns questions answered a second."""
        return len(self.times) / self.seconds


class Asked:
    """Questions without end: those of the set in random order, each text made distinct.

    A share of them repeats, to the letter, one that was asked before.
    """

    def __init__(self, questions: Sequence[str], repeats: float, seed: int = SEED) -> None:
        self._questions, self._repeats = questions, repeats
        self._rng = random.Random(seed)
        self._asked: list[str] = []

    def next(self) -> str:
        """Returns the next question."""
        if self._asked and self._rng.random() < self._repeats:
            return self._rng.choice(self._asked)
        question = f"{self._rng.choice(self._questions)} ({len(self._asked) + 1})"
        self._asked.append(question)
        return question


def main() -> None:
    """Measures one client and many, and writes the part of the results."""
    parser = results.options(__doc__, "http")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60, help="of many clients")
    parser.add_argument("--alone", type=float, default=15, help="seconds of one client")
    parser.add_argument("--repeats", type=float, default=0.0, help="share of repeated questions")
    parser.add_argument("--corpus", type=Path, default=ROOT / "corpus")
    results.attempt(_measure, parser)


def _measure(given: argparse.Namespace) -> None:
    results.around(given.out, "http")
    work = given.work.resolve()
    shutil.rmtree(work, ignore_errors=True)
    notes = work / "notes"
    shutil.copytree(given.corpus, notes)
    command = [*COMMAND, "--library", str(work / "library"), "--corpus", str(notes)]
    run([*command, "index"])
    results.say("The notes are indexed.")
    questions = [q.question for q in load_questions(QUESTIONS) if q.after is None]
    asked = Asked(questions, given.repeats)
    states = [texts_of(notes)]
    with _serving(command) as port:
        asyncio.run(load(port, 1, WARMING_SECONDS, asked))  # the model and the indexes load
        one = asyncio.run(load(port, 1, given.alone, asked))
        results.say(f"1 client: {one.rate:.1f} questions/s")
        many = asyncio.run(
            _load_while_edited(port, given.clients, given.seconds, asked, command, notes, states)
        )
        results.say(f"{given.clients} clients: {many.rate:.1f} questions/s")
    bodies = [*one.bodies, *many.bodies]
    answers = [json.loads(body) for body in bodies]
    belong = [state_of(answer, states) for answer in answers]
    count = [belong.count(number) for number in range(len(states))]
    rows = [
        [
            name,
            f"{len(part.times):,}",
            f"{part.seconds:.1f}",
            figure(part.rate),
            figure(percentile(part.times, 0.5)),
            figure(percentile(part.times, 0.99)),
            str(len(part.errors)),
            figure(part.processor / part.seconds),
        ]
        for name, part in (("1 client", one), (f"{given.clients} clients", many))
        if part.times
    ]
    header = [
        *("", "answers", "seconds", "questions/s", "p50, ms", "p99, ms", "errors"),
        "processors taken by the clients",
    ]
    seen = "; ".join(dict.fromkeys(error[:80] for error in [*one.errors, *many.errors]))
    about = (
        f"`POST /api/v1/ask` over loopback, connections kept open, {100 * given.repeats:.0f} % of "
        "the questions repeated and all others distinct. While many asked, all notes were edited "
        f"and `notesqa index` run {EDITS} times beside the server. {results.machine()} "
        f"{results.versions()}."
    )
    said = (
        f"{given.clients} clients got {many.rate / one.rate:.2f} times the questions/s of one. "
        f"{len(answers):,} answers were checked: {belong.count(None)} belong to no single state of "
        f"the notes, {' and '.join(f'{n:,}' for n in count)} to the states before, between and "
        f"after the edits.{f' Errors: {seen}.' if seen else ''}"
    )
    results.put(given.out, "http", f"{about}\n\n{results.table(header, rows)}\n\n{said}")
    shutil.rmtree(work)


# The notes


def texts_of(notes: Path) -> Texts:
    """Returns the texts of all notes as they are now."""
    return read_notes(notes, int(Settings().max_file_mb * 1e6))


def edit(notes: Path, number: int) -> None:
    """Puts a paragraph before the first of every note, which shifts all that follows."""
    words = f"This note was edited for the {number}. time while it was asked about."
    for path in texts_of(notes):
        file = notes / path
        text = file.read_text(encoding="utf-8")
        front = re.match(r"---\n.*?\n---\n", text, re.DOTALL)
        at = front.end() if front else 0
        file.write_text(f"{text[:at]}\n{words}\n\n{text[at:]}", encoding="utf-8")


def state_of(answer: Mapping[str, Any], states: Sequence[Texts]) -> int | None:
    """Returns the first state in which all quotes and passages of an answer stand in place.

    None where there is none: the answer is of two states, or of none.
    """
    places = [(c["document"], Span(c["start"], c["end"]), c["quote"]) for c in answer["citations"]]
    places += [(p["document"], Span(p["start"], p["end"]), p["text"]) for p in answer["passages"]]
    for number, texts in enumerate(states):
        if all(span.of(texts.get(document, "")) == words for document, span, words in places):
            return number
    return None


# The server


@contextmanager
def _serving(command: Sequence[str]) -> Iterator[int]:
    """Yields the port of a server that is ready, and ends it."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
    server = subprocess.Popen(
        [*command, "serve", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + READY_SECONDS
        while not _is_ready(port):
            if server.poll() is not None or time.monotonic() > until:
                raise BenchmarkError(f"notesqa serve did not become ready on port {port}.")
            time.sleep(0.2)
        yield port
    finally:
        server.terminate()
        server.wait()


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


# The clients


async def load(
    port: int, clients: int, seconds: float, asked: Asked, other: asyncio.Task[None] | None = None
) -> Load:
    """Asks with so many clients at once, each one question after the other.

    Args:
        seconds: for so long, and until `other` is done.
    """
    seen = Load()
    begun, processor = time.perf_counter(), time.process_time()

    def goes_on() -> bool:
        return time.perf_counter() - begun < seconds or (other is not None and not other.done())

    async def client() -> None:
        while goes_on():
            try:
                reader, writer = await asyncio.open_connection(HOST, port)
                try:
                    while goes_on():
                        await _ask(reader, writer, port, asked.next(), seen)
                finally:
                    writer.close()
            except (OSError, asyncio.IncompleteReadError) as error:
                seen.errors.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.1)

    await asyncio.gather(*(client() for _ in range(clients)))
    seen.seconds = time.perf_counter() - begun
    seen.processor = time.process_time() - processor
    return seen


async def _ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    port: int,
    question: str,
    seen: Load,
) -> None:
    body = json.dumps({"question": question}).encode()
    head = (
        f"POST /api/v1/ask HTTP/1.1\r\nHost: {HOST}:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    begun = time.perf_counter()
    writer.write(head.encode() + body)
    status, answer = await asyncio.wait_for(read_response(reader), ANSWER_SECONDS)
    if status == 200:
        seen.times.append(1000 * (time.perf_counter() - begun))
        seen.bodies.append(answer)
    else:
        seen.errors.append(f"status {status}: {answer[:200].decode('utf-8', 'replace')}")


async def read_response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Returns the status and the body of one response that says its length.

    Raises:
        asyncio.IncompleteReadError: the connection ended before.
        OSError: what came is not such a response.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status = re.match(r"HTTP/1\.1 (\d{3}) ", head)
    length = re.search(r"\r\ncontent-length: *(\d+)\r\n", head, re.IGNORECASE)
    if status is None or length is None:
        raise OSError(f"not a response with a length: {head[:80]!r}")
    return int(status[1]), await reader.readexactly(int(length[1]))


async def _load_while_edited(
    port: int,
    clients: int,
    seconds: float,
    asked: Asked,
    command: Sequence[str],
    notes: Path,
    states: list[Texts],
) -> Load:
    """Asks while the notes are edited and indexed; adds their texts to `states`."""
    begun = time.perf_counter()

    async def editing() -> None:
        for number in range(1, EDITS + 1):
            wait = number * seconds / (EDITS + 1) - (time.perf_counter() - begun)
            await asyncio.sleep(max(0.0, wait))
            edit(notes, number)
            states.append(texts_of(notes))
            process = await asyncio.create_subprocess_exec(
                *command,
                "index",
                cwd=ROOT,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            if await process.wait():
                raise BenchmarkError(f"notesqa index ended with status {process.returncode}.")
            results.say(f"Edited and indexed {number} of {EDITS} times.")

    task = asyncio.create_task(editing())
    seen = await load(port, clients, seconds, asked, task)
    await task
    return seen


if __name__ == "__main__":
    main()
