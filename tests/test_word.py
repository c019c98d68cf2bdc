from __future__ import annotations

from making_office import W, archive, docx, p, relations

from rag.documents import load
from rag.types import BlockKind, Document, Span

STYLES = """
<w:style w:type="paragraph" w:default="1" w:styleId="Standard"><w:name w:val="Normal"/></w:style>
<w:style w:type="paragraph" w:styleId="Titel"><w:name w:val="Title"/></w:style>
<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
<w:style w:type="paragraph" w:styleId="Eigene"><w:name w:val="Kapitel"/>
  <w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="Kind"><w:name w:val="Unterkapitel"/>
  <w:basedOn w:val="Eigene"/></w:style>
<w:style w:type="paragraph" w:styleId="Code"><w:name w:val="Source Code"/></w:style>
<w:style w:type="paragraph" w:styleId="Punkte"><w:name w:val="List Bullet"/>
  <w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>
<w:style w:type="character" w:styleId="Weg"><w:name w:val="gone"/>
  <w:rPr><w:vanish/></w:rPr></w:style>
"""
NUMBERING = """
<w:abstractNum w:abstractNumId="7"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/></w:lvl>
  <w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="8">
  <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
  <w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/>
    <w:lvlText w:val="%1.%2)"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="8"/></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="8"/>
  <w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride></w:num>
"""


def listed(number: int, level: int = 0) -> str:
    return f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"


def field(code: str, result: str) -> str:
    def sign(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    told = f"<w:r><w:instrText>{code}</w:instrText></w:r>"
    return sign("begin") + told + sign("separate") + run(result) + sign("end")


def said(document: Document) -> list[tuple[BlockKind, str]]:
    return [(block.kind, block.span.of(document.text)) for block in document.blocks]


def read(body: str, **parts: str) -> Document:
    return load("notes/otters.docx", docx(body, **{"styles": STYLES, **parts}))


def text_of(*inside: str, **parts: str) -> str:
    return read(f"<w:p>{''.join(inside)}</w:p>", **parts).text


def test_headings_are_told_by_style_outline_and_what_a_style_is_based_on() -> None:
    body = p("Otters", "Titel") + p("Food", "berschrift1") + p("Crabs", "Eigene")
    body += p("Shells", "Kind") + p("They eat.") + p("Own", paragraph='<w:outlineLvl w:val="2"/>')
    document = read(body + p("No", "Kind", paragraph='<w:outlineLvl w:val="9"/>'))
    levels = [block.level for block in document.blocks]
    assert levels == [1, 1, 2, 2, 0, 3, 0]
    assert document.title == "Otters"


def test_lists_have_their_markers_and_count_on() -> None:
    body = p("one", "Punkte") + p("inner", "Punkte", paragraph=listed(1, 1)) + p("Between.")
    body += p("a", paragraph=listed(2)) + p("b", paragraph=listed(2, 1)) + p("")
    body += (
        p("c", paragraph=listed(2, 1))
        + p("d", paragraph=listed(2))
        + p("g", paragraph=listed(2, 1))
        + p("Again.")
    )
    body += p("e", paragraph=listed(3)) + p("f", paragraph=listed(3))
    document = read(body + p("none", "Punkte", paragraph=listed(0)), numbering=NUMBERING)
    assert said(document) == [
        (BlockKind.LIST, "- one\n  - inner"),
        (BlockKind.PARAGRAPH, "Between."),
        (BlockKind.LIST, "1. a\n  1.a) b\n  1.b) c\n2. d\n  2.a) g"),
        (BlockKind.PARAGRAPH, "Again."),
        (BlockKind.LIST, "5. e\n6. f"),
        (BlockKind.PARAGRAPH, "none"),
    ]


def test_a_numbered_heading_keeps_its_number() -> None:
    body = p("Food", "berschrift1", paragraph=listed(2))
    assert read(
        body + p("Crabs", "berschrift1", paragraph=listed(2)), numbering=NUMBERING
    ).text == ("1. Food\n\n2. Crabs")


def test_tables_say_merged_cells_once_and_keep_the_columns() -> None:
    def cell(text: str, properties: str = "") -> str:
        return f"<w:tc><w:tcPr>{properties}</w:tcPr>{p(text)}</w:tc>"

    rows = [
        cell("Animal", '<w:vMerge w:val="restart"/>') + cell("Food", '<w:gridSpan w:val="2"/>'),
        cell("Animal", "<w:vMerge/>") + cell("crabs") + f"<w:sdt><w:sdtContent>{cell('fish')}"
        "</w:sdtContent></w:sdt>",
    ]
    table = "".join(f"<w:tr>{row}</w:tr>" for row in rows)
    gone = f"<w:tr><w:trPr><w:del/></w:trPr>{cell('deleted')}</w:tr>"
    inner = f"<w:tbl><w:tr>{cell('in')}{cell('ner')}</w:tr></w:tbl>"
    nested = f"<w:tr><w:tc>{p('out')}{inner}</w:tc>{cell('er')}</w:tr>"
    document = read(f"<w:tbl>{table}{gone}{nested}</w:tbl>")
    assert said(document) == [
        (
            BlockKind.TABLE,
            "| Animal | Food |  |\n|  | crabs | fish |\n| out in ner | er |",
        )
    ]
    frame = f"<w:tbl><w:tr><w:tc>{p('Food', 'berschrift1')}{p('Crabs.')}</w:tc></w:tr></w:tbl>"
    assert [kind for kind, _ in said(read(frame))] == [BlockKind.HEADING, BlockKind.PARAGRAPH]


def test_a_text_box_is_read_once_and_after_its_paragraph() -> None:
    box = f"<w:txbxContent>{p('In the box.')}</w:txbxContent>"
    both = (
        f"<w:r><mc:AlternateContent><mc:Choice><w:drawing>{box}</w:drawing></mc:Choice>"
        f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )
    only = f"<w:r><mc:AlternateContent><mc:Choice/><mc:Fallback>{run('Old.')}</mc:Fallback>"
    document = read(f"<w:p>{both}{run('Before.')}</w:p>{p('After.')}")
    assert document.text == "Before.\n\nIn the box.\n\nAfter."
    assert text_of(only, "</mc:AlternateContent></w:r>") == "Old."
    sign = '<w:sym w:font="Symbol" w:char="F061"/>'
    twice = f"<mc:Choice>{sign}</mc:Choice><mc:Fallback>{sign}</mc:Fallback>"
    assert text_of(f"<w:r><mc:AlternateContent>{twice}</mc:AlternateContent></w:r>") == "α"
    assert text_of(run("Kept."), "<w:r><mc:AlternateContent/></w:r>") == "Kept."


def test_notes_follow_the_block_that_names_them_headers_come_last_and_once() -> None:
    def note(kind: str, number: int) -> str:
        return f'<w:r><w:{kind}Reference w:id="{number}"/></w:r>'

    body = (
        f"<w:p>{run('Otters eat')}{note('footnote', 2)}{run(' crabs.')}{note('endnote', 2)}</w:p>"
    )
    document = read(
        body + p("End."),
        footnotes=f'<w:footnote w:id="1">{p("unused")}</w:footnote>'
        f'<w:footnote w:id="2">{p("Kruuk 2006.")}</w:footnote>',
        endnotes=f'<w:endnote w:id="2">{p("Mostly.")}</w:endnote>',
        header=p("Biology 101"),
        footer=f"<w:p>{field('PAGE', '3')}</w:p>",
    )
    assert document.text == "Otters eat crabs.\n\nKruuk 2006.\n\nMostly.\n\nEnd.\n\nBiology 101"


def test_deletions_and_field_codes_are_out_insertions_and_results_in() -> None:
    told = text_of(
        run("Otters "),
        f"<w:del><w:r><w:delText>hate</w:delText></w:r></w:del><w:ins>{run('eat')}</w:ins>",
        f"<w:moveFrom>{run(' moved')}</w:moveFrom> ",
        field('HYPERLINK "http://x"', " crabs"),
        f'<w:fldSimple w:instr="DATE">{run(" daily")}</w:fldSimple>',
        f"<w:hyperlink>{run(' here')}</w:hyperlink><w:smartTag>{run('.')}</w:smartTag>",
    )
    assert told == "Otters eat crabs daily here."
    begin, separate, end = (
        f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")
    )
    assert text_of(begin, field("PAGE", "inner"), separate, run("outer"), end) == "outer"
    endless = '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r></w:p>'
    assert read(endless + p("Still here.")).text == "Still here."


def test_tabs_breaks_symbols_and_small_print() -> None:
    symbol = '<w:r><w:sym w:font="{}" w:char="{}"/></w:r>'
    assert (
        text_of(
            "<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t></w:r>",
            symbol.format("Symbol", "F061"),
            symbol.format("Wingdings", "F0FC"),
            run("eﬃ\u00adcient u\u0308"),
            f"<w:r><w:ruby><w:rt>{run('とう')}</w:rt><w:rubyBase>{run('東')}</w:rubyBase></w:ruby></w:r>",
        )
        == "a\tb\nc-dα✓efficient ü東(とう)"
    )


def test_hidden_words_are_left_out_and_told() -> None:
    white, marked = '<w:color w:val="FFFFFF"/>', '<w:highlight w:val="black"/>'
    tiny, shown, styled = '<w:sz w:val="2"/>', '<w:vanish w:val="0"/>', '<w:rStyle w:val="Weg"/>'
    document = read(
        f"<w:p>{run('Seen. ')}{run('two words', '<w:vanish/>')}{run('styled', styled)}"
        f"{run('white', white)}{run('tiny', tiny)}"
        f"{run('Shown. ', shown)}"
        f"{run('Marked.', white + marked)}</w:p>"
        f"<w:tbl><w:tr><w:tc>{p('Head', run=white)}</w:tc><w:tc>{p('er')}</w:tc></w:tr></w:tbl>"
    )
    assert document.text == "Seen. Shown. Marked.\n\n| Head | er |"
    (remark,) = document.remarks
    assert (remark.reason, remark.message.split(" left")[0]) == ("hidden text", "5 hidden words")


def test_code_is_told_by_its_style_or_by_how_it_is_set() -> None:
    courier = '<w:rFonts w:ascii="Courier New"/>'
    document = read(
        p("import sys", "Code") + p("") + p("  exit()", "Code") + p("Prose.")
        + p("for i in (1, 2):", run=courier) + p("    i", run=courier) + p("End.")
        + p("A memo in a typewriter face.", run=courier)
    )  # fmt: skip
    assert [one for one in said(document) if one[0] is BlockKind.CODE] == [
        (BlockKind.CODE, "import sys\n\n  exit()"),
        (BlockKind.CODE, "for i in (1, 2):\n    i"),
    ]


def test_equations_stand_in_the_line_or_on_their_own() -> None:
    square = (
        "<m:sSup><m:e><m:r><m:t>c</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>"
    )
    formula = f"<m:oMath><m:r><m:t>E=m</m:t></m:r>{square}</m:oMath>"
    document = read(
        f"<w:p>{run('So ')}{formula}{run('.')}</w:p><w:p><m:oMathPara>{formula}</m:oMathPara></w:p>"
    )
    assert said(document) == [
        (BlockKind.PARAGRAPH, "So $E=mc^{2}$."),
        (BlockKind.MATH, "E=mc^{2}"),
    ]


def test_a_chart_says_its_title_and_its_values() -> None:
    def points(*values: str) -> str:
        return "".join(
            f'<c:pt idx="{n}"><c:v>{value}</c:v></c:pt>' for n, value in enumerate(values)
        )

    chart = (
        "<c:title><c:p><c:t>Diet</c:t></c:p></c:title><c:ser><c:tx>" + points("share")
        + "</c:tx><c:cat>" + points("crabs", "fish") + "</c:cat><c:val>" + points("60", "40")
        + "</c:val></c:ser>"
    )  # fmt: skip
    named = '<w:p><w:r><w:drawing><c:chart r:id="rId2"/></w:drawing></w:r></w:p>'
    space = 'xmlns:c="c"'
    document = read(named, chart=f"<c:chart {space}>{chart}</c:chart>")
    assert said(document) == [
        (BlockKind.PARAGRAPH, "Diet"),
        (BlockKind.TABLE, "|  | share |\n| crabs | 60 |\n| fish | 40 |"),
    ]


def test_a_strict_file_reads_like_any_other() -> None:
    strict = "http://purl.oclc.org/ooxml"
    body = '<w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr><w:r><w:t>Otters</w:t></w:r></w:p>'
    document = load(
        "n.docx",
        archive(
            {
                "_rels/.rels": relations([("officeDocument", "/doc/main.xml")]).replace(
                    "http://schemas.openxmlformats.org/officeDocument/2006",
                    f"{strict}/officeDocument",
                ),
                "doc/main.xml": f'<w:document xmlns:w="{strict}/wordprocessingml/main">'
                f"<w:body>{body}</w:body></w:document>",
            }
        ),
    )
    assert said(document) == [(BlockKind.HEADING, "Otters")]


def test_a_title_of_the_properties_counts_where_the_document_says_it_too() -> None:
    headed = p("Otters", "berschrift1") + p("On sea otters.")
    assert load("n.docx", docx(headed, "On Sea Otters", styles=STYLES)).title == "On Sea Otters"
    assert load("n.docx", docx(headed, "My last essay", styles=STYLES)).title == "Otters"
    assert load("n.docx", docx(p("Plain."), "My essay")).title == "My essay"
    assert load("a-b.docx", docx(p("Plain."), "Microsoft Word - draft")).title == "a b"


def test_places_are_numbers_of_blocks() -> None:
    document = read(p("One.") + p("") + p("two", "Punkte") + p("Three."), numbering=NUMBERING)
    assert [place.name for place in document.places.listed] == ["1", "2", "3"]
    assert document.places.name(Span(len(document.text) - 1, len(document.text))) == "paragraph 3"


def test_a_page_put_in_whole_is_read_and_another_file_told() -> None:
    parts = {
        "word/document.xml": f"<w:document {W}><w:body>{p('Before.')}"
        '<w:altChunk r:id="rId1"/><w:altChunk r:id="rId2"/></w:body></w:document>',
        "word/_rels/document.xml.rels": relations([("aFChunk", "a.html"), ("aFChunk", "b.mht")]),
        "word/a.html": "<h1>Otters</h1><p>eat crabs.</p>",
    }
    document = load("n.docx", archive(parts))
    assert document.text == "Before.\n\nOtters\n\neat crabs."
    assert [remark.message.split()[0] for remark in document.remarks] == ["word/b.mht"]


def test_superscripts_and_subscripts_stay_apart_from_the_digits_before_them() -> None:
    up, down = '<w:vertAlign w:val="superscript"/>', '<w:vertAlign w:val="subscript"/>'
    runs = [
        *(
            ("10", ""),
            ("−", up),
            ("5", up),
            (" samples of H", ""),
            ("2", '<w:rStyle w:val="Low"/>'),
        ),
        *(("O, 10", ""), ("k+1", up), (" of x", ""), ("i", down)),
    ]
    body = "".join(
        f"<w:r><w:rPr>{look}</w:rPr><w:t xml:space='preserve'>{said}</w:t></w:r>"
        for said, look in runs
    )
    styles = f'<w:style w:type="character" w:styleId="Low"><w:rPr>{down}</w:rPr></w:style>'
    document = load("a.docx", docx(f"<w:p>{body}</w:p>", styles=styles))
    assert document.text == "10⁻⁵ samples of H₂O, 10^{k+1} of xᵢ"
