DROP TABLE audit_events;
DROP FUNCTION refuse_audit_change();
ALTER TABLE changes DROP COLUMN changed_by;
