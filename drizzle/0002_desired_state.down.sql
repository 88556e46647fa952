DROP TABLE settings;
DROP TABLE leases;
DROP TABLE reconcile_log;
DROP TABLE events;
DROP TABLE changes;
DROP TABLE resources;
DROP TABLE revisions;
