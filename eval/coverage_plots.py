"""A coverage becomes a heat map, and a map of the notes a picture: HTML and SVG without a script.

All text is escaped here. Colours come from `picture_css`, light and dark; every status has a letter
or a shape as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files

from eval.coverage import Coverage, Covered, Part
from eval.mapping import HEIGHT, WIDTH, Map, Pin, Sign, Wanted
from eval.marks import escaped, mark, svg, text
from eval.support import Status

Address = Callable[[str], str]
"""The address of what is known of an objective, by its id."""

LETTERS = {Status.COVERED: "C", Status.THIN: "T", Status.MISSING: "M"}
"""What stands for a status where there is no room for its name."""

PIN_LETTERS = {Sign.THIN: "T", Sign.MISSING: "M", Sign.GAP: "G"}

LEVELS = 5
"""Shades of confidence."""

NAME = 26
"""Letters of a note's name on the map."""

MOST_NAMES = 40
"""Notes that are named on the map: more hide the signs."""

LINE, LETTER = 13, 5.4
"""Height of a line on the map, and mean width of a letter."""

Box = tuple[float, float, float]
"""Middle and base line of a name on the map, and half its width."""

SIGNS = {
    Sign.COVERED: "covered",
    Sign.THIN: "thin",
    Sign.MISSING: "missing",
    Sign.GAP: "a gap: questions that got no good answer",
}

NOTES_ON_PICTURE = (
    "Each dot is a passage; passages that say similar things lie near each other. A question lies "
    "the farther from the passages, the less alike anything in the notes is to it."
)


def heat_map_html(coverage: Coverage, href: Address) -> str:
    """Returns units as rows of cells, one an objective, darker where the notes answer surely.

    Args:
        href: the address of what is known of an objective, by its id.
    """
    order = dict.fromkeys(item.objective.unit for item in coverage.found)
    units = {unit.name: unit for unit in coverage.units()}
    rows = "".join(_unit(units[name], href) for name in order)
    return f'<div class="nq-heat">{rows}</div>'


def heat_legend_html() -> str:
    """Returns what the cells of the heat map mean, as HTML."""
    cells = [
        f'<li><span class="nq-cell {status} l{level}">{LETTERS[status]}</span>{status}</li>'
        for status, level in ((Status.COVERED, 3), (Status.THIN, 2), (Status.MISSING, 0))
    ]
    shades = "".join(f'<span class="nq-cell l{level}"></span>' for level in range(LEVELS))
    return f'<ul class="nq-key">{"".join(cells)}<li>confidence 0 {shades} 1</li></ul>'


def unit_name(name: str) -> str:
    """Returns the name of a unit, also of that of objectives for which none is named."""
    return name or "(no unit)"


def said_of(item: Covered) -> str:
    """Returns an objective with its status and confidence in one line."""
    sure = f"{item.status}, confidence {item.support.confidence:.2f}"
    return f"{' '.join(item.objective.text.split())} ({sure})"


def _unit(unit: Part, href: Address) -> str:
    name = escaped(unit_name(unit.name))
    count = f"{unit.summary['covered']:,} of {len(unit.found):,}"
    cells = "".join(_cell(item, href) for item in unit.found)
    return (
        f'<div class="nq-unit" role="group" aria-label="{name}: {count} covered">'
        f'<span class="nq-name">{name}</span><span class="nq-count">{count}</span>'
        f'<span class="nq-cells">{cells}</span></div>'
    )


def _cell(item: Covered, href: Address) -> str:
    level = min(LEVELS - 1, int(item.support.confidence * LEVELS))
    return (
        f'<a class="nq-cell {item.status} l{level}" href="{escaped(href(item.objective.id))}" '
        f'aria-label="{escaped(said_of(item))}">{LETTERS[item.status]}</a>'
    )


# The map


def map_svg(drawn: Map, href: Callable[[Wanted], str]) -> str:
    """Returns the map; `href` gives the address that a question on it leads to, or nothing."""
    near = sorted(drawn.pins, key=lambda pin: list(Sign).index(pin.wanted.sign))
    picture = svg(
        f"Map of {len(drawn.dots):,} passages and {len(drawn.pins):,} questions",
        WIDTH,
        HEIGHT,
        mark("rect", "edge", x=0.5, y=0.5, width=WIDTH - 1, height=HEIGHT - 1, rx=8),
        *_names(drawn),
        *(
            _shape(dot.group, dot.x, dot.y, f"{dot.document}, {dot.place}: {dot.words}")
            for dot in drawn.dots
        ),
        *(_pin(pin, drawn, href(pin.wanted)) for pin in near),
        about=NOTES_ON_PICTURE,
        role="group",
    )
    return f'<div class="nq-map" role="region" aria-label="Map" tabindex="0">{picture}</div>'


def map_legend_html(drawn: Map) -> str:
    """Returns what the signs and colours of the map mean, as HTML."""
    used = {pin.wanted.sign for pin in drawn.pins}
    signs = [(_sign(sign, 10, 10), said) for sign, said in SIGNS.items() if sign in used]
    groups = [(_shape(number, 10, 10), name) for number, name in enumerate(drawn.groups)]
    items = "".join(
        f'<li><svg viewBox="0 0 20 20" aria-hidden="true">{shape}</svg>{escaped(said)}</li>'
        for shape, said in (*signs, *groups)
    )
    return f'<ul class="nq-key">{items}</ul>'


def _pin(pin: Pin, drawn: Map, address: str) -> str:
    nearest = drawn.dots[pin.dot]
    said = (
        f"{' '.join(pin.wanted.text.split())} ({SIGNS[pin.wanted.sign]}); nearest: {nearest.title}"
    )
    shape = f"<title>{escaped(said)}</title>{_sign(pin.wanted.sign, pin.x, pin.y)}"
    if not address:
        return f"<g>{shape}</g>"
    return f'<a href="{escaped(address)}">{shape}</a>'


def _sign(sign: Sign, x: float, y: float) -> str:
    """Returns the sign of a question; what is covered is a ring, so that its passage is seen."""
    css = f"pin {sign}"
    if sign is Sign.COVERED:
        return mark("circle", css, cx=x, cy=y, r=6)
    letter = text(x, y + 3.2, PIN_LETTERS[sign], f"letter {sign}", "middle")
    if sign is Sign.GAP:
        return mark("path", css, d=f"M{x:g} {y - 9:g}l9 9l-9 9l-9 -9z") + letter
    return mark("circle", css, cx=x, cy=y, r=6) + letter


def _shape(group: int, x: float, y: float, tip: str = "") -> str:
    """Returns a passage: shapes differ as colours do, for who does not see these."""
    paths = (
        "m-3.7 -3.7h7.4v7.4h-7.4z",
        "m0 -4.5l4.5 7.7h-9z",
        "m0 -4.8l4.8 4.8l-4.8 4.8l-4.8 -4.8z",
        "m-3.4 -3.4l6.8 6.8m0 -6.8l-6.8 6.8",
        "m-4 0h8m-4 -4v8",
        "m0 4.5l4.5 -7.7h-9z",
    )
    css = f"dot g{group}"
    if group == 0:
        return mark("circle", css, tip, cx=x, cy=y, r=4.1)
    if group == len(paths) + 1:
        return mark("circle", f"{css} open", tip, cx=x, cy=y, r=4.1)
    lines = " open" if group in {4, 5} else ""
    return mark("path", css + lines, tip, d=f"M{x:g} {y:g}{paths[group - 1]}")


def _names(drawn: Map) -> Iterator[str]:
    """Yields names of notes near the middle of their passages, of the largest first.

    Where there is no room for it beside the questions, the passages and the names of larger notes,
    it is left out.
    """
    places: dict[str, list[tuple[float, float]]] = {}
    titles: dict[str, str] = {}
    for dot in drawn.dots:
        places.setdefault(dot.document, []).append((dot.x, dot.y))
        titles[dot.document] = dot.title
    marks = [(pin.x, pin.y) for pin in drawn.pins] + [(dot.x, dot.y) for dot in drawn.dots]
    taken: list[Box] = []
    largest = sorted(places, key=lambda path: (-len(places[path]), path))
    for document in largest[:MOST_NAMES]:
        title = titles[document]
        name = title if len(title) <= NAME else title[: NAME - 1] + "…"
        x, y = (sorted(values)[len(values) // 2] for values in zip(*places[document], strict=True))
        half = len(name) * LETTER / 2
        boxes = [
            (min(max(x + across, half + 4), WIDTH - half - 4), y + down, half)
            for across in (0, -half, half, -half / 2, half / 2)
            for down in (4, -10, 18, -24, 32, -38, 46)
            if LINE < y + down < HEIGHT - 6
        ]
        boxes = [
            box
            for box in boxes
            if not any(_overlap(box, other) for other in taken) and not _touches(box, marks)
        ]
        if boxes:
            best = boxes[0]
            taken.append(best)
            yield text(best[0], best[1], name, "name", "middle")


def _overlap(a: Box, b: Box) -> bool:
    return abs(a[0] - b[0]) < a[2] + b[2] + 4 and abs(a[1] - b[1]) < LINE


def _touches(box: Box, marks: Sequence[tuple[float, float]]) -> bool:
    """Returns whether a name touches a mark."""
    x, y, half = box
    return any(abs(x - a) < half + 5 and abs(y - 4 - b) < LINE / 2 + 3 for a, b in marks)


def picture_css() -> str:
    """Returns the style sheet of these pictures, for a page that has its own light and dark."""
    return files("eval").joinpath("page/pictures.css").read_text("utf-8")
