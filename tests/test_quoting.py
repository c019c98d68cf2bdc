from __future__ import annotations

from pathlib import Path

import pytest
from conftest import CORPUS

from eval import Wording, cover
from eval.statements import subject_of
from eval.syllabus import Objective
from rag import Library

pytestmark = pytest.mark.model


def best_quote(library: Library, text: str) -> str:
    (item,) = cover(library, [Objective(text, text, "", (Wording(subject_of(text)),))]).found
    for number, one in enumerate(item.citations, start=1):
        assert one.number == number
        assert one.span.of((Path(CORPUS) / one.document).read_text("utf-8")) == one.quote
    spans = [(one.document, one.span) for one in item.citations]
    assert not any(
        a[0] == b[0] and a[1].overlap(b[1]) for i, a in enumerate(spans) for b in spans[:i]
    )
    return " ".join(item.citations[0].quote.split())


@pytest.mark.parametrize(
    ("text", "begins", "holds"),
    [
        ("Define transfer learning", "Transfer learning is the umbrella term", ""),
        ("Explain MAML", "Model-agnostic meta-learning", "two nested loops"),
        (
            "Describe how LoRA initialises its two matrices and why",
            "**How is it initialised?** $A$ gets random Gaussian values",
            "exactly at the pre-trained model",
        ),
        ("Define concept shift", "The same input now deserves another answer", ""),
        ("Explain federated averaging", "FedAvg", "steps: 1. The server picks"),
        ("Explain hubness in zero-shot learning", "Nearest-neighbour search", "*hubs*"),
    ],
)
def test_the_best_quote_says_what_a_statement_is_about(
    shipped: Library, text: str, begins: str, holds: str
) -> None:
    said = best_quote(shipped, text)
    assert said.startswith(begins)
    assert holds in said


def test_where_no_note_begins_to_tell_of_it_the_quote_is_what_search_finds(
    shipped: Library,
) -> None:
    subject = "the difference between hard and soft parameter sharing"
    found = " ".join(shipped.draft(subject).citations[0].quote.split())
    assert best_quote(shipped, f"Describe {subject}") == found
