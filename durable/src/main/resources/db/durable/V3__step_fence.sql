-- Steps of sagas as their participant knows them, by the id of the command that tries them; written
-- in the transaction of the effect. A row that is cancelled and has no hash is a tombstone: the
-- cancellation came first.
CREATE TABLE step_fence (
  command_id   text        PRIMARY KEY,
  state        text        NOT NULL CHECK (state IN ('TRIED', 'REFUSED', 'CANCELLED')),
  request_hash bytea       NOT NULL,
  reply        bytea       NOT NULL,
  at           timestamptz NOT NULL
);
-- Rows come in the order of time: the sweep finds the old ones, and no insert pays for it.
CREATE INDEX step_fence_by_age ON step_fence USING brin (at);
