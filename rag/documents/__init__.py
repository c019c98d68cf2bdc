"""Files become documents: one loader a format, chosen by suffix, imported at its first file.

`find_files` lists a corpus, `find_file` looks for one of its files, `File` and `records.Record` are
what indexing takes, and `load` turns the bytes of one file into a `Document` or says why it cannot:
`Loaders` does so in a process of its own, within limits.

`finding`, `ignoring` and `reading` say which files are notes, `formats` which loader reads which.
The loaders lie in `text`, `web`, `pdf` and `office`; `building`, `markup`, `decoding`, `raised`,
`titles` and `hidden` are what they share. `sandbox` is the process in which they run.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from rag.documents.finding import Found, find_file, find_files
from rag.documents.formats import LOADERS, load, suffix_of, version
from rag.documents.reading import File, Source, read
from rag.documents.sandbox.loading import Limits, Loaders
from rag.errors import DocumentError

__all__ = [
    "LOADERS",
    "File",
    "Found",
    "Limits",
    "Loaders",
    "Source",
    "find_file",
    "find_files",
    "load",
    "read",
    "read_notes",
    "suffix_of",
    "version",
]


def read_notes(corpus: Path, max_bytes: int) -> dict[str, str]:
    """Returns the text of every file that can be read, by path; nothing is indexed.

    Raises:
        CorpusError: the folder is missing, is no folder, or cannot be listed.
    """
    texts: dict[str, str] = {}
    with Loaders() as loaders:
        for path, file in find_files(corpus).files:
            source = File(path, file, corpus, max_bytes, loaders)
            with contextlib.suppress(DocumentError):  # what is skipped is what `status` lists
                texts[path] = source.document(source.read()).text
    return texts
