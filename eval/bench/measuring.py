"""Processes become seconds and megabytes, and repeated measurements a median with its range.

The peak memory of a process is its maximum resident set, as the kernel gives it to the parent that
waits for it. A child begins with the figure of its parent, so the parent imports nothing large
before all is measured.
"""

from __future__ import annotations

import math
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag import NotesQAError

ROOT = Path(__file__).parents[2]
"""The checkout: where processes run, so that this code is what they import."""

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}
"""What keeps every system off the network."""

MB = 1e6


class BenchmarkError(NotesQAError):
    """A process that was to be measured failed, or a file of the benchmark is not as expected."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended well: wall time, peak memory in MB, and what it printed."""

    seconds: float
    peak_mb: float
    output: str

    @property
    def last_line(self) -> str:
        """Returns the last line that was printed."""
        return self.output.rstrip("\n").rpartition("\n")[2]


def run(command: Sequence[str]) -> Finished:
    """Returns a process as it was measured from outside, from its start to its end.

    Raises:
        BenchmarkError: it ended with another status than 0.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=err, env=os.environ | QUIET
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    if process.returncode:
        said = texts[1].strip().splitlines() or ["nothing said"]
        raise BenchmarkError(
            f"{' '.join(command[:4])} … ended with status {process.returncode}: {said[-1][:200]}"
        )
    return Finished(seconds, usage.ru_maxrss * 1024 / MB, texts[0])


def size_mb(folder: Path) -> float:
    """Returns the bytes of all files in a folder, in MB."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / MB


def percentile(values: Iterable[float], share: float) -> float:
    """Returns the value below which a share of the values lies, between two of them by a line.

    Args:
        values: at least one.
        share: 0 to 1.
    """
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, with the smallest and the largest of what was measured."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Returns the spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values), len(values))

    def __str__(self) -> str:
        if self.n == 1:
            return figure(self.median)
        return f"{figure(self.median)} ({figure(self.low)}–{figure(self.high)})"


def figure(value: float) -> str:
    """Returns a number with three significant digits, thousands apart."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value)) + 1e-9))
    return f"{value:,.{digits}f}"
