-- What lists and histories of orders are read from: made from the events of the orders, and from nothing else, but for
-- orders that have said none. Rows of the generation that order_view_state names are read; those of another one are
-- being made anew, or to be deleted.
CREATE TABLE order_view (
  generation    int         NOT NULL,
  order_id      uuid        NOT NULL,
  user_id       uuid        NOT NULL,
  state         text        NOT NULL,
  -- As it is shown: REQUESTED as soon as its customer called a PENDING order off.
  cancel_reason text,
  payment_id    uuid,
  total_minor   bigint      NOT NULL,
  currency      text        NOT NULL,
  version       bigint      NOT NULL,
  event_version bigint      NOT NULL,
  create_time   timestamptz NOT NULL,
  update_time   timestamptz NOT NULL,
  PRIMARY KEY (generation, order_id)
);
CREATE INDEX order_view_by_user ON order_view (generation, user_id, order_id);
CREATE INDEX order_view_by_state ON order_view (generation, state, order_id);

-- What happened to each order.
CREATE TABLE order_view_change (
  generation    int         NOT NULL,
  order_id      uuid        NOT NULL,
  event_version bigint      NOT NULL,
  event_id      uuid        NOT NULL,
  type          text        NOT NULL,
  state         text        NOT NULL,
  cancel_reason text,
  version       bigint      NOT NULL,
  change_time   timestamptz NOT NULL,
  PRIMARY KEY (generation, order_id, event_version)
);

-- How many orders each user has in each state.
CREATE TABLE order_view_count (
  generation int    NOT NULL,
  user_id    uuid   NOT NULL,
  state      text   NOT NULL,
  orders     bigint NOT NULL,
  PRIMARY KEY (generation, user_id, state)
);

-- Which generation is read; and which one is being made, up to which position of the log, and since when.
CREATE TABLE order_view_state (
  one      boolean     PRIMARY KEY DEFAULT true CHECK (one),
  live     int         NOT NULL,
  building int,
  position bigint,
  begun_at timestamptz
);
INSERT INTO order_view_state (live) VALUES (1);

-- The orders there are: some have said nothing yet, and of the others nobody has to wait until their events were read.
INSERT INTO order_view (generation, order_id, user_id, state, cancel_reason, payment_id, total_minor, currency, version,
  event_version, create_time, update_time)
SELECT 1, order_id, user_id, state, CASE WHEN state = 'PENDING' AND cancel_requested THEN 'REQUESTED' ELSE cancel_reason END,
       payment_id, total_minor, currency, version, event_version, create_time, update_time
  FROM customer_order;
INSERT INTO order_view_count (generation, user_id, state, orders)
SELECT generation, user_id, state, count(*) FROM order_view GROUP BY 1, 2, 3;
