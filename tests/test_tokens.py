from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag import Reading
from rag.tokens import TokenIndex

Tokens = Sequence[tuple[int, Sequence[float]]]


def reading(tokens: Tokens, dim: int = 2) -> Reading:
    """Returns a text of tokens, each a piece and a vector of any length."""
    states = np.array([vector for _, vector in tokens], dtype=np.float32).reshape(-1, dim)
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    pieces = np.array([piece for piece, _ in tokens], dtype=np.int32)
    return Reading(np.eye(1, dim, dtype=np.float32)[0], pieces, states)


def built(texts: Sequence[Reading], dim: int = 2) -> TokenIndex:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        TokenIndex.build(folder, (text.packed() for text in texts), dim)
        return TokenIndex(folder, dim)


def drawn(random: np.random.Generator, tokens: int, dim: int) -> Reading:
    states = random.standard_normal((tokens, dim)).astype(np.float32)
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    return Reading(states[0], random.integers(0, 9, tokens).astype(np.int32), states)


def by_loops(query: Reading, texts: Sequence[Reading], row: int) -> float:
    """Returns what `similarities` says, token by token."""
    total = weights = 0.0
    for piece, state in zip(query.pieces, query.states, strict=True):
        holding = sum(piece in text.pieces for text in texts)
        idf = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
        best = -math.inf
        for other in texts[row].states:
            signs = [1 if value > 0 else -1 for value in other]
            cosine = sum(float(a) * b for a, b in zip(state, signs, strict=True))
            best = max(best, cosine / math.sqrt(len(signs)))
        total += idf * best
        weights += idf
    return total / weights


# Packing


@pytest.mark.parametrize("dim", [1, 3, 7, 8, 9, 16, 384])
@pytest.mark.parametrize("tokens", [1, 5])
def test_what_is_packed_is_the_pieces_and_the_signs(dim: int, tokens: int) -> None:
    text = drawn(np.random.default_rng(dim), tokens, dim)
    packed = text.packed()
    width = math.ceil(dim / 8)
    assert len(packed) == tokens * (4 + width)
    pieces, signs = packed[: 4 * tokens], packed[4 * tokens :]
    assert np.frombuffer(pieces, dtype=np.int32).tolist() == text.pieces.tolist()
    bits = np.frombuffer(signs, dtype=np.uint8).reshape(tokens, width)
    unpacked: NDArray[np.uint8] = np.unpackbits(bits, axis=1)
    assert (unpacked[:, :dim] == (text.states > 0)).all()
    assert not unpacked[:, dim:].any()


def test_packed_bytes_by_hand() -> None:
    text = reading([(7, [0.5, -0.5, 0.1]), (258, [-1, 0, 2])], dim=3)
    assert text.packed() == bytes([7, 0, 0, 0, 2, 1, 0, 0, 0b10100000, 0b00100000])
    assert reading([]).packed() == b""


# Similarities

# One chunk of three holds piece 2, all hold piece 1, twice in one of them.
A, B = (1.0, 1.0), (1.0, -1.0)
CHUNKS = [
    reading([(1, A), (1, A)]),
    reading([(1, B), (2, B)]),
    reading([(1, A), (5, B)]),
]
COMMON = math.log(1 + 0.5 / 3.5)
RARE = math.log(1 + 2.5 / 1.5)
UNSEEN = math.log(1 + 3.5 / 0.5)
ROWS = np.arange(3)


def test_tokens_weigh_by_hand() -> None:
    index = built(CHUNKS)
    # A and B are at right angles, and are their own signs: cosines are 1 and 0.
    found = index.similarities(reading([(1, A), (2, B)]), ROWS)
    assert found.tolist() == pytest.approx(
        [COMMON / (COMMON + RARE), RARE / (COMMON + RARE), 1], abs=1e-6
    )
    assert round(COMMON, 4) == 0.1335
    assert round(RARE, 4) == 0.9808
    opposite = index.similarities(reading([(1, (-1.0, -1.0))]), ROWS)
    assert opposite.tolist() == pytest.approx([-1, 0, 0], abs=1e-6)


@pytest.mark.parametrize("piece", [0, 3, 6, 30_000])
def test_a_piece_that_no_chunk_holds_weighs_most(piece: int) -> None:
    # 0 and 3 lie among those counted, 6 and 30,000 beyond.
    found = built(CHUNKS).similarities(reading([(1, A), (piece, B)]), ROWS)
    share = COMMON / (COMMON + UNSEEN)
    assert found.tolist() == pytest.approx([share, 1 - share, 1], abs=1e-6)


def test_one_rare_token_counts_for_more_than_several_common_ones() -> None:
    texts = [reading([(1, A), (2, A), (3, A)]) for _ in range(9)] + [
        reading([(1, B), (2, B), (3, B), (4, B)])
    ]
    common = [(piece, A) for piece in (1, 2, 3)]
    found = built(texts).similarities(reading([*common, (4, B)]), np.array([0, 9]))
    # Three tokens of ln(1 + 0.5 / 10.5) = 0.0465 against one of ln(1 + 9.5 / 1.5) = 1.9924.
    assert found.tolist() == pytest.approx([0.0655, 0.9345], abs=1e-4)


def test_a_token_that_is_asked_twice_counts_twice() -> None:
    found = built(CHUNKS).similarities(reading([(1, A), (1, A), (1, B)]), ROWS)
    assert found.tolist() == pytest.approx([2 / 3, 1 / 3, 1], abs=1e-6)


def test_a_reading_without_tokens_is_like_nothing() -> None:
    found = built(CHUNKS).similarities(reading([]), ROWS)
    assert (found.dtype, found.tolist()) == (np.float32, [0, 0, 0])


@pytest.mark.parametrize("texts", [[reading([])] * 3, [*CHUNKS[:2], reading([])]])
def test_chunks_without_tokens_make_all_alike(texts: list[Reading]) -> None:
    found = built(texts).similarities(reading([(1, A)]), ROWS)
    assert (found.dtype, found.tolist()) == (np.float32, [0, 0, 0])


def test_the_index_of_no_chunks_opens() -> None:
    index = built([])
    assert index.similarities(reading([]), ROWS[:0]).tolist() == []
    assert index.similarities(reading([(1, A)]), ROWS[:0]).tolist() == []


def test_a_text_is_most_like_itself() -> None:
    random = np.random.default_rng(3)
    texts = [drawn(random, 6, 64) for _ in range(20)]
    index = built(texts, 64)
    for row, text in enumerate(texts):
        assert int(index.similarities(text, np.arange(20)).argmax()) == row


@given(
    seed=st.integers(0, 10**6),
    dim=st.sampled_from([1, 2, 3, 7, 8, 9, 17]),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    asked=st.integers(1, 5),
    data=st.data(),
)
def test_similarities_are_those_of_a_loop_over_tokens(
    seed: int, dim: int, lengths: list[int], asked: int, data: st.DataObject
) -> None:
    random = np.random.default_rng(seed)
    texts = [drawn(random, tokens, dim) for tokens in lengths]
    query = drawn(random, asked, dim)
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1))
    found = built(texts, dim).similarities(query, np.array(rows))
    assert (found.shape, found.dtype) == ((len(rows),), np.float32)
    expected = [by_loops(query, texts, row) for row in rows]
    np.testing.assert_allclose(found, expected, atol=1e-5)
