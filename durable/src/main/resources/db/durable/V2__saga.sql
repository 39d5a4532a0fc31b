-- One row per saga. due_at is when somebody should take it up: the next attempt of one that waits,
-- the end of the lease of one that is being run; null once it has ended.
CREATE TABLE saga (
  saga_id       uuid        PRIMARY KEY,
  definition    text        NOT NULL,
  version       int         NOT NULL,
  subject       text        NOT NULL,
  data          text        NOT NULL,
  state         text        NOT NULL
    CHECK (state IN ('RUNNING', 'COMPENSATING', 'COMPENSATION_STALLED', 'COMPLETED', 'COMPENSATED')),
  step          int         NOT NULL,
  reached       int         NOT NULL,
  failures      int         NOT NULL,
  reason        text        NOT NULL,
  last_error    text        NOT NULL,
  owner         uuid,
  token         bigint      NOT NULL,
  due_at        timestamptz,
  soft_limit_at timestamptz NOT NULL,
  created_at    timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL,
  CHECK ((due_at IS NULL) = (state IN ('COMPLETED', 'COMPENSATED')))
);
CREATE INDEX saga_due ON saga (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX saga_by_subject ON saga (subject);
CREATE INDEX saga_unended_by_state ON saga (state, saga_id) WHERE due_at IS NOT NULL;

-- What stays of a step, once its outcome is definite.
CREATE TABLE saga_step (
  saga_id     uuid        NOT NULL REFERENCES saga,
  position    int         NOT NULL,
  direction   text        NOT NULL CHECK (direction IN ('FORWARD', 'BACKWARD')),
  name        text        NOT NULL,
  state       text        NOT NULL CHECK (state IN ('DONE', 'REFUSED')),
  attempts    int         NOT NULL,
  result      text        NOT NULL,
  last_error  text        NOT NULL,
  recorded_at timestamptz NOT NULL,
  PRIMARY KEY (saga_id, position, direction)
);
