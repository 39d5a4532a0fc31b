-- The clock of every timer: the database's, moved in tests by the session setting.
CREATE FUNCTION weft_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT now() + coalesce(nullif(current_setting('weft.clock_offset', true), ''), '0')::interval $$;

-- Requests by the id their callers chose, with the reply; written in the effect's transaction.
CREATE TABLE request_id (
  principal    text        NOT NULL,
  method       text        NOT NULL,
  request_id   text        NOT NULL,
  request_hash bytea       NOT NULL,
  reply        bytea,
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (principal, method, request_id)
);
CREATE INDEX request_id_by_age ON request_id (created_at);
