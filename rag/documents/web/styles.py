"""Which elements of a page nobody sees: what their own attributes say, handed down the tree.

What attributes hide is left out. Of the page's own stylesheets the rules for a tag, a class or an
id are read as well; what these hide is often shown by a click, so it is only remarked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from colorsys import hls_to_rgb
from dataclasses import dataclass, field, replace

_NAMED = {
    **{"white": "ffffff", "black": "000000", "red": "ff0000", "yellow": "ffff00"},
    **{"snow": "fffafa", "ivory": "fffff0", "ghostwhite": "f8f8ff", "whitesmoke": "f5f5f5"},
    **{"mintcream": "f5fffa", "azure": "f0ffff", "floralwhite": "fffaf0", "navy": "000080"},
}
_SIZE = re.compile(r"(\d*\.?\d+)(px|pt|em|rem|ex|%|vw|vh)?$")
_TINY = {"px": 2.0, "pt": 1.5, "em": 0.1, "rem": 0.1, "ex": 0.2, "%": 10.0, "vw": 0.1, "vh": 0.1}
_CLIPPED = re.compile(r"rect\((?:\s*[01](?:px)?[\s,]*){4}\)$|inset\((?:50|100)%\)$")
_FAINT = 0.05
"""Opacity up to which letters are not seen."""

_CONTRAST = 1.1
"""Of letters to their ground (WCAG 2, section 1.4.3) up to which they are not seen: #f5f5f5 on
white."""

_FAR = re.compile(r"-\d{4,}(?:\.\d+)?(?:px|pt)?$|-\d{3,}(?:\.\d+)?(?:em|rem|%)$")
_RGB = re.compile(r"rgba?\(\s*(\d+)[,\s]+(\d+)[,\s]+(\d+)\s*(?:[,/]\s*([\d.]+%?)\s*)?\)$")
_HSL = re.compile(r"hsla?\(\s*(\d+)(?:deg)?[,\s]+(\d+)%[,\s]+(\d+)%\s*(?:[,/]\s*([\d.]+%?)\s*)?\)$")
_WHITE = "ffffff"
_CLEAR = "clear"
_UNKNOWN = ""
_PAINTED = {"background-clip", "-webkit-background-clip", "text-shadow", "background-image"}
"""What shows letters that have no colour of their own."""

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_SIMPLE = re.compile(r"[a-z][\w-]*|(?:[a-z][\w-]*)?[.#][\w-]+", re.IGNORECASE)
_COMBINED = re.compile(r"[\s>+~]+")
_NAME = re.compile(r"[.#][\w-]+|^[a-z][\w-]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Look:
    """How an element's letters are painted.

    Attributes:
        color: as six hexadecimal digits, or `clear`; empty where nobody knows.
        ground: the same of what lies behind it.
        gone: whether it and all it holds are not painted.
        small: whether its letters have no size that one could read.
        unseen: whether `visibility` hides it, which what it holds may undo.
    """

    color: str = _UNKNOWN
    ground: str = _WHITE
    gone: bool = False
    small: bool = False
    unseen: bool = False

    @property
    def hides(self) -> bool:
        """Returns whether nobody sees the element's own letters."""
        return self.gone or self.small or self.unseen or _is_alike(self.color, self.ground)

    def within(self, attributes: Mapping[str, str], *, styled: bool) -> Look:
        """Returns how an element inside this one looks.

        Args:
            styled: whether the page has stylesheets; then a class may give any ground, and white
                letters are believed to stand on a dark one.
        """
        if not attributes:
            return self
        look = self
        if styled and ("class" in attributes or "id" in attributes):
            look = replace(look, ground=_UNKNOWN, small=False)
        if "hidden" in attributes:
            look = replace(look, gone=True)
        if "bgcolor" in attributes:
            look = replace(look, ground=_color(attributes["bgcolor"]).replace(_CLEAR, _UNKNOWN))
        style = attributes.get("style", "")
        return look._styled(_declarations(style)) if style else look

    def colored(self, color: str) -> Look:
        """Returns the look with letters in that color (`<font color=…>`)."""
        return replace(self, color=_color(color))

    def _styled(self, said: Mapping[str, str]) -> Look:
        gone, small, unseen = self.gone, self.small, self.unseen
        color, ground = self.color, self.ground
        placed = said.get("position") in ("absolute", "fixed")
        far = [said.get(name, "") for name in ("left", "top")] if placed else []
        if (
            said.get("display") == "none"
            or _is_faint(said.get("opacity", ""))
            or _CLIPPED.match(said.get("clip", said.get("clip-path", "")))
            or any(_FAR.match(value) for value in (*far, said.get("text-indent", "")))
        ):
            gone = True
        if "visibility" in said:
            unseen = said["visibility"] in ("hidden", "collapse")
        if "font-size" in said:
            small = _is_tiny(said["font-size"])
        if "color" in said:
            color = _color(said["color"])
            if color == _CLEAR and (_PAINTED & said.keys()):
                color = _UNKNOWN
        behind = said.get("background-color", said.get("background", "")).split(" ")[0]
        if "background-image" in said:
            ground = _UNKNOWN
        elif behind and behind not in ("none", "inherit", "initial", "transparent", "unset"):
            painted = _color(said.get("background-color", said.get("background", "")))
            ground = ground if painted == _CLEAR else painted
        return Look(color, ground, gone, small, unseen)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rules of a page's own stylesheets that can be read.

    Attributes:
        rules: by selector, what it declares, in order.
        unsure: tags, classes and ids that other rules speak of too.
    """

    rules: dict[str, dict[str, str]] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)

    def read(self, css: str) -> None:
        """Adds what a `style` element says; rules inside of others (`@media`) are not read."""
        css = _COMMENT.sub("", css)
        depth = begin = opened = 0
        for brace in re.finditer("[{}]", css):
            depth += 1 if brace[0] == "{" else -1
            if depth == 1 and brace[0] == "{":
                opened = brace.start()
            elif depth <= 0:
                self._add(css[begin:opened], css[opened + 1 : brace.start()])
                depth, begin, opened = 0, brace.end(), brace.end()

    def _add(self, selectors: str, body: str) -> None:
        if "@" in selectors or "{" in body:
            return
        said = _declarations(body)
        for selector in map(str.strip, selectors.split(",")):
            if _SIMPLE.fullmatch(selector):
                self.rules.setdefault(selector, {}).update(said)
            elif selector:
                self.unsure.update(_NAME.findall(_COMBINED.split(selector)[-1]))

    def look(self, before: Look, name: str, attributes: Mapping[str, str], elsewhere: bool) -> Look:
        """Returns how an element looks by the rules and by its attributes.

        Args:
            before: the look of what it stands in.
            elsewhere: whether there are stylesheets that are not at hand.
        """
        names = [f".{one}" for one in (attributes.get("class") or "").split()]
        names += [f"#{attributes['id']}"] if attributes.get("id") else []
        keys = [name, *names, *(name + one for one in names)]
        found = [self.rules[key] for key in keys if key in self.rules]
        look = before
        for said in found:
            look = look._styled(said)
            if said.get("position") in ("absolute", "fixed"):
                look = replace(look, ground=_UNKNOWN)
        if (elsewhere and names) or not self.unsure.isdisjoint([name, *names]):
            look = replace(look, color=_UNKNOWN, ground=_UNKNOWN)
        return look.within(attributes, styled=False)


def _is_alike(color: str, ground: str) -> bool:
    if color == _CLEAR:
        return True
    if _UNKNOWN in (color, ground):
        return False
    darker, lighter = sorted((_luminance(color), _luminance(ground)))
    return color == ground or (lighter + 0.05) / (darker + 0.05) < _CONTRAST


def _luminance(color: str) -> float:
    """Returns the relative luminance, 0 to 1 (WCAG 2)."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _is_faint(opacity: str) -> bool:
    match = re.match(r"(\d*\.?\d+)(%?)$", opacity)
    return match is not None and float(match[1]) / (100 if match[2] else 1) <= _FAINT


def _is_tiny(size: str) -> bool:
    match = _SIZE.match(size)
    if match is None:
        return False
    return not float(match[1]) or (bool(match[2]) and float(match[1]) <= _TINY[match[2]])


def _declarations(style: str) -> dict[str, str]:
    said = {}
    for declaration in style.lower().split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            said[name.strip()] = value.replace("!important", "").strip()
    return said


def _color(value: str) -> str:
    """Returns six hexadecimal digits, or nothing where the color is another or none is told."""
    value = value.strip().lower()
    if value == "transparent":
        return _CLEAR
    if match := _RGB.match(value) or _HSL.match(value):
        if match[4] is not None and _is_faint(match[4]):
            return _CLEAR
        if match[4] not in (None, "1", "1.0", "100%"):
            return _UNKNOWN
        one, two, three = (min(int(part[:4]), 360) for part in match.groups()[:3])
        if match.re is _HSL:
            parts = hls_to_rgb(one / 360, min(three, 100) / 100, min(two, 100) / 100)
            one, two, three = (round(part * 255) for part in parts)
        return "".join(f"{min(part, 255):02x}" for part in (one, two, three))
    digits = _NAMED.get(value, value.removeprefix("#"))
    if re.fullmatch(r"[0-9a-f]{3}", digits):
        digits = "".join(digit * 2 for digit in digits)
    return digits if re.fullmatch(r"[0-9a-f]{6}", digits) else _UNKNOWN
