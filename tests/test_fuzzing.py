"""Files and requests that no program wrote, for a few seconds: `make fuzz` does it for hours."""

from __future__ import annotations

import json
from random import Random

import pytest
from fuzzing import Format, formats, fuzz, held
from fuzzing_http import fuzz_http
from making_office import archive, docx, epub, p
from mutating import Stock

SEED = 1
INPUTS = 200

REQUESTS = 600
"""Enough for each operation of the document, in both ways."""


def cells(*cells: object) -> bytes:
    return json.dumps({"cells": cells}).encode()


SPANNING = f'<w:tc><w:tcPr><w:gridSpan w:val="{"9" * 5000}"/></w:tcPr>{p("a")}</w:tc>'
FAILED = {"output_type": "error", "traceback": 5}
FOUND = {
    "a footnote without words": (".rst", b"x\n\n.. [1] \n"),
    "an empty title": (".md", b"---\ntitle: \n---\nwords"),
    "an unprintable card": (".csv", b"question,answer\nWhy?,\x7fso\n"),
    "unprintable prose in a page": (".html", b"<pre>" + b"some words \x7f of it\n\n" * 99),
    "a level that is true": (
        ".ipynb",
        cells({"cell_type": "heading", "level": True, "source": "a"}),
    ),
    "a traceback that is none": (".ipynb", cells({"source": "a", "outputs": [FAILED]})),
    "a level of 5000 digits": (".html", b"<p role=heading aria-level=%s>a" % (b"9" * 5000)),
    "a span of 5000 digits": (
        ".docx",
        docx(f"<w:tbl><w:tr>{SPANNING}<w:tc>{p('b')}</w:tc></w:tr></w:tbl>"),
    ),
    "an unprintable attachment": (
        ".eml",
        b"Subject: a\nContent-Disposition: attachment; filename=\x1b[2J\n\nb",
    ),
    "a date beyond all years": (".eml", b"Subject: a\nDate: 6 Dec 9999999999 1:1\n\nb"),
    "unprintable hidden words": (".epub", epub(["<p>a<b hidden>\x7fb</b></p>"])),
    "half of a pair in broken XML": (
        ".odt",
        archive({"content.xml": '<i xmlns:a="&#xd800;"><a:b'}),
    ),
    "more words in the whole than in its parts": (".txt", b"One.\n" + b"> > > > > > Two. " * 40),
}
"""What was found by fuzzing, each as the smallest input of its kind."""


@pytest.mark.parametrize(("suffix", "data"), FOUND.values(), ids=FOUND)
def test_what_was_found_stays_mended(suffix: str, data: bytes) -> None:
    assert held(suffix, data) in ("document", "damaged")


@pytest.mark.slow
def test_mutated_files_are_read_or_refused_as_promised() -> None:
    done = list(fuzz(formats(), SEED, seconds=300, inputs=INPUTS))
    assert [one.suffix for one, _ in done] == [one.suffix for one in formats()]
    for one, tally in done:
        assert not tally.findings
        assert tally.became.total() == INPUTS
        assert tally.became["document"] > INPUTS / 3, f"most of {one.suffix} is refused at the door"


def test_made_up_requests_are_answered_as_promised() -> None:
    made = fuzz_http(SEED, seconds=300, inputs=REQUESTS)
    assert not made.wrong
    assert made.requests == REQUESTS
    assert {200, 422} <= set(made.statuses)


def test_the_fuzzer_sees_requests_that_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr("rag.pipeline.Library.ask", broken)
    made = fuzz_http(SEED, seconds=300, inputs=REQUESTS)
    assert made.findings
    assert any("status 500" in what for what in made.wrong)


def one_after_another(random: Random, stock: Stock) -> bytes:
    return stock.seeds[int(random.random() * len(stock.seeds))]


HOSTILE = {
    **{b"fault": "SIGSEGV", b"abort": "SIGABRT", b"spin": "too long", b"leave": "exit status 0"},
    **{b"allocate": "MemoryError", b"recurse": "RecursionError", b"halve": "UnicodeEncodeError"},
    b"outside": "BrokenPromise: blocks in order, disjoint",
    b"overlapping": "BrokenPromise: blocks in order, disjoint",
    b"part outside": "BrokenPromise: parts in order, inside their block",
    b"placeless": "BrokenPromise: places inside the text",
}
"""What the loader of `hostile` does with such a file, and what it is found to be."""


@pytest.mark.slow
def test_loaders_that_break_are_found_and_the_run_goes_on() -> None:
    slow = {b"allocate": 30.0}  # to fill a gigabyte takes a second or so
    hostile = [
        Format(
            *(f".{data.decode()}", Stock((data,)), one_after_another, "hostile"),
            seconds=slow.get(data, 1.0),
        )
        for data in HOSTILE
    ]
    sound = Format(".md", Stock((b"words",)), one_after_another)
    *done, (_, last) = fuzz([*hostile, sound], SEED, seconds=300, inputs=1)
    found = {one.stock.seeds[0]: [finding.what for finding in of.findings] for one, of in done}
    assert found == {data: [what] for data, what in HOSTILE.items()}
    assert dict(last.became) == {"document": 1}


def test_a_run_goes_on_behind_the_input_that_ended_a_process() -> None:
    stock = Stock((b"fault", b"words", b"more words"))
    ((_, tally),) = fuzz(
        [Format(".txt", stock, one_after_another, "hostile")], SEED, seconds=60, inputs=6
    )
    deaths = [number for number in range(6) if Random(f"{SEED} .txt {number}").random() < 1 / 3]
    assert [finding.number for finding in tally.findings] == deaths
    assert 0 < len(deaths) < 4


def test_an_input_is_made_of_its_seed_its_format_and_its_number() -> None:
    one, other = formats()[:2]
    assert one.input(1, 2) == one.input(1, 2)
    assert len({one.input(1, 2), one.input(1, 3), one.input(2, 2), other.input(1, 2)}) == 4
