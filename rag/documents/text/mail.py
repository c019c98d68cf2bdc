"""E-mails become documents: the subject as heading, who wrote when to whom, and the body."""

from __future__ import annotations

import email
import email.policy
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage, Message

from rag.documents.building import Builder, clean
from rag.documents.decoding import decode
from rag.documents.markup import parse_blocks, title_of
from rag.documents.web.html import lay_out
from rag.errors import DocumentError
from rag.types import Document, PlaceKind, Remark

_BREAKS = (
    *(AttributeError, AssertionError, IndexError, LookupError, RecursionError),
    *(OverflowError, TypeError, UnicodeError, ValueError, zlib.error),
)
"""What the standard library's parser of e-mails is seen to raise at broken ones."""

_BEGINS = re.compile(rb"(?:\A|\n\r?\n)(?=From [^\r\n]+\d{4}\s*\r?\n[A-Za-z-]+:)")
_ESCAPED = re.compile(rb"^>(?=>*From )", re.MULTILINE)
_ARMOUR = re.compile(r"\s*-----BEGIN PGP MESSAGE-----")
_ENCRYPTED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_CONTAINED = 0.9
"""Share of a page's words that stand in the plain part too where both say the same."""

_WORD = re.compile(r"\w+")
_DEEPEST = 8


def parse(path: str, data: bytes) -> Document:
    """Returns the document of one e-mail, or of a mailbox of them.

    Raises:
        DocumentError: encrypted, or not an e-mail.
    """
    build = Builder(PlaceKind.PARAGRAPH)
    remarks: list[Remark] = []
    if not path.lower().endswith(".mbox"):
        title = _add_message(build, _read(data), remarks)
        return build.document(path, title, remarks)
    starts = [match.end() for match in _BEGINS.finditer(data)]
    if not data.strip():
        raise DocumentError("empty", "holds no text")
    if not starts:
        raise DocumentError("damaged", "no mailbox: no line begins with From")
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        _, _, message = data[start:end].partition(b"\n")
        try:
            _add_message(build, _read(_ESCAPED.sub(b"", message)), remarks)
        except DocumentError as error:
            remarks.append(Remark("message skipped", f"one message: {error}"))
    if not build.count:
        raise DocumentError(*_why(remarks))
    return build.document(path, title_of(path, "", ()), remarks)


def _why(remarks: list[Remark]) -> tuple[str, str]:
    skipped = [remark.message for remark in remarks if remark.reason == "message skipped"]
    return ("encrypted", skipped[0]) if skipped else ("empty", "holds no text")


def _read(data: bytes) -> EmailMessage:
    try:
        return email.message_from_bytes(data, policy=email.policy.default)
    except _BREAKS as error:
        raise DocumentError("damaged", f"no e-mail that can be read: {error!r}") from error


def _add_message(
    build: Builder, message: EmailMessage, remarks: list[Remark], depth: int = 1
) -> str:
    """Adds an e-mail, and returns its subject."""
    subject = _header(message, "Subject")
    _next(build).heading(subject, depth)
    head = [(name, _header(message, name)) for name in ("From", "Date", "To", "Cc")]
    _next(build).paragraph(" · ".join(f"{name}: {said}" for name, said in head if said))
    try:
        bodies, attached, forwarded = _sorted(message)
    except _BREAKS as error:
        raise DocumentError("damaged", f"no e-mail that can be read: {error!r}") from error
    for body in bodies:
        _add_body(build, body, remarks)
    if attached:
        names = ", ".join(attached[:10]) + (" …" if len(attached) > 10 else "")
        remarks.append(
            Remark("attachments", f"not read: {names}; save them beside the e-mail to index them")
        )
    for inner in forwarded:
        if depth < _DEEPEST:
            _add_message(build, inner, remarks, depth + 1)
    return subject


def _next(build: Builder) -> Builder:
    build.place(str(build.count + 1))
    return build


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message[name] or "").split())
    except _BREAKS:
        raw = dict(message.raw_items()).get(name, "")
        return " ".join(str(raw).split())


def _sorted(
    message: EmailMessage,
) -> tuple[list[tuple[str, str]], list[str], list[EmailMessage]]:
    """Returns the bodies (plain, HTML), the names of attachments, and e-mails inside this one."""
    _refuse_encrypted(message)
    bodies: list[tuple[str, str]] = []
    attached: list[str] = []
    forwarded: list[EmailMessage] = []
    for part in _parts(message):
        kind = part.get_content_type()
        if kind == "multipart/alternative":
            said: dict[str, list[str]] = {"text/plain": [], "text/html": []}
            for inner in part.walk():
                if _is_attached(inner):
                    attached.append(_name(inner))
                elif not inner.is_multipart() and inner.get_content_type() in said:
                    said[inner.get_content_type()].append(_payload(inner))
            bodies.append(("\n\n".join(said["text/plain"]), "\n".join(said["text/html"])))
        elif kind == "message/rfc822" and part.is_multipart():
            forwarded += [one for one in part.get_payload() if isinstance(one, EmailMessage)]
        elif _is_attached(part):
            attached.append(_name(part))
        elif kind == "text/html":
            bodies.append(("", _payload(part)))
        elif kind.startswith("text/"):
            bodies.append((_payload(part), ""))
    return bodies, attached, forwarded


def _refuse_encrypted(message: Message) -> None:
    kind = message.get_content_type()
    if kind in _ENCRYPTED:
        raise DocumentError(
            "encrypted", "needs a password: the e-mail is encrypted, save it decrypted"
        )


def _parts(message: Message) -> Iterator[EmailMessage]:
    """Yields the parts that say something of their own, alternatives as one."""
    waiting: list[Message] = [message]
    while waiting:
        part = waiting.pop()
        _refuse_encrypted(part)
        kind = part.get_content_type()
        if (
            kind.startswith("multipart/")
            and part.is_multipart()
            and kind != "multipart/alternative"
        ):
            waiting += reversed([one for one in part.get_payload() if isinstance(one, Message)])
        elif isinstance(part, EmailMessage):
            yield part


def _is_attached(part: Message) -> bool:
    named = bool(part.get_filename()) or part.get_content_disposition() == "attachment"
    return named and not part.is_multipart()


def _name(part: Message) -> str:
    return " ".join(str(part.get_filename() or part.get_content_type()).split())


def _payload(part: Message) -> str:
    """Returns the text of a part; of one whose encoding is a lie, as it seems to be meant."""
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return str(part.get_payload())
    try:
        text = data.decode(part.get_content_charset("utf-8"))
    except (LookupError, UnicodeError, ValueError):
        text = decode(data)
    if part.get_param("format") == "flowed":
        text = re.sub(r"(?<!^--) \r?\n(?![>\s])", " ", text, flags=re.MULTILINE)
    return text


def _add_body(build: Builder, body: tuple[str, str], remarks: list[Remark]) -> None:
    plain, page = body
    if _ARMOUR.match(plain):
        raise DocumentError("encrypted", "needs a password: the e-mail is encrypted with PGP")
    if page and not _says_all(plain, page):
        lay_out(build, page.encode("utf-8", "replace"), remarks)
        return
    text = clean(plain).strip("\n")
    for block in parse_blocks(text, indented_code=False):
        part = block.span.of(text)
        _next(build).blocks_of(part, parse_blocks(part, indented_code=False))


def _says_all(plain: str, page: str) -> bool:
    """Returns whether a plain body says what the page does: many only say that there is one."""
    trial = Builder(PlaceKind.PARAGRAPH)
    lay_out(trial, page.encode("utf-8", "replace"))
    shown = Counter(_WORD.findall(trial.document("", "page").text.lower()))
    common = shown & Counter(_WORD.findall(plain.lower()))
    return bool(plain.strip()) and common.total() >= _CONTAINED * shown.total()
