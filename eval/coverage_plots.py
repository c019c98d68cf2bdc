"""A coverage becomes a heat map, and a map of the notes a picture: HTML and SVG without a script.

All text is escaped here. Colours come from `picture_css`, light and dark; every status has a letter
or a shape as well.
"""

from __future__ import annotations

from collections.abc import Callable

from eval.coverage import Coverage
from eval.mapping import Map, Wanted

Address = Callable[[str], str]
"""The address of what is known of an objective, by its id."""


def heat_map_html(coverage: Coverage, href: Address) -> str:
    """Returns units as rows of cells, one an objective, darker where the notes answer surely."""
    raise NotImplementedError


def map_svg(drawn: Map, href: Callable[[Wanted], str]) -> str:
    """Returns the map; `href` gives the address that a question on it leads to, or nothing."""
    raise NotImplementedError


def map_legend_html(drawn: Map) -> str:
    """Returns what the signs and colours of the map mean, as HTML."""
    raise NotImplementedError


def picture_css() -> str:
    """Returns the style sheet of these pictures, for a page that has its own light and dark."""
    raise NotImplementedError
