-- Who wrote a version of a document: the user of the key that the request came with. Empty for the daemon's own writes.
ALTER TABLE changes ADD COLUMN changed_by VARCHAR(253);

-- What was done by whom: every write, command, log and secret that was read, and every refusal.
CREATE TABLE audit_events (
    -- Version 7: in the order of time.
    id UUID PRIMARY KEY,
    -- When the request came.
    at TIMESTAMPTZ NOT NULL,
    -- The key's name, and whom it stands for; empty where none was known.
    key_name VARCHAR(253) NOT NULL,
    user_name VARCHAR(253) NOT NULL,
    address VARCHAR(64) NOT NULL,
    verb VARCHAR(32) NOT NULL,
    resource VARCHAR(128) NOT NULL,
    subresource VARCHAR(64) NOT NULL,
    namespace VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    -- The field manager of a write.
    manager VARCHAR(128) NOT NULL,
    dry_run BOOLEAN NOT NULL,
    -- HTTP status of the answer, and the reason of a refusal.
    code INT NOT NULL,
    reason VARCHAR(64) NOT NULL,
    latency_ms DOUBLE PRECISION NOT NULL
);
CREATE INDEX audit_events_at_idx ON audit_events (at);
CREATE INDEX audit_events_user_idx ON audit_events (user_name, id);
CREATE INDEX audit_events_object_idx ON audit_events (resource, namespace, name, id);

-- Append only: retention says that it is retention, and even it removes nothing of the last day.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_setting('miniaws.audit_retention', true) = 'on' AND OLD.at < now() - interval '1 day' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit_events is append only: % is refused', TG_OP;
END
$$;
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
