"""Feeds mutated files to the loaders, and requests to the HTTP door; holds them to their promises.

    python tests/fuzzing.py --seconds 600 --seed 1 [--format pdf] [--format http]

An input is made of the seed, its format and its number alone, so that it can be had again:

    python tests/fuzzing.py --repeat pdf:1:4711

Loaders run in a process of their own, which notes what it is about to read: one that dies or hangs
is a finding of that input, and the next process goes on behind it. `held` says what has to hold.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import multiprocessing
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from making_seeds import STOCKS, with_files  # noqa: E402
from mutating import (  # noqa: E402
    Stock,
    mutate_json,
    mutate_markup,
    mutate_pdf,
    mutate_text,
    mutate_zip,
)
from test_chunking import count_tokens  # noqa: E402

from rag.chunking import split  # noqa: E402
from rag.documents.formats import load  # noqa: E402
from rag.documents.sandbox.frames import document_from, head_of, pack  # noqa: E402
from rag.errors import DocumentError  # noqa: E402
from rag.types import BlockKind, Document, Places  # noqa: E402

FILES = ROOT.parent / "shared/data/hard-documents/files"
"""Further seeds, where there are any."""

MEMORY = 1_500_000_000
"""Bytes of address space, Python and libraries included."""

_SLICE = 200
"""Inputs after which the process says what became of them."""

_WHOLE = 8
"""One of so many documents is handed on and split into chunks."""

_DEATHS = 20
"""Processes that one format may cost."""

_EXAMPLES = 3
"""Inputs that are named of those that fail in the same way."""

_AS_THEY_STAND = (".md", ".txt", ".rst", ".tex")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_REASONS = ("encrypted", "damaged", "empty", "no text", "not text", "too large")
_CHUNK_TOKENS, _MAX_TOKENS = 60, 120

Mutate = Callable[[Random, Stock], bytes]


@dataclass(frozen=True, slots=True)
class Format:
    """What is fuzzed: a suffix, what its inputs are made of, and how.

    Attributes:
        seconds: of processor time that an input may take; none is larger than 60 KB, or in an
            archive no member is.
    """

    suffix: str
    stock: Stock
    mutate: Mutate
    loader: str | None = None
    seconds: float = 5.0

    def input(self, seed: int, number: int) -> bytes:
        """Returns the input of that number."""
        return self.mutate(Random(f"{seed} {self.suffix} {number}"), self.stock)


_MUTATE: dict[str, Mutate] = {
    **dict.fromkeys((".docx", ".pptx", ".odt", ".odp", ".epub"), mutate_zip),
    **dict.fromkeys((".html", ".eml", ".mbox"), mutate_markup),
    **{".ipynb": mutate_json, ".pdf": mutate_pdf},
}


def formats(files: Path = FILES) -> list[Format]:
    """Returns every format, its seeds with the small files of a folder if it is there."""
    return [
        Format(suffix, with_files(suffix, files), _MUTATE.get(suffix, mutate_text))
        for suffix in STOCKS
    ]


# What has to hold


class BrokenPromise(AssertionError):
    """What an input made a loader do that it must not."""


def expect(holds: object, promise: str) -> None:
    """Raises BrokenPromise unless it holds."""
    if not holds:
        raise BrokenPromise(promise)


def held(suffix: str, data: bytes, loader: str | None = None, *, whole: bool = True) -> str:
    """Returns what became of an input: `document`, or the reason for which it was refused.

    Args:
        whole: whether to do with it all that indexing does, which takes longer than reading it.

    Raises:
        BrokenPromise: what came is no document that can be indexed and cited.
        Exception: the loader let it through.
    """
    try:
        document = load(f"a/b{suffix}", data, loader)
    except DocumentError as error:
        expect(error.reason in _REASONS, f"a reason that is known: {error.reason}")
        said = " ".join(str(error).split())
        expect(said and len(said) < 1000, "a message of some words")
        expect(not _CONTROL.search(said), "a message without control characters")
        said.encode()
        return error.reason
    _hold_document(document, suffix)
    if whole:
        _hold_kept(document)
        _hold_chunks(document)
    return "document"


def _hold_document(document: Document, suffix: str) -> None:
    text, end = document.text, 0
    text.encode()
    for block in document.blocks:
        expect(end <= block.span.start < block.span.end <= len(text), "blocks in order, disjoint")
        expect(block.span.of(text).strip(), "blocks that say something")
        end, at = block.span.end, block.span.start
        for part in block.parts:
            expect(at <= part.start <= part.end <= end, "parts in order, inside their block")
            at = part.end
        heading = block.kind is BlockKind.HEADING
        expect((1 <= block.level <= 6) if heading else block.level == 0, "levels of headings")
        inner = heading or block.kind in (BlockKind.LIST, BlockKind.TABLE)
        expect(bool(block.parts) == inner, "parts of headings, lists and tables")
    places = [place.start for place in document.places.listed]
    expect(places == sorted(set(places)), "places in order")
    expect(not places or (places[0] == 0 and places[-1] < len(text)), "places inside the text")
    expect(document.title.strip(), "a title")
    told = [part for one in document.remarks for part in (one.reason, one.message)]
    told += [place.name for place in document.places.listed]
    if suffix not in _AS_THEY_STAND:
        told += [document.title, text.replace("\n", " ")]
    expect(not any(map(_CONTROL.search, told)), "no control characters")


def _hold_kept(document: Document) -> None:
    head = json.loads(pack(head_of(document)))
    again = document_from(document.path, head, document.text)
    same = replace(again, remarks=()) == replace(document, remarks=())  # pages become a list
    expect(same, "the same document behind the pipe")
    expect(Places.from_json(document.places.to_json()) == document.places, "places kept in JSON")


def _hold_chunks(document: Document) -> None:
    text, end = document.text, 0
    covered = bytearray(len(text))
    for chunk in split(document, count_tokens, _CHUNK_TOKENS, _MAX_TOKENS):
        span = chunk.span
        expect(end <= span.start < span.end <= len(text), "chunks in order, disjoint")
        end = span.end
        expect(span.of(text).strip(), "chunks that say something")
        expect(count_tokens([chunk.embedded])[0] <= _MAX_TOKENS, "chunks that fit")
        covered[span.start : end] = b"\1" * len(span)
        at = span.start
        for unit in chunk.units:
            inside = at <= unit.span.start < unit.span.end <= end
            expect(inside and unit.span.of(text).strip(), "units in order, inside their chunk")
            at = unit.span.start
        if document.places.listed:
            expect(document.places.name(span), "a place to name")
    for block in document.blocks:
        missing = covered.find(0, block.span.start, block.span.end)
        while missing >= 0:
            expect(text[missing].isspace(), "chunks that cover every block")
            missing = covered.find(0, missing + 1, block.span.end)


# Runs


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that breaks a promise: what happened, and where."""

    suffix: str
    seed: int
    number: int
    what: str
    where: str
    trace: str

    @property
    def name(self) -> str:
        """Returns what `--repeat` takes."""
        return f"{self.suffix[1:]}:{self.seed}:{self.number}"


@dataclass(slots=True)
class Tally:
    """What became of the inputs of a format; `slowest` are its processor time and its number."""

    became: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)
    findings: list[Finding] = field(default_factory=list)
    alike: Counter[tuple[str, str]] = field(default_factory=Counter)
    deaths: int = 0

    def take(self, slice_: _Slice) -> None:
        """Adds what a process says of a few inputs."""
        self.became += slice_.became
        self.seconds += slice_.seconds
        self.slowest = max(self.slowest, slice_.slowest)
        for finding in slice_.findings:
            self.add(finding)

    def add(self, finding: Finding) -> None:
        """Keeps the first findings of a kind, and counts them all."""
        kind = finding.what, finding.where
        self.became["finding"] += 1
        self.alike[kind] += 1
        if self.alike[kind] <= _EXAMPLES:
            self.findings.append(finding)


@dataclass(slots=True)
class _Slice:
    """What became of inputs that were read one after another."""

    suffix: str
    became: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)
    findings: list[Finding] = field(default_factory=list)


def fuzz(
    wanted: Sequence[Format], seed: int, *, seconds: float, inputs: int
) -> Iterator[tuple[Format, Tally]]:
    """Yields formats, and what became of their inputs, as many as there is time for.

    Args:
        seconds: for each format.
        inputs: most of each format.
    """
    context = multiprocessing.get_context("spawn")
    begun = context.Value("q", 0, lock=False)
    waiting = list(wanted)
    tally = Tally()
    while waiting:
        here, there = context.Pipe(duplex=False)
        with tempfile.TemporaryFile("w+", encoding="utf-8") as traces:
            left = seconds - tally.seconds
            job = _Job(tuple(waiting), seed, begun.value, inputs, left, seconds)
            child = context.Process(target=_work, args=(job, begun, there, _Inherited(traces)))
            child.start()
            there.close()
            for slice_ in _slices(here):
                if slice_ is not None:
                    tally.take(slice_)
                    continue
                yield waiting.pop(0), tally
                tally = Tally()
            child.join()
            traces.seek(0)
            trace = traces.read()
        if waiting:  # it died
            suffix, number = waiting[0].suffix, begun.value
            what = _died(child.exitcode)
            tally.add(Finding(suffix, seed, number, what, _innermost(trace), trace[-3000:]))
            tally.deaths += 1
            begun.value = number + 1
            if tally.deaths == _DEATHS or begun.value >= inputs:
                yield waiting.pop(0), tally
                tally, begun.value = Tally(), 0


def _slices(here: Connection) -> Iterator[_Slice | None]:
    """Yields what a process says, until it ends; None stands for the end of a format."""
    try:
        while True:
            yield here.recv()
    except EOFError:
        return


class _Inherited:
    """A file that a child process writes to as well."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing.reduction import DupFd

        return _reopened, (DupFd(self._file.fileno()),)


def _reopened(duplicate: Any) -> Any:
    return open(duplicate.detach(), "w", encoding="utf-8")


def _died(status: int | None) -> str:
    if status is not None and status < 0:
        name = signal.Signals(-status).name
        return "too long" if name == "SIGPROF" else name
    return f"exit status {status}"


def _innermost(trace: str) -> str:
    """Returns the innermost of our own lines in what faulthandler wrote."""
    lines = re.findall(r'File ".*/((?:rag|tests)/[\w/.]+)", line (\d+) in (\w+)', trace)
    lines = lines or re.findall(r'File ".*/((?:[\w.]+))", line (\d+) in (\w+)', trace)
    return "{} line {} in {}".format(*lines[0]) if lines else "outside Python"


@dataclass(frozen=True, slots=True)
class _Job:
    """What a process is to do: of the first format from `first` on, for which seconds are left."""

    wanted: tuple[Format, ...]
    seed: int
    first: int
    inputs: int
    left: float
    seconds: float


def _work(job: _Job, begun: Any, there: Connection, traces: Any) -> None:
    """Reads inputs one after another; the entry point of the process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable(traces)
    faulthandler.register(signal.SIGPROF, traces, chain=True)
    first, left = job.first, job.left
    for one in job.wanted:
        stop = time.monotonic() + left
        while first < job.inputs and time.monotonic() < stop:
            numbers = range(first, min(first + _SLICE, job.inputs))
            there.send(_read(one, job.seed, numbers, begun, stop))
            first = numbers.stop
        there.send(None)
        first, left, begun.value = 0, job.seconds, 0


def _read(one: Format, seed: int, numbers: range, begun: Any, stop: float) -> _Slice:
    slice_ = _Slice(one.suffix)
    start = time.monotonic()
    for number in numbers:
        begun.value = number
        data = one.input(seed, number)
        signal.setitimer(signal.ITIMER_PROF, one.seconds)
        before = time.process_time()
        try:
            slice_.became[held(one.suffix, data, one.loader, whole=number % _WHOLE == 0)] += 1
        except Exception as error:
            slice_.findings.append(_finding(one.suffix, seed, number, error))
        slice_.slowest = max(slice_.slowest, (time.process_time() - before, number))
        signal.setitimer(signal.ITIMER_PROF, 0)
        if time.monotonic() > stop:
            break
    slice_.seconds = time.monotonic() - start
    return slice_


def _finding(suffix: str, seed: int, number: int, error: Exception) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/rag/" in frame.filename] or frames
    where = f"{Path(ours[-1].filename).name} in {ours[-1].name}: {ours[-1].line}"
    what = f"{type(error).__name__}: {error}" if isinstance(error, BrokenPromise) else ""
    trace = "".join(traceback.format_exception(error))[-3000:]
    if what:
        where = ""
    return Finding(suffix, seed, number, what or type(error).__name__, where, trace)


# The command


def _told(suffix: str, tally: Tally) -> Iterator[str]:
    total = sum(tally.became.values())
    refused = {name: count for name, count in tally.became.items() if name in _REASONS}
    listed = ", ".join(f"{count} {name}" for name, count in sorted(refused.items()))
    slow, number = tally.slowest
    yield (
        f"{suffix[1:]:6} {total:8} inputs {tally.seconds:6.0f} s "
        f"{tally.became['document']:8} documents, {listed or 'none refused'}; "
        f"findings: {tally.became['finding']}; slowest {slow:.2f} s (number {number})"
    )
    for finding in tally.findings:
        count = tally.alike[finding.what, finding.where]
        yield f"    {finding.name} {finding.what} {finding.where} ({count} alike)"


def repeat(name: str, files: Path) -> str:
    """Returns what becomes of the input of a finding, which is written to a file to look at."""
    kind, seed, number = name.split(":")
    one = next(one for one in formats(files) if one.suffix == f".{kind}")
    data = one.input(int(seed), int(number))
    with tempfile.NamedTemporaryFile(suffix=one.suffix, delete=False) as file:
        file.write(data)
    print(f"{len(data)} bytes in {file.name}", flush=True)
    return held(one.suffix, data)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=600, help="in all, shared by formats")
    parser.add_argument("--inputs", type=int, default=10**9, help="most of each format")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", action="append", choices=[*(s[1:] for s in STOCKS), "http"])
    parser.add_argument("--files", type=Path, default=FILES, help="a folder of further seeds")
    parser.add_argument("--repeat", metavar="FORMAT:SEED:NUMBER")
    asked = parser.parse_args(arguments)
    if asked.repeat:
        print(repeat(asked.repeat, asked.files))
        return 0
    wanted = [
        one for one in formats(asked.files) if not asked.format or one.suffix[1:] in asked.format
    ]
    http = not asked.format or "http" in asked.format
    share = {"seconds": asked.seconds / (len(wanted) + http), "inputs": asked.inputs}
    total = found = 0
    for one, tally in fuzz(wanted, asked.seed, **share):
        print(*_told(one.suffix, tally), sep="\n", flush=True)
        total += sum(tally.became.values())
        found += tally.became["finding"]
    if http:
        from fuzzing_http import fuzz_http, told

        made = fuzz_http(asked.seed, **share)
        print(*told(made), sep="\n", flush=True)
        total += made.requests
        found += made.findings
    print(f"{total} inputs, {found} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
