"""Small office files and e-books, made in memory for tests: each a zip of the given parts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

_TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_CORE = "http://schemas.openxmlformats.org/package/2006/metadata/core-properties"
W = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    f'xmlns:r="{_TYPES}"'
)
P = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:a14="http://schemas.microsoft.com/office/drawing/2010/main" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    f'xmlns:r="{_TYPES}"'
)
S = (
    'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    f'xmlns:r="{_TYPES}"'
)
_ODF = "urn:oasis:names:tc:opendocument:xmlns:"
ODF = " ".join(
    [
        *(
            f'xmlns:{name}="{_ODF}{name}:1.0"'
            for name in ("office", "text", "table", "presentation", "style", "meta", "manifest")
        ),
        f'xmlns:draw="{_ODF}drawing:1.0"',
        f'xmlns:fo="{_ODF}xsl-fo-compatible:1.0"',
        'xmlns:xlink="http://www.w3.org/1999/xlink"',
        'xmlns:dc="http://purl.org/dc/elements/1.1/"',
        'xmlns:math="http://www.w3.org/1998/Math/MathML"',
    ]
)


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip archive of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, said in parts.items():
            zipped.writestr(name, said)
    return out.getvalue()


def relations(targets: Sequence[tuple[str, str]]) -> str:
    """A part's relations: their kinds and targets; their ids are rId1, rId2 …"""
    said = "".join(
        f'<Relationship Id="rId{number}" Type="{_TYPES}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}">{said}</Relationships>'


def core(title: str) -> str:
    """The properties of a file with that title."""
    space = "http://purl.org/dc/elements/1.1/"
    return (
        f'<cp:coreProperties xmlns:cp="{_CORE}" xmlns:dc="{space}"><dc:title>{title}</dc:title>'
        "</cp:coreProperties>"
    )


def p(text: str, style: str = "", run: str = "", paragraph: str = "") -> str:
    """A paragraph of Word; `run` and `paragraph` are what its properties hold."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return (
        f"<w:p><w:pPr>{named}{paragraph}</w:pPr><w:r><w:rPr>{run}</w:rPr>"
        f'<w:t xml:space="preserve">{text}</w:t></w:r></w:p>'
    )


def docx(body: str, title: str = "", **parts: str) -> bytes:
    """A Word document; `styles`, `numbering`, `footnotes`, `header` … are what those parts hold."""
    roots = {"footnotes": "footnotes", "endnotes": "endnotes", "header": "hdr", "footer": "ftr"}
    named = [(kind, f"{kind}.xml") for kind in parts]
    return archive(
        {
            "_rels/.rels": relations([("officeDocument", "word/document.xml")]),
            "word/_rels/document.xml.rels": relations(named),
            "docProps/core.xml": core(title),
            "word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>",
            **{
                f"word/{kind}.xml": f"<w:{(name := roots.get(kind, kind))} {W}>{said}</w:{name}>"
                for kind, said in parts.items()
            },
        }
    )


def shape(text: str, role: str = "", top: int = 0, left: int = 0, more: str = "") -> str:
    """A shape with a paragraph a line; `more` stands in its text after them."""
    placeholder = f'<p:ph type="{role}"/>' if role else ""
    lines = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n") if text)
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="2" name=""/><p:nvPr>{placeholder}</p:nvPr></p:nvSpPr>'
        f'<p:spPr><a:xfrm><a:off x="{left}" y="{top}"/></a:xfrm></p:spPr>'
        f"<p:txBody>{lines}{more}</p:txBody></p:sp>"
    )


def slide(shapes: str, show: str = "1") -> str:
    """A slide part."""
    tree = f"<p:cSld><p:spTree>{shapes}</p:spTree></p:cSld>"
    return f'<p:sld {P} show="{show}">{tree}</p:sld>'


def pptx(slides: Sequence[str], notes: Mapping[int, str] | None = None, **parts: str) -> bytes:
    """A presentation; `slides` are their parts, `notes` what the slides of a number say aside.

    Further parts hang on the first slide, under their names as kinds.
    """
    made: dict[str, str | bytes] = {
        "_rels/.rels": relations([("officeDocument", "ppt/presentation.xml")]),
        "ppt/_rels/presentation.xml.rels": relations(
            [("slide", f"slides/s{number}.xml") for number in range(len(slides), 0, -1)]
        ),
        "ppt/presentation.xml": f"<p:presentation {P}><p:sldIdLst>"
        + "".join(
            f'<p:sldId id="{255 + number}" r:id="rId{len(slides) - number + 1}"/>'
            for number in range(1, len(slides) + 1)
        )
        + '</p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/></p:presentation>',
    }
    for number, said in enumerate(slides, 1):
        made[f"ppt/slides/s{number}.xml"] = said
        targets = [(kind, f"../{kind}.xml") for kind in parts] if number == 1 else []
        if note := (notes or {}).get(number):
            targets.append(("notesSlide", f"../notes{number}.xml"))
            made[f"ppt/notes{number}.xml"] = (
                f"<p:notes {P}><p:cSld><p:spTree>{shape(note, 'body')}{shape('7', 'sldNum')}"
                "</p:spTree></p:cSld></p:notes>"
            )
        made[f"ppt/slides/_rels/s{number}.xml.rels"] = relations(targets)
    return archive(made | {f"ppt/{kind}.xml": said for kind, said in parts.items()})


def row(number: int, *cells: str, more: str = "") -> str:
    """A row of a sheet from column A on, each cell its text or a whole `c` element."""
    said = "".join(
        cell
        if cell.startswith("<c")
        else f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
        for at, cell in enumerate(cells)
        if cell
    )
    return f'<row r="{number}" {more}>{said}</row>'


def xlsx(
    sheets: Mapping[str, str],
    title: str = "",
    strings: Sequence[str] = (),
    states: Mapping[str, str] | None = None,
    properties: str = "",
    drawn: Sequence[tuple[str, str, str]] = (),
    **parts: str,
) -> bytes:
    """A workbook; `sheets` are rows by name, or all that a worksheet holds.

    Args:
        strings: what the shared ones hold.
        states: `hidden` or `veryHidden`, by name.
        drawn: kinds, names and contents of parts; the first is the first sheet's drawing, the
            others hang on it.
        parts: `styles` and the like, by their kinds.
    """
    made: dict[str, str | bytes] = {
        "_rels/.rels": relations([("officeDocument", "xl/workbook.xml")]),
        "docProps/core.xml": core(title),
        "xl/_rels/workbook.xml.rels": relations(
            [
                *(("worksheet", f"worksheets/s{at}.xml") for at in range(len(sheets))),
                ("sharedStrings", "sharedStrings.xml"),
                *((kind, f"{kind}.xml") for kind in parts),
            ]
        ),
        "xl/workbook.xml": f"<workbook {S}><workbookPr {properties}/><sheets>"
        + "".join(
            f'<sheet name="{name}" sheetId="{at}" state="{(states or {}).get(name, "visible")}" '
            f'r:id="rId{at}"/>'
            for at, name in enumerate(sheets, 1)
        )
        + "</sheets></workbook>",
        "xl/sharedStrings.xml": f"<sst {S}>{''.join(f'<si>{one}</si>' for one in strings)}</sst>",
    }
    for at, said in enumerate(sheets.values()):
        inside = said if "<sheetData" in said else f"<sheetData>{said}</sheetData>"
        made[f"xl/worksheets/s{at}.xml"] = f"<worksheet {S}>{inside}</worksheet>"
    if drawn:
        (kind, name, _), *others = drawn
        made["xl/worksheets/_rels/s0.xml.rels"] = relations([(kind, f"../{name}")])
        made[f"xl/_rels/{name}.rels"] = relations([(kind, name) for kind, name, _ in others])
    made |= {f"xl/{name}": said for _, name, said in drawn}
    return archive(made | {f"xl/{kind}.xml": said for kind, said in parts.items()})


def odt(
    body: str, styles: str = "", title: str = "", kind: str = "text", **parts: str | bytes
) -> bytes:
    """An OpenDocument file; `styles` are its automatic ones, `kind` also `presentation`.

    Further members are named with `__` for their slashes, and end in `.xml`.
    """
    return archive(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"<office:document-content {ODF}><office:automatic-styles>{styles}"
            f"</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}>"
            "</office:body></office:document-content>",
            "meta.xml": f"<office:document-meta {ODF}><office:meta><dc:title>{title}</dc:title>"
            "</office:meta></office:document-meta>",
            **{f"{name.replace('__', '/')}.xml": said for name, said in parts.items()},
        }
    )


def epub(
    chapters: Sequence[str],
    title: str = "",
    encryption: str = "",
    spine: Sequence[int] = (),
    contents: str = "",
) -> bytes:
    """An e-book of pages, each the inside of a `body`; `spine` orders them by number from 1.

    `contents` is its table of contents: the inside of a page, or a `navMap`.
    """
    items = "".join(
        f'<item id="c{number}" href="a%20page{number}.xhtml" media-type="application/xhtml+xml"/>'
        for number in range(1, len(chapters) + 1)
    )
    kind = "application/x-dtbncx+xml" if "navMap" in contents else "application/xhtml+xml"
    if contents:
        nav = '" properties="nav' if "navMap" not in contents else ""
        items += f'<item id="toc" href="nav/toc.xml" media-type="{kind}{nav}"/>'
    order = "".join(
        f'<itemref idref="c{number}"/>' for number in spine or range(1, len(chapters) + 1)
    )
    parts: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": "<container><rootfiles>"
        '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        "OEBPS/book.opf": '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>{title}</dc:title></metadata><manifest>{items}</manifest>"
        f"<spine>{order}</spine></package>",
    }
    for number, said in enumerate(chapters, 1):
        parts[f"OEBPS/a page{number}.xhtml"] = (
            '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head>'
            f"<body>{said}</body></html>"
        )
    if contents:
        parts["OEBPS/nav/toc.xml"] = (
            f'<html xmlns:epub="http://www.idpf.org/2007/ops">{contents}</html>'
        )
    if encryption:
        parts["META-INF/encryption.xml"] = (
            "<encryption><EncryptedData><CipherData>"
            f'<CipherReference URI="{encryption}"/></CipherData></EncryptedData></encryption>'
        )
    return archive(parts)
