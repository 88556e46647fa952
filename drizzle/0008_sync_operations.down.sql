DROP TABLE sync_operations;
