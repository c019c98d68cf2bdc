"""Labelled questions become the confidence model: `python -m eval.fit QUESTIONS OUT.json`.

A question is right when the draft of its answer holds the evidence; an unanswerable one never is.
Regularisation and threshold are chosen on probabilities that each question got from a model which
saw no wording of its fact.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.cases import covers
from eval.conversation import Conversations
from eval.dataset import Question, load_questions
from rag import Confidence, Library, Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

FOLDS = 10
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse strengths of the L2 penalty that are tried."""


def observe(
    library: Library, questions: Sequence[Question]
) -> tuple[list[dict[str, float]], list[bool]]:
    """Returns each question's signals, and whether the draft of its answer holds the evidence."""
    text_of = cache(library.source)
    conversations = Conversations(library)
    signals, right = [], []
    for question in questions:
        draft = conversations.draft(question)
        signals.append(draft.signals)
        shown = [(citation.document, citation.span) for citation in draft.citations]
        right.append(question.answerable and covers(question, shown, text_of))
    return signals, right


def fit(
    signals: Sequence[dict[str, float]],
    right: Sequence[bool],
    questions: Sequence[Question],
    fitted_on: dict[str, Any],
) -> Confidence:
    """Returns the model; `fitted_on` is kept in it, with the cross-validated errors added."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = sorted(signals[0])
    x = np.array([[values[name] for name in names] for values in signals])
    y = np.array(right)
    facts = [question.fact for question in questions]

    def held_out(strength: float) -> Array:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
        folds = GroupKFold(FOLDS)
        probabilities: Array = cross_val_predict(
            model, x, y, groups=facts, cv=folds, method="predict_proba"
        )[:, 1]
        return probabilities

    strength = min(STRENGTHS, key=lambda value: log_loss(y, held_out(value)))
    probability = held_out(strength)
    answerable = np.array([question.answerable for question in questions])
    threshold = choose_threshold(probability, y, answerable)
    shown = probability >= threshold
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=strength, max_iter=1000).fit(scaler.transform(x), y)
    return Confidence(
        means=dict(zip(names, scaler.mean_.round(6).tolist(), strict=True)),
        scales=dict(zip(names, scaler.scale_.round(6).tolist(), strict=True)),
        weights=dict(zip(names, model.coef_[0].round(6).tolist(), strict=True)),
        intercept=round(float(model.intercept_[0]), 6),
        threshold=threshold,
        fitted_on={
            **fitted_on,
            "questions": len(questions),
            "facts": len(set(facts)),
            "right": int(y.sum()),
            "unanswerable": int((~answerable).sum()),
            "penalty_C": strength,
            "held_out": {
                "AUROC": round(float(roc_auc_score(y, probability)), 4),
                "Brier": round(float(brier_score_loss(y, probability)), 4),
                "false_answers": round(float(shown[~answerable].mean()), 4),
                "handled": round(float(np.where(answerable, shown & y, ~shown).mean()), 4),
            },
        },
    )


def choose_threshold(probability: Array, right: Flags, answerable: Flags) -> float:
    """Returns the threshold, to two places, that serves both kinds of question best.

    That is the largest sum of two shares: answerable questions answered rightly, unanswerable
    ones refused. The mix of the set has no say in it.

    Args:
        probability, right, answerable: `(n,)`, by question; both kinds of question must occur.
    """

    def served(threshold: float) -> float:
        shown = probability >= threshold
        answered = float((shown & right)[answerable].mean())
        refused = float((~shown)[~answerable].mean())
        return answered + refused

    return max((round(0.01 * step, 2) for step in range(1, 100)), key=served)


def main(questions_file: Path, out: Path) -> None:
    """Fits on the `fit` split, or on all where the set is not split, and writes the model."""
    questions = load_questions(questions_file)
    questions = [q for q in questions if q.split == "fit"] or questions
    settings = Settings()
    library = Library.open(settings)
    signals, right = observe(library, questions)
    fitted_on = {
        "set": questions_file.name,
        "sha256": hashlib.sha256(questions_file.read_bytes()).hexdigest(),
        "split": questions[0].split,
        "model": library.embedder.fingerprint,
        "settings": settings.decisive(),
    }
    model = fit(signals, right, questions, fitted_on)
    out.write_text(model.to_json(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
