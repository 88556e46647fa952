DROP TABLE metrics_aggregates;
-- Made anew: a dropped column would leave a gap in the order of those that come after it.
CREATE TABLE metrics_kept AS SELECT id, instance_id, cpu_percent, memory_usage_bytes, recorded_at FROM metrics_history;
DROP TABLE metrics_history;
CREATE TABLE metrics_history (
    id UUID PRIMARY KEY,
    instance_id UUID NOT NULL,
    cpu_percent DOUBLE PRECISION,
    memory_usage_bytes BIGINT,
    recorded_at TIMESTAMPTZ DEFAULT NOW()
);
INSERT INTO metrics_history SELECT * FROM metrics_kept;
DROP TABLE metrics_kept;
