"""How a library came to its present format: the SQL that takes it from each format to the next."""

from __future__ import annotations

MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
        digest TEXT NOT NULL, text TEXT NOT NULL
    );
    CREATE TABLE chunks (
        id INTEGER PRIMARY KEY,
        document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
        headings TEXT NOT NULL, embedded TEXT NOT NULL, vector BLOB NOT NULL,
        UNIQUE (document, ordinal)
    );
    CREATE TABLE units (
        chunk INTEGER NOT NULL REFERENCES chunks (id) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL, kind TEXT NOT NULL,
        start INTEGER NOT NULL, "end" INTEGER NOT NULL,
        headings TEXT NOT NULL, embedded TEXT NOT NULL, vector BLOB NOT NULL,
        PRIMARY KEY (chunk, ordinal)
    ) WITHOUT ROWID;
    CREATE TABLE vectors (digest BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE skipped (
        document TEXT PRIMARY KEY, reason TEXT NOT NULL, message TEXT NOT NULL
    ) WITHOUT ROWID;
    INSERT INTO meta VALUES ('generation', '0'), ('library', lower(hex(randomblob(16))));
    """,
    # Tokens cannot be made of vectors: without the line on chunking, the next indexing reads every
    # note again, and keeps the vectors of units.
    """
    ALTER TABLE vectors ADD COLUMN tokens BLOB;
    DELETE FROM meta WHERE key = 'chunking';
    """,
    # Documents may be there that no path means yet, or any more. Vectors are numbered, so that new
    # ones are appended: kept in the order of their digests, every one of them went to another page
    # of the file. Of 15,400 vectors of 384 dimensions, added to 290,000, that took 2.4 to 3.0 s
    # and twice the space; numbered, 0.4 s.
    """
    CREATE TABLE new_vectors (
        id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, vector BLOB NOT NULL, tokens BLOB
    );
    INSERT INTO new_vectors (digest, vector, tokens) SELECT digest, vector, tokens FROM vectors;
    CREATE TABLE new_documents (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
    INSERT INTO new_documents SELECT id, text FROM documents;
    CREATE TABLE current (
        path TEXT PRIMARY KEY, document INTEGER NOT NULL UNIQUE REFERENCES documents (id),
        title TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER, mtime_ns INTEGER
    ) WITHOUT ROWID;
    INSERT INTO current SELECT path, id, title, digest, NULL, NULL FROM documents;
    CREATE TABLE staged (
        path TEXT PRIMARY KEY, document INTEGER NOT NULL UNIQUE REFERENCES documents (id),
        title TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER, mtime_ns INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE stale (document INTEGER PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE);
    CREATE TABLE loose (vector INTEGER PRIMARY KEY);
    CREATE TABLE new_chunks (
        id INTEGER PRIMARY KEY,
        document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
        headings TEXT NOT NULL, embedded TEXT NOT NULL, vector INTEGER NOT NULL,
        UNIQUE (document, ordinal)
    );
    INSERT INTO new_chunks SELECT id, document, ordinal, start, "end", headings, embedded,
        coalesce((SELECT id FROM new_vectors WHERE digest = chunks.vector), 0) FROM chunks;
    CREATE TABLE new_units (
        chunk INTEGER NOT NULL REFERENCES chunks (id) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL, kind TEXT NOT NULL,
        start INTEGER NOT NULL, "end" INTEGER NOT NULL,
        headings TEXT NOT NULL, embedded TEXT NOT NULL, vector INTEGER NOT NULL,
        PRIMARY KEY (chunk, ordinal)
    ) WITHOUT ROWID;
    INSERT INTO new_units SELECT chunk, ordinal, kind, start, "end", headings, embedded,
        coalesce((SELECT id FROM new_vectors WHERE digest = units.vector), 0) FROM units;
    DROP TABLE units;
    DROP TABLE chunks;
    DROP TABLE documents;
    DROP TABLE vectors;
    ALTER TABLE new_vectors RENAME TO vectors;
    ALTER TABLE new_documents RENAME TO documents;
    ALTER TABLE new_chunks RENAME TO chunks;
    ALTER TABLE new_units RENAME TO units;
    CREATE INDEX chunks_by_vector ON chunks (vector);
    CREATE INDEX units_by_vector ON units (vector);
    ALTER TABLE skipped ADD COLUMN size INTEGER;
    ALTER TABLE skipped ADD COLUMN mtime_ns INTEGER;
    INSERT INTO meta VALUES ('state', lower(hex(randomblob(16))));
    INSERT INTO loose SELECT id FROM vectors;
    """,
    # Formats in which places are no lines, and what is said of a document that is indexed. Without
    # the line on chunking, hidden text in notes that were indexed before would not be found.
    """
    ALTER TABLE documents ADD COLUMN places TEXT NOT NULL DEFAULT '["line", []]';
    CREATE TABLE remarks (
        document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, pages TEXT NOT NULL,
        PRIMARY KEY (document, ordinal)
    ) WITHOUT ROWID;
    DELETE FROM meta WHERE key = 'chunking';
    """,
    # A checksum in each row, made by a function of ours (`rag.soundness`).
    """
    ALTER TABLE documents ADD COLUMN checksum BLOB;
    ALTER TABLE chunks ADD COLUMN checksum BLOB;
    ALTER TABLE units ADD COLUMN checksum BLOB;
    ALTER TABLE vectors ADD COLUMN checksum BLOB;
    UPDATE documents SET checksum = (SELECT checksum(path, title, digest, text, places)
        FROM current WHERE document = documents.id);
    UPDATE chunks SET checksum = checksum(document, ordinal, start, "end", headings, embedded,
        (SELECT digest FROM vectors WHERE id = chunks.vector));
    UPDATE units SET checksum = checksum(chunk, ordinal, kind, start, "end", headings, embedded,
        (SELECT digest FROM vectors WHERE id = units.vector));
    UPDATE vectors SET checksum = checksum(digest, vector, tokens);
    ALTER TABLE meta ADD COLUMN checksum BLOB;
    ALTER TABLE skipped ADD COLUMN checksum BLOB;
    ALTER TABLE remarks ADD COLUMN checksum BLOB;
    UPDATE meta SET checksum = checksum(key, value);
    UPDATE skipped SET checksum = checksum(document, reason, message);
    UPDATE remarks SET checksum = checksum(document, ordinal, reason, message, pages);
    """,
)
"""Script `i` takes a library from format `i` to `i + 1`; a script is never edited once shipped."""

FORMAT = len(MIGRATIONS)
