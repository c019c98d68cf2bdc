"""Whether coverage misses what is hidden: a fifth of the notes goes, ten times.

    python -m eval.bench.ablation                     the shipped notes
    python -m eval.bench.ablation --interviews DIR    questions and answers, with qa.jsonl beside

Of the reporting split, in three ways: with the quotes that the set holds as expected answers, so
that the words of hidden notes are looked up and not found; by the wordings of each fact; and by one
wording each, as of a syllabus. A question is gone where every quote of it lay in a hidden
note; a draw's precision is the share of gone ones among those called missing that the notes once
answered, its recall the share of gone ones that are called missing.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eval.coverage import cover
from eval.dataset import Evidence, Question, load_questions
from eval.support import Status
from eval.syllabus import Objective, Wording, of_questions
from rag import Library, Settings

CORPUS = Path("corpus")
QUESTIONS = Path("eval/questions/transfer-learning.jsonl")
DRAWS = 10
SHARE = 0.2
_STUDENT_T9 = 2.262
"""The 97.5th percentile of Student's t with nine degrees of freedom: for means of ten draws."""


@dataclass(frozen=True, slots=True)
class Case:
    """Objectives with what is known of them in one state of the notes.

    Attributes:
        gone: ids of those whose answer is hidden.
        never: ids of those that the notes never answered.
    """

    objectives: Sequence[Objective]
    gone: frozenset[str]
    never: frozenset[str]


def states(
    library: Path, corpus: Path, documents: Sequence[str]
) -> Iterator[tuple[frozenset[str], Library]]:
    """Yields the whole notes, then `DRAWS` states in each of which a fifth of them is hidden."""
    embedder = Library().embedder
    with tempfile.TemporaryDirectory() as scratch:
        for draw in range(-1, DRAWS):
            size = round(len(documents) * SHARE)
            hidden = [] if draw < 0 else random.Random(draw).sample(documents, size)
            notes = Path(scratch) / "notes"
            shutil.rmtree(notes, ignore_errors=True)
            shutil.copytree(corpus, notes)
            for document in hidden:
                (notes / document).unlink()
            found = Library(Settings(library=str(library), corpus=str(notes)), embedder)
            found.index(notes)
            yield frozenset(hidden), found


def gone(question: Question, hidden: frozenset[str]) -> bool:
    """Returns whether the notes that are left hold no quote of a question that had some."""
    lost = [evidence.document in hidden for evidence in question.evidence]
    return bool(lost) and (any(lost) if question.needs_all else all(lost))


@dataclass(frozen=True, slots=True)
class Told:
    """What one state was said to miss.

    Attributes:
        moved: ids of those that are there, and went from covered to missing.
    """

    hits: int
    called: int
    gone: int
    never_called: int
    never: int
    moved: tuple[str, ...]

    @property
    def precision(self) -> float:
        """Returns the share of gone ones among those called missing and once answered."""
        return self.hits / self.called if self.called else 1.0

    @property
    def recall(self) -> float:
        """Returns the share of gone ones that were called missing."""
        return self.hits / self.gone if self.gone else 1.0


def told(case: Case, before: dict[str, Status], after: dict[str, Status]) -> Told:
    """Returns what the statuses of one state come to."""
    called = {name for name, status in after.items() if status is Status.MISSING}
    there = {o.id for o in case.objectives} - case.gone - case.never
    moved = sorted(name for name in called & there if before[name] is Status.COVERED)
    return Told(
        hits=len(called & case.gone),
        called=len(called - case.never),
        gone=len(case.gone),
        never_called=len(called & case.never),
        never=len(case.never),
        moved=tuple(moved),
    )


def statuses(library: Library, objectives: Sequence[Objective]) -> dict[str, Status]:
    """Returns each objective's status by its id."""
    return {item.objective.id: item.status for item in cover(library, objectives).found}


def shipped(library: Path) -> None:
    """Prints the figures of the shipped notes and questions."""
    questions = load_questions(QUESTIONS, "report")
    documents = notes_of(CORPUS)
    known = of_questions(questions)
    alone = [replace(item, expected=()) for item in known]
    single = [replace(item, wordings=_own(item)) for item in alone]
    ways = {"with the set's quotes": known, "all wordings of a fact": alone, "one wording": single}
    before: dict[str, dict[str, Status]] = {}
    rows: dict[str, list[Told]] = {name: [] for name in ways}
    for hidden, state in states(library, CORPUS, documents):
        lost = frozenset(q.id for q in questions if gone(q, hidden))
        never = frozenset(q.id for q in questions if not q.answerable)
        for name, objectives in ways.items():
            after = statuses(state, objectives)
            if not hidden:
                before[name] = after
            else:
                rows[name].append(told(Case(objectives, lost, never), before[name], after))
    say(f"Shipped notes ({len(documents)}), reporting split (n = {len(questions)})")
    for name, found in rows.items():
        show(name, found, before[name])


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _own(objective: Objective) -> tuple[Wording, ...]:
    return tuple(said for said in objective.wordings if said.text == objective.text)


def notes_of(corpus: Path) -> list[str]:
    """Returns the notes of a folder that questions are asked about."""
    return sorted(
        file.relative_to(corpus).as_posix()
        for file in corpus.rglob("*")
        if file.suffix in {".md", ".txt"} and file.name != "SOURCES.md"
    )


def show(name: str, found: Sequence[Told], before: dict[str, Status]) -> None:
    """Prints the mean of some draws with its 95 % interval (Student's t over the draws)."""
    moved = sum(len(item.moved) for item in found)
    counts = {status.value: list(before.values()).count(status) for status in Status}
    say(f"  {name}: nothing hidden: {counts}")
    say(
        f"    precision {_mean([item.precision for item in found])}, "
        f"recall {_mean([item.recall for item in found])}, {len(found)} draws, "
        f"gone {sum(item.gone for item in found)}, called {sum(item.called for item in found)}; "
        f"never answered: {sum(item.never_called for item in found)} of "
        f"{sum(item.never for item in found)} called missing; "
        f"there, but from covered to missing: {moved}"
    )


def _mean(values: Sequence[float]) -> str:
    middle = statistics.fmean(values)
    half = _STUDENT_T9 * statistics.stdev(values) / len(values) ** 0.5
    return f"{middle:.3f} [{middle - half:.3f}, {min(1.0, middle + half):.3f}]"


# Notes of questions and answers in one file


def interviews(library: Path, folder: Path) -> None:
    """Prints the figures of a note of questions and answers, a fifth of which is hidden."""
    listed = [json.loads(line) for line in (folder / "qa.jsonl").read_text("utf-8").splitlines()]
    empty = frozenset(str(n) for n, item in enumerate(listed) if _is_open(item["answer"]))
    known = [
        Objective(
            id=str(number),
            text=item["question"],
            unit=item["section"],
            wordings=(Wording(item["question"]),),
            expected=(Evidence(item["file"], item["answer"]),),
        )
        for number, item in enumerate(listed)
    ]
    ways = {
        "with the answers of qa.jsonl": known,
        "questions alone": [replace(item, expected=()) for item in known],
    }
    before: dict[str, dict[str, Status]] = {}
    rows: dict[str, list[Told]] = {name: [] for name in ways}
    embedder = Library().embedder
    for draw in range(-1, DRAWS):
        size = round(len(listed) * SHARE)
        hidden = [] if draw < 0 else random.Random(draw).sample(range(len(listed)), size)
        with tempfile.TemporaryDirectory() as scratch:
            notes = Path(scratch) / "notes"
            shutil.copytree(folder / "notes", notes)
            (notes / "theory.md").write_text(
                without(notes / "theory.md", [listed[n]["question"] for n in hidden]), "utf-8"
            )
            state = Library(Settings(library=str(library), corpus=str(notes)), embedder)
            state.index(notes)
            lost = frozenset(map(str, hidden)) - empty
            never = empty
            for name, objectives in ways.items():
                after = statuses(state, objectives)
                if draw < 0:
                    before[name] = after
                else:
                    rows[name].append(told(Case(objectives, lost, never), before[name], after))
    say(f"{folder.name}, {len(listed)} questions, {len(empty)} of them open")
    for name, found in rows.items():
        show(name, found, before[name])


def _is_open(answer: str) -> bool:
    return answer.strip() == "Answer here"


def without(file: Path, questions: Sequence[str]) -> str:
    """Returns the text of a note without some questions and what stands below each."""
    hidden = {_letters(question) for question in questions}
    kept, skip = [], False
    for line in file.read_text("utf-8").split("\n"):
        if line.startswith("**"):
            skip = _letters(line) in hidden
        elif line.startswith("## "):
            skip = False
        if not skip:
            kept.append(line)
    return "\n".join(kept)


def _letters(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def main() -> None:
    """Runs the command that the module's docstring names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--interviews", type=Path, metavar="DIR", help="folder with notes, qa.jsonl"
    )
    parser.add_argument("--library", type=Path, help="scratch library to use again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        library = given.library or Path(scratch) / "library"
        if given.interviews:
            interviews(library, given.interviews)
        else:
            shipped(library)


if __name__ == "__main__":
    main()
