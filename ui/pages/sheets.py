"""Pages of a PDF as pictures, the cited words marked on them, and the way to the other pages.

In: what `Library.page_picture` returned, or why it did not. Out: HTML.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from urllib.parse import quote

from rag import Area, Picture
from ui.pages.lines import Address
from ui.render import visible


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page to be shown.

    Attributes:
        number: from 1.
        picture: None where there is none.
        problem: why there is none.
        waits: whether there may be one, which nobody waited for.
    """

    number: int
    picture: Picture | None = None
    problem: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Sheets:
    """Pages of one document, in order.

    Attributes:
        last: the number of the document's last page.
    """

    shown: tuple[Sheet, ...]
    last: int

    @property
    def marked(self) -> bool:
        """Returns whether words are marked on one of them."""
        return any(sheet.picture and sheet.picture.areas for sheet in self.shown)


def sheets_html(document: str, sheets: Sheets, address: Address, words: str) -> str:
    """Returns pages as pictures, and links to those before and after them.

    The first area is what `#marked` leads to.

    Args:
        address: of another page.
        words: the id of the marked words in the text below.
    """
    anchor = ' id="marked"'
    parts = []
    for sheet in sheets.shown:
        areas = ""
        for area in sheet.picture.areas if sheet.picture else ():
            areas += f'<span class="area"{anchor} style="{_style(area)}"></span>'
            anchor = ""
        again = address(str(sheet.number))
        parts.append(
            _waiting(document, sheet.number, again)
            if sheet.waits
            else _sheet(document, sheet, areas, words)
        )
    return f'<div class="sheets">{"".join(parts)}{_ways(sheets, address)}</div>'


def _sheet(document: str, sheet: Sheet, areas: str, words: str) -> str:
    number, picture = sheet.number, sheet.picture
    if picture is None:
        said = html.escape(visible(sheet.problem))
        return f'<p class="unseen">No picture of page {number}: {said}. Its text is below.</p>'
    source = html.escape(f"/page/{quote(document)}?n={number}")
    link = f'<a href="{source}" target="_blank" rel="noopener"'
    said = f"Page {number} as it looks; its text is below."
    more = f'Page {number} · {link} aria-label="Enlarge page {number}">Enlarge</a>'
    if areas:
        said = f"Page {number} as it looks, words marked that are in the text below too."
        more += f' · <a href="#{words}">Read the marked words as text</a>'
    image = f'<img src="{source}" width="{picture.width}" height="{picture.height}" alt="{said}">'
    return (
        f'<figure><div class="sheet">{link}>{image}{areas}</a></div>'
        f"<figcaption>{more}</figcaption></figure>"
    )


def _waiting(document: str, number: int, again: str) -> str:
    """Returns a page that is being drawn: the words can be marked on it once it is."""
    source = html.escape(f"/page/{quote(document)}?n={number}")
    return (
        f'<figure><div class="sheet"><img src="{source}" alt="Page {number} as it looks; its text '
        f'is below."></div><figcaption>Page {number}, which is still being drawn: '
        f'<a href="{html.escape(again)}">show it again</a></figcaption></figure>'
    )


def _style(area: Area) -> str:
    return (
        f"left:{100 * area.left:.2f}%;top:{100 * area.top:.2f}%;"
        f"width:{100 * (area.right - area.left):.2f}%;"
        f"height:{100 * (area.bottom - area.top):.2f}%"
    )


def _ways(sheets: Sheets, address: Address) -> str:
    before, after = sheets.shown[0].number - 1, sheets.shown[-1].number + 1
    links = []
    if before >= 1:
        links.append(
            f'<a href="{html.escape(address(str(before)))}" rel="prev">← Page {before}</a>'
        )
    if after <= sheets.last:
        links.append(f'<a href="{html.escape(address(str(after)))}" rel="next">Page {after} →</a>')
    return f'<nav class="turn" aria-label="Page pictures">{"".join(links)}</nav>' if links else ""
