from __future__ import annotations

from pathlib import Path

import numpy as np
from conftest import owls_in


def test_contents_are_the_chunks_of_the_library_and_their_vectors(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    contents = library.contents()
    assert len(contents) == library.status()["chunks"]
    assert np.allclose(np.linalg.norm(contents.vectors(), axis=1), 1, atol=1e-3)
    assert len(contents.vectors()) == len(contents)
    for row in range(len(contents)):
        chunk = contents.chunk(row)
        assert contents.path(int(contents.documents[row])) == chunk.document
        assert chunk.span.of(library.source(chunk.document)) == chunk.text
        assert len(contents.units(row)) == len(contents.unit_vectors(row))
        assert all(chunk.said(unit.span) for unit in contents.units(row))


def test_embedded_questions_are_unit_rows(tmp_path: Path) -> None:
    library = owls_in(tmp_path)
    vectors = library.embed(["When do owls hunt?", "What do owls eat?"])
    assert len(vectors) == 2
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
