"""A collection in BEIR's layout becomes scores: how well judged records are found.

Each record is one document, its title the heading, ranked by its best passage. The index of a
collection lies in `collections/` in the library's folder, under the digest of its `corpus.jsonl`:
a second run embeds the questions alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eval import statistics
from eval.collection import CORPUS, QUERIES, Collection, Grades, read_collection
from eval.dataset import some
from eval.measures import Measure, mean
from eval.ranking import Ranking, Values, calculate
from rag import Embedder, Library, NotesQAError, Parts, Settings

MEASURES = {
    "nDCG@10": "discounted gain of the first 10 records",
    "MRR@10": "1 / rank of the first relevant record, 0 beyond 10",
    "recall@10": "share of the relevant records among the first 10",
    "recall@100": "share of the relevant records among the first 100",
    "hit@1": "the first record is relevant",
    "hit@5": "one of the first 5 records is relevant",
    "hit@10": "one of the first 10 records is relevant",
}
"""What is measured, and what it says."""

DEEPEST = 100
COMPARED = "nDCG@10"

FULL = "all parts"
LEXICAL, DENSE = "lexical alone", "dense alone"
ABLATIONS = {
    LEXICAL: Parts(dense=False),
    DENSE: Parts(lexical=False, sentences=False, tokens=False),
    "dense + best sentence": Parts(lexical=False, tokens=False),
    "dense + tokens": Parts(lexical=False, sentences=False),
    "without lexical": Parts(lexical=False),
    "without best sentence": Parts(sentences=False),
    "without tokens": Parts(tokens=False),
    FULL: Parts(),
}
"""Rows of an ablation; the last is how `ask` ranks."""

RECIPROCAL = "reciprocal ranks of both"
MIN_MAX = "fixed min-max sum of both"
RANK_CONSTANT = 60
LEXICAL_SHARE = 0.4
"""The best of .3, .4 and .5 over the development sets, by mean nDCG@10."""

Rankings = dict[str, list[str]]
"""Record ids, best first, by query id."""

Scores = dict[str, float]
"""Scores by record id, best first."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class AgainstFull:
    """A row's nDCG@10 less that of the full system, with its 95 % interval.

    Attributes:
        p: of a paired randomisation test, corrected for the number of rows (Holm).
    """

    difference: statistics.Interval
    p: float

    def to_dict(self) -> dict[str, float]:
        """Returns the JSON form that `eval beir --ablate --json` prints."""
        return {
            "difference": round(self.difference.value, 4),
            "low": round(self.difference.low, 4),
            "high": round(self.difference.high, 4),
            "p_holm": self.p,
        }


@dataclass(frozen=True, slots=True)
class Row:
    """What retrieval is worth with some of its parts; `against_full` is None for the full system.

    Attributes:
        measures: by name, in the order of `MEASURES`.
    """

    name: str
    n: int
    measures: dict[str, Measure]
    against_full: AgainstFull | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of one row."""
        against = self.against_full
        return {
            "name": self.name,
            **_scores(self.n, self.measures),
            "against_full": against.to_dict() if against else None,
        }


@dataclass(frozen=True, slots=True)
class CollectionScores:
    """What retrieval, as `ask` does it, is worth on a collection.

    Attributes:
        n: how many queries are evaluated.
        measures: as those of a `Row`.
        failed: the error of each query that could not be asked, by id; it scores zero.
        rows: of the ablation, where one was asked for.
    """

    n: int
    measures: dict[str, Measure]
    failed: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `eval beir --json`; `rows` only where there are any."""
        rows = {"rows": [row.to_dict() for row in self.rows]} if self.rows else {}
        return {
            **_scores(self.n, self.measures),
            "failed": [{"id": name, "error": error} for name, error in self.failed.items()],
            "remarks": list(self.remarks),
            **rows,
        }


def _scores(n: int, measures: Mapping[str, Measure]) -> dict[str, Any]:
    return {
        "n": n,
        "measures": {name: measure.to_dict() for name, measure in measures.items()},
        "by_kind": {},
    }


def evaluate_collection(
    folder: Path,
    split: str,
    settings: Settings,
    *,
    embedder: Embedder | None = None,
    ablate: bool = False,
    progress: Progress = lambda *_: None,
) -> CollectionScores:
    """Returns what retrieval is worth on a split of a collection, indexing it where need be.

    A killed run loses at most one batch of vectors; the next one goes on from there.

    Args:
        settings: `library` is the folder in which the index is kept.
        embedder: stands in for the one that the settings name.
        ablate: whether to measure the legs and parts of the ranking too, one row each.
        progress: called with the stage, how much is done and how much there is.

    Raises:
        QuestionSetError: as for `read_collection`.
        CorpusError: no record holds any text.
        LibraryError: the index cannot be written, or another process is writing it.
        ModelError: the model, or the reranker, cannot be loaded.
    """
    collection = read_collection(folder, split)
    place = Path(settings.library) / "collections" / collection.digest[:16]
    library = Library(replace(settings, library=str(place)), embedder)
    if library.reranker:
        library.reranker.load()  # one that does not load is said before anything is embedded
    manifest = library.index_sources(collection.records, str(folder / CORPUS), progress)
    chosen = ABLATIONS if ablate else {FULL: ABLATIONS[FULL]}
    rankings, failed = _rank(library, collection, chosen, progress)
    depth = min(DEEPEST, len(manifest.indexed) + len(manifest.unchanged))
    rows = _rows({name: _values(collection.grades, found) for name, found in rankings.items()})
    remarks = list(collection.remarks)
    if empty := [item.document for item in manifest.skipped]:
        remarks.append(f"{len(empty)} records hold no text ({some(empty)}): they cannot be found.")
    if library.reranker:
        remarks.append(f"The first records of {FULL} are reordered by {library.reranker.name}.")
    if failed:
        remarks.append(f"{len(failed)} queries failed with an error: they score zero.")
    shallow = [
        name
        for name, found in rankings.items()
        if any(len(ranking) < depth for ranking in found.values())
    ]
    if shallow:
        remarks.append(
            f"Some rankings hold fewer than {depth} records, which recall@{DEEPEST} feels: "
            f"{', '.join(shallow)}."
        )
    return CollectionScores(
        n=len(collection.grades),
        measures=rows[-1].measures,
        failed=failed,
        remarks=tuple(remarks),
        rows=rows if ablate else (),
    )


def _rank(
    library: Library, collection: Collection, chosen: Mapping[str, Parts], progress: Progress
) -> tuple[dict[str, Rankings], dict[str, str]]:
    """Returns for each row the records by query id, best first, and the errors of the others.

    Where both legs are among the rows, so are what people build from them most often.
    """
    both = {LEXICAL, DENSE} <= chosen.keys()
    names = [*([RECIPROCAL, MIN_MAX] if both else []), *chosen]
    rankings: dict[str, Rankings] = {name: {} for name in names}
    failed: dict[str, str] = {}
    for number, query in enumerate(collection.grades):
        progress("Asking", number, len(collection.grades))
        if query not in collection.queries:
            failed[query] = f"{QUERIES} does not hold it."
            continue
        try:
            found = library.rank(collection.queries[query], list(chosen.values()))
        except NotesQAError as error:
            failed[query] = str(error)
            continue
        scored = {
            name: dict(records[:DEEPEST]) for name, records in zip(chosen, found, strict=True)
        }
        if both:
            legs = scored[LEXICAL], scored[DENSE]
            scored[RECIPROCAL] = reciprocal_ranks(*legs)
            scored[MIN_MAX] = min_max(*legs)
        for name, records_of in scored.items():
            rankings[name][query] = list(records_of)[:DEEPEST]
    return rankings, failed


def reciprocal_ranks(lexical: Scores, dense: Scores) -> Scores:
    """Returns the records of both legs by the sum of 1 / (60 + rank), best first, ties by id.

    Cormack, Clarke and Büttcher (2009), with their constant.
    """
    total: Scores = {}
    for leg in (lexical, dense):
        for rank, record in enumerate(leg, start=1):
            total[record] = total.get(record, 0) + 1 / (RANK_CONSTANT + rank)
    return _best_first(total)


def min_max(lexical: Scores, dense: Scores) -> Scores:
    """Returns the records of both legs by the weighted sum of their scaled scores, best first.

    Each leg runs from 0, its last record, to 1, its best; BM25 weighs `LEXICAL_SHARE`.
    """
    total: Scores = {}
    for leg, weight in ((lexical, LEXICAL_SHARE), (dense, 1 - LEXICAL_SHARE)):
        low, high = min(leg.values(), default=0), max(leg.values(), default=0)
        for record, score in leg.items():
            scaled = (score - low) / (high - low) if high > low else 1.0
            total[record] = total.get(record, 0) + weight * scaled
    return _best_first(total)


def _best_first(scores: Scores) -> Scores:
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))


def _values(grades: Grades, found: Rankings) -> Values:
    """Returns the measures of each query; one without a ranking scores zero."""
    return calculate(
        MEASURES, {query: Ranking(found.get(query, []), worth) for query, worth in grades.items()}
    )


def _rows(values: Mapping[str, Values]) -> tuple[Row, ...]:
    """Returns the rows, each compared with the last, which is the full system."""
    *others, full = values
    fact_of = {query: query for query in values[full][COMPARED]}  # each query is its own
    best = values[full][COMPARED]
    pairs = {
        name: statistics.paired(
            {query: value - best[query] for query, value in values[name][COMPARED].items()}, fact_of
        )
        for name in others
    }
    p = statistics.holm({name: pair.p for name, pair in pairs.items()})
    against = {name: AgainstFull(pair.difference, p[name]) for name, pair in pairs.items()}
    return tuple(
        Row(
            name=name,
            n=len(fact_of),
            measures={measure: mean(found, fact_of) for measure, found in row.items()},
            against_full=against.get(name),
        )
        for name, row in values.items()
    )
