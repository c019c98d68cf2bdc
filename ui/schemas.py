"""What the HTTP API takes and gives, as its OpenAPI document describes it.

What is taken is checked against these, and what they do not know is refused: a misspelt `within`
would ask all of the notes. What is given is made elsewhere (`Answer.to_dict`, `Library.status`) and
not checked on its way out; the tests hold it against these, to the letter.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

import rag
from rag import PlaceKind

MOST_CHARS = 2**53
"""Beyond any offset in a note, within every JSON reader."""

MOST_PATH = 4096
"""Characters of the longest path that systems open."""

MOST_REASON = 1_000
"""As many as the question log keeps."""

MOST_PASSAGES = 100
"""As many as `notesqa search` gives."""

Offset = Annotated[int, Field(ge=0, le=MOST_CHARS)]

Path = Annotated[str, Field(max_length=MOST_PATH)]


class Taken(BaseModel):
    """What a request holds."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Given(BaseModel):
    """What an answer holds."""

    model_config = ConfigDict(use_attribute_docstrings=True)


# What is taken


class Turn(Taken):
    """The turn before, which the question may lean on."""

    query: str
    """What was searched for: `query` of its answer."""
    title: str = ""
    """Of the note cited first, or of the nearest one where nothing was cited."""


class Asked(Taken):
    """A question."""

    question: str
    """In plain words; how long it may be is the server's setting `max_question_chars`."""
    after: Turn | None = None
    """The turn before, which the question may lean on."""
    within: Path = ""
    """The folder, or document, that is asked; empty for all of the notes."""

    def turn(self) -> rag.Turn | None:
        """Returns the turn before as the library takes it."""
        return rag.Turn(self.after.query, self.after.title) if self.after else None


class Searched(Taken):
    """What is searched for."""

    question: str
    """In plain words."""
    k: Annotated[int, Field(ge=1, le=MOST_PASSAGES)] | None = None
    """How many passages; by default as many as an answer has (the setting `passages`)."""
    within: Path = ""
    """The folder, or document, that is searched; empty for all of the notes."""


class Listing(Taken):
    """Which documents are listed."""

    within: Path = ""
    """The folder; empty for all of the notes."""


class Part(Taken):
    """Which part of a document is read."""

    start: Offset = 0
    """Its first character, from 0."""
    end: Offset | None = None
    """The character behind its last; by default the end of the document."""


class Feedback(Taken):
    """What a reader says of an answer."""

    question: Annotated[str, Field(max_length=100)]
    """The id that came with the answer."""
    verdict: Literal["up", "down"] | None
    """Whether it helped; null takes back what was said."""
    reason: Annotated[str, Field(max_length=MOST_REASON)] = ""
    """Why, in the reader's words."""


# What is given


class Problem(Given):
    """What went wrong: problem details (RFC 9457)."""

    title: str
    status: int
    detail: str
    """What was found, what was expected, and what mends it."""


class Health(Given):
    """That the server is ready."""

    status: Literal["ready"]
    generation: int
    """How many times the notes changed."""


class Passage(Given):
    """A part of a note, found for a question."""

    rank: Annotated[int, Field(ge=1)]
    score: Annotated[float, Field(ge=0, le=1)]
    """Higher is better; comparable within one question only."""
    document: str
    location: str
    """As a person would name it: `lines 12–14`, `page 3`."""
    start: Annotated[int, Field(ge=0)]
    """In characters of the document's text."""
    end: Annotated[int, Field(ge=0)]
    text: str
    """What stands there, to the letter."""


class Citation(Given):
    """A place in the notes, and the exact words that stand there."""

    number: Annotated[int, Field(ge=1)]
    document: str
    title: str
    headings: list[str]
    """Of the section it stands in, outermost first."""
    location: str
    """As a person would name it: `lines 12–14`, `page 3`."""
    start: Annotated[int, Field(ge=0)]
    """In characters of the document's text."""
    end: Annotated[int, Field(ge=0)]
    quote: str


class Sentence(Given):
    """Words of the notes that answer."""

    text: str
    """To the letter from the quote of the citation."""
    citation: Annotated[int, Field(ge=1)]
    """Its number."""


class Answer(Given):
    """What a question gets, as `notesqa ask --json` prints it: quotes, or an abstention."""

    question: str
    query: str
    """What was searched for."""
    state: Literal["answered", "abstained"]
    reason: str | None
    """Why the notes do not answer; null where they do."""
    confidence: Annotated[float, Field(ge=0, le=1)]
    """The share of such answers that hold the words asked for; the number that decided."""
    answer: str | None
    """The sentences, each with its citation's number behind it; null for an abstention."""
    sentences: list[Sentence]
    citations: list[Citation]
    passages: list[Passage]
    """The nearest ones, best first; also those of an abstention."""
    timings_ms: dict[str, float]
    """Milliseconds by stage."""


class Found(Given):
    """Passages, as `notesqa search --json` prints them."""

    question: str
    passages: list[Passage]


class Document(Given):
    """A note that can be asked."""

    path: str
    title: str
    folder: str
    """Where it lies, without a slash at its end; empty for those beside the folders."""
    places: PlaceKind
    """What one counts in it to say where something stands."""


class Documents(Given):
    """Notes that can be asked, by path."""

    documents: list[Document]


class Place(Given):
    """Where a page, a slide, a cell … begins."""

    start: Annotated[int, Field(ge=0)]
    """In characters of the document's text; it ends where the next one begins."""
    name: str
    """What a person calls it, without the word for its kind: `3`."""


class Source(Given):
    """A part of a note, or all of it, as it was indexed."""

    path: str
    title: str
    folder: str
    places: PlaceKind
    """What one counts in it to say where something stands."""
    characters: int
    """How long the whole text is."""
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]
    location: str
    """The place of this part as a person would name it: `lines 12–14`, `page 3`."""
    text: str
    """What stands from `start` to `end`, to the letter."""
    listed: list[Place]
    """The pages, slides, cells … that this part touches; none where lines are counted."""


class Skipped(Given):
    """A file that is not in the library, and why."""

    document: str
    reason: str
    message: str


class Partial(Given):
    """A document that is not in the library as a whole."""

    document: str
    reason: str
    pages: list[int]
    message: str


class Hidden(Given):
    """A document with text that a reader would not see."""

    document: str
    message: str


class Sizes(Given):
    """Bytes."""

    notes: int
    library: int


class Status(Given):
    """What is indexed, what was skipped and why, as `notesqa status --json` prints it."""

    files: int
    indexed: int
    chunks: int
    """Passages that can be found."""
    generation: int
    """How many times the notes changed."""
    model: str | None
    backend: str
    reranker: str | None
    search: str | None
    """How vectors are searched; null where nothing can be yet."""
    skipped: list[Skipped]
    partial: list[Partial]
    hidden: list[Hidden]
    duplicates: list[list[str]]
    """Documents whose bytes are the same."""
    changed: str | None
    """When the notes changed last (ISO 8601)."""
    bytes: Sizes
    ignored: int
    """Files and folders left out by `.notesqaignore`, or as libraries."""
    hidden_files: int
    """Files and folders left out for the dot before their name."""


class Job(Given):
    """Work that takes longer than a request."""

    id: str
    kind: str
    about: str
    """Of what, or why."""
    by: str | None
    """Who asked for it; null without sign-in."""
    made: str
    """When it was asked for (ISO 8601)."""
    state: Literal["waiting", "running", "done", "failed"]
    stage: str
    """What it is at, in a word."""
    done: int
    total: int
    result: dict[str, Any] | None
    """What it made; null until then."""
    error: str | None
    """What failed."""


class Jobs(Given):
    """The jobs that are remembered, newest first."""

    jobs: list[Job]


class Uploaded(Given):
    """A file that was taken."""

    document: str
    """Its path among the notes."""
    job: Job
    """What indexes it."""


# Of evaluation


class QuestionSet(Given):
    """A file of questions whose answers are known."""

    name: str
    questions: int
    splits: dict[str, int]
    """How many questions each split has."""
    error: str | None
    """Why it cannot be asked; null where it can."""


class QuestionSets(Given):
    """The question sets of the server, by name."""

    question_sets: list[QuestionSet]


class Measure(Given):
    """What the questions of a run came to, with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int
    """How many questions it is of."""


class RunListed(Given):
    """A run that has ended."""

    name: str
    made: str
    """When the file was written (ISO 8601)."""
    questions: str | None
    """The name of its question set; null, as what follows, until it is scored."""
    split: str | None
    generation: int | None
    """Of the notes that were asked."""
    n: int | None
    """How many questions were asked."""
    measures: dict[str, Measure] | None
    error: str | None
    """Why it cannot be scored; null where it can."""


class Runs(Given):
    """The runs that are there, newest first."""

    runs: list[RunListed]


class Reliability(Given):
    """Questions of nearly the same confidence."""

    low: float
    high: float
    n: int
    confidence: float
    """Their mean."""
    right: Measure
    """The share of them that was right."""


class Risk(Given):
    """What is answered at a confidence, and what of that is wrong."""

    confidence: float
    coverage: float
    risk: float


class NotAnswered(Given):
    """A question that brought about an error."""

    id: str
    error: str | None


class Scores(Given):
    """What a run is worth, as `notesqa eval score --json` prints it."""

    n: int
    measures: dict[str, Measure]
    by_kind: dict[str, dict[str, Measure]]
    by_document: dict[str, dict[str, Measure]]
    by_fact: dict[str, dict[str, float]]
    abstention: dict[str, dict[str, int]]
    reliability: list[Reliability]
    risk_coverage: list[Risk]
    failed: list[NotAnswered]
    latency_ms: dict[str, float]
    remarks: list[str]


class Difference(Given):
    """One measure in two runs, over the questions on which both have it."""

    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    """After Holm's correction."""
    detected: bool
    """Whether it lies beyond chance."""
    smallest_detectable: float | None
    n: int
    facts: int
    mcnemar_p: float | None = None
    """Of measures that are yes or no, as what follows."""
    gained: list[str] | None = None
    lost: list[str] | None = None


class Comparison(Given):
    """What changed between two runs, as `notesqa eval compare --json` prints it."""

    a: str
    b: str
    n: int
    """How many questions were compared."""
    changed: dict[str, list[Any]]
    """What the heads of the runs say is different, before and after."""
    measures: dict[str, Difference]
    left_out: dict[str, str]
    """Questions that could not be compared, and why."""
    verdict: str


# Of coverage


class Objectives(Given):
    """A file of what the notes are meant to say."""

    name: str
    objectives: int
    error: str | None
    """Why it cannot be judged; null where it can."""


class ObjectivesFiles(Given):
    """The files of objectives of the server: that of the settings first, then by name."""

    objectives: list[Objectives]


class Statuses(Given):
    """How many objectives have each status."""

    covered: int
    thin: int
    missing: int


class CoverageListed(Given):
    """What the notes of one moment cover."""

    name: str
    made: str
    """When it was judged (ISO 8601)."""
    objectives: str
    """The name of the file of objectives; empty where that is not known."""
    generation: int
    """Of the notes."""
    summary: Statuses | None
    current: bool | None
    """Whether the notes are still those; null where that is not known."""
    error: str | None
    """Why it cannot be read; null where it can."""


class Coverages(Given):
    """What was judged, newest first."""

    coverage: list[CoverageListed]


class Covered(Given):
    """An objective, and what the notes have for it."""

    id: str
    text: str
    status: Literal["covered", "thin", "missing"]
    confidence: Annotated[float, Field(ge=0, le=1)]
    """The probability that the notes answer."""
    notes: int
    """How many of them support it independently."""
    citations: list[Citation]
    """The best quotes, best first."""


class Coverage(Given):
    """What the notes cover, as `notesqa coverage --json` prints it."""

    objectives: list[Covered]
    summary: Statuses


class StatusAt(Given):
    """What an objective had at one of two moments."""

    status: Literal["covered", "thin", "missing"]
    confidence: float
    notes: int


class CoveredChanged(Given):
    """An objective at two moments."""

    id: str
    text: str
    unit: str
    change: str
    """What became of it, in words."""
    reworded: bool
    old: StatusAt | None
    """Null where it was not among the objectives."""
    new: StatusAt | None
    gained: list[str]
    """Notes that support it now and did not before."""
    lost: list[str]


class CoverageChanges(Given):
    """What changed between two moments, as `notesqa coverage diff --json` prints it."""

    notes_changed: bool | None
    same_syllabus: bool
    objectives: list[CoveredChanged]
    summary: dict[str, int]
    """How many objectives changed in each way."""


# Of gaps


class AskedAs(Given):
    """A wording, and how often it was asked."""

    question: str
    times: int
    searched_as: str | None
    """What was searched for instead, where its spelling was repaired; else null."""


class Triage(Given):
    """Why questions were not answered well, and what speaks for it."""

    cause: Literal["not in the notes", "in the notes but missed", "off topic"]
    why: str
    confidence: Annotated[float, Field(ge=0, le=1)]
    """The probability that the notes answer."""
    near: float
    """The best cosine of a wording with anything in the notes."""
    unknown: list[str]
    """Words of the questions that no note holds."""
    citations: list[Citation]
    passages: list[Passage]
    """The nearest ones."""


class Gap(Given):
    """Questions of one meaning that got no good answer."""

    id: str
    terms: list[str]
    """What tells it from the others, the most telling first."""
    question: str
    """The most central one of those that may be shown, or in how many wordings it was asked."""
    people: int | None
    """How many different people asked; null where nobody was signed in."""
    times: int
    first: str
    """The day on which it was asked first."""
    last: str
    unchecked: int
    """How many of its questions were asked of other notes, and not asked again."""
    wordings: list[AskedAs]
    """Those that enough people used to be shown."""
    others: int
    """How many other wordings there are."""
    reasons: list[str]
    """Why answers did not help, in the readers' words; none where too few people said so."""
    triage: Triage


class Gaps(Given):
    """What the question log says the notes lack, as `notesqa gaps --json` prints it."""

    looked_at: int
    since: str | None
    """The day of the first question."""
    troubled: dict[str, int]
    """How many questions got no good answer, by why."""
    closed: int
    """Those that are answered well by now."""
    changed: int
    """Those whose answer did not help and is another by now."""
    withheld: int | None
    """Questions of groups that too few people asked to be shown; null for fewer than `least`."""
    further: int
    """Questions of groups that are not listed."""
    least: int
    """How many people must have asked."""
    corpus: str
    """The digest of the notes."""
    generation: int
    gaps: list[Gap]
    made: str
    """When they were looked for (ISO 8601)."""
    stale: bool
    """Whether questions were asked, or the notes changed, since."""


class AskedEvidence(Given):
    """Words of a note that decide an answer."""

    document: str
    quote: str


class Asking(Given):
    """One wording of a gap, and what it gets from the notes of now."""

    question: str
    times: int
    """How often people asked in these words."""
    state: Literal["answered", "abstained"]
    trouble: str | None
    """Why that is no good answer either; null where it is one."""
    confidence: Annotated[float, Field(ge=0, le=1)]
    evidence: AskedEvidence | None
    """Null where there is no answer."""
    passages: list[Passage]


class Answers(Given):
    """The wordings of a gap, by whether they are answered now."""

    answered: list[Asking]
    left: list[Asking]


class Reasked(Given):
    """What the questions of a gap got when they were asked again."""

    group: str
    """The gap's id."""
    n: int
    """How many questions were asked."""
    answered: int
    left: int
    untold: int
    """Those of them in words that too few people used to be shown."""
    unasked: int
    """How many wordings were too many to be asked."""
    generation: int
    questions: Answers
    made: str
    """When they were asked again (ISO 8601)."""
    stale: bool
    """Whether the notes have changed since."""


# Of the audit


class Stretch(Given):
    """A run of a note's words, and where they stand."""

    document: str
    headings: list[str]
    """That all of it stands under, outermost first."""
    location: str
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]
    text: str


class Never(Stretch):
    """What nothing asked so far has found."""

    passages: int
    of: int
    """How many its note has."""
    near: float | None
    """The cosine of the nearest wording, which found other passages."""
    nearest: str
    """That wording, where enough people asked it to be shown."""


class Always(Stretch):
    """A passage that is cited for very different subjects."""

    askings: int
    """How many wordings cite it."""
    share: float
    """Of all wordings that got an answer."""
    spread: float
    """How different they are; 1 is as different as any two."""
    asked: list[str]
    """Some of them, where enough people asked them to be shown."""


class Versions(Given):
    """Notes that share so much that each seems to be made of another."""

    documents: list[str]
    share: float
    """Of the statements of a note, in another of them: the largest."""


class Alike(Given):
    """What several notes say in the same words, or nearly."""

    statements: int
    exact: bool
    differs: list[list[str]]
    """The words in which the first two that differ do so."""
    places: list[Stretch]


class Disagreeing(Given):
    """Two statements that cannot both hold, perhaps."""

    kind: str
    reason: str
    """On what they disagree, in words."""
    sure: float
    """How much else of them is the same, from 0 to 1."""
    more: int
    """Other such pairs that either is part of."""
    one: Stretch
    other: Stretch


class PlaceAsked(Given):
    """Where in a long part answers come from, with a question that led there."""

    location: str
    asked: str


class Unwieldy(Stretch):
    """What is too long, or without headings, for what is asked of it."""

    why: str
    passages: int
    askings: int
    places: list[PlaceAsked]


class Basis(Given):
    """What an audit rests on."""

    questions: int
    objectives: int
    wordings: int
    met: int
    """How many of them the notes of today were asked."""
    notes: int
    passages: int
    statements: int
    unseen: float | None
    """The share of what the next question finds that nothing has found yet."""
    tells_much: bool
    """Whether enough was asked for what was never found to mean something."""
    lost: int
    """Quotes and passages of older answers that stand nowhere any more."""
    language: str


class Audit(Given):
    """What in the notes deserves a closer look, as `notesqa audit --json` prints it."""

    rests_on: Basis
    never: list[Never]
    always: list[Always]
    versions: list[Versions]
    alike: list[Alike]
    disagreeing: list[Disagreeing]
    unwieldy: list[Unwieldy]
    generation: int
    made: str
    """When somebody looked (ISO 8601)."""
    stale: bool
    """Whether questions were asked, or the notes changed, since."""
