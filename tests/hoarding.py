"""A loader that keeps so many megabytes as the file says."""

from __future__ import annotations

from hostile import said

from rag.types import Document

KEPT: list[bytearray] = []


def parse(path: str, data: bytes) -> Document:
    KEPT.append(bytearray(int(data) * 1_000_000))
    return said(path, "kept")
