-- What has come back of an order that was called off after it was confirmed, or whose money was given back.
CREATE TABLE order_return (
  order_id   uuid    PRIMARY KEY REFERENCES customer_order,
  money_back boolean NOT NULL,
  goods_back boolean NOT NULL
);
