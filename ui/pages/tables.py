"""Tables that a reader sorts and filters without a script: by links and by a form that is fetched.

What was chosen stands in the address, so that it can be kept and sent. All text is escaped here.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from ui.render import visible
from ui.within import plain

MOST_ROWS = 200
"""Rows that are shown at a time; the filter finds the others, and the files hold all."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a reader chose of a table.

    Attributes:
        here: the address of the page, without what was chosen.
        fixed: what of the address says whose table it is.
        filters: by the name of each its value; empty ones do not filter.
        sort: the name of a column, `-` before it for the largest first; empty for the table's own
            order.
    """

    here: str
    fixed: Mapping[str, str]
    filters: Mapping[str, str]
    sort: str = ""

    def address(self, **changed: str) -> str:
        """Returns the address at which something else is chosen, as HTML."""
        return html.escape(self.url(**changed))

    def url(self, **changed: str) -> str:
        """Returns the address at which something else is chosen."""
        said = {**self.fixed, **self.filters, "sort": self.sort, **changed}
        query = urlencode({name: value for name, value in said.items() if value})
        return f"{self.here}?{query}" if query else self.here

    @property
    def filtered(self) -> bool:
        """Returns whether some rows may be left out."""
        return any(value.strip() for value in self.filters.values())


def is_found(words: str, *texts: str) -> bool:
    """Returns whether every one of some words stands in texts, whatever its case and accents."""
    said = plain("\n".join(texts))
    return all(word in said for word in plain(words).split())


def in_order(rows: Sequence[Row], sort: str, keys: Mapping[str, Callable[[Row], Any]]) -> list[Row]:
    """Returns rows by a column; as they are where the column is none of the keys'."""
    key = keys.get(sort.removeprefix("-"))
    return sorted(rows, key=key, reverse=sort.startswith("-")) if key else list(rows)


def head(choice: Choice, columns: Mapping[str, str], *, falling: Sequence[str] = ()) -> str:
    """Returns the heads of columns, each a link by which the table is sorted.

    Args:
        columns: their labels by name; a name that begins with `_` is not sorted by.
        falling: those that are sorted with the largest first.
    """
    cells = []
    for name, label in columns.items():
        if name.startswith("_"):
            cells.append(f'<th scope="col">{shown(label)}</th>')
            continue
        up, down = name, f"-{name}"
        first, second = (down, up) if name in falling else (up, down)
        to = choice.address(sort=second if choice.sort == first else first)
        way = {up: "ascending", down: "descending"}.get(choice.sort, "")
        said = f' aria-sort="{way}"' if way else ""
        cells.append(f'<th scope="col"{said}><a href="{to}">{shown(label)}</a></th>')
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def form(choice: Choice, fields: Sequence[str]) -> str:
    """Returns the form by which a table is filtered and sorted."""
    kept = "".join(
        f'<input type="hidden" name="{shown(name)}" value="{html.escape(value)}">'
        for name, value in choice.fixed.items()
    )
    every = dict.fromkeys([*choice.filters, "sort"], "")
    clear = f'<a href="{choice.address(**every)}">Show all</a>' if choice.filtered else ""
    return (
        f'<form class="choose" method="get" action="{choice.here}">{kept}{"".join(fields)}'
        f"<p><button>Show</button> {clear}</p></form>"
    )


def select(name: str, label: str, options: Sequence[tuple[str, str]], chosen: str) -> str:
    """Returns a field that offers values by their labels."""
    made = "".join(
        f'<option value="{html.escape(value)}"{" selected" if value == chosen else ""}>'
        f"{shown(said)}</option>"
        for value, said in options
    )
    return (
        f'<p><label for="{name}">{label}</label>'
        f'<select id="{name}" name="{name}">{made}</select></p>'
    )


def search(name: str, label: str, value: str) -> str:
    """Returns a field for words that are looked for."""
    return (
        f'<p><label for="{name}">{label}</label><input id="{name}" name="{name}" type="search" '
        f'value="{html.escape(value)}" maxlength="200"></p>'
    )


def left_out(found: int, shown_: int) -> Iterator[str]:
    """Yields what is said of the rows behind the last one that is shown."""
    if found > shown_:
        yield f"<p>{found - shown_:,} more: choose fewer above, or take the file.</p>"


def to_library(said: str) -> str:
    """Returns why there is nothing to look at, as HTML with a link to the library page."""
    return shown(said).replace("library page", '<a href="/library">library page</a>')


def shown(text: str) -> str:
    """Returns text as HTML."""
    return html.escape(visible(text))


def set_options(sets: Mapping[str, Sequence[str]], chosen: str = "") -> Iterator[str]:
    """Yields question sets, or their splits, as the options of a field; one may be `chosen`."""
    for name, splits in sets.items():
        value = quote(name, safe="")
        parts = {f"{value}/{quote(s, safe='')}": f"{name}: split {s}" for s in splits}
        for option, label in (parts or {value: name}).items():
            selected = " selected" if option == chosen else ""
            yield f'<option value="{option}"{selected}>{shown(label)}</option>'
