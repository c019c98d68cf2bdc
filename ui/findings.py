"""An audit becomes lines in a terminal: what it rests on, what was found, what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from rich.text import Text

from eval import Audit, Basis, Stretch
from ui.console import say
from ui.render import snippet, visible

LISTED = 8
"""Findings of a kind that are listed; `--json` and `--csv` have all."""

FEW = 3
"""Places of a note, or words of a pair, that are listed."""

SIDE = 300
"""Characters that are shown of what a place says."""


NOTHING = {
    "never": "nothing found; only passages that no question was led to are listed",
    "always": "nothing found; only what many questions of different subjects cite is listed",
    "versions": "nothing found; only notes with nearly the same statements are listed",
    "alike": "nothing found; only what stands in nearly the same words is listed",
    "disagreeing": "nothing found; only nearly alike statements are compared",
    "unwieldy": "nothing found; only parts that many questions lead to, and notes without any "
    "heading, are listed",
}
"""Said of a kind of which nothing was found: what was looked at, since more may be there."""


def advice_of(kind: str, basis: Basis) -> str:
    """Returns what to do about the findings of a kind."""
    return _advice_on_never(basis) if kind == "never" else _ADVICE[kind]


_ADVICE = {
    "always": "What answers questions that have nothing in common says little about any: give each "
    "its own passage, or make this one say what it is about.",
    "versions": "If one of these is out of date, mend it or take it away.",
    "alike": "Say it once and link to it, or one of them will be mended and the others not.",
    "disagreeing": "Compared word by word, not understood: read both, and mend the one that is "
    "wrong.",
    "unwieldy": "Put headings where the questions lead to: passages are found by the headings "
    "above them.",
}


def print_audit(found: Audit, folder: Path | None = None) -> None:
    """Prints what an audit rests on, then what it found of each kind and what to do about it.

    Args:
        folder: where the tables were written, if they were.
    """
    say(*_basis(found.basis))
    kinds = (
        ("never", "Never found", _never(found), _notes_of(found)),
        ("always", "Cited for everything", _always(found), len(found.always)),
        ("alike", "Said alike in several notes", _alike(found), _copies_of(found)),
        ("disagreeing", "Perhaps at odds", _disagreeing(found), len(found.disagreeing)),
        ("unwieldy", "Too long, or without headings", _unwieldy(found), len(found.unwieldy)),
    )
    for name, title, lines, total in kinds:
        _kind(name, title, lines, total, found.basis)
    if folder:
        say("", f"The tables are in {visible(str(folder))}.")


def _basis(basis: Basis) -> Iterator[str]:
    asked = [_count(basis.questions, "question") + " of the log"] if basis.questions else []
    asked += [_count(basis.objectives, "objective")] if basis.objectives else []
    yield (
        f"{_count(basis.notes, 'note')}, {_count(basis.passages, 'passage')}, "
        f"{_count(basis.statements, 'statement')}; "
        + (
            f"{' and '.join(asked)}, {_count(basis.wordings, 'different wording')} together."
            if asked
            else "nothing was asked yet."
        )
    )
    if not asked:
        yield (
            "What is never found, always cited or too long shows once questions are in the log, or "
            "with a file of objectives: notesqa audit OBJECTIVES."
        )
    elif basis.unseen is not None:
        new = "under 1" if basis.unseen < 0.01 else f"{100 * basis.unseen:.0f}"
        yield (
            f"Of 100 passages that the next questions find, {new} would be new: found by nothing "
            "so far."
        )
    if older := basis.wordings - basis.met:
        was = "was" if older == 1 else "were"
        yield (
            f"{_count(older, 'wording')} {was} asked of older notes alone: what is never found "
            "rests on the others."
        )
    if basis.lost:
        yield (
            f"{_count(basis.lost, 'place')} that older answers used "
            f"{'stands' if basis.lost == 1 else 'stand'} nowhere in the notes any more."
        )
    if basis.language != "english":
        yield (
            f"The language of the notes is {basis.language}: only numbers are held against each "
            "other, since opposites and negations are known in English alone."
        )


def _advice_on_never(basis: Basis) -> str:
    if not basis.tells_much:
        wordings = _count(basis.met, "wording")
        return f"After {wordings} this tells little: many of these will be found yet."
    return (
        "Where questions come near (from .5 on), others are found first: say there what sets it "
        "apart. Where none does, nobody asks for it: ask yourself whether it is to stay."
    )


def _notes_of(found: Audit) -> int:
    return len({item.stretch.document for item in found.never})


def _copies_of(found: Audit) -> int:
    return len(found.versions) + len(found.alike)


def _kind(
    name: str, title: str, lines: Iterable[tuple[str, int]], total: int, basis: Basis
) -> None:
    """Prints the findings of a kind, the first few, below what to do about them."""
    if not total:
        say("", Text(f"{title}: {NOTHING[name]}", style="bold"))
        return
    counted = f"in {_count(total, 'note')}" if name == "never" else str(total)
    say("", Text(f"{title}: {counted}", style="bold"), advice_of(name, basis))
    shown = 0
    for line, indent in lines:
        shown += indent == 0
        if shown > LISTED:
            say(f"… and {total - LISTED} more: --json or --csv DIR lists all.", indent=2)
            return
        say(line, indent=2 + indent)


def _never(found: Audit) -> Iterator[tuple[str, int]]:
    for document, group in groupby(found.never, key=lambda item: item.stretch.document):
        runs = list(group)
        missed, of = sum(run.passages for run in runs), runs[0].of
        share = "the whole note" if missed == of else f"{missed} of {_count(of, 'passage')}"
        yield f"{visible(document)}: {share}", 0
        for run in runs[:FEW]:
            near = f"nearest: {_snippet(run.nearest, 80)} ({run.near:.2f})"
            yield f"- {_where(run.stretch, document)}; {near}", 2
        if len(runs) > FEW:
            yield f"- and {_count(len(runs) - FEW, 'more place')}", 2


def _always(found: Audit) -> Iterator[tuple[str, int]]:
    for item in found.always:
        share = f"{100 * item.share:.0f} of 100 answers"
        yield f"{_where(item.stretch)} (cited for {item.askings} wordings, {share})", 0
        yield _snippet(item.stretch.text, SIDE), 2
        for asked in item.asked:
            yield f"- {_snippet(asked, 100)}", 2


def _alike(found: Audit) -> Iterator[tuple[str, int]]:
    for family in found.versions:
        notes = _count(len(family.documents), "note")
        share = f"up to {100 * family.share:.0f} of 100 statements"
        yield f"{notes} that seem to be versions of one, with {share} the same:", 0
        yield _few(family.documents), 2
    for item in found.alike:
        size = _count(item.statements, "statement")
        yield f"{size}, {'the same words' if item.exact else 'nearly the same words'}:", 0
        yield _snippet(item.places[0].text, SIDE), 2
        for one, other in item.differs[:FEW]:
            yield f"- “{_snippet(one, 60)}” there is “{_snippet(other, 60)}” elsewhere", 2
        yield _few([_where(place) for place in item.places]), 2


def _disagreeing(found: Audit) -> Iterator[tuple[str, int]]:
    for item in found.disagreeing:
        more = f"; {_count(item.more, 'more pair')} like it" if item.more else ""
        yield f"{_snippet(item.reason, 80)} ({item.kind}{more})", 0
        for side in (item.one, item.other):
            yield f"{_snippet(side.text, SIDE)}", 2
            yield f"— {_where(side)}", 4


def _unwieldy(found: Audit) -> Iterator[tuple[str, int]]:
    for item in found.unwieldy:
        size = _count(item.passages, "passage")
        asked = (
            f"asked for in {_count(item.askings, 'wording')}" if item.askings else "not asked yet"
        )
        yield f"{_where(item.stretch)} ({size}, {asked}): {item.why}", 0
        for place, text in item.places:
            yield f"- {place}: {_snippet(text, 100)}", 2


def _where(stretch: Stretch, within: str = "") -> str:
    """Returns where a stretch stands; of which note is not said within that."""
    names = [] if within else [stretch.document]
    return visible(
        ", ".join(filter(None, [" › ".join([*names, *stretch.headings]), stretch.location]))
    )


def _few(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
    return visible("; ".join(listed[:LISTED]) + more)


def _snippet(text: str, width: int) -> str:
    return visible(snippet(text, width))


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
