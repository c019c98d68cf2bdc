"""How all pages look: one table of colours becomes a style sheet's variables and Gradio's theme.

Light or dark is what the reader's system says, on every page: plain pages ask by a media query, and
Gradio's page sets its class `dark` by the same one. Fonts are those of the system.
"""

from __future__ import annotations

from typing import Any

COLOURS = {
    "page": ("#fbfaf7", "#17191c"),
    "raised": ("#f2f0ea", "#212428"),  # what stands a little apart: questions, inputs, menus
    "text": ("#23272c", "#e8e6e1"),
    "quiet": ("#5a5f67", "#adb0b3"),  # what is said beside: places, dates, hints
    "rule": ("#ddd9cf", "#3a3e43"),  # lines that only divide
    "edge": ("#827e76", "#80858b"),  # borders of what can be used
    "link": ("#0b5d66", "#84cfd0"),  # the one accent: links, buttons, focus
    "link_strong": ("#073f46", "#a9e2e2"),  # with the pointer on it
    "on_link": ("#ffffff", "#10282b"),
    "mark": ("#ffe28f", "#66500a"),  # cited words
    "on_mark": ("#23272c", "#fff4d4"),
    "alert": ("#a3261f", "#ffb3ab"),
}
"""Light and dark, by what a colour is for; in a style sheet `link_strong` is `--link-strong`.

That text has a contrast of 4.5 and borders of controls one of 3 (WCAG 2.2, 1.4.3 and 1.4.11) is
computed in the tests.
"""

_FONT = ("system-ui", "sans-serif")
_MONO = ("ui-monospace", "monospace")
_TEXT = ("0.625rem", "0.75rem", "0.8125rem", "0.875rem", "1rem", "1.25rem", "1.5rem")
"""Gradio's sizes from xxs to xxl, in units that grow with the size a reader has chosen."""

_GRADIO = {
    "body_background_fill": "*page",
    "body_text_color": "*text",
    "body_text_color_subdued": "*quiet",
    "background_fill_primary": "*page",
    "background_fill_secondary": "*raised",
    "border_color_primary": "*rule",
    "border_color_accent": "*link",
    "border_color_accent_subdued": "*edge",
    "color_accent_soft": "*raised",
    "link_text_color": "*link",
    "link_text_color_active": "*link_strong",
    "link_text_color_hover": "*link_strong",
    "link_text_color_visited": "*link",
    "code_background_fill": "*raised",
    "block_background_fill": "*page",
    "block_border_color": "*rule",
    "block_info_text_color": "*quiet",
    "block_label_background_fill": "*page",
    "block_label_border_color": "*rule",
    "block_label_text_color": "*quiet",
    "block_title_text_color": "*text",
    "panel_background_fill": "*raised",
    "panel_border_color": "*rule",
    "accordion_text_color": "*text",
    "table_text_color": "*text",
    "table_border_color": "*rule",
    "table_even_background_fill": "*page",
    "table_odd_background_fill": "*raised",
    "checkbox_background_color": "*page",
    "checkbox_background_color_selected": "*link",
    "checkbox_border_color": "*edge",
    "checkbox_border_color_hover": "*link",
    "checkbox_border_color_focus": "*link",
    "checkbox_border_color_selected": "*link",
    "checkbox_label_background_fill": "*page",
    "checkbox_label_background_fill_hover": "*raised",
    "checkbox_label_border_color": "*rule",
    "checkbox_label_text_color": "*text",
    "error_background_fill": "*page",
    "error_border_color": "*alert",
    "error_text_color": "*alert",
    "error_icon_color": "*alert",
    "input_background_fill": "*page",
    "input_background_fill_hover": "*page",
    "input_border_color": "*edge",
    "input_border_color_hover": "*link",
    "input_border_color_focus": "*link",
    "input_placeholder_color": "*quiet",
    "loader_color": "*link",
    "slider_color": "*link",
    "stat_background_fill": "*raised",
    "button_primary_background_fill": "*link",
    "button_primary_background_fill_hover": "*link_strong",
    "button_primary_border_color": "*link",
    "button_primary_border_color_hover": "*link_strong",
    "button_primary_text_color": "*on_link",
    "button_secondary_background_fill": "*page",
    "button_secondary_background_fill_hover": "*raised",
    "button_secondary_border_color": "*edge",
    "button_secondary_border_color_hover": "*link",
    "button_secondary_text_color": "*text",
    "button_cancel_background_fill": "*page",
    "button_cancel_background_fill_hover": "*raised",
    "button_cancel_border_color": "*alert",
    "button_cancel_text_color": "*alert",
}
"""What Gradio's parts are coloured with, by its names for them; `*` names another variable."""

_SHAPES = {
    "input_border_width": "1px",
    "button_border_width": "1px",
    "block_title_text_weight": "600",
    "body_text_size": "*text_lg",
    "prose_text_size": "*text_lg",
    "input_text_size": "*text_lg",
    "block_title_text_size": "*text_md",
    "block_radius": "*radius_lg",
    "input_radius": "*radius_md",
}


def variables() -> str:
    """Returns the style sheet that gives a page the colours as variables, light and dark."""
    light, dark = (
        "".join(f"--{name.replace('_', '-')}:{pair[side]};" for name, pair in COLOURS.items())
        for side in (0, 1)
    )
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    )


def on_paper() -> str:
    """Returns the style sheet that gives Gradio's page the light colours on paper."""
    light = "".join(
        f"--{name.replace('_', '-')}:{pair[0]}!important;" for name, pair in COLOURS.items()
    )
    return f"@media print{{.dark{{color-scheme:light;{light}}}}}"


def gradio_theme() -> Any:
    """Returns the `gradio.themes.Base` with these colours."""
    import gradio as gr

    sizes = gr.themes.Size(
        "0.625rem", "0.75rem", "0.8125rem", "0.875rem", "1rem", "1.25rem", "1.5rem"
    )
    theme = gr.themes.Base(font=_FONT, font_mono=_MONO, text_size=sizes)
    for name, (light, dark) in COLOURS.items():
        # Gradio writes every attribute of a theme as a variable of the page.
        setattr(theme, name, light)
        setattr(theme, f"{name}_dark", dark)
    dark_too = {f"{name}_dark": value for name, value in _GRADIO.items()}
    return theme.set(color_accent="*link", **_GRADIO, **dark_too, **_SHAPES)
