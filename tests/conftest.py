"""What several test files share: a small embedder, and the shipped notes indexed once."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import numpy as np
import pytest
import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI
from hypothesis import strategies as st
from numpy.typing import NDArray
from playwright.sync_api import Browser, sync_playwright

from rag import Fit, Library, Reading, Settings, chunking
from rag.confidence import SIGNALS
from rag.migrations import MIGRATIONS
from rag.store import FILE
from rag.tokens import Packed
from ui.auth import Users
from ui.cli import main

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "corpus"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUESTIONS = ROOT / "eval/questions/transfer-learning.jsonl"

# A busy machine is no failure.
hypothesis.settings.register_profile("notesqa", deadline=None)
hypothesis.settings.load_profile("notesqa")


class WordLengths:
    """An embedder one can compute by hand: how many words of 1, 2, … 16 letters a text has.

    A token is a word. `embedded` counts the texts it was asked for. `whole` are the words that its
    tokenizer holds.
    """

    name = "word-lengths"
    backend = "counting"
    why = "it is made for tests"
    precision = "exact"
    max_tokens = 254
    whole: Sequence[str] = ()

    def __init__(self, fingerprint: str = "word-lengths-1") -> None:
        self.fingerprint = fingerprint
        self.embedded: list[str] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def whole_words(self) -> Sequence[str]:
        return self.whole

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        return np.stack([self._embed(text) for text in texts])

    def read_passages(self, texts: Sequence[str]) -> list[Packed]:
        self.embedded += texts
        return [Packed(text.vector, text.packed()) for text in map(self._read, texts)]

    def read_queries(self, texts: Sequence[str]) -> list[Reading]:
        return [self._read(text) for text in texts]

    def _read(self, text: str) -> Reading:
        lengths = np.array([min(len(word), 16) for word in text.split()], dtype=np.int32)
        return Reading(self._embed(text), lengths, np.eye(17, dtype=np.float32)[lengths, 1:])

    @staticmethod
    def _embed(text: str) -> NDArray[np.float32]:
        vector = np.zeros(16, dtype=np.float32)
        for word in text.split():
            vector[min(len(word), 16) - 1] += 1
        return vector / max(float(np.linalg.norm(vector)), 1e-9)


@pytest.fixture
def embedder() -> WordLengths:
    return WordLengths()


class Done(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


Run = Callable[..., Done]


class Named(WordLengths):
    """Another model under another name."""

    def __init__(self, name: str, backend: str = "auto") -> None:
        super().__init__(f"word-lengths of {name}")
        self.name = name


def constant_fit(threshold: float, **conditions: str) -> Fit:
    """A fit by which every answer has confidence .5; by default that of notes in these tests."""
    made_with = {
        "model": Named(Settings().model).fingerprint,
        "chunking": f"{chunking.VERSION}:{Settings().chunk_tokens}",
        "language": "english",
    }
    return Fit(
        lexical_weight=0.025,
        means=dict.fromkeys(SIGNALS, 0.0),
        scales=dict.fromkeys(SIGNALS, 1.0),
        weights=dict.fromkeys(SIGNALS, 0.0),
        intercept=0.0,
        unanswerable=(round(threshold - 0.01, 2),),
        fitted_on={"conditions": made_with | conditions},
    )


def make_older(folder: Path, version: int) -> None:
    """Makes a library what format `version`, 1 or 2, held of it, by the SQL of that time."""
    vectors = "digest, vector, tokens" if version > 1 else "digest, vector"
    older = folder / "older"
    with closing(sqlite3.connect(older)) as db:
        for script in MIGRATIONS[:version]:
            db.executescript(script)
        db.executescript(
            f"""
            ATTACH '{folder / FILE}' AS now;
            INSERT INTO documents SELECT d.id, k.path, k.title, k.digest, d.text
                FROM now.current k JOIN now.documents d ON d.id = k.document;
            INSERT INTO chunks SELECT c.id, c.document, c.ordinal, c.start, c."end", c.headings,
                c.embedded, v.digest FROM now.chunks c JOIN now.vectors v ON v.id = c.vector;
            INSERT INTO units SELECT u.chunk, u.ordinal, u.kind, u.start, u."end", u.headings,
                u.embedded, v.digest FROM now.units u JOIN now.vectors v ON v.id = u.vector;
            INSERT INTO vectors ({vectors}) SELECT {vectors} FROM now.vectors;
            INSERT INTO skipped SELECT document, reason, message FROM now.skipped;
            DELETE FROM meta;
            INSERT INTO meta SELECT key, value FROM now.meta WHERE key <> 'state';
            PRAGMA user_version = {version};
            """
        )
        ((owner,),) = db.execute("PRAGMA now.application_id")
        db.execute(f"PRAGMA application_id = {owner}")
    os.replace(older, folder / FILE)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process, in an empty folder, with a model made of words."""
    for variable in [name for name in os.environ if name.startswith("NOTESQA_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rag.pipeline.ModelEmbedder", Named)
    monkeypatch.setattr("rag.pipeline.Fit.shipped", lambda: constant_fit(0.1))

    def run_(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["notesqa", *arguments])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as end:
            assert end.code is None or isinstance(end.code, int)
            status = end.code or 0
        return Done(status, *capsys.readouterr())

    return run_


def owls_in(folder: Path, **settings: Any) -> Library:
    """Returns a library, indexed: `folder/lib`, of the one note in `folder/notes`."""
    (folder / "notes").mkdir()
    (folder / "notes/owls.md").write_text(
        "# Owls\n\nOwls hunt at night, by their ears.\n", encoding="utf-8"
    )
    made = Settings(library=str(folder / "lib"), corpus=str(folder / "notes"), **settings)
    library = Library(made, WordLengths(), constant_fit(0.1))
    library.index()
    return library


def quick(users: Users) -> Users:
    """Makes the hashes of new passwords cost nothing, and that of nobody's."""
    users.__dict__["_hasher"] = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return users


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The shipped notes, indexed with the packaged model."""
    folder = tmp_path_factory.mktemp("shipped") / "library"
    library = Library(Settings(library=str(folder), corpus=str(CORPUS)))
    library.index()
    return library


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("Chromium is required here and not installed")
        pytest.skip("needs Chromium: install it, for instance with apt install chromium")
    with browser() as started:
        yield started


@contextmanager
def browser() -> Iterator[Browser]:
    """Starts Chromium meanwhile."""
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield started
        started.close()


def free_port() -> int:
    """Returns a port of loopback at which nothing listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(app: FastAPI, **config: Any) -> Iterator[int]:
    """Serves an application over a real connection meanwhile, and yields its port."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none", **config))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield port
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


def generated_notes() -> st.SearchStrategy[str]:
    """Markdown with everything that makes spans hard to get right, a byte-order mark left out."""
    said = (
        "the e.g. Fig. 3.14 $x.y$ `a.b` **b** [a](b.md) <i> | - e\u0301t\u00e9 \u5b66\u4e60\u3002"
    )
    word = st.sampled_from([*said.split(), "\U0001f600", "\U0001f469\u200d\U0001f467", "\t"])
    sentence = st.builds(
        "{}{}".format,
        st.lists(word | st.text("abc\u4e2d", min_size=1, max_size=40), min_size=1).map(" ".join),
        st.sampled_from([".", "!", '?"', ":", "", "\u3002"]),
    )
    lines = st.lists(sentence, min_size=1, max_size=3).map("\n".join)
    bullet = st.sampled_from(["- ", "* ", "  - ", "\t* ", "1. ", "(a) ", "\u27a2", "- [ ] "])
    row = st.builds("| {} | {} |".format, sentence, sentence)
    fence = st.sampled_from(["```", "~~~~", "````py"])
    block = st.one_of(
        lines,
        st.builds("{} {}".format, st.sampled_from(["#", "##", "###"]), sentence),
        st.builds("{}\n{}".format, sentence, st.sampled_from(["===", "---"])),
        st.lists(st.builds("{}{}".format, bullet, lines), min_size=1, max_size=5).map("\n".join),
        st.builds("{}\n|---|:-:|\n{}".format, row, st.lists(row, max_size=5).map("\n".join)),
        st.builds("{}\n{}\n{}".format, fence, lines, st.sampled_from(["```", "~~~~", "````", ""])),
        st.builds("$$\n{}\n$$".format, sentence),
        st.builds("    {}".format, lines),
        st.builds("> {}".format, lines),
        st.just("***"),
    )
    between = st.sampled_from(["\n\n", "\n", "\r\n\r\n", "\n \t\n"])
    text = st.lists(st.builds("{}{}".format, block, between), min_size=1, max_size=8).map("".join)
    return text | text.map(lambda text: text.replace("\r", "").replace("\n", "\r\n"))
