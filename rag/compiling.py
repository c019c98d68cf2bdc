"""A sentence-transformers model is compiled once, and used only where it agrees with what it was.

`torch.export` traces the whole of it, pooling and normalisation included, for any number of texts
of any length; OpenVINO makes a network of that, which lies in the user's cache under the model's
fingerprint. A model that cannot be exported, or whose compiled form computes something else, is
remembered as refused, with the reason, and goes on being run by torch.

The only user of torch itself.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.cache import alone, filling
from rag.compiled import (
    NETWORK,
    READY,
    RECORD,
    SHORT,
    TOKENIZER,
    Agreement,
    CompiledEmbedder,
    Encoder,
    RefusedError,
    last_line,
    measured,
    place_of,
    read_encoder,
    runtime,
    short_network,
)
from rag.errors import ModelError
from rag.models import load_embedder
from rag.tokens import at_unit_length

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from rag.models import EmbeddingModel

    Vectors = NDArray[np.float32]

log = logging.getLogger(__name__)

WORST_COSINE = 0.999
"""Of a text's two vectors. The packaged model in bfloat16 has .99996."""

WORST_TOKEN = 0.99
"""Of a token's two vectors: tokens are compared by the signs of theirs, so they may differ more."""

FIRST = 10

TIE = 0.005
"""By how much of a cosine passages may differ and still change places at the edge of the first.

The packaged model in bfloat16 exchanges passages up to .0016 apart (400 of the shipped questions,
451 paragraphs of the shipped notes).
"""


def compile_model(folder: Path, fingerprint: str, name: str, *, anew: bool) -> None:
    """Compiles the model in `folder`; its form, or the reason against it, then lies at `place_of`.

    What is not the model's fault, such as a full disk, leaves nothing behind.

    Args:
        anew: also where another process has just done it.

    Raises:
        ModelError: the model does not load.
        OSError, RuntimeError: the cache cannot be written.
    """
    place = place_of(fingerprint)
    with alone(place):
        if anew or not _is_kept(place):
            _make(folder, fingerprint, name, place)


def _is_kept(place: Path) -> bool:
    try:
        return read_encoder(place) is not None
    except RefusedError:
        return True


def _make(folder: Path, fingerprint: str, name: str, place: Path) -> None:
    with filling(place) as part:
        model = load_embedder(folder, device="cpu")
        log.info("Compiling the model %s, which is done once and takes a while.", name)
        try:
            encoder = _compiled(model, part)
            agreement = _compared(model, CompiledEmbedder(part, encoder, name, fingerprint))
            record = replace(encoder, agreement=agreement).to_json()
            (part / READY).mkdir()
        except (RefusedError, ModelError) as error:
            record = json.dumps({"refused": str(error)}) + "\n"
            for file in part.iterdir():
                file.unlink()
        (part / RECORD).write_text(record, encoding="utf-8")


def _compiled(model: EmbeddingModel, folder: Path) -> Encoder:
    """Writes the network and the tokenizer into `folder`; how well they agree is not known yet."""
    openvino = runtime()
    tokens = _gives_tokens(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            network = openvino.convert_model(_exported(model, tokens))
        except MemoryError:
            raise
        except Exception as error:  # what exporting and converting raise is not listed anywhere
            raise RefusedError(
                f"it cannot be exported ({type(error).__name__}: {last_line(error)})"
            ) from error
    openvino.save_model(network, folder / NETWORK)  # weights as float16
    for length in SHORT:
        one = openvino.Core().read_model(folder / NETWORK)
        one.reshape({name: [1, length] for name in range(len(one.inputs))})
        openvino.save_model(one, folder / short_network(length))
    tokenizer = getattr(model.tokenizer, "backend_tokenizer", None)
    if tokenizer is None:
        raise RefusedError("its tokenizer has no fast form")
    tokenizer.save(str(folder / TOKENIZER))
    loaded = openvino.Core().compile_model(folder / NETWORK, "CPU")
    prompts = model.prompts
    usual = prompts.get(model.default_prompt_name or "", "")
    for_passages = (prompts[kind] for kind in ("document", "passage", "corpus") if kind in prompts)
    return Encoder(
        precision=loaded.get_property("INFERENCE_PRECISION_HINT").to_string(),
        runtime=version("openvino"),
        max_length=int(model.max_seq_length or 512),
        special=len(model.tokenizer("")["input_ids"]),
        padding=int(model.tokenizer.pad_token_id or 0),
        query_prompt=prompts.get("query", usual) or "",
        passage_prompt=next(for_passages, usual) or "",
        tokens=tokens,
        agreement=Agreement(0.0, None, 0.0, 0),
        files={file.name: measured(file) for file in sorted(folder.iterdir())},
    )


def _gives_tokens(model: EmbeddingModel) -> bool:
    """Returns whether the model gives vectors of tokens, of the same dimension as of texts."""
    output: Any = model.encode("a text", output_value=None, show_progress_bar=False)
    states = output.get("token_embeddings")
    return states is not None and states.shape[1:] == output["sentence_embedding"].shape


def _exported(model: EmbeddingModel, tokens: bool) -> torch.export.ExportedProgram:
    """Returns the model as a graph from numbers of tokens and their mask to unit vectors."""
    import torch

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor
        ) -> tuple[torch.Tensor, ...]:
            found = self.model({"input_ids": input_ids, "attention_mask": attention_mask})
            vectors = torch.nn.functional.normalize(found["sentence_embedding"], dim=-1)
            return (vectors, found["token_embeddings"]) if tokens else (vectors,)

    example = model.tokenizer(["A text.", "And a longer one."], padding=True, return_tensors="pt")
    shape = {
        0: torch.export.Dim("texts", min=1, max=4096),
        1: torch.export.Dim("length", min=2, max=int(model.max_seq_length or 512)),
    }
    with torch.no_grad():
        return torch.export.export(
            Whole().eval(),
            (example["input_ids"], example["attention_mask"]),
            dynamic_shapes=(shape, shape),
        )


def _compared(model: EmbeddingModel, embedder: CompiledEmbedder) -> Agreement:
    """Returns how near both models are to each other on the built-in sample.

    Raises:
        RefusedError: not near enough.
    """
    import numpy as np

    sample = json.loads(files("rag").joinpath("sample.json").read_text("utf-8"))
    passages, questions = sample["passages"], sample["questions"]
    wanted = _unit_vectors(model.encode_document(passages, show_progress_bar=False))
    asked = _unit_vectors(model.encode_query(questions, show_progress_bar=False))
    readings = [reading for text in questions for reading in embedder.read_queries([text])]
    got = embedder.embed_passages(passages)
    queried = np.stack([reading.vector for reading in readings])
    cosines = np.concatenate([(wanted * got).sum(axis=1), (asked * queried).sum(axis=1)])
    found = Agreement(
        worst_cosine=float(cosines.min()),
        worst_token=_worst_token(model, embedder, questions) if embedder.encoder.tokens else None,
        shortfall=_shortfall(asked @ wanted.T, queried @ got.T),
        texts=len(cosines),
    )
    if not found.worst_cosine >= WORST_COSINE:
        raise RefusedError(
            f"its compiled form gives other vectors: a text's two have a cosine of "
            f"{found.worst_cosine:.4f}, expected {WORST_COSINE} or more"
        )
    if found.worst_token is not None and not found.worst_token >= WORST_TOKEN:
        raise RefusedError(
            f"its compiled form gives other vectors of tokens: one token's two have a cosine of "
            f"{found.worst_token:.4f}, expected {WORST_TOKEN} or more"
        )
    if not found.shortfall <= TIE:
        raise RefusedError(
            f"its compiled form finds other passages: one of the first {FIRST} lies "
            f"{found.shortfall:.4f} behind those it displaces, expected {TIE} or less"
        )
    return found


def _unit_vectors(rows: Any) -> Vectors:
    import numpy as np

    vectors: Vectors = np.asarray(rows, dtype=np.float32)
    return at_unit_length(vectors)


def _worst_token(model: EmbeddingModel, embedder: CompiledEmbedder, texts: Sequence[str]) -> float:
    """Returns the least cosine of a token's two vectors.

    Raises:
        RefusedError: the texts are cut into other tokens.
    """
    outputs: Any = model.encode_query(list(texts), output_value=None, show_progress_bar=False)
    worst = 1.0
    for output, reading in zip(outputs, embedder.read_queries(texts), strict=True):
        real = output["attention_mask"].bool()
        if output["input_ids"][real].tolist() != reading.pieces.tolist():
            raise RefusedError("its texts are cut into other tokens without transformers")
        states = _unit_vectors(output["token_embeddings"][real].float().numpy())
        worst = min(worst, float((states * reading.states).sum(axis=1).min()))
    return worst


def _shortfall(wanted: Vectors, got: Vectors) -> float:
    """Returns how far the first passages by `got` lie behind the tenth by `wanted`, at most.

    Args:
        wanted, got: `(questions, passages)` cosines.
    """
    import numpy as np

    tenth = np.sort(wanted, axis=1)[:, -FIRST]
    first = np.argsort(-got, axis=1)[:, :FIRST]
    return float((tenth[:, None] - np.take_along_axis(wanted, first, axis=1)).max())
