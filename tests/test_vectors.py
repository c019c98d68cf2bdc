from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag import vectors
from rag.vectors import NEAREST, RECALL, HalfRows, Search

DIM = 32
Numbers = NDArray[np.float32]


def unit(values: Numbers) -> Numbers:
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def clustered(size: int, clusters: int, seed: int = 0) -> Numbers:
    random = np.random.default_rng(seed)
    centres = unit(random.standard_normal((clusters, DIM), dtype=np.float32))
    noise = random.standard_normal((size, DIM), dtype=np.float32) / np.sqrt(DIM)
    return unit(centres[random.integers(0, clusters, size)] + 0.8 * noise)


def rows_of(folder: Path, values: Numbers) -> HalfRows:
    assert HalfRows.write(folder / "rows", (row.tobytes() for row in values)) == len(values)
    return HalfRows(folder / "rows", values.shape[1])


def test_rows_are_mapped_and_are_those_of_half_precision(tmp_path: Path) -> None:
    values = clustered(20_000, 9)
    rows = rows_of(tmp_path, values)
    base = rows._bits
    while not isinstance(base, np.memmap):
        base = base.base  # type: ignore[assignment]
    assert (tmp_path / "rows").stat().st_size == values.size * 2
    some = np.array([3, 0, 19_999, 3])
    assert (rows.at(some) == values[some].astype(np.float16)).all()
    assert len(rows) == 20_000


@given(
    values=st.lists(st.floats(-1, 1, width=16), min_size=4, max_size=4),
    query=st.lists(st.floats(-1, 1, width=16), min_size=4, max_size=4),
)
def test_similarities_are_products_of_what_is_stored(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], query: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    rows = rows_of(folder, np.array([values], dtype=np.float32))
    found = rows.similarities(np.array(query, dtype=np.float32), np.array([0]))
    exact = sum(a * b for a, b in zip(values, query, strict=True))
    assert float(found[0]) == pytest.approx(exact, abs=1e-6)


def test_ten_nearest_are_as_near_as_those_of_whole_precision(tmp_path: Path) -> None:
    values = clustered(5000, 100)
    Search.build(tmp_path, rows_of(tmp_path, values), DIM)
    search = Search(tmp_path)
    for query in unit(clustered(50, 100, seed=1)):
        found = values[search.nearest(query, 10)] @ query
        np.testing.assert_allclose(found, np.sort(values @ query)[:-11:-1], atol=5e-4)


def test_no_vectors_are_searched_for_nothing(tmp_path: Path) -> None:
    assert Search.build(tmp_path, rows_of(tmp_path, np.empty((0, DIM), np.float32)), DIM) == "exact"
    assert Search(tmp_path).nearest(np.zeros(DIM, np.float32), 5).tolist() == []


def test_many_vectors_are_searched_in_lists_and_the_recall_is_what_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EXACT", 2000)
    values = clustered(6000, 120)
    how = Search.build(tmp_path, rows_of(tmp_path, values), DIM)
    said = float(how.removeprefix("approximate, recall@10 ").removesuffix(" of exact"))
    search = Search(tmp_path)
    assert 1 <= search._index.nprobe < search._index.nlist  # fewer lists than all
    queries = unit(values[::30] + 0.5 * unit(clustered(200, 200, seed=3)))
    found = 0
    for query in queries:
        nearest = np.argsort(-(values @ query))[:NEAREST]
        found += len({*nearest.tolist()} & {*search.nearest(query, NEAREST).tolist()})
    assert said >= RECALL
    assert found / (NEAREST * len(queries)) >= RECALL - 0.03  # other queries than those measured


@pytest.mark.parametrize("exact", [2000, 10_000])
def test_of_some_rows_every_one_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: int
) -> None:
    monkeypatch.setattr(vectors, "EXACT", exact)
    values = clustered(6000, 120)
    assert Search.build(tmp_path, rows_of(tmp_path, values), DIM).startswith("exact") == (
        exact > 6000
    )
    search = Search(tmp_path)
    for start, stop in ((0, 6000), (100, 130), (2500, 5000), (5999, 6000), (7, 7)):
        for query in unit(clustered(20, 100, seed=1)):
            found = search.nearest(query, NEAREST, range(start, stop))
            nearest = np.sort(values[start:stop] @ query)[::-1][:NEAREST]
            assert len(set(found.tolist())) == len(nearest)
            assert set(found.tolist()) <= set(range(start, stop))
            np.testing.assert_allclose(values[found] @ query, nearest, atol=5e-4)
    assert len(search.nearest(query, NEAREST)) == NEAREST  # the next question asks all rows again


def test_copies_do_not_spoil_the_recall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "EXACT", 2000)
    values = np.repeat(clustered(300, 30), 20, axis=0)
    how = Search.build(tmp_path, rows_of(tmp_path, values), DIM)
    said = float(how.removeprefix("approximate, recall@10 ").removesuffix(" of exact"))
    assert said >= RECALL
    search = Search(tmp_path)
    assert search._index.nprobe < search._index.nlist


def test_the_same_vectors_give_the_same_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EXACT", 100)
    values = clustered(1000, 20)
    said = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        Search.build(tmp_path / name, rows_of(tmp_path / name, values), DIM)
        said.append((tmp_path / name / "search.faiss").read_bytes())
    assert said[0] == said[1]


def test_a_search_of_another_size_than_its_file_is_refused(tmp_path: Path) -> None:
    Search.build(tmp_path, rows_of(tmp_path, clustered(100, 5)), DIM)
    file = tmp_path / "search.faiss"
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[:-100])
    with pytest.raises(RuntimeError):
        Search(tmp_path)
