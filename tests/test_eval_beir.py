from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, WordLengths

from eval.beir import (
    ABLATIONS,
    FULL,
    LEXICAL,
    MEASURES,
    CollectionScores,
    Scores,
    evaluate_collection,
    min_max,
    reciprocal_ranks,
)
from eval.collection import read_collection
from rag import Library, NotesQAError, Parts, QuestionSetError, Reading, Settings

SHARED = ROOT.parent / "shared/data"

RECORDS = {
    "crabs": ("Otters", "Otters eat crabs."),
    "pups": ("Otters", "Pups float."),
    "setts": ("Badgers", "Badgers dig setts beneath hedges."),
    "frogs": ("Herons", "Frogs are swallowed whole."),
}
QUERIES = {"q1": "Otters eat crabs?", "q2": "Frogs are swallowed whole?"}

Judged = Mapping[tuple[str, str], object]


def collection(
    folder: Path,
    records: Mapping[str, tuple[str, str]] = RECORDS,
    queries: Mapping[str, str] = QUERIES,
    judged: Judged | None = None,
    split: str = "dev",
) -> Path:
    """Writes a collection; every query asks for the first record unless `judged` says more."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    write_lines(
        folder / "corpus.jsonl",
        [{"_id": i, "title": title, "text": text} for i, (title, text) in records.items()],
    )
    write_lines(folder / "queries.jsonl", [{"_id": i, "text": q} for i, q in queries.items()])
    if judged is None:
        judged = {(query, next(iter(records))): 1 for query in queries}
    rows = [f"{query}\t{record}\t{grade}\n" for (query, record), grade in judged.items()]
    text = "query-id\tcorpus-id\tscore\n" + "".join(rows)
    (folder / "qrels" / f"{split}.tsv").write_text(text, encoding="utf-8")
    return folder


def write_lines(file: Path, lines: Sequence[Mapping[str, object]]) -> None:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def evaluated(
    folder: Path, embedder: WordLengths | None = None, *, ablate: bool = False, **settings: Any
) -> CollectionScores:
    """Evaluates a collection with its library beside it."""
    named = Settings(library=str(folder.parent / "library"), **settings)
    return evaluate_collection(
        folder, "dev", named, embedder=embedder or WordLengths(), ablate=ablate
    )


def values(scores: CollectionScores) -> dict[str, float]:
    return {name: measure.value for name, measure in scores.measures.items()}


# One collection, by hand


def test_one_query_scores_what_its_arithmetic_says(tmp_path: Path) -> None:
    # The query's words, of 6, 3 and 6 letters with their stops, are those of `crabs`, which comes
    # first; `frogs` has words of 6 and 3 letters too, and comes second; `pups` shares a word with
    # the query, but has none of 3 letters; `setts` has none of 6.
    judged = {("q1", "crabs"): 1, ("q1", "frogs"): 3, ("q1", "lost"): 2, ("q1", "setts"): 0}
    queries = {"q1": "Otters eat crabs?"}
    scores = evaluated(collection(tmp_path / "c", queries=queries, judged=judged))
    # DCG = 1 / log2(2) + 3 / log2(3) = 1 + 1.8928 = 2.8928; the best order, with the record that
    # is not there, gives 3 / log2(2) + 2 / log2(3) + 1 / log2(4) = 3 + 1.2619 + 0.5.
    assert scores.measures["nDCG@10"].value == pytest.approx(
        (1 + 3 / math.log2(3)) / (3.5 + 2 / math.log2(3))
    )
    assert scores.n == 1
    assert values(scores) == pytest.approx(
        {"nDCG@10": 0.6075, "MRR@10": 1, "recall@10": 2 / 3, "recall@100": 2 / 3}
        | {"hit@1": 1, "hit@5": 1, "hit@10": 1},
        abs=1e-4,
    )


def test_every_row_agrees_with_ir_measures(tmp_path: Path) -> None:
    import ir_measures
    from ir_measures import RR, R, Success, nDCG

    theirs = {"nDCG@10": nDCG @ 10, "MRR@10": RR @ 10, "recall@10": R @ 10}
    theirs |= {"hit@1": Success @ 1, "hit@5": Success @ 5, "hit@10": Success @ 10}
    words = ["otter", "crab", "mussel", "heron", "frog", "badger", "hedge", "worm", "elk", "newt"]
    records = {
        f"r{i:02}": (words[i % 7], " ".join(words[i * j % 10] for j in range(1, 5)))
        for i in range(40)
    }
    queries = {f"q{i}": f"{words[i]} {words[(3 * i + 1) % 10]}" for i in range(10)}
    judged = {(f"q{i}", f"r{(7 * i + 9 * j) % 40:02}"): j % 3 for i in range(10) for j in range(6)}
    folder = collection(tmp_path / "c", records, queries, judged)
    scores = evaluated(folder, ablate=True)
    digest = read_collection(folder, "dev").digest
    library = Library(
        Settings(library=str(tmp_path / "library" / "collections" / digest[:16])), WordLengths()
    )
    qrels = [ir_measures.Qrel(query, record, grade) for (query, record), grade in judged.items()]
    seen = set()
    ranked: dict[str, dict[str, list[str]]] = {}
    for query, text in queries.items():
        legs = {n: dict(library.rank(text, [parts])[0]) for n, parts in ABLATIONS.items()}
        words, vectors = legs["lexical alone"], legs["dense alone"]
        fused = {
            "reciprocal ranks of both": reciprocal_ranks(words, vectors),
            "fixed min-max sum of both": min_max(words, vectors),
        }
        for name, found in {**fused, **legs}.items():
            ranked.setdefault(name, {})[query] = list(found)
    assert [row.name for row in scores.rows] == list(ranked)
    for row in scores.rows:
        run = [
            ir_measures.ScoredDoc(query, record, -place)
            for query, found in ranked[row.name].items()
            for place, record in enumerate(found)
        ]
        expected = ir_measures.calc_aggregate(theirs.values(), qrels, run)
        for name, measure in theirs.items():
            assert row.measures[name].value == pytest.approx(expected[measure]), (row.name, name)
        seen.add(round(row.measures["nDCG@10"].value, 6))
    assert len(seen) > 3  # or the rows would be one ranking under ten names


def test_a_record_ranks_by_its_best_passage_and_once(tmp_path: Path) -> None:
    filler = "\n\n".join(f"Nothing about that animal stands in paragraph {i}." for i in range(20))
    records = {
        "long": ("", f"{filler}\n\nOtters eat crabs."),
        "short": ("", "Otters sleep on their backs at night, all winter."),
    }
    judged = {("q", "long"): 1, ("q", "short"): 1}
    folder = collection(tmp_path / "c", records, {"q": "Otters eat crabs."}, judged)
    scores = evaluated(folder, chunk_tokens=32)
    # Counted twice, `long` would fill a place, and recall@10 of two records could not be whole.
    assert values(scores)["recall@10"] == values(scores)["nDCG@10"] == 1
    only = collection(tmp_path / "only", records, {"q": "Otters eat crabs."}, {("q", "long"): 1})
    assert values(evaluated(only, chunk_tokens=32))["hit@1"] == 1


def test_a_title_is_found_by_its_words(tmp_path: Path) -> None:
    records = {"a": ("", "It is long."), "b": ("Voles and their runs", "It is long.")}
    folder = collection(tmp_path / "c", records, {"q": "voles"}, {("q", "b"): 1})
    rows = {row.name: row for row in evaluated(folder, ablate=True).rows}
    assert rows["lexical alone"].measures["hit@1"].value == 1


def test_records_alike_rank_in_the_order_of_their_ids(tmp_path: Path) -> None:
    records = {"r2": ("", "Otters eat crabs."), "r1": ("", "Otters eat crabs.")}
    folder = collection(tmp_path / "c", records, {"q": "Otters eat crabs."}, {("q", "r2"): 1})
    for row in evaluated(folder, ablate=True).rows:
        assert row.measures["MRR@10"].value == 0.5, row.name


def test_rankings_that_are_not_100_deep_are_remarked(tmp_path: Path) -> None:
    # 130 records, each one passage: 120 with the word of one question, 10 with the other's.
    records = {f"r{i:03}": ("", f"{'newt' if i < 120 else 'otter'} {'x' * i}") for i in range(130)}
    judged = {("q1", "r000"): 1, ("q2", "r129"): 1}
    folder = collection(tmp_path / "c", records, {"q1": "newt", "q2": "otter"}, judged)
    scores = evaluated(folder, ablate=True)
    assert {row.measures["recall@100"].value for row in scores.rows} == {1}
    assert scores.remarks == (
        "Some rankings hold fewer than 100 records, which recall@100 feels: lexical alone.",
    )


# The index of a collection


def test_a_second_run_embeds_no_passage(tmp_path: Path) -> None:
    folder = collection(tmp_path / "c")
    first = evaluated(folder, before := WordLengths(), ablate=True)
    again = evaluated(folder, after := WordLengths(), ablate=True)
    assert before.embedded
    assert after.embedded == []
    assert again == first


def test_other_questions_about_the_same_records_embed_no_passage(tmp_path: Path) -> None:
    evaluated(collection(tmp_path / "c"))
    other = collection(tmp_path / "d", queries={"q": "Pups?"}, judged={("q", "pups"): 1})
    scores = evaluated(other, embedder := WordLengths())
    assert (scores.n, embedder.embedded) == (1, [])


def test_other_records_have_an_index_of_their_own(tmp_path: Path) -> None:
    first = evaluated(collection(tmp_path / "c"))
    fewer = {name: RECORDS[name] for name in ("crabs", "frogs")}
    evaluated(collection(tmp_path / "d", fewer))
    assert len(list((tmp_path / "library/collections").iterdir())) == 2
    assert evaluated(tmp_path / "c", embedder := WordLengths()) == first
    assert embedder.embedded == []


def test_another_model_and_other_settings_index_anew(tmp_path: Path) -> None:
    folder = collection(tmp_path / "c")
    evaluated(folder)
    evaluated(folder, other := WordLengths("word-lengths-2"))
    assert other.embedded
    evaluated(folder, embedder := WordLengths("word-lengths-2"), chunk_tokens=32)
    assert (tmp_path / "library/collections").exists()
    assert embedder.embedded == []  # the same texts, cut anew


def test_a_killed_first_run_is_not_taken_for_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluated(collection(tmp_path / "whole/c"))
    for bound in ("WINDOW_TEXTS", "TEXTS_AT_ONCE"):
        monkeypatch.setattr(f"rag.indexing.{bound}", 2)

    class Killed(WordLengths):
        def embed_passages(self, texts: Sequence[str]) -> Any:
            if len(self.embedded) >= 4:
                raise KeyboardInterrupt
            return super().embed_passages(texts)

    folder = collection(tmp_path / "c")
    with pytest.raises(KeyboardInterrupt):
        evaluated(folder, stopped := Killed())
    # Two records with their sentences were a window each, and the third's sentence was not read.
    assert len(stopped.embedded) == 5
    assert evaluated(folder, resumed := WordLengths()) == whole
    assert resumed.embedded[0] == stopped.embedded[4]
    assert not set(resumed.embedded) & set(stopped.embedded[:4])


def test_each_question_is_embedded_once_for_all_rows(tmp_path: Path) -> None:
    class Counting(WordLengths):
        asked: list[str] = []

        def read_queries(self, texts: Sequence[str]) -> list[Reading]:
            self.asked += texts
            return super().read_queries(texts)

    evaluated(collection(tmp_path / "c"), embedder := Counting(), ablate=True)
    assert embedder.asked == list(QUERIES.values())


def test_progress_is_reported_by_stage(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    evaluate_collection(
        collection(tmp_path / "c"),
        "dev",
        Settings(library=str(tmp_path / "library")),
        embedder=WordLengths(),
        progress=lambda *report: seen.append(report),
    )
    assert list(dict.fromkeys(stage for stage, _, _ in seen)) == ["Indexing", "Asking"]
    assert [report for report in seen if report[0] == "Asking"] == [
        ("Asking", 0, 2),
        ("Asking", 1, 2),
    ]


# What counts


def test_a_question_that_fails_scores_zero_and_is_listed(tmp_path: Path) -> None:
    queries = {"q1": "Otters eat crabs?", "q2": "Otters eat crabs " * 4, "q3": " "}
    scores = evaluated(collection(tmp_path / "c", queries=queries), max_question_chars=40)
    assert scores.n == 3
    assert scores.measures["hit@1"].value == pytest.approx(1 / 3)
    assert scores.measures["hit@1"].n == 3
    assert list(scores.failed) == ["q2", "q3"]
    assert "has 67 characters, the limit is 40" in scores.failed["q2"]
    assert "empty" in scores.failed["q3"]
    # What failed has no ranking, and makes none that is not deep enough.
    assert scores.remarks == ("2 queries failed with an error: they score zero.",)
    assert [entry["id"] for entry in scores.to_dict()["failed"]] == ["q2", "q3"]
    assert set(scores.to_dict()["failed"][0]) == {"id", "error"}


def test_a_question_without_a_relevant_record_is_left_out(tmp_path: Path) -> None:
    judged = {("q1", "crabs"): 1, ("q1", "pups"): -1, ("q2", "setts"): 0, ("q2", "pups"): -2}
    folder = collection(tmp_path / "c", judged=judged)
    found = read_collection(folder, "dev")
    assert found.grades == {"q1": {"crabs": 1, "pups": 0}}
    assert found.remarks == ("1 judged queries have no relevant record (q2): left out.",)
    scores = evaluated(folder)
    assert (scores.n, scores.measures["nDCG@10"].value) == (1, 1)
    assert scores.remarks == found.remarks


def test_a_judged_question_that_is_not_there_scores_zero(tmp_path: Path) -> None:
    folder = collection(tmp_path / "c", judged={("q1", "crabs"): 1, ("gone", "crabs"): 1})
    scores = evaluated(folder)
    assert (scores.n, scores.measures["hit@1"].value) == (2, 0.5)
    assert scores.failed == {"gone": "queries.jsonl does not hold it."}
    assert "1 judged queries are not in queries.jsonl: they score zero." in scores.remarks


def test_a_relevant_record_that_is_not_there_counts(tmp_path: Path) -> None:
    judged = {("q1", "crabs"): 1, ("q1", "gone"): 1, ("q1", "nothing"): 0}
    scores = evaluated(collection(tmp_path / "c", judged=judged))
    assert scores.measures["recall@10"].value == 0.5
    # 1 / (1 + 1 / log2(3)) = 0.6131
    assert scores.measures["nDCG@10"].value == pytest.approx(0.6131, abs=1e-4)
    (remark,) = scores.remarks
    assert remark.startswith("1 relevant records are not in corpus.jsonl (gone): they cannot")


def test_a_record_without_text_cannot_be_found_and_stops_no_other(tmp_path: Path) -> None:
    records = {**RECORDS, "blank": (" ", "\n")}
    judged = {("q1", "crabs"): 1, ("q1", "blank"): 1}
    scores = evaluated(collection(tmp_path / "c", records, judged=judged))
    assert scores.measures["recall@10"].value == 0.5
    assert scores.remarks == ("1 records hold no text (blank): they cannot be found.",)


# What the object says


def test_the_object_has_the_shape_of_scores(tmp_path: Path) -> None:
    found = json.loads(json.dumps(evaluated(collection(tmp_path / "c")).to_dict()))
    assert list(found) == ["n", "measures", "by_kind", "failed", "remarks"]
    assert (found["n"], found["by_kind"], found["failed"]) == (2, {}, [])
    assert list(found["measures"]) == list(MEASURES)
    for measure in found["measures"].values():
        assert list(measure) == ["value", "low", "high", "n"]
        assert measure["n"] == 2
        assert 0 <= measure["low"] <= measure["value"] <= measure["high"] <= 1


def test_an_ablation_has_one_such_object_a_row(tmp_path: Path) -> None:
    folder = collection(tmp_path / "c")
    found = json.loads(json.dumps(evaluated(folder, ablate=True).to_dict()))
    alone = evaluated(folder).to_dict()
    assert [row["name"] for row in found["rows"]] == [
        *("reciprocal ranks of both", "fixed min-max sum of both"),
        *("lexical alone", "dense alone", "dense + best sentence", "dense + tokens"),
        *("without lexical", "without best sentence", "without tokens", "all parts"),
    ]
    for row in found["rows"]:
        assert list(row) == ["name", "n", "measures", "by_kind", "against_full"]
        assert (row["n"], row["by_kind"]) == (2, {})
    *others, full = found["rows"]
    assert full["against_full"] is None
    assert all(
        list(row["against_full"]) == ["difference", "low", "high", "p_holm"] for row in others
    )
    assert full["measures"] == found["measures"] == alone["measures"]
    assert "rows" not in alone


def test_rows_leave_out_what_their_names_do_not_say() -> None:
    words = {"lexical": "lexical", "best sentence": "sentences", "tokens": "tokens"}
    for name, parts in ABLATIONS.items():
        less = name.startswith(("without", FULL))
        said = {part: (word in name) != less for word, part in words.items()}
        if name != LEXICAL:
            assert parts == Parts(**said), name
    assert ABLATIONS[LEXICAL] == Parts(dense=False)
    assert list(ABLATIONS)[-1] == FULL
    assert ABLATIONS[FULL] == Parts()


# By hand: `b` is first and third, `c` second and first, the others in one leg alone.
WORDS = {"b": 9.0, "c": 8.0, "a": 3.0}
VECTORS = {"c": 0.9, "d": 0.7, "b": 0.6, "e": 0.5}


def test_reciprocal_ranks_are_added() -> None:
    fused = reciprocal_ranks(WORDS, VECTORS)
    assert list(fused) == ["c", "b", "d", "a", "e"]
    assert list(fused.values()) == pytest.approx(
        [1 / 62 + 1 / 61, 1 / 61 + 1 / 63, 1 / 62, 1 / 63, 1 / 64]
    )
    # Ranks alone count, whatever the scores.
    assert reciprocal_ranks({"b": 0.2, "c": 0.1, "a": 0.0}, VECTORS) == fused


def test_scaled_scores_are_added_by_the_share_of_words() -> None:
    fused = min_max(WORDS, VECTORS)
    assert list(fused) == ["c", "b", "d", "a", "e"]
    assert fused == pytest.approx(
        {
            "c": 0.4 * 5 / 6 + 0.6,
            "b": 0.4 + 0.6 * 0.1 / 0.4,
            "d": 0.6 * 0.2 / 0.4,
            "a": 0.0,  # the last of its leg; `e` likewise, and behind it by its name
            "e": 0.0,
        }
    )
    # A leg scaled and moved gives the same.
    moved = {record: 7 * score + 3 for record, score in WORDS.items()}
    assert min_max(moved, VECTORS) == pytest.approx(fused)


@pytest.mark.parametrize("fusion", [reciprocal_ranks, min_max])
def test_a_leg_may_find_nothing_or_all_alike(fusion: Callable[[Scores, Scores], Scores]) -> None:
    assert fusion({}, {}) == {}
    assert list(fusion({}, VECTORS)) == list(fusion(VECTORS, {})) == list(VECTORS)
    assert list(fusion({"x": 2.0}, {"y": 0.5, "x": 0.5})) == ["x", "y"]
    # Equal scores go by id, whichever leg was first.
    assert list(fusion({"z": 1.0}, {"z": 1.0})) == ["z"]


def test_equally_good_records_of_two_legs_go_by_id() -> None:
    assert list(reciprocal_ranks({"b": 1.0}, {"a": 1.0})) == ["a", "b"]
    assert list(min_max({"b": 1.0, "x": 0.0}, {"c": 1.0, "a": 0.0})) == ["c", "b", "a", "x"]


def test_rows_are_compared_with_the_full_system(tmp_path: Path) -> None:
    # No word of the questions stands in the records, but their lengths do: the words find
    # nothing, all that knows the vectors finds the right record first.
    records = {name: ("", "b" * n + " " + "b" * n) for n, name in enumerate("klmnopq", start=2)}
    queries = {name: "a" * n + " " + "a" * n for n, name in enumerate("klmnopq", start=2)}
    judged = {(name, name): 1 for name in records}
    rows = evaluated(collection(tmp_path / "c", records, queries, judged), ablate=True).rows
    compared = {row.name: row.against_full for row in rows if row.against_full is not None}
    assert [row.measures["nDCG@10"].value for row in rows] == [1, 1, 0, *[1] * 7]
    lexical = compared.pop("lexical alone")
    difference = lexical.difference
    # All alike, so the exact bound: 1 - 0.025^(1/7) = 0.4096.
    assert (difference.value, difference.low) == (-1, -1)
    assert difference.high == pytest.approx(-1 + 0.4096, abs=1e-4)
    # Seven questions, all worse: 2 of 2^7 ways to deal the signs are as extreme; nine rows.
    assert lexical.p == pytest.approx(9 * 2 / 128)
    assert {(other.difference.value, other.p) for other in compared.values()} == {(0, 1)}


# Files


def test_a_header_byte_order_mark_and_line_ends_are_no_matter(tmp_path: Path) -> None:
    plain = read_collection(collection(tmp_path / "c"), "dev")
    folder = collection(tmp_path / "d")
    qrels = folder / "qrels/dev.tsv"
    qrels.write_text(qrels.read_text(encoding="utf-8").partition("\n")[2], encoding="utf-8")
    assert read_collection(folder, "dev") == plain
    qrels.write_text(
        "\n".join(["query\trecord\trelevance", *qrels.read_text(encoding="utf-8").split("\n")]),
        encoding="utf-8",
    )
    for file in (qrels, folder / "corpus.jsonl", folder / "queries.jsonl"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n") + b"\r\n \r\n")
    found = read_collection(folder, "dev")
    assert (found.records, found.queries, found.grades) == (
        plain.records,
        plain.queries,
        plain.grades,
    )


def test_a_title_may_be_missing_or_null(tmp_path: Path) -> None:
    folder = collection(tmp_path / "c")
    write_lines(
        folder / "corpus.jsonl",
        [{"_id": "crabs", "text": "a"}, {"_id": "b", "title": None, "text": "b", "url": 3}],
    )
    assert [r.title for r in read_collection(folder, "dev").records] == ["", ""]


def test_line_separators_inside_a_text_end_no_line(tmp_path: Path) -> None:
    folder = collection(tmp_path / "c")
    line = json.dumps({"_id": "a", "text": "one\u2028two\x85three"}, ensure_ascii=False)
    (folder / "corpus.jsonl").write_text(line, encoding="utf-8")
    assert [r.text for r in read_collection(folder, "dev").records] == ["one\u2028two\x85three"]


@pytest.mark.parametrize("odd", ["\ud800", "\udfff half a pair", "\0", "nul \0 within"])
def test_what_sqlite_cannot_keep_stops_nothing(tmp_path: Path, odd: str) -> None:
    records = {f"a{odd}": (f"Otters{odd}", f"Otters {odd} eat crabs."), "b": ("", "Herons.")}
    folder = collection(tmp_path / "c", records, {"q": "Otters eat crabs"}, {("q", "b"): 1})
    scores = evaluated(folder, ablate=True)
    assert (scores.n, scores.failed, scores.measures["MRR@10"].value) == (1, {}, 0.5)
    place = next((tmp_path / "library/collections").iterdir())
    library = Library(Settings(library=str(place)), WordLengths())
    assert all(check.ok for check in library.doctor())
    for document in library.titles():
        text = library.source(document)
        assert all(span.of(text) for span in library.chunk_spans(document))
        assert [p.text for p in library.search("Otters eat crabs") if p.document == document] == [
            span.of(text) for span in library.chunk_spans(document)
        ]


CORPUS_LINE = '{"_id": "a", "text": "words"}'


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("corpus.jsonl", None, r"corpus\.jsonl cannot be read .*: name a folder that holds"),
        ("queries.jsonl", None, r"queries\.jsonl cannot be read .*: name a folder that holds"),
        ("corpus.jsonl", "", r"corpus\.jsonl holds no record"),
        ("corpus.jsonl", f"{CORPUS_LINE}\n\n{{broken", r"corpus\.jsonl, line 3: not JSON"),
        ("corpus.jsonl", "[" * 100_000, r"corpus\.jsonl, line 1: not JSON"),
        ("corpus.jsonl", f"{CORPUS_LINE}\n" * 2, r"corpus\.jsonl, line 2: id a stands twice"),
        ("corpus.jsonl", '{"_id": "a"}', r"line 1: 'text' is missing"),
        ("corpus.jsonl", '{"id": "a", "text": ""}', r"line 1: '_id' is missing"),
        ("corpus.jsonl", '{"_id": 1, "text": ""}', r"line 1: expected an object whose _id"),
        ("corpus.jsonl", '{"_id": "a", "title": 1, "text": ""}', r"line 1: expected an object"),
        ("corpus.jsonl", '["a"]', r"line 1: expected an object"),
        ("corpus.jsonl", b'{"_id": "\xff"}', r"corpus\.jsonl is not UTF-8"),
        ("queries.jsonl", "null", r"queries\.jsonl, line 1: expected an object"),
        ("queries.jsonl", f"{CORPUS_LINE}\n" * 2, r"queries\.jsonl, line 2: id a stands twice"),
        ("qrels/dev.tsv", "q1\tcrabs\t1\nq1 pups 1\n", r"dev\.tsv, line 2: expected a query's id"),
        ("qrels/dev.tsv", "q1\tcrabs\t0.5\n", r"dev\.tsv, line 1: expected a query's id"),
        ("qrels/dev.tsv", "q1\tcrabs\t1\nq1\tpups\tyes\n", r"dev\.tsv, line 2: expected"),
        ("qrels/dev.tsv", "q1\t0\tcrabs\t1\n", r"dev\.tsv, line 1: expected a query's id"),
        ("qrels/dev.tsv", "q1\tx\t1\nq1\tx\t2\n", r"line 2: x is judged twice for q1, and not"),
        ("qrels/dev.tsv", "", r"dev\.tsv judges no record relevant"),
        ("qrels/dev.tsv", "q1\tcrabs\t0\nq2\tpups\t-1\n", r"dev\.tsv judges no record relevant"),
        ("qrels/dev.tsv", None, r"has no split 'dev': it has test, train\."),
    ],
)
def test_what_breaks_the_layout_is_said(
    tmp_path: Path, file: str, content: str | bytes | None, message: str
) -> None:
    folder = collection(tmp_path / "c")
    collection(tmp_path / "c", split="train")
    collection(tmp_path / "c", split="test")
    if content is None:
        (folder / file).unlink()
    else:
        data = content if isinstance(content, bytes) else content.encode()
        (folder / file).write_bytes(data)
    with pytest.raises(QuestionSetError, match=message) as raised:
        evaluated(folder)
    assert isinstance(raised.value, NotesQAError)
    assert str(raised.value).count("\n") == 0
    assert not (tmp_path / "library").exists()


def test_a_folder_without_judgements_or_without_anything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuestionSetError, match=r"name a folder that holds corpus\.jsonl"):
        read_collection(tmp_path / "nowhere", "dev")
    folder = collection(tmp_path / "c")
    (folder / "qrels/dev.tsv").unlink()
    with pytest.raises(QuestionSetError, match=r"has no split 'dev': it has none"):
        read_collection(folder, "dev")
    (folder / "qrels").rmdir()
    with pytest.raises(QuestionSetError, match=r"dev\.tsv cannot be read"):
        read_collection(folder, "dev")


def test_the_same_judgement_twice_is_one(tmp_path: Path) -> None:
    folder = collection(tmp_path / "c")
    (folder / "qrels/dev.tsv").write_text("q1\tcrabs\t1\nq1\tcrabs\t1\n", encoding="utf-8")
    assert read_collection(folder, "dev").grades == {"q1": {"crabs": 1}}


@pytest.mark.parametrize(
    ("name", "records", "queries"), [("cranfield", 1400, 225), ("stackfaq", 719, 1249)]
)
def test_a_collection_beside_the_checkout_is_read_whole(
    name: str, records: int, queries: int
) -> None:
    if not (SHARED / name).is_dir():
        pytest.skip("needs the shared folder beside the checkout")
    found = read_collection(SHARED / name, "dev")
    assert (len(found.records), len(found.queries)) == (records, queries)
    assert found.remarks == ()
    lines = (SHARED / name / "qrels/dev.tsv").read_text(encoding="utf-8").splitlines()
    assert sum(map(len, found.grades.values())) == len(set(lines)) - 1
