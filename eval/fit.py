"""A question set becomes a fit of one's own, held against the one that serves now.

A fit says what words weigh beside meaning and how sure an answer is. One that is not better than
the present one, by figures that are held out, is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval import statistics
from eval.dataset import Question, load_questions
from eval.files import replacing
from eval.learning import (
    FOLDS,
    LEAST_HELD_OUT,
    Observed,
    choose_weight,
    folds_of,
    learn,
    observe,
    recount,
    thresholds_met,
    weights_of,
)
from eval.measures import Measure, mean
from eval.statistics import Interval
from rag import Fit, Library, QuestionSetError, RunError, corpus_digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEXICAL_WEIGHTS = (0.0125, 0.0175, 0.025, 0.035, 0.05)
"""What a point of BM25 may be worth."""

LEAST_ANSWERABLE, LEAST_UNANSWERABLE = 50, 20
"""How many of each a set must hold: 1 in 20 is the default rate of false answers."""

COMPARED = ("MRR@10", "confidence_score", "handled", "answer_rate", "abstention_recall")
"""What is printed of the fits before and after."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure under the present fit and the new one.

    Attributes:
        difference: after less before, paired by question, resampled by fact.
    """

    before: Measure
    after: Measure
    difference: Interval

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form that `eval fit --json` prints."""
        return {
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "difference": [
                round(value, 4)
                for value in (self.difference.value, self.difference.low, self.difference.high)
            ],
        }


@dataclass(frozen=True, slots=True)
class Fitting:
    """A new fit, held against the present one on the same questions.

    Attributes:
        fit: what would serve from now on.
        before: the fit that serves now.
        measures: by the names of `COMPARED`.
        objections: why the new fit is refused; none where it is better.
        remarks: what to know about the figures.
    """

    fit: Fit
    before: Fit
    measures: dict[str, Compared]
    objections: tuple[str, ...]
    remarks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of `eval fit --json`."""
        return {
            "adopted": not self.objections,
            "objections": list(self.objections),
            "remarks": list(self.remarks),
            "lexical_weight": {
                "before": self.before.lexical_weight,
                "after": self.fit.lexical_weight,
            },
            "measures": {name: item.to_dict() for name, item in self.measures.items()},
            "fitted_on": self.fit.fitted_on,
        }


def fit_questions(
    library: Library,
    file: Path,
    split: str | None = None,
    progress: Progress = lambda *_: None,
    *,
    expected: float | None = None,
) -> Fitting:
    """Returns a fit made of a question set, held against the one that serves now.

    Where that was made of the same questions and notes, and its levels were never counted, or not
    on the questions kept out of it, it is that one, and they are.

    Args:
        split: what is learnt from; on the set's other questions, if there are `LEAST_HELD_OUT`,
            the levels are counted.
        expected: the share of unanswerable questions that confidences are to be right for; that of
            the set by default.

    Raises:
        QuestionSetError: the set breaks its format, or is too small to learn from.
        LibraryError, ModelError: there is no library, or it was made with another model.
        RunError: the notes were indexed anew meanwhile.
    """
    questions = load_questions(file, split)
    _check_size(file, questions)
    kept_out = _kept_out(file, split)
    library.ensure_ready()
    before, state = library.fit, _state(library)
    weights = sorted({*LEXICAL_WEIGHTS, before.lexical_weight})
    observed = {}
    for number, weight in enumerate(weights):
        trial = Library(library.settings, library.embedder, replace(before, lexical_weight=weight))

        def report(stage: str, done: int, total: int, number: int = number) -> None:
            progress(stage, number * total + done, len(weights) * total)

        observed[weight] = observe(trial, questions, report)
    _check_state(library, state)
    _check_answers(file, questions, observed[before.lexical_weight])
    folds = folds_of(questions)
    weight = choose_weight(questions, observed, before.lexical_weight, folds)
    fitted_on = {
        "set": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "split": split,
        "conditions": library.conditions(),
        "notes": corpus_digest(library.digests()),
    }
    rate = library.settings.false_answers
    fit, probability = learn(questions, observed[weight], weight, folds, fitted_on, rate, expected)
    uncounted = not before.levels or (kept_out and not before.levels[0].held_out)
    counted = bool(uncounted) and _same_source(before, fit)
    if counted:
        on = {**before.fitted_on, "levels": fit.fitted_on["levels"]}
        fit = replace(before, levels=fit.levels, fitted_on=on)
    if kept_out:
        trial = Library(library.settings, library.embedder, fit)
        fit = recount(fit, kept_out, observe(trial, kept_out, progress))
        _check_state(library, state)
    measures = _compared(
        _values(questions, observed[before.lexical_weight], *_served(before, observed, rate)),
        _values(
            questions,
            observed[weight],
            probability,
            thresholds_met(questions, probability, folds, rate),
        ),
        questions,
    )
    remarks = []
    if before.fitted_on.get("set") == file.name:
        remarks.append(
            f"The present fit was made of a set named {file.name} too: where that asked the same, "
            "the figures of the present fit are not held out."
        )
    closer = _closer(questions, observed, before, fit.lexical_weight, probability, expected)
    if counted:
        remarks.append("The present fit was made of these questions: only its levels are new.")
    objections = () if counted else _objections(measures, closer, rate)
    return Fitting(fit, before, measures, objections, tuple(remarks))


def _same_source(one: Fit, other: Fit) -> bool:
    """Returns whether two fits of one weight were made of the same questions and notes."""
    return one.lexical_weight == other.lexical_weight and all(
        one.fitted_on.get(name) == other.fitted_on.get(name) for name in _SOURCE
    )


_SOURCE = ("set", "sha256", "split", "conditions", "notes", "unanswerable_expected")


def _state(library: Library) -> tuple[int, dict[str, Any]]:
    return library.generation, library.conditions()


def _check_state(library: Library, state: tuple[int, dict[str, Any]]) -> None:
    """Raises RunError where the library is no longer in that state."""
    if _state(library) != state:
        raise RunError(
            "The notes were indexed anew meanwhile, so the answers come from two states: run "
            "notesqa eval fit again."
        )


def _check_answers(file: Path, questions: Sequence[Question], observed: Sequence[Observed]) -> None:
    """Raises QuestionSetError where there is nothing to tell right from wrong by."""
    right = {q.fact for q, item in zip(questions, observed, strict=True) if item.right}
    wrong = {q.fact for q, item in zip(questions, observed, strict=True) if not item.right}
    if min(len(right), len(wrong)) < FOLDS:
        raise QuestionSetError(
            f"Of the facts that {file} asks for, {len(right)} are answered rightly and "
            f"{len(wrong)} are not; a fit needs {FOLDS} of both. See notesqa eval check, and "
            "notesqa eval run for what is found."
        )


def write_fit(fitting: Fitting, out: Path) -> None:
    """Writes a fit that is not refused.

    Raises:
        RunError: the file cannot be written.
    """
    with replacing(out, RunError) as file:
        file.write_text(fitting.fit.to_json(), encoding="utf-8")


def _kept_out(file: Path, split: str | None) -> list[Question]:
    """Returns the questions of a set that are not learnt from; none where they are too few."""
    others = [] if split is None else [q for q in load_questions(file) if q.split != split]
    return others if len(others) >= LEAST_HELD_OUT else []


def _check_size(file: Path, questions: Sequence[Question]) -> None:
    answerable = sum(question.answerable for question in questions)
    unanswerable = len(questions) - answerable
    facts = len({question.fact for question in questions})
    if answerable < LEAST_ANSWERABLE or unanswerable < LEAST_UNANSWERABLE or facts < FOLDS:
        raise QuestionSetError(
            f"{file} asks {answerable} answerable and {unanswerable} unanswerable questions about "
            f"{facts} facts; a fit needs {LEAST_ANSWERABLE}, {LEAST_UNANSWERABLE} and {FOLDS}: "
            "write more questions."
        )


def _served(
    fit: Fit, observed: Mapping[float, Sequence[Observed]], rate: float
) -> tuple[Array, Array]:
    """Returns the probabilities and thresholds of the present fit."""
    import numpy as np

    probability = [fit.probability(item.signals) for item in observed[fit.lexical_weight]]
    return np.array(probability), np.full(len(probability), fit.threshold(rate))


def _values(
    questions: Sequence[Question],
    observed: Sequence[Observed],
    probability: Array,
    thresholds: Array,
) -> dict[str, dict[str, float]]:
    """Returns what each measure of `COMPARED` is on each question that has it."""
    values: dict[str, dict[str, float]] = {name: {} for name in COMPARED}
    shown = probability >= thresholds
    for number, question in enumerate(questions):
        item, answered = observed[number], bool(shown[number])
        error = float(probability[number]) - item.right
        values["confidence_score"][question.id] = 1 - error**2
        if question.answerable:
            values["MRR@10"][question.id] = item.gain
            values["answer_rate"][question.id] = float(answered)
            values["handled"][question.id] = float(answered and item.right)
        else:
            values["abstention_recall"][question.id] = float(not answered)
            values["handled"][question.id] = float(not answered)
    return values


def _compared(
    before: Mapping[str, Mapping[str, float]],
    after: Mapping[str, Mapping[str, float]],
    questions: Sequence[Question],
) -> dict[str, Compared]:
    fact_of = {question.id: question.fact for question in questions}
    return {
        name: Compared(
            mean(before[name], fact_of),
            mean(after[name], fact_of),
            statistics.paired(
                {key: after[name][key] - value for key, value in before[name].items()}, fact_of
            ).difference,
        )
        for name in COMPARED
    }


def _closer(
    questions: Sequence[Question],
    observed: Mapping[float, Sequence[Observed]],
    before: Fit,
    weight: float,
    probability: Array,
    expected: float | None,
) -> Interval:
    """Returns by how much the mean squared error of the confidence falls, in the expected mix."""
    counted = weights_of(questions, expected)
    gains = {}
    for number, question in enumerate(questions):
        present, new = observed[before.lexical_weight][number], observed[weight][number]
        was = (before.probability(present.signals) - present.right) ** 2
        now = (float(probability[number]) - new.right) ** 2
        gains[question.id] = float(counted[number]) * (was - now)
    return statistics.paired(gains, {q.id: q.fact for q in questions}).difference


def _objections(measures: Mapping[str, Compared], closer: Interval, rate: float) -> tuple[str, ...]:
    """Returns why a fit must not serve: no closer to the truth beyond chance, or worse beyond it.

    More unanswerable questions may be answered than before, but not more than `rate`.
    """
    found = []
    if closer.low <= 0:
        found.append(
            f"its confidence is no closer to the truth beyond chance ({closer.value:+.4f}, "
            f"95 % interval {closer.low:+.4f} to {closer.high:+.4f})"
        )
    for name in ("MRR@10", "handled"):
        difference = measures[name].difference
        if difference.high < 0:
            found.append(f"{name} falls beyond chance ({difference.value:+.3f})")
    refused = measures["abstention_recall"]
    if refused.difference.high < 0 and refused.after.high < 1 - rate:
        found.append(
            f"it answers more of the unanswerable questions than false_answers allows "
            f"({1 - refused.after.value:.2f}, allowed {rate:g})"
        )
    return tuple(found)
