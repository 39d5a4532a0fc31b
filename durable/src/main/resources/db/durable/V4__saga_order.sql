-- The order in which steps were recorded, whatever the clock did between them.
ALTER TABLE saga_step ADD COLUMN ordinal bigint GENERATED ALWAYS AS IDENTITY;
