"""The source page: one note as plain text, numbered by line, with the cited words marked.

It is whole HTML without a script, so that it opens in the frame beside the chat, in a tab of its
own, and without the chat.
"""

from __future__ import annotations

import html
from importlib.resources import files

from rag import Span
from ui.render import visible

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Sent with every page of this module: no script runs, whatever a note contains."""


def source_page(document: str, title: str, text: str, span: Span | None) -> str:
    """Returns the page; `span` is what to mark and scroll to."""
    lines = []
    offset = 0
    anchor = ' id="marked"'
    for line in text.split("\n"):
        here = Span(offset, offset + len(line))
        if span is not None and span.overlap(here):
            lines.append(_marked(line, offset, span, anchor))
            anchor = ""
        else:
            lines.append(f"<li>{_shown(line)}</li>")
        offset += len(line) + 1
    return _page(
        title,
        f"<h1>{html.escape(visible(title))}</h1><p>{html.escape(visible(document))}</p>"
        f"<ol>{''.join(lines)}</ol>",
    )


def empty_page() -> str:
    """Returns what stands beside the chat before anything is cited."""
    return _page("Source", '<p class="empty">The note an answer comes from opens here.</p>')


def missing_page(message: str) -> str:
    """Returns the page for a document that is not in the library."""
    return _page("Not found", f'<p class="empty">{html.escape(visible(message))}</p>')


def _marked(line: str, offset: int, span: Span, anchor: str) -> str:
    start, end = max(span.start - offset, 0), min(span.end - offset, len(line))
    return (
        f"<li>{_shown(line[:start])}<mark{anchor}>{_shown(line[start:end])}</mark>"
        f"{_shown(line[end:])}</li>"
    )


def _shown(text: str) -> str:
    return html.escape(visible(text.rstrip("\r")))


def _page(title: str, body: str) -> str:
    style = files("ui.pages").joinpath("source.css").read_text("utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(visible(title))}</title><style>{style}</style></head>"
        f"<body><main>{body}</main></body></html>"
    )
