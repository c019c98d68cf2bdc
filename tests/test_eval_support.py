from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import WordLengths, constant_fit

from eval import Evidence, Judge, Status, Support, Wording
from eval.support import (
    ASKED_ANSWERED,
    ASKED_OPEN,
    COVERED,
    KNOWN,
    MISSING,
    UNDER_ANOTHER,
    Scale,
    Weights,
    signals,
)
from rag import Library, Settings

OWLS = """# Owls

## Hunting

Barn owls hunt by hearing alone. Their left ear sits higher than the right one.

Eagle owls hunt hares.

## What do young owls learn in their first summer?

They learn to land on a branch, to hunt beetles, and to hide from hawks.

## Which owls winter in the far south?

To be done
"""
HUNTS = Evidence("owls.md", "Barn owls hunt by hearing alone.")
GONE = Evidence("owls.md", "Snowy owls breed in the tundra, on mounds from which they see far.")

Make = Callable[[str], Judge]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Returns a judge over one note of some text."""

    def made(text: str) -> Judge:
        notes = tmp_path / "notes"
        notes.mkdir()
        (notes / "owls.md").write_text(text, encoding="utf-8")
        settings = Settings(library=str(tmp_path / "library"), corpus=str(notes))
        library = Library(settings, WordLengths(), constant_fit(0.9))
        library.index(notes)
        return Judge(library)

    return made


def of(judge: Judge, asked: str, *expected: Evidence, needs_all: bool = False) -> Support:
    return judge.support([Wording(asked)], expected, needs_all=needs_all)


def test_words_known_to_answer_are_quoted_where_they_stand(make: Make) -> None:
    judge = make(OWLS)
    found = of(judge, "How do barn owls find mice?", GONE, HUNTS)
    assert (found.confidence, found.status) == (KNOWN, Status.COVERED)
    (citation,) = found.citations
    assert citation.quote == HUNTS.quote == citation.span.of(OWLS)
    assert (citation.document, citation.headings) == ("owls.md", ("Owls", "Hunting"))
    assert citation.location == "line 5"
    assert found.documents[0] == "owls.md"


def test_where_all_quotes_are_needed_one_that_is_gone_is_missed(make: Make) -> None:
    judge = make(OWLS)
    asked = "How do barn owls find mice?"
    assert of(judge, asked, GONE, HUNTS, needs_all=True).confidence < KNOWN
    assert of(judge, asked, GONE).confidence < KNOWN
    hares = Evidence("owls.md", "Eagle owls hunt hares.")
    assert of(judge, asked, HUNTS, hares, needs_all=True).confidence == KNOWN


def test_a_placeholder_is_not_an_answer_that_is_gone(make: Make) -> None:
    judge = make(OWLS)
    asked = "How do barn owls find mice?"
    assert of(judge, asked, Evidence("owls.md", "To be done")) == of(judge, asked)


def test_a_question_that_the_notes_ask_is_covered_where_an_answer_stands_below(make: Make) -> None:
    judge = make(OWLS)
    answered = of(judge, "What do young owls learn in their first summer?")
    assert (answered.confidence, answered.status) == (ASKED_ANSWERED, Status.COVERED)
    unanswered = of(judge, "Which owls winter in the far south?")
    assert (unanswered.confidence, unanswered.status) == (ASKED_OPEN, Status.MISSING)


def test_an_answer_under_another_question_counts_for_less(make: Make) -> None:
    entry = (
        "## Why do owls number {n} sleep in hollow trees?\n\nHollow trees keep them warm, dry.\n\n"
    )
    faq = "# Owls\n\n" + "".join(entry.format(n=n) for n in "abcdefghijkl")
    plain = faq.replace("## Why do", "## How").replace("?", ".")
    asked = "Hollow trees keep eagles warm, dry?"
    judge = make(faq)
    scale = Scale.shipped().asked
    drafts = judge.drafts([Wording(asked)])
    alone = 1 / (
        1 + math.exp(-scale.logit(signals(drafts, judge.library.fit, judge.library.contents())))
    )
    assert of(judge, asked).confidence == round(alone * UNDER_ANOTHER, 2) < MISSING
    (Path(judge.library.settings.corpus) / "owls.md").write_text(plain, encoding="utf-8")
    judge.library.index()
    judge = Judge(judge.library)
    drafts = judge.drafts([Wording(asked)])
    alone = 1 / (
        1 + math.exp(-scale.logit(signals(drafts, judge.library.fit, judge.library.contents())))
    )
    assert of(judge, asked).confidence == round(alone, 2)


def test_signals_pool_the_wordings(make: Make) -> None:
    judge = make(OWLS)
    fit = judge.library.fit
    drafts = judge.drafts([Wording("Who hunts hares?"), Wording("Barn owls hunt by what?")])
    scores = [math.log(s / (1 - s)) for s in (draft.passages[0].score for draft in drafts)]
    contents = judge.library.contents()
    found = signals(drafts, fit, contents)
    assert found["score"] == pytest.approx(max(scores))
    assert found["sure"] == max(fit.probability(draft.signals) for draft in drafts)
    assert found["agreement"] == 1
    assert found["unknown"] == 0
    (strange,) = judge.drafts([Wording("Do zeppelins hunt?")])
    assert signals([strange], fit, contents)["unknown"] == 1 / 2
    assert signals(drafts, fit, contents, "elsewhere.md")["agreement"] == 0


def test_weights_are_a_logistic_regression() -> None:
    weights = Weights({"a": 2.0, "b": -1.0}, {"a": 1.0, "b": 0.0}, {"a": 0.5, "b": 2.0}, 0.25)
    assert weights.logit({"a": 2.0, "b": 3.0, "c": 9.0}) == 0.25 + 2 * (2 - 1) / 0.5 - 3 / 2


def test_the_shipped_scale_was_fitted_on_the_shipped_set() -> None:
    from hashlib import sha256

    scale = Scale.shipped()
    questions = Path("eval/questions/transfer-learning.jsonl")
    assert scale.fitted_on["sha256"] == sha256(questions.read_bytes()).hexdigest()
    assert 0 < MISSING < COVERED < ASKED_ANSWERED < KNOWN < 1


def test_a_library_of_another_model_is_not_measured(make: Make) -> None:
    assert not make(OWLS).is_measured
