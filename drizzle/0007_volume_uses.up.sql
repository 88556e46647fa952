-- Who mounts which named volume, or did last: a volume outlives those who could say it.
CREATE TABLE volume_uses (
    -- On the Engine.
    name VARCHAR(255) PRIMARY KEY,
    last_used_by JSONB NOT NULL,
    -- NULL while something mounts it.
    unused_since TIMESTAMPTZ
);
