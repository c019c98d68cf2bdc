from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rag.embedding import SentenceTransformerEmbedder, _reading
from rag.models import PACKAGED, find

TEXTS = [
    "Transfer learning",
    "What are the steps of fine-tuning a pretrained network on few labelled images?",
    "A model trained on one task begins another. " * 12,
    "",
    "Überanpassung, 学习 and 3.14!",
    "words " * 400,  # more than are read
]


# What a model puts out


def output(**more: Any) -> dict[str, Any]:
    import torch

    return {
        "sentence_embedding": torch.tensor([3.0, 4.0]),
        "token_embeddings": torch.tensor([[2.0, 0.0], [0.0, -3.0], [9.0, 9.0]]),
        "input_ids": torch.tensor([101, 7, 0]),
        "attention_mask": torch.tensor([1, 1, 0]),
        **more,
    }


def test_padding_is_no_token_and_rows_have_unit_length() -> None:
    found = _reading(output())
    assert found.vector.tolist() == pytest.approx([0.6, 0.8])
    assert (found.pieces.dtype, found.pieces.tolist()) == (np.int32, [101, 7])
    assert found.states.tolist() == [[1, 0], [0, -1]]


@pytest.mark.parametrize("missing", ["token_embeddings", "input_ids"])
def test_a_model_without_vectors_of_tokens_is_read_without(missing: str) -> None:
    said = {name: value for name, value in output().items() if name != missing}
    found = _reading(said)
    assert found.vector.tolist() == pytest.approx([0.6, 0.8])
    assert (found.pieces.shape, found.states.shape) == ((0,), (0, 2))
    assert found.packed() == b""


def test_tokens_of_another_dimension_than_their_text_are_left_out() -> None:
    import torch

    found = _reading(output(token_embeddings=torch.ones(3, 5)))
    assert found.vector.tolist() == pytest.approx([0.6, 0.8])
    assert (found.pieces.shape, found.states.shape) == ((0,), (0, 2))


# The packaged model


@pytest.fixture(scope="module")
def packaged() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(find(PACKAGED, ""), PACKAGED, "fingerprint", "asked for")


@pytest.mark.model
def test_a_reading_has_the_vector_of_its_text(packaged: SentenceTransformerEmbedder) -> None:
    vectors = packaged.embed_passages(TEXTS)
    readings = packaged.read_queries(TEXTS)  # the packaged model has no prompts
    for text, vector, read, kept in zip(
        TEXTS, vectors, readings, packaged.read_passages(TEXTS), strict=True
    ):
        assert (read.vector.dtype, read.states.dtype) == (np.float32, np.float32)
        np.testing.assert_allclose(read.vector, vector, atol=1e-5, err_msg=text[:40])
        np.testing.assert_allclose(kept.vector, vector, atol=1e-5, err_msg=text[:40])
        np.testing.assert_allclose(np.linalg.norm(read.states, axis=1), 1, atol=1e-5)


@pytest.mark.model
def test_a_reading_has_a_piece_for_each_token_and_the_two_special_ones(
    packaged: SentenceTransformerEmbedder,
) -> None:
    counts = [min(count, packaged.max_tokens) for count in packaged.count_tokens(TEXTS)]
    assert counts[-1] == packaged.max_tokens
    kept = packaged.read_passages(TEXTS)
    for count, read, packed in zip(counts, packaged.read_queries(TEXTS), kept, strict=True):
        assert len(read.pieces) == len(read.states) == count + 2
        assert read.pieces[[0, -1]].tolist() == [101, 102]  # [CLS] and [SEP]
        assert len(packed.tokens) == (count + 2) * (4 + 384 // 8)
        assert packed.tokens[: 4 * (count + 2)] == read.pieces.tobytes()


@pytest.mark.model
def test_texts_of_unequal_length_are_read_as_one_by_one(
    packaged: SentenceTransformerEmbedder,
) -> None:
    for text, found in zip(TEXTS, packaged.read_queries(TEXTS), strict=True):
        (alone,) = packaged.read_queries([text])
        assert found.pieces.tolist() == alone.pieces.tolist()
        np.testing.assert_allclose(found.states, alone.states, atol=1e-4)
        np.testing.assert_allclose(found.vector, alone.vector, atol=1e-5)
    assert packaged.read_passages([]) == []
