-- What syncs of repositories have done: a row for each time that a commit was worked towards. No reference to the sync: its
-- rows outlive it until they are pruned.
CREATE TABLE sync_operations (
    sync_id UUID NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    -- The operation as the sync's status had it last.
    operation JSONB NOT NULL,
    PRIMARY KEY (sync_id, started_at)
);
-- For pruning.
CREATE INDEX sync_operations_time_idx ON sync_operations (started_at);
