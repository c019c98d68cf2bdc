"""What the Python client returns: JSON objects of the server come in, records come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rag import Answer, Place, PlaceKind, Places, Span


@dataclass(frozen=True, slots=True)
class Reply(Answer):
    """An answer, and the id under which the question is kept; None where it is not."""

    id: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A note that can be asked.

    Attributes:
        folder: where it lies; empty for those beside the folders.
        places: what one counts in it to say where something stands.
    """

    path: str
    title: str
    folder: str
    places: PlaceKind


@dataclass(frozen=True, slots=True)
class Source:
    """A part of a note, or all of it, as it was indexed.

    Attributes:
        characters: how long the whole text is.
        span: which part this is.
        location: the place of this part, as a person would name it (`lines 12–14`).
        text: of this part.
        places: the pages, slides … that this part touches.
    """

    path: str
    title: str
    folder: str
    characters: int
    span: Span
    location: str
    text: str
    places: Places


@dataclass(frozen=True, slots=True)
class Job:
    """Work of the server that takes longer than a request, as it was when it was asked for.

    Attributes:
        kind: what it does, such as `index` or `evaluation`.
        state: `waiting`, `running`, `done` or `failed`.
        stage: what it is at, in a word.
        done, total: how far that is, in units of its own.
        result: what it made; None until then.
        error: what failed, in a line.
    """

    id: str
    kind: str
    state: str
    stage: str
    done: int
    total: int
    result: dict[str, Any] | None
    error: str | None

    @property
    def ended(self) -> bool:
        """Returns whether nothing more will happen."""
        return self.state in {"done", "failed"}


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that the server took.

    Attributes:
        document: its path among the notes.
        job: what indexes it.
    """

    document: str
    job: Job


def reply_of(said: Mapping[str, Any], id_: str | None) -> Reply:
    """Returns an answer, of the JSON object that the server sends."""
    return replace(Reply.from_dict(said), id=id_)


def document_of(said: Mapping[str, Any]) -> Document:
    """Returns a document, of the JSON object that the server sends."""
    return Document(said["path"], said["title"], said["folder"], PlaceKind(said["places"]))


def source_of(said: Mapping[str, Any]) -> Source:
    """Returns a part of a document, of the JSON object that the server sends."""
    listed = tuple(Place(place["start"], place["name"]) for place in said["listed"])
    return Source(
        *(said["path"], said["title"], said["folder"], said["characters"]),
        *(Span(said["start"], said["end"]), said["location"], said["text"]),
        Places(PlaceKind(said["places"]), listed),
    )


def job_of(said: Mapping[str, Any]) -> Job:
    """Returns a job, of the JSON object that the server sends."""
    return Job(
        *(said["id"], said["kind"], said["state"], said["stage"], said["done"], said["total"]),
        *(said["result"], said["error"]),
    )
