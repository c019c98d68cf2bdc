"""A workbook's cells become text: near what a person sees, in a form that one would search for.

In: elements of a sheet and what their workbook says of shared strings and number formats (ECMA-376
part 1, 18.3 to 18.8). Out: strings. Numbers are plain, without grouping, currency or rounding;
percentages and dates are told by their formats, dates are ISO dates.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from rag.documents.office.archive import child, local
from rag.documents.office.package import whole

_BUILT_IN = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 59)), "d"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47), "t"),
    **{9: "%", 10: "%", 22: "dt", 46: "e"},
}
"""Formats that a number alone names (18.8.30); 27 to 58 are East Asian ones."""

_NO_FIGURE = re.compile(r'"[^"]*"|\\.|[_*].|am/pm|a/p|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
"""What a format shows as it stands, and its colours, conditions and locales."""

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LAST_DAY = 2_958_466
"""After 9999-12-31, counted from 1899-12-30."""


class Cells:
    """What the cells of one workbook refer to.

    Attributes:
        uncalculated: how many formulas had no result yet.
    """

    def __init__(self, strings: Any | None, styles: Any | None, *, since_1904: bool) -> None:
        """Args: roots of the parts of shared strings and styles, where there are any."""
        listed = strings if strings is not None else ()
        self.uncalculated = 0
        self._strings = [_string(one) for one in listed if local(one) == "si"]
        self._formats = _formats(styles)
        self._begin = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)

    def text(self, cell: Any) -> str:
        """Returns what a cell says, "" for one that is empty or shows nothing.

        Raises:
            LookupError: its text is not among the shared strings.
        """
        shape = self._formats.get(cell.get("s", "0"), "")
        inline, said = child(cell, "is"), child(cell, "v")
        if shape == "hidden":
            return ""
        if inline is not None:
            return _string(inline)
        kind, value = cell.get("t", "n"), "" if said is None else (said.text or "").strip()
        if not value:
            self.uncalculated += kind != "str" and child(cell, "f") is not None
            return ""
        return self._said(value, kind, shape)

    def _said(self, value: str, kind: str, shape: str) -> str:
        match kind:
            case "s":
                if not re.fullmatch(r"[0-9]{1,9}", value):
                    raise LookupError(value)
                return self._strings[int(value)]
            case "b":
                return "TRUE" if value in ("1", "true") else "FALSE"
            case "d":
                return _dated(value, shape)
            case "n":
                return self._number(value, shape)
            case _:
                return _unescaped(value)

    def _number(self, said: str, shape: str) -> str:
        try:
            number = float(said)
        except ValueError:
            return said
        if not math.isfinite(number):
            return said
        if shape == "%":
            return f"{_plain(number * 100)}%"
        if not shape or not 0 <= number < _LAST_DAY:
            return _plain(number)
        seconds = round(number * 86_400)
        if shape == "e":
            return _clock(seconds // 3600, seconds // 60 % 60, seconds % 60)
        if number < 60 and self._begin.year == 1899:
            seconds += 86_400  # spreadsheets count a 29 February 1900 that never was
        return _moment(self._begin + timedelta(seconds=seconds), shape)


def _formats(styles: Any | None) -> dict[str, str]:
    """Returns the shape of each cell style that has one, by the style's index.

    `d` a date, `t` a time, `dt` both, `e` a time that has passed, `%`, or `hidden`.
    """
    codes = {
        one.get("numFmtId"): _shape(one.get("formatCode", ""))
        for one in _children(styles, "numFmts")
    }
    shapes = {str(number): shape for number, shape in _BUILT_IN.items()} | codes
    said = [shapes.get(one.get("numFmtId"), "") for one in _children(styles, "cellXfs")]
    return {str(index): shape for index, shape in enumerate(said) if shape}


def _children(root: Any | None, name: str) -> Any:
    found = child(root, name)
    return found if found is not None else ()


def _shape(code: str) -> str:
    if code == ";;;":
        return "hidden"
    code = _NO_FIGURE.sub("", code).partition(";")[0].lower()
    if code == "general":
        return ""
    if "[" in code:
        return "e"
    day = "d" in code or "y" in code
    clock = "h" in code or "s" in code
    if day or clock:
        return "d" * day + "t" * clock
    return "%" if "%" in code else "d" * ("m" in code)


def _string(element: Any) -> str:
    """Returns the runs of a string, without what tells how its characters are spoken."""
    said = []
    for one in element:
        name = local(one)
        run = child(one, "t") if name == "r" else one if name == "t" else None
        said.append("" if run is None else run.text or "")
    return _unescaped("".join(said))


def _unescaped(text: str) -> str:
    return whole(_ESCAPED.sub(lambda match: chr(int(match[1], 16)), text))


def _plain(number: float) -> str:
    """Returns a number to 15 digits, all that spreadsheets keep."""
    said = f"{number + 0.0:.15g}"  # no minus before nought
    return f"{Decimal(said):f}" if "e+" in said and abs(number) < 1e21 else said


def _dated(said: str, shape: str) -> str:
    try:
        return _moment(datetime.fromisoformat(said), shape)
    except ValueError:
        return said


def _moment(moment: datetime, shape: str) -> str:
    date = moment.date().isoformat()
    clock = _clock(moment.hour, moment.minute, moment.second)
    if shape in ("d", "t"):
        return date if shape == "d" else clock
    return date if shape != "dt" and clock == "00:00" else f"{date} {clock}"


def _clock(hours: int, minutes: int, seconds: int) -> str:
    return f"{hours:02}:{minutes:02}" + (f":{seconds:02}" if seconds else "")
