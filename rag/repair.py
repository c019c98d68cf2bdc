"""A library that is damaged becomes one that is sound, without the notes: `mend`.

What is derived is built anew from the store. A store that is not what was written is set aside, and
an empty one takes its place, with the vectors that are still whole: indexing then reads the notes
again, and embeds only what was damaged. Nothing is deleted but what a killed run left.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from rag import index as derived
from rag.errors import DamagedError
from rag.salvage import drop_part, replace_damaged
from rag.soundness import UNFINISHED
from rag.store import Store


def mend(folder: Path) -> list[str]:
    """Returns what was done, a line each; nothing where all is well. Needs `locking.hold`.

    Raises:
        LibraryError: the library is of another format or cannot be written.
    """
    drop_part(folder)
    try:
        with closing(Store(folder, write=True)) as store:
            if problems := [p for p in store.problems() if not p.endswith(UNFINISHED)]:
                raise DamagedError("; ".join(problems))
            return _mend_indexes(store)
    except DamagedError as error:
        name, kept = replace_damaged(folder)
        return [
            f"The store was damaged: {error.__cause__ or error}.",
            f"It was set aside as {name}, which you may delete once notesqa index has ended; "
            f"{kept} vectors in it are whole and were kept, so that they are not made again.",
        ]


def _mend_indexes(store: Store) -> list[str]:
    if "fingerprint" not in store.meta():
        return []
    wrong = derived.check(store) or derived.left_over(store)
    if wrong:
        derived.ensure(store, thorough=True)
        return [f"What is derived from the store was put right: {'; '.join(wrong)}."]
    return []
