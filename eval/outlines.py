"""A syllabus in Markdown becomes what it lists, each with the unit that it stands in.

Input: text; output: `Stated` records, in order. Headings are units, and one that all others stand
under is the title. The items of lists are what is listed, and so are the rows of a table with a
column for objectives. An item with others below it names their unit, unless it states or asks
something itself: then it counts, and what stands below it is said with it ("Explain dropout: the
rate"). Paragraphs count where nothing is listed, and headings where there is nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from eval.statements import is_lead_in, is_question, is_statement
from rag import Block, BlockKind, front_matter, parse_blocks, plain

BETWEEN = " › "
"""What stands between a unit and a unit inside it."""

DEEPEST = 10
"""Items below an item that others stand below in their turn; deeper ones belong to the tenth."""


@dataclass(frozen=True, slots=True)
class Stated:
    """Something that a syllabus lists.

    Attributes:
        id: as it is given; empty where none is, as are the others.
        answer: the words that are expected.
        document: the note that is expected to hold them.
    """

    text: str
    unit: str = ""
    id: str = ""
    answer: str = ""
    document: str = ""


ReadTable = Callable[[list[list[str]], str], list[Stated]]
"""Returns what the rows of a table list, the first one its header, in a unit."""


def read_outline(text: str, read_table: ReadTable) -> list[Stated]:
    """Returns what a text in Markdown lists."""
    blocks = parse_blocks(text, start=front_matter(text)[1], indented_code=True)
    listed: list[Stated] = []
    said: list[Stated] = []
    for block, headings in _under_headings(text, blocks):
        unit = BETWEEN.join(headings)
        if block.kind is BlockKind.LIST:
            listed += _items(text, block, headings)
        elif block.kind is BlockKind.TABLE:
            rows = [_cells(part.of(text)) for part in block.parts]
            listed += read_table(rows, unit)
        elif block.kind is BlockKind.PARAGRAPH:
            said += [Stated(line, unit) for line in _lines(block.span.of(text))]
    return listed or said or _leaves(text, blocks)


def bare(text: str) -> str:
    """Returns the words of a line: without its bullet, its number, and markup."""
    return plain(_EMPHASIS.sub(r"\2", _BULLET.sub("", text, count=1)))


def _under_headings(text: str, blocks: Sequence[Block]) -> Iterator[tuple[Block, tuple[str, ...]]]:
    """Yields the blocks that are no headings, each with the headings that it stands under."""
    headings = [block for block in blocks if block.kind is BlockKind.HEADING]
    top = min((block.level for block in headings), default=0)
    titled = len(headings) > 1 and [b.level for b in headings].count(top) == 1
    title = headings[0] if titled and headings[0].level == top else None
    path: list[tuple[int, str]] = []
    for block in blocks:
        if block.kind is not BlockKind.HEADING:
            yield block, tuple(name for _, name in path if not _OBVIOUS.fullmatch(name))
        elif block is not title:
            path = [(level, name) for level, name in path if level < block.level]
            path.append((block.level, plain(block.parts[0].of(text))))


def _items(text: str, block: Block, headings: tuple[str, ...]) -> Iterator[Stated]:
    """Yields what the items of a list say."""
    items = [_item(part.of(text)) for part in block.parts]
    path: list[tuple[int, str]] = []
    for (depth, said), (next_depth, _) in pairwise([*items, (-1, "")]):
        path = [(above, name) for above, name in path if above < depth][:DEEPEST]
        names = [name for _, name in path if not is_lead_in(name)]
        units = [name.rstrip(": ") for name in names if not _counts(name)]
        stem = next((name for name in reversed(names) if _counts(name)), "")
        is_parent = next_depth > depth
        if _counts(said) or not (is_parent or is_lead_in(said)):
            alone = _counts(said) or not stem
            whole = said if alone else f"{stem.rstrip('.:; ')}: {said}"
            yield Stated(whole, BETWEEN.join([*headings, *units]))
        if is_parent:
            path.append((depth, said))


def _counts(name: str) -> bool:
    """Returns whether an item is an objective whatever stands below it."""
    return not is_lead_in(name) and (is_statement(name) or is_question(name))


def _item(said: str) -> tuple[int, str]:
    """Returns how deep an item is indented, and its words: those of its first paragraph."""
    lines: list[str] = []
    for line in said.expandtabs(4).split("\n"):
        if lines and (not line.strip() or _FENCE.match(line)):
            break
        lines.append(line)
    first = lines[0]
    return len(first) - len(first.lstrip()), bare(" ".join(line.strip() for line in lines))


def _lines(paragraph: str) -> Iterator[str]:
    """Yields the lines of a paragraph; one that begins with a small letter goes on."""
    lines: list[str] = []
    for line in paragraph.split("\n"):
        said = line.strip()
        if lines and said[:1].islower():
            lines[-1] += f" {said}"
        else:
            lines.append(said)
    yield from filter(None, (bare(line) for line in lines if not is_lead_in(line)))


def _cells(row: str) -> list[str]:
    """Returns the cells of a row of a table."""
    inside = re.sub(r"^\s*\|", "", re.sub(r"(?<!\\)\|\s*$", "", row))
    return [bare(cell.replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", inside)]


def _leaves(text: str, blocks: Sequence[Block]) -> list[Stated]:
    """Returns the headings that have none below them."""
    found: list[Stated] = []
    path: list[tuple[int, str]] = []
    headings = [block for block in blocks if block.kind is BlockKind.HEADING]
    for number, block in enumerate(headings):
        name = bare(block.parts[0].of(text))
        path = [(level, above) for level, above in path if level < block.level]
        below = headings[number + 1].level if number + 1 < len(headings) else 0
        if below <= block.level:
            found.append(Stated(name, BETWEEN.join(above for _, above in path)))
        path.append((block.level, name))
    return found


def with_given_ids(listed: Sequence[Stated]) -> list[Stated]:
    """Returns them with what numbers all of them ("LO1: …", "2.3 …") as their ids.

    Nothing is taken for a number where one of them has none, where two have the same, or where
    their letters differ: "C4.5: …" may be a subject.
    """
    found = [match for one in listed if (match := _NUMBERED.match(one.text))]
    ids = [match["id"] or match["number"] for match in found]
    letters = {match["letters"] for match in found}
    if len(found) < max(len(listed), 2) or len({*ids}) < len(ids) or len(letters) > 1:
        return list(listed)
    return [
        replace(one, id=name, text=one.text[match.end() :])
        for one, name, match in zip(listed, ids, found, strict=True)
    ]


_BULLET = re.compile(
    r"[ \t]*(?:[-*+–—•➢▪◦‣·●○■□►▸✓→][ \t]+|\(?(?:\d{1,3}|[a-z])[.)][ \t]+)?(?:\[[ xX]\][ \t]+)?"
)
_EMPHASIS = re.compile(r"(?<![\w*_])([*_])(?=\S)([^*_\n]+?)(?<=\S)\1(?![\w*_])")
_FENCE = re.compile(r"\s*(?:`{3}|~{3})")
_NUMBERED = re.compile(
    r"[(\[]?(?:(?P<id>(?P<letters>[A-Za-z]{1,5})[ -]?\d+(?:\.\d+)*)(?:\s*[:.–—-]|[)\]]:?)"
    r"|(?P<number>\d+(?:\.\d+)+)[.:)\]]?)\s+(?=\S)"
)
_OBVIOUS = re.compile(
    r"(?:(?:course|learning|teaching|intended|lecture|lesson|the|our|key|main|and)\s+"
    r"|(?:objectives|outcomes|goals|aims)\s+(?=and\b))*(?:objectives?|outcomes?|goals?|aims?):?",
    re.IGNORECASE,
)
"""Headings that say that what stands below them are objectives, and of no unit."""
