"""The map of the notes: passages and objectives in two dimensions, gaps far from any note."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ui.coverages import Listed
from ui.kept import Made
from ui.pages.coverage import HERE, MAP, STATE
from ui.pages.frame import Visitor, page, ways
from ui.pages.gaps import Doing, group_address, progress_of
from ui.pages.library import alert
from ui.pages.tables import shown

if TYPE_CHECKING:
    from eval import Map, Wanted


def map_page(
    state: Listed, known: Made[Map] | None, doing: Doing, visitor: Visitor, *, days: int
) -> str:
    """Returns the page of the map of one state; `days` are those of the gaps on it."""
    from eval import map_legend_html, map_svg, picture_css

    back = html.escape(f"{STATE}?{urlencode({'name': state.name})}")

    def leads_to(wanted: Wanted) -> str:
        if wanted.sign == "gap":
            return group_address(wanted.id, str(days))
        return f"{STATE}?{urlencode({'name': state.name, 'q': wanted.id})}#objectives"

    body = [
        f'<p><a href="{back}">{shown(state.source or state.name)}</a></p><h1>Map of the notes</h1>',
        alert(doing.alert),
    ]
    if doing.job:
        here = f"{MAP}?{urlencode({'name': state.name})}"
        body.append(progress_of(doing.job, doing, here))
    if known:
        body.append(f"<p>Drawn {known.at:%Y-%m-%d %H:%M} UTC.</p>")
        body.append(f"{map_legend_html(known.found)}{map_svg(known.found, leads_to)}")
    if not doing.job and (known is None or known.stale):
        name = html.escape(state.name)
        why = "The notes have changed, or gaps were looked for, since. " if known else ""
        body.append(
            f'<form class="again" method="post" action="/coverage/draw"><p>{why}'
            f'<input type="hidden" name="name" value="{name}"><button>Draw</button></p></form>'
        )
    title = "Map of the notes"
    top = ways(HERE, visitor)
    return page(title, "".join(body), "course.css", top=top, more=picture_css())
