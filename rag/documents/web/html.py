"""Web pages become documents: the words that a reader of the page sees, block after block.

Left out is what no reader reads (scripts, styles, hidden elements) and what the page itself marks
as not its matter (navigation, the page's own header and footer). Formulas are their LaTeX source.
Nothing is fetched, no entity of a document type is resolved, nothing runs. Of a page saved with its
pictures in one file (MHTML), the page is read.
"""

from __future__ import annotations

import email
import re
from typing import Any

from rag.documents.building import Builder
from rag.documents.decoding import decode
from rag.documents.web.page import Page
from rag.errors import DocumentError
from rag.types import Document, PlaceKind, Remark

_META = re.compile(
    rb"<(?:meta|\?xml)\b[^>]{0,300}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.I
)
_BEGIN = 4096
_MEANT = {
    **dict.fromkeys(
        ("iso-8859-1", "latin1", "latin-1", "iso8859-1", "us-ascii", "ascii"), "cp1252"
    ),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis"), "cp932"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk"), "gb18030"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987"), "cp949"),
    "iso-8859-9": "cp1254",
    "big5": "big5hkscs",
}
"""What browsers read under these names (WHATWG, Encoding, section 4.2)."""

_PAGES = ("text/html", "application/xhtml+xml")
_TAG = re.compile(r"<[a-zA-Z][^<>]{10000,}")
_ATTRIBUTES = 2000
"""More of them in one element are a bomb: libxml2 compares each with each."""

_UNTITLED = {"untitled", "document", "index", "home", "page", "unknown"}


def parse(path: str, data: bytes) -> Document:
    """Returns the document; a paragraph, list, table … is a place."""
    build = Builder(PlaceKind.PARAGRAPH)
    remarks: list[Remark] = []
    if path.lower().endswith((".mhtml", ".mht")):
        data = _saved_in(data)
    title = lay_out(build, data, remarks)
    return build.document(path, title, remarks)


def _saved_in(data: bytes) -> bytes:
    """Returns the page that an MHTML file (RFC 2557) was made of: the first in it."""
    try:
        for part in email.message_from_bytes(data).walk():
            page = part.get_payload(decode=True)
            if part.get_content_type() in _PAGES and isinstance(page, bytes):
                charset = part.get_content_charset()
                return page.decode(charset).encode("utf-8-sig") if charset else page
    except (AttributeError, AssertionError, LookupError, TypeError, ValueError) as error:
        raise DocumentError("damaged", f"no saved page that can be read: {error!r}") from error
    raise DocumentError("damaged", "holds no page: save it again as one file, or as .html")


def lay_out(
    build: Builder, data: bytes, remarks: list[Remark] | None = None, places: bool = True
) -> str:
    """Returns the title that a page gives itself, or nothing; its text goes to `build`.

    Args:
        remarks: takes what a person should know of the page.
        places: whether each block is a place, named by its number.

    Raises:
        DocumentError: not text, or nested or crowded beyond reason.
    """
    root = _parsed(_decoded(data, remarks))
    if root is None:
        return ""
    before = build.length
    for everything in (False, True):
        page = Page(build, root, places, everything)
        page.walk()
        if build.length > before:
            break
    if remarks is not None:
        for hidden, by, kept in (
            (page.hidden, "the page does", "not indexed"),
            (page.doubtful, "its stylesheet may", "they are indexed"),
        ):
            if hidden.count:
                words = "word" if hidden.count == 1 else "words"
                found = f"{hidden.count} {words} that {by} not show ({hidden.glimpse})"
                message = f"{found}: {kept}; look for them in the file's source"
                remarks.append(Remark("hidden text", message))
    return _title(root)


def _decoded(data: bytes, remarks: list[Remark] | None) -> str:
    said = _META.search(data, 0, _BEGIN)
    if said and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        name = said[1].decode("ascii", "replace").lower()
        if not name.startswith(("utf-16", "utf-32")):  # it was read as bytes, so it is neither
            try:
                text = data.decode(_MEANT.get(name, name))
                # Codecs that are none of a text's would raise here too.
                return text if "\0" not in text else decode(data, remarks)
            except (LookupError, UnicodeError, ValueError):
                pass
    return decode(data, remarks)


def _parsed(text: str) -> Any:
    from lxml import etree

    for tag in _TAG.finditer(text):
        if len(tag[0].split()) > _ATTRIBUTES:
            raise DocumentError("too large", f"an element of more than {_ATTRIBUTES} attributes")
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError) as error:
        raise DocumentError("damaged", f"not HTML that can be read: {error}") from error
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise DocumentError("too large", "elements lie more than 2000 deep in each other")
    return root


def _title(root: Any) -> str:
    for element in root.iter("title"):
        title = " ".join("".join(element.itertext()).split())
        return "" if title.lower().removesuffix(" document") in _UNTITLED else title
    return ""
