"""A coverage becomes a heat map, and a map of the notes a picture: HTML and SVG without a script.

All text is escaped here. Colours come from `picture_css`, light and dark; every status has a letter
or a shape as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from importlib.resources import files

from eval.coverage import Coverage, Covered, Part
from eval.mapping import HEIGHT, WIDTH, Map, Pin, Sign, Wanted
from eval.marks import mark, svg, text
from eval.support import Status

Address = Callable[[str], str]
"""The address of what is known of an objective, by its id."""

LETTERS = {Status.COVERED: "C", Status.THIN: "T", Status.MISSING: "M"}
"""What stands for a status where there is no room for its name."""

LEVELS = 5
"""Shades of confidence."""

NAME = 26
"""Letters of a note's name on the map."""

LINE = 14
"""Height of a line of letters on the map; a letter is half as wide, nearly."""

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
    name = escape(unit_name(unit.name))
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
        f'<a class="nq-cell {item.status} l{level}" href="{escape(href(item.objective.id))}" '
        f'aria-label="{escape(said_of(item))}">{LETTERS[item.status]}</a>'
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
        *(
            _shape(dot.group, dot.x, dot.y, f"{dot.document}, {dot.place}: {dot.words}")
            for dot in drawn.dots
        ),
        *_names(drawn),
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
        f'<li><svg viewBox="0 0 20 20" aria-hidden="true">{shape}</svg>{escape(said)}</li>'
        for shape, said in (*signs, *groups)
    )
    return f'<ul class="nq-key">{items}</ul>'


def _pin(pin: Pin, drawn: Map, address: str) -> str:
    nearest = drawn.dots[pin.dot]
    said = (
        f"{' '.join(pin.wanted.text.split())} ({SIGNS[pin.wanted.sign]}); nearest: {nearest.title}"
    )
    shape = f"<title>{escape(said)}</title>{_sign(pin.wanted.sign, pin.x, pin.y)}"
    if not address:
        return f"<g>{shape}</g>"
    return f'<a href="{escape(address)}" aria-label="{escape(said)}">{shape}</a>'


def _sign(sign: Sign, x: float, y: float) -> str:
    """Returns the sign of a question; what is covered has no letter, since most of them are."""
    css = f"pin {sign}"
    if sign is Sign.COVERED:
        return mark("circle", css, cx=x, cy=y, r=4)
    letter = text(
        x,
        y + 3.2,
        {Sign.THIN: "T", Sign.MISSING: "M", Sign.GAP: "G"}[sign],
        f"letter {sign}",
        "middle",
    )
    if sign is Sign.GAP:
        return mark("path", css, d=f"M{x:g} {y - 9:g}l9 9l-9 9l-9 -9z") + letter
    return mark("circle", css, cx=x, cy=y, r=6.5) + letter


def _shape(group: int, x: float, y: float, tip: str = "") -> str:
    """Returns a passage: shapes differ as colours do, for who does not see these."""
    paths = (
        "m-2.6 -2.6h5.2v5.2h-5.2z",
        "m0 -3.2l3.2 5.6h-6.4z",
        "m0 -3.6l3.6 3.6l-3.6 3.6l-3.6 -3.6z",
        "m-2.6 -2.6l5.2 5.2m0 -5.2l-5.2 5.2",
        "m-3 0h6m-3 -3v6",
        "m0 3.2l3.2 -5.6h-6.4z",
    )
    css = f"dot g{group}"
    if group == 0:
        return mark("circle", css, tip, cx=x, cy=y, r=2.8)
    if group == len(paths) + 1:
        return mark("circle", f"{css} open", tip, cx=x, cy=y, r=2.8)
    lines = " open" if group in {4, 5} else ""
    return mark("path", css + lines, tip, d=f"M{x:g} {y:g}{paths[group - 1]}")


def _names(drawn: Map) -> Iterator[str]:
    """Yields names of notes where their passages lie, of the largest first, none on another."""
    places: dict[str, list[tuple[float, float]]] = {}
    titles: dict[str, str] = {}
    for dot in drawn.dots:
        places.setdefault(dot.document, []).append((dot.x, dot.y))
        titles[dot.document] = dot.title
    taken: list[tuple[float, float, float]] = []
    for document in sorted(places, key=lambda path: (-len(places[path]), path)):
        title = titles[document]
        name = title if len(title) <= NAME else title[: NAME - 1] + "…"
        half = len(name) * LINE / 5
        dots = places[document]
        x, y = (sorted(values)[len(values) // 2] for values in zip(*dots, strict=True))
        x = min(max(x, half + 4), WIDTH - half - 4)
        for shift in (0, -LINE, LINE):
            at = min(max(y + 4 + shift, LINE), HEIGHT - 6)
            if all(abs(x - a) > half + b or abs(at - c) > LINE for a, b, c in taken):
                taken.append((x, half, at))
                yield text(x, at, name, "name", "middle")
                break


def picture_css() -> str:
    """Returns the style sheet of these pictures, for a page that has its own light and dark."""
    return files("eval").joinpath("page/pictures.css").read_text("utf-8")
