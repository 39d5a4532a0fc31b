-- A step that was given up at the soft limit keeps its attempts and what the last one said.
ALTER TABLE saga_step DROP CONSTRAINT saga_step_state_check;
ALTER TABLE saga_step ADD CONSTRAINT saga_step_state_check CHECK (state IN ('DONE', 'REFUSED', 'UNKNOWN'));
