-- Objects of buckets: a row for each, and for each version of it. What S3 clients upload is here alone; no document stands for it.

-- Keys have up to 1,024 bytes and are listed in the order of their bytes. Of a key there is one current row and any number of
-- versions before it: what was unique is so for current rows.
ALTER TABLE objects
    DROP CONSTRAINT objects_bucket_key_key,
    DROP CONSTRAINT objects_arn_key,
    ALTER COLUMN arn TYPE TEXT COLLATE "C",
    ALTER COLUMN bucket TYPE VARCHAR(255) COLLATE "C",
    ALTER COLUMN key TYPE TEXT COLLATE "C",
    ALTER COLUMN created_at SET NOT NULL,
    -- In the order in which they came to the bucket.
    ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0,
    -- 'null' for what was put while the bucket kept no versions.
    ADD COLUMN version_id VARCHAR(32) NOT NULL DEFAULT 'null',
    ADD COLUMN is_latest BOOLEAN NOT NULL DEFAULT TRUE,
    -- It stands for nothing: the key is deleted, and its versions are kept.
    ADD COLUMN is_delete_marker BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN etag VARCHAR(96) NOT NULL DEFAULT '',
    -- Of each piece of the bytes, CRC-32: what does not match is never sent.
    ADD COLUMN piece_sums BYTEA NOT NULL DEFAULT '',
    -- {algorithm, type, value}: what the client has asked to be kept.
    ADD COLUMN checksum JSONB,
    -- Cache-Control and such, by S3's names, and the user's own.
    ADD COLUMN headers JSONB,
    ADD COLUMN metadata JSONB,
    ADD COLUMN tags JSONB,
    -- The document that declares it.
    ADD COLUMN declared_by UUID,
    -- 0: its bytes are one piece, under its own id. Else they are those of its parts.
    ADD COLUMN part_count INT NOT NULL DEFAULT 0;
ALTER TABLE objects ALTER COLUMN piece_sums DROP DEFAULT;
CREATE UNIQUE INDEX objects_current_idx ON objects (bucket, key) WHERE is_latest AND deleted_at IS NULL;
CREATE UNIQUE INDEX objects_version_idx ON objects (bucket, key, sequence DESC) WHERE deleted_at IS NULL;
CREATE INDEX objects_deleted_at_idx ON objects (deleted_at) WHERE deleted_at IS NOT NULL;

-- Uploads in parts that have not come to an end.
CREATE TABLE uploads (
    -- The object's, too, once all parts have come.
    id UUID PRIMARY KEY,
    bucket VARCHAR(255) COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    -- What was said of the object: {contentType, headers, metadata, tags, checksum}.
    description JSONB NOT NULL
);
CREATE INDEX uploads_bucket_idx ON uploads (bucket, key, id);

-- Parts of uploads, and of the objects that these have become.
CREATE TABLE object_parts (
    -- Its bytes have it too.
    id UUID PRIMARY KEY,
    -- Of the upload, and of the object.
    object_id UUID NOT NULL,
    number INT NOT NULL,
    size_bytes BIGINT NOT NULL,
    etag VARCHAR(96) NOT NULL,
    -- By the upload's algorithm, in base64.
    checksum VARCHAR(96),
    piece_sums BYTEA NOT NULL,
    stored_at TIMESTAMPTZ NOT NULL,
    deleted_at TIMESTAMPTZ
);
CREATE UNIQUE INDEX object_parts_object_idx ON object_parts (object_id, number) WHERE deleted_at IS NULL;
CREATE INDEX object_parts_deleted_at_idx ON object_parts (deleted_at) WHERE deleted_at IS NOT NULL;

-- Objects whose bytes are gone, or not what was put there, as somebody who read them has found.
CREATE TABLE object_damage (
    object_id UUID PRIMARY KEY,
    bucket VARCHAR(255) COLLATE "C" NOT NULL,
    what TEXT NOT NULL,
    found_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX object_damage_bucket_idx ON object_damage (bucket);

-- How much is in a bucket: each write of an object holds its row.
CREATE TABLE buckets (
    -- The document's.
    id UUID PRIMARY KEY,
    name VARCHAR(255) NOT NULL UNIQUE,
    -- Of every version; delete markers are none.
    objects BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    -- Of the last row that came.
    sequence BIGINT NOT NULL
);
