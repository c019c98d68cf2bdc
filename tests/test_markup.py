from __future__ import annotations

import re

import pytest
from conftest import generated_notes
from hypothesis import example, given
from hypothesis import strategies as st

from rag.documents import load
from rag.documents.markup import parse_blocks
from rag.types import Block, BlockKind

HEADING, PARAGRAPH, LIST = BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST
TABLE, CODE, MATH = BlockKind.TABLE, BlockKind.CODE, BlockKind.MATH

RULE = re.compile(r"\s*(?:[-\s]+|[*\s]+|[_\s]+|=+\s*)$")


def parse(text: str) -> tuple[Block, ...]:
    return parse_blocks(text, indented_code=True)


def shape(text: str) -> list[tuple[BlockKind, str]]:
    return [(block.kind, block.span.of(text)) for block in parse(text)]


def parts(text: str) -> list[str]:
    (block,) = parse(text)
    return [part.of(text) for part in block.parts]


def assert_exact(text: str, blocks: tuple[Block, ...], start: int = 0) -> None:
    covered = [False] * len(text)
    end = start
    for block in blocks:
        assert block.span.start >= end and len(block.span)
        end = block.span.end
        assert block.span.start in (0, start) or text[block.span.start - 1] == "\n"
        assert re.match(r"\r*(?:\n|$)", text[end:])
        inside = block.span.start
        for part in block.parts:
            assert inside <= part.start < part.end <= end
            inside = part.end
        covered[block.span.start : end] = [True] * len(block.span)
    for line in re.finditer(r"[^\n]+", text[start:]):
        if line[0].strip() and not RULE.match(line[0]):
            first = start + line.start()
            assert all(covered[first : first + len(line[0].rstrip("\r"))]), line[0]


@given(generated_notes())
def test_blocks_are_in_order_disjoint_and_cover_every_line(text: str) -> None:
    assert_exact(text, parse(text))


@given(
    st.lists(st.sampled_from([*"#-=*+>`~|$\\[]:.)1a \t\r\n\n➢", "\n\n", "```", "$$"])).map("".join)
)
@example("- a\n```")
@example("a\r\n- \r\n\t- b\r\n---")
def test_blocks_are_exact_whatever_the_markup(text: str) -> None:
    assert_exact(text, parse(text))
    assert_exact(text, parse_blocks(text, indented_code=False))


@given(generated_notes(), generated_notes())
def test_blocks_start_where_they_are_told_to(before: str, text: str) -> None:
    start = len(before) + 1
    blocks = parse_blocks(f"{before}\n{text}", start=start, indented_code=True)
    assert_exact(f"{before}\n{text}", blocks, start)
    assert [b.span.start - start for b in blocks] == [b.span.start for b in parse(text)]


@given(generated_notes())
def test_line_ends_do_not_change_the_blocks(text: str) -> None:
    text = text.replace("\r", "")
    crlf = text.replace("\n", "\r\n")
    assert [(kind, words.replace("\r", "")) for kind, words in shape(crlf)] == shape(text)


@pytest.mark.parametrize(
    ("line", "level", "inside"),
    [
        ("# One", 1, "One"),
        ("###### Six", 6, "Six"),
        ("   ## Indented ", 2, "Indented"),
        ("## Closed ## ", 2, "Closed"),
        ("#\tTab", 1, "Tab"),
        ("# C# and F#", 1, "C# and F#"),
        ("# 学习 😀", 1, "学习 😀"),
    ],
)
def test_atx_heading_has_its_level_and_its_words(line: str, level: int, inside: str) -> None:
    (block,) = parse(line)
    assert (block.kind, block.level, parts(line)) == (HEADING, level, [inside])


@pytest.mark.parametrize("line", ["#hashtag", "####### seven", "\\# escaped", "No # heading"])
def test_other_hashes_make_no_heading(line: str) -> None:
    assert shape(line) == [(PARAGRAPH, line)]


@pytest.mark.parametrize(("line", "level"), [("===", 1), ("=", 1), ("---", 2), ("--", 2)])
def test_a_line_above_a_stroke_is_a_heading(line: str, level: int) -> None:
    text = f"Before.\n\nUnder lined \n{line}\nAfter."
    before, heading, after = parse(text)
    assert heading.kind is HEADING and heading.level == level
    assert heading.parts[0].of(text) == "Under lined"
    assert [before.span.of(text), after.span.of(text)] == ["Before.", "After."]


def test_headings_need_no_blank_lines() -> None:
    assert [kind for kind, _ in shape("Words\n# A\nwords\n## B\n- item\n# C")] == [
        *(PARAGRAPH, HEADING, PARAGRAPH, HEADING, LIST, HEADING)
    ]


@pytest.mark.parametrize("rule", ["---", "***", "_ _ _", "- - -", "*****", "  ---  "])
def test_rules_separate_and_are_no_text(rule: str) -> None:
    assert shape(f"One\ntwo.\n{rule}\nThree.") == [(PARAGRAPH, "One\ntwo."), (PARAGRAPH, "Three.")]


@pytest.mark.parametrize("rule", ["---", "***", "- - -"])
def test_a_rule_at_the_margin_ends_a_list(rule: str) -> None:
    assert shape(f"- item\n{rule}\nThree.") == [(LIST, "- item"), (PARAGRAPH, "Three.")]


@pytest.mark.parametrize("fence", ["```", "~~~", "````", "~~~~~~", "```python", "  ```", "> ```"])
def test_fence_holds_everything_until_one_as_long_closes_it(fence: str) -> None:
    mark = re.sub(r"[^`~]", "", fence)
    code = f"{fence}\n# no heading\n\n- no item\n{mark[:-1]}\n| a |\n|---|\n{mark}"
    assert shape(f"Before\n{code}\nAfter") == [
        (PARAGRAPH, "Before"),
        (CODE, code),
        (PARAGRAPH, "After"),
    ]


def test_a_longer_fence_closes_and_another_kind_does_not() -> None:
    assert shape("```\n~~~\n`````\nAfter") == [(CODE, "```\n~~~\n`````"), (PARAGRAPH, "After")]


def test_a_fence_that_is_never_closed_runs_to_the_end() -> None:
    assert shape("Before\n\n```\n# a\n\nb") == [(PARAGRAPH, "Before"), (CODE, "```\n# a\n\nb")]


def test_inline_code_of_three_ticks_opens_no_fence() -> None:
    assert shape("``` a ``` words\n\nMore") == [(PARAGRAPH, "``` a ``` words"), (PARAGRAPH, "More")]


def test_table_has_its_rows_as_parts_without_the_rule() -> None:
    table = "| a | b |\n|:--|--:|\n| 1 | 2 |\n|   | 4 |"
    assert shape(f"Words\n{table}\nAfter") == [
        (PARAGRAPH, "Words"),
        (TABLE, table),
        (PARAGRAPH, "After"),
    ]
    assert parts(table) == ["| a | b |", "| 1 | 2 |", "|   | 4 |"]


def test_table_needs_no_outer_bars() -> None:
    assert parts("a | b\n--|--\n1 | 2") == ["a | b", "1 | 2"]


@pytest.mark.parametrize("text", ["P(a | b) is\nsmall", "a | b\nno rule | here", "| a |\n---\n"])
def test_bars_alone_make_no_table(text: str) -> None:
    assert TABLE not in [kind for kind, _ in shape(text)]


@pytest.mark.parametrize(
    "bullet",
    [*"-*+–—•➢▪◦‣·●○■□►▸✓→", "1.", "12.", "1)", "(1)", "a)", "(b)"],
)
def test_every_bullet_makes_a_list(bullet: str) -> None:
    text = f"{bullet} first\n{bullet}\tsecond one"
    assert shape(text) == [(LIST, text)]
    assert parts(text) == [f"{bullet} first", f"{bullet}\tsecond one"]


@pytest.mark.parametrize("bullet", "•➢▪●✓→")
def test_a_printed_bullet_needs_no_space(bullet: str) -> None:
    text = f"{bullet}first\n{bullet}second"
    assert parts(text) == [f"{bullet}first", f"{bullet}second"]


@pytest.mark.parametrize(
    "text", ["-5 degrees", "*emphasis* first", "+49 is Germany", "1.5 is a number", "- ", "i.e. so"]
)
def test_other_marks_make_no_list(text: str) -> None:
    assert LIST not in [kind for kind, _ in shape(text)]


def test_an_item_runs_over_line_breaks() -> None:
    items = ["➢Resource-constrained\nsettings and\n  devices", "➢Privacy\nof the source"]
    text = f"The areas:\n{items[0]}\n{items[1]}\n\nEnd."
    paragraph, block, end = parse(text)
    assert [part.of(text) for part in block.parts] == items
    assert (paragraph.span.of(text), end.span.of(text)) == ("The areas:", "End.")


def test_nested_items_are_parts_of_one_list() -> None:
    text = "- one\n  - inner\n    more inner\n\t* deepest\n- two"
    assert shape(text) == [(LIST, text)]
    assert parts(text) == ["- one", "  - inner\n    more inner", "\t* deepest", "- two"]


def test_a_loose_list_is_one_list() -> None:
    text = "1. one\n\n   its second paragraph\n\n2. two\n \n3. three"
    assert parts(text) == ["1. one\n\n   its second paragraph", "2. two", "3. three"]


def test_code_inside_an_item_stays_inside() -> None:
    text = "- one\n  ```\n- no item\n\n# no heading\n  ```\n  after\n- two"
    assert parts(text) == ["- one\n  ```\n- no item\n\n# no heading\n  ```\n  after", "- two"]


@pytest.mark.parametrize("after", ["# Heading", "```\ncode\n```", "\nParagraph."])
def test_what_stands_at_the_margin_ends_a_list(after: str) -> None:
    assert shape(f"- one\n- two\n{after}")[0] == (LIST, "- one\n- two")


def test_a_number_that_wraps_to_a_new_line_opens_no_list() -> None:
    text = "Transfer was studied in\n1976. It was new then, see\n(b) and\n12) there."
    assert shape(text) == [(PARAGRAPH, text)]


def test_a_list_may_follow_its_paragraph_at_once() -> None:
    assert shape("Three kinds:\n- a\n- b") == [(PARAGRAPH, "Three kinds:"), (LIST, "- a\n- b")]
    assert shape("Steps:\n1. a\n2. b") == [(PARAGRAPH, "Steps:"), (LIST, "1. a\n2. b")]


@pytest.mark.parametrize(
    "formula",
    ["$$x = 1$$", "$$x = 1$$.", "$$\nx\n= 1\n$$", "\\[\nx\n\\]", "\\[ x \\],", "$$ x\n= 1 $$"],
)
def test_display_math_is_a_block(formula: str) -> None:
    assert shape(f"Before\n{formula}\nAfter") == [
        (PARAGRAPH, "Before"),
        (MATH, formula),
        (PARAGRAPH, "After"),
    ]


@pytest.mark.parametrize(
    "text", ["$$x$$ is what we want", "$$\nnever closed", "\\[ open\n\nx \\]", "$x$ inline"]
)
def test_other_formulas_are_ordinary_text(text: str) -> None:
    assert {kind for kind, _ in shape(text)} == {PARAGRAPH}


def test_indented_code_is_code_in_markdown_alone() -> None:
    text = "Words\n\n    x = 1\n\n\ty = 2\n\nMore"
    code = "    x = 1\n\n\ty = 2"
    assert shape(text) == [(PARAGRAPH, "Words"), (CODE, code), (PARAGRAPH, "More")]
    assert {block.kind for block in load("a.txt", text.encode()).blocks} == {PARAGRAPH}


def test_an_indented_line_goes_on_with_its_paragraph() -> None:
    assert shape("Words\n    go on") == [(PARAGRAPH, "Words\n    go on")]


def test_a_quotation_keeps_its_marks() -> None:
    assert shape("> Quoted\n> words.") == [(PARAGRAPH, "> Quoted\n> words.")]
