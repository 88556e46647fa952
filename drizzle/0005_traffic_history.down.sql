DROP TABLE traffic_aggregates;
DROP TABLE traffic_history;
