-- What order-svc needs to know of people, as user-svc said it last. Whoever is not here is asked about when an order of
-- theirs is under way.
CREATE TABLE known_user (
  user_id uuid PRIMARY KEY,
  state   text NOT NULL CHECK (state IN ('ACTIVE', 'DISABLED', 'DELETED'))
);

-- Deleted people whose PENDING orders are still to be called off, and the trace in which they were deleted.
CREATE TABLE farewell (
  user_id     uuid PRIMARY KEY REFERENCES known_user,
  traceparent text NOT NULL
);

-- Why a PENDING order was called off; empty when its customer did so.
ALTER TABLE customer_order
  ADD COLUMN cancel_requested_for text CHECK (cancel_requested OR cancel_requested_for IS NULL);
