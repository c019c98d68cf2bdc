from __future__ import annotations

import pytest

from eval.disagreement import Conflict, Rarity, conflict
from eval.wordings import Worded


def compared(one: str, other: str, language: str = "english") -> Conflict | None:
    wordings = [Worded(text, language) for text in (one, other)]
    return conflict(*wordings, Rarity(wordings))


@pytest.mark.parametrize(
    ("one", "other", "kind", "words"),
    [
        (
            "A learning rate of 0.1 is usual for this network.",
            "The usual learning rate for this network is 0.01.",
            "number",
            ("0.1", "0.01"),
        ),
        (
            "Report mean and standard deviation over at least five runs.",
            "At least three runs should be made, and their mean and standard deviation reported.",
            "number",
            ("five", "three"),
        ),
        (
            "DistilBERT: 40 % fewer parameters, and 97 % of the teacher's score in languages.",
            "DistilBERT has 90 % of the score of its teacher in languages.",
            "number",
            ("97 %", "90 %"),
        ),
        (
            "The training set holds $1{,}000$ images: 12 per cent are noisy labels.",
            "Of the images of the training set 15% are noisy labels.",
            "number",
            ("12 per cent", "15%"),
        ),
        ("The hinge loss is convex in the weights.", "The hinge loss isn't convex in the weights.")
        + ("negation", ("", "not")),
        ("Adapters trained separately can also be combined:",)
        + ("Adapters trained separately can never be combined.", "quantifier", ("also", "never")),
        ("Freeze all layers of the encoder first.", "Freeze some layers of the encoder first.")
        + ("quantifier", ("all", "some")),
        (
            "A larger batch size increases the noise of the gradient.",
            "A larger batch size decreases the noise of the gradient.",
            "direction",
            ("increases", "decreases"),
        ),
        (
            "Group DRO minimises the loss of the worst group.",
            "Group DRO maximises the loss of the worst group, and so no group is left behind.",
            "opposite",
            ("minimises", "maximises"),
        ),
        ("Temperatures between 20 and 100 are usual.",)
        + ("Temperatures between 2 and 10 are usual.", "number", ("20", "2")),
        (
            "Task-incremental is the hardest, since a separate head per task can be used.",
            "Task-incremental is the easiest, since a separate head per task can be used.",
            "opposite",
            ("hardest", "easiest"),
        ),
        ("The largest model wins.", "The smallest model wins.", "opposite")
        + (("largest", "smallest"),),
        ("The final exam takes place in March.", "The final exam takes place in May.")
        + ("date", ("march", "may")),
        (
            "The transformer architecture was published in 2017.",
            "The transformer architecture was published in 2016.",
            "date",
            ("2017", "2016"),
        ),
    ],
)
def test_statements_that_differ_in_one_point_disagree_on_it(
    one: str, other: str, kind: str, words: tuple[str, str]
) -> None:
    found = compared(one, other)
    assert found is not None
    assert (found.kind, found.words) == (kind, words)
    back = compared(other, one)
    assert back is not None
    assert (back.kind, back.words, back.sure) == (kind, words[::-1], found.sure)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            "The hinge loss is convex in the weights.",
            "The hinge loss is convex in the weights.",
            id="the same",
        ),
        pytest.param(
            "A high learning rate lets the loss of a network rise.",
            "A low learning rate lets the loss of a network fall.",
            id="what is turned twice is not turned",
        ),
        pytest.param(
            "The encoder network has 12 attention layers.",
            "The decoder of the small language model has 6 layers.",
            id="other things",
        ),
        pytest.param(
            "Suppose a training set of 100 images with noisy labels.",
            "A training set of 500 images with many noisy labels was used.",
            id="supposed",
        ),
        pytest.param(
            "Is the hinge loss convex in the weights, or is it not?",
            "The hinge loss is convex in the weights.",
            id="asked",
        ),
        pytest.param(
            "This assignment is due on Friday, April 16 at midnight.",
            "This assignment is due on Friday, April 30 at midnight.",
            id="each of itself",
        ),
        pytest.param(
            "In 2016 some 650 students gave a talk about their projects.",
            "In 2017 some 750 students gave a talk about their projects.",
            id="of other years",
        ),
        pytest.param(
            "Step 3 trains the classifier head on target features.",
            "Step 4 trains the classifier head on target features.",
            id="names of things",
        ),
        pytest.param(
            "If the target labels are not known, align the feature distributions.",
            "With target labels known, align the feature distributions.",
            id="under a condition",
        ),
        pytest.param(
            "The network is not only accurate but also fast at test time.",
            "The network is accurate and fast at test time.",
            id="not only",
        ),
        pytest.param("Owls 3 hunt.", "Owls 4 hunt.", id="too short a copy"),
        pytest.param(
            "Usual temperatures are 20 and more.", "Temperatures of 2 are usual.", id="no copy"
        ),
        pytest.param("It is 3.", "It is 4.", id="too short to be about anything"),
    ],
)
def test_statements_that_may_both_hold_do_not_disagree(one: str, other: str) -> None:
    assert compared(one, other) is None
    assert compared(other, one) is None


def test_in_other_languages_numbers_alone_disagree() -> None:
    one, other = "Der Akku hält im Labor nie 12 Stunden.", "Der Akku hält im Labor nie 15 Stunden."
    found = compared(one, other, "german")
    assert found is not None
    assert found.words == ("12", "15")
    english = "The hinge loss is convex in weights.", "The hinge loss is not convex in weights."
    assert compared(*english) is not None
    assert compared(*english, language="german") is None


def test_how_sure_a_conflict_is_depends_on_what_else_is_the_same() -> None:
    one = "The battery of the robot lasts 12 hours."
    same = compared(one, "The battery of the robot lasts 15 hours.")
    longer = compared(one, "In the arctic winter the battery of the robot lasts 15 hours outdoors.")
    assert same is not None
    assert longer is not None
    assert same.sure == 1
    # 4 terms are shared and 3 stand in the longer alone; a shared one is held by 2 of 2
    # statements, ln(1 + 2/2), another by 1, ln(1 + 2/1): 2.77 of 6.07, and all of the shorter's.
    assert longer.sure == pytest.approx((2.7726 / 6.0684 + 1) / 2, abs=1e-4)
