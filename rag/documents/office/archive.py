"""A zip archive of XML, read from bytes without trusting it: its members as bytes or as elements.

For the office and e-book formats. Nothing is unpacked to disk, a member's name is only looked up,
an archive inside the archive stays closed, and only members that are asked for are inflated, each
through a reader that stops at its limit whatever the headers say. XML is parsed without a DTD,
entities or the network.
"""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from typing import Any

from rag.errors import DocumentError
from rag.types import Remark

MEMBER_BYTES = 32_000_000
"""Of one member: some 5,000 pages of Word (872 are 5.3 MB); lxml holds it in ten times as much."""
TOTAL_BYTES = 96_000_000
MEMBERS = 20_000
RATIO = 200
"""Of an archive declared over `MEMBER_BYTES`; the XML of real ones shrinks 10 to 40 times."""

_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(ValueError, LookupError, RuntimeError, OverflowError),
)
"""What `zipfile` raises at what is no archive, or of a kind that it cannot unpack."""


class Archive:
    """The members of an archive, by name.

    Attributes:
        remarks: what had to be left out or mended while reading.
    """

    def __init__(self, data: bytes, kind: str, suffix: str) -> None:
        """Opens the archive.

        Args:
            kind: what the suffix says it is, with its article (`a Word document`).
            suffix: what to save a file of an older kind as (`.docx`).

        Raises:
            DocumentError: `empty`, `encrypted`, `damaged` or `too large`.
        """
        self.kind = kind
        self.remarks: list[Remark] = []
        self._read = 0
        if not data.strip(b"\0 \r\n\t"):
            raise DocumentError("empty", "holds no text")
        if data.startswith(_COMPOUND):
            raise _compound(data, suffix)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            members = self._zip.infolist()
        except _BROKEN as error:
            raise self.damaged("no whole zip archive") from error
        self._members = {member.filename.replace("\\", "/"): member for member in members}
        self._folded = {name.lower(): name for name in self._members}
        declared = sum(member.file_size for member in members)
        if len(members) > MEMBERS:
            raise too_large(f"{len(members)} files inside")
        if declared > max(MEMBER_BYTES, RATIO * len(data)):
            raise too_large(f"{len(data) / 1e6:.1f} MB that unpack to {declared / 1e6:,.0f} MB")

    def damaged(self, found: str) -> DocumentError:
        """Returns the error of a file that is not what its suffix says."""
        return DocumentError(
            "damaged", f"not {self.kind}, or broken off ({found}): open it and save it again"
        )

    @property
    def names(self) -> list[str]:
        """Returns the members' names, in the archive's order."""
        return list(self._members)

    def find(self, name: str) -> str | None:
        """Returns the member of that name, upper or lower case, or None."""
        name = name.lstrip("/")
        return name if name in self._members else self._folded.get(name.lower())

    def read(self, name: str) -> bytes:
        """Returns what a member holds.

        Raises:
            DocumentError: `damaged` (also where there is no such member), `encrypted`, `too large`.
        """
        found = self.find(name)
        if found is None:
            raise self.damaged(f"no {name} inside")
        member = self._members[found]
        if member.flag_bits & 1:
            raise locked()
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self.damaged(f"{name} is packed in a way not in use")
        limit = min(MEMBER_BYTES, max(TOTAL_BYTES - self._read, 0))
        try:
            with self._zip.open(member) as stream:
                data = stream.read(limit + 1)
        except _BROKEN as error:
            raise self.damaged(f"{name} cannot be unpacked") from error
        if len(data) > limit:
            what, most = (name, limit) if limit == MEMBER_BYTES else ("its parts", TOTAL_BYTES)
            raise too_large(f"{what} unpack to more than {most / 1e6:.0f} MB")
        self._read += len(data)
        return data

    def xml(self, name: str, *, dtd: bool = False) -> Any:
        """Returns the root element of a member; one that is broken is mended and remarked.

        Args:
            dtd: whether a DOCTYPE is allowed; entities never are.

        Raises:
            DocumentError: as `read`, and `damaged` for what is no XML.
        """
        data = self.read(name)
        root, error = _parse(data, recover=False)
        if error is not None:
            root, _ = _parse(data, recover=True)
            if root is None:
                raise self.damaged(f"{name} is no XML") from error
            self._remark(f"{name} is broken XML: what could be read of it is here")
        declared = root.getroottree().docinfo.internalDTD
        if declared is not None and not (dtd and next(declared.iterentities(), None) is None):
            raise DocumentError(
                "damaged", f"{name} declares a document type or entities: save the file again"
            )
        return root

    def part(self, name: str | None, *, dtd: bool = False) -> Any | None:
        """Returns the root of a member that others can do without, or None; a loss is remarked.

        Raises:
            DocumentError: `too large` or `encrypted`; what is damaged is left out.
        """
        if name is None or self.find(name) is None:
            return None
        try:
            return self.xml(name, dtd=dtd)
        except DocumentError as error:
            self.leave_out(name, error)
            return None

    def leave_out(self, name: str, error: DocumentError) -> None:
        """Remarks that a member is left out; raises the error if it is about the whole file."""
        if error.reason in ("too large", "encrypted"):
            raise error
        self._remark(f"{name} cannot be read and is left out")

    def _remark(self, what: str) -> None:
        self.remarks.append(Remark("damaged parts", f"{what}; open the file and save it again"))


def local(element: Any) -> str:
    """Returns an element's name without its namespace; "" for an entity that stayed unknown."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def value(element: Any | None, name: str, default: str = "") -> str:
    """Returns the attribute of that name in whichever namespace.

    Strict and transitional files name the same things in different ones.
    """
    if element is not None:
        for key, said in element.attrib.items():
            if key.rpartition("}")[2] == name:
                return str(said)
    return default


def child(element: Any | None, *path: str) -> Any | None:
    """Returns the first child of that name, and of it the first of the next name …, or None."""
    for name in path:
        if element is None:
            return None
        element = next((inner for inner in element if local(inner) == name), None)
    return element


def locked() -> DocumentError:
    """Returns the error of a file that only opens with a password."""
    return DocumentError(
        "encrypted", "needs a password: open it, and save a copy without one beside it"
    )


def too_large(found: str) -> DocumentError:
    """Returns the error of a file that holds more than notes do."""
    return DocumentError("too large", f"{found}: too much for one file of notes, split it")


def _parse(data: bytes, *, recover: bool) -> tuple[Any, Exception | None]:
    """Returns a root, or None and why there is none.

    Raises:
        DocumentError: `too large`; libxml2 stops at 256 levels, at a text of 10 MB, and where
            entities would multiply.
    """
    from lxml import etree

    parser = etree.XMLParser(
        **{"resolve_entities": False, "no_network": True, "load_dtd": False},
        **{"huge_tree": False, "remove_comments": True, "remove_pis": True, "recover": recover},
    )
    try:
        root = etree.fromstring(data, parser)
        if recover and root is not None:
            etree.tostring(root)  # lets half of a surrogate pair through, which no text can hold
        return root, None
    except etree.SerialisationError as error:
        return None, error
    except etree.XMLSyntaxError as error:
        limits = (etree.ErrorTypes.ERR_RESOURCE_LIMIT, etree.ErrorTypes.ERR_NAME_TOO_LONG)
        if error.code in (*limits, etree.ErrorTypes.ERR_ENTITY_LOOP):
            raise too_large("XML nested or grown past all use") from error
        return None, error
    except ValueError as error:  # an encoding that is not known
        return None, error


def _compound(data: bytes, suffix: str) -> DocumentError:
    """Returns the error of a file in the container of Office before 2007.

    Office keeps what it encrypts in one too, in a stream of this name.
    """
    if "EncryptedPackage".encode("utf-16-le") in data:
        return locked()
    return DocumentError(
        "damaged", f"a file of an older Office under this name: open it and save it as {suffix}"
    )
