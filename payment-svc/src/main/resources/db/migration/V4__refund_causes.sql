-- What led to a refund, and to all of a payment being owed back, beside the trace: the event that is answered, if it is
-- one, and the correlation. A correlation was that of the trace.
ALTER TABLE refund ADD COLUMN correlation_id text NOT NULL DEFAULT '';
ALTER TABLE refund ADD COLUMN causation_id uuid;
UPDATE refund SET correlation_id = CASE WHEN traceparent = '' THEN refund_id::text ELSE split_part(traceparent, '-', 2) END;

ALTER TABLE payment ADD COLUMN owed_correlation_id text NOT NULL DEFAULT '';
ALTER TABLE payment ADD COLUMN owed_causation_id uuid;
ALTER TABLE payment ADD COLUMN owed_traceparent text NOT NULL DEFAULT '';
UPDATE payment SET owed_correlation_id = payment_id::text WHERE owed_back;
