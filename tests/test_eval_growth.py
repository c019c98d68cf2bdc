"""Of long runs in a file of objectives: eight times the run, eight times the time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from eval.outlines import read_outline
from eval.statements import subject_of
from rag import plain


def nested(depth: int) -> str:
    return "\n".join(f"{' ' * level}- x{level}" for level in range(depth))


DONE: dict[str, tuple[Callable[[int], object], int]] = {
    "commas in a subject": (lambda n: subject_of(f"Explain the x{' ,' * n}y"), 1_000),
    "blanks in a subject": (lambda n: subject_of(f"Explain the x{' ' * n}y"), 2_000),
    "a manner over and over": (lambda n: subject_of(f"Explain the x{' briefly ,' * n}y"), 500),
    "open brackets": (lambda n: plain("[" * n), 1_000),
    "open pictures": (lambda n: plain("![a" * n), 1_000),
    "items within items": (lambda n: read_outline(nested(n), lambda *_: []), 50),
}


@pytest.mark.parametrize("done", DONE)
def test_time_grows_with_the_length_and_no_faster(done: str) -> None:
    do, size = DONE[done]
    few, many = (min(seconds(do, n) for _ in range(3)) for n in (size, 8 * size))
    # A millisecond more for what takes next to none; growth by the square is 64-fold.
    assert many < 24 * (few + 0.001), (few, many)


def seconds(do: Callable[[int], object], size: int) -> float:
    began = time.perf_counter()
    do(size)
    return time.perf_counter() - began
