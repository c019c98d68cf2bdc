"""Whether a library is what it should be, thing by thing: `doctor`; and its mending: `repair`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rag import index as derived
from rag.config import Settings
from rag.embedding import Embedder
from rag.errors import DamagedError, LibraryError, ModelError
from rag.locking import hold, writer
from rag.reranking import Reranker
from rag.store import FILE, Store


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that `Library.doctor` looked at."""

    name: str
    ok: bool
    detail: str


def of_state(store: Store) -> tuple[list[Check], derived.Engine | None]:
    """Returns the checks of store and indexes, and the engine where it can be used.

    Call it inside `store.snapshot()`; nothing is written.
    """
    problems = store.problems()
    try:
        indexes, engine = _of_indexes(store)
    except DamagedError:
        indexes = Check("indexes", False, "cannot be compared with a store that is damaged")
        engine = None
    return [Check("store", not problems, "; ".join(problems) or "whole"), indexes], engine


def _of_indexes(store: Store) -> tuple[Check, derived.Engine | None]:
    stale, busy = derived.check(store), writer(store.folder)
    if stale and busy:  # a new state is there a while before its indexes
        last = derived.check_last(store)
        if last:
            of_last = f"whole for generation {last.number}, which serves until those of the next"
            return Check("indexes", True, f"{of_last} are built: another notesqa {busy}"), last
    if stale and not busy:  # who was building them may just have ended
        stale = derived.check(store)
    if stale:
        return Check("indexes", False, "; ".join(stale)), None
    engine = derived.checked(store)
    left = [f"another notesqa {busy}"] if busy else derived.left_over(store)
    agree = f"agree with the store; language: {engine.language}"
    return Check("indexes", True, "; ".join([agree, *left])), engine


def of_model(embedder: Embedder, agree: Callable[[], None]) -> Check:
    """Returns the check of the model.

    Args:
        agree: raises ModelError where the library was made with another.
    """
    try:
        agree()
    except ModelError as error:
        return Check("model", False, str(error))
    return Check("model", True, f"{embedder.name}, as the library was made")


def of_encoder(embedder: Embedder, meta: Mapping[str, str]) -> Check:
    """Returns the check of what runs the model.

    Args:
        meta: of the store.
    """
    made_by = f"passages were read by {meta.get('precision', 'nothing yet')}"
    try:
        return Check("encoder", True, f"{embedder.backend}: {embedder.why}; {made_by}")
    except ModelError as error:
        return Check("encoder", False, str(error))


def of_fit(problem: str | None) -> Check:
    """Returns the check of the library's own fit, which has this problem or none."""
    return Check("fit", problem is None, problem or "the library's own, in use")


def of_reranker(found: Callable[[], Reranker | None], settings: Settings) -> Check:
    """Returns the check of the reranker, which the settings name."""
    try:
        if reranker := found():
            reranker.load()
    except ModelError as error:
        return Check("reranker", False, str(error))
    return Check("reranker", True, f"{settings.reranker}, for {settings.rerank_ms} ms a question")


def repair(folder: Path, patience: float) -> list[str]:
    """Returns what was done to mend the library, as `Library.repair` says.

    Args:
        patience: seconds to wait for another process that writes the library.
    """
    from rag.repair import mend  # a question needs none of it

    if not (folder / FILE).is_file():
        raise LibraryError(f"There is no library in {folder}: make it with notesqa index.")
    with hold(folder, patience, "repairing"):
        return mend(folder)
