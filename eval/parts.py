"""A section of a note becomes what of it answers a question: a sentence, a list, or a beginning.

Input: the units of a section, in order; output: the part that is quoted, or none. What only says
that something follows is no answer; what follows is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from rag import Name, Span, StoredChunk, Told, Unit, UnitKind, is_prose, names_of

LONGEST_QUOTE = 1_500
"""Characters of a list that is quoted whole."""

NEAR = 3
"""Parts at the beginning of a section among which a list is what its heading asks for."""

SENTENCES = 3
LONGEST_BEGINNING = 500
"""Sentences and characters of a paragraph's beginning that are quoted."""

WHAT_IS = re.compile(r"what (?:is|are) (?:an? |the )?(?P<subject>.+?)\?", re.IGNORECASE)

ITEM = re.compile(r"\n\s*(?:[-*+•]|\(?\d+[.)])\s")
"""How the item of a list begins."""


@dataclass(frozen=True, slots=True)
class Part:
    """A unit of a note, in its chunk."""

    chunk: StoredChunk
    unit: Unit

    @property
    def said(self) -> str:
        """Returns the words, verbatim."""
        return self.chunk.said(self.unit.span)

    @property
    def heading(self) -> str:
        """Returns the innermost heading that it stands under; empty without one."""
        return self.unit.headings[-1] if self.unit.headings else ""

    @property
    def is_sentence(self) -> bool:
        """Returns whether it is no list or table, nor a piece of one."""
        return self.unit.kind is UnitKind.SENTENCE

    def over(self, span: Span) -> Part:
        """Returns a part of the same chunk that has other words."""
        return replace(self, unit=replace(self.unit, span=span))


Tellers = dict[Name, tuple[Part, Told]]
"""Sentences that say what something is, by its name: the first one counts."""


def answering(
    question: str, section: Sequence[Part], tellers: Tellers, *, several: bool
) -> Part | None:
    """Returns what of a section answers its heading; None where nothing can be shown.

    That is the sentence that says what the thing is; else a list or table near the beginning, where
    several things may be asked for, or where it is announced; else paragraphs that have names in
    bold, all of them; else how the first paragraph begins. The nearest sentence by meaning was
    worse: one in the middle of a section leans on those before it.

    Args:
        several: whether several things may be asked for.
    """
    fit = [part for part in section if _answers(part)]
    if asked := WHAT_IS.fullmatch(question):
        for name in names_of(asked["subject"]):
            if name in tellers and tellers[name][0] in fit:
                return tellers[name][0]
    if not fit:
        return None
    whole = [part for part in fit if not part.is_sentence]
    if several and whole and whole[0] in fit[:NEAR]:
        return _without_marks(whole[0])
    begin = section.index(fit[0])
    labels = [part for part in section if part.is_sentence and _LABEL.match(part.said)]
    if len(labels) > 1 and labels[0] in section[max(begin - 1, 0) : begin + 1]:
        return _pointed_at(section, labels)
    opening = list(_paragraph(section[begin:]))
    if any(_POINTING_ON.search(part.said) for part in opening[:2]):
        return _pointed_at(section[begin + len(opening) :], labels)
    return beginning(fit)


def beginning(fit: Sequence[Part]) -> Part:
    """Returns the first part; of a paragraph the sentences behind it too, up to a few."""
    first = _without_marks(fit[0])
    span = first.unit.span
    for part in list(_paragraph(fit))[1:SENTENCES]:
        long = part.unit.span.end - span.start > LONGEST_BEGINNING
        if long or _POINTING_ON.search(part.said):
            break
        span = Span(span.start, part.unit.span.end)
    return first.over(span)


def _paragraph(parts: Sequence[Part]) -> Iterator[Part]:
    """Yields the first part, and the sentences of its paragraph behind it where it is one."""
    before = parts[0]
    yield before
    for part in takewhile(lambda part: part.is_sentence, parts[1:] if before.is_sentence else ()):
        end, begin = before.unit.span.end, part.unit.span.start
        if part.chunk is not before.chunk or end > begin:
            return
        if not _GAP.fullmatch(before.chunk.said(Span(end, begin))):
            return
        before = part
        yield part


def _pointed_at(behind: Sequence[Part], labels: Sequence[Part]) -> Part | None:
    """Returns what was announced: all paragraphs that have names, or else the list that is next.

    None stands for what is too long to quote.
    """
    if len(labels) < 2:
        nearest = next((part for part in behind if _answers(part)), None)
        return _without_marks(nearest) if nearest and not nearest.is_sentence else None
    *_, last = _paragraph(behind[behind.index(labels[-1]) :])
    first = labels[0]
    if last.chunk is not first.chunk:
        return None
    named = first.over(Span(first.unit.span.start, last.unit.span.end))
    return named if _can_be_quoted(named.said) else None


def _without_marks(part: Part) -> Part:
    """Returns a list without what leads into it where that is no word, as behind bold questions."""
    item = ITEM.search(part.said)
    if (
        part.unit.kind is not UnitKind.LIST
        or not item
        or re.search(r"\w", part.said[: item.start()])
    ):
        return part
    begin = part.unit.span.start + item.start() + len(item[0]) - len(item[0].lstrip())
    return part.over(Span(begin, part.unit.span.end))


def _answers(part: Part) -> bool:
    """Returns whether words can be shown as an answer: a sentence of prose, or a whole list."""
    said = part.said
    if part.is_sentence:
        return (
            is_prose(said) and not _ANNOUNCING.match(said) and not said.rstrip("*_ ").endswith("?")
        )
    return part.unit.kind in (UnitKind.LIST, UnitKind.TABLE) and _can_be_quoted(said)


def _can_be_quoted(said: str) -> bool:
    return len(said) <= LONGEST_QUOTE and "](" not in said and "<" not in said


_ANNOUNCING = re.compile(
    r"There (?:is|are) (?:no|several|many|various|two|three|four|a few|a number of)\b[^:]*$"
)
"""A sentence that says that something is told, and does not tell it."""
_POINTING_ON = re.compile(
    r"\bthe following\b[^:]*$|\bas follows\b|\b(?:comes?|stands?) first\b|\bfollows?\.$"
    r"|\b(?:shown|listed|named|described|explained) below\b"
    r"|^(?:Two|Three|Four|Five|Six|Several|Many) [\w-]+ (?:[\w-]+ )?are (?:\w+ly )?"
    r"(?:distinguished|told apart|known|common)\b[^:]*$"
)
"""A sentence whose paragraph tells less than what stands behind it."""
_LABEL = re.compile(r"(\*\*|__)[^*_?\n]{2,60}(?:[.:]\1|\1[.:])")
"""How a paragraph begins that has a name in bold."""
_GAP = re.compile(r"[ \t\r]*\n?[ \t]*")
"""What stands between the sentences of one paragraph."""
