from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Answer, Citation, Level, Passage, Span
from rag.types import AnswerSentence
from ui.pages.exchange import Exchange, markdown_of, reply_html, source_of
from ui.pages.history import kept, restored

QUOTE = "Owls hunt at night."
CITED = Citation(1, "birds/owls.md", "Owls", ("Owls",), "line 3", Span(8, 8 + len(QUOTE)), QUOTE)
ANSWER = Answer(
    *("When?", "When? owls", None, 0.82),
    *((AnswerSentence(QUOTE, 1, decides=True),), (CITED,)),
    ((Passage(1, 0.9, "birds/owls.md", "Owls", ("Owls",), "line 3", Span(0, 4), "Owls"),)),
    {},
    carried=True,
    generation=3,
    level=Level(0.8, 0.9, 20, 18),
)
REFUSAL = Answer("Who?", "Who?", "Nothing is near.", 0.1, (), (), (), {}, suggestions=("Why?",))
TALK = [
    Exchange("When?", ANSWER, within="birds", id="0123456789abcdef"),
    Exchange("Who?", REFUSAL),
    Exchange("", None, "The question is empty.", lasting=True),
]


def given_out(conversation: list[Exchange]) -> list[dict[str, Any]]:
    told = json.loads(kept(conversation, 0, 1, replaces=False))
    exchanges: list[dict[str, Any]] = told["exchanges"]
    return exchanges


def test_what_a_browser_kept_comes_back_as_it_was() -> None:
    assert restored(json.dumps(given_out(TALK)), 30) == TALK
    assert restored(json.dumps(given_out(TALK)), 2) == TALK[1:]


def test_a_record_of_before_levels_comes_back_without_one() -> None:
    (exchange,) = restored(changed(lambda one: one["record"].pop("level")), 30)
    assert exchange.answer == replace(ANSWER, level=None)


def test_the_page_is_told_what_is_new() -> None:
    told = json.loads(kept(TALK, 2, 7, replaces=False))
    assert (told["serial"], told["at"], told["count"], told["replaces"]) == (7, 2, 3, False)
    assert [new["failed"] for new in told["exchanges"]] == ["The question is empty."]
    told = json.loads(kept(TALK, 0, 8, replaces=True))
    assert [new["markdown"] for new in told["exchanges"]] == [markdown_of(TALK[0])]
    assert json.loads(kept([], 0, 9, replaces=False))["exchanges"] == []


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    first, *_ = given_out(TALK[:1])
    change(first)
    return json.dumps([first])


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.pop("question"),
        lambda one: one.update(question=["<img>"]),
        lambda one: one.update(within=None),
        lambda one: one.update(record="<img>"),
        lambda one: one.update(record=None),
        lambda one: one["record"].update(confidence=True),
        lambda one: one["record"].update(confidence=1.5),
        lambda one: one["record"].update(confidence=float("nan")),
        lambda one: one["record"].update(confidence=10**400),
        lambda one: one["record"].update(query={"html": "<img>"}),
        lambda one: one["record"].update(question="\ud800"),
        lambda one: one["record"]["sentences"][0].update(text="Said by nobody."),
        lambda one: one["record"]["sentences"][0].update(citation=2),
        lambda one: one["record"]["citations"][0].update(headings=[{"a": 1}]),
        lambda one: one["record"]["citations"][0].update(start=-1),
        lambda one: one["record"]["citations"][0].update(document="../sign-out"),
        lambda one: one["record"]["citations"][0].update(document="a//b"),
        lambda one: one["record"]["passages"][0].update(document="./x"),
        lambda one: one["record"]["passages"][0].update(end=10**30),
        lambda one: one["record"].update(suggestions=["x"]),
        lambda one: one["record"].update(query="x" * 20_001),
        lambda one: one["record"]["citations"][0].update(headings=[""] * 101),
        lambda one: one["record"].update(level=[0.8, 0.9, 20, 18]),
        lambda one: one["record"].update(level={"low": 0.8, "high": 0.9, "n": 0, "right": 0}),
    ],
)
def test_what_was_not_given_out_so_is_left_out(change: Callable[[dict[str, Any]], object]) -> None:
    assert restored(changed(change), 30) == []


@pytest.mark.parametrize("sent", ["", "{}", "null", "[", "[" * 100_000, "[NaN]", "[1, {}, []]"])
def test_what_is_no_conversation_is_an_empty_one(sent: str) -> None:
    assert restored(sent, 30) == []


def test_what_was_changed_and_has_the_shape_is_text() -> None:
    said = '<img src=x onerror="alert(1)">'

    def change(one: dict[str, Any]) -> None:
        one.update(question=said, within=said, id="'><script>")
        record = one["record"]
        record.update(query=said)
        record["sentences"] = [{"text": said, "citation": 1, "decides": False}]
        record["citations"][0].update(
            quote=said, start=0, end=len(said), title=said, headings=[said], location=said
        )

    (exchange,) = restored(changed(change), 30)
    assert exchange.id is None
    page = reply_html(exchange)
    assert "<img" not in page and "&lt;img src=x" in page
    assert source_of(exchange).startswith("/source/birds/owls.md?start=0&end=30&words=%3Cimg")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.tuples(st.integers(0, 40), JSON), min_size=1, max_size=3))
def test_whatever_is_sent_can_be_shown(changes: list[tuple[int, Any]]) -> None:
    items = given_out([TALK[0], replace(TALK[1], within="x")])
    for place, value in changes:
        holders = [(holder, key) for item in items for holder, key in places(item)]
        holder, key = holders[place % len(holders)]
        holder[key] = value
    for exchange in restored(json.dumps(items), 30):
        assert "<script" not in reply_html(exchange)
        assert kept([exchange], 0, 1, replaces=False)
        assert source_of(exchange).startswith("/source/")


def places(value: Any) -> list[tuple[Any, Any]]:
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    own = [(value, key) for key in keys]
    return own + [inner for _, key in own for inner in places(value[key])]
