-- What the card network told by itself, once per event, with what it moved; for a week.
CREATE TABLE card_event (
  event_id     text        PRIMARY KEY,
  payment_id   uuid        NOT NULL REFERENCES payment,
  receive_time timestamptz NOT NULL
);
CREATE INDEX card_event_by_time ON card_event (receive_time);
