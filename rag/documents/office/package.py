"""An Office Open XML package: its parts by relationship, its title, its drawings' words.

What Word documents, presentations and workbooks have in common (ECMA-376 parts 1 and 2). Names are
compared without their namespaces, so that strict and transitional files are read alike.
"""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from rag.documents.office.archive import Archive, child, local, value
from rag.documents.titles import real_title
from rag.errors import DocumentError
from rag.types import BlockKind, Document, Remark

_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "ft", "ﬆ": "st"}
)
_SYMBOL = dict(
    zip(
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\"$'@^",
        "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖαβχδεφγηιϕκλμνοπθρστυϖωξψζ∀∃∋≅⊥",
        strict=True,
    )
) | dict(
    zip(
        bytes.fromhex("a3a5abacadaeafb0b1b3b4b5b6b7b8b9babbc4c5c6c7c8c9caccced1d5d6d7d8d9da"),
        "≤∞↔←↑→↓°±≥×∝∂•÷≠≡≈⊗⊕∅∩∪⊃⊇⊂∈∇∏√⋅¬∧∨",
        strict=True,
    )
)
_SYMBOL |= {0xCF: "∉", 0xDB: "⇔", 0xDC: "⇐", 0xDE: "⇒", 0xE5: "∑", 0xF2: "∫"}
_WINGDINGS = {
    **{0x6C: "●", 0x6E: "■", 0x71: "❑", 0xA7: "▪", 0xA8: "☐", 0xD8: "➢", 0xDF: "←", 0xE0: "→"},
    **{0xE1: "↑", 0xE2: "↓", 0xF0: "⇨", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑"},
}


@dataclass(frozen=True, slots=True)
class Related:
    """What a part points to: the last word of the relation's type, and the member's name."""

    id: str
    kind: str
    target: str


class Package:
    """The parts of an archive.

    Attributes:
        main: the name of the part that all others hang on.
    """

    def __init__(self, archive: Archive, usual: str) -> None:
        """Args: `usual` is where the main part lies when nothing says where."""
        self.archive = archive
        found = [one.target for one in self.related("") if one.kind == "officeDocument"]
        self.main = next((name for name in found if archive.find(name)), usual)

    def related(self, part: str) -> list[Related]:
        """Returns what a part points to inside the package, in order."""
        folder, name = posixpath.split(part)
        root = self.archive.part(posixpath.join(folder, "_rels", f"{name}.rels"))
        return [
            Related(value(one, "Id"), value(one, "Type").rpartition("/")[2], target)
            for one in (root if root is not None else ())
            if value(one, "TargetMode") != "External"
            if (target := _member(folder, value(one, "Target")))
        ]

    def body(self, expected: str) -> Any:
        """Returns the root of the main part.

        Raises:
            DocumentError: `damaged`, also when it is of another kind of document.
        """
        root = self.archive.xml(self.main)
        found = local(root)
        if found != expected:
            others = {"document": ".docx", "presentation": ".pptx", "workbook": ".xlsx"}
            what = f"a {found} inside" if found in others else "something else inside"
            hint = f", save it as {others[found]}" if found in others else ""
            raise DocumentError("damaged", f"not {self.archive.kind}: {what}{hint}")
        return root

    def title(self) -> str:
        """Returns the title that the file's properties give, "" where there is no real one."""
        names = [one.target for one in self.related("") if one.kind == "core-properties"]
        title = child(self.archive.part(names[0] if names else "docProps/core.xml"), "title")
        return real_title("" if title is None else title.text or "")

    def drawn(self, part: Related) -> Drawn:
        """Returns the words of a chart or a diagram."""
        root = self.archive.part(part.target)
        if root is None:
            return Drawn([], [])
        lines = [line for one in root.iter() if local(one) == "p" and (line := _line(one))]
        return Drawn(lines, _series(root) if part.kind.startswith("chart") else [])


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a chart or diagram says: its lines, and its values as a table."""

    lines: list[str]
    rows: list[list[str]]


def hidden(words: int) -> list[Remark]:
    """Returns what to say of that many words that were left out."""
    if not words:
        return []
    return [
        Remark(
            "hidden text",
            f"{words} hidden word{'s' * (words > 1)} left out: show them in the file to have them "
            "indexed",
        )
    ]


def pictured(slides: Sequence[int]) -> list[Remark]:
    """Returns what to say of slides, by number, that hold pictures and no text."""
    if not slides:
        return []
    return [
        Remark(
            "pages without text",
            "pictures only: text recognition (OCR) would make them readable",
            tuple(slides),
        )
    ]


def chosen(alternatives: Any) -> Any:
    """Returns the first choice that says something, else the fallback: the same text, once."""
    kinds = [one for one in alternatives if local(one) in ("Choice", "Fallback")]
    for one in kinds if len(kinds) > 1 else ():
        if any(local(inner) == "t" and (inner.text or "").strip() for inner in one.iter()):
            return one
    return kinds[0] if kinds else alternatives


def reference(element: Any) -> str:
    """Returns the id of the relation that an element names; its plain `id` is another."""
    for key, said in element.attrib.items():
        if key.startswith("{") and key.endswith("}id"):
            return str(said)
    return ""


def titled(document: Document, title: str) -> Document:
    """Returns the document under that title, if it says it too or has no heading of its own.

    Properties outlive the document they were written for.
    """
    said = " ".join(document.text.split()).casefold()
    headed = any(block.kind is BlockKind.HEADING for block in document.blocks)
    if not title or (headed and title.casefold() not in said):
        return document
    return replace(document, title=title)


def whole(text: str) -> str:
    """Returns text in Unicode NFC, ligatures as letters, no soft hyphens or symbols unread."""
    text = text.replace("\xad", "").translate(_LIGATURES)
    if any("\uf000" <= character <= "\uf0ff" for character in text):
        text = "".join(symbol(ord(one)) if "\uf000" <= one <= "\uf0ff" else one for one in text)
    return unicodedata.normalize("NFC", text)


def symbol(code: int, font: str = "Symbol") -> str:
    """Returns the character that a symbol font shows for a code, "" for one that says nothing."""
    if 0xF000 <= code <= 0xF0FF:
        code -= 0xF000
    if font.lower().startswith("wingdings"):
        return _WINGDINGS.get(code, "")
    if font == "Symbol":
        return _SYMBOL.get(code, chr(code) if 0x20 <= code < 0x7F else "")
    return chr(code) if 0x20 <= code < 0xD800 or 0xF900 <= code < 0x110000 else ""


def _member(folder: str, target: str) -> str:
    """Returns the member that a relation's target names; one outside the package is none."""
    target = unquote(target).replace("\\", "/").partition("#")[0]
    name = posixpath.normpath(posixpath.join("/", folder, target)) if target else ""
    return name.lstrip("/")


def _line(paragraph: Any) -> str:
    return "".join(one.text or "" for one in paragraph.iter() if local(one) == "t").strip()


def _series(chart: Any) -> list[list[str]]:
    """Returns the values of a chart: a row a category, a column a series."""
    series = [one for one in chart.iter() if local(one) == "ser"]
    names = [" ".join(_points(child(one, "tx")).values()) for one in series]
    columns = [_points(_either(one, "val", "yVal")) for one in series]
    labels: dict[str, str] = {}
    for one in series:
        labels = _points(_either(one, "cat", "xVal")) | labels
    rows = [
        [labels.get(at, ""), *(column.get(at, "") for column in columns)]
        for at in dict.fromkeys((*labels, *(at for column in columns for at in column)))
    ]
    return [["", *names], *rows] if rows else []


def _either(series: Any, first: str, second: str) -> Any | None:
    found = child(series, first)
    return found if found is not None else child(series, second)


def _points(element: Any | None) -> dict[str, str]:
    """Returns the cached values below an element, by their index."""
    return dict(_pairs(element)) if element is not None else {}


def _pairs(element: Any) -> Iterator[tuple[str, str]]:
    for one in element.iter():
        if local(one) == "pt" and (said := child(one, "v")) is not None:
            yield value(one, "idx"), said.text or ""
        elif local(one) == "v" and local(one.getparent()) == "tx":
            yield "0", one.text or ""
