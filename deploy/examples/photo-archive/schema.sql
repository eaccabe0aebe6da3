-- The schema of the photo archive. It may be run again: this is also its migration.
CREATE TABLE IF NOT EXISTS albums (
    id bigserial PRIMARY KEY,
    title text NOT NULL UNIQUE
);

CREATE TABLE IF NOT EXISTS photos (
    id bigserial PRIMARY KEY,
    album_id bigint NOT NULL REFERENCES albums ON DELETE CASCADE,
    file_name text NOT NULL UNIQUE,
    object_key text NOT NULL UNIQUE,
    bytes bigint NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    content_type text NOT NULL,
    taken_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS photos_of_album ON photos (album_id, taken_at);
