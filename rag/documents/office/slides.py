"""Presentations (.pptx, .pptm, .ppsx) become documents; a place is a slide's number.

Each slide's title first, then what stands on it from top to bottom: lists by level, tables,
groups, charts' and diagrams' words, equations as LaTeX; then its speaker notes. Dates and footers,
the same on every slide, are said once. White text stays: slides are often dark.

The walk is our own: python-pptx (1.0.2, of August 2024) leaves out equations, diagrams, and what
stands in `AlternateContent`, and inflates the whole package, videos included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rag.documents.building import Builder
from rag.documents.office.archive import Archive, child, local, value
from rag.documents.office.formulas import Lowered, Raised, formulas_in, formulas_only, joined
from rag.documents.office.package import (
    Package,
    Related,
    chosen,
    hidden,
    pictured,
    reference,
    titled,
    whole,
)
from rag.documents.office.wordstyles import counted
from rag.errors import DocumentError
from rag.types import Document, PlaceKind, Remark

_TITLES = ("title", "ctrTitle")
_ONCE = ("dt", "ftr", "hdr")
_ROWS = 24
"""Rows that a slide is divided into: shapes in one row are read from left to right."""
_SKIPPED = ("pPr", "rPr", "endParaRPr", "extLst", "lstStyle", "bodyPr")
_AUTONUMBER = re.compile(r"(alpha|roman|arabic)(Lc|Uc)?(Period|ParenR|ParenBoth|Plain)$")
_LINE_END = re.compile(r"_x000[ABD]_")


def parse(path: str, data: bytes) -> Document:
    """Returns the document.

    Raises:
        DocumentError: `encrypted`, `damaged`, `too large`, or `no text` where there are pictures
            only.
    """
    archive = Archive(data, "a presentation", ".pptx")
    package = Package(archive, "ppt/presentation.xml")
    deck = _Deck(package)
    deck.read(package.body("presentation"))
    title = package.title()
    document = deck.build.document(path, "", [*archive.remarks, *deck.remarks()])
    if not document.text and deck.pictured:
        raise DocumentError(
            "no text",
            f"{len(deck.pictured)} slide{'s' * (len(deck.pictured) > 1)} of pictures only: "
            "text recognition (OCR) would make them readable",
        )
    return titled(document, title)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What stands on a slide; `role` is its placeholder's type, "" for one of its own."""

    element: Any
    role: str
    top: float
    left: float


class _Deck:
    """One pass over the slides.

    Attributes:
        pictured: the numbers of slides with pictures and no text.
    """

    def __init__(self, package: Package) -> None:
        self.build = Builder(PlaceKind.SLIDE)
        self.pictured: list[int] = []
        self._package = package
        self._layouts: dict[str, dict[str, tuple[float, float]]] = {}
        self._height = 6858000.0
        self._drawn: dict[str, Related] = {}
        self._once: set[str] = set()
        self._unshown: list[int] = []
        self._hidden = 0

    def read(self, presentation: Any) -> None:
        """Reads the slides in the order in which they are shown."""
        self._height = _float(child(presentation, "sldSz"), "cy") or self._height
        related = {one.id: one.target for one in self._package.related(self._package.main)}
        listed = child(presentation, "sldIdLst")
        names = [related.get(reference(one)) for one in (listed if listed is not None else ())]
        for number, name in enumerate(dict.fromkeys(names if any(names) else self._named()), 1):
            root = self._package.archive.part(name)
            if name is not None and root is not None:
                self.build.place(str(number))
                self._slide(number, name, root)

    def remarks(self) -> list[Remark]:
        """Returns what a person should know of slides that say less or more than they show."""
        found = [*hidden(self._hidden), *pictured(self.pictured)]
        if self._unshown:
            found.append(
                Remark(
                    "hidden slides",
                    "skipped when shown, indexed like the others",
                    tuple(self._unshown),
                )
            )
        return found

    def _named(self) -> list[str]:
        """Returns the slides by the numbers in their names, for when no list of them is left."""
        names = self._package.archive.names
        found = [(re.fullmatch(r"ppt/slides/slide(\d{1,6})\.xml", name), name) for name in names]
        return [name for match, name in sorted((int(m[1]), n) for m, n in found if m)]

    def _slide(self, number: int, name: str, root: Any) -> None:
        before = self.build.length
        related = self._package.related(name)
        self._drawn = {one.id: one for one in related}
        layout = next((one.target for one in related if one.kind == "slideLayout"), "")
        for shape in self._ordered(child(root, "cSld", "spTree"), self._layout(layout)):
            self._shape(shape)
        if value(root, "show") in ("0", "false"):
            self._unshown.append(number)
        for one in related:
            notes = self._package.archive.part(one.target) if one.kind == "notesSlide" else None
            for shape in self._ordered(child(notes, "cSld", "spTree"), {}):
                if shape.role in ("", "body"):
                    self._shape(shape)
        if self.build.length == before and any(local(one) == "blip" for one in root.iter()):
            self.pictured.append(number)

    def _layout(self, name: str) -> dict[str, tuple[float, float]]:
        """Returns where a layout puts what says nothing of its place, by index and by role."""
        if name not in self._layouts:
            places: dict[str, tuple[float, float]] = {}
            if name:
                for one in self._package.related(name):
                    if one.kind == "slideMaster":
                        places |= _places(self._package.archive.part(one.target))
                places |= _places(self._package.archive.part(name))
            self._layouts[name] = places
        return self._layouts[name]

    def _ordered(
        self, tree: Any | None, places: dict[str, tuple[float, float]]
    ) -> Iterator[_Shape]:
        """Yields shapes as one reads them: title, then rows, then dates and footers.

        A group is read where it stands, before what comes after it.
        """
        shapes: list[_Shape] = []
        where = 0.0, 0.0
        for one in _shapes(tree):
            role, index = _role(one)
            where = _place(one) or places.get(f"#{index}") or places.get(role) or where
            shapes.append(_Shape(one, role, *where))

        def order(shape: _Shape) -> tuple[int, int, float]:
            rank = 0 if shape.role in _TITLES else 2 if shape.role in _ONCE else 1
            return rank, int(shape.top * _ROWS / self._height), shape.left

        for shape in sorted(shapes, key=order):
            if local(shape.element) == "grpSp":
                yield from self._ordered(shape.element, places)
            else:
                yield shape

    def _shape(self, shape: _Shape) -> None:
        if shape.role == "sldNum":
            return
        about = next((one for one in shape.element if local(one).startswith("nv")), None)
        if value(child(about, "cNvPr"), "hidden") in ("1", "true"):
            said = (one.text or "" for one in shape.element.iter() if local(one) == "t")
            self._hidden += sum(len(text.split()) for text in said)
            return
        body = child(shape.element, "txBody")
        if body is not None:
            self._text(body, shape)
        for one in shape.element.iter():
            name = local(one)
            if name == "tbl":
                rows = [row for row in one if local(row) == "tr"]
                self.build.table([[_cell(cell) for cell in row] for row in rows])
            elif name in ("chart", "relIds"):
                drawn = self._drawn.pop(value(one, "dm") or reference(one), None)
                if drawn is not None:
                    found = self._package.drawn(drawn)
                    self.build.paragraph(whole("\n".join(found.lines)))
                    self.build.table(found.rows)

    def _text(self, body: Any, shape: _Shape) -> None:
        paragraphs = [one for one in body if local(one) == "p"]
        pieces = [(one, _pieces(one)) for one in paragraphs]
        said = [(one, found, text) for one, found in pieces if (text := _whole(found)).strip()]
        if shape.role in _TITLES:
            level = 1 if shape.role == "ctrTitle" else 2
            self.build.heading(" ".join(text for _, _, text in said), level)
            return
        if shape.role in _ONCE:
            said = [one for one in said if one[2] not in self._once]
            self._once.update(text for _, _, text in said)
        listed = shape.role in ("body", "obj") and len(said) > 1
        items: list[str] = []
        counts: dict[int, int] = {}
        for one, found, text in said:
            properties = child(one, "pPr")
            said_depth = value(properties, "lvl")
            depth = int(said_depth) if re.fullmatch("[0-8]", said_depth) else 0
            marker = _marker(properties, depth, counts)
            if marker is None:
                inherited = child(body, "lstStyle", f"lvl{depth + 1}pPr")
                marker = _marker(inherited, depth, counts)
            if marker or (marker is None and listed):
                items.append(f"{'  ' * depth}{marker or '-'} {text.strip()}")
                continue
            self.build.items(items)
            items = []
            if formulas := formulas_only(found):
                self.build.math(formulas)
            else:
                self.build.paragraph(text)
        self.build.items(items)


def _shapes(tree: Any | None) -> Iterator[Any]:
    for one in tree if tree is not None else ():
        if local(one) == "AlternateContent":
            yield from _shapes(chosen(one))
        elif local(one) in ("sp", "grpSp", "graphicFrame", "pic", "cxnSp"):
            yield one


def _role(shape: Any) -> tuple[str, str]:
    """Returns a shape's placeholder type and index; a placeholder of no type is for objects."""
    about = next((one for one in shape if local(one).startswith("nv")), None)
    found = child(about, "nvPr", "ph")
    return ("", "") if found is None else (value(found, "type", "obj"), value(found, "idx"))


def _place(shape: Any) -> tuple[float, float] | None:
    """Returns how far a shape is from the top and from the left, where it says so."""
    for one in shape:
        if local(one) in ("spPr", "grpSpPr", "xfrm"):
            offset = child(one, "off") if local(one) == "xfrm" else child(one, "xfrm", "off")
            if offset is not None:
                return _float(offset, "y"), _float(offset, "x")
    return None


def _places(root: Any | None) -> dict[str, tuple[float, float]]:
    places: dict[str, tuple[float, float]] = {}
    for one in _shapes(child(root, "cSld", "spTree")):
        role, index = _role(one)
        where = _place(one)
        if where is not None and role:
            places.setdefault(role, where)
            if index:
                places[f"#{index}"] = where
    return places


def _float(element: Any | None, name: str) -> float:
    said = value(element, name)
    return float(said) if re.fullmatch(r"-?\d{1,12}", said) else 0.0


def _cell(cell: Any) -> str:
    body = child(cell, "txBody")
    if "1" in (value(cell, "hMerge"), value(cell, "vMerge")) or body is None:
        return ""
    return " ".join(_whole(_pieces(one)) for one in body if local(one) == "p")


def _pieces(paragraph: Any) -> list[str]:
    pieces: list[str] = []
    _inline(paragraph, pieces)
    return pieces


def _inline(parent: Any, pieces: list[str]) -> None:
    for one in parent:
        name = local(one)
        if name == "t":
            said = _LINE_END.sub("\n", one.text or "")
            pieces.append(_standing(child(parent, "rPr"))(said))
        elif name == "br":
            pieces.append("\n")
        elif name in ("oMath", "oMathPara"):
            pieces.extend(formulas_in(one))
        elif name == "AlternateContent":
            _inline(chosen(one), pieces)
        elif name and name not in _SKIPPED:
            _inline(one, pieces)


def _standing(properties: Any | None) -> type[str]:
    """Returns what characters are by how far they stand from the line, in thousandths."""
    shift = value(properties, "baseline", "0")
    if shift.startswith("-"):
        return Lowered
    return str if re.fullmatch("0+%?", shift) else Raised


def _whole(pieces: list[str]) -> str:
    return whole(joined(pieces))


def _marker(properties: Any | None, depth: int, counts: dict[int, int]) -> str | None:
    """Returns the marker of a paragraph, "" for none, None where it says nothing of one."""
    for one in properties if properties is not None else ():
        match local(one):
            case "buNone":
                return ""
            case "buChar" | "buBlip":
                return "-"
            case "buAutoNum":
                start = value(one, "startAt", "1")
                first = int(start) if re.fullmatch(r"\d{1,5}", start) else 1
                counts[depth] = counts[depth] + 1 if depth in counts else first
                for deeper in [other for other in counts if other > depth]:
                    del counts[deeper]
                return _numbered(value(one, "type"), counts[depth])
    return None


def _numbered(shape: str, number: int) -> str:
    match = _AUTONUMBER.match(shape)
    letters, case, sign = match.groups() if match else ("arabic", None, "Period")
    kind = {"alpha": "Letter", "roman": "Roman"}.get(letters, "")
    said = counted(number, f"{'upper' if case == 'Uc' else 'lower'}{kind}" if kind else "decimal")
    return {"ParenR": f"{said})", "ParenBoth": f"({said})", "Plain": said}.get(sign, f"{said}.")
