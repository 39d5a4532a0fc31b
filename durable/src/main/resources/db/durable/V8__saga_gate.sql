-- One row per service that sagas do not call at the moment, because it is away; none while all are called.
CREATE TABLE saga_gate (
  dependency text        PRIMARY KEY,
  -- Which closing it is: whoever was let through under another one has to wait like all others.
  closing    bigint      NOT NULL,
  closed_at  timestamptz NOT NULL,
  -- Probes in a row that failed.
  failures   int         NOT NULL,
  error      text        NOT NULL,
  -- Whether a probe is under way; due_at is when it is given up for lost then.
  probing    boolean     NOT NULL,
  -- How many sagas it let through last, while it opens: twice as many each time. 0 while it is closed.
  opening    int         NOT NULL,
  -- When the next ones are let through: one while it is closed.
  due_at     timestamptz NOT NULL
);

-- Set while a saga waits at a gate. Its due_at is then when it looks for something else to do.
ALTER TABLE saga ADD COLUMN waits_for text;
CREATE INDEX saga_at_gate ON saga (waits_for, due_at) WHERE waits_for IS NOT NULL;
