"""A question set and the notes it quotes become findings: what to mend, and what to look at.

To mend: quotes that stand nowhere, quotes whose words have moved, documents that are not there.
`write_mended` mends the second kind. To look at: quotes that stand twice, facts that are one fact,
paraphrases that copy the note, and what both splits know.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from eval.dataset import Evidence, Question, load_questions, occurrences, overlap
from eval.files import replacing
from eval.findings import (
    Ambiguous,
    Findings,
    Moved,
    Stale,
    TooClose,
    Twins,
    UnknownDocument,
)
from eval.relocation import Relocator, nearest
from rag import Span, terms

CLOSE_SHARE = 0.4
"""Share of a quote's content words above which a paraphrase copies it.

Measured on the shipped set: its 872 paraphrases repeat 8 % on average, 31 % at the 99th percentile
and 37.5 % at most; of its 56 keyword questions, which are in the note's own terms, 21 % lie above.
"""

CLOSE_RUN = 6
"""Length of a run of content words taken over in order with which a paraphrase copies its quote.

It sees a clause copied from a long quote. In the shipped set 866 of 872 paraphrases share a run of
at most 2, five one of 3; the longest, 5, is the name of a method.
"""

FEWEST_FACTS = 6
"""With fewer, a difference of which all facts agree has p >= 2 / 2**5 = 0.0625."""


def check_questions(
    file: Path,
    notes: Mapping[str, str],
    *,
    close_share: float = CLOSE_SHARE,
    close_run: int = CLOSE_RUN,
) -> Findings:
    """Returns what is wrong with a question set, and what is doubtful.

    Args:
        notes: the texts of the documents, by path: what `rag.read_notes` returns.
        close_share: see `CLOSE_SHARE`; more than this share of a quote is too close.
        close_run: see `CLOSE_RUN`; a run of this length or a longer one is too close.

    Raises:
        QuestionSetError: the file breaks the format of question sets.
    """
    questions = load_questions(file)
    leaning: dict[Evidence, dict[str, None]] = {}
    for question in questions:
        for evidence in question.evidence:
            leaning.setdefault(evidence, {})[question.id] = None
    users = {evidence: tuple(ids) for evidence, ids in leaning.items()}
    standing = {e: tuple(occurrences(e.quote, notes.get(e.document, ""))) for e in users}
    lost = [evidence for evidence, spans in standing.items() if not spans]
    stale, moved, unknown = _lost(lost, users, notes)
    twins = tuple(_twins_by_place(questions, standing))
    split = [question for question in questions if question.split]
    facts = {question.fact for question in questions}
    return Findings(
        n=len(questions),
        facts=len(facts),
        answerable=sum(question.answerable for question in questions),
        kinds=dict(Counter(question.kind for question in questions)),
        stale=stale,
        moved=moved,
        ambiguous=tuple(
            Ambiguous(e, users[e], spans) for e, spans in standing.items() if len(spans) > 1
        ),
        unknown_documents=unknown,
        duplicate_facts=(*twins, *_twins_by_words(questions, tuple, lambda q: q.fact)),
        too_close=tuple(_copies(questions, close_share, close_run)),
        leaks=(
            *(pair for pair in twins if all(pair.splits) and len(set(pair.splits)) > 1),
            *_twins_by_words(split, frozenset, lambda q: q.split),
        ),
        remarks=tuple(_remarks(questions, len(facts))),
    )


def _lost(
    lost: Iterable[Evidence], users: Mapping[Evidence, tuple[str, ...]], notes: Mapping[str, str]
) -> tuple[tuple[Stale, ...], tuple[Moved, ...], tuple[UnknownDocument, ...]]:
    """Returns what became of the quotes that do not stand where the set says."""
    relocator = Relocator(notes)
    stale, moved = [], []
    unknown: dict[str, list[Evidence]] = {}
    for evidence in lost:
        if candidates := relocator.candidates(evidence):
            to = candidates[0] if len(candidates) == 1 else None
            moved.append(Moved(evidence, users[evidence], to, candidates))
        elif evidence.document in notes:
            hint = nearest(evidence.quote, notes[evidence.document])
            stale.append(Stale(evidence, users[evidence], hint))
        else:
            unknown.setdefault(evidence.document, []).append(evidence)
    unknown_documents = tuple(
        UnknownDocument(
            document,
            tuple(dict.fromkeys(name for e in quoted for name in users[e])),
            tuple(e.quote for e in quoted),
        )
        for document, quoted in unknown.items()
    )
    return tuple(stale), tuple(moved), unknown_documents


def _twins_by_place(
    questions: Iterable[Question], standing: Mapping[Evidence, Sequence[Span]]
) -> Iterator[Twins]:
    """Yields each pair of facts once whose evidence is one place.

    That is where a quote of one covers at least half of a quote of the other.
    """
    first: dict[tuple[Evidence, str], Question] = {}
    for question in questions:
        for evidence in question.evidence:
            first.setdefault((evidence, question.fact), question)
    places: dict[str, list[tuple[Span, Evidence, Question]]] = {}
    for (evidence, _), question in first.items():
        for span in standing[evidence]:
            places.setdefault(evidence.document, []).append((span, evidence, question))
    seen: set[frozenset[str]] = set()
    for inside in places.values():
        inside.sort(key=lambda place: place[0])
        for number, (span, evidence, one) in enumerate(inside):
            for later, _, other in inside[number + 1 :]:
                if later.start >= span.end:
                    break
                facts = frozenset((one.fact, other.fact))
                shared = span.overlap(later) * 2 >= min(len(span), len(later))
                if shared and len(facts) == 2 and facts not in seen:
                    seen.add(facts)
                    yield _twins(one, other, "place", evidence)


def _twins_by_words(
    questions: Iterable[Question],
    form: Callable[[list[str]], Hashable],
    part: Callable[[Question], str],
) -> Iterator[Twins]:
    """Yields questions that ask the same in different parts of a set: each with the first that did.

    Args:
        form: what makes questions the same, of their terms; one without any is like no other.
        part: the fact or the split of a question.
    """
    groups: dict[Hashable, dict[str, Question]] = {}
    for question in questions:
        if words := terms(question.question):
            groups.setdefault(form(words), {}).setdefault(part(question), question)
    for first, *others in (list(group.values()) for group in groups.values()):
        for other in others:
            yield _twins(first, other, "words", None)


def _twins(one: Question, other: Question, same: str, evidence: Evidence | None) -> Twins:
    return Twins(
        questions=(one.id, other.id),
        facts=(one.fact, other.fact),
        splits=(one.split, other.split),
        same=same,
        evidence=evidence,
    )


def _copies(questions: Iterable[Question], share: float, run: int) -> Iterator[TooClose]:
    """Yields the paraphrases that copy a quote, with the quote they copy most of."""
    for question in questions:
        if question.kind != "paraphrase":
            continue
        asked = terms(question.question)
        copies = []
        for evidence in question.evidence:
            copied = overlap(replace(question, evidence=(evidence,)))
            matcher = SequenceMatcher(None, asked, terms(evidence.quote), autojunk=False)
            longest = matcher.find_longest_match().size
            if copied > share or longest >= run:
                copies.append(TooClose(question.id, question.question, evidence, copied, longest))
        if copies:
            yield max(copies, key=lambda copy: (copy.share, copy.run))


def _remarks(questions: Sequence[Question], facts: int) -> Iterator[str]:
    answerable = sum(question.answerable for question in questions)
    if not answerable:
        yield "No question is answerable: only refusals can be measured."
    if answerable == len(questions):
        yield "Every question is answerable: whether refusals are right cannot be measured."
    without = sum(not question.split for question in questions)
    if without == len(questions):
        yield "The set is not split: what is chosen by it must not be reported on it."
    elif without:
        yield f"{without} of {len(questions)} questions belong to no split."
    if facts < FEWEST_FACTS:
        yield (
            f"Only {facts} {'facts' if facts > 1 else 'fact'}: no difference between two runs can "
            f"be told from chance with fewer than {FEWEST_FACTS}."
        )


def write_mended(file: Path, findings: Findings, out: Path) -> int:
    """Writes the set with moved quotes as they stand now; returns how many entries that changes.

    Lines without such a quote stay as they are, byte for byte, and so do other keys of the lines
    with one. A quote that its question holds already, once moved, goes.

    Args:
        out: may be `file` itself; the old set stands until the new one is whole.

    Raises:
        QuestionSetError: `file` cannot be read, or `out` cannot be written.
    """
    load_questions(file)
    new = {moved.evidence: moved.to for moved in findings.moved if moved.to}
    changed = 0
    lines = file.read_bytes().decode("utf-8").split("\n")
    for number, line in enumerate(lines):
        if line.strip():
            lines[number], count = _mended(line, new)
            changed += count
    with replacing(out) as draft:
        draft.write_bytes("\n".join(lines).encode("utf-8"))
    return changed


def _mended(line: str, new: Mapping[Evidence, Evidence]) -> tuple[str, int]:
    """Returns a line with its quotes moved, and how many were."""
    record = json.loads(line)
    entries: dict[Evidence, dict[str, Any]] = {}
    changed = 0
    for entry in record["evidence"]:
        evidence = Evidence(entry["document"], entry["quote"])
        if evidence in new:
            changed += 1
            evidence = new[evidence]
        entries.setdefault(evidence, {**entry, **asdict(evidence)})
    if not changed:
        return line, 0
    record["evidence"] = list(entries.values())
    text = json.dumps(record, ensure_ascii="\\u" in line)  # as the line has it
    return text + ("\r" if line.endswith("\r") else ""), changed
