"""One paragraph edited among a thousand notes: what `notesqa index` takes from a fresh process.

The notes are generated. Their first indexing, which is not what is measured, uses vectors that
stand in for the model's (see `generated`) under the model's name; what was edited is read by the
model itself.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
from pathlib import Path

from eval.bench import results
from eval.bench.generated import Material, StandIn
from eval.bench.measuring import ROOT, BenchmarkError, Spread, run, size_mb
from rag import Library, Settings

COMMAND = [sys.executable, "-c", "from ui.cli import main; main()"]
"""`notesqa` of this checkout."""


def main() -> None:
    """Measures both and writes the part of the results."""
    parser = results.options(__doc__, "edit")
    parser.add_argument("--notes", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=5)
    results.attempt(_measure, parser)


def _measure(given: argparse.Namespace) -> None:
    results.around(given.out, "edit")
    folder = given.work.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    notes, library = folder / "notes", folder / "library"
    material = Material.of(ROOT / "corpus")
    material.write(notes, given.notes)
    chunks = _first_indexing(notes, library)
    results.say(f"{chunks} chunks are indexed.")
    index = [*COMMAND, "--library", str(library), "--corpus", str(notes), "index", "--json"]
    edited, unchanged = list[float](), list[float]()
    files = sorted(notes.rglob("*.md"))
    for number in range(given.runs):
        edit(files[(number * 97) % len(files)], material, number)
        for times, expected in ((edited, 1), (unchanged, 0)):
            done = run(index)
            manifest = json.loads(done.last_line)
            if len(manifest["indexed"]) != expected:
                raise BenchmarkError(
                    f"notesqa index took up {len(manifest['indexed'])} notes; {expected} changed."
                )
            times.append(done.seconds)
            results.say(f"{expected} edited: {done.seconds:.2f} s")
    rows = [
        ["one paragraph of one note edited", str(Spread.of(edited))],
        ["nothing changed", str(Spread.of(unchanged))],
    ]
    about = (
        f"{given.notes:,} generated notes, {chunks:,} chunks, a library of {size_mb(library):.0f} "
        f"MB; `notesqa index` as a whole process, start and model included, {given.runs} runs, "
        "median with the smallest and the largest. The vectors of the notes that were not edited "
        f"stand in for the model's. {results.machine()} {results.versions()}."
    )
    results.put(given.out, "edit", f"{about}\n\n{results.table(['', 'seconds'], rows)}")
    shutil.rmtree(folder)


def edit(file: Path, material: Material, number: int) -> None:
    """Puts another paragraph in the place of a note's last."""
    *rest, _ = file.read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    paragraph = material.paragraph(random.Random(f"edit {number}"))
    file.write_text("\n\n".join([*rest, paragraph]) + "\n", encoding="utf-8")


def _first_indexing(notes: Path, folder: Path) -> int:
    """Makes the library and returns how many chunks it holds."""
    settings = Settings(library=str(folder))
    real = Library(settings).embedder
    return Library(settings, StandIn.over(real, real.fingerprint)).index(notes).chunks


if __name__ == "__main__":
    main()
