from __future__ import annotations

import json
from typing import Any

import pytest

from rag.documents.text.notebook import parse
from rag.errors import DocumentError
from rag.types import Document, PlaceKind

PICTURE = "<Figure size 640x480 with 1 Axes>"


def read(cells: list[dict[str, Any]], **more: Any) -> Document:
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, **more}
    return parse("nb/one.ipynb", json.dumps(notebook).encode())


def code(*outputs: dict[str, Any], source: str = "run()") -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def said(document: Document) -> list[tuple[str, str, str]]:
    return [
        (block.kind.value, block.span.of(document.text), document.places.name(block.span))
        for block in document.blocks
    ]


def test_cells_are_places_with_their_markdown_code_and_printed_words() -> None:
    document = read(
        [
            {"cell_type": "markdown", "source": ["# Title\n", "\n", "Some $x$ words."]},
            {"cell_type": "markdown", "source": "  \n"},
            code(
                {"output_type": "stream", "text": ["one\n", "two\n"]},
                {
                    "output_type": "execute_result",
                    "data": {"text/plain": ["42"], "text/html": "<b>42</b>", "image/png": "iVBO"},
                },
                {"output_type": "display_data", "data": {"text/markdown": "*said*"}},
                {
                    "output_type": "display_data",
                    "data": {"text/plain": PICTURE},
                },
            ),
        ]
    )
    assert document.title == "Title"
    assert document.places.kind is PlaceKind.CELL
    assert said(document) == [
        ("heading", "# Title", "cell 1"),
        ("paragraph", "Some $x$ words.", "cell 1"),
        ("code", "run()", "cell 3"),
        ("code", "one\ntwo", "cell 3"),
        ("code", "42", "cell 3"),
        ("paragraph", "*said*", "cell 3"),
    ]


def test_a_traceback_is_read_without_colours_and_a_progress_bar_as_it_ended() -> None:
    error = {"output_type": "error", "traceback": ["\x1b[0;31mKeyError\x1b[0m: 'x'", "line 2"]}
    bar = {"output_type": "stream", "text": "10%\r50%\r100%\ndone\r\n"}
    assert [text for _, text, _ in said(read([code(error, bar)]))] == [
        *("run()", "KeyError: 'x'\nline 2", "100%\ndone")
    ]


def test_format_3_is_read() -> None:
    stream = {"output_type": "stream", "text": "1"}
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Old"},
        {
            "cell_type": "code",
            "input": "print(1)",
            "outputs": [stream],
        },
        {"cell_type": "code", "input": [], "outputs": [{"output_type": "pyout", "text": ["2"]}]},
    ]
    data = json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}).encode()
    document = parse("a.ipynb", data)
    assert said(document) == [
        *(("heading", "Old", "cell 1"), ("code", "print(1)", "cell 2")),
        *(("code", "1", "cell 2"), ("code", "2", "cell 3")),
    ]


def test_the_title_is_the_notebook_s_own() -> None:
    cells = [{"cell_type": "markdown", "source": "# Heading"}]
    assert read(cells, metadata={"title": "Own"}).title == "Own"
    assert read([code()]).title == "one"


def test_a_long_output_is_cut_and_that_is_said() -> None:
    document = read([code({"output_type": "stream", "text": "x\n" * 50_000})])
    assert len(document.text) < 21_000
    (remark,) = document.remarks
    assert (remark.reason, remark.message.startswith("cell 1:")) == ("output cut", True)


@pytest.mark.parametrize(
    "data",
    [b'{"cells": [', b"[1]", b'{"nbformat": 4}', b"[" * 200_000, b'{"cells": ' + b'{"a":' * 99_999],
    ids=["cut", "no object", "no cells", "nested", "nested objects"],
)
def test_what_is_no_notebook_is_damaged(data: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        parse("a.ipynb", data)
    assert caught.value.reason == "damaged"
    assert "\n" not in str(caught.value)


def test_cells_of_the_wrong_shape_say_nothing() -> None:
    cells: list[Any] = [{"cell_type": 7, "source": {"a": 1}, "outputs": "x"}, 5]
    assert read([*cells, {"outputs": [3, {"data": []}]}]).text == ""
