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

OF_THE_LAST = ("hit@1", "hit@3", "hit@5", "hit@10", "MRR@10")
"""Measures that look for the passage with which all that is needed is found."""

OF_EACH = ("nDCG@10", "recall@5", "recall@10")
"""Measures that are means over what is needed."""


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

    What a question needs is one of its quotes, or each of them where all are needed. `hit@k` and
    `MRR@10` look for the passage with which the last of it is found. `recall@k` is the share of it
    that the first k passages find, and `nDCG@10` its mean discounted gain, 1 / log2(1 + rank): both
    are 1 where the first passage finds everything, whatever other passages there are. What no
    chunk holds counts like anything else.
    """
    last: dict[str, Ranking] = {}
    each: dict[str, Ranking] = {}
    owner: dict[str, str] = {}
    for case in cases:
        if not case.question.answerable:
            continue
        name = case.question.id
        numbers = [str(rank) for rank in range(1, len(case.passages) + 1)]
        last[name] = _looking_for(case.rank, numbers)
        for i, rank in enumerate(_finders(case)):
            owner[f"{i} of {name}"] = name
            each[f"{i} of {name}"] = _looking_for(rank, numbers)
    values = calculate(OF_THE_LAST, last)
    for measure, found in calculate(OF_EACH, each).items():
        shares: dict[str, list[float]] = {}
        for needed, value in found.items():
            shares.setdefault(owner[needed], []).append(value)
        values[measure] = {question: sum(v) / len(v) for question, v in shares.items()}
    return values


def _looking_for(rank: int | None, numbers: Sequence[str]) -> Ranking:
    return Ranking(numbers, {str(rank) if rank else "missed": 1})


def _finders(case: Case) -> list[int | None]:
    """Returns for each thing that is needed the rank of the first passage that finds it."""
    if not case.question.needs_all:
        return [case.rank]
    first = {i: rank for rank, new in enumerate(case.found, start=1) for i in new}
    return [first.get(i) for i in range(len(case.labels))]


def graded_ranking(case: Case) -> Ranking:
    """Returns passages by place, each worth how much of what is needed it is the first to find.

    What no passage finds is worth 1, under a name of its own.
    """
    names: list[str] = []
    for document, span in case.passages:
        name = f"{quote(document)}#{span.start}-{span.end}"
        names.append(name if name not in names else f"{name}#{len(names)}")
    grades = dict.fromkeys(names, 0)
    for i, rank in enumerate(_finders(case)):
        if rank is None:
            label = case.labels[i]
            place = f"{label.spans[0].start}-{label.spans[0].end}"
            grades[f"missed:{quote(label.evidence.document)}#{place}#{i}"] = 1
        else:
            grades[names[rank - 1]] += 1
    return Ranking(names, grades)
