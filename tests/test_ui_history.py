from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import owls_in, served
from hypothesis import given
from hypothesis import strategies as st

from rag import Answer, Citation, Level, Passage, Span, Turn
from rag.types import AnswerSentence
from ui.app import build_app
from ui.calls import KEPT
from ui.pages.exchange import Exchange, markdown_of, page_html, question_html, reply_html, source_of
from ui.pages.history import kept, restored
from ui.services import Services

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

MOST = 600_000


def given_out(conversation: list[Exchange]) -> list[dict[str, Any]]:
    told = json.loads(kept(conversation, 0, 1, replaces=False))
    exchanges: list[dict[str, Any]] = told["exchanges"]
    return exchanges


def test_what_a_browser_kept_comes_back_as_it_was() -> None:
    sent = json.dumps(given_out(TALK))
    assert restored(sent, 30, MOST) == dict(enumerate(TALK))
    assert restored(sent, 2, MOST) == {1: TALK[1], 2: TALK[2]}


def test_only_the_newest_come_back_of_what_is_too_much() -> None:
    sent = json.dumps(given_out(TALK))
    weights = [exchange.weight for exchange in TALK]
    assert list(restored(sent, 30, sum(weights))) == [0, 1, 2]
    assert list(restored(sent, 30, sum(weights) - 1)) == [1, 2]
    assert list(restored(sent, 30, weights[2])) == [2]
    assert restored(sent, 30, weights[2] - 1) == {}


def test_an_exchange_weighs_what_is_held_of_it() -> None:
    lean = TALK[0].lean
    assert lean == replace(TALK[0], answer=replace(ANSWER, passages=()))
    signs = sum(map(len, page_html(lean)))
    assert signs + 300 < TALK[0].weight == lean.weight < signs + 1000
    markup = replace(ANSWER, query="&" * 10_000)
    assert replace(TALK[0], answer=markup).weight > 60_000
    near = replace(REFUSAL, passages=ANSWER.passages * 10)
    assert replace(TALK[1], answer=near).lean.answer == replace(near, passages=near.passages[:3])


def test_the_page_is_the_same_in_ascii() -> None:
    said = "\u201cUhu\u201d › 🦉 & \u0441\u043e\u0432\u0430"
    exchange = replace(TALK[0], question=said, answer=replace(ANSWER, query=said))
    page = page_html(exchange)
    assert all(part.isascii() for part in page)
    whole = (question_html(exchange), reply_html(exchange))
    assert [unescape(part) for part in page] == [unescape(part) for part in whole]
    assert exchange.weight > sum(map(len, page)) > sum(map(len, whole))


def test_what_is_held_shows_and_carries_what_all_of_it_did() -> None:
    near = replace(REFUSAL, passages=ANSWER.passages * 10)
    for exchange in (TALK[0], replace(TALK[1], answer=near)):
        (back,) = come_back(json.dumps(given_out([exchange.lean])))
        assert exchange.turn == back.turn != Turn("", "")
        assert reply_html(back) == reply_html(exchange)
        assert markdown_of(back) == markdown_of(exchange)
        assert source_of(back) == source_of(exchange)


def test_a_record_of_before_levels_comes_back_without_one() -> None:
    (exchange,) = come_back(changed(lambda one: one["record"].pop("level")))
    assert exchange.answer == replace(ANSWER, level=None)


def test_the_page_is_told_what_is_new() -> None:
    told = json.loads(kept(TALK, 2, 7, replaces=False))
    assert (told["serial"], told["at"], told["count"], told["replaces"]) == (7, 2, 3, False)
    assert [new["failed"] for new in told["exchanges"]] == ["The question is empty."]
    told = json.loads(kept(TALK, 0, 8, replaces=True))
    assert [new["markdown"] for new in told["exchanges"]] == [markdown_of(TALK[0])]
    assert json.loads(kept([], 0, 9, replaces=False))["exchanges"] == []


def test_the_page_is_told_what_it_lacks_of_what_it_sent() -> None:
    sent = ["changed by somebody", *given_out(TALK)]
    found = restored(json.dumps(sent), 30, MOST)
    told = json.loads(kept([*found.values()], 0, 7, places=[*found]))
    assert [new["of"] for new in told["exchanges"]] == [1, 2, 3]
    assert [{**sent[new.pop("of")], **new} for new in told["exchanges"]] == sent[1:]
    assert all(set(new) == {"markdown", "sure"} for new in told["exchanges"])


def come_back(sent: str) -> list[Exchange]:
    return [*restored(sent, 30, MOST).values()]


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
    assert come_back(changed(change)) == []


@pytest.mark.parametrize("sent", ["", "{}", "null", "[", "[" * 100_000, "[NaN]", "[1, {}, []]"])
def test_what_is_no_conversation_is_an_empty_one(sent: str) -> None:
    assert come_back(sent) == []


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

    (exchange,) = come_back(changed(change))
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
    for exchange in come_back(json.dumps(items)):
        assert "<script" not in reply_html(exchange)
        assert kept([exchange], 0, 1, replaces=False)
        assert source_of(exchange).startswith("/source/")


def places(value: Any) -> list[tuple[Any, Any]]:
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    own = [(value, key) for key in keys]
    return own + [inner for _, key in own for inner in places(value[key])]


def test_a_session_holds_little_of_what_is_given_back(tmp_path: Path) -> None:
    first, refused = given_out([TALK[0], replace(TALK[1], answer=REFUSAL)])
    for one in (first, refused):
        one["record"]["passages"] = [
            {**given_out(TALK[:1])[0]["record"]["passages"][0], "text": "x" * 3000}
        ] * 10
    sent = json.dumps([first, refused] * 14)
    assert len(sent) > 850_000
    app: Any = build_app(Services.of(owls_in(tmp_path)))
    page = next(mounted.app for mounted in app.routes if mounted.path == "").get_blocks()
    (number,) = (
        number
        for number, handler in page.fns.items()
        if handler.fn and KEPT in [block.elem_id for block in handler.inputs]
    )
    with served(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}/gradio_api") as to:
        call = {"data": [sent], "fn_index": number, "session_hash": "abc"}
        assert to.post("/queue/join", json=call).status_code == 200
        told = to.get("/queue/data", params={"session_hash": "abc"}, timeout=20).text
    assert "process_completed" in told and "nq-quote" in told
    (held,) = page.state_holder.session_data.values()
    (conversation,) = (value for value in held.state_data.values() if value)
    assert [len(one.answer.passages) for one in conversation] == [0, 3] * 14
    shown = sum(len(part) for one in conversation for part in page_html(one))
    values = [str(config["props"].get("value")) for config in held.config_values.values()]
    assert shown < sum(map(len, values)) < 3 * shown < 700_000
