"""What can be made again and is kept for the next process: in the user's cache, by content.

The only user of platformdirs. Whatever is there is whole: a folder appears under its name when it
is complete.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Returns where the operating system wants caches to lie; not made yet."""
    from platformdirs import user_cache_path

    return user_cache_path("notesqa", appauthor=False)


@contextmanager
def filling(place: Path) -> Iterator[Path]:
    """Gives an empty folder that becomes `place` at the end; nothing is left of a failure.

    Where another process was first, its folder stays. `place` may be there already: it is replaced.

    Raises:
        OSError: the cache cannot be written.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{place.name[:16]}-", dir=place.parent))
    try:
        yield part
        if place.is_dir():
            place.rename(part.with_suffix(".old"))
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(part.with_suffix(".old"), ignore_errors=True)


def write_whole(file: Path, text: str) -> None:
    """Writes a file that others see whole or not at all.

    Raises:
        OSError: the cache cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=file.parent)
    with open(handle, "w", encoding="utf-8") as opened:
        opened.write(text)
    os.replace(part, file)
