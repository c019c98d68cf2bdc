"""What the chat page shows before a question: the state of the notes comes in, HTML goes out.

Three states: notes that can be asked, with questions to begin with; none yet, with what to do; and
notes that are being read, with how far that is.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from rag import NotesQAError
from ui.jobs import Job
from ui.pages.frame import STRANGER, Visitor
from ui.readiness import Phase
from ui.render import escape
from ui.services import Services

EXAMPLES = 4
"""Questions that are offered to begin with."""

PATIENCE = 0.1
"""Seconds that a page waits while another looks for questions: they are found once for all."""

_looking = threading.Lock()


@dataclass(frozen=True, slots=True)
class State:
    """How the notes are at one moment.

    Attributes:
        notes: how many can be asked.
        examples: questions to begin with; None while they cannot be looked for.
        busy: whether notes are being indexed.
        job: what does so, where that says how far it is.
        told: what to do where there are no notes, for whoever keeps them.
    """

    notes: int
    examples: Sequence[str] | None = ()
    busy: bool = False
    job: Job | None = None
    told: str = ""

    @property
    def settled(self) -> bool:
        """Whether nothing is expected to change by itself."""
        return self.notes > 0 and not self.busy and self.examples is not None


def state_of(services: Services) -> State:
    """Returns the state of the notes now."""
    job = services.jobs.current("index")
    busy = job is not None or bool(services.watcher and services.watcher.busy)
    try:
        notes = int(services.library.summary()["indexed"])
    except NotesQAError:
        notes = 0
    now = services.state()
    told = now.told if now.phase is Phase.EMPTY else ""
    if not notes:
        return State(0, (), busy, job, told)
    return State(notes, None if busy else _examples(services), busy, job, told)


def _examples(services: Services) -> Sequence[str] | None:
    """Returns questions to begin with; None where that would load a model or hold up a page."""
    if services.state().phase is not Phase.READY or not _looking.acquire(timeout=PATIENCE):
        return None
    try:
        return services.library.examples(EXAMPLES)
    except NotesQAError:
        return None
    finally:
        _looking.release()


def welcome_html(state: State, visitor: Visitor = STRANGER) -> str:
    """Returns what stands in place of the conversation while there is none."""
    if not state.notes:
        return _indexing(state) if state.busy else _none(state.told, visitor)
    counted = f"{state.notes} note{'' if state.notes == 1 else 's'}"
    said = (
        f"<h2>Ask your notes</h2><p>Answers are quotes from {counted}, each with its place. "
        "Where the notes hold no answer, they say so.</p>"
    )
    if state.examples:
        offered = "".join(
            f'<li><button type="button" class="nq-example">{escape(question)}</button></li>'
            for question in state.examples
        )
        said += f'<p class="nq-near">To begin with:</p><ul class="nq-examples">{offered}</ul>'
    return said + (_indexing(state, "h3") if state.busy else "")


def _none(told: str, visitor: Visitor) -> str:
    if not visitor.looks:
        return (
            "<h2>There are no notes yet</h2>"
            "<p>They can be asked as soon as your instructor has added some.</p>"
        )
    return (
        f"<h2>Nothing can be asked yet</h2><p>{escape(told)}</p>"
        '<p><a href="/library">The library page</a></p>'
    )


def _indexing(state: State, level: str = "h2") -> str:
    job = state.job
    done = f' value="{job.done}" max="{job.total}"' if job and job.total else ""
    said = f"{escape(job.stage)}: {job.done / job.total:.0%}" if job and job.total else ""
    then = "What is indexed already can be asked." if state.notes else "Then they can be asked."
    return (
        f"<{level}>The notes are being indexed</{level}>"
        f'<p><progress aria-label="Indexing"{done}></progress> {said}</p><p>{then}</p>'
    )


def folders_html(folders: Sequence[str]) -> str:
    """Returns the choice of the folder that is asked; nothing where there is none to choose."""
    if not folders:
        return ""
    options = "".join(
        f'<option value="{escape(folder)}">{escape(folder)}</option>' for folder in folders
    )
    return (
        '<div class="nq-within"><label for="nq-within">Search in</label> '
        f'<select id="nq-within"><option value="">all notes</option>{options}</select></div>'
    )
