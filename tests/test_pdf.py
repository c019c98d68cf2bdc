from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making_pdf import PICTURE, Line, PageText, pdf

from rag.documents.pdf.directions import in_reading_order
from rag.documents.pdf.letters import readable
from rag.documents.pdf.reader import parse
from rag.errors import DocumentError
from rag.types import BlockKind, Document, Remark

CHROMIUM = shutil.which("chromium") or ""

PROSE = [
    "Otters hold hands while they sleep, so that",
    "the river does not part them. They wake at",
    "dusk and look for crabs among the roots. A",
    "young otter learns to swim from its mother,",
    "who carries it on her back. In winter they",
    "slide down the banks again and again, as if",
    "for no reason. Nobody knows why they do so.",
    "Voles are shyer, and eat grass by daylight.",
]


def read(*pages: PageText, path: str = "pond/otters.pdf", title: str = "") -> Document:
    return parse(path, pdf(pages, title=title))


def said(document: Document) -> list[tuple[BlockKind, str]]:
    return [(block.kind, block.span.of(document.text)) for block in document.blocks]


def column(left: float, lines: list[str], top: float = 100) -> list[Line]:
    return [Line(left, top + 12 * at, line) for at, line in enumerate(lines)]


def test_pages_are_counted_from_one_and_name_the_places() -> None:
    document = read("Otters eat crabs.", "", "Voles eat grass.")
    assert document.text == "Otters eat crabs.\n\nVoles eat grass."
    first, second = document.blocks
    assert document.places.name(first.span) == "page 1"
    assert document.places.name(second.span) == "page 3"
    assert document.title == "otters"
    assert document.remarks == ()  # a blank page is no scan


@pytest.mark.parametrize("row_by_row", [False, True])
def test_columns_are_read_one_after_the_other(row_by_row: bool) -> None:
    left, right = column(60, PROSE), column(320, PROSE[::-1])
    columns = [*left, *right]
    if row_by_row:
        columns = [line for both in zip(left, right, strict=True) for line in both]
    across = Line(
        60, 60, "All that is known of the animals of a river, and of its banks, told at length"
    )
    note = Line(
        60,
        240,
        "A note that goes across the page, from one of its margins to the other one, below.",
    )
    document = read([across, note, *columns])
    words = document.text.split()
    expected = " ".join([across.text, *PROSE, *PROSE[::-1], note.text]).split()
    assert words == expected


def test_a_table_without_borders_keeps_its_rows_whole() -> None:
    rows = [
        ("Animal", "Food", "Young"),
        ("Otter", "crabs", "two"),
        ("Vole", "", "six"),
        ("Heron", "fish", "four"),
    ]
    cells = [
        Line(60 + 150 * across, 100 + 14 * down, text)
        for down, row in enumerate(rows)
        for across, text in enumerate(row)
        if text
    ]
    document = read(cells)
    (table,) = said(document)
    assert table == (
        BlockKind.TABLE,
        "| Animal | Food | Young |\n| Otter | crabs | two |\n| Vole |  | six |\n"
        "| Heron | fish | four |",
    )


def test_a_table_of_several_words_a_cell_is_not_read_by_columns() -> None:
    rows = [f"{animal} of the river" for animal in ("Otters", "Voles", "Herons", "Newts", "Frogs")]
    cells = [
        Line(left, 100 + 14 * down, f"{text} {word}")
        for down, text in enumerate(rows)
        for left, word in ((60, "eat"), (300, "rest"))
    ]
    words = " ".join(f"| {text} eat | {text} rest |" for text in rows)
    assert " ".join(read(cells).text.split()) == words


def test_words_that_a_line_end_parted_are_whole_again() -> None:
    lines = [
        "We write decision-making with a hyphen, and inter-",
        "national without, and the decision-",
    ]
    lines += [
        "making of otters is state-of-the-",
        "art among the animals of which notes are eﬃ-",
        "ciently kept.",
    ]
    document = read("\n".join(lines))
    assert document.text == (
        "We write decision-making with a hyphen, and international\nwithout, and the "
        "decision-making\nof otters is state-of-the-art\namong the animals of which notes are "
        "efficiently\nkept."
    )


def test_a_word_written_elsewhere_without_hyphen_has_none() -> None:
    text = read("We stand under trees to understand otters, and we under-\nstand them.").text
    assert text == "We stand under trees to understand otters, and we understand\nthem."


def test_ligatures_are_letters() -> None:
    assert (
        read("The ﬁrst eﬀect of ﬂow is diﬃcult.").text == "The first effect of flow is difficult."
    )


def test_headings_stand_out_and_numbers_are_none() -> None:
    page = [
        Line(72, 70, "Animals of the River", 20, "bold"),
        *column(72, PROSE[:3]),
        Line(72, 160, "Food", 12, "bold"),
        *column(72, PROSE[3:], 178),
        Line(72, 260, "2024 17 3.5 cm 81", 20, "bold"),
        Line(72, 300, "Results", 10, "bold"),
        Line(72, 312, "Otters won."),
    ]
    document = read(page, title="Microsoft Word - draft.docx")
    headings = [
        (block.level, block.span.of(document.text))
        for block in document.blocks
        if block.kind is BlockKind.HEADING
    ]
    assert headings == [(1, "Animals of the River"), (2, "Food"), (3, "Results")]
    assert document.title == "Animals of the River"


def test_a_line_that_the_outline_names_is_a_heading() -> None:
    page = [Line(72, 100, "Food"), *column(72, PROSE[:3], 124)]
    kinds = [block.kind for block in parse("a.pdf", pdf([page], outline=["Food"])).blocks]
    assert kinds == [BlockKind.HEADING, BlockKind.PARAGRAPH]
    assert BlockKind.HEADING not in [block.kind for block in read(page).blocks]


def test_a_title_is_one_that_a_person_gave() -> None:
    assert read("Otters.", title="Animals of the River").title == "Animals of the River"
    for made_up in ("Microsoft Word - x.doc", "thesis_final.tex", "untitled", "(anonymous)", "42"):
        assert read("Otters.", title=made_up).title == "otters"


def test_lists_have_items_and_code_its_indentation() -> None:
    page = [
        Line(72, 100, "Otters need three things:"),
        Line(80, 120, "•"),
        Line(92, 120, "clean water, which is rare in"),
        Line(92, 132, "towns;"),
        Line(80, 144, "•"),
        Line(92, 144, "crabs;"),
        Line(80, 156, "•"),
        Line(92, 156, "rest."),
        Line(72, 190, "def swim(otter):", 10, "fixed"),
        Line(96, 202, "otter.dive()", 10, "fixed"),
        Line(72, 230, "So it is said, and so it is written in the notes of the pond."),
    ]
    assert said(read(page)) == [
        (BlockKind.PARAGRAPH, "Otters need three things:"),
        (BlockKind.LIST, "- clean water, which is rare in\ntowns;\n- crabs;\n- rest."),
        (BlockKind.CODE, "def swim(otter):\n    otter.dive()"),
        (BlockKind.PARAGRAPH, page[-1].text),
    ]


def test_signs_that_only_a_font_knows_go_and_its_bullets_stay() -> None:
    assert readable("\uf0b7 crabs\x03 \ue123and e\u0301tudes\ufffd") == "• crabs and \u00e9tudes"


def test_running_heads_are_kept_once_and_page_numbers_not_at_all() -> None:
    def page(number: int) -> list[Line]:
        body = column(72, [f"{line} {number}" for line in PROSE])
        return [Line(72, 40, "Notes on rivers"), *body, Line(300, 760, str(number))]

    document = read(*map(page, range(7, 12)))
    assert document.text.count("Notes on rivers") == 1
    assert document.text.startswith("Notes on rivers\n\nOtters hold hands")
    assert [document.text.split().count(str(number)) for number in range(7, 12)] == [8] * 5


def test_pages_that_say_the_same_on_purpose_keep_their_words() -> None:
    cards = [[Line(72, 100, "Name of the animal"), Line(72, 300, f"Card {n}")] for n in "12345"]
    words = read(*cards).text.split()
    assert words == [word for n in "12345" for word in ("Name", "of", "the", "animal", "Card", n)]


def test_what_an_annotation_shows_belongs_to_its_page() -> None:
    document = parse("a.pdf", pdf(["Otters.", "Voles."], comments={1: "Seen in May"}))
    assert document.text == "Otters.\n\nVoles.\n\nSeen in May"


def test_turned_pages_read_as_others_do() -> None:
    page = [Line(72, 100 + 12 * at, line) for at, line in enumerate(PROSE)]
    turned = parse("a.pdf", pdf([page], turned=90))
    assert turned.text.split() == read(page).text.split()


def test_pages_that_are_pictures_are_named() -> None:
    document = read("Otters.", PICTURE, "", PICTURE)
    message = (
        "2 pages without text (pages 2, 4): text recognition (OCR) would make the words in their "
        "pictures searchable"
    )
    assert document.remarks == (Remark("pages without text", message, (2, 4)),)


@pytest.mark.parametrize(
    ("data", "reason", "message"),
    [
        (pdf([PICTURE] * 3), "no text", "3 pages without text (pages 1, 2, 3)"),
        (pdf(["", ""]), "empty", "holds no text"),
        (pdf(["Otters."], password="crab"), "encrypted", "needs a password"),
        (b"", "damaged", "damaged, or not a PDF"),
        (b"%PDF-1.4\nOtters eat crabs.", "damaged", "damaged, or not a PDF"),
        (pdf(["Otters."])[:300], "damaged", "damaged, or not a PDF"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, reason: str, message: str) -> None:
    with pytest.raises(DocumentError, match=r".") as caught:
        parse("a.pdf", data)
    assert caught.value.reason == reason
    assert message in str(caught.value)


def test_an_empty_password_is_no_obstacle() -> None:
    assert parse("a.pdf", pdf(["Otters (all of them)."], password="")).text == (
        "Otters (all of them)."
    )


def test_ten_thousand_empty_pages_end_at_once() -> None:
    with pytest.raises(DocumentError, match="blank"):
        parse("a.pdf", pdf([""] * 10_000))


def test_too_much_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.documents.pdf.reader.MAX_CHARACTERS", 50)
    with pytest.raises(DocumentError, match="split it") as caught:
        read("Otters hold hands.", "Otters hold hands.", "Otters hold hands.")
    assert caught.value.reason == "too large"


words = st.text("abcdé•-1.()", min_size=1, max_size=8)
lines = st.builds(
    Line,
    st.sampled_from([40, 41, 60, 300, 310]),
    st.integers(2, 64).map(lambda at: 12 * at),
    st.lists(words, min_size=1, max_size=6).map(" ".join),
    st.sampled_from([6, 10, 10, 18]),
    st.sampled_from(["", "", "bold", "fixed"]),
)


@settings(max_examples=60)
@given(st.lists(st.lists(lines, max_size=12, unique_by=lambda line: line.top), max_size=2))
def test_whatever_lies_anywhere_is_said_once(pages: list[list[Line]]) -> None:
    try:
        document = parse("a.pdf", pdf(pages))
    except DocumentError:
        assert not any(pages)  # three would make running heads
        return
    end = 0
    for block in document.blocks:
        assert not document.text[end : block.span.start].strip()
        end = block.span.end
    assert end == len(document.text)
    letters = sorted(one for one in document.text if one.isalpha())
    assert letters == sorted(
        one for page in pages for line in page for one in line.text if one.isalpha()
    )


def test_words_that_run_to_the_left_are_read_from_the_right() -> None:
    assert in_reading_order(["רביעי", "three", "two", "ראשון", "אפס"]) == [
        *("אפס", "ראשון", "three", "two", "רביעי"),
    ]
    assert in_reading_order(["one", "two", "ג", "ב", "five"]) == ["one", "two", "ב", "ג", "five"]


def test_the_same_bytes_give_the_same_document() -> None:
    data = pdf([column(60, PROSE), column(320, PROSE), PICTURE])
    first, second, third = (parse("a.pdf", data) for _ in range(3))
    assert all(one == other for one, other in pairwise([first, second, third]))


def test_digits_off_the_line_are_not_added_to_those_before() -> None:
    page = [
        *(Line(72, 100, "We took 10"), Line(124.1, 96.5, "5", 7), Line(130, 100, "samples of H")),
        *(Line(188.4, 101.6, "2", 7), Line(192.3, 100, "O.")),
        *column(72, PROSE[:2], 140),
        *(Line(72, 180, "S", 10), Line(78.7, 180, "MALL", 7), Line(98, 180, "capitals are words.")),
    ]
    document = read(page)
    assert document.text.splitlines()[0] == "We took 10⁵ samples of H₂O."
    assert document.text.splitlines()[-1].startswith("SMALL capitals")


def test_a_script_that_a_space_parts_from_what_follows_is_one() -> None:
    page = [Line(72, 100, "a"), Line(77.6, 96, "2", 7), Line(84.2, 100, "+ 8 = 12")]
    assert read(page).text == "a² + 8 = 12"


def justified(left: float, lines: list[str], width: float, top: float = 100) -> list[Line]:
    """Lines of letters 6 points wide, their words set apart to reach both edges."""
    placed = []
    for at, line in enumerate(lines):
        words = line.split()
        gap = (width - 6 * sum(map(len, words))) / max(len(words) - 1, 1)
        for word in words:
            placed.append(Line(left, top + 12 * at, word, 10, "fixed"))
            left += 6 * len(word) + gap
        left = placed[0].left
    return placed


NARROW = [
    *("Otters commonly eat", "crustaceans and fish,", "whereas considerably", "smaller animals"),
    *("like voles prefer", "grasses; researchers", "repeatedly counted", "their young ones"),
]


def test_prose_whose_words_were_set_apart_is_no_table() -> None:
    pages = [*justified(60, NARROW, 150), *justified(240, NARROW, 150)]
    document = read(pages)
    assert document.text.split() == " ".join([*NARROW, *NARROW]).split()
    assert {block.kind for block in document.blocks} == {BlockKind.PARAGRAPH}


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM, reason="needs chromium")
def test_narrow_columns_that_a_browser_prints_are_read_word_by_word(tmp_path: Path) -> None:
    # Each letter is drawn on its own, and PDFium takes such a page for one written downwards.
    prose = " ".join([*NARROW, *PROSE])
    style = "column-count:2; text-align:justify; width:10cm; font:11pt serif"
    page = f"<title>River</title><h1>On the animals of rivers</h1><div style='{style}'>"
    (tmp_path / "a.html").write_text(page + f"<p>{prose}</p>" * 6, "utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/home")
    out = tmp_path / "a.pdf"
    subprocess.run(
        [CHROMIUM, *options, f"--print-to-pdf={out}", (tmp_path / "a.html").as_uri()],
        check=True,
        timeout=60,
        capture_output=True,
    )
    document = parse("a.pdf", out.read_bytes())
    assert document.text.split() == f"On the animals of rivers {f'{prose} ' * 6}".split()
    assert {block.kind for block in document.blocks} == {BlockKind.HEADING, BlockKind.PARAGRAPH}


def test_what_a_browser_prints_around_pages_is_left_out_of_one_page_too() -> None:
    def printed(number: int, lines: list[str]) -> list[Line]:
        head = [Line(24, 20, "11/26/26, 3:11 PM", 8), Line(280, 20, "River notes", 8)]
        foot = [Line(24, 780, "https://example.org/a?b=1", 8), Line(560, 780, f"{number}/2", 8)]
        return [*head, *column(60, lines, 36), *foot]

    document = read(printed(1, PROSE[:3]), printed(2, PROSE[3:]))
    assert document.text.split() == " ".join(PROSE).split()
    lone = [*column(60, PROSE), Line(24, 780, "https://example.org/a 3/4", 8)]
    assert "3/4" in read(lone).text  # of another count of pages: a source


def test_a_title_of_two_lines_above_columns_is_one_heading() -> None:
    title = [
        Line(60, 50, "All that is known of the animals of a river, and", 20, "bold"),
        Line(60, 76, "of its banks", 20, "bold"),
    ]
    document = read([*title, *column(60, PROSE, 120), *column(320, PROSE, 120)])
    assert said(document)[0] == (BlockKind.HEADING, " ".join(line.text for line in title))


def test_a_title_of_many_short_lines_is_one_heading() -> None:
    lines = ["All that is", "known of the", "animals of a", "river, and of", "its banks"]
    title = [Line(60, 50 + 28 * at, line, 24) for at, line in enumerate(lines)]
    document = read([*title, *column(60, PROSE, 220)])
    assert said(document)[0] == (BlockKind.HEADING, " ".join(lines))
