"""Signals become the probability that the answer shown holds the words asked for.

A `Fit` is what was learnt from labelled questions: what words weigh beside meaning, and a logistic
regression over the signals that `signals` names. It is plain JSON, with what it was fitted on and
how well it did on questions it had not seen. One is shipped; `notesqa eval fit` makes one of a
person's own questions, for the library that they are about.

Below the threshold there is no answer; the number that is compared with the threshold is the number
shown. The threshold follows from a stated rate of false answers and the probabilities that
unanswerable questions got while they were held out.

Tried on the fitting split of the shipped questions (385 answerable, 152 not, cross-validated over
facts, all counted alike): with the two signals 37 of 100 answerable questions are answered where 5
of 100 unanswerable ones are, and the area under the curve is .85 for "the notes answer" and .74 for
"the answer is right". The best unit alone: 33, .85, .74. With matched tokens and the fall of the
score from the first hit to the tenth instead of words: 23, .82, .77, a better forecast and a worse
refusal. Twenty more (gaps between scores, agreement of the legs, terms that the notes lack, the
length of the query, the weakest token ...) in pairs and threes gained nothing beyond that. What the
shipped fit does is said in it: 32 of 100, with thresholds held out too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from rag.retrieval import Retrieval
from rag.types import Level

SIGNAL_HITS = 10
"""How many of the best hits the signals look at."""

SIGNALS = ("unit_similarity", "words_found")


def signals(retrieval: Retrieval) -> dict[str, float]:
    """Returns what speaks for and against an answer, by name; empty where nothing was found.

    `unit_similarity` is the best cosine of the query and a unit of the best hits, `words_found` the
    best BM25 among them in relation to the idf of all the query's words: how much of the question
    is said in one place.
    """
    hits = retrieval.hits[:SIGNAL_HITS]
    if not hits:
        return {}
    idf = sum(retrieval.terms.values())
    return {
        "unit_similarity": max(hit.unit_similarity for hit in hits),
        "words_found": max(hit.bm25 for hit in hits) / idf if idf else 0.0,
    }


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model: standardise each signal, weigh, add, squash.

    Attributes:
        lexical_weight: what a point of BM25 is worth beside the cosines of meaning.
        means, scales, weights: by signal.
        unanswerable: the probabilities of the unanswerable questions it was fitted on, each from a
            model that had not seen it, highest first.
        fitted_on: the set, its digest and size, the conditions, and the errors measured.
        levels: how often answers were right, by confidence from 0 to 1; none where that was not
            counted.

    Raises:
        ValueError: its signals are not those of this version, or something is missing or absurd.
    """

    lexical_weight: float
    means: dict[str, float]
    scales: dict[str, float]
    weights: dict[str, float]
    intercept: float
    unanswerable: tuple[float, ...]
    fitted_on: dict[str, Any]
    levels: tuple[Level, ...] = ()

    def __post_init__(self) -> None:
        for part in (self.means, self.scales, self.weights):
            if sorted(part) != sorted(SIGNALS):
                raise ValueError(f"fitted on the signals {', '.join(sorted(part)) or 'none'}")
        numbers = (
            *(self.lexical_weight, self.intercept, *self.unanswerable),
            *(*self.means.values(), *self.scales.values(), *self.weights.values()),
        )
        if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
            raise ValueError("one of its numbers is none")
        if min(self.scales.values()) <= 0 or self.lexical_weight < 0:
            raise ValueError("a scale or weight is out of range")
        if not self.unanswerable or list(self.unanswerable) != sorted(
            self.unanswerable, reverse=True
        ):
            raise ValueError("its unanswerable questions are none, or not sorted")
        if not isinstance(self.fitted_on, dict):
            raise ValueError("it does not say what it was fitted on")
        begin, end = [level.low for level in self.levels], [level.high for level in self.levels]
        if self.levels and [*begin, 1] != [0, *end]:
            raise ValueError("its levels leave something out")

    def probability(self, values: Mapping[str, float]) -> float:
        """Returns the probability, 0 to 1, to two places; 0 where nothing was found."""
        if not values:
            return 0.0
        logit = self.intercept + sum(
            weight * (values[name] - self.means[name]) / self.scales[name]
            for name, weight in self.weights.items()
        )
        return round(1 / (1 + math.exp(-logit)), 2)

    def threshold(self, false_answers: float) -> float:
        """Returns the least probability with which an answer is shown, to two places.

        Args:
            false_answers: 0 to 1, the share of unanswerable questions that may be answered.
        """
        return threshold_for(self.unanswerable, false_answers)

    def level(self, confidence: float) -> Level | None:
        """Returns what was counted at a confidence; None where nothing was."""
        return next((level for level in self.levels if level.holds(confidence)), None)

    def differs(self, conditions: Mapping[str, Any]) -> list[str]:
        """Returns the names of the conditions that are not those it was fitted under.

        Args:
            conditions: what changes which words are found and shown, as `Library.conditions`.
        """
        fitted = self.fitted_on.get("conditions", {})
        names = sorted({*fitted, *conditions})
        return [name for name in names if fitted.get(name) != conditions.get(name)]

    def to_json(self) -> str:
        """Returns the text that `from_json` reads."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Fit:
        """Returns the model that `to_json` wrote.

        Raises:
            ValueError: the text is none, or of a version with other signals.
        """
        try:
            fields = json.loads(text)
            levels = tuple(Level(**level) for level in fields.get("levels", ()))
            unanswerable = tuple(fields["unanswerable"])
            return cls(**{**fields, "unanswerable": unanswerable, "levels": levels})
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("not a fit of this version") from error

    @classmethod
    def shipped(cls) -> Fit:
        """Returns the one made of the fitting split of the shipped questions."""
        return cls.from_json(files("rag").joinpath("fit.json").read_text("utf-8"))


def read_fit(file: Path, conditions: Mapping[str, Any]) -> tuple[Fit | None, str | None]:
    """Returns the fit in a file where it holds under the conditions, and else why it does not."""
    remedy = "run notesqa eval fit with your questions again; until then the shipped fit serves."
    try:
        found = Fit.from_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return None, f"{file} is not used ({error}): {remedy}"
    if differing := found.differs(conditions):
        what = " and ".join(differing)
        return None, f"{file} is not used, it was made with another {what}: {remedy}"
    return found, None


def threshold_for(unanswerable: tuple[float, ...], false_answers: float) -> float:
    """Returns the lowest threshold, to two places, that at most that share of questions reaches.

    Args:
        unanswerable: probabilities to two places, highest first.
    """
    allowed = math.floor(false_answers * len(unanswerable) + 1e-9)
    if allowed >= len(unanswerable):
        return 0.0
    return round(unanswerable[allowed] + 0.01, 2)
