-- Products are searched all the time and changed now and then: the writer sorts its words into the
-- index at once, so that no reader has to go through a list of those that are still to be sorted.
ALTER INDEX product_search SET (fastupdate = off);
