"""Words: how text becomes terms, and the index that finds chunks by them (BM25, tantivy).

One analyzer a language serves the index, the question and every comparison of words elsewhere:
compatibility forms made plain (NFKC), writing without spaces cut into pairs of characters, the rest
split at anything that is neither letter, mark nor digit in Unicode, lower case, function words out,
stems. The only user of tantivy.

A library's language is the one whose function words make up most of its text. Measured, as the
share of the words that a language's list holds: English notes, questions and papers .35 to .49, the
next language .10 at most; 50 words of each of the other twelve languages .31 to .55, the next
language 1.3 times less often or rarer still, Danish with Norwegian excepted (1.15); Polish, Czech,
Romanian, Turkish and Ukrainian .11 at most; Catalan .34 in two languages at once.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rag.languages import LANGUAGES, NONE, STEMMED, WITH_STOP_WORDS

if TYPE_CHECKING:
    from tantivy import Query, Schema, TextAnalyzer

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

LEAST_SHARE = 0.15
LEAST_LEAD = 1.1
SAMPLE_CHARS = 200_000

_WRITER_BYTES = 30_000_000

_WORD = r"[\p{Alphabetic}\p{N}][\p{Alphabetic}\p{M}\p{N}]*"
_MAY_HOLD_MARKS = re.compile("[\u0300-\u1fff\u20d0-\U0010ffff]")
_LONGEST_BYTES = 120
_PLAIN = {**dict.fromkeys(map(ord, "\u00ad\u200c\u200d\u2060\ufeff")), ord("İ"): "i"}
"""Soft hyphens and joiners, which stand inside words, go; İ would become two characters."""

_UNSPACED = re.compile(
    "["
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ecd\u0edc-\u0edf"  # Lao
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d"  # Myanmar
    "\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"  # and its extensions
    "\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer
    "\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\uac00-\ud7a3"  # Hangul: spaced, but nothing here parts a word from its endings
    "]+"
)


def _pairs(run: re.Match[str]) -> str:
    """Returns a run of characters as overlapping pairs, each with the marks that belong to it."""
    characters: list[str] = []
    for character in run[0]:
        if characters and unicodedata.category(character).startswith("M"):
            characters[-1] += character
        else:
            characters.append(character)
    pairs = map("".join, zip(characters, characters[1:], strict=False))
    return f" {' '.join(pairs) or run[0]} "


def _prepared(text: str) -> str:
    """Returns the text with plain forms and with spaces between its words."""
    if text.isascii():
        return text
    return _UNSPACED.sub(_pairs, unicodedata.normalize("NFKC", text).translate(_PLAIN))


def _analyze(text: str, language: str, *, stem: bool = True) -> list[str]:
    """Returns the terms of a prepared text."""
    marks = _MAY_HOLD_MARKS.search(text) is not None
    return list(_analyzer(language, stem, marks).analyze(text))


@cache
def _analyzer(language: str, stem: bool, marks: bool) -> TextAnalyzer:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    if language not in LANGUAGES:
        raise ValueError(f"there is no analyzer for the language {language!r}")
    steps = [Filter.remove_long(_LONGEST_BYTES), Filter.lowercase()]
    if language == "english":
        steps.append(Filter.custom_stopword(sorted(STOP_WORDS)))
    elif language in WITH_STOP_WORDS:
        steps.append(Filter.stopword(language))
    if stem and language in STEMMED:
        steps.append(Filter.stemmer(language))
    # Both split the same way where there are no marks, the simple one four times as fast.
    builder = TextAnalyzerBuilder(Tokenizer.regex(_WORD) if marks else Tokenizer.simple())
    for step in steps:
        builder = builder.filter(step)
    return builder.build()


def terms(text: str, language: str = "english") -> list[str]:
    """Returns the terms of a text in order, repeats included.

    Args:
        language: one of `LANGUAGES`.

    Raises:
        ValueError: another language.
    """
    return _analyze(_prepared(text), language)


def language_of(texts: Sequence[str]) -> str:
    """Returns the language that most of the texts are written in, `none` where that is unclear.

    The best language must drop `LEAST_SHARE` of the words as function words, and `LEAST_LEAD` times
    as many as the next.
    """
    said = "\n".join(map(_prepared, texts))
    words = len(_analyze(said, NONE))
    left = {language: len(_analyze(said, language, stem=False)) for language in WITH_STOP_WORDS}
    (best, least), (_, next_least) = sorted(left.items(), key=lambda item: item[1])[:2]
    convincing = words - least >= LEAST_SHARE * words
    clear = words - least >= LEAST_LEAD * (words - next_least)
    return best if words and convincing and clear else NONE


def sample(texts: Iterable[str], chars: int) -> list[str]:
    """Returns some of the texts, some `SAMPLE_CHARS` long together, spread evenly over all.

    Args:
        chars: how long all of them are.
    """
    return list(islice(texts, 0, None, 1 + chars // SAMPLE_CHARS))


def _schema() -> Schema:
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    builder.add_unsigned_field("row", stored=False, indexed=False, fast=True)
    builder.add_text_field("text", stored=False, tokenizer_name="whitespace", index_option="freq")
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
        self._searcher = self._index.searcher()

    @staticmethod
    def build(folder: Path, texts: Iterable[Sequence[str]]) -> None:
        """Writes an index of texts, each given as its terms, into the empty `folder`."""
        from tantivy import Document, Index

        schema = _schema()
        index = Index(schema, path=str(folder))
        # One thread, so that the same texts always give the same index.
        writer = index.writer(heap_size=_WRITER_BYTES, num_threads=1)
        for row, text in enumerate(texts):
            document = Document(text=" ".join(text))
            document.add_unsigned("row", row)  # the keyword form would make it signed
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()

    def search(
        self, query: Sequence[str], k: int, within: range | None = None
    ) -> list[tuple[int, float]]:
        """Returns up to `k` `(row, BM25 score)`, best first, ties by row.

        tantivy's BM25 has k1 = 1.2 and b = 0.75.

        Args:
            within: the only rows to look at, None for all; scores are the same either way.
        """
        from tantivy import Occur, Query

        if not query or (within is not None and not within):
            return []
        schema = self._index.schema
        clauses = [(Occur.Should, Query.term_query(schema, "text", term)) for term in query]
        asked = Query.boolean_query(clauses)
        if within is not None:
            asked = Query.boolean_query([(Occur.Must, asked), (Occur.Must, self._only(within))])
        hits = self._searcher.search(asked, limit=k, count=False).hits
        rows = self._searcher.fast_field_values("row", [address for _, address in hits])
        scored = [(int(row or 0), float(score)) for row, (score, _) in zip(rows, hits, strict=True)]
        return sorted(scored, key=lambda hit: (-hit[1], hit[0]))

    def _only(self, rows: range) -> Query:
        """Returns a query for these rows, which adds nothing to a score."""
        from tantivy import FieldType, Query

        bounds = rows.start, rows.stop, True, False
        found = Query.range_query(self._index.schema, "row", FieldType.Unsigned, *bounds)
        return Query.const_score_query(found, 0.0)

    def document_frequency(self, term: str) -> int:
        """Returns how many chunks hold the term."""
        return int(self._searcher.doc_freq("text", term))
