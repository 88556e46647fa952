-- What went through load balancers, by HAProxy's counters; rates are of a second. A row whose target is the load balancer
-- itself is of all of it. Ids are as in metrics_history: they begin with the time.
CREATE TABLE traffic_history (
    id UUID PRIMARY KEY,
    load_balancer_id UUID NOT NULL,
    target_id UUID NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    request_rate DOUBLE PRECISION NOT NULL,
    failed_rate DOUBLE PRECISION NOT NULL,
    error_rate DOUBLE PRECISION NOT NULL,
    latency_ms DOUBLE PRECISION
);
-- One load balancer since a time.
CREATE INDEX traffic_history_load_balancer_idx ON traffic_history (load_balancer_id, recorded_at);

-- Five minutes of one target a row.
CREATE TABLE traffic_aggregates (
    load_balancer_id UUID NOT NULL,
    target_id UUID NOT NULL,
    bucket_start TIMESTAMPTZ NOT NULL,
    samples INT NOT NULL,
    request_rate DOUBLE PRECISION NOT NULL,
    request_rate_max DOUBLE PRECISION NOT NULL,
    failed_rate DOUBLE PRECISION NOT NULL,
    error_rate DOUBLE PRECISION NOT NULL,
    latency_ms DOUBLE PRECISION,
    PRIMARY KEY (load_balancer_id, target_id, bucket_start)
);
-- For pruning, and for where the roll-up goes on.
CREATE INDEX traffic_aggregates_bucket_idx ON traffic_aggregates (bucket_start);
