-- The money of one order. One payment per order, for ever.
CREATE TABLE payment (
  payment_id             uuid        PRIMARY KEY,
  order_id               uuid        NOT NULL UNIQUE,
  user_id                uuid        NOT NULL,
  amount_minor           bigint      NOT NULL CHECK (amount_minor > 0),
  currency               text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  payment_method         text        NOT NULL,
  state                  text        NOT NULL CHECK (state IN ('AUTHORIZING', 'AUTHORIZED', 'CAPTURING',
                                                               'CAPTURED', 'VOIDED', 'DECLINED', 'REFUNDED')),
  captured_minor         bigint      NOT NULL DEFAULT 0,
  -- Refunds that were done, and those together with the ones the card network was or will be asked for.
  refunded_minor         bigint      NOT NULL DEFAULT 0,
  refund_requested_minor bigint      NOT NULL DEFAULT 0,
  charge_id              text,
  decline_reason         text,
  authorize_command      text        NOT NULL,
  capture_command        text,
  -- Set when the authorization is to be given free, before the card network is asked to.
  void_command           text,
  create_time            timestamptz NOT NULL,
  update_time            timestamptz NOT NULL,
  -- Whether the card network is still to be asked for something.
  unresolved             boolean     NOT NULL GENERATED ALWAYS AS (
    state IN ('AUTHORIZING', 'CAPTURING')
    OR state = 'AUTHORIZED' AND void_command IS NOT NULL
    OR refund_requested_minor > refunded_minor) STORED,
  -- Until then somebody is at it, or it is too early to try again.
  lease_until            timestamptz NOT NULL,
  attempts               integer     NOT NULL DEFAULT 0,

  CONSTRAINT captured_in_full CHECK (captured_minor = CASE WHEN state IN ('CAPTURED', 'REFUNDED')
                                                           THEN amount_minor ELSE 0 END),
  CONSTRAINT refunds_within_capture CHECK (0 <= refunded_minor AND refunded_minor <= refund_requested_minor
                                           AND refund_requested_minor <= captured_minor),
  CONSTRAINT refunded_in_full CHECK ((state = 'REFUNDED') = (captured_minor > 0 AND refunded_minor = captured_minor)),
  CONSTRAINT declined_with_reason CHECK ((state = 'DECLINED') = (decline_reason IS NOT NULL))
);
CREATE INDEX payment_by_user ON payment (user_id, payment_id);
CREATE INDEX payment_unresolved ON payment (lease_until) WHERE unresolved;

-- Orders that were voided before they had a payment: a late authorization holds nothing.
CREATE TABLE voided_order (
  order_id    uuid        PRIMARY KEY,
  command_id  text        NOT NULL,
  create_time timestamptz NOT NULL
);

-- Money to be given back; done once the card network did it.
CREATE TABLE refund (
  refund_id            uuid        PRIMARY KEY,
  payment_id           uuid        NOT NULL REFERENCES payment,
  -- Who asked, in words that are the same whenever the same is asked: one refund per cause, for ever.
  cause                text        NOT NULL UNIQUE,
  amount_minor         bigint      NOT NULL CHECK (amount_minor > 0),
  state                text        NOT NULL CHECK (state IN ('REQUESTED', 'DONE', 'REFUSED')),
  -- What the payment's refunds came to with this one.
  refunded_after_minor bigint,
  create_time          timestamptz NOT NULL,
  done_time            timestamptz,
  CONSTRAINT done_whole CHECK ((state = 'DONE') = (refunded_after_minor IS NOT NULL AND done_time IS NOT NULL))
);
CREATE INDEX refund_by_payment ON refund (payment_id);

-- The books: append-only, double entry. Debit positive, credit negative.
CREATE TABLE ledger_entry (
  entry_id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- The payment's id for its capture, the refund's id for a refund: none can be entered twice.
  transaction_id uuid        NOT NULL,
  payment_id     uuid        NOT NULL REFERENCES payment,
  order_id       uuid        NOT NULL,
  account        text        NOT NULL,
  amount_minor   bigint      NOT NULL CHECK (amount_minor <> 0),
  currency       text        NOT NULL,
  create_time    timestamptz NOT NULL,
  UNIQUE (transaction_id, account)
);
CREATE INDEX ledger_entry_by_order ON ledger_entry (order_id, entry_id);

CREATE FUNCTION ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM added GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0) THEN
    RAISE EXCEPTION 'the lines of a ledger transaction must sum to zero' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER ledger_balances AFTER INSERT ON ledger_entry REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_balances();

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
