"""notesqa and what people would use instead: the same notes, model, questions and machine.

In every round each system indexes the notes into a new store, answers one question from a fresh
process some times, and answers the whole set warm; the systems take turns, each round beginning
with another. What is shown is the median over rounds with the smallest and the largest; ratios are
taken turn by turn. All processes run alone, one after the other.

Quality is over the questions of one split that stand alone, since only notesqa knows
conversations. All passages are judged by the code that judges runs of notesqa: one finds its
evidence when it covers at least half of the quote.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eval.bench import plot, results
from eval.bench.locating import Notes
from eval.bench.measuring import ROOT, BenchmarkError, Finished, Spread, percentile, run, size_mb
from eval.bench.peers.protocol import CHUNK_TOKENS
from eval.cases import match
from eval.dataset import Question, load_questions
from eval.measures import Measure, mean
from eval.notes import Notes as JudgedNotes
from eval.ranking import ranks
from eval.runfile import Outcome, Run
from eval.statistics import Paired, paired
from rag import QuestionSetError, Settings, Span, read_notes

OURS = "notesqa"

SYSTEMS = {
    OURS: "notesqa",
    "LangChain + FAISS": "langchain_faiss",
    "LlamaIndex": "llamaindex",
    "txtai (hybrid)": "txtai_hybrid",
    "Haystack (in memory)": "haystack_memory",
}
"""The systems, and the module of `eval.bench.peers` that drives each."""

PACKAGES = (
    *("langchain-text-splitters", "langchain-huggingface", "langchain-community", "faiss-cpu"),
    *("llama-index-core", "llama-index-embeddings-huggingface", "txtai", "chonkie", "haystack-ai"),
    *("sentence-transformers-haystack", "sentence-transformers", "transformers", "torch", "numpy"),
)
"""Packages of the peers' environment that are named with the results."""

EQUAL = f"indexing, chunks/s of {CHUNK_TOKENS} tokens"

MEASURES = {
    "indexing, tokens/s": True,
    EQUAL: True,
    "indexing, own chunks/s": True,
    "indexing, whole process, s": False,
    "indexing, peak memory, MB": False,
    "fresh process to first answer, s": False,
    "fresh process, peak memory, MB": False,
    "warm question, p50, ms": False,
    "warm question, p99, ms": False,
    "store on disk, MB": False,
}
"""What is measured, and whether higher is better."""

NOT_PLOTTED = (EQUAL, "indexing, own chunks/s")
"""The same as tokens per second, and what depends on how long a system's chunks are."""

QUALITY = ("hit@5", "MRR@10", "nDCG@10")

PICTURE = ROOT / "eval/bench/side-by-side.svg"


@dataclass(slots=True)
class Measured:
    """All that was measured of one system.

    Attributes:
        values: by measure, one a turn.
        index: what its last indexing printed.
        encoder: the share of indexing in which the model read passages, where it is known.
        found: the passages of the last warm round, by question id.
    """

    values: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in MEASURES})
    index: dict[str, float] = field(default_factory=dict)
    encoder: list[float] = field(default_factory=list)
    found: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def ratios_to(self, other: Measured) -> dict[str, Spread]:
        """Returns how many times better this one is, by measure, turn by turn."""
        found = {}
        for name, higher in MEASURES.items():
            turns = zip(self.values[name], other.values[name], strict=True)
            found[name] = Spread.of([a / b if higher else b / a for a, b in turns])
        return found


@dataclass(frozen=True, slots=True)
class Quality:
    """What a system's passages are worth.

    Attributes:
        ahead: by how much notesqa is ahead, paired by question; empty for notesqa itself.
        lost: passages whose text stands nowhere in their document; they find nothing.
    """

    measures: dict[str, Measure]
    ahead: dict[str, Paired]
    lost: int
    passages: int


Step = Callable[[str, Measured], None]


class Bench:
    """The systems that take part, and a folder for their stores."""

    def __init__(self, corpus: Path, work: Path, python: Path, questions: Sequence[Question]):
        """Args: `python` is the interpreter of the peers' environment."""
        self.corpus, self.work, self.python = corpus, work, python
        self.asked = work / "questions.jsonl"
        lines = [json.dumps({"id": q.id, "question": q.question}) for q in questions]
        work.mkdir(parents=True, exist_ok=True)
        self.asked.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.measured: dict[str, Measured] = {}
        self.failed: dict[str, str] = {}

    def turn(self, systems: Sequence[str], questions: Sequence[str]) -> None:
        """Measures everything once, question by question for the first answers."""
        for step in (self._index, *(self._ask(question) for question in questions), self._batch):
            for system in systems:
                if system in self.failed:
                    continue
                measured = self.measured.setdefault(system, Measured())
                try:
                    step(system, measured)
                except BenchmarkError as error:
                    results.say(f"{system} is left out: {error}")
                    self.failed[system] = str(error)
                    del self.measured[system]

    def _index(self, system: str, measured: Measured) -> None:
        store = self._store(system)
        shutil.rmtree(store, ignore_errors=True)
        done = self._run(system, "index", str(self.corpus), str(store))
        measured.index = index = json.loads(done.last_line)
        values = measured.values
        values["indexing, tokens/s"].append(index["tokens"] / index["index_s"])
        values[EQUAL].append(index["tokens"] / index["index_s"] / CHUNK_TOKENS)
        values["indexing, own chunks/s"].append(index["chunks"] / index["index_s"])
        values["indexing, whole process, s"].append(done.seconds)
        values["indexing, peak memory, MB"].append(done.peak_mb)
        values["store on disk, MB"].append(size_mb(store))
        measured.encoder.append(index["encoder_s"] / index["index_s"])

    def _ask(self, question: str) -> Step:
        def step(system: str, measured: Measured) -> None:
            done = self._run(system, "ask", str(self._store(system)), question)
            measured.values["fresh process to first answer, s"].append(done.seconds)
            measured.values["fresh process, peak memory, MB"].append(done.peak_mb)

        return step

    def _batch(self, system: str, measured: Measured) -> None:
        out = self.work / f"{SYSTEMS[system]}.jsonl"
        self._run(system, "batch", str(self._store(system)), str(self.asked), str(out))
        records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        times = [record["ms"] for record in records]
        measured.values["warm question, p50, ms"].append(percentile(times, 0.5))
        measured.values["warm question, p99, ms"].append(percentile(times, 0.99))
        measured.found = {record["id"]: record["passages"] for record in records}

    def _store(self, system: str) -> Path:
        return self.work / "stores" / SYSTEMS[system]

    def _run(self, system: str, command: str, *arguments: str) -> Finished:
        python = sys.executable if system == OURS else str(self.python)
        module = f"eval.bench.peers.{SYSTEMS[system]}"
        done = run([python, "-m", module, command, *arguments])
        results.say(f"{system}: {command}, {done.seconds:.1f} s, {done.peak_mb:.0f} MB")
        return done


def judge(
    found: Mapping[str, Mapping[str, list[dict[str, object]]]],
    questions: Sequence[Question],
    notes: Notes,
) -> dict[str, Quality]:
    """Returns the quality of each system's passages.

    Args:
        found: passages by question id, by system, notesqa among them.

    Raises:
        QuestionSetError: a quote does not stand in the notes.
    """
    fact_of = {question.id: question.fact for question in questions}
    head = {"notes": {path: {"text": text, "chunks": []} for path, text in notes.texts.items()}}
    values, lost, passages = {}, {}, {}
    for system, answers in found.items():
        placed = {
            name: [(passage, notes.locate(passage)) for passage in given]
            for name, given in answers.items()
        }
        run_of = Run(
            Path(system),
            head,
            {
                name: Outcome({"passages": [_placed(place) for _, place in given]})
                for name, given in placed.items()
            },
        )
        values[system] = ranks(match(run_of, questions, JudgedNotes(run_of)).cases)
        lost[system] = sum(place is None for given in placed.values() for _, place in given)
        passages[system] = sum(map(len, placed.values()))
    return {
        system: Quality(
            measures={name: mean(table[name], fact_of) for name in QUALITY},
            ahead={
                name: paired(
                    {id_: values[OURS][name][id_] - value for id_, value in table[name].items()},
                    fact_of,
                )
                for name in QUALITY
                if system != OURS
            },
            lost=lost[system],
            passages=passages[system],
        )
        for system, table in values.items()
    }


def _placed(place: tuple[str, Span] | None) -> dict[str, object]:
    """Returns a passage as a run file has it; one that is nowhere covers nothing."""
    document, span = place or ("", Span(0, 0))
    return {"document": document, "start": span.start, "end": span.end}


# Writing


def section(bench: Bench, about: str, quality: Mapping[str, Quality] | str) -> str:
    """Returns the measured part of the results.

    Args:
        quality: by system, or why there is none.
    """
    ours = bench.measured[OURS]
    peers = {name: m for name, m in bench.measured.items() if name != OURS}
    ratios = {name: ours.ratios_to(measured) for name, measured in peers.items()}
    parts = [
        about,
        results.table(
            ["", *bench.measured],
            [
                [name, *(str(Spread.of(m.values[name])) for m in bench.measured.values())]
                for name in MEASURES
            ]
            + [
                [f"chunks, {how}", *(f"{m.index[key]:,.0f}" for m in bench.measured.values())]
                for how, key in (("number", "chunks"), ("tokens in all", "tokens"))
            ]
            + [["chunks, longest, tokens", *(_longest(m) for m in bench.measured.values())]],
        ),
        f"Of the time of indexing, notesqa spends in the encoder: {Spread.of(ours.encoder)}.",
        "How many times better notesqa is, turn by turn; below 1 the other is better:",
        results.table(
            ["", *peers],
            [[name, *(str(ratios[peer][name]) for peer in peers)] for name in MEASURES],
        ),
        f"![The same ratios as a picture]({PICTURE.name})",
        quality if isinstance(quality, str) else _quality(quality),
        *(f"Left out: {name} ({why})." for name, why in bench.failed.items()),
    ]
    return "\n\n".join(parts)


def picture(bench: Bench) -> str:
    """Returns the ratios as SVG."""
    ours = bench.measured[OURS]
    peers = {name: ours.ratios_to(m) for name, m in bench.measured.items() if name != OURS}
    rows = {
        name: {peer: ratios[name] for peer, ratios in peers.items()}
        for name in MEASURES
        if name not in NOT_PLOTTED
    }
    return plot.ratios("How many times better notesqa is on the same notes", rows)


def _longest(measured: Measured) -> str:
    return f"{measured.index['longest']:,.0f}"


def _quality(quality: Mapping[str, Quality]) -> str:
    n = quality[OURS].measures[QUALITY[0]].n
    rows = []
    for system, one in quality.items():
        ahead = [
            f"{p.difference.value:+.3f} [{p.difference.low:+.3f}, {p.difference.high:+.3f}]"
            for p in one.ahead.values()
        ]
        shown = [f"{m.value:.3f} [{m.low:.3f}, {m.high:.3f}]" for m in one.measures.values()]
        lost = f"{one.lost} of {one.passages:,}"
        rows.append([system, *shown, *(ahead or [""] * len(QUALITY)), lost])
    header = ["", *QUALITY, *(f"notesqa ahead, {name}" for name in QUALITY), "not located"]
    said = (
        f"Passages, n = {n} answerable questions, 95 % intervals by bootstrap over facts; "
        "differences are paired by question. Passages that stand nowhere in their document are "
        "counted in the last column, and find nothing:"
    )
    return f"{said}\n\n{results.table(header, rows)}"


def main() -> None:
    """Measures all systems and writes the part of the results."""
    parser = results.options(__doc__, "side-by-side")
    parser.add_argument("--corpus", type=Path, default=ROOT / "corpus")
    parser.add_argument(
        "--questions", type=Path, default=ROOT / "eval/questions/transfer-learning.jsonl"
    )
    parser.add_argument("--split", default="report")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--asks", type=int, default=3, help="first answers a round")
    parser.add_argument("--python", type=Path, default=ROOT / ".bench/venv/bin/python")
    results.attempt(_measure, parser)


def _measure(given: argparse.Namespace) -> None:
    results.around(given.out, "side-by-side")  # a missing mark is said now, not in the end
    loaded = load_questions(given.questions, given.split or None)
    questions = [question for question in loaded if question.after is None]
    corpus = given.corpus.resolve()
    bench = Bench(corpus, given.work.resolve(), given.python.absolute(), questions)
    names = list(SYSTEMS)
    for number in range(given.rounds):
        results.say(f"Round {number + 1} of {given.rounds}")
        first = number % len(names)
        asked = [questions[(number * given.asks + i) % len(questions)] for i in range(given.asks)]
        bench.turn([*names[first:], *names[:first]], [question.question for question in asked])
    if OURS not in bench.measured:
        raise BenchmarkError(f"notesqa itself failed: {bench.failed[OURS]}")
    bench.measured = {name: bench.measured[name] for name in names if name in bench.measured}
    # Only now is anything large imported: a process begins with its parent's peak memory.
    texts = read_notes(corpus, int(Settings().max_file_mb * 1e6))
    found = {name: measured.found for name, measured in bench.measured.items()}
    quality: Mapping[str, Quality] | str
    try:
        quality = judge(found, questions, Notes(corpus, texts))
    except QuestionSetError as error:
        quality = f"Quality is not measured: {error}"
    answerable = sum(question.answerable for question in questions)
    peers = run([str(given.python), "-c", VERSIONS, *PACKAGES])
    about = (
        f"{len(texts)} notes, {len(questions)} questions ({answerable} of them answerable), "
        f"rounds: {given.rounds}, first answers in each: {given.asks}. {results.machine()} "
        f"notesqa: {results.versions()}. The others: {peers.last_line}."
    )
    results.put(given.out, "side-by-side", section(bench, about, quality))
    picture_file = given.out.with_name(PICTURE.name)
    picture_file.write_text(picture(bench), encoding="utf-8")
    results.say(f"{given.out} and {picture_file} are written.")


VERSIONS = (
    "import sys; from importlib.metadata import version; "
    "print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]))"
)
"""What a Python runs to name the versions of packages."""


if __name__ == "__main__":
    main()
