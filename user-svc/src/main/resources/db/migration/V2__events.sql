-- How many events an account has said. Of accounts that are older than events, which are those with none, the service says
-- once how they are.
ALTER TABLE account ADD COLUMN event_version bigint NOT NULL DEFAULT 0;
CREATE INDEX account_unsaid ON account (user_id) WHERE event_version = 0;
