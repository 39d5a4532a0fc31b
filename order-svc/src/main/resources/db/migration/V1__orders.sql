-- What a customer ordered. Its total is the sum of its lines, fixed when it was accepted.
CREATE TABLE customer_order (
  order_id         uuid        PRIMARY KEY,
  user_id          uuid        NOT NULL,
  state            text        NOT NULL CHECK (state IN ('PENDING', 'CONFIRMED', 'CANCELLED', 'REFUNDING', 'REFUNDED')),
  cancel_reason    text,
  -- Read in the transaction that begins the capture: until then the customer can turn the order back.
  cancel_requested boolean     NOT NULL DEFAULT false,
  payment_id       uuid,
  total_minor      bigint      NOT NULL CHECK (total_minor > 0),
  currency         text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  payment_method   text        NOT NULL,
  ship_name        text        NOT NULL,
  ship_line1       text        NOT NULL,
  ship_line2       text        NOT NULL,
  ship_city        text        NOT NULL,
  ship_postal_code text        NOT NULL,
  ship_country     text        NOT NULL,
  version          bigint      NOT NULL DEFAULT 1,
  create_time      timestamptz NOT NULL,
  update_time      timestamptz NOT NULL,
  CONSTRAINT cancelled_with_reason CHECK ((state = 'CANCELLED') = (cancel_reason IS NOT NULL)),
  CONSTRAINT paid_when_confirmed CHECK (state IN ('PENDING', 'CANCELLED') OR payment_id IS NOT NULL)
);
CREATE INDEX customer_order_by_user ON customer_order (user_id, order_id);
CREATE INDEX customer_order_pending_by_user ON customer_order (user_id) WHERE state = 'PENDING';

CREATE TABLE order_line (
  order_id         uuid   NOT NULL REFERENCES customer_order,
  position         int    NOT NULL,
  product_id       uuid   NOT NULL,
  title            text   NOT NULL,
  quantity         int    NOT NULL CHECK (quantity > 0),
  unit_price_minor bigint NOT NULL CHECK (unit_price_minor > 0),
  PRIMARY KEY (order_id, position),
  UNIQUE (order_id, product_id)
);

-- No code can move an order otherwise.
CREATE FUNCTION order_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.state, NEW.state) NOT IN (('PENDING', 'CONFIRMED'), ('PENDING', 'CANCELLED'),
                                    ('CONFIRMED', 'REFUNDING'), ('REFUNDING', 'REFUNDED')) THEN
    RAISE EXCEPTION 'an order cannot go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER order_moves BEFORE UPDATE OF state ON customer_order
  FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION order_moves();

-- What a customer means to buy. The row is there from the first item on, also when the cart is empty again.
CREATE TABLE cart (
  user_id     uuid        PRIMARY KEY,
  version     bigint      NOT NULL,
  update_time timestamptz NOT NULL
);

CREATE TABLE cart_item (
  user_id    uuid   NOT NULL REFERENCES cart,
  product_id uuid   NOT NULL,
  quantity   int    NOT NULL CHECK (quantity > 0),
  position   bigint GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (user_id, product_id)
);
