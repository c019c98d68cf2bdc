"""Shapes and words become SVG, all text in it escaped, and without what could steer a screen."""

from __future__ import annotations

from html import escape

from eval.templates import STEERING


def escaped(text: str) -> str:
    """Returns text for HTML or SVG; what could steer a screen is shown as `\ufffd`."""
    return escape(STEERING.sub("\ufffd", text))


def svg(
    title: str, width: float, height: float, *parts: str, about: str = "", role: str = "img"
) -> str:
    """Returns a picture that takes its colours from the page around it.

    Args:
        about: what there is to see, for those who do not.
        role: `group` where its parts are to be met one by one, `img` where it is one thing.
    """
    name = escaped(title)
    said = f"<desc>{escaped(about)}</desc>" if about else ""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="{role}" aria-label="{name}">'
        f"<title>{name}</title>{said}{''.join(parts)}</svg>"
    )


def mark(shape: str, css: str, tip: str = "", **attributes: float | str) -> str:
    """Returns a shape; `tip` is shown while the pointer is on it."""
    given = "".join(
        f' {name}="{escaped(value) if isinstance(value, str) else f"{round(value, 2):g}"}"'
        for name, value in attributes.items()
    )
    inside = f"<title>{escaped(tip)}</title>" if tip else ""
    return f'<{shape} class="{css}"{given}>{inside}</{shape}>'


def line(css: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """Returns a straight line."""
    return mark("line", css, x1=x1, y1=y1, x2=x2, y2=y2)


def text(x: float, y: float, words: str, css: str = "", anchor: str = "start") -> str:
    """Returns words that begin, end or have their middle at a place."""
    place = f'x="{round(x, 2):g}" y="{round(y, 2):g}" text-anchor="{anchor}"'
    return f'<text class="{css}" {place}>{escaped(words)}</text>'
