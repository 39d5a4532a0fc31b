-- People who can log in. A deleted one keeps its id and nothing that tells who it was.
CREATE TABLE account (
  user_id       uuid        PRIMARY KEY,
  -- As it was registered, and in the form in which it is unique.
  email         text,
  email_key     text,
  -- PHC string: algorithm, parameters, salt and hash.
  password_hash text        CHECK (password_hash LIKE '$argon2id$v=19$%'),
  state         text        NOT NULL CHECK (state IN ('ACTIVE', 'DISABLED', 'DELETED')),
  roles         text[]      NOT NULL CHECK (roles <@ ARRAY['CUSTOMER', 'ADMIN']),
  first_name    text        NOT NULL,
  last_name     text        NOT NULL,
  language      text        NOT NULL,
  newsletter    boolean     NOT NULL,
  -- Tokens issued in this second or before are revoked.
  tokens_after  timestamptz NOT NULL DEFAULT 'epoch',
  version       bigint      NOT NULL DEFAULT 1,
  create_time   timestamptz NOT NULL,
  update_time   timestamptz NOT NULL,
  CHECK (CASE WHEN state = 'DELETED'
    THEN email IS NULL AND email_key IS NULL AND password_hash IS NULL
    ELSE email IS NOT NULL AND email_key IS NOT NULL AND password_hash IS NOT NULL END)
);
CREATE UNIQUE INDEX account_email ON account (email_key);
CREATE INDEX account_admins ON account (user_id) WHERE 'ADMIN' = ANY (roles);

-- Logins that can be refreshed: one row each, however often it is. A refresh token has two parts:
-- one stays the same for the whole login and finds this row, the other works once. Both only as hashes.
CREATE TABLE session (
  session_id  uuid        PRIMARY KEY,
  user_id     uuid        NOT NULL REFERENCES account,
  family_hash bytea       NOT NULL UNIQUE CHECK (octet_length(family_hash) = 32),
  token_hash  bytea       NOT NULL CHECK (octet_length(token_hash) = 32),
  create_time timestamptz NOT NULL,
  expire_time timestamptz NOT NULL
);
CREATE INDEX session_of_user ON session (user_id, session_id);
CREATE INDEX session_expired ON session (expire_time);

-- Access tokens that may still live, by their jti: what has to be revoked when their login is.
CREATE TABLE access_token (
  token_id    text        PRIMARY KEY,
  session_id  uuid        NOT NULL REFERENCES session ON DELETE CASCADE,
  expire_time timestamptz NOT NULL
);
CREATE INDEX access_token_of_session ON access_token (session_id);
CREATE INDEX access_token_expired ON access_token (expire_time);

-- Revocations in the order in which they were committed. The single row of revocation_log hands out
-- the numbers; it stays locked until the revocation's transaction ends, so that no number becomes
-- visible after a greater one. log_id tells a log from another one that began anew.
CREATE TABLE revocation_log (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  log_id   uuid    NOT NULL DEFAULT gen_random_uuid(),
  seq      bigint  NOT NULL DEFAULT 0
);
INSERT INTO revocation_log DEFAULT VALUES;
CREATE TABLE revocation (
  seq           bigint      PRIMARY KEY,
  token_id      text,
  subject       uuid,
  issued_before timestamptz,
  expire_time   timestamptz NOT NULL,
  CHECK ((token_id IS NULL) <> (subject IS NULL)),
  CHECK ((subject IS NULL) = (issued_before IS NULL))
);

-- Keys that sign access tokens. The private half is sealed with a key that is not in this database.
CREATE TABLE signing_key (
  kid         text        PRIMARY KEY,
  public_jwk  text        NOT NULL,
  sealed_key  text        NOT NULL,
  sign_from   timestamptz NOT NULL,
  sign_until  timestamptz NOT NULL,
  -- From here on nothing it signed is alive.
  drop_time   timestamptz NOT NULL,
  CHECK (sign_from < sign_until AND sign_until < drop_time)
);

-- Attempts at logging in, by the hash of account or address. One instant is the whole state: the
-- time at which all attempts so far are forgotten (generic cell rate algorithm).
CREATE TABLE throttle (
  key         bytea       PRIMARY KEY,
  forget_time timestamptz NOT NULL
);
CREATE INDEX throttle_forgotten ON throttle (forget_time);
