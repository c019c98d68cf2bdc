"""Jupyter notebooks become documents: Markdown, code and what the code printed, cell by cell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from rag.documents.building import Builder, clean
from rag.documents.decoding import decode
from rag.documents.markup import parse_blocks
from rag.errors import DocumentError
from rag.types import Document, PlaceKind, Remark

_OUTPUT_CHARS = 20_000
"""Longest output of a cell that is indexed: more is a log or a dump, and no note."""

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_PICTURE = re.compile(
    r"<(?:Figure size [\d.]+x[\d.]+ with \d+ Axes|IPython\.core\.display\.\w+ object)>$"
)


def parse(path: str, data: bytes) -> Document:
    """Returns the document; places are cells, counted from 1.

    Raises:
        DocumentError: not text, or no notebook (formats 3 and 4 are read).
    """
    remarks: list[Remark] = []
    notebook = _loaded(decode(data, remarks))
    build = Builder(PlaceKind.CELL)
    cut = []
    for number, cell in enumerate(_cells(notebook), start=1):
        build.place(str(number))
        kind, source = cell.get("cell_type"), _text(cell.get("source", cell.get("input")))
        if kind == "markdown":
            _add_markdown(build, source)
        elif kind == "heading":
            level = cell.get("level")
            build.heading(source, level if type(level) is int else 1)  # true is one, but no number
        else:
            build.code(source)
            said = [_output(build, output) for output in _records(cell.get("outputs"))]
            if any(said):
                cut.append(str(number))
    if cut:
        cells = f"{'cell' if len(cut) == 1 else 'cells'} {', '.join(cut[:20])}"
        remarks.append(
            Remark(
                "output cut",
                f"{cells}: of an output only the first {_OUTPUT_CHARS} characters are indexed",
            )
        )
    metadata = notebook.get("metadata")
    title = metadata.get("title") if isinstance(metadata, dict) else ""
    return build.document(path, title if isinstance(title, str) else "", remarks)


def _loaded(text: str) -> dict[str, Any]:
    try:
        notebook = json.loads(text)
    except RecursionError as error:
        raise DocumentError("damaged", "no notebook: its JSON is nested beyond reason") from error
    except ValueError as error:
        raise DocumentError("damaged", f"no notebook: its JSON ends or breaks: {error}") from error
    if not isinstance(notebook, dict) or not ("cells" in notebook or "worksheets" in notebook):
        raise DocumentError("damaged", "no notebook: its JSON holds no cells")
    return notebook


def _cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from _records(notebook.get("cells"))
    for sheet in _records(notebook.get("worksheets")):
        yield from _records(sheet.get("cells"))


def _records(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, list):
        yield from (item for item in found if isinstance(item, dict))


def _text(found: Any) -> str:
    if isinstance(found, list):
        return "".join(part for part in found if isinstance(part, str))
    return found if isinstance(found, str) else ""


def _add_markdown(build: Builder, source: str) -> None:
    source = clean(source).strip("\n")
    build.blocks_of(source, parse_blocks(source, indented_code=True))


def _output(build: Builder, output: dict[str, Any]) -> bool:
    """Adds what a cell printed or gave back; returns whether it was cut."""
    found = output.get("data")
    data = found if isinstance(found, dict) else output
    if output.get("output_type") in ("error", "pyerr"):
        lines = output.get("traceback")
        said = "\n".join(map(_text, filter(None, lines if isinstance(lines, list) else [lines])))
    elif markdown := _text(data.get("text/markdown")):
        _add_markdown(build, _ANSI.sub("", markdown)[:_OUTPUT_CHARS])
        return len(markdown) > _OUTPUT_CHARS
    else:
        said = _text(data.get("text/plain", data.get("text")))
    said = _ANSI.sub("", said)
    if "\r" in said:  # a progress bar writes over its line
        lines = (line.rstrip("\r").rpartition("\r")[2] for line in said.split("\n"))
        said = "\n".join(lines)
    if not _PICTURE.match(said.strip()):
        build.code(said[:_OUTPUT_CHARS])
    return len(said) > _OUTPUT_CHARS
