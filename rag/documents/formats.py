"""A suffix says which loader reads a file's bytes, and what to do where there is none."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib import import_module
from pathlib import Path, PurePath

from rag.documents.building import clean
from rag.documents.hidden import hidden_in
from rag.errors import DocumentError
from rag.types import Document

LOADERS = {
    ".md": "rag.documents.text.markdown",
    ".markdown": "rag.documents.text.markdown",
    ".rmd": "rag.documents.text.markdown",
    ".qmd": "rag.documents.text.markdown",
    ".mdx": "rag.documents.text.markdown",
    ".txt": "rag.documents.text.plaintext",
    ".text": "rag.documents.text.plaintext",
    ".rst": "rag.documents.text.restructuredtext",
    ".tex": "rag.documents.text.latex",
    ".html": "rag.documents.web.html",
    ".htm": "rag.documents.web.html",
    ".xhtml": "rag.documents.web.html",
    ".mhtml": "rag.documents.web.html",
    ".mht": "rag.documents.web.html",
    ".pdf": "rag.documents.pdf.reader",
    ".docx": "rag.documents.office.word",
    ".docm": "rag.documents.office.word",
    ".dotx": "rag.documents.office.word",
    ".pptx": "rag.documents.office.slides",
    ".pptm": "rag.documents.office.slides",
    ".ppsx": "rag.documents.office.slides",
    ".xlsx": "rag.documents.office.workbook",
    ".xlsm": "rag.documents.office.workbook",
    ".odt": "rag.documents.office.opendocument",
    ".ott": "rag.documents.office.opendocument",
    ".odp": "rag.documents.office.opendocument",
    ".epub": "rag.documents.office.epub",
    ".ipynb": "rag.documents.text.notebook",
    ".vtt": "rag.documents.text.transcript",
    ".srt": "rag.documents.text.transcript",
    ".csv": "rag.documents.text.table",
    ".tsv": "rag.documents.text.table",
    ".eml": "rag.documents.text.mail",
    ".mbox": "rag.documents.text.mail",
}
"""Suffix to the module whose `parse(path, data)` returns a `Document`, or raises DocumentError."""

REMEDIES = {
    "save it as .docx": ".doc .dot .rtf .pages .wps .wpd",
    "save it as .pptx": ".ppt .pps .key",
    "save its sheets as .csv": ".xls .ods .numbers",
    "save it as .pdf": ".ps .djvu .xps .dvi .pub .one",
    "save it as .epub": ".mobi .azw .azw3 .fb2",
    "save its text as .md or .txt": ".json .jsonl .xml .yaml .yml .log .org .wiki .asciidoc .adoc",
    "save its messages as .eml": ".msg .pst",
    "unpack it": ".zip .tar .gz .tgz .bz2 .xz .7z .rar .zst",
    "pictures hold no text: put what they show into a note": (
        ".png .jpg .jpeg .gif .webp .svg .bmp .tif .tiff .heic .ico"
    ),
    "recordings hold no text: put a transcript (.vtt, .srt) beside it": (
        ".mp4 .mov .mkv .avi .webm .mp3 .wav .m4a .ogg .flac"
    ),
    "if it is no note, leave it out with a line in .notesqaignore": (
        ".py .js .ts .css .c .h .cpp .java .rs .go .r .m .sh .bat .toml .ini .cfg .lock "
        ".bib .sty .cls .bst .aux .pyc .so .dll .exe .bin .dat .db .sqlite .sqlite3 .npy .npz "
        ".pt .pkl .h5 .parquet .woff .woff2 .ttf .otf"
    ),
}
"""What to do with files that nothing reads, and their suffixes."""


def load(path: str, data: bytes, loader: str | None = None) -> Document:
    """Returns the document that a file's bytes hold.

    Args:
        path: relative to the corpus; its suffix chooses the loader.
        loader: the module to read it with, where that has been chosen.

    Raises:
        DocumentError: the bytes are not what the suffix says, or hold no text.
    """
    module = import_module(loader or LOADERS[suffix_of(path)])
    try:
        document: Document = module.parse(path, data)
    except DocumentError as error:
        raise DocumentError(error.reason, _on_a_line(str(error))) from error
    if not document.text.strip():
        raise DocumentError("empty", "holds no text")
    remark = hidden_in(document.text)
    remarks = (*document.remarks, remark) if remark else document.remarks
    said = (replace(one, message=_on_a_line(one.message)) for one in remarks)
    return replace(document, remarks=tuple(said)) if remarks else document


def _on_a_line(message: str) -> str:
    """Returns what is said of a file; a terminal must not obey the names in it that are quoted."""
    return " ".join(clean(message).split())


def version() -> str:
    """Returns a digest of all loaders: another one may read what this one refused."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def suffix_of(path: str | PurePath) -> str:
    """Returns the suffix that chooses a loader."""
    return PurePath(path).suffix.lower()


def no_loader(path: PurePath) -> DocumentError:
    """Returns the error of a file that nothing reads: what to do with one of its kind."""
    suffix = suffix_of(path)
    remedy = next((said for said, kinds in REMEDIES.items() if suffix in kinds.split()), "")
    kinds = ", ".join(LOADERS)
    found = f"no loader for {path.suffix or 'files without a suffix'}"
    return DocumentError("no loader", f"{found}: {remedy}" if remedy else f"{found}; read: {kinds}")
