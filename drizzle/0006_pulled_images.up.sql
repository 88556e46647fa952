-- Images that this installation's pulls have brought to its Engine, by the Engine's id: they alone are ever removed. No backup
-- has them: another Engine's image of the same id is somebody else's.
CREATE TABLE pulled_images (
    id VARCHAR(255) PRIMARY KEY,
    -- Under which it was pulled. An image that has another one as well is not ours alone.
    image_references JSONB NOT NULL,
    pulled_at TIMESTAMPTZ NOT NULL,
    -- Since when no container uses it and no document names it; NULL while one does.
    unused_since TIMESTAMPTZ
);
