-- How many times it was told what became of the saga: at its end, and before when an undoing of it stalled.
ALTER TABLE saga ADD COLUMN event_version bigint NOT NULL DEFAULT 0;
