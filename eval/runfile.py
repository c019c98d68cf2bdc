"""Run files: JSON Lines, a head that says what was asked of what, then one line a question.

A line holds the question's id, and what `ask --json` printed or the error that came instead. A line
of an abstention also keeps the citations that it withheld, and that of a question asked with typos
how the set has it. What the head says is `run.describe`.
"""

from __future__ import annotations

import hashlib
import logging
import lzma
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.dataset import Question, load_questions
from eval.files import read_json
from rag import RunError

log = logging.getLogger(__name__)

COMPRESSED = ".xz"
"""A run file of this suffix is compressed; ten passages a question are long."""

INCIDENTAL = ("begun", "notes")
"""What makes no other run: the hour, and the texts that the digest of the corpus covers."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back for one question: the JSON object of `ask --json`, or an error.

    Attributes:
        withheld: the citations of the answer that an abstention did not show, as JSON objects.
        written: the question in the words of the set, where it was asked in others.
    """

    result: dict[str, Any] | None
    error: str | None = None
    withheld: tuple[dict[str, Any], ...] = ()
    written: str | None = None

    @property
    def failed(self) -> bool:
        """Returns whether there is an error and no result."""
        return self.result is None

    @property
    def answered(self) -> bool:
        """Returns whether an answer was shown."""
        return bool(self._get("state") == "answered")

    @property
    def abstained(self) -> bool:
        """Returns whether the system said that the notes do not answer."""
        return bool(self._get("state") == "abstained")

    @property
    def passages(self) -> list[dict[str, Any]]:
        """Returns the passages, best first."""
        return list(self._get("passages") or ())

    @property
    def citations(self) -> list[dict[str, Any]]:
        """Returns the citations that were shown."""
        return list(self._get("citations") or ())

    @property
    def milliseconds(self) -> float | None:
        """Returns how long the question took, all stages; None where that is not known."""
        timings = self._get("timings_ms")
        return math.fsum(timings.values()) if timings else None

    def asked(self, question: Question) -> bool:
        """Returns whether it is the question that was asked, in its present words."""
        written = self._get("question") if self.written is None else self.written
        return written in (None, question.question)

    def _get(self, key: str) -> Any:
        return None if self.result is None else self.result.get(key)


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
        return digest in (None, sha256(self.set_file(file)))


def load_run(path: Path) -> Run:
    """Returns the run that a file holds, however far it got.

    Raises:
        RunError: it cannot be read, or a line is not what a run file holds.
    """
    return parse_run(path, whole_lines(path))


def parse_run(path: Path, lines: list[str]) -> Run:
    """Returns the run that the lines of a file hold; raises as `load_run` does."""
    place = f"{path}, line 1"
    head = _record(lines[0], place).get("run") if lines else None
    if not isinstance(head, dict):
        raise RunError(
            f'{place}: expected the head of a run, {{"run": …}}; make one with notesqa eval run.'
        )
    _check_head(head, place)
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
        outcomes[name] = parse_outcome(record, place)
    return Run(path, head, outcomes)


def whole_lines(path: Path) -> list[str]:
    """Returns the whole lines of a run file; what a killed run left unfinished is no line."""
    try:
        data = path.read_bytes()
        text = (lzma.decompress(data) if path.suffix == COMPRESSED else data).decode("utf-8")
    except (OSError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read as a run file: {error}.") from error
    *whole, rest = text.split("\n")
    if rest.strip():
        try:
            read_json(rest)
            whole.append(rest)
        except ValueError:
            log.info("%s ends in the middle of a line.", path)
    return whole


def _record(line: str, place: str) -> dict[str, Any]:
    try:
        record = read_json(line)
    except ValueError as error:
        raise RunError(f"{place}: not JSON ({error}).") from error
    if not isinstance(record, dict):
        raise RunError(f"{place}: expected a JSON object.")
    return record


def _check_head(head: Mapping[str, Any], place: str) -> None:
    """Raises RunError where a head says something that could not be read."""
    try:
        for name in ("settings", "packages"):
            if not isinstance(head.get(name, {}), dict):
                raise TypeError
        for note in head.get("notes", {}).values():
            if not isinstance(note["text"], str) or not all(map(_is_span, note["chunks"])):
                raise TypeError
    except (TypeError, KeyError, AttributeError) as error:
        raise RunError(f"{place}: expected a head as notesqa eval run writes it.") from error


def parse_outcome(record: Mapping[str, Any], place: str) -> Outcome:
    """Returns what a line says; raises RunError where scoring could not read it."""
    if isinstance(record.get("error"), str) and "result" not in record:
        return Outcome(None, record["error"])
    try:
        result = record["result"]
        withheld = tuple(record.get("withheld", ()))
        written = record.get("written")
        timings = result.get("timings_ms", {}).values()
        fine = (
            result["state"] in ("answered", "abstained")
            and 0 <= result["confidence"] <= 1
            and all(map(_is_place, result["passages"]))
            and all(_is_place(c) and isinstance(c["quote"], str) for c in result["citations"])
            and all(map(_is_place, withheld))
            and all(isinstance(s["text"], str) for s in result.get("sentences", ()))
            and all(0 <= time < math.inf for time in timings)
            and isinstance(written, str | None)
        )
    except (TypeError, KeyError, AttributeError):
        fine = False
    if not fine:
        raise RunError(f"{place}: expected an error, or a result as notesqa ask --json prints it.")
    return Outcome(result, None, withheld, written)


def _is_place(item: Mapping[str, Any]) -> bool:
    return isinstance(item["document"], str) and _is_span((item["start"], item["end"]))


def _is_span(ends: Any) -> bool:
    start, end = ends
    return type(start) is type(end) is int and 0 <= start <= end < 2**53


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Returns what differs between two heads, by name (`settings.lexical_weight`)."""
    found: dict[str, tuple[Any, Any]] = {}
    for key in (*one, *(key for key in other if key not in one)):
        if key in INCIDENTAL:
            continue
        a, b = one.get(key), other.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found |= {f"{key}.{name}": pair for name, pair in differences(a, b).items()}
        elif a != b:
            found[key] = (a, b)
    return found


def sha256(file: Path) -> str:
    """Returns the digest of a file's bytes."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
