"""A record of a collection becomes a note, and the quotes that stand for it in a question set."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from eval.relocation import sentences
from rag import Record, Span

PIECE = 300
"""Longest quote from an imported record, in characters.

Each passage of a relevant record is to count, and it does once it covers half of a quote: so quotes
must not be longer than passages. And they should be few. Measured on the first 400 records each of
Cranfield, SQuAD, SciFact and StackFAQ, with passages of at most 240 tokens: 98 to 99.7 % of the
passages find a quote of at most 300 characters, 93 to 97 % one of 800. With 64 tokens, 72 to 94 %
against 9 to 30 %.
"""

_PART = re.compile(rf"\S(?:.{{0,{PIECE - 2}}}\S)?(?!\S)|\S{{1,{PIECE}}}", re.DOTALL)
_BLANK_LINE = re.compile(r"\n\s*\n")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Returns a file name for each record, each once, also where case does not count."""
    files: dict[str, str] = {}
    taken: set[str] = set()
    tries: Counter[str] = Counter()
    for name in names:
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:80] or "record"
        free = stem
        while free.casefold() in taken:
            tries[stem.casefold()] += 1
            free = f"{stem}-{tries[stem.casefold()] + 1}"
        taken.add(free.casefold())
        files[name] = f"{free}.md"
    return files


def note(record: Record) -> str:
    """Returns the Markdown of a record: its title, or its id where it has none, and its text."""
    return f"# {_title(record) or ' '.join(record.path.split())}\n\n{_body(record)}\n"


def _title(record: Record) -> str:
    return " ".join(_CONTROL.sub(" ", record.title).split())


def _body(record: Record) -> str:
    return _CONTROL.sub(" ", record.text)  # with them, a file is not taken for text


def quotes_of(record: Record) -> list[str]:
    """Returns the quotes that a record is cut into: runs of whole sentences of a paragraph.

    A sentence too long is cut between words. The title stands for a record without a text.
    """
    text = _body(record)
    found: list[Span] = []
    for sentence in sentences(text):
        for part in _PART.finditer(text, sentence.start, sentence.end):
            start = found[-1].start if found else part.end()
            joins = found and not _BLANK_LINE.search(text, found[-1].end, part.start())
            if joins and part.end() - start <= PIECE:
                found[-1] = Span(start, part.end())
            else:
                found.append(Span(*part.span()))
    quotes = [span.of(text) for span in found if re.search(r"\w", span.of(text))]
    return quotes or [title for title in [_title(record)] if title]
