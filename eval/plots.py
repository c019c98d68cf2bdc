"""Numbers become pictures: inline SVG that takes its colours from the page around it.

A picture is `WIDTH` units wide, about the CSS pixels that a page gives it, so letters keep their
size on a phone and on paper. Marks that must be told apart are filled or hollow, not only coloured.
All text is escaped as it becomes a mark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from eval.compare import Difference
from eval.marks import line, mark, svg, text
from eval.measures import BINS, COVERAGE, Bin, Measure
from eval.statistics import Interval

WIDTH = 360
LEFT, RIGHT, TOP, BOTTOM = 42, 350, 30, 220
HEIGHT = 262
ROW = 40
"""Height of a row that has its label above its mark."""

LETTERS = 24
"""How much of a label fits beside its value."""

Scale = Callable[[float], float]
Ticks = Sequence[tuple[float, str]]
"""Values on an axis and what is written there."""

QUARTERS = [(i / 4, f"{i / 4:g}") for i in range(5)]


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """Returns the straight line that takes `low` to `start` and `high` to `end`."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def nice(value: float) -> float:
    """Returns the least of 1, 2 and 5 times a power of ten that is not below `value`, above 0."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def signed(value: float) -> str:
    """Returns a difference with its sign and three digits, no sign at zero."""
    rounded = round(value, 3)
    return f"{rounded:+.3f}".replace("-", "\u2212") if rounded else "0.000"


def between(interval: Interval | Measure) -> str:
    """Returns the ends of an interval in words."""
    return f"{interval.low:.3f} to {interval.high:.3f}"


# Pictures


def track(name: str, measure: Measure) -> str:
    """Returns a line from 0 to 1 with a measure's interval and value on it."""
    across = scale(0, 1, 6, WIDTH - 6)
    said = f"{name}: {measure.value:.3f}, 95 % interval {between(measure)}"
    return _svg(
        said,
        16,
        line("track", across(0), 8, across(1), 8),
        line("range", across(measure.low), 8, across(measure.high), 8),
        mark("circle", "dot", cx=across(measure.value), cy=8, r=5),
    )


def bars(name: str, groups: Mapping[str, Mapping[str, Measure]]) -> str:
    """Returns a bar from 0 to 1 with its interval for each group that has the measure `name`."""
    rows = [(label or "(none)", group[name]) for label, group in groups.items() if name in group]
    across = scale(0, 1, 1, WIDTH - 1)
    parts = []
    for number, (label, m) in enumerate(rows):
        y = number * ROW
        said = f"{label}: {m.value:.3f}, 95 % interval {between(m)}, n = {m.n}"
        parts += [
            *_row(y, label, f"{m.value:.3f}", f"n = {m.n:,}"),
            mark("rect", "ground", x=across(0), y=y + 20, width=across(1) - across(0), height=10),
            mark("rect", "bar", said, x=1, y=y + 20, width=across(m.value) - 1, height=10),
            *_whisker(across(m.low), across(m.high), y + 25),
        ]
    foot = len(rows) * ROW + 8
    for at, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        parts.append(text(across(at), foot, f"{at:g}", "quiet", anchor))
    return _svg(f"{name}, with 95 % intervals", foot + 6, *parts)


def forest(differences: Mapping[str, Difference]) -> str:
    """Returns differences around zero with their intervals; a filled mark is beyond chance."""
    rows = [(name, d.paired.difference, d.detected) for name, d in differences.items()]
    reach = nice(max((max(-i.low, i.high, 0.01) for _, i, _ in rows), default=0.01))
    across = scale(-reach, reach, 10, WIDTH - 10)
    foot = len(rows) * ROW + 10
    parts = [line("axis", across(0), 0, across(0), foot - 14)]
    for number, (label, interval, detected) in enumerate(rows):
        y = number * ROW
        said = f"{label}: {signed(interval.value)}, beyond chance: {'yes' if detected else 'no'}"
        dot = "dot" if detected else "dot hollow"
        parts += [
            *_row(y, label, signed(interval.value), ""),
            line("range", across(interval.low), y + 26, across(interval.high), y + 26),
            mark("circle", dot, said, cx=across(interval.value), cy=y + 26, r=5),
        ]
    parts += [
        text(across(-reach), foot, f"\u2212{reach:g} worse", "quiet"),
        text(across(0), foot, "0", "quiet", "middle"),
        text(across(reach), foot, f"better +{reach:g}", "quiet", "end"),
    ]
    return _svg("Differences with 95 % intervals", foot + 6, *parts)


def reliability(bins: Sequence[Bin]) -> str:
    """Returns how often answers were right against their confidence; the diagonal is honest."""
    across, up = scale(0, 1, LEFT, RIGHT), scale(0, 1, BOTTOM, TOP)
    total = sum(item.n for item in bins)
    parts = [_frame(across, up, QUARTERS, QUARTERS, "confidence", "share that was right")]
    for item in bins:
        x, width = across(item.low), across(item.high) - across(item.low)
        height = BOTTOM - up(item.n / total)
        parts.append(
            mark("rect", "ground", x=x + 1, y=BOTTOM - height, width=width - 2, height=height)
        )
    parts.append(line("guide", across(0), up(0), across(1), up(1)))
    for item in bins:
        x = across(item.confidence)
        said = f"{item.low:g} to {item.high:g}: {item.right.value:.3f} right, n = {item.n}"
        parts += [
            line("range", x, up(item.right.low), x, up(item.right.high)),
            mark("circle", "dot", said, cx=x, cy=up(item.right.value), r=4.5),
        ]
    return _svg("Reliability: share right against confidence", HEIGHT, *parts)


def risk_coverage(points: Sequence[tuple[float, float, float]]) -> str:
    """Returns the share of wrong answers against the share of questions answered, surest first.

    Args:
        points: confidence, coverage and risk, as `measures.risk_coverage` returns them.
    """
    top = max(0.1, math.ceil(max(risk for *_, risk in points) * 10 - 1e-9) / 10)
    across, up = scale(0, 1, LEFT, RIGHT), scale(0, top, BOTTOM, TOP)
    ticks = [(top * i / 2, f"{top * i / 2:g}") for i in range(3)]
    path = " ".join(f"{across(share):.2f},{up(risk):.2f}" for _, share, risk in points)
    _, share, risk = points[-1]
    return _svg(
        "Risk and coverage: share wrong among the surest questions",
        HEIGHT,
        _frame(across, up, QUARTERS, ticks, "share of questions, surest first", "share wrong"),
        line("guide", across(COVERAGE), BOTTOM, across(COVERAGE), TOP),
        text(across(COVERAGE), TOP - 5, f"{COVERAGE:.0%}".replace("%", " %"), "quiet", "middle"),
        mark("polyline", "curve", points=path),
        mark("circle", "dot", f"all: {risk:.3f} wrong", cx=across(share), cy=up(risk), r=4.5),
    )


def ranks(counts: Sequence[tuple[str, int]], missing: int) -> str:
    """Returns how many questions found their evidence at each rank; hollow where at none."""
    columns = [*counts, ("none", missing)]
    top = max(1, *(count for _, count in columns))
    step = (RIGHT - LEFT) / len(columns)
    across, up = scale(0, len(columns), LEFT, RIGHT), scale(0, top, BOTTOM, TOP + 14)
    xs = [(number + 0.5, label) for number, (label, _) in enumerate(columns)]
    parts = [_frame(across, up, xs, _steps(top), "rank of the evidence", "questions")]
    for number, (label, count) in enumerate(columns):
        css = "bar hollow" if number == len(counts) else "bar"
        parts += [
            _column(css, across(number) + 2, step - 4, BOTTOM, up(count), f"{label}: {count}"),
            text(across(number + 0.5), up(count) - 4, str(count), "small", "middle"),
        ]
    return _svg("Ranks at which the evidence was found", HEIGHT, *parts)


def separation(answerable: Sequence[int], unanswerable: Sequence[int]) -> str:
    """Returns two histograms of the confidence back to back, each as shares of its questions.

    Args:
        answerable, unanswerable: how many questions lie in each of `BINS` equal bins.
    """
    groups = (("answerable", "bar", answerable), ("unanswerable", "bar hollow", unanswerable))
    shares = [[count / max(1, sum(counts)) for count in counts] for _, _, counts in groups]
    top = max(0.1, math.ceil(max(*shares[0], *shares[1]) * 10 - 1e-9) / 10)
    across, up = scale(0, 1, LEFT, RIGHT), scale(-top, top, BOTTOM, TOP)
    ticks = [(top * i / 2, f"{abs(top * i / 2):g}") for i in (-2, -1, 0, 1, 2)]
    parts = [_frame(across, up, QUARTERS, ticks, "confidence", "")]
    for (label, css, counts), inside, sign, y in zip(
        groups, shares, (1, -1), (TOP - 12, HEIGHT - 6), strict=True
    ):
        said = f"{label}, n = {sum(counts):,}" if sum(counts) else f"{label}: none asked"
        parts += [
            mark("rect", css, x=LEFT, y=y - 9, width=10, height=10),
            text(LEFT + 16, y, said),
        ]
        for number, share in enumerate(inside):
            if share:
                x, end = across(number / BINS) + 2, across((number + 1) / BINS) - 2
                tip = f"{label}, {number / BINS:g} to {(number + 1) / BINS:g}: {share:.3f}"
                parts.append(_column(css, x, end - x, up(0), up(sign * share), tip))
    parts.append(line("axis", LEFT, up(0), RIGHT, up(0)))
    return _svg("Confidence of answerable and unanswerable questions", HEIGHT, *parts)


def latency(counts: Sequence[int], width: float, percentiles: Sequence[tuple[str, float]]) -> str:
    """Returns a histogram of milliseconds with percentiles marked.

    Args:
        counts: questions in each bin of `width` ms from 0; the last holds all that took longer.
        percentiles: name and milliseconds, rising, all within three quarters of the bins.
    """
    end, top = len(counts) * width, max(1, *counts)
    across, up = scale(0, end, LEFT, RIGHT), scale(0, top, BOTTOM, TOP + 36)
    step = nice(end / 5)
    xs = [(step * i, f"{step * i:g}") for i in range(int(end / step + 1e-9) + 1)]
    parts = [_frame(across, up, xs, _steps(top), "ms a question", "questions")]
    for number, count in enumerate(counts):
        x = across(number * width)
        tip = f"{number * width:g} ms and more: {count}"
        parts.append(
            _column("bar", x + 1, across((number + 1) * width) - x - 2, BOTTOM, up(count), tip)
        )
    for number, (label, value) in enumerate(percentiles):
        x, y = across(value), TOP - 2 + 14 * number
        parts += [
            line("guide", x, y - 9, x, BOTTOM),
            text(x + 4, y, f"{label} {value:.1f}"),
        ]
    return _svg("Time a question took", HEIGHT, *parts)


# Marks


def _svg(title: str, height: float, *parts: str) -> str:
    return svg(title, WIDTH, height, *parts)


def _row(y: float, label: str, value: str, rest: str) -> list[str]:
    """Returns the line above a mark: a label, a value, and what is said of it."""
    short = label if len(label) <= LETTERS else label[: LETTERS - 1] + "…"
    end = WIDTH - 70 if rest else WIDTH - 1
    return [
        text(1, y + 13, short),
        text(end, y + 13, value, "strong", "end"),
        *([text(WIDTH - 1, y + 13, rest, "quiet", "end")] if rest else []),
    ]


def _whisker(low: float, high: float, y: float) -> list[str]:
    """Returns an interval with its ends marked."""
    ends = [line("whisker", x, y - 4, x, y + 4) for x in (low, high)]
    return [line("whisker", low, y, high, y), *ends]


def _column(css: str, x: float, width: float, base: float, end: float, tip: str) -> str:
    top, height = min(base, end), abs(base - end)
    return mark("rect", css, tip, x=x, y=top, width=width, height=height)


def _steps(top: float) -> Ticks:
    """Returns round counts from 0 to `top`, about four."""
    step = max(1, nice(top / 4))
    return [(step * i, f"{step * i:g}") for i in range(int(top / step) + 1)]


def _frame(across: Scale, up: Scale, xs: Ticks, ys: Ticks, x_title: str, y_title: str) -> str:
    """Returns the grid and what is written along both axes."""
    parts = []
    for value, label in ys:
        parts.append(line("grid", LEFT, up(value), RIGHT, up(value)))
        parts.append(text(LEFT - 6, up(value) + 4, label, "quiet", "end"))
    parts += [text(across(value), BOTTOM + 16, label, "quiet", "middle") for value, label in xs]
    parts.append(text(RIGHT, HEIGHT - 6, x_title, "quiet", "end"))
    parts.append(text(1, TOP - 16, y_title, "quiet"))
    return "".join(parts)
