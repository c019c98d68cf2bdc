"""A table, or a folder in BEIR's layout, becomes a question set.

Nothing is guessed: what cannot be read is refused with its row, and a set that is written passes
`load_questions`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from eval.collection import Collection, read_collection
from eval.dataset import Evidence, load_questions, some
from eval.excerpts import file_names, note, quotes_of
from eval.files import replacing
from eval.relocation import Relocator
from eval.tables import Row, read_rows, refuse
from rag import QuestionSetError, Settings, read_notes

log = logging.getLogger(__name__)

COLUMNS = {
    "question": ("question",),
    "quote": ("quote", "evidence", "answer"),
    "document": ("document", "file", "source"),
    **{name: (name,) for name in ("id", "fact", "kind", "split", "after", "needs")},
}
"""What a column is for, and the names it may have."""

ONCE = ("question", "fact", "kind", "split", "after", "needs")
"""Columns in which the rows of one question must not differ."""

ANSWERABLE, UNANSWERABLE = "question", "unanswerable"
"""The kinds of questions that come without one."""


# Tables


def import_csv(file: Path, out: Path, notes: Mapping[str, str] | None = None) -> int:
    """Writes the question set that a table holds; returns how many questions that are.

    The table is CSV with commas, semicolons or tabs, and a row of names on top: see `COLUMNS`.
    Rows with one id, or without ids and with one wording, are one question with several quotes. A
    row without a quote asks what the notes do not answer. Questions without an id get `q-001`,
    `q-002`, … in order; those without a fact share one where they have the same evidence, named
    as the first of them.

    Args:
        notes: texts by path, in which quotes without a document are looked for.

    Raises:
        QuestionSetError: the table cannot be read, a row breaks these rules, or a quote without
            a document stands in no note or in several.
    """
    questions: dict[tuple[bool, str], list[Row]] = {}
    for number, cells in read_rows(file, COLUMNS, required=("question", "quote")):
        key = (bool(cells["id"]), cells["id"] or cells["question"])
        questions.setdefault(key, []).append((number, cells))
    if not questions:
        raise QuestionSetError(f"{file} holds no question below the names of its columns.")
    relocator = Relocator(notes) if notes is not None else None
    records = [_record(file, rows, relocator) for rows in questions.values()]
    _name(records)
    _refuse_disorder(file, records, [rows[0][0] for rows in questions.values()])
    with replacing(out) as draft:
        _write(draft, records)
    return len(records)


def _record(file: Path, rows: Sequence[Row], relocator: Relocator | None) -> dict[str, Any]:
    """Returns the question that some rows are; its id and its fact may still be empty."""
    number, first = rows[0]
    merged = dict(first)
    for later, cells in rows[1:]:
        for name in ONCE:
            if cells[name] and merged[name] and cells[name] != merged[name]:
                differs = f"{name} is {cells[name]!r}, but {merged[name]!r} in row {number}"
                refuse(file, later, f"{differs}, which is the same question.")
            merged[name] = merged[name] or cells[name]
    if not merged["question"]:
        refuse(file, number, "no question.")
    if not all(cells["quote"] for _, cells in rows) and any(cells["quote"] for _, cells in rows):
        empty = next(row for row, cells in rows if not cells["quote"])
        refuse(file, empty, "no quote, but other rows of the same question have one.")
    needs = merged["needs"].casefold() or "any"
    if needs not in ("any", "all"):
        refuse(file, number, f'needs is {merged["needs"]!r}; expected "any" or "all".')
    evidence = dict.fromkeys(_evidence(file, r, relocator) for r in rows if r[1]["quote"])
    return {
        "id": merged["id"],
        "fact": merged["fact"],
        "question": merged["question"],
        "kind": merged["kind"] or (ANSWERABLE if evidence else UNANSWERABLE),
        **{name: merged[name] for name in ("after", "split") if merged[name]},
        **({"needs": needs} if needs == "all" else {}),
        "evidence": [_entry(found) for found in evidence],
    }


def _entry(evidence: Evidence) -> dict[str, str]:
    return {"document": evidence.document, "quote": evidence.quote}


def _evidence(file: Path, row: Row, relocator: Relocator | None) -> Evidence:
    """Returns what a row quotes; where it names no document, that is looked for."""
    number, cells = row
    evidence = Evidence(cells["document"], cells["quote"])
    if evidence.document:
        return evidence
    quoted = f"the quote {evidence.quote[:60]!r}"
    if relocator is None:
        refuse(file, number, f"no document for {quoted}, and no notes to look for it in.")
    candidates = relocator.candidates(evidence)
    documents = list(dict.fromkeys(candidate.document for candidate in candidates))
    if len(documents) != 1:
        where = f"in {len(documents)} notes ({some(documents)})" if documents else "in no note"
        refuse(file, number, f"{quoted} stands {where}: name its document.")
    return candidates[0]


def _name(records: Sequence[dict[str, Any]]) -> None:
    """Gives questions without an id or a fact one."""
    given = {record["id"] for record in records}
    free = (name for name in (f"q-{n:03d}" for n in count(1)) if name not in given)
    for record in records:
        record["id"] = record["id"] or next(free)
    facts: dict[frozenset[Evidence], str] = {}
    for record in sorted(records, key=lambda record: not record["fact"]):
        evidence = frozenset(Evidence(**entry) for entry in record["evidence"])
        shared = facts.get(evidence) if evidence else None
        record["fact"] = record["fact"] or shared or record["id"]
        facts.setdefault(evidence, record["fact"])


def _refuse_disorder(file: Path, records: Iterable[dict[str, Any]], numbers: Iterable[int]) -> None:
    """Raises QuestionSetError where `after` leads nowhere, or a fact lies in two splits."""
    seen: set[str] = set()
    home: dict[str, tuple[str, int]] = {}
    for record, number in zip(records, numbers, strict=True):
        after, split = record.get("after"), record.get("split", "")
        if after is not None and after not in seen:
            refuse(file, number, f"after names {after}, which does not come before.")
        seen.add(record["id"])
        other, row = home.setdefault(record["fact"], (split, number))
        if other != split:
            splits = f"split is {split!r}, but {other!r} in row {row}"
            refuse(file, number, f"{splits}, which asks for the same fact ({record['fact']}).")


def _write(draft: Path, records: Iterable[Mapping[str, Any]]) -> None:
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    draft.write_bytes("".join(lines).encode("utf-8"))
    load_questions(draft)


# Collections


def import_beir(folder: Path, split: str, out: Path, notes_folder: Path) -> int:
    """Writes a collection's records as notes and its queries as a set; returns how many these are.

    A note is the title as a heading (the record's id where it has none) and the text. The evidence
    of a query is every record judged above 0, cut into quotes of whole sentences (see
    `excerpts.PIECE`); each is an alternative, since BEIR counts a record by its best passage.
    Queries with the same evidence share a fact, as they are not independent. Judged queries
    without a relevant record or without a text are left out, and their number is logged. Queries
    in `queries_unanswerable.jsonl`, where there is one, become unanswerable questions.

    Args:
        split: the name of the judgements in `qrels/`.
        notes_folder: made, or empty; it is filled as a whole or not at all.

    Raises:
        QuestionSetError: the collection breaks its format, `notes_folder` is not empty, a record
            cannot be read as a note, or something cannot be written.
    """
    if notes_folder.exists() and (not notes_folder.is_dir() or any(notes_folder.iterdir())):
        raise QuestionSetError(f"{notes_folder} is not empty: name a new folder for the notes.")
    if notes_folder.resolve() in out.resolve().parents:
        raise QuestionSetError(f"{out} lies among the notes: write the set elsewhere.")
    collection = read_collection(folder, split)
    quotes = {record.path: quoted for record in collection.records if (quoted := quotes_of(record))}
    files = file_names(quotes)
    records = _answerable(collection, quotes, files)
    records += _unanswerable(folder, {record["id"] for record in records})
    if not records:
        raise QuestionSetError(f"{folder} judges no record relevant that holds words.")
    asked = {record["id"] for record in records}
    if left_out := [name for name in _judged(folder, split) if name not in asked]:
        log.warning(
            "%d queries are left out, without words or a relevant record: %s.",
            *(len(left_out), some(left_out)),
        )
    with replacing(out) as draft:
        _write(draft, records)
        with replacing(notes_folder) as filling:
            filling.mkdir()
            for record in collection.records:
                if record.path in files:
                    (filling / files[record.path]).write_bytes(note(record).encode("utf-8"))
            _refuse_unreadable(records, filling)
    return len(records)


def _answerable(
    collection: Collection, quotes: Mapping[str, Sequence[str]], files: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Returns the queries that have words and a relevant record with words."""
    records = []
    for query, worth in collection.grades.items():
        relevant = [name for name, grade in worth.items() if grade and name in quotes]
        evidence = [Evidence(files[name], quote) for name in relevant for quote in quotes[name]]
        if evidence and collection.queries.get(query, "").strip():
            found = {"id": query, "fact": "", "question": collection.queries[query]}
            records.append({**found, "kind": ANSWERABLE, "evidence": [*map(_entry, evidence)]})
    _name(records)
    return records


def _unanswerable(folder: Path, taken: Container[str]) -> Iterator[dict[str, Any]]:
    """Yields the queries that no record answers, where there is a file of them."""
    file = folder / "queries_unanswerable.jsonl"
    lines = file.read_bytes().split(b"\n") if file.is_file() else []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            name, text = record["_id"], record["text"]
            whole = bool(text.strip().encode("utf-8") and name.encode("utf-8"))
        except (ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise QuestionSetError(
                f"{file}, line {number}: expected an object whose _id and text are texts."
            )
        if name in taken:
            raise QuestionSetError(f"{file}, line {number}: id {name} is a query's that is judged.")
        yield {"id": name, "fact": name, "question": text, "kind": UNANSWERABLE, "evidence": []}


def _judged(folder: Path, split: str) -> list[str]:
    """Returns the queries that are judged, also those without a relevant record."""
    lines = (folder / "qrels" / f"{split}.tsv").read_text(encoding="utf-8-sig").split("\n")
    return list(dict.fromkeys(line.split("\t")[0] for line in lines if re.search(r"\d\s*$", line)))


def _refuse_unreadable(records: Iterable[Mapping[str, Any]], folder: Path) -> None:
    """Raises QuestionSetError where a quote does not stand in its note as it is read."""
    notes = read_notes(folder, int(Settings().max_file_mb * 1e6))
    for record in records:
        for entry in record["evidence"]:
            if entry["quote"] not in notes.get(entry["document"], ""):
                raise QuestionSetError(
                    f"Query {record['id']}: a relevant record cannot be read as a note; it may be "
                    f"longer than {Settings().max_file_mb:g} MB."
                )
