-- Goods that were sold come back when their order is called off: at most once, and that is said.
ALTER TABLE reservation ADD COLUMN event_version bigint NOT NULL DEFAULT 0;
ALTER TABLE reservation DROP CONSTRAINT reservation_state_check;
ALTER TABLE reservation ADD CONSTRAINT reservation_state_check
  CHECK (state IN ('HELD', 'PINNED', 'CONFIRMED', 'RELEASED', 'EXPIRED', 'RETURNED'));

ALTER TABLE stock_movement DROP CONSTRAINT stock_movement_kind_check;
ALTER TABLE stock_movement ADD CONSTRAINT stock_movement_kind_check
  CHECK (kind IN ('RESTOCK', 'RESERVE', 'CONFIRM', 'RELEASE', 'EXPIRE', 'RETURN'));
CREATE UNIQUE INDEX stock_movement_back ON stock_movement (order_id, product_id) WHERE kind = 'RETURN';
