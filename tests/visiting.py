"""Visits to the pages in Chromium: five notes of five formats, a server, a network log, axe-core.

As a program, `python tests/visiting.py --measure`, it prints how soon the chat page can be used and
how soon an answer is seen: medians of visits to a server in a process of its own. Absolute times
depend on the machine, so no test asserts them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from conftest import ROOT, browser, free_port, served
from making_office import pptx, shape, slide
from making_pdf import Line, pdf
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from rag import Library, Settings
from ui.app import build_app
from ui.services import Services

AXE = ROOT / ".venv/axe/axe.min.js"
"""Where `make test` puts axe-core, from the npm registry."""

QUESTION = "#nq-question textarea"
SAID = "#nq-chat :is(.nq-answer, .nq-error)"

WAIT_MS = 20_000
expect.set_options(timeout=WAIT_MS)

MOST_TABS = 80
"""Presses of a key that lead from one end of a page to the other."""


class Asked(NamedTuple):
    """A question that one note answers.

    Attributes:
        words: of the note, which decide the answer.
    """

    document: str
    question: str
    words: str


OWLS = Asked(
    "birds/owls.md",
    "How do owls find mice in the dark?",
    "Owls find mice in the dark by the sound of their steps under leaves.",
)
TIDES = Asked(
    "coast/tides.pdf",
    "What causes a spring tide?",
    "A spring tide is caused by sun and moon pulling in one line.",
)
LEAVES = Asked(
    "plants/leaves.pptx",
    "Why are leaves green?",
    "Leaves are green because chlorophyll reflects green light.",
)
SORTING = Asked(
    "lab/sorting.ipynb",
    "When is insertion sort faster than merge sort?",
    "Insertion sort is faster than merge sort on lists that are nearly in order.",
)
VOLCANOES = Asked(
    "lectures/volcanoes.vtt",
    "What makes a volcano explode?",
    "A volcano explodes when gas cannot leave its thick magma.",
)
ASKED = (OWLS, TIDES, LEAVES, SORTING, VOLCANOES)

REFUSED = "Which bus goes to the swimming pool on Sundays?"
FOLLOW_UP = (OWLS.question, "Why do their wings make no noise?")


def _notes() -> Mapping[str, bytes]:
    cells = [
        {"cell_type": "markdown", "source": ["# Sorting\n", "\n", "How long sorting takes."]},
        {"cell_type": "code", "source": ["sorted([3, 1, 2])"], "outputs": []},
        {"cell_type": "markdown", "source": [SORTING.words, " It moves few elements then."]},
    ]
    return {
        OWLS.document: (
            f"# Owls\n\n## Hunting\n\n{OWLS.words} Their face gathers sound like a dish.\n\n"
            "## Wings\n\nThe wings of owls make no noise since their feathers end in soft "
            "fringes.\n\n## Nests\n\n| Owl | Nest |\n|---|---|\n| Barn owl | barns |\n"
        ).encode(),
        TIDES.document: pdf(
            [
                "Tides\n\nThe sea rises and falls twice a day.",
                [
                    Line(72, 72, "Spring and neap tides", 16, "bold"),
                    Line(72, 110, "A spring tide is caused by sun and moon", 11),
                    Line(72, 124, "pulling in one line.", 11),
                ],
            ],
            title="Tides",
        ),
        LEAVES.document: pptx(
            [
                slide(shape("Plants", "title") + shape("A lecture in two slides.", "body", 100)),
                slide(shape("Leaves", "title") + shape(LEAVES.words, "body", 100)),
            ]
        ),
        SORTING.document: json.dumps(
            {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        ).encode(),
        VOLCANOES.document: (
            b"WEBVTT\n\n00:00:01.000 --> 00:00:05.000\nToday we speak about volcanoes.\n\n"
            b"00:00:05.000 --> 00:00:09.000\nA volcano explodes when gas\n\n"
            b"00:00:09.000 --> 00:00:12.000\ncannot leave its thick magma.\n\n"
            b"00:00:12.000 --> 00:00:15.000\nThin magma flows out quietly.\n"
        ),
    }


def library_in(folder: Path, **settings: Any) -> Library:
    """Returns the five notes indexed with the packaged model: `folder/lib` of `folder/notes`."""
    for name, content in _notes().items():
        note = folder / "notes" / name
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_bytes(content)
    made = Settings(library=str(folder / "lib"), corpus=str(folder / "notes"), **settings)
    library = Library(made)
    library.index()
    return library


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serves the five notes in `folder` meanwhile, and yields the address, `http://…:1234`."""
    with served(build_app(Services.of(library_in(folder)))) as port:
        yield f"http://127.0.0.1:{port}"


def visit(browser: Browser, *, dark: bool = False, width: int = 1280, height: int = 800) -> Visit:
    """Returns a new visitor, whose browser knows nothing yet."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    return Visit(context)


class Visit:
    """A visitor with an open tab, and the network log of all tabs.

    Attributes:
        requested: addresses of all requests, in their order.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.requested: list[str] = []
        context.set_default_timeout(WAIT_MS)
        context.on("request", lambda request: self.requested.append(request.url))
        self._context = context
        self.page = context.new_page()

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def ask(self, question: str) -> None:
        """Asks in the chat page, by keyboard, and waits until something is said."""
        said = self.page.locator(SAID)
        before = said.count()
        self.page.locator(QUESTION).fill(question)
        self.page.keyboard.press("Enter")
        expect(said).to_have_count(before + 1)

    def open_citation(self) -> None:
        """Opens the first citation of the newest answer beside the chat."""
        self.page.locator(".nq-answer").last.locator("a[target=nq-source]").first.click()

    def marked(self) -> str:
        """Returns the words marked in the source beside the chat, one space between them."""
        frame = self.page.frame_locator("#nq-source iframe")
        # Of a page that is a picture, an area of it is scrolled to, and the words stand below it.
        expect(frame.locator("#marked")).to_be_in_viewport()
        return in_a_line(" ".join(frame.locator("mark").all_inner_texts()))

    def quoted(self, address: str, question: str) -> str:
        """Returns what the HTTP door quotes first for a question, one space between the words."""
        answer = self._context.request.post(f"{address}/api/v1/ask", data={"question": question})
        return in_a_line(answer.json()["citations"][0]["quote"])

    def reach(self, target: Locator, key: str = "Tab") -> None:
        """Presses a key until something has the focus."""
        for _ in range(MOST_TABS):
            if target.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{MOST_TABS} times {key} do not lead to {target}")

    def picture(self, name: str) -> None:
        """Keeps a picture of the tab in the folder named by SCREENSHOTS, if that is set."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png")


def in_a_line(text: str) -> str:
    """Returns words with one space between them."""
    return " ".join(text.split())


def axe(page: Page) -> list[str]:
    """Returns what axe-core finds wrong with a page that is serious or critical, a line each."""
    page.evaluate(AXE.read_text("utf-8"))
    # What stands in a frame is looked at as a page of its own.
    found = page.evaluate("axe.run(document, {iframes: false, resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html'][:200]} {' '.join(node['failureSummary'].split())}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


WATCH = f"""
const seen = (name, found) => {{
  const look = () => found() ? window[name] = performance.timeOrigin + performance.now()
    : requestAnimationFrame(look);
  look();
}};
seen("usableAt", () => document.querySelector("{QUESTION}")?.checkVisibility());
window.watchAnswer = (count) => {{
  window.answeredAt = 0;
  seen("answeredAt", () => document.querySelectorAll("{SAID}").length > count);
}};
"""
"""Notes the moments, in milliseconds since 1970, at which a frame is painted with these parts."""


def _measure(rounds: int) -> None:
    """Prints how soon the page is usable and an answer seen, in a process beside the server's."""
    folder = Path(tempfile.mkdtemp())
    library_in(folder)
    port = free_port()
    command = "from ui.cli import main; main()"
    options = ["--library", str(folder / "lib"), "--corpus", str(folder / "notes")]
    server = subprocess.Popen(
        [sys.executable, "-c", command, *options, "serve", "--port", str(port)]
    )
    try:
        with browser() as chromium:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address)
            _measure_visit(chromium, address)  # warms both
            visits = [_measure_visit(chromium, address) for _ in range(rounds)]
    finally:
        server.terminate()
        server.wait()
    for name in Moments._fields:
        values = [getattr(moments, name) for moments in visits]
        print(
            f"{name.replace('_', ' ')}: median {statistics.median(values):.0f} ms, "
            f"worst {max(values):.0f} ms, n = {len(values)}"
        )


class Moments(NamedTuple):
    """How long parts of one visit took, in milliseconds."""

    opened_to_first_paint: float
    first_paint_to_usable: float
    asked_to_reply: float
    reply_to_seen: float


def _measure_visit(chromium: Browser, address: str) -> Moments:
    with visit(chromium) as visitor:
        page = visitor.page
        page.add_init_script(WATCH)
        replies: list[float] = []
        wall: list[float] = []
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        # The log's clock has no date; a request says both its moment and the date.
        network.on(
            "Network.requestWillBeSent",
            lambda sent: wall.append(sent["wallTime"] - sent["timestamp"]),
        )
        network.on("Network.dataReceived", lambda part: replies.append(part["timestamp"]))
        page.goto(address)
        page.wait_for_function("window.usableAt")
        painted = page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
        usable = page.evaluate("usableAt - performance.timeOrigin")
        page.locator(QUESTION).fill(OWLS.question)
        page.wait_for_timeout(500)  # what the page asks when it opens is answered by then
        page.evaluate("watchAnswer(0)")
        asked = time.time() * 1000
        page.keyboard.press("Enter")
        page.wait_for_function("window.answeredAt")
        seen = page.evaluate("answeredAt")
        moments = [(moment + wall[-1]) * 1000 for moment in replies]
        reply = max(moment for moment in moments if moment <= seen)
        return Moments(painted, max(usable - painted, 0.0), reply - asked, seen - reply)


def _wait_for(address: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{address}/healthz", timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"{address} does not answer")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", type=int, nargs="?", const=20, metavar="VISITS", required=True)
    _measure(parser.parse_args().measure)
