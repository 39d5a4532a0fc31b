-- Events that committed with their effects and have no position yet. The ordinal keeps the events of one aggregate in
-- order, whose row is locked while one is appended. Between aggregates it means nothing, and no reader ever sees it:
-- ordinals are given before the commit.
CREATE TABLE outbox (
  ordinal           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id          uuid        NOT NULL,
  source            text        NOT NULL,
  type              text        NOT NULL,
  schema_version    int         NOT NULL,
  aggregate_type    text        NOT NULL,
  aggregate_id      text        NOT NULL,
  aggregate_version bigint      NOT NULL CHECK (aggregate_version > 0),
  bucket            int         NOT NULL,
  content_type      text        NOT NULL,
  data_schema       text        NOT NULL,
  payload           bytea       NOT NULL,
  correlation_id    text        NOT NULL,
  causation_id      uuid,
  traceparent       text,
  recorded_at       timestamptz NOT NULL,
  -- Why it gets no position: its version is not the next one of its aggregate.
  held              text,
  UNIQUE (aggregate_type, aggregate_id, aggregate_version)
);

-- Every event that ever was, by the position it was given after its commit.
CREATE TABLE event (
  position          bigint      NOT NULL,
  event_id          uuid        NOT NULL,
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
  PRIMARY KEY (position, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX event_by_aggregate ON event (aggregate_type, aggregate_id, aggregate_version);

-- For a clock that is far off: an event is never refused.
CREATE TABLE event_otherwise PARTITION OF event DEFAULT;

CREATE FUNCTION event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'events stay as they are' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER event_stays BEFORE UPDATE OR DELETE ON event
  FOR EACH STATEMENT EXECUTE FUNCTION event_stays();

-- The partition of this month and of the next two. Attaching one blocks no reader and no writer of the others.
CREATE FUNCTION weft_make_event_partitions() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  month date;
  name  text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('weft_make_event_partitions', 7));
  FOR n IN 0..2 LOOP
    month := date_trunc('month', weft_now() AT TIME ZONE 'UTC') + n * interval '1 month';
    name := 'event_' || to_char(month, 'YYYY_MM');
    IF to_regclass(name) IS NULL THEN
      EXECUTE format('CREATE TABLE %I (LIKE event INCLUDING ALL)', name);
      EXECUTE format('ALTER TABLE event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
        month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00');
    END IF;
  END LOOP;
END $$;
SELECT weft_make_event_partitions();

-- The last position given. Whoever gives positions holds this row until they are committed.
CREATE TABLE event_counter (
  one  boolean PRIMARY KEY DEFAULT true CHECK (one),
  last bigint  NOT NULL
);
INSERT INTO event_counter (last) VALUES (0);

-- The last version of each aggregate that has a position.
CREATE TABLE event_aggregate (
  aggregate_type text   NOT NULL,
  aggregate_id   text   NOT NULL,
  last_version   bigint NOT NULL,
  PRIMARY KEY (aggregate_type, aggregate_id)
);

-- How far each group of readers has come, bucket by bucket, and who reads it at the moment. The generation rises with
-- every new owner: what a former one says no longer counts.
CREATE TABLE event_group_bucket (
  group_name  text        NOT NULL,
  bucket      int         NOT NULL,
  position    bigint      NOT NULL,
  owner       uuid,
  generation  bigint      NOT NULL,
  lease_until timestamptz NOT NULL,
  PRIMARY KEY (group_name, bucket)
);
CREATE TABLE event_group_member (
  group_name  text        NOT NULL,
  member      uuid        NOT NULL,
  lease_until timestamptz NOT NULL,
  PRIMARY KEY (group_name, member)
);

-- Events a consumer has taken in, written in the transaction of their effect.
CREATE TABLE inbox (
  consumer    text        NOT NULL,
  event_id    uuid        NOT NULL,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_by_age ON inbox USING brin (received_at);

-- The last version a consumer has taken in of each aggregate; its row orders those who bring events of it.
CREATE TABLE inbox_aggregate (
  consumer       text   NOT NULL,
  aggregate_type text   NOT NULL,
  aggregate_id   text   NOT NULL,
  last_version   bigint NOT NULL,
  PRIMARY KEY (consumer, aggregate_type, aggregate_id)
);

-- Events a consumer has received and not taken in: to be tried again, out of turn, or dead. due_at is when it is
-- looked at next; null if something else has to happen first.
CREATE TABLE event_parked (
  consumer          text        NOT NULL,
  event_id          uuid        NOT NULL,
  reason            text        NOT NULL CHECK (reason IN ('RETRY', 'BEHIND', 'AHEAD', 'DEAD', 'UNREADABLE')),
  attempts          int         NOT NULL,
  error             text        NOT NULL,
  due_at            timestamptz,
  parked_at         timestamptz NOT NULL,
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
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX event_parked_due ON event_parked (consumer, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX event_parked_by_aggregate ON event_parked (consumer, aggregate_type, aggregate_id, aggregate_version);
