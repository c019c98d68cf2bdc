from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from rag.gathering import Gathering


class Reader:
    """Doubles what it reads; the first batch waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, texts: Sequence[str]) -> list[str]:
        self.batches.append(list(texts))
        self.begun.set()
        assert self.go.wait(10)
        if "bad" in texts:
            raise ValueError("bad")
        return [text * 2 for text in texts]


def ask_all(gathering: Gathering[str], reader: Reader, calls: list[list[str]]) -> dict[int, object]:
    """Calls from a thread each, in order: all but the first while the first is being read."""
    got: dict[int, object] = {}

    def ask(number: int) -> None:
        try:
            got[number] = gathering(calls[number])
        except ValueError as error:
            got[number] = str(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(calls))]
    for number, thread in enumerate(threads):
        thread.start()
        if number == 0:
            assert reader.begun.wait(10)
        else:
            ends = time.monotonic() + 10
            while len(gathering._waiting) < number and time.monotonic() < ends:
                time.sleep(0.001)
    reader.go.set()
    for thread in threads:
        thread.join(10)
    return got


def test_a_call_alone_is_answered_at_once() -> None:
    reader = Reader()
    reader.go.set()
    assert Gathering(reader, 8)(["a", "b"]) == ["aa", "bb"]
    assert reader.batches == [["a", "b"]]


def test_what_comes_meanwhile_is_read_in_one_batch() -> None:
    reader = Reader()
    calls = [["a"], ["b"], ["c", "d"], ["e"]]
    got = ask_all(Gathering(reader, 8), reader, calls)
    assert got == {0: ["aa"], 1: ["bb"], 2: ["cc", "dd"], 3: ["ee"]}
    assert reader.batches == [["a"], ["b", "c", "d", "e"]]


def test_a_batch_has_a_limit_and_a_longer_call_goes_alone() -> None:
    reader = Reader()
    calls = [["a"], ["b"], ["c"], ["d", "e", "f"], ["g"]]
    got = ask_all(Gathering(reader, 2), reader, calls)
    assert got[3] == ["dd", "ee", "ff"]
    assert reader.batches == [["a"], ["b", "c"], ["d", "e", "f"], ["g"]]


def test_an_error_reaches_all_who_were_in_the_batch_and_nobody_else() -> None:
    reader = Reader()
    got = ask_all(Gathering(reader, 2), reader, [["a"], ["b"], ["bad"], ["c"]])
    assert got == {0: ["aa"], 1: "bad", 2: "bad", 3: ["cc"]}


def test_no_text_is_no_result() -> None:
    reader = Reader()
    reader.go.set()
    assert Gathering(reader, 2)([]) == []


@pytest.mark.parametrize("threads", [32])
def test_under_load_each_gets_its_own(threads: int) -> None:
    gathering: Gathering[str] = Gathering(lambda texts: [text * 2 for text in texts], 8)
    right: list[str] = []

    def ask(name: str) -> None:
        for number in range(50):
            text = f"{name}-{number}"
            if gathering([text]) == [text * 2]:
                right.append(text)

    started = [threading.Thread(target=ask, args=(str(n),)) for n in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(30)
    assert len(right) == 50 * threads


def test_who_is_interrupted_leaves_the_others_to_the_next() -> None:
    reader = Reader()
    gathering = Gathering(reader, 8)
    read, got = reader.__call__, {}

    def interrupted(texts: Sequence[str]) -> list[str]:
        found = read(texts)
        if "b" in texts and len(reader.batches) == 2:
            raise KeyboardInterrupt
        return found

    gathering._read = interrupted

    def ask(text: str) -> None:
        try:
            got[text] = gathering([text])
        except KeyboardInterrupt:
            got[text] = ["interrupted"]

    threads = [threading.Thread(target=ask, args=(text,)) for text in "abc"]
    for number, thread in enumerate(threads):
        thread.start()
        if number == 0:
            assert reader.begun.wait(10)
    ends = time.monotonic() + 10
    while len(gathering._waiting) < 2 and time.monotonic() < ends:
        time.sleep(0.001)
    reader.go.set()
    for thread in threads:
        thread.join(10)
    assert got["a"] == ["aa"]
    assert sorted([got["b"], got["c"]]) in ([["bb"], ["interrupted"]], [["cc"], ["interrupted"]])


def test_too_few_results_are_an_error_of_all() -> None:
    with pytest.raises(ValueError, match="2 texts were read with 1 results"):
        Gathering(lambda texts: ["a"], 8)(["a", "b"])
