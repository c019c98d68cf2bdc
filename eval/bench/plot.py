"""Ratios and growth become pictures that stand alone: SVG with colours of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from eval.bench.measuring import Spread, figure
from eval.plots import nice, scale

WIDTH = 720
LEFT, RIGHT = 250, 690
ROW = 34
TOP = 62

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Of Okabe and Ito (2008), to be told apart by everyone; marks differ in shape as well."""

Ratios = Mapping[str, Mapping[str, Spread]]
"""How many times better notesqa is, by measure and by the system it is held against."""


def ratios(title: str, table: Ratios) -> str:
    """Returns a row for each measure with a mark and a range for each system; all above 0."""
    systems = list(dict.fromkeys(system for row in table.values() for system in row))
    spreads = [spread for row in table.values() for spread in row.values()]
    low = min(0.5, *(spread.low for spread in spreads)) * 0.9
    high = max(2.0, *(spread.high for spread in spreads)) * 1.1
    line = scale(math.log(low), math.log(high), LEFT, RIGHT)
    foot = TOP + ROW * len(table)
    parts = [
        _text(16, 24, title, "title"),
        *(
            _line(line(math.log(at)), TOP - 8, line(math.log(at)), foot, "one" if at == 1 else "")
            for at in _ticks(low, high)
        ),
        *(
            _text(line(math.log(at)), foot + 18, f"{at:g}×", "small", "middle")
            for at in _ticks(low, high)
        ),
        _text(line(0) - 8, foot + 36, "← the other is better", "small", "end"),
        _text(line(0) + 8, foot + 36, "notesqa is better →", "small"),
    ]
    for number, system in enumerate(systems):
        x = 24 + number * (WIDTH - 40) / max(4, len(systems))
        parts += [_mark(number, x, 44, system), _text(x + 10, 48, system, "small")]
    for place, (measure, row) in enumerate(table.items()):
        y = TOP + ROW * (place + 0.5)
        parts.append(_text(LEFT - 12, y + 4, measure, "", "end"))
        for number, system in enumerate(systems):
            if system not in row:
                continue
            spread = row[system]
            at = y + 5 * (number - (len(systems) - 1) / 2)
            ends = line(math.log(spread.low)), line(math.log(spread.high))
            said = f"{system}, {measure}: {spread}×"
            parts.append(_line(ends[0], at, ends[1], at, "range", COLOURS[number % len(COLOURS)]))
            parts.append(_mark(number, line(math.log(spread.median)), at, said))
    return _picture(title, foot + 50, parts)


def growth(title: str, sizes: Sequence[int], series: Mapping[str, Sequence[float]]) -> str:
    """Returns a line for each series of milliseconds over sizes, which lie on a logarithmic line.

    Args:
        series: by name, one number for each size; all above 0.
    """
    left, top, foot = 70, 62, 330
    across = scale(math.log(min(sizes)), math.log(max(sizes)), left + 20, RIGHT)
    high = max(value for values in series.values() for value in values)
    up = scale(0, high, foot, top)
    parts = [_text(16, 24, title, "title")]
    for at in [step * nice(high / 4) for step in range(6) if step * nice(high / 4) <= high]:
        parts.append(_line(left, up(at), RIGHT, up(at), ""))
        parts.append(_text(left - 8, up(at) + 4, f"{at:g}", "small", "end"))
    parts.append(_text(left - 8, top - 12, "ms", "small", "end"))
    parts += [_text(across(math.log(n)), foot + 20, f"{n:,}", "small", "middle") for n in sizes]
    parts.append(_text((left + RIGHT) / 2, foot + 40, "chunks", "small", "middle"))
    for number, (name, values) in enumerate(series.items()):
        places = [(across(math.log(n)), up(v)) for n, v in zip(sizes, values, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), size, value in zip(places, sizes, values, strict=True):
            parts.append(_mark(number, x, y, f"{name}, {size:,} chunks: {figure(value)} ms"))
        x = left + 20 + number * 120
        parts += [_mark(number, x, 44, name), _text(x + 10, 48, name, "small")]
    return _picture(title, foot + 52, parts)


def _picture(title: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'width="{WIDTH}" height="{height}"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1b1b}.title{font-weight:600;font-size:15px}"
    ".small{font-size:12px;fill:#444}line{stroke:#ddd}.one{stroke:#555;stroke-width:1.5}"
    ".range{stroke-width:2}"
)


def _ticks(low: float, high: float) -> list[float]:
    """Returns 1, 2 and 5 times the powers of ten that lie between two numbers."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    return [at for at in steps if low <= at <= high]


def _line(x1: float, y1: float, x2: float, y2: float, css: str, colour: str = "") -> str:
    style = f' style="stroke:{colour}"' if colour else ""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line class="{css}" {ends}{style}/>'


def _text(x: float, y: float, words: str, css: str, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{css}" {place}>{escape(words)}</text>'


def _mark(number: int, x: float, y: float, said: str) -> str:
    """Returns a system's mark: circle, square, diamond or triangle."""
    half = 4.5
    corners = (
        [],
        [(-half, -half), (half, -half), (half, half), (-half, half)],
        [(0, -half - 1), (half + 1, 0), (0, half + 1), (-half - 1, 0)],
        [(0, -half - 1), (half + 1, half), (-half - 1, half)],
    )[number % 4]
    colour, tip = COLOURS[number % len(COLOURS)], f"<title>{escape(said)}</title>"
    if not corners:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{half}" fill="{colour}">{tip}</circle>'
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{points}" fill="{colour}">{tip}</polygon>'
