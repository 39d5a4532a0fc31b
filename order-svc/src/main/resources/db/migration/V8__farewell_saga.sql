-- Orders of deleted people are called off by a saga, which the event of the deletion begins: those that were noted go on so.
INSERT INTO saga (saga_id, definition, version, subject, data, state, step, reached, failures, reason, last_error, owner,
  token, due_at, soft_limit_at, created_at, updated_at)
SELECT gen_random_uuid(), 'farewell', 1, user_id::text,
  coalesce(event_id::text, '') || E'\n' || traceparent || E'\n' || correlation_id, 'RUNNING', 0, 0, 0, '', '', NULL,
  1, weft_now(), weft_now() + interval '5 min', weft_now(), weft_now()
  FROM farewell;
DROP TABLE farewell;
