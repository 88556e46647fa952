-- What instances use. Rates are bytes a second; NULL is what could not be known.
--
-- Ids of metrics_history are UUIDs of version 7 that begin with recorded_at in milliseconds: the primary key is then the
-- index by time, for pruning and for the roll-up, and inserts touch its last page only. Measured at 2,000,000 rows: see
-- src/store/metrics.ts.
ALTER TABLE metrics_history
    ADD COLUMN memory_limit_bytes BIGINT,
    ADD COLUMN network_receive_rate DOUBLE PRECISION,
    ADD COLUMN network_send_rate DOUBLE PRECISION,
    ADD COLUMN block_read_rate DOUBLE PRECISION,
    ADD COLUMN block_write_rate DOUBLE PRECISION;
-- One instance since a time.
CREATE INDEX metrics_history_instance_idx ON metrics_history (instance_id, recorded_at);

-- Five minutes of one instance a row.
CREATE TABLE metrics_aggregates (
    instance_id UUID NOT NULL,
    bucket_start TIMESTAMPTZ NOT NULL,
    samples INT NOT NULL,
    cpu_percent_avg DOUBLE PRECISION,
    cpu_percent_max DOUBLE PRECISION,
    memory_usage_bytes_avg DOUBLE PRECISION,
    memory_usage_bytes_max BIGINT,
    memory_limit_bytes BIGINT,
    network_receive_rate DOUBLE PRECISION,
    network_send_rate DOUBLE PRECISION,
    block_read_rate DOUBLE PRECISION,
    block_write_rate DOUBLE PRECISION,
    PRIMARY KEY (instance_id, bucket_start)
);
-- For pruning, and for where the roll-up goes on.
CREATE INDEX metrics_aggregates_bucket_idx ON metrics_aggregates (bucket_start);
