from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import WordLengths

from eval import Question
from eval.dataset import Evidence
from eval.fit import choose_threshold, fit, main, observe
from rag import Confidence, Library, Settings


def threshold(*rows: tuple[float, str]) -> float:
    """Rows are a probability and `right`, `wrong` (answerable, other words) or `none`."""
    return choose_threshold(
        np.array([probability for probability, _ in rows]),
        np.array([kind == "right" for _, kind in rows]),
        np.array([kind != "none" for _, kind in rows]),
    )


# The threshold


def test_the_threshold_lies_just_above_what_should_be_refused() -> None:
    # At .51 two of three are answered and all is refused, 2/3 + 1; at .20 it is 3/3 + 0.
    assert threshold((0.9, "right"), (0.6, "right"), (0.5, "none"), (0.2, "right")) == 0.51


def test_the_threshold_itself_is_shown() -> None:
    # .60 is shown at .60: probability >= threshold, as when answering.
    assert threshold((0.60, "right"), (0.595, "none")) == 0.6


def test_the_lowest_of_equal_thresholds_is_chosen() -> None:
    assert threshold((0.9, "right"), (0.8, "wrong"), (0.001, "none")) == 0.01


@pytest.mark.parametrize("times", [1, 10])
def test_the_mix_of_questions_has_no_say_in_the_threshold(times: int) -> None:
    # At .11: 2/2 + 2/3; at .51: 1/2 + 3/3. Counted by questions, ten times as many unanswerable
    # ones would turn 2 + 2 against 1 + 3 into 2 + 20 against 1 + 30.
    unanswerable = [(0.5, "none"), (0.1, "none"), (0.1, "none")] * times
    assert threshold((0.9, "right"), (0.4, "right"), *unanswerable) == 0.11


def test_a_wrong_answer_is_no_reason_to_refuse_nor_to_answer() -> None:
    # Wrong ones are never handled rightly; only .4 and .2 decide.
    assert threshold((0.9, "wrong"), (0.4, "right"), (0.2, "none"), (0.1, "wrong")) == 0.21


# The model


def questions(count: int) -> list[Question]:
    """Two wordings a fact; every fourth fact is unanswerable."""
    evidence = (Evidence("a.md", "Words."),)
    return [
        Question(f"{i}", f"f{i // 2}", f"Question {i}?", "", () if i // 2 % 4 == 3 else evidence)
        for i in range(count)
    ]


def fitted(seed: int = 1) -> tuple[Confidence, list[dict[str, float]], list[bool]]:
    asked = questions(400)
    randomly = np.random.default_rng(seed)
    right = [q.answerable and bool(randomly.random() < 0.7) for q in asked]
    signals = [
        {"useful": 3.0 * r + float(randomly.normal()), "noise": float(randomly.normal())}
        for r in right
    ]
    return fit(signals, right, asked, {"set": "made up"}), signals, right


def test_fit_weighs_what_tells_right_from_wrong() -> None:
    model, signals, right = fitted()
    assert model.weights["useful"] > 5 * abs(model.weights["noise"])
    assert model.means["useful"] == pytest.approx(np.mean([s["useful"] for s in signals]), abs=1e-5)
    assert model.scales["noise"] == pytest.approx(np.std([s["noise"] for s in signals]), abs=1e-5)
    probability = np.array([model.probability(values) for values in signals])
    assert probability[np.array(right)].mean() > 0.8
    assert probability[~np.array(right)].mean() < 0.2


def test_fit_gives_probabilities_that_mean_frequencies() -> None:
    model, signals, right = fitted()
    probability = np.array([model.probability(values) for values in signals])
    # Logistic regression without penalty has equal means; a weak penalty leaves them close.
    assert probability.mean() == pytest.approx(np.mean(right), abs=0.01)


def test_fit_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model, signals, right = fitted()
    strength = model.fitted_on["penalty_C"]
    x = np.array([[values["noise"], values["useful"]] for values in signals])
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
    theirs = reference.fit(x, right).predict_proba(x)[:, 1]
    ours = [model.probability(values) for values in signals]
    # To two places, and with coefficients to six.
    assert np.abs(np.array(ours) - theirs).max() < 0.0051


def test_fit_says_what_it_was_fitted_on() -> None:
    model, _, right = fitted()
    expected = {"set": "made up", "questions": 400, "facts": 200, "right": sum(right)}
    assert {key: model.fitted_on[key] for key in expected} == expected
    assert model.fitted_on["unanswerable"] == 100
    assert 0.9 < model.fitted_on["held_out"]["AUROC"] <= 1
    assert 0 <= model.fitted_on["held_out"]["false_answers"] < 0.2


def test_fit_is_the_same_every_time_and_survives_json() -> None:
    model = fitted()[0]
    assert fitted()[0] == model
    assert Confidence.from_json(model.to_json()) == model


# From notes and questions to a model

ANIMALS = ["otter", "badger", "heron", "vole", "newt", "hedgehog", "squirrel", "woodpecker"]


@pytest.fixture
def set_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Notes, a library and a question set in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rag.pipeline.SentenceTransformerEmbedder", lambda _: WordLengths())
    (tmp_path / "corpus").mkdir()
    records = []
    for number, animal in enumerate(ANIMALS * 2):
        name = f"{animal}{number}"
        text = f"The {name} lives in a den{'e' * number}. It sleeps."
        (tmp_path / "corpus" / f"{name}.md").write_text(text, encoding="utf-8")
        evidence = [{"document": f"{name}.md", "quote": text.split(". ", maxsplit=1)[0]}]
        records += [
            {"question": f"Where lives the {name}?", "evidence": evidence},
            {"question": f"Why is the {name} taxed at {'o' * number} percent?", "evidence": []},
        ]
    lines = [
        {"id": str(i), "fact": str(i), "kind": "", "split": "report" if i > 27 else "fit", **record}
        for i, record in enumerate(records)
    ]
    file = tmp_path / "set.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    Library(Settings()).index()
    return file


def test_observe_says_whether_the_draft_holds_the_evidence(set_file: Path) -> None:
    library = Library.open(Settings())
    text = library.source("otter0.md")
    asked = [
        Question("1", "1", text, "", (Evidence("otter0.md", text.split(". ")[0]),)),
        Question("2", "2", text, "", (), needs_all=True),
    ]
    signals, right = observe(library, asked)
    assert right == [True, False]
    assert signals[0] == signals[1] == library.draft(text).signals


def test_main_fits_on_the_fitting_split_alone(set_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.json"
    main(set_file, out)
    model = Confidence.from_json(out.read_text(encoding="utf-8"))
    assert model.fitted_on["split"] == "fit"
    assert (model.fitted_on["questions"], model.fitted_on["unanswerable"]) == (28, 14)
    assert model.fitted_on["model"] == "word-lengths-1"
    assert model.fitted_on["sha256"] == hashlib.sha256(set_file.read_bytes()).hexdigest()
    # Words of the reporting split do not matter.
    changed = set_file.read_text("utf-8").replace("woodpecker15?", "woodpecker15, and why?")
    assert changed != set_file.read_text("utf-8")
    set_file.write_text(changed, encoding="utf-8")
    main(set_file, out)
    again = Confidence.from_json(out.read_text(encoding="utf-8"))
    assert (again.weights, again.threshold) == (model.weights, model.threshold)
