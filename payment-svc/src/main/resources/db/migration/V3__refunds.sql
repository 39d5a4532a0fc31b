-- How many events a payment has said; and whether all of it is owed back, whatever becomes of single refunds.
ALTER TABLE payment ADD COLUMN event_version bigint NOT NULL DEFAULT 0;
ALTER TABLE payment ADD COLUMN owed_back boolean NOT NULL DEFAULT false;

-- STALLED: owed, and refused by the card network, which is asked again all the same.
ALTER TABLE refund DROP CONSTRAINT refund_state_check;
ALTER TABLE refund ADD CONSTRAINT refund_state_check CHECK (state IN ('REQUESTED', 'STALLED', 'DONE', 'REFUSED'));
-- The network's last word when it refuses, and the W3C trace context of whoever wanted the refund.
ALTER TABLE refund ADD COLUMN refusal text;
ALTER TABLE refund ADD COLUMN traceparent text NOT NULL DEFAULT '';
CREATE INDEX refund_stalled ON refund (refund_id) WHERE state = 'STALLED';
