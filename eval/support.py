"""Wordings of one thing become a judgement: how surely the notes hold it, and where.

Input: the wordings of an objective, or of a group of questions, and quotes that are known to
answer, if any; output: `Support`. Its confidence is the probability that the notes answer, by one
scale for coverage and gaps alike: covered from `COVERED` on, missing below `MISSING`, thin between.

Where it is known what answers, that is looked for (`standing`). Where it is not, or the notes do
not say it any more, a logistic regression speaks whose signals pool the wordings (`signals`); in
notes of questions and answers, the question above the answer counts too (`faq`). Its constants are
in support.json, made by `python -m eval.bench.support` from the fitting split of the shipped
questions, and from headings, asked of the shipped notes and of ten states in each of which a fifth
of them is hidden. Of the reporting split's questions in these states (8,393, of which 23 of 100
have no answer there) 62 of 100 are answered where the confidence is .5 to .75, 81 from .75 to .9,
97 above; of the headings (1,067, 17 of 100 gone) 54, 68 and 94. Where more is missing, fewer are.
How well what is hidden is found is printed by `python -m eval.bench.ablation`.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from eval.cases import Place
from eval.conversation import Conversations
from eval.dataset import Evidence, Question
from eval.faq import SAME, AskedLine, above, asked_lines, telling
from eval.standing import Standing
from eval.syllabus import Wording
from rag import Citation, Contents, Draft, Fit, Library, Passage, Span, terms

COVERED, MISSING = 0.75, 0.5
"""It is covered where that is right three times of four, and missing where it is likelier than
not that no note says it."""

KNOWN = 0.99
"""Where words stand that are known to answer; less by the share of them that does not. The labels
of the shipped set were reviewed, no more is known of their errors."""

ASKED_ANSWERED, ASKED_OPEN = 0.97, 0.05
"""Where the notes ask the very question, with an answer below it and with none (see `faq`)."""

UNDER_ANOTHER = 0.4
"""What the confidence is multiplied by where the answer stands under a question about something
else, so that it is missing. The 303 hidden questions of `faq` have no other known answer; the
factor is no lower since they were asked in the notes' own words, and others may be used."""

SHOWN = 3
"""Quotes of an objective at most."""


class Status(StrEnum):
    """Whether the notes say what they are meant to say."""

    COVERED = "covered"
    THIN = "thin"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Support:
    """What the notes have for something.

    Attributes:
        confidence: 0 to 1, the probability that the notes answer.
        near: the best cosine of a wording with anything in the notes: how near the subject is.
        citations: the best quotes, best first, numbered from 1; also where the status is missing.
        documents: the notes that support it independently, best first; copies count once.
        passages: the nearest, best first.
    """

    confidence: float
    near: float
    citations: tuple[Citation, ...]
    documents: tuple[str, ...]
    passages: tuple[Passage, ...]

    @property
    def status(self) -> Status:
        """Returns what the confidence comes to."""
        if self.confidence >= COVERED:
            return Status.COVERED
        return Status.THIN if self.confidence >= MISSING else Status.MISSING


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic regression: standardise each signal, weigh, add.

    Attributes:
        weights, means, scales: by signal.
    """

    weights: dict[str, float]
    means: dict[str, float]
    scales: dict[str, float]
    intercept: float

    def logit(self, values: Mapping[str, float]) -> float:
        """Returns the logarithm of the odds."""
        return self.intercept + sum(
            weight * (values[name] - self.means[name]) / self.scales[name]
            for name, weight in self.weights.items()
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """What turns signals into a confidence.

    Attributes:
        asked: for what was asked, by the signals of `signals`.
        gone: where a quote that answered does not stand any more, by the `asked` logit and by how
            `near` anything comes to the quote.
        fitted_on: the set, its digest, how much of it, and the conditions it holds under.
    """

    asked: Weights
    gone: Weights
    fitted_on: dict[str, Any]

    @classmethod
    @cache
    def shipped(cls) -> Scale:
        """Returns the one in support.json."""
        found = json.loads(files("eval").joinpath("support.json").read_text("utf-8"))
        return cls(Weights(**found["asked"]), Weights(**found["gone"]), found["fitted_on"])


def signals(
    drafts: Sequence[Draft], fit: Fit, contents: Contents, document: str = ""
) -> dict[str, float]:
    """Returns what speaks for an answer, by name; empty where a wording finds nothing.

    `score` is the best passage's of any wording, as the logit of what is shown; `sure` the highest
    confidence of a wording's answer; `agreement` the share of wordings whose best passage lies in
    the note where most do; `unknown` the share of the words of all wordings that no note holds.
    The mean of the scores beside it, and the fall of the score to the
    tenth passage, gained nothing (cross-validated over facts, 6,875 rows).

    Args:
        document: only the passages of this note are looked at; of all by default.
    """
    scores, firsts = [], []
    for draft in drafts:
        if not draft.passages:
            return {}
        own = [p for p in draft.passages if not document or p.document == document]
        best = own[0] if own else draft.passages[-1]  # no better than the last that was found
        scores.append(_logit(best.score))
        firsts.append(draft.passages[0].document)
    most = Counter(firsts).most_common(1)[0][1]
    return {
        "score": max(scores),
        "sure": max(fit.probability(draft.signals) for draft in drafts),
        "agreement": (firsts.count(document) if document else most) / len(firsts),
        "unknown": _unknown([draft.query for draft in drafts], contents),
    }


def _unknown(queries: Sequence[str], contents: Contents) -> float:
    said = {word for query in queries for word in re.findall(r"\w+", query.lower())}
    content = [word for word in said if terms(word, contents.language)]
    return sum(not contents.knows(word) for word in content) / max(1, len(content))


class Judge:
    """Judges against the newest state of a library."""

    def __init__(self, library: Library, scale: Scale | None = None) -> None:
        """Args: `scale` stands in for the shipped one."""
        self.library = library
        self._scale = scale or Scale.shipped()
        self._conversations = Conversations(library)
        self._contents = library.contents()
        self._language = self._contents.language
        self._standing = Standing(library)
        self._lines: dict[str, list[AskedLine]] = {}

    @property
    def is_measured(self) -> bool:
        """Returns whether the scale was fitted under the conditions of this library."""
        conditions = self._scale.fitted_on.get("conditions")
        return bool(conditions == self.library.conditions())

    def drafts(self, wordings: Sequence[Wording]) -> list[Draft]:
        """Returns what each wording finds; raises as `support`."""
        return [
            self._conversations.draft(Question("", "", said.text, "", (), earlier=said.earlier))
            for said in wordings
        ]

    def support(
        self,
        wordings: Sequence[Wording],
        expected: Sequence[Evidence] = (),
        *,
        needs_all: bool = False,
    ) -> Support:
        """Returns what the notes have for something that is asked in one or more ways.

        Args:
            expected: quotes that are known to answer, or whose words were expected.
            needs_all: whether it takes all of them.

        Raises:
            QuestionError, LibraryError, ModelError: as for `Library.ask`.
        """
        drafts = self.drafts(wordings)
        fit = self.library.fit
        best = max(drafts, key=lambda draft: fit.probability(draft.signals))
        found = Support(
            confidence=0.0,
            near=max(draft.signals.get("unit_similarity", 0.0) for draft in drafts),
            citations=best.citations[:SHOWN],
            documents=(),
            passages=best.passages,
        )
        told = signals(drafts, fit, self._contents)
        if not told:
            return found
        logit = self._scale.asked.logit(told)
        supporting = self._supporting(drafts, fit)
        looked_up = [
            self._standing.of(evidence)
            for evidence in expected
            if self._standing.says_something(evidence)
        ]
        shares = [stands.share for stands in looked_up]
        if shares and (said := min(shares) if needs_all else max(shares)):
            places = [place for stands in looked_up for place in stands.places]
            return replace(
                found,
                confidence=round(KNOWN * said, 2),
                citations=self._cited(places),
                documents=_once([document for document, _ in places], supporting),
            )
        line = self._asked_in(drafts, wordings)
        if line and not looked_up:
            sure = ASKED_ANSWERED if line.answered else ASKED_OPEN
        else:
            if looked_up:
                near = max(stands.near for stands in looked_up)
                logit = self._scale.gone.logit({"asked": logit, "near": near})
            elsewhere = line is None and self._is_under_another(drafts, best)
            sure = _probability(logit) * (UNDER_ANOTHER if elsewhere else 1)
        return replace(found, confidence=round(sure, 2), documents=_once(supporting))

    def _supporting(self, drafts: Sequence[Draft], fit: Fit) -> list[str]:
        """Returns the notes that would do alone, likeliest first; where none would, the best."""
        documents = list(dict.fromkeys(p.document for draft in drafts for p in draft.passages))
        sure = {
            document: self._scale.asked.logit(signals(drafts, fit, self._contents, document))
            for document in documents
        }
        ranked = sorted(documents, key=lambda document: -sure[document])
        least = math.log(MISSING / (1 - MISSING))
        return [document for document in ranked if sure[document] >= least] or ranked[:1]

    def _cited(self, places: Sequence[Place]) -> tuple[Citation, ...]:
        """Returns places as citations, each once."""
        return tuple(
            self._citation(number, *place)
            for number, place in enumerate(dict.fromkeys(places[:SHOWN]), start=1)
        )

    def _citation(self, number: int, document: str, span: Span) -> Citation:
        note = self.library.note(document)
        return Citation(
            number=number,
            document=document,
            title=note.title,
            headings=self._contents.headings(document, span.start),
            location=note.place(span),
            span=span,
            quote=span.of(note.text),
        )

    # Notes of questions and answers

    def _lines_of(self, document: str) -> list[AskedLine]:
        if document not in self._lines:
            text = self.library.source(document)
            self._lines[document] = asked_lines(text, self._language)
        return self._lines[document]

    def _asked_in(self, drafts: Sequence[Draft], wordings: Sequence[Wording]) -> AskedLine | None:
        """Returns the line of a note that asks what a wording asks, an answered one first."""
        asked = [set(terms(said.text, self._language)) for said in wordings]
        near = {passage.document for draft in drafts for passage in draft.passages}
        found = [
            line
            for document in sorted(near)
            for line in telling(self._lines_of(document))
            if any(line.likeness(words) >= SAME for words in asked)
        ]
        return max(found, key=lambda line: line.answered, default=None)

    def _is_under_another(self, drafts: Sequence[Draft], best: Draft) -> bool:
        """Returns whether the answer to a question stands under one about something else.

        It does not where it holds what is asked for itself; and of a statement nobody knows how the
        notes would ask for it.
        """
        if not best.citations or not any(draft.query.endswith("?") for draft in drafts):
            return False
        place = best.citations[0]
        line = above(self._lines_of(place.document), place.span.start)
        said = set(terms(place.quote, self._language))
        asked = [set(terms(draft.query, self._language)) for draft in drafts]
        return line is not None and not any(line.includes(a) or a <= said for a in asked)


def _probability(logit: float) -> float:
    """Returns the probability of a logit, no nearer to certainty than known words are."""
    return min(max(1 / (1 + math.exp(-logit)), 1 - KNOWN), KNOWN)


def _logit(share: float) -> float:
    share = min(max(share, 1e-6), 1 - 1e-6)
    return math.log(share / (1 - share))


def _once(*documents: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(document for some in documents for document in some))
