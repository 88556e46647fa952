DROP TABLE metrics_history;
DROP TABLE scaling_groups;
DROP TABLE load_balancers;
DROP TABLE vpcs;
DROP TABLE objects;
DROP TABLE api_keys;
DROP TABLE instances;
