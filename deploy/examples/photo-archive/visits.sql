-- How often the archive was visited on a day.
CREATE TABLE IF NOT EXISTS visits (
    day date PRIMARY KEY,
    number bigint NOT NULL
);
