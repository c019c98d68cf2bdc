from __future__ import annotations

import time

import pytest

from rag.sides import sides_of

TWO = [
    (
        "What is the difference between feature extraction and fine-tuning?",
        "feature extraction",
        "fine-tuning",
    ),
    ("difference between covariate and label shift", "covariate", "label shift"),
    (
        "Explain the distinction between the source domain and the target domain.",
        "source domain",
        "target domain",
    ),
    ("Is there a difference between LoRA and adapters when memory is short?", "LoRA", "adapters"),
    (
        "What similarities are there between distillation and pseudo-labelling?",
        "distillation",
        "pseudo-labelling",
    ),
    ("LoRA vs adapters", "LoRA", "adapters"),
    (
        "fine-tuning vs. feature extraction: which needs less data?",
        "fine-tuning",
        "feature extraction",
    ),
    ("When should I use prompt tuning versus prefix tuning?", "prompt tuning", "prefix tuning"),
    ("Compare MAML with prototypical networks", "MAML", "prototypical networks"),
    (
        "Can you compare the linear probe to full fine-tuning for small data?",
        "linear probe",
        "full fine-tuning",
    ),
    ("Compare DANN and ADDA.", "DANN", "ADDA"),
    ("How does LoRA differ from adapters?", "LoRA", "adapters"),
    (
        "How do the pretext tasks differ from contrastive learning?",
        "pretext tasks",
        "contrastive learning",
    ),
    (
        "How is domain adaptation different from domain generalization?",
        "domain adaptation",
        "domain generalization",
    ),
    (
        "What distinguishes inductive from transductive transfer?",
        "inductive",
        "transductive transfer",
    ),
    (
        "What makes lifelong learning different from multitask learning?",
        "lifelong learning",
        "multitask learning",
    ),
    ("Should I use adapters or full fine-tuning?", "adapters", "full fine-tuning"),
    ("Which is cheaper, LoRA or adapters?", "LoRA", "adapters"),
    ("Is hard sharing or soft sharing better for related tasks?", "hard sharing", "soft sharing"),
    ("Freezing or fine-tuning?", "Freezing", "fine-tuning"),
    ("Explain both covariate shift and concept shift.", "covariate shift", "concept shift"),
    (
        "How does continual learning compare with multitask learning?",
        "continual learning",
        "multitask learning",
    ),
]

NOT_TWO = [
    "What is the trade-off between them?",
    "pros and cons of LoRA",
    "What are the pros and cons of freezing layers?",
    "How does it compare with LoRA?",
    "What is the difference between them?",
    "What is the difference between the two?",
    "Compare the two methods.",
    "How do the three settings differ?",
    "What is transfer learning?",
    "Does it need labels or not?",
    "How do I freeze layers or blocks?",
    "What if accuracy drops or stays the same?",
    "Is the result better or worse?",
    "Why and when does transfer help?",
    "What is the distance between source and target distributions?",
    "Who introduced knowledge distillation and when?",
    "Compare LoRA, adapters and prefix tuning.",
    "What is the difference between soft, hard and mixed sharing?",
    "What is different in Siamese networks?",
    "Can both be used at once?",
    "Is the teacher frozen or is it trained further?",
    "How are mean and variance normalised in batch norm?",
    "Should I stop or go on?",
    "What does cross-validation tell us?",
    "Is there any difference?",
]


@pytest.mark.parametrize(("question", "first", "second"), TWO)
def test_a_comparison_names_two_sides(question: str, first: str, second: str) -> None:
    assert sides_of(question) == (first, second)


@pytest.mark.parametrize("question", NOT_TWO)
def test_any_other_question_has_no_sides(question: str) -> None:
    assert sides_of(question) is None


def test_terms_carried_behind_a_question_belong_to_no_side() -> None:
    assert sides_of("How does LoRA differ from adapters? memory rank") == ("LoRA", "adapters")


def test_a_side_is_a_name_and_no_clause() -> None:
    assert sides_of("one two three four five six vs seven") is not None
    assert sides_of("one two three four five six extra vs seven") is None


@pytest.mark.parametrize("words", ["vs ", "is or ", "compare and ", "difference between a ", " "])
def test_the_longest_question_is_read_at_once(words: str) -> None:
    begun = time.perf_counter()
    sides_of((words * 2000)[:2000])
    assert time.perf_counter() - begun < 2
