from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from test_ui_render import HOSTILE, answer, refusal

from ui.markdown import answer_markdown, conversation_markdown, exchange_markdown, markdown
from ui.render import confidence_words, visible
from ui.written import quoted

DIALECT = MarkdownIt("commonmark").enable(["table", "strikethrough"])

INERT = {"p", "br", "em", "strong", "s"}
"""What a formula's signs may become where formulas are not known."""


def tags_of(said: str) -> set[str]:
    return set(re.findall(r"</?([a-z0-9]+)", DIALECT.render(said)))


MARKUP = st.text(
    st.sampled_from("ab1 \t\n\r#>-+*_=|`~[]()<>!&;.:\"'/\\\\$$$%^{}@www\u2028\u202e\u00e4"),
    max_size=60,
)


@given(MARKUP | st.text())
def test_text_without_formulas_is_shown_as_it_is(text: str) -> None:
    text = text.replace("$", "")
    rendered = DIALECT.render(markdown(text))
    shown = html.unescape(re.sub("<br />|</?p>", "", rendered))
    assert not set(re.findall(r"</?([a-z0-9]+)", rendered)) - {"p", "br"}
    assert "".join(shown.split()) == "".join(visible(text).split())


@given(MARKUP | st.text() | st.lists(MARKUP, max_size=6).map("$".join))
@example("$[a](b)$ $![a](b)$ $[a$](b) $<b>$ $<a@b.c>$ $<http://a.b>$")
@example("$$a\n# b\n- c\n> d\n===\n[x]: y\n\n    e\n$$ [x]")
@example("$`a$ $b`$ $\\`c`$ ``` $x$")
def test_nothing_in_text_or_its_formulas_is_more_than_words(text: str) -> None:
    for said in (markdown(text), f"> {markdown(text)} [1]", f"**{markdown(text)}** [1]"):
        assert tags_of(said) <= INERT | {"blockquote"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r"The term is $1/T^2$, so $\alpha_i$.", None),
        (r"$$\mathcal{L} = a_1 * b \\ c$$", None),
        ("$$\na &= b\n\n$$", "\\$\\$\\\na &= b\\\n\\$\\$"),
        ("$$\n\\sum_i\n  x_i\n$$", "$$ \\sum_i x_i $$"),
        ("It costs $5 and $6 more.", "It costs \\$5 and \\$6 more."),
        (r"\$5 and $6", r"\\\$5 and \$6"),
        ("$a<b$ and $E[X](t)$", "$a< b$ and $E[X] (t)$"),
        ("$a`b$ `c`", "\\$a\\`b\\$ \\`c\\`"),
        ("$www.a.example$ $http://a.b$ $a@b.c$", None),
        (
            "snake_case, _all_ {x} a|b a > b x^2 a & b",
            "snake_case, \\_all\\_ {x} a|b a > b x^2 a & b",
        ),
        (
            "| a |\n|---|\n> b\n# c\n+ d\n1. e",
            "\\| a |\\\n\\|---|\\\n\\> b\\\n\\# c\\\n\\+ d\\\n1\\. e",
        ),
    ],
)
def test_formulas_stay_and_only_what_has_to_be_is_escaped(text: str, said: str | None) -> None:
    if "example" in text:
        assert markdown(text) == "\\$www\\.a.example\\$ \\$http\\://a.b\\$ \\$a\\@b.c\\$"
    else:
        assert markdown(text) == (text if said is None else said)


def test_markdown_holds_no_address_that_is_made_a_link_of() -> None:
    said = markdown("https://a.example ftp://a.example www.a.example a@b.example 10:30 3.5 e.g. x")
    assert said == (
        "https\\://a.example ftp\\://a.example www\\.a.example a\\@b.example 10:30 3.5 e.g. x"
    )


def test_an_answer_as_markdown_quotes_marks_what_decides_and_numbers_its_places() -> None:
    assert answer_markdown(answer("Owls hunt\nat *night* by $x^2$.")) == (
        "> **Owls hunt at \\*night\\* by $x^2$.** [1]\n\n"
        "1. a b/ü.md › Owls hunt\\\nat \\*night\\* by $x^2$., line 1\n\n"
        f"{confidence_words(answer('x'))}"
    )
    hostile = answer_markdown(replace(answer(f"- {HOSTILE}\n# x\n\n1. y"), query=f"q {HOSTILE}"))
    assert tags_of(hostile) <= INERT | {"blockquote", "ol", "li"}


def test_a_refusal_as_markdown_says_where_and_what_was_near() -> None:
    said = answer_markdown(refusal(HOSTILE))
    assert "**The notes do not seem to answer this.** Not near enough." in said
    assert "- a.md › H, line 1" in said and "onerror" not in said
    within = answer_markdown(refusal("x"), "birds/[x](y)")
    assert within.startswith("**Nothing in birds/\\[x\\](y) seems to answer this.**")


def test_a_conversation_has_a_title_a_day_and_each_question_as_a_heading() -> None:
    one = exchange_markdown("Why\n[x](y)?", "Said.", "birds")
    assert one == "## Why \\[x\\](y)? (in birds)\n\nSaid.\n"
    said = conversation_markdown([one, one], date(2026, 5, 4))
    assert said == f"# Questions to the notes, 2026-05-04\n\n{one}\n{one}"


def test_a_quote_of_code_stays_in_its_fence_and_the_deciding_sentence_is_bold() -> None:
    assert quoted("One.\n- two", decides=True) == "> **One.\\\n> \\- two**"
    assert quoted("```\nx  = 1\n```", decides=True) == "> ````\n> ```\n> x  = 1\n> ```\n> ````"
