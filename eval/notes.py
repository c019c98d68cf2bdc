"""What the notes said when a run was made."""

from __future__ import annotations

from functools import cached_property

from eval.runfile import Run
from rag import Library, LibraryError, NotesQAError, Span, corpus_digest


class Notes:
    """The text and the chunks of documents, as they were at the time of a run.

    A run file keeps those that its questions quote. Others are asked of the library, as long as
    it holds the very notes of the run.
    """

    def __init__(self, run: Run, library: Library | None = None) -> None:
        """Args: `library` is opened only when something is asked of it."""
        self._kept = run.head.get("notes", {})
        self._digest = run.head.get("corpus_sha256")
        self._given = library

    @cached_property
    def _library(self) -> Library | None:
        if self._given is None:
            return None
        try:
            same = self._digest in (None, corpus_digest(self._given.digests()))
        except LibraryError:
            return None
        return self._given if same else None

    def text(self, document: str) -> str:
        """Returns a document's text.

        Raises:
            NotesQAError: neither the run nor the library holds what it was.
        """
        if document in self._kept:
            return str(self._kept[document]["text"])
        if self._library is None:
            raise NotesQAError(f"What {document} said when the run was made is not known any more.")
        return self._library.source(document)

    def chunks(self, document: str) -> list[Span]:
        """Returns where a document's chunks lie; empty where that is not known."""
        if document in self._kept:
            return [Span(start, end) for start, end in self._kept[document]["chunks"]]
        return self._library.chunk_spans(document) if self._library else []
