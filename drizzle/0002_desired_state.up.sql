-- Desired state, the feed behind watch and history, and what was done about it.

-- One row: the newest revision and the newest one that was compacted away. Whoever writes holds its lock until the
-- commit, which makes revision order commit order.
CREATE TABLE revisions (
    id INT PRIMARY KEY CHECK (id = 1),
    value BIGINT NOT NULL,
    horizon BIGINT NOT NULL
);
INSERT INTO revisions (id, value, horizon) VALUES (1, 0, 0);

CREATE TABLE resources (
    uid UUID PRIMARY KEY,
    kind VARCHAR(63) NOT NULL,
    namespace VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    labels JSONB,
    annotations JSONB,
    spec JSONB NOT NULL,
    status JSONB,
    generation INT NOT NULL,
    revision BIGINT NOT NULL,
    finalizers JSONB,
    owner_references JSONB,
    field_owners JSONB,
    created_at TIMESTAMPTZ NOT NULL,
    deletion_time TIMESTAMPTZ,
    UNIQUE (kind, namespace, name)
);

CREATE TABLE changes (
    revision BIGINT PRIMARY KEY,
    kind VARCHAR(63) NOT NULL,
    key VARCHAR(576) NOT NULL,
    type VARCHAR(8) NOT NULL,
    object JSONB NOT NULL,
    commit_id UUID NOT NULL,
    committed_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);
CREATE INDEX changes_key_idx ON changes (key, revision);

CREATE TABLE events (
    id UUID PRIMARY KEY,
    revision BIGINT NOT NULL,
    kind VARCHAR(63) NOT NULL,
    namespace VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    uid UUID NOT NULL,
    type VARCHAR(8) NOT NULL,
    reason VARCHAR(128) NOT NULL,
    message TEXT NOT NULL,
    count INT NOT NULL,
    first_seen TIMESTAMPTZ NOT NULL,
    last_seen TIMESTAMPTZ NOT NULL
);
CREATE INDEX events_revision_idx ON events (revision);
CREATE INDEX events_uid_idx ON events (uid);

CREATE TABLE reconcile_log (
    id UUID PRIMARY KEY,
    revision BIGINT NOT NULL,
    kind VARCHAR(63) NOT NULL,
    namespace VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    uid UUID NOT NULL,
    generation INT NOT NULL,
    trigger JSONB NOT NULL,
    difference JSONB NOT NULL,
    steps JSONB NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    reason VARCHAR(128),
    message TEXT,
    attempts INT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ NOT NULL,
    next_attempt_at TIMESTAMPTZ
);
CREATE INDEX reconcile_log_revision_idx ON reconcile_log (revision);
CREATE INDEX reconcile_log_object_idx ON reconcile_log (kind, namespace, name, revision);

CREATE TABLE leases (
    name VARCHAR(63) PRIMARY KEY,
    holder VARCHAR(255),
    epoch BIGINT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE settings (
    name VARCHAR(63) PRIMARY KEY,
    value TEXT NOT NULL
);
