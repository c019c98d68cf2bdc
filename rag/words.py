"""Words: how text becomes terms, and the index that finds chunks by them (BM25, tantivy).

One analyzer serves the index, the question and every comparison of words elsewhere: split at
anything that is neither letter nor digit in Unicode, lower case, function words out, English stems.
The only user of tantivy.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tantivy import Schema, TextAnalyzer

STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    a an the this that these those such same other another each every either neither both
    i me my mine myself we us our ours ourselves you your yours yourself he him his she her hers
    it its itself they them their theirs themselves one someone somebody something anyone anybody
    anything everyone everybody everything nobody nothing
    am is are was were be been being isn aren wasn weren do does did doing done don doesn didn
    have has had having haven hasn hadn can cannot could couldn may might must mustn shall should
    shouldn will would wouldn won ll ve re s t d m
    what which who whom whose when where why how whether if then else so than as and or but nor
    not no yes of in on at by for from to into onto out off up down over under with without within
    about above below between among through during before after against per via because since
    until while although though unless however also too very just only even still already again
    ever never here there now once any all some many much more most less least lot lots
    please tell explain know understand get gets got getting want need let like
    say says said thing things really actually quite rather maybe perhaps etc
    """,
    )
)
"""Words that say nothing about a topic, the usual wrapping of a question among them."""

_ANALYZER = "notes"
_WRITER_BYTES = 30_000_000


@cache
def _analyzer() -> TextAnalyzer:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple())
    for step in (
        Filter.remove_long(60),
        Filter.lowercase(),
        Filter.custom_stopword(sorted(STOP_WORDS)),
        Filter.stemmer("english"),
    ):
        builder = builder.filter(step)
    return builder.build()


def terms(text: str) -> list[str]:
    """Returns the terms of a text in order, repeats included."""
    return list(_analyzer().analyze(text))


def _schema() -> Schema:
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    builder.add_unsigned_field("row", stored=False, indexed=False, fast=True)
    builder.add_text_field("text", stored=False, tokenizer_name=_ANALYZER, index_option="freq")
    return builder.build()


class WordIndex:
    """Finds chunks by terms; rows are positions in the order in which texts were added."""

    def __init__(self, folder: Path) -> None:
        """Opens the index in `folder`; raises ValueError or OSError where there is none."""
        try:
            self._open(folder)
        except ValueError:
            # tantivy locks what it reads; where the folder cannot be written, a copy is read.
            self._copy = tempfile.TemporaryDirectory(prefix="notesqa-")
            copy = Path(self._copy.name)
            for file in folder.iterdir():
                if file.suffix != ".lock":
                    shutil.copyfile(file, copy / file.name)
            self._open(copy)

    def _open(self, folder: Path) -> None:
        from tantivy import Index

        self._index = Index.open(str(folder))
        self._index.register_tokenizer(_ANALYZER, _analyzer())
        self._searcher = self._index.searcher()

    @staticmethod
    def build(folder: Path, texts: Iterable[str]) -> None:
        """Writes an index of `texts` into the empty `folder`."""
        from tantivy import Document, Index

        schema = _schema()
        index = Index(schema, path=str(folder))
        index.register_tokenizer(_ANALYZER, _analyzer())
        # One thread, so that the same texts always give the same index.
        writer = index.writer(heap_size=_WRITER_BYTES, num_threads=1)
        for row, text in enumerate(texts):
            document = Document(text=text)
            document.add_unsigned("row", row)  # the keyword form would make it signed
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()

    def search(self, query: Sequence[str], k: int) -> list[tuple[int, float]]:
        """Returns up to `k` `(row, BM25 score)`, best first, ties by row.

        tantivy's BM25 has k1 = 1.2 and b = 0.75.
        """
        from tantivy import Occur, Query

        if not query:
            return []
        schema = self._index.schema
        clauses = [(Occur.Should, Query.term_query(schema, "text", term)) for term in query]
        hits = self._searcher.search(Query.boolean_query(clauses), limit=k, count=False).hits
        rows = self._searcher.fast_field_values("row", [address for _, address in hits])
        scored = [(int(row or 0), float(score)) for row, (score, _) in zip(rows, hits, strict=True)]
        return sorted(scored, key=lambda hit: (-hit[1], hit[0]))

    def document_frequency(self, term: str) -> int:
        """Returns how many chunks hold the term."""
        return int(self._searcher.doc_freq("text", term))
