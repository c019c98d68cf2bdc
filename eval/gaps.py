"""The question log becomes gaps: what people asked and the notes did not answer, by meaning.

Input: the questions of the log; output: `Gaps`, what most people asked for first.

The log says what a question got when it was asked. Of the groups shown, each wording that was asked
of another state of the notes is asked again, `REASKED` wordings at most, the first groups first; of
what is answered well by now no gap is left. An answer that did not help counts as mended where
another is given now: readers will say whether it is better.

A group that fewer than `least` people asked is withheld: of its questions only the number is said,
they are neither asked again nor judged. Where nobody was signed in there is nobody to protect, and
no way to count people. Of a group that is shown, `eval.telling` says which wordings and terms are;
of the others only the number is. What stays possible: two calls, for other days or before and after
another question, differ by numbers from which something may be guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eval import grouping
from eval.support import Judge
from eval.telling import Telling, are_enough, in_full, searched_as
from eval.triage import Triage, triage
from eval.unanswered import Again, Found, Group, Trouble, Wording, groups_of, sureness, wordings_of
from rag import Asked, Citation, Library, NotesQAError, Passage, Verdict

SHOWN = 30
"""Gaps at most: to judge one takes some tenths of a second."""

LONGEST_REASON = 200
"""Characters that are shown of why an answer did not help."""
HEADED = 2
"""Terms that a note about a gap is headed by: more are no heading any more."""

Progress = Callable[[str, int, int], None]

COLUMNS = (
    *("id", "people", "times", "terms", "question", "cause", "why", "quote", "document"),
    *("location", "wordings", "reasons", "first", "last"),
)
"""Of the table of gaps."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions of one meaning that got no good answer.

    Attributes:
        id: made of its earliest question, so that it stays while the group grows.
        terms: what tells it from the others, as enough people wrote it, the most telling first.
        question: the most central one of those that may be told; else in how many words it was put.
        questions: all of them, the newest first.
        people: how many different people asked; None where nobody was signed in.
        triage: whether the notes hold it, and how that can be seen.
        unchecked: how many of its questions were asked of other notes, and not asked again.
        least: people who must have asked in some words for these to be told.
    """

    id: str
    terms: tuple[str, ...]
    question: str
    questions: tuple[Asked, ...]
    people: int | None
    triage: Triage
    unchecked: int = 0
    least: int = 3

    @property
    def first(self) -> datetime:
        """Returns when it was asked first."""
        return self.questions[-1].asked

    @property
    def last(self) -> datetime:
        """Returns when it was asked last."""
        return self.questions[0].asked

    @property
    def wordings(self) -> list[tuple[str, int]]:
        """Returns how it was asked, as far as that may be told, and how often; most often first."""
        telling = Telling(self.questions, self.least)
        counts = Counter(text for text in map(in_full, self.questions) if telling.tells(text))
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

    @property
    def searched(self) -> dict[str, str]:
        """Returns what was searched for instead of a wording, where that was repaired."""
        found = {in_full(asked): searched_as(asked) for asked in self.questions[::-1]}
        return {said: other for said, other in found.items() if other}

    @property
    def others(self) -> int:
        """Returns how many other wordings there are, which too few people used to be shown."""
        return len(set(map(in_full, self.questions))) - len(self.wordings)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Returns why answers did not help, in the readers' words, where enough people said so."""
        disliked = [asked for asked in self.questions if asked.verdict is Verdict.DOWN]
        if not are_enough({asked.user for asked in disliked}, self.least):
            return ()
        said = {" ".join(asked.reason.split()) for asked in disliked if asked.reason}
        return tuple(sorted(shorten(reason, LONGEST_REASON) for reason in said))

    @property
    def evidence(self) -> Citation | Passage | None:
        """Returns the nearest words of the notes; None where it is off topic, or there are none."""
        return self.triage.nearest

    @property
    def heading(self) -> str:
        """Returns its `HEADED` most telling terms in the order of the question, as a heading."""
        said = self.question.casefold()
        places = {term: said.find(term.casefold()) % (len(said) + 1) for term in self.terms}
        return " ".join(sorted(self.terms[:HEADED], key=lambda term: places[term]))

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form; it does not say who asked what, or when."""
        searched = self.searched
        return {
            "id": self.id,
            "terms": list(self.terms),
            "question": self.question,
            "people": self.people,
            "times": len(self.questions),
            "first": self.first.date().isoformat(),
            "last": self.last.date().isoformat(),
            "unchecked": self.unchecked,
            "wordings": [
                {"question": said, "times": times, "searched_as": searched.get(said)}
                for said, times in self.wordings
            ],
            "others": self.others,
            "reasons": list(self.reasons),
            "triage": self.triage.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Gaps:
    """What the log says the notes lack.

    Attributes:
        gaps: what most people asked for first, then what was asked most often, then last.
        looked_at: how many questions of the log were read.
        troubled: how many of them got no good answer, by why.
        since: when the first of them was asked; None where there are none.
        closed: questions asked again that are answered well by now.
        changed: questions asked again whose answer did not help and is another by now.
        withheld: questions of groups that too few people asked.
        further: questions of groups beyond the first `SHOWN`, or of wordings beyond `COMPARED`.
        least: how many people must have asked.
        corpus: the digest of the notes.
        generation: of the library.
        signed_in: whether any of the questions looked at is of somebody who is known.
        mended: the ids of gaps that are closed by now.
    """

    gaps: tuple[Gap, ...]
    looked_at: int
    troubled: dict[Trouble, int]
    since: datetime | None
    closed: int
    changed: int
    withheld: int
    further: int
    least: int
    corpus: str
    generation: int
    mended: tuple[str, ...] = ()
    signed_in: bool = False

    @property
    def told_withheld(self) -> int | None:
        """Returns how many questions are withheld; None where that are fewer than `least`."""
        hidden = self.signed_in and self.withheld < self.least > 1
        return None if hidden else self.withheld

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `gaps --json`."""
        return {
            "looked_at": self.looked_at,
            "since": self.since and self.since.date().isoformat(),
            "troubled": {trouble.value: self.troubled[trouble] for trouble in Trouble},
            "closed": self.closed,
            "changed": self.changed,
            "withheld": self.told_withheld,
            "further": self.further,
            "least": self.least,
            "corpus": self.corpus,
            "generation": self.generation,
            "gaps": [gap.to_dict() for gap in self.gaps],
        }

    def rows(self) -> list[list[str]]:
        """Returns a table, its first row the names of the columns, a gap each in the others."""
        return [list(COLUMNS), *([str(cell) for cell in _cells(gap)] for gap in self.gaps)]


class GapError(NotesQAError):
    """What was named is no gap."""


def find_gaps(
    library: Library,
    asked: Iterable[Asked],
    least: int | None = None,
    progress: Progress = lambda *_: None,
) -> Gaps:
    """Returns the gaps that the questions of a log show in the notes of now.

    In whatever order the questions come, the gaps are the same.

    Args:
        least: people who must have asked for a group to be shown, where people are known;
            `settings.least_askers` if left out.

    Raises:
        LibraryError, ModelError: as for `Library.ask`.
    """
    library.ensure_ready()
    contents = library.contents()
    least = library.settings.least_askers if least is None else least
    sure = sureness(library)
    found = Found(sure)
    for question in asked:
        found.add(question)
    progress("Comparing", 0, len(found.troubled))
    wordings, further = wordings_of(found.troubled, contents.language)
    again = Again(library, sure, contents.generation)
    withheld, groups, mended = 0, list[Group](), list[str]()
    for group in groups_of(wordings, library):
        if len(groups) == SHOWN:
            further += group.times
            continue
        left = group
        if group.is_asked_by(least):
            progress("Asking again", len(groups), SHOWN)
            left = again.ask(group)
            if not left.wordings:
                mended.append(group.id)
                continue
        if left.is_asked_by(least):
            groups.append(left)
        else:
            withheld += left.times
    groups.sort(key=lambda group: group.rank)
    telling = _telling(groups, wordings, contents.language, least)
    judge = Judge(library)
    gaps = []
    for number, (group, said) in enumerate(zip(groups, telling, strict=True)):
        progress("Judging", number, len(groups))
        gaps.append(_gap(judge, group, said, again.unchecked, least))
    return Gaps(
        gaps=tuple(gaps),
        looked_at=found.looked_at,
        troubled=found.counts,
        since=found.since,
        closed=again.closed,
        changed=again.changed,
        withheld=withheld,
        further=further,
        least=least,
        corpus=contents.corpus,
        generation=contents.generation,
        signed_in=found.signed_in,
        mended=tuple(mended),
    )


def gap_of(library: Library, asked: Iterable[Asked], name: str, least: int | None = None) -> Gap:
    """Returns the gap of an id, or of the beginning of one, with all that was asked of it.

    Questions that are answered by now are among them, so that a gap that is closed can be looked
    at. None is asked again.

    Args:
        least: as for `find_gaps`.

    Raises:
        GapError: no group that may be shown begins so, or several do.
        LibraryError, ModelError: as for `Library.ask`.
    """
    library.ensure_ready()
    language = library.contents().language
    least = library.settings.least_askers if least is None else least
    found = Found(sureness(library))
    for question in asked:
        found.add(question)
    wordings, _ = wordings_of(found.troubled, language)
    groups = [group for group in groups_of(wordings, library) if group.is_asked_by(least)]
    named = [group for group in groups if name and group.id.startswith(name.lower())]
    if len(named) != 1:
        what = (
            f"{len(named)} gaps have names that begin" if named else "No gap has a name that begins"
        )
        raise GapError(f"{what} with {name}: notesqa gaps lists them.")
    (said,) = _telling(named, wordings, language, least)
    return _gap(Judge(library), named[0], said, frozenset(), least)


def _telling(
    groups: Sequence[Group], wordings: Sequence[Wording], language: str, least: int
) -> list[tuple[str, ...]]:
    def stems(text: str) -> set[str]:
        return grouping.stems(text, language)

    return grouping.telling_terms(
        [[wording.text for wording in group.wordings] for group in groups],
        [wording.text for wording in wordings],
        language,
        [Telling(group.questions, least).parts(stems) for group in groups],
    )


def _gap(judge: Judge, group: Group, said: tuple[str, ...], unchecked: Set[str], least: int) -> Gap:
    questions = group.questions
    wordings = len(set(map(in_full, questions)))
    return Gap(
        id=group.id,
        terms=said,
        question=group.central(Telling(questions, least))
        or f"Asked in {wordings:,} different wordings",
        questions=questions,
        people=len(group.people) or None,
        triage=triage(judge, questions, least),
        unchecked=sum(asked.id in unchecked for asked in questions),
        least=least,
    )


def others_of(gap: Gap) -> list[str]:
    """Returns the line that says how many wordings are not shown; none where all are."""
    if not gap.others:
        return []
    return [f"and {gap.others:,} other {'wording' if gap.others == 1 else 'wordings'}"]


def shorten(text: str, most: int) -> str:
    """Returns a text of so many characters at most, with a mark where something is left out."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _cells(gap: Gap) -> tuple[object, ...]:
    """Returns the cells of a gap, as `COLUMNS` names them."""
    evidence = gap.evidence
    quote = evidence.quote if isinstance(evidence, Citation) else evidence and evidence.text
    return (
        *(gap.id, "" if gap.people is None else gap.people, len(gap.questions)),
        *(", ".join(gap.terms), gap.question, gap.triage.cause.value, gap.triage.why),
        *(quote or "", evidence.document if evidence else ""),
        evidence.location if evidence else "",
        "\n".join([*(f"{times} × {said}" for said, times in gap.wordings), *others_of(gap)]),
        "\n".join(gap.reasons),
        *(gap.first.date().isoformat(), gap.last.date().isoformat()),
    )
