-- The deletion that leads to what is called off: its event, and the correlation id that it carries.
ALTER TABLE farewell ADD COLUMN event_id uuid;
ALTER TABLE farewell ADD COLUMN correlation_id text NOT NULL DEFAULT '';
UPDATE farewell SET correlation_id = split_part(traceparent, '-', 2);
