from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rag import Library
from rag.embedding import _reading

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


@pytest.mark.model
def test_a_reading_has_the_vector_of_its_text(shipped: Library) -> None:
    embedder = shipped.embedder
    vectors = embedder.embed_passages(TEXTS)
    for text, vector, found in zip(TEXTS, vectors, embedder.read_passages(TEXTS), strict=True):
        assert (found.vector.dtype, found.states.dtype) == (np.float32, np.float32)
        np.testing.assert_allclose(found.vector, vector, atol=1e-5, err_msg=text[:40])
        np.testing.assert_allclose(embedder.read_queries([text])[0].vector, vector, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(found.states, axis=1), 1, atol=1e-5)


@pytest.mark.model
def test_a_reading_has_a_piece_for_each_token_and_the_two_special_ones(shipped: Library) -> None:
    embedder = shipped.embedder
    counts = [min(count, embedder.max_tokens) for count in embedder.count_tokens(TEXTS)]
    assert counts[-1] == embedder.max_tokens
    for count, found in zip(counts, embedder.read_passages(TEXTS), strict=True):
        assert len(found.pieces) == len(found.states) == count + 2
        assert found.pieces[[0, -1]].tolist() == [101, 102]  # [CLS] and [SEP]
        assert len(found.packed()) == (count + 2) * (4 + 384 // 8)


@pytest.mark.model
def test_texts_of_unequal_length_are_read_as_one_by_one(shipped: Library) -> None:
    embedder = shipped.embedder
    together = embedder.read_passages(TEXTS)
    for text, found in zip(TEXTS, together, strict=True):
        (alone,) = embedder.read_passages([text])
        assert found.pieces.tolist() == alone.pieces.tolist()
        np.testing.assert_allclose(found.states, alone.states, atol=1e-4)
        np.testing.assert_allclose(found.vector, alone.vector, atol=1e-5)
    assert embedder.read_passages([]) == []
