-- A saga's row is written at each of its steps: with room on its page, the indexes need not follow it.
ALTER TABLE saga SET (fillfactor = 70);
