from __future__ import annotations

import io
import random
import re
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making_office import ODF, P, W, archive, docx, epub, odt, p, pptx, row, shape, slide, xlsx

from rag.documents import load
from rag.documents.office.archive import MEMBER_BYTES, Archive
from rag.errors import DocumentError
from rag.types import Document

FILES = {
    "docx": docx(p("Otters eat crabs.") + "<w:tbl><w:tr><w:tc/><w:tc/></w:tr></w:tbl>", "Otters"),
    "pptx": pptx([slide(shape("Otters", "title") + shape("They eat\ncrabs."))], {1: "At night."}),
    "xlsx": xlsx(
        {"Pond": row(1, "Otters", "<c><v>1</v></c>") + row(3, "", "They eat crabs."), "Lake": ""},
        styles="<styleSheet/>",
    ),
    "odt": odt('<text:h text:outline-level="1">Otters</text:h><text:p>They eat crabs.</text:p>'),
    "odp": odt("<draw:page><text:p>Otters</text:p></draw:page>", kind="presentation"),
    "epub": epub(["<h1>Otters</h1><p>They eat crabs.</p>", "<p>At night.</p>"], "Otters"),
}
MAIN = {
    "docx": "word/document.xml",
    "pptx": "ppt/slides/s1.xml",
    "xlsx": "xl/worksheets/s0.xml",
    "odt": "content.xml",
    "odp": "content.xml",
    "epub": "OEBPS/book.opf",
}


def refused(name: str, data: bytes) -> tuple[str, str]:
    with pytest.raises(DocumentError) as caught:
        load(name, data)
    return caught.value.reason, str(caught.value)


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def word_of(document: str | bytes) -> bytes:
    return archive({"word/document.xml": document})


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_cut_short_is_damaged(kind: str) -> None:
    data = FILES[kind]
    assert "Otters" in load(f"n.{kind}", data).text
    assert refused(f"n.{kind}", data[: len(data) // 2])[0] == "damaged"
    assert refused(f"n.{kind}", b"not a zip at all")[0] == "damaged"
    assert refused(f"n.{kind}", b"\0" * 50)[0] == "empty"


def test_a_file_of_another_kind_says_what_it_is() -> None:
    assert refused("n.docx", FILES["pptx"]) == (
        "damaged",
        "not a Word document: a presentation inside, save it as .pptx",
    )
    for kind in FILES:
        assert refused(f"n.{kind}", archive({"readme.txt": "Otters"}))[0] == "damaged"


def test_a_file_with_a_password_is_encrypted() -> None:
    office = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    named = office + "EncryptedPackage".encode("utf-16-le")
    assert refused("n.docx", named)[0] == refused("n.pptx", named)[0] == "encrypted"
    assert refused("n.pptx", office) == (
        "damaged",
        "a file of an older Office under this name: open it and save it as .pptx",
    )
    flagged = bytearray(FILES["docx"])
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := flagged.find(sign, start + 1)) >= 0:
            flagged[start + at] |= 1
    assert refused("n.docx", bytes(flagged))[0] == "encrypted"


def test_a_member_is_inflated_up_to_its_limit_whatever_the_headers_say() -> None:
    data = bytearray(word_of(b" " * (MEMBER_BYTES + 1)))
    assert refused("n.docx", bytes(data))[0] == "too large"  # by what it declares
    for sign, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.find(sign) + at
        data[start : start + 4] = (1000).to_bytes(4, "little")
    assert refused("n.docx", bytes(data))[0] in ("damaged", "too large")


def test_an_archive_that_declares_a_bomb_is_refused_unread() -> None:
    picture = {"word/media/1.bmp": bytes(MEMBER_BYTES + 1)}
    assert refused("n.docx", archive(members(FILES["docx"]) | picture))[0] == "too large"


def test_all_members_together_have_a_limit() -> None:
    rough = random.Random(5).randbytes(600_000)
    said = {f"{n}.xml": bytes(MEMBER_BYTES - 2_000_000) for n in range(4)}
    zipped = Archive(archive({**said, "picture.jpg": rough}), "a Word document", ".docx")
    with pytest.raises(DocumentError, match="its parts unpack to more than 96 MB"):
        for number in range(4):
            zipped.read(f"{number}.xml")


ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE x [<!ENTITY l0 "otters">{ENTITIES}]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY l9 SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize("declared", [BOMB, OUTSIDE])
def test_entities_are_neither_multiplied_nor_fetched(declared: str) -> None:
    word = f"{declared}<w:document {W}><w:body>{p('&l9;')}</w:body></w:document>"
    text = f"{declared}<x {ODF}><office:body><office:text>&l9;</office:text></office:body></x>"
    book = f"{declared}<package><title>&l9;</title></package>"
    for name, data in (
        ("n.docx", word_of(word)),
        ("n.odt", archive({"content.xml": text})),
        ("n.epub", archive({"book.opf": book})),
    ):
        assert refused(name, data)[0] in ("damaged", "too large")


def test_elements_nested_beyond_use_are_too_large() -> None:
    deep = "<w:p>" * 100_000 + "</w:p>" * 100_000
    reason, _ = refused("n.docx", docx(deep))
    assert reason == "too large"


def nested(begin: str, inside: str, end: str, levels: int) -> str:
    return begin * levels + inside + end * levels


WORDS = "<w:p><w:r><w:t>deep</w:t></w:r></w:p>"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("docx", docx(nested("<w:tbl><w:tr><w:tc/><w:tc>", WORDS, "</w:tc></w:tr></w:tbl>", 80))),
        ("docx", docx(nested("<w:sdt><w:sdtContent>", WORDS, "</w:sdtContent></w:sdt>", 120))),
        (
            "docx",
            docx(nested("<w:p><w:r><w:txbxContent>", WORDS, "</w:txbxContent></w:r></w:p>", 80)),
        ),
        (
            "docx",
            docx(
                "<w:p><m:oMath>"
                + nested("<m:d><m:e>", "<m:r><m:t>deep</m:t></m:r>", "</m:e></m:d>", 122)
                + "</m:oMath></w:p>"
            ),
        ),
        ("pptx", pptx([slide(nested("<p:grpSp>", shape("deep"), "</p:grpSp>", 240))])),
        ("odt", odt(f"<text:p>{nested('<text:span>', 'deep', '</text:span>', 240)}</text:p>")),
        (
            "odt",
            odt(
                nested(
                    "<text:list><text:list-item>",
                    "<text:p>deep</text:p>",
                    "</text:list-item></text:list>",
                    120,
                )
            ),
        ),
        (
            "odt",
            odt(
                "<text:p><math:math>"
                + nested("<math:mover>", "<math:mi>deep</math:mi>", "</math:mover>", 240)
                + "</math:math></text:p>"
            ),
        ),
    ],
)
def test_elements_nested_as_deep_as_the_parser_allows_are_read(kind: str, data: bytes) -> None:
    assert "deep" in load(f"n.{kind}", data).text


def test_styles_and_notes_that_lead_in_circles_end() -> None:
    circle = "".join(
        f'<w:style w:type="paragraph" w:styleId="s{n}"><w:basedOn w:val="s{(n + 1) % 900}"/>'
        "</w:style>"
        for n in range(900)
    )
    note = '<w:footnote w:id="{0}"><w:p><w:r><w:t>note {0}</w:t><w:footnoteReference w:id="{1}"/>'
    notes = "".join(
        note.format(n, (n + 1) % 2000) + "</w:r></w:p></w:footnote>" for n in range(2000)
    )
    begun = '<w:p><w:r><w:t>Otters</w:t><w:footnoteReference w:id="0"/></w:r></w:p>'
    document = load("n.docx", docx(p("x", "s7") + begun, styles=circle, footnotes=notes))
    assert document.text.endswith("note 1999")
    assert document.text.count("note ") == 2000


def test_broken_parts_cost_what_is_in_them_and_are_told() -> None:
    broken = members(docx(p("One."), header=p("Two.")))
    broken["word/header.xml"] = b"\x00\x01"
    document = load("n.docx", archive(broken))
    assert document.text == "One."
    (remark,) = document.remarks
    assert remark.reason == "damaged parts"
    assert "word/header.xml" in remark.message

    cut = f"<w:document {W}><w:body>{p('One.')}<w:p><w:r><w:t>Tw"
    document = load("n.docx", word_of(cut))
    assert document.text == "One.\n\nTw"
    assert [remark.reason for remark in document.remarks] == ["damaged parts"]


def test_names_are_looked_up_and_never_followed() -> None:
    data = members(FILES["docx"])
    data["_rels/.rels"] = data["_rels/.rels"].replace(b"word/document.xml", b"../../etc/passwd")
    assert load("n.docx", archive(data)).text.startswith("Otters")
    moved = {name.replace("/", "\\"): said for name, said in data.items()}
    assert load("n.docx", archive(moved)).text.startswith("Otters")


def test_text_in_another_encoding_is_read() -> None:
    said = f'<?xml version="1.0" encoding="UTF-16"?><w:document {W}><w:body>{p("Grüße")}'
    assert load("n.docx", word_of(f"{said}</w:body></w:document>".encode("utf-16"))).text == "Grüße"


def holds(document: Document) -> None:
    """Blocks are in order and disjoint, places too, and no word lies outside."""
    end, outside = 0, ""
    for block in document.blocks:
        assert block.span.start >= end
        outside += document.text[end : block.span.start]
        assert block.span.of(document.text).strip()
        for part in block.parts:
            assert block.span.start <= part.start < part.end <= block.span.end
        end = block.span.end
    assert not (outside + document.text[end:]).strip()
    starts = [place.start for place in document.places.listed]
    assert starts == sorted(set(starts))
    document.text.encode("utf-8")


changes = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.integers(0, 40), st.binary(max_size=6), st.booleans()
    ),
    min_size=1,
    max_size=4,
)


def changed(data: bytes, how: list[tuple[float, int, bytes, bool]]) -> bytes:
    for at, length, said, doubled in how:
        start = int(at * len(data))
        kept = data[start : start + length] * 2 if doubled else b""
        data = data[:start] + kept + said + data[start + length :]
    return data


@given(st.sampled_from(sorted(FILES)), changes)
def test_a_changed_archive_is_read_or_refused(
    kind: str, how: list[tuple[float, int, bytes, bool]]
) -> None:
    try:
        document = load(f"n.{kind}", changed(FILES[kind], how))
    except DocumentError:
        return
    holds(document)


@given(st.sampled_from(sorted(FILES)), changes)
def test_a_changed_part_is_read_or_refused(
    kind: str, how: list[tuple[float, int, bytes, bool]]
) -> None:
    parts = members(FILES[kind])
    parts[MAIN[kind]] = changed(parts[MAIN[kind]], how)
    try:
        document = load(f"n.{kind}", archive(parts))
    except DocumentError:
        return
    holds(document)


NAMES = """
p r t tab br tbl tr tc pPr rPr numPr numId ilvl sdt sdtContent AlternateContent Choice Fallback
txbxContent footnoteReference fldChar oMath f num den nary d e rad m mr ruby rt rubyBase sym
vanish pStyle outlineLvl vMerge gridSpan del ins sp grpSp graphicFrame txBody br m pic
"""
names = st.sampled_from(re.findall(r"\w+", NAMES))
trees = st.recursive(
    st.text("ab1 %é\n", max_size=5),
    lambda inner: st.tuples(names, st.sampled_from(["", "0", "1", "²", "-1", "begin", "F061"]),
                            st.lists(inner, max_size=4)),
    max_leaves=25,
)  # fmt: skip


def written(tree: object, space: str) -> str:
    if isinstance(tree, str):
        return tree
    assert isinstance(tree, tuple)
    name, said, inner = tree
    attributes = " ".join(
        f'{space}:{one}="{said}"' for one in ("val", "id", "char", "lvl", "fldCharType")
    )
    return (
        f"<{space}:{name} {attributes}>"
        f"{''.join(written(one, space) for one in inner)}</{space}:{name}>"
    )


@given(st.lists(trees, max_size=4))
def test_elements_in_any_order_are_read_or_refused(said: list[object]) -> None:
    word = "".join(written(one, "w") for one in said)
    show = "".join(written(one, "a") for one in said)
    for name, data in (
        ("n.docx", docx(f"<w:p>{word}</w:p>{word}", numbering=word, styles=word)),
        ("n.pptx", pptx([f"<p:sld {P}><p:cSld><p:spTree>{show}{shape('', more=show)}"
                         "</p:spTree></p:cSld></p:sld>"])),
    ):  # fmt: skip
        try:
            document = load(name, data)
        except DocumentError as error:
            assert error.reason == "empty"
        else:
            holds(document)
