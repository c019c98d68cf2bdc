from __future__ import annotations

import re

import pytest
from conftest import ROOT

from ui.theme import COLOURS, gradio_theme, variables

SIDES = {"light": 0, "dark": 1}


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.2."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_the_recommendation() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("side", SIDES)
def test_text_can_be_read_wherever_it_stands(side: str) -> None:
    colours = {name: pair[SIDES[side]] for name, pair in COLOURS.items()}
    pairs = [
        *((word, on) for word in ("text", "quiet", "link", "link_strong", "alert")
          for on in ("page", "raised")),
        ("on_link", "link"),
        ("on_link", "link_strong"),
        ("on_mark", "mark"),
    ]  # fmt: skip
    low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: value for pair, value in low.items() if value < 4.5} == {}


@pytest.mark.parametrize("side", SIDES)
def test_borders_of_controls_and_the_focus_can_be_seen(side: str) -> None:
    colours = {name: pair[SIDES[side]] for name, pair in COLOURS.items()}
    for border in ("edge", "link"):
        for on in ("page", "raised"):
            assert contrast(colours[border], colours[on]) >= 3, (border, on)


def test_gradio_pages_and_plain_ones_have_the_same_colours() -> None:
    plain = re.findall(r"--([\w-]+):(#\w+)", variables())
    css = gradio_theme()._get_theme_css()
    light, dark = css.split(":root.dark")
    half = len(COLOURS)
    assert len(plain) == 2 * half
    for sheet, values in ((light, plain[:half]), (dark, plain[half:])):
        assert [pair for pair in values if f"--{pair[0]}: {pair[1]};" not in sheet] == []
    assert "--body-background-fill: var(--page);" in light
    assert "--body-background-fill: var(--page);" in dark


def test_style_sheets_load_nothing_from_elsewhere() -> None:
    for file in sorted((ROOT / "ui/pages").glob("*.css")):
        text = file.read_text("utf-8")
        assert "://" not in text and "@import" not in text, file
