"""The Python client, as programs import it: `notesqa.connect(address).ask(question)`.

It lies inside `ui` and is installed under the name `notesqa`; what it is made of is `ui/client.py`.
"""

from __future__ import annotations

from rag import Answer as Answer
from rag import Citation as Citation
from rag import NotesQAError as NotesQAError
from rag import Passage as Passage
from rag import Turn as Turn
from ui.client import Notes as Notes
from ui.client import ProblemError as ProblemError
from ui.client import UnreachableError as UnreachableError
from ui.client import connect as connect
from ui.received import Document as Document
from ui.received import Job as Job
from ui.received import Reply as Reply
from ui.received import Source as Source
from ui.received import Uploaded as Uploaded

__all__ = [
    "Answer",
    "Citation",
    "Document",
    "Job",
    "Notes",
    "NotesQAError",
    "Passage",
    "ProblemError",
    "Reply",
    "Source",
    "Turn",
    "UnreachableError",
    "Uploaded",
    "connect",
]
