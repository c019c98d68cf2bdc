from __future__ import annotations

import time

import pytest
from conftest import generated_notes
from hypothesis import given
from hypothesis import strategies as st

from rag.documents import load
from rag.sentences import plain, split_sentences, units_of
from rag.types import Span, Unit, UnitKind

SENTENCE, LIST, ITEM = UnitKind.SENTENCE, UnitKind.LIST, UnitKind.ITEM
TABLE, ROW, CODE, MATH = UnitKind.TABLE, UnitKind.ROW, UnitKind.CODE, UnitKind.MATH


def sentences(text: str) -> list[str]:
    return [span.of(text) for span in split_sentences(text, Span(0, len(text)))]


def units(text: str, *headings: str) -> list[Unit]:
    return units_of(text, load("x.md", text.encode()).blocks, "Title", headings)


def quoted(text: str) -> list[tuple[UnitKind, str]]:
    return [(unit.kind, unit.span.of(text)) for unit in units(text)]


@pytest.mark.parametrize(
    "text",
    [
        # abbreviations
        "It helps, e.g. Yes in vision.|It also costs.",
        "Pan et al. (2010) named it.|Others followed.",
        "See Fig. 3 and Eq. 4 in Sec. 2 of no. 5.|They agree.",
        "Dr. Lee and Prof. Kim met St. Paul.|They left.",
        "Models (cf. Table 2) differ.|We choose one.",
        "Words, images, etc. are inputs.|Labels are outputs.",
        # German
        "Viele Tiere, z. B. Hunde und d. h. Säuger, helfen.|Andere nicht.",
        "Es gibt z.B. Hunde, d.h. Säuger, u.a. Katzen o.Ä. Tiere.|Andere nicht.",
        "Hunde bzw. Katzen, vgl. Abb. 3 und Kap. 2, S. 5, Nr. 7 und Tab. 4.|Ende.",
        "Der sog. Calvin-Zyklus bindet ca. 5 Mrd. Tonnen inkl. Reste.|Ende.",
        "Am 3. Mai begann es.|Im 19. Jahrhundert, nach der 2. Ernte, endete es.|Gut.",
        "Bis 12. März 1848 war Ruhe.|Das war 1848.|Danach nicht.",
        "Hunde, Katzen usw. sind Tiere.|Bäume, Gräser usw.|Das sind Pflanzen.",
        "Es waren nur 3.|Jeder hatte 4.|I am 3.|You are 4.",
        "„Das gilt.“|Ä. Öztürk schrieb „z. B. Hunde“.|Ende.",
        # text without capitals
        "it saves labels.|it costs little.|nobody knew?|not me.",
        "we tune, e.g. the head, resp. fig. 3 of it etc. and more.|it took 3. hours.",
        "one (w.r.t. time).|two... or more.|three.",
        "die rate steigt am 3. mai, z. b. stark.|danach sinkt sie.",
        "он растёт.|она спит.",
        # too little text to tell that it has no capitals
        "prob. density of x",
        "so far cap. of one model",
        # one capital at the beginning of a sentence tells that it has
        "it grew abbr. words.|Others did. not so.",
        # numbers and initials
        "The rate is 3.14 or .5 and v2.0.1 works.|It holds.",
        "S. J. Pan wrote it.|Q. Yang did too.",
        "It took 1.5 s in 2010.|In 2020 it took 0.1 s.",
        # a sentence may end in a number, a word like an abbreviation inside one, or a lone `no`
        "There are 3.|Each has 4.",
        "We met in the disco.|We ate figs.",
        "The answer is no.|We go on.",
        # other stops
        "Is it?|Yes!|Really?!|Well…|Fine...|Good.",
        "Not here. but after lower case.|Here.",
        # formulas, code and links
        "Let $a. B$ be given.|Then $x = 1$.|So $$y. Z$$ holds.",
        r"With \(p. Q\) we end.|Next.",
        "Call `model. Eval()` first.|Then `x.y`.|Done.",
        "See [the page](https://a.b/C.D?e=F) now.|Go on.",
        # quotation marks, brackets, emphasis
        "He said “It works.”|She said 'No.'|They left.",
        "(It works.)|[It does.]|**It must.**|_It may._|So be it.",
        # other scripts
        "迁移学习很有用。|它节省数据！|真的吗？|「是的。」|好。",
        "転移学習です。|次へ。",
        "यह पहला है।|यह दूसरा है।",
        "ما هذا؟|هذا درس.",
        "Größe zählt.|Überall.|Ça va.",
        # nothing to split
        "No stop at all",
        "Break\nin the line goes on.|Next\nline.",
    ],
)
def test_stops_end_a_sentence_only_where_they_should(text: str) -> None:
    expected = text.split("|")
    joined = "".join(expected) if text[0] in "迁転" else " ".join(expected)
    assert sentences(joined) == expected


@given(generated_notes(), st.data())
def test_sentences_are_in_order_and_lose_only_white_space(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    span = Span(start, data.draw(st.integers(start, len(text))))
    at = span.start
    for sentence in split_sentences(text, span):
        assert not text[at : sentence.start].strip()
        assert sentence.start < sentence.end <= span.end
        assert sentence.of(text) == sentence.of(text).strip()
        at = sentence.end
    assert not text[at : span.end].strip()


@pytest.mark.parametrize(
    "text", ["Contents " + "." * 12_000 + "7", "# a" + " " * 12_000 + "b", "\\[\n" * 12_000]
)
def test_time_grows_with_the_text_and_not_with_its_square(text: str) -> None:
    start = time.perf_counter()
    units(text)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("blank", ["\n", "\n\n"])
def test_a_list_is_quoted_with_the_sentence_that_leads_into_it(blank: str) -> None:
    text = f"It has limits. Three areas are known:{blank}- vision\n- speech,\n  too\n\nThe end."
    assert quoted(text) == [
        (SENTENCE, "It has limits."),
        (LIST, f"Three areas are known:{blank}- vision\n- speech,\n  too"),
        (SENTENCE, "Three areas are known:"),
        (ITEM, "vision"),
        (ITEM, "speech,\n  too"),
        (SENTENCE, "The end."),
    ]


@pytest.mark.parametrize("lead", ["This is said.", "# The areas:", "Is it said?"])
def test_a_list_stands_alone_after_what_does_not_announce_it(lead: str) -> None:
    assert (LIST, "➢one\n➢two") in quoted(f"{lead}\n\n➢one\n➢two")


def test_only_the_block_before_a_list_leads_into_it() -> None:
    assert (LIST, "- one") in quoted("The areas:\n\n$$x$$\n\n- one")


@pytest.mark.parametrize(
    "item", ["- word", "* word", "➢word", "12. word", "(a) word", "- [ ] word", "3) [x] word"]
)
def test_an_item_is_quoted_without_its_marker(item: str) -> None:
    assert quoted(item)[-1] == (ITEM, "word")


def test_a_long_item_gives_its_sentences_too() -> None:
    assert quoted("- One here. Two\n  there.\n- Three.") == [
        (LIST, "- One here. Two\n  there.\n- Three."),
        (ITEM, "One here. Two\n  there."),
        (SENTENCE, "One here."),
        (SENTENCE, "Two\n  there."),
        (ITEM, "Three."),
    ]


def test_nested_items_are_quoted_one_by_one() -> None:
    text = "- one\n  - inner\n- two"
    assert quoted(text) == [(LIST, text), (ITEM, "one"), (ITEM, "inner"), (ITEM, "two")]


def test_a_table_is_quoted_whole_and_by_row() -> None:
    table = "| mode | labels |\n|---|---|\n| batch | **all** |\n| online | few | more |"
    found = units(f"Two modes:\n\n{table}")
    text = f"Two modes:\n\n{table}"
    assert [(unit.kind, unit.span.of(text)) for unit in found] == [
        (TABLE, text),
        (SENTENCE, "Two modes:"),
        (ROW, "| batch | **all** |"),
        (ROW, "| online | few | more |"),
    ]
    assert found[2].embedded.endswith(" mode: batch; labels: all")
    assert found[3].embedded.endswith(" mode: online; labels: few")


@pytest.mark.parametrize(
    ("kind", "block"),
    [(CODE, "```\nx = 1\n\ny = 2\n```"), (MATH, "$$\nx = 1\n$$"), (MATH, "$$x$$")],
)
def test_code_and_formulas_are_quoted_whole_with_their_lead_in(kind: UnitKind, block: str) -> None:
    text = f"It is so. We write\n{block}\n\nThere."
    assert quoted(text) == [
        (SENTENCE, "It is so."),
        (kind, f"We write\n{block}"),
        (SENTENCE, "We write"),
        (SENTENCE, "There."),
    ]


def test_a_sentence_that_goes_on_behind_a_formula_is_quoted_with_it() -> None:
    text = "We minimise\n\n$$x = 1,$$\n\nwhere x is small. More."
    assert quoted(text) == [
        (MATH, "We minimise\n\n$$x = 1,$$\n\nwhere x is small."),
        (SENTENCE, "We minimise"),
        (SENTENCE, "More."),
    ]


def test_the_embedder_reads_title_and_nearest_heading_before_the_words() -> None:
    found = units("One **is** here.\n\nTwo:\n- three\n- four", "Outer", "Inner")
    assert [unit.embedded for unit in found] == [
        "Title, Inner: One is here.",
        "Title, Inner: Two: - three - four",
        "Title, Inner: Two:",
        "Title, Inner: three",
        "Title, Inner: four",
    ]
    assert {unit.headings for unit in found} == {("Outer", "Inner")}


def test_a_heading_that_is_the_title_is_read_once() -> None:
    assert units("One.", "Title")[0].embedded == "Title: One."


@given(generated_notes())
def test_units_are_sorted_and_inside_their_text(text: str) -> None:
    if not text.strip():
        return
    found = units(text)
    assert found == sorted(found, key=lambda unit: (unit.span.start, -unit.span.end))
    for unit in found:
        words = unit.span.of(text)
        assert words and (words == words.strip() or unit.kind in (LIST, TABLE, CODE, MATH, ROW))
    said = {i for unit in found for i in range(unit.span.start, unit.span.end)}
    for block in load("x.md", text.encode()).blocks:
        for i in range(block.span.start, block.span.end):
            assert i in said or text[i].isspace() or text[i] in "#=-"  # a heading's own marks


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("## A **bold** claim", "A bold claim"),
        ('see [the page](a/b.md) and ![a plot](c.png "Plot")', "see the page and a plot"),
        ("[[few-shot|few shots]] or [[zero-shot]]", "few shots or zero-shot"),
        ("`code` and ``more``", "code and more"),
        ("> quoted\n> > twice", "quoted twice"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a b 1 2"),
        ("a <br> b<!-- not\nthis --> <span class='x'>c</span>", "a b c"),
        ("x < y and y > z, a <= b", "x < y and y > z, a <= b"),
        ("C# and F# at #1, 2 * 3", "C# and F# at #1, 2 * 3"),
        ("one\r\n\ttwo\u00a0three", "one two three"),
        ("```python\nx = 1\n```", "python x = 1"),
        ("e\u0301 😀 学习", "e\u0301 😀 学习"),
        ("  \n ", ""),
    ],
)
def test_plain_keeps_the_words_and_drops_the_markup(text: str, words: str) -> None:
    assert plain(text) == words


@given(generated_notes())
def test_plain_adds_nothing_and_is_one_line(text: str) -> None:
    words = plain(text)
    assert words == " ".join(words.split())
    left = iter(text)
    assert all(character in left for character in words if character != " ")
