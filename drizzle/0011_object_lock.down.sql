ALTER TABLE objects
    DROP COLUMN owner,
    DROP COLUMN grants,
    DROP COLUMN retention,
    DROP COLUMN legal_hold;
