"""Notes without end, made of the shipped ones, and an embedder that keeps up with them.

A note is Markdown: a title and sections, each a heading and a paragraph of sentences drawn from the
shipped notes. Seed and number make the note, so that a note is the same in a library of any size.
A section is about as long as a chunk, and two do not fit into one.

`StandIn` reads each distinct sentence and heading once with the real model. A text's vector is the
mean of its sentences' vectors with a little noise, at unit length; its tokens are those of its
sentences, one after the other. So sizes, shapes and what lies near what are as with the real model,
but texts do not cost its time. Questions are read by the real model.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rag import Embedder, Packed, Reading, Settings, pack, read_notes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

SECTION_WORDS = 105
"""A section is as many sentences as reach this: some 140 to 190 tokens, of 240 in a chunk."""

SECTIONS = 5

NOISE = 0.1
"""Length of the noise beside a mean vector of length 1: a cosine of about .995."""

AT_ONCE = 64
"""Sentences that the model reads in one call."""

PIECES = re.compile(r"\n+| > |(?<=[.!?])[,:]?\s+")
"""Where a text falls into headings and sentences, however the one is put before the other."""

_PLAIN = re.compile(r"[A-Z][^`*_\[\]<>|$#\\]{30,300}[.!?]")
_BLOCK = re.compile(r"\s*([#>|`~*+-]|\d+[.)])")


@dataclass(frozen=True, slots=True)
class Material:
    """Distinct sentences and headings without markup, in the order of the notes.

    Headings end as sentences do: a sentence is embedded behind its heading, and `PIECES` must tell
    them apart.
    """

    sentences: tuple[str, ...]
    headings: tuple[str, ...]

    @classmethod
    def of(cls, corpus: Path) -> Material:
        """Returns what the Markdown notes of a corpus are made of."""
        sentences: dict[str, None] = {}
        headings: dict[str, None] = {}
        for path, text in read_notes(corpus, int(Settings().max_file_mb * 1e6)).items():
            if not path.endswith(".md"):
                continue
            for line in text.split("\n"):
                if heading := re.fullmatch(r"#{1,6} ([\w ,'-]{5,80})\??", line):
                    headings[f"{heading[1]}."] = None
                elif not _BLOCK.match(line):
                    pieces = PIECES.split(line.strip())
                    sentences |= dict.fromkeys(p for p in pieces if _PLAIN.fullmatch(p))
        return cls(tuple(sentences), tuple(headings))

    def note(self, number: int, seed: int = 0, sections: int = SECTIONS) -> str:
        """Returns one note in Markdown."""
        rng = random.Random(f"{seed} {number}")
        title, *names = rng.sample(self.headings, sections + 1)
        parts = [f"# {title}"]
        for name in names:
            parts += [f"## {name}", self.paragraph(rng)]
        return "\n\n".join(parts) + "\n"

    def paragraph(self, rng: random.Random) -> str:
        """Returns sentences in random order, none twice."""
        chosen: list[str] = []
        words = 0
        for sentence in rng.sample(self.sentences, len(self.sentences)):
            chosen.append(sentence)
            words += len(sentence.split())
            if words >= SECTION_WORDS:
                break
        return " ".join(chosen)

    def write(self, folder: Path, notes: int, seed: int = 0) -> None:
        """Writes notes into a folder, a hundred in each folder inside it."""
        for number in range(notes):
            file = folder / f"{number // 100:04}" / f"{number:06}.md"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.note(number, seed), encoding="utf-8")


class StandIn:
    """Embeds passages from readings of their sentences; all else is the real embedder's."""

    def __init__(self, real: Embedder, fingerprint: str | None = None) -> None:
        """Args: `fingerprint` stands in for one that is only this embedder's."""
        self._real = real
        self._readings: dict[str, Reading] = {}
        self.fingerprint = fingerprint or f"stand-in 1 {real.fingerprint}"

    @classmethod
    def over(cls, real: Embedder, fingerprint: str | None = None) -> Embedder:
        """Returns a stand-in as what the pipeline asks for."""
        return cast(Embedder, cls(real, fingerprint))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Returns `(len(texts), dim)` float32, unit rows."""
        import numpy as np

        return np.stack([self._vector(text, parts) for text, parts in self._parts(texts)])

    def read_passages(self, texts: Sequence[str]) -> list[Packed]:
        """Returns each text's vector and its sentences' tokens, as many as the model reads."""
        import numpy as np

        found = []
        most = self._real.max_tokens
        for text, parts in self._parts(texts):
            pieces = np.concatenate([part.pieces for part in parts])[:most]
            states = np.concatenate([part.states for part in parts])[:most]
            found.append(Packed(self._vector(text, parts), pack(pieces, states)))
        return found

    def _parts(self, texts: Sequence[str]) -> list[tuple[str, list[Reading]]]:
        """Returns each text with the readings of its sentences, read now if they are new."""
        split = [[piece for piece in PIECES.split(text) if piece] or [text] for text in texts]
        new = list(dict.fromkeys(p for pieces in split for p in pieces if p not in self._readings))
        # Read as queries are, since of passages only the signs of their tokens are given.
        for start in range(0, len(new), AT_ONCE):
            some = new[start : start + AT_ONCE]
            self._readings |= zip(some, self._real.read_queries(some), strict=True)
        return [
            (text, [self._readings[piece] for piece in pieces])
            for text, pieces in zip(texts, split, strict=True)
        ]

    def _vector(self, text: str, parts: Sequence[Reading]) -> Vectors:
        import numpy as np

        mean = np.mean([part.vector for part in parts], axis=0)
        seed = hashlib.blake2b(text.encode(), digest_size=8).digest()
        noise = np.random.default_rng(int.from_bytes(seed)).standard_normal(len(mean))
        mixed = mean / max(float(np.linalg.norm(mean)), 1e-9)
        mixed = mixed + NOISE / len(mean) ** 0.5 * noise
        vector: Vectors = (mixed / np.linalg.norm(mixed)).astype(np.float32)
        return vector
