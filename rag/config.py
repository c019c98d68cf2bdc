"""Settings: every knob with its default.

A command-line flag wins over an environment variable (`NOTESQA_CHUNK_TOKENS`), which wins over
`notesqa.toml` in the working directory, which wins over the default. A key that is not a field
of `Settings` is refused, wherever it stands.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rag.errors import SettingsError
from rag.languages import AUTO, LANGUAGES

PREFIX = "NOTESQA_"
FILE = Path("notesqa.toml")

TORCH, COMPILED = "torch", "compiled"
BACKENDS = (AUTO, COMPILED, TORCH)
"""What runs the embedding model; `auto` stands for the compiled form where it may be used."""

FIT = "fit.json"
"""The file in the library's folder that holds its own fit."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings with their defaults; `{name: what it does}` is `DESCRIPTIONS`.

    Raises:
        SettingsError: a value is out of range.
    """

    library: str = ".notesqa"
    corpus: str = "corpus"
    model: str = "all-MiniLM-L6-v2"
    backend: str = AUTO
    language: str = AUTO
    chunk_tokens: int = 240
    false_answers: float = 0.05
    spelling: bool = True
    passages: int = 10
    reranker: str = ""
    rerank_ms: int = 500
    max_file_mb: float = 50.0
    max_file_seconds: float = 60.0
    max_file_memory_mb: int = 1024
    max_question_chars: int = 2000
    log_questions: bool = True
    log_days: int = 90
    hosts: str = ""
    behind_proxy: bool = False
    asks_per_minute: int = 120
    uploads: bool = False
    question_sets: str = "eval/questions"
    objectives: str = ""
    least_askers: int = 3

    def __post_init__(self) -> None:
        for name, low, high in (
            ("chunk_tokens", 32, 8192),
            ("false_answers", 0, 1),
            ("passages", 1, 100),
            ("rerank_ms", 1, 600_000),
            ("max_file_mb", 0.001, 1000),
            ("max_file_seconds", 0.1, 3600),
            ("max_file_memory_mb", 256, 65_536),
            ("max_question_chars", 10, 100_000),
            ("log_days", 1, 36_500),
            ("asks_per_minute", 0, 1_000_000),
            ("least_askers", 1, 1000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(f"{name} is {value}; it must lie between {low} and {high}.")
        for name in ("library", "corpus"):
            if not getattr(self, name).strip():
                raise SettingsError(f"{name} is empty; it must name a folder.")
        for name, known in (("language", (AUTO, *LANGUAGES)), ("backend", BACKENDS)):
            if (value := getattr(self, name)) not in known:
                raise SettingsError(f"{name} is {value}; it must be one of {', '.join(known)}.")

    def reranking(self) -> dict[str, Any]:
        """Returns the settings that say how hits are reordered; none where they are not."""
        if not self.reranker:
            return {}
        return {
            "reranker": self.reranker,
            "rerank_ms": self.rerank_ms,
            "passages": self.passages,  # which says how many are reranked
        }


DESCRIPTIONS = {
    "library": "folder that holds the index",
    "corpus": "folder of notes",
    "model": "sentence-transformers model: the packaged one, or a name or folder of yours",
    "backend": "what runs the model: `compiled`, `torch`, or `auto`, compiled where both agree",
    "language": "of the notes, for word endings: `auto`, `none`, or a name such as `german`",
    "chunk_tokens": "longest passage, in tokens of the model",
    "false_answers": "share of unanswerable questions that may get an answer; more answers more",
    "spelling": "whether misspelt words of a question are repaired before the search",
    "passages": "passages returned with an answer",
    "reranker": "cross-encoder that reorders the best passages, by name or folder; none if empty",
    "rerank_ms": "milliseconds for that; passages it does not get to keep their places",
    "max_file_mb": "largest file that is indexed, in MB",
    "max_file_seconds": "longest that reading one file may take, in seconds",
    "max_file_memory_mb": "most memory that reading one file may take, in MB (on Linux)",
    "max_question_chars": "longest question, in characters",
    "log_questions": "whether questions are kept, on this machine, with what they got",
    "log_days": "days that they are kept for",
    "hosts": "names the server answers to beside loopback and its own address, with commas between",
    "behind_proxy": "whether a proxy on this machine says who asks and whether by HTTPS",
    "asks_per_minute": "questions that one who signed in may ask a minute; 0 for any number",
    "uploads": "whether instructors may put files among the notes on the library page",
    "question_sets": "folder of the question sets that the evaluation page offers",
    "objectives": "file of objectives that the coverage page begins with; none if empty",
    "least_askers": "people who must have asked for a group of questions to be shown, with sign-in",
}

_SWITCH = {"true": True, "false": False}


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] = os.environ,
    file: Path = FILE,
) -> Settings:
    """Returns the settings in force.

    Args:
        flags: values given on the command line; those that are None are not given.

    Raises:
        SettingsError: an unknown key, a value of the wrong type or out of range, or a file
            that is not TOML.
    """
    values: dict[str, Any] = {}
    for name, value in _read_file(file).items():
        values[name] = _convert(name, value, f"{file}")
    for variable, value in environment.items():
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower()
            values[name] = _convert(name, value, f"the environment ({variable})")
    for name, value in (flags or {}).items():
        if value is not None:
            values[name] = _convert(name, value, "the command line")
    return Settings(**values)


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file} cannot be read as TOML: {error}.") from error


def _convert(name: str, value: Any, source: str) -> Any:
    """Returns `value` as the type of the field's default."""
    defaults = {field.name: getattr(Settings(), field.name) for field in fields(Settings)}
    if name not in defaults:
        near = difflib.get_close_matches(name, defaults, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(defaults)}."
        raise SettingsError(f"Unknown setting {name} in {source}. {hint}")
    kind: type[str | int | float] = type(defaults[name])
    try:
        if kind is bool:
            return _SWITCH[str(value).lower()]
        if type(value) not in (kind, str, *((int,) if kind is float else ())):
            raise TypeError
        return kind(value)
    except (TypeError, ValueError, KeyError) as error:
        expected = "true or false" if kind is bool else kind.__name__
        raise SettingsError(f"{name} in {source} is {value!r}; expected {expected}.") from error
