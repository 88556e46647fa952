-- What the policies of a scaling group recommended, and the count that held then: scaling in takes the highest
-- recommendation of some minutes, also over a restart. No reference to the group: its rows outlive it until they are pruned.
CREATE TABLE scaling_recommendations (
    group_id UUID NOT NULL,
    recommended_at TIMESTAMPTZ NOT NULL,
    recommended INT NOT NULL,
    desired INT NOT NULL,
    policy VARCHAR(63) NOT NULL,
    PRIMARY KEY (group_id, recommended_at)
);
-- For pruning.
CREATE INDEX scaling_recommendations_time_idx ON scaling_recommendations (recommended_at);
