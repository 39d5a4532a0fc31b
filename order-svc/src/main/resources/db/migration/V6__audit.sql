-- How the books of all services stood when they were last held against each other, and when that is to be done again.
CREATE TABLE audit (
  one        boolean     PRIMARY KEY DEFAULT true CHECK (one),
  -- While a process is at it: when another one takes over.
  due_at     timestamptz NOT NULL,
  -- Counts the turns: who comes back from an old one writes nothing.
  turn       bigint      NOT NULL,
  -- When the last check that came to its end began, and what it found (shop.order.v1.CheckInvariantsResponse).
  checked_at timestamptz NOT NULL,
  verdict    bytea
);
INSERT INTO audit (due_at, turn, checked_at) VALUES (now(), 0, now());
