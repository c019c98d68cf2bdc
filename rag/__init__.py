"""Notes become answers: documents, chunks, vectors and words, retrieval, quotes, confidence.

`Library` is the way in. Names are imported at their first use, so `import rag` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.asking import Draft as Draft
    from rag.backends import ModelEmbedder as ModelEmbedder
    from rag.cache import alone as alone
    from rag.checks import Check as Check
    from rag.confidence import Fit as Fit
    from rag.confidence import signals as signals
    from rag.confidence import threshold_for as threshold_for
    from rag.config import DESCRIPTIONS as DESCRIPTIONS
    from rag.config import FIT as FIT
    from rag.config import Settings as Settings
    from rag.config import load_settings as load_settings
    from rag.contents import Contents as Contents
    from rag.documents import LOADERS as LOADERS
    from rag.documents import read_notes as read_notes
    from rag.documents import suffix_of as suffix_of
    from rag.documents.markup import front_matter as front_matter
    from rag.documents.markup import parse_blocks as parse_blocks
    from rag.documents.records import Record as Record
    from rag.embedding import Embedder as Embedder
    from rag.errors import DocumentError as DocumentError
    from rag.errors import GateError as GateError
    from rag.errors import LibraryError as LibraryError
    from rag.errors import ModelError as ModelError
    from rag.errors import NoLibraryError as NoLibraryError
    from rag.errors import NotesQAError as NotesQAError
    from rag.errors import QuestionError as QuestionError
    from rag.errors import QuestionSetError as QuestionSetError
    from rag.errors import RunError as RunError
    from rag.folders import place_of as place_of
    from rag.followup import Turn as Turn
    from rag.followup import turn_of as turn_of
    from rag.index import corpus_digest as corpus_digest
    from rag.pipeline import Library as Library
    from rag.questions import Asked as Asked
    from rag.questions import QuestionLog as QuestionLog
    from rag.questions import Spot as Spot
    from rag.questions import Verdict as Verdict
    from rag.refusal import ordinary_words as ordinary_words
    from rag.refusal import subject_of as subject_of
    from rag.retrieval import Parts as Parts
    from rag.sentences import plain as plain
    from rag.texts import StoredChunk as StoredChunk
    from rag.tokens import Packed as Packed
    from rag.tokens import Reading as Reading
    from rag.tokens import pack as pack
    from rag.types import Answer as Answer
    from rag.types import Area as Area
    from rag.types import Block as Block
    from rag.types import BlockKind as BlockKind
    from rag.types import Citation as Citation
    from rag.types import Level as Level
    from rag.types import Manifest as Manifest
    from rag.types import Note as Note
    from rag.types import Passage as Passage
    from rag.types import Picture as Picture
    from rag.types import Place as Place
    from rag.types import PlaceKind as PlaceKind
    from rag.types import Places as Places
    from rag.types import Span as Span
    from rag.types import Unit as Unit
    from rag.types import UnitKind as UnitKind
    from rag.watching import Watcher as Watcher
    from rag.wording import ENGLISH as ENGLISH
    from rag.wording import Name as Name
    from rag.wording import Told as Told
    from rag.wording import asked_for as asked_for
    from rag.wording import is_prose as is_prose
    from rag.wording import is_question as is_question
    from rag.wording import names_of as names_of
    from rag.wording import told as told
    from rag.words import terms as terms

_HOME = {
    "Answer": "rag.types",
    "Area": "rag.types",
    "Asked": "rag.questions",
    "Block": "rag.types",
    "BlockKind": "rag.types",
    "Check": "rag.checks",
    "Citation": "rag.types",
    "Contents": "rag.contents",
    "DESCRIPTIONS": "rag.config",
    "DocumentError": "rag.errors",
    "Draft": "rag.asking",
    "ENGLISH": "rag.wording",
    "Embedder": "rag.embedding",
    "FIT": "rag.config",
    "Fit": "rag.confidence",
    "GateError": "rag.errors",
    "LOADERS": "rag.documents",
    "Level": "rag.types",
    "Library": "rag.pipeline",
    "LibraryError": "rag.errors",
    "Manifest": "rag.types",
    "ModelEmbedder": "rag.backends",
    "ModelError": "rag.errors",
    "Name": "rag.wording",
    "NoLibraryError": "rag.errors",
    "Note": "rag.types",
    "NotesQAError": "rag.errors",
    "Packed": "rag.tokens",
    "Parts": "rag.retrieval",
    "Passage": "rag.types",
    "Picture": "rag.types",
    "Place": "rag.types",
    "PlaceKind": "rag.types",
    "Places": "rag.types",
    "QuestionError": "rag.errors",
    "QuestionLog": "rag.questions",
    "QuestionSetError": "rag.errors",
    "Reading": "rag.tokens",
    "Record": "rag.documents.records",
    "RunError": "rag.errors",
    "Settings": "rag.config",
    "Span": "rag.types",
    "Spot": "rag.questions",
    "StoredChunk": "rag.texts",
    "Told": "rag.wording",
    "Turn": "rag.followup",
    "Unit": "rag.types",
    "UnitKind": "rag.types",
    "Verdict": "rag.questions",
    "Watcher": "rag.watching",
    "alone": "rag.cache",
    "asked_for": "rag.wording",
    "corpus_digest": "rag.index",
    "front_matter": "rag.documents.markup",
    "is_prose": "rag.wording",
    "is_question": "rag.wording",
    "load_settings": "rag.config",
    "names_of": "rag.wording",
    "ordinary_words": "rag.refusal",
    "pack": "rag.tokens",
    "parse_blocks": "rag.documents.markup",
    "place_of": "rag.folders",
    "plain": "rag.sentences",
    "read_notes": "rag.documents",
    "signals": "rag.confidence",
    "subject_of": "rag.refusal",
    "suffix_of": "rag.documents",
    "terms": "rag.words",
    "threshold_for": "rag.confidence",
    "told": "rag.wording",
    "turn_of": "rag.followup",
}

__all__ = [
    "Answer",
    "Area",
    "Asked",
    "Block",
    "BlockKind",
    "Check",
    "Citation",
    "Contents",
    "DESCRIPTIONS",
    "DocumentError",
    "Draft",
    "ENGLISH",
    "Embedder",
    "FIT",
    "Fit",
    "GateError",
    "LOADERS",
    "Level",
    "Library",
    "LibraryError",
    "Manifest",
    "ModelEmbedder",
    "ModelError",
    "Name",
    "NoLibraryError",
    "Note",
    "NotesQAError",
    "Packed",
    "Parts",
    "Passage",
    "Picture",
    "Place",
    "PlaceKind",
    "Places",
    "QuestionError",
    "QuestionLog",
    "QuestionSetError",
    "Reading",
    "Record",
    "RunError",
    "Settings",
    "Span",
    "Spot",
    "StoredChunk",
    "Told",
    "Turn",
    "Unit",
    "UnitKind",
    "Verdict",
    "Watcher",
    "alone",
    "asked_for",
    "corpus_digest",
    "front_matter",
    "is_prose",
    "is_question",
    "load_settings",
    "names_of",
    "ordinary_words",
    "pack",
    "parse_blocks",
    "place_of",
    "plain",
    "read_notes",
    "signals",
    "subject_of",
    "suffix_of",
    "terms",
    "threshold_for",
    "told",
    "turn_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
