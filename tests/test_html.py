from __future__ import annotations

import pytest

from rag.documents.building import Builder
from rag.documents.web.html import lay_out, parse
from rag.errors import DocumentError
from rag.types import BlockKind, Document, PlaceKind, Remark


def read(page: str) -> Document:
    return parse("a/page.html", page.encode())


def blocks(page: str) -> list[tuple[str, str]]:
    document = read(page)
    return [(block.kind.value, block.span.of(document.text)) for block in document.blocks]


def test_headings_paragraphs_lists_tables_and_code_are_blocks_with_a_number_each() -> None:
    document = read(
        "<title>Page &amp; title</title><h1>Big</h1><p>One\n two<br>three<p>Four"
        "<ul><li>a<ol start=3><li>b<li>c</ol><li>d</ul>"
        "<dl><dt>term<dd>what it means</dl>"
        "<table><caption>Caption</caption><tr><th>A<th>B<tr><td colspan=2>c<tr><td>d<td>e|f</table>"
        "<pre><code>\n  if x:\n    y\n</code></pre>"
    )
    assert document.title == "Page & title"
    said = [(block.kind.value, block.span.of(document.text)) for block in document.blocks]
    assert said == [
        ("heading", "Big"),
        ("paragraph", "One two\nthree"),
        ("paragraph", "Four"),
        ("list", "- a\n  3. b\n  4. c\n- d"),
        ("list", "- term\n  what it means"),
        ("paragraph", "Caption"),
        ("table", "| A | B |\n| c |  |\n| d | e¦f |"),
        ("code", "  if x:\n    y"),
    ]
    assert document.places.kind is PlaceKind.PARAGRAPH
    assert [place.name for place in document.places.listed] == list("12345678")
    parts = [part.of(document.text) for part in document.blocks[3].parts]
    assert parts == ["- a", "  3. b", "  4. c", "- d"]


def test_scripts_navigation_and_the_page_s_own_footer_are_left_out() -> None:
    page = (
        "<header>Site</header><nav>Menu</nav><main><header>By me</header><p>Words.</p>"
        "<noscript>no</noscript><script>x()</script><style>p{}</style><svg><text>t</text></svg>"
        "<template>t</template><aside>Beside</aside><footer>Notes</footer></main>"
        "<div role=navigation>More</div><footer>Imprint</footer>"
    )
    assert [text for _, text in blocks(page)] == ["By me", "Words.", "Beside", "Notes"]


def test_a_page_of_nothing_but_navigation_is_read_all_the_same() -> None:
    assert blocks("<nav><p>Only this.</p></nav>") == [("paragraph", "Only this.")]


def test_a_list_that_holds_headings_or_tables_is_the_page_s_layout_and_no_list() -> None:
    page = "<ol><li><h2>First</h2><p>hit</p><ul><li>x<li>y</ul></li><li><h2>Second</h2></li></ol>"
    assert blocks(page) == [
        *(("heading", "First"), ("paragraph", "hit"), ("list", "- x\n- y"), ("heading", "Second"))
    ]


def test_a_table_that_holds_headings_or_one_column_is_the_page_s_layout_and_no_table() -> None:
    assert blocks("<table><tr><td><h2>H</h2>a<td>b</table>") == [
        *(("heading", "H"), ("paragraph", "a"), ("paragraph", "b"))
    ]
    assert blocks("<table><tr><td>only</table>") == [("paragraph", "only")]


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>secret words</p>",
        "<p style='DISPLAY : none !important'>secret words</p>",
        "<div style='visibility:hidden'>secret <b>words</b></div>",
        "<span style='font-size:0px'>secret words</span>",
        "<span style='color:#fff'>secret words</span>",
        "<span style='color: rgb(255, 255, 255)'>secret words</span>",
        "<font color=white>secret words</font>",
        "<div style='background:#123456'><i style='color:#123456'>secret words</i></div>",
        "<div style='position:absolute;left:-9999px'>secret words</div>",
        "<div style='opacity:0'>secret words</div>",
        "<p style='opacity:.01'>secret words</p>",
        "<p style='color:transparent'>secret words</p>",
        "<p style='color:rgba(0,0,0,0)'>secret words</p>",
        "<p style='color:hsl(0, 0%, 100%)'>secret words</p>",
        "<p style='color:#fefefe'>secret words</p>",
        "<p style='font-size:1px'>secret words</p>",
        "<p style='position:absolute;clip:rect(0,0,0,0)'>secret words</p>",
    ],
)
def test_hidden_words_are_not_indexed_but_remarked(hidden: str) -> None:
    document = read(f"<p>Seen before.</p>{hidden}<p>Seen after.</p>")
    assert document.text == "Seen before.\n\nSeen after."
    (remark,) = document.remarks
    assert remark.reason == "hidden text"
    assert remark.message.startswith("2 words that the page does not show (“secret")


@pytest.mark.parametrize(
    "shown",
    [
        "<div style='visibility:hidden'><p style='visibility:visible'>words</p></div>",
        "<p style='background:black;color:white'>words</p>",
        "<style>.dark{background:#000}</style><p class=dark><b style='color:#fff'>words</b></p>",
        "<p style='background-image:url(x.png);color:white'>words</p>",
        "<p style='background:#000'>words</p>",
        "<p style='color:#ddd'>words</p>",
        "<p style='color:transparent;background-clip:text'>words</p>",
        "<style>body{background:#222}p{color:#fff}</style><p>words</p>",
        "<style>.a{color:#fff}.dark .a{color:#000}</style><p class=a>words</p>",
        "<style>@media print{.a{display:none}}.a:hover{color:#fff}</style><p class=a>words</p>",
        "<style>.a{color:#fff;background:linear-gradient(red,blue)}</style><p class=a>words</p>",
        "<link rel=stylesheet href=x.css><style>.a{color:#fff}</style><p class=a>words</p>",
        "<div style='font-size:0'><p style='font-size:12px'>words</p></div>",
        "<p style='font-size:0.9em;opacity:0.5;text-indent:-2em'>words</p>",
    ],
)
def test_words_that_a_reader_sees_are_not_called_hidden(shown: str) -> None:
    document = read(shown)
    assert (document.text, document.remarks) == ("words", ())


@pytest.mark.parametrize(
    ("css", "attribute"),
    [
        (".h{color:white}", "class=h"),
        ("p.h, b { color : #FFF !important }", "class=h"),
        ("#h{display:none}", "id=h"),
        ("/* } */ p{font-size:1px}", ""),
        ("@media print{a{b:c}} .h{opacity:.01}", "class=h"),
        (".h{visibility:hidden}", "class='g h'"),
    ],
)
def test_words_that_a_stylesheet_hides_are_remarked_and_indexed(css: str, attribute: str) -> None:
    document = read(f"<style>{css}</style><div>Seen.</div><p {attribute}>secret words</p>")
    assert document.text == "Seen.\n\nsecret words"
    (remark,) = document.remarks
    assert remark.reason == "hidden text"
    assert remark.message.startswith("2 words that its stylesheet may not show (“secret words”)")


def test_formulas_are_their_source_however_the_page_carries_it() -> None:
    wikipedia = (
        "<p>Let <span class=mwe-math-element><span class='mwe-math-mathml-inline'"
        " style='display: none;'><math><semantics><mi>x</mi><annotation "
        "encoding='application/x-tex'>{\\displaystyle x^{2}}</annotation></semantics></math></span>"
        "<img class=mwe-math-fallback-image-inline alt='{\\displaystyle x^{2}}'></span> be.</p>"
    )
    assert blocks(wikipedia) == [("paragraph", "Let $x^{2}$ be.")]
    katex = (
        "<p>So <span class=katex><span class=katex-mathml><math><semantics><annotation "
        "encoding='application/x-tex'>a_1</annotation></semantics></math></span>"
        "<span class=katex-html aria-hidden=true>a1</span></span>.</p>"
    )
    assert blocks(katex) == [("paragraph", "So $a_1$.")]
    assert blocks("<p>a <script type='math/tex'>b</script> c") == [("paragraph", "a $b$ c")]
    assert blocks("<math alttext='E=mc^2' display=block><mi>E</mi></math>") == [
        ("math", "$$E=mc^2$$")
    ]
    unseen = "<math><mi>f</mi><mo>\u2061</mo><mi>x</mi><mo>\u2062</mo><mi>y</mi></math>"
    assert blocks(unseen) == [("paragraph", "$fxy$")]
    made = (
        "<p><math><mfrac><mi>a</mi><msqrt><mi>b</mi></msqrt></mfrac><mo>+</mo>"
        "<msubsup><mi>c</mi><mn>1</mn><mn>2</mn></msubsup></math>"
    )
    assert blocks(made) == [("paragraph", r"$\frac{a}{\sqrt{b}}+c_{1}^{2}$")]
    assert blocks(r"<p>where \(x\) is</p><p>\[ x = 1 \]</p>") == [
        *(("paragraph", r"where \(x\) is"), ("math", r"\[ x = 1 \]"))
    ]


def test_an_exponent_stays_one() -> None:
    assert read("<p>10<sup>6</sup> m<sup>-2</sup>, the 1<sup>st</sup> of CO<sub>2</sub>").text == (
        "10⁶ m⁻², the 1st of CO₂"
    )
    assert read("<p>a<sup>n+1</sup> in O(n log<sub>2</sub>n) or 2<sup><i>k</i> </sup>is").text == (
        "aⁿ⁺¹ in O(n log₂n) or 2^k is"
    )
    assert read("<td>x<sub>i,j</sub><pre>2<sup>k</sup></pre>").text == "x_{i,j}\n\n2k"


def test_the_mark_of_a_note_is_no_exponent() -> None:
    page = "<p>said<sup><a href=#n>a</a></sup> so<sup><a href=#m>[2]</a></sup><a><sup>b</sup></a>"
    assert read(page).text == "saida so[2]b"


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("<meta charset=windows-1251>", "cp1251"),
        ("<meta http-equiv=content-type content='text/html; charset=shift_jis'>", "cp932"),
        ("<?xml version='1.0' encoding='koi8-r'?>", "koi8-r"),
        ("<meta charset=utf-16>", "utf-8"),
        ("<meta charset=ascii>", "utf-8"),
        ("<meta charset=no-such>", "utf-8"),
        ("", "utf-16"),
    ],
)
def test_the_page_says_its_encoding_unless_that_is_not_true(head: str, encoding: str) -> None:
    words = "髙橋淳" if encoding == "cp932" else "Перенос обучения"
    if head == "<meta charset=ascii>":
        words = "Größe 東京"
    document = parse("a.html", f"{head}<p>{words}".encode(encoding))
    assert document.text == words


def test_a_page_saved_as_one_file_is_the_page_in_it() -> None:
    saved = (
        b"From: <Saved by Blink>\r\nSubject: T\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/related; type="text/html"; boundary="b"\r\n\r\n--b\r\n'
        b"Content-Type: text/css\r\n\r\np { color: red }\r\n--b\r\n"
        b"Content-Type: text/html%s\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"<title>T</title><h1>Gr=%s=C3=9Fe</h1><p>One =\r\nlong line.\r\n--b\r\n"
        b"Content-Type: text/html\r\n\r\n<p>A frame.\r\n--b--\r\n"
    )
    for path in ("a.mhtml", "a.MHT"):
        document = parse(path, saved % (b"", b"C3=B6"))
        assert (document.title, document.text) == ("T", "Größe\n\nOne long line.")
    latin = saved % (b"; charset=iso-8859-1", b"F6")
    assert "Größe" in parse("a.mht", latin.replace(b"=C3=9F", b"=DF")).text
    with pytest.raises(DocumentError, match="holds no page"):
        parse("a.mhtml", b"Content-Type: text/plain\n\nx")


def test_text_that_someone_preformatted_is_text() -> None:
    text = "A first paragraph of plain words, one after the other.\nIt goes on.\n\n" * 40
    kinds = {kind for kind, _ in blocks(f"<pre>{text}</pre>")}
    assert kinds == {"paragraph"}
    assert [kind for kind, _ in blocks(f"<pre><code>{text}</code></pre>")] == ["code"]


def test_a_page_is_laid_out_into_another_document_without_places() -> None:
    build = Builder(PlaceKind.CHAPTER)
    remarks: list[Remark] = []
    build.place("2")
    page = b"<title>Two</title><h1>H</h1><p>Words.<p hidden>x"
    assert lay_out(build, page, remarks, places=False) == "Two"
    document = build.document("a.epub", "")
    assert [place.name for place in document.places.listed] == ["2"]
    assert [remark.reason for remark in remarks] == ["hidden text"]


def test_entities_of_a_document_type_are_never_read() -> None:
    page = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/hostname">]><p>a &x; &eacute;</p>'
    assert read(page).text.endswith("a &x; é")


@pytest.mark.parametrize(
    "bomb",
    ["<div>" * 5000 + "x", "<p " + " ".join(f"a{n}=1" for n in range(9000)) + ">x"],
    ids=["nesting", "attributes"],
)
def test_a_bomb_is_refused(bomb: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(bomb)
    assert caught.value.reason == "too large"


def test_a_page_nested_a_thousand_deep_is_read() -> None:
    document = read("<div>" * 1000 + "deep" + "</div>" * 1000 + "<p>after")
    assert [block.kind for block in document.blocks] == [BlockKind.PARAGRAPH] * 2
    assert document.text == "deep\n\nafter"
