"""An embedder that needs no torch: a compiled network, run by OpenVINO, and a tokenizer.

`rag.compiling` makes the folder that it reads. A short query that comes alone is padded to one of
`SHORT` lengths, for each of which there is a network of that shape and of one thread; where the
shape is open, as for the other queries, each run prepares itself anew. On two busy cores, 400
queries each, medians: 2.8 ms instead of 4.2 for 16 tokens, 3.5 instead of 4.9 for 32. Passages have
a network of throughput; they go longest first, in batches of `BATCH_TOKENS`, while the next ones
are cut into tokens. Every network is loaded at the first text that needs it.

The only user of tokenizers; OpenVINO's telemetry is switched off before its import.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.cache import cache_folder
from rag.errors import ModelError
from rag.tokens import Packed, Reading, at_unit_length, pack, whole_words_of

if TYPE_CHECKING:
    import numpy as np
    import openvino
    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer

    Vectors = NDArray[np.float32]
    Numbers = NDArray[np.int64]

NETWORK, TOKENIZER, RECORD = "model.xml", "tokenizer.json", "encoder.json"

SHORT = (16, 32)
"""Lengths of queries, in tokens, special ones included, that have networks of their own."""

READY = "ready"
"""The folder in which OpenVINO keeps those networks as they were after loading.

Good for its path alone. From there a process loads one in .44 s of processor time, import included,
instead of .79 (the least of ten).
"""

FORMAT = "2"
"""Changes whenever the same model would be compiled otherwise; those kept are then made anew."""

BATCH_TOKENS = 2048
"""Tokens of one batch, padding included.

Passages of 256 tokens, two streams on two cores: 124 a second in twos, 129 in fours and eights,
127 in sixteens; of 46 tokens: 598 in eights, 708 in sixteens and in thirty-twos.
"""

SLICE = 256
"""Texts cut into tokens at a time, while the network reads those before."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near the compiled model is to the one it was made of, on the built-in sample.

    Attributes:
        worst_cosine: of a text's two vectors.
        worst_token: the same for the vectors of a token; None where the model gives none.
        shortfall: by how much, in cosines, one of the ten passages that the compiled model finds
            first lies behind the tenth of the other, at most.
        texts: how many were compared.
    """

    worst_cosine: float
    worst_token: float | None
    shortfall: float
    texts: int


@dataclass(frozen=True, slots=True)
class Encoder:
    """What a compiled model's record says.

    Attributes:
        precision: of the arithmetic (`bf16`, `f32`).
        runtime: the version of OpenVINO.
        max_length: tokens that are read of a text, special ones included.
        special: how many special tokens a text gets.
        padding: the number of the token that fills a batch up.
        query_prompt, passage_prompt: what stands in front of every text.
        tokens: whether it gives vectors of tokens.
        files: size and checksum of each, by name.
    """

    precision: str
    runtime: str
    max_length: int
    special: int
    padding: int
    query_prompt: str
    passage_prompt: str
    tokens: bool
    agreement: Agreement
    files: dict[str, tuple[int, str]]

    def to_json(self) -> str:
        """Returns the text that `read_encoder` reads."""
        return json.dumps(asdict(self), indent=1) + "\n"


def place_of(fingerprint: str) -> Path:
    """Returns where the compiled form of a model is kept, whether it is there or not.

    Raises:
        OSError: there is no place for caches.
    """
    from importlib.metadata import version

    content = f"{FORMAT}\0{fingerprint}\0{version('openvino')}"
    return cache_folder() / "encoders" / hashlib.sha256(content.encode()).hexdigest()[:32]


class RefusedError(Exception):
    """A model is not to be compiled; the message says why."""


def read_encoder(folder: Path) -> Encoder | None:
    """Returns the record of the compiled model in a folder; None where it is not there whole.

    Raises:
        RefusedError: it was compiled, and may not be used.
    """
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if "refused" in found:
            raise RefusedError(found["refused"])
        files = {name: (size, digest) for name, (size, digest) in found["files"].items()}
        agreement = Agreement(**found["agreement"])
        encoder = Encoder(**{**found, "agreement": agreement, "files": files})
        whole = all((folder / name).stat().st_size == size for name, (size, _) in files.items())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return encoder if whole else None


def short_network(length: int) -> str:
    """Returns the name of the file with the network for one query of that length."""
    return f"query-{length}.xml"


def measured(file: Path) -> tuple[int, str]:
    """Returns the size and the checksum of a file, as the record keeps them."""
    with file.open("rb") as handle:
        return file.stat().st_size, hashlib.file_digest(handle, "sha256").hexdigest()


def last_line(error: Exception) -> str:
    """Returns what an error of OpenVINO or torch says last, which is what it is about."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no reason is given"


def runtime() -> Any:
    """Returns the module of OpenVINO, which sends nothing anywhere."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class CompiledEmbedder:
    """The model in a folder that `rag.compiling` made; methods as in `rag.embedding.Embedder`."""

    def __init__(self, folder: Path, encoder: Encoder, name: str, fingerprint: str) -> None:
        """Args: `name` and `fingerprint` of the model that it was compiled from."""
        self.name = name
        self.fingerprint = fingerprint
        self.encoder = encoder
        self._folder = folder
        self._loaded: dict[int, openvino.InferRequest] = {}

    @property
    def backend(self) -> str:
        return f"compiled (OpenVINO {self.encoder.runtime}, {self.encoder.precision})"

    @property
    def precision(self) -> str:
        return f"openvino {self.encoder.precision}"

    @property
    def max_tokens(self) -> int:
        return self.encoder.max_length - self.encoder.special

    @property
    def why(self) -> str:
        for name, written in self.encoder.files.items():
            if measured(self._folder / name) != written:
                raise ModelError(
                    f"The compiled model's {name} is not what was written: make it anew with "
                    f"notesqa model compile {self.name}."
                )
        found = self.encoder.agreement
        return (
            f"it agrees with the uncompiled model on {found.texts} texts, "
            f"worst cosine {found.worst_cosine:.5f}"
        )

    def _tokenizer(self) -> Tokenizer:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from tokenizers import Tokenizer

        found = Tokenizer.from_file(str(self._folder / TOKENIZER))
        found.no_padding()
        found.no_truncation()
        return found

    @cached_property
    def _counting(self) -> Tokenizer:
        return self._tokenizer()

    @cached_property
    def _cutting(self) -> Tokenizer:
        cutting = self._tokenizer()
        cutting.enable_truncation(self.encoder.max_length)
        return cutting

    @cached_property
    def _queries(self) -> openvino.InferRequest:
        return self._network(NETWORK, "LATENCY", {}).create_infer_request()

    def _short(self, length: int) -> openvino.InferRequest:
        """Returns the network for one query of that length."""
        if length not in self._loaded:
            ready = self._folder / READY
            more = {"INFERENCE_NUM_THREADS": "1"}
            if ready.is_dir():
                more |= {"CACHE_DIR": str(ready), "CACHE_MODE": "OPTIMIZE_SPEED"}
            network = self._network(short_network(length), "LATENCY", more)
            self._loaded[length] = network.create_infer_request()
        return self._loaded[length]

    @cached_property
    def _passages(self) -> openvino.CompiledModel:
        return self._network(NETWORK, "THROUGHPUT", {})

    def _network(self, file: str, hint: str, more: Mapping[str, str]) -> openvino.CompiledModel:
        settings = {
            "PERFORMANCE_HINT": hint,
            "INFERENCE_PRECISION_HINT": self.encoder.precision,
            **more,
        }
        try:
            return runtime().Core().compile_model(self._folder / file, "CPU", settings)
        except RuntimeError as error:
            raise ModelError(
                f"The compiled model does not load ({last_line(error)}): make it anew with "
                f"notesqa model compile {self.name}."
            ) from error

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        encoded = self._counting.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(text) for text in encoded]

    def whole_words(self) -> list[str]:
        vocabulary = self._cutting.get_vocab()
        return whole_words_of(sorted(vocabulary, key=lambda token: vocabulary[token]))

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        found: dict[int, Vectors] = {}

        def keep(places: Sequence[int], _: Sequence[Encoding], outputs: Sequence[Vectors]) -> None:
            found.update(zip(places, outputs[0].copy(), strict=True))

        self._read(texts, keep)
        return np.stack([found[place] for place in range(len(texts))])

    def read_passages(self, texts: Sequence[str]) -> list[Packed]:
        found: dict[int, Packed] = {}

        def keep(
            places: Sequence[int], encoded: Sequence[Encoding], outputs: Sequence[Vectors]
        ) -> None:
            vectors = outputs[0].copy()
            for row, (place, text) in enumerate(zip(places, encoded, strict=True)):
                tokens = b""
                if self.encoder.tokens:
                    tokens = pack(text.ids, outputs[1][row, : len(text.ids)])
                found[place] = Packed(vectors[row], tokens)

        self._read(texts, keep)
        return [found[place] for place in range(len(texts))]

    def read_queries(self, texts: Sequence[str]) -> list[Reading]:
        import numpy as np

        if not texts:
            return []
        prompt = self.encoder.query_prompt
        encoded = self._cutting.encode_batch_fast([prompt + text for text in texts])
        longest = max(len(text.ids) for text in encoded)
        short = next((length for length in SHORT if longest <= length), None)
        network = self._short(short) if short and len(texts) == 1 else self._queries
        inputs = _padded(encoded, self.encoder.padding, short or longest)
        outputs = [np.array(rows) for rows in network.infer(inputs).values()]
        readings = []
        for row, text in enumerate(encoded):
            length = len(text.ids) if self.encoder.tokens else 0
            vector = outputs[0][row]
            states = np.empty((0, len(vector)), np.float32)
            if length:
                states = at_unit_length(outputs[1][row, :length])
            readings.append(Reading(vector, np.array(text.ids[:length], np.int32), states))
        return readings

    def _read(
        self,
        texts: Sequence[str],
        keep: Callable[[Sequence[int], Sequence[Encoding], Sequence[Vectors]], None],
    ) -> None:
        """Has the network read passages, and gives `keep` what it put out for each batch.

        What it puts out is its own, and good until `keep` returns.

        Raises:
            Exception: what `keep` raised first.
        """
        failed: list[BaseException] = []

        def done(request: Any, batch: tuple[list[int], list[Encoding]]) -> None:
            try:
                keep(*batch, [tensor.data for tensor in request.output_tensors])
            except BaseException as error:  # raised again below: this thread has no caller
                failed.append(error)

        queue = runtime().AsyncInferQueue(self._passages)
        queue.set_callback(done)
        for batch in self._batches(texts):
            longest = max(len(text.ids) for text in batch[1])
            queue.start_async(_padded(batch[1], self.encoder.padding, longest), batch)
        queue.wait_all()
        if failed:
            raise failed[0]

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[Encoding]]]:
        """Yields places and tokens of the texts, longest first, `BATCH_TOKENS` at a time."""
        prompt = self.encoder.passage_prompt
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        for start in range(0, len(order), SLICE):
            places = order[start : start + SLICE]
            encoded = self._cutting.encode_batch_fast([prompt + texts[place] for place in places])
            by_length = sorted(zip(places, encoded, strict=True), key=lambda one: -len(one[1].ids))
            while by_length:
                size = max(1, BATCH_TOKENS // max(1, len(by_length[0][1].ids)))
                batch, by_length = by_length[:size], by_length[size:]
                yield [place for place, _ in batch], [text for _, text in batch]


def _padded(encoded: Sequence[Encoding], padding: int, length: int) -> list[Numbers]:
    """Returns the numbers of the tokens and the mask of the real ones, `(texts, length)` each."""
    import numpy as np

    numbers = np.full((len(encoded), max(length, 2)), padding, dtype=np.int64)
    real = np.zeros_like(numbers)
    for row, text in enumerate(encoded):
        numbers[row, : len(text.ids)] = text.ids
        real[row, : len(text.ids)] = 1
    return [numbers, real]
