"""Measurements become marked parts of `RESULTS.md`; what stands outside the marks is left alone."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from eval.bench.measuring import ROOT, BenchmarkError
from eval.files import replacing
from rag import NotesQAError

RESULTS = ROOT / "eval/bench/RESULTS.md"

OURS = (
    *("sentence-transformers", "torch", "openvino", "tokenizers", "faiss-cpu", "tantivy"),
    *("fastapi", "uvicorn", "numpy"),
)
"""Packages of the project's own environment whose version may change a time."""


def options(about: str | None, work: str) -> argparse.ArgumentParser:
    """Returns the options that every benchmark has.

    Args:
        about: the module's docstring.
        work: the name of the folder in `.bench` for what it makes.
    """
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / ".bench" / work)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


def attempt(measure: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Measures as the command line says; what goes wrong ends the process with one line."""
    try:
        measure(parser.parse_args())
    except NotesQAError as error:
        sys.exit(f"bench: {error}")


def put(file: Path, name: str, text: str) -> None:
    """Replaces what stands in a file between the lines `<!-- name -->` and `<!-- /name -->`.

    Raises:
        BenchmarkError: as for `around`, or the file cannot be written.
    """
    before, after = around(file, name)
    with replacing(file, BenchmarkError) as draft:
        draft.write_text(f"{before}\n{text.strip()}\n\n{after}", encoding="utf-8")


def around(file: Path, name: str) -> tuple[str, str]:
    """Returns a file up to a part's first mark, and from its last mark on, marks included.

    Raises:
        BenchmarkError: it cannot be read, or the two marks do not each stand there once, in this
            order, on lines of their own.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise BenchmarkError(f"{file} cannot be read: {error.strerror}.") from error
    if (text.count(begin), text.count(end)) != (1, 1) or text.index(begin) > text.index(end):
        raise BenchmarkError(
            f"{file} needs the line {begin.strip()} once and {end.strip()} once after it: "
            "write them where the measured part belongs."
        )
    return text[: text.index(begin) + len(begin)], text[text.index(end) :]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown; a bar in a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def machine() -> str:
    """Returns a sentence that names the processor, the memory and Python, and the day."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{_processor()}, {cores} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}; {datetime.now(UTC):%Y-%m-%d}, "
        f"load {load:.1f} when this was written."
    )


def versions(names: Sequence[str] = OURS) -> str:
    """Returns names and versions of those packages that are installed here."""
    found = []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def say(text: str) -> None:
    """Writes progress to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _processor() -> str:
    """Returns the processor's name and the instructions that matter to the model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    said = {name.strip(): value.strip() for name, _, value in (li.partition(":") for li in lines)}
    flags = said.get("flags", "").split()
    wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return " ".join([said.get("model name", platform.machine()), f"({', '.join(wide)})"])
