-- After which nobody cares for an event any more; of requests, whose asker waits no longer.
ALTER TABLE outbox ADD COLUMN expires_at timestamptz;
ALTER TABLE event ADD COLUMN expires_at timestamptz;
ALTER TABLE event_parked ADD COLUMN expires_at timestamptz;

-- What was asked of others by events, by the asker and the key it chose, written with the event that asks.
CREATE TABLE event_question (
  asker        text        NOT NULL,
  key          text        NOT NULL,
  request_id   uuid        NOT NULL UNIQUE,
  request_hash bytea       NOT NULL,
  expires_at   timestamptz NOT NULL,
  PRIMARY KEY (asker, key)
);
CREATE INDEX event_question_by_age ON event_question USING brin (expires_at);

-- The first reply to each, in time or late.
CREATE TABLE event_reply (
  request_id        uuid        PRIMARY KEY REFERENCES event_question (request_id) ON DELETE CASCADE,
  event_id          uuid        NOT NULL,
  position          bigint      NOT NULL,
  source            text        NOT NULL,
  type              text        NOT NULL,
  schema_version    int         NOT NULL,
  aggregate_type    text        NOT NULL,
  aggregate_id      text        NOT NULL,
  aggregate_version bigint      NOT NULL,
  bucket            int         NOT NULL,
  content_type      text        NOT NULL,
  data_schema       text        NOT NULL,
  payload           bytea       NOT NULL,
  correlation_id    text        NOT NULL,
  causation_id      uuid,
  traceparent       text,
  recorded_at       timestamptz NOT NULL,
  expires_at        timestamptz
);
