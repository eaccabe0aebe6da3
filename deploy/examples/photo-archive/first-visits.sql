-- The visits of two days.
INSERT INTO visits VALUES ('2024-06-01', 120), ('2024-06-02', 75);
