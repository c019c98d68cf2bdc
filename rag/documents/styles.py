"""Which elements of a page nobody sees: what their own attributes say, handed down the tree.

Stylesheets are not read: what they hide is often shown by a click, and what a click shows is text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

_NAMED = {"white": "ffffff", "black": "000000", "red": "ff0000", "yellow": "ffff00"}
_ZERO = re.compile(r"0(?:\.0*)?(?:px|pt|em|rem|ex|%|vw|vh)?$")
_FAR = re.compile(r"-\d{4,}(?:\.\d+)?(?:px|pt)?$|-\d{3,}(?:\.\d+)?(?:em|rem|%)$")
_RGB = re.compile(r"rgba?\(\s*(\d+)[,\s]+(\d+)[,\s]+(\d+)\s*(?:[,/]\s*([\d.]+%?)\s*)?\)$")
_WHITE = "ffffff"
_UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Look:
    """How an element's letters are painted.

    Attributes:
        color: as six hexadecimal digits; empty where nobody knows.
        ground: the same of what lies behind it.
        gone: whether it and all it holds are not painted.
        small: whether its letters have no size.
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
        same = self.color != _UNKNOWN and self.color == self.ground
        return self.gone or self.small or self.unseen or same

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
            look = replace(look, ground=_color(attributes["bgcolor"]))
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
            or _ZERO.match(said.get("opacity", ""))
            or any(_FAR.match(value) for value in (*far, said.get("text-indent", "")))
        ):
            gone = True
        if "visibility" in said:
            unseen = said["visibility"] in ("hidden", "collapse")
        if "font-size" in said:
            small = bool(_ZERO.match(said["font-size"]))
        if "color" in said:
            color = _color(said["color"])
        behind = said.get("background-color", said.get("background", "")).split(" ")[0]
        if "background-image" in said:
            ground = _UNKNOWN
        elif behind and behind not in ("none", "inherit", "initial", "transparent", "unset"):
            ground = _color(said.get("background-color", said.get("background", "")))
        return Look(color, ground, gone, small, unseen)


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
        return _UNKNOWN
    if match := _RGB.match(value):
        red, green, blue = (min(int(part[:4]), 255) for part in match.groups()[:3])
        return f"{red:02x}{green:02x}{blue:02x}" if match[4] in (None, "1", "100%") else _UNKNOWN
    digits = _NAMED.get(value, value.removeprefix("#"))
    if re.fullmatch(r"[0-9a-f]{3}", digits):
        digits = "".join(digit * 2 for digit in digits)
    return digits if re.fullmatch(r"[0-9a-f]{6}", digits) else _UNKNOWN
