"""What the OpenAPI document says beside the addresses: how errors look, and how one signs in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from ui.problems import described
from ui.schemas import Problem

VERSION = "1"
"""Of the API; addresses of another one begin otherwise than with `/api/v1`."""

_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "What `notesqa users token NAME` prints. Only where there are users is it asked "
    "for; in a browser the sign-in page does the same.",
}


_NOT_OF_THE_FORM = {str(status): said for status, said in described(422).items()}


def complete(api: FastAPI) -> None:
    """Makes an application's document say what its addresses have in common."""
    made: Callable[[], dict[str, Any]] = api.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        parts = document.setdefault("components", {})
        parts.setdefault("schemas", {})[Problem.__name__] = Problem.model_json_schema()
        parts["securitySchemes"] = {"token": _TOKEN}
        document["security"] = [{}, {"token": []}]
        # FastAPI describes its own errors, and none of ours is of that form.
        for operation in (one for way in document["paths"].values() for one in way.values()):
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                operation["responses"].update(_NOT_OF_THE_FORM)
        for unused in ("HTTPValidationError", "ValidationError"):
            parts["schemas"].pop(unused, None)
        return document

    api.openapi = openapi  # type: ignore[method-assign]
