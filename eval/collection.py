"""A folder in BEIR's layout becomes a collection: records, queries, and what was judged relevant.

`corpus.jsonl` and `queries.jsonl` hold one JSON object a line, `qrels/SPLIT.tsv` a query's id, a
record's id and a grade (Thakur et al. 2021, "BEIR").
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from eval.dataset import some
from rag import QuestionSetError, Record

CORPUS, QUERIES = "corpus.jsonl", "queries.jsonl"

Grades = dict[str, dict[str, int]]
"""What each record is worth to a query, by query id and record id; 0 is nothing."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection and one split of its judgements.

    Attributes:
        digest: SHA-256 of `corpus.jsonl`.
        queries: their texts, by id; also of those that are not evaluated.
        grades: of the queries that are evaluated: those with a relevant record in the split.
        remarks: what a reader must know of these judgements.
    """

    digest: str
    records: tuple[Record, ...]
    queries: dict[str, str]
    grades: Grades
    remarks: tuple[str, ...] = ()


def read_collection(folder: Path, split: str) -> Collection:
    """Returns a collection with the judgements of `qrels/SPLIT.tsv`.

    As with trec_eval and BEIR, a query counts that has at least one relevant record (a grade
    above 0) in the split. What a judgement names but the collection does not hold counts all the
    same: such a query scores zero, such a record is never found.

    Raises:
        QuestionSetError: a file is missing or breaks its format, an id stands twice, or no
            record is judged relevant.
    """
    qrels = folder / "qrels" / f"{split}.tsv"
    if (folder / "qrels").is_dir() and not qrels.is_file():
        names = sorted(file.stem for file in qrels.parent.glob("*.tsv"))
        raise QuestionSetError(
            f"{folder} has no split {split!r}: it has {', '.join(names) or 'none (qrels/*.tsv)'}."
        )
    data = _read(folder / CORPUS)
    records = [Record(name, *texts) for name, texts in _texts(folder / CORPUS, data).items()]
    if not records:
        raise QuestionSetError(f"{folder / CORPUS} holds no record.")
    asked = _texts(folder / QUERIES, _read(folder / QUERIES))
    judged = _judgements(qrels)
    grades = {query: worth for query, worth in judged.items() if any(worth.values())}
    if not grades:
        raise QuestionSetError(f"{qrels} judges no record relevant: nothing can be measured.")
    return Collection(
        digest=hashlib.sha256(data).hexdigest(),
        records=tuple(records),
        queries={name: text for name, (_, text) in asked.items()},
        grades=grades,
        remarks=tuple(_remarks({record.path for record in records}, set(asked), judged, grades)),
    )


def _remarks(records: Set[str], queries: Set[str], judged: Grades, grades: Grades) -> Iterator[str]:
    if idle := [query for query in judged if query not in grades]:
        yield f"{len(idle)} judged queries have no relevant record ({some(idle)}): left out."
    if unknown := [query for query in grades if query not in queries]:
        yield f"{len(unknown)} judged queries are not in {QUERIES}: they score zero."
    relevant = dict.fromkeys(name for worth in grades.values() for name in worth if worth[name])
    if missing := [name for name in relevant if name not in records]:
        yield (
            f"{len(missing)} relevant records are not in {CORPUS} ({some(missing)}): they cannot "
            "be found, and count all the same."
        )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise QuestionSetError(
            f"{file} cannot be read ({error.strerror}): name a folder that holds {CORPUS}, "
            f"{QUERIES} and qrels/SPLIT.tsv."
        ) from error


def _lines(file: Path, data: bytes) -> Iterator[tuple[int, str]]:
    """Yields the lines that are not blank, numbered from 1."""
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise QuestionSetError(
            f"{file} is not UTF-8: {error.reason}, byte {error.start}."
        ) from error
    yield from ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _texts(file: Path, data: bytes) -> dict[str, tuple[str, str]]:
    """Returns titles, empty where there are none, and texts by id, in the file's order."""
    found: dict[str, tuple[str, str]] = {}
    for number, line in _lines(file, data):
        try:
            record = json.loads(line)
            name, title, text = (
                _clean(value)
                for value in (record["_id"], record.get("title") or "", record["text"])
            )
        except (ValueError, RecursionError) as error:
            raise QuestionSetError(f"{file}, line {number}: not JSON ({error}).") from error
        except KeyError as error:
            raise QuestionSetError(f"{file}, line {number}: {error} is missing.") from error
        except (TypeError, AttributeError) as error:
            raise QuestionSetError(
                f"{file}, line {number}: expected an object whose _id, title and text are strings."
            ) from error
        if name in found:
            raise QuestionSetError(f"{file}, line {number}: id {name} stands twice.")
        found[name] = title, text
    return found


def _clean(text: str) -> str:
    """Returns the text without what SQLite cannot keep: lone surrogates, and NUL."""
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text)


def _judgements(file: Path) -> Grades:
    """Returns the grades of a file of query id, record id and grade, a header above or none."""
    grades: Grades = {}
    for number, line in _lines(file, _read(file)):
        *names, grade = line.split("\t")
        if number == 1 and not re.search(r"\d", grade):
            continue
        try:
            query, record = names
            worth = max(0, int(grade))
        except ValueError as error:
            raise QuestionSetError(
                f"{file}, line {number}: expected a query's id, a record's id and a whole number, "
                "tabs between them."
            ) from error
        if grades.setdefault(query, {}).setdefault(record, worth) != worth:
            raise QuestionSetError(
                f"{file}, line {number}: {record} is judged twice for {query}, and not alike."
            )
    return grades
