"""The styles and the numbering of a Word document: what a paragraph is, and how it is counted.

From `styles.xml` and `numbering.xml` (ECMA-376 part 1, 17.7 and 17.9), both of which a document
can do without.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from rag.documents.office.archive import child, local, value
from rag.documents.office.package import symbol

_HEADING = re.compile(r"heading ?([1-9])$")
_CODE = re.compile(r"source[ _-]?code|code(?:[ _-]?block)?|html preformatted|verbatim|macro text")
_MONOSPACED = re.compile(r"consolas|courier|menlo|monaco|mono\b|monospace|inconsolata|fira code")
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l")),
    *((40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_BODY = 9
"""The outline level of body text; headings have 0 to 8."""


@dataclass(frozen=True, slots=True)
class Look:
    """What styles and direct formatting make of characters; None where they say nothing.

    Attributes:
        stands: `superscript`, `subscript` or `baseline`.
    """

    hidden: bool | None = None
    white: bool | None = None
    shaded: bool | None = None
    monospaced: bool | None = None
    stands: str | None = None

    def over(self, below: Look) -> Look:
        """Returns this look where it says something, else the one below."""
        return Look(
            below.hidden if self.hidden is None else self.hidden,
            below.white if self.white is None else self.white,
            below.shaded if self.shaded is None else self.shaded,
            below.monospaced if self.monospaced is None else self.monospaced,
            self.stands or below.stands,
        )


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph or character style says, with the styles it is based on.

    Attributes:
        level: of the heading, from 1; 0 for body text.
        listed: list and level in it.
    """

    level: int = 0
    code: bool = False
    look: Look = Look()
    listed: tuple[str, str] = ("", "")


class Styles:
    """The styles by id; one that is not there says nothing."""

    def __init__(self, root: Any | None) -> None:
        """Args: `root` is that of styles.xml, where there is one."""
        self._said: dict[str, Any] = {}
        self._default = ""
        self._found: dict[str, Style] = {}
        below = child(root, "docDefaults", "rPrDefault", "rPr")
        self._below = Look() if below is None else look(below)
        for one in root if root is not None else ():
            if local(one) == "style":
                self._said.setdefault(value(one, "styleId"), one)
                if value(one, "type") == "paragraph" and value(one, "default") in ("1", "true"):
                    self._default = value(one, "styleId")

    def of(self, properties: Any | None) -> Style:
        """Returns the style that a paragraph's properties name, else the usual one."""
        return self._style(value(child(properties, "pStyle"), "val") or self._default)

    def look_of(self, properties: Any | None, paragraph: Style) -> Look:
        """Returns how a run with these properties looks in a paragraph of that style."""
        if properties is None:
            return paragraph.look
        name = value(child(properties, "rStyle"), "val")
        below = self._style(name).look.over(paragraph.look) if name else paragraph.look
        return look(properties).over(below)

    def _style(self, name: str) -> Style:
        """Returns a style; the bases of one are followed in a loop, and a circle ends it."""
        chain: dict[str, None] = {}
        while name in self._said and name not in self._found and name not in chain:
            chain[name] = None
            name = value(child(self._said[name], "basedOn"), "val")
        style = self._found.get(name, Style(look=self._below))
        for inner in reversed(chain):
            style = self._found[inner] = _upon(style, self._said[inner])
        return style


class Numbering:
    """Counts the items of lists; one object for one pass over the document."""

    def __init__(self, root: Any | None) -> None:
        """Args: `root` is that of numbering.xml, where there is one."""
        self._levels: dict[str, dict[str, Any]] = {}
        self._lists: dict[str, _List] = {}
        self._counts: dict[str, dict[int, int]] = {}
        for one in root if root is not None else ():
            if local(one) == "abstractNum":
                levels = {value(level, "ilvl"): level for level in one if local(level) == "lvl"}
                self._levels[value(one, "abstractNumId")] = levels
        for one in root if root is not None else ():
            if local(one) == "num":
                self._lists[value(one, "numId")] = _List(
                    value(child(one, "abstractNumId"), "val"),
                    {value(over, "ilvl"): over for over in one if local(over) == "lvlOverride"},
                )

    def marker(self, number: str, level: str) -> str:
        """Returns the next marker of a list at that level (`-`, `1.`, `2.3`), "" for none."""
        listed = self._lists.get(number)
        if listed is None or number == "0":
            return ""
        said = self._level(listed, level)
        shape = value(child(said, "numFmt"), "val", "decimal")
        if said is None or shape == "bullet":
            return "-"
        depth = _number(level)
        counts = self._counts.setdefault(listed.abstract, {})
        start = _number(value(child(said, "start"), "val", "1"))
        override = child(listed.overrides.get(level), "startOverride")
        if override is not None and level not in listed.restarted:
            listed.restarted.add(level)
            counts[depth] = _number(value(override, "val", "1"))
        else:
            counts[depth] = counts[depth] + 1 if depth in counts else start
        for deeper in [one for one in counts if one > depth]:
            del counts[deeper]
        if shape == "none":
            return ""

        def count(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            told = self._level(listed, str(at))
            start = _number(value(child(told, "start"), "val", "1"))
            return counted(counts.get(at, start), value(child(told, "numFmt"), "val", "decimal"))

        text = re.sub(r"%([1-9])", count, value(child(said, "lvlText"), "val", f"%{depth + 1}."))
        return text.strip()

    def _level(self, listed: _List, level: str) -> Any | None:
        own = child(listed.overrides.get(level), "lvl")
        return own if own is not None else self._levels.get(listed.abstract, {}).get(level)


@dataclass(frozen=True, slots=True)
class _List:
    abstract: str
    overrides: dict[str, Any]
    restarted: set[str] = field(default_factory=set)


def counted(number: int, shape: str) -> str:
    """Returns a number as a list shows it: `3`, `c`, `III` …"""
    if shape.startswith(("upper", "lower")):
        if shape.endswith("Letter"):
            said = chr(ord("a") + (number - 1) % 26) * min((number - 1) // 26 + 1, 9)
        else:
            said = roman(number)
        return said.upper() if shape.startswith("upper") else said
    return f"{number:02}" if shape == "decimalZero" else str(number)


def roman(number: int) -> str:
    """Returns a number below 4,000 in small Roman numerals; others as they are."""
    if not 0 < number < 4000:
        return str(number)
    said = ""
    for worth, letters in _ROMAN:
        said += letters * (number // worth)
        number %= worth
    return said


def look(properties: Any) -> Look:
    """Returns what run properties say of the characters; text of a point or less is hidden."""
    hidden = white = shaded = monospaced = stands = None
    for one in properties:
        match local(one):
            case "vanish":
                hidden = is_on(one)
            case "sz" if 0 < _number(value(one, "val")) <= 2:
                hidden = True
            case "color":
                white = value(one, "val").upper() == "FFFFFF"
            case "highlight":
                shaded = value(one, "val") not in ("none", "white")
            case "shd":
                shaded = is_shaded(one)
            case "vertAlign":
                stands = value(one, "val")
            case "rFonts":
                if font := value(one, "ascii").lower():
                    monospaced = bool(_MONOSPACED.search(font))
    return Look(hidden, white, shaded, monospaced, stands)


def is_on(toggle: Any | None) -> bool:
    """Returns whether a toggle is there and not off."""
    return toggle is not None and value(toggle, "val", "1") not in ("0", "false", "off")


def is_shaded(shading: Any | None) -> bool:
    """Returns whether something other than white lies behind the characters."""
    fill = value(shading, "fill", "auto").upper()
    pattern = value(shading, "val", "clear")
    return fill not in ("AUTO", "FFFFFF") or pattern not in ("clear", "nil")


def run_symbol(element: Any) -> str:
    """Returns the character of a `sym` element."""
    code = value(element, "char")
    if not re.fullmatch("[0-9A-Fa-f]{1,6}", code):
        return ""
    return symbol(int(code, 16), value(element, "font"))


def level_of(properties: Any | None, style: Style) -> int:
    """Returns the heading level of a paragraph, from 1; 0 for body text."""
    outline = value(child(properties, "outlineLvl"), "val")
    return _level(outline) if outline else style.level


def _level(outline: str) -> int:
    level = _number(outline, _BODY)
    return level + 1 if level < _BODY else 0


def _upon(base: Style, said: Any) -> Style:
    """Returns a style that is based on another."""
    name = value(child(said, "name"), "val").lower()
    paragraph, run = child(said, "pPr"), child(said, "rPr")
    outline = value(child(paragraph, "outlineLvl"), "val")
    match = _HEADING.match(name)
    level = int(match[1]) if match else _level(outline) if outline else base.level
    if name == "title":
        level = 1
    elif name.startswith("toc"):
        level = 0
    listed = child(paragraph, "numPr")
    found = Look() if run is None else look(run)
    if child(paragraph, "shd") is not None and found.shaded is None:
        found = Look(shaded=is_shaded(child(paragraph, "shd"))).over(found)
    return Style(
        level,
        base.code or bool(_CODE.fullmatch(name)),
        found.over(base.look),
        base.listed if listed is None else list_of(listed, base.listed),
    )


def list_of(listed: Any | None, base: tuple[str, str]) -> tuple[str, str]:
    """Returns list and level of a `numPr`; what it does not say the style does."""
    if listed is None:
        return base
    number, level = value(child(listed, "numId"), "val"), value(child(listed, "ilvl"), "val")
    return number or base[0], level or base[1] or "0"


def _number(text: str, default: int = 0) -> int:
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else default
