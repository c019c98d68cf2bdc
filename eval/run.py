"""A library and a question set become a run file: every question by the path that `ask` uses.

Its head names the set, the notes, the settings, the model and the code; and it keeps the text of
the notes that the set quotes, with the places of their chunks, so that a run can be scored after
the notes have changed. An abstention keeps the citations it withheld, since whether a refusal was
right is part of what is measured.

Lines are appended as they come. A killed run goes on where it stopped, if nothing in its head has
changed meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import logging
import lzma
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO

from eval.conversation import Conversations
from eval.dataset import Question, load_questions, places
from eval.files import replacing
from eval.runfile import (
    COMPRESSED,
    INCIDENTAL,
    Outcome,
    Run,
    differences,
    load_run,
    parse_outcome,
    parse_run,
    sha256,
    whole_lines,
)
from eval.typos import with_typos
from rag import Library, NotesQAError, RunError, corpus_digest

log = logging.getLogger(__name__)

PACKAGES = (
    *("notesqa", "sentence-transformers", "torch", "transformers", "faiss-cpu", "tantivy"),
    *("langchain-text-splitters", "numpy", "rapidfuzz"),
)
"""Packages whose version may change what is found."""

Progress = Callable[[str, int, int], None]


def run_questions(
    library: Library,
    questions: Path,
    out: Path | None = None,
    *,
    split: str | None = None,
    typos: int | None = None,
    overwrite: bool = False,
    alone: bool = False,
    progress: Progress = lambda *_: None,
) -> Run:
    """Asks every question of a set, writes the run file `out`, and returns the run.

    Where `out` holds a part of the same run, only the rest is asked; where it holds all of it,
    nothing is.

    Args:
        out: by default a file in the library's folder, another for everything that differs.
        split: the part of the set to ask; all of it by default.
        typos: a seed, to ask with every third word misspelt; as the set is written by default.
        overwrite: whether another run in `out` gives way.
        alone: whether follow-ups are asked as if nothing had been asked before them.

    Raises:
        QuestionSetError: the set breaks its format, or quotes what the notes do not say.
        LibraryError, ModelError: there is no library, or it was made with another model.
        RunError: `out` holds another run or cannot be written, or the notes were indexed anew
            while the run went on.
    """
    asked = load_questions(questions, split)
    library.ensure_ready()
    head = describe(library, questions, asked, split, typos, alone)
    conversations = Conversations(library, alone=alone)
    out = out or library.folder / "runs" / f"{questions.stem}-{_identity(head)}.jsonl"
    _check_out(out, questions, overwrite)
    packed = out.suffix == COMPRESSED
    if packed and out.exists() and not overwrite and _is_whole(out, head, asked):
        return load_run(out)
    # A compressed file cannot grow: its run is written beside it first.
    draft = out.with_name(f".{out.name}.part") if packed else out
    done = {} if overwrite else _resume(draft, head)
    with _writing(draft, fresh=not done) as file:
        if not done:
            file.write(_line({"run": head}))
        if len(done) < len(asked):
            library.search("Is the model loaded?", 1)  # which is no part of a question's time
        for number, question in enumerate(asked):
            progress("Asking", number, len(asked))
            if question.id not in done:
                file.write(_line({"id": question.id, **answer(conversations, question, typos)}))
                file.flush()
    if library.generation != head["generation"]:
        draft.unlink()
        raise RunError(
            "The notes were indexed anew while the run went on, so its answers come from two "
            "states: run it again."
        )
    if packed:
        with replacing(out, RunError) as whole:
            whole.write_bytes(lzma.compress(draft.read_bytes(), preset=9))
        draft.unlink()
    return load_run(out)


def _check_out(out: Path, questions: Path, overwrite: bool) -> None:
    """Raises RunError where writing a run to `out` would destroy something else."""
    if out.exists() and out.samefile(questions):
        raise RunError(f"{out} is the question set: name another file with --out.")
    if not out.is_file() or overwrite:
        return
    begin = out.read_bytes()[:1]
    if out.suffix != COMPRESSED and begin not in (b"", b"{"):
        raise RunError(f"{out} is no run file: name another with --out, or add --overwrite.")


def _is_whole(out: Path, head: Mapping[str, Any], asked: Sequence[Question]) -> bool:
    """Returns whether a file holds all of this very run; raises RunError for another run."""
    lines = whole_lines(out)
    if not lines:
        return False
    found = parse_run(out, lines)
    _same(out, found.head, head)
    return all(question.id in found.outcomes for question in asked)


def _resume(path: Path, head: Mapping[str, Any]) -> dict[str, Outcome]:
    """Returns what a file holds of this very run, and makes it end in a whole line."""
    if not path.exists() or not (lines := whole_lines(path)):
        return {}
    found = parse_run(path, lines)
    _same(path, found.head, head)
    if not found.outcomes:
        return {}
    whole = "".join(f"{line}\n" for line in lines).encode("utf-8")
    if path.read_bytes() != whole:
        path.write_bytes(whole)
    return found.outcomes


def _same(path: Path, found: Mapping[str, Any], head: Mapping[str, Any]) -> None:
    """Raises RunError where a file holds a run of something else."""
    # The digests of code and notes say what a commit would.
    if differing := [name for name in differences(found, head) if name != "commit"]:
        raise RunError(
            f"{path} holds another run (different: {', '.join(differing)}): "
            "name another file with --out, or replace it with --overwrite."
        )


def _identity(head: Mapping[str, Any]) -> str:
    """Returns a short digest of all that makes a run another run."""
    decisive = {key: value for key, value in head.items() if key not in (*INCIDENTAL, "commit")}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:10]


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record).encode("ascii") + b"\n"


def _writing(path: Path, *, fresh: bool) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb" if fresh else "ab")
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}.") from error


def answer(
    conversations: Conversations, question: Question, typos: int | None = None
) -> dict[str, Any]:
    """Returns the line of one question without its id: a result, or the error that came instead.

    Whatever goes wrong costs one question: it is recorded, and scores zero.
    """
    written = question.question
    typed = written if typos is None else with_typos(written, typos, question.id)
    try:
        draft = conversations.draft(replace(question, question=typed))
        shown = conversations.library.decide(typed, draft)
    except NotesQAError as error:
        return {"error": str(error)}
    except Exception as error:
        log.exception("Question %s failed.", question.id)
        return {"error": f"{type(error).__name__}: {error}"}
    record: dict[str, Any] = {"result": shown.to_dict()}
    if typed != written:
        record["written"] = written
    if not shown.answered:
        record["withheld"] = [citation.to_dict() for citation in draft.citations]
    return record


def in_memory(
    library: Library, questions: Sequence[Question], progress: Progress = lambda *_: None
) -> Run:
    """Returns a run of questions without writing it."""
    outcomes = {}
    conversations = Conversations(library)
    for number, question in enumerate(questions):
        progress("Asking", number, len(questions))
        outcomes[question.id] = parse_outcome(answer(conversations, question), question.id)
    return Run(Path("this run"), {}, outcomes)


def describe(
    library: Library,
    file: Path,
    questions: Sequence[Question],
    split: str | None,
    typos: int | None,
    alone: bool,
) -> dict[str, Any]:
    """Returns the head of a run: what is about to be asked of what.

    Raises:
        QuestionSetError: a quote stands nowhere in the notes, or its document is not indexed.
    """
    texts = _quoted(library, questions)
    status = library.status()
    return {
        "questions": file.as_posix(),
        "questions_sha256": sha256(file),
        "split": split,
        "typos": typos,
        "asked": len(questions),
        "alone": alone,
        "corpus": library.settings.corpus,
        "corpus_sha256": corpus_digest(library.digests()),
        "generation": status["generation"],
        "chunks": status["chunks"],
        "settings": asdict(library.settings),
        "fit_sha256": hashlib.sha256(library.fit.to_json().encode()).hexdigest(),
        "model": library.embedder.name,
        "model_fingerprint": library.embedder.fingerprint,
        "backend": library.embedder.backend,
        "reranker_fingerprint": library.reranker.fingerprint if library.reranker else None,
        "packages": {name: _version(name) for name in PACKAGES},
        "commit": _commit(),
        "code_sha256": _code_digest(),
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "notes": {
            document: {
                "text": text,
                "chunks": [[span.start, span.end] for span in library.chunk_spans(document)],
            }
            for document, text in texts.items()
        },
    }


def _quoted(library: Library, questions: Sequence[Question]) -> dict[str, str]:
    """Returns the text of each document that is quoted; every quote stands in its own."""
    texts: dict[str, str] = {}

    def text_of(document: str) -> str:
        if document not in texts:
            texts[document] = library.source(document)
        return texts[document]

    for question in questions:
        for evidence in question.evidence:
            places(evidence, text_of, question.id)
    return dict(sorted(texts.items()))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Returns the commit of the working directory, `+` behind it where files differ from it."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def _code_digest() -> str:
    """Returns a digest of the code that finds and answers."""
    digest = hashlib.sha256()
    for file in sorted(Path(str(files("rag"))).rglob("*")):
        if file.suffix in (".py", ".json"):
            digest.update(file.read_bytes())
    return digest.hexdigest()
