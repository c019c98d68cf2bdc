"""Records of evaluation become lines in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.text import Text

from eval import (
    DESCRIPTIONS,
    CollectionScores,
    Comparison,
    Decision,
    Findings,
    Fitting,
    Run,
    Scores,
    smallest,
    verdict,
)
from ui.console import say
from ui.render import visible

SPLIT = ("hit@5", "MRR@10", "answer_contains_evidence", "abstention_recall", "handled")
"""Measures in the table of the parts of a set."""

LISTED = 8
"""How many failed or changed questions are listed; `--json` and the report have all."""


def table(rows: Iterable[Sequence[str]], *, numbers: Sequence[int]) -> None:
    """Prints columns two spaces apart; those in `numbers` are aligned at the right."""
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        say("  " + "  ".join(cells).rstrip())


def heading(text: str) -> None:
    """Prints an empty line and a heading."""
    say("", Text(visible(text), style="bold"))


def print_run(run: Run) -> None:
    """Prints where a run stands, and what to do with it."""
    failed = sum(outcome.result is None for outcome in run.outcomes.values())
    say(f"{len(run.outcomes)} questions asked, {failed} failed: {visible(str(run.path))}")
    say(f"Next: notesqa eval score {visible(str(run.path))}")


def print_scores(scores: Scores, by: str) -> None:
    """Prints every measure, some of them by kind, document or fact, refusals, confidence, time."""
    say(f"{len(scores.verdicts)} questions, 95 % intervals by bootstrap over facts.")
    for remark in scores.remarks:
        say(Text(f"Note: {visible(remark)}", style="yellow"))
    heading("Measures")
    rows = [
        (name, f"{m.value:.3f}", f"[{m.low:.3f}, {m.high:.3f}]", f"n = {m.n}", DESCRIPTIONS[name])
        for name, m in scores.measures.items()
    ]
    table(rows, numbers=(1, 2, 3))
    heading(f"By {by}")
    shown = [name for name in SPLIT if name in scores.measures]
    table([(by, "n", *shown), *_split(scores, by, shown)], numbers=range(1, len(shown) + 2))
    heading("Refusals")
    columns = ("answered", "abstained", "failed")
    table(
        [("", *columns)]
        + [(kind, *(str(row[c]) for c in columns)) for kind, row in scores.abstention.items()],
        numbers=(1, 2, 3),
    )
    heading("Confidence, and how often the answer held the words asked for")
    table(
        [("confidence", "right", "", "n")]
        + [
            (
                f"{item.low:.1f}–{item.high:.1f}",
                f"{item.right.value:.2f}",
                f"[{item.right.low:.2f}, {item.right.high:.2f}]",
                str(item.n),
            )
            for item in scores.reliability
        ],
        numbers=(1, 2, 3),
    )
    if scores.latency_ms:
        times = scores.latency_ms
        heading("Time a question")
        say(
            f"  p50 {times['p50']:.1f} ms, p95 {times['p95']:.1f} ms, p99 {times['p99']:.1f} ms, "
            f"n = {times['n']:.0f}"
        )
    if scores.failed:
        heading("Failed")
        _list((f"{v.question.id}: {v.outcome.error}" for v in scores.failed), len(scores.failed))


def _split(scores: Scores, by: str, shown: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns the rows of a part of the set each: facts worst first, the others as they come."""
    if by == "fact":
        facts = sorted(scores.by_fact.items(), key=lambda item: item[1]["handled"])
        return [
            (fact, f"{row['n']:.0f}", *(f"{row[m]:.2f}" if m in row else "–" for m in shown))
            for fact, row in facts
        ]
    groups = scores.by_document if by == "document" else scores.by_kind
    return [
        (
            name or "(none)",
            str(max(measure.n for measure in group.values())),
            *(f"{group[m].value:.3f}" if m in group else "–" for m in shown),
        )
        for name, group in groups.items()
    ]


def _list(lines: Iterable[str], total: int) -> None:
    for _, line in zip(range(LISTED), lines, strict=False):
        say(visible(" ".join(line.split())), indent=2)
    if total > LISTED:
        say(f"… and {total - LISTED} more (--json lists all).", indent=2)


def print_comparison(comparison: Comparison) -> None:
    """Prints what changed between two runs, by how much, and what chance has to say."""
    say(f"A: {visible(str(comparison.a))}", f"B: {visible(str(comparison.b))}")
    for name, (a, b) in comparison.changed.items():
        say(f"different: {name}: {_short(a)} → {_short(b)}", indent=2)
    heading(f"{len(comparison.by_id)} questions in both, B minus A, 95 % intervals over facts")
    rows = [("measure", "A", "B", "B - A", "", "p", "McNemar", "n", "")]
    for name, d in comparison.differences.items():
        difference = d.paired.difference
        rows.append(
            (
                name,
                f"{d.a:.3f}",
                f"{d.b:.3f}",
                f"{difference.value:+.3f}",
                f"[{difference.low:+.3f}, {difference.high:+.3f}]",
                f"{d.p:.2g}",
                "–" if d.mcnemar is None else f"{d.mcnemar:.2g}",
                str(d.n),
                "beyond chance" if d.detected else f"could show {smallest(d)}",
            )
        )
    table(rows, numbers=range(1, 8))
    say(
        "  p: randomisation test over facts, corrected for the measures shown (Holm). McNemar: "
        "uncorrected, wordings taken as independent."
    )
    for name, d in comparison.differences.items():
        for word, ids in (("gained", d.gained), ("lost", d.lost)):
            if ids:
                heading(f"{name}: {word} ({len(ids)})")
                _list((f"{i}: {comparison.by_id[i][0].question.question}" for i in ids), len(ids))
    if comparison.left_out:
        heading(f"Not compared ({len(comparison.left_out)})")
        _list((f"{i}: {why}" for i, why in comparison.left_out.items()), len(comparison.left_out))
    heading(verdict(comparison))


def _short(value: Any) -> str:
    text = visible(str(value))
    return text if len(text) <= 40 else text[:12] + "…"


def print_fitting(fitting: Fitting) -> None:
    """Prints what the present fit and the new one are worth on the same questions."""
    about = fitting.fit.fitted_on
    say(
        f"{about['questions']} questions about {about['facts']} facts, "
        f"{about['unanswerable']} of them unanswerable; the new fit's figures are held out."
    )
    for remark in fitting.remarks:
        say(Text(f"Note: {visible(remark)}", style="yellow"))
    rows = [("measure", "present", "new", "difference", "", "n", "")]
    for name, item in fitting.measures.items():
        change = item.difference
        rows.append(
            (
                name,
                f"{item.before.value:.3f}",
                f"{item.after.value:.3f}",
                f"{change.value:+.3f}",
                f"[{change.low:+.3f}, {change.high:+.3f}]",
                str(item.after.n),
                DESCRIPTIONS[name],
            )
        )
    table(rows, numbers=range(1, 6))
    weights = fitting.before.lexical_weight, fitting.fit.lexical_weight
    say(f"  A point of BM25 weighs {weights[1]:g} (present: {weights[0]:g}).")


def print_decision(decision: Decision) -> None:
    """Prints what the gate looked at; the reasons against a run are the error that follows."""
    rows = [("measure", "baseline", "run", "difference", "", "p", "n")]
    for name, d in decision.comparison.differences.items():
        interval = d.paired.difference
        rows.append(
            (
                name,
                f"{d.a:.3f}",
                f"{d.b:.3f}",
                f"{interval.value:+.3f}",
                f"[{interval.low:+.3f}, {interval.high:+.3f}]",
                f"{d.p:.2g}",
                str(d.n),
            )
        )
    table(rows, numbers=range(1, 7))
    for name, (floor, value) in decision.floors.items():
        say(f"  {name} {value:.4f}, floor {floor:g}")
    compared, left_out = len(decision.comparison.by_id), decision.comparison.left_out
    say(f"  {compared} questions compared, {len(decision.missing)} of them not asked by this run.")
    if left_out:
        say(f"  {len(left_out)} questions of the set not compared:")
        _list((f"{name}: {why}" for name, why in left_out.items()), len(left_out))
    if decision.dropped:
        say(f"  {len(decision.dropped)} questions of the baseline are not in the set any more.")
    if decision.passed:
        say(
            "The gate passes: no drop beyond chance"
            + (", no floor broken." if decision.floors else ".")
        )


def print_findings(findings: Findings) -> None:
    """Prints what a check found: what must be mended first, then what is worth a look."""
    kinds = ", ".join(f"{n} {kind or '(no kind)'}" for kind, n in findings.kinds.items())
    say(f"{findings.n} questions on {findings.facts} facts, {findings.answerable} answerable.")
    say(f"Kinds: {kinds}.")
    for remark in findings.remarks:
        say(Text(f"Note: {visible(remark)}", style="yellow"))
    _found(
        "Stale: the quote stands nowhere in the notes",
        (
            f"{_who(item.questions)}: {item.evidence.document}: {item.evidence.quote}"
            + (f"  Nearest there: {item.nearest}" if item.nearest else "")
            for item in findings.stale
        ),
        len(findings.stale),
    )
    _found(
        "Moved: the words stand elsewhere now",
        (
            f"{_who(item.questions)}: {item.evidence.document} → "
            f"{' or '.join(dict.fromkeys(e.document for e in item.candidates))}: "
            f"{item.candidates[0].quote}"
            for item in findings.moved
        ),
        len(findings.moved),
    )
    _found(
        "Not in the notes",
        (
            f"{item.document}, quoted by {_who(item.questions)}"
            for item in findings.unknown_documents
        ),
        len(findings.unknown_documents),
    )
    _found(
        "The quote stands more than once; either place counts",
        (
            f"{_who(item.questions)}: {item.evidence.document}, {len(item.places)} times: "
            f"{item.evidence.quote}"
            for item in findings.ambiguous
        ),
        len(findings.ambiguous),
    )
    for title, twins in (
        ("Facts that may be one fact", findings.duplicate_facts),
        ("Leaks: known in both splits", findings.leaks),
    ):
        _found(
            title,
            (
                f"{' and '.join(twin.questions)}: same {twin.same}"
                + (f": {twin.evidence.document}: {twin.evidence.quote}" if twin.evidence else "")
                for twin in twins
            ),
            len(twins),
        )
    _found(
        "Paraphrases too close to the note",
        (
            f"{item.question}: repeats {item.share:.0%} of the quote's words, {item.run} in a row: "
            f"{item.text}"
            for item in findings.too_close
        ),
        len(findings.too_close),
    )
    if not findings.problems:
        say("", "Every quote stands in the notes.")


def _found(title: str, lines: Iterable[str], total: int) -> None:
    if total:
        heading(f"{title} ({total})")
        _list(lines, total)


def _who(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def print_collection(scores: CollectionScores) -> None:
    """Prints what retrieval is worth on a collection, and what each part of it adds."""
    say(f"{scores.n} queries, 95 % intervals by bootstrap.")
    for remark in scores.remarks:
        say(Text(f"Note: {visible(remark)}", style="yellow"))
    heading("Measures")
    rows = [
        (name, f"{m.value:.3f}", f"[{m.low:.3f}, {m.high:.3f}]", f"n = {m.n}")
        for name, m in scores.measures.items()
    ]
    table(rows, numbers=(1, 2, 3))
    if not scores.rows:
        return
    heading("Parts")
    columns = ["nDCG@10", *(name for name in scores.measures if name != "nDCG@10")]
    parts = [("", *columns, "nDCG@10 against the whole", "p")]
    for row in scores.rows:
        against = row.against_full
        parts.append(
            (
                row.name,
                *(f"{row.measures[m].value:.3f}" if m in row.measures else "–" for m in columns),
                f"{against.difference.value:+.3f} "
                f"[{against.difference.low:+.3f}, {against.difference.high:+.3f}]"
                if against
                else "the whole",
                f"{against.p:.2g}" if against else "",
            )
        )
    table(parts, numbers=range(1, len(columns) + 1))
