"""Signals become the probability that the answer shown holds the words asked for.

A logistic regression over the signals that `signals` names, fitted on labelled questions and kept
as plain JSON with what it was fitted on. Below the threshold there is no answer; the number that
is compared with the threshold is the number shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from rag.answering import Choice, idf_share
from rag.retrieval import Retrieval

SIGNAL_HITS = 10
"""How many of the best hits the signals look at."""


def signals(retrieval: Retrieval, ranked: Sequence[Choice]) -> dict[str, float]:
    """Returns what speaks for and against an answer, by name; empty where nothing was found.

    Chosen on the fitting split of the shipped questions: with six more (the cosine and BM25 of the
    best passage, its score, agreement of the legs, length of the query …) the cross-validated area
    under the curve fell from .722 to .716.

    Args:
        ranked: the units of the best passages, best first.
    """
    hits = retrieval.hits[:SIGNAL_HITS]
    if not hits or not ranked:
        return {}
    best = ranked[0]
    chunk = [hit.chunk_similarity for hit in hits]
    unit = [hit.unit_similarity for hit in hits]
    idf = sum(retrieval.terms.values()) or 1.0
    passage = " ".join([best.chunk.title, *best.chunk.headings, best.chunk.text])
    return {
        "unit_similarity": best.similarity,
        "unit_words": best.words,
        "passage_words": idf_share(retrieval.terms, passage, retrieval.language),
        "chunk_drop": max(chunk) - min(chunk),
        "unit_drop": max(unit) - min(unit),
        "unseen_words": sum(retrieval.terms[term] for term in retrieval.unseen) / idf,
    }


@dataclass(frozen=True, slots=True)
class Confidence:
    """A fitted model: standardise each signal, weigh, add, squash.

    Attributes:
        means, scales, weights: by signal.
        threshold: the least probability with which an answer is shown.
        fitted_on: what the model was fitted on and how well it did there.
    """

    means: dict[str, float]
    scales: dict[str, float]
    weights: dict[str, float]
    intercept: float
    threshold: float
    fitted_on: dict[str, Any]

    def probability(self, values: Mapping[str, float]) -> float:
        """Returns the probability, 0 to 1, to two places; 0 where nothing was found."""
        if not values:
            return 0.0
        logit = self.intercept + sum(
            weight * (values[name] - self.means[name]) / self.scales[name]
            for name, weight in self.weights.items()
        )
        return round(1 / (1 + math.exp(-logit)), 2)

    def measured_with(self, model: str, settings: Mapping[str, float]) -> bool:
        """Returns whether it was fitted on answers made with this model and these settings.

        Args:
            model: the embedder's fingerprint.
            settings: those that change what is found and shown.
        """
        fitted = self.fitted_on
        return (fitted.get("model"), fitted.get("settings")) == (model, settings)

    def to_json(self) -> str:
        """Returns the text that `from_json` reads."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Confidence:
        """Returns the model that `to_json` wrote."""
        return cls(**json.loads(text))

    @classmethod
    def shipped(cls) -> Confidence:
        """Returns the model fitted on the shipped question set's fitting split."""
        return cls.from_json(files("rag").joinpath("confidence.json").read_text("utf-8"))
