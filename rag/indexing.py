"""Sources become what the library holds: read, split, embedded and staged, a window at a time.

A window is as much text as is held in memory at once, whatever the size of the corpus; a long
document spans several. Its missing texts are embedded together and written in one transaction,
where no reader sees them: what is staged becomes current when everything is there. A source that
looks as it did when it was read is not opened, and one whose bytes are the same is not split.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rag import chunking
from rag.ahead import Ahead
from rag.config import Settings
from rag.course import CHUNKS, UNITS, Course, effort, in_step
from rag.documents import Source, suffix_of, version
from rag.embedding import Embedder
from rag.errors import CorpusError, DocumentError
from rag.languages import AUTO
from rag.store import Part, Store, VectorRow
from rag.types import Chunk, Document, Manifest, Signature, Skipped, Unit

WINDOW_CHARS = 4_000_000
"""Characters held at once, of documents and of texts to embed: some 1.3 MB of notes."""

WINDOW_TEXTS = 16_000
"""Texts to embed held at once; their vectors take 25 MB at 384 dimensions."""

TEXTS_AT_ONCE = 256
"""Texts that the embedder gets in one call, of which it makes batches of even length."""

CHARS_AT_ONCE = 50_000
"""Characters in one call, after which progress is told and Ctrl+C heard: as long as 256 sentences.
The shipped notes' chunks took 8.9 and 10.1 s so, 9.0 and 13.7 s in one call, on two busy cores."""

PASSING = ("too slow", "too much memory", "crashed")
"""Reasons that may be the machine's at that moment: such a file is tried once more, by the next
run."""

_SAID_AS = {"fingerprint": "model", "loaders": "version of notesqa"}

RACY_NS = 2_000_000_000
"""A file changed so shortly before it was read may change again at the same time of change: two
seconds are the steps in which the coarsest file system in use, FAT, counts."""

log = logging.getLogger(__name__)


AHEAD_CHARS = 2_000_000
"""Characters of documents that are read while others are embedded."""

SLOW_SECONDS = 2.0
"""After so long without a new document, the file that is being read is named."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What became of one source: a document, a reason why not, or neither where it is as it was."""

    source: Source
    signature: Signature
    digest: str = ""
    document: Document | None = None
    error: DocumentError | None = None

    @property
    def chars(self) -> int:
        return len(self.document.text) if self.document else 0

    @property
    def suffix(self) -> str:
        return suffix_of(self.source.path)


@dataclass(slots=True)
class _Window:
    """What one transaction takes.

    Attributes:
        chars: held for it, of documents and of texts to embed.
        covered: characters of documents that its chunks cover.
    """

    parts: list[Part] = field(default_factory=list)
    chars: int = 0
    texts: int = 0
    covered: int = 0

    @property
    def full(self) -> bool:
        return self.chars >= WINDOW_CHARS or self.texts >= WINDOW_TEXTS


class Indexing:
    """One run. Needs `Store.lock`."""

    def __init__(
        self, store: Store, embedder: Embedder, settings: Settings, course: Course
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._settings = settings
        self._course = course
        self._opening = ""
        self._embedded = 0
        self._indexed: set[str] = set()
        self._unchanged: set[str] = set()
        self._skipped: list[Skipped] = []
        self._signatures: dict[str, Signature] = {}
        self._failed: set[tuple[str, str]] = set()

    def index(
        self, sources: Sequence[Source], name: str, left_out: Mapping[str, str] | None = None
    ) -> Manifest:
        """Brings the store into agreement with the sources, and returns what was done.

        Args:
            name: what the sources are called in an error.
            left_out: what is noted of the files that are no sources.

        Raises:
            CorpusError: there are no sources; the library stays as it was.
        """
        if not sources:
            raise CorpusError(f"{name} holds nothing to index.")
        store = self._store
        store.discard()
        made_with = self._made_with()
        before, meta, skipped = store.digests(), store.meta(), store.skipped()
        as_now = made_with.items() <= meta.items()
        if before and not as_now:
            changed = [name for name, value in made_with.items() if meta.get(name) != value]
            words = [_SAID_AS.get(name, name) for name in changed]
            log.info("All notes are read anew: another %s.", " and ".join(words))
        known = store.signatures() if as_now else {}
        noted = {**(left_out or {}), "limits": self._limits()}
        if meta.get("limits") != noted["limits"]:  # what was skipped may be read now
            known = {path: seen for path, seen in known.items() if path in before}
        self._failed = {(item.document, item.reason) for item in skipped}
        to_read = list(self._looking_changed(sources, known, skipped))
        kinds = [(suffix_of(source.path), signature.size) for source, signature in to_read]
        for kind in kinds:
            self._course.expect(*kind)
        to_read = [to_read[place] for place in in_step(kinds)]
        for window in self._windows(self._read(to_read, before if as_now else {})):
            self._stage(window)
        self._skipped.sort(key=lambda item: item.document)  # as the store gives them back
        removed = sorted(before.keys() - self._indexed - self._unchanged)
        renamed = meta.get("language", AUTO) != self._settings.language
        generation = store.generation
        if self._indexed or removed or renamed or self._skipped != skipped:
            generation = store.commit(
                removed=removed,
                skipped=self._skipped,
                signatures=self._signatures,
                meta={**made_with, **noted, "language": self._settings.language},
            )
        else:
            new = {p: s for p, s in self._signatures.items() if known.get(p) != s}
            if new or not noted.items() <= meta.items():
                store.sign(new, noted)
        return Manifest(
            indexed=tuple(s.path for s in sources if s.path in self._indexed),
            unchanged=tuple(s.path for s in sources if s.path in self._unchanged),
            removed=tuple(sorted(set(removed) - {item.document for item in self._skipped})),
            skipped=tuple(self._skipped),
            chunks=store.counts()[1],
            embedded=self._embedded,
            generation=generation,
        )

    def _limits(self) -> str:
        """Returns what decides, beside the loaders, which files can be read."""
        return f"{self._settings.max_file_seconds:g}:{self._settings.max_file_memory_mb}"

    def _made_with(self) -> dict[str, str]:
        return {
            "model": self._embedder.name,
            "fingerprint": self._embedder.fingerprint,
            "precision": self._embedder.precision,
            "chunking": f"{chunking.VERSION}:{self._settings.chunk_tokens}",
            "loaders": version(),
        }

    def _looking_changed(
        self, sources: Sequence[Source], known: Mapping[str, Signature], skipped: Sequence[Skipped]
    ) -> Iterator[tuple[Source, Signature]]:
        """Yields the sources that have to be read; the others are counted as what they were."""
        was_skipped = {item.document: item for item in skipped}
        for source in sources:
            path, signature = source.path, source.signature()
            if signature.mtime_ns is None or known.get(path) != signature:
                yield source, signature
            elif path in was_skipped:
                self._skipped.append(was_skipped[path])
                self._signatures[path] = signature
            else:
                self._unchanged.add(path)

    def _open(
        self, sources: Iterable[tuple[Source, Signature]], known: Mapping[str, str]
    ) -> Iterator[_Read]:
        """Yields what became of each source; runs in a thread that touches nothing else."""
        for source, looked in sources:
            self._opening = source.path
            signature = _trusted(looked)
            digest = ""
            try:
                data = source.read()
                digest = hashlib.sha256(data).hexdigest()
                same = known.get(source.path) == digest
                document = None if same else source.document(data)
                yield _Read(source, signature, digest, document)
            except DocumentError as error:
                yield _Read(source, signature, digest, error=error)

    def _read(
        self, sources: Iterable[tuple[Source, Signature]], known: Mapping[str, str]
    ) -> Iterator[_Read]:
        """Yields the documents that are new."""
        with Ahead(self._open(sources, known), lambda read: read.chars, AHEAD_CHARS) as ahead:
            for read in ahead.items(SLOW_SECONDS, self._say_slow):
                path = read.source.path
                # What `read` itself refuses may be mended without a trace in time and size.
                if read.digest and not read.document and not self._may_pass(read):
                    self._signatures[path] = read.signature
                self._course.opened(read.suffix, read.signature.size, read.chars)
                if read.error:
                    self._skipped.append(Skipped(path, read.error.reason, str(read.error)))
                elif read.document:
                    self._indexed.add(path)
                    yield read
                else:
                    self._unchanged.add(path)

    def _may_pass(self, read: _Read) -> bool:
        """Returns whether the next run has to open a file again, though it looks as it did."""
        if read.error and read.error.reason in PASSING:
            return (read.source.path, read.error.reason) not in self._failed
        return read.signature.mtime_ns is None

    def _say_slow(self) -> None:
        self._course.tell(f"reading {self._opening}")

    def _windows(self, documents: Iterator[_Read]) -> Iterator[_Window]:
        window = _Window()
        for read in documents:
            document, digest, signature = read.document, read.digest, read.signature
            assert document
            window.chars += len(document.text)
            chunks: list[Chunk] = []
            first = counted = 0
            for chunk in chunking.split(
                document,
                self._embedder.count_tokens,
                self._settings.chunk_tokens,
                self._embedder.max_tokens,
            ):
                chunks.append(chunk)
                window.chars += sum(len(item.embedded) for item in _read_of(chunk))
                window.texts += 1 + len(chunk.units)
                if window.full:
                    window.parts.append(Part(document, digest, signature, first, chunks))
                    window.covered += chunk.span.end - counted
                    counted = chunk.span.end
                    yield window
                    first += len(chunks)
                    window, chunks = _Window(), []
            if chunks or not first:
                window.parts.append(Part(document, digest, signature, first, chunks))
            window.covered += len(document.text) - counted
            self._course.read(read.suffix, signature.size)
            if window.full:
                yield window
                window = _Window()
        if window.parts:
            yield window

    def _stage(self, window: _Window) -> None:
        items = {
            self._digest(item): item
            for part in window.parts
            for chunk in part.chunks
            for item in _read_of(chunk)
        }
        rows = list(self._embed(items, window.covered))
        self._store.stage(window.parts, rows, self._digest)
        self._course.embedded(UNITS, 0)

    def _digest(self, item: Chunk | Unit) -> bytes:
        """Returns the name under which the vector of a chunk or unit is kept."""
        return digest_of(self._embedder, item)

    def _embed(self, items: dict[bytes, Chunk | Unit], covered: int) -> Iterator[VectorRow]:
        """Yields what has no vector yet, chunks first, the longest first among each."""
        missing = sorted(self._store.missing(items), key=lambda d: -len(items[d].embedded))
        chunks = [digest for digest in missing if isinstance(items[digest], Chunk)]
        units = [digest for digest in missing if isinstance(items[digest], Unit)]
        efforts = (effort(items[d].embedded for d in digests) for digests in (chunks, units))
        self._course.known(covered, *efforts)
        for kind, digests in ((CHUNKS, chunks), (UNITS, units)):
            for batch in _calls(digests, lambda digest: len(items[digest].embedded)):
                texts = [items[digest].embedded for digest in batch]
                if kind == CHUNKS:
                    for digest, (vector, tokens) in zip(
                        batch, self._embedder.read_passages(texts), strict=True
                    ):
                        yield digest, vector.tobytes(), tokens
                else:
                    for digest, vector in zip(
                        batch, self._embedder.embed_passages(texts), strict=True
                    ):
                        yield digest, vector.tobytes(), None
                self._embedded += len(texts)
                self._course.embedded(kind, effort(texts))


def _calls(digests: Sequence[bytes], length: Callable[[bytes], int]) -> Iterator[list[bytes]]:
    """Yields what the embedder gets in one call each: always about as much work."""
    batch: list[bytes] = []
    chars = 0
    for digest in digests:
        batch.append(digest)
        chars += length(digest)
        if chars >= CHARS_AT_ONCE or len(batch) == TEXTS_AT_ONCE:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def digest_of(embedder: Embedder, item: Chunk | Unit) -> bytes:
    """Returns the name under which the vector of a chunk or unit is kept.

    A chunk's is kept with its tokens, so a unit of the same words has another.
    """
    kept = "with tokens" if isinstance(item, Chunk) else ""
    said = (embedder.fingerprint, embedder.precision, kept, item.embedded)
    return hashlib.blake2b("\0".join(said).encode(), digest_size=16).digest()


def _read_of(chunk: Chunk) -> Iterator[Chunk | Unit]:
    """Yields what of a chunk the embedder reads: the chunk itself, and its units."""
    yield chunk
    yield from chunk.units


def _trusted(signature: Signature) -> Signature:
    """Returns what the next run may trust, asked right before the source is read."""
    if signature.mtime_ns is not None and signature.mtime_ns > time.time_ns() - RACY_NS:
        return replace(signature, mtime_ns=None)
    return signature
