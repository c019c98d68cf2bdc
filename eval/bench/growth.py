"""notesqa alone, as its library grows: what a question costs, stage by stage, and what it takes.

The notes are generated and the passages' vectors stand in for the model's (see `generated`): the
real model would read for an hour. Questions are the shipped set's, read by the real model. A
library is made in one process and asked in another, which is the one whose memory is shown. It is
kept for the next run, which makes it anew with `--anew`.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.bench import plot, results
from eval.bench.generated import SECTIONS, Material, StandIn
from eval.bench.measuring import ROOT, figure, percentile, run, size_mb
from eval.dataset import load_questions
from rag import Library, Settings

SIZES = (1_000, 10_000, 50_000, 200_000)

QUESTIONS = ROOT / "eval/questions/transfer-learning.jsonl"

OPENINGS = 5
"""How often the library is opened anew for the time that takes."""

WARMING = 20
"""Questions asked before the clock runs."""

MADE = "made.json"

STAGES = ("embed", "retrieve", "answer")
TITLE = "A warm question as the library grows"

SEED = 7


def main() -> None:
    """Measures libraries of several sizes and writes the part of the results."""
    parser = results.options(__doc__, "growth")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="in chunks")
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--anew", action="store_true", help="make libraries again")
    parser.add_argument("--make", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    parser.add_argument("--ask", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    results.attempt(_one_step, parser)


def _one_step(given: argparse.Namespace) -> None:
    """Makes a library or asks one, in a process of its own; without a step, measures all."""
    if given.make:
        sys.stdout.write(json.dumps(make(given.make, given.sizes[0])) + "\n")
    elif given.ask:
        sys.stdout.write(json.dumps(ask(given.ask, given.questions)) + "\n")
    else:
        _measure(given)


def _measure(given: argparse.Namespace) -> None:
    results.around(given.out, "growth")
    command = [sys.executable, "-m", "eval.bench.growth"]
    rows: list[list[str]] = []
    found: list[dict[str, Any]] = []
    libraries: list[dict[str, Any]] = []
    for size in given.sizes:
        folder = given.work.resolve() / str(size)
        if given.anew or not (folder / MADE).is_file():
            shutil.rmtree(folder, ignore_errors=True)
            made = run([*command, "--make", str(folder), "--sizes", str(size)])
            said = {**json.loads(made.last_line), "peak_mb": made.peak_mb}
            (folder / MADE).write_text(json.dumps(said), encoding="utf-8")
        said = json.loads((folder / MADE).read_text(encoding="utf-8"))
        results.say(f"{size}: made in {said['seconds']:.0f} s, {said['peak_mb']:.0f} MB")
        asking = [*command, "--ask", str(folder), "--questions", str(given.questions)]
        asked = run(asking)
        results.say(f"{size}: asked in {asked.seconds:.0f} s, {asked.peak_mb:.0f} MB")
        found.append(json.loads(asked.last_line))
        libraries.append(said)
        rows.append(_row(found[-1], said, asked.peak_mb))
    header = [
        *("chunks", "notes", "p50, ms", "p99, ms", "of it embed", "retrieve", "answer"),
        *("open, ms", "library, MB", "memory asked, MB", "made in, s", "memory made, MB"),
    ]
    about = (
        f"{given.questions} questions, warm, one after the other, by `Library.ask`. Shares are of "
        "the time of all questions. Opening is that of a new `Library` until its first answer, the "
        f"model loaded, less a warm answer; median of {OPENINGS}. Notes are sentences of the "
        "shipped ones shuffled, and the passages' vectors are means of their sentences' with a "
        "little noise, not the model's: the times of making are without it. "
        f"{results.machine()} {results.versions()}."
    )
    picture = given.out.with_name("growth.svg")
    sizes = [made["chunks"] for made in libraries]
    picture.write_text(plot.growth(TITLE, sizes, _series(found)), encoding="utf-8")
    text = "\n\n".join(
        [about, results.table(header, rows), _dominant(sizes, found), f"![{TITLE}]({picture.name})"]
    )
    results.put(given.out, "growth", text)


def _series(found: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Returns the milliseconds of each stage at the median, and of the whole."""
    whole = {name: [one[name] for one in found] for name in ("p50", "p99")}
    stages = {stage: [one["stages"][stage] for one in found] for stage in STAGES}
    return whole | stages


def _dominant(sizes: Sequence[int], found: Sequence[dict[str, Any]]) -> str:
    """Returns which stage takes most of a question's time, by size."""
    said = [
        f"{max(STAGES, key=lambda stage: one['shares'].get(stage, 0.0))} at {size:,}"
        for size, one in zip(sizes, found, strict=True)
    ]
    return f"The stage that takes most: {', '.join(said)} chunks."


def _row(found: dict[str, Any], made: dict[str, Any], asked_mb: float) -> list[str]:
    shares = found["shares"]
    return [
        f"{made['chunks']:,}",
        f"{made['notes']:,}",
        figure(found["p50"]),
        figure(found["p99"]),
        *(f"{100 * shares.get(stage, 0):.0f} %" for stage in STAGES),
        figure(found["open_ms"]),
        figure(made["size_mb"]),
        figure(asked_mb),
        figure(made["seconds"]),
        figure(made["peak_mb"]),
    ]


def make(folder: Path, chunks: int) -> dict[str, Any]:
    """Writes notes of about so many chunks and makes the library of them; says what it took.

    The seconds are those of `Library.index`, sentences read before.
    """
    material = Material.of(ROOT / "corpus")
    notes = max(1, round(chunks / SECTIONS))
    material.write(folder / "notes", notes, SEED)
    library = _library(folder)
    library.embedder.embed_passages([*material.sentences, *material.headings])
    begun = time.perf_counter()
    manifest = library.index(folder / "notes")
    seconds = time.perf_counter() - begun
    return {
        "chunks": manifest.chunks,
        "notes": notes,
        "seconds": seconds,
        "size_mb": size_mb(folder / "library"),
    }


def ask(folder: Path, n: int) -> dict[str, Any]:
    """Asks `n` questions of a library that `make` made; says how long they and opening took."""
    library = _library(folder)
    asked = [q.question for q in load_questions(QUESTIONS) if q.after is None]
    asked = random.Random(SEED).sample(asked, min(n + WARMING, len(asked)))
    for question in asked[:WARMING]:
        library.ask(question)  # the model and the indexes load
    asked = asked[WARMING:]  # an answer given before would be given again
    times: list[float] = []
    stages: dict[str, list[float]] = {}
    for question in asked:
        begun = time.perf_counter()
        answer = library.ask(question)
        times.append(1000 * (time.perf_counter() - begun))
        for stage, ms in answer.timings_ms.items():
            stages.setdefault(stage, []).append(ms)
    openings = [_first(folder, library, asked[0]) for _ in range(OPENINGS)]
    return {
        "p50": percentile(times, 0.5),
        "p99": percentile(times, 0.99),
        "shares": {stage: sum(ms) / sum(times) for stage, ms in stages.items()},
        "stages": {stage: percentile(ms, 0.5) for stage, ms in stages.items()},
        "open_ms": max(0.0, percentile(openings, 0.5) - percentile(times, 0.5)),
    }


def _first(folder: Path, warm: Library, question: str) -> float:
    """Returns the milliseconds of a new library until its first answer, the model being warm."""
    begun = time.perf_counter()
    Library.open(warm.settings, warm.embedder).ask(question)
    return 1000 * (time.perf_counter() - begun)


def _library(folder: Path) -> Library:
    settings = Settings(library=str(folder / "library"))
    return Library(settings, StandIn.over(Library(settings).embedder))


if __name__ == "__main__":
    main()
