-- The tables of the database guide: what exists. Ids are the uids of the documents in `resources`.

CREATE TABLE instances (
    id UUID PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    image VARCHAR(255) NOT NULL,
    status VARCHAR(50) NOT NULL,
    container_id VARCHAR(255),
    ports VARCHAR(255),
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW(),
    deleted_at TIMESTAMPTZ,
    namespace VARCHAR(255) NOT NULL DEFAULT 'default'
);
CREATE INDEX instances_deleted_at_idx ON instances (deleted_at);

CREATE TABLE api_keys (
    id UUID PRIMARY KEY,
    user_id UUID,
    key VARCHAR(64) NOT NULL UNIQUE,
    name VARCHAR(255),
    created_at TIMESTAMPTZ DEFAULT NOW(),
    last_used TIMESTAMPTZ
);

CREATE TABLE objects (
    id UUID PRIMARY KEY,
    arn VARCHAR(512) NOT NULL UNIQUE,
    bucket VARCHAR(255) NOT NULL,
    key VARCHAR(512) NOT NULL,
    size_bytes BIGINT NOT NULL,
    content_type VARCHAR(255),
    created_at TIMESTAMPTZ DEFAULT NOW(),
    deleted_at TIMESTAMPTZ,
    UNIQUE (bucket, key)
);

CREATE TABLE vpcs (
    id UUID PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    cidr_block VARCHAR(18) NOT NULL,
    network_id VARCHAR(255) NOT NULL,
    gateway_id VARCHAR(255),
    namespace VARCHAR(255) NOT NULL DEFAULT 'default',
    UNIQUE (namespace, name)
);

CREATE TABLE load_balancers (
    id UUID PRIMARY KEY,
    vpc_id UUID REFERENCES vpcs(id) NOT NULL,
    name VARCHAR(255) NOT NULL,
    type VARCHAR(50) DEFAULT 'HTTP',
    status VARCHAR(50),
    listener_port INT NOT NULL,
    container_id VARCHAR(255),
    namespace VARCHAR(255) NOT NULL DEFAULT 'default'
);

CREATE TABLE scaling_groups (
    id UUID PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    vpc_id UUID REFERENCES vpcs(id),
    min_instances INT NOT NULL,
    max_instances INT NOT NULL,
    desired_count INT NOT NULL,
    current_count INT NOT NULL DEFAULT 0,
    status VARCHAR(50) DEFAULT 'ACTIVE',
    namespace VARCHAR(255) NOT NULL DEFAULT 'default',
    UNIQUE (namespace, name)
);

CREATE TABLE metrics_history (
    id UUID PRIMARY KEY,
    instance_id UUID NOT NULL,
    cpu_percent DOUBLE PRECISION,
    memory_usage_bytes BIGINT,
    recorded_at TIMESTAMPTZ DEFAULT NOW()
);
