"""Valid small files become inputs that no program wrote: torn, doubled, spliced, wrong in a place.

Each `mutate_FORMAT` takes random numbers and a `Stock` of files and words of its format, and
returns the bytes of one input; the same numbers give the same bytes.
"""

from __future__ import annotations

import copy
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from lxml import etree


@dataclass(frozen=True, slots=True)
class Stock:
    """What inputs of a format are made of: whole files, and words that mean something in it."""

    seeds: tuple[bytes, ...]
    tokens: tuple[bytes, ...] = ()


MAX_BYTES = 60_000
"""Of an input; what is quadratic shows at this size."""

ODD = (
    *(b"\0", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n\n", b"\t", b"\x0b\x0c"),
    *(b"\x1b[31m", b"\x1a", b"\x7f", b"\x80", b"\xc2\x85", b"\xc2\xa0", b"\xed\xa0\x80", b"\xc3"),
    *(
        text.encode()
        for text in (
            *("\u2028", "\u2029", "\u200b", "\u202e", "\ufeff", "\u0301", "\xad", "\u3000", "ﬁ"),
            *("\U0010ffff", "😀", "漢字。", "שלום", "İ", "ẞ", "²", "١٢", "Ⅻ", "\ufffe", "\u0378"),
        )
    ),
    *(b"&#0;", b"&#xd800;", b"&#x1b;", b"&amp;", b"&nope;", b"<!--", b"]]>", b"<?x", b'"', b"'"),
    *(b"\\", b"%", b"$$", b"|", b"`", b"\n    ", b" " * 40, b"(" * 40, b"[" * 40, b"{" * 40),
)

NUMBERS = (
    *("", "0", "-1", "1", "7", "-0", "007", "255", "65536", "2147483648", "-2147483649", "1e309"),
    *("9" * 30, "9" * 5000, "nan", "inf", "0x10", "²", "١", "1.5", "1,5", "1e-320", "%", "100%"),
)
"""What stands where a number is expected."""

SAID = (
    *(*NUMBERS, "true", "false", "none", "auto", "#", "../../x", "rId1", "a" * 300, "\u202e", "😀"),
    *("http://127.0.0.1:9/", "file:///etc/passwd", "data:,x", "\\\\host\\x", "%00", "%ff", "/"),
)


def times(random: Random) -> int:
    """Returns how many changes an input gets: mostly one to three."""
    return min(1 + int(random.expovariate(0.6)), 12)


def often(random: Random) -> int:
    """Returns how often something is repeated: mostly a few times, seldom thousands."""
    return int(2 ** random.uniform(1, 6 if random.random() < 0.97 else 12))


# Bytes of any format

_DIGITS = re.compile(rb"-?\d+(?:\.\d+)?")


def _somewhere(random: Random, pattern: re.Pattern[bytes], data: bytes) -> re.Match[bytes] | None:
    """Returns the first match behind a random place, else the first of all."""
    return pattern.search(data, random.randrange(len(data) + 1)) or pattern.search(data)


def _range(random: Random, length: int) -> tuple[int, int]:
    start = random.randrange(length + 1)
    most = length if random.random() < 0.1 else 64
    return start, min(start + 1 + random.randrange(most or 1), length)


def _flip(random: Random, data: bytes, stock: Stock) -> bytes:
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8)) if out else 0):
        out[random.randrange(len(out))] ^= 1 << random.randrange(8)
    return bytes(out)


def _insert(random: Random, data: bytes, stock: Stock) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.randbytes(random.randrange(1, 5)) + data[at:]


def _delete(random: Random, data: bytes, stock: Stock) -> bytes:
    start, end = _range(random, len(data))
    return data[:start] + data[end:]


def _repeat(random: Random, data: bytes, stock: Stock) -> bytes:
    start, end = _range(random, len(data))
    return data[:start] + data[start:end] * often(random) + data[end:]


def _token(random: Random, data: bytes, stock: Stock) -> bytes:
    at = random.randrange(len(data) + 1)
    found = random.choice(stock.tokens if stock.tokens and random.random() < 0.6 else ODD)
    count = often(random) if random.random() < 0.15 else 1
    return data[:at] + found * count + data[at:]


def _splice(random: Random, data: bytes, stock: Stock) -> bytes:
    other = random.choice(stock.seeds)
    at, start = random.randrange(len(data) + 1), random.randrange(len(other) + 1)
    if random.random() < 0.5:
        return data[:at] + other[start:]
    return data[:at] + other[start : start + random.randrange(200)] + data[at:]


def _truncate(random: Random, data: bytes, stock: Stock) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] if random.random() < 0.7 else data[at:]


def _number(random: Random, data: bytes, stock: Stock) -> bytes:
    if (found := _somewhere(random, _DIGITS, data)) is None:
        return _token(random, data, stock)
    return data[: found.start()] + random.choice(NUMBERS).encode() + data[found.end() :]


_BYTES = (_flip, _insert, _delete, _repeat, _token, _token, _splice, _truncate, _number)


# Lines of text


def _lines(random: Random, data: bytes, stock: Stock) -> bytes:
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    other = random.randrange(len(lines))
    match random.randrange(8):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at : at + 1] = [lines[at]] * often(random)
        case 4:
            lines[at] = (
                random.choice((b"    ", b"\t", b"  ", b"> ", b"- ", b"\xc2\xa0")) + lines[at]
            )
        case 5:
            lines[at : at + 2] = [b" ".join(lines[at : at + 2])]
        case 6:
            lines[at] = lines[at].strip()[: random.randrange(20)]
        case _:
            foreign = random.choice(stock.seeds).split(b"\n")
            start = random.randrange(len(foreign))
            lines[at:at] = foreign[start : start + random.randrange(1, 6)]
    return b"\n".join(lines)


_ENCODINGS = (
    *("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1", "cp437"),
    *("shift_jis", "gb18030", "koi8-r", "mac-roman", "utf-7", "cp1255", "euc-kr"),
)


def _encode(random: Random, data: bytes, stock: Stock) -> bytes:
    text = data.decode("utf-8", "ignore")
    if random.random() < 0.5:
        return text.replace("\n", random.choice(("\r\n", "\r", "\u2028", "\n\r", "\x85"))).encode()
    return text.encode(random.choice(_ENCODINGS), "ignore")


# Tags of markup

_TAG = re.compile(rb"<[^<>]{0,400}>")


def _tags(random: Random, data: bytes, stock: Stock) -> bytes:
    one, other = _somewhere(random, _TAG, data), _somewhere(random, _TAG, data)
    if one is None or other is None:
        return _token(random, data, stock)
    start, end = one.span()
    tag, low = one[0], other.start()
    match random.randrange(6):
        case 0:
            tag = b""
        case 1:
            tag *= often(random)
        case 2:
            tag = re.sub(rb"=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+)", _attribute(random), tag, count=1)
        case 3:
            tag = other[0]
        case 4:
            start = end = low
        case _:  # what lies between two tags, once more
            tag = data[min(start, low) : max(start, low)]
            end = start
    return data[:start] + tag + data[end:]


def _attribute(random: Random) -> Callable[[re.Match[bytes]], bytes]:
    return lambda _: b'="' + random.choice(SAID).encode() + b'"'


_TEXT = (*_BYTES, _lines, _lines, _lines, _encode)
_MARKED = (*_BYTES, _lines, _encode, *[_tags] * 6)


def _changed(
    random: Random,
    data: bytes,
    stock: Stock,
    changes: tuple[Callable[[Random, bytes, Stock], bytes], ...],
) -> bytes:
    for _ in range(times(random)):
        data = random.choice(changes)(random, data, stock)[:MAX_BYTES]
    return data


def _some_lines(random: Random, stock: Stock) -> bytes:
    """Returns a file, or mostly a dozen lines of one: they break as well, and are read sooner."""
    seed = random.choice(stock.seeds)
    if random.random() < 0.25:
        return seed
    lines = seed.split(b"\n")
    start = random.randrange(len(lines)) if random.random() < 0.7 else 0
    return b"\n".join(lines[start : start + random.randrange(1, 16)])


def _mended(random: Random, data: bytes) -> bytes:
    """Returns UTF-8 most of the time: guessing encodings takes ten times as long as the rest."""
    return data.decode("utf-8", "ignore").encode() if random.random() < 0.97 else data


def mutate_text(random: Random, stock: Stock) -> bytes:
    """Returns text with lines, bytes, words or its encoding changed."""
    return _mended(random, _changed(random, _some_lines(random, stock), stock, _TEXT))


def mutate_markup(random: Random, stock: Stock) -> bytes:
    """Returns markup with tags, lines or bytes changed."""
    return _mended(random, _changed(random, _some_lines(random, stock), stock, _MARKED))


# JSON

_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        10**30,
        "",
        "\ud800",
        "\0",
        "\x1b[0m",
        "a\r\nb",
        [],
        {},
        [[]],
        [None],
    ),
    *({"text/plain": 1}, ["a", 1, None], {"": {}}, "x" * 3000, "# h\n\n- a\n", "$$\nx\n$$"),
)


def mutate_json(random: Random, stock: Stock) -> bytes:
    """Returns JSON in which values are of another type, missing, doubled or moved."""
    data = random.choice(stock.seeds)
    if random.random() < 0.3:
        return _mended(random, _changed(random, data, stock, _TEXT))
    root = json.loads(data)
    for _ in range(times(random)):
        held: list[tuple[Any, Any]] = []
        waiting = [root]
        while waiting:
            one = waiting.pop()
            keys = list(one) if isinstance(one, dict) else range(len(one))
            for key in keys:
                held.append((one, key))
                if isinstance(one[key], dict | list):
                    waiting.append(one[key])
        if not held:
            break
        (where, key), (other, there) = random.choice(held), random.choice(held)
        _change_value(random, where, key, other[there], stock)
    said = json.dumps(root, ensure_ascii=random.random() < 0.5)
    return said.encode("utf-8", "surrogatepass")[:MAX_BYTES]


def _change_value(random: Random, where: Any, key: Any, other: Any, stock: Stock) -> None:
    match random.randrange(6):
        case 0:
            where[key] = copy.deepcopy(random.choice(_VALUES))
        case 1:
            where[key] = copy.deepcopy(other)
        case 2:
            del where[key]
        case 3 if isinstance(where, list):
            where[key:key] = [copy.deepcopy(where[key]) for _ in range(often(random) % 40)]
        case 4:
            for _ in range(often(random) % 200):
                where[key] = [where[key]]
        case _ if isinstance(where[key], str):
            said = where[key].encode("utf-8", "ignore")
            said = random.choice(_TEXT)(random, said, Stock(stock.tokens, stock.tokens))
            where[key] = said[:3000].decode("utf-8", "replace")


# XML inside zip archives

_PARSER = {"resolve_entities": False, "no_network": True, "huge_tree": True}


@cache
def _vocabulary(stock: Stock) -> tuple[str, ...]:
    """Returns the names of all elements and attributes in the archives of a stock."""
    names: set[str] = set()
    for seed in stock.seeds:
        for data in _members(seed).values():
            root = _root(data)
            for one in root.iter(etree.Element) if root is not None else ():
                names.add(one.tag)
                names.update(one.attrib)
    return tuple(sorted(names))


@cache
def _members(data: bytes) -> Mapping[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _root(data: bytes) -> Any | None:
    if not data.lstrip().startswith(b"<"):
        return None
    try:
        return etree.fromstring(data, etree.XMLParser(**_PARSER, recover=True))
    except (etree.LxmlError, ValueError):
        return None


def _mutate_xml(random: Random, data: bytes, stock: Stock) -> bytes:
    root = _root(data) if random.random() < 0.8 else None
    if root is None:
        return random.choice(_MARKED)(random, data, stock)
    nodes = list(root.iter(etree.Element))
    try:
        for _ in range(times(random)):
            _change_element(random, random.choice(nodes), random.choice(nodes), stock)
        return bytes(etree.tostring(root))
    except (ValueError, etree.SerialisationError):  # an earlier change has spoilt a name
        return data


def _change_element(random: Random, one: Any, other: Any, stock: Stock) -> None:
    match random.randrange(9):
        case 0 if one.getparent() is not None:
            one.getparent().remove(one)
        case 1:
            other.insert(random.randrange(len(other) + 1), copy.deepcopy(one))
        case 2 if one.getparent() is not None and not any(
            up is one for up in (other, *other.iterancestors())
        ):
            other.append(one)
        case 3:
            for _ in range(often(random) if len(one) < 50 else 1):
                one.append(copy.deepcopy(one) if len(one) < 3 else etree.Element(one.tag))
        case 4:
            inner = one
            for _ in range(often(random)):
                inner = etree.SubElement(inner, one.tag, one.attrib)
            inner.text = "deep"
        case 5:
            one.tag = random.choice(_vocabulary(stock))
        case 6 if one.attrib:
            name = random.choice(sorted(one.attrib))
            one.set(name, _xml_text(random))
        case 7:
            one.set(random.choice(_vocabulary(stock)), _xml_text(random))
        case _:
            one.text = _xml_text(random)


def _xml_text(random: Random) -> str:
    if random.random() < 0.7:
        return random.choice(SAID)
    said = random.choice(ODD).decode("utf-8", "ignore") * random.choice((1, 1, 3))
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", said)


def mutate_zip(random: Random, stock: Stock) -> bytes:
    """Returns an archive with members whose XML is changed, lost, moved or of another file."""
    seed = random.choice(stock.seeds)
    members = dict(_members(seed))
    marked = [name for name, data in members.items() if data.lstrip()[:1] == b"<"]
    for _ in range(min(times(random), 3)):
        name = random.choice(marked)
        act = random.random()
        if act < 0.85:
            members[name] = _mutate_xml(random, members.get(name, b"<a/>"), stock)[:MAX_BYTES]
        elif act < 0.9:
            members.pop(random.choice(marked), None)
        elif act < 0.95:
            members |= {random.choice(marked): members.get(name, b"")}
        else:
            members |= {key: said for key, said in _members(random.choice(stock.seeds)).items()}
    data = _zipped(members)
    if random.random() < 0.06:
        data = _changed(random, data, stock, _BYTES)
    return data


def _zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, said in members.items():
            archive.writestr(zipfile.ZipInfo(name), said)
    return out.getvalue()


# PDF

_STREAM = re.compile(
    rb"<<((?:[^<>]|<<[^<>]*>>)*?)/Filter\s*/FlateDecode((?:[^<>]|<<[^<>]*>>)*?)>>\s*stream\r?\n"
    rb"(.*?)\r?\n?endstream",
    re.DOTALL,
)
_OBJECT = re.compile(rb"(?:^|(?<=[\r\n]))(\d+) 0 obj\b")
_REFERENCE = re.compile(rb"\d+ 0 R")
_NAME = re.compile(rb"/[A-Za-z0-9]+")
_LENGTH = re.compile(rb"/Length\s+\d+")


@cache
def unpacked(data: bytes) -> bytes:
    """Returns a PDF whose streams say what they hold, as far as deflating is all that hides it."""

    def open_(found: re.Match[bytes]) -> bytes:
        try:
            said = zlib.decompress(found[3])
        except zlib.error:
            return found[0]
        head = _LENGTH.sub(b"", found[1] + found[2])
        return b"<<%s/Length %d>>stream\n%s\nendstream" % (head, len(said), said)

    return with_table(_STREAM.sub(open_, data))


def with_table(data: bytes) -> bytes:
    """Returns a PDF with a table that says where its objects lie now."""
    trailers = re.findall(rb"trailer\s*(<<.*?>>)\s*startxref", data, re.DOTALL)
    body = data[:found] if (found := data.rfind(b"\nxref")) > 0 else data
    places = {int(one[1][:9]): one.start() for one in _OBJECT.finditer(body)}
    places = {number: at for number, at in places.items() if number < 1000}
    if not trailers or not places:
        return data
    count = max(places) + 1
    rows = [b"%010d 00000 n \n" % places.get(number, 0) for number in range(1, count)]
    return b"%s\nxref\n0 %d\n0000000000 65535 f \n%strailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (
        *(body, count, b"".join(rows)),
        *(trailers[-1], len(body) + 1),
    )


def _pdf_reference(random: Random, data: bytes, stock: Stock) -> bytes:
    one, other = (_somewhere(random, _REFERENCE, data) for _ in range(2))
    if one is None or other is None:
        return data
    return data[: one.start()] + other[0] + data[one.end() :]


def _pdf_name(random: Random, data: bytes, stock: Stock) -> bytes:
    one, other = (_somewhere(random, _NAME, data) for _ in range(2))
    if one is None or other is None:
        return data
    said = other[0] if random.random() < 0.5 else random.choice(stock.tokens)
    return data[: one.start()] + said + data[one.end() :]


def _pdf_object(random: Random, data: bytes, stock: Stock) -> bytes:
    """Puts an object of this or another file in the place of one."""
    foreign = data if random.random() < 0.5 else unpacked(random.choice(stock.seeds))
    one, other = _somewhere(random, _OBJECT, data), _somewhere(random, _OBJECT, foreign)
    if one is None or other is None:
        return data
    end, until = data.find(b"endobj", one.end()), foreign.find(b"endobj", other.end())
    return data[: one.end()] + foreign[other.end() : until] + data[end:] if end > 0 else data


_PDF = (*_BYTES, *[_number] * 4, *[_pdf_reference] * 2, *[_pdf_name] * 3, _pdf_object, _lines)


def mutate_pdf(random: Random, stock: Stock) -> bytes:
    """Returns a PDF with other numbers, names, references, objects or bytes in plain streams."""
    data = _changed(random, unpacked(random.choice(stock.seeds)), stock, _PDF)
    return with_table(data) if random.random() < 0.7 else data
