"""Tables as files that a spreadsheet opens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from fastapi import Response

CSV = {
    "description": "A table, UTF-8, with the names of its columns first",
    "content": {"text/csv": {"schema": {"type": "string"}}},
}
"""What the OpenAPI document says of them."""


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Returns a table to be kept under a name."""
    from eval import csv_text

    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    plain = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)[:80] or "table"
    said = f"attachment; filename=\"{plain}.csv\"; filename*=UTF-8''{quote(name, safe='')}.csv"
    return Response(
        csv_text([list(header), *cells]),
        media_type="text/csv",
        headers={"Content-Disposition": said},
    )
