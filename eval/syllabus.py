"""A syllabus becomes objectives: what the notes are meant to say, each a question or a statement.

Input: a file, as a list in Markdown, a table, lines of text or a question set; output: `Objective`
records, in its order. What is asked of an objective, and its id, come from its words alone, so the
same syllabus in another order or format is judged alike.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from eval.dataset import Evidence, Question, load_questions, some
from eval.files import read_json
from eval.outlines import BETWEEN, Stated, bare, read_outline, with_given_ids
from eval.statements import is_lead_in, subject_of
from eval.tables import DELIMITERS, header_of, places_of, read_rows, refuse
from rag import QuestionSetError, plain

COLUMNS = {
    "text": (
        *("objective", "objectives", "learning objective", "learning objectives"),
        *("learning outcome", "learning outcomes", "outcome", "outcomes", "learning goal", "goal"),
        *("competency", "competence", "skill", "question", "statement", "text", "description"),
        *("topic", "topics", "title"),
    ),
    "id": ("id", "code", "identifier", "key", "number", "no", "no.", "nr", "nr.", "#"),
    "unit": (
        *("unit", "module", "week", "session", "lecture", "chapter", "section", "topic", "theme"),
        *("part",),
    ),
    "answer": ("answer", "expected answer", "model answer", "expected", "quote"),
    "document": ("document", "note", "file", "source"),
}
"""What a column of a table is for, and the names it may have, in any case."""

MOST_CHARS = 2000
"""Of an objective: those of a question, as the settings limit them unless they are changed."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to ask for something, after the questions that it leans on."""

    text: str
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Objective:
    """Something the notes are meant to say.

    Attributes:
        text: as it stands in the file, without markup.
        unit: the part of the course that it belongs to; empty where none is named.
        wordings: all known ways to ask for it: of a question all those of its fact, of a statement
            its subject.
        expected: quotes of which any is known to answer, or all together where `needs_all`.
    """

    id: str
    text: str
    unit: str
    wordings: tuple[Wording, ...]
    expected: tuple[Evidence, ...] = ()
    needs_all: bool = False


def load_objectives(path: Path) -> list[Objective]:
    """Returns the objectives of a file, at least one.

    Of Markdown (`.md`) these are the items of lists, with headings as units; of a table (`.csv`,
    `.tsv`) its rows, by the columns in `COLUMNS`, or those of its only column; of text (`.txt`)
    its lines; of a question set (`.jsonl`) its questions.

    Raises:
        QuestionSetError: the file cannot be read, is of another format, breaks it, gives an id
            twice, or holds no objective.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        raise QuestionSetError(f"{path} is a folder: name a file of objectives.")
    if suffix not in _READERS:
        raise QuestionSetError(
            f"{path} is no file of objectives: expected a list in Markdown (.md), a table (.csv, "
            ".tsv), lines of text (.txt) or a question set (.jsonl)."
        )
    found = _READERS[suffix](path)
    if not found:
        raise QuestionSetError(f"{path} holds no objective: expected {_EXPECTED[suffix]}.")
    counts = Counter(one.id for one in found)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise QuestionSetError(f"{path}: id {twice[0]} stands {counts[twice[0]]} times.")
    return found


def of_questions(
    questions: Sequence[Question], units: Mapping[str, str] | None = None
) -> list[Objective]:
    """Returns an objective for each question; those of a fact share their wordings.

    Args:
        units: by the ids of questions; of others it is the folder of their evidence, or the note
            that lies in none.
    """
    wordings: dict[str, set[Wording]] = defaultdict(set)
    for question in questions:
        wordings[question.fact].add(Wording(question.question, question.earlier))
    in_order = {fact: tuple(sorted(said, key=_said)) for fact, said in wordings.items()}
    return [
        Objective(
            id=question.id,
            text=question.question,
            unit=(units or {}).get(question.id) or _folder(question),
            wordings=in_order[question.fact],
            expected=question.evidence,
            needs_all=question.needs_all,
        )
        for question in questions
    ]


def of_statements(listed: Sequence[Stated]) -> list[Objective]:
    """Returns an objective for each of what is listed in words; those without an id get one.

    Raises:
        QuestionSetError: one is longer than `MOST_CHARS`.
    """
    said = [one for one in listed if one.text]
    if long := next((one for one in said if len(one.text) > MOST_CHARS), None):
        raise QuestionSetError(
            f"The objective that begins with {long.text[:40]!r} has {len(long.text):,} characters, "
            f"the limit is {MOST_CHARS:,}: make it several."
        )
    named = said if any(one.id for one in said) else with_given_ids(said)
    return [
        Objective(
            id=name,
            text=one.text,
            unit=one.unit,
            wordings=(Wording(subject_of(one.text).rstrip(".:;, ") or one.text),),
            expected=(Evidence(one.document, one.answer),) if one.answer else (),
        )
        for one, name in zip(named, _ids(named), strict=True)
    ]


def sameness(text: str) -> str:
    """Returns what two objectives have in common that are the same in another format."""
    words = unicodedata.normalize("NFKC", plain(text)).casefold()
    return " ".join(words.split()).rstrip(".:;, ")


def _said(wording: Wording) -> tuple[str, tuple[str, ...]]:
    return wording.text, wording.earlier


def _folder(question: Question) -> str:
    if not question.evidence:
        return ""
    document = question.evidence[0].document
    return document.rpartition("/")[0] or document


def _ids(listed: Sequence[Stated]) -> list[str]:
    """Returns an id for each: its own, or one made of its words, of its unit too where need be.

    Of objectives in the same words the first by unit has the plain one, so that another order of
    the file changes none.
    """
    ids = [one.id or _id(one.text) for one in listed]
    seen: Counter[str] = Counter()
    for at in sorted(range(len(ids)), key=lambda at: listed[at].unit):
        if not listed[at].id:
            seen[ids[at]] += 1
            ids[at] += f"-{seen[ids[at]]}" if seen[ids[at]] > 1 else ""
    return ids


def _id(text: str) -> str:
    same = sameness(text)
    words = re.findall(r"[a-z0-9]+", same)[:5]
    return "-".join([*words, sha256(same.encode()).hexdigest()[:6]])


def _of_outline(path: Path) -> list[Objective]:
    return of_statements(read_outline(_text(path), _of_rows))


def _of_lines(path: Path) -> list[Objective]:
    found, unit = [], ""
    for line in _text(path).splitlines():
        said = bare(line)
        if line.startswith("#"):
            unit = said
        elif not is_lead_in(said):
            found.append(Stated(said, unit))
    return of_statements(found)


def _of_table(path: Path) -> list[Objective]:
    """Returns the objectives of a table: those of its only column, if that has no name."""
    text = _text(path)
    headers = [header_of(text, delimiter) for delimiter in DELIMITERS]
    if any("text" in places_of(header, COLUMNS) for header in headers):
        rows = (cells for _, cells in read_rows(path, COLUMNS, ("text",)))
        return of_statements(_stated(rows))
    names = max(headers, key=len)
    if len(names) > 1 or places_of(names, COLUMNS):
        raise QuestionSetError(
            f"{path}, row 1: expected the names of columns, objective, outcome, question, text or "
            f"topic among them; found {', '.join(filter(None, names))[:200]}."
        )
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        return of_statements([Stated(bare(",".join(line))) for line in reader])
    except csv.Error as error:
        refuse(path, reader.line_num, f"cannot be read as a row of a table ({error}).")


def _of_rows(rows: Sequence[Sequence[str]], unit: str) -> list[Stated]:
    """Returns what a table inside a text lists; nothing where no column is for objectives."""
    places = places_of([name.casefold() for name in rows[0]], COLUMNS)
    if "text" not in places:
        return []
    cells = (
        dict.fromkeys(COLUMNS, "") | {name: row[at] for name, at in places.items() if at < len(row)}
        for row in rows[1:]
    )
    return [
        replace(one, unit=BETWEEN.join(filter(None, [unit, one.unit]))) for one in _stated(cells)
    ]


def _stated(rows: Iterable[Mapping[str, str]]) -> list[Stated]:
    """Returns what rows list; a unit that is left empty is the one above, as in merged cells."""
    found, unit = [], ""
    for cells in rows:
        unit = cells["unit"] or unit
        is_unit = unit == cells["text"]  # both are the column of topics
        found.append(
            Stated(
                text=bare(cells["text"]),
                unit="" if is_unit else bare(unit),
                id=cells["id"],
                answer=cells["answer"].strip(),
                document=cells["document"],
            )
        )
    return found


def _of_records(path: Path) -> list[Objective]:
    """Returns the objectives of JSON Lines: of a question set, or of any objects with a text."""
    records = []
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if line.strip():
            try:
                records.append((number, {**read_json(line)}))
            except (ValueError, TypeError) as error:
                raise QuestionSetError(f"{path}, line {number}: no JSON object.") from error
    if any("evidence" in record for _, record in records):
        questions = load_questions(path)  # so that each record has an id
        units = {r["id"]: r["unit"] for _, r in records if isinstance(r.get("unit"), str)}
        return of_questions(questions, units)
    rows = []
    for number, record in records:
        said = {name.casefold(): v for name, v in record.items() if isinstance(v, str | int)}
        places = places_of([*said], COLUMNS)
        if "text" not in places:
            raise QuestionSetError(
                f"{path}, line {number}: expected a question set, or objects with an objective, "
                f"question or text; found {some([*record]) or 'nothing'}."
            )
        values = [*said.values()]
        rows.append({name: str(values[places[name]]) if name in places else "" for name in COLUMNS})
    return of_statements(_stated(rows))


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise QuestionSetError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise QuestionSetError(
            f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8."
        ) from error


_READERS: dict[str, Callable[[Path], list[Objective]]] = {
    **dict.fromkeys((".md", ".markdown"), _of_outline),
    **dict.fromkeys((".csv", ".tsv"), _of_table),
    ".txt": _of_lines,
    ".jsonl": _of_records,
}

_EXPECTED = {
    **dict.fromkeys((".md", ".markdown"), "a list, such as - Explain negative transfer"),
    **dict.fromkeys((".csv", ".tsv"), "rows below the names of its columns"),
    ".txt": "one a line",
    ".jsonl": "a question a line",
}
