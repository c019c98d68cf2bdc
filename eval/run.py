"""A library and a question set become a run file: every question by the path that `ask` uses.

A run file is JSON Lines. Its head names what was asked of what: the set, the notes, the settings,
the model, the code; and it keeps the text of the notes that the set quotes, with the places of
their chunks, so that a run can be scored after the notes have changed. Then one line a question:
what `ask --json` prints, or an error; an abstention also keeps the citations it withheld, since
whether a refusal was right is part of what is measured.

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
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

from eval.dataset import Question, load_questions, places
from rag import Library, NotesQAError, RunError

log = logging.getLogger(__name__)

PACKAGES = (
    *("notesqa", "sentence-transformers", "torch", "transformers", "faiss-cpu", "tantivy"),
    *("langchain-text-splitters", "numpy"),
)
"""Packages whose version may change what is found."""

COMPRESSED = ".xz"
"""A run file of this suffix is compressed once it is whole; ten passages a question are long."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back for one question: the JSON object of `ask --json`, or an error.

    Attributes:
        withheld: the citations of the answer that an abstention did not show, as JSON objects.
    """

    result: dict[str, Any] | None
    error: str | None = None
    withheld: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A run file in memory.

    Attributes:
        head: the object under `run` in the first line.
        outcomes: by question id, in the file's order.
    """

    path: Path
    head: dict[str, Any]
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def questions(self, file: Path | None = None) -> list[Question]:
        """Returns the questions of the set that the head names, or of `file` instead.

        Raises:
            QuestionSetError: the set is not there, or breaks its format.
            RunError: the head names no set, or one that is not there.
        """
        return load_questions(self.set_file(file), self.head.get("split") or None)

    def set_file(self, file: Path | None = None) -> Path:
        """Returns where the set is; raises as `questions` does."""
        named = self.head.get("questions")
        if file is None and not (isinstance(named, str) and Path(named).exists()):
            which = f"the set {named}, which is not here" if named else "a set it does not name"
            raise RunError(f"{self.path} asked {which}: name it with --questions FILE.")
        return file or Path(str(named))

    def same_set(self, file: Path | None = None) -> bool:
        """Returns whether the set is, to the byte, what was asked; also where that is not known."""
        digest = self.head.get("questions_sha256")
        return digest in (None, _sha256(self.set_file(file)))


def run_questions(
    library: Library,
    questions: Path,
    out: Path | None = None,
    *,
    split: str | None = None,
    overwrite: bool = False,
    progress: Progress = lambda *_: None,
) -> Run:
    """Asks every question of a set, writes the run file `out`, and returns the run.

    Where `out` holds a part of the same run, only the rest is asked; where it holds all of it,
    nothing is.

    Args:
        out: by default a file in the library's folder, another for everything that differs.
        split: the part of the set to ask; all of it by default.
        overwrite: whether another run in `out` gives way.

    Raises:
        QuestionSetError: the set breaks its format, or quotes what the notes do not say.
        LibraryError, ModelError: there is no library, or it was made with another model.
        RunError: `out` holds another run or cannot be written, or the notes were indexed anew
            while the run went on.
    """
    asked = load_questions(questions, split)
    library.ensure_ready()
    head = describe(library, questions, asked, split)
    out = out or library.folder / "runs" / f"{questions.stem}-{_identity(head)}.jsonl"
    if out.suffix == COMPRESSED and out.exists() and not overwrite:
        _same(out, load_run(out).head, head)
        return load_run(out)
    plain = out.with_suffix("") if out.suffix == COMPRESSED else out
    done = {} if overwrite else _resume(plain, head)
    with _writing(plain, fresh=not done) as file:
        if not done:
            file.write(_line({"run": head}))
        if len(done) < len(asked):
            library.search("Is the model loaded?", 1)  # which is no part of a question's time
        for number, question in enumerate(asked):
            progress("Asking", number, len(asked))
            if question.id not in done:
                file.write(_line({"id": question.id, **answer(library, question)}))
                file.flush()
    if library.status()["generation"] != head["generation"]:
        plain.unlink()
        raise RunError(
            "The notes were indexed anew while the run went on, so its answers come from two "
            "states: run it again."
        )
    if plain is not out:
        out.write_bytes(lzma.compress(plain.read_bytes(), preset=9))
        plain.unlink()
    return load_run(out)


def answer(library: Library, question: Question) -> dict[str, Any]:
    """Returns the line of one question without its id: a result, or the error that came instead.

    Whatever goes wrong costs one question: it is recorded, and scores zero.
    """
    try:
        draft = library.draft(question.question)
        shown = library.decide(question.question, draft)
    except NotesQAError as error:
        return {"error": str(error)}
    except Exception as error:
        log.exception("Question %s failed.", question.id)
        return {"error": f"{type(error).__name__}: {error}"}
    record: dict[str, Any] = {"result": shown.to_dict()}
    if not shown.answered:
        record["withheld"] = [citation.to_dict() for citation in draft.citations]
    return record


def in_memory(
    library: Library, questions: Sequence[Question], progress: Progress = lambda *_: None
) -> Run:
    """Returns a run of questions without writing it."""
    outcomes = {}
    for number, question in enumerate(questions):
        progress("Asking", number, len(questions))
        outcomes[question.id] = _outcome(answer(library, question), question.id)
    return Run(Path("this run"), {}, outcomes)


def describe(
    library: Library, file: Path, questions: Sequence[Question], split: str | None
) -> dict[str, Any]:
    """Returns the head of a run: what is about to be asked of what.

    Raises:
        QuestionSetError: a quote stands nowhere in the notes, or its document is not indexed.
    """
    texts = _quoted(library, questions)
    status = library.status()
    return {
        "questions": file.as_posix(),
        "questions_sha256": _sha256(file),
        "split": split,
        "asked": len(questions),
        "corpus": library.settings.corpus,
        "corpus_sha256": corpus_digest(library),
        "generation": status["generation"],
        "chunks": status["chunks"],
        "settings": asdict(library.settings),
        "model": library.embedder.name,
        "model_fingerprint": library.embedder.fingerprint,
        "backend": library.embedder.backend,
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


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def corpus_digest(library: Library) -> str:
    """Returns one digest of all that is indexed, paths and bytes."""
    lines = (f"{path}\0{digest}\n" for path, digest in sorted(library.digests().items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


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
        done = subprocess.run(command, capture_output=True, text=True, check=False)
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


# Files


def load_run(path: Path) -> Run:
    """Returns the run that a file holds, however far it got.

    Raises:
        RunError: it cannot be read, or a line is not what a run file holds.
    """
    lines = _lines(path)
    place = f"{path}, line 1"
    head = _record(lines[0], place).get("run") if lines else None
    if not isinstance(head, dict):
        raise RunError(
            f'{place}: expected the head of a run, {{"run": …}}; make one with notesqa eval run.'
        )
    outcomes: dict[str, Outcome] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        record = _record(line, place)
        name = record.get("id")
        if not isinstance(name, str):
            raise RunError(f"{place}: expected the id of a question.")
        if name in outcomes:
            raise RunError(f"{place}: question {name} stands twice.")
        outcomes[name] = _outcome(record, place)
    return Run(path, head, outcomes)


def _lines(path: Path) -> list[str]:
    """Returns the whole lines of a run file; what a killed run left unfinished is no line."""
    try:
        data = path.read_bytes()
        text = (lzma.decompress(data) if path.suffix == COMPRESSED else data).decode("utf-8")
    except (OSError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read as a run file: {error}.") from error
    *whole, rest = text.split("\n")
    if rest.strip():
        try:
            json.loads(rest)
            whole.append(rest)
        except json.JSONDecodeError:
            log.info("%s ends in the middle of a line.", path)
    return whole


def _record(line: str, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise RunError(f"{place}: not JSON ({error}).") from error
    if not isinstance(record, dict):
        raise RunError(f"{place}: expected a JSON object.")
    return record


def _outcome(record: Mapping[str, Any], place: str) -> Outcome:
    """Returns what a line says; raises RunError where scoring could not read it."""
    if isinstance(record.get("error"), str) and "result" not in record:
        return Outcome(None, record["error"])
    try:
        result = record["result"]
        if result["state"] not in ("answered", "abstained"):
            raise ValueError
        withheld = tuple(record.get("withheld", ()))
        for item in (*result["passages"], *result["citations"], *withheld):
            if not (isinstance(item["document"], str) and 0 <= item["start"] <= item["end"]):
                raise ValueError
        if not 0 <= result["confidence"] <= 1:
            raise ValueError
    except (TypeError, KeyError, ValueError) as problem:
        raise RunError(
            f"{place}: expected an error, or a result as notesqa ask --json prints it."
        ) from problem
    return Outcome(result, None, withheld)


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record).encode("ascii") + b"\n"


def _resume(path: Path, head: Mapping[str, Any]) -> dict[str, Outcome]:
    """Returns what a file holds of this very run, its unfinished last line cut off."""
    if not path.exists() or not _lines(path):
        return {}
    found = load_run(path)
    _same(path, found.head, head)
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        with path.open("r+b") as file:
            file.truncate(end)
    return load_run(path).outcomes


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
    decisive = {key: value for key, value in head.items() if key not in (*_INCIDENTAL, "commit")}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:10]


_INCIDENTAL = ("begun", "notes")
"""The hour makes no other run, and the digest of the corpus covers the notes."""


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Returns what differs between two heads, by name (`settings.lexical_weight`)."""
    found: dict[str, tuple[Any, Any]] = {}
    for key in (*one, *(key for key in other if key not in one)):
        if key in _INCIDENTAL:
            continue
        a, b = one.get(key), other.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found |= {f"{key}.{name}": pair for name, pair in differences(a, b).items()}
        elif a != b:
            found[key] = (a, b)
    return found


def _writing(path: Path, *, fresh: bool) -> Any:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb" if fresh else "ab")
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}.") from error
