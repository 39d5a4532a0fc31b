/**
 * State that survives: transactions on PostgreSQL, request ids kept with their replies, sagas that
 * go on after a crash, events said and taken in with their effects, and a real PostgreSQL that
 * needs no installation. Knows nothing of gRPC.
 *
 * <p>Open {@link dev.weft.durable.Database} first; {@link dev.weft.durable.SagaRunner} and {@link
 * dev.weft.durable.Outbox} build on it. Time in SQL is {@code weft_now()}: the database's clock,
 * which tests can move.
 */
@NullMarked
package dev.weft.durable;

import org.jspecify.annotations.NullMarked;
