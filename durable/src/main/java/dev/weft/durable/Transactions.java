package dev.weft.durable;

/** Where sagas live: each transaction commits as a whole or leaves nothing. */
interface Transactions {
  /** Runs the work in one transaction and commits it; a throw rolls it back and passes through. */
  <T> T inTransaction(Work<T> work);

  /** As {@link #inTransaction}, for work that is a single statement, which may commit by itself. */
  default <T> T inOneStatement(Work<T> work) {
    return inTransaction(work);
  }

  /** Runs something once the transaction of this thread has committed, outside of it. */
  void afterCommit(Runnable then);

  /** Runs something if the transaction of this thread does not commit, or nobody knows. */
  void afterRollback(Runnable then);
}
