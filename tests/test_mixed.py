"""A folder of every kind of file: all of it is there afterwards, memory stays bounded, and the
progress told is the share of the time.

MIXED_FILES=2000 MIXED_PAGES=500 MIXED_MODEL=1 pytest tests/test_mixed.py -s  measures at length.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from making_office import docx, epub, odt, p, pptx, shape, slide
from making_pdf import pdf

SAID = (
    "Note {n} tells how the {n}th pond freezes in part {k}: ice begins at the edge, grows inward "
    "over {k} nights, and holds a child after the water has lost its warmth. "
)


def said(n: int, parts: int) -> list[str]:
    return [SAID.format(n=n, k=k) for k in range(parts)]


def lines(text: str) -> str:
    words, out = text.split(), [""]
    for word in words:
        if len(out[-1]) + len(word) > 90:
            out.append("")
        out[-1] = f"{out[-1]} {word}".strip()
    return "\n".join(out)


def cues(parts: list[str]) -> str:
    return "WEBVTT\n\n" + "\n\n".join(
        f"00:{k:02}:00.000 --> 00:{k:02}:09.000\n{part}" for k, part in enumerate(parts)
    )


def made(n: int) -> tuple[str, bytes]:
    """The file of a number: its suffix and its bytes."""
    parts = said(n, 6)
    text = "\n\n".join([f"# Pond {n}", *parts])
    html = f"<h1>Pond {n}</h1>" + "".join(f"<p>{part}</p>" for part in parts)
    cells = [{"cell_type": "markdown", "metadata": {}, "source": text}]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    rows = "".join(f'Part {k}?,"{part}"\n' for k, part in enumerate(parts))
    kinds = [
        (".md", text),
        (".txt", text),
        (".rst", f"Pond {n}\n=======\n\n" + "\n\n".join(parts)),
        (".tex", f"\\section{{Pond {n}}}\n" + "\n\n".join(parts)),
        (".html", f"<html><body>{html}</body></html>"),
        (".pdf", pdf([lines(part * 3) for part in parts], title=f"Pond {n}")),
        (".docx", docx(p(f"Pond {n}") + "".join(map(p, parts)))),
        (".pptx", pptx([slide(shape(f"Pond {n}", "title") + shape(part)) for part in parts])),
        (".odt", odt("".join(f"<text:p>{part}</text:p>" for part in parts))),
        (".epub", epub([html], f"Pond {n}")),
        (
            ".ipynb",
            json.dumps(notebook),
        ),
        (".vtt", cues(parts)),
        (
            ".csv",
            f"question,answer\n{rows}",
        ),
        (".eml", f"Subject: Pond {n}\nFrom: a@example.org\n\n" + "\n\n".join(parts)),
    ]
    suffix, data = kinds[n % len(kinds)]
    return suffix, data if isinstance(data, bytes) else data.encode()


SCRIPT = """
import json, re, resource, sys, time
from pathlib import Path
from rag import Library, Settings
from conftest import WordLengths

library, corpus, model = sys.argv[1], sys.argv[2], sys.argv[3] == "1"
seen, begun = [], time.monotonic()

def report(stage, done, total):
    seen.append((time.monotonic() - begun, done / total))

settings = Settings(library=library, corpus=corpus)
made = Library(settings, None if model else WordLengths()).index(progress=report)
whole = time.monotonic() - begun
shares = [share for _, share in seen]
print(json.dumps({
    "indexed": len(made.indexed),
    "skipped": [item.to_dict() for item in made.skipped],
    "chunks": made.chunks,
    "seconds": whole,
    # Not ru_maxrss: that begins with what the process that started this one took.
    "own_mb": int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000,
    "loader_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000,
    "backward": sum(b < a for a, b in zip(shares, shares[1:])),
    "last": shares[-1],
    "furthest": max(abs(at / whole - share) for at, share in seen),
}))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in kB on Linux alone")
def test_a_folder_of_every_kind_is_indexed_in_bounded_memory(tmp_path: Path) -> None:
    count = int(os.environ.get("MIXED_FILES", "140"))
    pages = int(os.environ.get("MIXED_PAGES", "40"))
    model = os.environ.get("MIXED_MODEL", "0")
    corpus = tmp_path / "notes"
    for n in range(count):
        suffix, data = made(n)
        folder = corpus / f"{n % 20}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{n:05}{suffix}").write_bytes(data)
    (corpus / "book.pdf").write_bytes(
        pdf([lines("".join(said(page, 14))) for page in range(pages)], title="The book of ponds")
    )
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "library"), str(corpus), model],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True,
        encoding="utf-8",
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print({name: value for name, value in found.items() if name != "skipped"})
    assert (found["indexed"], found["skipped"]) == (count + 1, [])
    assert (found["backward"], found["last"]) == (0, 1.0)
    assert found["loader_mb"] < 400
    assert found["own_mb"] < (1500 if model == "1" else 400)
