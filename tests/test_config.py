from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import DESCRIPTIONS, NotesQAError, Settings, load_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "notesqa.toml"


def test_defaults_hold_where_nothing_is_given(file: Path) -> None:
    assert load_settings({}, {}, file) == Settings()
    assert not file.exists()


def test_every_setting_is_described() -> None:
    assert list(DESCRIPTIONS) == [field.name for field in fields(Settings)]
    assert all(DESCRIPTIONS.values())


def test_flag_wins_over_environment_over_file_over_default(file: Path) -> None:
    file.write_text("chunk_tokens = 100\npassages = 7\nmodel = 'of the file'\n", encoding="utf-8")
    environment = {"NOTESQA_CHUNK_TOKENS": "200", "NOTESQA_PASSAGES": "8", "HOME": "/"}
    settings = load_settings({"chunk_tokens": 300, "model": None}, environment, file)
    assert settings == Settings(chunk_tokens=300, passages=8, model="of the file")


def test_settings_come_from_the_working_directory_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notesqa.toml").write_text("passages = 3\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTESQA_LIBRARY", "elsewhere")
    settings = load_settings()
    assert (settings.passages, settings.library) == (3, "elsewhere")


@pytest.mark.parametrize("source", ["flags", "environment", "file"])
def test_an_unknown_key_is_refused_wherever_it_stands(file: Path, source: str) -> None:
    if source == "file":
        file.write_text("chunk_token = 100\n", encoding="utf-8")
    flags = {"chunk_token": 100} if source == "flags" else {}
    environment = {"NOTESQA_CHUNK_TOKEN": "100"} if source == "environment" else {}
    with pytest.raises(NotesQAError, match="Unknown setting chunk_token in .*chunk_tokens"):
        load_settings(flags, environment, file)


def test_an_unknown_key_near_none_lists_the_known_ones(file: Path) -> None:
    with pytest.raises(NotesQAError, match=f"Known: {', '.join(DESCRIPTIONS)}"):
        load_settings({"zzz": 1}, {}, file)


@pytest.mark.parametrize(
    "line",
    [
        "chunk_tokens = 'many'",
        "chunk_tokens = 240.5",
        "chunk_tokens = true",
        "chunk_tokens = [240]",
        "false_answers = 'half'",
        "false_answers = {a = 1}",
        "corpus = ['one', 'two']",
        "model = 5",
        "language = 5",
        "spelling = 1",
        "spelling = 'perhaps'",
    ],
)
def test_a_value_of_the_wrong_type_is_refused(file: Path, line: str) -> None:
    file.write_text(line, encoding="utf-8")
    name = line.split(maxsplit=1)[0]
    with pytest.raises(NotesQAError, match=f"{name} in .*notesqa.toml is .*; expected "):
        load_settings({}, {}, file)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("chunk_tokens", 31),
        ("chunk_tokens", 8193),
        ("false_answers", -0.01),
        ("false_answers", 1.01),
        ("false_answers", float("nan")),
        ("passages", 0),
        ("passages", 101),
        ("rerank_ms", 0),
        ("rerank_ms", 600_001),
        ("max_file_mb", 0),
        ("max_file_mb", float("inf")),
        ("max_question_chars", 9),
    ],
)
def test_a_value_out_of_range_is_refused(file: Path, name: str, value: float) -> None:
    with pytest.raises(NotesQAError, match=f"{name} is .* must lie between"):
        load_settings({name: value}, {}, file)


@pytest.mark.parametrize(
    ("name", "value"),
    [("chunk_tokens", 32), ("false_answers", 0.0), ("false_answers", 1.0), ("passages", 100)],
)
def test_the_ends_of_a_range_belong_to_it(file: Path, name: str, value: float) -> None:
    assert getattr(load_settings({name: value}, {}, file), name) == value


@pytest.mark.parametrize("language", ["auto", "none", "german", "tamil"])
def test_a_language_is_one_that_has_a_stemmer_or_none(file: Path, language: str) -> None:
    assert load_settings({}, {"NOTESQA_LANGUAGE": language}, file).language == language


@pytest.mark.parametrize("language", ["klingon", "German", ""])
def test_another_language_is_refused_with_those_there_are(file: Path, language: str) -> None:
    with pytest.raises(NotesQAError, match=f"language is {language}; .* auto, none, .*german"):
        load_settings({"language": language}, {}, file)


@pytest.mark.parametrize("said", ["false", "False", "FALSE"])
def test_a_switch_is_said_by_true_and_false(file: Path, said: str) -> None:
    assert Settings().spelling
    assert not load_settings({}, {"NOTESQA_SPELLING": said}, file).spelling
    file.write_text("spelling = false\n", encoding="utf-8")
    assert not load_settings({}, {}, file).spelling
    assert load_settings({}, {"NOTESQA_SPELLING": "true"}, file).spelling


@pytest.mark.parametrize("content", [b"chunk_tokens 100", b"model = '\xff'", None])
def test_a_file_that_is_not_toml_is_refused(file: Path, content: bytes | None) -> None:
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(NotesQAError, match="cannot be read as TOML"):
        load_settings({}, {}, file)


@given(
    chunk_tokens=st.integers(32, 8192),
    false_answers=st.floats(0, 1),
    max_question_chars=st.integers(10, 100_000),
)
def test_what_is_written_to_the_environment_is_read_back(
    chunk_tokens: int, false_answers: float, max_question_chars: int
) -> None:
    given_ = {
        "chunk_tokens": chunk_tokens,
        "false_answers": false_answers,
        "max_question_chars": max_question_chars,
    }
    environment = {f"NOTESQA_{name.upper()}": str(value) for name, value in given_.items()}
    assert load_settings({}, environment, Path("no/such/file")) == Settings(
        chunk_tokens=chunk_tokens,
        false_answers=false_answers,
        max_question_chars=max_question_chars,
    )


@pytest.mark.parametrize("name", ["library", "corpus"])
@pytest.mark.parametrize("value", ["", "  "])
def test_a_folder_must_have_a_name(name: str, value: str) -> None:
    with pytest.raises(NotesQAError, match=f"{name} is empty; it must name a folder"):
        load_settings({name: value}, {})
