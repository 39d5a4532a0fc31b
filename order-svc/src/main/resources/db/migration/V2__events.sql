-- How many events an order has said: orders from before there were events begin with their next change.
ALTER TABLE customer_order ADD COLUMN event_version bigint NOT NULL DEFAULT 0;
