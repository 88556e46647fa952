-- What is encrypted nothing before could read.
DELETE FROM objects WHERE encryption IS NOT NULL;
ALTER TABLE objects
    DROP COLUMN owner,
    DROP COLUMN grants,
    DROP COLUMN retention,
    DROP COLUMN legal_hold,
    DROP COLUMN encryption;
