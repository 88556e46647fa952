-- Whose an object is, who may have it, until when it stays, and how its bytes rest.
ALTER TABLE objects
    -- The namespace whose key has put it; NULL: the bucket's own.
    ADD COLUMN owner VARCHAR(63),
    -- [{group | namespace, permission}]; NULL: its owner alone.
    ADD COLUMN grants JSONB,
    -- {mode, until}: the version is not deleted before.
    ADD COLUMN retention JSONB,
    -- It is not deleted until that is taken back.
    ADD COLUMN legal_hold BOOLEAN NOT NULL DEFAULT FALSE,
    -- {algorithm, keyId, namespace, customer}: by which key its bytes are encrypted; no key is here. NULL: they are as they were put.
    ADD COLUMN encryption JSONB;
