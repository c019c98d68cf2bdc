"""The gate on the shipped notes: a planted regression is stopped, a mere re-run is not."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import CORPUS, QUESTIONS, ROOT

from eval import gate_run, load_run, run_questions
from rag import Library, Settings, chunking
from rag.sentences import plain
from rag.types import BlockKind, Chunk, Document

pytestmark = [pytest.mark.model, pytest.mark.slow]

BASELINE = ROOT / "eval/baseline/transfer-learning.jsonl.xz"


def without_headings(document: Document, *more: Any) -> Iterator[Chunk]:
    """The chunks of a document, with nothing of its title and headings in what is indexed."""
    text = document.text
    headings = [block.span for block in document.blocks if block.kind is BlockKind.HEADING]
    for chunk in SPLIT(document, *more):
        body = chunk.span.of(text)
        for span in headings:
            if span.overlap(chunk.span):
                body = body.replace(span.of(text), "")
        units = tuple(
            replace(unit, headings=(), embedded=plain(unit.span.of(text)) or "-")
            for unit in chunk.units
        )
        yield replace(chunk, headings=(), embedded=plain(body) or "-", units=units)


SPLIT = chunking.split


def test_the_gate_stops_an_index_without_headings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunking, "split", without_headings)
    monkeypatch.chdir(ROOT)
    library = Library(Settings(library=str(tmp_path / "library"), corpus=str(CORPUS)))
    library.index()
    run = run_questions(library, QUESTIONS, tmp_path / "run.jsonl")
    decision = gate_run(run, load_run(BASELINE), library)
    assert not decision.passed
    assert any(reason.startswith("hit@5 fell") for reason in decision.reasons)


def test_the_gate_lets_a_mere_re_run_pass(
    shipped: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same questions in another order, and other seeds for the resampling."""
    monkeypatch.chdir(ROOT)
    lines = QUESTIONS.read_text("utf-8").splitlines()
    alone = [line for line in lines if "after" not in json.loads(line)]
    shuffled = alone.copy()
    random.Random(17).shuffle(shuffled)
    rest = [line for line in lines if "after" in json.loads(line)]
    questions = tmp_path / "shuffled.jsonl"
    questions.write_text("\n".join([*shuffled, *rest]) + "\n", encoding="utf-8")
    run = run_questions(shipped, questions, tmp_path / "run.jsonl")
    assert list(run.outcomes) != list(load_run(BASELINE).outcomes)
    for seed in range(3):
        decision = gate_run(run, load_run(BASELINE), shipped, seed=seed)
        assert decision.passed, decision.reasons
        assert not decision.missing
        assert not decision.comparison.left_out
