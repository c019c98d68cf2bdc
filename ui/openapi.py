"""What the OpenAPI document says beside the addresses: how errors look, and how one signs in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from ui.schemas import Problem

VERSION = "1"
"""Of the API; addresses of another one begin otherwise than with `/api/v1`."""

_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "What `notesqa users token NAME` prints. Only where there are users is it asked "
    "for; in a browser the sign-in page does the same.",
}


def complete(api: FastAPI) -> None:
    """Makes an application's document say what its addresses have in common."""
    described: Callable[[], dict[str, Any]] = api.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        parts = document.setdefault("components", {})
        parts.setdefault("schemas", {})[Problem.__name__] = Problem.model_json_schema()
        parts["securitySchemes"] = {"token": _TOKEN}
        document["security"] = [{}, {"token": []}]
        # FastAPI describes its own errors, and none of ours is of that form.
        for unused in ("HTTPValidationError", "ValidationError"):
            parts["schemas"].pop(unused, None)
        return document

    api.openapi = openapi  # type: ignore[method-assign]
