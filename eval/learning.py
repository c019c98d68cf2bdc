"""Drafts of labelled questions become a fit, its probabilities held out by fact.

An answer is right when its draft holds the evidence; of an unanswerable question none is. A
question's probability comes from a model that saw no wording of its fact, and meets the threshold
of the other folds. Not nested are the choice among five weights and five penalties, and that the
probabilities behind a threshold come from models that saw the fact it is then used on.

How often answers are right, by levels of confidence, is counted on the questions that the set keeps
out of the fit: the fit that serves, on what no part of it was made of. Where the set keeps too few,
it is counted on the fitted questions, by the held-out probabilities. Either way questions are
counted as they are: the weights by which a fit is made right for another share of unanswerable
questions make no counts. Where that share is far from the one expected, as that of the shipped
fitting split is (28 of 100, expected 10), levels on fitted questions are right less often than the
confidence says; so each level says on what it was counted, and `fitted_on` how many of it were
unanswerable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from eval import statistics
from eval.cases import Place, covers
from eval.conversation import Conversations
from eval.dataset import Question, TextOf
from rag import Fit, Level, Library, threshold_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Folds = list[NDArray[np.int64]]

FOLDS = 10
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse strengths of the L2 penalty that are tried."""

LEAST = 30
"""Questions of a level: the 95 % interval of half of them right is .33 to .67 (Wilson)."""

LEAST_HELD_OUT = 100
"""Questions kept out of the fit on which levels are counted: enough for two or three of them."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Observed:
    """What a question got, before anything is decided.

    Attributes:
        right: the draft of its answer holds the evidence.
        gain: 1 / rank of the passage that finds the evidence, 0 beyond 10.
    """

    signals: dict[str, float]
    right: bool
    gain: float


def observe(
    library: Library, questions: Sequence[Question], progress: Progress = lambda *_: None
) -> list[Observed]:
    """Returns what each question gets, in its conversation."""
    conversations = Conversations(library)
    text_of = cache(library.source)
    observed = []
    for number, question in enumerate(questions):
        progress("Asking", number, len(questions))
        draft = conversations.draft(question)
        shown = [(citation.document, citation.span) for citation in draft.citations]
        found = [(passage.document, passage.span) for passage in draft.passages]
        observed.append(
            Observed(
                draft.signals,
                question.answerable and covers(question, shown, text_of),
                _gain(question, found, text_of),
            )
        )
    return observed


def _gain(question: Question, found: Sequence[Place], text_of: TextOf) -> float:
    """Returns 1 / the number of passages that it takes to hold the evidence, 0 beyond 10."""
    if question.answerable:
        for rank in range(1, min(10, len(found)) + 1):
            if covers(question, found[:rank], text_of):
                return 1 / rank
    return 0.0


def folds_of(questions: Sequence[Question]) -> Folds:
    """Returns the numbers of the questions of each fold; no fact stands in two."""
    from sklearn.model_selection import GroupKFold

    facts = [question.fact for question in questions]
    return [test for _, test in GroupKFold(FOLDS).split(facts, groups=facts)]


def choose_weight(
    questions: Sequence[Question],
    observed: Mapping[float, Sequence[Observed]],
    present: float,
    folds: Folds,
) -> float:
    """Returns the lexical weight that finds best, or the present one unless that is beaten.

    Beaten is it where weights chosen on the other folds rank the questions of each fold better,
    beyond chance (95 %, resampled by fact).
    """
    import numpy as np

    weights = list(observed)
    answerable = np.array([question.answerable for question in questions])
    gains = np.array([[item.gain for item in observed[weight]] for weight in weights])

    def best(among: NDArray[np.bool_]) -> int:
        return int(gains[:, among & answerable].mean(axis=1).argmax())

    gained: dict[str, float] = {}
    for fold in folds:
        others = np.ones(len(questions), dtype=bool)
        others[fold] = False
        chosen = gains[best(others)] - gains[weights.index(present)]
        gained |= {questions[i].id: float(chosen[i]) for i in fold if answerable[i]}
    fact_of = {question.id: question.fact for question in questions}
    if statistics.paired(gained, fact_of).difference.low <= 0:
        return present
    return weights[best(np.ones(len(questions), dtype=bool))]


def learn(
    questions: Sequence[Question],
    observed: Sequence[Observed],
    weight: float,
    folds: Folds,
    fitted_on: dict[str, Any],
    rate: float,
    expected: float | None = None,
) -> tuple[Fit, Array]:
    """Returns the fit, and the probability each question gets from those that have not seen it.

    Args:
        fitted_on: kept in the fit, with its size and held-out errors added.
        rate: of false answers, for which the errors are stated.
        expected: as for `weights_of`.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss, roc_auc_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = sorted(observed[0].signals)
    x = np.array([[item.signals.get(name, 0.0) for name in names] for item in observed])
    y = np.array([item.right for item in observed])
    answerable = np.array([question.answerable for question in questions])
    weights = weights_of(questions, expected)
    everything = np.arange(len(questions))
    splits = [(np.setdiff1d(everything, fold), fold) for fold in folds]

    def held_out(strength: float) -> Array:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
        weighed = {"logisticregression__sample_weight": weights}
        probabilities: Array = cross_val_predict(
            model, x, y, cv=splits, method="predict_proba", params=weighed
        )
        return probabilities[:, 1]

    strength = min(STRENGTHS, key=lambda value: log_loss(y, held_out(value), sample_weight=weights))
    probability = held_out(strength).round(2)
    shown = probability >= thresholds_met(questions, probability, folds, rate)
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=strength, max_iter=1000)
    model.fit(scaler.transform(x), y, sample_weight=weights)
    fit = Fit(
        lexical_weight=weight,
        means=dict(zip(names, scaler.mean_.round(6).tolist(), strict=True)),
        scales=dict(zip(names, scaler.scale_.round(6).tolist(), strict=True)),
        weights=dict(zip(names, model.coef_[0].round(6).tolist(), strict=True)),
        intercept=round(float(model.intercept_[0]), 6),
        unanswerable=_highest_first(probability[~answerable]),
        levels=levels_of(probability, y),
        fitted_on={
            **fitted_on,
            "questions": len(questions),
            "facts": len({question.fact for question in questions}),
            "right": int(y.sum()),
            "unanswerable": int((~answerable).sum()),
            "unanswerable_expected": expected,
            "penalty_C": strength,
            "levels": _counted_on(questions),
            "held_out": {
                "AUROC of right answers": round(float(roc_auc_score(y, probability)), 4),
                "AUROC of answerable questions": round(
                    float(roc_auc_score(answerable, probability)), 4
                ),
                "Brier": round(float(np.average((probability - y) ** 2, weights=weights)), 4),
                "false answers allowed": rate,
                "false answers": round(float(shown[~answerable].mean()), 4),
                "answer rate": round(float(shown[answerable].mean()), 4),
                "handled": round(float(np.where(answerable, shown & y, ~shown).mean()), 4),
            },
        },
    )
    return fit, probability


def recount(fit: Fit, questions: Sequence[Question], observed: Sequence[Observed]) -> Fit:
    """Returns the fit with its levels counted on questions that it was not made of."""
    import numpy as np

    probability = np.array([fit.probability(item.signals) for item in observed])
    right = np.array([item.right for item in observed])
    return replace(
        fit,
        levels=levels_of(probability, right, held_out=True),
        fitted_on={**fit.fitted_on, "levels": _counted_on(questions)},
    )


def _counted_on(questions: Sequence[Question]) -> dict[str, Any]:
    """Returns what a fit says of the questions of its levels."""
    return {
        "splits": sorted({question.split for question in questions}),
        "questions": len(questions),
        "unanswerable": sum(not question.answerable for question in questions),
    }


def levels_of(
    probability: Array, right: NDArray[np.bool_], *, held_out: bool = False
) -> tuple[Level, ...]:
    """Returns how often answers were right, by tenths of probability; none of too few questions.

    From the least sure up, a tenth of fewer than `LEAST` questions, or one that was right no more
    often than the less sure ones beside it, makes one level with them: so nothing is promised that
    surer answers alone have kept.

    Args:
        probability: to two places.
        held_out: whether the questions had no part in the fit.
    """
    tenths = (probability * 10 + 1e-9).astype(int).clip(max=9)
    found: list[tuple[int, int, int]] = []
    for tenth in range(10):
        low, n, good = tenth, int((tenths == tenth).sum()), int(right[tenths == tenth].sum())
        while found and (min(n, found[-1][1]) < LEAST or good * found[-1][1] <= found[-1][2] * n):
            low, more, also = found.pop()
            n, good = n + more, good + also
        found.append((low, n, good))
    ends = [*(low for low, _, _ in found[1:]), 10]
    return tuple(
        Level(low / 10, end / 10, n, good, held_out)
        for (low, n, good), end in zip(found, ends, strict=True)
        if n >= LEAST
    )


def weights_of(questions: Sequence[Question], expected: float | None) -> Array:
    """Returns how much each question counts, 1 on average.

    Args:
        expected: the share of unanswerable questions that confidences are to be right for; that of
            the set by default.
    """
    import numpy as np

    answerable = np.array([question.answerable for question in questions])
    if expected is None:
        return np.ones(len(questions))
    share = float((~answerable).mean())
    weights: Array = np.where(answerable, (1 - expected) / (1 - share), expected / share)
    return weights


def _highest_first(probabilities: Array) -> tuple[float, ...]:
    return tuple(sorted((float(value) for value in probabilities), reverse=True))


def thresholds_met(
    questions: Sequence[Question], probability: Array, folds: Folds, rate: float
) -> Array:
    """Returns the threshold that each question meets: that of the other folds."""
    import numpy as np

    unanswerable = np.array([not question.answerable for question in questions])
    met = np.empty(len(questions))
    for fold in folds:
        others = unanswerable.copy()
        others[fold] = False
        met[fold] = threshold_for(_highest_first(probability[others]), rate)
    return met
