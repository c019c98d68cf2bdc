"""What holds in a sound store, as SQL, and the checksum that each of its rows keeps."""

from __future__ import annotations

from zlib import crc32

CHUNKS = "current k CROSS JOIN chunks c ON c.document = k.document"
"""The chunks that readers see. A cross join keeps its order: documents by path, then chunks."""

UNFINISHED = "chunks without tokens"
"""A problem that is no damage: indexing was killed right after the format changed."""

INVARIANTS = {
    "paths without a document": (
        "SELECT count(*) FROM current WHERE document NOT IN (SELECT id FROM documents)"
    ),
    "chunks without a vector": (
        f"SELECT count(*) FROM {CHUNKS} WHERE c.vector NOT IN (SELECT id FROM vectors)"
    ),
    UNFINISHED: (
        f"SELECT count(*) FROM {CHUNKS} JOIN vectors v ON v.id = c.vector WHERE v.tokens IS NULL"
    ),
    "units without a vector": (
        f"SELECT count(*) FROM {CHUNKS} CROSS JOIN units u ON u.chunk = c.id"
        " WHERE u.vector NOT IN (SELECT id FROM vectors)"
    ),
    "chunks outside their document": (
        f"SELECT count(*) FROM {CHUNKS} JOIN documents d ON d.id = c.document"
        ' WHERE c.start < 0 OR c."end" <= c.start OR c."end" > length(d.text)'
    ),
    "units outside their chunk": (
        f"SELECT count(*) FROM {CHUNKS} CROSS JOIN units u ON u.chunk = c.id"
        ' WHERE u.start < c.start OR u."end" > c."end" OR u."end" <= u.start'
    ),
    "documents that are not what was written": (
        "SELECT count(*) FROM current k JOIN documents d ON d.id = k.document"
        " WHERE d.checksum IS NOT checksum(k.path, k.title, k.digest, d.text, d.places)"
    ),
    "chunks that are not what was written": (
        f"SELECT count(*) FROM {CHUNKS} JOIN vectors v ON v.id = c.vector WHERE c.checksum IS NOT"
        ' checksum(c.document, c.ordinal, c.start, c."end", c.headings, c.embedded, v.digest)'
    ),
    "units that are not what was written": (
        f"SELECT count(*) FROM {CHUNKS} CROSS JOIN units u ON u.chunk = c.id"
        " JOIN vectors v ON v.id = u.vector WHERE u.checksum IS NOT checksum("
        'u.chunk, u.ordinal, u.kind, u.start, u."end", u.headings, u.embedded, v.digest)'
    ),
    "remarks that are not what was written": (
        "SELECT count(*) FROM current k JOIN remarks r ON r.document = k.document WHERE r.checksum"
        " IS NOT checksum(r.document, r.ordinal, r.reason, r.message, r.pages)"
    ),
    "skipped files that are not what was written": (
        "SELECT count(*) FROM skipped WHERE checksum IS NOT checksum(document, reason, message)"
    ),
    "lines of meta that are not what was written": (
        "SELECT count(*) FROM meta WHERE checksum IS NOT checksum(key, value)"
    ),
    "lines of meta that are missing or no number": (
        "SELECT 3 - count(*) FROM meta WHERE key IN ('library', 'state')"
        " OR key = 'generation' AND value <> '' AND value NOT GLOB '*[^0-9]*'"
    ),
    "vectors that are not what was written": (
        "SELECT count(*) FROM vectors WHERE checksum IS NOT checksum(digest, vector, tokens)"
    ),
}


def checksum(*values: bytes | str | float | None) -> bytes:
    """Returns the checksum of a row, types among them; it tells chance, not intent.

    CRC-32 finds every change within 32 neighbouring bits, and of 4,000,000,000 others all but one.
    A longer one cost more than it tells: BLAKE2b made building the indexes of 10,000 chunks a third
    slower.
    """
    said = [value if type(value) is bytes else ascii(value).encode() for value in values]
    return crc32(b"\0".join(said)).to_bytes(4)
