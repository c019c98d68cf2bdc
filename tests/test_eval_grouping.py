from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from eval import grouping
from eval.grouping import SPREAD, group, most_central, telling_terms


def at(*degrees: float) -> NDArray[np.float32]:
    """Unit vectors in a plane, by their angles."""
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


LIMIT = math.degrees(math.acos(1 - SPREAD))
"""The angle between two questions that just belong together: 64.8 degrees."""


def grouped(vectors: NDArray[np.float32]) -> list[int]:
    n = len(vectors)
    return group(vectors, [()] * n, [0.0] * n).tolist()


@pytest.mark.parametrize("exact", [4_000, 1])
def test_all_questions_of_a_group_lie_within_the_spread(
    exact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "EXACT", exact)
    monkeypatch.setattr(grouping, "NEIGHBOURS", 2)
    assert grouped(at(0, LIMIT - 1, 180)) == [0, 0, 1]
    assert grouped(at(0, LIMIT + 1, 180)) == [0, 1, 2]
    # The middle one is near to both, and they are not near to each other.
    assert grouped(at(0, LIMIT - 10, 2 * LIMIT - 25)) == [0, 1, 1]


@pytest.mark.parametrize("exact", [4_000, 1])
@pytest.mark.parametrize(("confidence", "expected"), [(0.9, [0, 0, 1]), (0.1, [0, 1, 2])])
def test_passages_that_both_found_bring_questions_together_where_they_may_answer(
    exact: int, confidence: float, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "EXACT", exact)
    monkeypatch.setattr(grouping, "NEIGHBOURS", 2)
    # Of no likeness, they found the same: 0 + .9 is near enough, 0 + .1 is not.
    labels = group(at(0, 90, 180), [("a", "b"), ("a", "b"), ("c",)], [confidence] * 3)
    assert labels.tolist() == expected


def test_a_passage_counts_by_its_rank() -> None:
    # The first of one is the second of the other: (1·½ + ½·1) / (1 + ¼) = .8, and .8 · .5 = .4.
    swapped = [("a", "b"), ("b", "a")]
    assert group(at(0, 90), swapped, [0.5, 0.5]).tolist() == [0, 1]
    assert group(at(0, 88), swapped, [0.5, 0.5]).tolist() == [0, 0]  # .035 + .4 > .425


def test_no_question_and_one_are_groups_too() -> None:
    assert grouped(at()) == []
    assert grouped(at(30)) == [0]


@pytest.mark.parametrize("exact", [4_000, 1])
def test_groups_do_not_depend_on_the_order(exact: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "EXACT", exact)
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(8, 32))
    vectors = np.repeat(centres, 5, axis=0) + chance.normal(0, 0.3, (40, 32))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    found = grouped(vectors)
    assert found == [row // 5 for row in range(40)]
    order = chance.permutation(40)
    shuffled = grouped(vectors[order])
    together = {(found[a], shuffled[at]) for at, a in enumerate(order)}
    assert len(together) == len(set(found)) == len(set(shuffled))


def test_the_most_central_question_is_nearest_to_the_mean_and_the_shortest_of_those() -> None:
    assert most_central(at(0, 10, 80), ["a", "b", "c"]) == 1
    assert most_central(at(20, 20, 20), ["what is it", "it?", "is"]) == 2


def test_terms_tell_a_group_by_their_share_in_it_and_elsewhere() -> None:
    lora = ["What is LoRA?", "Is LoRA slow?", "LoRA rank"]
    rest = ["What is EWC?", "rank of a matrix", "slow training"]
    ((first, *others),) = telling_terms([lora], lora + rest, "english")
    # LoRA: 3/3 · log((3/3) / (3/6)) = .69; slow and rank: 1/3 · log((1/3) / (2/6)) = 0.
    assert (first, set(others)) == ("LoRA", {"slow", "rank"})


def test_a_term_is_written_as_most_questions_write_it() -> None:
    texts = ["Freezing layers", "freeze layers", "freezing the layers", "freezing"]
    assert "freezing" in telling_terms([texts], [*texts, "other words"], "english")[0]
    assert telling_terms([["How is that?"]], ["How is that?"], "english") == [()]
