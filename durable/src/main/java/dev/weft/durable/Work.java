package dev.weft.durable;

import org.jdbi.v3.core.Handle;

/**
 * What is done with one connection. It may run more than once, because {@link Database} repeats a
 * transaction that lost a deadlock or a serialization conflict: no effects outside the database.
 */
@FunctionalInterface
public interface Work<T> {
  T run(Handle tx);
}
