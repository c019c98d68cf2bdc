"""The walk over a web page: elements become headings, paragraphs, lists, tables, code, formulas."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rag.documents.building import Builder, clean
from rag.documents.markup import parse_blocks
from rag.documents.raised import lowered, raised
from rag.documents.web.mathml import bare, local, tex_of
from rag.documents.web.styles import Look, Sheet


def _names(said: str) -> frozenset[str]:
    return frozenset(said.split())


_DROPPED = _names(
    "head script style noscript template svg iframe canvas audio video object embed applet"
    " select datalist input rp noframes frameset dialog"
)
_ROLES = _names("navigation search menu menubar toolbar")
_LANDMARKS = _names("banner contentinfo complementary")
_MATTER = _names("article section main blockquote li figure")
"""Inside of these a header or footer is theirs, not the page's."""

_NOISE = _names(
    "headerlink hash-link anchor-link linenos lineno line-numbers-rows katex-html MathJax_Preview"
    " MathJax MathJax_SVG MathJax_CHTML mw-editsection"
)
_SOURCES = _names(
    "mwe-math-mathml-inline mwe-math-mathml-display mwe-math-mathml-a11y katex-mathml"
    " MJX_Assistive_MathML"
)
"""Classes of elements that hold a formula's source out of sight, for machines to read."""

_BLOCKS = _names(
    "address article aside blockquote body caption center dd details dir div dl dt"
    " fieldset figcaption figure footer form header hgroup hr html legend li main menu ol"
    " option p pre section summary table tbody td tfoot th thead title tr ul"
)
_LISTS = _names("ul ol dl menu dir")
_PRE = _names("pre listing xmp plaintext textarea")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_ENDS_TABLE = ("table", "pre", *_HEADINGS)
_INDENTED = 10
"""Lists in lists that are indented."""

_COLUMNS = 200
"""Cells of a row that a `colspan` may fill up to."""

_WHOLE_FORMULA = re.compile(
    r"(?:\$\$[^$]+\$\$|\\\[(?:(?!\\\]).)+\\\]|\\begin\{(\w+\*?)\}.+\\end\{\1\})[.,]?$", re.DOTALL
)
_PROSE_CHARS = 1500


@dataclass(slots=True)
class _List:
    """A list that is open.

    Attributes:
        depth: how many lists its items stand in, those of the page's layout not counted.
        split: whether its item holds blocks that no item can: it is layout, no list.
    """

    ordered: bool
    number: int
    depth: int
    split: bool = False


@dataclass(slots=True)
class Hidden:
    """Words that nobody sees: how many, and the first of them."""

    count: int = 0
    glimpse: str = ""

    def add(self, text: str) -> None:
        """Counts the words of a text."""
        words = text.split()
        self.count += len(words)
        if words and not self.glimpse:
            said = " ".join(words[:8])
            self.glimpse = f"“{said[:60]}{'…' if len(words) > 8 or len(said) > 60 else ''}”"


class Page:
    """One walk over the tree, in the order of the text."""

    def __init__(self, build: Builder, root: Any, places: bool, everything: bool) -> None:
        """Args: `everything` keeps navigation too, for pages that hold nothing else."""
        self._build = build
        self._root = root
        self._places = places
        self._everything = everything
        self._styled = any(
            element.tag == "style" or "stylesheet" in (element.get("rel") or "")
            for element in root.iter("style", "link")
        )
        self._has_main = next(root.iter("main", "article"), None) is not None
        self._looks: list[Look] = [Look()]
        self._sheet = Sheet()
        for style in root.iter("style"):
            self._sheet.read(style.text or "")
        self._elsewhere = next(root.iter("link"), None) is not None and any(
            "stylesheet" in (link.get("rel") or "") for link in root.iter("link")
        )
        self._seen: list[Look] = [Look()]
        self._pieces: list[str] = []
        self._lists: list[_List] = []
        self._items: list[list[str]] = []
        self._marker: str | None = None
        self._heading = 0
        self._pre: Any = None
        self._table: Any = None
        self._rows: list[list[str]] = []
        self._tex = ""
        self._off_line: list[tuple[list[str], int]] = []
        self.hidden = Hidden()
        self.doubtful = Hidden()

    def walk(self) -> None:
        """Lays the page out. By hand, since lxml's own walks skip what they are told to badly."""
        element = self._root
        while True:
            if self._enter(element):
                if element.text:
                    self._say(element.text)
                if len(element):
                    element = element[0]
                    continue
                self._leave(element)
            while element is not self._root:
                if element.tail:
                    self._say(element.tail)
                following = element.getnext()
                if following is not None:
                    break
                element = element.getparent()
                self._leave(element)
            if element is self._root:
                break
            element = following
        self._flush()
        self._end_list()

    def _enter(self, element: Any) -> bool:
        """Begins an element; returns whether to go inside, and only then is it left again."""
        name = local(element)
        if name == "math":
            self._formula(tex_of(element), element.get("display") == "block")
            return False
        if self._is_dropped(element, name):
            return False
        classes = (element.get("class") or "").split()
        if name == "img":
            self._image(element, classes)
            return False
        look = self._looks[-1].within(element.attrib, styled=self._styled)
        if name == "font" and element.get("color"):
            look = look.colored(element.get("color"))
        if look.gone and _SOURCES.isdisjoint(classes):
            self.hidden.add("".join(element.itertext()))
            return False
        self._looks.append(self._looks[-1] if look.gone else look)
        seen = self._seen[-1]
        if self._sheet.rules and _SOURCES.isdisjoint(classes):
            seen = self._sheet.look(seen, name, element.attrib, self._elsewhere)
        self._seen.append(seen)
        if self._pre is None:
            self._begin(element, name)
        elif name == "br":
            self._pieces.append("\n")
        return True

    def _is_dropped(self, element: Any, name: str) -> bool:
        if name == "script" and (element.get("type") or "").startswith("math/tex"):
            self._formula(bare(element.text or ""), "display" in element.get("type"))
        classes = (element.get("class") or "").split()
        if name in _DROPPED or not _NOISE.isdisjoint(classes):
            return True
        return not self._everything and self._is_beside(element, name)

    def _is_beside(self, element: Any, name: str) -> bool:
        """Returns whether the page marks an element as beside its matter."""
        if name == "nav":
            return True
        role = (element.get("role") or "").lower()
        if role in _ROLES:
            return next(element.iter("main", "article"), None) is None
        if name not in ("header", "footer") and role not in _LANDMARKS:
            return False
        if any(local(outer) in _MATTER for outer in element.iterancestors()):
            return False
        is_header = name == "header" or role == "banner"
        titled = next(element.iter("h1", "main", "article"), None) is not None
        return not titled and (self._has_main or not is_header)

    def _begin(self, element: Any, name: str) -> None:
        if name == "br":
            self._pieces.append("\n")
        elif name in ("sup", "sub"):
            self._off_line.append((self._pieces, len(self._pieces)))
        elif name in _HEADINGS or element.get("role") == "heading":
            self._flush()
            if self._table is None:
                self._split_item()
                level = element.get("aria-level") or "2"
                level = level if re.fullmatch(r"\d{1,3}", level) else "2"
                self._heading = _HEADINGS.get(name) or int(level)
        elif name in _BLOCKS or name in _PRE:
            self._flush()
            if name in _PRE and self._table is None and not self._heading:
                self._pre = element
            elif name in _LISTS and self._table is None:
                start = element.get("start") or "1"
                number = int(start) if re.fullmatch(r"\d{1,6}", start) else 1
                self._lists.append(_List(name == "ol", number, self._depth() + 1))
            elif name in ("li", "dt") and self._lists and self._table is None:
                self._begin_item()
            elif name == "table" and self._table is None and not self._heading:
                if next(_inside(element, _ENDS_TABLE), None) is None and _columns(element) > 1:
                    self._split_item()
                    self._table, self._rows = element, []
            elif name == "tr" and self._table is not None:
                self._rows.append([])

    def _leave(self, element: Any) -> None:
        name = local(element)
        self._looks.pop()
        self._seen.pop()
        if element is self._pre:
            self._end_pre(element)
        elif self._pre is not None:
            if name in _BLOCKS and self._pieces and not self._pieces[-1].endswith("\n"):
                self._pieces.append("\n")
        elif element is self._table:
            self._taken()
            rows, self._rows, self._table = [row for row in self._rows if any(row)], [], None
            if rows:
                self._next_place()
                self._build.table(rows)
        elif name in ("td", "th", "caption") and self._table is not None:
            self._end_cell(element, name)
        elif name in _HEADINGS or element.get("role") == "heading":
            self._flush()
            self._heading = 0
        elif name in ("sup", "sub"):
            self._move(element, raised if name == "sup" else lowered)
        elif name in _BLOCKS:
            self._flush()
            if name in _LISTS and self._lists and self._table is None:
                self._lists.pop()
                self._marker = None
                if not self._depth():
                    self._end_list()

    def _say(self, text: str) -> None:
        if self._looks[-1].hides:
            self.hidden.add(text)
            return
        if self._seen[-1].hides:
            self.doubtful.add(text)
        if self._pre is not None:
            self._pieces.append(text)
        else:
            self._pieces.append(re.sub(r"[ \t\r\n\f\xa0]+", " ", text.replace("\xad", "")))

    def _formula(self, tex: str, display: bool) -> None:
        self._tex = tex
        if not tex:
            return
        alone = display and self._pre is None and self._table is None and not self._heading
        if alone and not self._depth():
            self._flush()
            self._next_place()
            self._build.math(f"$${tex}$$")
        else:
            self._pieces.append(rf"\({tex}\)" if "$" in tex else f"${tex}$")

    def _image(self, element: Any, classes: Sequence[str]) -> None:
        """Says a formula that is drawn; what other pictures show is not text of the page."""
        alt = bare(element.get("alt") or "")
        drawn = any("math" in name.lower() or "tex" in name.lower() for name in classes)
        if alt and (drawn or alt.startswith(("\\", "$"))) and alt != self._tex:
            self._formula(alt.strip("$ "), False)

    def _move(self, element: Any, moved: Callable[[str], str]) -> None:
        """Keeps an exponent or index apart from what it stands by; a note's mark stays."""
        pieces, at = self._off_line.pop()
        said = "".join(pieces[at:])
        linked = next(element.iter("a"), None) is not None or local(element.getparent()) == "a"
        if pieces is self._pieces and "$" not in said and (not linked or said.isdecimal()):
            pieces[at:] = [moved(said)]

    def _flush(self) -> None:
        """Ends the block that the pieces since the last one make."""
        if self._table is not None:
            self._pieces.append(" ")
            return
        said = self._taken()
        if not said:
            return
        if self._heading:
            self._next_place()
            self._build.heading(said.strip("¶#\u200b "), self._heading)
        elif self._depth():
            self._add_to_item(said)
        else:
            self._next_place()
            (self._build.math if _WHOLE_FORMULA.match(said) else self._build.paragraph)(said)

    def _taken(self) -> str:
        """Returns what the pieces say, and forgets them."""
        said, self._pieces = "".join(self._pieces), []
        said = re.sub(r" *\n *", "\n", re.sub(" +", " ", said)).strip()
        return unicodedata.normalize("NFC", said)

    def _end_pre(self, element: Any) -> None:
        said = re.sub(r"\r\n?", "\n", "".join(self._pieces))
        said = unicodedata.normalize("NFC", clean(said))
        self._pieces, self._pre = [], None
        if not said.strip():
            return
        if self._depth():
            self._add_to_item(said.strip("\n"))
            return
        if not _is_prose(element, said):
            self._next_place()
            self._build.code(said)
            return
        for block in parse_blocks(said, indented_code=False):
            self._next_place()
            part = block.span.of(said)
            self._build.blocks_of(part, parse_blocks(part, indented_code=False))

    def _end_cell(self, element: Any, name: str) -> None:
        said = self._taken()
        if name == "caption":
            if said:
                self._next_place()
                self._build.paragraph(said)
            return
        if not self._rows:
            self._rows.append([])
        row = self._rows[-1]
        row.append(said)
        span = element.get("colspan") or "1"
        extra = int(span) - 1 if re.fullmatch(r"\d{1,4}", span) else 0
        row.extend([""] * min(extra, max(_COLUMNS - len(row), 0)))

    def _depth(self) -> int:
        """Returns how many lists the next text is an item in."""
        return 0 if not self._lists or self._lists[-1].split else self._lists[-1].depth

    def _begin_item(self) -> None:
        innermost = self._lists.pop()
        innermost.split, innermost.depth = False, self._depth() + 1
        self._lists.append(innermost)
        indent = "  " * min(innermost.depth - 1, _INDENTED)
        self._marker = f"{indent}{innermost.number}. " if innermost.ordered else f"{indent}- "
        innermost.number += 1

    def _add_to_item(self, said: str) -> None:
        first, *lines = said.split("\n")
        inner = "  " * min(self._depth(), _INDENTED + 1)
        if self._marker is not None:
            self._items.append([self._marker + first])
            self._marker = None
        elif self._items:
            self._items[-1].append(inner + first)
        else:
            self._items.append([first])
        self._items[-1] += [inner + line for line in lines]

    def _split_item(self) -> None:
        """Ends the items so far: what comes is no text that an item can hold."""
        self._end_list()
        self._marker = None
        for at in range(len(self._lists) - 1, -1, -1):
            if self._lists[at].split:
                break
            self._lists[at].split = True

    def _end_list(self) -> None:
        if self._items:
            items, self._items = ["\n".join(lines) for lines in self._items], []
            self._next_place()
            self._build.items(items)

    def _next_place(self) -> None:
        if self._places:
            self._build.place(str(self._build.count + 1))


def _inside(element: Any, names: Sequence[str]) -> Iterator[Any]:
    return (found for found in element.iter(*names) if found is not element)


def _columns(table: Any) -> int:
    """Returns how many cells the first rows have at most."""
    rows = zip(range(20), table.iter("tr"), strict=False)
    return max((sum(local(cell) in ("td", "th") for cell in row) for _, row in rows), default=0)


def _is_prose(element: Any, said: str) -> bool:
    """Returns whether preformatted text is a text, with paragraphs, and no code."""
    if len(said) < _PROSE_CHARS or next(_inside(element, ("code", "span")), None) is not None:
        return False
    words = re.findall(r"[^\W\d_]{2,}[,.;:]?(?=\s)", said)
    return "\n\n" in said.replace("\r", "") and len(words) * 2 > len(said.split())
