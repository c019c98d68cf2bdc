"""Small valid files of every format, each with much of what the format has: what fuzzing changes.

`STOCKS` names the formats; each stock holds its files and the words that mean something in it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from making_office import docx, epub, odt, p, pptx, shape, slide
from making_pdf import PICTURE, Line, pdf
from mutating import Stock
from test_loaders_of_text import EXAMPLES

LARGEST = {**dict.fromkeys((".docx", ".pptx", ".odt", ".odp", ".epub"), 60_000), ".pdf": 15_000}
"""Bytes, unpacked, of a file that is taken from a folder as a seed."""

OTHERWISE = 5_000
"""The same of other formats."""

MARKDOWN = """---
title: "Owls: a note"
tags: [a, b]
---
# Owls #

Owls hunt at night[^1], by *ears*. See [[Prey|their prey]] and [a link](x.md "t") or ![i](y.png).

Setext
------

> quoted
> ```py
> x = 1
> ```

1. one
   - two
     three

2. four

| a | b |
|:--|--:|
| 1 | 2 |

$$
E = mc^2
$$

\\[ x \\]

~~~~
code
~~~~

    indented

***

<div style="display:none">hidden</div>

* [ ] todo

[^1]: A note. etc. vs. Dr. No. Am 3. Mai.
"""

HTML = """<!DOCTYPE html><html lang=en><head><meta charset="utf-8"><title>Owls</title>
<style>p{}</style></head><body class=x><nav>menu</nav><header><h1>Owls<sup>2</sup></h1></header>
<main><article><p id=a>Owls &amp; mice<br>hunt<!-- no -->.</p><ul><li>one<ol start=3><li>two</ol>
<li><p>three</p></ul><dl><dt>term<dd>said</dl><table><caption>c</caption><thead><tr><th>a<th>b
<tbody><tr><td rowspan=2>1<td colspan=2>2<tr><td>3</table><pre><code>x = 1
  y</code></pre><blockquote>q</blockquote><details><summary>s</summary>more</details>
<div role=heading aria-level=3>h</div><span style="color:#fff;background:white">unseen</span>
<font color=white>w</font><p hidden>h</p><script type="math/tex">x^2</script>
<img class=tex alt="$y$">
<math display=block><mfrac><mi>a</mi><msqrt><mi>b</mi></msqrt></mfrac><annotation
encoding="application/x-tex">\\frac{a}{b}</annotation></math><ruby>漢<rt>kan</ruby>
<svg><text>s</text></svg><textarea>t</textarea><select><option>o</select></article></main>
<footer>foot</footer></body></html>"""

RST = """.. _top:

=====
Owls
=====

:Author: Me
:Date: now

Owls hunt :ref:`at night <n>`::

    code here

.. code-block:: python
   :linenos:

   x = 1

.. math::
   :label: e

   E = mc^2

.. note:: Mind
   the gap.

.. list-table::
   :header-rows: 1

   * - a
     - b

=====  =====
 A      B
=====  =====
 1      2
=====  =====

+---+---+
| a | b |
+===+===+
| 1 | 2 |
+---+---+

Sub
~~~

- one

  1. two
  #. three

>>> f(1)
2

.. [1] A note.
.. |s| replace:: said

----

.. comment
"""

LATEX = r"""\documentclass[11pt]{article}
\usepackage{amsmath} % a comment
\title[short]{On \emph{Owls} \\ and mice}
\begin{document}
\maketitle
\section[s]{Owls {and} mice}\label{sec:a}
Owls hunt at night~\cite[p. 3]{x}, see~\eqref{e}.
\begin{equation}\label{e}
E = mc^2
\end{equation}
\begin{itemize}
\item one \textbf{two}
\item[x] three
  \begin{enumerate}
  \item four
  \end{enumerate}
\end{itemize}
\begin{table}[ht]\centering
\begin{tabular}{l@{ }|p{3cm}}
\toprule a & b \\ \midrule
1 & \multicolumn{1}{c}{2} \\[2pt] \hline
\end{tabular}
\end{table}
\begin{theorem}[Pythagoras]
$a^2$
\end{theorem}
\begin{verbatim}
\x{
\end{verbatim}
\begin{frame}<1->[t]{Frame}
\frametitle{T}
\end{frame}
\[ x \]
$$
y
$$
\subsubsection*{End}
\end{document}
ignored
"""

VTT = """WEBVTT - title

STYLE
::cue { color: red }

NOTE a
comment

1
00:00:01.000 --> 00:00:04.500 align:start position:10%
<v.loud Ada Lovelace>one &lt;two&gt; <i>three</i>

00:00:04.500 --> 00:00:06.000
three
four.

intro
01:00.000 --> 99:59:59.999
>> BOB: five <00:01:02.000>six
"""

SRT = """1
00:00:01,000 --> 00:00:02,000
<i>one</i> {\\an8}two

2
0:0:2,5 --> 00:00:03,000 X1:1 X2:2
- three
- four?

3
00:01:00,000 --> 00:01:09,000
ADA: five.
"""

CELLS = [
    {"cell_type": "markdown", "metadata": {}, "source": ["# One\n", "words $x$\n", "\n", "- a\n"]},
    {"cell_type": "raw", "source": "raw"},
    {"cell_type": "heading", "level": 2, "source": "Old"},
    {
        "cell_type": "code",
        "execution_count": 3,
        "source": "f(1)\n",
        "outputs": [
            {"output_type": "stream", "name": "stdout", "text": ["1\r2\n", "3\n"]},
            {"output_type": "error", "ename": "E", "traceback": ["\x1b[31mE\x1b[0m", "at"]},
            {
                "output_type": "execute_result",
                "data": {"text/plain": ["3"], "text/html": "<b>3</b>", "text/markdown": ["*3*"]},
            },
            {"output_type": "display_data", "data": {"image/png": "aaaa"}},
        ],
    },
]
NOTEBOOK = json.dumps({"cells": CELLS, "metadata": {"title": "T"}, "nbformat": 4}, indent=1)
OLD_NOTEBOOK = json.dumps({"worksheets": [{"cells": CELLS}], "metadata": {}, "nbformat": 3})

CARDS = """#separator:;
#html:true
"What is an owl?";"<b>A bird</b><ul><li>of prey</ul>";tag
Why;"It ""sees""
well";b
"""
TABLE = 'name,size,note\nowl,1,"a, b"\n\nmouse,2,\'c\nlynx,3\n'
QUESTIONS = 'Question,Answer,Source\nWhat is an owl?,A bird.,p. 3\n,,\nWhy?,"\n- a\n- b",\n'

MAIL = """Received: from x
Subject: =?utf-8?B?T3dscyDDvA==?= =?iso-8859-1?q?=FC_x?=
From: "Ada, L." <a@b.c>
To: b@c.d,
 c@d.e
Date: Fri, 16 Dec 2022 17:04:16 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=xx="

--=xx=
Content-Type: text/plain; charset=utf-8; format=flowed
Content-Transfer-Encoding: quoted-printable

Owls=20hunt =C3=BC \x20
at night.
> quoted
-- \x20
Ada
--=xx=
Content-Type: text/html; charset="windows-1252"
Content-Transfer-Encoding: base64

PGgxPkhlbGxvPC9oMT48cD53b3JsZA==
--=xx=
Content-Type: application/octet-stream; name*=utf-8''%e2%82%ac.bin
Content-Disposition: attachment; filename*0="a"; filename*1="b.pdf"
Content-Transfer-Encoding: base64

AAAA
--=xx=
Content-Type: message/rfc822

Subject: inner
Content-Type: text/plain; charset=x-unknown
Content-Transfer-Encoding: x-uuencode

begin 644 a
#8F%B
end
--=xx=--
"""

OMML = (
    "<m:oMath><m:f><m:fPr><m:type m:val='bar'/></m:fPr><m:num><m:r><m:t>a</m:t></m:r></m:num>"
    "<m:den><m:rad><m:deg/><m:e><m:r><m:rPr><m:scr m:val='double-struck'/></m:rPr><m:t>R</m:t>"
    "</m:r></m:e></m:rad></m:den></m:f><m:nary><m:naryPr><m:chr m:val='∑'/></m:naryPr><m:sub>"
    "<m:r><m:t>i</m:t></m:r></m:sub><m:sup/><m:e><m:d><m:e><m:m><m:mr><m:e><m:r><m:t>x</m:t></m:r>"
    "</m:e></m:mr></m:m></m:e></m:d></m:e></m:nary><m:acc><m:e><m:r><m:t>α"
    "</m:t></m:r></m:e></m:acc>"
    "</m:oMath>"
)
CHART = (
    '<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" xmlns:a="a">'
    "<c:chart><c:title><a:p><a:r><a:t>Owls</a:t></a:r></a:p></c:title><c:ser><c:tx><c:strCache>"
    "<c:pt idx='0'><c:v>size</c:v></c:pt></c:strCache></c:tx><c:cat><c:strCache><c:pt idx='0'>"
    "<c:v>x</c:v></c:pt></c:strCache></c:cat><c:val><c:numCache><c:pt idx='0'><c:v>1</c:v></c:pt>"
    "</c:numCache></c:val></c:ser></c:chart></c:chartSpace>"
)
STYLES = (
    '<w:docDefaults><w:rPrDefault><w:rPr><w:color w:val="000000"/></w:rPr></w:rPrDefault>'
    "</w:docDefaults>"
    '<w:style w:type="paragraph" w:default="1" w:styleId="N"><w:name w:val="Normal"/>'
    '</w:style><w:style w:type="paragraph" w:styleId="H"><w:name w:val="heading 1"/><w:basedOn '
    'w:val="N"/></w:style><w:style w:type="paragraph" w:styleId="L"><w:pPr><w:numPr><w:ilvl '
    'w:val="1"/><w:numId w:val="1"/></w:numPr></w:pPr></w:style><w:style w:type="character" '
    'w:styleId="C"><w:name w:val="Source Code"/><w:rPr><w:rFonts w:ascii="Consolas"/></w:rPr>'
    "</w:style>"
)
NUMBERING = (
    '<w:abstractNum w:abstractNumId="3"><w:lvl w:ilvl="0"><w:start w:val="4"/><w:numFmt '
    'w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl><w:lvl w:ilvl="1"><w:numFmt '
    'w:val="lowerRoman"/><w:lvlText w:val="(%1.%2)"/></w:lvl></w:abstractNum><w:num w:numId="1">'
    '<w:abstractNumId w:val="3"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="2"/>'
    '</w:lvlOverride></w:num><w:num w:numId="2"><w:abstractNumId w:val="3"/></w:num>'
)
LISTED = '<w:numPr><w:ilvl w:val="{}"/><w:numId w:val="{}"/></w:numPr>'


def _cells(*texts: str, first: str = "") -> str:
    cells = [f"<w:tc><w:tcPr>{first}</w:tcPr>{p(text)}</w:tc>" for text in texts]
    return f"<w:tr>{''.join(cells)}</w:tr>"


def _word() -> Iterable[bytes]:
    field = (
        '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>PAGE</w:instrText>'
        '</w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>7</w:t><w:tab/><w:br/>'
        '<w:noBreakHyphen/><w:sym w:font="Symbol" w:char="F061"/></w:r><w:r><w:fldChar '
        'w:fldCharType="end"/></w:r><w:r><w:footnoteReference w:id="1"/></w:r></w:p>'
    )
    box = (
        "<w:p><w:r><mc:AlternateContent><mc:Choice><w:drawing><w:txbxContent>"
        f"{p('boxed')}</w:txbxContent></w:drawing></mc:Choice><mc:Fallback><w:pict>"
        f"<w:txbxContent>{p('boxed')}</w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent>"
        "</w:r><w:ins><w:r><w:t>in</w:t></w:r></w:ins><w:del><w:r><w:delText>out</w:delText></w:r>"
        "</w:del><w:ruby><w:rt><w:r><w:t>kan</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>漢</w:t></w:r>"
        '</w:rubyBase></w:ruby></w:p><w:p><w:r><c:chart r:id="rId5"/></w:r></w:p>'
    )
    table = "<w:tbl><w:tblPr/>" + _cells("a", "b", first='<w:gridSpan w:val="2"/>')
    table += _cells("c", "d", first='<w:vMerge w:val="restart"/>')
    table += _cells("", "e", first="<w:vMerge/>") + "</w:tbl>"
    body = p("Owls", "H") + p("They <w:x/>hunt.") + p("one", "L") + p("x = {1};", "C")
    body += p("two", paragraph=LISTED.format(0, 2)) + p("three", paragraph=LISTED.format(1, 2))
    body += f"<w:p>{OMML}</w:p><w:p><w:r><w:t>so</w:t></w:r>{OMML}</w:p>" + field + box + table
    body += p("white", run='<w:color w:val="FFFFFF"/>') + p("gone", run="<w:vanish/>")
    notes = f'<w:footnote w:id="1">{p("A note.")}</w:footnote>'
    yield docx(
        body,
        "On owls",
        styles=STYLES,
        numbering=NUMBERING,
        footnotes=notes,
        header=p("head"),
        chart=CHART,
    )
    yield docx(
        p("Plain.")
        + table.replace("<w:tbl>", "<w:sdt><w:sdtContent><w:tbl>").replace(
            "</w:tbl>", "</w:tbl></w:sdtContent></w:sdt>"
        )
        + body
    )


def _slides() -> Iterable[bytes]:
    bullets = (
        '<a:p><a:pPr lvl="1"><a:buAutoNum type="romanLcParenBoth" startAt="3"/></a:pPr><a:r><a:t>n'
        '</a:t></a:r></a:p><a:p><a:pPr><a:buChar char="•"/></a:pPr><a:r><a:t>b_x000B_</a:t></a:r>'
        f"<a:br/><mc:AlternateContent><mc:Choice><a14:m>{OMML}</a14:m>"
        f"</mc:Choice></mc:AlternateContent>"
        "</a:p>"
    )
    table = (
        '<p:graphicFrame><p:xfrm><a:off x="5" y="9"/></p:xfrm><a:tbl><a:tr>'
        "<a:tc><a:txBody><a:p><a:r>"
        '<a:t>c</a:t></a:r></a:p></a:txBody></a:tc><a:tc hMerge="1"/></a:tr>'
        "<a:tr><a:tc><a:txBody><a:p>"
        "<a:r><a:t>d</a:t></a:r></a:p></a:txBody></a:tc></a:tr></a:tbl></p:graphicFrame>"
    )
    group = f"<p:grpSp><p:nvGrpSpPr/>{shape('in')}{shape('side', '', 3, 4)}</p:grpSp>"
    chart = '<p:graphicFrame><c:chart r:id="rId1"/></p:graphicFrame>'
    chart += '<p:graphicFrame><dgm:relIds r:dm="rId2"/></p:graphicFrame>'
    first = (
        shape("Owls", "title") + shape("one\ntwo", "body", 9, 9, bullets) + table + group + chart
    )
    last = shape("Mice", "ctrTitle") + shape("now", "dt") + shape("7", "sldNum") + "<p:pic/>"
    diagram = '<d xmlns:a="a"><a:p><a:t>drawn</a:t></a:p></d>'
    layout = slide(shape("", "body", 300, 2))
    yield pptx(
        [slide(first), slide(last, "0")],
        {1: "Notes.", 2: "More\nnotes."},
        chart=CHART,
        diagramData=diagram,
        slideLayout=layout,
    )
    yield pptx([slide(shape("a\nb\nc", "obj") + first)])


_MATHML = (
    "<math:math><math:semantics><math:mrow><math:mfrac><math:mi>a</math:mi><math:msup><math:mi>b"
    "</math:mi><math:mn>2</math:mn></math:msup></math:mfrac><math:munderover><math:mo>∑</math:mo>"
    "<math:mi>i</math:mi><math:mi>n</math:mi></math:munderover><math:mtable><math:mtr><math:mtd>"
    "<math:mtext>x</math:mtext></math:mtd></math:mtr></math:mtable></math:mrow></math:semantics>"
    "</math:math>"
)
_OPEN = (
    '<text:h text:outline-level="1">Owls</text:h>'
    '<text:p text:style-name="P1">hunt<text:s text:c="3"/>'
    "at<text:tab/>night<text:line-break/>"
    "<text:span text:style-name='T1'>unseen</text:span><text:note>"
    "<text:note-citation>1</text:note-citation><text:note-body>"
    "<text:p>A note.</text:p></text:note-body>"
    '</text:note></text:p><text:list text:style-name="L1">'
    '<text:list-item text:start-value="3"><text:p>'
    "one</text:p><text:list><text:list-item><text:p>two</text:p></text:list-item></text:list>"
    "</text:list-item></text:list><table:table><table:table-header-rows><table:table-row>"
    '<table:table-cell table:number-columns-repeated="2"><text:p>a</text:p></table:table-cell>'
    "</table:table-row></table:table-header-rows><table:table-row><table:covered-table-cell/>"
    "<table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>"
    f"<text:p><draw:frame><draw:object>{_MATHML}</draw:object></draw:frame>so <draw:frame>"
    '<draw:object xlink:href="./Object 1"/></draw:frame></text:p>'
    "<draw:frame><draw:text-box><text:p>"
    "boxed</text:p></draw:text-box></draw:frame><text:ruby><text:ruby-base>漢</text:ruby-base>"
    "<text:ruby-text>kan</text:ruby-text></text:ruby>"
)
_OPEN_STYLES = (
    '<style:style style:name="P1" style:parent-style-name="P2"/><style:style style:name="P2" '
    'style:display-name="Preformatted Text" style:default-outline-level="2" '
    'style:parent-style-name="P1"/><style:style style:name="T1"><style:text-properties '
    'fo:color="#ffffff" text:display="none"/></style:style><text:list-style style:name="L1">'
    '<text:list-level-style-number text:level="1" style:num-format="i" style:num-suffix=")" '
    'text:start-value="2"/><text:list-level-style-bullet text:level="2"/></text:list-style>'
)


def _open() -> Iterable[bytes]:
    parts = {"Object 1__content": _MATHML.replace("<math:math>", '<math:math xmlns:math="m">')}
    manifest = '<manifest:manifest xmlns:manifest="m"><manifest:file-entry/></manifest:manifest>'
    yield odt(_OPEN, _OPEN_STYLES, "Owls", **parts, **{"META-INF__manifest": manifest})
    yield odt("<text:p>Plain.</text:p><text:section>" + _OPEN + "</text:section>")


def _open_slides() -> Iterable[bytes]:
    page = (
        '<draw:page draw:name="1"><draw:frame presentation:class="title">'
        "<draw:text-box><text:p>Owls"
        f"</text:p></draw:text-box></draw:frame><draw:frame><draw:text-box>{_OPEN}</draw:text-box>"
        "</draw:frame><draw:frame><draw:image/></draw:frame><presentation:notes><draw:frame>"
        "<draw:text-box><text:p>Notes.</text:p></draw:text-box></draw:frame></presentation:notes>"
        "</draw:page>"
    )
    yield odt(page + "<draw:page><draw:image/></draw:page>", _OPEN_STYLES, kind="presentation")


def _books() -> Iterable[bytes]:
    chapter = HTML.split("<body class=x>")[1].split("</body>", maxsplit=1)[0]
    yield epub(["<h1>One</h1><p>Owls.</p>", chapter], "Owls", encryption="fonts/a", spine=[2, 1, 2])
    yield epub(["<p>Plain.</p>", "<img/>"])


def _pdfs() -> Iterable[bytes]:
    column = [
        Line(72, 72 + 12 * at, f"Left column line {at} of prose that goes") for at in range(5)
    ]
    column += [Line(320, 72 + 12 * at, f"right column goes on with it {at}") for at in range(5)]
    table = [Line(72 + 150 * x, 300 + 14 * y, f"c{x}{y}") for y in range(4) for x in range(3)]
    mixed = [
        *(
            Line(72, 60, "1 Owls", 18, "bold"),
            Line(72, 90, "• Owls hunt at"),
            Line(72, 102, "night."),
        ),
        *(Line(72, 130, "x = 1", style="fixed"), Line(72, 142, "  y = 2", style="fixed")),
        Line(72, 160, "the ﬁrst hyphen-"),
        Line(72, 172, "ated word"),
    ]
    yield pdf([mixed, [*column, *table], "", PICTURE], title="Owls", outline=["1 Owls", "2"])
    yield pdf(["Turned text\nof two lines"] * 2, turned=90, comments={0: "a comment"})
    yield pdf(["Sealed words."], password="", title="Sealed")


def words(*said: str) -> tuple[bytes, ...]:
    return tuple(one.encode() for one in said)


def said(*texts: str) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts)


_TAGS = words(
    *(
        "<table>",
        "</table>",
        "<tr>",
        "<td>",
        "<li>",
        "<ul>",
        "</ul>",
        "<ol start=9>",
        "<p>",
        "<h2>",
    ),
    *(
        "<pre>",
        "</pre>",
        "<math>",
        "</math>",
        "<mfrac>",
        "<b",
        "<div hidden>",
        "</div>",
        "<dl><dt>",
    ),
    *(
        "<td colspan=999>",
        "<nav>",
        "<br>",
        "<sup>2</sup>",
        "<svg>",
        "<title>",
        "<meta charset=utf-16>",
    ),
    *("<div role=heading aria-level=9>", "<font color=#fff>", "<body>", "<html>", "<plaintext>"),
)
_WORD = words(
    "[Content_Types].xml", "word/document.xml", "PK\x03\x04", "<w:p>", "</w:p>", "<!DOCTYPE x ["
)

STOCKS = {
    ".md": Stock(
        said(MARKDOWN, EXAMPLES[".md"]),
        words(
            *("# ", "```", "~~~~", "$$\n", "\n---\n", "===\n", "- ", "1. ", "| a |\n|-|\n", "> ")
        ),
    ),
    ".txt": Stock(
        said(EXAMPLES[".txt"], MARKDOWN), words("===\n", "• ", "\t", "1) ", "a) ", "---")
    ),
    ".rst": Stock(
        said(RST, EXAMPLES[".rst"]),
        words(
            *(".. ", "::\n\n  ", ":a: b\n", "=== ===\n", "+---+\n", "====\n", ".. math::", "* - ")
        ),
    ),
    ".tex": Stock(
        said(LATEX, EXAMPLES[".tex"]),
        words(
            *("\\begin{", "\\end{", "{", "}", "\\item ", "\\section{", "$$", "\\[", "\\]", "\\\\"),
            *("\\begin{tabular}{", "&", "%", "\\begin{itemize}\n", "\\end{itemize}\n", "\\title{"),
        ),
    ),
    ".html": Stock(said(HTML, EXAMPLES[".html"]), _TAGS),
    ".csv": Stock(
        said(TABLE, CARDS, QUESTIONS, EXAMPLES[".csv"]),
        words(
            '"', '""', ",", ";", "|", "\t", "sep=,\n", "#separator:tab\n", "?", "<p>", "<ul><li>"
        ),
    ),
    ".tsv": Stock(said(EXAMPLES[".tsv"], TABLE.replace(",", "\t")), words("\t", '"', "\n", "?")),
    ".vtt": Stock(
        said(VTT, EXAMPLES[".vtt"]),
        words("-->", "00:01.000 --> 00:02.000\n", "<v A>", "NOTE", "WEBVTT", "\n\n", "<c>", "&#1;"),
    ),
    ".srt": Stock(
        said(SRT, EXAMPLES[".srt"]), words("-->", "0:0:1 --> 0:0:2\n", "\n\n", "1\n", "{\\b}", "- ")
    ),
    ".ipynb": Stock(
        said(NOTEBOOK, OLD_NOTEBOOK),
        words('"', "{", "}", "[", "]", "\\u0000", "\\ud800", "null", ","),
    ),
    ".eml": Stock(
        said(MAIL, EXAMPLES[".eml"]),
        words(
            *(
                "--=xx=\n",
                "--=xx=--\n",
                "Content-Type: ",
                "text/html",
                "charset=",
                "=?utf-8?q?",
                "?=",
            ),
            *("multipart/alternative; boundary=yy\n\n--yy\n", "message/rfc822", "\n\n", "base64\n"),
            *(
                "Content-Disposition: attachment; filename=",
                "*0*=",
                "=00",
                "utf-16",
                "zlib",
                "idna",
            ),
        ),
    ),
    ".mbox": Stock(
        said(f"From a@b.c Fri Dec 16 17:04:16 2022\n{MAIL}\n", EXAMPLES[".mbox"]),
        words("\n\nFrom a 2022\nSubject: x\n\n", ">From ", "--=xx=\n", "\n\n", "text/html"),
    ),
    ".pdf": Stock(
        tuple(_pdfs()),
        words(
            *("/Type", "/Pages", "/Page", "/Kids", "/Count", "/Parent", "/Contents", "/Resources"),
            *("/Font", "/Encoding", "/ToUnicode", "/Widths", "/FontMatrix", "/Type0", "/Type3"),
            *(
                "/FlateDecode",
                "/ASCIIHexDecode",
                "/LZWDecode",
                "/DecodeParms",
                "/Length",
                "/Encrypt",
            ),
            *(
                "/MediaBox[0 0 1e9 1e9]",
                "/Rotate 90",
                "/UserUnit 1e9",
                "/Annots",
                "/First",
                "/Next",
            ),
            *(
                " Tf",
                " Tj",
                " Tm",
                " Td",
                " cm",
                "BT ",
                " ET",
                " q",
                " Q",
                " Do",
                " TJ",
                " Tr",
                " Tz",
            ),
            *(
                "<FEFF0041>",
                "(\\000)",
                "endobj",
                "endstream",
                "stream\n",
                "null",
                "<<",
                ">>",
                "[",
                "]",
            ),
        ),
    ),
    ".docx": Stock(tuple(_word()), _WORD),
    ".pptx": Stock(tuple(_slides()), _WORD),
    ".odt": Stock(tuple(_open()), _WORD),
    ".odp": Stock(tuple(_open_slides()), _WORD),
    ".epub": Stock(tuple(_books()), _TAGS),
}


def with_files(suffix: str, folder: Path) -> Stock:
    """Returns the stock of a format, with the small files of it below a folder."""
    stock = STOCKS[suffix]
    return Stock((*stock.seeds, *_files(suffix, folder)), stock.tokens)


@cache
def _files(suffix: str, folder: Path) -> Sequence[bytes]:
    found = sorted(folder.rglob(f"*{suffix}"), key=lambda file: file.as_posix())
    most = LARGEST.get(suffix, OTHERWISE)
    taken = []
    for file in found:
        data = file.read_bytes() if file.stat().st_size <= most else b""
        if zipfile.is_zipfile(file):
            small = _unpacked_size(data) <= most if data else False
        else:  # what is sealed, or in another encoding, is mostly refused
            small = bool(data) and (b"/Encrypt" if suffix == ".pdf" else b"\0") not in data
        if small:
            taken.append(data)
    return taken


def _unpacked_size(data: bytes) -> int:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return sum(member.file_size for member in archive.infolist())
