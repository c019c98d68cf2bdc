"""Every error a user can meet.

Each message is one line that says what was found, what was expected, and the command or
change that mends it. Faces print the message and leave with exit status 1; nothing else
about the exception is shown.
"""

from __future__ import annotations


class NotesQAError(Exception):
    """The root of all errors that are the user's to mend."""


class SettingsError(NotesQAError):
    """A setting is unknown, of the wrong type or out of range."""


class CorpusError(NotesQAError):
    """The folder of notes is missing, empty, or holds nothing that can be read."""


class DocumentError(NotesQAError):
    """One file cannot become a document; the others go on without it.

    Attributes:
        reason: a short, stable name of the cause (`unreadable`, `not text`, `too large`,
            `no loader`, `empty`, `outside`, `encrypted`, `damaged`, `no text`, `too slow`,
            `too much memory`, `crashed`).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class WorkerError(NotesQAError):
    """The process that reads files cannot be started."""


class LibraryError(NotesQAError):
    """The library is missing, locked, not writable, damaged or of another format version."""


class NoLibraryError(LibraryError):
    """There is no library yet, or nothing in it."""


class LockedError(LibraryError):
    """Another process is writing the library."""


class DamagedError(LibraryError):
    """The store is not what was written."""


class ModelError(NotesQAError):
    """The embedding model cannot be loaded, or is not the one the library was made with."""


class QuestionError(NotesQAError):
    """The question is empty or too long."""


class QuestionSetError(NotesQAError):
    """A question set breaks its format or quotes what its notes do not say."""


class RunError(NotesQAError):
    """A run file breaks its format, or does not belong to the set or the state it is used with."""


class GateError(NotesQAError):
    """A run is worse than its baseline beyond chance, or below a floor."""
