"""Rankings and relevance become hit@k, MRR, nDCG and recall, by ir_measures (trec_eval).

The only user of ir_measures. Ranks are handed over as scores 1 / rank, so that trec_eval's way
with ties has no say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from eval.cases import Case

Grades = Mapping[str, int]
"""What each passage or document is worth to a question, by name; 0 is nothing."""

Values = dict[str, dict[str, float]]
"""Measures' values by question id, by measure."""

HITS = ("hit@1", "hit@3", "hit@5", "hit@10", "MRR@10")


@dataclass(frozen=True, slots=True)
class Ranking:
    """One question as trec_eval sees it.

    Attributes:
        names: of what was found, best first, each once.
        grades: by name, also of what was not found.
    """

    names: Sequence[str]
    grades: Grades


def calculate(measures: Iterable[str], rankings: Mapping[str, Ranking]) -> Values:
    """Returns each measure for each question; one with nothing found scores 0.

    Args:
        measures: `hit@k`, `MRR@k`, `nDCG@k`, `recall@k`.
        rankings: by question id.
    """
    from ir_measures import RR, Qrel, R, ScoredDoc, Success, iter_calc, nDCG

    kinds = {"hit": Success, "MRR": RR, "nDCG": nDCG, "recall": R}
    theirs = {}
    for name in measures:
        kind, _, cutoff = name.partition("@")
        theirs[kinds[kind] @ int(cutoff)] = name
    # Questions go by number: trec_eval reads names as C strings, and ends the process over two
    # that are alike up to a NUL.
    questions = list(rankings)
    qrels, run = [], []
    for number, ranking in enumerate(rankings.values()):
        places = {name: str(place) for place, name in enumerate(ranking.names, start=1)}
        for name, grade in ranking.grades.items():
            qrels.append(Qrel(str(number), places.setdefault(name, f"-{len(places)}"), grade))
        for place, name in enumerate(ranking.names, start=1):
            run.append(ScoredDoc(str(number), places[name], 1 / place))
    values: Values = {name: dict.fromkeys(rankings, 0.0) for name in theirs.values()}
    if qrels and run:
        for value in iter_calc(list(theirs), qrels, run):
            values[theirs[value.measure]][questions[int(value.query_id)]] = float(value.value)
    return values


def ranks(cases: Iterable[Case]) -> Values:
    """Returns the retrieval measures of the answerable questions.

    `hit@k` and `MRR@10` look for the passage with which the evidence is found. `nDCG@10` gives
    each passage the number of quotes that it is the first to find. `recall@k` is the share of a
    question's quotes that the first k passages find; quotes no chunk holds count like any other.
    """
    first: dict[str, Ranking] = {}
    graded: dict[str, Ranking] = {}
    quotes: dict[str, Ranking] = {}
    owner: dict[str, str] = {}
    for case in cases:
        if not case.question.answerable:
            continue
        name = case.question.id
        numbers = [str(rank) for rank in range(1, len(case.passages) + 1)]
        first[name] = Ranking(numbers, {str(case.rank) if case.rank else "missed": 1})
        graded[name] = graded_ranking(case)
        for i in range(len(case.labels)):
            finder = [str(r) for r, new in enumerate(case.found, start=1) if i in new]
            owner[f"{i} of {name}"] = name
            quotes[f"{i} of {name}"] = Ranking(numbers, {finder[0] if finder else "missed": 1})
    values = calculate(HITS, first) | calculate(["nDCG@10"], graded)
    for measure, found in calculate(["recall@5", "recall@10"], quotes).items():
        each: dict[str, list[float]] = {}
        for quoted, value in found.items():
            each.setdefault(owner[quoted], []).append(value)
        values[measure] = {question: sum(v) / len(v) for question, v in each.items()}
    return values


def graded_ranking(case: Case) -> Ranking:
    """Returns passages by place, each worth the number of quotes that it is the first to find.

    A quote that no passage finds is worth 1, under a name of its own.
    """
    names: list[str] = []
    for document, span in case.passages:
        name = f"{quote(document)}#{span.start}-{span.end}"
        names.append(name if name not in names else f"{name}#{len(names)}")
    grades = {name: len(new) for name, new in zip(names, case.found, strict=True)}
    seen = {i for new in case.found for i in new}
    for i, label in enumerate(case.labels):
        if i not in seen:
            start, end = label.spans[0].start, label.spans[0].end
            grades[f"missed:{quote(label.evidence.document)}#{start}-{end}#{i}"] = 1
    return Ranking(names, grades)
