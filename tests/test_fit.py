from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Run, WordLengths, constant_fit

from eval import Question, fit_questions
from eval import fit as fitting_module
from eval.dataset import Evidence, load_questions
from eval.fit import COMPARED, Compared
from eval.learning import (
    LEAST,
    LEAST_HELD_OUT,
    Observed,
    choose_weight,
    folds_of,
    learn,
    levels_of,
    observe,
    thresholds_met,
)
from eval.statistics import Interval
from rag import Fit, Library, QuestionSetError, RunError, Settings
from rag.confidence import SIGNALS

RATE = 0.05


def questions(count: int) -> list[Question]:
    """Two wordings a fact; every fourth fact is unanswerable."""
    evidence = (Evidence("a.md", "Words."),)
    return [
        Question(f"{i}", f"f{i // 2}", f"Question {i}?", "", () if i // 2 % 4 == 3 else evidence)
        for i in range(count)
    ]


def observations(asked: Sequence[Question], seed: int = 1) -> list[Observed]:
    """One signal tells right from wrong, the others are noise."""
    randomly = np.random.default_rng(seed)
    found = []
    for question in asked:
        right = question.answerable and bool(randomly.random() < 0.7)
        noise = dict.fromkeys(SIGNALS, 0.0) | {"words_found": float(randomly.normal())}
        useful = 3.0 * right + float(randomly.normal())
        found.append(Observed(noise | {"unit_similarity": useful}, right, gain=float(right)))
    return found


def learnt(seed: int = 1) -> tuple[Fit, np.ndarray, list[Question], list[Observed]]:
    asked = questions(400)
    observed = observations(asked, seed)
    fit, probability = learn(asked, observed, 0.025, folds_of(asked), {"set": "made up"}, RATE)
    return fit, probability, asked, observed


# The model


def test_learning_weighs_what_tells_right_from_wrong() -> None:
    fit, _, _, observed = learnt()
    assert fit.weights["unit_similarity"] > 5 * abs(fit.weights["words_found"])
    useful = [item.signals["unit_similarity"] for item in observed]
    assert fit.means["unit_similarity"] == pytest.approx(np.mean(useful), abs=1e-5)
    assert fit.scales["unit_similarity"] == pytest.approx(np.std(useful), abs=1e-5)
    right = np.array([item.right for item in observed])
    probability = np.array([fit.probability(item.signals) for item in observed])
    assert probability[right].mean() > 0.8
    assert probability[~right].mean() < 0.2
    # Logistic regression without penalty has equal means; a weak penalty leaves them close.
    assert probability.mean() == pytest.approx(right.mean(), abs=0.01)


def test_learning_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fit, _, _, observed = learnt()
    x = np.array([[item.signals[name] for name in sorted(SIGNALS)] for item in observed])
    strength = fit.fitted_on["penalty_C"]
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
    theirs = reference.fit(x, [item.right for item in observed]).predict_proba(x)[:, 1]
    ours = [fit.probability(item.signals) for item in observed]
    # To two places, and with coefficients to six.
    assert np.abs(np.array(ours) - theirs).max() < 0.0051


def test_probabilities_are_held_out_by_fact() -> None:
    _, probability, asked, observed = learnt()
    # Were a fact's own label among what is learnt from, flipping it would change its probability.
    flipped = [
        replace(item, right=not item.right) if question.fact == "f0" else item
        for question, item in zip(asked, observed, strict=True)
    ]
    _, again = learn(asked, flipped, 0.025, folds_of(asked), {}, RATE)
    own = [question.fact == "f0" for question in asked]
    fold = next(fold for fold in folds_of(asked) if 0 in fold)
    assert again[own].tolist() == probability[own].tolist()
    assert set(np.flatnonzero(own)) <= set(fold)
    assert (again != probability).any()


def test_no_fact_stands_in_two_folds() -> None:
    asked = questions(100)
    facts = [{asked[i].fact for i in fold} for fold in folds_of(asked)]
    assert sum(len(some) for some in facts) == len(set().union(*facts)) == 50


def test_a_fit_says_what_it_was_made_of() -> None:
    fit, probability, asked, observed = learnt()
    right = sum(item.right for item in observed)
    expected = {"set": "made up", "questions": 400, "facts": 200, "right": right}
    assert {key: fit.fitted_on[key] for key in expected} == expected
    assert fit.fitted_on["unanswerable"] == len(fit.unanswerable) == 100
    unanswerable = [p for q, p in zip(asked, probability, strict=True) if not q.answerable]
    assert list(fit.unanswerable) == sorted(unanswerable, reverse=True)
    held_out = fit.fitted_on["held_out"]
    assert 0.9 < held_out["AUROC of right answers"] <= 1
    assert 0 <= held_out["false answers"] < 0.12
    assert held_out["Brier"] == pytest.approx(
        np.mean([(p - item.right) ** 2 for p, item in zip(probability, observed, strict=True)]),
        abs=1e-4,
    )


def test_learning_is_the_same_every_time_and_survives_json() -> None:
    fit = learnt()[0]
    assert learnt()[0] == fit
    assert Fit.from_json(fit.to_json()) == fit


def test_the_threshold_a_question_meets_is_that_of_the_other_folds() -> None:
    asked = questions(400)
    folds = folds_of(asked)
    own = np.zeros(400, dtype=bool)
    own[folds[0]] = True
    unanswerable = np.array([not question.answerable for question in asked])
    # In the first fold unanswerable questions are sure, elsewhere they are not.
    probability = np.where(own & unanswerable, 0.9, 0.3)
    met = thresholds_met(asked, probability, folds, rate=0.0)
    assert set(met[own]) == {0.31}
    assert set(met[~own]) == {0.91}


# The levels


def test_levels_count_what_was_right_from_0_to_1_and_rise() -> None:
    fit, probability, _, observed = learnt()
    right = np.array([item.right for item in observed])
    assert (fit.levels[0].low, fit.levels[-1].high) == (0, 1)
    assert sum(level.n for level in fit.levels) == 400
    for level in fit.levels:
        own = np.array([level.holds(value) for value in probability])
        assert (level.n, level.right) == (own.sum(), right[own].sum())
        assert level.n >= LEAST
    shares = [level.right / level.n for level in fit.levels]
    assert len(shares) > 1 and shares == sorted(set(shares))


def levels_given(*counted: tuple[float, int, int]) -> list[tuple[float, float, int, int]]:
    """Returns the levels of so many questions of a probability, so many of them right."""
    probability = np.concatenate([np.full(n, value) for value, n, _ in counted])
    right = np.concatenate([np.arange(n) < good for _, n, good in counted])
    return [(x.low, x.high, x.n, x.right) for x in levels_of(probability, right)]


def test_levels_by_hand() -> None:
    # Each has enough, and is right more often than the one below it.
    assert levels_given((0.29, 60, 6), (0.3, 40, 12), (1.0, 30, 30)) == [
        (0, 0.3, 60, 6),
        (0.3, 0.9, 40, 12),
        (0.9, 1, 30, 30),
    ]
    # Too few, which goes with the less sure ones; too few at the bottom, with the next.
    assert levels_given((0.25, 30, 3), (0.35, 29, 10), (0.45, 31, 20)) == [
        (0, 0.4, 59, 13),
        (0.4, 1, 31, 20),
    ]
    assert levels_given((0.05, 1, 0), (0.45, 30, 20), (0.55, 30, 21)) == [
        (0, 0.5, 31, 20),
        (0.5, 1, 30, 21),
    ]
    assert levels_given((0.45, 30, 20), (0.95, 1, 1)) == [(0, 1, 31, 21)]
    # The surer were right less often: 17 of 30 after 18 of 30.
    assert levels_given((0.1, 90, 9), (0.5, 30, 18), (0.7, 30, 17)) == [
        (0, 0.5, 90, 9),
        (0.5, 1, 60, 35),
    ]
    assert levels_given((0.5, 29, 20)) == []


def test_a_fit_of_before_levels_were_counted_gets_them_and_stays_what_it_is(
    run: Run, set_file: Path
) -> None:
    assert run("eval", "fit", str(set_file)).status == 0
    file = Path(".notesqa/fit.json")
    written = json.loads(file.read_text(encoding="utf-8"))
    old = {name: value for name, value in written.items() if name != "levels"}
    # As by an encoder of another precision.
    old["intercept"] += 0.01
    file.write_text(json.dumps(old), encoding="utf-8")
    question = "Where lives the otter0?"
    assert Library.open(Settings()).ask(question).level is None
    done = run("eval", "fit", str(set_file))
    assert done.status == 0, done.err
    assert "only its levels are new" in done.out
    assert json.loads(file.read_text(encoding="utf-8")) == {**written, **old}
    answer = Library.open(Settings()).ask(question)
    assert answer.level and answer.level.holds(answer.confidence)
    # Made of other questions, it has to be better as any other.
    old["fitted_on"]["split"] = "fit"
    file.write_text(json.dumps(old), encoding="utf-8")
    assert run("eval", "fit", str(set_file)).status == 1


def test_levels_are_counted_on_the_questions_kept_out_where_there_are_enough(
    run: Run, set_file: Path
) -> None:
    lines = [json.loads(line) for line in set_file.read_text("utf-8").splitlines()]
    for line in lines:
        line["split"] = "fit"
    kept = [
        {**line, "id": f"{line['id']}r", "fact": f"{line['fact']}r", "split": "report"}
        for line in lines
        if line["evidence"] or int(line["id"]) % 4 == 2
    ]
    for number, line in enumerate(kept):
        line["question"] = f"{'So s' if number % 2 else 'S'}ay: {line['question']}"
    assert LEAST_HELD_OUT <= len(kept) < len(lines)
    texts = [json.dumps(line) for line in [*lines, *kept]]
    short = len(lines) + LEAST_HELD_OUT - 1
    set_file.write_text("\n".join(texts[:short]), encoding="utf-8")
    assert run("eval", "fit", str(set_file), "--split", "fit").status == 0
    file = Path(".notesqa/fit.json")
    before = Fit.from_json(file.read_text(encoding="utf-8"))
    assert sum(level.n for level in before.levels) == len(lines)
    assert not any(level.held_out for level in before.levels)
    assert before.fitted_on["levels"]["questions"] == len(lines)

    file.unlink()
    set_file.write_text("\n".join(texts), encoding="utf-8")
    assert run("eval", "fit", str(set_file), "--split", "fit").status == 0
    fit = Fit.from_json(file.read_text(encoding="utf-8"))
    assert (fit.weights, fit.intercept, fit.unanswerable) == (
        *(before.weights, before.intercept, before.unanswerable),
    )
    assert fit.fitted_on["levels"] == {
        "splits": ["report"],
        "questions": len(kept),
        "unanswerable": sum(not line["evidence"] for line in kept),
    }
    assert all(level.held_out for level in fit.levels)
    assert sum(level.n for level in fit.levels) == len(kept)
    library = Library.open(Settings())
    got = observe(library, load_questions(set_file, "report"))
    for level in fit.levels:
        own = [one.right for one in got if level.holds(fit.probability(one.signals))]
        assert (level.n, level.right) == (len(own), sum(own))


def test_levels_that_were_counted_on_the_fitted_questions_are_counted_anew(
    run: Run, set_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("eval", "fit", str(set_file), "--split", "fit").status == 0
    file = Path(".notesqa/fit.json")
    before = Fit.from_json(file.read_text(encoding="utf-8"))
    monkeypatch.setattr(fitting_module, "LEAST_HELD_OUT", 7)
    fitting = fit_questions(Library.open(Settings()), set_file, "fit")
    assert fitting.objections == ()
    counted = {"splits": ["report"], "questions": 7, "unanswerable": 3}
    assert fitting.fit == replace(
        before, levels=(), fitted_on={**before.fitted_on, "levels": counted}
    )


# The weight of words


def gains(asked: Sequence[Question], by_weight: dict[float, float]) -> dict[float, list[Observed]]:
    """A weight finds the evidence of that share of the answerable facts."""
    return {
        weight: [Observed({}, False, float(hash_share(q.fact) < share)) for q in asked]
        for weight, share in by_weight.items()
    }


def hash_share(fact: str) -> float:
    return int(hashlib.sha256(fact.encode()).hexdigest()[:8], 16) / 16**8


def test_a_weight_that_finds_more_is_chosen() -> None:
    asked = questions(400)
    observed = gains(asked, {0.01: 0.3, 0.02: 0.5, 0.03: 0.9})
    assert choose_weight(asked, observed, 0.02, folds_of(asked)) == 0.03


def test_the_present_weight_stays_where_another_is_better_by_chance_only() -> None:
    asked = questions(400)
    observed = gains(asked, {0.01: 0.3, 0.02: 0.5, 0.03: 0.505})
    assert choose_weight(asked, observed, 0.02, folds_of(asked)) == 0.02


# From notes and questions to a fit

ANIMALS = ["otter", "badger", "heron", "vole", "newt", "hedgehog", "squirrel", "woodpecker"]


@pytest.fixture
def set_file(run: Run, tmp_path: Path) -> Path:
    """Notes, a library and a question set in the working directory."""
    (tmp_path / "corpus").mkdir()
    records = []
    for number in range(96):
        name = f"{ANIMALS[number % 8]}{number}"
        text = f"The {name} lives in a den{'e' * (number % 5)}. It sleeps."
        (tmp_path / "corpus" / f"{name}.md").write_text(text, encoding="utf-8")
        evidence = [{"document": f"{name}.md", "quote": text.split(". ", maxsplit=1)[0]}]
        said = f"The {name} lives in a den{'e' * (number % 5)}."
        asked = said if number % 4 else f"Whose nest is that of the {name} beside the mill?"
        records.append({"question": asked, "evidence": evidence})
        if number % 2:
            why = f"Why do they tax it at {'o' * (number % 7)} percent?"
            records.append({"question": why, "evidence": []})
    lines = [
        {
            "id": str(i),
            "fact": str(i),
            "kind": "",
            "split": "report" if i > 136 else "fit",
            **record,
        }
        for i, record in enumerate(records)
    ]
    file = tmp_path / "set.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    assert run("index").status == 0
    return file


def test_observing_says_what_the_draft_holds_and_where_it_was_found(set_file: Path) -> None:
    library = Library.open(Settings())
    text = library.source("otter0.md")
    asked = [
        Question("1", "1", text, "", (Evidence("otter0.md", text.split(". ")[0]),)),
        Question("2", "2", text, "", ()),
    ]
    found, none = observe(library, asked)
    assert (found.right, found.gain) == (True, 1.0)
    assert (none.right, none.gain) == (False, 0.0)
    assert found.signals == none.signals == library.draft(text).signals


def test_a_fit_is_made_of_one_split_written_and_used(run: Run, set_file: Path) -> None:
    before = run("ask", "Where lives the otter0?", "--json")
    assert json.loads(before.out)["confidence"] == 0.5
    done = run("eval", "fit", str(set_file), "--split", "fit")
    assert done.status == 0, done.err
    assert "Written: .notesqa/fit.json" in done.out
    assert "confidence_score" in done.out
    fit = Fit.from_json(Path(".notesqa/fit.json").read_text(encoding="utf-8"))
    assert fit.fitted_on["split"] == "fit"
    assert fit.fitted_on["questions"] == 137
    assert fit.fitted_on["sha256"] == hashlib.sha256(set_file.read_bytes()).hexdigest()
    assert fit.fitted_on["conditions"] == Library.open(Settings()).conditions()
    asked = run("ask", "Where lives the otter0?", "--json")
    assert asked.status == 0, asked.err
    after = json.loads(asked.out)
    assert after["confidence"] == fit.probability(
        Library.open(Settings()).draft("Where lives the otter0?").signals
    )
    assert after["confidence"] != 0.5
    assert "fit" in run("doctor").out


def test_a_fit_that_is_no_better_is_refused_and_nothing_written(run: Run, set_file: Path) -> None:
    assert run("eval", "fit", str(set_file)).status == 0
    file = Path(".notesqa/fit.json")
    written = file.read_bytes()
    # The same questions again: the present fit has seen them, the new one's figures are held out.
    done = run("eval", "fit", str(set_file))
    assert done.status == 1
    assert "The new fit is refused: its confidence is no closer to the truth beyond" in done.err
    assert "made of a set named set.jsonl too" in done.out
    assert file.read_bytes() == written


def test_fit_as_json(run: Run, set_file: Path) -> None:
    done = run("eval", "fit", str(set_file), "--out", "other.json", "--json")
    found = json.loads(done.out)
    assert found["adopted"] is True
    assert found["lexical_weight"]["before"] == 0.025
    assert set(found["measures"]) == set(fitting_module.COMPARED)
    for item in found["measures"].values():
        assert set(item) == {"before", "after", "difference"}
        value, low, high = item["difference"]
        assert low <= value <= high
        assert item["after"]["value"] - item["before"]["value"] == pytest.approx(value, abs=2e-4)
    assert Path("other.json").is_file()
    assert not Path(".notesqa/fit.json").exists()


def test_a_set_too_small_to_learn_from_is_refused(run: Run, set_file: Path) -> None:
    done = run("eval", "fit", str(set_file), "--split", "report")
    assert done.status == 1
    assert "a fit needs 50, 20 and 10: write more questions." in done.err
    with pytest.raises(QuestionSetError, match="asks 4 answerable and 3 unanswerable"):
        fit_questions(Library.open(Settings()), set_file, "report")


def test_a_fit_of_another_chunking_is_not_used_and_that_is_said(run: Run, set_file: Path) -> None:
    assert run("eval", "fit", str(set_file)).status == 0
    assert run("ask", "Where lives the otter0?").err == ""
    (set_file.parent / "notesqa.toml").write_text("chunk_tokens = 100\n", encoding="utf-8")
    assert run("index").status == 0
    done = run("ask", "Where lives the otter0?", "--json")
    assert json.loads(done.out)["confidence"] == 0.5  # by the shipped one
    assert "made with another chunking: run notesqa eval fit" in done.err
    doctor = run("doctor")
    assert doctor.status == 1
    assert "made with another chunking" in doctor.out + doctor.err


@pytest.mark.parametrize("content", ["", "{}", "no json"])
def test_a_damaged_fit_is_not_used_and_that_is_said(run: Run, set_file: Path, content: str) -> None:
    Path(".notesqa/fit.json").write_text(content, encoding="utf-8")
    done = run("ask", "Where lives the otter0?")
    assert done.status == 0
    assert "fit.json is not used" in done.err


def test_a_running_library_reads_a_fit_that_is_new_or_no_longer_holds(
    run: Run, set_file: Path
) -> None:
    library = Library.open(Settings())
    question = "Where lives the otter0?"
    assert library.ask(question).confidence == 0.5
    assert library.ask(question).elsewhere
    assert run("eval", "fit", str(set_file)).status == 0
    assert library.ask(question).confidence == library.fit.probability(
        library.draft(question).signals
    )
    assert library.fit.fitted_on["set"] == "set.jsonl"
    assert not library.ask(question).elsewhere
    Library(replace(Settings(), chunk_tokens=100)).index()
    assert library.ask(question).confidence == 0.5
    assert "another chunking" in (library.fit_problem or "")


def test_a_fit_across_a_reindexing_is_refused(
    set_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library.open(Settings())

    def reindexed(*arguments: object) -> list[Observed]:
        (set_file.parent / "corpus" / "new.md").write_text("Newer.", encoding="utf-8")
        Library(Settings()).index()
        return observe(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting_module, "observe", reindexed)
    with pytest.raises(RunError, match="indexed anew meanwhile"):
        fit_questions(library, set_file)


def test_questions_that_no_draft_answers_are_nothing_to_learn_from(
    run: Run, set_file: Path
) -> None:
    lines = [json.loads(line) for line in set_file.read_text("utf-8").splitlines()]
    for line in lines:
        line["question"] = "Why on earth is it so?"
    set_file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    done = run("eval", "fit", str(set_file))
    assert done.status == 1
    assert "are answered rightly and" in done.err


# What is refused


def compared(name: str, before: Sequence[float], after: Sequence[float]) -> dict[str, Compared]:
    asked = [Question(str(i), str(i), "?", "", ()) for i in range(len(before))]
    values = [{n: {q.id: 0.5 for q in asked} for n in COMPARED} for _ in range(2)]
    for part, found in zip(values, (before, after), strict=True):
        part[name] = {q.id: found[i] for i, q in enumerate(asked)}
    return fitting_module._compared(values[0], values[1], asked)


CLOSER = Interval(0.05, 0.01, 0.09)


@pytest.mark.parametrize("name", ["handled", "MRR@10"])
def test_what_falls_beyond_chance_is_an_objection(name: str) -> None:
    measures = compared(name, [1.0] * 100, [1.0] * 60 + [0.0] * 40)
    (objection,) = fitting_module._objections(measures, CLOSER, RATE)
    assert objection.startswith(f"{name} falls beyond chance (-0.400)")
    assert fitting_module._objections(compared(name, [0.0] * 100, [1.0] * 100), CLOSER, RATE) == ()


@pytest.mark.parametrize(("answered", "objections"), [(5, 0), (8, 0), (20, 1)])
def test_false_answers_are_an_objection_beyond_those_allowed(
    answered: int, objections: int
) -> None:
    measures = compared(
        "abstention_recall", [1.0] * 100, [0.0] * answered + [1.0] * (100 - answered)
    )
    assert len(fitting_module._objections(measures, CLOSER, RATE)) == objections


def test_a_confidence_that_is_closer_by_chance_only_is_an_objection() -> None:
    measures = compared("handled", [0.5] * 20, [0.5] * 20)
    by_chance = Interval(0.01, -0.01, 0.03)
    (objection,) = fitting_module._objections(measures, by_chance, RATE)
    assert "no closer to the truth beyond chance (+0.0100" in objection


def test_a_given_fit_stands_in_for_the_librarys(set_file: Path) -> None:
    Path(".notesqa/fit.json").write_text("no json", encoding="utf-8")
    sure = replace(constant_fit(0.1), intercept=3.0)
    library = Library(Settings(), WordLengths(f"word-lengths of {Settings().model}"), sure)
    assert library.ask("Where lives the otter0?").confidence == 0.95
