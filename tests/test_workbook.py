from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making_office import S, archive, row, xlsx
from test_archive import holds, members, refused

from rag.documents import load
from rag.documents.office.archive import MEMBER_BYTES
from rag.documents.text.table import parse as parse_table
from rag.types import Document, PlaceKind, Span


def read(sheets: dict[str, str] | str, **more: object) -> Document:
    given = {"Sheet1": sheets} if isinstance(sheets, str) else sheets
    document = load("marks/bio-1.xlsx", xlsx(given, **more))  # type: ignore[arg-type]
    holds(document)
    return document


def said(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, block.span.of(document.text)) for block in document.blocks]


def numbers(*cells: str, formats: str = "", styles: tuple[str, ...] = (), **more: object) -> str:
    """The line of a table that holds these cells."""
    used = "".join(f'<xf numFmtId="{number}"/>' for number in ("0", *styles))
    sheet = f"<styleSheet {S}><numFmts>{formats}</numFmts><cellXfs>{used}</cellXfs></styleSheet>"
    return read(row(1, *cells), styles=sheet, **more).text


def test_a_sheet_is_a_table_whose_places_are_its_rows() -> None:
    document = read(row(2, "name", "", "mark") + row(4, "Ada", "", "<c r='C4'><v>1</v></c>"))
    # Column B says nothing, and rows are numbered as the sheet shows them.
    assert said(document) == [("table", "| name | mark |\n| Ada | 1 |")]
    assert document.title == "bio 1"
    assert document.places.kind is PlaceKind.ROW
    (table,) = document.blocks
    assert [document.places.name(part) for part in table.parts] == ["row 2", "row 4"]


def test_questions_and_answers_become_headings_as_those_of_a_csv_do() -> None:
    rows = [["Topic", "Question", "Answer"], ["cells", "What?", "- a\n- b"], ["", "Why?", "So."]]
    table = "\n".join(",".join(f'"{cell}"' for cell in one) for one in rows)
    document = read("".join(row(number, *one) for number, one in enumerate(rows, 1)))
    expected = parse_table("marks/bio-1.csv", table.encode())
    assert (document.text, document.blocks) == (expected.text, expected.blocks)
    assert document.places == expected.places
    asked = read(row(1, "Why?", "So.") + row(2, "When?"))
    assert said(asked)[0] == ("heading", "Why?")


def test_sheets_with_text_are_headings_and_their_names_stand_in_places() -> None:
    rows = row(1, "a", "b") + row(2, "c", "d")
    document = read({"Marks": rows, "Empty": "", "Week 2": rows}, title="Pond")
    assert said(document) == [
        ("heading", "Marks"),
        ("table", "| a | b |\n| c | d |"),
        ("heading", "Week 2"),
        ("table", "| a | b |\n| c | d |"),
    ]
    assert document.title == "bio 1"
    heading, table = document.blocks[2:]
    assert document.places.name(heading.span) == "row Week 2!1"
    assert document.places.name(table.span) == "rows Week 2!1–2"
    across = document.places.name(Span(0, table.span.end))
    assert across == "rows Marks!1–Week 2!2"
    names = [place.name for place in document.places.listed]
    assert names == ["Marks!1", "Marks!2", "Week 2!1", "Week 2!2"]


def test_strings_are_joined_from_their_runs_without_what_tells_how_they_sound() -> None:
    strings = [
        "<r><t>Otters </t></r><r><rPr><b/></rPr><t>eat</t></r>",
        "<t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh>",
        "<t>a_x000D_b_x005F_x</t>",
    ]
    cells = [f"<c t='s'><v>{at}</v></c>" for at in range(3)]
    assert read(row(1, *cells), strings=strings).text == "| Otters eat | 東京 | a b_x |"


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("<c><v>0.30000000000000004</v></c>", "0.3"),
        ("<c><v>2.0</v></c>", "2"),
        ("<c><v>-0</v></c>", "0"),
        ("<c><v>1.2345678901E+19</v></c>", "12345678901000000000"),
        ("<c><v>6.02E+23</v></c>", "6.02e+23"),
        ("<c><v>1E-7</v></c>", "1e-07"),
        ("<c t='b'><v>1</v></c><c t='b'><v>0</v></c>", "TRUE | FALSE"),
        ("<c t='e'><v>#DIV/0!</v></c>", "#DIV/0!"),
        ("<c><f>1+1</f><v>2</v></c>", "2"),
        ("<c t='str'><f>A1</f><v>so</v></c>", "so"),
        ("<c t='d'><v>2024-03-01T00:00:00</v></c>", "2024-03-01"),
        ("<c t='d'><v>2024-03-01T14:30:00.000</v></c>", "2024-03-01 14:30"),
    ],
)
def test_values_are_shown_as_a_person_sees_them(cell: str, shown: str) -> None:
    assert numbers(cell) == f"| {shown} |"


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        # 2024-03-01 is 45,352 days after 1899-12-30: 124 years of 365, 30 leap days since, 62 days.
        ("45352", "yyyy-mm-dd", "2024-03-01"),
        ("45352.75", "d. mmmm yyyy", "2024-03-01"),
        ("45352.604178240741", "dd/mm/yyyy hh:mm", "2024-03-01 14:30:01"),
        ("45352", "[$-407]mmm;@", "2024-03-01"),
        ("0.5", "h:mm AM/PM", "12:00"),
        ("1.5", "[h]:mm", "36:00"),
        ("1", "d.m.yyyy", "1900-01-01"),
        ("61", "d.m.yyyy", "1900-03-01"),
        ("-1", "d.m.yyyy", "-1"),
        ("3000000", "d.m.yyyy", "3000000"),
        ("0.07", "0%", "7%"),
        ("5", '0 "days"', "5"),
        ("5", "[Red]0.00;[Blue]-0.00", "5"),
        ("5", r"0\d", "5"),
        ("5", "General", "5"),
    ],
)
def test_formats_tell_dates_times_and_percentages(value: str, code: str, shown: str) -> None:
    quoted = code.replace('"', "&quot;")
    formats = f'<numFmt numFmtId="164" formatCode="{quoted}"/>'
    cell = f'<c s="1"><v>{value}</v></c>'
    assert numbers(cell, formats=formats, styles=("164",)) == f"| {shown} |"


def test_formats_that_a_number_names_and_days_since_1904() -> None:
    cells = [f'<c s="{style}"><v>1.5</v></c>' for style in range(5)]
    shown = numbers(*cells, styles=("14", "22", "9", "46"))
    assert shown == "| 1.5 | 1900-01-01 | 1900-01-01 12:00 | 150% | 36:00 |"
    since = numbers('<c s="1"><v>43890</v></c>', styles=("14",), properties='date1904="1"')
    assert since == "| 2024-03-01 |"  # 1,462 days fewer


def test_what_is_hidden_is_counted_and_left_out() -> None:
    cols = "<cols><col min='2' max='2' hidden='1'/><col min='4' max='99999999' hidden='1'/></cols>"
    rows = row(1, "a", "b c", "d", "e") + row(2, "f", "", "g h i", more="hidden='1'")
    document = read(
        {
            "Seen": f"{cols}<sheetData>{rows}</sheetData>",
            "Lists": row(1, "x y"),
            "Keys": row(1, "z"),
        },
        states={"Lists": "hidden", "Keys": "veryHidden"},
    )
    assert said(document) == [("table", "| a | d |")]
    (remark,) = document.remarks
    assert remark.reason == "hidden text"
    assert remark.message.startswith("10 hidden words left out")  # b c, e, f, g h i, x y, z


def test_a_format_that_shows_nothing_hides_its_cell() -> None:
    formats = '<numFmt numFmtId="164" formatCode=";;;"/>'
    assert numbers("a", "<c s='1'><v>7</v></c>", formats=formats, styles=("164",)) == "| a |"


def test_merged_cells_say_their_first_one_only() -> None:
    rows = row(1, "a", "old", "b") + row(2, "old", "old", "c") + row(3, "d")
    merged = "<mergeCells><mergeCell ref='A1:B2'/><mergeCell ref='C2:XFD1048576'/></mergeCells>"
    assert read(f"<sheetData>{rows}</sheetData>{merged}").text == "| a | b |\n|  | c |\n| d |  |"


def test_boxes_and_titles_of_charts_follow_the_cells() -> None:
    box = (
        "<xdr:sp><xdr:nvSpPr><xdr:cNvPr id='1' {}/></xdr:nvSpPr><xdr:txBody><a:p>"
        "<a:r><a:t>{}</a:t></a:r></a:p></xdr:txBody></xdr:sp>"
    )
    shown, unshown = box.format("", "Hand in"), box.format("hidden='1'", "Key")
    twice = f"<mc:Choice>{shown}</mc:Choice><mc:Fallback>{shown}</mc:Fallback>"
    drawing = (
        f"<xdr:wsDr {S}><mc:AlternateContent>{twice}</mc:AlternateContent>{unshown}</xdr:wsDr>"
    )
    title = "<a:p><a:r><a:t>Marks by week</a:t></a:r></a:p>"
    chart = f"<chartSpace {S}><title>{title}</title></chartSpace>"
    document = read(
        row(1, "a", "b"), drawn=[("drawing", "d.xml", drawing), ("chart", "c.xml", chart)]
    )
    assert said(document) == [("table", "| a | b |"), ("paragraph", "Hand in\nMarks by week")]
    assert document.remarks[0].message.startswith("1 hidden word left out")


def test_strict_files_are_read_like_the_others() -> None:
    parts = {
        name: text.replace(
            b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            b"http://purl.oclc.org/ooxml/spreadsheetml/main",
        ).replace(
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        )
        for name, text in members(xlsx({"A": row(1, "x"), "B": row(1, "y")})).items()
    }
    document = load("a.xlsx", archive(parts))
    assert document.text == "A\n\n| x |\n\nB\n\n| y |"


def test_rows_and_cells_without_their_numbers_follow_each_other() -> None:
    document = read("<row r='3'><c><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>")
    assert document.text == "| 1 | 2 |\n| 3 |  |"
    assert [place.name for place in document.places.listed] == ["3", "4"]


def test_what_holds_no_text_says_why() -> None:
    assert refused("a.xlsx", xlsx({"A": "", "B": row(1, "", " ")}))[0] == "empty"
    pictured = xlsx({"A": ""}, drawn=[("drawing", "d.xml", "<wsDr/>"), ("image", "i.png", "")])
    assert refused("a.xlsm", pictured) == (
        "no text",
        "1 sheet of pictures only: text recognition (OCR) would make them readable",
    )


def test_what_is_missing_is_told() -> None:
    lost = "<c t='s'><v>7</v></c><c t='s'><v>x</v></c>"
    formulas = "<c><f>1+1</f></c><c><f>1+1</f><v/></c><c t='str'><f>A9</f><v/></c>"
    document = read(row(1, "a", lost, formulas))
    assert document.text == "| a |"
    assert [(remark.reason, remark.message.partition(";")[0]) for remark in document.remarks] == [
        ("damaged parts", "the text of 2 cells is missing"),
        ("formulas without results", "2 formulas never calculated"),
    ]
    parts = members(xlsx({"A": row(1, "x"), "B": row(1, "y")}))
    parts["xl/worksheets/s1.xml"] = b"\x00"
    document = load("a.xlsx", archive(parts))
    assert document.text == "| x |"
    assert [remark.reason for remark in document.remarks] == ["damaged parts"]


def test_only_cells_that_are_there_count() -> None:
    far = "<dimension ref='A1:XFD1048576'/><sheetData><row r='1048576'><c r='XFD1048576'><v>1</v>"
    document = read(f"{far}</c></row></sheetData>")
    assert document.text == "| 1 |"
    assert document.places.listed[0].name == "1048576"


def test_a_long_text_in_many_cells_is_too_large() -> None:
    text, times = "x" * 100_000, MEMBER_BYTES // 100_000 + 1
    rows = "".join("<row><c t='s'><v>0</v></c></row>" for _ in range(times))
    reason, message = refused("a.xlsx", xlsx({"A": rows}, strings=[f"<t>{text}</t>"]))
    assert reason == "too large"
    assert "cells of more than 32 million characters" in message


def test_cells_on_a_diagonal_are_too_large_rather_than_squared() -> None:
    def name(column: int) -> str:
        letters = ""
        while column:
            column, letter = divmod(column - 1, 26)
            letters = chr(65 + letter) + letters
        return letters

    rows = "".join(
        f"<row r='{at}'><c r='{name(at)}{at}'><v>1</v></c></row>" for at in range(1, 6000)
    )
    assert refused("a.xlsx", xlsx({"A": rows}))[0] == "too large"


def test_merged_ranges_that_all_overlap_are_too_large() -> None:
    rows = "".join(f"<row r='{at}'><c><v>1</v></c></row>" for at in range(1, 2001))
    merged = "<mergeCell ref='B1:C2000'/>" * 10_000
    sheet = f"<sheetData>{rows}</sheetData><mergeCells>{merged}</mergeCells>"
    assert "merged cells that overlap" in refused("a.xlsx", xlsx({"A": sheet}))[1]


cell = st.tuples(
    st.sampled_from(["n", "s", "b", "d", "e", "str", "inlineStr", "x"]),
    st.sampled_from(["", "A1", "ZZZ9", "C0", "1", "a1"]),
    st.sampled_from(["", "0", "1", "-1", "x"]),
    st.sampled_from(["0", "1", "-1", "1e300", "nan", "٣", "2024-13-01", "_xD800_", " ", "1_0"]),
)


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "0", "3", "x"]), st.lists(cell, max_size=4)), max_size=4
    ),
    st.sampled_from(["A1:B2", "B2:A1", "A1", ":", "A0:ZZZ9999999"]),
    st.text("dmyhs[];@%0\\_*", max_size=6),
)
def test_cells_of_any_kind_are_read(
    rows: list[tuple[str, list[tuple[str, str, str, str]]]], merged: str, code: str
) -> None:
    body = "".join(
        f"<row r='{number}'>"
        + "".join(
            f"<c t='{kind}' r='{at}' s='{style}'><v>{value}</v></c>"
            for kind, at, style, value in cells
        )
        + "</row>"
        for number, cells in rows
    )
    formats = f"<numFmt numFmtId='164' formatCode='{code}'/>"
    styles = f"<s><numFmts>{formats}</numFmts><cellXfs><xf/><xf numFmtId='164'/></cellXfs></s>"
    sheet = f"<sheetData>{body}</sheetData><mergeCells><mergeCell ref='{merged}'/></mergeCells>"
    read({"A": sheet, "B": row(1, "x")}, styles=styles)
