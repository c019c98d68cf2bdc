"""Planted logs: how well groups of one meaning are found again, and what a large log takes.

Groups are the facts of the shipped report split that have three wordings or more, and with
`--paraphrases` the queries of a collection in BEIR's layout that share a relevant record. A draw
takes some of them, with 3 to 10 of their wordings, and as many questions that stand alone. All are
asked of the library; what it answers well counts here too.

The large log repeats the questions of the report split, half of the times with a letter wrong in
every third word, from 300 people. `notesqa gaps` then runs in a fresh process.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sqlite3
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from eval.bench import results
from eval.bench.measuring import MB, ROOT, run
from eval.collection import read_collection
from eval.dataset import load_questions
from eval.typos import with_typos
from eval.unanswered import groups_of, wordings_of
from rag import Asked, Library, QuestionLog, Settings, Spot

QUESTIONS = ROOT / "eval/questions/transfer-learning.jsonl"
DRAWS = 10
GROUPS = 20
PEOPLE = 300

_SMALL = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Runs a command and prints its peak: a child of this process, which is large, begins with its."""

Planted = Mapping[str, Sequence[Asked]]
"""Questions by what they ask for."""


def main() -> None:
    """Measures both and prints what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / ".bench" / "gaps")
    parser.add_argument("--questions", type=int, default=50_000, help="of the large log")
    parser.add_argument("--paraphrases", type=Path, help="a collection in BEIR's layout")
    parser.add_argument("--split", default="test", help="of that collection")
    results.attempt(_measure, parser)


def _measure(given: argparse.Namespace) -> None:
    library = Library(Settings(library=str(given.work), corpus=str(ROOT / "corpus")))
    library.index()
    texts: dict[str, list[str]] = defaultdict(list)
    for question in load_questions(QUESTIONS, "report"):
        if not question.after:
            texts[question.fact].append(question.question)
    shipped = _ask(library, texts)
    _say("| planted groups | adjusted Rand index, mean of ten draws (95 %) | questions |")
    _say("|---|---|---|")
    _print_draws("shipped questions, report split", shipped, library)
    if given.paraphrases:
        collection = read_collection(given.paraphrases, given.split)
        people = defaultdict(list)
        for query, grades in collection.grades.items():
            people[min(grades)].append(collection.queries[query])
        asked = _ask(library, people)
        _print_draws(f"{given.paraphrases.name}, which the notes do not answer", asked, library)
        every = [(name, question) for name, alike in asked.items() for question in alike]
        _say(f"| all {len(asked)} groups of it | {_index(every, library):.2f} | {len(every)} |")
    _fill(QuestionLog.of(library.settings), shipped, given.questions)
    command = [sys.executable, "-c", "from ui.cli import main; main()", "--library"]
    done = run([sys.executable, "-c", _SMALL, *command, str(given.work), "gaps", "--json"])
    printed, peak = done.output.splitlines()
    found = json.loads(printed)
    _say(
        f"\n{found['looked_at']} questions, {sum(found['troubled'].values())} without a good "
        f"answer: {len(found['gaps'])} gaps in {done.seconds:.1f} s, "
        f"{int(peak) * 1024 / MB:.0f} MB."
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _ask(library: Library, texts: Mapping[str, Sequence[str]]) -> Planted:
    """Returns questions as the log keeps them."""
    now = datetime.now(UTC)
    planted: dict[str, list[Asked]] = {}
    for name, alike in texts.items():
        planted[name] = []
        for number, text in enumerate(alike):
            answer = library.ask(text)
            state = "answered" if answer.answered else "abstained"
            found = tuple(Spot(passage.document, passage.span) for passage in answer.passages)
            planted[name].append(
                Asked(
                    *(f"{name}-{number}", now, "page", None, text, answer.query, state),
                    *(answer.confidence, (), found, answer.generation),
                )
            )
    return planted


def _print_draws(what: str, planted: Planted, library: Library) -> None:
    several = sorted(name for name, alike in planted.items() if len(alike) >= 3)
    # What stands alone comes from other groups, where all have several wordings.
    alone = sorted(name for name, alike in planted.items() if len(alike) == 1)
    found, sizes = [], []
    for seed in range(DRAWS):
        chance = random.Random(seed)  # noqa: S311
        chosen = chance.sample(several, GROUPS)
        single = chance.sample(alone or sorted({*several} - {*chosen}), GROUPS)
        drawn = [(name, asked) for name in single for asked in planted[name][:1]]
        for name in chosen:
            alike = planted[name]
            some = chance.sample(range(len(alike)), chance.randint(3, min(10, len(alike))))
            drawn += [(name, alike[at]) for at in some]
        found.append(_index(drawn, library))
        sizes.append(len(drawn))
    # 2.262: Student's t of nine degrees of freedom.
    half = 2.262 * statistics.stdev(found) / math.sqrt(DRAWS)
    mean = statistics.mean(found)
    _say(
        f"| {what}: {GROUPS} groups, {GROUPS} alone | {mean:.2f} ({mean - half:.2f} to "
        f"{mean + half:.2f}) | {min(sizes)} to {max(sizes)} |"
    )


def _index(drawn: Iterable[tuple[str, Asked]], library: Library) -> float:
    """Returns the adjusted Rand index of the groups that are found."""
    from sklearn.metrics import adjusted_rand_score

    meant = {asked.id: name for name, asked in drawn}
    wordings, _ = wordings_of([asked for _, asked in drawn], library.contents().language)
    groups = groups_of(wordings, library)
    found = {asked.id: number for number, group in enumerate(groups) for asked in group.questions}
    index: float = adjusted_rand_score([meant[id_] for id_ in found], list(found.values()))
    return index


def _fill(log: QuestionLog, planted: Planted, n: int) -> None:
    """Writes a log of `n` questions."""
    log.file.unlink(missing_ok=True)
    log.purge()  # which makes the file
    chance = random.Random(0)  # noqa: S311
    every = [asked for alike in planted.values() for asked in alike]
    begun = datetime.now(UTC) - timedelta(days=80)
    rows = []
    for number in range(n):
        asked = chance.choice(every)
        if number % 2:
            misspelt = with_typos(asked.question, number, asked.id)
            asked = replace(asked, question=misspelt, query=misspelt)
        spots = [
            [spot.document, spot.span.start, spot.span.end] for spot in asked.retrieved if spot.span
        ]
        rows.append(
            (
                *(f"{number:016x}", int(begun.timestamp() * 1000) + number * 100_000, "page"),
                *(f"person {chance.randrange(PEOPLE)}", asked.question, asked.query, asked.state),
                *(asked.confidence, "[]", json.dumps(spots), asked.generation, None, None),
            )
        )
    with closing(sqlite3.connect(log.file)) as db, db:
        db.executemany(f"INSERT INTO questions VALUES ({','.join('?' * 13)})", rows)


if __name__ == "__main__":
    main()
