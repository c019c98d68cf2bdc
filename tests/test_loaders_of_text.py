"""What every loader of a format made of text promises, whatever the bytes."""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.documents import LOADERS
from rag.errors import DocumentError
from rag.types import BlockKind, Document

MESSAGE = (
    "Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\nFrom: a@b.c\nMIME-Version: 1.0\n"
    "Content-Type: multipart/mixed; boundary=xx\n\n--xx\nContent-Type: multipart/alternative; "
    "boundary=yy\n\n--yy\nContent-Type: text/plain; charset=utf-8\n"
    "Content-Transfer-Encoding: base64\n\nSGVsbG8sIHdvcmxkLgo=\n--yy\n"
    "Content-Type: text/html; charset=iso-8859-1\n\n<p>Hello\n--yy--\n--xx\n"
    "Content-Type: message/rfc822\n\nSubject: inner\n\nDeep.\n--xx\n"
    'Content-Type: application/pdf\nContent-Disposition: attachment; filename="a.pdf"\n\n%PDF'
    "\n--xx--\n"
)
CELLS = [
    {"cell_type": "markdown", "source": ["# One\n", "words $x$\n", "\n", "- a\n", "- b"]},
    {
        "cell_type": "code",
        "source": "f(1)",
        "outputs": [
            {"output_type": "stream", "text": "1\r2\n"},
            {"output_type": "error", "traceback": ["\x1b[31mE\x1b[0m"]},
            {"output_type": "execute_result", "data": {"text/plain": "3"}},
        ],
    },
]
EXAMPLES = {
    ".md": (
        "---\ntitle: T\n---\n# One\n\n<p style='color:white'>two</p>\n\n- a\n- b\n\n| a |\n|-|\n"
    ),
    ".txt": "One\n===\n\n• two\n• three\n\nfour five.\n",
    ".html": (
        "<title>T</title><meta charset=latin1><h1>One<sup>2</sup></h1><p style='color:white'>two"
        "<ul><li>a<ol><li>b<h2>c</h2></ol><dl><dt>d<dd>e</dl></ul><table><caption>f<tr><td "
        "colspan=3>g<td><ul><li>h</ul></table><pre>i\n j</pre><math display=block><mfrac><mi>k</mi>"
        "<mi>l</mi></mfrac></math><font color=#fff>m</font><div hidden>n</div><footer>o</footer>"
    ),
    ".mhtml": (
        "Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>One\n"
        "--b--\n"
    ),
    ".rst": (
        "===\nOne\n===\n\ntwo::\n\n  code\n\n.. note:: three\n   four\n\n- a\n\n  - b\n\n"
        "== ==\nA  B\n"
        "== ==\nc  d\n== ==\n\n+-+-+\n|e|f|\n+=+=+\n|g|h|\n+-+-+\n\n:i: j\n\n.. math:: k\n\n>>> l\n"
        "\n.. list-table::\n\n   * - m\n     - n\n\nTwo\n---\n"
    ),
    ".tex": (
        "\\title{One}\n\\begin{document}\n\\section{Two}\\label{a} three\n"
        "\\begin{itemize}\n\\item a\n"
        "\\begin{enumerate}\n\\item b\n\\end{enumerate}\n\\end{itemize}\n"
        "\\begin{tabular}{l|l}\nc & d \\\\"
        "\n\\hline\ne & f\n\\end{tabular}\n\\[ g \\]\n\\begin{align*}\nh\n\\end{align*}\n"
        "\\begin{frame}{i}"
        "\n\\begin{verbatim}\nj\n\\end{verbatim}\n$$\nk\n$$\n% l\n\\end{document}\n"
    ),
    ".ipynb": json.dumps({"cells": CELLS, "worksheets": [{"cells": CELLS}], "metadata": {}}),
    ".vtt": (
        "WEBVTT\n\nNOTE x\n\nid\n00:01.000 --> 00:04.000 align:start\n<v Ada>one &amp; <i>two</i>\n"
        "\n"
        "00:04.000 --> 01:00:05.000\nthree\n"
    ),
    ".srt": "1\n00:00:01,000 --> 00:00:02,000\none\n\n2\n00:00:02,000 --> 00:00:03,000\n- two\n",
    ".csv": '#html:true\nquestion,answer,more\n"a, ""b""?",<b>c</b>,d\n\n"e\nf",g\n',
    ".tsv": "a\tb\tc\n1\t2\n\n3\t4\t5\t6\n",
    ".eml": MESSAGE,
    ".mbox": (
        f"From a@b.c Fri Dec 16 17:04:16 2022\n{MESSAGE}\n"
        "From b@c.d Fri Dec 16 17:04:16 2022\nSubject: x\n\ny\n"
    ),
}
RULES = "-*_= \n"  # what is drawn between blocks of Markdown lies in none
AS_THEY_STAND = (".md", ".txt", ".rst", ".tex")


def read(suffix: str, data: bytes) -> Document | None:
    """Returns the document, or None where it was refused in the way that was promised."""
    try:
        document: Document = import_module(LOADERS[suffix]).parse(f"a/b{suffix}", data)
    except DocumentError as error:
        assert str(error)
        assert "\n" not in str(error)
        assert error.reason in ("encrypted", "damaged", "empty", "not text", "too large")
        return None
    return document


def check(document: Document, suffix: str) -> None:
    text, end = document.text, 0
    for block in document.blocks:
        assert end <= block.span.start < block.span.end <= len(text)
        between = text[end : block.span.start]
        assert suffix in AS_THEY_STAND or not between.strip(RULES)
        end, at = block.span.end, block.span.start
        assert block.span.of(text).strip()
        assert bool(block.level) == (block.kind is BlockKind.HEADING)
        for part in block.parts:
            assert at <= part.start <= part.end <= end
            at = part.end
        if block.kind in (BlockKind.HEADING, BlockKind.LIST, BlockKind.TABLE):
            assert block.parts
    assert suffix in AS_THEY_STAND or not text[end:].strip(RULES)
    starts = [place.start for place in document.places.listed]
    assert starts == sorted(set(starts))
    assert not starts or starts[0] == 0
    assert document.title
    text.encode()


@cache
def mutations() -> st.SearchStrategy[tuple[str, bytes]]:
    """Pieces of examples, out of order, twice or torn, with bytes of other kinds between them."""

    def of(suffix: str) -> st.SearchStrategy[tuple[str, bytes]]:
        data = EXAMPLES[suffix].encode()
        cut = st.integers(0, len(data))
        piece = st.tuples(cut, cut).map(lambda ends: data[min(ends) : max(ends)])
        odd = st.sampled_from(
            [b"\0", b"\xff\xfe", b"\x80", b"<", b"\n\n", b"\r", b'"', b"{", b" " * 9]
        )
        torn = st.lists(piece | odd | st.binary(max_size=6), max_size=6).map(b"".join)
        return st.tuples(st.just(suffix), torn)

    return st.sampled_from(sorted(EXAMPLES)).flatmap(of)


@pytest.mark.parametrize("suffix", sorted(EXAMPLES))
def test_every_example_is_read_whole(suffix: str) -> None:
    document = read(suffix, EXAMPLES[suffix].encode())
    assert document is not None
    assert document.blocks
    check(document, suffix)


@given(mutations())
@settings(max_examples=400, deadline=None)
def test_torn_files_are_read_in_order_or_refused(torn: tuple[str, bytes]) -> None:
    suffix, data = torn
    document = read(suffix, data)
    if document is not None:
        check(document, suffix)


@given(st.sampled_from(sorted(EXAMPLES)), st.text(max_size=200) | st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_in_order_or_refused(suffix: str, found: str | bytes) -> None:
    data = found if isinstance(found, bytes) else found.encode("utf-8", "ignore")
    document = read(suffix, data)
    if document is not None:
        check(document, suffix)


@pytest.mark.parametrize("suffix", [".txt", ".rst"])
@given(text=st.text("ab.:-=*+|`>_ \n", max_size=120))
@settings(max_examples=150, deadline=None)
def test_no_word_of_a_text_lies_outside_its_blocks(suffix: str, text: str) -> None:
    document = read(suffix, text.encode())
    assert document is not None
    check(document, suffix)
    inside = "".join(block.span.of(document.text) for block in document.blocks)
    if ".." not in text and ":" not in text:  # what is a comment, target or bare field is in none
        for word in "ab":
            assert inside.count(word) == document.text.count(word)
