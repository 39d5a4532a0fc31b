-- What a person types, as a query: words in any order and form, the last one perhaps unfinished,
-- "phrases", or, -not; never an error. `code` is the same text when it may be (the beginning of) an
-- article number, in lower case, and empty otherwise.
CREATE FUNCTION product_query(words text, code text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN right(typed::text, 1) = '''' THEN (typed::text || ':*')::tsquery ELSE typed END
      || CASE WHEN code = '' THEN '' ELSE quote_literal(code) || ':*' END::tsquery
    FROM websearch_to_tsquery('english'::regconfig, words) AS typed
$$;

-- Something the shop sells or sold. A deleted one stays, because orders and movements name it.
CREATE TABLE product (
  product_id  uuid        PRIMARY KEY,
  sku         text        NOT NULL CHECK (sku ~ '^[A-Za-z0-9._-]{1,64}$'),
  title       text        NOT NULL CHECK (title <> ''),
  description text        NOT NULL,
  category    text        NOT NULL,
  price_minor bigint      NOT NULL CHECK (price_minor > 0),
  currency    text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  version     bigint      NOT NULL DEFAULT 1,
  create_time timestamptz NOT NULL,
  update_time timestamptz NOT NULL,
  delete_time timestamptz,
  search      tsvector    NOT NULL GENERATED ALWAYS AS (
    (quote_literal(lower(sku)) || ':1A')::tsvector
    || setweight(to_tsvector('english'::regconfig, title), 'A')
    || setweight(to_tsvector('english'::regconfig, translate(category, '/-', '  ')), 'B')
    || setweight(to_tsvector('english'::regconfig, description), 'D')) STORED
);
CREATE UNIQUE INDEX product_sku ON product (sku) WHERE delete_time IS NULL;
CREATE INDEX product_search ON product USING gin (search) WHERE delete_time IS NULL;
-- With a slash behind it a category is the beginning of itself and of those below it.
CREATE INDEX product_category ON product ((category || '/') text_pattern_ops, product_id) WHERE delete_time IS NULL;

-- How much of a product is there. Apart from the product, because it changes all the time.
CREATE TABLE stock (
  product_id uuid   PRIMARY KEY REFERENCES product,
  received   bigint NOT NULL DEFAULT 0,
  available  bigint NOT NULL DEFAULT 0 CHECK (available >= 0),
  reserved   bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  sold       bigint NOT NULL DEFAULT 0 CHECK (sold >= 0),
  CONSTRAINT nothing_lost CHECK (received = available + reserved + sold)
) WITH (fillfactor = 50);

-- Goods held for an order: one reservation per order, for ever. Whoever changes one locks its row
-- first and then the rows of its products' stock in the order of their ids.
CREATE TABLE reservation (
  order_id             uuid        PRIMARY KEY,
  state                text        NOT NULL CHECK (state IN ('HELD', 'PINNED', 'CONFIRMED', 'RELEASED', 'EXPIRED')),
  expire_time          timestamptz,
  reserve_command      text,
  pin_command          text,
  end_command          text,
  -- Set when the order was refused: it holds nothing and never will.
  short_of_product_id  uuid,
  short_of_available   bigint,
  create_time          timestamptz NOT NULL,
  update_time          timestamptz NOT NULL,
  CONSTRAINT held_until CHECK ((state = 'HELD') = (expire_time IS NOT NULL)),
  CONSTRAINT refused_whole CHECK ((short_of_product_id IS NULL) = (short_of_available IS NULL)),
  CONSTRAINT refused_holds_nothing CHECK (short_of_product_id IS NULL OR state = 'RELEASED')
);
CREATE INDEX reservation_due ON reservation (expire_time) WHERE state = 'HELD';

CREATE TABLE reservation_line (
  order_id   uuid    NOT NULL REFERENCES reservation,
  product_id uuid    NOT NULL REFERENCES product,
  quantity   integer NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (order_id, product_id)
);

-- Every change of stock: append-only.
CREATE TABLE stock_movement (
  movement_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  product_id  uuid        NOT NULL REFERENCES product,
  kind        text        NOT NULL CHECK (kind IN ('RESTOCK', 'RESERVE', 'CONFIRM', 'RELEASE', 'EXPIRE')),
  quantity    bigint      NOT NULL CHECK (quantity > 0),
  order_id    uuid        REFERENCES reservation,
  create_time timestamptz NOT NULL,
  CONSTRAINT for_an_order CHECK ((kind = 'RESTOCK') = (order_id IS NULL))
);
CREATE INDEX stock_movement_of_product ON stock_movement (product_id, movement_id);
-- Once reserved, and once confirmed, released or expired.
CREATE UNIQUE INDEX stock_movement_in ON stock_movement (order_id, product_id) WHERE kind = 'RESERVE';
CREATE UNIQUE INDEX stock_movement_out ON stock_movement (order_id, product_id) WHERE kind IN ('CONFIRM', 'RELEASE', 'EXPIRE');

CREATE FUNCTION stock_movement_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the list of stock movements is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER stock_movement_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stock_movement
  FOR EACH STATEMENT EXECUTE FUNCTION stock_movement_is_append_only();
