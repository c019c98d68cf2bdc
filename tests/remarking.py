"""A loader that has something to say of every file."""

from __future__ import annotations

from rag.documents.building import Builder
from rag.types import Document, PlaceKind, Remark


def parse(path: str, data: bytes) -> Document:
    builder = Builder(PlaceKind.PAGE)
    builder.place("1")
    builder.paragraph(data.decode())
    remarks = [
        Remark("pages without text", "2 pages hold no text", (3, 4)),
        Remark("hidden text", "white on white"),
    ]
    return builder.document(path, "", remarks)
