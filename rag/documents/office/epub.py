"""E-books (.epub) become documents: the chapters in the order of the book, each read as a page.

A place is a page that the table of contents leads to, named as it is there, with those that
follow without an entry; a book without such a table has its pages with text counted. Books whose
content is encrypted are refused; fonts that are (so that nobody copies them) do not count.

`ebooklib` is AGPL, and leaves the pages to be parsed anyway; what it would do is the few look-ups
here (EPUB 3.3, 4.2.6 and 5).
"""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import unquote

from rag.documents.building import Builder
from rag.documents.office.archive import Archive, local, value
from rag.documents.office.contents import names_of, target_of
from rag.documents.titles import real_title
from rag.documents.web.html import lay_out
from rag.errors import DocumentError
from rag.types import Document, PlaceKind

_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document")
_FRONT = "front matter"
"""The name of pages before the first that the table of contents names."""

_CONTAINER = "META-INF/container.xml"


def parse(path: str, data: bytes) -> Document:
    """Returns the document.

    Raises:
        DocumentError: `encrypted`, `damaged`, `too large`, or `no text` where the pages are
            pictures.
    """
    archive = Archive(data, "an e-book", ".epub")
    package = _package(archive)
    root = archive.xml(package, dtd=True)
    pages = _spine(root, posixpath.dirname(package))
    if not pages:
        raise archive.damaged("no list of chapters inside")
    if _locked(archive) & set(pages):
        raise DocumentError(
            "encrypted", "its pages are locked by a shop (DRM): only its own reader opens them"
        )
    names = names_of(archive, root, posixpath.dirname(package))
    named = bool(names.keys() & set(pages))
    build = Builder(PlaceKind.CHAPTER)
    chapter = 0
    name = _FRONT
    for page in pages:
        before = build.length
        name = names.get(page, name) if named else str(chapter + 1)
        build.place(name)
        try:
            lay_out(build, archive.read(page), archive.remarks, places=False)
        except DocumentError as error:
            archive.leave_out(page, error)
        chapter += build.length > before
    if not chapter and not archive.remarks:
        raise DocumentError(
            "no text",
            f"{len(pages)} page{'s' * (len(pages) > 1)} of pictures only: text recognition (OCR) "
            "would make them readable",
        )
    return build.document(path, _title(root), list(dict.fromkeys(archive.remarks)))


def _package(archive: Archive) -> str:
    """Returns the member that lists the book's parts."""
    root = archive.part(_CONTAINER, dtd=True)
    named = [value(one, "full-path") for one in root.iter()] if root is not None else []
    found = [name for name in (*named, *archive.names) if name.lower().endswith(".opf")]
    name = next((name for name in found if archive.find(name)), None)
    if name is None:
        raise archive.damaged("no list of the book's parts inside")
    return name


def _spine(root: Any, folder: str) -> list[str]:
    """Returns the members that hold pages, each once, in the order of the book."""
    items = {value(one, "id"): one for one in root.iter() if local(one) == "item"}
    pages: dict[str, None] = {}
    for one in root.iter():
        item = items.get(value(one, "idref")) if local(one) == "itemref" else None
        if item is not None and value(item, "media-type") in _PAGES:
            pages[target_of(value(item, "href"), folder)] = None
    return list(pages)


def _locked(archive: Archive) -> set[str]:
    """Returns the members that are said to be encrypted."""
    root = archive.part("META-INF/encryption.xml", dtd=True)
    inside = root.iter() if root is not None else ()
    return {unquote(value(one, "URI")) for one in inside if local(one) == "CipherReference"}


def _title(root: Any) -> str:
    titles = (one.text or "" for one in root.iter() if local(one) == "title")
    return next((title for title in map(real_title, titles) if title), "")
